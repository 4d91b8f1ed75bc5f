//! One entry of the history, as the line of a Dockerfile that it came from: cleaned, short, and without secrets.

/// The longest instruction that is shown, in characters.
const LONGEST: usize = 200;
/// How much of an entry is looked at: builders put whole scripts in.
const LOOKED_AT: usize = 64 * 1024;
/// Shells that commands are wrapped in.
const SHELLS: [&str; 8] = ["sh", "bash", "ash", "dash", "ksh", "zsh", "busybox", "pwsh"];
/// Instructions that bring no files (Dockerfile reference).
const METADATA: [&str; 13] = [
    "ARG",
    "CMD",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "SHELL",
    "STOPSIGNAL",
    "USER",
];
/// Parts of names whose values are nobody's business.
const SECRET: [&str; 9] =
    ["token", "secret", "password", "passwd", "passphrase", "credential", "apikey", "api_key", "access_key"];

/// An instruction that was read out of `created_by`.
pub(super) struct Instruction {
    /// In capitals; empty where the builder wrote no Dockerfile's line.
    pub(super) keyword: String,
    /// For people.
    pub(super) shown: String,
    /// The whole line, of spaces one each.
    line: String,
}

/// How the destination of a COPY or ADD lies to a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is the path, or the name of the source makes it so.
    Exact,
    /// It is a directory above the path.
    Above,
    /// It is the root, which is above everything.
    Root,
    /// Neither, or it is not known.
    No,
}

impl Instruction {
    pub(super) fn read(created_by: &str) -> Instruction {
        let end = created_by
            .char_indices()
            .map(|(at, _)| at)
            .find(|at| *at >= LOOKED_AT)
            .unwrap_or(created_by.len());
        let line = created_by[..end].split_whitespace().collect::<Vec<_>>().join(" ");
        let line = unwrapped(line.strip_suffix("# buildkit").unwrap_or(&line).trim());
        let first = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        let known = METADATA.contains(&first.as_str())
            || ["RUN", "COPY", "ADD", "WORKDIR", "VOLUME"].contains(&first.as_str());
        let keyword = if known { first } else { String::new() };
        let shown = shown(&keyword, &line);
        Instruction { keyword, shown, line }
    }

    /// Whether such an instruction brings no files.
    pub(super) fn is_metadata(&self) -> bool {
        METADATA.contains(&self.keyword.as_str())
    }

    fn arguments(&self) -> &str {
        self.line.split_once(' ').map_or("", |(_, arguments)| arguments)
    }

    /// The directory after a WORKDIR in `directory`.
    pub(super) fn directory(&self, directory: &str) -> Option<String> {
        (self.keyword == "WORKDIR").then(|| absolute(directory, self.arguments().trim_matches('"'))).flatten()
    }

    /// How its destination lies to a path, where it is a COPY or ADD in the working directory `directory`.
    pub(super) fn fit(&self, directory: &str, path: &str) -> Fit {
        if !matches!(self.keyword.as_str(), "COPY" | "ADD") {
            return Fit::No;
        }
        let words = self.words();
        let Some((destination, sources)) = words.split_last() else { return Fit::No };
        let name = path.rsplit('/').next().unwrap_or_default();
        let named =
            sources.iter().any(|source| source.trim_end_matches('/').rsplit('/').next() == Some(name));
        let Some(destination) = absolute(directory, destination) else { return Fit::No };
        // The base image may have links on the way: /bin is /usr/bin in many.
        let same =
            path == destination || (destination.matches('/').count() > 1 && path.ends_with(&destination));
        let above = path.strip_prefix(&destination).is_some_and(|rest| rest.starts_with('/'));
        match destination.as_str() {
            "/" if named && path.matches('/').count() == 1 => Fit::Exact,
            "/" => Fit::Root,
            _ if same || (above && named) => Fit::Exact,
            _ if above => Fit::Above,
            _ => Fit::No,
        }
    }

    /// Sources and destination: `a b /c`, `["a", "b", "/c"]`, or the classic builder's `file:... in /c`.
    fn words(&self) -> Vec<String> {
        let mut arguments = self.arguments();
        while let Some(rest) = arguments.strip_prefix("--") {
            arguments = rest.split_once(' ').map_or("", |(_, rest)| rest);
        }
        if arguments.starts_with('[')
            && let Ok(words) = serde_json::from_str(arguments)
        {
            return words;
        }
        match arguments.rsplit_once(" in ") {
            Some((source, destination)) if !source.contains(' ') => vec![source.into(), destination.into()],
            _ => arguments.split(' ').filter(|word| !word.is_empty()).map(String::from).collect(),
        }
    }

    /// Whether the line names the path, or the file by its name.
    pub(super) fn mentions(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or_default();
        let ends = [' ', '/', '"', '\'', '=', ';', '&', '|', '>', '(', ')', ','];
        self.line.contains(path) || (name.len() > 2 && self.line.split(ends).any(|word| word == name))
    }
}

