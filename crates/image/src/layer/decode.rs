//! From a layer's stored bytes to its tar archive: counted, hashed and bounded as they pass.

use crate::digest::{Digest, Hasher};
use crate::limits::{Limit, Limits};
use crate::manifest::Descriptor;
use crate::source::SourceError;
use crate::tar::Input;
use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Read};

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
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    taken: u64,
    size: u64,
    hasher: Hasher,
    ended: bool,
}

impl Stored {
    pub(super) fn new(stream: Box<dyn Read + Send>, descriptor: &Descriptor, name: &str) -> Stored {
        Stored {
            stream,
            name: name.into(),
            buffer: vec![0; TAKE],
            start: 0,
            end: 0,
            taken: 0,
            size: descriptor.size,
            hasher: descriptor.digest.hasher(),
            ended: false,
        }
    }

    /// How many bytes the medium gave.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    fn broken(&self, detail: String) -> SourceError {
        SourceError::Broken { object: self.name.clone(), detail }
    }

    /// Takes more bytes into the buffer, behind those that are there.
    fn take(&mut self) -> io::Result<()> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        // One byte more than there should be, to see that there are more.
        let room = (self.size - self.taken).saturating_add(1);
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(self.buffer.len() - self.end);
        if self.ended || room == 0 {
            return Ok(());
        }
        let got = loop {
            match self.stream.read(&mut self.buffer[self.end..self.end + room]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.ended = got == 0;
        self.hasher.update(&self.buffer[self.end..self.end + got]);
        self.end += got;
        self.taken += got as u64;
        if self.taken > self.size {
            self.ended = true;
            let size = self.size;
            return Err(io::Error::other(
                self.broken(format!("it is longer than the {size} bytes that its descriptor says")),
            ));
        }
        Ok(())
    }

    /// The first bytes, without taking them away.
    fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.end - self.start < count && !self.ended {
            self.take()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// Reads what is left, and compares size and digest with the descriptor's.
    pub(super) fn verify(&mut self, wanted: &Digest) -> Result<(), SourceError> {
        loop {
            match self.fill_buf() {
                Ok([]) => break,
                Ok(bytes) => {
                    let length = bytes.len();
                    self.consume(length);
                }
                Err(error) => return Err(self.failure(error)),
            }
        }
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

impl Read for Stored {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Stored {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.take()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }
}

/// How a layer is compressed.
enum Decoder {
    Plain(Box<Stored>),
    Gzip(Box<MultiGzDecoder<Stored>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, Stored>>),
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

/// The tar archive of a layer.
pub(super) struct Unpacked {
    decoder: Decoder,
    compression: Compression,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    total: u64,
    limit: (u64, Limit),
    hasher: Option<Hasher>,
}

impl Unpacked {
    /// Looks at the first bytes and sets up the decoder for them. `diff_id` tells how to hash what comes out.
    pub(super) fn new(
        mut stored: Stored,
        diff_id: Option<&Digest>,
        limits: &Limits,
    ) -> Result<Unpacked, SourceError> {
        let head = match stored.peek(6) {
            Ok(head) => head.to_vec(),
            Err(error) => return Err(stored.failure(error)),
        };
        let object = stored.name.clone();
        let compression = Compression::detect(&head).map_err(|name| SourceError::Unsupported {
            object: object.clone(),
            detail: format!("it is compressed with {name}, which containerd does not unpack either"),
        })?;
        let limit = limits.unpacked(stored.size);
        let decoder = match compression {
            Compression::None => Decoder::Plain(Box::new(stored)),
            Compression::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(stored))),
            Compression::Zstd => {
                let decoder = zstd::stream::read::Decoder::with_buffer(stored);
                let decoder = decoder
                    .map_err(|error| SourceError::Unsupported { object, detail: format!("zstd: {error}") })?;
                Decoder::Zstd(Box::new(decoder))
            }
        };
        let hasher = diff_id.map(Digest::hasher);
        Ok(Unpacked {
            decoder,
            compression,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            total: 0,
            limit,
            hasher,
        })
    }

    /// The stored bytes beneath.
    pub(super) fn stored(&self) -> &Stored {
        match &self.decoder {
            Decoder::Plain(stored) => stored,
            Decoder::Gzip(decoder) => decoder.get_ref(),
            Decoder::Zstd(decoder) => decoder.get_ref(),
        }
    }

    /// The stored bytes beneath.
    pub(super) fn stored_mut(&mut self) -> &mut Stored {
        match &mut self.decoder {
            Decoder::Plain(stored) => stored,
            Decoder::Gzip(decoder) => decoder.get_mut(),
            Decoder::Zstd(decoder) => decoder.get_mut(),
        }
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
    pub(super) fn digest(&self) -> Option<Digest> {
        self.hasher.clone().map(Hasher::finish)
    }

    /// Decompresses the next bytes, where none are left; false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.start < self.end {
            return Ok(true);
        }
        (self.start, self.end) = (0, 0);
        let got = loop {
            let read = match &mut self.decoder {
                Decoder::Plain(stored) => stored.read(&mut self.buffer),
                Decoder::Gzip(decoder) => decoder.read(&mut self.buffer),
                Decoder::Zstd(decoder) => decoder.read(&mut self.buffer),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.end = got;
        self.total += got as u64;
        if self.total > self.limit.0 {
            let stored = self.stored();
            let ((most, limit), size) = (self.limit, stored.size);
            let detail = format!("it unpacks to more than {most} bytes, out of {size}: {}", limit.hint());
            return Err(io::Error::other(stored.broken(detail)));
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&self.buffer[..got]);
        }
        Ok(got > 0)
    }
}

impl Read for Unpacked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.fill()? {
            return Ok(0);
        }
        let length = buffer.len().min(self.end - self.start);
        buffer[..length].copy_from_slice(&self.buffer[self.start..self.start + length]);
        self.start += length;
        Ok(length)
    }
}

impl Input for Unpacked {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let mut left = count;
        while left > 0 && self.fill()? {
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(self.end - self.start);
            self.start += length;
            left -= length as u64;
        }
        Ok(count - left)
    }
}
