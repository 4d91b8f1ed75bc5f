//! From a layer's stored bytes to its tar archive: counted, hashed and bounded as they pass.
//!
//! Three steps, each with a thread of its own once a layer turns out to be read at length: the medium gives bytes, which
//! are counted and hashed; the decoder unpacks them; the asker hashes what came out and walks through the archive.

use super::ahead::Ahead;
use crate::digest::{Digest, Hasher};
use crate::limits::{Limit, Limits};
use crate::manifest::Descriptor;
use crate::source::SourceError;
use crate::tar::Input;
use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes that are taken from a medium at once.
const TAKE: usize = 64 * 1024;
/// Bytes that are decompressed at once.
const CHUNK: usize = 128 * 1024;
/// `.gz` members, whose only method is deflate (RFC 1952 section 2.3.1).
const GZIP: &[u8] = b"\x1f\x8b\x08";
/// zstd frames (RFC 8878 section 3.1.1).
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
/// What bzip2 and xz files begin with: moby unpacks them, containerd does not.
const OTHERS: [(&str, &[u8]); 2] = [("bzip2", b"BZh"), ("xz", b"\xfd7zXZ\0")];

/// A blob's bytes as the medium gives them.
pub(super) struct Stored {
    stream: Box<dyn Read + Send>,
    name: String,
    size: u64,
    taken: u64,
    /// The same number, for whoever looks on.
    seen: Arc<AtomicU64>,
    hasher: Hasher,
    ended: bool,
    failed: Option<SourceError>,
}

impl Stored {
    pub(super) fn new(stream: Box<dyn Read + Send>, descriptor: &Descriptor, name: &str) -> Stored {
        Stored {
            stream,
            name: name.into(),
            size: descriptor.size,
            taken: 0,
            seen: Arc::default(),
            hasher: descriptor.digest.hasher(),
            ended: false,
            failed: None,
        }
    }

    fn broken(&self, detail: String) -> SourceError {
        SourceError::Broken { object: self.name.clone(), detail }
    }

    /// Takes more bytes; none at the end.
    fn take(&mut self, buffer: &mut [u8]) -> Result<usize, SourceError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        // One byte more than there should be, to see that there are more.
        let room = usize::try_from(self.size - self.taken).unwrap_or(usize::MAX).saturating_add(1);
        let room = room.min(buffer.len());
        if self.ended || room == 0 {
            return Ok(0);
        }
        let got = loop {
            match self.stream.read(&mut buffer[..room]) {
                Ok(got) => break got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failure(error)),
            }
        };
        self.ended = got == 0;
        self.taken += got as u64;
        if self.taken > self.size {
            let size = self.size;
            return Err(self.broken(format!("it is longer than the {size} bytes that its descriptor says")));
        }
        self.hasher.update(&buffer[..got]);
        self.seen.store(self.taken, Ordering::Relaxed);
        Ok(got)
    }

    /// Reads what is left, and compares size and digest with the descriptor's.
    fn verify(&mut self, wanted: &Digest) -> Result<(), SourceError> {
        let mut buffer = vec![0; TAKE];
        while self.take(&mut buffer)? > 0 {}
        if self.taken < self.size {
            return Err(self.broken(format!("it ends after {} of {} bytes", self.taken, self.size)));
        }
        let found = self.hasher.clone().finish();
        if found == *wanted {
            Ok(())
        } else {
            Err(self.broken(format!("its digest is {found}, not {wanted}")))
        }
    }

    /// The error of a medium, as it was meant.
    fn failure(&self, error: io::Error) -> SourceError {
        source_error(error).unwrap_or_else(|error| SourceError::Unreachable {
            object: self.name.clone(),
            detail: error.to_string(),
        })
    }
}

/// The [`SourceError`] inside an I/O error, or the error itself.
pub(super) fn source_error(error: io::Error) -> Result<SourceError, io::Error> {
    error.downcast::<SourceError>()
}

/// An error is the same ever after.
impl Read for Stored {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.take(buffer).map_err(|error| io::Error::other(self.failed.insert(error).clone()))
    }
}

/// How a layer is compressed.
enum Decoder {
    Plain(Box<Ahead<Stored>>),
    Gzip(Box<MultiGzDecoder<Ahead<Stored>>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, Ahead<Stored>>>),
}

/// The names of compressions, as media types have them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Compression {
    /// Not compressed.
    None,
    /// gzip, of any number of members.
    Gzip,
    /// zstd, of any number of frames.
    Zstd,
}

impl Compression {
    /// By the first bytes (containerd `archive/compression`, `DetectCompression`); a skippable frame of zstd's may
    /// come first (RFC 8878 section 3.1.2).
    fn detect(head: &[u8]) -> Result<Compression, &'static str> {
        let skippable = matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
        if head.starts_with(GZIP) {
            Ok(Compression::Gzip)
        } else if head.starts_with(ZSTD) || skippable {
            Ok(Compression::Zstd)
        } else {
            match OTHERS.iter().find(|(_, magic)| head.starts_with(magic)) {
                Some((name, _)) => Err(name),
                None => Ok(Compression::None),
            }
        }
    }

    /// By the end of a media type; `None` where it does not tell.
    pub(super) fn of_media_type(kind: &str) -> Option<Compression> {
        if kind.ends_with("gzip") {
            Some(Compression::Gzip)
        } else if kind.ends_with("zstd") {
            Some(Compression::Zstd)
        } else {
            kind.ends_with(".tar").then_some(Compression::None)
        }
    }
}

