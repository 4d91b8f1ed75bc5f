//! Where an entry of an archive comes to lie: names cleaned, links of the layer followed, parents made.

use super::{Bearing, LONGEST_PATH, LayerIndex, Node, Refusal, refused};
use crate::limits::{ENTRIES, Limits, STEPS};
use crate::witness::Kind;
use std::sync::Arc;

/// Most links that are followed on the way to a parent (continuity `fs.RootPath`, `walkLink`).
const MOST_LINKS: usize = 255;
/// Longest component of a path (Linux `NAME_MAX`).
const LONGEST_NAME: usize = 255;

impl LayerIndex {
    /// Where an entry of this name comes to be: `None` is the root, which is passed over.
    pub(in crate::layer) fn place(
        &mut self,
        name: &[u8],
        limits: &Limits,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        self.entries += 1;
        if self.entries as u64 > limits.entries {
            let (most, hint) = (limits.entries, ENTRIES.hint());
            return Err(Refusal::Limit(format!("the layer has more than {most} entries: {hint}")));
        }
        let mut components = clean(name);
        let Some(base) = components.pop() else {
            if std::mem::replace(&mut self.root_seen, true) {
                self.note_duplicate(b"/");
            }
            return Ok(None);
        };
        if base.len() > LONGEST_NAME
            || components.iter().map(|part| part.len() + 1).sum::<usize>() > LONGEST_PATH
        {
            return refused("file name too long");
        }
        let mut path = self.resolve(&components, limits)?;
        let through_link = !path.is_empty() && !leads_to(&components.join(&b'/'), &path);
        if through_link && !self.nodes.contains_key(path.as_slice()) {
            let name = name.escape_ascii();
            let text = format!("entry {name}: no such file or directory: a link on its way leads nowhere");
            self.note(Bearing::DockerRefuses, text);
        }
        self.make_parents(&path, limits)?;
        path.push(b'/');
        path.extend_from_slice(base);
        if path.len() > LONGEST_PATH { refused("file name too long") } else { Ok(Some(path)) }
    }

    /// Follows links inside the layer; what is missing is taken as it is (continuity `fs.RootPath`).
    pub(super) fn resolve(&mut self, components: &[&[u8]], limits: &Limits) -> Result<Vec<u8>, Refusal> {
        let mut steps = self.steps;
        let path = self.walk(components, &mut steps, limits.steps);
        self.steps = steps;
        path
    }

    /// What a path leads to inside this layer alone, all links followed; `None` where nothing is there.
    pub(crate) fn follow(&self, path: &[u8]) -> Option<&Node> {
        let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
        self.get(&self.walk(&parts, &mut 0, 100_000).ok()?)
    }

    fn walk(&self, components: &[&[u8]], steps: &mut u64, most_steps: u64) -> Result<Vec<u8>, Refusal> {
        let mut pending: Vec<Vec<u8>> = components.iter().rev().map(|part| part.to_vec()).collect();
        let mut path: Vec<u8> = Vec::new();
        let mut links = 0;
        while let Some(part) = pending.pop() {
            *steps += 1;
            if *steps > most_steps {
                let hint = STEPS.hint();
                return Err(Refusal::Limit(format!("the layer's paths are too long and too many: {hint}")));
            }
            match part.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    path.truncate(parent_length(&path));
                    continue;
                }
                part => {
                    path.push(b'/');
                    path.extend_from_slice(part);
                }
            }
            let Some(node) = self.get(&path) else { continue };
            match &node.kind {
                Some(Kind::Directory) => {}
                Some(Kind::Symlink(target)) => {
                    links += 1;
                    if links > MOST_LINKS || pending.len() > LONGEST_PATH {
                        return refused("too many links");
                    }
                    path.truncate(if target.starts_with(b"/") { 0 } else { parent_length(&path) });
                    pending.extend(target.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
                }
                _ if pending.iter().all(Vec::is_empty) => {}
                _ => return refused("not a directory"),
            }
        }
        Ok(path)
    }

    /// containerd `mkparent`.
    fn make_parents(&mut self, parent: &[u8], limits: &Limits) -> Result<(), Refusal> {
        let ends = slashes(parent).chain((!parent.is_empty()).then_some(parent.len()));
        for end in ends {
            match self.nodes.get(&parent[..end]) {
                Some(node) if node.is_directory() => {}
                // Only where nothing lies beneath is a whiteout nothing, and makes way.
                Some(node) if node.kind.is_none() => {
                    let path = parent[..end].escape_ascii();
                    let text =
                        format!("entry in {path}: not a directory: the same layer has a whiteout for {path}");
                    self.note(Bearing::OverlayRefuses, text);
                    self.put(&parent[..end], Arc::new(Node::directory()), limits)?;
                }
                Some(_) => return refused("not a directory"),
                None => self.put(&parent[..end], Arc::new(Node::directory()), limits)?,
            }
        }
        Ok(())
    }
}

/// Go `filepath.Clean`, inside a root: the components that are left.
fn clean(name: &[u8]) -> Vec<&[u8]> {
    let mut components = Vec::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                components.pop();
            }
            part => components.push(part),
        }
    }
    components
}

/// Whether a name leads to this path by itself, no link on the way.
pub(super) fn leads_to(name: &[u8], path: &[u8]) -> bool {
    let parts = path.split(|byte| *byte == b'/').skip(1);
    clean(name).into_iter().eq(parts)
}

/// The length of a path's parent.
pub(super) fn parent_length(path: &[u8]) -> usize {
    path.iter().rposition(|byte| *byte == b'/').unwrap_or(0)
}

/// Where the proper ancestors of an absolute path end, the uppermost first, without the root.
pub(super) fn slashes(path: &[u8]) -> impl Iterator<Item = usize> {
    path.iter().enumerate().filter(|(at, byte)| **byte == b'/' && *at > 0).map(|(at, _)| at)
}
