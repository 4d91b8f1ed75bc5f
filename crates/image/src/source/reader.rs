//! An opened image: documents first, then layers from the top down, each read once and only as far as a path's answer
//! lies.

use super::{Document, Selector, SourceError, Store, Tally};
use crate::config::Config;
use crate::digest::Digest;
use crate::history::attribute;
use crate::index::{Entry, Index};
use crate::layer::{Layer, Limits};
use crate::manifest::{
    Descriptor, DocumentKind, LONGEST_DOCUMENT, MOST_LAYERS, Manifest, Unfit, index_of, kind_of,
};
use crate::rootfs::{Answer, Found, Rootfs};
use crate::witness::{Kind, Origin, Witness};
use std::collections::BTreeMap;
use std::io::Read;

/// Indexes within indexes that are followed.
const DEEPEST: usize = 3;

/// Hears how the reading of layers goes on.
pub trait Progress: Send {
    /// `read` of `total` stored bytes of layer `number` of `layers` (the lowest is 1) were read.
    fn layer(&mut self, number: usize, layers: usize, read: u64, total: u64);
}

/// An image reference that was opened: what it names, and what was read of it so far.
pub struct Image {
    store: Box<dyn Store>,
    name: String,
    digest: Digest,
    index: bool,
    entries: Vec<Entry>,
    /// The manifest that the reference names, where it names no index.
    only: Option<Document>,
    children: BTreeMap<Digest, Child>,
    progress: Option<Box<dyn Progress>>,
}

/// One manifest of an image.
pub struct Child {
    /// The manifest.
    pub manifest: Manifest,
    /// Its config.
    pub config: Config,
    layers: Vec<Layer>,
}

impl Image {
    /// Reads the document that `selector` names. `name` is what messages call the image.
    ///
    /// # Errors
    /// A [`SourceError`].
    pub fn open(mut store: Box<dyn Store>, name: String, selector: Selector) -> Result<Image, SourceError> {
        let document = store.document(&selector)?;
        let digest = document.digest.clone();
        let mut image = Image {
            store,
            name,
            digest,
            index: false,
            entries: Vec::new(),
            only: None,
            children: BTreeMap::new(),
            progress: None,
        };
        match image.kind(&document)? {
            DocumentKind::Manifest => {
                let descriptor = descriptor_of(&document);
                image.entries = vec![Entry::single(descriptor)];
                image.only = Some(document);
            }
            DocumentKind::Index => {
                image.index = true;
                image.entries = image.flatten(&document, DEEPEST)?;
                image.resolve_platforms()?;
            }
        }
        Ok(image)
    }

    /// Digest of the manifest or index that the reference names.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Whether the reference names an index.
    pub fn is_index(&self) -> bool {
        self.index
    }

    /// The manifests, in the index's order; one where there is no index.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What was asked of the medium so far.
    pub fn tally(&self) -> Tally {
        self.store.tally()
    }

    /// Tells somebody how reading goes on.
    pub fn set_progress(&mut self, progress: Box<dyn Progress>) {
        self.progress = Some(progress);
    }

    /// One of the manifests with its config, read once.
    ///
    /// # Errors
    /// A [`SourceError`].
    pub fn child(&mut self, digest: &Digest) -> Result<&Child, SourceError> {
        if !self.children.contains_key(digest) {
            let child = self.read_child(digest)?;
            self.children.insert(digest.clone(), child);
        }
        self.children.get(digest).ok_or_else(|| self.broken("its manifests", "one of them was lost".into()))
    }

    /// What stands at a path of one manifest's file system, reading as far as that takes.
    ///
    /// # Errors
    /// A [`SourceError`]: then nothing is known about the path.
    pub fn witness(&mut self, digest: &Digest, path: &[u8]) -> Result<Option<Witness>, SourceError> {
        self.child(digest)?;
        let Image { store, children, progress, .. } = self;
        let Some(child) = children.get_mut(digest) else { return Ok(None) };
        let layers = child.layers.len();
        loop {
            let number = match child.rootfs().find(path) {
                Answer::Found(found) => return Ok(Some(child.describe(&found, path))),
                Answer::Absent => return Ok(None),
                Answer::Unread(number) => number,
            };
            let Some(layer) = child.layers.get_mut(number) else { return Ok(None) };
            let total = layer.descriptor().size;
            let mut pulse = |read| {
                if let Some(progress) = progress {
                    progress.layer(number + 1, layers, read, total);
                }
            };
            layer.read_until(path, |descriptor| store.blob(descriptor), &mut pulse)?;
        }
    }

    fn broken(&self, what: &str, detail: String) -> SourceError {
        SourceError::Broken { object: format!("{what} of {}", self.name), detail }
    }

    fn unfit(&self, digest: &Digest, unfit: Unfit) -> SourceError {
        let object = if *digest == self.digest { self.name.clone() } else { format!("{} of {}", digest.short(), self.name) };
        match unfit {
            Unfit::Broken(detail) => SourceError::Broken { object, detail },
            Unfit::Unsupported(detail) => SourceError::Unsupported { object, detail },
        }
    }

