//! Container registries, as the OCI distribution-spec and the Docker registry HTTP API V2 have them.
//!
//! A thin client: no `/v2/` ping, one request per document, blobs as streams that may pause for as long as the reader
//! likes. Only manifests and blobs of the one repository are asked for. Loopback hosts speak plain HTTP, all others
//! TLS. Every message names what was asked for, and no message holds a secret or a signed URL.

mod auth;
mod blob;
mod challenge;
mod document;
mod login;
mod mirror;
mod parts;
mod patience;
mod resolver;
mod session;
mod target;
mod transport;
pub(in crate::source) mod words;

pub use mirror::open;

use crate::digest::Digest;
use crate::manifest::Descriptor;
use crate::reference::Reference;
use crate::source::{Access, Document, Selector, SourceError, Store, Tally};
use blob::Blob;
use parts::Parts;
use session::Session;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

/// How many certificates a PEM text holds ([`Access::authorities`]).
///
/// # Errors
/// What is wrong with it. A text without a certificate is an error, too.
pub fn count_certificates(pem: &[u8]) -> Result<usize, String> {
    match reqwest::Certificate::from_pem_bundle(pem) {
        Ok(found) if found.is_empty() => {
            Err("it holds no certificate (`-----BEGIN CERTIFICATE-----`)".into())
        }
        Ok(found) => {
            let count = found.len();
            let client = reqwest::blocking::Client::builder().tls_certs_only(found).no_proxy().build();
            client
                .map(|_| count)
                .map_err(|error| format!("its certificates cannot be used: {}", words::chain(error)))
        }
        Err(error) => Err(words::chain(error)),
    }
}

/// One repository of a registry, entered through one reference.
///
/// Cheap to make: nothing is asked of the network before the first document. Its streams stay valid when it is gone.
/// It blocks, and must not be used on a thread that drives an async runtime.
pub struct Registry {
    session: Arc<Session>,
    parts: Parts,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Registry {
    /// Prepares to read this image.
    ///
    /// # Errors
    /// [`SourceError::Unreachable`] where the reference's registry is no host name.
    pub fn new(reference: &Reference, access: &Access) -> Result<Registry, SourceError> {
        let (tag, digest) = (reference.tag.clone(), reference.digest.clone());
        let standing = match (&tag, &digest) {
            (_, Some(digest)) => format!("@{digest}"),
            (Some(tag), None) => format!(":{tag}"),
            (None, None) => ":latest".to_string(),
        };
        let session = Session::new(&reference.registry, &reference.repository, &standing, access)?;
        Ok(Registry { session: Arc::new(session), parts: Parts::default(), tag, digest })
    }

    /// The selector of the reference itself: its digest before its tag.
    fn only(&self) -> Selector {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => Selector::Digest(digest.clone()),
            (None, Some(tag)) => Selector::Tag(tag.clone()),
            (None, None) => Selector::Tag("latest".into()),
        }
    }
}

impl Store for Registry {
    /// OCI distribution-spec, "Pulling manifests". [`Selector::Only`] is what the reference says.
    fn document(&mut self, selector: &Selector) -> Result<Document, SourceError> {
        match selector {
            Selector::Only => document::get(&self.session, &self.only()),
            selector => document::get(&self.session, selector),
        }
    }

    /// OCI distribution-spec, "Pulling blobs". The stream goes on where it was cut, and ends only when the
    /// descriptor's size was reached.
    fn blob(&mut self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        Ok(Box::new(Blob::open(Arc::clone(&self.session), descriptor)?))
    }

    fn whole_blob(&mut self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        Ok(Box::new(Blob::whole(Arc::clone(&self.session), descriptor)))
    }

    /// OCI distribution-spec, "Pulling blobs in ranges".
    fn range(&mut self, descriptor: &Descriptor, offset: u64, length: u64) -> Result<Vec<u8>, SourceError> {
        self.parts.read(&self.session, descriptor, &(offset..offset.saturating_add(length)))
    }

    fn ranges(&mut self, descriptor: &Descriptor, parts: &[Range<u64>]) -> Result<Vec<Vec<u8>>, SourceError> {
        self.parts.read_all(&self.session, descriptor, parts)
    }

    fn tally(&self) -> Tally {
        self.session.transport.tally()
    }
}
