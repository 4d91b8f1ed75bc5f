//! The contents of a layer's files, out of parts of its blob that are unpacked by themselves.

use super::{Fetch, Trouble, chunked, contradiction, span};
use crate::digest::Digest;
use crate::source::{LONGEST_PART, coalesce};
use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read};
use std::ops::Range;

/// Bytes that a part may unpack to as far as it is needed, and that are kept of all parts together.
const MOST_UNPACKED: u64 = 64 * 1024 * 1024;
/// Least bytes that are fetched of a part.
const LEAST_FETCHED: u64 = 1024;
/// Least bytes that are fetched of a part of blocks, of which the first one is needed as a whole.
const FIRST_BLOCK: u64 = 32 * 1024;
/// How often more is fetched of many files together, before each is read by itself.
const MOST_ROUNDS: usize = 4;

/// How a part is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Coding {
    /// A member of a gzip file.
    Gzip,
    /// A frame of a zstd file.
    Zstd,
    /// As it is.
    Plain,
    /// Not at all: zeros.
    Zeros,
    /// From the middle of a gzip file: bits of its first byte, and where in [`Contents::windows`] its window lies.
    Span { bits: u8, window: usize },
}

/// A part of the blob that is unpacked by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Where it is stored.
    pub(super) stored: Range<u64>,
    /// How.
    pub(super) coding: Coding,
    /// Where in the archive it begins; of tables that say so.
    pub(super) begins: u64,
    /// Length of what it unpacks to, where the table says so: then all of it is read at once, and must be as long.
    pub(super) length: Option<u64>,
    /// Digest of the stored bytes.
    pub(super) digest: Option<Digest>,
}

/// A piece of a file in a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Where in the file it begins, and its length.
    pub(super) begins: u64,
    pub(super) length: u64,
    /// The part, and where in it the chunk begins.
    pub(super) part: usize,
    pub(super) inner: u64,
    /// Digest of its bytes.
    pub(super) digest: Option<Digest>,
}

/// Where a file's content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In these chunks, in order.
    Chunks(Range<usize>),
    /// In the archive from this byte on; the header is before it, from the second number on.
    Archive(u64, u64),
}

/// What is to be fetched of a part, to unpack its beginning up to a byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Want {
    part: usize,
    /// Where in the blob.
    pub(super) stored: Range<u64>,
    upto: u64,
}

/// What was fetched and unpacked of a part, from its beginning.
#[derive(Default)]
struct Unpacked {
    stored: Vec<u8>,
    bytes: Vec<u8>,
}

/// All contents of one layer.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) parts: Vec<Part>,
    pub(super) chunks: Vec<Chunk>,
    /// Windows of [`Coding::Span`].
    pub(super) windows: Vec<u8>,
    unpacked: HashMap<usize, Unpacked>,
    /// Chunks whose digest was right.
    verified: HashMap<usize, bool>,
}

impl Contents {
    /// Contents of these parts.
    pub(super) fn new(parts: Vec<Part>, chunks: Vec<Chunk>, windows: Vec<u8>) -> Contents {
        Contents { parts, chunks, windows, ..Contents::default() }
    }

