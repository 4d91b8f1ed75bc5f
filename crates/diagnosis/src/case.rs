//! A case: every fact known about what was asked, as data. It is filled from the world, saved, and replayed.

mod bytes;
mod need;
mod question;

pub use need::Need;
pub use question::Question;

use crate::foreign::{Ground, Survey};
use crate::secrets;
use crate::target::Target;
use bytes::{base64_bytes, bytes_base64, bytes_text};
use execfit_image::digest::Digest;
use execfit_image::index::Entry;
use execfit_image::source::LayerNote;
use execfit_image::witness::{Kind, Origin, Piece, Witness};
use execfit_kernel::tree::{self, FileTree, Gap, Node};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// The value of [`Case::schema`].
pub const SCHEMA: &str = "execfit/case/v1";

/// Every fact known about one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// [`SCHEMA`].
    pub schema: String,
    /// What was asked.
    pub target: Target,
    /// AWS's answers as they came, without secrets.
    #[serde(default)]
    pub answers: Vec<Answer>,
    /// What AWS would not tell.
    #[serde(default)]
    pub refusals: Vec<Refusal>,
    /// What AWS was asked for a plan, answered or not.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub asked: BTreeSet<Question>,
    /// Log lines of containers that failed to start.
    #[serde(default)]
    pub logs: Vec<Log>,
    /// What was seen of the images.
    #[serde(default)]
    pub images: Vec<ImageFacts>,
}

/// One answer of an AWS API, or a saved document of the AWS CLI.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The operation, e.g. `DescribeServices`; empty for a saved document, which is known by its keys.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub operation: String,
    /// The body.
    pub body: Value,
}

/// A call that was refused or failed, whose answer would have been a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The IAM action, e.g. `ecs:DescribeTasks`.
    pub action: String,
    /// The whole message.
    pub message: String,
    /// Whether a verdict of "runs" would have to rest on the answer.
    pub decides: bool,
}

/// The last log lines of one container of one task, only those that speak of a failed start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// The task's ARN.
    pub task: String,
    /// The container's name.
    pub container: String,
    /// Log group and stream.
    pub stream: String,
    /// The lines.
    pub lines: Vec<String>,
}

/// What was seen of one image reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// The reference that was read.
    pub name: String,
    /// Digest of the manifest or index that it names.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<Digest>,
    /// Whether it is an index of several manifests.
    #[serde(default)]
    pub index: bool,
    /// The manifests, in the index's order; one without an index.
    #[serde(default)]
    pub entries: Vec<Entry>,
    /// The manifests that were opened.
    #[serde(default)]
    pub children: Vec<ChildFacts>,
    /// Why it could not be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trouble: Option<Trouble>,
}

/// What was seen of one manifest: its config and the files that were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildFacts {
    /// The manifest's digest.
    pub digest: Digest,
    /// `os` of the config.
    #[serde(default)]
    pub os: String,
    /// `architecture` of the config, as written; empty where it is missing.
    #[serde(default)]
    pub architecture: String,
    /// `variant` of the config.
    #[serde(default)]
    pub variant: String,
    /// The layers' digests, lowest first.
    #[serde(default)]
    pub layers: Vec<Digest>,
    /// `Entrypoint`.
    #[serde(default)]
    pub entrypoint: Vec<String>,
    /// `Cmd`.
    #[serde(default)]
    pub cmd: Vec<String>,
    /// `Env`, values redacted except `PATH` and `LD_*`.
    #[serde(default)]
    pub env: Vec<String>,
    /// `User`.
    #[serde(default)]
    pub user: String,
    /// `WorkingDir`.
    #[serde(default)]
    pub working_dir: String,
    /// Whether files were kept with what a dynamic loader reads of them. Cases of before are answered up to the kernel.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub libraries: bool,
    /// The layers, counted from the bottom, 1 first, that were not read but are known by their tables of contents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub as_listed: Vec<usize>,
    /// The files that a verdict asked for, by path; `null` = it was looked for and is not there.
    #[serde(default)]
    pub files: BTreeMap<String, Option<FileFacts>>,
    /// What is foreign among all files, where that was asked, for each kind of host.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub surveys: Vec<Survey>,
    /// What is odd about its layers, as far as they were read: some of it keeps some runtimes from unpacking them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<LayerNote>,
    /// Paths where nothing was seen and not everything was read; or, of directories that were seen, whose mode was not
    /// read. A likely answer passes over them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub assumed: BTreeSet<String>,
    /// The layers that were opened and not read to their ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unfinished: Vec<UnfinishedLayer>,
    /// Why manifest, config or a layer could not be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trouble: Option<Trouble>,
}

