//! Layers with tables of contents (eStargz, zstd:chunked, SOCI's ztoc). A sound table gives what reading the layer gives;
//! a damaged one is put aside, or marks what it tells; and never is anything asked for that lies outside of the layer.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/image/src/testing/seekable.rs"]
mod seekable;

use execfit_image::digest::Digest;
use execfit_image::limits::Limits;
use execfit_image::manifest::{Descriptor, OCI_CONFIG, OCI_MANIFEST};
use execfit_image::source::reader::Image;
use execfit_image::source::{Document, LONGEST_PART, Selector, SourceError, Store, Tally};
use execfit_image::witness::Witness;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{Cursor, Read, Write};

const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const NAMES: [&str; 12] = [
    "bin/",
    "bin/sh",
    "bin/app",
    "lib/x.so",
    "lib",
    "a",
    "a/b",
    ".wh.a",
    "a/.wh..wh..opq",
    "./bin/../bin/sh",
    "x\u{fffd}",
    "",
];

fuzz_target!(|data: &[u8]| {
    let [kind, seed, rest @ ..] = data else { return };
    let cut = rest.len() / 2;
    let made = match kind % 8 {
        0 => Some(estargz(&rows(rest), rest)),
        1 => Some(estargz(rest, rest)),
        2 => Some(chunked(&rows(rest), rest)),
        3 => Some(chunked(rest, rest)),
        4 => seekable_layer(*seed, &archive(rest), &[]),
        _ => seekable_layer(*seed, &archive(&rest[..cut]), &rest[cut..]),
    };
    let Some(made) = made else { return };
    let mut listed = made.open();
    let answers = ask(&mut listed);
    assert_eq!(answers, ask(&mut made.open()));
    listed.sweep(&[made.digest.clone()]).ok();
    ask(&mut listed);
    if made.sound {
        let mut plain = made.open();
        plain.ignore_tables();
        if plain.sweep(&[made.digest.clone()]).is_ok() {
            assert_eq!(ask(&mut plain), ask(&mut listed));
        }
    }
});

/// What stands at each path, but who says so; that must be what [`Image::as_listed`] tells of the layer then.
fn ask(image: &mut Image) -> Vec<Result<Option<Witness>, SourceError>> {
    let manifest = image.digest().clone();
    let ask = |name: &&str| {
        let path = format!("/{}", name.trim_matches(['/', '.']));
        let found = image.witness(&manifest, path.as_bytes())?;
        let as_listed = |found: &Witness| found.origin.as_ref().is_some_and(|origin| origin.as_listed);
        assert!(!found.as_ref().is_some_and(as_listed) || !image.as_listed(&manifest).is_empty());
        Ok(found.map(|found| Witness { origin: None, ..found }))
    };
    NAMES.iter().map(ask).collect()
}

/// An image of one layer, in memory.
#[derive(Clone)]
struct Made {
    digest: Digest,
    documents: HashMap<Digest, Vec<u8>>,
    blobs: HashMap<Digest, Vec<u8>>,
    sound: bool,
}

impl Made {
    fn new(blob: Vec<u8>, annotations: Value, ztoc: Option<Vec<u8>>, sound: bool) -> Made {
        let mut made =
            Made { digest: Digest::of(b""), documents: HashMap::new(), blobs: HashMap::new(), sound };
        let config = made.blob(OCI_CONFIG, br#"{"architecture":"arm64","os":"linux"}"#.to_vec(), json!({}));
        let layer = made.blob(LAYER, blob, annotations);
        let mut manifest =
            json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer]});
        if let Some(ztoc) = ztoc {
            let about = json!({"com.amazon.soci.image-layer-digest": layer["digest"]});
            let ztoc = made.blob("application/octet-stream", ztoc, about);
            let index =
                json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [ztoc]});
            let index = made.document(&index);
            manifest["annotations"] = json!({"com.amazon.soci.index-digest": index});
        }
        made.digest = made.document(&manifest);
        made
    }

    fn blob(&mut self, media_type: &str, bytes: Vec<u8>, annotations: Value) -> Value {
        let (digest, size) = (Digest::of(&bytes), bytes.len());
        self.blobs.insert(digest.clone(), bytes);
        json!({"mediaType": media_type, "digest": digest, "size": size, "annotations": annotations})
    }

    fn document(&mut self, value: &Value) -> Digest {
        let bytes = value.to_string().into_bytes();
        let digest = Digest::of(&bytes);
        self.documents.insert(digest.clone(), bytes);
        digest
    }

    fn open(&self) -> Image {
        let limits = Limits { unpacked_bytes: 1 << 20, entries: 500, steps: 50_000, ..Limits::default() };
        Image::open_within(Box::new(self.clone()), "fuzz".into(), Selector::Only, limits, None).unwrap()
    }
}

impl Store for Made {
    fn document(&mut self, selector: &Selector) -> Result<Document, SourceError> {
        let digest = if let Selector::Digest(digest) = selector { digest } else { &self.digest };
        Ok(Document {
            media_type: OCI_MANIFEST.into(),
            digest: digest.clone(),
            bytes: self.documents[digest].clone(),
        })
    }

    fn blob(&mut self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        Ok(Box::new(Cursor::new(self.blobs[&descriptor.digest].clone())))
    }

    fn range(&mut self, descriptor: &Descriptor, offset: u64, length: u64) -> Result<Vec<u8>, SourceError> {
        assert!(length > 0 && length <= LONGEST_PART && offset + length <= descriptor.size);
        let blob = &self.blobs[&descriptor.digest];
        Ok(blob[offset as usize..(offset + length) as usize].to_vec())
    }

