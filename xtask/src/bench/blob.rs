//! A layer's tar in the forms in which registries have it.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use crate::Result;

/// As `docker build` packs.
const GZIP_LEVEL: u32 = 6;
/// As BuildKit packs with `compression=zstd`.
const ZSTD_LEVEL: i32 = 3;

/// How an image's layers are packed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    Gzip,
    Zstd,
}

impl Format {
    /// All that can be made.
    pub(super) const ALL: [Self; 2] = [Self::Gzip, Self::Zstd];

    /// The one with this tag.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.tag() == name)
    }

    /// The tag of an image whose layers are so.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// The layers' media type (OCI image specification, `layer.md`).
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Self::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }

    /// Packs a tar.
    pub(super) fn pack(self, tar: &Path, blob: &Path) -> Result<()> {
        let mut from = File::open(tar)?;
        let to = BufWriter::with_capacity(1 << 20, File::create(blob)?);
        match self {
            Self::Gzip => {
                let mut gzip = GzEncoder::new(to, Compression::new(GZIP_LEVEL));
                io::copy(&mut from, &mut gzip)?;
                gzip.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
            }
            Self::Zstd => {
                let mut zstd = zstd::Encoder::new(to, ZSTD_LEVEL)?;
                io::copy(&mut from, &mut zstd)?;
                zstd.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
            }
        }
        Ok(())
    }
}
