//! What reading a layer took, so that other limits than those it was read under can be held against it.

use crate::limits::Limits;
use serde::{Deserialize, Serialize};

/// What reading one layer to its end took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spent {
    /// Bytes that it unpacks to.
    pub(super) unpacked: u64,
    /// Entries.
    pub(super) entries: u64,
    /// Memory for all that was kept, as [`Limits::index_bytes`] counts it.
    pub(super) kept: u64,
    /// Memory for heads.
    pub(super) heads: u64,
    /// Path components that were looked up.
    pub(super) steps: u64,
    /// [`Limits::head_bytes`] then.
    pub(super) head_bytes: u64,
}

impl Spent {
    /// Whether reading the layer, of `size` stored bytes, under these limits would give the same table.
    pub(super) fn fits(&self, limits: &Limits, size: u64) -> bool {
        // Beyond the limit for heads less is kept of files, without an error.
        let thrifty = |limit: u64| self.heads > limit;
        let (then, now) = (self.head_bytes, limits.head_bytes);
        let same_heads = then == now || !thrifty(then) && !thrifty(now);
        same_heads
            && self.unpacked <= limits.unpacked(size).0
            && self.entries <= limits.entries
            && self.kept <= limits.index_bytes
            && self.steps <= limits.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_limits_give_another_answer_only_where_they_matter() {
        let spent = Spent { unpacked: 1000, entries: 10, kept: 500, heads: 300, steps: 30, head_bytes: 300 };
        let exact = Limits {
            unpacked_bytes: 1000,
            free_bytes: 0,
            ratio: 10,
            entries: 10,
            index_bytes: 500,
            head_bytes: 300,
            steps: 30,
            ..Limits::default()
        };
        assert!(spent.fits(&exact, 100) && spent.fits(&Limits::default(), 0));
        for stricter in [
            Limits { unpacked_bytes: 999, ..exact.clone() },
            Limits { ratio: 9, ..exact.clone() },
            Limits { entries: 9, ..exact.clone() },
            Limits { index_bytes: 499, ..exact.clone() },
            Limits { head_bytes: 299, ..exact.clone() },
            Limits { steps: 29, ..exact.clone() },
        ] {
            assert!(!spent.fits(&stricter, 100), "{stricter:?}");
        }
        assert!(!spent.fits(&exact, 99));
        // Where heads were cut, only the same limit cuts them alike.
        let cut = Spent { head_bytes: 200, ..spent };
        assert!(!cut.fits(&exact, 100) && !cut.fits(&Limits::default(), 100));
        assert!(cut.fits(&Limits { head_bytes: 200, ..exact }, 100));
    }
}