/// A decoder, and how much may come out of it.
struct Inflate {
    decoder: Decoder,
    name: String,
    size: u64,
    total: u64,
    limit: (u64, Limit),
}

impl Inflate {
    /// The stored bytes beneath.
    fn stored(&mut self) -> io::Result<&mut Stored> {
        match &mut self.decoder {
            Decoder::Plain(stored) => stored.recall(),
            Decoder::Gzip(decoder) => decoder.get_mut().recall(),
            Decoder::Zstd(decoder) => decoder.get_mut().recall(),
        }
    }
}

/// Log of the largest window of a zstd frame, which is kept in memory: what `zstd --ultra` and `--long` write. (The
/// runtimes' own decoder, klauspost/compress, goes up to 29.)
const WIDEST: u32 = 27;
/// How zstd calls a wider one (`lib/common/error_private.c`, `frameParameter_windowTooLarge`).
const TOO_WIDE: &str = "Frame requires too much memory for decoding";

/// That a window is too wide is a limit of ours.
fn limited(name: &str, error: io::Error) -> io::Error {
    if error.to_string() != TOO_WIDE {
        return error;
    }
    let detail = format!("its zstd window is larger than the {} MiB that are kept", (1 << WIDEST) >> 20);
    io::Error::other(SourceError::Broken { object: name.into(), detail })
}

impl Read for Inflate {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = match &mut self.decoder {
            Decoder::Plain(stored) => stored.read(buffer),
            Decoder::Gzip(decoder) => decoder.read(buffer),
            Decoder::Zstd(decoder) => decoder.read(buffer).map_err(|error| limited(&self.name, error)),
        }?;
        self.total += got as u64;
        let (most, limit) = self.limit;
        if self.total > most {
            let detail =
                format!("it unpacks to more than {most} bytes, out of {}: {}", self.size, limit.hint());
            return Err(io::Error::other(SourceError::Broken { object: self.name.clone(), detail }));
        }
        Ok(got)
    }
}

/// The tar archive of a layer.
pub(super) struct Unpacked {
    archive: Ahead<Inflate>,
    compression: Compression,
    /// What came out and was looked at, or is about to be.
    total: u64,
    hasher: Hasher,
    name: String,
    taken: Arc<AtomicU64>,
}

impl Unpacked {
    /// Looks at the first bytes and sets up the decoder for them. `diff_id` tells how to hash what comes out.
    pub(super) fn new(
        stored: Stored,
        diff_id: Option<&Digest>,
        limits: &Limits,
    ) -> Result<Unpacked, SourceError> {
        let (name, size, taken) = (stored.name.clone(), stored.size, Arc::clone(&stored.seen));
        let mut stored = Ahead::new(stored, TAKE);
        let head = match stored.peek(6) {
            Ok(head) => head,
            Err(error) => return Err(stored.recall().map_err(|_| broke_off(&name))?.failure(error)),
        };
        let unsupported = |detail| SourceError::Unsupported { object: name.clone(), detail };
        let compression = Compression::detect(head).map_err(|name| {
            unsupported(format!("it is compressed with {name}, which containerd does not unpack either"))
        })?;
        let limit = limits.unpacked(size);
        let decoder = match compression {
            Compression::None => Decoder::Plain(Box::new(stored)),
            Compression::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(stored))),
            Compression::Zstd => {
                let failed = |error| unsupported(format!("zstd: {error}"));
                let mut decoder = zstd::stream::read::Decoder::with_buffer(stored).map_err(failed)?;
                decoder.window_log_max(WIDEST).map_err(failed)?;
                Decoder::Zstd(Box::new(decoder))
            }
        };
        let archive = Ahead::new(Inflate { decoder, name: name.clone(), size, total: 0, limit }, CHUNK);
        let hasher = diff_id.map_or_else(Hasher::sha256, Digest::hasher);
        Ok(Unpacked { archive, compression, total: 0, hasher, name, taken })
    }

    /// How many bytes the medium gave.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// How many bytes came out.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// How it is compressed.
    pub(super) fn compression(&self) -> Compression {
        self.compression
    }

    /// The digest of all that came out.
    pub(super) fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }

    /// Unpacks no more, reads the stored bytes to their end, and compares their size and digest.
    pub(super) fn verify(&mut self, wanted: &Digest) -> Result<(), SourceError> {
        let stored = self.archive.recall().and_then(Inflate::stored);
        stored.map_err(|_| broke_off(&self.name))?.verify(wanted)
    }

    /// The next bytes; none at the end.
    fn fill(&mut self) -> io::Result<&[u8]> {
        let fresh = self.archive.left() == 0;
        let bytes = self.archive.fill_buf()?;
        if fresh {
            self.total += bytes.len() as u64;
            self.hasher.update(bytes);
        }
        Ok(bytes)
    }
}

/// A thread panicked: what it read is not known.
pub(crate) fn broke_off(name: &str) -> SourceError {
    let detail = "reading it broke off within this program, which is a fault of ours".into();
    SourceError::Broken { object: name.into(), detail }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill()?;
        let length = buffer.len().min(bytes.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        self.archive.consume(length);
        Ok(length)
    }
}

impl Input for Unpacked {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let mut left = count;
        while left > 0 {
            let length = match self.fill()?.len() {
                0 => break,
                ready => usize::try_from(left).unwrap_or(usize::MAX).min(ready),
            };
            self.archive.consume(length);
            left -= length as u64;
        }
        Ok(count - left)
    }
}
