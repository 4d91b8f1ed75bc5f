//! The table of a layer that was read to its end, as plain bytes: small in memory, and the same in a cache's file.
//!
//! A layer of thousands of files is asked about a few. So its records lie in the order of their paths, are looked up by
//! halving, and are decoded only where somebody asks. What was kept of the files' contents lies apart, in blocks that
//! are compressed, have a checksum each, and are read one at a time.
//!
//! Bytes that came from a file may be damaged in any way: what cannot be decoded is [`Sealed::is_damaged`] from then
//! on, and no answer is to be taken from it.

use super::Node;
use crate::witness::{Kind, Piece};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use twox_hash::XxHash3_64;

/// Unpacked bytes of a block; the last one is shorter.
const BLOCK: usize = 32 * 1024;
/// Contents are mostly tables of symbols and texts: this level halves them at some 400 MB/s.
const LEVEL: i32 = 1;
/// Decoded nodes are kept in groups of so many.
const GROUP: usize = 64;

/// Bytes that can be read at any place, by several threads.
pub(crate) trait ReadAt: Send + Sync {
    /// Fills the buffer from this place on.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for Vec<u8> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = self.get(start..).and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A block of contents: where it lies among the compressed bytes, and their XXH3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Block {
    start: u64,
    length: u32,
    check: u64,
}

/// What is written of a layer's table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// Where each record begins in `records`, in the order of paths.
    pub(crate) starts: Vec<u32>,
    /// The records.
    pub(crate) records: Vec<u8>,
    /// The blocks of `body`.
    pub(crate) blocks: Vec<Block>,
    /// Contents, compressed.
    pub(crate) body: Vec<u8>,
}

/// A node without its content.
#[derive(Serialize, Deserialize)]
struct Record {
    kind: Option<Kind>,
    mode: u32,
    uid: u32,
    gid: u32,
    size: u64,
    capability: Option<Vec<u8>>,
    fingerprint: Option<[u8; 16]>,
    opaque: bool,
    implicit: bool,
    places: Vec<Place>,
}

/// A piece of a file, and where it begins among the contents.
#[derive(Clone, Serialize, Deserialize)]
struct Place {
    offset: u64,
    start: u64,
    length: u32,
}

/// Writes nodes down one after the other.
struct Writer {
    written: Written,
    compressor: zstd::bulk::Compressor<'static>,
    block: Vec<u8>,
    /// Bytes of contents before `block`.
    passed: u64,
    /// Hard links share their content.
    shared: HashMap<*const Node, Vec<Place>>,
}

impl Written {
    /// Writes down all nodes, which are dropped one by one.
    ///
    /// # Errors
    /// Where the compressor fails, or there is too much for 32 bits.
    pub(super) fn of(nodes: BTreeMap<Box<[u8]>, Arc<Node>>) -> io::Result<Written> {
        let written =
            Written { starts: Vec::new(), records: Vec::new(), blocks: Vec::new(), body: Vec::new() };
        let mut writer = Writer {
            written,
            compressor: zstd::bulk::Compressor::new(LEVEL)?,
            block: Vec::with_capacity(BLOCK),
            passed: 0,
            shared: HashMap::new(),
        };
        for (path, node) in nodes {
            writer.put(&path, &node)?;
        }
        writer.end_block()?;
        let Written { starts, records, body, .. } = &mut writer.written;
        starts.shrink_to_fit();
        records.shrink_to_fit();
        body.shrink_to_fit();
        Ok(writer.written)
    }
}

impl Writer {
    fn put(&mut self, path: &[u8], node: &Arc<Node>) -> io::Result<()> {
        let start = u32::try_from(self.written.records.len());
        self.written.starts.push(start.map_err(io::Error::other)?);
        // All fields are named: a new one must be kept, too.
        let Node { kind, mode, uid, gid, size, capability, pieces, fingerprint, opaque, implicit } = &**node;
        let record = Record {
            kind: kind.clone(),
            mode: *mode,
            uid: *uid,
            gid: *gid,
            size: *size,
            capability: capability.clone(),
            fingerprint: *fingerprint,
            opaque: *opaque,
            implicit: *implicit,
            places: self.places(node, pieces)?,
        };
        let records = std::mem::take(&mut self.written.records);
        self.written.records = postcard::to_extend(&(path, &record), records).map_err(io::Error::other)?;
        Ok(())
    }

