//! Parts of blobs by range requests (RFC 9110 section 14), several at once.

use super::blob::Blob;
use super::session::{Session, locked};
use crate::digest::Digest;
use crate::manifest::Descriptor;
use crate::source::SourceError;
use crate::source::part::read_part;
use std::collections::HashMap;
use std::io::Read;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use url::Url;

/// How many requests for parts are under way at once.
const AT_ONCE: usize = 6;

/// Where the registry redirected to, by blob: further parts are asked for there. `None`: it has the blob itself.
#[derive(Default)]
pub(super) struct Parts {
    storage: Mutex<HashMap<Digest, Option<Url>>>,
}

impl Parts {
    /// One part, all of it.
    pub(super) fn read(
        &self,
        session: &Arc<Session>,
        descriptor: &Descriptor,
        part: &Range<u64>,
    ) -> Result<Vec<u8>, SourceError> {
        if part.end <= part.start {
            return Ok(Vec::new());
        }
        let storage = locked(&self.storage).get(&descriptor.digest).cloned().flatten();
        let mut blob = Blob::part(Arc::clone(session), descriptor, part.clone(), storage);
        let object = format!("blob {} of {}", descriptor.digest, session.image);
        let bytes = read_part(&mut blob, part, &object)?;
        // The answer's end is read too, so that the connection can be used again.
        let _ = blob.read(&mut [0]);
        locked(&self.storage).insert(descriptor.digest.clone(), blob.storage().cloned());
        Ok(bytes)
    }

    /// Several parts in their order, many at once; where it is not known yet where the blob is, the first one by itself
    /// finds it out.
    pub(super) fn read_all(
        &self,
        session: &Arc<Session>,
        descriptor: &Descriptor,
        parts: &[Range<u64>],
    ) -> Result<Vec<Vec<u8>>, SourceError> {
        let known = locked(&self.storage).contains_key(&descriptor.digest);
        let (first, rest) = parts.split_at(usize::from(!known).min(parts.len()));
        let mut all = Vec::with_capacity(parts.len());
        for part in first {
            all.push(self.read(session, descriptor, part)?);
        }
        let next = AtomicUsize::new(0);
        let come = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..AT_ONCE.min(rest.len()) {
                scope.spawn(|| {
                    while let Some((at, part)) = numbered(rest, &next) {
                        let read = self.read(session, descriptor, part);
                        if read.is_err() {
                            // The others need not go on.
                            next.store(rest.len(), Ordering::Relaxed);
                        }
                        locked(&come).push((at, read));
                    }
                });
            }
        });
        let mut come = std::mem::take(&mut *locked(&come));
        come.sort_unstable_by_key(|(at, _)| *at);
        for (_, read) in come {
            all.push(read?);
        }
        Ok(all)
    }
}

/// The next part that nobody reads yet.
fn numbered<'a>(parts: &'a [Range<u64>], next: &AtomicUsize) -> Option<(usize, &'a Range<u64>)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    parts.get(at).map(|part| (at, part))
}
