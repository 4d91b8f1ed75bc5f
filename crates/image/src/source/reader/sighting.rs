//! What is known of a path without reading, and how to read on for many paths at once: what a likely answer is made of.

use super::{Child, Image};
use crate::digest::Digest;
use crate::layer::{Layer, Until};
use crate::rootfs::{Answer, Found};
use crate::source::SourceError;
use crate::witness::Witness;
use std::collections::{BTreeSet, HashSet};

/// What is known of a path without reading on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting {
    /// What stands there: the layers above were read to their ends.
    Seen(Witness),
    /// Nothing stands there: all layers that matter were read to their ends.
    Absent,
    /// Nobody knows yet. What was read has nothing there.
    Open,
}

/// A layer that was opened and not read to its end: its digest was not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// Its number from the bottom, 1 first.
    pub layer: usize,
    /// Stored bytes that were read of it.
    pub read: u64,
    /// Stored bytes that it has.
    pub size: u64,
}

impl Image {
    /// What is known of a path without reading on in any layer; layers that were read before are taken from the cache,
    /// and of a file that a table of contents lists the content is fetched. A directory that is only implied is taken
    /// as it is seen, its mode [unread](Witness::mode_unread).
    ///
    /// # Errors
    /// A [`SourceError`] where manifest or config cannot be read, or a layer cannot be what the config says.
    pub fn sighting(&mut self, manifest: &Digest, path: &[u8]) -> Result<Sighting, SourceError> {
        let child = self.prepare(manifest)?;
        loop {
            let answer = self.rootfs(&child).privileged(true).find(path);
            if self.layers.values().any(Layer::is_damaged) {
                self.forget_damaged();
                continue;
            }
            let unread = match answer {
                Answer::Found(Found { layer, .. }) if self.lacks(&child, layer, path) => {
                    self.read_listed(&child, layer, path);
                    continue;
                }
                Answer::Found(found) => return Ok(Sighting::Seen(self.testify(&child, path, found))),
                Answer::Absent => return Ok(Sighting::Absent),
                Answer::Unread(layer) => layer,
            };
            if !self.recall(&child, unread)? {
                return Ok(Sighting::Open);
            }
        }
    }

    /// Takes a layer from the cache, if it is there.
    fn recall(&mut self, child: &Child, at: usize) -> Result<bool, SourceError> {
        let layer = child.manifest.layers.get(at).and_then(|layer| self.layers.get_mut(&layer.digest));
        layer.map_or(Ok(false), |layer| layer.recall(false))
    }

    /// Reads on, from the top down, until something stands at one of these paths, or nothing more can: then all of them
    /// are absent. A layer is opened only after all above it were read to their ends.
    ///
    /// # Errors
    /// A [`SourceError`]: then nothing is known about the paths.
    pub fn read_on(&mut self, manifest: &Digest, paths: &BTreeSet<Vec<u8>>) -> Result<(), SourceError> {
        let child = self.prepare(manifest)?;
        loop {
            let topmost = self.topmost_unread(&child, paths);
            if self.layers.values().any(Layer::is_damaged) {
                self.forget_damaged();
                continue;
            }
            let Some(layer) = topmost else { return Ok(()) };
            if self.list(&child, layer) {
                continue;
            }
            self.read_layer(&child, layer, Until::Any(paths))?;
        }
    }

    /// Makes every path of a manifest have an answer: layers are taken from the cache or known by their tables of
    /// contents where they have one, and all others are read to their ends, several at once.
    ///
    /// # Errors
    /// As [`Image::sweep`].
    pub fn settle(&mut self, manifest: &Digest) -> Result<(), SourceError> {
        let child = self.prepare(manifest)?;
        let mut known = HashSet::new();
        for (at, layer) in child.manifest.layers.iter().enumerate() {
            if self.is_listed(&layer.digest) || self.recall(&child, at)? || self.list(&child, at) {
                known.insert(layer.digest.clone());
            }
        }
        let wanted = |layer: &Layer| !layer.is_complete() && !known.contains(&layer.descriptor().digest);
        self.read_all(std::slice::from_ref(manifest), wanted).map(|_| ())
    }

    /// The uppermost layer that one of these paths hangs on; `None` where something stands at one, or all are absent.
    fn topmost_unread(&self, child: &Child, paths: &BTreeSet<Vec<u8>>) -> Option<usize> {
        let rootfs = self.rootfs(child).privileged(true);
        let mut topmost = None;
        for path in paths {
            match rootfs.find(path) {
                Answer::Found(_) => return None,
                Answer::Absent => {}
                Answer::Unread(layer) => topmost = topmost.max(Some(layer)),
            }
        }
        topmost
    }

    /// The layers of a manifest that were opened and not read to their ends, the lowest first.
    pub fn unfinished(&self, manifest: &Digest) -> Vec<Unfinished> {
        let layers = self.children.get(manifest).map(|child| child.manifest.layers.as_slice());
        let layers = layers.unwrap_or_default().iter().enumerate();
        let unfinished = |(at, layer): (usize, &crate::manifest::Descriptor)| {
            let read = self.layers.get(&layer.digest).filter(|read| read.is_open())?.bytes_read();
            Some(Unfinished { layer: at + 1, read, size: layer.size })
        };
        layers.filter_map(unfinished).collect()
    }
}
