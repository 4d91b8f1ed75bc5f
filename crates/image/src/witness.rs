//! What was seen of one file: everything that a verdict may rest on.

use crate::digest::Digest;
use crate::history::Attribution;
use serde::{Deserialize, Serialize};

/// One object of an image's file system as it was found: its inode, the bytes that were kept of it, and who brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// What it is.
    pub kind: Kind,
    /// Permission bits with set-id and sticky bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Mode and owner are not known: a directory that its layer only implies, and the layers beneath were not read for
    /// one who passes over permissions.
    pub mode_unread: bool,
    /// Length of a regular file in bytes.
    pub size: u64,
    /// The extended attribute `security.capability`.
    pub capability: Option<Vec<u8>>,
    /// The pieces that were kept: the head (up to 4 KiB), and of an ELF file the program headers, the text of
    /// `PT_INTERP`, and what a dynamic loader reads of it, where these lie beyond it. In order of their offsets, not
    /// overlapping.
    pub pieces: Vec<Piece>,
    /// A directory that its layer has only as the parent of something: mode and owner are as containerd makes it, after
    /// the directory beneath; Docker and Podman make it root's, 0755.
    pub implicit: bool,
    /// The layer it came with; `None` in an unpacked tree.
    pub origin: Option<Origin>,
}

/// The type of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A symbolic link with its text.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// A run of bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Where in the file it begins.
    pub offset: u64,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Piece {
    /// Where in the file the bytes after it begin.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes.len() as u64)
    }
}

/// Copies what was kept of a file from `offset` on into `buffer`; `None` where a byte of it was not kept.
pub(crate) fn read_pieces(pieces: &[Piece], size: u64, offset: u64, buffer: &mut [u8]) -> Option<usize> {
    let wanted = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX).min(buffer.len());
    let mut done = 0;
    while done < wanted {
        let at = offset + done as u64;
        let piece = pieces.iter().find(|piece| piece.offset <= at && at < piece.end())?;
        let rest = &piece.bytes[usize::try_from(at - piece.offset).ok()?..];
        let length = rest.len().min(wanted - done);
        buffer[done..done + length].copy_from_slice(&rest[..length]);
        done += length;
    }
    Some(done)
}

/// The layer that brought a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Number of the layer from the bottom, 1 first.
    pub layer: usize,
    /// How many layers the image has.
    pub layers: usize,
    /// Digest of the layer's blob.
    pub digest: Digest,
    /// The instruction that made it, as far as the image's history tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub instruction: Option<Attribution>,
    /// Whether the layer was read to its end and its digest verified.
    pub verified: bool,
    /// Whether that is only what the layer's table of contents lists; the layer itself was not read.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub as_listed: bool,
}
