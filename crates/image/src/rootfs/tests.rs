//! Trees of hand-made layers.

use super::*;
use crate::layer::Layer;
use crate::limits::Limits;
use crate::testing::{Tar, descriptor};
use std::io::Cursor;

fn layer(tar: Tar) -> Layer {
    let bytes = tar.finish();
    let mut layer = Layer::new(descriptor("", &bytes), None, "test", Limits::default());
    layer
        .read_whole(|_| Ok(Box::new(Cursor::new(bytes))), &mut |_| ())
        .unwrap_or_else(|error| panic!("{error}"));
    layer
}

/// Reads only as far as a path.
fn paused(tar: Tar, at: &str) -> Layer {
    let bytes = tar.finish();
    let mut layer = Layer::new(descriptor("", &bytes), None, "test", Limits::default());
    layer.read_until(at.as_bytes(), |_| Ok(Box::new(Cursor::new(bytes))), &mut |_| ()).unwrap();
    assert!(!layer.is_complete());
    layer
}

/// What the layers, the lowest first, show at each path: `content@layer`, `dir@layer`, `-` for nothing, `?layer`.
fn check(layers: &[Layer], expected: &[(&str, &str)]) {
    let rootfs = Rootfs::new(layers);
    for (path, shown) in expected {
        let answer = match rootfs.find(path.as_bytes()) {
            Answer::Absent => "-".to_string(),
            Answer::Unread(layer) => format!("?{layer}"),
            Answer::Found(found) => {
                let what = match &found.node.kind {
                    Some(Kind::Regular) => String::from_utf8(found.node.pieces[0].bytes.clone()).unwrap(),
                    Some(Kind::Directory) => format!("{:o}", found.mode),
                    Some(Kind::Symlink(target)) => format!("->{}", target.escape_ascii()),
                    other => format!("{other:?}"),
                };
                format!("{what}@{}", found.layer.map_or(-1, |layer| i64::try_from(layer).unwrap()))
            }
        };
        assert_eq!(answer, *shown, "{path}");
    }
    visited(layers, &rootfs);
}

/// What a visit shows as seen is what is found, and everything else is hidden; it needs all layers.
fn visited(layers: &[Layer], rootfs: &Rootfs<'_>) {
    let mut objects = 0;
    let whole = rootfs.visit(&mut |object| {
        let found = rootfs.find(object.path);
        let same = found == Answer::Found(object.found);
        assert_eq!(same, !object.hidden, "{}", object.path.escape_ascii());
        objects += 1;
    });
    if let Some(at) = layers.iter().rposition(|layer| !layer.is_complete()) {
        assert_eq!((whole, objects), (Err(at), 0));
        return;
    }
    assert_eq!(whole, Ok(()));
    let nodes = layers.iter().flat_map(|layer| layer.index().iter());
    assert_eq!(objects, nodes.filter(|(_, node)| node.kind.is_some()).count());
}

#[test]
fn whiteouts_and_opaque_directories() {
    let base = || Tar::new().directory("d", 0o755).file("d/low", 0o644, b"low").file("f", 0o644, b"f");
    let none = layer(Tar::new());
    check(
        &[layer(base()), none],
        &[("/", "755@-1"), ("/d/low", "low@0"), ("/f", "f@0"), ("/x", "-"), ("/f/x", "-")],
    );
    let removed = layer(Tar::new().file("d/.wh.low", 0o644, b"").file(".wh.f", 0o644, b""));
    check(&[layer(base()), removed], &[("/d/low", "-"), ("/f", "-"), ("/d", "755@1")]);
    let gone = layer(Tar::new().file(".wh.d", 0o644, b""));
    check(&[layer(base()), gone], &[("/d", "-"), ("/d/low", "-")]);
    let opaque = layer(Tar::new().directory("d", 0o700).file("d/own", 0o644, b"own").file(
        "d/.wh..wh..opq",
        0o644,
        b"",
    ));
    check(&[layer(base()), opaque], &[("/d/low", "-"), ("/d/own", "own@1"), ("/d", "700@1"), ("/f", "f@0")]);
    // Measured: a directory takes the place of the whiteout, and is not opaque.
    let replaced = layer(Tar::new().file(".wh.d", 0o644, b"").directory("d", 0o755).file("d/n", 0o644, b"n"));
    check(&[layer(base()), replaced], &[("/d/low", "low@0"), ("/d/n", "n@1")]);
    // A device 0:0 is a whiteout, and a root cannot be opaque.
    let device = layer(Tar::new().special("f", b'3', "").file(".wh..wh..opq", 0o644, b""));
    check(&[layer(base()), device], &[("/f", "-"), ("/d/low", "low@0")]);
    let back = layer(Tar::new().file("f", 0o644, b"again"));
    check(&[layer(base()), layer(Tar::new().file(".wh.f", 0o644, b"")), back], &[("/f", "again@2")]);
}

