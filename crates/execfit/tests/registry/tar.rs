//! Layers: ustar archives written by hand, and what is in them.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// What stands at one path.
#[derive(Debug, Clone)]
pub struct Entry {
    pub(super) path: String,
    pub(super) mode: u32,
    pub(super) owner: (u32, u32),
    pub(super) what: What,
}

/// The kinds of entry.
#[derive(Debug, Clone)]
pub(super) enum What {
    File(Vec<u8>),
    Symlink(String),
    Directory,
}

impl Entry {
    /// The same, of another user and group.
    #[must_use]
    pub fn owned_by(self, uid: u32, gid: u32) -> Entry {
        Entry { owner: (uid, gid), ..self }
    }

    fn new(path: &str, mode: u32, what: What) -> Entry {
        Entry { path: path.trim_start_matches('/').into(), mode, owner: (0, 0), what }
    }
}

/// A regular file.
pub fn file(path: &str, mode: u32, bytes: impl Into<Vec<u8>>) -> Entry {
    Entry::new(path, mode, What::File(bytes.into()))
}

/// A symbolic link.
pub fn link(path: &str, target: &str) -> Entry {
    Entry::new(path, 0o777, What::Symlink(target.into()))
}

/// A directory.
pub fn directory(path: &str, mode: u32) -> Entry {
    Entry::new(path, mode, What::Directory)
}

/// What removes `path` from the layers below.
pub fn whiteout(path: &str) -> Entry {
    let path = path.trim_start_matches('/');
    let (parent, name) = path.rsplit_once('/').map_or((String::new(), path), |(p, n)| (format!("{p}/"), n));
    file(&format!("{parent}.wh.{name}"), 0o644, "")
}

/// A ustar archive.
pub(super) fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        let content: &[u8] = if let What::File(content) = &entry.what { content } else { &[] };
        bytes.extend(header(entry, content.len()));
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// POSIX.1-1988, "Extended tar Format".
fn header(entry: &Entry, size: usize) -> [u8; 512] {
    let (kind, target) = match &entry.what {
        What::File(_) => (b'0', ""),
        What::Symlink(target) => (b'2', target.as_str()),
        What::Directory => (b'5', ""),
    };
    let mut block = [0; 512];
    let mut put = |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
    assert!(entry.path.len() < 100 && target.len() < 100, "{}: too long for this writer", entry.path);
    put(0, &entry.path);
    put(100, &format!("{:07o}", entry.mode));
    put(108, &format!("{:07o}", entry.owner.0));
    put(116, &format!("{:07o}", entry.owner.1));
    put(124, &format!("{size:011o}"));
    put(136, "00000000000");
    put(148, "        ");
    put(157, target);
    put(257, "ustar");
    put(263, "00");
    block[156] = kind;
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// gzip.
pub(super) fn packed(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
