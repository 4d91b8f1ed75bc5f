//! Documents that content addresses: from the cache, else from the medium.

use super::Image;
use crate::digest::Digest;
use crate::layer::Layer;
use crate::manifest::Descriptor;
use crate::source::{Document, Selector, SourceError};

impl Image {
    /// The manifest or index of a digest that another document names.
    pub(super) fn manifest_of(&mut self, digest: &Digest) -> Result<Document, SourceError> {
        let most = self.limits.document_bytes;
        let kept = self.cache.as_ref().and_then(|cache| cache.manifest(digest, most));
        if let Some((media_type, bytes)) = kept {
            return Ok(Document { media_type, digest: digest.clone(), bytes });
        }
        let document = self.store.document(&Selector::Digest(digest.clone()))?;
        if let Some(cache) = &self.cache {
            cache.keep_manifest(digest, &document.media_type, &document.bytes);
        }
        Ok(document)
    }

    /// The config that a manifest names.
    pub(super) fn config_of(&mut self, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
        let most = self.limits.document_bytes;
        let kept = self.cache.as_ref().and_then(|cache| cache.config(&descriptor.digest, most));
        if let Some(bytes) = kept.filter(|bytes| bytes.len() as u64 == descriptor.size) {
            return Ok(bytes);
        }
        let bytes = self.read_config(descriptor)?;
        if let Some(cache) = &self.cache {
            cache.keep_config(&descriptor.digest, &bytes);
        }
        Ok(bytes)
    }

    /// Forgets layers whose tables came from a cache and turned out to be damaged.
    pub(super) fn forget_damaged(&mut self) {
        self.layers.values_mut().for_each(Layer::forget_damage);
    }
}
