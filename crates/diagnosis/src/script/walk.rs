//! Follows a script's commands to the program that it hands over to.

use super::syntax::{Node, Simple, parse};
use super::token::{Part, Word, literal};
use super::{Certainty, HandOver, Reading, Situation, glob};
use std::collections::BTreeMap;

/// What is known while a script runs.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) zero: Vec<u8>,
    /// `$1` and on; `None` where they are not known.
    pub(super) positional: Option<Vec<Vec<u8>>>,
    pub(super) path: Option<Vec<u8>>,
    pub(super) cwd: Option<Vec<u8>>,
    pub(super) uid: u32,
    /// Variables that are set, with the values that are known.
    pub(super) variables: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Nothing unknown was passed so far.
    pub(super) certain: bool,
    /// Expansions within expansions.
    pub(super) depth: usize,
}

/// What comes after a command.
enum Flow {
    On,
    /// `return` from a function.
    Returned,
    /// `exit`.
    Ended,
    Handed(HandOver),
    /// Not understood, with the place.
    Lost(usize),
}

/// More commands than a script that is read may run.
const MOST_STEPS: usize = 20_000;
/// Functions that call functions.
const DEEPEST_CALL: usize = 12;

/// Builtins that neither hand over nor change what a hand-over hangs on.
pub(super) const HARMLESS: [&[u8]; 17] = [
    b":", b"true", b"echo", b"printf", b"trap", b"umask", b"ulimit", b"test", b"[", b"[[", b"wait", b"type",
    b"alias", b"shopt", b"hash", b"false", b"times",
];

pub(super) fn walk(text: &[u8], nodes: &[Node], situation: &Situation) -> Reading {
    let state = State {
        zero: situation.zero.clone(),
        positional: Some(situation.arguments.clone()),
        path: Some(situation.path.clone()),
        cwd: Some(situation.cwd.clone()),
        uid: situation.uid,
        variables: situation.variables.iter().map(|name| (name.clone(), None)).collect(),
        certain: true,
        depth: 0,
    };
    let mut walker =
        Walker { text, state, functions: BTreeMap::new(), left_aside: Vec::new(), steps: 0, calls: 0 };
    let line = |at: usize| 1 + text[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count();
    match walker.list(nodes, true) {
        Flow::Handed(hand_over) => Reading::HandsOver(hand_over),
        Flow::Lost(at) => Reading::Lost(Some(line(at))),
        Flow::On | Flow::Ended | Flow::Returned => match walker.left_aside.pop() {
            Some(other) if walker.left_aside.iter().all(|one| one.argv.first() == other.argv.first()) => {
                Reading::HandsOver(HandOver { certainty: Certainty::Likely, ..other })
            }
            Some(other) => Reading::Lost(Some(other.line)),
            None => Reading::Ends,
        },
    }
}

struct Walker<'t> {
    text: &'t [u8],
    state: State,
    functions: BTreeMap<Vec<u8>, Vec<Node>>,
    /// Hand-overs under conditions that are not known, where the script may also go on.
    left_aside: Vec<HandOver>,
    steps: usize,
    calls: usize,
}

