//! What of a script may be kept in a record: the commands that a hand-over hangs on, without values that may be secret.

use super::syntax::{Simple, parse};
use super::token::{Kind, Part, Token, literal, tokens};
use super::walk::{HARMLESS, each_simple};

/// Commands that the reading of a script rests on.
const TELLING: &[&[u8]] = &[
    b"exec", b"exit", b"return", b"set", b"shift", b"cd", b"[", b"[[", b"test", b".", b"source", b"true",
    b"false", b"export", b"command",
];

/// The text with everything blanked that the reading does not rest on: comments, here-documents, other commands, values
/// of variables other than paths. Its length and its lines stay. `None` where the text is not understood.
pub(crate) fn without_secrets(text: &[u8]) -> Option<Vec<u8>> {
    let (tokens, nodes) = (tokens(text)?, parse(text)?);
    let mut commands: Vec<&Simple> = Vec::new();
    each_simple(&nodes, &mut |simple| commands.push(simple));
    commands.sort_by_key(|simple| simple.span.start);
    let functions = function_names(&tokens);
    let last = commands.last().map(|simple| simple.span.start);
    let mut kept: Vec<u8> = text.iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }).collect();
    let mut commands = commands.into_iter().peekable();
    let mut of_command: Option<(&Simple, bool)> = None;
    for token in tokens.iter().filter(|token| token.kind != Kind::Newline) {
        while let Some(next) = commands.next_if(|next| next.span.start <= token.span.start) {
            let telling =
                is_telling(next, &functions, Some(next.span.start) == last) && !has_brackets(&tokens, next);
            of_command = Some((next, telling));
            if !telling {
                kept[next.span.start] = stands_for(next);
            }
        }
        match of_command.filter(|(simple, _)| token.span.start < simple.span.end) {
            Some((_, false)) => {}
            Some((simple, true)) => keep_word(text, token, simple, &mut kept),
            None if matches!(token.kind, Kind::Operator("<<" | "<<-")) => return None,
            None => kept[token.span.clone()].copy_from_slice(&text[token.span.clone()]),
        }
    }
    if text.starts_with(b"#!") {
        let line = text.iter().take_while(|byte| **byte != b'\n').count();
        kept[..line].copy_from_slice(&text[..line]);
    }
    parse(&kept).map(|_| kept)
}

fn is_telling(simple: &Simple, functions: &[Vec<u8>], last: bool) -> bool {
    let all_arguments = simple.words.iter().any(|word| word.iter().any(is_all_arguments));
    let first = simple.words.first().and_then(|word| literal(word));
    let is_function = |name: &Vec<u8>| functions.contains(name);
    last || all_arguments || first.is_none_or(|name| TELLING.contains(&&name[..]) || is_function(&name))
}

/// A command in the place of one that is blanked: one that does nothing, or one that may do anything.
fn stands_for(simple: &Simple) -> u8 {
    let name = simple.words.first().and_then(|word| literal(word));
    if name.is_some_and(|name| HARMLESS.contains(&&name[..])) { b':' } else { b'_' }
}

/// What stands before `()`.
fn function_names(tokens: &[Token]) -> Vec<Vec<u8>> {
    let name = |window: &[Token]| match window {
        [name, open, close] if open.kind == Kind::Operator("(") && close.kind == Kind::Operator(")") => {
            match &name.kind {
                Kind::Word(word) => literal(word),
                _ => None,
            }
        }
        _ => None,
    };
    tokens.windows(3).filter_map(name).collect()
}

fn is_all_arguments(part: &Part) -> bool {
    matches!(part, Part::Parameter(inside, _) if matches!(&inside[..], b"@" | b"*"))
}

/// A here-document's text stands elsewhere, and an array's values are words of their own: neither is kept.
fn has_brackets(tokens: &[Token], simple: &Simple) -> bool {
    let within = |token: &&Token| simple.span.contains(&token.span.start);
    let bracket = |token: &Token| matches!(token.kind, Kind::Operator("<<" | "<<-" | "<<<" | "("));
    tokens.iter().filter(within).any(bracket)
}

/// Keeps a word. Of `--token=x` and `NAME=x` the value is not kept, unless it is a path or `PATH`: what is assigned
/// becomes a parameter that nobody knows, what is an argument as many letters.
fn keep_word(text: &[u8], token: &Token, simple: &Simple, kept: &mut [u8]) {
    let word = &text[token.span.clone()];
    let place = &mut kept[token.span.clone()];
    place.copy_from_slice(word);
    let Some(at) = word.iter().position(|byte| *byte == b'=') else { return };
    let value = &word[at + 1..];
    let begins = matches!(value, [b'/' | b'.' | b'$', ..] | [b'"', b'/' | b'.' | b'$', ..]);
    let plain = value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_./${}:-\"%#".contains(byte));
    let path = (begins && plain) || word.starts_with(b"PATH=");
    let inside = word[..at].iter().any(|byte| b"'\"`${!".contains(byte));
    if at == 0 || value.len() < 2 || path || inside {
        return;
    }
    let assigns = simple.words.first().and_then(|word| literal(word)).is_none_or(|name| name == b"export");
    place[at + 1..].fill(if assigns { b' ' } else { b'x' });
    if assigns {
        place[at + 1..at + 3].copy_from_slice(b"$!");
    }
}
