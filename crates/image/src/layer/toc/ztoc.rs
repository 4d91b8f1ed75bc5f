//! SOCI's ztoc (soci-snapshotter `ztoc/fbs/ztoc.fbs`, `ztoc/ztoc_marshaler.go`, `ztoc/compression/gzip_zinfo.c`): a
//! FlatBuffer beside the layer, with an entry for each header of the archive and the state of a decoder every few MiB.
//!
//! Only what SOCI v2 names is asked for: the index whose digest the manifest's annotation says. The indexes of SOCI v1,
//! which only the registry's referrers tell of, are not looked for: Fargate does not by default either, and it would
//! cost each image a request.

use super::contents::{Coding, Contents, Part, Place};
use super::flat::{Table, Vector};
use super::span::WINDOW;
use super::{Item, Listing, Trouble, contradiction};
use crate::digest::Digest;
use crate::manifest::{Descriptor, Manifest};
use crate::tar::{Entry, Type};
use std::collections::HashMap;

/// The annotation of a manifest that holds the digest of its SOCI index (soci-snapshotter `soci/soci_index.go`).
pub(super) const INDEX: &str = "com.amazon.soci.index-digest";
/// The annotation of a ztoc that holds the digest of its layer.
const LAYER: &str = "com.amazon.soci.image-layer-digest";
/// Longest ztoc that is read: of a layer of some 6 GiB unpacked.
pub(crate) const LONGEST: u64 = 64 * 1024 * 1024;
/// Number of spans and their size, before the checkpoints.
const HEAD: usize = 12;
/// Length of a checkpoint: where it is in the blob and in the archive, bits, window.
const CHECKPOINT: usize = 17 + WINDOW;
/// Where the deflate stream begins where that is not said: behind the shortest header of gzip.
const SHORTEST_HEADER: u64 = 10;

/// The ztocs of a SOCI index, by the layers that they are about.
pub(crate) fn ztocs(index: &Manifest) -> HashMap<Digest, Descriptor> {
    let layer = |ztoc: &Descriptor| ztoc.annotations.get(LAYER)?.parse().ok();
    index.layers.iter().filter_map(|ztoc| Some((layer(ztoc)?, ztoc.clone()))).collect()
}

/// Reads a ztoc.
pub(super) fn read(layer: &Descriptor, bytes: &[u8]) -> Result<Listing, Trouble> {
    let broken = || Trouble::Table("it is no ztoc, or a damaged one".into());
    let root = Table::root(bytes).ok_or_else(broken)?;
    if root.text(0).ok_or_else(broken)? != b"0.9" {
        return Err(Trouble::Table("it is a ztoc of another version than 0.9".into()));
    }
    let size = |number| root.i64(number).and_then(|size| u64::try_from(size).ok()).ok_or_else(broken);
    let (stored, unpacked) = (size(2)?, size(3)?);
    if stored != layer.size {
        let size = layer.size;
        return Err(contradiction(&format!(
            "it is about a layer of {stored} bytes, and this one has {size}"
        )));
    }
    let metadata = root.table(4).and_then(|toc| toc.vector(0)).ok_or_else(broken)?;
    let items = items(metadata, bytes.len(), unpacked)?;
    let info = root.table(5).ok_or_else(broken)?;
    let checkpoints = info.text(3).ok_or_else(broken)?;
    let digests = info.vector(2).ok_or_else(broken)?;
    let spans = usize::try_from(i64::from(info.i32(1).ok_or_else(broken)?) + 1).map_err(|_| broken())?;
    let contents = match info.u8_or(0, 1).ok_or_else(broken)? {
        1 => gzip_spans(checkpoints, spans, stored, unpacked).ok_or_else(broken)?,
        2 => plain_spans(checkpoints, spans, stored).ok_or_else(broken)?,
        other => return Err(Trouble::Table(format!("it is about a compression that is not known, {other}"))),
    };
    let contents = with_digests(contents, digests).ok_or_else(broken)?;
    Ok(Listing { items, contents })
}

fn with_digests(mut contents: Contents, digests: Vector<'_>) -> Option<Contents> {
    if contents.parts.len() != digests.count() {
        return None;
    }
    for (at, part) in contents.parts.iter_mut().enumerate() {
        part.digest = Some(std::str::from_utf8(digests.text(at)?).ok()?.parse().ok()?);
    }
    Some(contents)
}