impl Walker<'_> {
    /// `last`: whether nothing comes after these, so that the last one's exit code is the script's.
    fn list(&mut self, nodes: &[Node], last: bool) -> Flow {
        for (number, node) in nodes.iter().enumerate() {
            let flow = self.node(node, last && number + 1 == nodes.len());
            if !matches!(flow, Flow::On) {
                return flow;
            }
        }
        Flow::On
    }

    fn node(&mut self, node: &Node, last: bool) -> Flow {
        self.steps += 1;
        if self.steps > MOST_STEPS {
            return Flow::Lost(0);
        }
        match node {
            Node::Simple(simple) => self.simple(simple, last),
            Node::If(arms, otherwise) => self.conditional(arms, otherwise, last),
            Node::Case(word, arms) => self.case(word, arms, last),
            Node::Group(nodes) => self.list(nodes, last),
            Node::Function(name, body) => {
                self.functions.insert(name.clone(), body.clone());
                Flow::On
            }
            Node::And(left, right) => match self.truth(left) {
                Some(true) => self.node(right, last),
                Some(false) => Flow::On,
                None => match self.node(left, false) {
                    Flow::On if asks(left) => self.branch(&[std::slice::from_ref(right)], true, last),
                    Flow::On => {
                        self.state.certain &= always_succeeds(left);
                        self.node(right, last)
                    }
                    flow => flow,
                },
            },
            Node::Or(left, right) => match self.truth(left) {
                Some(true) => Flow::On,
                Some(false) => self.node(right, last),
                None => match self.node(left, false) {
                    Flow::On if always_succeeds(left) => Flow::On,
                    Flow::On => self.branch(&[std::slice::from_ref(right)], true, last),
                    flow => flow,
                },
            },
            Node::Not(inner) => {
                self.disturb(std::slice::from_ref(inner));
                Flow::On
            }
            Node::Loop(nodes) => {
                self.disturb(nodes);
                Flow::On
            }
            Node::Subshell(_) | Node::Pipe(_) | Node::Background(_) => {
                // What runs beside does not change this shell, only the world.
                self.state.certain = false;
                Flow::On
            }
        }
    }

    fn conditional(&mut self, arms: &[(Vec<Node>, Vec<Node>)], otherwise: &[Node], last: bool) -> Flow {
        let mut open: Vec<&[Node]> = Vec::new();
        for (condition, body) in arms {
            let Some((decisive, before)) = condition.split_last() else { return Flow::Lost(0) };
            let flow = self.list(before, false);
            if !matches!(flow, Flow::On) {
                return flow;
            }
            match self.truth(decisive) {
                Some(false) => {}
                Some(true) if open.is_empty() => return self.list(body, last),
                Some(true) => {
                    open.push(body);
                    return self.branch(&open, false, last);
                }
                None => {
                    if !matches!(self.node(decisive, false), Flow::On) {
                        return Flow::Lost(0);
                    }
                    open.push(body);
                }
            }
        }
        if open.is_empty() {
            return self.list(otherwise, last);
        }
        open.push(otherwise);
        self.branch(&open, false, last)
    }

    fn case(&mut self, word: &Word, arms: &[(Vec<Word>, Vec<Node>)], last: bool) -> Flow {
        let subject = self.state.text(word);
        let mut open: Vec<&[Node]> = Vec::new();
        for (patterns, body) in arms {
            for pattern in patterns {
                match (&subject, self.state.text(pattern)) {
                    (Some(subject), Some(pattern)) if !glob::matches(&pattern, subject) => {}
                    (Some(_), Some(_)) if open.is_empty() => return self.list(body, last),
                    (Some(_), Some(_)) => {
                        open.push(body);
                        return self.branch(&open, false, last);
                    }
                    _ => open.push(body),
                }
            }
        }
        if open.is_empty() { Flow::On } else { self.branch(&open, true, last) }
    }

    /// One of these is run, nobody knows which; `none`: or none of them.
    fn branch(&mut self, bodies: &[&[Node]], none: bool, last: bool) -> Flow {
        let before = self.state.clone();
        let mut after: Option<State> = none.then(|| before.clone());
        let mut handed = Vec::new();
        let mut ended = false;
        for body in bodies {
            self.state = before.clone();
            match self.list(body, last) {
                Flow::On | Flow::Returned => {
                    after = Some(match after {
                        Some(after) => after.merged(&self.state),
                        None => self.state.clone(),
                    });
                }
                Flow::Ended => ended = true,
                Flow::Handed(hand_over) => handed.push(hand_over),
                lost @ Flow::Lost(_) => return lost,
            }
        }
        match after {
            Some(after) => {
                self.left_aside.extend(handed);
                self.state = State { certain: false, ..after };
                Flow::On
            }
            None => match handed.pop() {
                Some(one) if handed.iter().all(|other| other.argv.first() == one.argv.first()) => {
                    Flow::Handed(HandOver { certainty: Certainty::Likely, ..one })
                }
                Some(one) => Flow::Lost(self.offset_of_line(one.line)),
                None if ended => Flow::Ended,
                None => Flow::On,
            },
        }
    }

    /// Whether a condition holds; `None` where that is not known.
    fn truth(&mut self, node: &Node) -> Option<bool> {
        match node {
            Node::Simple(simple) => match literal(simple.words.first()?)?.as_slice() {
                b"true" | b":" => Some(true),
                b"false" => Some(false),
                b"[" | b"[[" | b"test" => self.state.test(&simple.words),
                _ => None,
            },
            Node::Not(inner) => Some(!self.truth(inner)?),
            Node::And(left, right) => match self.truth(left) {
                Some(true) => self.truth(right),
                Some(false) => Some(false),
                None => (self.truth(right) == Some(false)).then_some(false),
            },
            Node::Or(left, right) => match self.truth(left) {
                Some(false) => self.truth(right),
                Some(true) => Some(true),
                None => (self.truth(right) == Some(true)).then_some(true),
            },
            Node::Group(nodes) => match &nodes[..] {
                [only] => self.truth(only),
                _ => None,
            },
            _ => None,
        }
    }

    fn simple(&mut self, simple: &Simple, last: bool) -> Flow {
        for (name, value) in &simple.assignments {
            if simple.words.is_empty() || name == b"PATH" {
                let value = self.state.text(value);
                self.state.assign(name, value);
            }
        }
        if simple.words.is_empty() {
            // A command in the value may have changed the world.
            return Flow::On;
        }
        let (fields, complete) = self.state.fields(&simple.words);
        self.command(simple, fields, complete, last)
    }

    fn command(&mut self, simple: &Simple, mut fields: Vec<Vec<u8>>, complete: bool, last: bool) -> Flow {
        let Some(name) = fields.first().cloned() else {
            return if complete { Flow::On } else { self.unknown_command(simple, last) };
        };
        if let Some(body) = self.functions.get(&name).cloned() {
            return self.call(&body, fields, complete, last);
        }
        match &name[..] {
            b"exec" => self.exec(simple, fields.split_off(1), complete),
            b"command" | b"builtin" if fields.len() > 1 && !fields[1].starts_with(b"-") => {
                self.command(simple, fields.split_off(1), complete, last)
            }
            b"exit" => Flow::Ended,
            b"return" => Flow::Returned,
            b"eval" if complete => self.eval(&fields[1..], last, simple.span.start),
            b"set" => self.set(&fields[1..], complete),
            b"shift" => self.shift(&fields[1..], complete),
            b"cd" => self.change_directory(&fields[1..], complete),
            b"export" | b"readonly" | b"local" | b"declare" | b"typeset" => {
                self.declare(&simple.words[1..]);
                Flow::On
            }
            b"unset" => {
                fields[1..].iter().for_each(|name| drop(self.state.variables.insert(name.clone(), None)));
                Flow::On
            }
            b"read" | b"getopts" | b"." | b"source" | b"eval" => {
                self.state.variables.values_mut().for_each(|value| *value = None);
                self.state.certain = false;
                Flow::On
            }
            name if HARMLESS.contains(&name) => Flow::On,
            _ if last => self.hand_over(simple, fields, complete),
            _ => {
                self.state.certain = false;
                Flow::On
            }
        }
    }

    /// A command whose very name is not known.
    fn unknown_command(&mut self, simple: &Simple, last: bool) -> Flow {
        self.state.certain = false;
        if last { Flow::Lost(simple.span.start) } else { Flow::On }
    }

    fn exec(&mut self, simple: &Simple, mut fields: Vec<Vec<u8>>, complete: bool) -> Flow {
        while let Some(option) = fields.first().filter(|field| field.starts_with(b"-") && field.len() > 1) {
            let width = if option == b"-a" { 2 } else { 1 };
            let end = option == b"--";
            fields.drain(..width.min(fields.len()));
            if end {
                break;
            }
        }
        match (fields.is_empty(), complete) {
            (true, true) => Flow::On,
            (true, false) => Flow::Lost(simple.span.start),
            (false, _) => self.hand_over(simple, fields, complete),
        }
    }

    fn hand_over(&mut self, simple: &Simple, argv: Vec<Vec<u8>>, complete: bool) -> Flow {
        let before = &self.text[..simple.span.start.min(self.text.len())];
        let text = self.text.get(simple.span.clone()).unwrap_or_default();
        Flow::Handed(HandOver {
            argv,
            complete,
            path: self.state.path.clone(),
            cwd: self.state.cwd.clone(),
            line: 1 + before.iter().filter(|byte| **byte == b'\n').count(),
            text: String::from_utf8_lossy(text).split_whitespace().collect::<Vec<_>>().join(" "),
            certainty: if self.state.certain { Certainty::Certain } else { Certainty::Likely },
        })
    }

    fn call(&mut self, body: &[Node], fields: Vec<Vec<u8>>, complete: bool, last: bool) -> Flow {
        self.calls += 1;
        if self.calls > DEEPEST_CALL {
            return Flow::Lost(0);
        }
        let arguments = complete.then(|| fields[1..].to_vec());
        let outer = std::mem::replace(&mut self.state.positional, arguments);
        let flow = self.list(body, last);
        self.state.positional = outer;
        self.calls -= 1;
        if matches!(flow, Flow::Returned) { Flow::On } else { flow }
    }

    fn eval(&mut self, words: &[Vec<u8>], last: bool, at: usize) -> Flow {
        self.calls += 1;
        let nodes = parse(&words.join(&b' ')).filter(|_| self.calls <= DEEPEST_CALL);
        let flow = match nodes {
            Some(nodes) => self.list(&nodes, last),
            None => Flow::Lost(at),
        };
        self.calls -= 1;
        flow
    }

    fn set(&mut self, fields: &[Vec<u8>], complete: bool) -> Flow {
        let end = fields.iter().position(|field| field == b"--");
        let options = |field: &&Vec<u8>| field.starts_with(b"-") || field.starts_with(b"+");
        match (end, fields.first()) {
            (Some(end), _) => self.state.positional = complete.then(|| fields[end + 1..].to_vec()),
            (None, first) if first.as_ref().is_some_and(options) || (first.is_none() && complete) => {}
            _ => self.state.positional = complete.then(|| fields.to_vec()),
        }
        Flow::On
    }

    fn shift(&mut self, fields: &[Vec<u8>], complete: bool) -> Flow {
        let count = match fields {
            [] => Some(1),
            [count] => std::str::from_utf8(count).ok().and_then(|count| count.parse::<usize>().ok()),
            _ => None,
        };
        let all = self.state.positional.take();
        self.state.positional = match (all, count.filter(|_| complete)) {
            (Some(all), Some(count)) => Some(all.get(count..).map_or(all.clone(), <[_]>::to_vec)),
            _ => None,
        };
        Flow::On
    }

    fn change_directory(&mut self, fields: &[Vec<u8>], complete: bool) -> Flow {
        self.state.cwd = match (fields, self.state.cwd.take()) {
            _ if !complete => None,
            ([to], _) if to.starts_with(b"/") => Some(to.clone()),
            ([to], Some(from)) if !to.is_empty() && !to.starts_with(b"-") => {
                Some([from, to.clone()].join(&b'/'))
            }
            _ => None,
        };
        Flow::On
    }

    /// `export NAME=value ...`
    fn declare(&mut self, words: &[Word]) {
        for word in words {
            let Some(Part::Text(text, false)) = word.first() else { continue };
            let Some(at) = text.iter().position(|byte| *byte == b'=') else { continue };
            let rest: Word = std::iter::once(Part::Text(text[at + 1..].to_vec(), false))
                .chain(word[1..].iter().cloned())
                .collect();
            let value = self.state.text(&rest);
            self.state.assign(&text[..at], value);
        }
    }

    /// Commands that run nobody knows how often: what they may change is not known after them.
    fn disturb(&mut self, nodes: &[Node]) {
        self.state.certain = false;
        each_simple(nodes, &mut |simple| {
            for (name, _) in &simple.assignments {
                self.state.assign(name, None);
            }
            match simple.words.first().and_then(|word| literal(word)).as_deref() {
                Some(b"set" | b"shift") => self.state.positional = None,
                Some(b"cd") => self.state.cwd = None,
                Some(b"read" | b"export" | b"getopts" | b"local" | b"declare") => {
                    self.state.variables.values_mut().for_each(|value| *value = None);
                }
                _ => {}
            }
        });
    }

    fn offset_of_line(&self, line: usize) -> usize {
        self.text.split_inclusive(|byte| *byte == b'\n').take(line - 1).map(<[u8]>::len).sum()
    }
}

