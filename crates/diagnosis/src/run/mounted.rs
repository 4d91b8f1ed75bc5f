//! An image's files with things mounted over them: what lies below a mount cannot be seen.

use crate::case::ChildFacts;
use crate::workload::Mount;
use execfit_image::witness::Origin;
use execfit_kernel::tree::{FileTree, Gap, Node};

/// An image's files with things mounted over them.
pub(super) struct Mounted<'a> {
    pub(super) image: &'a ChildFacts,
    pub(super) mounts: &'a [Mount],
}

impl Mounted<'_> {
    /// Who brought a file.
    pub(super) fn origin(&self, path: &[u8]) -> Option<Origin> {
        self.image.file(path).flatten().and_then(|file| file.origin.clone())
    }

    /// Whether something is mounted over a path.
    pub(super) fn covered(&self, path: &[u8]) -> Result<(), Gap> {
        let covers = |mount: &&Mount| {
            let point = mount.path.trim_end_matches('/').as_bytes();
            !point.is_empty()
                && path.strip_prefix(point).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
        };
        match self.mounts.iter().find(covers) {
            Some(mount) => Err(Gap::Hidden { path: path.to_vec(), by: mount.what.clone() }),
            None => Ok(()),
        }
    }
}

impl FileTree for Mounted<'_> {
    fn lookup(&self, path: &[u8]) -> Result<Option<Node<'_>>, Gap> {
        self.covered(path)?;
        self.image.lookup(path)
    }

    fn read_at(&self, path: &[u8], offset: u64, buffer: &mut [u8]) -> Result<usize, Gap> {
        self.covered(path)?;
        self.image.read_at(path, offset, buffer)
    }
}

/// A path from a directory on, without its empty and `.` parts.
pub(super) fn joined(directory: &[u8], path: &[u8]) -> Vec<u8> {
    let whole = if path.starts_with(b"/") { path.to_vec() } else { [directory, path].join(&b'/') };
    let parts = whole.split(|byte| *byte == b'/').filter(|part| !matches!(part, [] | [b'.']));
    parts.flat_map(|part| [b"/", part].concat()).collect()
}
