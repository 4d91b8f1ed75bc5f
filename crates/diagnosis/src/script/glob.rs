//! Patterns of the shell (POSIX XCU 2.14).

/// Whether a whole text matches a pattern of `*`, `?`, `[...]` and `\`.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    // Where the last star stood, and how far it had reached: to be taken up again.
    let mut star: Option<(usize, usize)> = None;
    while place < text.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, place));
            at += 1;
        } else if let Some(next) = one(pattern, at, text[place]) {
            (at, place) = (next, place + 1);
        } else if let Some((begin, reached)) = star {
            star = Some((begin, reached + 1));
            (at, place) = (begin + 1, reached + 1);
        } else {
            return false;
        }
    }
    pattern.get(at..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

/// The place in the pattern after what matches this byte.
fn one(pattern: &[u8], at: usize, byte: u8) -> Option<usize> {
    match pattern.get(at..)? {
        [b'?', ..] => Some(at + 1),
        [b'\\', escaped, ..] => (*escaped == byte).then_some(at + 2),
        [b'[', rest @ ..] => {
            let negated = matches!(rest, [b'!' | b'^', ..]);
            let set = &rest[usize::from(negated)..];
            let length = 1 + set.get(1..)?.iter().position(|byte| *byte == b']')?;
            let inside = in_set(&set[..length], byte);
            (inside != negated).then_some(at + 2 + usize::from(negated) + length)
        }
        [own, ..] => (*own == byte).then_some(at + 1),
        [] => None,
    }
}

fn in_set(mut set: &[u8], byte: u8) -> bool {
    while let Some((first, rest)) = set.split_first() {
        if let [b'-', last, after @ ..] = rest {
            if (*first..=*last).contains(&byte) {
                return true;
            }
            set = after;
        } else if *first == byte {
            return true;
        } else {
            set = rest;
        }
    }
    false
}

/// What is left of a text without the prefix (or suffix) that matches, the shortest or the longest.
pub(super) fn cut(pattern: &[u8], text: &[u8], suffix: bool, longest: bool) -> Vec<u8> {
    let lengths = 0..=text.len();
    let fits = |length: &usize| {
        let piece = if suffix { &text[text.len() - length..] } else { &text[..*length] };
        matches(pattern, piece)
    };
    let length = if longest { lengths.rev().find(fits) } else { lengths.into_iter().find(fits) }.unwrap_or(0);
    if suffix { text[..text.len() - length].to_vec() } else { text[length..].to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text) in [
            ("-*", "-x"),
            ("*", ""),
            ("a?c", "abc"),
            ("[a-c]*", "bz"),
            ("*.sh", "x.sh"),
            ("[!-]*", "x"),
            ("\\*", "*"),
        ] {
            assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
        for (pattern, text) in
            [("-*", "x"), ("a?c", "ac"), ("[!-]*", "-x"), ("[", "x"), ("\\*", "x"), ("*a*b", "ba")]
        {
            assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
        assert_eq!(cut(b"-", b"-x", false, false), b"x");
        assert_eq!(cut(b"*/", b"/a/b/c", false, true), b"c");
        assert_eq!(cut(b"/*", b"/a/b/c", true, false), b"/a/b");
    }
}
