//! Archives made by hand, with what Go's `archive/tar` makes of each.

use super::*;
use crate::testing::{Header, Tar};

/// Reads everything: `type name size [link]` of each entry, then how it ended.
fn read(bytes: &[u8]) -> Vec<String> {
    let mut archive = Archive::new(bytes);
    let mut lines = Vec::new();
    loop {
        match archive.next_entry() {
            Ok(Some(entry)) => {
                let (name, link) = (entry.name.escape_ascii(), entry.link.escape_ascii());
                let mut body = vec![0; 64];
                let got = archive.read_body(&mut body).unwrap();
                body.truncate(got);
                lines.push(format!("{:?} {name} {} {link} {}", entry.kind, entry.size, body.escape_ascii()));
            }
            Ok(None) => return lines,
            Err(error) => {
                lines.push(error.to_string());
                return lines;
            }
        }
    }
}

const HEADER: &str = "archive/tar: invalid tar header";

#[test]
fn plain_entries() {
    let tar = Tar::new()
        .directory("d/", 0o755)
        .file("d/f", 0o644, b"hello")
        .symlink("s", "d/f")
        .hardlink("h", "d/f");
    let expected = ["Directory d/ 0  ", "Regular d/f 5  hello", "Symlink s 0 d/f ", "Hardlink h 0 d/f "];
    assert_eq!(read(&tar.clone().finish()), expected);
    assert_eq!(read(&tar.unfinished()), expected, "no zero blocks at the end");
    assert_eq!(read(b""), [""; 0]);
}

#[test]
fn links_and_directories_have_no_data_whatever_their_size_says() {
    for kind in [b'1', b'2', b'3', b'4', b'5', b'6'] {
        let tar =
            Tar::new().header(Header::new("x", kind, 3).put(157, b"f")).file("next", 0o644, b"n").finish();
        assert_eq!(read(&tar)[1], "Regular next 1  n", "{kind}");
    }
    let tar =
        Tar::new().pax(b'x', &[("size", "512")]).directory("d", 0o755).file("next", 0o644, b"n").finish();
    assert_eq!(read(&tar)[1], "Regular next 1  n");
}

#[test]
fn nul_with_a_trailing_slash_is_a_directory() {
    let tar =
        Tar::new().header(&Header::new("d/", 0, 5)).header(&Header::new("f", 0, 2)).data(b"ab").finish();
    assert_eq!(read(&tar), ["Directory d/ 0  ", "Regular f 2  ab"]);
}

#[test]
fn where_names_come_from() {
    let long = "l/".repeat(80) + "end";
    let both =
        Tar::new().gnu(b'L', "gnu").pax(b'x', &[("path", "pax"), ("linkpath", "to")]).symlink("short", "x");
    assert_eq!(read(&both.finish()), ["Symlink gnu 0 to "], "GNU names win over PAX ones");
    let tar = Tar::new().gnu(b'L', &long).gnu(b'K', "klink").symlink("short", "x").finish();
    assert_eq!(read(&tar), [format!("Symlink {long} 0 klink ")]);
    let prefixed = Tar::new().header(Header::new("name", b'0', 0).put(345, b"prefix")).finish();
    assert_eq!(read(&prefixed), ["Regular prefix/name 0  "]);
    // GNU's magic leaves no room for a prefix ...
    let gnu =
        Tar::new().header(Header::new("name", b'0', 0).put(257, b"ustar  \0").put(345, b"00000000000\0"));
    assert_eq!(read(&gnu.finish()), ["Regular name 0  "]);
    // ... but old writers of Go's put one there.
    let old = Tar::new().header(Header::new("name", b'0', 0).put(257, b"ustar  \0").put(345, b"prefix"));
    assert_eq!(read(&old.finish()), ["Regular prefix/name 0  "]);
    let empty = Tar::new().pax(b'x', &[("path", "")]).file("kept", 0o644, b"").finish();
    assert_eq!(read(&empty), ["Regular kept 0  "]);
}

#[test]
fn global_headers_say_nothing() {
    let tar = Tar::new().pax(b'g', &[("path", "global")]).file("f", 0o644, b"x").finish();
    assert_eq!(read(&tar), ["Regular f 1  x"]);
}

