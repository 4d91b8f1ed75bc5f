//! Scripts, texts and what web servers answer instead of a file.

use super::{Before, Encoding, Language, Signature};
use crate::{binfmt_script, exec};

/// Characters of a file that a sentence quotes at most.
const QUOTED: usize = 80;

pub(super) fn name(head: &[u8], size: u64) -> Option<Signature> {
    encoded(head).or_else(|| script(head)).or_else(|| plain(head, size))
}

/// UTF-16, and UTF-8 with a mark.
fn encoded(head: &[u8]) -> Option<Signature> {
    let marks: [(&[u8], &[u8], Encoding); 3] = [
        (b"\xef\xbb\xbf", b"#!", Encoding::Utf8),
        (b"\xff\xfe", b"#\0!\0", Encoding::Utf16LittleEndian),
        (b"\xfe\xff", b"\0#\0!", Encoding::Utf16BigEndian),
    ];
    for (mark, shebang, encoding) in marks {
        if let Some(rest) = head.strip_prefix(mark) {
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
    let interpreter = binfmt_script::parse(&start).map_or(Vec::new(), |line| line.interpreter.to_vec());
    Some(Signature::Script { interpreter, crlf: first_line(head).ends_with(b"\r") })
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
        let size = lines(head)
            .find_map(|line| std::str::from_utf8(line.strip_prefix(b"size ")?).ok()?.trim().parse().ok());
        return Some(Signature::GitLfsPointer { size });
    }
    let trimmed = head.trim_ascii_start();
    web_answer(trimmed, size)
        .or_else(|| misplaced_shebang(head, trimmed))
        .or_else(|| link_as_text(head, size))
        .or_else(|| Some(Signature::Text { language: language(head) }))
}

/// HTML, XML, JSON and one-line errors.
fn web_answer(text: &[u8], size: u64) -> Option<Signature> {
    let begins = |with: &[u8]| text.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    if begins(b"<!doctype html") || begins(b"<html") || begins(b"<head") || begins(b"<body") {
        return Some(Signature::Html { title: between(text, b"<title>", b"</title>") });
    }
    if begins(b"<?xml") && find(text, b"<html").is_some() {
        return Some(Signature::Html { title: between(text, b"<title>", b"</title>") });
    }
    if begins(b"<?xml") || begins(b"<error>") {
        return Some(Signature::Xml { code: between(text, b"<code>", b"</code>") });
    }
    if looks_like_json(text) {
        return Some(Signature::Json { message: json_message(text) });
    }
    let line = text.trim_ascii();
    let errors: [&[u8]; 12] = [
        b"not found",
        b"404",
        b"403",
        b"500",
        b"502",
        b"503",
        b"forbidden",
        b"access denied",
        b"unauthorized",
        b"bad gateway",
        b"internal server error",
        b"service unavailable",
    ];
    let short = size < 128 && !line.contains(&b'\n');
    let says = |error: &&[u8]| line.get(..error.len()).is_some_and(|start| start.eq_ignore_ascii_case(error));
    (short && errors.iter().any(says)).then(|| Signature::ErrorText { text: printable(line) })
}

fn looks_like_json(text: &[u8]) -> bool {
    let inside = |open: u8| text.first() == Some(&open);
    let next = text.get(1..).unwrap_or_default().trim_ascii_start().first();
    (inside(b'{') && matches!(next, Some(b'"' | b'}')))
        || (inside(b'[') && matches!(next, Some(b'{' | b'"' | b']')))
}

/// The string that a JSON document holds under `message`, `error` or the like. No JSON parser: a first guess at the
/// bytes is enough for a sentence.
fn json_message(text: &[u8]) -> Option<String> {
    let keys: [&[u8]; 5] = [b"\"message\"", b"\"error\"", b"\"detail\"", b"\"msg\"", b"\"Message\""];
    keys.iter().find_map(|key| {
        let rest = &text[find(text, key)? + key.len()..];
        let rest = rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
        Some(printable(&rest[..rest.iter().position(|byte| *byte == b'"')?]))
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

/// One short line that is only a path (git's `core.symlinks=false`).
fn link_as_text(head: &[u8], size: u64) -> Option<Signature> {
    let line = head.trim_ascii_end();
    let path =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'+' | b'@');
    let is_path = size <= 256 && line.contains(&b'/') && line.iter().all(path);
    is_path.then(|| Signature::LinkAsText { target: printable(line) })
}

/// Words by which a language is known, as they begin a line or stand in it.
const MARKS: &[(Language, &[&str], &[&str])] = &[
    (Language::Php, &["<?php", "<?="], &[]),
    (
        Language::Python,
        &["import ", "from ", "def ", "class ", "print(", "if __name__", "async def ", "elif ", "except"],
        &["__main__"],
    ),
    (
        Language::Node,
        &[
            "const ",
            "let ",
            "var ",
            "function ",
            "'use strict'",
            "\"use strict\"",
            "module.exports",
            "console.",
            "export ",
        ],
        &["require(", "=> {", "process.env", "console.log("],
    ),
    (Language::Perl, &["use strict", "use warnings", "my $", "my @", "my %", "sub "], &["->new("]),
    (Language::Ruby, &["require '", "require \"", "require_relative", "puts ", "module ", "end"], &[" do |"]),
    (
        Language::Shell,
        &[
            "set -", "exec ", "echo ", "export ", "if [", "fi", "done", "cd ", "source ", ". /", "while ",
            "case ", "esac", "sh ", "sleep ",
        ],
        &["$@", "$1", "; then", "$(", "&&", "${"],
    ),
];

fn language(head: &[u8]) -> Language {
    let text = String::from_utf8_lossy(head);
    let score = |starts: &[&str], words: &[&str]| {
        let of_line = |line: &str| {
            let line = line.trim_start();
            let start = starts.iter().any(|start| line.starts_with(start));
            usize::from(start) + words.iter().filter(|word| line.contains(**word)).count()
        };
        text.lines().take(100).map(of_line).sum::<usize>()
    };
    let scores = MARKS.iter().map(|(language, starts, words)| (score(starts, words), *language));
    // Of equals the last: a shell's words are the most particular in short files.
    scores
        .filter(|(score, _)| *score > 0)
        .max_by_key(|(score, _)| *score)
        .map_or(Language::Unknown, |best| best.1)
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
        let hidden = matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}');
        if character.is_control() || hidden || character == '"' {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The text between two marks (lower case ones; letter case does not count).
fn between(text: &[u8], open: &[u8], close: &[u8]) -> Option<String> {
    let start = find(text, open)? + open.len();
    let rest = &text[start..];
    Some(printable(&rest[..find(rest, close).unwrap_or(rest.len())])).filter(|found| !found.is_empty())
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window.eq_ignore_ascii_case(what))
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
}

fn first_line(text: &[u8]) -> &[u8] {
    lines(text).next().unwrap_or_default()
}
