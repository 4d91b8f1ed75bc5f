//! A layer that was read before: taken from the cache, and put there.

use super::{Bearing, Compression, Layer, LayerIndex, Sealed, State, Unpacked};
use crate::cache::{Cache, Facts};
use crate::digest::Digest;
use crate::manifest::LayerKind;
use crate::source::SourceError;

impl Layer {
    /// Lets it be taken from a cache, and put there when it was read to its verified end.
    pub fn with_cache(mut self, cache: Option<Cache>) -> Layer {
        self.cache = cache;
        self
    }

    /// Whether its table came from a cache and turned out to be damaged: what it answered is worth nothing.
    pub(crate) fn is_damaged(&self) -> bool {
        self.index.is_damaged()
    }

    /// Forgets a damaged table, so that the blob is read.
    pub(crate) fn forget_damage(&mut self) {
        if !self.index.is_damaged() {
            return;
        }
        if let Some(cache) = self.cache.take() {
            cache.forget_layer(&self.descriptor.digest);
            self.cache = Some(cache);
        }
        self.index = LayerIndex::default();
        self.state = State::Unopened;
    }

    /// Takes the layer from the cache, if it was not opened yet and reading it would give the same table. True if it
    /// is complete then. `whole`: all contents are to be asked for, and are looked through.
    ///
    /// # Errors
    /// The error that reading would end with: the diff id is another than the config's.
    pub(crate) fn recall(&mut self, whole: bool) -> Result<bool, SourceError> {
        let unread = matches!(self.state, State::Unopened) && self.descriptor.layer_kind() == LayerKind::Tar;
        let Some(cache) = self.cache.as_ref().filter(|_| unread) else { return Ok(false) };
        let Some((facts, table)) = cache.layer(&self.descriptor.digest) else { return Ok(false) };
        let algorithm = self.diff_id.as_ref().map(Digest::algorithm);
        if facts.size != self.descriptor.size
            || !facts.spent.fits(&self.limits, facts.size)
            || algorithm.is_some_and(|algorithm| algorithm != facts.diff_id.algorithm())
        {
            return Ok(false);
        }
        if whole {
            table.check_contents();
        }
        if table.is_damaged() {
            cache.forget_layer(&self.descriptor.digest);
            return Ok(false);
        }
        self.compare(&facts.diff_id)?;
        self.index = LayerIndex::of_table(table, facts.notes);
        self.note_compression(facts.compression);
        self.state = State::Complete;
        Ok(true)
    }

    /// Compares the digest of the archive with the config's.
    pub(super) fn compare(&self, found: &Digest) -> Result<(), SourceError> {
        match &self.diff_id {
            Some(wanted) if wanted != found => Err(SourceError::Broken {
                object: self.name.clone(),
                detail: format!("wrong diff id: it unpacks to {found}, and the config says {wanted}"),
            }),
            _ => Ok(()),
        }
    }

    /// Notes what only the descriptor makes odd: another image may say otherwise of the same blob.
    fn note_compression(&mut self, found: Compression) {
        let said = Compression::of_media_type(&self.descriptor.media_type);
        if said == Some(Compression::None) && found != Compression::None {
            self.index.note(
                Bearing::Nobody,
                "its media type says that it is not compressed, and it is: containerd does not unpack it",
            );
        }
    }

    /// Nothing is added any more to what was read and verified: nodes become a table, which takes a fraction of their
    /// memory, and is put into the cache.
    pub(super) fn seal(&mut self, unpacked: &Unpacked) -> Result<(), SourceError> {
        let spent = self.index.spent(unpacked.total(), &self.limits);
        let written = self.index.take_table().map_err(|error| SourceError::Broken {
            object: self.name.clone(),
            detail: format!("its table of contents cannot be kept: {error}"),
        })?;
        if let Some(written) = written {
            let notes = self.index.notes().to_vec();
            let table = match &self.cache {
                Some(cache) => {
                    let (digest, diff_id) = (self.descriptor.digest.clone(), unpacked.digest());
                    let (size, compression) = (self.descriptor.size, unpacked.compression());
                    let facts = Facts { digest, size, diff_id, compression, notes: notes.clone(), spent };
                    cache.keep_layer(&facts, written)
                }
                None => Sealed::from(written),
            };
            self.index = LayerIndex::of_table(table, notes);
        }
        self.note_compression(unpacked.compression());
        Ok(())
    }
}
