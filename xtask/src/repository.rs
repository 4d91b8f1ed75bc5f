//! Putting blobs, manifests and indexes into a registry by HTTP.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::Result;

/// `sha256:...` of some bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    named(&Sha256::digest(bytes))
}

/// `sha256:...` of a file.
pub(crate) fn digest_of_file(path: &Path) -> Result<String> {
    let (mut file, mut hash) = (File::open(path)?, Sha256::new());
    let mut piece = vec![0; 1 << 17];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(named(&hash.finalize())),
            count => hash.update(&piece[..count]),
        }
    }
}

fn named(hash: &[u8]) -> String {
    let hex = hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("sha256:{hex}")
}

/// What a manifest or index says about a blob.
pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
}

/// One repository of a registry on loopback.
pub(crate) struct Repository {
    base: String,
    agent: ureq::Agent,
}

impl Repository {
    /// `name` on the registry at `address`.
    pub(crate) fn new(address: &str, name: &str) -> Self {
        Self { base: format!("http://{address}/v2/{name}"), agent: ureq::agent() }
    }

    /// The manifest of a tag or digest.
    pub(crate) fn manifest(&self, reference: &str, media_type: &str) -> Result<Vec<u8>> {
        let url = format!("{}/manifests/{reference}", self.base);
        Ok(self.agent.get(&url).header("Accept", media_type).call()?.body_mut().read_to_vec()?)
    }

    /// Puts a manifest or an index under a tag or its digest.
    pub(crate) fn put_manifest(&self, reference: &str, media_type: &str, manifest: &str) -> Result<()> {
        let url = format!("{}/manifests/{reference}", self.base);
        self.agent.put(&url).header("Content-Type", media_type).send(manifest)?;
        Ok(())
    }

    /// Puts a small blob.
    pub(crate) fn put_blob(&self, blob: &[u8]) -> Result<()> {
        self.agent.put(self.place()?).query("digest", digest(blob)).send(blob)?;
        Ok(())
    }

    /// Puts a file as the blob of this digest.
    pub(crate) fn put_file(&self, path: &Path, digest: &str) -> Result<()> {
        let file = File::open(path)?;
        self.agent.put(self.place()?).query("digest", digest).send(file)?;
        Ok(())
    }

    fn place(&self) -> Result<String> {
        let started = self.agent.post(format!("{}/blobs/uploads/", self.base)).send_empty()?;
        let place = started.headers().get("Location").ok_or("the registry names no place for an upload")?;
        Ok(place.to_str()?.to_owned())
    }
}
