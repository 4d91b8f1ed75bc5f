//! OCI image layouts (OCI image-spec image-layout.md): a directory, or a tar file of one.

use super::archive::Tarball;
use super::part::read_part;
use super::{Document, Selector, SourceError, Store, Tally};
use crate::digest::Digest;
use crate::index::{Entry, Index};
use crate::limits::{DOCUMENT_BYTES, Limits};
use crate::manifest::{Descriptor, OCI_INDEX, index_of};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The annotation that holds an image's name (image-spec annotations.md).
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The same in containerd's and Docker's exports.
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// A stream and its length.
pub(super) type Stream = (Box<dyn Read + Send>, u64);

/// Files by their names: a directory's, or an archive's.
pub(super) trait Files: Send {
    /// The file of this relative name from this byte on; `None` where there is none. The length is that of all of it.
    fn open(&self, name: &str, from: u64) -> io::Result<Option<Stream>>;
}

/// A directory.
pub(super) struct Folder(PathBuf);

impl Files for Folder {
    fn open(&self, name: &str, from: u64) -> io::Result<Option<Stream>> {
        match File::open(self.0.join(name)) {
            Ok(mut file) => {
                let metadata = file.metadata()?;
                // A pipe or a device would be waited for.
                if !metadata.is_file() {
                    return Err(io::Error::other("it is no regular file"));
                }
                file.seek(SeekFrom::Start(from))?;
                Ok(Some((Box::new(file), metadata.len())))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// An image layout.
pub struct Layout {
    files: Box<dyn Files>,
    /// How it is called in messages.
    name: String,
    reference: Option<String>,
    limits: Limits,
    requests: u64,
    bytes: Arc<AtomicU64>,
}

/// A stream whose bytes are counted as they are read.
pub(super) struct Counted {
    stream: Box<dyn Read + Send>,
    bytes: Arc<AtomicU64>,
}

impl Counted {
    pub(super) fn new(stream: Box<dyn Read + Send>, bytes: &Arc<AtomicU64>) -> Counted {
        Counted { stream, bytes: Arc::clone(bytes) }
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.stream.read(buffer)?;
        self.bytes.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}

impl Layout {
    /// A layout in a directory, and which of its images is meant.
    pub fn directory(directory: &Path, reference: Option<&str>, limits: &Limits) -> Layout {
        let name = format!("oci:{}", directory.display());
        Layout::of(Box::new(Folder(directory.to_path_buf())), name, reference, limits)
    }

    /// A layout in a tar file, and which of its images is meant.
    ///
    /// # Errors
    /// [`SourceError`] where the file is not there, or no tar file.
    pub fn archive(file: &Path, reference: Option<&str>, limits: &Limits) -> Result<Layout, SourceError> {
        let name = format!("oci-archive:{}", file.display());
        Ok(Layout::of(Box::new(Tarball::open(file, &name, limits)?), name, reference, limits))
    }

    fn of(files: Box<dyn Files>, name: String, reference: Option<&str>, limits: &Limits) -> Layout {
        let (reference, limits) = (reference.map(String::from), limits.clone());
        Layout { files, name, reference, limits, requests: 0, bytes: Arc::default() }
    }

    fn open(&mut self, path: &str, from: u64) -> Result<Stream, SourceError> {
        self.requests += 1;
        let object = || format!("{path} of {}", self.name);
        match self.files.open(path, from) {
            Ok(Some(stream)) => Ok(stream),
            Ok(None) => {
                Err(SourceError::NotFound { object: object(), detail: "there is no such file".into() })
            }
            Err(error) => Err(SourceError::Unreachable { object: object(), detail: error.to_string() }),
        }
    }

    fn read(&mut self, path: &str) -> Result<Vec<u8>, SourceError> {
        let (stream, _) = self.open(path, 0)?;
        let stream = Counted::new(stream, &self.bytes);
        read_document(stream, &format!("{path} of {}", self.name), &self.limits)
    }

    /// The document that is meant: the one entry of `index.json` with that name, or `index.json` itself where its
    /// entries are the platforms of one image (`podman manifest push --all` writes such).
    fn named(&mut self, wanted: Option<&str>) -> Result<Document, SourceError> {
        let bytes = self.read("index.json")?;
        let Index { entries } =
            index_of("", &bytes).map_err(|unfit| unfit.about(&format!("index.json of {}", self.name)))?;
        let has = |entry: &Entry, wanted: &str| {
            let names = [REF_NAME, CONTAINERD_NAME].map(|key| entry.annotations.get(key));
            names.into_iter().flatten().any(|name| name == wanted)
        };
        let found: Vec<&Entry> =
            entries.iter().filter(|entry| wanted.is_none_or(|wanted| has(entry, wanted))).collect();
        let first_name = entries.first().and_then(|entry| entry.annotations.get(REF_NAME));
        let one_image = found.len() == entries.len()
            && entries
                .iter()
                .all(|entry| entry.platform.is_some() && entry.annotations.get(REF_NAME) == first_name);
        match (&found[..], wanted) {
            ([one], _) => {
                let (media_type, digest) = (one.media_type.clone(), one.digest.clone());
                self.verified(media_type, digest)
            }
            ([], Some(wanted)) => Err(SourceError::NotFound {
                object: format!("{}:{wanted}", self.name),
                detail: format!("the layout has {}", names(&entries)),
            }),
            ([], None) => {
                Err(SourceError::NotFound { object: self.name.clone(), detail: "it has no images".into() })
            }
            _ if one_image => {
                Ok(Document { media_type: OCI_INDEX.into(), digest: Digest::of(&bytes), bytes })
            }
            (several, _) => Err(SourceError::Unsupported {
                object: self.name.clone(),
                detail: format!("it has {} images, name one: {}", several.len(), names(&entries)),
            }),
        }
    }

    fn verified(&mut self, media_type: String, digest: Digest) -> Result<Document, SourceError> {
        let bytes = self.read(&path(&digest))?;
        let mut hasher = digest.hasher();
        hasher.update(&bytes);
        let real = hasher.finish();
        if real == digest {
            return Ok(Document { media_type, digest, bytes });
        }
        let object = format!("{} of {}", digest.short(), self.name);
        Err(SourceError::Broken { object, detail: format!("its content has the digest {real}") })
    }
}

fn names(entries: &[Entry]) -> String {
    let names: Vec<&str> = entries
        .iter()
        .filter_map(|entry| entry.annotations.get(REF_NAME))
        .map(String::as_str)
        .take(20)
        .collect();
    if names.is_empty() { "no named images".into() } else { names.join(", ") }
}

/// Reads a document within the limit for documents.
pub(super) fn read_document(
    stream: impl Read,
    object: &str,
    limits: &Limits,
) -> Result<Vec<u8>, SourceError> {
    let most = limits.document_bytes;
    let mut bytes = Vec::new();
    let broken = |detail: String| SourceError::Broken { object: object.into(), detail };
    stream.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| broken(error.to_string()))?;
    if bytes.len() as u64 > most {
        return Err(broken(format!("it is longer than {most} bytes: {}", DOCUMENT_BYTES.hint())));
    }
    Ok(bytes)
}

fn path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

impl Store for Layout {
    fn document(&mut self, selector: &Selector) -> Result<Document, SourceError> {
        match selector {
            Selector::Digest(digest) => self.verified(String::new(), digest.clone()),
            Selector::Tag(tag) => self.named(Some(tag)),
            Selector::Only => self.named(self.reference.clone().as_deref()),
        }
    }

    fn blob(&mut self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        let (stream, _) = self.open(&path(&descriptor.digest), 0)?;
        Ok(Box::new(Counted::new(stream, &self.bytes)))
    }

    fn range(&mut self, descriptor: &Descriptor, offset: u64, length: u64) -> Result<Vec<u8>, SourceError> {
        let path = path(&descriptor.digest);
        let (stream, _) = self.open(&path, offset)?;
        let object = format!("{path} of {}", self.name);
        read_part(&mut Counted::new(stream, &self.bytes), &(offset..offset.saturating_add(length)), &object)
    }

    fn tally(&self) -> Tally {
        Tally { requests: self.requests, bytes: self.bytes.load(Ordering::Relaxed) }
    }
}

#[cfg(test)]
mod tests;
