//! Tar files with images in them: what `docker save` and `skopeo copy` write (moby `image/tarexport`; containers/image
//! `docker/internal/tarfile`). The archive is looked through once, and its members are read where they lie.

use super::layout::{Counted, Files, Stream, read_document};
use super::part::read_part;
use super::{Document, Selector, SourceError, Store, Tally};
use crate::config::Config;
use crate::digest::Digest;
use crate::limits::{ARCHIVE_MEMBERS, Limits};
use crate::manifest::{DOCKER_CONFIG, DOCKER_MANIFEST, Descriptor};
use crate::tar::{Archive, Input, Type, skip_by_reading};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A tar file whose members can be opened by name, also where it is compressed with gzip.
pub(super) struct Tarball {
    file: Arc<File>,
    compressed: bool,
    /// Where each regular member lies in the (unpacked) archive, and its length.
    members: HashMap<String, (u64, u64)>,
    /// Members that stand for others (`docker save` links equal layers).
    links: HashMap<String, String>,
}

impl Tarball {
    pub(super) fn open(path: &Path, name: &str, limits: &Limits) -> Result<Tarball, SourceError> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                SourceError::NotFound { object: name.into(), detail: "there is no such file".into() }
            }
            _ => SourceError::Unreachable { object: name.into(), detail: error.to_string() },
        })?;
        Tarball::of(file, name, limits)
    }

    pub(super) fn of(file: File, name: &str, limits: &Limits) -> Result<Tarball, SourceError> {
        let broken = |detail: String| SourceError::Broken { object: name.into(), detail };
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(broken("it is no regular file".into()));
        }
        let mut magic = [0; 2];
        let length = file.read_at(&mut magic, 0).map_err(|error| broken(error.to_string()))?;
        let compressed = magic[..length] == [0x1f, 0x8b];
        let mut tarball =
            Tarball { file: Arc::new(file), compressed, members: HashMap::new(), links: HashMap::new() };
        tarball
            .look_through(limits.archive_members)
            .map_err(|detail| broken(format!("it is no tar file that can be read: {detail}")))?;
        Ok(tarball)
    }

    fn look_through(&mut self, most: u64) -> Result<(), String> {
        let mut archive = Archive::new(self.stream());
        while let Some(entry) = archive.next_entry().map_err(|error| error.to_string())? {
            if (self.members.len() + self.links.len()) as u64 >= most {
                return Err(format!("it has more than {most} members: {}", ARCHIVE_MEMBERS.hint()));
            }
            let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_start_matches("./").to_string();
            match entry.kind {
                Type::Regular => {
                    self.members.insert(name(&entry.name), (archive.position(), entry.size));
                }
                Type::Symlink | Type::Hardlink => {
                    let target =
                        resolved(&name(&entry.name), &name(&entry.link), entry.kind == Type::Symlink);
                    self.links.insert(name(&entry.name), target);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn stream(&self) -> Medium {
        let bytes = Bytes { file: Arc::clone(&self.file), position: 0 };
        if self.compressed {
            Medium::Gzip(Box::new(MultiGzDecoder::new(BufReader::new(bytes))))
        } else {
            Medium::Plain(BufReader::with_capacity(64 * 1024, bytes))
        }
    }
}

/// A link's target within the archive: relative to its own folder, or, of a hard link, as it is.
fn resolved(name: &str, target: &str, relative: bool) -> String {
    if !relative {
        return target.to_string();
    }
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

impl Files for Tarball {
    fn open(&self, name: &str, from: u64) -> io::Result<Option<Stream>> {
        let name = self.links.get(name).map_or(name, String::as_str);
        let Some((offset, size)) = self.members.get(name) else { return Ok(None) };
        let from = from.min(*size);
        let mut stream = self.stream();
        stream.skip(offset + from)?;
        Ok(Some((Box::new(stream.take(size - from)), *size)))
    }
}

/// The archive's bytes from some place on; several may be read at once.
struct Bytes {
    file: Arc<File>,
    position: u64,
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(buffer, self.position)?;
        self.position += length as u64;
        Ok(length)
    }
}

enum Medium {
    Plain(BufReader<Bytes>),
    Gzip(Box<MultiGzDecoder<BufReader<Bytes>>>),
}

impl Read for Medium {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Medium::Plain(reader) => reader.read(buffer),
            Medium::Gzip(reader) => reader.read(buffer),
        }
    }
}

impl Input for Medium {
    fn skip(&mut self, count: u64) -> io::Result<u64> {
        match self {
            Medium::Gzip(_) => skip_by_reading(self, count),
            Medium::Plain(reader) => {
                let position = reader.get_ref().position - reader.buffer().len() as u64;
                let end = reader.get_ref().file.metadata()?.len();
                let passed = count.min(end.saturating_sub(position));
                let buffered = reader.buffer().len() as u64;
                if passed <= buffered {
                    reader.consume_buffered(passed);
                } else {
                    let position = position + passed;
                    let file = Arc::clone(&reader.get_ref().file);
                    *reader = BufReader::with_capacity(64 * 1024, Bytes { file, position });
                }
                Ok(passed)
            }
        }
    }
}

/// Passes over bytes that are in the buffer already.
trait Consume {
    fn consume_buffered(&mut self, count: u64);
}

impl Consume for BufReader<Bytes> {
    fn consume_buffered(&mut self, count: u64) {
        io::BufRead::consume(self, usize::try_from(count).unwrap_or(usize::MAX));
    }
}

/// One image of an archive in `docker save`'s format, shown as a Docker manifest.
pub struct DockerArchive {
    files: Tarball,
    name: String,
    manifest: Document,
    /// The member that holds each blob.
    blobs: BTreeMap<Digest, String>,
    requests: u64,
    bytes: Arc<AtomicU64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Vec<String>,
}

impl DockerArchive {
    /// The image of this name (`repository:tag`) in an archive, or the only one there is.
    ///
    /// # Errors
    /// [`SourceError`] where there is no such file or image.
    pub fn open(file: &Path, reference: Option<&str>, limits: &Limits) -> Result<DockerArchive, SourceError> {
        let name = format!("docker-archive:{}", file.display());
        let files = Tarball::open(file, &name, limits)?;
        DockerArchive::of(files, name, reference, limits)
    }

    /// The only image of an archive that was just exported.
    ///
    /// # Errors
    /// [`SourceError`] where the file is no such archive.
    pub fn exported(
        file: File,
        name: &str,
        tally: Tally,
        limits: &Limits,
    ) -> Result<DockerArchive, SourceError> {
        let archive = DockerArchive::of(Tarball::of(file, name, limits)?, name.to_string(), None, limits)?;
        let bytes = Arc::new(AtomicU64::new(tally.bytes));
        Ok(DockerArchive { requests: tally.requests, bytes, ..archive })
    }

    fn of(
        files: Tarball,
        name: String,
        reference: Option<&str>,
        limits: &Limits,
    ) -> Result<DockerArchive, SourceError> {
        let broken = |object: &str, detail: String| SourceError::Broken { object: object.into(), detail };
        let items: Vec<Item> = serde_json::from_slice(&member(&files, &name, "manifest.json", limits)?)
            .map_err(|error| broken(&format!("manifest.json of {name}"), error.to_string()))?;
        let item = chosen(items, &name, reference)?;
        let config = member(&files, &name, &item.config, limits)?;
        let diff_ids = Config::parse(&config)
            .map_err(|error| broken(&format!("{} of {name}", item.config), error))?
            .diff_ids;
        let mut blobs = BTreeMap::new();
        let config_digest = Digest::of(&config);
        let mut layers = Vec::new();
        for (number, layer) in item.layers.iter().enumerate() {
            let (digest, size) = blob_of(&files, &name, layer, diff_ids.get(number))?;
            blobs.insert(digest.clone(), layer.clone());
            layers.push(serde_json::json!({
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar", "digest": digest, "size": size,
            }));
        }
        blobs.insert(config_digest.clone(), item.config);
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "layers": layers,
            "config": {"mediaType": DOCKER_CONFIG, "digest": config_digest, "size": config.len()},
        });
        let bytes = manifest.to_string().into_bytes();
        let manifest = Document { media_type: DOCKER_MANIFEST.into(), digest: Digest::of(&bytes), bytes };
        Ok(DockerArchive { files, name, manifest, blobs, requests: 1, bytes: Arc::default() })
    }

    /// A blob from this byte on.
    fn blob_from(&self, descriptor: &Descriptor, from: u64) -> Result<Counted, SourceError> {
        let object = format!("{} of {}", descriptor.digest.short(), self.name);
        let opened = match self.blobs.get(&descriptor.digest) {
            Some(member) => self.files.open(member, from),
            None => Ok(None),
        };
        match opened {
            Ok(Some((stream, _))) => Ok(Counted::new(stream, &self.bytes)),
            Ok(None) => Err(SourceError::NotFound { object, detail: "the archive has no such blob".into() }),
            Err(error) => Err(SourceError::Unreachable { object, detail: error.to_string() }),
        }
    }
}