    fn kind(&self, document: &Document) -> Result<DocumentKind, SourceError> {
        kind_of(&document.media_type, &document.bytes).map_err(|unfit| self.unfit(&document.digest, unfit))
    }

    /// The manifests of an index, those of indexes within it in their place.
    fn flatten(&mut self, document: &Document, depth: usize) -> Result<Vec<Entry>, SourceError> {
        let index = index_of(&document.media_type, &document.bytes);
        let Index { entries, .. } = index.map_err(|unfit| self.unfit(&document.digest, unfit))?;
        let mut flat = Vec::new();
        for entry in entries {
            let nested = entry.media_type.ends_with("index.v1+json") || entry.media_type.ends_with("list.v2+json");
            if !nested || !entry.is_runnable() {
                flat.push(entry);
            } else if depth == 0 {
                return Err(self.broken("an index", format!("indexes lie more than {DEEPEST} deep")));
            } else {
                let nested = self.store.document(&Selector::Digest(entry.digest.clone()))?;
                flat.extend(self.flatten(&nested, depth - 1)?);
            }
            if flat.len() > crate::index::MOST_ENTRIES {
                return Err(self.broken("an index", "it has too many manifests".into()));
            }
        }
        Ok(flat)
    }

    /// Entries without a platform are of the platform that their config says (containerd `images/image.go`, Manifest).
    fn resolve_platforms(&mut self) -> Result<(), SourceError> {
        for number in 0..self.entries.len() {
            let entry = &self.entries[number];
            if entry.platform.is_none() && entry.is_runnable() {
                let digest = entry.digest.clone();
                let platform = self.child(&digest)?.config.platform();
                self.entries[number].resolve(&platform);
            }
        }
        Ok(())
    }

    fn read_child(&mut self, digest: &Digest) -> Result<Child, SourceError> {
        let document = match self.only.take_if(|only| only.digest == *digest) {
            Some(document) => document,
            None => self.store.document(&Selector::Digest(digest.clone()))?,
        };
        let manifest = Manifest::parse(&document.media_type, &document.bytes).map_err(|unfit| self.unfit(digest, unfit))?;
        let object = format!("{} of {}", digest.short(), self.name);
        if let Some(what) = manifest.not_an_image() {
            return Err(SourceError::Unsupported { object, detail: what });
        }
        if manifest.layers.len() > MOST_LAYERS {
            let detail = format!("it has {} layers, {MOST_LAYERS} at most are read", manifest.layers.len());
            return Err(SourceError::Broken { object, detail });
        }
        let config = self.read_config(&manifest.config)?;
        let layer = |(number, descriptor): (usize, &Descriptor)| {
            Layer::new(descriptor.clone(), config.diff_id(number), &self.name, Limits::default())
        };
        let layers = manifest.layers.iter().enumerate().map(layer).collect();
        Ok(Child { manifest, config, layers })
    }

    fn read_config(&mut self, descriptor: &Descriptor) -> Result<Config, SourceError> {
        let mut bytes = Vec::new();
        let object = format!("config {} of {}", descriptor.digest.short(), self.name);
        let broken = |detail: String| SourceError::Broken { object: object.clone(), detail };
        let stream = self.store.blob(descriptor)?;
        if let Err(error) = stream.take(LONGEST_DOCUMENT + 1).read_to_end(&mut bytes) {
            let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<SourceError>());
            return Err(inner.cloned().unwrap_or_else(|| broken(error.to_string())));
        }
        if bytes.len() as u64 > LONGEST_DOCUMENT {
            return Err(broken(format!("it is longer than {LONGEST_DOCUMENT} bytes")));
        }
        let mut hasher = descriptor.digest.hasher();
        hasher.update(&bytes);
        let found = hasher.finish();
        if found != descriptor.digest {
            return Err(broken(format!("its content has the digest {found}, not {}", descriptor.digest)));
        }
        Config::parse(&bytes).map_err(broken)
    }
}

impl Child {
    /// Its layers over each other, as far as they were read.
    pub fn rootfs(&self) -> Rootfs<'_> {
        Rootfs::new(&self.layers).privileged(self.config.is_root())
    }

    fn describe(&self, found: &Found<'_>, path: &[u8]) -> Witness {
        let origin = |number: usize| {
            let layer = self.layers.get(number)?;
            Some(Origin {
                layer: number + 1,
                layers: self.layers.len(),
                digest: layer.descriptor().digest.clone(),
                instruction: attribute(&self.config.history, number, self.layers.len(), path),
                verified: layer.is_complete(),
            })
        };
        Witness {
            kind: found.node.kind.clone().unwrap_or(Kind::CharDevice),
            mode: found.mode,
            uid: found.uid,
            gid: found.gid,
            size: found.node.size,
            capability: found.node.capability.clone(),
            pieces: found.node.pieces.clone(),
            origin: found.layer.and_then(origin),
        }
    }
}

fn descriptor_of(document: &Document) -> Descriptor {
    Descriptor {
        media_type: document.media_type.clone(),
        digest: document.digest.clone(),
        size: document.bytes.len() as u64,
        annotations: BTreeMap::new(),
        artifact_type: None,
    }
}
