//! Layers made by hand, with what dockerd and containerd were seen to make of each.

use super::*;
use crate::testing::{Header, Tar, descriptor, gzip, zstd};
use std::io::{self, Cursor};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

fn read_blob(blob: Vec<u8>) -> Result<Layer, SourceError> {
    let mut layer = Layer::new(descriptor(GZIP, &blob), None, "test", Limits::default());
    layer.read_whole(|_| Ok(Box::new(Cursor::new(blob))), &mut |_| ())?;
    assert!(layer.is_complete());
    Ok(layer)
}

fn read(tar: Tar) -> Layer {
    read_blob(tar.finish()).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(tar: Tar) -> String {
    match read_blob(tar.finish()) {
        Err(SourceError::CannotUnpack { detail, .. }) => detail,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was read"),
    }
}

/// The notes that matter to some runtime, with whom they matter to.
fn minded(tar: Tar) -> Vec<String> {
    let layer = read(tar);
    let notes = layer.index().notes().iter().filter(|note| note.bearing != Bearing::Nobody);
    notes.map(|note| format!("{:?}: {}", note.bearing, note.text)).collect()
}

/// `path` of each object, with a mark of what it is.
fn show(layer: &Layer) -> String {
    let mark = |node: &Node| match &node.kind {
        None => "!".to_string(),
        Some(crate::witness::Kind::Directory) => format!("/{}", if node.opaque { "*" } else { "" }),
        Some(crate::witness::Kind::Symlink(target)) => format!("->{}", target.escape_ascii()),
        Some(crate::witness::Kind::Regular) => {
            let bytes = node.pieces.first().map(|piece| piece.bytes.clone()).unwrap_or_default();
            format!("={}", bytes.escape_ascii())
        }
        Some(kind) => format!("{kind:?}"),
    };
    let shown: Vec<String> =
        layer.index().iter().map(|(path, node)| format!("{}{}", path.escape_ascii(), mark(&node))).collect();
    shown.join(" ")
}

#[test]
fn the_measured_table() {
    let file = |name: &str| Tar::new().file(name, 0o644, b"x");
    let own = minded(file("x").file(".wh.x", 0o644, b""));
    assert!(own[0].starts_with("OverlayRefuses: entry /.wh.x: failed to convert whiteout file"), "{own:?}");
    assert_eq!(show(&read(Tar::new().file(".wh.low", 0o644, b"").file("low", 0o644, b"new"))), "/low=new");
    let replaced = Tar::new().file(".wh.d", 0o644, b"").directory("d/", 0o755).file("d/n", 0o644, b"n");
    assert_eq!(show(&read(replaced)), "/d/ /d/n=n", "the directory is not opaque");
    assert_eq!(show(&read(Tar::new().file("bin/tool", 0o755, b"t"))), "/bin/ /bin/tool=t");
    assert!(refusal(Tar::new().hardlink("h", "low")).contains("no such file"));
    assert!(refusal(Tar::new().hardlink("h", "x").file("x", 0o644, b"x")).contains("no such file"));
    let sized = file("x").header(Header::new("h", b'1', 3).put(157, b"x")).file("y", 0o644, b"y");
    assert_eq!(show(&read(sized)), "/h=x /x=x /y=y");
    let twice = read(file("x").file("x", 0o644, b"second"));
    assert_eq!(show(&twice), "/x=second");
    assert_eq!(twice.index().notes()[0].bearing, Bearing::DockerRefuses);
    let late = Tar::new().directory("d", 0o755).file("d/own", 0o644, b"o").file("d/.wh..wh..opq", 0o644, b"");
    assert_eq!(show(&read(late)), "/d/* /d/own=o");
    for (kind, number) in [(b'S', 83), (b'7', 55), (b'Z', 90)] {
        let mut header = Header::new("f", kind, 0);
        header.put(257, b"ustar  \0");
        assert_eq!(refusal(Tar::new().header(&header)), format!("unhandled tar header type {number}"));
    }
    assert_eq!(refusal(file("x").raw(&[0; 512]).file("y", 0o644, b"")), "archive/tar: invalid tar header");
    assert_eq!(show(&read_blob(file("x").unfinished()).unwrap()), "/x=x");
    assert_eq!(show(&read(Tar::new().pax(b'g', &[("path", "z")]).file("x", 0o644, b"x"))), "/x=x");
    assert_eq!(show(&read(Tar::new().special("low", b'3', ""))), "/low!");
    assert_eq!(show(&read(Tar::new().file("../../esc", 0o644, b"e"))), "/esc=e");
    assert_eq!(
        show(&read(Tar::new().directory("a", 0o755).file("a/b", 0o644, b"").file("a", 0o644, b"f"))),
        "/a=f"
    );
}

/// What dockerd 20.10.24 and Podman 4.3.1 refused as duplicates, and what of it containerd 1.6.20 made.
#[test]
fn duplicates() {
    let file = |name: &str, body: &[u8]| Tar::new().file(name, 0o644, body);
    let directory = |name: &str| Tar::new().directory(name, 0o755);
    let linked = || directory("r").symlink("m", "r");
    let opaque = "d/.wh..wh..opq";
    let cases = [
        (file("a", b"1").file("a", 0o644, b"2"), true, "/a=2"),
        (directory("a").directory("a", 0o700), true, "/a/"),
        (directory("a").directory("a/", 0o700), true, "/a/"),
        (directory("a").file("a/b", 0o644, b"1").file("a", 0o644, b"2"), true, "/a=2"),
        (file("a", b"1").file("./a", 0o644, b"2"), true, "/a=2"),
        (file("a", b"1").file("b", 0o644, b"2").hardlink("b", "a"), true, "/a=1 /b=1"),
        (directory("./").directory("./", 0o755), true, ""),
        (directory("d").file(opaque, 0o644, b"").file(opaque, 0o644, b""), true, "/d/*"),
        (linked().directory("m", 0o700).file("m/x", 0o644, b"1"), true, "/m/ /m/x=1 /r/"),
        (linked().file("m/x", 0o644, b"1").file("m/x", 0o644, b"2"), true, "/m->r /r/ /r/x=2"),
        // Two names of one place are no duplicates, nor is a directory that was only a parent before.
        (linked().file("m/x", 0o644, b"1").file("r/x", 0o644, b"2"), false, "/m->r /r/ /r/x=2"),
        (file("n/a", b"1").directory("n", 0o750), false, "/n/ /n/a=1"),
        (file(".wh.low", b"").file("low", 0o644, b"1"), false, "/low=1"),
    ];
    for (tar, refused, shown) in cases {
        assert_eq!(show(&read(tar.clone())), shown);
        let minded = minded(tar);
        let duplicates = minded.iter().any(|note| note.starts_with("DockerRefuses: entry /"));
        assert_eq!(duplicates, refused, "{shown}: {minded:?}");
    }
}

#[test]
fn a_parent_that_is_a_dangling_link() {
    let tar = || Tar::new().symlink("l", "/not/there").file("l/x", 0o755, b"x");
    let text = "DockerRefuses: entry l/x: no such file or directory: a link on its way leads nowhere";
    assert_eq!(minded(tar()), [text]);
    assert_eq!(minded(Tar::new().directory("d", 0o755).symlink("l", "d").file("l/x", 0o755, b"")), [""; 0]);
    assert_eq!(minded(Tar::new().file("new/../other/x", 0o755, b"")), [""; 0]);
}

/// The header of a hard link is the last word on the file that its names share (seen with all three engines).
#[test]
fn hard_links_change_their_file() {
    let link = |name: &str, target: &str, mode: &[u8], uid: &[u8]| {
        let mut header = Header::new(name, b'1', 0);
        header.put(157, target.as_bytes()).put(100, mode).put(108, uid);
        header
    };
    let inode = |layer: &Layer, path: &str| {
        let node = layer.index().get(path.as_bytes()).unwrap();
        (node.mode, node.uid, node.capability.is_some())
    };
    let file = |mode: u32| Tar::new().file("a", mode, b"a");
    for (first, second, expected) in [
        (0o755, &b"0000644\0"[..], 0o644),
        (0o644, b"0000755\0", 0o755),
        (0o4755, b"0000755\0", 0o755),
        (0o4755, b"0004755\0", 0o4755),
    ] {
        let layer = read(file(first).header(&link("b", "a", second, b"0000007\0")));
        assert_eq!((inode(&layer, "/a"), inode(&layer, "/b")), ((expected, 7, false), (expected, 7, false)));
    }
    let three = file(0o755).header(&link("b", "a", b"0000755\0", b"0\0")).header(&link(
        "c",
        "b",
        b"0000600\0",
        b"0\0",
    ));
    let layer = read(three);
    for name in ["/a", "/b", "/c"] {
        assert_eq!(inode(&layer, name).0, 0o600, "{name}");
    }
    // chown(2) takes the capability away, and the link's own header may bring it back.
    let capability = [("SCHILY.xattr.security.capability", "cap")];
    let plain = || Tar::new().pax(b'x', &capability).file("a", 0o755, b"a");
    let again = link("b", "a", b"0000755\0", b"0\0");
    assert_eq!(inode(&read(plain().header(&again)), "/a"), (0o755, 0, false));
    assert_eq!(inode(&read(plain().pax(b'x', &capability).header(&again)), "/a"), (0o755, 0, true));
    // A link's mode is its own.
    let symlink = read(Tar::new().symlink("s", "x").header(&link("b", "s", b"0000600\0", b"0\0")));
    assert_eq!(inode(&symlink, "/b").0, 0o777);
}

#[test]
fn who_minds() {
    use crate::platform::Runtime::{Containerd, Dockerd, Podman};
    let refused = Some(Effect::Refused);
    for (bearing, runtime, lowest, effect) in [
        (Bearing::Nobody, Dockerd, true, None),
        (Bearing::DockerRefuses, Dockerd, true, refused),
        (Bearing::DockerRefuses, Podman, false, refused),
        (Bearing::DockerRefuses, Containerd, false, None),
        (Bearing::OverlayRefuses, Containerd, true, None),
        (Bearing::OverlayRefuses, Containerd, false, refused),
        (Bearing::OverlayRefuses, Dockerd, true, refused),
        (Bearing::DockerDiffers, Podman, true, Some(Effect::Differs)),
        (Bearing::DockerDiffers, Containerd, true, None),
    ] {
        assert_eq!(bearing.effect(runtime, lowest), effect, "{bearing:?} {runtime:?} {lowest}");
    }
}

#[test]
fn names_are_cleaned_and_the_root_is_passed_over() {
    let tar = Tar::new().directory("./", 0o700).file("./a//b/../c", 0o644, b"c").file("/abs", 0o644, b"a");
    assert_eq!(show(&read(tar.directory("..", 0o700).directory("/", 0o700))), "/a/ /a/c=c /abs=a");
    let long = "n".repeat(256);
    assert_eq!(refusal(Tar::new().gnu(b'L', &long).file("x", 0o644, b"")), "file name too long");
    let deep = "d/".repeat(2100);
    assert_eq!(refusal(Tar::new().gnu(b'L', &deep).file("x", 0o644, b"")), "file name too long");
}

#[test]
fn parents_are_found_through_links_of_the_same_layer() {
    let tar = Tar::new().directory("usr/bin", 0o755).symlink("bin", "usr/bin").file("bin/x", 0o755, b"x");
    assert_eq!(show(&read(tar)), "/bin->usr/bin /usr/ /usr/bin/ /usr/bin/x=x");
    let tar = Tar::new().symlink("l", "/not/there").file("l/x", 0o755, b"x");
    assert_eq!(show(&read(tar)), "/l->/not/there /not/ /not/there/ /not/there/x=x");
    let tar = Tar::new().symlink("a/up", "../../../b").file("a/up/x", 0o755, b"x").hardlink("h", "a/up/x");
    assert_eq!(show(&read(tar)), "/a/ /a/up->../../../b /b/ /b/x=x /h=x");
    assert_eq!(refusal(Tar::new().symlink("l", "l").file("l/x", 0o644, b"")), "too many links");
    assert_eq!(refusal(Tar::new().file("f", 0o644, b"").file("f/x", 0o644, b"")), "not a directory");
    let twice = minded(Tar::new().file("f/.wh.x", 0o644, b"").file("f/.wh.x", 0o644, b""));
    assert!(
        twice[0].starts_with("OverlayRefuses: entry /f/.wh.x: failed to convert whiteout file"),
        "{twice:?}"
    );
    let beneath = Tar::new().file(".wh.d", 0o644, b"").file("d/x", 0o644, b"");
    assert!(minded(beneath)[0].starts_with("OverlayRefuses: entry in /d: not a directory"));
    assert!(refusal(Tar::new().directory("d", 0o755).hardlink("h", "d")).contains("directory"));
    for name in [".wh.", ".wh..", ".wh..."] {
        assert!(refusal(Tar::new().file(name, 0o644, b"")).starts_with("invalid whiteout name"));
    }
}

#[test]
fn attributes_of_overlay_file_systems() {
    let opaque = [("SCHILY.xattr.trusted.overlay.opaque", "y")];
    let layer = read(Tar::new().pax(b'x', &opaque).directory("d", 0o755));
    assert_eq!(show(&layer), "/d/", "containerd does not set it");
    assert_eq!(layer.index().notes()[0].bearing, Bearing::DockerDiffers);
    let redirect =
        Tar::new().pax(b'x', &[("SCHILY.xattr.trusted.overlay.redirect", "/x")]).directory("d", 0o755);
    assert!(
        minded(redirect)[0]
            .starts_with("DockerDiffers: entry /d carries the attribute trusted.overlay.redirect")
    );
    let root = read(Tar::new().file(".wh..wh..opq", 0o644, b""));
    assert!(root.index().notes()[0].text.contains("root"));
    let capability = [("SCHILY.xattr.security.capability", "cap")];
    let layer = read(Tar::new().pax(b'x', &capability).file("f", 0o4755, b""));
    let node = layer.index().get(b"/f").unwrap();
    assert_eq!((node.capability.as_deref(), node.mode), (Some(&b"cap"[..]), 0o4755));
}

#[test]
fn compressions() {
    let tar = Tar::new().file("x", 0o644, &[b'x'; 5000]).finish();
    let (head, tail) = tar.split_at(700);
    let skippable =
        [&b"\x52\x2a\x4d\x18\x03\0\0\0abc"[..], &zstd(&tar), b"\x50\x2a\x4d\x18\x01\0\0\0z"].concat();
    for blob in [
        tar.clone(),
        gzip(&tar),
        [gzip(head), gzip(tail)].concat(),
        [gzip(b""), gzip(&tar), gzip(b"")].concat(),
        zstd(&tar),
        [zstd(head), zstd(tail)].concat(),
        skippable,
    ] {
        assert_eq!(read_blob(blob).unwrap().index().get(b"/x").unwrap().size, 5000);
    }
    assert!(matches!(read_blob(b"BZh91AY".to_vec()), Err(SourceError::Unsupported { .. })));
    let plain = "application/vnd.oci.image.layer.v1.tar";
    let blob = gzip(&tar);
    let mut layer = Layer::new(descriptor(plain, &blob), None, "test", Limits::default());
    layer.read_whole(|_| Ok(Box::new(Cursor::new(blob))), &mut |_| ()).unwrap();
    assert!(layer.index().notes()[0].text.contains("media type"));
}

/// As Go's `compress/gzip` and klauspost's zstd have it: nothing but members or frames may follow.
#[test]
fn what_may_follow_the_end_of_a_stream() {
    let tar = Tar::new().file("x", 0o644, &[b'x'; 5000]).finish();
    let (gz, zst) = (gzip(&tar), zstd(&tar));
    let empty = zstd(b"");
    let skippable = b"\x5f\x2a\x4d\x18\x02\0\0\0ab".to_vec();
    for blob in [
        [gz.clone(), gzip(b"")].concat(),
        [gz.clone(), gzip(&[0; 10_000])].concat(),
        [zst.clone(), skippable.clone()].concat(),
        [empty.clone(), skippable.clone(), zst.clone(), empty.clone(), skippable].concat(),
        [tar.clone(), vec![0; 10_000]].concat(),
        [tar.clone(), b"garbage".to_vec()].concat(),
    ] {
        assert_eq!(show(&read_blob(blob).unwrap()), show(&read_blob(tar.clone()).unwrap()));
    }
    for (blob, format) in [(gz, "gzip"), (zst, "zstd")] {
        for tail in [&[0][..], &[0; 512], b"x", b"garbage that is longer than a header"] {
            let Err(error) = read_blob([&blob[..], tail].concat()) else { panic!("{format}: {tail:?}") };
            assert!(error.to_string().contains(&format!("cannot be unpacked: {format}: ")), "{error}");
        }
    }
}

#[test]
fn layers_that_hold_nothing() {
    let end = Tar::new().finish();
    let skippable = b"\x50\x2a\x4d\x18\0\0\0\0".to_vec();
    for blob in [gzip(&end), zstd(&end), gzip(b""), zstd(b""), skippable, end.clone(), Vec::new()] {
        assert_eq!(show(&read_blob(blob).unwrap()), "");
    }
}

#[test]
fn a_zstd_window_that_takes_too_much_memory_is_a_limit_of_ours() {
    // A frame with a window of 256 MiB, and one empty last block (RFC 8878 section 3.1.1.1.2).
    let blob = b"\x28\xb5\x2f\xfd\0\x90\x01\0\0".to_vec();
    let Err(error) = read_blob(blob) else { panic!("it was read") };
    assert!(
        error.to_string().ends_with("is broken: its zstd window is larger than the 128 MiB that are kept")
    );
}

/// Error for error what one reads without threads: the layer is long enough for them.
#[test]
fn long_layers_fail_as_short_ones_do() {
    let noise: Vec<u8> =
        (0..1_000_000u32).flat_map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let tar = Tar::new().file("noise", 0o644, &noise).file("last", 0o755, b"#!/bin/sh\n").finish();
    for blob in [tar.clone(), gzip(&tar), zstd(&tar)] {
        let end = blob.len();
        assert_eq!(served(blob.clone(), &blob), "fine");
        let cut = served(blob[..end - 900].to_vec(), &blob);
        assert!(cut.ends_with(&format!("it ends after {} of {end} bytes", end - 900)), "{cut}");
        assert!(served([blob.clone(), vec![0]].concat(), &blob).contains("longer than"));
        let mut wrong = blob.clone();
        wrong[end - 600] ^= 1;
        assert!(served(wrong, &blob).contains("its digest is"));
    }
    // What stands in the middle of it stops the walk, and the rest is read for its digest alone.
    let refused =
        Tar::new().file("noise", 0o644, &noise).special("odd", b'Z', "").file("more", 0o644, &noise);
    for blob in [refused.clone().finish(), gzip(&refused.finish())] {
        assert!(served(blob.clone(), &blob).contains("unhandled tar header type 90"));
        assert!(served(blob[..blob.len() - 1].to_vec(), &blob).contains("it ends after"));
    }
}

/// What a blob other than its descriptor says is called.
fn served(served: Vec<u8>, described: &[u8]) -> String {
    let mut layer = Layer::new(descriptor(GZIP, described), None, "test", Limits::default());
    match layer.read_whole(|_| Ok(Box::new(Cursor::new(served))), &mut |_| ()) {
        Ok(()) => "fine".into(),
        Err(error) => {
            let again = layer.read_whole(|_| panic!("it is not opened again"), &mut |_| ());
            assert_eq!(again, Err(error.clone()));
            error.to_string().replace(Digest::of(described).short(), "X")
        }
    }
}

#[test]
fn what_was_sent_is_not_what_was_asked_for() {
    let tar = Tar::new().file("x", 0o644, b"hello").finish();
    for blob in [tar.clone(), gzip(&tar), zstd(&tar)] {
        let end = blob.len();
        assert!(
            served(blob[..end - 9].to_vec(), &blob)
                .contains(&format!("ends after {} of {end} bytes", end - 9))
        );
        assert!(served([blob.clone(), vec![0]].concat(), &blob).contains("longer than"));
        let mut wrong = blob.clone();
        wrong[end / 2] ^= 1;
        assert!(served(wrong, &blob).starts_with("layer X of test is broken: its digest is"));
        assert!(served(Vec::new(), &blob).contains("ends after 0"));
        assert_eq!(served(blob.clone(), &blob), "fine");
    }
    // A blob that is what its digest says, and still cannot be unpacked, is its maker's fault.
    let cut = gzip(&tar)[..20].to_vec();
    assert!(served(cut.clone(), &cut).starts_with("layer X of test cannot be unpacked: gzip: "));
    let tail = [gzip(&tar), b"garbage".to_vec()].concat();
    assert!(served(tail.clone(), &tail).contains("cannot be unpacked: gzip: "));
    let html = b"<html>not a layer</html>".repeat(50);
    assert!(served(html.clone(), &html).contains("cannot be unpacked: archive/tar: invalid tar header"));
}

#[test]
fn diff_ids() {
    let tar = Tar::new().file("x", 0o644, b"hello").finish();
    let blob = gzip(&tar);
    let layer = |id: Digest| {
        let mut layer = Layer::new(descriptor(GZIP, &blob), Some(id), "test", Limits::default());
        layer.read_whole(|_| Ok(Box::new(Cursor::new(blob.clone()))), &mut |_| ())
    };
    assert_eq!(layer(Digest::of(&tar)), Ok(()));
    assert!(layer(Digest::of(b"")).unwrap_err().to_string().contains("wrong diff id"));
}

#[test]
fn bombs_are_bounded() {
    let limited = |blob: Vec<u8>, limits: Limits| {
        let mut layer = Layer::new(descriptor(GZIP, &blob), None, "test", limits);
        let result = layer.read_whole(|_| Ok(Box::new(Cursor::new(blob))), &mut |_| ());
        result.unwrap_err().to_string()
    };
    let zeros = Tar::new().file("zeros", 0o644, &vec![0; 8 << 20]).finish();
    let limits = Limits { free_bytes: 1 << 20, ratio: 10, ..Limits::default() };
    for blob in [gzip(&zeros), zstd(&zeros)] {
        assert!(limited(blob, limits.clone()).contains("unpacks to more than 1048576 bytes"));
    }
    let many = (0..50).fold(Tar::new(), |tar, number| tar.file(&number.to_string(), 0o644, b"")).finish();
    assert!(
        limited(many.clone(), Limits { entries: 49, ..Limits::default() }).contains("more than 49 entries")
    );
    assert!(
        limited(many, Limits { index_bytes: 5000, ..Limits::default() }).contains("more than 5000 bytes")
    );
    let deep =
        (0..50).fold(Tar::new(), |tar, number| tar.file(&format!("{}{number}", "a/".repeat(40)), 0o644, b""));
    assert!(
        limited(deep.finish(), Limits { steps: 1000, ..Limits::default() }).contains("too long and too many")
    );
}

/// A stream that tells how much was taken of it.
struct Counted(Cursor<Vec<u8>>, Arc<AtomicU64>);

impl io::Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.0.read(buffer)?;
        self.1.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}

