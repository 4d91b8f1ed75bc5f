//! Layers of arbitrary archives in every compression, whole, damaged and as bombs, under small limits: reading to a path
//! and then on gives what reading at once gives, and never more than the limits allow.
#![no_main]

use execfit_image::digest::Digest;
use execfit_image::layer::Layer;
use execfit_image::limits::Limits;
use execfit_image::manifest::Descriptor;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;
use std::io::{Cursor, Write};

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else { return };
    let mut archive = bytes.to_vec();
    for block in archive.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    if first & 8 != 0 {
        // Something to unpack beyond the limit.
        archive.resize(archive.len() + 200_000, 0);
    }
    let mut blob = match first % 4 {
        0 => bytes.to_vec(),
        1 => archive,
        2 => gzip(&archive),
        _ => zstd::encode_all(&archive[..], 1).unwrap(),
    };
    if first & 16 != 0 && !blob.is_empty() {
        let at = usize::from(first >> 5) * 37 % blob.len();
        blob[at] ^= 0x41;
    }
    let mut whole = layer(&blob);
    let at_once = whole.read_whole(|_| Ok(Box::new(Cursor::new(blob.clone()))), &mut |_| ());
    let mut stepwise = layer(&blob);
    let begun = stepwise.read_until(b"/app", |_| Ok(Box::new(Cursor::new(blob.clone()))), &mut |_| ());
    let ended =
        begun.and_then(|()| stepwise.read_whole(|_| Ok(Box::new(Cursor::new(blob.clone()))), &mut |_| ()));
    assert_eq!(at_once, ended);
    if at_once.is_ok() {
        assert!(whole.is_complete() && whole.index().iter().count() <= 2000);
        assert!(whole.index().iter().eq(stepwise.index().iter()));
        for (path, _) in whole.index().iter() {
            assert!(whole.index().get(path).is_some());
            whole.index().standing(path);
        }
    }
});

fn layer(blob: &[u8]) -> Layer {
    let limits = Limits {
        unpacked_bytes: 100_000,
        entries: 200,
        index_bytes: 200_000,
        head_bytes: 10_000,
        steps: 10_000,
        ..Limits::default()
    };
    let descriptor = Descriptor {
        media_type: "application/vnd.oci.image.layer.v1.tar+gzip".into(),
        digest: Digest::of(blob),
        size: blob.len() as u64,
        annotations: BTreeMap::new(),
        artifact_type: None,
    };
    Layer::new(descriptor, None, "fuzz", limits)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
