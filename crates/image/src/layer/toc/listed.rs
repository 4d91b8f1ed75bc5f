//! A layer as its table of contents lists it: the same index that reading the layer gives, contents fetched on demand.

use super::contents::{Contents, Place};
use super::{Fetch, Item, Listing, Table, Trouble, chunked, contradiction, estargz, ztoc};
use crate::layer::capture::{Body, capture};
use crate::layer::{Bearing, LayerIndex, Limits};
use crate::manifest::Descriptor;
use crate::source::coalesce;
use crate::tar::{Archive, Entry, Type};
use crate::witness::Piece;
use std::collections::HashMap;

/// What is assumed of a link to say what costs least: bytes in the time of a round trip (25 MB/s and 30 ms), and how
/// many requests are under way at once.
const TRIP: u64 = if cfg!(fuzzing) { 0 } else { 750_000 };
const AT_ONCE: u64 = 6;
/// What is fetched of each file when all are looked through: as much as tells what they are.
const HEAD: u64 = 512;
/// Names of files that may be programs or libraries without being executable.
const LIBRARIES: [&[u8]; 8] = [b".so", b".node", b".a", b".o", b".ko", b".dll", b".dylib", b".exe"];
/// Files whose beginnings are fetched and unpacked together, and the bytes of them.
const MOST_FILES: usize = 2048;
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// How far a file's content was read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Read {
    Nothing,
    Head,
    All,
}

/// A regular file and its names.
struct File {
    entry: Entry,
    place: Place,
    paths: Vec<Box<[u8]>>,
    read: Read,
}

/// What looking through a layer by its table costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Requests.
    pub(crate) requests: u64,
    /// Bytes of the layer.
    pub(crate) bytes: u64,
}

impl Cost {
    /// Whether that is clearly less than to read all of a layer of so many bytes.
    pub(crate) fn is_less_than(self, size: u64) -> bool {
        let trips = self.requests.div_ceil(AT_ONCE) * TRIP + self.bytes;
        trips.saturating_mul(3) < size.saturating_mul(2)
    }
}

/// One layer by its table.
pub(crate) struct Listed {
    index: LayerIndex,
    contents: Contents,
    files: Vec<File>,
    of: HashMap<Box<[u8]>, usize>,
}

impl Listed {
    /// Reads the table and lays out what it lists.
    pub(crate) fn read(
        layer: &Descriptor,
        table: &Table,
        limits: &Limits,
        fetch: Fetch<'_>,
    ) -> Result<Listed, Trouble> {
        let listing = match table {
            Table::Estargz(digest) => estargz::read(layer, digest, fetch)?,
            Table::Chunked(position, checksum) => chunked::read(layer, position, checksum, fetch)?,
            Table::Ztoc(bytes) => ztoc::read(layer, bytes)?,
        };
        Listed::of(listing, limits)
    }

    fn of(listing: Listing, limits: &Limits) -> Result<Listed, Trouble> {
        let mut listed = Listed {
            index: LayerIndex::default(),
            contents: listing.contents,
            files: Vec::new(),
            of: HashMap::new(),
        };
        for item in listing.items {
            listed.insert(item, limits)?;
        }
        Ok(listed)
    }

    /// As [`super::super::Layer`] takes an entry of an archive.
    fn insert(&mut self, item: Item, limits: &Limits) -> Result<(), Trouble> {
        let Item { entry, place } = item;
        let Some(path) = self.index.place(&entry.name, limits)? else { return Ok(()) };
        if self.index.apply_whiteout(&path, limits)? {
            return Ok(());
        }
        let file = match (entry.kind, place) {
            (Type::Hardlink, _) => {
                let target = self.index.link_target(&entry.link, limits)?;
                self.of.get(target.as_slice()).copied()
            }
            (Type::Regular, Some(place)) => {
                let (entry, paths) = (entry.clone(), Vec::new());
                self.files.push(File { entry, place, paths, read: Read::Nothing });
                Some(self.files.len() - 1)
            }
            _ => None,
        };
        self.index.insert(&path, &entry, Vec::new(), limits)?;
        let path = path.into_boxed_slice();
        match file {
            Some(at) => {
                if let Some(file) = self.files.get_mut(at) {
                    file.paths.push(path.clone());
                }
                self.of.insert(path, at);
            }
            None => drop(self.of.remove(&path)),
        }
        Ok(())
    }

    /// What is in the layer. Contents are there as far as they were read.
    pub(crate) fn index(&self) -> &LayerIndex {
        &self.index
    }

    /// Whether the content of the file at a path is still to be read.
    pub(crate) fn lacks(&self, path: &[u8]) -> bool {
        let file = self.of.get(path).and_then(|at| self.files.get(*at));
        file.is_some_and(|file| file.read < Read::All)
    }

    /// Reads what matters of the file at a path.
    pub(crate) fn read_file(&mut self, path: &[u8], fetch: Fetch<'_>) -> Result<(), Trouble> {
        let Some(at) = self.of.get(path).copied() else { return Ok(()) };
        self.check_header(at, fetch)?;
        let Some(file) = self.files.get(at) else { return Ok(()) };
        let mut body = Stream { contents: &mut self.contents, file, position: 0, fetch };
        let pieces = capture(&mut body, path, file.entry.size, file.entry.mode & 0o111 != 0)?;
        self.keep(at, pieces, Read::All);
        Ok(())
    }