/// A layer that was opened and not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnfinishedLayer {
    /// Its number from the bottom, 1 first.
    pub layer: usize,
    /// Stored bytes that were read of it.
    pub read: u64,
    /// Stored bytes that it has.
    pub size: u64,
}

/// Why something of an image could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Which kind.
    pub kind: TroubleKind,
    /// The whole message; it names the object.
    pub message: String,
}

/// The kinds of [`Trouble`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TroubleKind {
    /// There is no such image.
    NotFound,
    /// Not allowed, not logged in.
    Denied,
    /// Too many requests, registry down, connection cut.
    Unreachable,
    /// Broken or hostile content.
    Broken,
    /// The runtimes refuse to unpack it.
    CannotUnpack,
    /// A kind of image that is not read.
    Unsupported,
}

/// One file as it was found, with the bytes that a verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Regular file, directory, link ...
    pub kind: FileKind,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    #[serde(default)]
    pub uid: u32,
    /// Group.
    #[serde(default)]
    pub gid: u32,
    /// Mode and owner are not known: a directory that its layer only implies.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mode_unread: bool,
    /// Length in bytes.
    #[serde(default)]
    pub size: u64,
    /// A symbolic link's text.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "bytes_text")]
    pub target: Option<Vec<u8>>,
    /// `security.capability`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "bytes_base64")]
    pub capability: Option<Vec<u8>>,
    /// The bytes that were kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pieces: Vec<PieceFacts>,
    /// A directory of no entry of its own: Docker and Podman make it root's, 0755, whatever mode and owner say here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub implicit: bool,
    /// The layer that it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

/// The kinds of [`FileFacts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum FileKind {
    Regular,
    Directory,
    Symlink,
    CharDevice,
    BlockDevice,
    Fifo,
    Socket,
}

/// A run of bytes of a file, in base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PieceFacts {
    /// Where it begins.
    pub offset: u64,
    /// The bytes.
    #[serde(with = "base64_bytes")]
    pub bytes: Vec<u8>,
}

impl Case {
    /// A case that knows nothing yet.
    pub fn new(target: Target) -> Case {
        Case {
            schema: SCHEMA.into(),
            target,
            answers: Vec::new(),
            refusals: Vec::new(),
            asked: BTreeSet::new(),
            logs: Vec::new(),
            images: Vec::new(),
        }
    }

    /// Adds an answer, without the secrets in it.
    pub fn add_answer(&mut self, operation: &str, mut body: Value) {
        secrets::redact(&mut body);
        self.answers.push(Answer { operation: operation.into(), body });
    }

    /// Whether AWS was asked this; else that it is to be.
    ///
    /// # Errors
    /// The need.
    pub fn ask(&self, question: Question) -> Result<(), Need> {
        if self.asked.contains(&question) { Ok(()) } else { Err(Need::Aws(question)) }
    }

    /// What was seen of an image reference.
    pub fn image(&self, name: &str) -> Option<&ImageFacts> {
        self.images.iter().find(|image| image.name == name)
    }
}

impl ImageFacts {
    /// Facts about a reference that could not be read.
    pub fn unreadable(name: String, trouble: Trouble) -> ImageFacts {
        ImageFacts {
            name,
            digest: None,
            index: false,
            entries: Vec::new(),
            children: Vec::new(),
            trouble: Some(trouble),
        }
    }

    /// What was seen of one of its manifests.
    pub fn child(&self, digest: &Digest) -> Option<&ChildFacts> {
        self.children.iter().find(|child| child.digest == *digest)
    }
}

impl ChildFacts {
    /// What was seen at a path; `None` where nobody looked.
    pub fn file(&self, path: &[u8]) -> Option<Option<&FileFacts>> {
        self.files.get(&*escaped(path)).map(Option::as_ref)
    }

    /// What is foreign to a host, where that was asked.
    pub fn survey(&self, ground: &Ground) -> Option<&Survey> {
        self.surveys.iter().find(|survey| survey.ground == *ground)
    }

    /// Whether what was not read of a path is assumed: that nothing is there, or the mode of what is.
    pub fn is_assumed(&self, path: &[u8]) -> bool {
        !self.assumed.is_empty() && self.assumed.contains(&*escaped(path))
    }

    /// Whether anything is assumed not to be there.
    pub fn assumes_absence(&self) -> bool {
        self.assumed.iter().any(|path| !self.files.contains_key(path))
    }

