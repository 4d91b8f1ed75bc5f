//! Where images are read from: one file per medium. All I/O of this crate is here, and it blocks.

use crate::cache::Cache;
use crate::digest::{Digest, InvalidDigest};
use crate::limits::Limits;
use crate::manifest::Descriptor;
use crate::platform::Platform;
use crate::witness::Witness;
use std::io::Read;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

pub mod archive;
pub mod daemon;
pub mod directory;
mod entrance;
pub mod layout;
mod part;
pub mod reader;
#[cfg(feature = "registry")]
pub mod registry;

pub use entrance::{Opened, open};
pub use part::{LONGEST_PART, coalesce};
pub use reader::{LayerNote, Progress, Sighting, Unfinished};

/// A manifest or index as it was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Media type: of the answer's `Content-Type`, else the document's own `mediaType`.
    pub media_type: String,
    /// sha256 of the bytes, or the verified digest that was asked for.
    pub digest: Digest,
    /// The document.
    pub bytes: Vec<u8>,
}

/// Which manifest or index of a repository is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// The one with this tag (in a layout: `org.opencontainers.image.ref.name`).
    Tag(String),
    /// The one with this digest.
    Digest(Digest),
    /// The only one there is (archives and layouts).
    Only,
}

/// A place that holds one image's documents and blobs.
pub trait Store: Send {
    /// Reads a manifest or an index, verified where a digest was asked for. At most 4 MiB.
    ///
    /// # Errors
    /// A [`SourceError`].
    fn document(&mut self, selector: &Selector) -> Result<Document, SourceError>;

    /// Opens a blob as a stream of its stored (compressed) bytes. The stream gives an error, kept as the
    /// [`SourceError`] inside `std::io::Error`, where the medium fails; digests are verified by the caller.
    ///
    /// # Errors
    /// A [`SourceError`].
    fn blob(&mut self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError>;

    /// As [`Store::blob`], of a blob that is going to be read to its end: where the beginning of one is asked for by
    /// itself, that is left out. It may not be asked for before it is read.
    ///
    /// # Errors
    /// As [`Store::blob`].
    fn whole_blob(&mut self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        self.blob(descriptor)
    }

    /// Reads a part of a blob's stored bytes, all of it; nothing of it is verified.
    ///
    /// # Errors
    /// A [`SourceError`]; [`SourceError::Unsupported`] where the place gives blobs only as a whole, and
    /// [`SourceError::Broken`] where the blob ends within the part or the part is longer than [`LONGEST_PART`].
    fn range(&mut self, descriptor: &Descriptor, offset: u64, length: u64) -> Result<Vec<u8>, SourceError>;

    /// Reads several parts of a blob, several at once where that is faster, and answers in their order.
    ///
    /// # Errors
    /// As [`Store::range`].
    fn ranges(&mut self, descriptor: &Descriptor, parts: &[Range<u64>]) -> Result<Vec<Vec<u8>>, SourceError> {
        let read =
            |part: &Range<u64>| self.range(descriptor, part.start, part.end.saturating_sub(part.start));
        parts.iter().map(read).collect()
    }

    /// What was asked of the medium so far.
    fn tally(&self) -> Tally;

    /// The mirrors that something was read from, where it did not come from the place that the image's name says:
    /// `HOST/REPOSITORY`.
    fn mirrors(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Requests made and body bytes received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// HTTP requests (redirects and token requests count); files opened, for media on disk.
    pub requests: u64,
    /// Bytes of bodies received, as transferred.
    pub bytes: u64,
}

/// A tree of files that answers by reading on: the world's side of a question.
pub trait Witnesses {
    /// What stands at `path` (as [`execfit_kernel::tree::FileTree`] has paths), reading as far as that takes.
    ///
    /// # Errors
    /// A [`SourceError`]: then nothing is known about the path.
    fn witness(&mut self, path: &[u8]) -> Result<Option<Witness>, SourceError>;
}

/// Credentials for one registry.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password or token. Never shown.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({}, <redacted>)", self.username)
    }
}

/// Logs in to registries that need more than a user's files, such as Amazon ECR. Implemented outside: this crate
/// knows no AWS.
pub trait Authenticator: Send + Sync {
    /// Credentials for this registry host and repository, or `None` where this authenticator is not concerned.
    /// `again` is true when the credentials that it gave before were refused: it must not answer from a cache.
    ///
    /// # Errors
    /// Why the log-in failed, naming the missing permission.
    fn credentials(&self, host: &str, repository: &str, again: bool) -> Result<Option<Credentials>, String>;
}

