//! What the words of a script come to (POSIX XCU 2.6 Word Expansions), as far as that is known.

use super::glob;
use super::token::{Kind, Part, Word, literal, tokens};
use super::walk::State;

/// A parameter's value: not known, not set, or set.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Unknown,
    Unset,
    Set(Vec<u8>),
}

/// Longest text that an expansion may come to.
const LONGEST: usize = 1 << 20;

impl State {
    /// The fields of these words up to the first that is not known, and whether that is all of them.
    pub(super) fn fields(&mut self, words: &[Word]) -> (Vec<Vec<u8>>, bool) {
        let mut fields = Vec::new();
        let mut length = 0;
        for word in words {
            let Some(more) = self.expand(word) else { return (fields, false) };
            length += more.iter().map(Vec::len).sum::<usize>() + more.len();
            if length > LONGEST {
                return (fields, false);
            }
            fields.extend(more);
        }
        (fields, true)
    }

    /// The one text that a word comes to where it is not split.
    pub(super) fn text(&mut self, word: &[Part]) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        for part in word {
            match part {
                Part::Text(piece, _) => text.extend(piece),
                Part::Parameter(inside, _) if matches!(&inside[..], b"@" | b"*") => {
                    text.extend(self.positional.as_ref()?.join(&b' '));
                }
                Part::Parameter(inside, _) => text.extend(self.parameter(inside)?),
                Part::Command(command) => text.extend(self.output(command)?),
                Part::Unread => return None,
            }
        }
        (text.len() <= LONGEST).then_some(text)
    }

    fn expand(&mut self, word: &[Part]) -> Option<Vec<Vec<u8>>> {
        if let [Part::Text(empty, true), Part::Parameter(all, true)] = word
            && empty.is_empty()
            && &all[..] == b"@"
        {
            return self.positional.clone();
        }
        let unquoted = |part: &Part| matches!(part, Part::Parameter(_, false) | Part::Command(_));
        let has_pattern = |part: &Part| matches!(part, Part::Text(text, false) if text.iter().any(|byte| b"*?[".contains(byte)));
        // A lone bracket is the test command, no pattern.
        if word.iter().any(has_pattern) && literal(word).is_none_or(|text| !matches!(&text[..], b"[" | b"[["))
        {
            return None;
        }
        let text = self.text(word)?;
        if !word.iter().any(unquoted) {
            return Some(vec![text]);
        }
        if text.iter().any(|byte| b"*?[\\".contains(byte)) {
            return None;
        }
        let fields = text.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
        let fields: Vec<Vec<u8>> = fields.map(<[u8]>::to_vec).collect();
        // A quoted piece beside it would keep blanks together.
        (word.len() == 1 || fields.len() == 1).then_some(fields)
    }

    fn value(&mut self, name: &[u8]) -> Value {
        if let Ok(number) = std::str::from_utf8(name).unwrap_or_default().parse::<usize>() {
            return match (number, &self.positional) {
                (0, _) => Value::Set(self.zero.clone()),
                (_, None) => Value::Unknown,
                (number, Some(all)) => {
                    all.get(number - 1).map_or(Value::Unset, |value| Value::Set(value.clone()))
                }
            };
        }
        match name {
            b"#" => match &self.positional {
                Some(all) => Value::Set(all.len().to_string().into_bytes()),
                None => Value::Unknown,
            },
            b"BASH_SOURCE" => Value::Set(self.zero.clone()),
            b"PATH" => self.path.clone().map_or(Value::Unknown, Value::Set),
            b"PWD" => self.cwd.clone().map_or(Value::Unknown, Value::Set),
            b"UID" | b"EUID" => Value::Set(self.uid.to_string().into_bytes()),
            _ => match self.variables.get(name) {
                Some(Some(value)) => Value::Set(value.clone()),
                Some(None) => Value::Unknown,
                None if OF_THE_SHELL.contains(&name) || name.iter().any(|byte| !is_name(*byte)) => {
                    Value::Unknown
                }
                None => {
                    // What is not set in the definition might be set by the platform.
                    self.certain = false;
                    Value::Unset
                }
            },
        }
    }

    /// `$name` or what stands in `${...}`.
    fn parameter(&mut self, inside: &[u8]) -> Option<Vec<u8>> {
        if let [b'#', rest @ ..] = inside
            && !rest.is_empty()
        {
            let Value::Set(value) = self.value(rest) else { return None };
            return Some(value.len().to_string().into_bytes());
        }
        let special = matches!(inside.first(), Some(byte) if !is_name(*byte));
        let length = if special { 1 } else { inside.iter().take_while(|byte| is_name(**byte)).count() };
        let (name, operator) = inside.split_at_checked(length)?;
        let operator = operator.strip_prefix(b"[0]").unwrap_or(operator);
        let value = self.value(name);
        let (colon, word) = match operator {
            [b':', rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let is_there = match &value {
            Value::Unknown => return None,
            Value::Unset => false,
            Value::Set(text) => !(colon && text.is_empty()),
        };
        let text = if let Value::Set(text) = value { text } else { Vec::new() };
        match word {
            [] if !colon => Some(text),
            [b'-' | b'=', word @ ..] => {
                if is_there {
                    Some(text)
                } else {
                    self.inner_word(word)
                }
            }
            [b'+', word @ ..] => {
                if is_there {
                    self.inner_word(word)
                } else {
                    Some(Vec::new())
                }
            }
            [b'?', ..] => is_there.then_some(text),
            [b'#', b'#', pattern @ ..] => Some(glob::cut(&self.inner_word(pattern)?, &text, false, true)),
            [b'#', pattern @ ..] => Some(glob::cut(&self.inner_word(pattern)?, &text, false, false)),
            [b'%', b'%', pattern @ ..] => Some(glob::cut(&self.inner_word(pattern)?, &text, true, true)),
            [b'%', pattern @ ..] => Some(glob::cut(&self.inner_word(pattern)?, &text, true, false)),
            part if colon => substring(&text, part),
            _ => None,
        }
    }

    /// A word inside `${...}`.
    fn inner_word(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        self.depth += 1;
        let read = if self.depth > 8 { None } else { tokens(text) };
        let expanded = match read.as_deref() {
            Some([]) => Some(Vec::new()),
            Some([token]) => match &token.kind {
                Kind::Word(word) => self.text(word),
                _ => None,
            },
            _ => None,
        };
        self.depth -= 1;
        expanded
    }

    /// What a command prints, for the few that are known.
    fn output(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        let read = tokens(command)?;
        let words =
            read.into_iter().map(|token| if let Kind::Word(word) = token.kind { Some(word) } else { None });
        let words = words.collect::<Option<Vec<Word>>>()?;
        let (fields, true) = self.fields(&words) else { return None };
        let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
        match fields[..] {
            [b"id", b"-u"] => Some(self.uid.to_string().into_bytes()),
            [b"pwd"] => self.cwd.clone(),
            [b"dirname", path] | [b"dirname", b"--", path] => Some(directory_of(path).to_vec()),
            [b"basename", path] | [b"basename", b"--", path] => {
                path.rsplit(|byte| *byte == b'/').next().map(<[u8]>::to_vec)
            }
            _ => None,
        }
    }
}

/// Variables that shells set themselves.
const OF_THE_SHELL: [&[u8]; 12] = [
    b"HOME",
    b"HOSTNAME",
    b"IFS",
    b"OLDPWD",
    b"PPID",
    b"RANDOM",
    b"SECONDS",
    b"SHLVL",
    b"SHELL",
    b"LINENO",
    b"FUNCNAME",
    b"OSTYPE",
];

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// `offset` or `offset:length` of bash.
fn substring(text: &[u8], part: &[u8]) -> Option<Vec<u8>> {
    let mut numbers =
        std::str::from_utf8(part).ok()?.split(':').map(|number| number.trim().parse::<usize>().ok());
    let start = numbers.next()??.min(text.len());
    let length = match numbers.next() {
        Some(length) => length?,
        None => text.len(),
    };
    Some(text[start..start.saturating_add(length).min(text.len())].to_vec())
}

fn directory_of(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) => b"/",
        Some(at) => &path[..at],
        None => b".",
    }
}
