//! The only window on the world: a tree of files, asked by path.

use std::collections::BTreeMap;
use std::fmt;

/// A tree of files that can be asked, without waiting, what stands at a path.
///
/// Paths are absolute bytes as Linux has them (`/usr/bin/env`), free of `.`, `..`, doubled and trailing
/// slashes; no component but the last is a symbolic link. [`crate::namei`] walks any other path down to such ones.
pub trait FileTree {
    /// The object at `path` itself (a symbolic link is not followed), or `None` where nothing is.
    ///
    /// # Errors
    /// A [`Gap`] where the tree cannot tell (yet).
    fn lookup(&self, path: &[u8]) -> Result<Option<Node<'_>>, Gap>;

    /// Reads the regular file at `path` from `offset` into `buffer`; the answer is short only at the file's end.
    ///
    /// # Errors
    /// A [`Gap`] where these bytes are not known (yet).
    fn read_at(&self, path: &[u8], offset: u64, buffer: &mut [u8]) -> Result<usize, Gap>;
}

/// What stands at a path: the part of an inode that program loading looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node<'t> {
    /// Regular file, directory, link ...
    pub kind: Kind<'t>,
    /// Permission bits with set-id and sticky bits, `0o7777` at most.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length of a regular file in bytes.
    pub size: u64,
    /// Value of the extended attribute `security.capability`.
    pub capability: Option<&'t [u8]>,
    /// The file lies on a file system mounted `noexec`.
    pub noexec: bool,
}

/// The type of an object, as `S_IFMT` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'t> {
    /// `S_IFREG`
    Regular,
    /// `S_IFDIR`
    Directory,
    /// `S_IFLNK` with the link's text.
    Symlink(&'t [u8]),
    /// `S_IFCHR`
    CharDevice,
    /// `S_IFBLK`
    BlockDevice,
    /// `S_IFIFO`
    Fifo,
    /// `S_IFSOCK`
    Socket,
}

/// Why a question has no answer. It is never an answer: whoever meets one must say *unknown* or read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gap {
    /// The tree has not been read far enough to tell about `path`. Read on (in `layer`, where the tree has
    /// layers) and ask again.
    Unread {
        /// The path that was asked.
        path: Vec<u8>,
        /// The layer to read on in, counted from the bottom, 0 first.
        layer: Option<usize>,
    },
    /// What stands at `path` when the program starts cannot be seen from here, e.g. under a mount.
    Hidden {
        /// The path that was asked.
        path: Vec<u8>,
        /// What hides it, as a noun phrase.
        by: String,
    },
    /// A property of the host decides, and it is not known.
    Host(&'static str),
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Gap::Unread { path, .. } => write!(f, "{} is not read yet", path.escape_ascii()),
            Gap::Hidden { path, by } => write!(f, "{} is hidden by {by}", path.escape_ascii()),
            Gap::Host(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Gap {}

/// A tree held in memory, for tests and for small recorded trees. What it does not hold is absent;
/// parents of what it holds are directories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryTree {
    files: BTreeMap<Vec<u8>, Inode>,
}

/// One object of a [`MemoryTree`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inode {
    /// What it is.
    pub content: Content,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// `security.capability`.
    pub capability: Option<Vec<u8>>,
    /// On a `noexec` mount.
    pub noexec: bool,
}

/// The content of an [`Inode`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A regular file's bytes.
    File(Vec<u8>),
    /// A directory.
    Directory,
    /// A symbolic link's text.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl Inode {
    /// An object of root's with these permission bits.
    pub fn new(content: Content, mode: u32) -> Inode {
        Inode { content, mode, uid: 0, gid: 0, capability: None, noexec: false }
    }
}

impl MemoryTree {
    /// A tree of one empty root directory.
    pub fn new() -> MemoryTree {
        let root = Inode::new(Content::Directory, 0o755);
        MemoryTree { files: BTreeMap::from([(b"/".to_vec(), root)]) }
    }

    /// Puts an object at `path` (replacing what is there), and directories of mode 0755 above it where none are.
    pub fn insert(&mut self, path: &[u8], inode: Inode) {
        for end in path.iter().enumerate().filter(|(i, b)| **b == b'/' && *i > 0).map(|(i, _)| i) {
            let parent = self.files.entry(path[..end].to_vec());
            parent.or_insert_with(|| Inode::new(Content::Directory, 0o755));
        }
        self.files.insert(path.to_vec(), inode);
    }

    /// Puts a regular file of root's there.
    pub fn file(mut self, path: &str, mode: u32, bytes: &[u8]) -> MemoryTree {
        self.insert(path.as_bytes(), Inode::new(Content::File(bytes.to_vec()), mode));
        self
    }

    /// Puts a symbolic link there.
    pub fn link(mut self, path: &str, target: &str) -> MemoryTree {
        self.insert(path.as_bytes(), Inode::new(Content::Symlink(target.into()), 0o777));
        self
    }

    /// Puts a directory of root's there.
    pub fn directory(mut self, path: &str, mode: u32) -> MemoryTree {
        self.insert(path.as_bytes(), Inode::new(Content::Directory, mode));
        self
    }

    /// Every object with its path, in the order of the paths.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &Inode)> {
        self.files.iter().map(|(path, inode)| (path.as_slice(), inode))
    }
}

impl Default for MemoryTree {
    fn default() -> MemoryTree {
        MemoryTree::new()
    }
}

impl FileTree for MemoryTree {
    fn lookup(&self, path: &[u8]) -> Result<Option<Node<'_>>, Gap> {
        Ok(self.files.get(path).map(|inode| Node {
            kind: match &inode.content {
                Content::File(_) => Kind::Regular,
                Content::Directory => Kind::Directory,
                Content::Symlink(target) => Kind::Symlink(target),
                Content::CharDevice => Kind::CharDevice,
                Content::BlockDevice => Kind::BlockDevice,
                Content::Fifo => Kind::Fifo,
                Content::Socket => Kind::Socket,
            },
            mode: inode.mode,
            uid: inode.uid,
            gid: inode.gid,
            size: if let Content::File(bytes) = &inode.content { bytes.len() as u64 } else { 0 },
            capability: inode.capability.as_deref(),
            noexec: inode.noexec,
        }))
    }

    fn read_at(&self, path: &[u8], offset: u64, buffer: &mut [u8]) -> Result<usize, Gap> {
        let Some(Inode { content: Content::File(bytes), .. }) = self.files.get(path) else { return Ok(0) };
        let rest = bytes.get(usize::try_from(offset).unwrap_or(usize::MAX)..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}
