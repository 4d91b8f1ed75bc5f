//! An unpacked tree that the kernel's questions are put to directly: nothing is read ahead, and what was read is
//! forgotten with the [`DirectoryTree`].

use crate::source::SourceError;
use execfit_kernel::tree::{FileTree, Gap, Kind, Node};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, open, openat, readlinkat, statat};
use rustix::io::Errno;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A directory of this machine as the root of a file system: kinds, modes, owners, link texts and
/// `security.capability` as they are on its disk. How this machine has mounted it (`noexec`) does not count, nor do
/// access control lists.
///
/// Nothing outside the directory is ever looked at: each name is opened in the directory above it and never followed
/// where it is a link; `execfit_kernel::namei` walks the links, inside. What this machine does not let us read is a
/// [`Gap`]. Not more than a question's worth of answers is kept: for the next question, open it anew.
pub struct DirectoryTree {
    root: OwnedFd,
    /// The directory that was last looked into; most questions go on from there.
    here: RefCell<Option<(Vec<u8>, OwnedFd)>>,
    /// The file that was last read.
    file: RefCell<Option<(Vec<u8>, File, u64)>>,
    lent: Lent,
}

impl DirectoryTree {
    /// Takes a directory; `root` itself may be a link to one.
    ///
    /// # Errors
    /// [`SourceError::NotFound`] where there is no such directory.
    pub fn open(root: &Path) -> Result<DirectoryTree, SourceError> {
        let opened = open(root, DIRECTORY & !OFlags::NOFOLLOW, Mode::empty());
        let root = opened.map_err(|errno| SourceError::NotFound {
            object: format!("dir:{}", root.display()),
            detail: io::Error::from(errno).to_string(),
        })?;
        Ok(DirectoryTree { root, here: RefCell::new(None), file: RefCell::new(None), lent: Lent::new() })
    }

    /// Does something with the directory above the last name of `path`, and that name; `None` where no such
    /// directory is.
    fn in_parent<T>(
        &self,
        path: &[u8],
        then: impl FnOnce(BorrowedFd<'_>, &OsStr) -> Result<T, Errno>,
    ) -> Result<Option<T>, Errno> {
        let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let name = OsStr::from_bytes(path.get(end + 1..).unwrap_or_default());
        if name == ".." {
            return Err(Errno::INVAL);
        }
        let mut here = self.here.borrow_mut();
        let entered = self.enter(here.take(), &path[..end]);
        *here = match entered {
            Err(errno) if is_absence(errno) => return Ok(None),
            entered => entered?,
        };
        let directory = here.as_ref().map_or(self.root.as_fd(), |(_, directory)| directory.as_fd());
        match then(directory, name) {
            Err(errno) if is_absence(errno) => Ok(None),
            done => done.map(Some),
        }
    }

    /// Goes to a directory, from the one at hand where that lies above it. `None` is the root.
    fn enter(
        &self,
        at: Option<(Vec<u8>, OwnedFd)>,
        wanted: &[u8],
    ) -> Result<Option<(Vec<u8>, OwnedFd)>, Errno> {
        let below = |at: &(Vec<u8>, OwnedFd)| {
            wanted.strip_prefix(&*at.0).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
        };
        let mut at = at.filter(below);
        let done = at.as_ref().map_or(0, |(path, _)| path.len());
        for name in wanted[done..].split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            if name == b".." {
                return Err(Errno::INVAL);
            }
            let parent = at.as_ref().map_or(self.root.as_fd(), |(_, directory)| directory.as_fd());
            let directory = openat(parent, name, DIRECTORY, Mode::empty())?;
            let mut path = at.map_or(Vec::new(), |(path, _)| path);
            path.push(b'/');
            path.extend_from_slice(name);
            at = Some((path, directory));
        }
        Ok(at)
    }

    fn node(&self, path: &[u8], directory: BorrowedFd<'_>, name: &OsStr) -> Result<Node<'_>, Errno> {
        let stat = match name.is_empty() {
            true => fstat(directory)?,
            false => statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?,
        };
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink => Kind::Symlink(match self.lent.get(path) {
                Some(text) => text,
                None => self.lent.keep(path, readlinkat(directory, name, Vec::new())?.into_bytes()),
            }),
            FileType::Directory => Kind::Directory,
            FileType::CharacterDevice => Kind::CharDevice,
            FileType::BlockDevice => Kind::BlockDevice,
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
            FileType::RegularFile => Kind::Regular,
            FileType::Unknown => return Err(Errno::NODEV),
        };
        let regular = kind == Kind::Regular;
        let capability = if regular { capability::of(directory, name)? } else { None };
        Ok(Node {
            kind,
            mode: mode(&stat),
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: if regular { size(&stat) } else { 0 },
            capability: capability.map(|value| self.lent.keep(path, value)),
            noexec: false,
        })
    }
}

/// Permission bits; the type's width differs from system to system.
#[allow(clippy::unnecessary_cast)]
fn mode(stat: &Stat) -> u32 {
    stat.st_mode as u32 & 0o7777
}

