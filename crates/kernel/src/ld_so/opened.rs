//! Opens files for reading, as a loader does with `open(2)`.

use super::{Object, bytes, object_at};
use crate::credentials::{CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, Credentials};
use crate::errno::Errno;
use crate::namei;
use crate::refusal::Stop;
use crate::tree::{FileTree, Gap, Kind, Node};

/// Opens files on behalf of a process.
pub(super) struct Opener<'a> {
    pub(super) tree: &'a dyn FileTree,
    pub(super) credentials: &'a Credentials,
    pub(super) cwd: &'a [u8],
}

/// A file that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opened {
    /// Its path, links resolved: what stands for device and inode number.
    pub(super) file: Vec<u8>,
    /// Its length in bytes.
    pub(super) size: u64,
    /// Whether reading it answers EISDIR.
    pub(super) is_directory: bool,
}

impl Opener<'_> {
    /// `open(path, O_RDONLY)`.
    pub(super) fn open(&self, path: &[u8]) -> Result<Result<Opened, Errno>, Gap> {
        if path.is_empty() {
            return Ok(Err(Errno::ENOENT));
        }
        if path.len() >= namei::PATH_MAX {
            return Ok(Err(Errno::ENAMETOOLONG));
        }
        let found = match namei::resolve(self.tree, self.credentials, self.cwd, path, &mut ()) {
            Ok(found) => found,
            Err(Stop::Gap(gap)) => return Err(gap),
            Err(Stop::Refused(refusal)) => return Ok(Err(refusal.errno.unwrap_or(Errno::ENOENT))),
        };
        if !may_read(self.credentials, &found.node) {
            return Ok(Err(Errno::EACCES));
        }
        let file = bytes(&found.path);
        match found.node.kind {
            Kind::Regular | Kind::Directory => {}
            _ => return Err(Gap::Hidden { path: file, by: "its kind: it is no regular file".into() }),
        }
        Ok(Ok(Opened { file, size: found.node.size, is_directory: found.node.kind == Kind::Directory }))
    }

    /// The dynamic section of an opened file.
    pub(super) fn object(&self, opened: &Opened) -> Result<Option<Object>, Gap> {
        if opened.is_directory { Ok(None) } else { object_at(self.tree, &opened.file) }
    }

    /// A whole file of at most `longest` bytes; cut there.
    pub(super) fn contents(&self, opened: &Opened, longest: u64) -> Result<Vec<u8>, Gap> {
        let mut contents = vec![0; opened.size.min(longest) as usize];
        let got = self.tree.read_at(&opened.file, 0, &mut contents)?;
        contents.truncate(got);
        Ok(contents)
    }
}

/// Linux fs/namei.c generic_permission for MAY_READ.
fn may_read(credentials: &Credentials, node: &Node<'_>) -> bool {
    let class = if credentials.uid == node.uid {
        node.mode >> 6
    } else if credentials.gid == node.gid || credentials.groups.contains(&node.gid) {
        node.mode >> 3
    } else {
        node.mode
    };
    class & 4 != 0 || credentials.has(CAP_DAC_OVERRIDE) || credentials.has(CAP_DAC_READ_SEARCH)
}
