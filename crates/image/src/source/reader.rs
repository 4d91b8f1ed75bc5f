//! Reads an image out of a [`Store`]: documents first, and of the layers only as much as a question needs.

mod sweep;

use super::{Document, Selector, SourceError, Store, Tally, Witnesses};
use crate::cache::Cache;
use crate::config::Config;
use crate::digest::Digest;
use crate::history;
use crate::index::Entry;
use crate::layer::{Effect, Layer, Note, Until};
use crate::limits::{DOCUMENT_BYTES, INDEX_DEPTH, INDEX_ENTRIES, LAYERS, Limits};
use crate::manifest::{Descriptor, DocumentKind, Manifest, index_of, kind_of};
use crate::platform::Runtime;
use crate::rootfs::{Answer, Found, Rootfs};
use crate::witness::{Kind, Origin, Witness};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use sweep::Job;
use tables::Tables;

mod kept;
mod tables;

/// Of how many entries without a platform the config is read.
const MOST_RESOLVED: usize = 16;

/// Is told how far the reading of layers has come.
pub trait Progress: Send {
    /// `read` of `size` stored bytes of a layer, `number` of `layers` from the bottom, 1 first. Called often.
    fn layer(&mut self, number: usize, layers: usize, read: u64, size: u64);
}

/// Tells nobody.
impl Progress for () {
    fn layer(&mut self, _: usize, _: usize, _: u64, _: u64) {}
}

/// An opened image reference: an index, or one manifest.
pub struct Image {
    store: Box<dyn Store>,
    name: String,
    root: Document,
    index: bool,
    entries: Vec<Entry>,
    children: HashMap<Digest, Child>,
    /// Layers by digest: platforms may share them.
    layers: HashMap<Digest, Layer>,
    limits: Limits,
    cache: Option<Cache>,
    progress: Box<dyn Progress>,
    tables: Tables,
}

/// One manifest of an image with its config, both verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// Digest of the manifest.
    pub digest: Digest,
    /// The manifest.
    pub manifest: Manifest,
    /// The config.
    pub config: Config,
}

/// Something odd about one layer of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerNote {
    /// Number of the layer from the bottom, 1 first.
    pub layer: usize,
    /// Its digest.
    pub digest: Digest,
    /// What is odd.
    #[serde(flatten)]
    pub note: Note,
}

impl LayerNote {
    /// What it means to a runtime.
    pub fn effect(&self, runtime: Runtime) -> Option<Effect> {
        self.note.bearing.effect(runtime, self.layer == 1)
    }
}

impl Image {
    /// Reads the document that the selector names, and the indexes in it. `name` is how the image is called in
    /// messages. Configs are read only of entries of an index that claim no platform.
    ///
    /// # Errors
    /// A [`SourceError`].
    pub fn open(store: Box<dyn Store>, name: String, selector: Selector) -> Result<Image, SourceError> {
        Image::open_within(store, name, selector, Limits::default(), None)
    }

    /// The same, within these limits, and with a cache for what is content-addressed: documents that the first one
    /// points to, and layers.
    ///
    /// # Errors
    /// A [`SourceError`].
    pub fn open_within(
        store: Box<dyn Store>,
        name: String,
        selector: Selector,
        limits: Limits,
        cache: Option<Cache>,
    ) -> Result<Image, SourceError> {
        let mut store = store;
        let root = store.document(&selector)?;
        let index = kind_of(&root.media_type, &root.bytes).map_err(|unfit| unfit.about(&name))?
            == DocumentKind::Index;
        let mut image = Image {
            store,
            name,
            root,
            index,
            entries: Vec::new(),
            children: HashMap::new(),
            layers: HashMap::new(),
            limits,
            cache,
            progress: Box::new(()),
            tables: Tables::default(),
        };
        if index {
            let root = image.root.clone();
            image.collect(&root, 1, &mut 0)?;
            image.resolve_platforms()?;
        } else {
            image.entries.push(Entry::single(Descriptor {
                media_type: image.root.media_type.clone(),
                digest: image.root.digest.clone(),
                size: image.root.bytes.len() as u64,
                annotations: BTreeMap::new(),
                artifact_type: None,
            }));
        }
        Ok(image)
    }

