//! Tables that the real tools made of one layer (see the folder's README), tables of our own making, and hostile ones.

use super::*;
use crate::layer::{Layer, LayerIndex, Node};
use crate::limits::Limits;
use crate::testing::seekable::{self, Checkpoint, checkpoints};
use crate::testing::{Tar, gzip};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};

macro_rules! data {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/data/seekable/", $name)).as_slice()
    };
}

fn descriptor(blob: &[u8], annotations: &Value) -> Descriptor {
    let mut descriptor = crate::testing::descriptor("application/vnd.oci.image.layer.v1.tar+gzip", blob);
    descriptor.annotations = serde_json::from_value(annotations.clone()).unwrap();
    descriptor
}

/// A layer and its table, and what was fetched of it.
struct Desk<'a> {
    blob: &'a [u8],
    listed: Listed,
    fetched: Vec<Range<u64>>,
}

impl<'a> Desk<'a> {
    fn open(blob: &'a [u8], table: &Table) -> Result<Desk<'a>, Trouble> {
        let mut fetched = Vec::new();
        let layer = descriptor(blob, &json!({}));
        let listed = Listed::read(&layer, table, &Limits::default(), &mut fetcher(blob, &mut fetched))?;
        Ok(Desk { blob, listed, fetched })
    }

    fn read(&mut self, path: &str) -> Result<(), Trouble> {
        self.listed.read_file(path.as_bytes(), &mut fetcher(self.blob, &mut self.fetched))
    }

    fn heads(&mut self) -> Result<(), Trouble> {
        self.listed.read_heads(&mut fetcher(self.blob, &mut self.fetched))
    }

    fn bytes(&self) -> u64 {
        self.fetched.iter().map(|range| range.end - range.start).sum()
    }
}

fn fetcher<'a>(
    blob: &'a [u8],
    fetched: &'a mut Vec<Range<u64>>,
) -> impl FnMut(&[Range<u64>]) -> Result<Vec<Vec<u8>>, SourceError> + 'a {
    move |parts| {
        fetched.extend_from_slice(parts);
        let part = |part: &Range<u64>| blob[part.start as usize..part.end as usize].to_vec();
        Ok(parts.iter().map(part).collect())
    }
}

/// What reading the layer tells.
fn plain(blob: &[u8]) -> BTreeMap<Vec<u8>, Node> {
    let mut layer = Layer::new(descriptor(blob, &json!({})), None, "test", Limits::default());
    layer.read_whole(|_| Ok(Box::new(Cursor::new(blob.to_vec()))), &mut |_| ()).unwrap();
    all(layer.index())
}

fn all(index: &LayerIndex) -> BTreeMap<Vec<u8>, Node> {
    let object = |(path, node): (&[u8], std::borrow::Cow<'_, Node>)| {
        (path.to_vec(), Node { fingerprint: None, ..node.into_owned() })
    };
    index.iter().map(object).collect()
}

fn unpacked(blob: &[u8]) -> Vec<u8> {
    let mut tar = Vec::new();
    flate2::read::MultiGzDecoder::new(blob).read_to_end(&mut tar).unwrap();
    tar
}

