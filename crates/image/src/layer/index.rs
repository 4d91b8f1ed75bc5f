//! What one layer does to the tree beneath it.
//!
//! A layer is unpacked alone, into an empty directory of its own (containerd `core/diff/apply/apply_linux.go`, moby
//! overlay2): its parents, links and hard links are looked for in itself only. The rules are those of containerd's
//! `pkg/archive/tar.go` (`applyNaive`, `createTarFile`, `mkparent`) and continuity's `fs.RootPath`.

mod note;
mod place;
pub(crate) mod sealed;

pub use note::{Bearing, Effect, Note};

use super::spent::Spent;
use crate::limits::{INDEX_BYTES, Limits, STEPS};
use crate::tar::{Entry, Type};
use crate::witness::{Kind, Piece};
use place::{leads_to, parent_length, slashes};
use sealed::{Sealed, Written};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

/// Begins the name of a whiteout (OCI image-spec layer.md, "Whiteouts").
const WHITEOUT: &[u8] = b".wh.";
/// The name of an opaque marker.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// Begins other names that AUFS kept for itself.
const AUFS: &[u8] = b".wh..wh.";
/// Longest path (Linux `PATH_MAX`).
const LONGEST_PATH: usize = 4096;
/// What a node costs besides its path and content, about (measured: 300,000 empty files take 75 MB).
const NODE_COST: usize = 220;
/// Cost of the largest layer that is put into one table, whose places have 32 bits: records take less than they cost.
const LARGEST_TABLE: usize = 1 << 30;

/// One object of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is; `None` is a whiteout.
    pub kind: Option<Kind>,
    /// Permission bits with set-id and sticky bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length of a regular file.
    pub size: u64,
    /// `security.capability`.
    pub capability: Option<Vec<u8>>,
    /// What was kept of its content.
    pub pieces: Vec<Piece>,
    /// XXH3 (128 bits, big-endian) of the whole content of an ELF file that has passed wholly.
    pub fingerprint: Option<[u8; 16]>,
    /// A directory that hides what lower layers have in it.
    pub opaque: bool,
    /// A directory without an entry of its own: only the parent of others.
    pub implicit: bool,
}

impl Node {
    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.kind == Some(Kind::Directory)
    }

    fn directory() -> Node {
        Node {
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
        }
    }

    fn whiteout() -> Node {
        Node { kind: None, implicit: false, ..Node::directory() }
    }
}

/// What a layer says about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It has an object there.
    Here(&'a Node),
    /// It hides whatever lower layers have there.
    Hidden,
    /// Nothing.
    Silent,
}

/// Why an entry is refused: a runtime's words, or a limit of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    Runtime(String),
    Limit(String),
}

fn refused<T>(words: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::Runtime(words.into()))
}

/// All paths of a layer, as far as it was read: nodes in memory while it is read, one table of bytes afterwards.
#[derive(Debug, Clone, Default)]
pub struct LayerIndex {
    nodes: BTreeMap<Box<[u8]>, Arc<Node>>,
    /// The table of a layer that was read to its end, in place of `nodes`.
    sealed: Option<Arc<Sealed>>,
    notes: Vec<Note>,
    /// Paths whose entries came to them through a link.
    linked: BTreeSet<Box<[u8]>>,
    root_seen: bool,
    entries: usize,
    cost: usize,
    heads: usize,
    steps: u64,
}

impl LayerIndex {
    /// The object at a path (`/usr/bin/env`), whiteouts included. `/` itself belongs to no layer.
    pub fn get(&self, path: &[u8]) -> Option<&Node> {
        match &self.sealed {
            Some(sealed) => sealed.get(path),
            None => self.nodes.get(path).map(Arc::as_ref),
        }
    }

