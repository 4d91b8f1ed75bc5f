//! Walks paths as the kernel does: symbolic links, `..`, and who may search where (fs/namei.c, path_resolution(7)).

use crate::credentials::{CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, Credentials};
use crate::errno::Errno;
use crate::exec::{Rule, Step, Trace};
use crate::path::PathBuffer;
use crate::refusal::{Stop, refuse};
use crate::tree::{FileTree, Gap, Kind, Node};

/// `PATH_MAX` (linux/limits.h): bytes of a path with its final NUL.
pub const PATH_MAX: usize = 4096;
/// `NAME_MAX` (linux/limits.h): bytes of one component.
pub const NAME_MAX: usize = 255;
/// `MAXSYMLINKS` (linux/namei.h): links that one walk follows.
pub const MAX_SYMLINKS: usize = 40;

const MISSING: Rule =
    Rule { text: "nothing stands at this path", source: "fs/namei.c lookup_slow, path_resolution(7)" };
const NOT_A_DIRECTORY: Rule = Rule {
    text: "the path goes on below it (or ends in a slash), and it is no directory",
    source: "fs/namei.c link_path_walk, do_open",
};
const NO_SEARCH: Rule = Rule {
    text: "this user may not search the directory: it lacks the x permission",
    source: "fs/namei.c may_lookup",
};
const NAME_TOO_LONG: Rule =
    Rule { text: "a name in the path is longer than 255 bytes", source: "fs/libfs.c simple_lookup" };
const TOO_MANY_LINKS: Rule = Rule {
    text: "the path leads through more than 40 symbolic links, or round in a circle",
    source: "fs/namei.c pick_link",
};

/// An object at the end of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<'t> {
    /// Its path, links resolved.
    pub path: PathBuffer,
    /// What it is.
    pub node: Node<'t>,
}

/// A directory of root's that everyone may search: what stands where a tree does not mention its root.
const PLAIN_DIRECTORY: Node<'static> =
    Node { kind: Kind::Directory, mode: 0o755, uid: 0, gid: 0, size: 0, capability: None, noexec: false };

/// Walks `path`, from `cwd` where it is relative, and follows every link, the last one too. An empty path is the
/// working directory itself, as it is for paths from the kernel's side (the user's side refuses it before).
///
/// # Errors
/// What the kernel answers, or a [`Gap`] of the tree, unchanged.
pub fn resolve<'a>(
    tree: &'a dyn FileTree,
    credentials: &Credentials,
    cwd: &[u8],
    path: &'a [u8],
    trace: &mut dyn Trace,
) -> Result<Found<'a>, Stop> {
    let start = if path.first() == Some(&b'/') { root() } else { directory(tree, cwd)? };
    Walk { tree, credentials, named: path, at: start, links: 0, later: [&[]; MAX_SYMLINKS], depth: 0 }
        .run(path, trace)
}

/// The directory a process is in. It got there before the call, so nobody's permission is asked on the way;
/// where nothing is, an empty directory is assumed (runc and Docker create a missing working directory:
/// runc `libcontainer/rootfs_linux.go` finalizeRootfs, moby `oci_linux.go` WithCommonOptions).
fn directory<'a>(tree: &'a dyn FileTree, cwd: &[u8]) -> Result<Found<'a>, Gap> {
    let mut at = root();
    for name in cwd.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".") {
        if name == b".." {
            at.path.pop();
            at.node = above(tree, &at.path)?;
            continue;
        }
        at.path.push(name);
        match tree.lookup(at.path.as_bytes())? {
            Some(node) if matches!(node.kind, Kind::Symlink(_)) => return linked_directory(tree, cwd),
            Some(node) => at.node = node,
            None => at.node = PLAIN_DIRECTORY,
        }
    }
    Ok(at)
}

/// A working directory that is named through a link.
fn linked_directory<'a>(tree: &'a dyn FileTree, cwd: &[u8]) -> Result<Found<'a>, Gap> {
    let all_seeing = Credentials::container(0, 0, Vec::new(), u64::MAX);
    let mut path = Vec::with_capacity(cwd.len() + 1);
    path.push(b'/');
    path.extend_from_slice(cwd);
    match resolve(tree, &all_seeing, b"/", &path, &mut ()) {
        Ok(Found { path, .. }) => {
            Ok(Found { node: tree.lookup(path.as_bytes())?.unwrap_or(PLAIN_DIRECTORY), path })
        }
        Err(Stop::Gap(gap)) => Err(gap),
        Err(Stop::Refused(_)) => Ok(Found { path: PathBuffer::root(), node: PLAIN_DIRECTORY }),
    }
}

/// The root directory. What it is like is asked only where it matters ([`Walk::here`]): a tree that reads layers from
/// the top down seldom meets an entry for it.
fn root<'t>() -> Found<'t> {
    Found { path: PathBuffer::root(), node: PLAIN_DIRECTORY }
}

/// A directory that `..` leads to.
fn above<'t>(tree: &'t dyn FileTree, path: &PathBuffer) -> Result<Node<'t>, Gap> {
    match path.as_bytes() {
        b"/" => Ok(PLAIN_DIRECTORY),
        path => Ok(tree.lookup(path)?.unwrap_or(PLAIN_DIRECTORY)),
    }
}

