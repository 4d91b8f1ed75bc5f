//! One question, for the model and for the kernel.

use crate::craft::trade_places;
use execfit_kernel::credentials::{Credentials, DOCKER_DEFAULT};
use execfit_kernel::host::Architecture;
use execfit_kernel::tree::{Content, Inode, MemoryTree};

/// Files and a call.
#[derive(Clone, PartialEq)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) tree: MemoryTree,
    pub(crate) path: Vec<u8>,
    pub(crate) argv: Vec<Vec<u8>>,
    pub(crate) env: Vec<Vec<u8>>,
    pub(crate) cwd: String,
    pub(crate) credentials: Credentials,
    /// `RLIMIT_STACK` in bytes, both limits.
    pub(crate) stack_limit: u64,
    /// The files before they were damaged.
    pub(crate) origin: Option<MemoryTree>,
}

impl Case {
    /// `path` executed by root of a Docker container, in `/`.
    pub(crate) fn new(name: &str, tree: MemoryTree, path: &str) -> Case {
        Case {
            name: name.into(),
            tree,
            path: path.into(),
            argv: vec![path.into()],
            env: Vec::new(),
            cwd: "/".into(),
            credentials: Credentials::container(0, 0, vec![], DOCKER_DEFAULT),
            stack_limit: 8 << 20,
            origin: None,
        }
    }

    /// The case as a host of this architecture meets it: cases are written for x86_64, and for arm64 the two trade
    /// places in every ELF file.
    pub(crate) fn on(mut self, architecture: Architecture) -> Case {
        if architecture == Architecture::Arm64 {
            let mut tree = MemoryTree::new();
            for (path, inode) in self.tree.iter() {
                let mut inode = inode.clone();
                if let Content::File(bytes) = &mut inode.content {
                    trade_places(bytes);
                }
                tree.insert(path, inode);
            }
            self.tree = tree;
        }
        self
    }

    /// The call and the files, without their bytes.
    pub(crate) fn describe(&self) -> String {
        let sizes = |strings: &[Vec<u8>]| strings.iter().map(Vec::len).sum::<usize>();
        let (argv, env) = (self.argv.len(), self.env.len());
        let files = self.tree.iter().map(|(path, inode)| {
            let kind = match &inode.content {
                Content::File(bytes) => format!("{} bytes", bytes.len()),
                Content::Symlink(target) => format!("-> {}", target.escape_ascii()),
                other => format!("{other:?}"),
            };
            let capability =
                inode.capability.as_ref().map_or(String::new(), |value| format!(" {value:02x?}"));
            let (mode, uid, gid) = (inode.mode, inode.uid, inode.gid);
            format!("\n      {} {mode:o} {uid}:{gid} {kind}{capability}", path.escape_ascii())
        });
        format!(
            "{} in {}, {argv} arguments of {} bytes, {env} variables of {} bytes, stack {:#x}, {:?}{}",
            self.path.escape_ascii(),
            self.cwd,
            sizes(&self.argv),
            sizes(&self.env),
            self.stack_limit,
            self.credentials,
            files.collect::<String>()
        )
    }

    pub(crate) fn cwd(mut self, cwd: &str) -> Case {
        self.cwd = cwd.into();
        self
    }

    pub(crate) fn user(mut self, uid: u32, gid: u32, groups: &[u32]) -> Case {
        self.credentials = Credentials::container(uid, gid, groups.to_vec(), DOCKER_DEFAULT);
        self
    }

    /// Root with these capabilities, in effect and as its bound.
    pub(crate) fn capabilities(mut self, bits: u64) -> Case {
        self.credentials = Credentials::container(0, 0, vec![], bits);
        self
    }

    pub(crate) fn argv(mut self, argv: Vec<Vec<u8>>) -> Case {
        self.argv = argv;
        self
    }

    pub(crate) fn env(mut self, env: Vec<Vec<u8>>) -> Case {
        self.env = env;
        self
    }
}

/// Building trees whose files are not all root's.
pub(crate) trait Plant {
    /// Puts an object of another owner.
    fn owned(self, path: &str, content: Content, mode: u32, uid: u32, gid: u32) -> Self;
    /// Puts a program with file capabilities.
    fn capable(self, path: &str, bytes: &[u8], capability: &[u8]) -> Self;
    /// Puts an object that is neither file, directory nor link.
    fn special(self, path: &str, content: Content) -> Self;
}

impl Plant for MemoryTree {
    fn owned(mut self, path: &str, content: Content, mode: u32, uid: u32, gid: u32) -> Self {
        self.insert(path.as_bytes(), Inode { uid, gid, ..Inode::new(content, mode) });
        self
    }

    fn capable(mut self, path: &str, bytes: &[u8], capability: &[u8]) -> Self {
        let inode = Inode::new(Content::File(bytes.to_vec()), 0o755);
        self.insert(path.as_bytes(), Inode { capability: Some(capability.to_vec()), ..inode });
        self
    }

    fn special(mut self, path: &str, content: Content) -> Self {
        self.insert(path.as_bytes(), Inode::new(content, 0o777));
        self
    }
}