    fn tally(&self) -> Tally {
        Tally::default()
    }
}

/// An archive of simple entries, four bytes each.
fn archive(data: &[u8]) -> Vec<u8> {
    let mut tar = Vec::new();
    for entry in data.chunks_exact(4).take(40) {
        let name = NAMES[usize::from(entry[0]) % 10];
        let kind = if name.ends_with('/') { b'5' } else { b"00001235"[usize::from(entry[1] & 7)] };
        let size = if kind == b'0' { usize::from(entry[2]) * 5 } else { 0 };
        let link = NAMES[usize::from(entry[3]) % 10];
        let mut block = [0; 512];
        for (at, text) in [
            (0, name),
            (100, ["0000755", "0000644"][usize::from(entry[1] >> 7)]),
            (108, "0000000"),
            (116, "0000000"),
            (124, &format!("{size:011o}")),
            (136, "00000000000"),
            (257, "ustar\x0000"),
            (157, if matches!(kind, b'1' | b'2') { link } else { "" }),
        ] {
            block[at..at + text.len()].copy_from_slice(text.as_bytes());
        }
        block[156] = kind;
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend(block);
        let head: &[u8] = if entry[3] & 16 == 0 { b"#!/bin/sh\n" } else { b"\x7fELF\x02\x01\x01" };
        let body = head.iter().copied().chain((0..).map(|at: usize| (at * at >> 3) as u8 ^ entry[3]));
        tar.extend(body.take(size));
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

/// A table of a real maker, then damaged where `edits` say so, three bytes each; `None` where it is beyond the makers.
fn seekable_layer(seed: u8, tar: &[u8], edits: &[u8]) -> Option<Made> {
    let chunk = 64 + usize::from(seed >> 2) * 40;
    let sound = edits.len() < 3;
    if seed & 3 > 1 {
        let blob = match seed & 3 {
            2 => tar.to_vec(),
            _ => tar.chunks(4096).flat_map(gzip).collect(),
        };
        let points = if seed & 3 == 2 { Vec::new() } else { seekable::checkpoints(&blob, chunk) };
        let mut ztoc = seekable::ztoc(&blob, tar, &points, chunk, seed & 4 != 0);
        damage(&mut ztoc, edits);
        return Some(Made::new(blob, json!({}), Some(ztoc), sound));
    }
    let make = if seed & 3 == 0 { seekable::estargz } else { seekable::chunked };
    let seekable::Layer { mut blob, annotations, .. } = make(tar, chunk);
    damage(&mut blob, edits);
    Some(Made::new(blob, annotations, None, sound))
}

/// Changes bytes near the beginning, or near the end.
fn damage(bytes: &mut [u8], edits: &[u8]) {
    for edit in edits.chunks_exact(3).take(8) {
        let at = usize::from(edit[0]) << 4 & 0xff0 | usize::from(edit[1] & 15);
        let at = if edit[1] & 16 == 0 { at } else { bytes.len().wrapping_sub(at + 1) };
        if let Some(byte) = bytes.get_mut(at) {
            *byte = edit[2];
        }
    }
}

/// Rows of small numbers, eight bytes each.
fn rows(data: &[u8]) -> Vec<u8> {
    let number = |byte: u8| match byte {
        255 => u64::MAX,
        254 => 1 << 40,
        byte => u64::from(byte),
    };
    let row = |bytes: &[u8]| {
        let name = NAMES[usize::from(bytes[0]) % 12];
        let kind =
            ["reg", "reg", "chunk", "dir", "symlink", "hardlink", "char", "odd"][usize::from(bytes[1] & 7)];
        json!({
            "name": name, "type": kind, "mode": 0o755, "size": number(bytes[2]), "offset": number(bytes[3]),
            "endOffset": number(bytes[4]), "chunkOffset": number(bytes[5]), "chunkSize": number(bytes[6]),
            "innerOffset": number(bytes[7] & 31), "linkName": NAMES[usize::from(bytes[7] >> 4) % 12],
            "chunkType": if bytes[1] & 8 == 0 { "" } else { "zeros" },
        })
    };
    let rows: Vec<Value> = data.chunks_exact(8).map(row).collect();
    json!({"version": 1, "entries": rows}).to_string().into_bytes()
}

/// An eStargz layer with this table, and something before it.
fn estargz(toc: &[u8], content: &[u8]) -> Made {
    let mut blob = gzip(&content[..content.len().min(100)]);
    let begins = blob.len();
    let mut end = seekable::table_header(toc.len()).to_vec();
    end.extend_from_slice(toc);
    end.resize(end.len().next_multiple_of(512) + 1024, 0);
    blob.extend(gzip(&end));
    blob.extend(seekable::footer(begins));
    let annotations = json!({"containerd.io/snapshot/stargz/toc.digest": Digest::of(toc)});
    Made::new(blob, annotations, None, false)
}

/// A zstd:chunked layer with this table, and something before it.
fn chunked(toc: &[u8], content: &[u8]) -> Made {
    let mut blob = zstd::encode_all(&content[..content.len().min(100)], 1).unwrap();
    let table = zstd::encode_all(toc, 1).unwrap();
    let offset = blob.len();
    blob.extend_from_slice(&table);
    let annotations = json!({
        "io.github.containers.zstd-chunked.manifest-position":
            format!("{offset}:{}:{}:1", table.len(), toc.len()),
        "io.github.containers.zstd-chunked.manifest-checksum": Digest::of(&table),
    });
    Made::new(blob, annotations, None, false)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