    /// How the image is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Digest of the document that the reference names: an index or a manifest.
    pub fn digest(&self) -> &Digest {
        &self.root.digest
    }

    /// Whether the reference names an index.
    pub fn is_index(&self) -> bool {
        self.index
    }

    /// What the index holds, in its order, nested ones in place, attestations and artifacts too; without an index one
    /// entry, whose platform only its config tells.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What was asked of the medium so far.
    pub fn tally(&self) -> Tally {
        self.store.tally()
    }

    /// The mirrors that something was read from.
    pub fn mirrors(&self) -> Vec<String> {
        self.store.mirrors()
    }

    /// Sets who is told about progress.
    pub fn set_progress(&mut self, progress: Box<dyn Progress>) {
        self.progress = progress;
    }

    /// Takes the entries out of an index, and out of the indexes in it. `seen` counts all of them.
    fn collect(&mut self, document: &Document, depth: u64, seen: &mut u64) -> Result<(), SourceError> {
        let object = if depth == 1 { self.name.clone() } else { self.object(&document.digest) };
        let broken = |detail: String| SourceError::Broken { object: object.clone(), detail };
        let (deepest, most) = (self.limits.index_depth, self.limits.index_entries);
        if depth > deepest {
            let hint = INDEX_DEPTH.hint();
            return Err(broken(format!("indexes lie in indexes, more than {deepest} deep: {hint}")));
        }
        let index = index_of(&document.media_type, &document.bytes).map_err(|unfit| unfit.about(&object))?;
        *seen += index.entries.len() as u64;
        if *seen > most {
            return Err(broken(format!("it has more than {most} entries: {}", INDEX_ENTRIES.hint())));
        }
        for entry in index.entries.into_iter() {
            let is_index =
                entry.media_type.contains("index.v1") || entry.media_type.contains("manifest.list.v2");
            if is_index && entry.is_runnable() {
                let inner = self.document(&entry)?;
                self.collect(&inner, depth + 1, seen)?;
            } else {
                self.entries.push(Entry { nested: depth > 1, ..entry });
            }
        }
        Ok(())
    }

    /// Reads the configs of entries that claim no platform: containerd asks them.
    fn resolve_platforms(&mut self) -> Result<(), SourceError> {
        let silent = |(_, entry): &(usize, &Entry)| entry.platform.is_none() && entry.is_runnable();
        let silent: Vec<(usize, Digest)> = self
            .entries
            .iter()
            .enumerate()
            .filter(silent)
            .take(MOST_RESOLVED)
            .map(|(at, entry)| (at, entry.digest.clone()))
            .collect();
        for (at, digest) in silent {
            let platform = match self.child(&digest) {
                Ok(child) => child.config.platform(),
                Err(SourceError::Unsupported { .. }) => continue,
                Err(error) => return Err(error),
            };
            if let Some(entry) = self.entries.get_mut(at) {
                entry.resolve(&platform);
            }
        }
        Ok(())
    }

    fn object(&self, digest: &Digest) -> String {
        format!("manifest {} of {}", digest.short(), self.name)
    }

    /// A document that an index points to, its size compared.
    fn document(&mut self, entry: &Entry) -> Result<Document, SourceError> {
        let document = self.manifest_of(&entry.digest)?;
        if document.bytes.len() as u64 == entry.size {
            return Ok(document);
        }
        let detail = format!("it has {} bytes, and the index says {}", document.bytes.len(), entry.size);
        Err(SourceError::Broken { object: self.object(&entry.digest), detail })
    }

