//! What reading an image may take of time and memory.
//!
//! These are ours, and a user may raise them. What the runtimes themselves refuse (paths longer than `PATH_MAX`, links
//! through more than 255 links, PAX headers and GNU names longer than 1 MiB) is no limit but an answer: such an image
//! cannot be unpacked.

/// What reading an image may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a manifest, an index or a config.
    pub document_bytes: u64,
    /// Entries of an index, those of the indexes in it counted.
    pub index_entries: u64,
    /// How deep indexes may lie in indexes.
    pub index_depth: u64,
    /// Layers of a manifest.
    pub layers: u64,
    /// Members of a tar file with images in it.
    pub archive_members: u64,
    /// Bytes that a layer may unpack to, whatever its size.
    pub unpacked_bytes: u64,
    /// Bytes that it may unpack to without regard to its size ...
    pub free_bytes: u64,
    /// ... and beyond these, bytes for each stored byte. (Deflate reaches 1,032.)
    pub ratio: u64,
    /// Entries of a layer.
    pub entries: u64,
    /// Memory for all that is kept of a layer, about.
    pub index_bytes: u64,
    /// Memory for heads, after which only short ones are kept of files that are neither ELF nor scripts.
    pub head_bytes: u64,
    /// Path components that are looked up while a layer is read.
    pub steps: u64,
    /// Seconds that all waits for one answer may take together, where a registry asks to wait.
    pub wait_seconds: u64,
    /// Seconds that a manifest, an index or a token may take to come.
    pub document_seconds: u64,
    /// Seconds that may be spent waiting for the bytes of one config or layer.
    pub blob_seconds: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            document_bytes: 4 << 20,
            index_entries: 1000,
            index_depth: 3,
            layers: 512,
            archive_members: 100_000,
            unpacked_bytes: 64 << 30,
            free_bytes: 4 << 30,
            ratio: 1100,
            entries: 2_000_000,
            index_bytes: 128 << 20,
            head_bytes: 48 << 20,
            steps: 50_000_000,
            wait_seconds: 10,
            document_seconds: 60,
            blob_seconds: 3600,
        }
    }
}

/// One of the [`Limits`], by its name.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Its name on the command line.
    pub key: &'static str,
    /// What it bounds.
    pub what: &'static str,
    field: fn(&mut Limits) -> &mut u64,
}

const fn limit(key: &'static str, what: &'static str, field: fn(&mut Limits) -> &mut u64) -> Limit {
    Limit { key, what, field }
}

/// See [`Limits::document_bytes`]. The default is what the OCI distribution-spec ("Pushing manifests") asks registries
/// to take.
pub const DOCUMENT_BYTES: Limit =
    limit("document-bytes", "bytes of a manifest, an index or a config", |limits| &mut limits.document_bytes);
/// See [`Limits::index_entries`].
pub const INDEX_ENTRIES: Limit =
    limit("index-entries", "entries of an index, those of the indexes in it counted", |limits| {
        &mut limits.index_entries
    });
/// See [`Limits::index_depth`].
pub const INDEX_DEPTH: Limit =
    limit("index-depth", "how deep indexes may lie in indexes", |limits| &mut limits.index_depth);
/// See [`Limits::layers`]. (Docker itself allows 127.)
pub const LAYERS: Limit = limit("layers", "layers of a manifest", |limits| &mut limits.layers);
/// See [`Limits::archive_members`].
pub const ARCHIVE_MEMBERS: Limit =
    limit("archive-members", "members of a tar file with images in it", |limits| &mut limits.archive_members);
/// See [`Limits::unpacked_bytes`].
pub const UNPACKED_BYTES: Limit =
    limit("unpacked-bytes", "bytes that a layer may unpack to", |limits| &mut limits.unpacked_bytes);
/// See [`Limits::free_bytes`].
pub const FREE_BYTES: Limit =
    limit("free-bytes", "bytes that a layer may unpack to without regard to its size", |limits| {
        &mut limits.free_bytes
    });
/// See [`Limits::ratio`].
pub const RATIO: Limit =
    limit("ratio", "unpacked bytes for each stored byte, beyond free-bytes", |limits| &mut limits.ratio);
/// See [`Limits::entries`].
pub const ENTRIES: Limit = limit("entries", "entries of a layer", |limits| &mut limits.entries);
/// See [`Limits::index_bytes`].
pub const INDEX_BYTES: Limit =
    limit("index-bytes", "memory for all that is kept of a layer", |limits| &mut limits.index_bytes);
/// See [`Limits::head_bytes`].
pub const HEAD_BYTES: Limit =
    limit("head-bytes", "memory for the beginnings of a layer's files; beyond it less is kept", |limits| {
        &mut limits.head_bytes
    });
/// See [`Limits::steps`].
pub const STEPS: Limit =
    limit("steps", "path components that are looked up while a layer is read", |limits| &mut limits.steps);
