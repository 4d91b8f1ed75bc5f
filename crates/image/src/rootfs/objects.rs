//! Every object of a file system, layer by layer.

use super::{Answer, Found, Rootfs};
use std::collections::HashSet;

/// An object of one layer.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a> {
    /// The absolute path.
    pub path: &'a [u8],
    /// The object, and its layer.
    pub found: Found<'a>,
    /// A layer above has something else at the path, or removes it: a container does not see it.
    pub hidden: bool,
}

/// What the layers above say about the paths of one beneath.
#[derive(Default)]
struct Above<'a> {
    /// Paths that have an object, or a whiteout.
    decided: HashSet<&'a [u8]>,
    /// Those of them beneath which nothing of a lower layer is seen: what is no directory, or an opaque one.
    closed: HashSet<&'a [u8]>,
    /// The directory that was asked about last, and the answer: neighbours share theirs.
    last: (&'a [u8], bool),
}

impl<'a> Above<'a> {
    fn hides(&mut self, path: &'a [u8]) -> bool {
        if self.decided.contains(path) {
            return true;
        }
        let parent = &path[..path.iter().rposition(|byte| *byte == b'/').unwrap_or(0)];
        if self.last.0 != parent {
            self.last = (parent, self.closes(parent));
        }
        self.last.1
    }

    /// Whether a directory, or one above it, is closed.
    fn closes(&self, directory: &[u8]) -> bool {
        let mut directory = directory;
        while !directory.is_empty() {
            if self.closed.contains(directory) {
                return true;
            }
            directory = &directory[..directory.iter().rposition(|byte| *byte == b'/').unwrap_or(0)];
        }
        false
    }
}

impl<'a> Rootfs<'a> {
    /// Shows every object of every layer, the uppermost layer first, each in the order of its paths. The rules are
    /// those of [`Rootfs::find`], so what is not hidden is exactly what that finds. An object is there only while it is
    /// shown: a large file system does not fit into memory at once.
    ///
    /// # Errors
    /// The uppermost layer that was not read to its end, counted from the bottom, 0 first: then nothing is shown. Or one
    /// whose table, out of a cache, is damaged: then not all was shown.
    pub fn visit(&self, see: &mut dyn FnMut(Object<'_>)) -> Result<(), usize> {
        if let Some(at) = self.strata.iter().rposition(|stratum| !stratum.complete) {
            return Err(at);
        }
        let mut above = Above::default();
        for (at, stratum) in self.strata.iter().enumerate().rev() {
            let (mut decided, mut closed) = (Vec::new(), Vec::new());
            above.last = (&[], false);
            for (path, node) in stratum.index.iter() {
                let hidden = above.hides(path);
                decided.push(path);
                if !node.is_directory() || node.opaque {
                    closed.push(path);
                }
                if node.kind.is_none() {
                    continue;
                }
                let node = &*node;
                let plain = Found::new(node, Some(at));
                let found = match self.implicit_at(path, node.implicit && !hidden) {
                    Some(found) => found,
                    None => plain,
                };
                see(Object { path, found, hidden });
            }
            above.decided.extend(decided);
            above.closed.extend(closed);
        }
        // What cannot be decoded was not shown.
        let damaged = self.strata.iter().rposition(|stratum| stratum.index.is_damaged());
        damaged.map_or(Ok(()), Err)
    }

    /// Mode and owner of a directory that only exists as a parent are those of the one that it covers.
    fn implicit_at(&self, path: &[u8], implicit: bool) -> Option<Found<'a>> {
        match implicit.then(|| self.find(path))? {
            Answer::Found(found) => Some(found),
            Answer::Absent | Answer::Unread(_) => None,
        }
    }
}