    /// A manifest and its config, read once.
    ///
    /// # Errors
    /// A [`SourceError`]; [`SourceError::Unsupported`] for attestations and artifacts.
    pub fn child(&mut self, digest: &Digest) -> Result<&Child, SourceError> {
        if !self.children.contains_key(digest) {
            let child = self.read_child(digest)?;
            self.children.insert(digest.clone(), child);
        }
        let missing =
            || SourceError::NotFound { object: self.name.clone(), detail: format!("it has no {digest}") };
        self.children.get(digest).ok_or_else(missing)
    }

    fn read_child(&mut self, digest: &Digest) -> Result<Child, SourceError> {
        let object = self.object(digest);
        let document = if *digest == self.root.digest {
            self.root.clone()
        } else if let Some(entry) = self.entries.iter().find(|entry| entry.digest == *digest).cloned() {
            self.document(&entry)?
        } else {
            self.manifest_of(digest)?
        };
        let manifest =
            Manifest::parse(&document.media_type, &document.bytes).map_err(|unfit| unfit.about(&object))?;
        let (layers, most) = (manifest.layers.len() as u64, self.limits.layers);
        if layers > most {
            let detail = format!("it has {layers} layers, more than {most}: {}", LAYERS.hint());
            return Err(SourceError::Broken { object, detail });
        }
        if let Some(what) = manifest.not_an_image() {
            return Err(SourceError::Unsupported { object, detail: format!("it is {what}, not an image") });
        }
        let bytes = self.config_of(&manifest.config)?;
        let config = Config::parse(&bytes).map_err(|detail| SourceError::Broken {
            object: format!("config {} of {}", manifest.config.digest.short(), self.name),
            detail,
        })?;
        Ok(Child { digest: digest.clone(), manifest, config })
    }

    /// The config, size and digest compared.
    fn read_config(&mut self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        let object = format!("config {} of {}", descriptor.digest.short(), self.name);
        self.read_blob(descriptor, object, self.limits.document_bytes, &DOCUMENT_BYTES.hint())
    }

    /// A blob of at most this length, size and digest compared.
    fn read_blob(
        &mut self,
        descriptor: &Descriptor,
        object: String,
        most: u64,
        hint: &str,
    ) -> Result<Vec<u8>, SourceError> {
        let broken = |detail: String| SourceError::Broken { object: object.clone(), detail };
        let size = descriptor.size;
        if size > most {
            return Err(broken(format!("it has {size} bytes, more than {most}: {hint}")));
        }
        let mut bytes = Vec::new();
        let stream = self.store.blob(descriptor)?;
        if let Err(error) = stream.take(size + 1).read_to_end(&mut bytes) {
            return Err(match error.downcast::<SourceError>() {
                Ok(error) => error,
                Err(error) => SourceError::Unreachable { object, detail: error.to_string() },
            });
        }
        if bytes.len() as u64 != size {
            let (more, length) = (bytes.len() as u64 > size, bytes.len());
            return Err(broken(if more {
                format!("it is longer than the {size} bytes that the manifest says")
            } else {
                format!("it ends after {length} of {size} bytes")
            }));
        }
        let mut hasher = descriptor.digest.hasher();
        hasher.update(&bytes);
        let found = hasher.finish();
        if found == descriptor.digest { Ok(bytes) } else { Err(broken(format!("its digest is {found}"))) }
    }

    /// What stands at `path` in one manifest's file system, layers read on from the top as far as that takes.
    ///
    /// # Errors
    /// A [`SourceError`]: then nothing is known about the path.
    pub fn witness(&mut self, child: &Digest, path: &[u8]) -> Result<Option<Witness>, SourceError> {
        let child = self.prepare(child)?;
        let mut last = None;
        loop {
            let answer = self.rootfs(&child).find(path);
            if self.layers.values().any(Layer::is_damaged) {
                self.forget_damaged();
                last = None;
                continue;
            }
            let layer = match answer {
                Answer::Found(Found { layer, .. }) if self.lacks(&child, layer, path) => {
                    self.read_listed(&child, layer, path);
                    continue;
                }
                Answer::Found(found) => return Ok(Some(self.testify(&child, path, found))),
                Answer::Absent => return Ok(None),
                Answer::Unread(layer) => layer,
            };
            if self.list(&child, layer) {
                continue;
            }
            // A layer that was read as far as the path and still leaves it open is read to its end.
            let whole = last == Some(layer);
            self.read_layer(&child, layer, if whole { Until::End } else { Until::Entry(path) })?;
            last = Some(layer);
        }
    }