    fn places(&mut self, node: &Arc<Node>, pieces: &[Piece]) -> io::Result<Vec<Place>> {
        // No node is made meanwhile that could have the address of one that was dropped.
        if let Some(places) = self.shared.get(&Arc::as_ptr(node)) {
            return Ok(places.clone());
        }
        let places: Vec<Place> = pieces.iter().map(|piece| self.content(piece)).collect::<io::Result<_>>()?;
        if Arc::strong_count(node) > 1 {
            self.shared.insert(Arc::as_ptr(node), places.clone());
        }
        Ok(places)
    }

    fn content(&mut self, piece: &Piece) -> io::Result<Place> {
        let start = self.passed + self.block.len() as u64;
        let length = u32::try_from(piece.bytes.len()).map_err(io::Error::other)?;
        let mut rest = piece.bytes.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(BLOCK - self.block.len()));
            self.block.extend_from_slice(now);
            if self.block.len() == BLOCK {
                self.end_block()?;
            }
            rest = later;
        }
        Ok(Place { offset: piece.offset, start, length })
    }

    fn end_block(&mut self) -> io::Result<()> {
        if self.block.is_empty() {
            return Ok(());
        }
        let packed = self.compressor.compress(&self.block)?;
        let length = u32::try_from(packed.len()).map_err(io::Error::other)?;
        let start = self.written.body.len() as u64;
        self.written.blocks.push(Block { start, length, check: XxHash3_64::oneshot(&packed) });
        self.written.body.extend_from_slice(&packed);
        self.passed += self.block.len() as u64;
        self.block.clear();
        Ok(())
    }
}

/// Nodes that were asked about.
type Group = Box<[OnceLock<Box<Node>>]>;

/// All paths of a layer, decoded on demand.
pub(crate) struct Sealed {
    starts: Vec<u32>,
    records: Vec<u8>,
    blocks: Vec<Block>,
    body: Box<dyn ReadAt>,
    /// Whoever got a node may keep it as long as the table.
    nodes: Box<[OnceLock<Group>]>,
    /// The block that was unpacked last: who goes through the table unpacks each once.
    unpacked: Mutex<(Option<usize>, Vec<u8>)>,
    damaged: AtomicBool,
    checked: AtomicBool,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealed({} objects)", self.starts.len())
    }
}

impl Sealed {
    /// A table whose contents lie in `body`.
    pub(crate) fn new(
        starts: Vec<u32>,
        records: Vec<u8>,
        blocks: Vec<Block>,
        body: Box<dyn ReadAt>,
    ) -> Sealed {
        let groups = starts.len().div_ceil(GROUP);
        let nodes = std::iter::repeat_with(OnceLock::new).take(groups).collect();
        let (unpacked, damaged, checked) = Default::default();
        Sealed { starts, records, blocks, body, nodes, unpacked, damaged, checked }
    }

    /// Whether something in it could not be decoded. Then what it answered, before or after, is worth nothing.
    pub(crate) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Reads all contents, to see whether they are whole; once.
    pub(crate) fn check_contents(&self) {
        if self.checked.swap(true, Ordering::Relaxed) {
            return;
        }
        let mut packed = Vec::new();
        for block in &self.blocks {
            self.sound(self.packed(block, &mut packed));
        }
    }

