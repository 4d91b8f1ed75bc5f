//! From the templates of the kernel model's table to expressions that find them in pasted and cut texts.

use execfit_kernel::errno::Errno;
use execfit_kernel::runtime::messages::{MESSAGES, REASON_LIMITS};
use regex_lite::Regex;

/// A quotation mark of any kind, as pasted texts have them, perhaps escaped in JSON, perhaps lost.
const QUOTE: &str = "(?:\\\\*[\"'`\u{2018}\u{2019}\u{201c}\u{201d}])?";
/// What may stand before a message.
const BEFORE: &str = "(?:^|[\\s\"'`|:\u{2018}\u{201c}])";
/// The fewest characters of an end that was cut by which it is told.
const LEAST: usize = 4;

/// The expression for a message: it begins where a word does.
pub(super) fn message(template: &str) -> Option<Regex> {
    Regex::new(&format!("{BEFORE}{}", expression(template))).ok()
}

/// The expression for a template anywhere in a text.
pub(super) fn words(template: &str) -> Option<Regex> {
    Regex::new(&expression(template)).ok()
}

fn expression(template: &str) -> String {
    let mut expression = String::new();
    let mut rest = template;
    while let Some((words, after)) = rest.split_once('{') {
        // A brace of JSON is no placeholder.
        let Some((name, tail)) =
            after.split_once('}').filter(|(name, _)| name.bytes().all(|b| b.is_ascii_lowercase()))
        else {
            break;
        };
        expression.push_str(&literal(words));
        expression.push_str(&placeholder(name, tail));
        rest = tail;
    }
    expression + &literal(rest)
}

fn literal(words: &str) -> String {
    let escaped = regex_lite::escape(words).replace(['"', '\'', '`'], QUOTE);
    // tini pads its level with blanks.
    escaped.replace("FATAL ", "FATAL +").replace("caused: ", "caused:? ")
}

fn placeholder(name: &str, tail: &str) -> String {
    let quoted = tail.starts_with(['"', '\'', '`']);
    match name {
        "errno" => {
            let texts: Vec<&str> = Errno::ALL.iter().map(|errno| errno.text()).collect();
            format!("(?i:(?<errno>{}))", texts.join("|"))
        }
        "program" | "version" | "library" if quoted => {
            "(?<object>[^\"'`\u{2018}\u{2019}\u{201c}\u{201d}]*?)".into()
        }
        "program" if tail.starts_with(" failed") => "(?<object>.+?)".into(),
        "program" => r"(?<object>[^\s:]+)".into(),
        "library" => "(?<object>[^:]+)".into(),
        "path" => "[^:]+".into(),
        "number" => r"\d+".into(),
        "shell" => r"[^\s:]*sh".into(),
        "token" => r#"(?:\\*"?[()]\\*"?|word)"#.into(),
        _ => ".*".into(),
    }
}

/// A reason whose end was cut off, made whole where its last words can only be the beginning of one end.
pub(super) fn completed(text: &str) -> Option<String> {
    let is_reason =
        ["CannotStartContainerError", "OCI runtime create failed"].iter().any(|mark| text.contains(mark));
    if !is_reason && !is_at_limit(text) {
        return None;
    }
    let text = text.trim_end_matches(['.', '\u{2026}']);
    let (before, cut) = text.rsplit_once(": ")?;
    let after_program = MESSAGES.iter().filter_map(|message| message.text.rsplit_once(": "));
    let plain = after_program.map(|(_, end)| end).filter(|end| !end.contains('{'));
    let ends = Errno::ALL.iter().map(|errno| errno.text()).chain(plain);
    let mut fitting = ends.filter(|end| cut.len() >= LEAST && end.len() > cut.len() && end.starts_with(cut));
    let end = fitting.next()?;
    fitting.all(|other| other == end).then(|| format!("{before}: {end}"))
}

/// Whether a text has just the length to which Amazon ECS cuts.
pub(super) fn is_at_limit(text: &str) -> bool {
    REASON_LIMITS.contains(&text.chars().count())
}
