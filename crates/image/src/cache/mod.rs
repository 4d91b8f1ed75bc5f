//! What was read once is not read again: the tables of layers, by the digests of their blobs, and documents.
//!
//! A layer's table is kept only after its whole blob was read and its size, digest and diff id were right; a document
//! only under its own digest. What a reference names is never kept: it is always asked for, as a pull would.
//!
//! A cache belongs to one user, and nobody else may read it: what is kept of files' contents may be private. It is shared
//! by processes without locks, bounded, and what was not used for the longest time goes first. A file of it that is torn,
//! altered, or of another version counts as not there. (Whoever can write to the user's files can of course also write
//! tables with right checksums.) Nothing depends on it: whatever fails, the image itself is read.

mod document;
mod folder;
mod place;
mod table;

pub use place::{DEFAULT_SIZE, DIRECTORY, SIZE};
pub(crate) use table::Facts;

use crate::digest::Digest;
use crate::layer::{Sealed, Written};
use folder::Folder;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// The most bytes of a document's file besides the document.
const AROUND: u64 = 4096;

/// A cache on the disk. Clones are the same one.
#[derive(Clone)]
pub struct Cache(Arc<Inner>);

struct Inner {
    folder: Folder,
    path: PathBuf,
    bound: u64,
    /// Bytes that may still be written before all files are counted anew.
    allowance: AtomicU64,
    trouble: Mutex<Option<String>>,
}

/// What a file of the cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shelf {
    Layer,
    Manifest,
    Config,
}

impl Shelf {
    const ALL: [Shelf; 3] = [Shelf::Layer, Shelf::Manifest, Shelf::Config];

    fn extension(self) -> &'static str {
        match self {
            Shelf::Layer => ".layer",
            Shelf::Manifest => ".manifest",
            Shelf::Config => ".config",
        }
    }

    fn name(self, digest: &Digest) -> String {
        format!("{}-{}{}", digest.algorithm(), digest.hex(), self.extension())
    }

    /// The shelf of a file of this name, if it is one of ours.
    fn of(name: &str) -> Option<Shelf> {
        Shelf::ALL.into_iter().find(|shelf| {
            let digest = name.strip_suffix(shelf.extension()).map(|stem| stem.replacen('-', ":", 1));
            digest.is_some_and(|digest| digest.parse::<Digest>().is_ok())
        })
    }
}

/// What lies in a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Its directory.
    pub directory: PathBuf,
    /// Tables of layers.
    pub layers: u64,
    /// Manifests, indexes and configs.
    pub documents: u64,
    /// Bytes on the disk, with files that are being written.
    pub bytes: u64,
    /// Bytes that it may have.
    pub bound: u64,
    /// When the file was used that was not used for the longest time.
    pub oldest_use: Option<SystemTime>,
    /// When any file was used last.
    pub newest_use: Option<SystemTime>,
}

impl Cache {
    /// The user's own cache: `execfit` in `$XDG_CACHE_HOME`, else in `~/.cache`; the environment variables [`DIRECTORY`]
    /// and [`SIZE`] say otherwise. `None` where its size is to be 0.
    ///
    /// # Errors
    /// Why there is none.
    pub fn of_user() -> Result<Option<Cache>, String> {
        match place::bound()? {
            0 => Ok(None),
            bound => Cache::open(&place::directory()?, bound).map(Some),
        }
    }

    /// The same, also where its size is to be 0: to look what is in it, and to clear it.
    ///
    /// # Errors
    /// Why there is none.
    pub fn to_manage() -> Result<Cache, String> {
        Cache::open(&place::directory()?, place::bound()?)
    }

    /// The cache in a directory, which is made where it is not there, with the bytes that it may have, about.
    ///
    /// # Errors
    /// Where the directory cannot be made or read, belongs to somebody else, or others may write to it.
    pub fn open(directory: &Path, bound: u64) -> Result<Cache, String> {
        let folder = Folder::open(directory)?;
        let inner = Inner {
            folder,
            path: directory.into(),
            bound,
            allowance: AtomicU64::new(0),
            trouble: Mutex::default(),
        };
        Ok(Cache(Arc::new(inner)))
    }

