use super::*;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

/// A directory with something in it, and the tree that it is.
fn tree(fill: impl FnOnce(&Path)) -> (tempfile::TempDir, DirectoryTree) {
    let root = tempfile::tempdir().unwrap();
    fill(root.path());
    let tree = DirectoryTree::open(root.path()).unwrap();
    (root, tree)
}

/// Whether this test is run by root, who owns what it makes.
fn by_root(root: &tempfile::TempDir) -> bool {
    root.path().metadata().unwrap().uid() == 0
}

fn kind<'t>(tree: &'t DirectoryTree, path: &str) -> Option<Kind<'t>> {
    tree.lookup(path.as_bytes()).unwrap().map(|node| node.kind)
}

fn read(tree: &DirectoryTree, path: &str, offset: u64, length: usize) -> Vec<u8> {
    let mut buffer = vec![0; length];
    let got = tree.read_at(path.as_bytes(), offset, &mut buffer).unwrap();
    buffer.truncate(got);
    buffer
}

fn allow(root: &Path, name: &str, mode: u32) {
    fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn objects_are_as_they_are_on_disk() {
    let (_root, tree) = tree(|root| {
        fs::create_dir_all(root.join("usr/bin")).unwrap();
        fs::write(root.join("usr/bin/app"), b"0123456789").unwrap();
        allow(root, "usr/bin/app", 0o4711);
        symlink("usr/bin", root.join("bin")).unwrap();
        symlink(OsStr::from_bytes(b"\xff/x"), root.join("odd")).unwrap();
        std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    });
    let app = tree.lookup(b"/usr/bin/app").unwrap().unwrap();
    assert_eq!((app.kind, app.mode, app.size, app.noexec), (Kind::Regular, 0o4711, 10, false));
    assert_eq!(kind(&tree, "/bin"), Some(Kind::Symlink(b"usr/bin")));
    assert_eq!(kind(&tree, "/odd"), Some(Kind::Symlink(b"\xff/x")));
    assert_eq!(kind(&tree, "/socket"), Some(Kind::Socket));
    assert_eq!(kind(&tree, "/usr"), Some(Kind::Directory));
    assert_eq!(kind(&tree, "/"), Some(Kind::Directory));
    assert_eq!(kind(&tree, "/usr/bin/none"), None);
    assert_eq!(kind(&tree, "/none/app"), None);
    assert_eq!(kind(&tree, "/usr/bin/app/x"), None);
    assert_eq!(read(&tree, "/usr/bin/app", 3, 4), b"3456");
    assert_eq!(read(&tree, "/usr/bin/app", 8, 4), b"89");
    for beyond in [10, 11, u64::MAX >> 1, u64::MAX] {
        assert_eq!(read(&tree, "/usr/bin/app", beyond, 4), b"");
    }
    assert_eq!(read(&tree, "/usr", 0, 4), b"");
}

#[test]
fn nothing_leads_out_of_the_tree() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), b"secret").unwrap();
    let (_root, tree) = tree(|root| {
        symlink(outside.path(), root.join("out")).unwrap();
        symlink(outside.path().join("secret"), root.join("file")).unwrap();
        fs::create_dir(root.join("in")).unwrap();
    });
    assert_eq!(kind(&tree, "/out/secret"), None);
    assert_eq!(read(&tree, "/out/secret", 0, 9), b"");
    assert_eq!(read(&tree, "/file", 0, 9), b"");
    let name = outside.path().file_name().unwrap().to_str().unwrap();
    for path in ["/..".to_string(), format!("/../{name}"), format!("/in/../../{name}/secret")] {
        assert!(tree.lookup(path.as_bytes()).is_err(), "{path}");
    }
}