#[test]
fn reading_pauses_behind_the_head_and_goes_on_there() {
    let big = vec![7; 3 << 20];
    let tar =
        Tar::new().file("a", 0o755, &big).file("b", 0o755, b"#!/bin/sh\n").file("c", 0o644, &big).finish();
    let taken = Arc::new(AtomicU64::new(0));
    let mut layer = Layer::new(descriptor(GZIP, &tar), None, "test", Limits::default());
    let stream = Counted(Cursor::new(tar.clone()), Arc::clone(&taken));
    layer.read_until(b"/a", |_| Ok(Box::new(stream)), &mut |_| ()).unwrap();
    assert!(taken.load(Ordering::Relaxed) <= 256 * 1024, "{taken:?}");
    assert_eq!(layer.index().get(b"/a").unwrap().pieces[0].bytes.len(), 4096);
    let again = |_: &Descriptor| panic!("it is opened once");
    layer.read_until(b"/a", again, &mut |_| ()).unwrap();
    layer.read_until(b"/b", again, &mut |_| ()).unwrap();
    assert!((3 << 20..4 << 20).contains(&taken.load(Ordering::Relaxed)));
    assert!(layer.index().get(b"/c").is_none() && !layer.is_complete());
    layer.read_until(b"/absent", again, &mut |_| ()).unwrap();
    assert!(layer.is_complete());
    assert_eq!(layer.index().get(b"/c").unwrap().pieces[0].bytes.len(), 256, "no program, no script");
}

