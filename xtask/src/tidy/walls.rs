//! Who may touch the world, who may wait, and which types have no default.

use std::path::Path;

use super::Complaint;
use super::source::Source;

/// The rooms of each crate that may do I/O.
const IO_ROOMS: [(&str, &[&str]); 4] = [
    ("crates/kernel/src", &[]),
    ("crates/diagnosis/src", &[]),
    ("crates/image/src", &["source", "cache"]),
    ("crates/execfit/src", &["observe", "aws", "build", "apply", "prove", "watch", "commands"]),
];
/// The rooms that may be asynchronous; a crate that is not here may be so anywhere.
const ASYNC_ROOMS: [(&str, &[&str]); 3] =
    [("crates/kernel/src", &[]), ("crates/diagnosis/src", &[]), ("crates/image/src", &["source"])];
const WORLD: [&str; 4] = ["fs", "net", "process", "env"];
const CLOCKS: [&str; 2] = ["SystemTime", "Instant"];
/// What AWS's names of operations that change something begin with.
const WRITING: [&str; 14] = [
    "register_",
    "deregister_",
    "create_",
    "delete_",
    "update_",
    "put_",
    "stop_",
    "start_task",
    "run_",
    "tag_",
    "untag_",
    "execute_",
    "submit_",
    "complete_",
];
const WITHOUT_DEFAULT: [&str; 3] = ["Platform", "Architecture", "Machine"];

/// Checks one file.
pub(super) fn check(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    if is_outside(&source.path, &IO_ROOMS) {
        complaints.extend(io(source));
    }
    if is_outside(&source.path, &ASYNC_ROOMS) {
        complaints.extend(asynchrony(source));
    }
    complaints.extend(writes(source));
    complaints.extend(defaults(source));
    complaints
}

/// Changes of AWS: the SDK's operations that make them are called in `aws::write`, and that is asked only by `apply`.
fn writes(source: &Source) -> Vec<Complaint> {
    let Ok(inner) = source.path.strip_prefix("crates/execfit/src") else { return Vec::new() };
    let (of_aws, of_apply) =
        (inner.starts_with("aws"), inner.starts_with("apply") || inner.starts_with("apply.rs"));
    let is_call = |at: usize| source.code[..at].trim_end().ends_with('.');
    let mut complaints = Vec::new();
    for (at, word) in source.words() {
        let operation = WRITING.iter().any(|verb| word.starts_with(verb)) && is_call(at);
        let sdk = of_aws && !inner.starts_with("aws/write.rs") && operation;
        let road = !of_aws && !of_apply && word == "Writing";
        if sdk || road {
            let what = format!("{word}: only `apply` changes AWS, by `aws::write`");
            complaints.push(Complaint::new(&source.path, source.line(at), what));
        }
    }
    complaints
}

/// Whether a file belongs to a crate with such rooms and lies in none of them.
fn is_outside(path: &Path, crates: &[(&str, &[&str])]) -> bool {
    crates.iter().any(|(home, rooms)| {
        let room =
            path.strip_prefix(home).ok().and_then(|inner| inner.iter().next()).and_then(|part| part.to_str());
        room.is_some_and(|room| !rooms.contains(&room.trim_end_matches(".rs")))
    })
}

fn io(source: &Source) -> Vec<Complaint> {
    let words: Vec<(usize, &str)> = source.words().collect();
    let mut complaints = Vec::new();
    let mut complain = |at: usize, what: &str| {
        let what = format!("{what}: only the rooms that ask the world may do so; pass the facts in");
        complaints.push(Complaint::new(&source.path, source.line(at), what));
    };
    for &(at, word) in &words {
        let follows = &source.code[at + word.len()..];
        if word == "std" {
            std_paths(follows)
                .into_iter()
                .filter(|path| is_world(path))
                .for_each(|path| complain(at, &format!("std::{path}")));
        } else if CLOCKS.contains(&word)
            || (word == "reqwest" || word.starts_with("aws_")) && follows.starts_with("::")
        {
            complain(at, word);
        }
    }
    complaints
}

/// Exit codes are words, not I/O.
fn is_world(path: &str) -> bool {
    WORLD.iter().any(|module| path == *module || path.starts_with(&format!("{module}::")))
        && path != "process::ExitCode"
}

/// The paths after `std`, with the braces of a `use` multiplied out as deep as is needed to tell modules apart.
fn std_paths(follows: &str) -> Vec<String> {
    let Some(path) = follows.strip_prefix("::") else { return Vec::new() };
    let is_path = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let Some(group) = path.strip_prefix('{') else {
        let end = path.find(|letter| !is_path(letter)).unwrap_or(path.len());
        let (head, tail) = path.split_at(end);
        // `process::{Command, ExitCode}`: whoever takes more than the exit code is caught by the module's name.
        return match tail.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((inner, _)) => inner.split(',').map(|name| format!("{head}{}", name.trim())).collect(),
            None => vec![head.to_owned()],
        };
    };
    members(group).into_iter().map(|member| member.trim().replace("{ExitCode}", "ExitCode")).collect()
}

