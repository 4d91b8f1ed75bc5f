//! The tokens of a shell text: words with their expansions, operators, line ends (POSIX XCU 2.3 Token Recognition).

use std::ops::Range;

/// A piece of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Text as it stands, and whether it was quoted.
    Text(Vec<u8>, bool),
    /// `$name`, `${name...}`: what stands inside, and whether it was in double quotes.
    Parameter(Vec<u8>, bool),
    /// `$(command)`.
    Command(Vec<u8>),
    /// What is not read: arithmetic, `$'...'`, `~`.
    Unread,
}

/// A word.
pub(super) type Word = Vec<Part>;

/// What a text is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A word.
    Word(Word),
    /// An operator, the longest that fits.
    Operator(&'static str),
    /// The end of a line.
    Newline,
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
}

/// Longest first.
const OPERATORS: [&str; 20] = [
    "<<<", "<<-", ";;&", "&>>", "&&", "||", ";;", ";&", "<<", ">>", "<&", ">&", "<>", ">|", "&>", "|&", "|",
    "&", ";", "(",
];
const MORE_OPERATORS: [&str; 3] = [")", "<", ">"];
/// More tokens than a text of the size that is read can sensibly have.
const MOST: usize = 32 * 1024;

/// The tokens of a text; `None` where it breaks off inside a quotation or has too many.
pub(super) fn tokens(text: &[u8]) -> Option<Vec<Token>> {
    let mut reader = Reader { text, at: 0, here_documents: Vec::new() };
    let mut tokens: Vec<Token> = Vec::new();
    while let Some(token) = reader.next()? {
        if let (Kind::Word(word), Some(Kind::Operator(before @ ("<<" | "<<-")))) =
            (&token.kind, tokens.last().map(|token| &token.kind))
        {
            reader.here_documents.push((literal(word)?, *before == "<<-"));
        }
        tokens.push(token);
        if tokens.len() > MOST {
            return None;
        }
    }
    Some(tokens)
}

/// A word without expansions, quotes removed.
pub(super) fn literal(word: &[Part]) -> Option<Vec<u8>> {
    let parts =
        word.iter().map(|part| if let Part::Text(text, _) = part { Some(text.as_slice()) } else { None });
    Some(parts.collect::<Option<Vec<_>>>()?.concat())
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// Delimiters of the here-documents that begin after this line, and whether tabs before them count.
    here_documents: Vec<(Vec<u8>, bool)>,
}

