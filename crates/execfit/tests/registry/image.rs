//! Images made in a test.

use super::tar::{Entry, archive, packed};
use execfit_image::digest::Digest;
use flate2::Compression;
use serde_json::{Value, json};

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// An image to be built.
#[derive(Debug, Clone)]
pub struct Image {
    architecture: String,
    layers: Vec<Layer>,
    config: Value,
    stored: bool,
}

#[derive(Debug, Clone)]
struct Layer {
    entries: Vec<Entry>,
    instruction: String,
}

/// A built image: its documents and blobs.
#[derive(Debug, Clone)]
pub struct Built {
    /// The manifest.
    pub manifest: Vec<u8>,
    /// The config.
    pub config: Vec<u8>,
    /// The layers as they are transferred, lowest first.
    pub layers: Vec<Vec<u8>>,
    /// The layers, unpacked.
    pub archives: Vec<Vec<u8>>,
    /// Their entries.
    pub(super) entries: Vec<Vec<Entry>>,
}

impl Image {
    /// An image without files whose label names this architecture (`amd64`, `arm64`).
    pub fn new(architecture: &str) -> Image {
        let config = json!({"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]});
        Image { architecture: architecture.into(), layers: Vec::new(), config, stored: false }
    }

    /// Lays these over what is there.
    #[must_use]
    pub fn layer(mut self, entries: impl IntoIterator<Item = Entry>) -> Image {
        let instruction = format!("COPY layer{} / # buildkit", self.layers.len() + 1);
        self.layers.push(Layer { entries: entries.into_iter().collect(), instruction });
        self
    }

    /// Says which instruction made the last layer.
    #[must_use]
    pub fn history(mut self, instruction: &str) -> Image {
        self.layers.last_mut().expect("a layer").instruction = instruction.into();
        self
    }

    /// `Entrypoint`
    #[must_use]
    pub fn entrypoint<const N: usize>(self, words: [&str; N]) -> Image {
        self.configured("Entrypoint", json!(words.to_vec()))
    }

    /// `Cmd`
    #[must_use]
    pub fn cmd<const N: usize>(self, words: [&str; N]) -> Image {
        self.configured("Cmd", json!(words.to_vec()))
    }

    /// `Env`, one more.
    #[must_use]
    pub fn env(mut self, variable: &str) -> Image {
        self.config["Env"].as_array_mut().expect("a list").push(json!(variable));
        self
    }

    /// `User`
    #[must_use]
    pub fn user(self, user: &str) -> Image {
        self.configured("User", json!(user))
    }

    /// `WorkingDir`
    #[must_use]
    pub fn workdir(self, path: &str) -> Image {
        self.configured("WorkingDir", json!(path))
    }

    /// Another label.
    #[must_use]
    pub fn labelled(self, architecture: &str) -> Image {
        Image { architecture: architecture.into(), ..self }
    }

    /// Does not make the layers any smaller: what is in them stands in their bytes.
    #[must_use]
    pub fn stored(self) -> Image {
        Image { stored: true, ..self }
    }

    fn configured(mut self, member: &str, value: Value) -> Image {
        self.config[member] = value;
        self
    }

    /// Builds it.
    pub fn build(&self) -> Built {
        let level = if self.stored { Compression::none() } else { Compression::default() };
        let archives: Vec<Vec<u8>> = self.layers.iter().map(|layer| archive(&layer.entries)).collect();
        let layers: Vec<Vec<u8>> = archives.iter().map(|archive| packed(archive, level)).collect();
        let diff_ids: Vec<String> = archives.iter().map(|archive| digest(archive)).collect();
        let history: Vec<Value> = self.layers.iter().map(|layer| made_by(&layer.instruction)).collect();
        let config = json!({
            "architecture": self.architecture,
            "os": "linux",
            "created": "2026-01-01T00:00:00Z",
            "config": self.config,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": history,
        });
        let config = config.to_string().into_bytes();
        let descriptors: Vec<Value> = layers.iter().map(|layer| descriptor(LAYER, layer)).collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config),
            "layers": descriptors,
        });
        let entries = self.layers.iter().map(|layer| layer.entries.clone()).collect();
        Built { manifest: manifest.to_string().into_bytes(), config, layers, archives, entries }
    }
}

impl Built {
    /// Digest of the manifest.
    pub fn digest(&self) -> String {
        digest(&self.manifest)
    }

    /// Config and layers.
    pub(super) fn blobs(&self) -> impl Iterator<Item = &Vec<u8>> {
        [&self.config].into_iter().chain(&self.layers)
    }

    /// Its entry in an index.
    pub(super) fn described(&self, platform: &str) -> Value {
        let mut parts = platform.split('/');
        let mut described = descriptor(MANIFEST, &self.manifest);
        described["platform"] = json!({"os": parts.next(), "architecture": parts.next()});
        if let Some(variant) = parts.next() {
            described["platform"]["variant"] = json!(variant);
        }
        described
    }
}

/// An attestation as BuildKit adds it to an index, for this manifest.
pub(super) fn attestation(of: &Built) -> (Built, Value) {
    let mut built = Image::new("unknown").layer([]).build();
    let mut manifest: Value = serde_json::from_slice(&built.manifest).unwrap();
    manifest["layers"][0]["mediaType"] = json!("application/vnd.in-toto+json");
    built.manifest = manifest.to_string().into_bytes();
    let mut described = built.described("unknown/unknown");
    described["annotations"] = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": of.digest(),
    });
    (built, described)
}

fn made_by(instruction: &str) -> Value {
    json!({"created": "2026-01-01T00:00:00Z", "created_by": instruction, "comment": "buildkit.dockerfile.v0"})
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(bytes), "size": bytes.len()})
}

/// `sha256:...`
pub fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}