/// See [`Limits::wait_seconds`].
pub const WAIT_SECONDS: Limit = limit(
    "wait-seconds",
    "seconds to wait for one answer of a registry that says to come back later",
    |limits| &mut limits.wait_seconds,
);
/// See [`Limits::document_seconds`].
pub const DOCUMENT_SECONDS: Limit =
    limit("document-seconds", "seconds that a manifest, an index or a token may take to come", |limits| {
        &mut limits.document_seconds
    });
/// See [`Limits::blob_seconds`].
pub const BLOB_SECONDS: Limit = limit(
    "blob-seconds",
    "seconds that may be spent waiting for the bytes of one config or layer",
    |limits| &mut limits.blob_seconds,
);

/// All limits.
pub const ALL: &[Limit] = &[
    DOCUMENT_BYTES,
    INDEX_ENTRIES,
    INDEX_DEPTH,
    LAYERS,
    ARCHIVE_MEMBERS,
    UNPACKED_BYTES,
    FREE_BYTES,
    RATIO,
    ENTRIES,
    INDEX_BYTES,
    HEAD_BYTES,
    STEPS,
    WAIT_SECONDS,
    DOCUMENT_SECONDS,
    BLOB_SECONDS,
];

impl Limit {
    /// Its value.
    ///
    /// ```
    /// use execfit_image::limits::{ENTRIES, Limits};
    /// let mut limits = Limits::default();
    /// limits.set("entries=3M").unwrap();
    /// assert_eq!(ENTRIES.of(&limits), 3 << 20);
    /// ```
    pub fn of(&self, limits: &Limits) -> u64 {
        *(self.field)(&mut limits.clone())
    }

    /// The end of a message about something that is beyond this limit: its name, and how to raise it.
    pub fn hint(&self) -> String {
        format!("the limit {key} (`--limit {key}=N` raises it)", key = self.key)
    }
}

impl Limits {
    /// Sets one of them: `KEY=VALUE`, where the value may end with `K`, `M`, `G` or `T` (powers of 1024).
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn set(&mut self, text: &str) -> Result<(), String> {
        let (key, value) =
            text.split_once('=').ok_or_else(|| format!("`{text}` is no limit: expected KEY=VALUE"))?;
        let limit = ALL.iter().find(|limit| limit.key == key).ok_or_else(|| {
            let keys: Vec<&str> = ALL.iter().map(|limit| limit.key).collect();
            format!("there is no limit `{key}`, only {}", keys.join(", "))
        })?;
        let value = number(value).ok_or_else(|| {
            format!("`{value}` is no value for the limit {key}: expected a whole number, with K, M, G or T behind it")
        })?;
        *(limit.field)(self) = value;
        Ok(())
    }
}

impl Limits {
    /// The most that a layer of so many stored bytes may unpack to, and which of the limits that is.
    pub fn unpacked(&self, stored: u64) -> (u64, Limit) {
        let by_ratio = stored.saturating_mul(self.ratio);
        let (most, limit) =
            if by_ratio > self.free_bytes { (by_ratio, RATIO) } else { (self.free_bytes, FREE_BYTES) };
        if self.unpacked_bytes <= most { (self.unpacked_bytes, UNPACKED_BYTES) } else { (most, limit) }
    }
}

/// A whole number, with `K`, `M`, `G` or `T` behind it (powers of 1024).
pub(crate) fn number(text: &str) -> Option<u64> {
    let units = [('K', 10), ('M', 20), ('G', 30), ('T', 40)];
    let unit = units.iter().find_map(|(unit, bits)| Some((text.strip_suffix(*unit)?, *bits)));
    let (digits, bits) = unit.unwrap_or((text, 0));
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(1 << bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_can_be_set_by_its_name() {
        let mut limits = Limits::default();
        for (number, limit) in ALL.iter().enumerate() {
            limits.set(&format!("{}={}", limit.key, number + 7)).unwrap();
        }
        for (number, limit) in ALL.iter().enumerate() {
            assert_eq!(limit.of(&limits), number as u64 + 7, "{}", limit.key);
            assert!(limit.hint().contains(&format!("--limit {}=N", limit.key)));
        }
        // No field is without a name: all differ from their defaults now.
        let shown = format!("{limits:?}");
        assert_eq!(shown.matches(": ").count(), ALL.len(), "{shown}");
    }

    #[test]
    fn values_have_units() {
        let set = |text: &str| {
            let mut limits = Limits::default();
            limits.set(text).map(|()| limits.unpacked_bytes)
        };
        assert_eq!(set("unpacked-bytes=100G"), Ok(100 << 30));
        assert_eq!(set("unpacked-bytes=0"), Ok(0));
        for wrong in ["", "+1", "-1", "1 G", "1g", "G1", "1.5G", "99999999T", "é"] {
            let error = set(&format!("unpacked-bytes={wrong}")).unwrap_err();
            if !wrong.is_empty() {
                assert!(
                    error.contains(&format!("`{wrong}` is no value for the limit unpacked-bytes")),
                    "{error}"
                );
            }
        }
        assert_eq!(set("entries").unwrap_err(), "`entries` is no limit: expected KEY=VALUE");
        assert!(set("size=1").unwrap_err().starts_with("there is no limit `size`, only document-bytes, "));
    }
}
