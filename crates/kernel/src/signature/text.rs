//! Scripts, texts and what web servers answer instead of a file.

use super::{Before, Encoding, Signature, language, web};
use crate::{binfmt_script, exec};

/// Characters of a file that a sentence quotes at most.
const QUOTED: usize = 80;

pub(super) fn name(head: &[u8], size: u64) -> Option<Signature> {
    encoded(head, size).or_else(|| script(head)).or_else(|| plain(head, size))
}

/// UTF-16, and UTF-8 with a mark.
fn encoded(head: &[u8], size: u64) -> Option<Signature> {
    let marks: [(&[u8], &[u8], Encoding); 3] = [
        (b"\xef\xbb\xbf", b"#!", Encoding::Utf8),
        (b"\xff\xfe", b"#\0!\0", Encoding::Utf16LittleEndian),
        (b"\xfe\xff", b"\0#\0!", Encoding::Utf16BigEndian),
    ];
    for (mark, shebang, encoding) in marks {
        if let Some(rest) = head.strip_prefix(mark) {
            // Azure's storage marks the XML in which it says that a file is not there.
            if let Some(answer) = web::name(rest.trim_ascii_start(), size) {
                return Some(answer);
            }
            return Some(Signature::ByteOrderMark { encoding, shebang: rest.starts_with(shebang) });
        }
        if encoding != Encoding::Utf8 && head.starts_with(shebang) {
            return Some(Signature::Utf16Script { encoding });
        }
    }
    None
}

fn script(head: &[u8]) -> Option<Signature> {
    if !head.starts_with(b"#!") {
        return None;
    }
    let mut start = [0; exec::HEAD];
    let length = head.len().min(exec::HEAD);
    start[..length].copy_from_slice(&head[..length]);
    let crlf = first_line(head).ends_with(b"\r");
    Some(match binfmt_script::parse(&start) {
        Ok(line) => Signature::Script { interpreter: line.interpreter.to_vec(), crlf },
        Err(_) if first_line(head).len() >= exec::HEAD => Signature::LongShebang,
        Err(_) => Signature::Script { interpreter: Vec::new(), crlf },
    })
}

/// Text of one byte a character.
fn plain(head: &[u8], size: u64) -> Option<Signature> {
    if !head
        .iter()
        .all(|byte| *byte >= 0x20 && *byte != 0x7f || matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b))
    {
        return None;
    }
    if head.starts_with(b"version https://git-lfs.github.com/spec/") {
        let field = |name: &[u8]| lines(head).find_map(|line| line.strip_prefix(name)).map(printable);
        let size = field(b"size ").and_then(|size| size.parse().ok());
        return Some(Signature::GitLfsPointer { size, oid: field(b"oid ") });
    }
    let trimmed = head.trim_ascii_start();
    let named = web::name(trimmed, size).or_else(|| misplaced_shebang(head, trimmed));
    named.or_else(|| link_as_text(head, size)).or_else(|| {
        Some(match language::of(head) {
            Ok(language) => Signature::Text { language },
            Err(language) => Signature::Source { language },
        })
    })
}

/// A `#!` that is not at the very beginning, or lacks one of its two characters.
fn misplaced_shebang(head: &[u8], trimmed: &[u8]) -> Option<Signature> {
    let line = printable(first_line(trimmed));
    if trimmed.starts_with(b"#!") {
        let blank_line = head[..head.len() - trimmed.len()].contains(&b'\n');
        let before = if blank_line { Before::BlankLine } else { Before::Blanks };
        return Some(Signature::LateShebang { before, line });
    }
    let broken: [&[u8]; 6] = [b"#/", b"!/", b"# !", b"#\\!", b"!#", b"# /"];
    if broken.iter().any(|start| trimmed.starts_with(start)) && find(first_line(trimmed), b"bin/").is_some() {
        return Some(Signature::BrokenShebang { line });
    }
    let late = lines(head).take(20).find(|line| line.starts_with(b"#!/"))?;
    Some(Signature::LateShebang { before: Before::Lines, line: printable(late) })
}

/// A path and nothing else, no newline either: so git writes a link where it is told that there are none
/// (git-config(1) core.symlinks).
fn link_as_text(line: &[u8], size: u64) -> Option<Signature> {
    let path =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'+' | b'@');
    let is_path = size <= 256 && line.contains(&b'/') && line.iter().all(path);
    is_path.then(|| Signature::LinkAsText { target: printable(line) })
}

/// Makes bytes of a file fit to be shown: one line, no control or direction characters, not too long.
pub(super) fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let words = text.split([' ', '\n', '\t']).filter(|word| !word.is_empty());
    let mut shown = String::new();
    for character in words.flat_map(|word| " ".chars().chain(word.chars())).skip(1) {
        if shown.chars().count() >= QUOTED {
            shown.push_str("...");
            break;
        }
        let hidden = matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}' | '\u{2028}' | '\u{2029}');
        if character.is_control() || hidden || character == '"' {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Where one text stands in another; letter case does not count.
pub(super) fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window.eq_ignore_ascii_case(what))
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

fn first_line(text: &[u8]) -> &[u8] {
    lines(text).next().unwrap_or_default()
}
