//! Layers with a table of contents: what is in them is known without reading them, and a file's content is a part of the
//! blob.
//!
//! Tables are used where annotations of the manifest name them, and never looked for: SOCI v2, eStargz and zstd:chunked.
//! What they list goes through the same rules as a tar archive's entries. Dockerd and containerd unpack the archive and
//! do not look at tables, so all that rests on one is marked *as listed*; a table that is broken, too large or
//! contradicts itself is put aside with a note, and the layer read instead.

mod chunked;
mod contents;
mod estargz;
mod flat;
mod json;
mod listed;
mod span;
mod ztoc;

pub(crate) use listed::Listed;
pub(crate) use ztoc::{LONGEST as LONGEST_ZTOC, ztocs};

use super::index::Refusal;
use crate::digest::Digest;
use crate::manifest::{Descriptor, Manifest};
use crate::source::SourceError;
use crate::tar::Entry;
use contents::{Contents, Place};
use std::ops::Range;

/// Reads parts of the layer's blob.
pub(crate) type Fetch<'a> = &'a mut dyn FnMut(&[Range<u64>]) -> Result<Vec<Vec<u8>>, SourceError>;

/// Layers that are not longer than this are read from their beginning: a table would cost more. (What is fuzzed is short.)
const SHORT: u64 = if cfg!(fuzzing) { 0 } else { 2 * 1024 * 1024 };

/// Why a table cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It, or a part of the layer, cannot be read.
    Source(SourceError),
    /// It is broken, too large, or contradicts itself or the layer.
    Table(String),
    /// A runtime would refuse an entry of it; the archive has the last word.
    Refused(String),
}

impl Trouble {
    /// What to say of a layer whose table was put aside.
    pub(crate) fn note(&self) -> String {
        let why = match self {
            Trouble::Source(error) => error.to_string(),
            Trouble::Table(why) => why.clone(),
            Trouble::Refused(why) => format!("it lists what cannot be unpacked: {why}"),
        };
        format!("its table of contents is not used, the layer was read instead: {why}")
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Trouble {
        match refusal {
            Refusal::Runtime(why) | Refusal::Limit(why) => Trouble::Refused(why),
        }
    }
}

fn contradiction(why: &str) -> Trouble {
    Trouble::Table(why.into())
}

/// One entry of a table, and where its content is.
struct Item {
    entry: Entry,
    place: Option<Place>,
}

/// What a table tells.
struct Listing {
    items: Vec<Item>,
    contents: Contents,
}

/// Where the table of a layer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Table {
    /// In the layer, behind its files; the digest of it.
    Estargz(String),
    /// In the layer: position and digest of it.
    Chunked(String, String),
    /// A blob beside the layer, as it was read.
    Ztoc(Vec<u8>),
}

impl Table {
    /// The table that a layer's own annotations name.
    pub(crate) fn of(layer: &Descriptor) -> Option<Table> {
        let annotation = |key: &str| layer.annotations.get(key).cloned();
        let either = |keys: [&str; 2]| keys.into_iter().find_map(annotation);
        let chunked = either(chunked::POSITION).zip(either(chunked::CHECKSUM));
        let chunked = chunked.map(|(position, checksum)| Table::Chunked(position, checksum));
        let table = chunked.or_else(|| annotation(estargz::ANNOTATION).map(Table::Estargz))?;
        is_worth_it(layer).then_some(table)
    }
}

/// Whether a layer is so long that a table can save something.
pub(crate) fn is_worth_it(layer: &Descriptor) -> bool {
    layer.size > SHORT
}

/// The index of SOCI v2 that a manifest names.
pub(crate) fn soci_index(manifest: &Manifest) -> Option<Digest> {
    manifest.annotations.get(ztoc::INDEX)?.parse().ok()
}

#[cfg(test)]
mod tests;