/// Every object and every content is as reading the layer gives it.
#[track_caller]
fn assert_equal(blob: &[u8], table: &Table) {
    let mut desk = Desk::open(blob, table).unwrap();
    let wanted = plain(blob);
    assert_eq!(all(desk.listed.index()).keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for path in wanted.keys() {
        let path = std::str::from_utf8(path).unwrap();
        desk.read(path).unwrap();
        assert!(!desk.listed.lacks(path.as_bytes()), "{path}");
    }
    for (path, node) in all(desk.listed.index()) {
        assert_eq!(node, wanted[&path], "{}", path.escape_ascii());
    }
}

fn estargz_of(layer: &seekable::Layer) -> Table {
    Table::Estargz(layer.annotations["containerd.io/snapshot/stargz/toc.digest"].as_str().unwrap().into())
}

fn chunked_of(layer: &seekable::Layer) -> Table {
    let annotation = |key: &str| layer.annotations[key].as_str().unwrap().to_string();
    Table::Chunked(annotation(chunked::POSITION[0]), annotation(chunked::CHECKSUM[0]))
}

const ESTARGZ: &str = "sha256:38c31cd4601534644e1218bed56bc2c7b2ed2ed2520fdc2e295fa64eabaeb703";
const SHARED: &str = "sha256:1a190ad9e72711d72b4f30fea656f7f06fd1a779bffbe290891cbe74c1b8de03";
const CHUNKED: (&str, &str) =
    ("113902:1990:8048:1", "sha256:09e1eba67583f4595ddac4d062b863a69473ac6beca69957f216e81de7e06a27");

#[test]
fn tables_of_the_real_tools_tell_what_the_layers_tell() {
    assert_equal(data!("layer.tar.gz"), &Table::Ztoc(data!("layer.ztoc").to_vec()));
    assert_equal(data!("members.tar.gz"), &Table::Ztoc(data!("members.ztoc").to_vec()));
    assert_equal(&unpacked(data!("layer.tar.gz")), &Table::Ztoc(data!("plain.ztoc").to_vec()));
    assert_equal(data!("estargz.tar.gz"), &Table::Estargz(ESTARGZ.into()));
    assert_equal(data!("shared.tar.gz"), &Table::Estargz(SHARED.into()));
    assert_equal(data!("chunked.tar.zst"), &Table::Chunked(CHUNKED.0.into(), CHUNKED.1.into()));
}

#[test]
fn tables_of_our_own_making_tell_what_the_layers_tell() {
    let tar = unpacked(data!("layer.tar.gz"));
    for chunk in [1000, 4096, 1 << 22] {
        let layer = seekable::estargz(&tar, chunk);
        assert_equal(&layer.blob, &estargz_of(&layer));
        assert_eq!(crate::digest::Digest::of(&unpacked(&layer.blob)), layer.diff_id);
        let layer = seekable::chunked(&tar, chunk);
        assert_equal(&layer.blob, &chunked_of(&layer));
        let whole = zstd::stream::decode_all(&layer.blob[..]).unwrap();
        assert_eq!(crate::digest::Digest::of(&whole), layer.diff_id);
    }
    let blob = data!("layer.tar.gz");
    let mut points = checkpoints(blob, 65_536);
    let shown = |points: &[Checkpoint]| -> Vec<_> {
        points.iter().map(|point| (point.stored, point.out, point.bits)).collect()
    };
    assert_eq!(shown(&points), [(10, 0, 0), (52_427, 129_319, 6), (96_658, 239_135, 1)], "as the real ones");
    assert_equal(blob, &Table::Ztoc(seekable::ztoc(blob, &tar, &points, 65_536, false)));
    for level in [0, 1, 6, 9] {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
        std::io::Write::write_all(&mut encoder, &tar).unwrap();
        let blob = encoder.finish().unwrap();
        let points = checkpoints(&blob, 20_000);
        assert_equal(&blob, &Table::Ztoc(seekable::ztoc(&blob, &tar, &points, 20_000, false)));
    }
    let members = data!("members.tar.gz");
    let between = checkpoints(members, 30_000);
    assert_equal(members, &Table::Ztoc(seekable::ztoc(members, &tar, &between, 30_000, false)));
    assert_equal(&tar, &Table::Ztoc(seekable::ztoc(&tar, &tar, &[], 10_000, false)));
    // Of before: the first checkpoint is left out, and there is no name in the header.
    let named = usize::from(blob[3] & 8 != 0) * (1 + blob[10..].iter().position(|byte| *byte == 0).unwrap());
    let mut unnamed = [&blob[..10], &blob[10 + named..]].concat();
    unnamed[3] = 0;
    points[1..].iter_mut().for_each(|point| point.stored -= named);
    assert_equal(&unnamed, &Table::Ztoc(seekable::ztoc(&unnamed, &tar, &points, 65_536, true)));
}

#[test]
fn of_entries_with_the_same_path_the_last_counts() {
    let tar = Tar::new().file("app", 0o755, b"#!/first\n").file("kept", 0o755, b"#!/kept\n");
    let tar = tar.hardlink("link", "app").file("app", 0o755, b"#!/second\n");
    // A file that is removed, and becomes the directory of a later one.
    let tar = tar
        .file("bin", 0o755, b"#!/bin\n")
        .file(".wh.bin", 0, b"")
        .file("bin/sh", 0o755, b"#!/sh\n")
        .finish();
    let blob = seekable::estargz(&tar, 1000);
    let wanted = plain(&blob.blob);
    // In the order of the archive, and in that of the paths.
    for by_path in [false, true] {
        let mut desk = Desk::open(&blob.blob, &estargz_of(&blob)).unwrap();
        if by_path {
            ["/app", "/bin", "/bin/sh", "/kept", "/link"]
                .into_iter()
                .for_each(|path| desk.read(path).unwrap());
        } else {
            desk.heads().unwrap();
        }
        let found = all(desk.listed.index());
        for path in ["/app", "/bin", "/bin/sh", "/kept", "/link"] {
            assert_eq!(found[path.as_bytes()], wanted[path.as_bytes()], "{path}");
        }
    }
}

#[test]
fn little_is_fetched() {
    let tar = unpacked(data!("layer.tar.gz"));
    let mut state = 1u32;
    let mut next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let noise: Vec<u8> = (0..3_000_000).map(&mut next).collect();
    let end = tar.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let mut big = tar[..end.next_multiple_of(512)].to_vec();
    big.extend(Tar::new().file("var/more", 0o644, &noise).finish());
    let layer = seekable::estargz(&big, 1 << 22);
    let mut desk = Desk::open(&layer.blob, &estargz_of(&layer)).unwrap();
    assert_eq!((desk.fetched.len(), desk.bytes()), (1, 64 * 1024));
    desk.read("/entrypoint.sh").unwrap();
    assert!(desk.fetched.len() == 2 && desk.bytes() < 64 * 1024 + 1024, "{:?}", desk.fetched);
    desk.heads().unwrap();
    assert!(desk.bytes() < 200_000, "{:?}", desk.fetched);
    let head = |desk: &Desk<'_>, path: &[u8]| desk.listed.index().get(path).unwrap().pieces[0].bytes.len();
    assert_eq!(head(&desk, b"/usr/lib/libanswer.so.1"), 512);
    assert!(desk.listed.index().get(b"/var/noise").unwrap().pieces.is_empty());
    assert!(desk.listed.cost().unwrap().is_less_than(layer.blob.len() as u64));
    // What was only looked at is read wholly where a question needs it.
    assert!(desk.listed.lacks(b"/usr/lib/libanswer.so.1"));
    desk.read("/usr/lib/libanswer.so.1").unwrap();
    assert!(head(&desk, b"/usr/lib/libanswer.so.1") >= 4096);
    // A span is read once for all files in it.
    let mut desk = Desk::open(data!("layer.tar.gz"), &Table::Ztoc(data!("layer.ztoc").to_vec())).unwrap();
    for path in ["/entrypoint.sh", "/usr/bin/ping", "/opt/kept"] {
        desk.read(path).unwrap();
    }
    assert_eq!(desk.fetched, vec![52_426..96_658; 1]);
}

/// Why the table is put aside.
#[track_caller]
fn refused(blob: &[u8], table: &Table) -> String {
    match Desk::open(blob, table) {
        Ok(_) => panic!("it was taken"),
        Err(trouble) => trouble.note().split_once("instead: ").unwrap().1.into(),
    }
}

/// The eStargz layer of these rows.
fn rows(rows: &Value) -> (Vec<u8>, Table) {
    raw_table(json!({"version": 1, "entries": rows}).to_string().as_bytes())
}

fn raw_table(toc: &[u8]) -> (Vec<u8>, Table) {
    let mut blob = gzip(b"content of some file");
    let begins = blob.len();
    let end = Tar::new().file("stargz.index.json", 0, toc).finish();
    blob.extend(gzip(&end));
    blob.extend(seekable::footer(begins));
    (blob, Table::Estargz(crate::digest::Digest::of(toc).to_string()))
}

#[test]
fn hostile_tables_in_json_are_put_aside() {
    let file = |name: &str| json!({"name": name, "type": "reg", "size": 20, "offset": 0, "innerOffset": 0});
    let refused_rows = |value: Value| {
        let (blob, table) = rows(&value);
        refused(&blob, &table)
    };
    for (value, why) in [
        (json!([{"name": "x", "type": "chunk"}]), "it begins with a chunk of no file"),
        (json!([{"name": "x", "type": "socket"}]), "it has an entry of the type socket"),
        (
            json!([{"name": "x", "type": "reg", "size": 5, "offset": 4_000_000}]),
            "a file lies outside of the layer",
        ),
        (
            json!([{"name": "x", "type": "reg", "size": 9, "chunkSize": 4}]),
            "the chunks of x are 4 bytes, and it has 9",
        ),
        (json!([{"name": "x\u{fffd}", "type": "dir"}]), "it has a name that is no UTF-8"),
        (
            json!([{"name": "x", "type": "dir", "xattrs": {"a": "*"}}]),
            "it has an attribute that is no base64",
        ),
        (
            json!([file("x"), {"name": "x", "type": "chunk", "chunkOffset": 20}]),
            "a file has more chunks than content",
        ),
        (
            json!([{"name": "h", "type": "hardlink", "linkName": "none"}]),
            "it lists what cannot be unpacked: link: no such file or directory: its target none is not in the same \
             layer before it",
        ),
        (
            json!([{"name": ".wh.", "type": "reg"}]),
            "it lists what cannot be unpacked: invalid whiteout name: .wh.",
        ),
    ] {
        assert_eq!(refused_rows(value), why);
    }
    assert!(refused_rows(json!([{"name": "x"}])).contains("missing field"));
    assert!(refused_rows(json!([{"name": "x", "type": "reg", "size": -1}])).contains("invalid value"));
    let (blob, _) = raw_table(b"{}");
    let other = Table::Estargz(ESTARGZ.into());
    assert!(refused(&blob, &other).starts_with("its digest is sha256:44136fa3"));
    assert!(refused(&blob, &Table::Estargz("x".into())).contains("is none"));
    assert_eq!(refused(&blob[..blob.len() - 1], &other), "the layer has no footer of eStargz");
    let mut far = blob.clone();
    let at = far.len() - 35;
    far[at..at + 16].copy_from_slice(b"00000000ffffffff");
    assert_eq!(refused(&far, &other), "the table lies outside of the layer");
}

#[test]
fn a_table_that_unpacks_to_too_much_is_put_aside() {
    let mut blob = gzip(b"");
    let begins = blob.len();
    let mut header = Tar::new().file("stargz.index.json", 0, b"").unfinished();
    header[124..135].copy_from_slice(b"01777777777");
    header[148..156].fill(b' ');
    let sum: u32 = header[..512].iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header.resize(80 << 20, b' ');
    blob.extend(gzip(&header));
    blob.extend(seekable::footer(begins));
    let why = refused(&blob, &Table::Estargz(ESTARGZ.into()));
    assert_eq!(why, "there is no entry stargz.index.json of reasonable length");
    let chunked = |position: &str| Table::Chunked(position.into(), CHUNKED.1.into());
    for (position, why) in [
        ("1:2:3", "its position in the manifest is none"),
        ("1:2:3:9", "it is of the type 9, which is not known"),
        ("0:99999999999:5:1", "it has 99999999999 bytes, more than 67108864"),
        ("18446744073709551615:5:5:1", "the table lies outside of the layer"),
        ("113902:1990:8047:1", "it does not unpack to the 8047 bytes that the manifest says"),
    ] {
        assert_eq!(refused(data!("chunked.tar.zst"), &chunked(position)), why, "{position}");
    }
    assert!(refused(data!("chunked.tar.zst"), &chunked("113903:1990:8048:1")).starts_with("its digest is"));
}

#[test]
fn contents_that_are_not_what_the_table_says_are_refused() {
    let tar = unpacked(data!("layer.tar.gz"));
    let layer = seekable::estargz(&tar, 1000);
    let table = estargz_of(&layer);
    // Another byte in each place of the first member with content: never other content.
    let good = {
        let mut desk = Desk::open(&layer.blob, &table).unwrap();
        desk.read("/entrypoint.sh").unwrap();
        (desk.fetched[1].clone(), all(desk.listed.index())[&b"/entrypoint.sh"[..]].clone())
    };
    let mut refusals = 0;
    for at in good.0.clone().step_by(3) {
        let mut blob = layer.blob.clone();
        blob[at as usize] ^= 0x10;
        let mut desk = Desk::open(&blob, &table).unwrap();
        match desk.read("/entrypoint.sh") {
            Ok(()) => assert_eq!(all(desk.listed.index())[&b"/entrypoint.sh"[..]], good.1, "{at}"),
            Err(_) => refusals += 1,
        }
    }
    assert!(refusals > 5, "{refusals}");
    let mut blob = data!("layer.tar.gz").to_vec();
    blob[60_000] ^= 1;
    let mut desk = Desk::open(&blob, &Table::Ztoc(data!("layer.ztoc").to_vec())).unwrap();
    let error = desk.read("/entrypoint.sh").unwrap_err();
    assert!(
        error.note().ends_with("the span of bytes 52426 to 96658 has another digest"),
        "{}",
        error.note()
    );
}

#[test]
fn a_ztoc_that_contradicts_the_archive_is_put_aside() {
    let tar = |mode| Tar::new().file("a", mode, b"#!/bin/sh\n").file("b", 0o644, b"b").finish();
    let blob = tar(0o755);
    let mut desk =
        Desk::open(&blob, &Table::Ztoc(seekable::ztoc(&blob, &tar(0o644), &[], 1 << 22, false))).unwrap();
    let error = desk.read("/a").unwrap_err().note();
    assert!(error.ends_with("the archive's own header of a says something else"), "{error}");
    desk.read("/b").unwrap();
    let wrong = Table::Ztoc(seekable::ztoc(&blob[1..], &blob, &[], 1 << 22, false));
    let error = refused(&blob, &wrong);
    assert_eq!(
        error,
        format!("it is about a layer of {} bytes, and this one has {}", blob.len() - 1, blob.len())
    );
}

#[test]
fn damaged_ztocs_never_panic() {
    let good = data!("layer.ztoc");
    let blob = data!("layer.tar.gz");
    let mut taken = 0;
    // The table proper; windows are only bytes.
    let places = (0..340).step_by(2).chain((good.len() - 3000..good.len()).step_by(11));
    for at in places {
        for value in [0, 0xff] {
            let mut damaged = good.to_vec();
            damaged[at] = value;
            if let Ok(mut desk) = Desk::open(blob, &Table::Ztoc(damaged)) {
                taken += 1;
                let _ = desk.read("/entrypoint.sh");
                let _ = desk.heads();
            }
        }
    }
    assert!(taken > 0);
    for length in (0..good.len()).step_by(9973) {
        assert!(Desk::open(blob, &Table::Ztoc(good[..length].to_vec())).is_err(), "{length}");
    }
    assert_eq!(refused(blob, &Table::Ztoc(b"<html>".to_vec())), "it is no ztoc, or a damaged one");
}
