//! Files and functions that a person can hold in the head, and names that say something.

use super::Complaint;
use super::source::Source;

const FILE: usize = 600;
const FILE_TO_NOTE: usize = 400;
const FUNCTION: usize = 60;
const DRAWERS: [&str; 4] = ["utils", "common", "helpers", "manager"];

/// Checks length and names.
pub(super) fn check(source: &Source) -> Vec<Complaint> {
    let mut complaints = functions(source);
    complaints.extend(names(source));
    let length = source.length();
    if length > FILE {
        complaints.push(Complaint::new(
            &source.path,
            1,
            format!("{length} lines: a file has at most {FILE}"),
        ));
    }
    complaints
}

/// What is allowed and yet too long.
pub(super) fn note(source: &Source) -> Option<String> {
    let length = source.length();
    let is_long = (FILE_TO_NOTE + 1..=FILE).contains(&length);
    is_long.then(|| format!("note: {}: {length} lines, better up to {FILE_TO_NOTE}", source.path.display()))
}

fn functions(source: &Source) -> Vec<Complaint> {
    let starts: Vec<usize> = source.words().filter(|(_, word)| *word == "fn").map(|(at, _)| at).collect();
    let long = |start: usize| {
        let line = source.line(start);
        let length = source.line(source.end_of_block(start)? - 1) - line + 1;
        let what = format!("{length} lines: a function has at most {FUNCTION}");
        (length > FUNCTION).then(|| Complaint::new(&source.path, line, what))
    };
    starts.into_iter().filter_map(long).collect()
}

fn names(source: &Source) -> Vec<Complaint> {
    let mut found = Vec::new();
    let parts = source.path.iter().filter_map(|part| part.to_str()).map(|part| part.trim_end_matches(".rs"));
    found.extend(parts.filter(|part| DRAWERS.contains(part)).map(|part| (1, part)));
    let words: Vec<(usize, &str)> = source.words().collect();
    let modules = words.windows(2).filter(|pair| pair[0].1 == "mod" && DRAWERS.contains(&pair[1].1));
    found.extend(modules.map(|pair| (source.line(pair[1].0), pair[1].1)));
    let what =
        |name: &str| format!("`{name}` is the name of a drawer for anything: name it after what is in it");
    found.into_iter().map(|(line, name)| Complaint::new(&source.path, line, what(name))).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Source::new(Path::new(path), text)).len()
    }

    #[test]
    fn long_functions_trip() {
        let function = |lines: usize| format!("fn f(a: [u8; 2]) {{\n{}}}\n", "a();\n".repeat(lines));
        assert_eq!(count("a.rs", &function(59)), 1);
        assert_eq!(count("a.rs", &function(58)), 0);
        assert_eq!(count("a.rs", &format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function(99))), 0);
        assert_eq!(count("a.rs", &format!("trait T {{ fn f();\n{}}}", "\n".repeat(99))), 0);
    }

    #[test]
    fn long_files_trip() {
        assert_eq!(count("a.rs", &"\n".repeat(601)), 1);
        assert_eq!(count("a.rs", &"\n".repeat(600)), 0);
        assert!(note(&Source::new(Path::new("a.rs"), &"\n".repeat(401))).is_some());
        assert!(note(&Source::new(Path::new("a.rs"), &"\n".repeat(400))).is_none());
    }

    #[test]
    fn drawers_trip() {
        assert_eq!(count("crates/a/src/utils.rs", ""), 1);
        assert_eq!(count("crates/a/src/helpers/x.rs", ""), 1);
        assert_eq!(count("a.rs", "mod common;"), 1);
        assert_eq!(count("a.rs", "mod commons; // mod utils;"), 0);
    }
}
