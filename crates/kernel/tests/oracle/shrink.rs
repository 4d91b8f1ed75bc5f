//! Disagreements made small: a case is simplified as long as it still fails.

use crate::case::Case;
use execfit_kernel::credentials::DOCKER_DEFAULT;
use execfit_kernel::tree::{Content, Inode, MemoryTree};

/// The smallest case that is found and still `fails`, asking at most `patience` times. Greedy: what was damaged is
/// repaired, files are left out, the caller and the files' attributes become the usual ones, and files are shortened
/// and zeroed, until nothing more can be taken away.
pub(crate) fn shrink(case: &Case, patience: usize, fails: &mut dyn FnMut(&Case) -> bool) -> Case {
    let mut shrinker = Shrinker { case: case.clone(), patience, fails };
    shrinker.repair();
    loop {
        let before = shrinker.case.clone();
        shrinker.leave_out();
        shrinker.simplify_call();
        for path in shrinker.paths() {
            shrinker.simplify_inode(&path);
            shrinker.shorten(&path);
            let length = shrinker.bytes(&path).len();
            shrinker.zero(&path, 0, length);
        }
        if shrinker.case == before {
            return before;
        }
    }
}

struct Shrinker<'f> {
    case: Case,
    patience: usize,
    fails: &'f mut dyn FnMut(&Case) -> bool,
}

impl Shrinker<'_> {
    /// Takes the simpler case if it is another one and fails, too.
    fn take(&mut self, simpler: Case) -> bool {
        if self.patience == 0 || simpler == self.case {
            return false;
        }
        self.patience -= 1;
        let taken = (self.fails)(&simpler);
        if taken {
            self.case = simpler;
        }
        taken
    }

    fn change(&mut self, change: impl FnOnce(&mut Case)) -> bool {
        let mut simpler = self.case.clone();
        change(&mut simpler);
        self.take(simpler)
    }

    fn change_inode(&mut self, path: &[u8], change: impl FnOnce(&mut Inode)) -> bool {
        let Some(mut inode) = inode(&self.case.tree, path).cloned() else { return false };
        change(&mut inode);
        self.change(|case| case.tree.insert(path, inode))
    }

    fn change_bytes(&mut self, path: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> bool {
        let mut bytes = self.bytes(path).to_vec();
        change(&mut bytes);
        self.change_inode(path, |inode| inode.content = Content::File(bytes))
    }

    /// The last first, so that a directory comes behind what is in it.
    fn paths(&self) -> Vec<Vec<u8>> {
        let mut paths: Vec<Vec<u8>> = self.case.tree.iter().map(|(path, _)| path.to_vec()).collect();
        paths.reverse();
        paths
    }

    /// The bytes of a regular file; none of anything else.
    fn bytes(&self, path: &[u8]) -> &[u8] {
        file(&self.case.tree, path).unwrap_or_default()
    }

    /// Undoes damage, each run of damaged bytes for itself.
    fn repair(&mut self) {
        let Some(origin) = self.case.origin.take() else { return };
        for (path, inode) in origin.iter() {
            let Content::File(whole) = &inode.content else { continue };
            self.change_bytes(path, |bytes| bytes.clone_from(whole));
            if self.bytes(path).len() < whole.len() {
                self.change_bytes(path, |bytes| bytes.extend(&whole[bytes.len()..]));
            }
            let differs = |bytes: &[u8], at: usize| bytes.get(at) != whole.get(at);
            let mut at = 0;
            while at < self.bytes(path).len().min(whole.len()) {
                let bytes = self.bytes(path);
                let end = (at..bytes.len().min(whole.len())).find(|at| !differs(bytes, *at));
                let end = end.unwrap_or(bytes.len().min(whole.len()));
                if end > at {
                    self.change_bytes(path, |bytes| bytes[at..end].copy_from_slice(&whole[at..end]));
                }
                at = end + 1;
            }
        }
    }

    /// Leaves out files, and makes directories with files below them usual ones. What leads to the working directory
    /// must stay.
    fn leave_out(&mut self) {
        self.change(|case| case.cwd = "/".into());
        let kept = |case: &Case, path: &[u8]| {
            let link = matches!(inode(&case.tree, path), Some(Inode { content: Content::Symlink(_), .. }));
            path == b"/" || case.cwd != "/" && (link || case.cwd.as_bytes().starts_with(path))
        };
        for path in self.paths() {
            if !kept(&self.case, &path) {
                self.change(|case| case.tree = without(&case.tree, &path));
            }
        }
    }

    fn simplify_call(&mut self) {
        let usual = Case::new("", MemoryTree::new(), "");
        self.change(|case| case.credentials = usual.credentials);
        self.change(|case| case.credentials.no_new_privs = false);
        self.change(|case| case.credentials.groups.clear());
        self.change(|case| case.stack_limit = usual.stack_limit);
        self.change(|case| case.env.clear());
        self.change(|case| case.argv = vec![case.path.clone()]);
        self.change(|case| case.argv.truncate(1));
        if self.case.credentials.uid == 0 {
            self.change(|case| {
                (case.credentials.effective, case.credentials.bounding) = (DOCKER_DEFAULT, DOCKER_DEFAULT);
            });
        }
    }

    fn simplify_inode(&mut self, path: &[u8]) {
        self.change_inode(path, |inode| inode.capability = None);
        self.change_inode(path, |inode| inode.noexec = false);
        self.change_inode(path, |inode| (inode.uid, inode.gid) = (0, 0));
        if !matches!(inode(&self.case.tree, path), Some(Inode { content: Content::Symlink(_), .. })) {
            self.change_inode(path, |inode| inode.mode = 0o755);
        }
    }

    /// Cuts off as much as can be, halves first.
    fn shorten(&mut self, path: &[u8]) {
        let mut step = self.bytes(path).len();
        while step > 0 {
            let length = self.bytes(path).len();
            if length < step || !self.change_bytes(path, |bytes| bytes.truncate(length - step)) {
                step /= 2;
            }
        }
    }

    /// Zeroes a range, or what can be of its halves.
    fn zero(&mut self, path: &[u8], start: usize, end: usize) {
        let is_zero = |bytes: &[u8]| bytes[start..end].iter().all(|byte| *byte == 0);
        if is_zero(self.bytes(path)) || self.change_bytes(path, |bytes| bytes[start..end].fill(0)) {
            return;
        }
        if end - start > 1 {
            let middle = start + (end - start) / 2;
            self.zero(path, start, middle);
            self.zero(path, middle, end);
        }
    }
}

fn inode<'t>(tree: &'t MemoryTree, path: &[u8]) -> Option<&'t Inode> {
    tree.iter().find(|(at, _)| *at == path).map(|(_, inode)| inode)
}

fn file<'t>(tree: &'t MemoryTree, path: &[u8]) -> Option<&'t [u8]> {
    match &inode(tree, path)?.content {
        Content::File(bytes) => Some(bytes),
        _ => None,
    }
}

fn without(tree: &MemoryTree, path: &[u8]) -> MemoryTree {
    let mut rest = MemoryTree::new();
    tree.iter().filter(|(at, _)| *at != path).for_each(|(at, inode)| rest.insert(at, inode.clone()));
    rest
}