#[test]
fn what_lies_beyond_the_head_of_an_elf_file() {
    let mut elf = vec![0; 40_000];
    elf[..6].copy_from_slice(b"\x7fELF\x02\x01");
    elf[32..40].copy_from_slice(&20_000u64.to_le_bytes());
    elf[54..58].copy_from_slice(&[56, 0, 2, 0]);
    let mut segment = |at: usize, kind: u32, offset: u64, length: u64| {
        elf[at..at + 4].copy_from_slice(&kind.to_le_bytes());
        elf[at + 8..at + 16].copy_from_slice(&offset.to_le_bytes());
        elf[at + 32..at + 40].copy_from_slice(&length.to_le_bytes());
    };
    segment(20_000, 0x6474_e553, 35_000, 16);
    segment(20_056, 3, 30_000, 9);
    elf[30_000..30_009].copy_from_slice(b"/lib/ld.1");
    let layer = read(Tar::new().file("lib", 0o644, &elf));
    let pieces = &layer.index().get(b"/lib").unwrap().pieces;
    let places: Vec<(u64, usize)> = pieces.iter().map(|piece| (piece.offset, piece.bytes.len())).collect();
    assert_eq!(places, [(0, 4096), (20_000, 112), (30_000, 9), (35_000, 16)]);
    assert_eq!(pieces[2].bytes, b"/lib/ld.1");
    // Nonsense in the header costs nothing.
    for at in [32, 54, 56] {
        let mut wild = elf.clone();
        wild[at..at + 2].fill(0xff);
        wild[38] = 0xff;
        read(Tar::new().file("lib", 0o755, &wild));
    }
}