    /// The file system of one manifest, as far as it was read.
    ///
    /// # Errors
    /// A [`SourceError`] where manifest or config cannot be read.
    pub fn tree(&mut self, child: &Digest) -> Result<Rootfs<'_>, SourceError> {
        let child = self.prepare(child)?;
        Ok(self.rootfs(&child))
    }

    /// Reads all layers of these manifests to their ends, each layer once: then every path of theirs has an answer,
    /// and all digests were compared. A layer with a table of contents is looked through by that where it costs clearly
    /// less; [`Image::as_listed`] tells which are.
    ///
    /// # Errors
    /// A [`SourceError`] of a manifest, a config or a layer; what was read until then stays.
    pub fn sweep(&mut self, manifests: &[Digest]) -> Result<(), SourceError> {
        let mut looked_through = HashSet::new();
        for manifest in manifests {
            let child = self.prepare(manifest)?;
            for (at, layer) in child.manifest.layers.iter().enumerate() {
                if !looked_through.contains(&layer.digest) && self.sweep_listed(&child, at) {
                    looked_through.insert(layer.digest.clone());
                }
            }
        }
        // What came from a cache and is complete is looked through, too, and read where it is damaged.
        let wanted = |layer: &Layer| !looked_through.contains(&layer.descriptor().digest);
        self.read_all(manifests, wanted).map(|_| ())
    }

    /// Reads those layers of a manifest to their ends that were opened, and only these: what was found in them is
    /// verified then. True if there was any.
    ///
    /// # Errors
    /// As [`Image::sweep`].
    pub fn finish_opened(&mut self, manifest: &Digest) -> Result<bool, SourceError> {
        self.read_all(std::slice::from_ref(manifest), Layer::is_open)
    }

    /// Reads such layers to their ends, several at once; whether there were any.
    fn read_all(
        &mut self,
        manifests: &[Digest],
        wanted: impl Fn(&Layer) -> bool,
    ) -> Result<bool, SourceError> {
        let mut places: HashMap<Digest, (usize, usize, usize)> = HashMap::new();
        for manifest in manifests {
            let layers = self.prepare(manifest)?.manifest.layers;
            for (at, descriptor) in layers.iter().enumerate().rev() {
                let rank = places.len();
                places.entry(descriptor.digest.clone()).or_insert((at + 1, layers.len(), rank));
            }
        }
        let layers = self.layers.iter_mut().filter(|(_, layer)| wanted(layer));
        let jobs: Vec<Job<'_>> = layers
            .filter_map(|(digest, layer)| {
                let (number, layers, rank) = *places.get(digest)?;
                Some(Job { number, layers, rank, layer })
            })
            .collect();
        let any = !jobs.is_empty();
        sweep::read_all(jobs, self.store.as_mut(), self.progress.as_mut()).map(|()| any)
    }

    /// The file system of a manifest that was swept.
    pub fn swept(&self, manifest: &Digest) -> Option<Rootfs<'_>> {
        self.children.get(manifest).map(|child| self.rootfs(child))
    }

    /// Which layer and instruction of a manifest brought a path; `layer` is counted from the bottom, 0 first.
    pub fn origin(&self, manifest: &Digest, path: &[u8], layer: usize) -> Option<Origin> {
        self.origin_in(self.children.get(manifest)?, path, layer)
    }

    fn origin_in(&self, child: &Child, path: &[u8], at: usize) -> Option<Origin> {
        let layers = child.manifest.layers.len();
        let digest = child.manifest.layers.get(at)?.digest.clone();
        let verified = self.layers.get(&digest).is_some_and(Layer::is_complete);
        let instruction = history::attribute(&child.config.history, at, layers, path);
        let as_listed = self.is_listed(&digest);
        Some(Origin { layer: at + 1, layers, digest, instruction, verified, as_listed })
    }

    /// What is odd about the layers of one manifest, as far as they were read, the lowest layer first.
    pub fn notes(&self, child: &Digest) -> Vec<LayerNote> {
        let layers =
            self.children.get(child).map(|child| child.manifest.layers.as_slice()).unwrap_or_default();
        let of_layer = |(at, layer): (usize, &Descriptor)| {
            let notes = self.layers.get(&layer.digest).map(|read| read.index().notes()).unwrap_or_default();
            let note = |note| LayerNote { layer: at + 1, digest: layer.digest.clone(), note };
            notes.iter().cloned().chain(self.tables.notes(&layer.digest)).map(note).collect::<Vec<_>>()
        };
        layers.iter().enumerate().flat_map(of_layer).collect()
    }

    /// Manifest and config, and its layers ready to be opened.
    fn prepare(&mut self, digest: &Digest) -> Result<Child, SourceError> {
        let child = self.child(digest)?.clone();
        let (layers, ids) = (child.manifest.layers.len(), child.config.diff_ids.len());
        if ids != 0 && ids != layers {
            return Err(SourceError::CannotUnpack {
                object: self.object(digest),
                detail: format!(
                    "mismatched image rootfs and manifest layers: {ids} diff ids, {layers} layers"
                ),
            });
        }
        for (at, descriptor) in child.manifest.layers.iter().enumerate() {
            let (name, limits) = (&self.name, &self.limits);
            let cache = || self.cache.clone();
            let new = || {
                Layer::new(descriptor.clone(), child.config.diff_id(at), name, limits.clone())
                    .with_cache(cache())
            };
            self.layers.entry(descriptor.digest.clone()).or_insert_with(new);
        }
        Ok(child)
    }

    fn rootfs(&self, child: &Child) -> Rootfs<'_> {
        let layers = child.manifest.layers.iter().filter_map(|layer| self.layers.get(&layer.digest));
        Rootfs::new(layers.map(|layer| self.stratum(layer)))
    }

    /// Reads on in one layer.
    fn read_layer(&mut self, child: &Child, at: usize, until: Until<'_>) -> Result<(), SourceError> {
        let Some(descriptor) = child.manifest.layers.get(at) else { return Ok(()) };
        let Some(layer) = self.layers.get_mut(&descriptor.digest) else { return Ok(()) };
        let (store, progress) = (&mut self.store, &mut self.progress);
        let layers = child.manifest.layers.len();
        let mut pulse = |read| progress.layer(at + 1, layers, read, descriptor.size);
        layer.read(until, |descriptor| store.blob(descriptor), &mut pulse)
    }

    /// Puts down what was found.
    fn testify(&self, child: &Child, path: &[u8], found: Found<'_>) -> Witness {
        let origin = found.layer.and_then(|at| self.origin_in(child, path, at));
        Witness {
            kind: found.node.kind.clone().unwrap_or(Kind::CharDevice),
            mode: found.mode,
            uid: found.uid,
            gid: found.gid,
            mode_unread: found.mode_unread,
            size: found.node.size,
            capability: found.node.capability.clone(),
            pieces: found.node.pieces.clone(),
            implicit: found.node.implicit,
            origin,
        }
    }
}

/// One manifest of an image as a tree that answers by reading on.
pub struct Files<'a> {
    image: &'a mut Image,
    child: Digest,
}

impl<'a> Files<'a> {
    /// The files of this manifest.
    pub fn of(image: &'a mut Image, child: &Digest) -> Files<'a> {
        Files { image, child: child.clone() }
    }
}

impl Witnesses for Files<'_> {
    fn witness(&mut self, path: &[u8]) -> Result<Option<Witness>, SourceError> {
        self.image.witness(&self.child, path)
    }
}

mod sighting;

pub use sighting::{Sighting, Unfinished};

#[cfg(test)]
mod tests;
