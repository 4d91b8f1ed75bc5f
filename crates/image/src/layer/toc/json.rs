//! The JSON that eStargz and zstd:chunked share (stargz-snapshotter `estargz/types.go`, `JTOC`; containers/storage
//! `pkg/chunked/internal/minimal/compression.go`, `TOC`): an entry for each header of the archive, in its order, and
//! one for each further chunk of a file.

use super::contents::{Chunk, Coding, Contents, Part, Place};
use super::{Item, Listing, Trouble, contradiction};
use crate::digest::Digest;
use crate::manifest::nullable;
use crate::tar::{Entry, Type};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Longest JSON that is read: some 250 bytes for each entry.
pub(super) const LONGEST_JSON: u64 = 64 * 1024 * 1024;

#[derive(Deserialize)]
struct Document {
    #[serde(default, deserialize_with = "nullable")]
    entries: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    size: u64,
    #[serde(default, deserialize_with = "nullable")]
    link_name: String,
    #[serde(default)]
    mode: u32,
    #[serde(default)]
    uid: u64,
    #[serde(default)]
    gid: u64,
    #[serde(default)]
    dev_major: u64,
    #[serde(default)]
    dev_minor: u64,
    #[serde(default, deserialize_with = "nullable")]
    xattrs: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "nullable")]
    digest: String,
    #[serde(default)]
    offset: u64,
    #[serde(default)]
    end_offset: u64,
    #[serde(default)]
    inner_offset: u64,
    #[serde(default)]
    chunk_offset: u64,
    #[serde(default)]
    chunk_size: u64,
    #[serde(default, deserialize_with = "nullable")]
    chunk_digest: String,
    #[serde(default, deserialize_with = "nullable")]
    chunk_type: String,
}

/// Reads a table. `coding` is that of its parts, and `end` is where the last of them ends, where the rows do not say so.
pub(super) fn read(json: &[u8], coding: &Coding, end: u64) -> Result<Listing, Trouble> {
    let document: Document = serde_json::from_slice(json)
        .map_err(|error| Trouble::Table(format!("it is not the JSON that it should be: {error}")))?;
    let mut rows = document.entries;
    match coding {
        Coding::Gzip => ends_of_members(&mut rows, end),
        _ => ends_of_frames(&mut rows),
    }
    let mut items: Vec<Item> = Vec::new();
    let (mut parts, mut chunks): (Vec<Part>, Vec<Chunk>) = (Vec::new(), Vec::new());
    for row in rows {
        if row.kind != "chunk" {
            items.push(Item { entry: entry(&row)?, place: None });
        }
        let Some(Item { entry, place }) = items.last_mut() else {
            return Err(contradiction("it begins with a chunk of no file"));
        };
        if entry.kind != Type::Regular {
            continue;
        }
        if row.kind == "chunk" && place.is_none() {
            return Err(contradiction("an empty file has a chunk"));
        }
        if entry.size == 0 {
            continue;
        }
        let covered = place.as_ref().map_or(0, |_| chunks.last().map_or(0, |last| last.begins + last.length));
        let chunk = chunk(&row, entry.size, covered, &mut parts, coding, end)?;
        let begin = match place {
            Some(Place::Chunks(range)) => range.start,
            _ => chunks.len(),
        };
        chunks.push(chunk);
        *place = Some(Place::Chunks(begin..chunks.len()));
    }
    for Item { entry, place } in &items {
        let Some(Place::Chunks(range)) = place else { continue };
        let last = chunks.get(range.end - 1).map_or(0, |last| last.begins + last.length);
        if last != entry.size {
            let name = entry.name.escape_ascii();
            return Err(contradiction(&format!(
                "the chunks of {name} are {last} bytes, and it has {}",
                entry.size
            )));
        }
    }
    Ok(Listing { items, contents: Contents::new(parts, chunks, Vec::new()) })
}