/// The members of a brace group, split at its own commas.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut members) = (0_usize, 0, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => {
                members.push(&group[start..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                members.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    members
}

fn asynchrony(source: &Source) -> Vec<Complaint> {
    let waits = source
        .words()
        .filter(|(at, word)| *word == "async" || (*word == "await" && source.code[..*at].ends_with('.')));
    let what = "async: the core never waits; answer `unread` and let the caller read on";
    waits.map(|(at, _)| Complaint::new(&source.path, source.line(at), what)).collect()
}

fn defaults(source: &Source) -> Vec<Complaint> {
    let words: Vec<(usize, &str)> = source.words().collect();
    let mut complaints = Vec::new();
    for (index, &(at, word)) in
        words.iter().enumerate().filter(|(_, (_, word))| WITHOUT_DEFAULT.contains(word))
    {
        let before: Vec<&str> = words[index.saturating_sub(3)..index].iter().map(|(_, word)| *word).collect();
        let is_item = matches!(before.last(), Some(&("struct" | "enum")));
        if before.ends_with(&["Default", "for"]) || (is_item && derives_default(&source.code[..at])) {
            let what =
                format!("{word} has a Default: an architecture that nobody named must not look like one");
            complaints.push(Complaint::new(&source.path, source.line(at), what));
        }
    }
    complaints
}

/// Whether the attributes at the end of this code derive `Default`.
fn derives_default(code: &str) -> bool {
    let item = &code[code.rfind([';', '}']).map_or(0, |end| end + 1)..];
    let derives = item.split("derive(").skip(1).filter_map(|rest| rest.split(')').next());
    derives.flat_map(|list| list.split(',')).any(|name| name.trim().rsplit("::").next() == Some("Default"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(path: &str, text: &str) -> Vec<String> {
        check(&Source::new(Path::new(path), text)).iter().map(ToString::to_string).collect()
    }

    #[track_caller]
    fn trips(path: &str, text: &str) {
        assert_eq!(complaints(path, text).len(), 1, "{text}: {:?}", complaints(path, text));
    }

    #[track_caller]
    fn passes(path: &str, text: &str) {
        assert_eq!(complaints(path, text), [""; 0], "{text}");
    }

    #[test]
    fn the_kernel_does_not_touch_the_world() {
        for text in [
            "use std::fs;",
            "let x = std::env::var(y);",
            "use std::{fmt, net::IpAddr};",
            "use std::process::Command;",
        ] {
            trips("crates/kernel/src/elf.rs", text);
            trips("crates/diagnosis/src/case.rs", text);
        }
        passes(
            "crates/kernel/src/elf.rs",
            "use std::fmt; // std::fs\n#[cfg(test)]\nmod tests { use std::fs; }",
        );
    }

    #[test]
    fn io_has_its_rooms() {
        for room in ["observe.rs", "observe/ecs.rs", "commands/diagnose.rs", "aws/mod.rs"] {
            passes(&format!("crates/execfit/src/{room}"), "use std::fs; reqwest::get(); Instant::now()");
        }
        for text in [
            "use std::{io, fs::File};",
            "SystemTime::now()",
            "Instant::now()",
            "reqwest::get()",
            "aws_config::load()",
        ] {
            trips("crates/execfit/src/output/text.rs", text);
            trips("crates/image/src/rootfs.rs", text);
        }
        passes("crates/image/src/source/registry.rs", "use std::net::IpAddr;");
        passes("crates/image/src/cache.rs", "use std::fs;");
        passes("xtask/src/main.rs", "use std::fs;");
    }

    #[test]
    fn an_exit_code_is_no_io() {
        let main = "crates/execfit/src/main.rs";
        for text in [
            "use std::process::ExitCode;",
            "use std::{io, process::ExitCode};",
            "-> std::process::ExitCode {",
        ] {
            passes(main, text);
        }
        trips(main, "use std::process::{Command, ExitCode};");
        trips(main, "std::env::args()");
        passes("crates/execfit/src/output/text.rs", "use crate::aws; let aws_name = 1; time::Duration");
    }

    #[test]
    fn the_core_never_waits() {
        for path in
            ["crates/kernel/src/exec.rs", "crates/diagnosis/src/plan.rs", "crates/image/src/rootfs.rs"]
        {
            trips(path, "pub async fn f() {}");
            trips(path, "x.await");
            passes(path, "fn is_async() {} // async");
        }
        passes("crates/image/src/source/registry.rs", "async fn f() { x.await }");
        passes("crates/execfit/src/watch.rs", "async fn f() { x.await }");
    }

    #[test]
    fn only_apply_changes_aws() {
        for path in ["commands/diagnose.rs", "observe/ecs.rs", "prove.rs"] {
            trips(&format!("crates/execfit/src/{path}"), "use crate::aws::Writing;");
        }
        trips("crates/execfit/src/aws/ecs.rs", "self.ecs.update_service().send()");
        trips("crates/execfit/src/aws/logs.rs", "client\n    .put_log_events()");
        passes("crates/execfit/src/aws/ecs.rs", "self.ecs.describe_services(); fn update_service() {}");
        passes("crates/execfit/src/aws/write.rs", "self.ecs.update_service()");
        passes("crates/execfit/src/apply/deploy.rs", "use crate::aws::Writing;");
    }

    #[test]
    fn architectures_have_no_default() {
        let path = "crates/image/src/platform.rs";
        trips(path, "#[derive(Clone, Default)]\n/// Words.\npub struct Platform { a: u8 }");
        trips(path, "#[derive(std::default::Default)] #[non_exhaustive] enum Machine { A }");
        trips(path, "impl Default for Architecture {}");
        trips(path, "impl std::default::Default for Platform {}");
        passes(
            path,
            "#[derive(Default)] struct Other; #[derive(Clone)] struct Platform; impl Default for RuntimePlatform {}",
        );
    }
}
