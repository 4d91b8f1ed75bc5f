//! Archives, packages and compressed files, and what is in them where the beginning tells it.

use super::text::printable;
use super::{Archive, Inside, Signature, inflate};

/// Magic bytes at a file's beginning that say all.
const MAGIC: &[(&[u8], Archive)] = &[
    (b"\xfd7zXZ\0", Archive::Xz),
    (b"\x28\xb5\x2f\xfd", Archive::Zstd),
    (b"BZh", Archive::Bzip2),
    (b"\x04\x22\x4d\x18", Archive::Lz4),
    (b"LZIP", Archive::Lzip),
    (b"\x1f\x9d", Archive::Compress),
    (b"7z\xbc\xaf\x27\x1c", Archive::SevenZip),
    (b"Rar!\x1a\x07", Archive::Rar),
    (b"070701", Archive::Cpio),
    (b"070707", Archive::Cpio),
    (b"!<arch>\ndebian-binary", Archive::Deb),
    (b"ADBd", Archive::Apk),
    (b"ADB.", Archive::Apk),
    (b"hsqs", Archive::Squashfs),
];

/// Names the archive; `head` are the first bytes of the file.
pub(super) fn name(head: &[u8]) -> Option<Signature> {
    if let Some((_, format)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(Signature::Archive { format: *format, inside: None });
    }
    let (format, first) = match head {
        [0x1f, 0x8b, ..] => return Some(gzip(head)),
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => zip(head),
        [0xed, 0xab, 0xee, 0xdb, ..] => (Archive::Rpm, c_string(head, 10, 66)),
        _ if head.starts_with(b"!<arch>\n") => (Archive::Ar, members(head)),
        _ if head.get(257..262) == Some(b"ustar") => (Archive::Tar, c_string(head, 0, 100)),
        _ => return None,
    };
    let inside = first.filter(|name| !name.is_empty()).map(|name| Inside::First(printable(name)));
    Some(Signature::Archive { format, inside })
}

/// A gzip file is named by what it was made of: a tar archive most often, an Alpine package, a program.
fn gzip(head: &[u8]) -> Signature {
    let unpacked = inflate::gzip(head, super::HEAD).unwrap_or_default();
    let size = if unpacked.whole { unpacked.head.len() as u64 } else { u64::MAX };
    let plain = |inside| Signature::Archive { format: Archive::Gzip, inside };
    let content = match &unpacked.head[..] {
        // A gzip file in a gzip file is left alone, and so is one in that.
        [] | [0x1f, 0x8b, ..] => None,
        head => Some(Signature::of(head, size)).filter(|content| *content != Signature::Binary),
    };
    match content {
        Some(Signature::Archive { format: Archive::Tar, inside: Some(Inside::First(name)) })
            if name.starts_with(".SIGN.") || name.starts_with(".PKGINFO") =>
        {
            Signature::Archive { format: Archive::Apk, inside: None }
        }
        Some(content) => plain(Some(Inside::Content(Box::new(content)))),
        None if unpacked.name.is_empty() => plain(None),
        None => plain(Some(Inside::First(printable(&unpacked.name)))),
    }
}

/// The kind of a zip file by the names in it, and the first of them (APPNOTE.TXT 4.3.7).
fn zip(head: &[u8]) -> (Archive, Option<&[u8]>) {
    let length = head.get(26..28).map_or(0, |bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]])));
    let first = head.get(30..).map(|rest| &rest[..length.min(rest.len())]);
    let holds = |name: &[u8]| head.windows(name.len()).any(|window| window == name);
    let format = if holds(b"AndroidManifest.xml") {
        Archive::Android
    } else if holds(b"META-INF/") {
        Archive::Jar
    } else {
        Archive::Zip
    };
    (format, first.filter(|_| head[2] == 3))
}

/// The first file of an ar archive that is no symbol table and no list of long names (ar(5)).
fn members(head: &[u8]) -> Option<&[u8]> {
    let mut at = 8;
    for _ in 0..3 {
        let name = head.get(at..at + 16)?.trim_ascii_end();
        if !name.starts_with(b"/") {
            return Some(name.strip_suffix(b"/").unwrap_or(name));
        }
        let size = std::str::from_utf8(head.get(at + 48..at + 58)?).ok()?.trim_ascii_end();
        at = at.checked_add(60)?.checked_add(size.parse::<usize>().ok()?.checked_next_multiple_of(2)?)?;
    }
    None
}

/// The text at an offset, up to a NUL or `length` bytes.
fn c_string(head: &[u8], at: usize, length: usize) -> Option<&[u8]> {
    let field = head.get(at..)?;
    let field = &field[..length.min(field.len())];
    Some(&field[..field.iter().position(|byte| *byte == 0).unwrap_or(field.len())])
}
