//! Conditions: what `[`, `test` and `[[` answer (POSIX test(1)), where that is known.

use super::glob;
use super::token::{Part, Word, literal};
use super::walk::State;

impl State {
    /// Whether a test command succeeds; `None` where it cannot be told, or this is none.
    pub(super) fn test(&mut self, words: &[Word]) -> Option<bool> {
        let name = literal(words.first()?)?;
        let words = match (&name[..], words) {
            (b"test", [_, rest @ ..]) => rest,
            (b"[" | b"[[", [_, rest @ .., _]) => rest,
            _ => return None,
        };
        self.either(words, name == b"[[")
    }

    /// Parts that `-o` (`||`) joins.
    fn either(&mut self, words: &[Word], pattern: bool) -> Option<bool> {
        let mut answer = Some(false);
        for part in words.split(|word| is(word, if pattern { b"||" } else { b"-o" })) {
            match (answer, self.all(part, pattern)) {
                (_, Some(true)) => return Some(true),
                (Some(false), part) => answer = part,
                (..) => answer = None,
            }
        }
        answer
    }

    /// Parts that `-a` (`&&`) joins.
    fn all(&mut self, words: &[Word], pattern: bool) -> Option<bool> {
        let mut answer = Some(true);
        for part in words.split(|word| is(word, if pattern { b"&&" } else { b"-a" })) {
            match (answer, self.primary(part, pattern)) {
                (_, Some(false)) => return Some(false),
                (Some(true), part) => answer = part,
                (..) => answer = None,
            }
        }
        answer
    }

    fn primary(&mut self, words: &[Word], pattern: bool) -> Option<bool> {
        match words {
            [not, rest @ ..] if is(not, b"!") && !rest.is_empty() => Some(!self.primary(rest, pattern)?),
            [left, sign, right] if pattern && (is(sign, b"=") || is(sign, b"==") || is(sign, b"!=")) => {
                let (text, right_text) = (self.text(left)?, self.text(right)?);
                let quoted = right.iter().all(|part| matches!(part, Part::Text(_, true)));
                let same = if quoted { text == right_text } else { glob::matches(&right_text, &text) };
                Some(same != is(sign, b"!="))
            }
            words => {
                let (fields, true) = self.fields(words) else { return None };
                compare(&fields)
            }
        }
    }
}

fn is(word: &[Part], text: &[u8]) -> bool {
    literal(word).is_some_and(|word| word == text)
        && word.iter().all(|part| matches!(part, Part::Text(_, false)))
}

fn compare(fields: &[Vec<u8>]) -> Option<bool> {
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    match fields[..] {
        [] => Some(false),
        [text] => Some(!text.is_empty()),
        [b"-n", text] => Some(!text.is_empty()),
        [b"-z", text] => Some(text.is_empty()),
        [left, b"=" | b"==", right] => Some(left == right),
        [left, b"!=", right] => Some(left != right),
        [left, sign, right] => {
            let number = |text: &[u8]| std::str::from_utf8(text).ok()?.trim().parse::<i64>().ok();
            let (left, right) = (number(left)?, number(right)?);
            Some(match sign {
                b"-eq" => left == right,
                b"-ne" => left != right,
                b"-lt" => left < right,
                b"-le" => left <= right,
                b"-gt" => left > right,
                b"-ge" => left >= right,
                _ => return None,
            })
        }
        _ => None,
    }
}
