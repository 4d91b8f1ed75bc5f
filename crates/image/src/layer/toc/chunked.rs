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

/// Where the first block ends that is not wholly among the first bytes of a frame (RFC 8878 section 3.1.1). `None`: it
/// is no frame, or so little of it that this is not known.
pub(super) fn missing_block(frame: &[u8]) -> Option<u64> {
    let (magic, rest) = frame.split_first_chunk::<4>()?;
    let descriptor = *rest.first()?;
    if *magic != [0x28, 0xb5, 0x2f, 0xfd] {
        return None;
    }
    let single = descriptor >> 5 & 1;
    let dictionary = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content = [single.into(), 2, 4, 8][usize::from(descriptor >> 6)];
    let mut at = 5 + usize::from(single == 0) + dictionary + content;
    loop {
        let header = frame.get(at..at + 3)?;
        let header = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        // A block of one byte again and again is stored as that byte.
        let length = if header >> 1 & 3 == 1 { 1 } else { header >> 3 };
        at += 3 + length as usize;
        if at > frame.len() {
            return Some(at as u64);
        }
        if header & 1 == 1 {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_is_missing_is_asked_for_exactly() {
        // Noise does not get shorter: blocks of 128 KiB, as they are.
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let content: Vec<u8> = (0..300_000).map(|_| noise()).collect();
        let frame = zstd::stream::encode_all(&content[..], 3).unwrap();
        let first = missing_block(&frame[..100]).unwrap();
        let unpacked = |length: u64| {
            let mut bytes = Vec::new();
            let _ = zstd::stream::read::Decoder::new(&frame[..length as usize])
                .and_then(|mut decoder| decoder.read_to_end(&mut bytes));
            bytes.len()
        };
        assert!(unpacked(first - 1) < 128 * 1024);
        assert_eq!(unpacked(first), 128 * 1024);
        let second = missing_block(&frame[..first as usize + 3]).unwrap();
        assert!(unpacked(second - 1) < 256 * 1024);
        assert_eq!(unpacked(second), 256 * 1024);
        assert_eq!(missing_block(&frame), None);
        assert_eq!(missing_block(&frame[1..]), None);
        assert_eq!(missing_block(&frame[..6]), None);
    }
}
