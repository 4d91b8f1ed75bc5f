//! Arbitrary trees, walked along arbitrary paths by anyone.
#![no_main]

use execfit_fuzz::{ask, credentials, host, path, program};
use execfit_kernel::exec::Call;
use execfit_kernel::namei;
use execfit_kernel::tree::{Content, FileTree, Inode, Kind, MemoryTree};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    run(&mut Unstructured::new(data)).ok();
});

const PLACES: &[&[u8]] =
    &[b"/a", b"/b", b"/c", b"/app", b"/a/a", b"/a/b", b"/a/b/c", b"/b/app", b"/b/c", b"/c/b/a", b"/c/a"];

fn run(bytes: &mut Unstructured<'_>) -> Result<()> {
    let host = host(bytes)?;
    let credentials = &credentials(bytes)?;
    let mut tree = MemoryTree::new().file("/app", 0o755, &program(host.architecture));
    for _ in 0..bytes.int_in_range(0..=10)? {
        let place = *bytes.choose(PLACES)?;
        let content = match bytes.int_in_range(0..=6)? {
            0 | 1 => Content::Symlink(path(bytes)?),
            2 | 3 => Content::Directory,
            4 => Content::Fifo,
            _ => Content::File(program(host.architecture)),
        };
        let ids = [0, 0, 1000, 1001];
        let (uid, gid) = (*bytes.choose(&ids)?, *bytes.choose(&ids)?);
        let mode = *bytes.choose(&[0o755, 0o755, 0o700, 0o070, 0o007, 0, 0o644, 0o111])?;
        tree.insert(place, Inode { uid, gid, noexec: bytes.ratio(1, 20)?, ..Inode::new(content, mode) });
    }
    let (cwd, walked) = ([b"/".to_vec(), path(bytes)?].concat(), path(bytes)?);
    if let Ok(found) = namei::resolve(&tree, credentials, &cwd, &walked, &mut ()) {
        let there = found.path.as_bytes();
        assert!(there.starts_with(b"/") && (there == b"/" || !there.ends_with(b"/")));
        assert!(!there.windows(2).any(|pair| pair == b"//"));
        assert!(!matches!(found.node.kind, Kind::Symlink(_)), "a link at the end of a walk");
        // A working directory that is not there is taken for an empty one.
        if let Ok(Some(node)) = tree.lookup(there) {
            assert_eq!(node.kind, found.node.kind);
        }
    }
    let call = Call { path: &walked, argv: &[], env: &[], cwd: &cwd, credentials, stack_limit: 8 << 20 };
    ask(&tree, &host, &call).ok();
    Ok(())
}