/// Whether `credentials` may execute this file, or search this directory (fs/namei.c generic_permission).
/// Access control lists are not looked at: images do not carry them.
pub fn may_execute(credentials: &Credentials, node: &Node<'_>) -> bool {
    let class = if credentials.uid == node.uid {
        node.mode >> 6
    } else if credentials.gid == node.gid || credentials.groups.contains(&node.gid) {
        node.mode >> 3
    } else {
        node.mode
    };
    if class & 1 == 1 {
        return true;
    }
    match node.kind {
        Kind::Directory => may_search_all(credentials),
        _ => credentials.has(CAP_DAC_OVERRIDE) && node.mode & 0o111 != 0,
    }
}

/// Whether every directory may be searched, whatever its mode.
fn may_search_all(credentials: &Credentials) -> bool {
    credentials.has(CAP_DAC_OVERRIDE) || credentials.has(CAP_DAC_READ_SEARCH)
}

/// A walk under way (`struct nameidata`).
struct Walk<'a, 'c> {
    tree: &'a dyn FileTree,
    credentials: &'c Credentials,
    /// The whole path, as it was given.
    named: &'a [u8],
    /// The directory reached so far.
    at: Found<'a>,
    /// Links followed.
    links: usize,
    /// What remains to be walked behind each link that is being followed.
    later: [&'a [u8]; MAX_SYMLINKS],
    depth: usize,
}

impl<'a> Walk<'a, '_> {
    fn run(mut self, path: &'a [u8], trace: &mut dyn Trace) -> Result<Found<'a>, Stop> {
        let mut rest = path;
        let mut directory_wanted = false;
        while let Some((name, after)) = self.next_name(rest) {
            let beyond = skip_slashes(after);
            let last = beyond.is_empty() && self.depth == 0;
            directory_wanted |= last && !after.is_empty();
            rest = beyond;
            self.may_search()?;
            match self.step(name)? {
                None | Some(Kind::Directory) => {}
                Some(Kind::Symlink(target)) => {
                    self.follow(target, beyond, trace)?;
                    rest = target;
                }
                Some(_) if last && !directory_wanted => return Ok(self.at),
                Some(_) => return Err(self.refuse_here(Errno::ENOTDIR, NOT_A_DIRECTORY)),
            }
        }
        self.at.node = self.here()?;
        Ok(self.at)
    }

    /// The directory reached so far.
    fn here(&self) -> Result<Node<'a>, Gap> {
        match self.at.path.as_bytes() {
            b"/" => Ok(self.tree.lookup(b"/")?.unwrap_or(PLAIN_DIRECTORY)),
            _ => Ok(self.at.node),
        }
    }

    /// The next name of `rest`, or of what was put off behind a link, and what follows it.
    fn next_name(&mut self, mut rest: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        loop {
            rest = skip_slashes(rest);
            if !rest.is_empty() {
                let end = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
                return Some(rest.split_at(end));
            }
            self.depth = self.depth.checked_sub(1)?;
            rest = self.later[self.depth];
        }
    }

    /// `may_lookup`: asked before anything is known of the name.
    fn may_search(&self) -> Result<(), Stop> {
        if may_search_all(self.credentials) || may_execute(self.credentials, &self.here()?) {
            return Ok(());
        }
        Err(self.refuse_here(Errno::EACCES, NO_SEARCH))
    }

    /// Goes to `name`; `None` where it is `.` or `..`. A link is not stepped into.
    fn step(&mut self, name: &[u8]) -> Result<Option<Kind<'a>>, Stop> {
        match name {
            b"." => return Ok(None),
            b".." => {
                self.at.path.pop();
                self.at.node = above(self.tree, &self.at.path)?;
                return Ok(None);
            }
            _ if name.len() > NAME_MAX => return Err(refuse(self.named, Errno::ENAMETOOLONG, NAME_TOO_LONG)),
            _ => self.at.path.push(name),
        }
        match self.tree.lookup(self.at.path.as_bytes())? {
            Some(node) => {
                if !matches!(node.kind, Kind::Symlink(_)) {
                    self.at.node = node;
                }
                Ok(Some(node.kind))
            }
            None => Err(refuse(self.named, Errno::ENOENT, MISSING)),
        }
    }

    /// Puts the walk behind the link whose path `at` names: `beyond` waits until `target` is walked.
    fn follow(&mut self, target: &'a [u8], beyond: &'a [u8], trace: &mut dyn Trace) -> Result<(), Stop> {
        if self.links == MAX_SYMLINKS {
            return Err(self.refuse_here(Errno::ELOOP, TOO_MANY_LINKS));
        }
        self.links += 1;
        trace.step(Step::Symlink { path: self.at.path.as_bytes(), target });
        self.at.path.pop();
        if target.first() == Some(&b'/') {
            self.at = root();
        }
        if !beyond.is_empty() {
            self.later[self.depth] = beyond;
            self.depth += 1;
        }
        Ok(())
    }

    fn refuse_here(&self, errno: Errno, rule: Rule) -> Stop {
        refuse(self.at.path.as_bytes(), errno, rule)
    }
}

fn skip_slashes(path: &[u8]) -> &[u8] {
    let start = path.iter().position(|byte| *byte != b'/').unwrap_or(path.len());
    &path[start..]
}
