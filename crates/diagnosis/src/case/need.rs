//! What a case lacks.

use super::Question;
use crate::foreign::Ground;
use execfit_image::digest::Digest;
use std::collections::BTreeSet;

/// A fact that is missing from a case, to be observed before the question is asked again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// An answer of AWS.
    Aws(Question),
    /// The manifest or index of this reference.
    Image {
        /// The reference to read.
        name: String,
        /// ARN of the secret with the registry's credentials.
        repository_credentials: Option<String>,
    },
    /// Manifest and config of one of its manifests.
    Child {
        /// The reference.
        name: String,
        /// The manifest.
        digest: Digest,
    },
    /// One path of its file system.
    File {
        /// The reference.
        name: String,
        /// The manifest.
        digest: Digest,
        /// The absolute path, free of links.
        path: Vec<u8>,
        /// Who asks passes over the permissions of directories: their modes need not be known.
        privileged: bool,
    },
    /// Any of these paths: the answer so far ends on their absence, and that is only [assumed](super::ChildFacts::assumed).
    /// The image is to be read on until something stands at one of them.
    AnyFile {
        /// The reference.
        name: String,
        /// The manifest.
        digest: Digest,
        /// Absolute paths, free of links.
        paths: BTreeSet<Vec<u8>>,
    },
    /// What is foreign among all of its files.
    Survey {
        /// The reference.
        name: String,
        /// The manifest.
        digest: Digest,
        /// What the host runs.
        ground: Ground,
        /// Files that later layers hide count, too.
        hidden: bool,
    },
}
