//! Layers laid over each other: the tree of files that a container sees.
//!
//! As overlay file systems have it (Linux `fs/overlayfs/namei.c`): the uppermost layer that has something at a path
//! decides, unless a whiteout, an opaque directory or something that is no directory hides it from above.

mod objects;

pub use objects::Object;

use crate::layer::{Layer, LayerIndex, Node as Inode, Standing};
use crate::witness::{Kind, read_pieces};
use execfit_kernel::tree::{self, FileTree, Gap, Node};

/// One layer, as far as it was read.
#[derive(Clone, Copy)]
pub struct Stratum<'a> {
    /// What was seen of it.
    pub index: &'a LayerIndex,
    /// Whether that is all of it.
    pub complete: bool,
}

impl<'a> From<&'a Layer> for Stratum<'a> {
    fn from(layer: &'a Layer) -> Stratum<'a> {
        Stratum { index: layer.index(), complete: layer.is_complete() }
    }
}

/// A file system of layers, the lowest first.
#[derive(Clone)]
pub struct Rootfs<'a> {
    strata: Vec<Stratum<'a>>,
    privileged: bool,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<'a> {
    /// An object.
    Found(Found<'a>),
    /// Nothing, and all layers that matter were read to their ends.
    Absent,
    /// It depends on what was not read yet of this layer, counted from the bottom, 0 first.
    Unread(usize),
}

/// An object and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found<'a> {
    /// The object.
    pub node: &'a Inode,
    /// Permission bits: for a directory that only exists as a parent, those of the directory that it covers.
    pub mode: u32,
    /// Owner, likewise.
    pub uid: u32,
    /// Group, likewise.
    pub gid: u32,
    /// Its layer, counted from the bottom, 0 first; the root itself is of none.
    pub layer: Option<usize>,
    /// Mode and owner are not known: for a [privileged](Rootfs::privileged) asker the layers that have them were not
    /// read.
    pub mode_unread: bool,
}

/// The root directory. Runtimes pass over entries for it (containerd `archive/tar.go`: "ignored: resolved to root").
static ROOT: Inode = Inode {
    kind: Some(Kind::Directory),
    mode: 0o755,
    uid: 0,
    gid: 0,
    size: 0,
    capability: None,
    pieces: Vec::new(),
    fingerprint: None,
    opaque: false,
    implicit: true,
};

impl<'a> Found<'a> {
    fn new(node: &'a Inode, layer: Option<usize>) -> Found<'a> {
        Found { node, mode: node.mode, uid: node.uid, gid: node.gid, layer, mode_unread: false }
    }
}

impl<'a> Rootfs<'a> {
    /// Lays layers over each other, the lowest first.
    pub fn new(strata: impl IntoIterator<Item = impl Into<Stratum<'a>>>) -> Rootfs<'a> {
        Rootfs { strata: strata.into_iter().map(Into::into).collect(), privileged: false }
    }

    /// The asker ignores permission bits of directories (it is root with `CAP_DAC_OVERRIDE`): no layer is asked for
    /// only because of them.
    pub fn privileged(mut self, privileged: bool) -> Rootfs<'a> {
        self.privileged = privileged;
        self
    }

    /// What stands at a path that is free of links, as [`FileTree`] has them.
    pub fn find(&self, path: &[u8]) -> Answer<'a> {
        if path == b"/" || path.is_empty() {
            return Answer::Found(Found::new(&ROOT, None));
        }
        for (at, stratum) in self.strata.iter().enumerate().rev() {
            match stratum.index.standing(path) {
                Standing::Here(node) if node.implicit => return self.implicit(path, node, at),
                Standing::Here(node) => return Answer::Found(Found::new(node, Some(at))),
                // What was not read yet may stand there after all, or take a whiteout back.
                Standing::Hidden | Standing::Silent if !stratum.complete => return Answer::Unread(at),
                Standing::Hidden => return Answer::Absent,
                Standing::Silent => {}
            }
        }
        Answer::Absent
    }

    /// A directory that its layer has only as the parent of something: containerd gives it mode and owner of the
    /// directory beneath it (`archive/tar.go`, `mkparent`); Docker makes it root's, 0755.
    fn implicit(&self, path: &[u8], node: &'a Inode, at: usize) -> Answer<'a> {
        let own = Answer::Found(Found::new(node, Some(at)));
        let unread = |layer| match self.privileged {
            true => Answer::Found(Found { mode_unread: true, ..Found::new(node, Some(at)) }),
            false => Answer::Unread(layer),
        };
        // Its own entry may still come.
        if !self.strata.get(at).is_some_and(|stratum| stratum.complete) {
            return unread(at);
        }
        for (below, stratum) in self.strata.iter().enumerate().take(at).rev() {
            match stratum.index.follow(path) {
                Some(below) if below.is_directory() && !below.implicit => {
                    let Inode { mode, uid, gid, .. } = *below;
                    return Answer::Found(Found { mode, uid, gid, ..Found::new(node, Some(at)) });
                }
                Some(node) if node.is_directory() && stratum.complete => {}
                Some(node) if node.kind.is_some() && !node.is_directory() => return own,
                _ if !stratum.complete => return unread(below),
                // A whiteout, which is a device by then.
                Some(_) => return own,
                None => {}
            }
        }
        own
    }
}

impl FileTree for Rootfs<'_> {
    fn lookup(&self, path: &[u8]) -> Result<Option<Node<'_>>, Gap> {
        match self.find(path) {
            Answer::Found(found) => Ok(Some(Node {
                kind: kind(found.node),
                mode: found.mode,
                uid: found.uid,
                gid: found.gid,
                size: found.node.size,
                capability: found.node.capability.as_deref(),
                noexec: false,
            })),
            Answer::Absent => Ok(None),
            Answer::Unread(layer) => Err(Gap::Unread { path: path.to_vec(), layer: Some(layer) }),
        }
    }

    fn read_at(&self, path: &[u8], offset: u64, buffer: &mut [u8]) -> Result<usize, Gap> {
        match self.find(path) {
            Answer::Found(found) if found.node.kind == Some(Kind::Regular) => {
                read_pieces(&found.node.pieces, found.node.size, offset, buffer).ok_or_else(|| Gap::Hidden {
                    path: path.to_vec(),
                    by: "a limit of ours: that part of the file was not kept".into(),
                })
            }
            Answer::Found(_) | Answer::Absent => Ok(0),
            Answer::Unread(layer) => Err(Gap::Unread { path: path.to_vec(), layer: Some(layer) }),
        }
    }
}

/// The kernel's word for what an object is. (A whiteout is never found.)
fn kind(node: &Inode) -> tree::Kind<'_> {
    match &node.kind {
        Some(Kind::Regular) => tree::Kind::Regular,
        Some(Kind::Directory) => tree::Kind::Directory,
        Some(Kind::Symlink(target)) => tree::Kind::Symlink(target),
        Some(Kind::CharDevice) | None => tree::Kind::CharDevice,
        Some(Kind::BlockDevice) => tree::Kind::BlockDevice,
        Some(Kind::Fifo) => tree::Kind::Fifo,
        Some(Kind::Socket) => tree::Kind::Socket,
    }
}

#[cfg(test)]
mod tests;