impl Reader<'_> {
    fn rest(&self) -> &[u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The next token; the inner `None` at the end.
    fn next(&mut self) -> Option<Option<Token>> {
        loop {
            match self.rest() {
                [b' ' | b'\t' | b'\r', ..] => self.at += 1,
                [b'\\', b'\n', ..] => self.at += 2,
                [b'#', ..] => self.at += self.rest().iter().take_while(|byte| **byte != b'\n').count(),
                _ => break,
            }
        }
        let start = self.at;
        let Some(byte) = self.peek() else { return Some(None) };
        let kind = if byte == b'\n' {
            self.at += 1;
            self.pass_here_documents();
            Kind::Newline
        } else if let (Some(operator), false) = (
            self.operator(),
            self.rest().get(1) == Some(&b'(') && byte != b'(' && matches!(byte, b'<' | b'>'),
        ) {
            self.at += operator.len();
            Kind::Operator(operator)
        } else {
            Kind::Word(self.word()?)
        };
        Some(Some(Token { kind, span: start..self.at }))
    }

    fn operator(&self) -> Option<&'static str> {
        let mut all = OPERATORS.iter().chain(&MORE_OPERATORS);
        all.find(|operator| self.rest().starts_with(operator.as_bytes())).copied()
    }

    fn pass_here_documents(&mut self) {
        for (delimiter, tabs) in std::mem::take(&mut self.here_documents) {
            while self.at < self.text.len() {
                let length = self.rest().iter().position(|byte| *byte == b'\n').unwrap_or(self.rest().len());
                let line = &self.rest()[..length];
                let tab = if tabs { line.iter().take_while(|byte| **byte == b'\t').count() } else { 0 };
                let end = line[tab..] == delimiter[..];
                self.at = (self.at + length + 1).min(self.text.len());
                if end {
                    break;
                }
            }
        }
    }

    fn word(&mut self) -> Option<Word> {
        let mut word = Word::new();
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | b'|' | b'&' | b';' | b'(' | b')' => break,
                b'<' | b'>' if self.rest().get(1) != Some(&b'(') => break,
                b'<' | b'>' => {
                    self.at += 2;
                    self.balanced(b'(', b')')?;
                    word.push(Part::Unread);
                }
                b'\'' => {
                    let length = self.rest()[1..].iter().position(|byte| *byte == b'\'')?;
                    word.push(Part::Text(self.rest()[1..=length].to_vec(), true));
                    self.at += length + 2;
                }
                b'"' => {
                    self.at += 1;
                    self.double_quoted(&mut word)?;
                }
                b'\\' => {
                    let escaped = self.rest().get(1).copied();
                    self.at += 1 + usize::from(escaped.is_some());
                    if let Some(escaped) = escaped.filter(|byte| *byte != b'\n') {
                        push_text(&mut word, escaped, true);
                    }
                }
                b'$' | b'`' => self.expansion(&mut word, false)?,
                b'~' if word.is_empty() => {
                    self.at += 1;
                    word.push(Part::Unread);
                }
                _ => {
                    self.at += 1;
                    push_text(&mut word, byte, false);
                }
            }
        }
        Some(word)
    }

    fn double_quoted(&mut self, word: &mut Word) -> Option<()> {
        // "" is an empty word, not none.
        word.push(Part::Text(Vec::new(), true));
        loop {
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => {
                    let escaped = *self.rest().get(1)?;
                    self.at += 2;
                    match escaped {
                        b'\n' => {}
                        b'$' | b'`' | b'"' | b'\\' => push_text(word, escaped, true),
                        _ => {
                            push_text(word, b'\\', true);
                            push_text(word, escaped, true);
                        }
                    }
                }
                b'$' | b'`' => self.expansion(word, true)?,
                byte => {
                    self.at += 1;
                    push_text(word, byte, true);
                }
            }
        }
    }

    /// `$...` or a command in backquotes.
    fn expansion(&mut self, word: &mut Word, quoted: bool) -> Option<()> {
        let name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        let part = match self.rest() {
            [b'`', ..] => {
                let length = self.rest()[1..].iter().position(|byte| *byte == b'`')?;
                let command = self.rest()[1..=length].to_vec();
                self.at += length + 2;
                Part::Command(command)
            }
            [b'$', b'(', b'(', ..] => {
                self.at += 2;
                self.balanced(b'(', b')')?;
                Part::Unread
            }
            [b'$', b'(', ..] => {
                self.at += 2;
                Part::Command(self.balanced(b'(', b')')?)
            }
            [b'$', b'{', ..] => {
                self.at += 2;
                Part::Parameter(self.balanced(b'{', b'}')?, quoted)
            }
            [b'$', byte, ..] if name(byte) && !byte.is_ascii_digit() => {
                let length = self.rest()[1..].iter().take_while(|byte| name(byte)).count();
                let parameter = self.rest()[1..=length].to_vec();
                self.at += 1 + length;
                Part::Parameter(parameter, quoted)
            }
            [b'$', byte, ..] if byte.is_ascii_digit() || b"@*#?-$!".contains(byte) => {
                let parameter = vec![*byte];
                self.at += 2;
                Part::Parameter(parameter, quoted)
            }
            [b'$', b'\'' | b'"', ..] if !quoted => {
                self.at += 1;
                Part::Unread
            }
            _ => {
                self.at += 1;
                Part::Text(b"$".to_vec(), quoted)
            }
        };
        word.push(part);
        Some(())
    }

    /// What stands up to the bracket that closes the one just passed, quotations and nesting heeded.
    fn balanced(&mut self, open: u8, close: u8) -> Option<Vec<u8>> {
        let start = self.at;
        let mut depth = 1;
        let mut quote = None;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match (byte, quote) {
                (b'\\', None | Some(b'"')) => self.at += 1,
                (b'\'' | b'"', None) => quote = Some(byte),
                (byte, Some(mark)) if byte == mark => quote = None,
                (byte, None) if byte == open => depth += 1,
                (byte, None) if byte == close => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(self.text[start..self.at - 1].to_vec());
            }
        }
        None
    }
}

fn push_text(word: &mut Word, byte: u8, quoted: bool) {
    match word.last_mut() {
        Some(Part::Text(text, was_quoted)) if *was_quoted == quoted => text.push(byte),
        _ => word.push(Part::Text(vec![byte], quoted)),
    }
}
