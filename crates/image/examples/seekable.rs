//! Makes seekable layers out of plain ones, to measure with: `seekable estargz|zstd-chunked|ztoc LAYER OUT`.
//!
//! LAYER is a tar file, compressed with gzip or not. What is made lies in OUT, and what is to be said of it in the manifest
//! is printed as JSON: digests, size, diff id, annotations. A ztoc is about LAYER as it is.

#![allow(clippy::expect_used, clippy::panic)]

#[path = "../src/testing/seekable.rs"]
mod seekable;

use execfit_image::digest::Digest;
use serde_json::json;
use std::io::Read;

/// Chunks and spans as the tools make them by default: 4 MiB.
const CHUNK: usize = 4 << 20;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, layer, out] = &arguments[..] else {
        eprintln!("usage: seekable estargz|zstd-chunked|ztoc LAYER OUT");
        std::process::exit(2);
    };
    let blob = std::fs::read(layer).expect("LAYER can be read");
    let packed = blob.starts_with(&[0x1f, 0x8b]);
    let mut tar = Vec::new();
    if packed {
        flate2::read::MultiGzDecoder::new(&blob[..]).read_to_end(&mut tar).expect("LAYER is gzip");
    } else {
        tar.clone_from(&blob);
    }
    let (made, said) = match kind.as_str() {
        "estargz" | "zstd-chunked" => {
            let make = if kind == "estargz" { seekable::estargz } else { seekable::chunked };
            let seekable::Layer { blob, diff_id, annotations } = make(&tar, CHUNK);
            (blob, json!({"diff_id": diff_id, "annotations": annotations}))
        }
        "ztoc" => {
            let points = if packed { seekable::checkpoints(&blob, CHUNK) } else { Vec::new() };
            let annotations = json!({"com.amazon.soci.image-layer-digest": Digest::of(&blob)});
            (seekable::ztoc(&blob, &tar, &points, CHUNK, false), json!({"annotations": annotations}))
        }
        other => panic!("{other} is none of estargz, zstd-chunked, ztoc"),
    };
    let mut said = said;
    said["digest"] = json!(Digest::of(&made));
    said["size"] = json!(made.len());
    std::fs::write(out, made).expect("OUT can be written");
    println!("{said}");
}
