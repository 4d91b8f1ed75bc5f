//! Makes layers with tables of contents out of plain ones, by the sources' definitions: eStargz (stargz-snapshotter
//! `estargz/estargz.go`, `estargz/gzip.go`), zstd:chunked (containers/storage `pkg/chunked/compressor`) and SOCI's ztoc
//! (soci-snapshotter `ztoc/`, `ztoc/compression/gzip_zinfo.c`). For tests and measurements; the tests compare with files
//! that the real tools made.

#[path = "seekable/deflate.rs"]
mod deflate;

#[allow(unused_imports)]
pub(crate) use deflate::checkpoints;

use base64::Engine;
use execfit_image::digest::Digest;
use execfit_image::tar::{Archive, Entry, Type};
use flatbuffers::{FlatBufferBuilder, WIPOffset};
use serde_json::{Value, json};
use std::io::Write;

/// A layer with a table in it.
pub(crate) struct Layer {
    /// The blob.
    pub(crate) blob: Vec<u8>,
    /// Digest of what it unpacks to.
    pub(crate) diff_id: Digest,
    /// Annotations that name the table.
    pub(crate) annotations: Value,
}

/// An entry of an archive, where its headers, its data and the next headers begin.
struct Member {
    entry: Entry,
    header: usize,
    data: usize,
    end: usize,
}

fn members(tar: &[u8]) -> Vec<Member> {
    let mut archive = Archive::new(tar);
    let (mut members, mut header) = (Vec::new(), 0);
    while let Some(entry) = archive.next_entry().expect("a tar archive") {
        let data = archive.position() as usize;
        let end = data + (entry.size as usize).next_multiple_of(512);
        members.push(Member { entry, header, data, end });
        header = end;
    }
    members
}

fn kind(entry: &Entry) -> &'static str {
    match entry.kind {
        Type::Directory => "dir",
        Type::Symlink => "symlink",
        Type::Hardlink => "hardlink",
        Type::CharDevice => "char",
        Type::BlockDevice => "block",
        Type::Fifo => "fifo",
        _ => "reg",
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn row(entry: &Entry) -> Value {
    let xattrs: serde_json::Map<String, Value> = entry
        .xattrs
        .iter()
        .map(|(name, value)| (text(name), base64::engine::general_purpose::STANDARD.encode(value).into()))
        .collect();
    json!({
        "name": text(&entry.name), "type": kind(entry), "size": entry.size, "linkName": text(&entry.link),
        "mode": entry.mode, "uid": entry.uid, "gid": entry.gid, "devMajor": entry.device.0,
        "devMinor": entry.device.1, "xattrs": xattrs,
    })
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).expect("memory")
}