fn size(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

/// How directories are opened on the way: not even to be read, where the system has that.
#[cfg(target_os = "linux")]
const DIRECTORY: OFlags =
    OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// How files are opened: never waiting, should one have become a pipe since it was looked at.
const FILE: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

fn is_absence(errno: Errno) -> bool {
    // ELOOP: a link where a directory was asked for.
    matches!(errno, Errno::NOENT | Errno::NOTDIR | Errno::LOOP)
}

fn gap(path: &[u8], error: impl Into<io::Error>) -> Gap {
    Gap::Hidden { path: path.to_vec(), by: format!("this machine: {}", error.into()) }
}

impl FileTree for DirectoryTree {
    fn lookup(&self, path: &[u8]) -> Result<Option<Node<'_>>, Gap> {
        let node = self.in_parent(path, |directory, name| self.node(path, directory, name));
        node.map_err(|errno| gap(path, errno))
    }

    fn read_at(&self, path: &[u8], offset: u64, buffer: &mut [u8]) -> Result<usize, Gap> {
        let mut last = self.file.borrow_mut();
        if last.as_ref().is_none_or(|(known, ..)| known != path) {
            let opened = self.in_parent(path, |directory, name| {
                let file = openat(directory, name, FILE, Mode::empty())?;
                let stat = fstat(&file)?;
                let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
                Ok((File::from(file), if regular { size(&stat) } else { 0 }))
            });
            let opened = opened.map_err(|errno| gap(path, errno))?;
            *last = opened.map(|(file, size)| (path.to_vec(), file, size));
        }
        let Some((_, file, size)) = last.as_ref() else { return Ok(0) };
        // A wish beyond every file's end is no error here, though pread(2) calls it one.
        let wanted = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX).min(buffer.len());
        let mut done = 0;
        while done < wanted {
            match file.read_at(&mut buffer[done..wanted], offset + done as u64) {
                Ok(0) => break,
                Ok(got) => done += got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(gap(path, error)),
            }
        }
        Ok(done)
    }
}

/// Bytes that were read for a path and are lent out as long as the tree lives: they are added and never moved.
struct Lent {
    /// Chunk n has room for 2^n.
    chunks: [OnceCell<Cells>; 32],
    count: Cell<usize>,
    numbers: RefCell<HashMap<Vec<u8>, usize>>,
}

type Cells = Box<[OnceCell<Vec<u8>>]>;

impl Lent {
    fn new() -> Lent {
        Lent {
            chunks: [const { OnceCell::new() }; 32],
            count: Cell::new(0),
            numbers: RefCell::new(HashMap::new()),
        }
    }

    fn get(&self, path: &[u8]) -> Option<&[u8]> {
        if self.count.get() == 0 {
            return None;
        }
        let number = *self.numbers.borrow().get(path)?;
        self.cell(number).get().map(Vec::as_slice)
    }

    /// Keeps what was read for a path, the first time that it is read.
    fn keep(&self, path: &[u8], bytes: Vec<u8>) -> &[u8] {
        let number = *self.numbers.borrow_mut().entry(path.to_vec()).or_insert_with(|| {
            self.count.set(self.count.get() + 1);
            self.count.get()
        });
        self.cell(number).get_or_init(|| bytes)
    }

    /// The cell of a number, 1 first.
    fn cell(&self, number: usize) -> &OnceCell<Vec<u8>> {
        let chunk = number.ilog2();
        let cells = self.chunks[chunk as usize].get_or_init(|| vec![OnceCell::new(); 1 << chunk].into());
        &cells[number - (1 << chunk)]
    }
}

/// `security.capability` (capabilities(7)).
#[cfg(target_os = "linux")]
mod capability {
    use super::*;
    use rustix::fs::{fgetxattr, lgetxattr};
    use std::os::fd::AsRawFd;

    const NAME: &str = "security.capability";

    /// The attribute of a file; `None` also where the file system has no such attributes.
    pub(super) fn of(directory: BorrowedFd<'_>, name: &OsStr) -> Result<Option<Vec<u8>>, Errno> {
        // There is no getxattrat(2) before Linux 6.13; /proc/self/fd leads into the directory all the same (proc(5)).
        let mut path = format!("/proc/self/fd/{}/", directory.as_raw_fd()).into_bytes();
        path.extend_from_slice(name.as_bytes());
        // struct vfs_ns_cap_data (linux/capability.h) has 24 bytes.
        let mut value = [0; 64];
        let length = match lgetxattr(&*path, NAME, &mut value) {
            // No /proc is mounted here.
            Err(Errno::NOENT) => fgetxattr(openat(directory, name, FILE, Mode::empty())?, NAME, &mut value),
            length => length,
        };
        match length {
            Ok(length) => Ok(value.get(..length).map(Vec::from)),
            Err(Errno::NODATA | Errno::NOTSUP) => Ok(None),
            Err(errno) => Err(errno),
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod capability {
    use super::*;

    pub(super) fn of(_: BorrowedFd<'_>, _: &OsStr) -> Result<Option<Vec<u8>>, Errno> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