#[test]
fn sizes_in_all_their_forms() {
    let mut base256 = [0; 12];
    base256[0] = 0x80;
    base256[11] = 3;
    let tar = Tar::new().header(Header::new("f", b'0', 0).put(124, &base256)).data(b"abc").finish();
    assert_eq!(read(&tar), ["Regular f 3  abc"]);
    let tar = Tar::new().pax(b'x', &[("size", "3")]).header(&Header::new("f", b'0', 0)).data(b"abc").finish();
    assert_eq!(read(&tar), ["Regular f 3  abc"]);
    let negative = Tar::new().header(Header::new("f", b'0', 0).put(124, &[0xff; 12])).finish();
    assert_eq!(read(&negative), [HEADER]);
    let negative = Tar::new().pax(b'x', &[("size", "-1")]).file("f", 0o644, b"").finish();
    assert_eq!(read(&negative), [HEADER]);
    let huge = Tar::new().pax(b'x', &[("size", "9223372036854775807")]).file("f", 0o644, b"").finish();
    assert_eq!(read_ends(&huge), "unexpected EOF");
}

/// How reading ends where bodies are passed over.
fn read_ends(bytes: &[u8]) -> String {
    let mut archive = Archive::new(bytes);
    loop {
        match archive.next_entry() {
            Ok(Some(_)) => {}
            Ok(None) => return "end".into(),
            Err(error) => return error.to_string(),
        }
    }
}

#[test]
fn broken_archives() {
    let good = Tar::new().file("f", 0o644, b"hello").finish();
    let mut sum = good.clone();
    sum[0] = b'g';
    assert_eq!(read(&sum), [HEADER], "checksum");
    assert_eq!(read_ends(&good[..300]), "unexpected EOF", "within a header");
    assert_eq!(read_ends(&good[..515]), "unexpected EOF", "within a body");
    assert_eq!(read_ends(&good[..517]), "end", "within the padding");
    let lone = Tar::new().file("f", 0o644, b"").raw(&[0; 512]).file("g", 0o644, b"").finish();
    assert_eq!(read(&lone), ["Regular f 0  ", HEADER]);
    assert_eq!(read_ends(&Tar::new().file("f", 0o644, b"").raw(&[0; 512]).unfinished()), "end");
    assert_eq!(read(&[b'x'; 2048]), [HEADER]);
    let html = format!("{:<2048}", "<!doctype html>");
    assert_eq!(read(html.as_bytes()), [HEADER]);
    for bad in ["9 a=b\n", "6a=b\n", "99 path=x\n", "7 path\n", "5 =\n\n", "10 path=\0\n", " 6 a=b\n"] {
        let tar = Tar::new().header(&Header::new("p", b'x', bad.len() as u64)).data(bad.as_bytes());
        assert_eq!(read(&tar.file("f", 0o644, b"").finish()), [HEADER], "{bad:?}");
    }
    let long = Tar::new().header(&Header::new("p", b'x', 2 << 20)).raw(&vec![b'a'; 2 << 20]).finish();
    assert_eq!(read(&long), ["archive/tar: header field too long"]);
    let octal = Tar::new().header(Header::new("f", b'0', 0).put(124, b"0000000009\0\0")).finish();
    assert_eq!(read(&octal), [HEADER]);
}

#[test]
fn unknown_types_are_handed_out() {
    for kind in [b'7', b'Z', b'V'] {
        let tar = Tar::new().header(&Header::new("f", kind, 2)).data(b"ab").finish();
        assert_eq!(read(&tar), [format!("Other({kind}) f 2  ab")]);
    }
}

#[test]
fn extended_attributes() {
    let records = [
        ("SCHILY.xattr.security.capability", "cap"),
        ("SCHILY.xattr.user.x", "y"),
        ("LIBARCHIVE.xattr.z", "z"),
    ];
    let bytes = Tar::new().pax(b'x', &records).file("f", 0o755, b"").file("g", 0o755, b"").finish();
    let mut archive = Archive::new(bytes.as_slice());
    let xattrs = archive.next_entry().unwrap().unwrap().xattrs;
    assert_eq!(
        xattrs,
        [(b"security.capability".to_vec(), b"cap".to_vec()), (b"user.x".to_vec(), b"y".to_vec())]
    );
    assert_eq!(archive.next_entry().unwrap().unwrap().xattrs, []);
}