/// Writes headers and chunks each by themselves, and the rows of the table.
fn chunks(tar: &[u8], chunk: usize, pack: fn(&[u8]) -> Vec<u8>) -> (Vec<u8>, Vec<u8>, Vec<Value>) {
    let (mut blob, mut unpacked, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for Member { entry, header, data, end } in members(tar) {
        blob.extend(pack(&tar[header..data]));
        unpacked.extend_from_slice(&tar[header..end]);
        let content = &tar[data..data + entry.size as usize];
        let mut first = row(&entry);
        let begun = rows.len();
        if entry.size > 0 {
            first["digest"] = json!(Digest::of(content));
        }
        for (at, bytes) in content.chunks(chunk).enumerate() {
            let mut row =
                if at == 0 { first.take() } else { json!({"name": text(&entry.name), "type": "chunk"}) };
            let padding =
                if (at + 1) * chunk >= content.len() { &tar[data + content.len()..end] } else { &[] };
            row["offset"] = json!(blob.len());
            row["chunkOffset"] = json!(at * chunk);
            row["chunkSize"] = json!(if bytes.len() < chunk { 0 } else { bytes.len() });
            row["chunkDigest"] = json!(Digest::of(bytes));
            blob.extend(pack(bytes));
            let packed = blob.len();
            if !padding.is_empty() {
                blob.extend(pack(padding));
            }
            let ended = (at + 1) * chunk >= content.len();
            rows.push(row);
            if ended {
                // The file's own row says where its last chunk ends.
                rows[begun]["endOffset"] = json!(packed);
            }
        }
        if content.is_empty() {
            rows.push(first);
        }
    }
    (blob, unpacked, rows)
}

/// The header of the entry with eStargz's table.
pub(crate) fn table_header(length: usize) -> [u8; 512] {
    let mut block = [0; 512];
    block[..17].copy_from_slice(b"stargz.index.json");
    for (at, digits) in [(100, "0000000"), (108, "0000000"), (116, "0000000"), (136, "00000000000")] {
        block[at..at + digits.len()].copy_from_slice(digits.as_bytes());
    }
    block[124..135].copy_from_slice(format!("{length:011o}").as_bytes());
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// An eStargz layer with chunks of this length.
pub(crate) fn estargz(tar: &[u8], chunk: usize) -> Layer {
    let (mut blob, mut unpacked, rows) = chunks(tar, chunk, gzip);
    let toc = serde_json::to_vec_pretty(&json!({"version": 1, "entries": rows})).expect("JSON");
    let mut end = table_header(toc.len()).to_vec();
    end.extend_from_slice(&toc);
    end.resize(end.len().next_multiple_of(512) + 1024, 0);
    let begins = blob.len();
    blob.extend(gzip(&end));
    blob.extend(footer(begins));
    unpacked.extend(end);
    let annotations = json!({"containerd.io/snapshot/stargz/toc.digest": Digest::of(&toc)});
    Layer { blob, diff_id: Digest::of(&unpacked), annotations }
}

/// An empty gzip member whose extra field tells where the table begins.
pub(crate) fn footer(begins: usize) -> Vec<u8> {
    let mut footer = vec![0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255, 26, 0, b'S', b'G', 22, 0];
    footer.extend(format!("{begins:016x}STARGZ").bytes());
    footer.extend([1, 0, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
    footer
}

fn skippable(bytes: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x50, 0x2a, 0x4d, 0x18];
    frame.extend((bytes.len() as u32).to_le_bytes());
    frame.extend_from_slice(bytes);
    frame
}

/// A zstd:chunked layer with chunks of this length. (Its tar-split frame is empty.)
pub(crate) fn chunked(tar: &[u8], chunk: usize) -> Layer {
    let (mut blob, mut unpacked, rows) = chunks(tar, chunk, zstd);
    blob.extend(zstd(&[0; 1024]));
    unpacked.extend([0; 1024]);
    let toc = serde_json::to_vec(&json!({"version": 1, "entries": rows})).expect("JSON");
    let packed = zstd(&toc);
    let offset = blob.len() + 8;
    blob.extend(skippable(&packed));
    let split = blob.len() + 8;
    blob.extend(skippable(&zstd(b"")));
    let numbers = [offset, packed.len(), toc.len(), 1, split, zstd(b"").len(), 0];
    let mut footer: Vec<u8> = numbers.iter().flat_map(|number| (*number as u64).to_le_bytes()).collect();
    footer.extend_from_slice(b"GNUlInUx");
    blob.extend(skippable(&footer));
    let annotations = json!({
        "io.github.containers.zstd-chunked.manifest-position":
            format!("{offset}:{}:{}:1", packed.len(), toc.len()),
        "io.github.containers.zstd-chunked.manifest-checksum": Digest::of(&packed),
    });
    Layer { blob, diff_id: Digest::of(&unpacked), annotations }
}

/// The state of a decoder: place in the blob and in the archive, bits of the byte before that are still to come.
pub(crate) struct Checkpoint {
    pub(crate) stored: usize,
    pub(crate) out: usize,
    pub(crate) bits: u8,
}

/// The ztoc of a gzip layer, or with no checkpoints of one that is not compressed, in spans of this length. `implicit`
/// leaves the first checkpoint out, as ztocs of before do.
pub(crate) fn ztoc(
    blob: &[u8],
    tar: &[u8],
    checkpoints: &[Checkpoint],
    span: usize,
    implicit: bool,
) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let version = builder.create_string("0.9");
    let tool = builder.create_string("execfit");
    let rows: Vec<_> = members(tar).iter().map(|member| metadata(&mut builder, member)).collect();
    let rows = builder.create_vector(&rows);
    let start = builder.start_table();
    builder.push_slot_always::<WIPOffset<_>>(4, rows);
    let toc = builder.end_table(start);
    let starts: Vec<usize> = if checkpoints.is_empty() {
        (0..blob.len()).step_by(span).collect()
    } else {
        checkpoints.iter().map(|point| point.stored - usize::from(point.bits > 0)).collect()
    };
    let ends: Vec<usize> = if checkpoints.is_empty() {
        starts.iter().map(|start| (start + span).min(blob.len())).collect()
    } else {
        checkpoints[1..].iter().map(|point| point.stored).chain([blob.len()]).collect()
    };
    let digests: Vec<_> = starts
        .iter()
        .zip(&ends)
        .map(|(start, end)| builder.create_string(Digest::of(&blob[*start..*end]).as_str()))
        .collect();
    let digests = builder.create_vector(&digests);
    let states = if checkpoints.is_empty() {
        plain_info(blob.len(), span)
    } else {
        info(tar, checkpoints, span, implicit)
    };
    let states = builder.create_vector(&states);
    let start = builder.start_table();
    if checkpoints.is_empty() {
        builder.push_slot_always::<i8>(4, 2);
    }
    builder.push_slot_always::<i32>(6, starts.len() as i32 - 1);
    builder.push_slot_always::<WIPOffset<_>>(8, digests);
    builder.push_slot_always::<WIPOffset<_>>(10, states);
    let info = builder.end_table(start);
    let start = builder.start_table();
    builder.push_slot_always::<WIPOffset<_>>(4, version);
    builder.push_slot_always::<WIPOffset<_>>(6, tool);
    builder.push_slot_always::<i64>(8, blob.len() as i64);
    builder.push_slot_always::<i64>(10, tar.len() as i64);
    builder.push_slot_always::<WIPOffset<_>>(12, toc);
    builder.push_slot_always::<WIPOffset<_>>(14, info);
    let root = builder.end_table(start);
    builder.finish(root, None);
    builder.finished_data().to_vec()
}

fn metadata<'a>(
    builder: &mut FlatBufferBuilder<'a>,
    member: &Member,
) -> WIPOffset<flatbuffers::TableFinishedWIPOffset> {
    let entry = &member.entry;
    let name = builder.create_byte_string(&entry.name);
    let kind = builder.create_string(kind(entry));
    let link = builder.create_byte_string(&entry.link);
    let records: Vec<_> = entry
        .xattrs
        .iter()
        .map(|(key, value)| {
            let key = builder.create_byte_string(&[b"SCHILY.xattr.", &key[..]].concat());
            let value = builder.create_byte_string(value);
            let start = builder.start_table();
            builder.push_slot_always::<WIPOffset<_>>(4, key);
            builder.push_slot_always::<WIPOffset<_>>(6, value);
            builder.end_table(start)
        })
        .collect();
    let records = builder.create_vector(&records);
    let start = builder.start_table();
    builder.push_slot_always::<WIPOffset<_>>(4, name);
    builder.push_slot_always::<WIPOffset<_>>(6, kind);
    builder.push_slot_always::<i64>(8, member.data as i64);
    builder.push_slot_always::<i64>(10, entry.size as i64);
    builder.push_slot_always::<WIPOffset<_>>(12, link);
    builder.push_slot_always::<i64>(14, i64::from(entry.mode));
    builder.push_slot_always::<u32>(16, entry.uid as u32);
    builder.push_slot_always::<u32>(18, entry.gid as u32);
    builder.push_slot_always::<i64>(26, entry.device.0 as i64);
    builder.push_slot_always::<i64>(28, entry.device.1 as i64);
    builder.push_slot_always::<WIPOffset<_>>(30, records);
    builder.end_table(start)
}

fn plain_info(length: usize, span: usize) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let start = builder.start_table();
    builder.push_slot_always::<i32>(4, 2);
    builder.push_slot_always::<i64>(6, span as i64);
    builder.push_slot_always::<i64>(8, length as i64);
    let root = builder.end_table(start);
    builder.finish(root, None);
    builder.finished_data().to_vec()
}

fn info(tar: &[u8], checkpoints: &[Checkpoint], span: usize, implicit: bool) -> Vec<u8> {
    let mut bytes = (checkpoints.len() as u32).to_le_bytes().to_vec();
    bytes.extend((span as u64).to_le_bytes());
    for point in &checkpoints[usize::from(implicit)..] {
        bytes.extend((point.stored as u64).to_le_bytes());
        bytes.extend((point.out as u64).to_le_bytes());
        bytes.push(point.bits);
        let window = &tar[point.out.saturating_sub(32_768)..point.out];
        bytes.extend(vec![0; 32_768 - window.len()]);
        bytes.extend_from_slice(window);
    }
    bytes
}
