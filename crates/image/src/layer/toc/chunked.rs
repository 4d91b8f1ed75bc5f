//! zstd:chunked (containers/storage `docs/containers-storage-zstd-chunked.md`, `pkg/chunked`): a zstd file of many
//! frames, with a table of contents in a skippable frame. Where it is, annotations of the layer tell; the footer is not
//! asked, as containers/storage does not either.

use super::contents::Coding;
use super::json::{self, LONGEST_JSON};
use super::{Fetch, Listing, Trouble, contradiction};
use crate::digest::Digest;
use crate::manifest::Descriptor;
use std::io::Read;

/// Where the table is: `OFFSET:LENGTH:UNPACKED:TYPE`. The second name is that of before (skopeo 1.9).
pub(super) const POSITION: [&str; 2] =
    ["io.github.containers.zstd-chunked.manifest-position", "io.containers.zstd-chunked.manifest-position"];
/// The digest of the table as it is stored.
pub(super) const CHECKSUM: [&str; 2] =
    ["io.github.containers.zstd-chunked.manifest-checksum", "io.containers.zstd-chunked.manifest-checksum"];
/// The type of a table of entries (`ManifestTypeCRFS`).
const ENTRIES: u64 = 1;

/// Reads the table of a layer.
pub(super) fn read(
    layer: &Descriptor,
    position: &str,
    checksum: &str,
    fetch: Fetch<'_>,
) -> Result<Listing, Trouble> {
    let numbers: Option<Vec<u64>> = position.split(':').map(|number| number.parse().ok()).collect();
    let Some(&[offset, length, unpacked, kind]) = numbers.as_deref() else {
        return Err(contradiction("its position in the manifest is none"));
    };
    if kind != ENTRIES {
        return Err(Trouble::Table(format!("it is of the type {kind}, which is not known")));
    }
    if length > LONGEST_JSON || unpacked > LONGEST_JSON {
        return Err(Trouble::Table(format!(
            "it has {} bytes, more than {LONGEST_JSON}",
            length.max(unpacked)
        )));
    }
    let end = offset.checked_add(length).filter(|end| *end <= layer.size && length > 0);
    let end = end.ok_or_else(|| contradiction("the table lies outside of the layer"))?;
    let stored =
        fetch(std::slice::from_ref(&(offset..end))).map_err(Trouble::Source)?.pop().unwrap_or_default();
    let digest: Digest = checksum.parse().map_err(|_| contradiction("its digest in the manifest is none"))?;
    let mut hasher = digest.hasher();
    hasher.update(&stored);
    let found = hasher.finish();
    if found != digest {
        return Err(Trouble::Table(format!("its digest is {found}, and the manifest says {digest}")));
    }
    let failed = |error: std::io::Error| Trouble::Table(format!("zstd: {error}"));
    let mut json = Vec::new();
    let decoder = zstd::stream::read::Decoder::new(&stored[..]).map_err(failed)?;
    decoder.take(unpacked + 1).read_to_end(&mut json).map_err(failed)?;
    if json.len() as u64 != unpacked {
        return Err(contradiction(&format!(
            "it does not unpack to the {unpacked} bytes that the manifest says"
        )));
    }
    json::read(&json, &Coding::Zstd, offset)
}