#[test]
fn sparse_files_in_pax_clothes() {
    let records = [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "real"),
        ("GNU.sparse.realsize", "12"),
    ];
    let mut body = b"2\n0\n3\n8\n2\n".to_vec();
    body.resize(512, 0);
    body.extend(b"abcde");
    let tar =
        Tar::new().pax(b'x', &records).file("GNUSparseFile.0/real", 0o755, &body).file("next", 0o644, b"n");
    let expected = ["Regular real 12  abc\\x00\\x00\\x00\\x00\\x00de\\x00\\x00", "Regular next 1  n"];
    assert_eq!(read(&tar.clone().finish()), expected);
    assert_eq!(read_ends(&tar.finish()), "end");
    let old = [("GNU.sparse.map", "0,3,8,2"), ("GNU.sparse.numblocks", "2"), ("GNU.sparse.size", "12")];
    let tar = Tar::new().pax(b'x', &old).file("real", 0o755, b"abcde").finish();
    assert_eq!(read(&tar), &expected[..1]);
    let overlapping =
        [("GNU.sparse.map", "0,3,2,2"), ("GNU.sparse.numblocks", "2"), ("GNU.sparse.size", "12")];
    assert_eq!(read(&Tar::new().pax(b'x', &overlapping).file("real", 0o755, b"abcde").finish()), [HEADER]);
    for bad in ["x\n", "-1\n", "99999999\n", "1\n5\n"] {
        let tar =
            Tar::new().pax(b'x', &records).file("x", 0o755, &format!("{bad:\0<512}").into_bytes()).finish();
        assert!(read(&tar)[0].starts_with("archive/tar") || read(&tar)[0] == "unexpected EOF", "{bad}");
    }
}

#[test]
fn old_sparse_files() {
    let mut header = Header::new("f", b'S', 5);
    header.put(257, b"ustar  \0").put(386, b"00000000000\0").put(398, b"00000000003\0");
    header.put(410, b"00000000010\0").put(422, b"00000000002\0").put(483, b"00000000014\0");
    let tar = Tar::new().header(&header).data(b"abcde").file("next", 0o644, b"n").finish();
    let expected = ["Other(83) f 12  abc\\x00\\x00\\x00\\x00\\x00de\\x00\\x00", "Regular next 1  n"];
    assert_eq!(read(&tar), expected);
}

/// One record of an extended header.
fn record(text: &str) -> Tar {
    let header = Header::new("p", b'x', text.len() as u64);
    Tar::new().header(&header).data(text.as_bytes())
}

