//! A layer's tar in the forms in which registries have it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::seekable::{self, Checkpoint};
use crate::Result;
use crate::repository::digest_of_file;

/// As `docker build` packs.
const GZIP_LEVEL: u32 = 6;
/// As BuildKit packs with `compression=zstd`.
const ZSTD_LEVEL: i32 = 3;
/// The length of eStargz's and zstd:chunked's chunks, and of SOCI's spans: what their own tools take.
const CHUNK: usize = 4 << 20;
pub(super) const SPAN: usize = 4 << 20;
/// SOCI makes no table for a layer that is smaller.
const LEAST_FOR_SOCI: u64 = 10 << 20;
/// A gzip member's header without a name (RFC 1952).
const GZIP_HEADER: usize = 10;

/// How an image's layers are packed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    Gzip,
    Zstd,
    /// gzip with a member for each file and a table of contents at the end.
    EStargz,
    /// zstd with a frame for each file and a table of contents at the end.
    ZstdChunked,
    /// gzip with a table of contents beside it.
    Soci,
}

/// What packing told.
pub(super) struct Packed {
    /// Digest of what the blob unpacks to.
    pub(super) diff_id: String,
    /// The annotations of the layer's descriptor; null if there are none.
    pub(super) annotations: Value,
    /// A table of contents that is a blob of its own.
    pub(super) ztoc: Option<Vec<u8>>,
}

impl Format {
    /// All that can be made.
    pub(super) const ALL: [Self; 5] = [Self::Gzip, Self::Zstd, Self::EStargz, Self::ZstdChunked, Self::Soci];

    /// The one with this tag.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.tag() == name)
    }

    /// The tag of an image whose layers are so.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::EStargz => "estargz",
            Self::ZstdChunked => "zstd-chunked",
            Self::Soci => "soci",
        }
    }

    /// Whether a reader that knows the form can leave most of a layer unread.
    pub(super) fn is_seekable(self) -> bool {
        !matches!(self, Self::Gzip | Self::Zstd)
    }

    /// The layers' media type (OCI image specification, `layer.md`).
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Gzip | Self::EStargz | Self::Soci => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd | Self::ZstdChunked => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }

    /// Packs a tar.
    pub(super) fn pack(self, tar: &Path, blob: &Path) -> Result<Packed> {
        match self {
            Self::Gzip => {
                let mut gzip = GzEncoder::new(sink(blob)?, Compression::new(GZIP_LEVEL));
                io::copy(&mut File::open(tar)?, &mut gzip)?;
                gzip.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
                plain(tar, None)
            }
            Self::Zstd => {
                let mut zstd = zstd::Encoder::new(sink(blob)?, ZSTD_LEVEL)?;
                io::copy(&mut File::open(tar)?, &mut zstd)?;
                zstd.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
                plain(tar, None)
            }
            Self::EStargz => written(seekable::estargz(&fs::read(tar)?, CHUNK), blob),
            Self::ZstdChunked => written(seekable::chunked(&fs::read(tar)?, CHUNK), blob),
            Self::Soci => {
                let unpacked = fs::read(tar)?;
                let (packed, checkpoints) = spans(&unpacked)?;
                fs::write(blob, &packed)?;
                let has_table = packed.len() as u64 >= LEAST_FOR_SOCI;
                let ztoc = has_table.then(|| seekable::ztoc(&packed, &unpacked, &checkpoints, SPAN, false));
                plain(tar, ztoc)
            }
        }
    }
}

fn sink(blob: &Path) -> Result<BufWriter<File>> {
    Ok(BufWriter::with_capacity(1 << 20, File::create(blob)?))
}

fn plain(tar: &Path, ztoc: Option<Vec<u8>>) -> Result<Packed> {
    Ok(Packed { diff_id: digest_of_file(tar)?, annotations: Value::Null, ztoc })
}

fn written(layer: seekable::Layer, blob: &Path) -> Result<Packed> {
    fs::write(blob, layer.blob)?;
    Ok(Packed { diff_id: layer.diff_id.to_string(), annotations: layer.annotations, ztoc: None })
}

/// gzip in which every span begins a block at a whole byte, and where they begin.
fn spans(unpacked: &[u8]) -> Result<(Vec<u8>, Vec<Checkpoint>)> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL));
    let mut checkpoints = Vec::new();
    for (number, span) in unpacked.chunks(SPAN).enumerate() {
        let stored = gzip.get_ref().len().max(GZIP_HEADER);
        checkpoints.push(Checkpoint { stored, out: number * SPAN, bits: 0 });
        gzip.write_all(span)?;
        gzip.flush()?;
    }
    Ok((gzip.finish()?, checkpoints))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_span_can_be_unpacked_from_its_checkpoint() {
        let unpacked: Vec<u8> = (0..2 * SPAN as u32 + 77).map(|at| (at / 7).wrapping_mul(at) as u8).collect();
        let (packed, checkpoints) = spans(&unpacked).unwrap();
        let starts: Vec<usize> = checkpoints.iter().map(|point| point.out).collect();
        assert_eq!((starts, checkpoints[0].stored), (vec![0, SPAN, 2 * SPAN], GZIP_HEADER));
        let mut whole = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut whole).unwrap();
        assert!(whole == unpacked);
        // The window as a stored block of 32 KiB, and then the span's own bytes.
        let window = [&[0, 0, 0x80, 0xff, 0x7f][..], &unpacked[SPAN - 32768..SPAN]].concat();
        let input = [&window, &packed[checkpoints[1].stored..]].concat();
        let mut out = vec![0; 32768 + SPAN];
        let mut inflate = flate2::Decompress::new(false);
        inflate.decompress(&input, &mut out, flate2::FlushDecompress::None).unwrap();
        assert!(out == unpacked[SPAN - 32768..2 * SPAN]);
    }
}
