//! Makes small archives, layers and images for tests.

pub(crate) mod seekable;

use crate::digest::Digest;
use crate::manifest::Descriptor;
use crate::source::{Document, Selector, SourceError, Store, Tally};
use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

/// A tar archive in the making.
#[derive(Clone, Default)]
pub(crate) struct Tar {
    bytes: Vec<u8>,
}

/// One header, in ustar's format.
pub(crate) struct Header {
    block: [u8; 512],
}

impl Header {
    pub(crate) fn new(name: &str, kind: u8, size: u64) -> Header {
        let mut header = Header { block: [0; 512] };
        header.put(0, &name.as_bytes()[..name.len().min(100)]);
        header.put(100, b"0000755\0").put(108, b"0000000\0").put(116, b"0000000\0");
        header.put(124, format!("{size:011o}\0").as_bytes()).put(136, b"00000000000\0");
        header.put(156, &[kind]).put(257, b"ustar\x0000");
        header
    }

    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) -> &mut Header {
        self.block[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub(crate) fn mode(&mut self, mode: u32) -> &mut Header {
        self.put(100, format!("{mode:07o}\0").as_bytes())
    }

    pub(crate) fn sealed(&self) -> [u8; 512] {
        let mut block = self.block;
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }
}

impl Tar {
    pub(crate) fn new() -> Tar {
        Tar::default()
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Tar {
        self.bytes.extend_from_slice(bytes);
        self
    }

    pub(crate) fn header(self, header: &Header) -> Tar {
        self.raw(&header.sealed())
    }

    /// Data, padded to whole blocks.
    pub(crate) fn data(self, data: &[u8]) -> Tar {
        let padding = data.len().next_multiple_of(512) - data.len();
        self.raw(data).raw(&vec![0; padding])
    }

    pub(crate) fn file(self, name: &str, mode: u32, data: &[u8]) -> Tar {
        self.header(Header::new(name, b'0', data.len() as u64).mode(mode)).data(data)
    }

    pub(crate) fn directory(self, name: &str, mode: u32) -> Tar {
        self.header(Header::new(name, b'5', 0).mode(mode))
    }

    pub(crate) fn special(self, name: &str, kind: u8, link: &str) -> Tar {
        self.header(Header::new(name, kind, 0).put(157, link.as_bytes()))
    }

    pub(crate) fn symlink(self, name: &str, target: &str) -> Tar {
        self.special(name, b'2', target)
    }

    pub(crate) fn hardlink(self, name: &str, target: &str) -> Tar {
        self.special(name, b'1', target)
    }

    /// A PAX header for the next entry.
    pub(crate) fn pax(self, kind: u8, records: &[(&str, &str)]) -> Tar {
        let body: String = records.iter().map(|(key, value)| record(key, value)).collect();
        self.header(&Header::new("pax", kind, body.len() as u64)).data(body.as_bytes())
    }

    /// A GNU long name or link for the next entry.
    pub(crate) fn gnu(self, kind: u8, text: &str) -> Tar {
        let text = format!("{text}\0");
        self.header(&Header::new("././@LongLink", kind, text.len() as u64)).data(text.as_bytes())
    }

    /// The archive without its end.
    pub(crate) fn unfinished(self) -> Vec<u8> {
        self.bytes
    }

    /// The archive.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.raw(&[0; 1024]).bytes
    }
}

fn record(key: &str, value: &str) -> String {
    let body = format!(" {key}={value}\n");
    let mut length = body.len() + 1;
    while length.to_string().len() + body.len() != length {
        length = length.to_string().len() + body.len();
    }
    format!("{length}{body}")
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).unwrap()
}

pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: media_type.into(),
        digest: Digest::of(bytes),
        size: bytes.len() as u64,
        annotations: BTreeMap::new(),
        artifact_type: None,
    }
}

/// A part of a blob that was asked for.
pub(crate) type Part = (Digest, std::ops::Range<u64>);

/// A place in memory that counts what is read of it.
#[derive(Clone, Default)]
pub(crate) struct Shelf {
    pub(crate) documents: HashMap<Digest, Vec<u8>>,
    pub(crate) blobs: HashMap<Digest, Vec<u8>>,
    pub(crate) root: Option<Digest>,
    pub(crate) opened: Arc<Mutex<Vec<Digest>>>,
    pub(crate) parts: Arc<Mutex<Vec<Part>>>,
}

impl Shelf {
    pub(crate) fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = descriptor(media_type, bytes);
        self.blobs.insert(descriptor.digest.clone(), bytes.to_vec());
        descriptor
    }

    pub(crate) fn document(&mut self, value: &serde_json::Value) -> Digest {
        let bytes = value.to_string().into_bytes();
        let digest = Digest::of(&bytes);
        self.documents.insert(digest.clone(), bytes);
        self.root = Some(digest.clone());
        digest
    }

    /// An image of these layers, each gzipped.
    pub(crate) fn image(
        &mut self,
        architecture: &str,
        layers: &[Vec<u8>],
        history: serde_json::Value,
    ) -> Digest {
        let ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
        let config = serde_json::json!({
            "architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": ids}, "history": history,
        });
        let layers =
            layers.iter().map(|layer| self.blob("application/vnd.oci.image.layer.v1.tar+gzip", &gzip(layer)));
        let layers: Vec<Descriptor> = layers.collect();
        let config = self.blob(crate::manifest::OCI_CONFIG, config.to_string().as_bytes());
        self.document(&serde_json::json!({
            "schemaVersion": 2, "mediaType": crate::manifest::OCI_MANIFEST, "config": config, "layers": layers,
        }))
    }
}

impl Store for Shelf {
    fn document(&mut self, selector: &Selector) -> Result<Document, SourceError> {
        let digest = match selector {
            Selector::Digest(digest) => digest.clone(),
            _ => self.root.clone().unwrap(),
        };
        let missing =
            || SourceError::NotFound { object: digest.to_string(), detail: "not on the shelf".into() };
        let bytes = self.documents.get(&digest).cloned().ok_or_else(missing)?;
        Ok(Document { media_type: String::new(), digest, bytes })
    }

    fn blob(&mut self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        self.opened.lock().unwrap().push(descriptor.digest.clone());
        let missing = || SourceError::NotFound {
            object: descriptor.digest.to_string(),
            detail: "not on the shelf".into(),
        };
        let bytes = self.blobs.get(&descriptor.digest).cloned().ok_or_else(missing)?;
        Ok(Box::new(std::io::Cursor::new(bytes)))
    }

    fn range(&mut self, descriptor: &Descriptor, offset: u64, length: u64) -> Result<Vec<u8>, SourceError> {
        let bytes = self.blobs.get(&descriptor.digest);
        let part = bytes.and_then(|bytes| bytes.get(offset as usize..(offset + length) as usize));
        self.parts.lock().unwrap().push((descriptor.digest.clone(), offset..offset + length));
        part.map(<[u8]>::to_vec).ok_or_else(|| SourceError::NotFound {
            object: descriptor.digest.to_string(),
            detail: "not on the shelf".into(),
        })
    }

    fn tally(&self) -> Tally {
        Tally { requests: self.opened.lock().unwrap().len() as u64, bytes: 0 }
    }
}
