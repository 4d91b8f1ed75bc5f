//! Reads tar archives by the rules of Go's `archive/tar` (`reader.go`, `strconv.go`, `format.go`), because that is what
//! dockerd and containerd unpack layers with.
//!
//! An own reader, and not one of the crates: on 25 hand-made archives these differ from Go's on 7 (data of links and
//! directories, GNU names beside PAX paths, `\0` with a trailing slash, a lone zero block, sparse files), and each
//! difference is an image that is unpacked otherwise than we would say, or not at all.
//!
//! Nothing is buffered but headers and names; the body of an entry is read, or skipped, by the caller.

mod header;
mod pax;
mod sparse;

pub use header::Type;

use header::{BLOCK, Raw};
use pax::Records;
use std::io::{self, Read};
use twox_hash::XxHash3_128;

/// Longest PAX header, GNU long name and sparse map (Go `maxSpecialFileSize`).
const LONGEST_SPECIAL: u64 = 1024 * 1024;

/// Why an archive cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum TarError {
    /// The stream beneath failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What Go calls `ErrHeader`.
    #[error("archive/tar: invalid tar header")]
    Header,
    /// What Go calls `ErrFieldTooLong`.
    #[error("archive/tar: header field too long")]
    TooLong,
    /// A sparse file's map names more data than is stored (Go `errMissData`).
    #[error("archive/tar: sparse file references non-existent data")]
    SparseMissing,
    /// More data is stored than a sparse file's map names (Go `errUnrefData`).
    #[error("archive/tar: sparse file contains unreferenced data")]
    SparseUnreferenced,
    /// The archive ends within a header or a file.
    #[error("unexpected EOF")]
    Cut,
}

/// What an archive is read from: a stream that can pass over bytes.
pub trait Input: Read {
    /// Passes over `count` bytes, and answers how many there were of them.
    ///
    /// # Errors
    /// That of the stream.
    fn skip(&mut self, count: u64) -> io::Result<u64>;
}

/// Passes over bytes by reading them.
pub(crate) fn skip_by_reading(input: &mut impl Read, count: u64) -> io::Result<u64> {
    let mut scratch = [0; 32 * 1024];
    let mut left = count;
    while left > 0 {
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(scratch.len());
        match input.read(&mut scratch[..length]) {
            Ok(0) => break,
            Ok(got) => left -= got as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count - left)
}

impl Input for &[u8] {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let length = usize::try_from(count).unwrap_or(usize::MAX).min(self.len());
        *self = &self[length..];
        Ok(length as u64)
    }
}

/// One entry of an archive, as Go's `tar.Header` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name, as the archive has it.
    pub name: Vec<u8>,
    /// The target of a link.
    pub link: Vec<u8>,
    /// What it is.
    pub kind: Type,
    /// Permission bits with set-id and sticky bits.
    pub mode: u32,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Length of the file; of a sparse one, the real length.
    pub size: u64,
    /// Device number.
    pub device: (u64, u64),
    /// Extended attributes (`SCHILY.xattr.*` of its PAX header).
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Reads an archive, entry by entry.
pub struct Archive<I> {
    input: I,
    /// Bytes of the stream that were taken.
    position: u64,
    /// Stored bytes of the current entry that were not taken yet.
    stored: u64,
    /// Zeros after them up to the next block.
    padding: u64,
    /// The data runs of the current entry, where it is sparse.
    sparse: Option<sparse::Map>,
    /// Whether a runtime reads the current body to its end, and so meets what is wrong with it.
    read_wholly: bool,
    /// Length of the current entry's body, and how much of it was given.
    length: u64,
    given: u64,
    /// Takes the fingerprint of the current entry's body, where that was asked for.
    fingerprint: Option<Box<XxHash3_128>>,
    ended: bool,
}

impl<I: Input> Archive<I> {
    /// Reads from a stream.
    pub fn new(input: I) -> Archive<I> {
        Archive {
            input,
            position: 0,
            stored: 0,
            padding: 0,
            sparse: None,
            read_wholly: false,
            length: 0,
            given: 0,
            fingerprint: None,
            ended: false,
        }
    }

    /// The stream.
    pub fn input(&mut self) -> &mut I {
        &mut self.input
    }

    /// The stream.
    pub fn get_ref(&self) -> &I {
        &self.input
    }

    /// Where in the stream the reader stands: after a header, where the entry's stored data begins.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Bytes of the current entry's body that were read or passed over.
    pub fn given(&self) -> u64 {
        self.given
    }

    /// Bytes of the current entry's body that were not read yet.
    pub fn body_left(&self) -> u64 {
        self.length - self.given
    }