    /// Every object with its path, in the order of paths. Those of a layer that was read to its end are decoded as the
    /// iterator comes to them, and not kept: hold none longer than it is needed.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Cow<'_, Node>)> {
        let built = self.nodes.iter().map(|(path, node)| (path.as_ref(), Cow::Borrowed(node.as_ref())));
        built.chain(self.sealed.iter().flat_map(|sealed| sealed.iter()))
    }

    /// What a table says.
    pub(crate) fn of_table(table: Sealed, notes: Vec<Note>) -> LayerIndex {
        LayerIndex { sealed: Some(Arc::new(table)), notes, ..LayerIndex::default() }
    }

    /// Takes all nodes out, as one table of bytes, with which [`LayerIndex::of_table`] answers as before. `None` where
    /// so much was kept that no table holds it: then they stay.
    ///
    /// # Errors
    /// Where memory is short. The nodes are gone then.
    pub(super) fn take_table(&mut self) -> io::Result<Option<Written>> {
        if self.sealed.is_some() || self.cost > LARGEST_TABLE {
            return Ok(None);
        }
        Written::of(std::mem::take(&mut self.nodes)).map(Some)
    }

    /// What reading took until now.
    pub(super) fn spent(&self, unpacked: u64, limits: &Limits) -> Spent {
        Spent {
            unpacked,
            entries: self.entries as u64,
            kept: (self.cost + self.heads) as u64,
            heads: self.heads as u64,
            steps: self.steps,
            head_bytes: limits.head_bytes,
        }
    }

    /// Whether it is a table that turned out to be damaged.
    pub(crate) fn is_damaged(&self) -> bool {
        self.sealed.as_ref().is_some_and(|sealed| sealed.is_damaged())
    }

    /// Looks once through the contents of a table that lies in a file.
    pub(super) fn check_contents(&self) {
        if let Some(sealed) = &self.sealed {
            sealed.check_contents();
        }
    }

    /// What is odd about the layer without making runtimes refuse it.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Keeps an oddity: the first hundred, and the first of each kind whatever came before.
    pub(super) fn note(&mut self, bearing: Bearing, text: impl Into<String>) {
        let new = bearing != Bearing::Nobody && !self.notes.iter().any(|note| note.bearing == bearing);
        if self.notes.len() < 100 || new {
            self.notes.push(Note { text: text.into(), bearing });
        }
    }

    /// Whether so much was kept that heads must be short from now on.
    pub(super) fn is_thrifty(&self, limits: &Limits) -> bool {
        self.heads as u64 > limits.head_bytes
    }

    /// What the layer says about a path. Overlayfs looks from the top down: an object here is the answer; a whiteout,
    /// something that is no directory, or an opaque directory on the way ends the search (Linux
    /// `fs/overlayfs/namei.c`, `ovl_lookup`).
    pub fn standing(&self, path: &[u8]) -> Standing<'_> {
        match self.get(path) {
            Some(Node { kind: None, .. }) => return Standing::Hidden,
            Some(node) => return Standing::Here(node),
            None => {}
        }
        for end in slashes(path) {
            match self.get(&path[..end]) {
                Some(node) if node.is_directory() && !node.opaque => {}
                Some(_) => return Standing::Hidden,
                None => return Standing::Silent,
            }
        }
        Standing::Silent
    }

    /// Keeps the fingerprint of the file that was put last.
    pub(super) fn set_fingerprint(&mut self, path: &[u8], fingerprint: [u8; 16]) {
        if let Some(node) = self.nodes.get_mut(path) {
            Arc::make_mut(node).fingerprint = Some(fingerprint);
        }
    }

    fn put(&mut self, path: &[u8], node: Arc<Node>, limits: &Limits) -> Result<(), Refusal> {
        let target = if let Some(Kind::Symlink(target)) = &node.kind { target.len() } else { 0 };
        self.cost += NODE_COST + path.len() + target + node.capability.as_ref().map_or(0, Vec::len);
        // Hard links share their content, and it is counted once: `insert` does.
        if (self.cost + self.heads) as u64 > limits.index_bytes {
            let limit = limits.index_bytes;
            return Err(Refusal::Limit(format!(
                "the layer's table of contents takes more than {limit} bytes: {}",
                INDEX_BYTES.hint()
            )));
        }
        self.nodes.insert(path.into(), node);
        Ok(())
    }

    /// Removes an object and all beneath it.
    fn remove(&mut self, path: &[u8]) {
        if self.nodes.remove(path).is_none_or(|node| !node.is_directory()) {
            return;
        }
        let below = [path, b"/"].concat();
        let keys = self.nodes.range(below.clone().into_boxed_slice()..).map(|(key, _)| key);
        let doomed: Vec<Box<[u8]>> = keys.take_while(|key| key.starts_with(&below)).cloned().collect();
        for key in doomed {
            self.nodes.remove(&key);
        }
    }

    /// Applies a whiteout or a marker, if it is one; false where it is an ordinary entry.
    pub(super) fn apply_whiteout(&mut self, path: &[u8], limits: &Limits) -> Result<bool, Refusal> {
        let slash = parent_length(path);
        let (parent, base) = (&path[..slash], &path[slash + 1..]);
        if base == OPAQUE {
            self.make_opaque(parent);
            return Ok(true);
        }
        let Some(name) = base.strip_prefix(WHITEOUT) else { return Ok(false) };
        if matches!(name, b"" | b"." | b"..") {
            return refused(format!("invalid whiteout name: {}", base.escape_ascii()));
        }
        if base.starts_with(AUFS) {
            return Ok(true);
        }
        let hidden = [parent, b"/", name].concat();
        if self.nodes.contains_key(hidden.as_slice()) {
            let (entry, own) = (path.escape_ascii(), hidden.escape_ascii());
            let text = format!(
                "entry {entry}: failed to convert whiteout file: file exists (mknod): {own} is in the same layer"
            );
            self.note(Bearing::OverlayRefuses, text);
            self.remove(&hidden);
        }
        self.put(&hidden, Arc::new(Node::whiteout()), limits)?;
        Ok(true)
    }

    /// containerd `OverlayConvertWhiteout`. Overlayfs itself looks at no such mark on the root of a layer.
    fn make_opaque(&mut self, path: &[u8]) {
        match self.nodes.get_mut(path) {
            Some(node) if node.opaque => self.note_duplicate(&[path, b"/", OPAQUE].concat()),
            Some(node) => Arc::make_mut(node).opaque = true,
            None => self
                .note(Bearing::Nobody, "an opaque marker at the root, which overlay file systems pass over"),
        }
    }

    /// What Docker and Podman refuse, as both keep archives with tar-split, which names every entry once
    /// (`tar/storage/packer.go`, `ErrDuplicatePath`).
    pub(super) fn note_duplicate(&mut self, path: &[u8]) {
        let path = if path.is_empty() { b"/" } else { path };
        let text = format!(
            "entry {}: duplicates of file paths not supported: the layer has it twice",
            path.escape_ascii()
        );
        self.note(Bearing::DockerRefuses, text);
    }

    /// Puts an entry at its place, as `createTarFile` does.
    pub(super) fn insert(
        &mut self,
        path: &[u8],
        entry: &Entry,
        pieces: Vec<Piece>,
        limits: &Limits,
    ) -> Result<(), Refusal> {
        // tar-split compares names, not where links lead them.
        let direct = leads_to(&entry.name, path);
        let kept = match self.nodes.get(path) {
            Some(old) => {
                let merged = old.is_directory() && entry.kind == Type::Directory;
                let kept = merged && old.opaque;
                if !old.implicit && old.kind.is_some() && direct != self.linked.contains(path) {
                    self.note_duplicate(path);
                }
                if !merged {
                    self.remove(path);
                }
                kept
            }
            None => false,
        };
        if direct {
            self.linked.remove(path);
        } else {
            self.cost += NODE_COST + path.len();
            self.linked.insert(path.into());
        }
        if entry.kind == Type::Hardlink {
            let node = self.hardlink(entry, limits)?;
            return self.put(path, node, limits);
        }
        let mut node = node_of(entry)?;
        self.heads += pieces.iter().map(|piece| piece.bytes.len()).sum::<usize>();
        node.pieces = pieces;
        node.opaque |= kept;
        self.overlay_attributes(path, entry, &node);
        self.put(path, Arc::new(node), limits)
    }

    /// Where the target of a hard link lies: links on the way to it are followed inside the layer.
    pub(super) fn link_target(&mut self, target: &[u8], limits: &Limits) -> Result<Vec<u8>, Refusal> {
        let slash = target.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let (parent, base) = target.split_at(slash);
        let parts: Vec<&[u8]> = parent.split(|byte| *byte == b'/').collect();
        let mut path = self.resolve(&parts, limits)?;
        path.push(b'/');
        path.extend_from_slice(base);
        Ok(path)
    }

    /// Keeps what was read of a file after it was put, where it still stands there.
    pub(super) fn keep_pieces(&mut self, path: &[u8], pieces: &[Piece]) {
        if let Some(node) = self.nodes.get_mut(path).filter(|node| node.kind == Some(Kind::Regular)) {
            Arc::make_mut(node).pieces = pieces.to_vec();
        }
    }

    /// containerd `hardlinkRootPath` and `link(2)`: the target must be in the layer already.
    fn hardlink(&mut self, entry: &Entry, limits: &Limits) -> Result<Arc<Node>, Refusal> {
        let target = entry.link.as_slice();
        let path = self.link_target(target, limits)?;
        match self.nodes.get(path.as_slice()) {
            Some(node) if node.is_directory() => {
                refused("link: operation not permitted: its target is a directory")
            }
            Some(node) => {
                let node = Arc::clone(node);
                self.change_inode(node, entry, limits)
            }
            None => refused(format!(
                "link: no such file or directory: its target {} is not in the same layer before it",
                target.escape_ascii()
            )),
        }
    }

    /// The header of a hard link changes the file that all its names share: owner, then attributes, then mode are set
    /// as of any file, and `chown(2)` takes capabilities away (containerd `archive/tar.go` and moby
    /// `pkg/archive/archive.go`, `createTarFile`; seen).
    fn change_inode(&mut self, old: Arc<Node>, entry: &Entry, limits: &Limits) -> Result<Arc<Node>, Refusal> {
        if old.kind != Some(Kind::Regular) {
            return Ok(old);
        }
        let capability = capability(entry);
        let (uid, gid) = (id(entry.uid), id(entry.gid));
        if (old.mode, old.uid, old.gid, &old.capability) == (entry.mode, uid, gid, &capability) {
            return Ok(old);
        }
        self.steps += self.nodes.len() as u64;
        if self.steps > limits.steps {
            return Err(Refusal::Limit(format!("the layer's hard links are too many: {}", STEPS.hint())));
        }
        let new = Arc::new(Node { mode: entry.mode, uid, gid, capability, ..Node::clone(&old) });
        for node in self.nodes.values_mut().filter(|node| Arc::ptr_eq(node, &old)) {
            *node = Arc::clone(&new);
        }
        Ok(new)
    }

    /// Attributes of overlayfs's own in an archive: Docker and Podman set them like all others, so that they take
    /// effect, containerd does not (seen).
    fn overlay_attributes(&mut self, path: &[u8], entry: &Entry, node: &Node) {
        let path = path.escape_ascii();
        for (name, value) in &entry.xattrs {
            let effective = match name.as_slice() {
                b"trusted.overlay.opaque" => value == b"y" && node.is_directory(),
                b"trusted.overlay.redirect" | b"trusted.overlay.metacopy" => true,
                _ => false,
            };
            if effective {
                let name = name.escape_ascii();
                let text = format!(
                    "entry {path} carries the attribute {name}, which takes effect with Docker and Podman alone"
                );
                self.note(Bearing::DockerDiffers, text);
            }
        }
    }
}

