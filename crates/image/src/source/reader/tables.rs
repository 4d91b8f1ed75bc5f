//! Layers that are known by their tables of contents.

use super::{Child, Image};
use crate::digest::Digest;
use crate::layer::toc::{self, LONGEST_ZTOC, Listed, Table, Trouble};
use crate::layer::{Bearing, Layer, Note};
use crate::manifest::{Descriptor, LayerKind, Manifest};
use crate::rootfs::Stratum;
use crate::source::SourceError;
use std::collections::HashMap;
use std::ops::Range;

/// The tables of an image's layers.
#[derive(Default)]
pub(super) struct Tables {
    ignored: bool,
    /// By layer. `None`: it has no table, or none that can be used.
    listed: HashMap<Digest, Option<Listed>>,
    /// The ztocs of a manifest's SOCI index, by layer; empty where it has none.
    ztocs: HashMap<Digest, HashMap<Digest, Descriptor>>,
    notes: Vec<(Digest, String)>,
}

impl Tables {
    /// What a layer's table lists, where that is known and in use.
    fn get(&self, layer: &Digest) -> Option<&Listed> {
        self.listed.get(layer)?.as_ref()
    }

    /// Why tables were put aside, and what is odd about those in use, by layer.
    pub(super) fn notes(&self, layer: &Digest) -> impl Iterator<Item = Note> {
        let listed = self.get(layer).map(|listed| listed.index().notes()).unwrap_or_default();
        let aside = self.notes.iter().filter(move |(digest, _)| digest == layer);
        let plain = |(_, text): &(Digest, String)| Note { text: text.clone(), bearing: Bearing::Nobody };
        aside.map(plain).chain(listed.iter().cloned())
    }
}

impl Image {
    /// Reads layers, and not their tables of contents (SOCI, eStargz, zstd:chunked), from now on.
    pub fn ignore_tables(&mut self) {
        self.tables.ignored = true;
        self.tables.listed.clear();
    }

    /// Whether what is known of a layer is what its table lists.
    pub(super) fn is_listed(&self, layer: &Digest) -> bool {
        self.tables.get(layer).is_some() && !self.layers.get(layer).is_some_and(Layer::is_complete)
    }

    /// The layers of a manifest, counted from the bottom, 1 first, that were not read: what is known of them is what
    /// their tables of contents list.
    pub fn as_listed(&self, manifest: &Digest) -> Vec<usize> {
        let layers = self.children.get(manifest).map(|child| child.manifest.layers.as_slice());
        let numbered = layers.unwrap_or_default().iter().zip(1..);
        numbered.filter(|(layer, _)| self.is_listed(&layer.digest)).map(|(_, number)| number).collect()
    }

    /// What is known of a layer: where it was read to its end, the archive has the last word.
    pub(super) fn stratum<'a>(&'a self, layer: &'a Layer) -> Stratum<'a> {
        match self.tables.get(&layer.descriptor().digest) {
            Some(listed) if !layer.is_complete() => Stratum { index: listed.index(), complete: true },
            _ => layer.into(),
        }
    }

    /// Makes a layer known by its table, where nothing was read of it yet and it has one; true where more is known of
    /// the layer than before.
    pub(super) fn list(&mut self, child: &Child, at: usize) -> bool {
        let Some(descriptor) = child.manifest.layers.get(at) else { return false };
        let digest = &descriptor.digest;
        let untouched = |layer: &Layer| !layer.is_open() && !layer.is_complete();
        if self.tables.ignored || !self.layers.get(digest).is_some_and(untouched) {
            return false;
        }
        // A layer that was read before needs no table.
        match self.layers.get_mut(digest).map(|layer| layer.recall(false)) {
            Some(Ok(false)) => {}
            Some(Ok(true)) => return true,
            Some(Err(_)) | None => return false,
        }
        if !self.tables.listed.contains_key(digest) {
            let listed = self.read_table(child, descriptor).unwrap_or_else(|trouble| {
                self.tables.notes.push((digest.clone(), trouble.note()));
                None
            });
            self.tables.listed.insert(digest.clone(), listed);
        }
        self.tables.get(digest).is_some()
    }