#[test]
fn what_is_no_directory_hides_what_is_beneath_it() {
    let base = || {
        layer(Tar::new().directory("usr/bin", 0o755).symlink("bin", "usr/bin").file(
            "usr/bin/sh",
            0o755,
            b"sh",
        ))
    };
    check(&[base()], &[("/bin", "->usr/bin@0"), ("/bin/sh", "-"), ("/usr/bin/sh", "sh@0")]);
    // Measured: a layer's bin/tool over a linked /bin makes a real directory of it.
    for tar in [
        Tar::new().file("bin/tool", 0o755, b"t"),
        Tar::new().directory("bin", 0o755).file("bin/tool", 0o755, b"t"),
    ] {
        let tool = layer(tar);
        check(
            &[base(), tool],
            &[("/bin", "755@1"), ("/bin/tool", "t@1"), ("/bin/sh", "-"), ("/usr/bin/sh", "sh@0")],
        );
    }
    let file = layer(Tar::new().file("usr", 0o644, b"file"));
    check(&[base(), file], &[("/usr", "file@1"), ("/usr/bin", "-"), ("/usr/bin/sh", "-")]);
    let file = layer(Tar::new().file("usr", 0o644, b"file"));
    let again = layer(Tar::new().directory("usr", 0o755).file("usr/x", 0o644, b"x"));
    check(&[base(), file, again], &[("/usr/x", "x@2"), ("/usr/bin/sh", "-")]);
}

#[test]
fn parents_without_an_entry_take_after_what_they_cover() {
    let private =
        || layer(Tar::new().directory("srv", 0o700).directory("opt/real", 0o711).symlink("l", "opt/real"));
    let top = || layer(Tar::new().file("srv/app", 0o755, b"a").file("l/x", 0o755, b"x"));
    check(&[private(), top()], &[("/srv", "700@1"), ("/l", "711@1")]);
    check(&[private(), layer(Tar::new()), top(), top()], &[("/srv", "700@3")]);
    let gone = layer(Tar::new().file(".wh.srv", 0o644, b""));
    check(&[private(), gone, top()], &[("/srv", "755@2")]);
    let file = layer(Tar::new().file("srv", 0o600, b""));
    check(&[private(), file, top()], &[("/srv", "755@2")]);
    check(&[top()], &[("/srv", "755@0")]);
    // Its own entry may come late.
    let late = layer(Tar::new().file("srv/app", 0o755, b"a").directory("srv", 0o750));
    check(&[private(), late], &[("/srv", "750@1")]);
}

#[test]
fn what_was_not_read_yet_is_not_answered() {
    let big = vec![0; 2000];
    let lower = || paused(Tar::new().file("a", 0o755, b"a").file("z", 0o755, &big), "/a");
    check(&[lower()], &[("/a", "a@0"), ("/z", "?0"), ("/b", "?0")]);
    let upper = layer(Tar::new().file("b/c", 0o755, b"c"));
    check(&[lower(), upper], &[("/a", "a@0"), ("/b/c", "c@1"), ("/b", "?0"), ("/x", "?0"), ("/b/c/d", "-")]);
    let upper = layer(Tar::new().file("b/c", 0o755, b"c"));
    let layers = [lower(), upper];
    let privileged = Rootfs::new(&layers).privileged(true);
    assert!(matches!(privileged.find(b"/b"), Answer::Found(found) if found.mode == 0o755));
    // A whiteout may still be replaced by an entry of the same layer.
    let upper =
        paused(Tar::new().file(".wh.a", 0o644, b"").file("m", 0o644, b"").file("a", 0o755, b"new"), "/m");
    check(&[lower(), upper], &[("/a", "?1"), ("/b", "?1"), ("/m/x", "?1")]);
    let whole = layer(Tar::new().file(".wh.a", 0o644, b""));
    check(&[lower(), whole], &[("/a", "-")]);
}

#[test]
fn a_tree_for_the_kernel() {
    let layers =
        [layer(Tar::new().file("f", 0o4711, &[b'x'; 9000]).symlink("l", "f").special("p", b'6', ""))];
    let tree = Rootfs::new(&layers);
    let node = tree.lookup(b"/f").unwrap().unwrap();
    assert_eq!((node.kind, node.mode, node.size, node.uid), (tree::Kind::Regular, 0o4711, 9000, 0));
    assert_eq!(tree.lookup(b"/l").unwrap().unwrap().kind, tree::Kind::Symlink(b"f"));
    assert_eq!(tree.lookup(b"/p").unwrap().unwrap().kind, tree::Kind::Fifo);
    assert_eq!(tree.lookup(b"/none"), Ok(None));
    let mut buffer = [0; 100];
    assert_eq!(tree.read_at(b"/f", 4000, &mut buffer[..96]), Ok(96));
    assert!(matches!(tree.read_at(b"/f", 4000, &mut buffer), Err(Gap::Hidden { .. })));
    assert_eq!(tree.read_at(b"/f", 9000, &mut buffer), Ok(0));
    let unread = [paused(Tar::new().file("a", 0o755, b"").file("b", 0o755, b""), "/a")];
    let tree = Rootfs::new(&unread);
    assert_eq!(tree.lookup(b"/b"), Err(Gap::Unread { path: b"/b".to_vec(), layer: Some(0) }));
}