/// `security.capability` of an entry.
fn capability(entry: &Entry) -> Option<Vec<u8>> {
    let found = entry.xattrs.iter().find(|(name, _)| name == b"security.capability");
    found.map(|(_, value)| value.clone())
}

/// `chown(2)` takes 32 bits.
fn id(id: u64) -> u32 {
    u32::try_from(id & 0xffff_ffff).unwrap_or(0)
}

fn node_of(entry: &Entry) -> Result<Node, Refusal> {
    let kind = match entry.kind {
        Type::Regular | Type::RegularOld => Some(Kind::Regular),
        Type::Directory => Some(Kind::Directory),
        Type::Symlink if entry.link.is_empty() => return refused("symlink: no such file or directory"),
        Type::Symlink if entry.link.len() >= LONGEST_PATH => return refused("symlink: file name too long"),
        Type::Symlink => Some(Kind::Symlink(entry.link.clone())),
        // Such a device is what a whiteout becomes when it is unpacked.
        Type::CharDevice => (entry.device != (0, 0)).then_some(Kind::CharDevice),
        Type::BlockDevice => Some(Kind::BlockDevice),
        Type::Fifo => Some(Kind::Fifo),
        Type::Other(flag) => return refused(format!("unhandled tar header type {flag}")),
        Type::Hardlink | Type::PaxHeader | Type::PaxGlobal | Type::GnuLongName | Type::GnuLongLink => {
            return refused("archive/tar: invalid tar header");
        }
    };
    Ok(Node {
        mode: if matches!(kind, Some(Kind::Symlink(_))) { 0o777 } else { entry.mode },
        uid: id(entry.uid),
        gid: id(entry.gid),
        size: if kind == Some(Kind::Regular) { entry.size } else { 0 },
        capability: capability(entry),
        pieces: Vec::new(),
        fingerprint: None,
        opaque: false,
        implicit: false,
        kind,
    })
}