    /// The next entry, or `None` at the archive's end; what was not read of the current one is passed over.
    ///
    /// # Errors
    /// [`TarError`]; then the archive cannot be read on.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, TarError> {
        if self.ended {
            return Ok(None);
        }
        let mut records = Records::default();
        let (mut long_name, mut long_link) = (None, None);
        loop {
            self.finish_entry()?;
            let Some(raw) = self.read_header()? else {
                self.ended = true;
                return Ok(None);
            };
            self.begin(&raw.entry)?;
            match raw.entry.kind {
                Type::PaxHeader => records = Records::parse(&self.read_special()?).ok_or(TarError::Header)?,
                Type::PaxGlobal => {
                    // Go hands it out as an entry of its own, and forgets what came before it; containerd and moby
                    // pass over it.
                    Records::parse(&self.read_special()?).ok_or(TarError::Header)?;
                    records = Records::default();
                    (long_name, long_link) = (None, None);
                }
                Type::GnuLongName => long_name = Some(until_nul(self.read_special()?)),
                Type::GnuLongLink => long_link = Some(until_nul(self.read_special()?)),
                _ => return self.file(raw, &records, long_name, long_link).map(Some),
            }
        }
    }

    /// Puts together an entry of its header and what went before.
    fn file(
        &mut self,
        raw: Raw,
        records: &Records,
        long_name: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
    ) -> Result<Entry, TarError> {
        let Raw { mut entry, old_sparse } = raw;
        records.apply(&mut entry).ok_or(TarError::Header)?;
        if let Some(name) = long_name.filter(|name| !name.is_empty()) {
            entry.name = name;
        }
        if let Some(link) = long_link.filter(|link| !link.is_empty()) {
            entry.link = link;
        }
        if entry.kind == Type::RegularOld {
            entry.kind = if entry.name.ends_with(b"/") { Type::Directory } else { Type::Regular };
        }
        if entry.kind.has_no_data() {
            entry.size = 0;
        }
        self.begin(&entry)?;
        let map = match old_sparse {
            Some(header) => {
                let (map, size) = self.old_sparse_map(&header)?;
                entry.size = size;
                Some(map)
            }
            None => self.pax_sparse_map(records, &mut entry)?,
        };
        if let Some(map) = map {
            if entry.kind.has_no_data() || !map.fits(entry.size) {
                return Err(TarError::Header);
            }
            self.sparse = Some(map);
            self.read_wholly = entry.kind == Type::Regular;
        }
        self.length = if entry.kind.has_no_data() { 0 } else { entry.size };
        self.given = 0;
        Ok(entry)
    }

    /// Go `handleRegularFile`.
    fn begin(&mut self, entry: &Entry) -> Result<(), TarError> {
        self.stored = if entry.kind.has_no_data() { 0 } else { entry.size };
        if self.stored > i64::MAX as u64 {
            return Err(TarError::Header);
        }
        self.padding = self.stored.next_multiple_of(BLOCK as u64) - self.stored;
        self.sparse = None;
        (self.length, self.given) = (self.stored, 0);
        self.fingerprint = None;
        Ok(())
    }

    /// Passes over the rest of the current entry and its padding. (Go takes a missing padding for the end.)
    fn finish_entry(&mut self) -> Result<(), TarError> {
        if self.sparse.is_some() && self.read_wholly {
            self.skip_body(u64::MAX)?;
            if self.stored > 0 {
                return Err(TarError::SparseUnreferenced);
            }
        }
        let stored = std::mem::take(&mut self.stored);
        self.skip(stored)?;
        let padding = std::mem::take(&mut self.padding);
        self.position += self.input.skip(padding)?;
        Ok(())
    }

    fn skip(&mut self, count: u64) -> Result<(), TarError> {
        let passed = if count == 0 { 0 } else { self.input.skip(count)? };
        self.position += passed;
        if passed == count { Ok(()) } else { Err(TarError::Cut) }
    }

    /// One block; `None` where the stream ends before it.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, TarError> {
        let mut block = [0; BLOCK];
        let got = read_full(&mut self.input, &mut block)?;
        self.position += got as u64;
        match got {
            0 => Ok(None),
            BLOCK => Ok(Some(block)),
            _ => Err(TarError::Cut),
        }
    }

    /// Go `readHeader`: two zero blocks, or the stream's end, end the archive; one zero block alone is an error.
    fn read_header(&mut self) -> Result<Option<Raw>, TarError> {
        let Some(block) = self.block()? else { return Ok(None) };
        if block != [0; BLOCK] {
            return Raw::parse(&block).map(Some).ok_or(TarError::Header);
        }
        match self.block()? {
            Some(block) if block != [0; BLOCK] => Err(TarError::Header),
            _ => Ok(None),
        }
    }

    /// The body of a special entry, at most [`LONGEST_SPECIAL`].
    fn read_special(&mut self) -> Result<Vec<u8>, TarError> {
        if self.stored > LONGEST_SPECIAL {
            // Go reads that far before it refuses: an archive that ends earlier is a cut one.
            self.skip(LONGEST_SPECIAL + 1)?;
            return Err(TarError::TooLong);
        }
        let mut bytes = vec![0; usize::try_from(self.stored).map_err(|_| TarError::TooLong)?];
        self.read_stored_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads stored bytes of the current entry.
    fn read_stored_exact(&mut self, buffer: &mut [u8]) -> Result<(), TarError> {
        if (buffer.len() as u64) > self.stored {
            return Err(TarError::Cut);
        }
        let got = read_full(&mut self.input, buffer)?;
        self.position += got as u64;
        self.stored -= got as u64;
        if got == buffer.len() { Ok(()) } else { Err(TarError::Cut) }
    }

    /// Reads the next bytes of the current entry's body; short only at its end.
    ///
    /// # Errors
    /// [`TarError`].
    pub fn read_body(&mut self, buffer: &mut [u8]) -> Result<usize, TarError> {
        let length = usize::try_from(self.length - self.given).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = &mut buffer[..length];
        let mut done = 0;
        while done < length {
            let run = match &self.sparse {
                Some(map) => map.run_at(self.given),
                None => sparse::Run { data: true, length: self.length - self.given },
            };
            let count = usize::try_from(run.length).unwrap_or(usize::MAX).min(length - done);
            if count == 0 {
                return Err(TarError::Header);
            }
            let part = &mut buffer[done..done + count];
            if run.data {
                if part.len() as u64 > self.stored {
                    return Err(TarError::SparseMissing);
                }
                self.read_stored_exact(part)?
            } else {
                part.fill(0)
            }
            if let Some(fingerprint) = &mut self.fingerprint {
                fingerprint.write(part);
            }
            done += count;
            self.given += count as u64;
        }
        Ok(done)
    }

    /// Takes the fingerprint of the current body, of which `begun` has been read. (Holes of sparse files are passed over
    /// without a look, so there is none of these.)
    pub fn begin_fingerprint(&mut self, begun: &[u8]) {
        if self.sparse.is_none() && self.given == begun.len() as u64 {
            let mut fingerprint = Box::new(XxHash3_128::new());
            fingerprint.write(begun);
            self.fingerprint = Some(fingerprint);
        }
    }

    /// Reads the current body to its end, where its fingerprint is taken: XXH3 (128 bits) of the whole of it.
    ///
    /// # Errors
    /// [`TarError`].
    pub fn finish_fingerprint(&mut self) -> Result<Option<[u8; 16]>, TarError> {
        if self.fingerprint.is_none() {
            return Ok(None);
        }
        self.skip_body(u64::MAX)?;
        Ok(self.fingerprint.take().map(|taken| taken.finish_128().to_be_bytes()))
    }

    /// Passes over the next bytes of the current entry's body.
    ///
    /// # Errors
    /// [`TarError`].
    pub fn skip_body(&mut self, count: u64) -> Result<(), TarError> {
        let mut left = count.min(self.length - self.given);
        if self.fingerprint.is_some() {
            return self.read_past(left);
        }
        while left > 0 {
            let run = match &self.sparse {
                Some(map) => map.run_at(self.given),
                None => sparse::Run { data: true, length: left },
            };
            let part = run.length.min(left);
            if part == 0 {
                return Err(TarError::Header);
            }
            if run.data {
                self.stored = self.stored.checked_sub(part).ok_or(TarError::SparseMissing)?;
                self.skip(part)?;
            }
            self.given += part;
            left -= part;
        }
        Ok(())
    }

    /// Passes over bytes that the fingerprint is taken of.
    fn read_past(&mut self, count: u64) -> Result<(), TarError> {
        let mut scratch = [0; 32 * 1024];
        let mut left = count;
        while left > 0 {
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(scratch.len());
            left -= self.read_body(&mut scratch[..length])? as u64;
        }
        Ok(())
    }
}

/// Reads until the buffer is full or the stream ends.
fn read_full(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match input.read(&mut buffer[done..]) {
            Ok(0) => break,
            Ok(got) => done += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Go `parseString`: up to the first NUL.
fn until_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.iter().position(|b| *b == 0) {
        bytes.truncate(end);
    }
    bytes
}

#[cfg(test)]
mod tests;
