//! A layer: a paused stream and what was seen of it so far (OCI image-spec layer.md).
//!
//! Nothing is unpacked to disk and nothing is read twice: the stream stands still right behind the head of the file
//! that was asked for, and the next question reads on from there.

mod ahead;
mod capture;
mod decode;
mod index;
mod recall;
mod spent;
pub(crate) mod toc;

pub(crate) use capture::{Body, capture};
pub use decode::Compression;
pub(crate) use decode::broke_off;
pub(crate) use index::sealed::{Block, ReadAt, Sealed, Written};
pub use index::{Bearing, Effect, LayerIndex, Node, Note, Standing};
pub(crate) use spent::Spent;

use crate::cache::Cache;
use crate::digest::Digest;
use crate::limits::Limits;
use crate::manifest::{Descriptor, LayerKind};
use crate::source::SourceError;
use crate::tar::{Archive, Entry, TarError, Type};
use decode::{Stored, Unpacked, source_error};
use index::Refusal;
use std::collections::BTreeSet;
use std::io::Read;

/// Bodies are passed over in steps of this many bytes, so that progress shows.
const STRIDE: u64 = 8 * 1024 * 1024;
/// Blobs that hold an empty archive, 1,024 zeros, as Docker's builders wrote them by the million.
const EMPTY: [&str; 2] = [
    "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4",
    "sha256:4f4fb700ef54461cfa02571ae0db9a0dc1e0cdb5577484a6d75e68dc38e8acc1",
];

enum State {
    Unopened,
    Reading(Box<Archive<Unpacked>>),
    Complete,
    Failed(SourceError),
}

/// One layer of an image.
pub struct Layer {
    name: String,
    descriptor: Descriptor,
    diff_id: Option<Digest>,
    limits: Limits,
    index: LayerIndex,
    /// The file whose body stands before the reader.
    current: Vec<u8>,
    state: State,
    cache: Option<Cache>,
}

