//! eStargz (stargz-snapshotter `docs/estargz.md`, `estargz/gzip.go`): a gzip file of many members, with a table of
//! contents before a footer that says where the table is.

use super::contents::{Chunk, Coding, Contents, Part, Place};
use super::json::{self, LONGEST_JSON};
use super::{Fetch, Item, Listing, Trouble, contradiction};
use crate::digest::Digest;
use crate::manifest::Descriptor;
use crate::tar::Archive;
use std::io::Read;
use std::ops::Range;

/// The annotation of a layer that holds the digest of its table.
pub(super) const ANNOTATION: &str = "containerd.io/snapshot/stargz/toc.digest";
/// Length of the footer.
const FOOTER: usize = 51;
/// Length of the footer of stargz, before it was eStargz.
const OLD_FOOTER: usize = 47;
/// The name of the table's entry.
const TABLE: &[u8] = b"stargz.index.json";
/// What is read at first: the end of the layer, as much of it as a table has of most layers.
const LEAST_END: u64 = 64 * 1024;
const MOST_END: u64 = 1024 * 1024;

/// Where the table begins: an extra field of an empty gzip member tells (RFC 1952 section 2.3.1.1).
fn table_begins(end: &[u8]) -> Option<(u64, usize)> {
    let position = |text: &[u8]| {
        let digits = text.strip_suffix(b"STARGZ").filter(|digits| digits.len() == 16)?;
        u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let footer = |length: usize| {
        let footer = end.get(end.len().checked_sub(length)?..)?;
        (footer.starts_with(&[0x1f, 0x8b, 8]) && footer[3] & 4 != 0).then_some(footer)
    };
    let new = footer(FOOTER).filter(|footer| footer[10..16] == [26, 0, b'S', b'G', 22, 0]);
    if let Some(found) = new.and_then(|footer| position(&footer[16..38])) {
        return Some((found, FOOTER));
    }
    let old = footer(OLD_FOOTER).filter(|footer| footer[10..12] == [22, 0]);
    old.and_then(|footer| position(&footer[12..34])).map(|found| (found, OLD_FOOTER))
}

/// Reads the table of a layer.
pub(super) fn read(layer: &Descriptor, wanted: &str, fetch: Fetch<'_>) -> Result<Listing, Trouble> {
    let size = layer.size;
    let first = size.min((size / 64).clamp(LEAST_END, MOST_END));
    let end = take(size - first..size, fetch)?;
    let (begins, footer) =
        table_begins(&end).ok_or_else(|| contradiction("the layer has no footer of eStargz"))?;
    let ends = size - footer as u64;
    if begins >= ends {
        return Err(contradiction("the table lies outside of the layer"));
    }
    if ends - begins > LONGEST_JSON {
        return Err(Trouble::Table(format!("it has {} bytes, more than {LONGEST_JSON}", ends - begins)));
    }
    let stored = if begins >= size - first {
        end[(begins - (size - first)) as usize..end.len() - footer].to_vec()
    } else {
        let mut stored = take(begins..size - first, fetch)?;
        stored.extend_from_slice(&end[..end.len() - footer]);
        stored
    };
    let mut archive = Vec::new();
    let unpacked =
        flate2::read::GzDecoder::new(&stored[..]).take(LONGEST_JSON + 4096).read_to_end(&mut archive);
    unpacked.map_err(|error| Trouble::Table(format!("gzip: {error}")))?;
    let mut archive = Archive::new(&archive[..]);
    let entry = archive.next_entry().map_err(|error| Trouble::Table(error.to_string()))?;
    let entry = entry.filter(|entry| entry.name == TABLE && entry.size <= LONGEST_JSON);
    let entry =
        entry.ok_or_else(|| contradiction("there is no entry stargz.index.json of reasonable length"))?;
    let mut json = vec![0; entry.size as usize];
    let read = archive.read_body(&mut json).map_err(|error| Trouble::Table(error.to_string()))?;
    json.truncate(read);
    let digest: Digest = wanted.parse().map_err(|_| contradiction("its digest in the manifest is none"))?;
    let mut hasher = digest.hasher();
    hasher.update(&json);
    let found = hasher.finish();
    if found != digest {
        return Err(Trouble::Table(format!("its digest is {found}, and the manifest says {digest}")));
    }
    let mut listing = json::read(&json, &Coding::Gzip, begins)?;
    // Its own entry is unpacked like all others.
    let Contents { parts, chunks, .. } = &mut listing.contents;
    let (part, inner) = (parts.len(), archive.position() - entry.size);
    parts.push(Part { stored: begins..ends, coding: Coding::Gzip, begins: 0, length: None, digest: None });
    chunks.push(Chunk { begins: 0, length: entry.size, part, inner, digest: None });
    let place = Some(Place::Chunks(chunks.len() - 1..chunks.len()));
    listing.items.push(Item { entry, place });
    Ok(listing)
}

fn take(range: Range<u64>, fetch: Fetch<'_>) -> Result<Vec<u8>, Trouble> {
    let come = fetch(std::slice::from_ref(&range)).map_err(Trouble::Source)?.pop();
    come.ok_or_else(|| contradiction("a part did not come"))
}