/// Takes off what builders wrap around instructions.
fn unwrapped(line: &str) -> String {
    // Docker's classic builder and buildah: `/bin/sh -c #(nop) COPY file:... in /app`.
    if let Some((_, instruction)) = line.split_once("#(nop)") {
        return instruction.trim().to_string();
    }
    let (command, run) = match line.strip_prefix("RUN ") {
        Some(command) => (command.trim(), true),
        None => (line, false),
    };
    // Build arguments: `|2 A=x B=y /bin/sh -c make`. Values may hold spaces, so their end is where a shell begins.
    let (command, arguments) = match command.strip_prefix('|') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => (without_arguments(rest), true),
        _ => (command, false),
    };
    match in_shell(command) {
        Some(inner) => format!("RUN {inner}"),
        None if run || arguments => format!("RUN {command}"),
        None => command.to_string(),
    }
}

/// What follows the build arguments; where that cannot be told, nothing, for they may be secrets.
fn without_arguments(text: &str) -> &str {
    let shells = text.match_indices(" /").map(|(at, _)| &text[at + 1..]);
    shells.into_iter().find(|rest| in_shell(rest).is_some()).unwrap_or("<redacted>")
}

/// The command inside `/bin/sh -c COMMAND`, `/bin/bash -o pipefail -c COMMAND` ...
fn in_shell(command: &str) -> Option<&str> {
    let (shell, rest) = command.split_once(' ')?;
    let name = shell.strip_prefix('/')?.rsplit('/').next()?;
    if !SHELLS.contains(&name) {
        return None;
    }
    let mut rest = rest;
    loop {
        let (word, after) = rest.split_once(' ')?;
        rest = after;
        // `-c`, or joined to others as in `-exc`; `-o` takes a word of its own.
        match word {
            "-o" => rest = rest.split_once(' ')?.1,
            word if word.starts_with('-') && !word.starts_with("--") && word.ends_with('c') => {
                return Some(rest.trim());
            }
            word if word.starts_with('-') || word == "sh" => {}
            _ => return None,
        }
    }
}

/// An absolute path without `.` and `..`; `None` where variables stand in it.
fn absolute(directory: &str, path: &str) -> Option<String> {
    if path.contains('$') {
        return None;
    }
    let joined = if path.starts_with('/') { path.to_string() } else { format!("{directory}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Some(format!("/{}", parts.join("/")))
}

/// The line for people: no secrets, nothing that moves a terminal's cursor, at most [`LONGEST`] characters.
fn shown(keyword: &str, line: &str) -> String {
    let mut text = String::new();
    for word in if matches!(keyword, "ENV" | "ARG") { assignments(line) } else { words(line) } {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&shortened(&word));
        if text.len() > 8 * LONGEST {
            break;
        }
    }
    let text: String = text.chars().flat_map(printable).collect();
    if text.chars().count() > LONGEST {
        format!("{}...", text.chars().take(LONGEST - 3).collect::<String>())
    } else {
        text
    }
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(|word| without_secret(word, false)).collect()
}

/// The words of `ENV A=x B="y z"`, `ENV A x` and `ARG A=x` without their values. A word without a name goes on a value.
fn assignments(line: &str) -> Vec<String> {
    let mut words = line.split(' ');
    let keyword = words.next().unwrap_or_default();
    let mut kept = vec![keyword.to_string()];
    for word in words {
        let named = word.split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        if named {
            kept.push(without_secret(word, true));
        } else if kept.len() == 1 {
            kept.push(word.to_string());
        } else if kept.len() == 2 && !kept[1].contains('=') {
            kept.push("<redacted>".into());
        }
    }
    kept
}

/// `NAME=VALUE` without the value, where the name is one of a secret, or `all` values are to go; and URLs without
/// passwords. `PATH` and `LD_*` decide what runs, and stay.
fn without_secret(word: &str, all: bool) -> String {
    if let Some((name, value)) = word.split_once('=') {
        let bare = name.trim_start_matches(['-', '"', '\'', '(', '{', '$']).to_ascii_lowercase();
        let kept = bare == "path" || bare.starts_with("ld_");
        let secret = SECRET.iter().any(|part| bare.replace('-', "_").contains(part));
        if !value.is_empty() && !kept && (all || secret) {
            return format!("{name}=<redacted>");
        }
    }
    if let Some((scheme, rest)) = word.split_once("://")
        && let Some((user, host)) = rest.split_once('@')
        && user.contains(':')
        && !user.contains('/')
    {
        return format!("{scheme}://<redacted>@{host}");
    }
    word.to_string()
}

/// `file:` and `dir:` with the digest of what was copied: twelve digits tell as much to a human.
fn shortened(word: &str) -> String {
    match word.split_once(':') {
        Some((kind @ ("file" | "dir" | "multi"), hex)) if hex.len() > 12 && hex.is_ascii() => {
            format!("{kind}:{}", &hex[..12])
        }
        _ => word.to_string(),
    }
}

/// Control characters and those that turn the direction of writing, escaped.
fn printable(c: char) -> Vec<char> {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c.is_control() || turns { c.escape_unicode().collect() } else { vec![c] }
}