    /// Where the table says where the archive's header is: it must say the same.
    fn check_header(&mut self, at: usize, fetch: Fetch<'_>) -> Result<(), Trouble> {
        let Some(File { entry, place: Place::Archive(begins, header), .. }) = self.files.get(at) else {
            return Ok(());
        };
        let bytes = self.contents.read_archive(*header..*begins, fetch)?;
        let found = Archive::new(&bytes[..]).next_entry();
        if !matches!(&found, Ok(Some(found)) if found == entry) {
            let name = entry.name.escape_ascii();
            return Err(contradiction(&format!("the archive's own header of {name} says something else")));
        }
        Ok(())
    }

    fn keep(&mut self, at: usize, pieces: Vec<Piece>, read: Read) {
        let Some(file) = self.files.get_mut(at) else { return };
        file.read = read;
        // A later entry may have taken a path.
        for path in file.paths.iter().filter(|path| self.of.get(*path) == Some(&at)) {
            self.index.keep_pieces(path, &pieces);
        }
    }

    /// The files that may be programs, libraries or scripts, in the order in which they are stored.
    fn candidates(&self) -> Vec<usize> {
        let named = |path: &[u8]| {
            let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
            let ends = |end: &&[u8]| name.ends_with(end) || **end == *b".so" && contains(name, b".so.");
            LIBRARIES.iter().any(ends)
        };
        let candidate = |at: &usize| {
            let Some(file) = self.files.get(*at).filter(|file| file.read == Read::Nothing) else {
                return false;
            };
            let mut paths = file.paths.iter().filter(|path| self.of.get(*path) == Some(at));
            paths.any(|path| file.entry.mode & 0o111 != 0 || named(path))
        };
        (0..self.files.len()).filter(candidate).collect()
    }

    /// What it costs to look through all files that may be programs, libraries or scripts.
    pub(crate) fn cost(&self) -> Result<Cost, Trouble> {
        let mut wanted = Vec::new();
        for at in self.candidates() {
            wanted.extend(self.contents.wants(&self.files[at].place, HEAD)?.map(|want| want.stored));
        }
        let joined = coalesce(&wanted, TRIP / AT_ONCE);
        let bytes = joined.iter().map(|range| range.end - range.start).sum();
        Ok(Cost { requests: joined.len() as u64, bytes })
    }

    /// How many of these files are fetched and unpacked together.
    fn batch(&self, candidates: &[usize]) -> Result<usize, Trouble> {
        let (mut bytes, mut behind) = (0, 0);
        for (count, at) in candidates.iter().enumerate().take(MOST_FILES) {
            let Some(want) = self.contents.wants(&self.files[*at].place, HEAD)? else { continue };
            bytes += want.stored.end.saturating_sub(want.stored.start.max(behind));
            behind = want.stored.end.max(behind);
            if bytes > MOST_BYTES && count > 0 {
                return Ok(count);
            }
        }
        Ok(candidates.len().min(MOST_FILES))
    }

    /// Reads the beginnings of all files that may be programs, libraries or scripts.
    pub(crate) fn read_heads(&mut self, fetch: Fetch<'_>) -> Result<(), Trouble> {
        let candidates = self.candidates();
        let mut left = candidates.as_slice();
        while !left.is_empty() {
            let (batch, rest) = left.split_at(self.batch(left)?);
            let places: Vec<&Place> = batch.iter().map(|at| &self.files[*at].place).collect();
            self.contents.prefetch(&places, HEAD, TRIP / AT_ONCE, fetch)?;
            for at in batch {
                let file = &self.files[*at];
                self.contents.forget_before(&file.place)?;
                let mut bytes = vec![0; usize::try_from(file.entry.size.min(HEAD)).unwrap_or(0)];
                self.contents.read(&file.place, 0, &mut bytes, fetch)?;
                self.keep(*at, vec![Piece { offset: 0, bytes }], Read::Head);
            }
            left = rest;
        }
        self.contents.forget();
        let others = self.files.iter().filter(|file| file.read == Read::Nothing).count();
        if others > 0 {
            let text = format!(
                "it was looked through by its table of contents: {others} files that are neither executable nor \
                 named as libraries were not opened"
            );
            self.index.note(Bearing::Nobody, text);
        }
        Ok(())
    }
}

fn contains(name: &[u8], part: &[u8]) -> bool {
    name.windows(part.len()).any(|window| window == part)
}

/// A file's content, read where it is asked for.
struct Stream<'a> {
    contents: &'a mut Contents,
    file: &'a File,
    position: u64,
    fetch: Fetch<'a>,
}

impl Body for Stream<'_> {
    type Error = Trouble;
    const GOES_BACK: bool = true;

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Trouble> {
        let left = self.file.entry.size.saturating_sub(self.position);
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        self.contents.read(&self.file.place, self.position, &mut buffer[..count], self.fetch)?;
        self.position += count as u64;
        Ok(count)
    }

    fn skip(&mut self, count: u64) -> Result<(), Trouble> {
        self.position = self.position.saturating_add(count);
        Ok(())
    }

    fn go_to(&mut self, position: u64) -> Result<(), Trouble> {
        self.position = position;
        Ok(())
    }
}