/// zstd:chunked: a file says where its last frame ends, and a frame before ends where the next one begins
/// (containers/storage `pkg/chunked/storage_linux.go`).
fn ends_of_frames(rows: &mut [Row]) {
    let mut end = 0;
    for at in 0..rows.len() {
        if rows[at].kind != "chunk" {
            end = rows[at].end_offset;
        }
        let next = rows.get(at + 1).filter(|next| next.kind == "chunk").map(|next| next.offset);
        rows[at].end_offset = next.unwrap_or(end);
    }
}

/// Go's reader of eStargz (`initFields`): a member ends where the next one begins.
fn ends_of_members(rows: &mut [Row], end: u64) {
    let mut next = end;
    for row in rows.iter_mut().rev() {
        row.end_offset = next;
        if row.offset != 0 && row.inner_offset == 0 {
            next = row.offset;
        }
    }
}

fn entry(row: &Row) -> Result<Entry, Trouble> {
    let kind = match row.kind.as_str() {
        "reg" => Type::Regular,
        "dir" => Type::Directory,
        "symlink" => Type::Symlink,
        "hardlink" => Type::Hardlink,
        "char" => Type::CharDevice,
        "block" => Type::BlockDevice,
        "fifo" => Type::Fifo,
        other => {
            let other: String = other.chars().take(40).flat_map(char::escape_debug).collect();
            return Err(contradiction(&format!("it has an entry of the type {other}")));
        }
    };
    // Go writes this for what is no UTF-8, and the true name is lost.
    if [&row.name, &row.link_name].iter().any(|name| name.contains('\u{fffd}')) {
        return Err(contradiction("it has a name that is no UTF-8"));
    }
    let xattr = |(name, value): (&String, &String)| match STANDARD.decode(value) {
        Ok(value) => Ok((name.clone().into_bytes(), value)),
        Err(_) => Err(contradiction("it has an attribute that is no base64")),
    };
    Ok(Entry {
        name: row.name.clone().into_bytes(),
        link: row.link_name.clone().into_bytes(),
        kind,
        mode: row.mode & 0o7777,
        uid: row.uid,
        gid: row.gid,
        size: if kind == Type::Regular { row.size } else { 0 },
        device: (row.dev_major, row.dev_minor),
        xattrs: row.xattrs.iter().map(xattr).collect::<Result<_, _>>()?,
    })
}

/// The chunk of a row, which must begin where the file is not covered yet, and its part.
fn chunk(
    row: &Row,
    size: u64,
    covered: u64,
    parts: &mut Vec<Part>,
    coding: &Coding,
    end: u64,
) -> Result<Chunk, Trouble> {
    let left = size.checked_sub(covered).filter(|left| *left > 0);
    let left = left.ok_or_else(|| contradiction("a file has more chunks than content"))?;
    let length = if row.chunk_size == 0 { left } else { row.chunk_size.min(left) };
    if row.chunk_offset != covered {
        return Err(contradiction("the chunks of a file are not in order"));
    }
    let zeros = row.chunk_type == "zeros";
    let stored = if zeros { 0..0 } else { row.offset..row.end_offset };
    if !zeros && (stored.start >= stored.end || stored.end > end) {
        return Err(contradiction("a file lies outside of the layer"));
    }
    let coding = if zeros { Coding::Zeros } else { coding.clone() };
    let part = Part { stored, coding, begins: 0, length: None, digest: None };
    // Small files may share a member.
    let shared =
        parts.last().is_some_and(|last| row.inner_offset > 0 && last.stored.start == part.stored.start);
    if !shared {
        parts.push(part);
    }
    let whole = covered == 0 && length == size;
    let digest = if whole && row.chunk_digest.is_empty() { &row.digest } else { &row.chunk_digest };
    let digest: Option<Digest> = if digest.is_empty() { None } else { digest.parse().ok() };
    Ok(Chunk { begins: covered, length, part: parts.len() - 1, inner: row.inner_offset, digest })
}