fn member(files: &Tarball, name: &str, path: &str, limits: &Limits) -> Result<Vec<u8>, SourceError> {
    let object = format!("{path} of {name}");
    match files.open(path, 0) {
        Ok(Some((stream, _))) => read_document(stream, &object, limits),
        Ok(None) => Err(SourceError::Broken { object, detail: "the archive has no such member".into() }),
        Err(error) => Err(SourceError::Unreachable { object, detail: error.to_string() }),
    }
}

fn chosen(mut items: Vec<Item>, name: &str, reference: Option<&str>) -> Result<Item, SourceError> {
    let tags: Vec<String> =
        items.iter().filter_map(|item| item.repo_tags.clone()).flatten().take(20).collect();
    let tags = if tags.is_empty() { "no named images".to_string() } else { tags.join(", ") };
    let has = |item: &Item, wanted: &str| item.repo_tags.iter().flatten().any(|tag| tag == wanted);
    if let Some(wanted) = reference {
        items.retain(|item| has(item, wanted) || has(item, &format!("{wanted}:latest")));
    }
    let count = items.len();
    match (items.into_iter().next(), reference) {
        (Some(item), _) if count == 1 => Ok(item),
        (None, wanted) => Err(SourceError::NotFound {
            object: wanted.map_or(name.to_string(), |wanted| format!("{name}:{wanted}")),
            detail: format!("the archive has {tags}"),
        }),
        (Some(_), _) => Err(SourceError::Unsupported {
            object: name.into(),
            detail: format!("it has {count} images, name one: {tags}"),
        }),
    }
}