#[test]
fn an_elf_file_has_a_fingerprint_once_it_has_passed() {
    let elf: Vec<u8> = b"\x7fELF".iter().copied().chain((0..9_000_000u32).map(|at| at as u8)).collect();
    let tar = || {
        Tar::new().file("a", 0o755, &elf).hardlink("b", "a").file("c", 0o755, b"#!/a").file(
            "d",
            0o644,
            &elf[..5],
        )
    };
    let wanted = |bytes: &[u8]| Some(twox_hash::XxHash3_128::oneshot(bytes).to_be_bytes());
    let fingerprint = |layer: &Layer, path: &str| layer.index().get(path.as_bytes()).unwrap().fingerprint;
    let whole = read(tar());
    for (path, expected) in
        [("/a", wanted(&elf)), ("/b", wanted(&elf)), ("/c", None), ("/d", wanted(&elf[..5]))]
    {
        assert_eq!(fingerprint(&whole, path), expected, "{path}");
    }
    let blob = tar().finish();
    let mut paused = Layer::new(descriptor("", &blob), None, "test", Limits::default());
    paused.read_until(b"/a", |_| Ok(Box::new(Cursor::new(blob))), &mut |_| ()).unwrap();
    assert_eq!(fingerprint(&paused, "/a"), None);
    paused.read_until(b"/c", |_| panic!("it is opened once"), &mut |_| ()).unwrap();
    assert_eq!(fingerprint(&paused, "/b"), wanted(&elf));
}

