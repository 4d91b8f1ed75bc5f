//! A Rust file with everything blanked out that is no production code: comments, literals, test modules.

use std::path::{Path, PathBuf};

/// One file, read for what it does.
pub(super) struct Source {
    /// Relative to the workspace.
    pub(super) path: PathBuf,
    /// The code; positions and lines are those of the file.
    pub(super) code: String,
    /// How many lines belong to tests.
    pub(super) test_lines: usize,
}

impl Source {
    /// Reads a file's text.
    pub(super) fn new(path: &Path, text: &str) -> Self {
        let mut code = without_literals(text);
        let mut test_lines = 0;
        while let Some(start) = find(&code, b"#[cfg(test)]") {
            let end = end_of_item(&code, start);
            test_lines += code[start..end].iter().filter(|byte| **byte == b'\n').count() + 1;
            blank(&mut code, start, end);
        }
        // Only whole characters were blanked, so this replaces nothing.
        let code = String::from_utf8_lossy(&code).into_owned();
        Self { path: path.to_owned(), code, test_lines }
    }

    /// The number of the line at a position.
    pub(super) fn line(&self, position: usize) -> usize {
        self.code[..position].matches('\n').count() + 1
    }

    /// The file's length without tests.
    pub(super) fn length(&self) -> usize {
        self.code.lines().count() - self.test_lines
    }

    /// Every word of the code with its position.
    pub(super) fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        let start = self.code.as_ptr() as usize;
        let words = self.code.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        words.filter(|word| !word.is_empty()).map(move |word| (word.as_ptr() as usize - start, word))
    }

    /// Where the block ends that begins after `position`; none if a `;` ends the item first.
    pub(super) fn end_of_block(&self, position: usize) -> Option<usize> {
        let end = end_of_item(self.code.as_bytes(), position);
        (self.code.as_bytes().get(end.wrapping_sub(1)) == Some(&b'}')).then_some(end)
    }
}

fn find(code: &[u8], needle: &[u8]) -> Option<usize> {
    code.windows(needle.len()).position(|window| window == needle)
}

fn blank(code: &mut [u8], start: usize, end: usize) {
    for byte in &mut code[start..end] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

/// An item ends with its closing brace, or with a semicolon outside of all brackets.
fn end_of_item(code: &[u8], start: usize) -> usize {
    let (mut braces, mut brackets) = (0_usize, 0_usize);
    for (offset, byte) in code[start..].iter().enumerate() {
        match byte {
            b'{' => braces += 1,
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets = brackets.saturating_sub(1),
            b'}' if braces <= 1 => return start + offset + 1,
            b'}' => braces -= 1,
            b';' if braces == 0 && brackets == 0 => return start + offset + 1,
            _ => {}
        }
    }
    code.len()
}

/// Blanks comments and the contents of literals.
fn without_literals(text: &str) -> Vec<u8> {
    let mut code = text.as_bytes().to_vec();
    let mut at = 0;
    while at < code.len() {
        let end = end_of_literal(text.as_bytes(), at);
        match end {
            Some(end) => {
                blank(&mut code, at, end);
                at = end;
            }
            None => at += 1,
        }
    }
    code
}

/// If a comment or a literal starts here, where it ends.
fn end_of_literal(text: &[u8], at: usize) -> Option<usize> {
    let rest = &text[at..];
    let within_word = at > 0 && (text[at - 1].is_ascii_alphanumeric() || text[at - 1] == b'_');
    match rest {
        [b'/', b'/', ..] => Some(at + find(rest, b"\n").unwrap_or(rest.len())),
        [b'/', b'*', ..] => Some(at + end_of_comment(rest)),
        [b'r', b'"' | b'#', ..] if !within_word => raw_string(rest).map(|end| at + end),
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !within_word => {
            raw_string(&rest[1..]).map(|end| at + 1 + end)
        }
        [b'"', ..] => Some(at + quoted(rest, b'"')),
        // A lifetime has no second quote after its first letter.
        [b'\'', b'\\', ..] => Some(at + quoted(rest, b'\'')),
        [b'\'', ..] => character(rest).map(|end| at + end),
        _ => None,
    }
}

fn end_of_comment(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at + 1 < rest.len() {
        match &rest[at..at + 2] {
            b"/*" => depth += 1,
            b"*/" if depth == 1 => return at + 2,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
    }
    rest.len()
}

fn raw_string(rest: &[u8]) -> Option<usize> {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return None;
    }
    let close = [b"\"", &rest[1..1 + hashes]].concat();
    let body = 2 + hashes;
    Some(find(&rest[body..], &close).map_or(rest.len(), |end| body + end + close.len()))
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

fn character(rest: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(&rest[1..rest.len().min(8)])
        .or_else(|error| std::str::from_utf8(&rest[1..1 + error.valid_up_to()]));
    let length = text.ok()?.chars().next()?.len_utf8();
    (rest.get(1 + length) == Some(&b'\'')).then_some(length + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source::new(Path::new("a.rs"), text).code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_literals_are_blank() {
        assert_eq!(code("a /* x /* y */ z */ b // c\nd"), "a b d");
        assert_eq!(code(r##"f("std::fs \" x", r#"a " b"#, b"c", '"', '\'', 'a)"##), "f( , , b , , , 'a)");
        assert_eq!(code("fn f<'a>(x: &'a str) -> char { 'é' }"), "fn f<'a>(x: &'a str) -> char { }");
    }

    #[test]
    fn test_modules_are_blank_and_lines_stay() {
        let source = Source::new(
            Path::new("a.rs"),
            "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { }\n}\nfn c() {}\n",
        );
        assert_eq!(source.code.split_whitespace().collect::<Vec<_>>().join(" "), "fn a() {} fn c() {}");
        assert_eq!((source.length(), source.line(source.code.find("fn c").unwrap())), (2, 6));
        assert_eq!(code("#[cfg(test)]\nmod tests;\nfn a() {}"), "fn a() {}");
    }
}