    fn sound<T>(&self, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.damaged.store(true, Ordering::Relaxed);
        }
        value
    }

    /// The object at a path.
    pub(crate) fn get(&self, path: &[u8]) -> Option<&Node> {
        let (mut low, mut high) = (0, self.starts.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.path(middle)?.cmp(path) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return self.node(middle),
            }
        }
        None
    }

    /// Every object with its path. What was not asked about by name is not kept.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], Cow<'_, Node>)> {
        (0..self.starts.len()).filter_map(|at| {
            let known =
                self.nodes.get(at / GROUP).and_then(OnceLock::get).and_then(|group| group.get(at % GROUP));
            let node = match known.and_then(OnceLock::get) {
                Some(node) => Cow::Borrowed(&**node),
                None => Cow::Owned(self.decode(at)?),
            };
            Some((self.path(at)?, node))
        })
    }

    fn record(&self, at: usize) -> Option<&[u8]> {
        self.records.get(usize::try_from(*self.starts.get(at)?).ok()?..)
    }

    fn path(&self, at: usize) -> Option<&[u8]> {
        let path = self.record(at).and_then(|record| postcard::take_from_bytes::<&[u8]>(record).ok());
        self.sound(path).map(|(path, _)| path)
    }

    fn node(&self, at: usize) -> Option<&Node> {
        let empty = || std::iter::repeat_with(OnceLock::new).take(GROUP).collect();
        let slot = self.nodes.get(at / GROUP)?.get_or_init(empty).get(at % GROUP)?;
        if slot.get().is_none() {
            // Another thread may have been faster, with an equal node.
            let _ = slot.set(Box::new(self.decode(at)?));
        }
        slot.get().map(Box::as_ref)
    }

    fn decode(&self, at: usize) -> Option<Node> {
        let record = self.record(at).and_then(|record| postcard::from_bytes::<(&[u8], Record)>(record).ok());
        let (_, record) = self.sound(record)?;
        let Record { kind, mode, uid, gid, size, capability, fingerprint, opaque, implicit, places } = record;
        let piece = |place: &Place| Some(Piece { offset: place.offset, bytes: self.content(place)? });
        let pieces = self.sound(places.iter().map(piece).collect::<Option<_>>())?;
        Some(Node { kind, mode, uid, gid, size, capability, pieces, fingerprint, opaque, implicit })
    }

    fn content(&self, place: &Place) -> Option<Vec<u8>> {
        let end = place.start.checked_add(u64::from(place.length))?;
        if end > (self.blocks.len() * BLOCK) as u64 {
            return None;
        }
        let (mut start, end) = (usize::try_from(place.start).ok()?, usize::try_from(end).ok()?);
        let mut bytes = Vec::with_capacity(end - start);
        let mut unpacked = self.unpacked.lock().unwrap_or_else(PoisonError::into_inner);
        while start < end {
            let (number, within) = (start / BLOCK, start % BLOCK);
            if unpacked.0 != Some(number) {
                *unpacked = (None, Vec::new());
                *unpacked = (Some(number), self.unpack(number)?);
            }
            let now = (BLOCK - within).min(end - start);
            bytes.extend_from_slice(unpacked.1.get(within..within + now)?);
            start += now;
        }
        Some(bytes)
    }

    fn unpack(&self, number: usize) -> Option<Vec<u8>> {
        let mut packed = Vec::new();
        self.packed(self.blocks.get(number)?, &mut packed)?;
        zstd::bulk::decompress(&packed, BLOCK).ok()
    }

    /// The bytes of a block, if they are those that were written.
    fn packed(&self, block: &Block, bytes: &mut Vec<u8>) -> Option<()> {
        // What compression adds to a block at the most, generously.
        let length = usize::try_from(block.length).ok().filter(|length| *length <= 2 * BLOCK)?;
        bytes.resize(length, 0);
        self.body.read_exact_at(bytes, block.start).ok()?;
        (XxHash3_64::oneshot(bytes) == block.check).then_some(())
    }
}

impl From<Written> for Sealed {
    fn from(written: Written) -> Sealed {
        Sealed::new(written.starts, written.records, written.blocks, Box::new(written.body))
    }
}

#[cfg(test)]
mod tests;