    fn read_table(&mut self, child: &Child, descriptor: &Descriptor) -> Result<Option<Listed>, Trouble> {
        if descriptor.layer_kind() != LayerKind::Tar || !toc::is_worth_it(descriptor) {
            return Ok(None);
        }
        let table = match Table::of(descriptor) {
            Some(table) => table,
            None => match self.ztoc(child, descriptor).map_err(Trouble::Source)? {
                Some(bytes) => Table::Ztoc(bytes),
                None => return Ok(None),
            },
        };
        let store = &mut self.store;
        let mut fetch = |parts: &[Range<u64>]| store.ranges(descriptor, parts);
        Listed::read(descriptor, &table, &self.limits, &mut fetch).map(Some)
    }

    /// The ztoc of a layer, where the manifest names a SOCI index that has one.
    fn ztoc(&mut self, child: &Child, layer: &Descriptor) -> Result<Option<Vec<u8>>, SourceError> {
        if !self.tables.ztocs.contains_key(&child.digest) {
            // Asked for once, whatever comes.
            self.tables.ztocs.insert(child.digest.clone(), HashMap::new());
            if let Some(index) = toc::soci_index(&child.manifest) {
                let document = self.manifest_of(&index)?;
                let object = format!("SOCI index {} of {}", index.short(), self.name);
                let index = Manifest::parse(&document.media_type, &document.bytes)
                    .map_err(|unfit| unfit.about(&object))?;
                self.tables.ztocs.insert(child.digest.clone(), toc::ztocs(&index));
            }
        }
        let known = self.tables.ztocs.get(&child.digest).and_then(|ztocs| ztocs.get(&layer.digest));
        let Some(ztoc) = known.cloned() else { return Ok(None) };
        let object = format!("ztoc {} of {}", ztoc.digest.short(), self.name);
        self.read_blob(&ztoc, object, LONGEST_ZTOC, "it would be kept in memory").map(Some)
    }

    /// Whether the file at a path is of a layer that is known by its table, and its content was not read yet.
    pub(super) fn lacks(&self, child: &Child, at: Option<usize>, path: &[u8]) -> bool {
        let layer = at.and_then(|at| child.manifest.layers.get(at)).map(|layer| &layer.digest);
        let listed = layer.filter(|layer| self.is_listed(layer)).and_then(|layer| self.tables.get(layer));
        listed.is_some_and(|listed| listed.lacks(path))
    }

    /// Reads that content. Where the table turns out to be wrong, it is put aside.
    pub(super) fn read_listed(&mut self, child: &Child, at: Option<usize>, path: &[u8]) {
        let Some(descriptor) = at.and_then(|at| child.manifest.layers.get(at)) else { return };
        let Some(Some(listed)) = self.tables.listed.get_mut(&descriptor.digest) else { return };
        let store = &mut self.store;
        let mut fetch = |parts: &[Range<u64>]| store.ranges(descriptor, parts);
        if let Err(trouble) = listed.read_file(path, &mut fetch) {
            self.put_aside(&descriptor.digest, &trouble);
        }
    }

    /// Looks through a layer by its table, where it has one and that costs clearly less than reading the layer; true
    /// where it was done.
    pub(super) fn sweep_listed(&mut self, child: &Child, at: usize) -> bool {
        if !self.list(child, at) {
            return false;
        }
        let Some(descriptor) = child.manifest.layers.get(at) else { return false };
        let Some(Some(listed)) = self.tables.listed.get_mut(&descriptor.digest) else { return false };
        let store = &mut self.store;
        let mut fetch = |parts: &[Range<u64>]| store.ranges(descriptor, parts);
        let swept = match listed.cost() {
            Ok(cost) if !cost.is_less_than(descriptor.size) => return false,
            Ok(_) => listed.read_heads(&mut fetch),
            Err(trouble) => Err(trouble),
        };
        match swept {
            Ok(()) => true,
            Err(trouble) => {
                self.put_aside(&descriptor.digest, &trouble);
                false
            }
        }
    }

    fn put_aside(&mut self, layer: &Digest, trouble: &Trouble) {
        self.tables.listed.insert(layer.clone(), None);
        self.tables.notes.push((layer.clone(), trouble.note()));
    }
}
