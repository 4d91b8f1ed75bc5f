//! OCI image layouts (OCI image-spec image-layout.md): a directory, or a tar file of one.

use super::archive::Tarball;
use super::{Document, Selector, SourceError, Store, Tally};
use crate::digest::Digest;
use crate::index::{Entry, Index};
use crate::manifest::{Descriptor, LONGEST_DOCUMENT, Unfit, index_of};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The annotation that holds an image's name (image-spec annotations.md).
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The same in containerd's and Docker's exports.
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// A stream and its length.
pub(super) type Stream = (Box<dyn Read + Send>, u64);

/// Files by their names: a directory's, or an archive's.
pub(super) trait Files: Send {
    /// The file of this relative name; `None` where there is none.
    fn open(&self, name: &str) -> io::Result<Option<Stream>>;
}

/// A directory.
pub(super) struct Folder(PathBuf);

impl Files for Folder {
    fn open(&self, name: &str) -> io::Result<Option<Stream>> {
        match File::open(self.0.join(name)) {
            Ok(file) => {
                let metadata = file.metadata()?;
                // A pipe or a device would be waited for.
                if !metadata.is_file() {
                    return Err(io::Error::other("it is no regular file"));
                }
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
    tally: Tally,
}

impl Layout {
    /// A layout in a directory, and which of its images is meant.
    pub fn directory(directory: &Path, reference: Option<&str>) -> Layout {
        let name = format!("oci:{}", directory.display());
        Layout::of(Box::new(Folder(directory.to_path_buf())), name, reference)
    }

    /// A layout in a tar file, and which of its images is meant.
    ///
    /// # Errors
    /// [`SourceError`] where the file is not there, or no tar file.
    pub fn archive(file: &Path, reference: Option<&str>) -> Result<Layout, SourceError> {
        let name = format!("oci-archive:{}", file.display());
        Ok(Layout::of(Box::new(Tarball::open(file, &name)?), name, reference))
    }

    fn of(files: Box<dyn Files>, name: String, reference: Option<&str>) -> Layout {
        Layout { files, name, reference: reference.map(String::from), tally: Tally::default() }
    }

    fn open(&mut self, path: &str) -> Result<Stream, SourceError> {
        self.tally.requests += 1;
        let object = || format!("{path} of {}", self.name);
        match self.files.open(path) {
            Ok(Some(stream)) => Ok(stream),
            Ok(None) => {
                Err(SourceError::NotFound { object: object(), detail: "there is no such file".into() })
            }
            Err(error) => Err(SourceError::Unreachable { object: object(), detail: error.to_string() }),
        }
    }

    fn read(&mut self, path: &str) -> Result<Vec<u8>, SourceError> {
        let (stream, _) = self.open(path)?;
        let bytes = read_document(stream, &format!("{path} of {}", self.name))?;
        self.tally.bytes += bytes.len() as u64;
        Ok(bytes)
    }

    /// The one entry of `index.json` that is meant.
    fn entry(&mut self, wanted: Option<&str>) -> Result<Entry, SourceError> {
        let bytes = self.read("index.json")?;
        let index = index_of("", &bytes).map_err(|unfit| {
            let object = format!("index.json of {}", self.name);
            match unfit {
                Unfit::Broken(detail) => SourceError::Broken { object, detail },
                Unfit::Unsupported(detail) => SourceError::Unsupported { object, detail },
            }
        })?;
        let Index { entries, .. } = index;
        let named = |entry: &&Entry| {
            let name = |key| entry.annotations.get(key).map(String::as_str);
            let full = name(CONTAINERD_NAME);
            wanted.is_none_or(|wanted| name(REF_NAME) == Some(wanted) || full == Some(wanted))
        };
        let found: Vec<&Entry> = entries.iter().filter(named).collect();
        match (&found[..], wanted) {
            ([one], _) => Ok((*one).clone()),
            ([], Some(wanted)) => Err(SourceError::NotFound {
                object: format!("{}:{wanted}", self.name),
                detail: format!("the layout has {}", names(&entries)),
            }),
            ([], None) => {
                Err(SourceError::NotFound { object: self.name.clone(), detail: "it has no images".into() })
            }
            (several, _) => Err(SourceError::Unsupported {
                object: self.name.clone(),
                detail: format!("it has {} images, name one: {}", several.len(), names(&entries)),
            }),
        }
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
pub(super) fn read_document(stream: impl Read, object: &str) -> Result<Vec<u8>, SourceError> {
    let mut bytes = Vec::new();
    let broken = |detail: String| SourceError::Broken { object: object.into(), detail };
    stream.take(LONGEST_DOCUMENT + 1).read_to_end(&mut bytes).map_err(|error| broken(error.to_string()))?;
    if bytes.len() as u64 > LONGEST_DOCUMENT {
        return Err(broken(format!(
            "it is longer than {LONGEST_DOCUMENT} bytes, the most that a document may have"
        )));
    }
    Ok(bytes)
}

fn path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

impl Store for Layout {
    fn document(&mut self, selector: &Selector) -> Result<Document, SourceError> {
        let (media_type, digest) = match selector {
            Selector::Digest(digest) => (String::new(), digest.clone()),
            Selector::Tag(tag) => {
                self.entry(Some(tag)).map(|entry| (entry.media_type.clone(), entry.digest.clone()))?
            }
            Selector::Only => {
                let wanted = self.reference.clone();
                self.entry(wanted.as_deref()).map(|entry| (entry.media_type.clone(), entry.digest.clone()))?
            }
        };
        let bytes = self.read(&path(&digest))?;
        let mut hasher = digest.hasher();
        hasher.update(&bytes);
        let real = hasher.finish();
        if real != digest {
            let object = format!("{} of {}", digest.short(), self.name);
            return Err(SourceError::Broken { object, detail: format!("its content has the digest {real}") });
        }
        Ok(Document { media_type, digest, bytes })
    }

    fn blob(&mut self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        let (stream, size) = self.open(&path(&descriptor.digest))?;
        self.tally.bytes += size;
        Ok(stream)
    }

    fn tally(&self) -> Tally {
        self.tally
    }
}