    /// What first kept something from being written, if anything did.
    pub fn trouble(&self) -> Option<String> {
        self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts what is there.
    ///
    /// # Errors
    /// Where the directory cannot be read.
    pub fn usage(&self) -> io::Result<Usage> {
        let files = self.0.folder.list(|name| Shelf::of(name).is_some())?;
        let of =
            |shelf: Shelf| files.iter().filter(|file| Shelf::of(&file.name) == Some(shelf)).count() as u64;
        let uses = || files.iter().filter(|file| !file.is_new()).map(|file| file.used);
        Ok(Usage {
            directory: self.0.path.clone(),
            layers: of(Shelf::Layer),
            documents: of(Shelf::Manifest) + of(Shelf::Config),
            bytes: files.iter().map(|file| file.bytes).sum(),
            bound: self.0.bound,
            oldest_use: uses().min(),
            newest_use: uses().max(),
        })
    }

    /// Removes every file of the cache, and nothing else that may lie there. How many, and their bytes.
    ///
    /// # Errors
    /// Where the directory cannot be read, or a file of it cannot be removed.
    pub fn clear(&self) -> io::Result<(u64, u64)> {
        let (mut count, mut bytes) = (0, 0);
        for file in self.0.folder.list(|name| Shelf::of(name).is_some())? {
            if self.0.folder.remove(&file.name) {
                (count, bytes) = (count + 1, bytes + file.bytes);
            } else if self.0.folder.file(&file.name).is_some() {
                return Err(io::Error::other(format!("{} cannot be removed", file.name)));
            }
        }
        Ok((count, bytes))
    }

    /// What is known of a layer.
    pub(crate) fn layer(&self, digest: &Digest) -> Option<(Facts, Sealed)> {
        let (file, length) = self.0.folder.file(&Shelf::Layer.name(digest))?;
        if length > self.0.bound {
            return None;
        }
        self.0.folder.touch(&file);
        table::decode(file, length).filter(|(facts, _)| facts.digest == *digest)
    }

    /// Keeps a layer that was read and verified; answers with its table, whose contents lie in the file from now on, or
    /// in memory where it could not be written.
    pub(crate) fn keep_layer(&self, facts: &Facts, written: Written) -> Sealed {
        let name = Shelf::Layer.name(&facts.digest);
        let file = table::encode(facts, &written).and_then(|head| {
            let file = self.write(&name, &[&head, &written.body])?;
            let length = (head.len() + written.body.len()) as u64;
            Ok(file.map(|file| (file, length)))
        });
        // A file that was not written, as one that was written and cannot be read: the table is at hand.
        let kept = self.note(file).flatten().and_then(|(file, length)| table::decode(file, length));
        kept.map_or_else(|| Sealed::from(written), |(_, table)| table)
    }

    /// Removes a layer whose file is damaged.
    pub(crate) fn forget_layer(&self, digest: &Digest) {
        self.0.folder.remove(&Shelf::Layer.name(digest));
    }

    /// A manifest or an index with its media type, if it is not longer than `most`.
    pub(crate) fn manifest(&self, digest: &Digest, most: u64) -> Option<(String, Vec<u8>)> {
        self.document(Shelf::Manifest, digest, most)
    }

    /// Keeps a manifest or an index of this digest.
    pub(crate) fn keep_manifest(&self, digest: &Digest, media_type: &str, bytes: &[u8]) {
        self.keep_document(Shelf::Manifest, digest, media_type, bytes);
    }

    /// A config, if it is not longer than `most`.
    pub(crate) fn config(&self, digest: &Digest, most: u64) -> Option<Vec<u8>> {
        self.document(Shelf::Config, digest, most).map(|(_, bytes)| bytes)
    }

    /// Keeps a config of this digest.
    pub(crate) fn keep_config(&self, digest: &Digest, bytes: &[u8]) {
        self.keep_document(Shelf::Config, digest, "", bytes);
    }

    fn document(&self, shelf: Shelf, digest: &Digest, most: u64) -> Option<(String, Vec<u8>)> {
        let (file, length) = self.0.folder.file(&shelf.name(digest))?;
        if length > most.saturating_add(AROUND) {
            return None;
        }
        self.0.folder.touch(&file);
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes).ok()?;
        document::decode(&bytes, digest).filter(|(_, bytes)| bytes.len() as u64 <= most)
    }

    fn keep_document(&self, shelf: Shelf, digest: &Digest, media_type: &str, bytes: &[u8]) {
        if let Some(file) = document::encode(media_type, bytes) {
            self.note(self.write(&shelf.name(digest), &[&file]));
        }
    }

    /// Writes a file, if it is not too large for the cache, and makes room for it.
    fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<Option<std::fs::File>> {
        let length: u64 = parts.iter().map(|part| part.len() as u64).sum();
        if length > self.0.bound / 4 {
            return Ok(None);
        }
        let file = self.0.folder.write(name, parts)?;
        // Other processes write, too: all is counted anew long before the bound is written once over.
        let takes = |left: u64| left.checked_sub(length);
        if self.0.allowance.fetch_update(Ordering::Relaxed, Ordering::Relaxed, takes).is_err() {
            let files = self.0.folder.list(|name| Shelf::of(name).is_some())?;
            let bytes = self.0.folder.shrink(files, self.0.bound);
            let left = self.0.bound.saturating_sub(bytes);
            self.0.allowance.store(left.min(self.0.bound / 64), Ordering::Relaxed);
        }
        Ok(Some(file))
    }

    /// Notes why something was not written.
    fn note<T>(&self, result: io::Result<T>) -> Option<T> {
        result
            .map_err(|error| {
                let mut trouble = self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner);
                trouble.get_or_insert_with(|| format!("{}: {error}", self.0.path.display()));
            })
            .ok()
    }
}

#[cfg(test)]
mod tests;