    /// Copies bytes of a file; the range must lie in it.
    pub(super) fn read(
        &mut self,
        place: &Place,
        offset: u64,
        buffer: &mut [u8],
        fetch: Fetch<'_>,
    ) -> Result<(), Trouble> {
        let mut done = 0;
        while done < buffer.len() {
            let at = offset + done as u64;
            let (part, inner, left, chunk) = self.locate(place, at)?;
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len() - done);
            let target = &mut buffer[done..done + count];
            if self.parts[part].coding == Coding::Zeros {
                target.fill(0);
            } else {
                let bytes = self.unpack(part, inner + count as u64, fetch)?;
                let begin = usize::try_from(inner).unwrap_or(usize::MAX);
                let found = bytes.get(begin..).and_then(|rest| rest.get(..count));
                target.copy_from_slice(found.ok_or_else(|| contradiction("a file is longer than its part"))?);
            }
            if let Some(chunk) = chunk {
                self.verify(chunk)?;
            }
            done += count;
        }
        Ok(())
    }

    /// The part that has a byte of a file, where in it, how many bytes of the file come there, and the chunk.
    fn locate(&self, place: &Place, at: u64) -> Result<(usize, u64, u64, Option<usize>), Trouble> {
        match place {
            Place::Chunks(range) => {
                let chunks = &self.chunks[range.clone()];
                let next = chunks.partition_point(|chunk| chunk.begins <= at);
                let number = next.checked_sub(1).ok_or_else(|| contradiction("a file has a gap"))?;
                let chunk = &chunks[number];
                let left = chunk.length.checked_sub(at - chunk.begins).filter(|left| *left > 0);
                let left = left.ok_or_else(|| contradiction("a file has a gap"))?;
                Ok((chunk.part, chunk.inner + (at - chunk.begins), left, Some(range.start + number)))
            }
            Place::Archive(begins, _) => {
                let (part, inner, left) = self.locate_in_archive(begins + at)?;
                Ok((part, inner, left, None))
            }
        }
    }

    fn locate_in_archive(&self, at: u64) -> Result<(usize, u64, u64), Trouble> {
        let next = self.parts.partition_point(|part| part.begins <= at);
        let found = next.checked_sub(1).and_then(|number| Some((number, self.parts.get(number)?)));
        let (number, part) = found.ok_or_else(|| contradiction("no span has a file's beginning"))?;
        let left = (part.begins + part.length.unwrap_or(0)).checked_sub(at).filter(|left| *left > 0);
        Ok((number, at - part.begins, left.ok_or_else(|| contradiction("a file ends behind the last span"))?))
    }

    /// Bytes of the archive: as [`Contents::read`], but a span's window serves for what stands right before the span.
    pub(super) fn read_archive(&mut self, range: Range<u64>, fetch: Fetch<'_>) -> Result<Vec<u8>, Trouble> {
        let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or(0)];
        let (last, inner, _) = self.locate_in_archive(range.end)?;
        let before = (range.end - range.start).saturating_sub(inner);
        let split = usize::try_from(before).unwrap_or(0);
        if let (Coding::Span { window, .. }, true) = (&self.parts[last].coding, before > 0)
            && split <= span::WINDOW
        {
            let end = window + span::WINDOW;
            bytes[..split].copy_from_slice(self.windows.get(end - split..end).unwrap_or_default());
            self.read(&Place::Archive(range.start + before, 0), 0, &mut bytes[split..], fetch)?;
        } else {
            self.read(&Place::Archive(range.start, 0), 0, &mut bytes, fetch)?;
        }
        Ok(bytes)
    }

    /// What is to be fetched, likely, to read the first bytes of a file; nothing where they are there, or all that is
    /// stored is.
    pub(super) fn wants(&self, place: &Place, length: u64) -> Result<Option<Want>, Trouble> {
        let (part, inner, left, _) = self.locate(place, 0)?;
        let upto = inner + length.min(left);
        let known = self.unpacked.get(&part);
        if known.is_some_and(|known| known.bytes.len() as u64 >= upto) {
            return Ok(None);
        }
        let Part { stored, coding, length, .. } = &self.parts[part];
        let have = known.map(|known| known.stored.as_slice()).unwrap_or_default();
        let begins = stored.start + have.len() as u64;
        let end = match length {
            Some(_) => stored.end,
            None => stored.end.min(stored.start + guess(coding, upto, have)),
        };
        Ok((begins < end).then_some(Want { part, stored: begins..end, upto }))
    }

    /// Fetches and unpacks the beginnings of several files, those that lie near each other together, and those that
    /// need more than was guessed together again.
    pub(super) fn prefetch(
        &mut self,
        places: &[&Place],
        length: u64,
        gap: u64,
        fetch: Fetch<'_>,
    ) -> Result<(), Trouble> {
        for _ in 0..MOST_ROUNDS {
            let mut wanted: BTreeMap<usize, Want> = BTreeMap::new();
            for place in places {
                let Some(want) = self.wants(place, length)? else { continue };
                let known = wanted.entry(want.part).or_insert_with(|| want.clone());
                known.stored.end = known.stored.end.max(want.stored.end);
                known.upto = known.upto.max(want.upto);
            }
            if wanted.is_empty() {
                break;
            }
            let ranges: Vec<Range<u64>> = wanted.values().map(|want| want.stored.clone()).collect();
            let joined = coalesce(&ranges, gap);
            let blobs = fetch(&joined).map_err(Trouble::Source)?;
            for want in wanted.values() {
                let at = joined.partition_point(|other| other.start <= want.stored.start).saturating_sub(1);
                let (Some(other), Some(blob)) = (joined.get(at), blobs.get(at)) else { continue };
                let begin = usize::try_from(want.stored.start - other.start).unwrap_or(usize::MAX);
                self.accept(want, blob.get(begin..).unwrap_or_default())?;
            }
        }
        Ok(())
    }

    /// Takes what came of a part, and maybe of others behind it.
    fn accept(&mut self, want: &Want, come: &[u8]) -> Result<(), Trouble> {
        let Part { stored, coding, length, .. } = &self.parts[want.part];
        let left = usize::try_from(stored.end - want.stored.start).unwrap_or(usize::MAX);
        let known = self.unpacked.entry(want.part).or_default();
        known.stored.extend_from_slice(&come[..left.min(come.len())]);
        if length.is_none() {
            known.bytes = decode(coding, &known.stored, want.upto).map_err(|error| broken(stored, &error))?;
            if known.bytes.len() as u64 >= want.upto {
                known.stored = Vec::new();
            }
        }
        Ok(())
    }

    /// Forgets what was fetched and unpacked of the parts before the one in which a file begins.
    pub(super) fn forget_before(&mut self, place: &Place) -> Result<(), Trouble> {
        let (first, ..) = self.locate(place, 0)?;
        self.unpacked.retain(|part, _| *part >= first);
        Ok(())
    }

    /// Forgets what was fetched and unpacked.
    pub(super) fn forget(&mut self) {
        self.unpacked.clear();
    }

    /// Unpacks a part as far as `upto`, or to its end where it is stored with its length.
    fn unpack(&mut self, number: usize, upto: u64, fetch: Fetch<'_>) -> Result<&[u8], Trouble> {
        let part = self.parts[number].clone();
        let upto = part.length.unwrap_or(upto);
        if upto > MOST_UNPACKED {
            return Err(Trouble::Table(format!("more than {MOST_UNPACKED} bytes of one part are needed")));
        }
        let kept: usize = self.unpacked.values().map(|known| known.bytes.len() + known.stored.len()).sum();
        if !self.unpacked.contains_key(&number) && kept as u64 > MOST_UNPACKED {
            self.unpacked.clear();
        }
        let mut known = self.unpacked.remove(&number).unwrap_or_default();
        if (known.bytes.len() as u64) < upto {
            match part.length {
                Some(length) => self.unpack_whole(&part, length, &mut known, fetch)?,
                None => unpack_beginning(&part, upto, &mut known, fetch)?,
            }
        }
        Ok(&self.unpacked.entry(number).insert_entry(known).into_mut().bytes)
    }

    /// A span: fetched wholly, its digest compared.
    fn unpack_whole(
        &self,
        part: &Part,
        length: u64,
        known: &mut Unpacked,
        fetch: Fetch<'_>,
    ) -> Result<(), Trouble> {
        let stored = part.stored.end - part.stored.start;
        if known.stored.len() as u64 != stored {
            known.stored = take(part.stored.clone(), fetch)?;
        }
        if let Some(digest) = &part.digest {
            let mut hasher = digest.hasher();
            hasher.update(&known.stored);
            if hasher.finish() != *digest {
                let Range { start, end } = part.stored;
                return Err(contradiction(&format!("the span of bytes {start} to {end} has another digest")));
            }
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        known.bytes = match part.coding {
            Coding::Span { bits, window } => {
                let window = self.windows.get(window..window + span::WINDOW);
                let window: Option<&[u8; span::WINDOW]> = window.and_then(|window| window.try_into().ok());
                let window = window.ok_or_else(|| contradiction("a span has no window"))?;
                span::unpack(window, bits, &known.stored, length)
                    .map_err(|error| broken(&part.stored, &error))?
            }
            _ => std::mem::take(&mut known.stored),
        };
        known.stored = Vec::new();
        if known.bytes.len() < length {
            let Range { start, end } = part.stored;
            return Err(contradiction(&format!(
                "the span of bytes {start} to {end} is shorter than it should be"
            )));
        }
        Ok(())
    }

    /// Compares a chunk's digest, where all of it was unpacked.
    fn verify(&mut self, number: usize) -> Result<(), Trouble> {
        let Chunk { length, part, inner, digest: Some(digest), .. } = &self.chunks[number] else {
            return Ok(());
        };
        let known = self.unpacked.get(part).map(|known| known.bytes.as_slice()).unwrap_or_default();
        let begin = usize::try_from(*inner).unwrap_or(usize::MAX);
        let whole = known.get(begin..).and_then(|rest| rest.get(..usize::try_from(*length).ok()?));
        let Some(bytes) = whole.filter(|_| !self.verified.contains_key(&number)) else { return Ok(()) };
        let mut hasher = digest.hasher();
        hasher.update(bytes);
        if hasher.finish() != *digest {
            return Err(contradiction("the digest of a file's content is another one"));
        }
        self.verified.insert(number, true);
        Ok(())
    }
}

