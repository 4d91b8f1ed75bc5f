//! How sure an answer is: what it rests on that was not read.
//!
//! An image is read from the top down, and no further than the question needs. An answer that was found so is *likely*:
//! later in a layer whose rest was not read the same path may come again, the layer's digest is not verified, and what
//! was passed over (earlier directories of `PATH`, a library's other places) may stand in what was not read. It is
//! *proven* when every layer that was opened was read to its end and verified, and nothing is assumed. An answer from
//! manifest and config alone is proven, and so is one from an unpacked tree, which has no layers. What a layer's table of
//! contents lists is not what Docker and containerd unpack: an answer from such a table stays likely until the layer
//! itself is read (`--no-toc`). *Unknown* is neither.

use crate::case::ChildFacts;
use crate::run::Run;
use crate::run::show;
use crate::verdict::{Failure, Verdict, VerdictName};
use execfit_image::witness::Origin;
use execfit_kernel::errno::Errno;
use execfit_kernel::ld_so::Cause;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How sure a verdict is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// It rests on what was assumed.
    Likely,
    /// It rests on what was read and verified, and on nothing else.
    Proven,
}

impl Certainty {
    /// That of a whole, by its parts' verdicts: one proven failure proves that it fails, and it runs for certain only
    /// where all parts do. `None` where it is unknown.
    pub fn of_whole(
        whole: VerdictName,
        parts: impl Iterator<Item = (VerdictName, Option<Certainty>)>,
    ) -> Option<Certainty> {
        let deciding = parts.filter(|(verdict, _)| *verdict == whole).filter_map(|(_, certainty)| certainty);
        match whole {
            VerdictName::Unknown => None,
            VerdictName::Fails => deciding.max(),
            VerdictName::Runs => deciding.min(),
        }
    }
}

/// What a run rests on that was not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unproven {
    /// Paths where nothing was seen and not everything was read.
    pub absent: BTreeSet<Vec<u8>>,
    /// Directories whose mode was not read, which decides for this user.
    pub modes: BTreeSet<Vec<u8>>,
    /// Layers by number, and how many there are: their rest was not read, and something in them decides.
    pub layers: BTreeMap<usize, usize>,
    /// Layers by number that were not read, but are known by their tables of contents.
    pub listed: BTreeSet<usize>,
}

impl Unproven {
    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.absent.is_empty() && self.modes.is_empty() && self.layers.is_empty() && self.listed.is_empty()
    }

    /// What another run rests on, too.
    #[must_use]
    pub fn and(mut self, other: Unproven) -> Unproven {
        self.absent.extend(other.absent);
        self.modes.extend(other.modes);
        self.layers.extend(other.layers);
        self.listed.extend(other.listed);
        self
    }

    /// A file from this layer was looked at.
    pub(crate) fn lean_on(&mut self, origin: &Origin) {
        if !origin.verified && !origin.as_listed {
            self.layers.insert(origin.layer, origin.layers);
        }
    }

    /// In words, one for each assumption: `layer 2 of 5: 3.0 of 120.4 MB read, digest not verified`, `nothing at
    /// /usr/local/sbin`, `mode 0755 of /srv, root's`.
    pub fn words(&self, child: Option<&ChildFacts>) -> Vec<String> {
        let absent = self.absent.iter().map(|path| format!("nothing at {}", show(path)));
        let modes = self.modes.iter().map(|path| format!("mode 0755 of {}, root's", show(path)));
        let unfinished = |layer: usize| {
            child?.unfinished.iter().find(|unfinished| unfinished.layer == layer).map(|unfinished| {
                format!("{} of {} read", megabytes(unfinished.read, false), megabytes(unfinished.size, true))
            })
        };
        let layers = self.layers.iter().map(|(layer, layers)| {
            let read = unfinished(*layer).unwrap_or_else(|| "not read to its end".into());
            format!("layer {layer} of {layers}: {read}, digest not verified")
        });
        let count = child.map_or(0, |child| child.layers.len());
        let listed = self.listed.iter().map(move |layer| {
            format!("layer {layer} of {count}: as its table of contents lists it, the layer itself not read")
        });
        layers.chain(listed).chain(absent).chain(modes).collect()
    }
}

/// A number of bytes in millions, to one place.
fn megabytes(bytes: u64, unit: bool) -> String {
    let tenths = bytes.saturating_add(50_000) / 100_000;
    format!("{}.{}{}", tenths / 10, tenths % 10, if unit { " MB" } else { "" })
}

impl Run {
    /// How sure its verdict is; `None` where that is unknown.
    pub fn certainty(&self) -> Option<Certainty> {
        match &self.verdict {
            Verdict::Unknown(_) => None,
            _ if self.unproven.is_empty() => Some(Certainty::Proven),
            _ => Some(Certainty::Likely),
        }
    }

    /// Whether it ends because something is not there: then an absence that is only assumed is no answer.
    pub(crate) fn ends_on_absence(&self) -> bool {
        match &self.verdict {
            Verdict::Runs | Verdict::Unknown(_) => self.next_is_missing,
            Verdict::Fails(Failure::Lookup(errno) | Failure::Exec(errno)) => *errno == Errno::ENOENT,
            Verdict::Fails(Failure::Create) => true,
            // A file of another machine was passed over, and no fit one was found.
            Verdict::Fails(Failure::Loader(_)) => {
                self.death.as_ref().is_none_or(|death| matches!(death.cause, Cause::Missing | Cause::Foreign))
            }
            Verdict::Fails(Failure::Pull | Failure::Unpack | Failure::Killed(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests;
