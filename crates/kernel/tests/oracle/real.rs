//! The real `execve`: a tree made of files, a child in a chroot, and what became of it.

use crate::case::Case;
use execfit_kernel::errno::Errno;
use execfit_kernel::exec::{Outcome, Signal};
use execfit_kernel::tree::{Content, Inode, MemoryTree};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal as UnixSignal;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid, mkfifo, setgid, setgroups, setuid};
use rustix::thread::{CapabilitySet, CapabilitySets};
use std::collections::BTreeMap;
use std::ffi::{CString, OsStr};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The environment variable that makes this binary the child.
pub(crate) const CHILD: &str = "EXECFIT_ORACLE_CHILD";
/// The child's exit code where it could not be prepared; above every errno.
const UNPREPARED: i32 = 250;

/// A directory that takes the shape of one tree after another.
pub(crate) struct Root {
    directory: tempfile::TempDir,
    shape: BTreeMap<Vec<u8>, Inode>,
}

impl Root {
    pub(crate) fn new() -> Root {
        let directory = tempfile::tempdir().unwrap();
        Root { directory, shape: BTreeMap::new() }
    }

    /// What the machine's kernel answers.
    pub(crate) fn ask(&mut self, case: &Case) -> Outcome {
        self.take_shape(&case.tree);
        run(case, self.directory.path())
    }

    fn place(&self, path: &[u8]) -> PathBuf {
        self.directory.path().join(OsStr::from_bytes(path.strip_prefix(b"/").unwrap_or(path)))
    }

    fn take_shape(&mut self, tree: &MemoryTree) {
        let wanted: BTreeMap<Vec<u8>, Inode> =
            tree.iter().map(|(path, inode)| (path.to_vec(), inode.clone())).collect();
        let old = std::mem::take(&mut self.shape);
        for (path, inode) in old.iter().rev().filter(|(path, inode)| wanted.get(*path) != Some(*inode)) {
            let place = self.place(path);
            let both_directories = wanted.get(path).is_some_and(|new| new.content == Content::Directory);
            match inode.content {
                Content::Directory if both_directories || path == b"/" => {}
                Content::Directory => fs::remove_dir(place).unwrap(),
                _ => fs::remove_file(place).unwrap(),
            }
        }
        for (path, inode) in wanted.iter().filter(|(path, inode)| old.get(*path) != Some(*inode)) {
            let kept = old.get(path).is_some_and(|old| old.content == Content::Directory);
            make(&self.place(path), inode, kept || path == b"/");
        }
        self.shape = wanted;
    }
}

fn make(place: &Path, inode: &Inode, kept: bool) {
    match &inode.content {
        Content::Directory if kept => {}
        Content::Directory => fs::create_dir(place).unwrap(),
        Content::File(bytes) => fs::write(place, bytes).unwrap(),
        Content::Symlink(target) => {
            symlink(OsStr::from_bytes(target), place).unwrap();
            return lchown(place, Some(inode.uid), Some(inode.gid)).unwrap();
        }
        Content::Fifo => mkfifo(place, Mode::S_IRWXU).unwrap(),
        Content::Socket => drop(UnixListener::bind(place).unwrap()),
        Content::CharDevice => mknod(place, SFlag::S_IFCHR, Mode::S_IRWXU, makedev(1, 3)).unwrap(),
        Content::BlockDevice => mknod(place, SFlag::S_IFBLK, Mode::S_IRWXU, makedev(7, 99)).unwrap(),
    }
    chown(place, Some(inode.uid), Some(inode.gid)).unwrap();
    fs::set_permissions(place, fs::Permissions::from_mode(inode.mode)).unwrap();
    if let Some(value) = &inode.capability {
        rustix::fs::setxattr(place, c"security.capability", value, rustix::fs::XattrFlags::empty()).unwrap();
    }
}

// The child is waited for by its id, as a tracer waits.
#[allow(clippy::zombie_processes)]
fn run(case: &Case, root: &Path) -> Outcome {
    let mut child = Command::new("/proc/self/exe")
        .env_clear()
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&write_order(case, root)).unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap());
    let killed = Outcome::Killed(Signal::SIGSEGV);
    match waitpid(pid, None).unwrap() {
        WaitStatus::Exited(_, UNPREPARED) => panic!("{}: the child could not be prepared", case.name),
        WaitStatus::Exited(_, code) => {
            Outcome::Fails(Errno::from_number(code).unwrap_or_else(|| panic!("errno {code}")))
        }
        WaitStatus::Signaled(_, UnixSignal::SIGSEGV, _) => killed,
        WaitStatus::Stopped(_, signal) => {
            child.kill().unwrap();
            while !matches!(waitpid(pid, None), Ok(WaitStatus::Signaled(..) | WaitStatus::Exited(..))) {}
            if signal == UnixSignal::SIGTRAP { Outcome::Starts } else { killed }
        }
        other => panic!("{}: {other:?}", case.name),
    }
}

