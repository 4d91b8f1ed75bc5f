//! Reads here and there in a file that passes only once, and remembers what was asked for.
//!
//! A library's dynamic section stands near the file's end, and points back to names near its beginning. So the first
//! segment is held while it passes, and only what is asked for in the end is kept.

use super::Body;
use crate::witness::Piece;

/// Bytes of a first segment that are held: those of the largest libraries have a few MiB of names.
const LONGEST_FIRST: u64 = 16 * 1024 * 1024;
/// Bytes before a place further on that are held with it.
const BEFORE: u64 = 1024 * 1024;
/// Bytes that are kept of one file beyond its head; glibc's libc has some 4 KiB.
const MOST_KEPT: u64 = 128 * 1024;
/// Runs this close to each other are kept as one.
const NEAR: u64 = 32;

/// Why bytes are not there.
#[derive(Debug)]
pub(super) enum Lost<E> {
    /// They have passed, or are more than what is kept.
    Passed,
    /// Reading failed.
    Failed(E),
}

/// A file that is read here and there.
pub(super) struct Recorder<'b, B: Body> {
    body: &'b mut B,
    size: u64,
    /// What is held, in the order of offsets; the first begins at 0.
    held: Vec<Piece>,
    /// Where the body stands.
    position: u64,
    /// What was asked for: begin and end.
    asked: Vec<(u64, u64)>,
    kept: u64,
}

impl<'b, B: Body> Recorder<'b, B> {
    /// A file whose first bytes were read, and are kept.
    pub(super) fn new(body: &'b mut B, size: u64, head: Vec<u8>) -> Recorder<'b, B> {
        let position = head.len() as u64;
        let held = vec![Piece { offset: 0, bytes: head }];
        Recorder { body, size, held, position, asked: vec![(0, position)], kept: 0 }
    }

    /// Holds what passes up to `end`; where one can go back, nothing needs to be held.
    pub(super) fn hold(&mut self, end: u64) -> Result<(), B::Error> {
        if self.position < end.min(LONGEST_FIRST) && !B::GOES_BACK {
            self.extend(end.min(LONGEST_FIRST))?;
        }
        Ok(())
    }

    /// Copies bytes, and remembers that they were asked for; short only at the file's end.
    pub(super) fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, Lost<B::Error>> {
        let length = self.size.saturating_sub(offset).min(buffer.len() as u64);
        if length == 0 {
            return Ok(0);
        }
        let buffer = &mut buffer[..length as usize];
        self.copy(offset, buffer)?;
        let is_new = !self.asked.iter().any(|(begin, end)| *begin <= offset && offset + length <= *end);
        self.kept += if is_new { length } else { 0 };
        if self.kept > MOST_KEPT {
            return Err(Lost::Passed);
        }
        if is_new {
            self.asked.push((offset, offset + length));
        }
        Ok(buffer.len())
    }

    /// The file's first bytes, as far as they are held; all of it is read for that where one can go back.
    pub(super) fn beginning(&mut self, longest: u64) -> Result<Vec<u8>, Lost<B::Error>> {
        if !B::GOES_BACK {
            return Ok(self.held.first().map(|piece| piece.bytes.clone()).unwrap_or_default());
        }
        let mut bytes = vec![0; self.size.min(longest) as usize];
        self.copy(0, &mut bytes)?;
        Ok(bytes)
    }

    fn copy(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Lost<B::Error>> {
        let end = offset + buffer.len() as u64;
        if self.copy_held(offset, buffer) {
            return Ok(());
        }
        if B::GOES_BACK {
            self.body.go_to(offset).map_err(Lost::Failed)?;
            let got = self.body.read(buffer).map_err(Lost::Failed)?;
            return if got == buffer.len() { Ok(()) } else { Err(Lost::Passed) };
        }
        if end <= self.position {
            return Err(Lost::Passed);
        }
        let begin = offset.saturating_sub(BEFORE);
        if begin > self.position {
            self.body.skip(begin - self.position).map_err(Lost::Failed)?;
            self.position = begin;
            self.held.push(Piece { offset: begin, bytes: Vec::new() });
        }
        self.extend(end).map_err(Lost::Failed)?;
        if self.copy_held(offset, buffer) { Ok(()) } else { Err(Lost::Passed) }
    }

    /// Holds what passes up to `end` with what was held last.
    fn extend(&mut self, end: u64) -> Result<(), B::Error> {
        let length = end.min(self.size).saturating_sub(self.position);
        let Some(Piece { bytes, .. }) = self.held.last_mut() else { return Ok(()) };
        // First segments are large: no more room is taken than they need.
        let (begin, length) = (bytes.len(), usize::try_from(length).unwrap_or(0));
        bytes.reserve_exact(length);
        bytes.resize(begin + length, 0);
        let got = self.body.read(&mut bytes[begin..])?;
        bytes.truncate(begin + got);
        self.position += got as u64;
        Ok(())
    }

    fn copy_held(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let Some(piece) = self.held.iter().rev().find(|piece| piece.offset <= offset) else { return false };
        let begin = usize::try_from(offset - piece.offset).unwrap_or(usize::MAX);
        let held = piece.bytes.get(begin..).and_then(|rest| rest.get(..buffer.len()));
        held.map(|bytes| buffer.copy_from_slice(bytes)).is_some()
    }

    /// What was asked for.
    pub(super) fn finish(mut self) -> Result<Vec<Piece>, B::Error> {
        self.asked.sort_unstable();
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for (begin, end) in std::mem::take(&mut self.asked) {
            match runs.last_mut() {
                Some(last) if begin <= last.1.saturating_add(NEAR) => last.1 = last.1.max(end),
                _ => runs.push((begin, end)),
            }
        }
        let mut pieces = Vec::new();
        for (offset, end) in runs {
            let mut bytes = vec![0; (end - offset) as usize];
            match self.copy(offset, &mut bytes) {
                Ok(()) => pieces.push(Piece { offset, bytes }),
                Err(Lost::Passed) => {}
                Err(Lost::Failed(error)) => return Err(error),
            }
        }
        Ok(pieces)
    }
}