    /// Assumes what was not read of a path.
    pub fn assume(&mut self, path: &[u8]) {
        self.assumed.insert(escape(path));
    }

    /// Keeps what was seen at a path, and assumes nothing of it any more.
    pub fn insert(&mut self, path: &[u8], witness: Option<Witness>) {
        self.assumed.remove(&*escaped(path));
        self.files.insert(escape(path), witness.map(|witness| FileFacts::new(path, witness)));
    }
}

impl FileTree for ChildFacts {
    fn lookup(&self, path: &[u8]) -> Result<Option<Node<'_>>, Gap> {
        match self.file(path) {
            Some(file) => Ok(file.map(FileFacts::node)),
            None if self.is_assumed(path) => Ok(None),
            None => Err(Gap::Unread { path: path.to_vec(), layer: None }),
        }
    }

    fn read_at(&self, path: &[u8], offset: u64, buffer: &mut [u8]) -> Result<usize, Gap> {
        let Some(file) = self.file(path) else {
            return Err(Gap::Unread { path: path.to_vec(), layer: None });
        };
        let Some(file) = file else { return Ok(0) };
        file.read_at(offset, buffer).ok_or_else(|| Gap::Hidden {
            path: path.to_vec(),
            by: format!("what was kept of it: bytes from {offset} on were not"),
        })
    }
}

impl FileFacts {
    fn new(path: &[u8], witness: Witness) -> FileFacts {
        let pieces = secrets::keep_what_is_read(path, witness.size, witness.pieces);
        let (kind, target) = match witness.kind {
            Kind::Regular => (FileKind::Regular, None),
            Kind::Directory => (FileKind::Directory, None),
            Kind::Symlink(target) => (FileKind::Symlink, Some(target)),
            Kind::CharDevice => (FileKind::CharDevice, None),
            Kind::BlockDevice => (FileKind::BlockDevice, None),
            Kind::Fifo => (FileKind::Fifo, None),
            Kind::Socket => (FileKind::Socket, None),
        };
        FileFacts {
            kind,
            mode: witness.mode,
            uid: witness.uid,
            gid: witness.gid,
            mode_unread: witness.mode_unread,
            size: witness.size,
            target,
            capability: witness.capability,
            pieces: pieces.into_iter().map(|Piece { offset, bytes }| PieceFacts { offset, bytes }).collect(),
            implicit: witness.implicit,
            origin: witness.origin,
        }
    }

    /// As the kernel's model has it.
    pub(crate) fn node(&self) -> Node<'_> {
        Node {
            kind: match self.kind {
                FileKind::Regular => tree::Kind::Regular,
                FileKind::Directory => tree::Kind::Directory,
                FileKind::Symlink => tree::Kind::Symlink(self.target.as_deref().unwrap_or_default()),
                FileKind::CharDevice => tree::Kind::CharDevice,
                FileKind::BlockDevice => tree::Kind::BlockDevice,
                FileKind::Fifo => tree::Kind::Fifo,
                FileKind::Socket => tree::Kind::Socket,
            },
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            size: self.size,
            capability: self.capability.as_deref(),
            noexec: false,
        }
    }

    /// The first bytes that were kept.
    pub fn head(&self) -> &[u8] {
        self.pieces.first().filter(|piece| piece.offset == 0).map_or(&[], |piece| &piece.bytes)
    }

    /// Reads what was kept; `None` where bytes that the file has were not.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Option<usize> {
        let wanted = self.size.saturating_sub(offset).min(buffer.len() as u64) as usize;
        if wanted == 0 {
            return Some(0);
        }
        let piece = self.pieces.iter().rev().find(|piece| piece.offset <= offset)?;
        let start = usize::try_from(offset - piece.offset).ok()?;
        let bytes = piece.bytes.get(start..start.checked_add(wanted)?)?;
        buffer[..wanted].copy_from_slice(bytes);
        Some(wanted)
    }
}

/// A path as text: what is not printable ASCII, and the backslash, is escaped.
pub fn escape(path: &[u8]) -> String {
    escaped(path).into_owned()
}

/// The same, borrowed where nothing is to be escaped: paths are looked up by the thousand.
fn escaped(path: &[u8]) -> Cow<'_, str> {
    let plain = path.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'\\');
    match std::str::from_utf8(path) {
        Ok(text) if plain => Cow::Borrowed(text),
        _ => {
            let text = path.escape_ascii().to_string();
            Cow::Owned(text.replace("\\'", "'").replace("\\\"", "\""))
        }
    }
}