/// The digest and size of a layer's member. Its name says the digest in newer archives; otherwise an unpacked layer's
/// is its diff id, and that of a packed one is computed.
fn blob_of(
    files: &Tarball,
    name: &str,
    path: &str,
    diff_id: Option<&String>,
) -> Result<(Digest, u64), SourceError> {
    let object = format!("{path} of {name}");
    let unreachable =
        |error: io::Error| SourceError::Unreachable { object: object.clone(), detail: error.to_string() };
    let Some((mut stream, size)) = files.open(path, 0).map_err(unreachable)? else {
        return Err(SourceError::Broken { object, detail: "the archive has no such member".into() });
    };
    let named = path.strip_prefix("blobs/").and_then(|rest| rest.replacen('/', ":", 1).parse().ok());
    if let Some(digest) = named {
        return Ok((digest, size));
    }
    let mut head = [0; 4];
    let mut length = 0;
    while length < head.len() {
        match stream.read(&mut head[length..]).map_err(unreachable)? {
            0 => break,
            got => length += got,
        }
    }
    let packed = head.starts_with(&[0x1f, 0x8b]) || head == [0x28, 0xb5, 0x2f, 0xfd];
    if let (false, Some(Ok(digest))) = (packed, diff_id.map(|id| id.parse())) {
        return Ok((digest, size));
    }
    let mut hasher = crate::digest::Hasher::sha256();
    hasher.update(&head[..length]);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match stream.read(&mut buffer).map_err(unreachable)? {
            0 => return Ok((hasher.finish(), size)),
            got => hasher.update(&buffer[..got]),
        }
    }
}

impl Store for DockerArchive {
    fn document(&mut self, selector: &Selector) -> Result<Document, SourceError> {
        match selector {
            Selector::Digest(digest) if *digest != self.manifest.digest => Err(SourceError::NotFound {
                object: format!("{digest} of {}", self.name),
                detail: "an archive of docker save has one manifest".into(),
            }),
            _ => Ok(self.manifest.clone()),
        }
    }

    fn blob(&mut self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        Ok(Box::new(self.blob_from(descriptor, 0)?))
    }

    fn range(&mut self, descriptor: &Descriptor, offset: u64, length: u64) -> Result<Vec<u8>, SourceError> {
        let object = format!("{} of {}", descriptor.digest.short(), self.name);
        let mut stream = self.blob_from(descriptor, offset)?;
        read_part(&mut stream, &(offset..offset.saturating_add(length)), &object)
    }

    fn tally(&self) -> Tally {
        Tally { requests: self.requests, bytes: self.bytes.load(Ordering::Relaxed) }
    }
}
