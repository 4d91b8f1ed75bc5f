//! The file of a layer: what is known of the whole, its table, and the contents that the table points to.
//!
//! ```text
//! magic, checksum, four lengths | facts | starts of records | records | blocks of contents
//! ```
//! The checksum is of everything between it and the contents, of which each block has its own. So a file that was torn
//! by a crash, cut, or altered by accident is noticed, and so is any block of contents when it is asked for. Numbers are
//! little-endian.

use crate::digest::Digest;
use crate::layer::{Block, Compression, Note, ReadAt, Sealed, Spent, Written};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::hash::Hasher as _;
use std::io;
use twox_hash::XxHash3_64;

/// Begins every file.
const MAGIC: &[u8; 8] = b"execfit\n";
/// Magic, checksum and four lengths.
const HEAD: usize = 48;
/// Who writes such files and believes them: other versions keep other things, or by other rules. The number counts the
/// changes between two versions of the crate, to what is kept, to the rules of tar and layers, or to this format.
pub(super) const FORMAT: &str = concat!(env!("CARGO_PKG_VERSION"), " 2");

/// What is known of a layer besides its table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// Digest of the blob.
    pub(crate) digest: Digest,
    /// Stored bytes.
    pub(crate) size: u64,
    /// Digest of the archive.
    pub(crate) diff_id: Digest,
    /// How the blob is compressed.
    pub(crate) compression: Compression,
    /// What is odd about the archive.
    pub(crate) notes: Vec<Note>,
    /// What reading it took.
    pub(crate) spent: Spent,
}

impl ReadAt for File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)
    }
}

/// Contents within a file.
struct Contents {
    file: File,
    start: u64,
}

impl ReadAt for Contents {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = self.start.checked_add(offset).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.file.read_exact_at(buffer, start)
    }
}

/// All of the file that comes before the contents.
pub(super) fn encode(facts: &Facts, written: &Written) -> io::Result<Vec<u8>> {
    let facts = postcard::to_allocvec(&(FORMAT, facts, &written.blocks)).map_err(io::Error::other)?;
    let lengths = [facts.len(), written.starts.len() * 4, written.records.len(), written.body.len()];
    let mut bytes = Vec::with_capacity(HEAD + lengths[..3].iter().sum::<usize>());
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&[0; 8]);
    lengths.iter().for_each(|length| bytes.extend_from_slice(&(*length as u64).to_le_bytes()));
    bytes.extend_from_slice(&facts);
    written.starts.iter().for_each(|start| bytes.extend_from_slice(&start.to_le_bytes()));
    bytes.extend_from_slice(&written.records);
    let check = XxHash3_64::oneshot(&bytes[16..]);
    bytes[8..16].copy_from_slice(&check.to_le_bytes());
    Ok(bytes)
}

/// What a file of `length` bytes says; `None` where it is not what [`encode`] and a body make, or of another version.
pub(super) fn decode(file: File, length: u64) -> Option<(Facts, Sealed)> {
    let mut head = [0; HEAD];
    file.read_exact_at(&mut head, 0).ok()?;
    let number = |at: usize| Some(u64::from_le_bytes(head.get(at..at + 8)?.try_into().ok()?));
    let (check, facts, starts, records, body) =
        (number(8)?, number(16)?, number(24)?, number(32)?, number(40)?);
    let start = (HEAD as u64).checked_add(facts)?.checked_add(starts)?.checked_add(records)?;
    // The lengths are the file's own: no more memory is taken than it has bytes.
    if &head[..8] != MAGIC || start.checked_add(body)? != length || starts % 4 != 0 {
        return None;
    }
    let mut hasher = XxHash3_64::new();
    hasher.write(&head[16..]);
    let mut position = HEAD as u64;
    let mut part = |length: u64| {
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        file.read_exact_at(&mut bytes, position).ok()?;
        hasher.write(&bytes);
        position += length;
        Some(bytes)
    };
    let (facts, starts, records) = (part(facts)?, part(starts)?, part(records)?);
    if hasher.finish() != check {
        return None;
    }
    let (format, facts, blocks) = postcard::from_bytes::<(&str, Facts, Vec<Block>)>(&facts).ok()?;
    let starts = starts.chunks_exact(4).map(|start| start.try_into().map(u32::from_le_bytes));
    let starts: Vec<u32> = starts.collect::<Result<_, _>>().ok()?;
    let table = Sealed::new(starts, records, blocks, Box::new(Contents { file, start }));
    (format == FORMAT).then_some((facts, table))
}