#[test]
fn layers_that_are_none() {
    for (media_type, words) in [
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "Windows"),
        ("application/vnd.oci.image.layer.nydus.blob.v1", "nydus"),
        ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "encrypted"),
        ("text/html", "text/html"),
    ] {
        let mut layer = Layer::new(descriptor(media_type, b"x"), None, "test", Limits::default());
        let error = layer.read_whole(|_| panic!("it is not opened"), &mut |_| ()).unwrap_err();
        assert!(
            matches!(&error, SourceError::Unsupported { detail, .. } if detail.contains(words)),
            "{error}"
        );
    }
    let empty = gzip(&[0; 1024]);
    let mut known = descriptor(GZIP, &empty);
    known.digest = EMPTY[0].parse().unwrap();
    let mut layer = Layer::new(known, None, "test", Limits::default());
    layer.read_whole(|_| panic!("it is not opened"), &mut |_| ()).unwrap();
    // The one blob that Docker wrote, byte for byte.
    let blob = b"\x1f\x8b\x08\0\0\x09\x6e\x88\0\xff\x62\x18\x05\xa3\x60\x14\x8c\x58\0\x08\0\0\xff\xff\x2e\xaf\xb5\xef\0\x04\0\0";
    assert_eq!(Digest::of(blob).as_str(), EMPTY[0]);
    let mut other = *blob;
    other[4..10].copy_from_slice(&[0, 0, 0, 0, 0, 0xff]);
    assert_eq!((Digest::of(&other).as_str() == EMPTY[1], read_blob(blob.to_vec()).is_ok()), (true, true));
}
