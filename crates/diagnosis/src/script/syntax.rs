//! The commands of a shell text (POSIX XCU 2.10 Shell Grammar), as far as a hand-over may hang on them.

use super::token::{Kind, Part, Token, Word, literal, tokens};
use std::ops::Range;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Simple(Simple),
    /// Conditions with what they guard, and what is done else.
    If(Vec<(Vec<Node>, Vec<Node>)>, Vec<Node>),
    Case(Word, Vec<(Vec<Word>, Vec<Node>)>),
    /// `for`, `while`, `until`: everything inside.
    Loop(Vec<Node>),
    Group(Vec<Node>),
    Subshell(Vec<Node>),
    Function(Vec<u8>, Vec<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Pipe(Vec<Node>),
    Background(Box<Node>),
}

/// Assignments and words, redirections left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Simple {
    pub(super) assignments: Vec<(Vec<u8>, Word)>,
    pub(super) words: Vec<Word>,
    pub(super) span: Range<usize>,
}

/// Deeper nesting is not read.
const DEEPEST: usize = 24;

/// The commands of a text; `None` where it is not understood.
pub(super) fn parse(text: &[u8]) -> Option<Vec<Node>> {
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0 };
    let nodes = parser.list(&[])?;
    (parser.at == tokens.len()).then_some(nodes)
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn kind(&self) -> Option<&'t Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn is(&self, operator: &str) -> bool {
        matches!(self.kind(), Some(Kind::Operator(here)) if *here == operator)
    }

    fn take(&mut self, operator: &str) -> bool {
        let is = self.is(operator);
        self.at += usize::from(is);
        is
    }

    /// The unquoted word here, if it is one: only such are reserved.
    fn reserved(&self) -> Option<&'t [u8]> {
        match self.kind() {
            Some(Kind::Word(word)) => match &word[..] {
                [Part::Text(text, false)] => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    fn take_reserved(&mut self, word: &str) -> bool {
        let is = self.reserved() == Some(word.as_bytes());
        self.at += usize::from(is);
        is
    }

    fn newlines(&mut self) {
        while matches!(self.kind(), Some(Kind::Newline)) {
            self.at += 1;
        }
    }

    /// Commands up to one of these reserved words, a closing bracket, or the end.
    fn list(&mut self, ends: &[&str]) -> Option<Vec<Node>> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let mut nodes = Vec::new();
        loop {
            while matches!(self.kind(), Some(Kind::Newline)) || self.is(";") {
                self.at += 1;
            }
            let ended = self.reserved().is_some_and(|word| ends.iter().any(|end| end.as_bytes() == word));
            if ended || self.kind().is_none() || [")", ";;", ";&", ";;&"].iter().any(|end| self.is(end)) {
                break;
            }
            let node = self.and_or()?;
            nodes.push(if self.take("&") { Node::Background(Box::new(node)) } else { node });
        }
        self.depth -= 1;
        Some(nodes)
    }

    fn and_or(&mut self) -> Option<Node> {
        let mut left = self.pipeline()?;
        loop {
            let and = self.is("&&");
            if !and && !self.is("||") {
                return Some(left);
            }
            self.at += 1;
            self.newlines();
            let right = Box::new(self.pipeline()?);
            left = if and { Node::And(Box::new(left), right) } else { Node::Or(Box::new(left), right) };
        }
    }

    fn pipeline(&mut self) -> Option<Node> {
        if self.take_reserved("!") {
            return Some(Node::Not(Box::new(self.pipeline()?)));
        }
        let mut nodes = vec![self.command()?];
        while self.take("|") || self.take("|&") {
            self.newlines();
            nodes.push(self.command()?);
        }
        if nodes.len() == 1 { nodes.pop() } else { Some(Node::Pipe(nodes)) }
    }

    fn command(&mut self) -> Option<Node> {
        let node = match self.reserved() {
            Some(b"if") => self.conditional()?,
            Some(b"case") => self.case()?,
            Some(b"for" | b"while" | b"until" | b"select") => self.repetition()?,
            Some(b"{") => {
                self.at += 1;
                let nodes = self.list(&["}"])?;
                self.take_reserved("}").then_some(Node::Group(nodes))?
            }
            Some(b"function") => {
                self.at += 1;
                return self.function();
            }
            _ if self.take("(") => {
                let nodes = self.list(&[])?;
                self.take(")").then_some(Node::Subshell(nodes))?
            }
            _ if self.is_function() => return self.function(),
            _ => return self.simple().map(Node::Simple),
        };
        while self.redirection()? {}
        Some(node)
    }

    fn is_function(&self) -> bool {
        let operator = |ahead: usize, text| matches!(self.tokens.get(self.at + ahead).map(|token| &token.kind), Some(Kind::Operator(here)) if *here == text);
        self.reserved().is_some() && operator(1, "(") && operator(2, ")")
    }

    fn function(&mut self) -> Option<Node> {
        let name = self.reserved()?.to_vec();
        self.at += 1;
        if self.take("(") && !self.take(")") {
            return None;
        }
        self.newlines();
        match self.command()? {
            Node::Group(nodes) => Some(Node::Function(name, nodes)),
            _ => None,
        }
    }

    fn conditional(&mut self) -> Option<Node> {
        let mut arms = Vec::new();
        while self.take_reserved("if") || self.take_reserved("elif") {
            let condition = self.list(&["then"])?;
            self.take_reserved("then").then_some(())?;
            arms.push((condition, self.list(&["elif", "else", "fi"])?));
            if self.reserved() != Some(b"elif") {
                break;
            }
        }
        let otherwise = if self.take_reserved("else") { self.list(&["fi"])? } else { Vec::new() };
        self.take_reserved("fi").then_some(Node::If(arms, otherwise))
    }

    fn case(&mut self) -> Option<Node> {
        self.at += 1;
        let Some(Kind::Word(word)) = self.kind().cloned() else { return None };
        self.at += 1;
        self.newlines();
        self.take_reserved("in").then_some(())?;
        let mut arms = Vec::new();
        loop {
            self.newlines();
            if self.take_reserved("esac") {
                return Some(Node::Case(word, arms));
            }
            self.take("(");
            let mut patterns = Vec::new();
            while let Some(Kind::Word(pattern)) = self.kind().cloned() {
                patterns.push(pattern);
                self.at += 1;
                if !self.take("|") {
                    break;
                }
            }
            self.take(")").then_some(())?;
            arms.push((patterns, self.list(&["esac"])?));
            if self.is(";&") || self.is(";;&") {
                return None;
            }
            self.take(";;");
        }
    }

    fn repetition(&mut self) -> Option<Node> {
        // `for name in words` is passed over up to `do`; conditions of `while` are commands.
        let is_for = matches!(self.reserved(), Some(b"for" | b"select"));
        self.at += 1;
        let mut nodes = Vec::new();
        if is_for {
            while self.reserved() != Some(b"do") {
                self.kind()?;
                self.at += 1;
            }
        } else {
            nodes = self.list(&["do"])?;
        }
        self.take_reserved("do").then_some(())?;
        nodes.extend(self.list(&["done"])?);
        self.take_reserved("done").then_some(Node::Loop(nodes))
    }

    /// Passes a redirection, if one is here.
    fn redirection(&mut self) -> Option<bool> {
        const SIGNS: [&str; 13] =
            ["<", ">", ">>", "<<", "<<-", "<<<", "<&", ">&", "<>", ">|", "&>", "&>>", ">&"];
        let sign = |at: usize| matches!(self.tokens.get(at).map(|token| &token.kind), Some(Kind::Operator(sign)) if SIGNS.contains(sign));
        let number = |text: &[u8]| text.len() < 3 && text.iter().all(u8::is_ascii_digit);
        let adjacent = |at: usize| match (self.tokens.get(at), self.tokens.get(at + 1)) {
            (Some(one), Some(other)) => one.span.end == other.span.start,
            _ => false,
        };
        let numbered = self.reserved().is_some_and(number) && sign(self.at + 1) && adjacent(self.at);
        if !numbered && !sign(self.at) {
            return Some(false);
        }
        self.at += 1 + usize::from(numbered);
        matches!(self.kind(), Some(Kind::Word(_))).then_some(())?;
        self.at += 1;
        Some(true)
    }

    fn simple(&mut self) -> Option<Simple> {
        let start = self.tokens.get(self.at)?.span.start;
        let mut simple = Simple::default();
        let mut end = start;
        let test = self.reserved() == Some(b"[[");
        loop {
            let before = self.at;
            if test && !simple.words.is_empty() {
                match self.kind()?.clone() {
                    Kind::Operator(sign) => simple.words.push(vec![Part::Text(sign.into(), false)]),
                    Kind::Word(word) => simple.words.push(word),
                    Kind::Newline => {}
                }
                self.at += 1;
                end = self.tokens[self.at - 1].span.end;
                if simple.words.last().and_then(|word| literal(word)).as_deref() == Some(b"]]") {
                    break;
                }
                continue;
            }
            if self.redirection()? {
                end = self.tokens[self.at - 1].span.end;
                continue;
            }
            let Some(Kind::Word(word)) = self.kind().cloned() else { break };
            self.at += 1;
            match assignment(&word).filter(|_| simple.words.is_empty()) {
                Some((name, value)) if value.is_empty() && self.is("(") => {
                    self.array()?;
                    simple.assignments.push((name, vec![Part::Unread]));
                }
                Some(assignment) => simple.assignments.push(assignment),
                None => simple.words.push(word),
            }
            end = self.tokens[self.at.max(before + 1) - 1].span.end;
        }
        simple.span = start..end;
        (self.at > 0 && end > start).then_some(simple)
    }

    fn array(&mut self) -> Option<()> {
        self.at += 1;
        while !self.take(")") {
            matches!(self.kind()?, Kind::Word(_) | Kind::Newline).then_some(())?;
            self.at += 1;
        }
        Some(())
    }
}

/// `name=value`.
fn assignment(word: &[Part]) -> Option<(Vec<u8>, Word)> {
    let [Part::Text(text, false), rest @ ..] = word else { return None };
    let at = text.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (text.get(..at)?, text.get(at + 1..)?);
    let is_name = name.first().is_some_and(|byte| !byte.is_ascii_digit())
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let first = (!value.is_empty()).then(|| Part::Text(value.to_vec(), false));
    is_name.then(|| (name.to_vec(), first.into_iter().chain(rest.iter().cloned()).collect()))
}
