//! A folder of files of one user: read, written whole, counted and thrown away.
//!
//! Several processes share it without locks. A file comes into being by renaming, so its name stands for all of it or
//! for nothing; whoever has opened it keeps it, whatever becomes of the name. Nothing is forced to the disk: what a crash
//! tears, a checksum tells.

use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_NOW};
use rustix::process::geteuid;
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Begins the names of files that are being written.
const NEW: &str = ".new-";
/// After this time a file that is being written has lost its writer.
const ABANDONED: Duration = Duration::from_secs(600);

/// An opened folder.
pub(super) struct Folder(OwnedFd);

/// A file of it.
pub(super) struct Listed {
    pub(super) name: String,
    /// Bytes on the disk.
    pub(super) bytes: u64,
    /// When it was used last.
    pub(super) used: SystemTime,
}

impl Listed {
    /// Whether it is being written.
    pub(super) fn is_new(&self) -> bool {
        self.name.starts_with(NEW)
    }
}

impl Folder {
    /// Opens a folder, and makes it where it is not there. Others must not be able to write to it.
    pub(super) fn open(path: &Path) -> Result<Folder, String> {
        let said = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| said(&error))?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = fs::open(path, flags, Mode::empty()).map_err(|error| said(&error))?;
        let stat = fs::fstat(&folder).map_err(|error| said(&error))?;
        if stat.st_uid != geteuid().as_raw() {
            return Err(said(&"it belongs to another user"));
        }
        if stat.st_mode & 0o022 != 0 {
            return Err(said(&"other users may write to it"));
        }
        Ok(Folder(folder))
    }

    /// Opens a file for reading: a regular one of our own, no link. Its length.
    pub(super) fn file(&self, name: &str) -> Option<(File, u64)> {
        // A pipe would be waited for without NONBLOCK.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = fs::openat(&self.0, name, flags, Mode::empty()).ok()?;
        let stat = fs::fstat(&file).ok()?;
        let own = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
            && stat.st_uid == geteuid().as_raw();
        own.then_some((File::from(file), u64::try_from(stat.st_size).ok()?))
    }

    /// Notes that a file was used.
    pub(super) fn touch(&self, file: &File) {
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        // Only the order in which files are thrown away depends on it.
        let _ = fs::futimens(file, &Timestamps { last_access: now, last_modification: now });
    }

    /// Writes a file whole, in place of one that may be there, and leaves it open.
    pub(super) fn write(&self, name: &str, parts: &[&[u8]]) -> io::Result<File> {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let moment = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let new = format!("{NEW}{}-{serial}-{moment:x}", std::process::id());
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(fs::openat(&self.0, &new, flags, Mode::RUSR | Mode::WUSR)?);
        let written = parts.iter().try_for_each(|part| file.write_all(part));
        let written = written.and_then(|()| Ok(fs::renameat(&self.0, &new, &self.0, name)?));
        if let Err(error) = written {
            self.remove(&new);
            return Err(error);
        }
        Ok(file)
    }

    /// Removes a file, if it is there. True if it was.
    pub(super) fn remove(&self, name: &str) -> bool {
        fs::unlinkat(&self.0, name, AtFlags::empty()).is_ok()
    }

    /// The files whose names are of `ours`, and those that are being written.
    pub(super) fn list(&self, ours: impl Fn(&str) -> bool) -> io::Result<Vec<Listed>> {
        let mut files = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let Ok(name) = entry?.file_name().to_str().map(String::from) else { continue };
            if !name.starts_with(NEW) && !ours(&name) {
                continue;
            }
            // It may be gone by now.
            let Ok(stat) = fs::statat(&self.0, &name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            files.push(Listed { name, bytes: bytes(&stat), used: used(&stat) });
        }
        Ok(files)
    }

    /// Removes abandoned files, and those that were not used for the longest time until the rest, of `bytes`, is within
    /// the bound. The bytes of what is left.
    pub(super) fn shrink(&self, mut files: Vec<Listed>, bound: u64) -> u64 {
        let now = SystemTime::now();
        let abandoned =
            |file: &Listed| file.is_new() && now.duration_since(file.used).is_ok_and(|age| age > ABANDONED);
        files.retain(|file| !(abandoned(file) && self.remove(&file.name)));
        let mut bytes: u64 = files.iter().map(|file| file.bytes).sum();
        if bytes <= bound {
            return bytes;
        }
        files.sort_by_key(|file| file.used);
        // A little more than must be, so that not every file to come begins this anew.
        let wanted = bound - bound / 10;
        for file in files {
            if bytes <= wanted {
                break;
            }
            self.remove(&file.name);
            bytes -= file.bytes;
        }
        bytes
    }
}

/// What a file takes on the disk.
fn bytes(stat: &Stat) -> u64 {
    let (size, blocks) = (u64::try_from(stat.st_size), u64::try_from(stat.st_blocks));
    size.unwrap_or(0).max(blocks.unwrap_or(0).saturating_mul(512))
}

fn used(stat: &Stat) -> SystemTime {
    let seconds = u64::try_from(stat.st_mtime).unwrap_or(0);
    let since = Duration::from_secs(seconds).saturating_add(Duration::from_nanos(stat.st_mtime_nsec));
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}