/// How many stored bytes give so many unpacked ones, likely, where these did not. A zstd block has to be there as a
/// whole, and unpacks to at most 128 KiB (RFC 8878 section 3.1.1.2.4).
fn guess(coding: &Coding, upto: u64, have: &[u8]) -> u64 {
    let twice = 2 * have.len() as u64;
    match coding {
        Coding::Plain => upto,
        Coding::Zstd => chunked::missing_block(have).unwrap_or(twice).max(upto / 2).max(FIRST_BLOCK),
        _ => (upto * 3 / 4).max(LEAST_FETCHED).max(twice),
    }
}

fn take(part: Range<u64>, fetch: Fetch<'_>) -> Result<Vec<u8>, Trouble> {
    if part.end - part.start > LONGEST_PART {
        return Err(Trouble::Table(format!("a part has more than {LONGEST_PART} bytes")));
    }
    let mut come = fetch(std::slice::from_ref(&part)).map_err(Trouble::Source)?;
    come.pop().ok_or_else(|| contradiction("a part did not come"))
}

fn broken(stored: &Range<u64>, error: &io::Error) -> Trouble {
    contradiction(&format!("bytes {} to {} cannot be unpacked: {error}", stored.start, stored.end))
}

/// Fetches as much of a part as it takes to unpack its beginning up to `upto`. All that came is unpacked, so that reading
/// on in small steps does not unpack the beginning again for each.
fn unpack_beginning(part: &Part, upto: u64, known: &mut Unpacked, fetch: Fetch<'_>) -> Result<(), Trouble> {
    let size = part.stored.end - part.stored.start;
    loop {
        let have = known.stored.len() as u64;
        if have > 0 {
            known.bytes = decode(&part.coding, &known.stored, MOST_UNPACKED)
                .map_err(|error| broken(&part.stored, &error))?;
        }
        if known.bytes.len() as u64 >= upto {
            return Ok(());
        }
        if have >= size {
            let Range { start, end } = part.stored;
            return Err(contradiction(&format!("bytes {start} to {end} unpack to less than {upto} bytes")));
        }
        let more = guess(&part.coding, upto, &known.stored).max(have + 1).min(size);
        let come = take(part.stored.start + have..part.stored.start + more, fetch)?;
        known.stored.extend(come);
    }
}

/// What the beginning of a part unpacks to, `upto` bytes at most.
fn decode(coding: &Coding, stored: &[u8], upto: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = match coding {
        Coding::Gzip => flate2::read::GzDecoder::new(stored).take(upto).read_to_end(&mut bytes),
        Coding::Zstd => zstd::stream::read::Decoder::new(stored)?.take(upto).read_to_end(&mut bytes),
        Coding::Plain | Coding::Zeros | Coding::Span { .. } => stored.take(upto).read_to_end(&mut bytes),
    };
    match read {
        // More of it is still to come.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(bytes),
        Err(error) => Err(error),
        Ok(_) => Ok(bytes),
    }
}