/// What Go 1.23's `archive/tar` was seen to make of each, run over the same bytes.
#[test]
fn as_go_was_seen_to_read() {
    let file = |tar: Tar| tar.file("f", 0o644, b"hello").finish();
    let kept = "Regular f 5  hello";
    let pax = |records: &[(&str, &str)]| file(Tar::new().pax(b'x', records));
    let long_number = format!("{:0>37} a=b\n", 42);
    let cases: Vec<(&str, Vec<u8>, Vec<&str>)> = vec![
        ("an empty value keeps the header's", pax(&[("path", "a"), ("path", "")]), vec![kept]),
        ("the last of a key counts", pax(&[("path", "a"), ("path", "b")]), vec!["Regular b 5  hello"]),
        ("NUL in a name", pax(&[("uname", "a\0b")]), vec![HEADER]),
        ("NUL in a key", pax(&[("a\0b", "c")]), vec![HEADER]),
        ("NUL in another value", pax(&[("comment", "a\0b")]), vec![kept]),
        ("a sign", pax(&[("size", "+5")]), vec![kept]),
        ("hexadecimal", pax(&[("size", "0x5")]), vec![HEADER]),
        ("too great a size", pax(&[("size", "9223372036854775808")]), vec![HEADER]),
        ("a negative owner", pax(&[("uid", "-1")]), vec![kept]),
        ("no owner", pax(&[("gid", "x")]), vec![HEADER]),
        ("a time without seconds", pax(&[("mtime", ".5")]), vec![HEADER]),
        ("a time with a sign in its fraction", pax(&[("ctime", "1.-5")]), vec![HEADER]),
        ("a time that ends in a dot", pax(&[("mtime", "1.")]), vec![kept]),
        ("an unknown sparse version", pax(&[("GNU.sparse.major", "2")]), vec![kept]),
        ("a map without a count", pax(&[("GNU.sparse.map", "0,1")]), vec![HEADER]),
        ("a length with a sign", file(record("+7 a=b\n")), vec![kept]),
        ("a length with zeros before it", file(record(&long_number)), vec![kept]),
        ("no value's sign", file(record("6 abc\n")), vec![HEADER]),
        ("bytes after the last record", file(record("6 a=b\n\0\0")), vec![HEADER]),
        (
            "a second extended header replaces the first",
            file(Tar::new().pax(b'x', &[("path", "one")]).pax(b'x', &[("uid", "5")])),
            vec![kept],
        ),
        (
            "a global header forgets what came before",
            file(Tar::new().pax(b'x', &[("path", "lost")]).gnu(b'L', "lost").pax(b'g', &[("path", "g")])),
            vec![kept],
        ),
        (
            "a number that is none is no matter in a global header",
            file(Tar::new().pax(b'g', &[("size", "abc")])),
            vec![kept],
        ),
        ("an extended header of nothing", Tar::new().pax(b'x', &[("path", "one")]).finish(), vec![]),
        ("a GNU name of nothing", file(Tar::new().header(&Header::new("p", b'L', 0))), vec![kept]),
        (
            "a regular file with a slash",
            Tar::new().file("d/", 0o644, b"ab").finish(),
            vec!["Regular d/ 2  ab"],
        ),
        (
            "an extended name without a slash",
            Tar::new().pax(b'x', &[("path", "d")]).header(&Header::new("d/", 0, 1)).data(b"x").finish(),
            vec!["Regular d 1  x"],
        ),
    ];
    for (what, bytes, expected) in cases {
        assert_eq!(read(&bytes), expected, "{what}");
    }
    let mut bytes = Tar::new().file("f", 0o644, b"hello").finish();
    bytes.extend(b"garbage");
    assert_eq!(read(&bytes), [kept], "bytes after the end");
    let short = Tar::new().header(&Header::new("p", b'x', 2 << 20)).unfinished();
    assert_eq!(read(&short), ["unexpected EOF"]);
    // The sum of the bytes as signed ones, which Sun's tar wrote.
    let mut signed = Tar::new().file("\u{e9}", 0o644, b"").finish();
    let sum: i64 = signed[..148].iter().chain(&signed[156..512]).map(|b| i64::from(b.cast_signed())).sum();
    signed[148..156].copy_from_slice(format!("{:06o}\0 ", sum + 8 * 32).as_bytes());
    assert_eq!(read(&signed), ["Regular \\xc3\\xa9 0  "]);
}

#[test]
fn sparse_maps_that_do_not_fit_their_data() {
    let records = [("GNU.sparse.map", "0,3,8,2"), ("GNU.sparse.numblocks", "2"), ("GNU.sparse.size", "12")];
    let of =
        |body: &[u8]| Tar::new().pax(b'x', &records).file("f", 0o755, body).file("g", 0o644, b"").finish();
    assert_eq!(read_ends(&of(b"abcde")), "end");
    assert_eq!(read_ends(&of(b"abcdefg")), "archive/tar: sparse file contains unreferenced data");
    assert_eq!(read_ends(&of(b"abc")), "archive/tar: sparse file references non-existent data");
    let missing = of(b"abc");
    let mut archive = Archive::new(&missing[..]);
    archive.next_entry().unwrap();
    assert!(matches!(archive.read_body(&mut [0; 12]), Err(TarError::SparseMissing)));
    // The letter of GNU's old format, under another magic.
    assert_eq!(read(&Tar::new().header(&Header::new("f", b'S', 2)).data(b"ab").finish()), [HEADER]);
    let records = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0")];
    let lie =
        Tar::new().pax(b'x', &records).file("f", 0o755, &format!("{:\0<512}", "99999999\n").into_bytes());
    assert_eq!(read(&lie.finish()), ["unexpected EOF"]);
}

/// Whatever the bytes are, reading ends, without a panic.
#[test]
fn any_bytes_at_all() {
    let good = Tar::new().pax(b'x', &[("path", "p"), ("GNU.sparse.map", "0,1")]).file("f", 0o644, b"hello");
    let good = good.gnu(b'L', "long").symlink("s", "t").finish();
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..20_000 {
        let mut bytes = good.clone();
        for _ in 0..3 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let at = usize::try_from(state % bytes.len() as u64).unwrap();
            bytes[at] = state.to_le_bytes()[7];
            // The sum is mended, so that the change reaches the parser.
            let block = at / 512 * 512;
            let mut header = [0; 512];
            header.copy_from_slice(&bytes[block..block + 512]);
            header[148..156].fill(b' ');
            let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
            bytes[block + 148..block + 156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
        read_ends(&bytes);
    }
}
