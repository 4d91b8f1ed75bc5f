//! An image's files with things mounted over them: what lies below a mount cannot be seen.

use crate::case::{ChildFacts, FileFacts};
use crate::certainty::Unproven;
use crate::workload::{Engine, Mount};
use execfit_image::witness::Origin;
use execfit_kernel::credentials::{CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, Credentials};
use execfit_kernel::namei;
use execfit_kernel::refusal::Stop;
use execfit_kernel::tree::{FileTree, Gap, Node};
use std::cell::{Cell, RefCell};

/// An image's files with things mounted over them.
pub(super) struct Mounted<'a> {
    pub(super) image: &'a ChildFacts,
    pub(super) mounts: &'a [Mount],
    pub(super) engine: Engine,
    /// Who asks passes over the permissions of directories, as the runtime itself does before it is the user.
    privileged: Cell<bool>,
    /// What the answers rest on that was not read.
    unproven: RefCell<Unproven>,
}

impl<'a> Mounted<'a> {
    pub(super) fn new(image: &'a ChildFacts, mounts: &'a [Mount], engine: Engine) -> Mounted<'a> {
        Mounted { image, mounts, engine, privileged: Cell::new(true), unproven: RefCell::default() }
    }

    /// From now on this user asks.
    pub(super) fn asked_by(&self, credentials: &Credentials) {
        let passes = credentials.has(CAP_DAC_OVERRIDE) || credentials.has(CAP_DAC_READ_SEARCH);
        self.privileged.set(passes);
    }

    /// Whether who asks passes over the permissions of directories.
    pub(super) fn is_privileged(&self) -> bool {
        self.privileged.get()
    }

    /// What the answers so far rest on that was not read.
    pub(super) fn unproven(&self) -> Unproven {
        self.unproven.borrow().clone()
    }

    /// What stands at a path; what that rests on is noted.
    fn file(&self, path: &[u8]) -> Result<Option<&'a FileFacts>, Gap> {
        let unread = || Err(Gap::Unread { path: path.to_vec(), layer: None });
        self.unproven.borrow_mut().listed.extend(&self.image.as_listed);
        let Some(known) = self.image.file(path) else {
            if !self.image.is_assumed(path) {
                return unread();
            }
            self.unproven.borrow_mut().absent.insert(path.to_vec());
            return Ok(None);
        };
        let Some(file) = known else { return Ok(None) };
        if file.mode_unread && self.engine.copies_parents() && !self.is_privileged() {
            if !self.image.is_assumed(path) {
                return unread();
            }
            self.unproven.borrow_mut().modes.insert(path.to_vec());
        }
        if let Some(origin) = &file.origin {
            self.unproven.borrow_mut().lean_on(origin);
        }
        Ok(known)
    }

    /// Who brought a file.
    pub(super) fn origin(&self, path: &[u8]) -> Option<Origin> {
        self.image.file(path).flatten().and_then(|file| file.origin.clone())
    }

    /// Where a path leads, links followed; `None` where nothing is there.
    pub(super) fn resolved(&self, path: &[u8]) -> Result<Option<Vec<u8>>, Gap> {
        let root = Credentials::container(0, 0, Vec::new(), !0);
        match namei::resolve(self, &root, b"/", path, &mut ()) {
            Ok(found) => Ok(Some(found.path.as_bytes().to_vec())),
            Err(Stop::Refused(_)) => Ok(None),
            Err(Stop::Gap(gap)) => Err(gap),
        }
    }

    /// Whether something is mounted over a path.
    pub(super) fn covered(&self, path: &[u8]) -> Result<(), Gap> {
        let covers = |mount: &&Mount| {
            let point = mount.path.trim_end_matches('/').as_bytes();
            !point.is_empty() && covers_path(point, path)
        };
        let hidden = |by: String| Err(Gap::Hidden { path: path.to_vec(), by });
        if let Some(mount) = self.mounts.iter().find(covers) {
            return hidden(mount.what.clone());
        }
        match OF_THE_ENGINE.iter().find(|point| covers_path(point.as_bytes(), path)) {
            Some(point) => hidden(format!("what the engine itself mounts at {point}")),
            None => Ok(()),
        }
    }
}

/// What every engine mounts into every container (moby `oci/defaults.go`, `daemon/container_operations_unix.go`;
/// containerd `oci/mounts.go`).
const OF_THE_ENGINE: [&str; 6] = ["/proc", "/dev", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

fn covers_path(point: &[u8], path: &[u8]) -> bool {
    path.strip_prefix(point).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
}

impl FileTree for Mounted<'_> {
    fn lookup(&self, path: &[u8]) -> Result<Option<Node<'_>>, Gap> {
        self.covered(path)?;
        let Some(file) = self.file(path)? else { return Ok(None) };
        let node = file.node();
        if file.implicit && !self.engine.copies_parents() {
            return Ok(Some(Node { mode: 0o755, uid: 0, gid: 0, ..node }));
        }
        Ok(Some(node))
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

#[cfg(test)]
mod tests {
    use crate::fixture::{AMD64, Picture, Room, elf};
    use serde_json::json;

    #[test]
    fn what_lies_under_the_engines_own_mounts_is_not_what_the_image_has_there() {
        for path in ["/proc/app", "/dev/shm/app", "/sys/app", "/dev/null", "/etc/hosts"] {
            let picture = Picture::of_app("amd64", &elf(AMD64)).file(path, 0o755, &elf(AMD64));
            let brief = Room::new().image("app:1", picture).container(json!({"entryPoint": [path]})).brief();
            assert!(brief.starts_with("app: unknown"), "{path}: {brief}");
        }
        let picture = Picture::of_app("amd64", &elf(AMD64)).file("/devices", 0o755, &elf(AMD64));
        let room = Room::new().image("app:1", picture).container(json!({"entryPoint": ["/devices"]}));
        assert!(room.brief().starts_with("app: runs"));
    }
}