/// Spans of a gzip layer. There are as many checkpoints as spans or, in ztocs of before, one less: then the first span
/// begins behind the shortest header.
fn gzip_spans(blob: &[u8], spans: usize, stored: u64, unpacked: u64) -> Option<Contents> {
    let count = usize::try_from(u32::from_le_bytes(blob.get(..4)?.try_into().ok()?)).ok()?;
    let checkpoints = blob.get(HEAD..)?;
    let kept = checkpoints.len() / CHECKPOINT;
    if count != spans || checkpoints.len() % CHECKPOINT != 0 || kept != count && kept + 1 != count {
        return None;
    }
    let mut windows = Vec::with_capacity((count + 1) * WINDOW);
    let mut begins: Vec<(u64, u64, u8)> = Vec::with_capacity(count + 1);
    if kept < count {
        begins.push((SHORTEST_HEADER, 0, 0));
        windows.resize(WINDOW, 0);
    }
    for checkpoint in checkpoints.chunks_exact(CHECKPOINT) {
        let number = |at: usize| Some(u64::from_le_bytes(checkpoint.get(at..at + 8)?.try_into().ok()?));
        begins.push((number(0)?, number(8)?, *checkpoint.get(16)?));
        windows.extend_from_slice(checkpoint.get(17..)?);
    }
    begins.push((stored, unpacked, 0));
    let mut parts = Vec::with_capacity(count);
    for (at, pair) in begins.windows(2).enumerate() {
        let ((from, begins, bits), (end, ends, _)) = (pair[0], pair[1]);
        let length = ends.checked_sub(begins)?;
        let start = from.checked_sub(u64::from(bits > 0))?;
        if bits > 7 || start >= end || end > stored || (at == 0) != (begins == 0) {
            return None;
        }
        let coding = Coding::Span { bits, window: at * WINDOW };
        parts.push(Part { stored: start..end, coding, begins, length: Some(length), digest: None });
    }
    Some(Contents::new(parts, Vec::new(), windows))
}

/// Spans of a layer that is not compressed (`ztoc/compression/fbs/zinfo.fbs`).
fn plain_spans(blob: &[u8], spans: usize, stored: u64) -> Option<Contents> {
    let span = u64::try_from(Table::root(blob)?.i64(1)?).ok().filter(|span| *span > 0)?;
    if stored.div_ceil(span) != spans as u64 {
        return None;
    }
    let part = |number: u64| {
        let range = number * span..((number + 1) * span).min(stored);
        let length = Some(range.end - range.start);
        Part { begins: range.start, stored: range, coding: Coding::Plain, length, digest: None }
    };
    Some(Contents::new((0..spans as u64).map(part).collect(), Vec::new(), Vec::new()))
}

/// The entries, which must lie behind each other in the archive.
fn items(metadata: Vector<'_>, length: usize, unpacked: u64) -> Result<Vec<Item>, Trouble> {
    let broken = || Trouble::Table("it is no ztoc, or a damaged one".into());
    let mut items = Vec::with_capacity(metadata.count().min(100_000));
    let mut header = 0;
    // Many entries may point to the same names: what is copied is bounded by what was read.
    let mut budget = length.saturating_mul(4);
    for at in 0..metadata.count() {
        let row = metadata.table(at).ok_or_else(broken)?;
        let (entry, offset) = entry(row, &mut budget)?.ok_or_else(broken)?;
        let end = offset.checked_add(entry.size).filter(|end| *end <= unpacked);
        let end = end.ok_or_else(|| contradiction("a file lies outside of the layer"))?;
        if offset < header + 512 {
            return Err(contradiction("its files overlap"));
        }
        let place = (entry.size > 0).then_some(Place::Archive(offset, header));
        header = end.next_multiple_of(512);
        items.push(Item { entry, place });
    }
    Ok(items)
}

/// An entry, and where its content begins. `None`: it is damaged.
fn entry(row: Table<'_>, budget: &mut usize) -> Result<Option<(Entry, u64)>, Trouble> {
    let texts = || Some((row.text(0)?, row.text(1)?, row.text(4)?, row.vector(13)?));
    let Some((name, kind, link, records)) = texts() else { return Ok(None) };
    let kind = match kind {
        b"reg" => Type::Regular,
        b"dir" => Type::Directory,
        b"symlink" => Type::Symlink,
        b"hardlink" => Type::Hardlink,
        b"char" => Type::CharDevice,
        b"block" => Type::BlockDevice,
        b"fifo" => Type::Fifo,
        _ => return Err(contradiction("it has an entry of an unknown type")),
    };
    let mut xattrs = Vec::new();
    let mut copied = name.len() + link.len() + 16;
    for at in 0..records.count() {
        let pair = records.table(at).and_then(|record| Some((record.text(0)?, record.text(1)?)));
        let Some((key, value)) = pair else { return Ok(None) };
        // Where the content of a sparse file is, the table does not tell.
        if key.starts_with(b"GNU.sparse.") {
            return Err(Trouble::Table("it has a sparse file".into()));
        }
        copied += key.len() + value.len() + 16;
        if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
            xattrs.push((name.to_vec(), value.to_vec()));
        }
        if copied > *budget {
            break;
        }
    }
    let left = budget.checked_sub(copied);
    *budget = left.ok_or_else(|| Trouble::Table("it says the same again and again".into()))?;
    let numbers = || {
        let number = |at| u64::try_from(row.i64(at)?).ok();
        let size = if kind == Type::Regular { number(3)? } else { 0 };
        let mode = u32::try_from(number(5)? & 0o7777).ok()?;
        Some((number(2)?, size, mode, row.u32(6)?, row.u32(7)?, (number(11)?, number(12)?)))
    };
    let Some((offset, size, mode, uid, gid, device)) = numbers() else { return Ok(None) };
    let (name, link) = (name.to_vec(), link.to_vec());
    let entry = Entry { name, link, kind, mode, uid: uid.into(), gid: gid.into(), size, device, xattrs };
    Ok(Some((entry, offset)))
}
