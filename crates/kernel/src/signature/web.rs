//! What servers answer in place of a file: HTML, XML, JSON, a line of text.

use super::Signature;
use super::text::{find, printable};

/// How lines begin that servers send instead of a file, in lower case.
const ERRORS: &[&[u8]] = &[
    b"not found",
    b"page not found",
    b"file not found",
    b"no such file",
    b"404",
    b"400",
    b"401",
    b"403",
    b"410",
    b"429",
    b"500",
    b"502",
    b"503",
    b"504",
    b"http/",
    b"http error",
    b"error code",
    b"forbidden",
    b"access denied",
    b"access forbidden",
    b"accessdenied",
    b"unauthorized",
    b"unauthenticated",
    b"bad request",
    b"bad gateway",
    b"gateway time",
    b"internal server error",
    b"service unavailable",
    b"temporarily unavailable",
    b"too many requests",
    b"rate limit",
    b"api rate limit",
    b"moved permanently",
    b"upstream connect error",
    b"upstream request timeout",
    b"no healthy upstream",
    b"no server is available",
    b"default backend - 404",
    b"invalid token",
    b"gone",
];

/// Names a text that a server sent; `text` begins with no blank, `size` is that of the whole file.
pub(super) fn name(text: &[u8], size: u64) -> Option<Signature> {
    let markup = skip_comments(text);
    let begins = |with: &[u8]| markup.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    let pages: [&[u8]; 6] = [b"<!doctype html", b"<html", b"<head>", b"<body", b"<title", b"<meta "];
    if pages.iter().any(|page| begins(page)) || begins(b"<?xml") && find(markup, b"<html").is_some() {
        let title = element(markup, b"<title").or_else(|| element(markup, b"<h1"));
        return Some(Signature::Html { title });
    }
    if begins(b"<?xml") || begins(b"<error>") {
        let (code, message) = (element(markup, b"<code"), element(markup, b"<message"));
        return Some(Signature::Xml { code, message });
    }
    if looks_like_json(text) {
        return Some(Signature::Json { message: json_message(text) });
    }
    let line = text.trim_ascii();
    let short = size < 256 && line.iter().filter(|byte| **byte == b'\n').count() < 3;
    let says = |error: &&[u8]| line.get(..error.len()).is_some_and(|start| start.eq_ignore_ascii_case(error));
    (short && ERRORS.iter().any(says)).then(|| Signature::ErrorText { text: printable(line) })
}

/// What stands behind the comments and blanks at the beginning.
fn skip_comments(mut text: &[u8]) -> &[u8] {
    while text.starts_with(b"<!--") {
        let Some(end) = find(text, b"-->") else { return text };
        text = text[end + 3..].trim_ascii_start();
    }
    text
}

/// The text of the first element that begins with `tag` (`<title`, in lower case; letter case does not count).
fn element(text: &[u8], tag: &[u8]) -> Option<String> {
    let rest = &text[find(text, tag)? + tag.len()..];
    let rest = rest.strip_prefix(b">").or_else(|| {
        let attributes = rest.first().is_some_and(u8::is_ascii_whitespace);
        attributes.then(|| rest.iter().position(|byte| *byte == b'>').map(|end| &rest[end + 1..]))?
    })?;
    let end = rest.iter().position(|byte| *byte == b'<').unwrap_or(rest.len());
    let mut found = String::from_utf8_lossy(&rest[..end.min(1024)]).into_owned();
    for (entity, character) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&")]
    {
        found = found.replace(entity, character);
    }
    Some(printable(found.as_bytes())).filter(|found| !found.is_empty())
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
    let keys: [&[u8]; 7] = [
        b"\"message\"",
        b"\"error_description\"",
        b"\"error\"",
        b"\"detail\"",
        b"\"msg\"",
        b"\"reason\"",
        b"\"title\"",
    ];
    keys.iter().find_map(|key| {
        let rest = &text[find(text, key)? + key.len()..];
        json_string(rest.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?)
    })
}

/// A string behind its opening quotation mark, escapes undone.
fn json_string(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.iter();
    loop {
        match rest.next()? {
            b'"' => return Some(printable(&bytes)).filter(|found| !found.is_empty()),
            b'\\' => match rest.next()? {
                b'n' | b'r' | b't' => bytes.push(b' '),
                b'u' => {
                    let digits = rest.as_slice().get(..4)?;
                    let code = u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
                    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                    bytes.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = rest.as_slice()[4..].iter();
                }
                other => bytes.push(*other),
            },
            other => bytes.push(*other),
        }
    }
}