/// How far a layer is read.
#[derive(Debug, Clone, Copy)]
pub enum Until<'a> {
    /// To the entry of this path.
    Entry(&'a [u8]),
    /// Until something stands at one of these paths, be it only as the parent of something else.
    Any(&'a BTreeSet<Vec<u8>>),
    /// To the verified end.
    End,
}

/// How far the reading of one layer has come.
pub type Pulse<'a> = &'a mut dyn FnMut(u64);

impl Layer {
    /// A layer that was not read yet. `diff_id` is the digest that its archive must have, where the config tells;
    /// `image` names the image in messages.
    pub fn new(descriptor: Descriptor, diff_id: Option<Digest>, image: &str, limits: Limits) -> Layer {
        let name = format!("layer {} of {image}", descriptor.digest.short());
        let empty = EMPTY.contains(&descriptor.digest.as_str());
        let state = if empty { State::Complete } else { State::Unopened };
        let (index, current) = (LayerIndex::default(), Vec::new());
        Layer { name, descriptor, diff_id, limits, index, current, state, cache: None }
    }

    /// Its descriptor.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// What was seen of it so far.
    pub fn index(&self) -> &LayerIndex {
        &self.index
    }

    /// Whether it was read to its end, and size, digest and diff id were right.
    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }

    /// Whether it was opened, and not read to its end yet.
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Reading(_))
    }

    /// Stored bytes that were read of it.
    pub fn bytes_read(&self) -> u64 {
        match &self.state {
            State::Reading(archive) => archive.get_ref().taken(),
            _ => 0,
        }
    }

    /// Reads on until the entry at `path` was seen, or to the end: [`Layer::read`].
    ///
    /// # Errors
    /// A [`SourceError`], and the same one ever after.
    pub fn read_until(
        &mut self,
        path: &[u8],
        open: impl FnOnce(&Descriptor) -> Result<Box<dyn Read + Send>, SourceError>,
        pulse: Pulse<'_>,
    ) -> Result<(), SourceError> {
        self.read(Until::Entry(path), open, pulse)
    }

    /// Reads to the end: [`Layer::read`].
    ///
    /// # Errors
    /// A [`SourceError`], and the same one ever after.
    pub fn read_whole(
        &mut self,
        open: impl FnOnce(&Descriptor) -> Result<Box<dyn Read + Send>, SourceError>,
        pulse: Pulse<'_>,
    ) -> Result<(), SourceError> {
        self.read(Until::End, open, pulse)
    }

    /// Reads on until what is looked for was seen, or to the end. `open` is called at most once in the layer's life.
    ///
    /// # Errors
    /// A [`SourceError`], and the same one ever after.
    pub fn read(
        &mut self,
        until: Until<'_>,
        open: impl FnOnce(&Descriptor) -> Result<Box<dyn Read + Send>, SourceError>,
        pulse: Pulse<'_>,
    ) -> Result<(), SourceError> {
        if let State::Failed(error) = &self.state {
            return Err(error.clone());
        }
        let whole = matches!(until, Until::End);
        if whole {
            self.index.check_contents();
        }
        self.forget_damage();
        let seen = matches!(until, Until::Entry(path) if self.has(path));
        if self.is_complete() || seen {
            return Ok(());
        }
        let result = self.recall(whole).and_then(|known| {
            if known {
                return Ok(());
            }
            let mut archive = self.open(open)?;
            let ended = self.read_entries(&mut archive, until, pulse)?;
            self.state = if ended { State::Complete } else { State::Reading(archive) };
            Ok(())
        });
        if let Err(error) = &result {
            self.state = State::Failed(error.clone());
        }
        result
    }

    /// Whether the path has an entry of its own; that of an implicit directory may still come.
    fn has(&self, path: &[u8]) -> bool {
        self.index.get(path).is_some_and(|node| !node.implicit)
    }

    /// Whether what is looked for was seen, now that the current entry was applied.
    fn is_reached(&self, until: Until<'_>) -> bool {
        let place = self.current.as_slice();
        let stands = |path: &[u8]| self.index.get(path).is_some_and(|node| node.kind.is_some());
        match until {
            Until::End => false,
            Until::Entry(path) => self.has(path),
            Until::Any(paths) => {
                let ends = place.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/');
                let mut ends = ends.map(|(end, _)| end).chain([place.len()]);
                ends.any(|end| paths.contains(&place[..end]) && stands(&place[..end]))
            }
        }
    }

    /// The paused stream, or a new one.
    fn open(
        &mut self,
        open: impl FnOnce(&Descriptor) -> Result<Box<dyn Read + Send>, SourceError>,
    ) -> Result<Box<Archive<Unpacked>>, SourceError> {
        // Where the reading ends in a panic, it stays failed.
        let broken = State::Failed(broke_off(&self.name));
        if let State::Reading(archive) = std::mem::replace(&mut self.state, broken) {
            return Ok(archive);
        }
        let unsupported =
            |what: &str| SourceError::Unsupported { object: self.name.clone(), detail: what.into() };
        match self.descriptor.layer_kind() {
            LayerKind::Tar => {}
            LayerKind::Foreign => {
                return Err(unsupported("it is a foreign layer, as images of Windows have them"));
            }
            LayerKind::Nydus => {
                return Err(unsupported("it is a nydus layer, which dockerd and containerd do not unpack"));
            }
            LayerKind::Encrypted => return Err(unsupported("it is encrypted")),
            LayerKind::Unknown => {
                let kind: String =
                    self.descriptor.media_type.chars().take(100).flat_map(char::escape_debug).collect();
                return Err(unsupported(&format!("its media type {kind} is none of a layer")));
            }
        }
        let stored = Stored::new(open(&self.descriptor)?, &self.descriptor, &self.name);
        let unpacked = Unpacked::new(stored, self.diff_id.as_ref(), &self.limits)?;
        Ok(Box::new(Archive::new(unpacked)))
    }

    /// Reads entries; true at the verified end.
    fn read_entries(
        &mut self,
        archive: &mut Archive<Unpacked>,
        until: Until<'_>,
        pulse: Pulse<'_>,
    ) -> Result<bool, SourceError> {
        loop {
            self.finish_body(archive, pulse)?;
            let entry = match archive.next_entry() {
                Ok(Some(entry)) => entry,
                Ok(None) => break,
                Err(error) => return Err(self.failure(archive, error)),
            };
            let taken = self.take(archive, &entry);
            pulse(archive.get_ref().taken());
            if let Err(error) = taken {
                return Err(self.blame(archive, &entry, error));
            }
            if self.is_reached(until) {
                return Ok(false);
            }
        }
        self.finish(archive)?;
        pulse(self.descriptor.size);
        Ok(true)
    }

    /// Applies one entry.
    fn take(&mut self, archive: &mut Archive<Unpacked>, entry: &Entry) -> Result<(), Trouble> {
        self.current.clear();
        let Some(path) = self.index.place(&entry.name, &self.limits)? else { return Ok(()) };
        if self.index.apply_whiteout(&path, &self.limits)? {
            self.current = path;
            return Ok(());
        }
        let regular = matches!(entry.kind, Type::Regular | Type::RegularOld);
        let thrifty = self.index.is_thrifty(&self.limits);
        let pieces = if regular { capture::of_entry(archive, &path, entry, thrifty)? } else { Vec::new() };
        self.index.insert(&path, entry, pieces, &self.limits)?;
        self.current = path;
        Ok(())
    }

    /// Passes over the rest of a body; of an ELF file its fingerprint is kept.
    fn finish_body(&mut self, archive: &mut Archive<Unpacked>, pulse: Pulse<'_>) -> Result<(), SourceError> {
        while archive.body_left() > STRIDE {
            archive.skip_body(STRIDE).map_err(|error| self.failure(archive, error))?;
            pulse(archive.get_ref().taken());
        }
        if let Some(fingerprint) =
            archive.finish_fingerprint().map_err(|error| self.failure(archive, error))?
        {
            self.index.set_fingerprint(&self.current, fingerprint);
        }
        Ok(())
    }

    /// Reads what follows the archive, and compares all digests.
    fn finish(&mut self, archive: &mut Archive<Unpacked>) -> Result<(), SourceError> {
        let unpacked = archive.input();
        if let Err(error) = crate::tar::Input::skip(unpacked, u64::MAX) {
            return Err(self.failure(archive, error.into()));
        }
        unpacked.verify(&self.descriptor.digest)?;
        self.compare(&unpacked.digest())?;
        self.seal(unpacked)
    }

    /// What a broken archive comes from: the medium, a blob that is not what its digest says, or its maker.
    fn failure(&self, archive: &mut Archive<Unpacked>, error: TarError) -> SourceError {
        let error = match error {
            TarError::Io(error) => match source_error(error) {
                Ok(error) => return error,
                Err(error) => TarError::Io(error),
            },
            other => other,
        };
        let unpacked = archive.input();
        if let Err(error) = unpacked.verify(&self.descriptor.digest) {
            return error;
        }
        let format = match unpacked.compression() {
            Compression::Gzip => "gzip: ",
            Compression::Zstd => "zstd: ",
            Compression::None => "",
        };
        let detail =
            if let TarError::Io(error) = &error { format!("{format}{error}") } else { error.to_string() };
        SourceError::CannotUnpack { object: self.name.clone(), detail }
    }

    /// Why an entry was not taken.
    fn blame(&self, archive: &mut Archive<Unpacked>, entry: &Entry, trouble: Trouble) -> SourceError {
        let name: String =
            entry.name.iter().take(300).flat_map(|byte| byte.escape_ascii()).map(char::from).collect();
        let object = format!("entry {name} in {}", self.name);
        match trouble {
            Trouble::Tar(error) => self.failure(archive, error),
            Trouble::Refused(Refusal::Runtime(detail)) => {
                match archive.input().verify(&self.descriptor.digest) {
                    Ok(()) => SourceError::CannotUnpack { object, detail },
                    Err(error) => error,
                }
            }
            Trouble::Refused(Refusal::Limit(detail)) => SourceError::Broken { object, detail },
        }
    }
}

enum Trouble {
    Tar(TarError),
    Refused(Refusal),
}

impl From<TarError> for Trouble {
    fn from(error: TarError) -> Trouble {
        Trouble::Tar(error)
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Trouble {
        Trouble::Refused(refusal)
    }
}

#[cfg(test)]
mod tests;