/// How to reach registries, and how much is read of what they and other places hold.
#[derive(Clone, Default)]
pub struct Access {
    /// Credentials to use for the image before all others (ECS's `repositoryCredentials`).
    pub explicit: Option<Credentials>,
    /// Asked next, before Docker's configuration.
    pub authenticator: Option<Arc<dyn Authenticator>>,
    /// Files in the form of Docker's `config.json` to take log-ins from, in this order. `None`: the user's own ones,
    /// Docker's and then podman's.
    pub auth_files: Option<Vec<PathBuf>>,
    /// Registries (`HOST[:PORT]`, as references have them) whose certificates are not judged, and that are asked over
    /// plain HTTP where they speak no TLS, as Docker's `insecure-registries` are. Loopback hosts are of them anyway.
    pub insecure: Vec<String>,
    /// Certificates of authorities that are trusted besides the platform's, as PEM. See
    /// [`registry::count_certificates`].
    pub authorities: Vec<u8>,
    /// Mirrors, asked before the registries that images name.
    pub mirrors: Vec<Mirror>,
    /// Host names whose addresses are known and not asked of the DNS.
    pub resolve: Vec<(String, SocketAddr)>,
    /// What reading may take.
    pub limits: Limits,
    /// Where to keep what was read, and to look for it first.
    pub cache: Option<Cache>,
}

/// Another place for the images of a registry, or of a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// What the names of these images begin with: `HOST[:PORT][/PATH]`, e.g. `docker.io` or `docker.io/library`.
    pub prefix: String,
    /// What takes the place of the prefix: `HOST[:PORT][/PATH]`.
    pub location: String,
}

impl std::str::FromStr for Mirror {
    type Err = String;

    /// `PREFIX=LOCATION`
    fn from_str(text: &str) -> Result<Mirror, String> {
        let place = |text: &str| {
            let text = text.trim_end_matches('/');
            let fits = |c: char| c.is_ascii_alphanumeric() || ".-_:/[]".contains(c);
            let good =
                !text.is_empty() && !text.contains("//") && !text.starts_with('/') && text.chars().all(fits);
            good.then(|| text.to_ascii_lowercase())
        };
        let places =
            text.split_once('=').and_then(|(prefix, location)| Some((place(prefix)?, place(location)?)));
        let (prefix, location) = places.ok_or(
            "expected PREFIX=LOCATION, each HOST[:PORT][/PATH], such as docker.io=mirror.internal/hub",
        )?;
        Ok(Mirror { prefix, location })
    }
}

/// Why something could not be read. Every message names the object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The place says that there is no such image, tag or digest.
    #[error("{object} does not exist: {detail}")]
    NotFound {
        /// What was asked.
        object: String,
        /// What the place said.
        detail: String,
    },
    /// Not allowed, or not logged in.
    #[error("{object} may not be read: {detail}")]
    Denied {
        /// What was asked.
        object: String,
        /// What the place said, and what to do.
        detail: String,
    },
    /// Too many requests.
    #[error("{object} could not be read now: {detail}")]
    Throttled {
        /// What was asked.
        object: String,
        /// What the place said.
        detail: String,
    },
    /// The place is down, cut the connection, or answers with a server error.
    #[error("{object} could not be reached: {detail}")]
    Unreachable {
        /// What was asked.
        object: String,
        /// What went wrong.
        detail: String,
    },
    /// What came is broken, hostile, or beyond our limits.
    #[error("{object} is broken: {detail}")]
    Broken {
        /// The document, blob or entry.
        object: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A runtime would refuse to unpack the layer.
    #[error("{object} cannot be unpacked: {detail}")]
    CannotUnpack {
        /// The layer and its entry.
        object: String,
        /// The rule that it breaks, and what runtimes say.
        detail: String,
    },
    /// It is valid, and we do not read it (schema 1, Windows, nydus ...).
    #[error("{object} is not supported: {detail}")]
    Unsupported {
        /// What was asked.
        object: String,
        /// What it is.
        detail: String,
    },
    /// The manifest list has nothing for the platform: pulling fails.
    #[error("{object} has no manifest for {platform}")]
    NoPlatform {
        /// The index.
        object: String,
        /// The platform that was asked for.
        platform: Platform,
    },
}

impl SourceError {
    /// The same, with something more to know.
    #[cfg(feature = "registry")]
    pub(crate) fn and(mut self, more: &str) -> SourceError {
        match &mut self {
            SourceError::NotFound { detail, .. }
            | SourceError::Denied { detail, .. }
            | SourceError::Throttled { detail, .. }
            | SourceError::Unreachable { detail, .. }
            | SourceError::Broken { detail, .. }
            | SourceError::CannotUnpack { detail, .. }
            | SourceError::Unsupported { detail, .. } => *detail = format!("{detail}; {more}"),
            SourceError::NoPlatform { .. } => {}
        }
        self
    }
}

impl From<InvalidDigest> for SourceError {
    fn from(error: InvalidDigest) -> SourceError {
        SourceError::Broken { object: "a digest".into(), detail: error.to_string() }
    }
}