#[test]
fn links_stay_where_they_were_lent_however_many_follow() {
    let (_root, tree) = tree(|root| {
        for n in 0..200 {
            symlink(format!("target-{n}"), root.join(format!("link-{n}"))).unwrap();
        }
    });
    let all: Vec<_> = (0..200).map(|n| kind(&tree, &format!("/link-{n}"))).collect();
    for (n, kind) in all.iter().enumerate() {
        assert_eq!(*kind, Some(Kind::Symlink(format!("target-{n}").as_bytes())));
    }
}

#[test]
fn paths_deeper_than_one_call_can_name() {
    let name = "d".repeat(250);
    let (root, tree) = tree(|_| {});
    let mut at = open(root.path(), OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).unwrap();
    for _ in 0..20 {
        rustix::fs::mkdirat(&at, &*name, Mode::RWXU).unwrap();
        at = openat(&at, &*name, OFlags::DIRECTORY | OFlags::RDONLY, Mode::empty()).unwrap();
    }
    let deep = format!("/{name}").repeat(20);
    assert_eq!(kind(&tree, &deep), Some(Kind::Directory));
    assert_eq!(kind(&tree, &format!("{deep}/none")), None);
}

#[test]
fn what_may_not_be_looked_at_is_a_gap() {
    let (root, tree) = tree(|root| {
        fs::create_dir(root.join("closed")).unwrap();
        fs::write(root.join("closed/app"), b"app").unwrap();
        fs::write(root.join("app"), b"app").unwrap();
        allow(root, "app", 0o111);
        allow(root, "closed", 0o600);
    });
    // Root sees everything.
    if by_root(&root) {
        assert_eq!(kind(&tree, "/closed/app"), Some(Kind::Regular));
        assert_eq!(read(&tree, "/app", 0, 3), b"app");
    } else {
        assert!(tree.lookup(b"/closed/app").unwrap_err().to_string().contains("ermission"));
        assert!(tree.read_at(b"/app", 0, &mut [0; 3]).is_err());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn pipes_devices_owners_and_capabilities() {
    use rustix::fs::{CWD, XattrFlags, makedev, mknodat, setxattr};
    let make =
        |root: &Path, name, kind, device| mknodat(CWD, root.join(name), kind, Mode::from(0o755), device);
    let (root, tree) = tree(|root| {
        make(root, "fifo", FileType::Fifo, 0).unwrap();
        fs::write(root.join("app"), b"app").unwrap();
    });
    assert_eq!(kind(&tree, "/fifo"), Some(Kind::Fifo));
    // A pipe that nobody writes to keeps nobody waiting.
    assert_eq!(read(&tree, "/fifo", 0, 3), b"");
    // Only root may make devices, give files away and set capabilities.
    if !by_root(&root) {
        return;
    }
    let devices = [
        ("null", FileType::CharacterDevice, Kind::CharDevice),
        ("disk", FileType::BlockDevice, Kind::BlockDevice),
    ];
    for (name, made, seen) in devices {
        // Containers may be forbidden to.
        if make(root.path(), name, made, makedev(1, 3)).is_ok() {
            assert_eq!(kind(&tree, &format!("/{name}")), Some(seen));
        }
    }
    let app = root.path().join("app");
    std::os::unix::fs::chown(&app, Some(1234), Some(4321)).unwrap();
    // cap_net_admin+ep, revision 2.
    let value = [1, 0, 0, 2, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let set = setxattr(&app, "security.capability", &value, XattrFlags::empty()).is_ok();
    let node = tree.lookup(b"/app").unwrap().unwrap();
    assert_eq!((node.uid, node.gid), (1234, 4321));
    assert_eq!(node.capability, set.then_some(&value[..]));
}

#[test]
fn a_root_must_be_a_directory() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), b"").unwrap();
    symlink(".", folder.path().join("link")).unwrap();
    assert!(DirectoryTree::open(&folder.path().join("file")).is_err());
    assert!(DirectoryTree::open(&folder.path().join("none")).is_err());
    assert!(DirectoryTree::open(&folder.path().join("link")).is_ok());
}
