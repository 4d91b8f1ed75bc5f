//! Layers with a table of contents, in a registry: what is asked, and how much of the layer comes.

use crate::server::{Heard, Reply, Server};
use crate::{MANIFEST, bytes, nobody, open};
use execfit_image::digest::Digest;
use execfit_image::source::Selector;
use execfit_image::source::reader::Image;
use serde_json::{Value, json};
use std::collections::HashMap;

#[path = "../../src/testing/seekable.rs"]
#[allow(dead_code)]
mod maker;

/// A tar archive of a script, and noise before and behind it.
fn archive() -> Vec<u8> {
    let mut tar = Vec::new();
    let noise = bytes(2_000_000);
    for (name, mode, content) in
        [("a", "0000644", &noise[..]), ("app", "0000755", b"#!/bin/sh\n"), ("z", "0000644", &noise[..])]
    {
        let mut block = [0; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        for (at, digits) in [(100, mode), (108, "0000000"), (116, "0000000"), (136, "00000000000")] {
            block[at..at + digits.len()].copy_from_slice(digits.as_bytes());
        }
        block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        block[156] = b'0';
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend_from_slice(&block);
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

/// A registry with an image of this layer, and its manifest's digest.
fn registry(blob: Vec<u8>, annotations: &Value, ranges: bool) -> (Server, Digest) {
    let config = json!({"architecture": "arm64", "os": "linux"}).to_string().into_bytes();
    let part = |kind: &str, bytes: &[u8], annotations: &Value| json!({"mediaType": kind, "digest": Digest::of(bytes), "size": bytes.len(), "annotations": annotations});
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": part("application/vnd.oci.image.config.v1+json", &config, &json!({})),
        "layers": [part("application/vnd.oci.image.layer.v1.tar+gzip", &blob, annotations)],
    });
    let manifest = manifest.to_string().into_bytes();
    let digest = Digest::of(&manifest);
    let blobs: HashMap<String, Vec<u8>> =
        [config, blob].into_iter().map(|blob| (Digest::of(&blob).to_string(), blob)).collect();
    let server = Server::new(move |heard: &Heard, _| {
        let name = heard.path.rsplit('/').next().unwrap();
        match blobs.get(name) {
            Some(blob) if ranges => Reply::part(heard, blob),
            Some(blob) => Reply::new(200, blob.clone()),
            None => Reply::new(200, manifest.clone()).with("Content-Type", MANIFEST),
        }
    });
    (server, digest)
}

#[test]
fn two_requests_for_the_layer_and_little_of_it() {
    let tar = archive();
    for layer in [maker::estargz(&tar, 1 << 22), maker::chunked(&tar, 1 << 22)] {
        let size = layer.blob.len() as u64;
        let (server, digest) = registry(layer.blob, &layer.annotations, true);
        let mut image = Image::open(Box::new(open(&server, &nobody())), "it".into(), Selector::Only).unwrap();
        let app = image.witness(&digest, b"/app").unwrap().unwrap();
        assert!(app.origin.unwrap().as_listed && app.pieces[0].bytes == b"#!/bin/sh\n");
        assert_eq!(image.witness(&digest, b"/none").unwrap(), None);
        let tally = image.tally();
        assert_eq!(tally.requests, 4, "manifest, config, table, file: {:?}", server.paths());
        assert!(tally.bytes < size / 50, "{} of {size}", tally.bytes);
    }
}

#[test]
fn a_registry_without_ranges_gives_the_layer() {
    let layer = maker::estargz(&archive(), 1 << 22);
    let (server, digest) = registry(layer.blob, &layer.annotations, false);
    let mut image = Image::open(Box::new(open(&server, &nobody())), "it".into(), Selector::Only).unwrap();
    let app = image.witness(&digest, b"/app").unwrap().unwrap();
    assert!(!app.origin.unwrap().as_listed && app.pieces[0].bytes == b"#!/bin/sh\n");
    let notes = image.notes(&digest);
    assert!(
        notes[0].note.text.contains("the layer was read instead")
            && notes[0].note.text.contains("only as a whole"),
        "{notes:?}"
    );
}