impl State {
    fn assign(&mut self, name: &[u8], value: Option<Vec<u8>>) {
        if name == b"PATH" {
            self.path = value;
        } else {
            self.variables.insert(name.to_vec(), value);
        }
    }

    /// What is known where either may be the case.
    fn merged(mut self, other: &State) -> State {
        fn same<T: PartialEq>(one: Option<T>, other: &Option<T>) -> Option<T> {
            if one == *other { one } else { None }
        }
        self.positional = same(self.positional, &other.positional);
        self.path = same(self.path, &other.path);
        self.cwd = same(self.cwd, &other.cwd);
        for (name, value) in &mut self.variables {
            if other.variables.get(name) != Some(value) {
                *value = None;
            }
        }
        for name in other.variables.keys() {
            self.variables.entry(name.clone()).or_insert(None);
        }
        self
    }
}

/// Whether a command is there for its answer, so that either may be meant; others are there to succeed.
fn asks(node: &Node) -> bool {
    match node {
        Node::Simple(simple) => matches!(
            simple.words.first().and_then(|word| literal(word)).as_deref(),
            Some(b"[" | b"[[" | b"test" | b"command" | b"which" | b"type" | b"grep" | b"hash")
        ),
        Node::And(left, right) | Node::Or(left, right) => asks(left) || asks(right),
        Node::Not(_) | Node::Pipe(_) => true,
        _ => false,
    }
}

