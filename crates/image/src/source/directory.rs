//! An unpacked tree on this machine's disk. Nothing of it is executed, and no link is followed out of it: paths come in
//! free of links (`execfit_kernel::namei` walks them), and each component is looked at before the next.

mod tree;

pub use tree::DirectoryTree;

use super::{SourceError, Witnesses};
use crate::layer::{Body, capture};
use crate::witness::{Kind, Witness};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// A directory that is taken as the root of a file system.
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// Takes a directory.
    ///
    /// # Errors
    /// [`SourceError::NotFound`] where there is no such directory.
    pub fn open(root: &Path) -> Result<Directory, SourceError> {
        let object = format!("dir:{}", root.display());
        match fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => Ok(Directory { root: root.to_path_buf() }),
            Ok(_) => Err(SourceError::NotFound { object, detail: "it is no directory".into() }),
            Err(error) => Err(SourceError::NotFound { object, detail: error.to_string() }),
        }
    }

    /// Shows every object of the tree, those of a directory in the order of their names.
    ///
    /// # Errors
    /// [`SourceError::Denied`] for the first that cannot be read.
    pub fn visit(&self, see: &mut dyn FnMut(&[u8], &Witness)) -> Result<(), SourceError> {
        let mut pending: Vec<Vec<u8>> = vec![Vec::new()];
        while let Some(path) = pending.pop() {
            let objects = self.children(&path).map_err(|error| self.denied(&path, &error))?;
            for child in objects {
                let witness = self.look(&child).map_err(|error| self.denied(&child, &error))?;
                let Some(witness) = witness else { continue };
                see(&child, &witness);
                if witness.kind == Kind::Directory {
                    pending.push(child);
                }
            }
        }
        Ok(())
    }

    /// Paths of what is in a directory.
    fn children(&self, path: &[u8]) -> io::Result<Vec<Vec<u8>>> {
        let place = self.root.join(OsStr::from_bytes(path.strip_prefix(b"/").unwrap_or(path)));
        let named =
            |entry: io::Result<fs::DirEntry>| Ok([path, b"/", &entry?.file_name().into_vec()].concat());
        let mut paths = fs::read_dir(place)?.map(named).collect::<io::Result<Vec<_>>>()?;
        paths.sort_unstable();
        Ok(paths)
    }

    fn denied(&self, path: &[u8], error: &io::Error) -> SourceError {
        let object = format!("{} in dir:{}", path.escape_ascii(), self.root.display());
        SourceError::Denied { object, detail: error.to_string() }
    }

    /// Its files as a tree that can be asked.
    ///
    /// # Errors
    /// As [`Directory::open`].
    pub fn tree(&self) -> Result<DirectoryTree, SourceError> {
        DirectoryTree::open(&self.root)
    }

    fn look(&self, path: &[u8]) -> io::Result<Option<Witness>> {
        let relative = Path::new(OsStr::from_bytes(path.strip_prefix(b"/").unwrap_or(path)));
        // A link above the last component would lead out of the tree: the asker walks links itself.
        let mut place = self.root.clone();
        let parents = relative.parent().map(Path::components).into_iter().flatten();
        for component in parents {
            place.push(component);
            if !is_directory(&place)? {
                return Ok(None);
            }
        }
        place.push(relative.file_name().unwrap_or_default());
        let metadata = match fs::symlink_metadata(&place) {
            Ok(metadata) => metadata,
            Err(error) if is_absence(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let kind = kind_of(&metadata, &place)?;
        let regular = kind == Kind::Regular;
        Ok(Some(Witness {
            kind,
            mode: metadata.mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
            mode_unread: false,
            size: if regular { metadata.len() } else { 0 },
            capability: if regular { capability(&place) } else { None },
            pieces: if regular {
                capture(&mut OnDisk(File::open(&place)?), path, metadata.len(), true)?
            } else {
                Vec::new()
            },
            implicit: false,
            origin: None,
        }))
    }
}

/// A file that is read where it lies.
struct OnDisk(File);

impl Body for OnDisk {
    type Error = io::Error;

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match self.0.read(&mut buffer[done..])? {
                0 => break,
                got => done += got,
            }
        }
        Ok(done)
    }

    fn skip(&mut self, count: u64) -> io::Result<()> {
        self.0.seek(SeekFrom::Current(count.try_into().map_err(io::Error::other)?)).map(drop)
    }

    const GOES_BACK: bool = true;

    fn go_to(&mut self, offset: u64) -> io::Result<()> {
        self.0.seek(SeekFrom::Start(offset)).map(drop)
    }
}

/// `security.capability` of a file; `None` also where the file system has no such attributes.
#[cfg(target_os = "linux")]
fn capability(path: &Path) -> Option<Vec<u8>> {
    // struct vfs_ns_cap_data (linux/capability.h) has 24 bytes.
    let mut value = [0; 64];
    let length = rustix::fs::lgetxattr(path, "security.capability", &mut value).ok()?;
    value.get(..length).map(Vec::from)
}

#[cfg(not(target_os = "linux"))]
fn capability(_: &Path) -> Option<Vec<u8>> {
    None
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn is_directory(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(metadata.is_dir()),
        Err(error) if is_absence(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn kind_of(metadata: &Metadata, path: &Path) -> io::Result<Kind> {
    let kind = metadata.file_type();
    Ok(if kind.is_symlink() {
        Kind::Symlink(fs::read_link(path)?.into_os_string().into_vec())
    } else if kind.is_dir() {
        Kind::Directory
    } else if kind.is_char_device() {
        Kind::CharDevice
    } else if kind.is_block_device() {
        Kind::BlockDevice
    } else if kind.is_fifo() {
        Kind::Fifo
    } else if kind.is_socket() {
        Kind::Socket
    } else {
        Kind::Regular
    })
}

impl Witnesses for Directory {
    fn witness(&mut self, path: &[u8]) -> Result<Option<Witness>, SourceError> {
        self.look(path).map_err(|error| self.denied(path, &error))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn file_capabilities_are_seen() {
        let root = tempfile::tempdir().unwrap();
        let app = root.path().join("app");
        fs::write(&app, b"program").unwrap();
        let mut directory = Directory::open(root.path()).unwrap();
        assert_eq!(directory.witness(b"/app").unwrap().unwrap().capability, None);
        // cap_net_admin+ep, revision 2. Only root may set it, and not on every file system.
        let value = [1, 0, 0, 2, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let flags = rustix::fs::XattrFlags::empty();
        if rustix::fs::setxattr(&app, "security.capability", &value, flags).is_ok() {
            assert_eq!(directory.witness(b"/app").unwrap().unwrap().capability, Some(value.to_vec()));
        }
    }
}