/// What the child is to do, as strings each behind its length.
fn write_order(case: &Case, root: &Path) -> Vec<u8> {
    let mut order = Vec::new();
    let mut put = |bytes: &[u8]| {
        order.extend((bytes.len() as u64).to_le_bytes());
        order.extend(bytes);
    };
    let user = &case.credentials;
    let numbers = [
        user.uid.into(),
        user.gid.into(),
        user.effective,
        user.bounding,
        case.argv.len() as u64,
        user.no_new_privs.into(),
        case.stack_limit,
    ];
    let noexec = case.tree.iter().filter(|(_, inode)| inode.noexec).map(|(path, _)| path);
    let noexec = noexec.collect::<Vec<_>>().join(&0);
    put(root.as_os_str().as_bytes());
    put(&noexec);
    put(case.cwd.as_bytes());
    put(&case.path);
    put(&numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>());
    put(&user.groups.iter().flat_map(|group| group.to_le_bytes()).collect::<Vec<_>>());
    case.argv.iter().chain(&case.env).for_each(|string| put(string));
    order
}

/// The child: becomes the one who asks, and asks.
pub(crate) fn child() -> ! {
    let mut order = Vec::new();
    std::io::stdin().read_to_end(&mut order).unwrap();
    let mut fields = Vec::new();
    let mut rest = order.as_slice();
    while let Some((length, tail)) = rest.split_first_chunk() {
        let (field, tail) = tail.split_at(u64::from_le_bytes(*length).try_into().unwrap());
        fields.push(field);
        rest = tail;
    }
    let code = match prepare(&fields) {
        Ok(call) => ask(&call),
        Err(error) => {
            eprintln!("{error}");
            UNPREPARED
        }
    };
    std::process::exit(code)
}

/// Path, argv and environment.
type CallStrings = (CString, Vec<CString>, Vec<CString>);

fn ask((path, argv, env): &CallStrings) -> i32 {
    nix::sys::ptrace::traceme().unwrap();
    match nix::unistd::execve(path, argv, env) {
        Ok(never) => match never {},
        Err(errno) => errno as i32,
    }
}

fn prepare(fields: &[&[u8]]) -> Result<CallStrings, Box<dyn std::error::Error>> {
    let [root, noexec, cwd, path, numbers, groups, strings @ ..] = fields else { return Err("order".into()) };
    let number = |at: usize| u64::from_le_bytes(numbers[at * 8..at * 8 + 8].try_into().unwrap());
    let groups: Vec<Gid> =
        groups.chunks(4).map(|gid| Gid::from_raw(u32::from_le_bytes(gid.try_into().unwrap()))).collect();
    let root = Path::new(OsStr::from_bytes(root));
    if !noexec.is_empty() {
        let paths = noexec.split(|byte| *byte == 0).filter_map(|path| path.strip_prefix(b"/"));
        mount_noexec(paths.map(|path| root.join(OsStr::from_bytes(path))))?;
    }
    setrlimit(Resource::RLIMIT_STACK, number(6), number(6))?;
    std::os::unix::fs::chroot(root)?;
    std::env::set_current_dir(OsStr::from_bytes(cwd))?;
    let (effective, bounding) = (number(2), number(3));
    for bit in (0..=40).filter(|bit| bounding >> bit & 1 == 0) {
        rustix::thread::remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << bit))?;
    }
    setgroups(&groups)?;
    setgid(Gid::from_raw(number(1).try_into()?))?;
    let uid: u32 = number(0).try_into()?;
    setuid(Uid::from_raw(uid))?;
    if uid == 0 {
        let bits = CapabilitySet::from_bits_retain(effective);
        let sets = CapabilitySets { effective: bits, permitted: bits, inheritable: CapabilitySet::empty() };
        rustix::thread::set_capabilities(None, sets)?;
    }
    if number(5) == 1 {
        nix::sys::prctl::set_no_new_privs()?;
    }
    let (argv, env) = strings.split_at(number(4).try_into()?);
    let c_strings =
        |strings: &[&[u8]]| strings.iter().map(|string| CString::new(*string)).collect::<Result<_, _>>();
    Ok((CString::new(*path)?, c_strings(argv)?, c_strings(env)?))
}

/// Lays a noexec mount over each of these files, for this child only.
fn mount_noexec(places: impl Iterator<Item = PathBuf>) -> nix::Result<()> {
    use nix::mount::{MsFlags, mount};
    use nix::sched::{CloneFlags, unshare};
    let none = None::<&Path>;
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    for place in places {
        mount(Some(&place), &place, none, MsFlags::MS_BIND, none)?;
        let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_NOEXEC;
        mount(none, &place, none, flags, none)?;
    }
    Ok(())
}