/// Whether a command cannot fail, or ends what follows if it does (a `cd` that fails).
fn always_succeeds(node: &Node) -> bool {
    let Node::Simple(simple) = node else { return false };
    let name = simple.words.first().map(|word| literal(word));
    match name {
        None => true,
        Some(name) => matches!(
            name.as_deref(),
            Some(b"cd" | b"echo" | b"printf" | b"export" | b"set" | b"umask" | b"trap" | b":" | b"true")
        ),
    }
}

/// Every simple command in a tree of commands.
pub(super) fn each_simple<'n>(nodes: &'n [Node], visit: &mut dyn FnMut(&'n Simple)) {
    for node in nodes {
        match node {
            Node::Simple(simple) => visit(simple),
            Node::If(arms, otherwise) => {
                for (condition, body) in arms {
                    each_simple(condition, visit);
                    each_simple(body, visit);
                }
                each_simple(otherwise, visit);
            }
            Node::Case(_, arms) => arms.iter().for_each(|(_, body)| each_simple(body, visit)),
            Node::Loop(nodes) | Node::Group(nodes) | Node::Subshell(nodes) | Node::Pipe(nodes) => {
                each_simple(nodes, visit)
            }
            Node::Function(_, body) => each_simple(body, visit),
            Node::And(left, right) | Node::Or(left, right) => {
                each_simple(std::slice::from_ref(left), visit);
                each_simple(std::slice::from_ref(right), visit);
            }
            Node::Not(inner) | Node::Background(inner) => each_simple(std::slice::from_ref(inner), visit),
        }
    }
}
