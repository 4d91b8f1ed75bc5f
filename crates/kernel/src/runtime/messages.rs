//! What is printed on the way from a container's configuration to the first instruction of its program, by whom, and
//! with which exit code.
//!
//! One table for both directions: what is predicted of a refusal, and what a text that was seen means. A template has
//! the words as they are printed; `{program}`, `{library}` and `{version}` stand for the object, `{errno}` for the text
//! of an error ([`crate::errno::Errno::text`], in either case), `{number}` for digits, `{path}` for a path, `{shell}` for
//! the name of a shell or its script, `{token}` for what a shell did not expect, `{rest}` for anything.

mod table;

pub use table::{MESSAGES, UNTOLD, WRAPPERS};

use crate::errno::Errno;

/// Characters to which Amazon ECS's agent cuts a `reason`: 255 in older ones (public reports), 1024 today
/// (amazon-ecs-agent `ecs-agent/api/ecs/client/ecs_client.go`).
pub const REASON_LIMITS: [usize; 2] = [255, 1024];

/// Where on the way a text is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// The runtime could not create the container: no log, and ECS shows no exit code. Exit codes are Docker's.
    Create,
    /// The container was created, and `execve` of its program failed: a line in the container's log.
    Start,
    /// A program of the container (a shell, an init) could not start another one.
    HandOver,
    /// The dynamic loader gave up.
    Loader,
}

/// Who prints a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Printer {
    RuncUpTo1_0,
    Runc1_1,
    RuncFrom1_2,
    Crun,
    Podman,
    Tini,
    DumbInit,
    Gosu,
    Coreutils,
    Busybox,
    Dash,
    Bash,
    Ash,
    Mksh,
    Glibc,
    Musl,
}

/// Printers, each with the exit codes that it leaves.
pub type Exits = &'static [(Printer, &'static [u8])];

/// One text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Where on the way.
    pub phase: Phase,
    /// The template.
    pub text: &'static str,
    /// Who prints it, and the exit code then.
    pub printed_by: Exits,
    /// The error that it means, where its words do not tell that.
    pub errno: Option<Errno>,
    /// What it means, in a sentence.
    pub says: &'static str,
    /// Where the words were read.
    pub source: &'static str,
}

/// Words that somebody on the way up puts around a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrapper {
    /// The words, as a template.
    pub text: &'static str,
    /// Who puts them there, with versions.
    pub by: &'static str,
    /// The printers that are left where these words are seen.
    pub only: Option<&'static [Printer]>,
    /// Where the words were read.
    pub source: &'static str,
}

impl Printer {
    /// The name, with versions.
    pub fn name(self) -> &'static str {
        match self {
            Printer::RuncUpTo1_0 => "runc up to 1.0",
            Printer::Runc1_1 => "runc 1.1",
            Printer::RuncFrom1_2 => "runc 1.2 and later",
            Printer::Crun => "crun",
            Printer::Podman => "podman",
            Printer::Tini => "tini (Docker --init, ECS initProcessEnabled)",
            Printer::DumbInit => "dumb-init",
            Printer::Gosu => "gosu",
            Printer::Coreutils => "coreutils (env, timeout, nice, nohup)",
            Printer::Busybox => "busybox (env)",
            Printer::Dash => "dash",
            Printer::Bash => "bash",
            Printer::Ash => "busybox ash",
            Printer::Mksh => "mksh",
            Printer::Glibc => "glibc's loader",
            Printer::Musl => "musl's loader",
        }
    }

    /// Whether it is a container runtime, which refuses the container's own program and no other.
    pub fn is_runtime(self) -> bool {
        matches!(
            self,
            Printer::RuncUpTo1_0 | Printer::Runc1_1 | Printer::RuncFrom1_2 | Printer::Crun | Printer::Podman
        )
    }

    /// Whether it is a shell.
    pub fn is_shell(self) -> bool {
        matches!(self, Printer::Dash | Printer::Bash | Printer::Ash | Printer::Mksh)
    }

    /// The exit code of a container whose program `execve` refuses, for runtimes that get that far. Sources: runc
    /// `init.go` (up to 1.1), `libcontainer/init_linux.go` (1.2 and later), crun `src/libcrun/container.c`.
    pub fn refused_exit_code(self) -> Option<u8> {
        match self {
            Printer::RuncUpTo1_0 | Printer::Runc1_1 | Printer::Crun => Some(1),
            Printer::RuncFrom1_2 => Some(255),
            _ => None,
        }
    }

    /// The runtimes with an exit code for a program that `execve` refuses.
    pub const RUNTIMES: [Printer; 4] =
        [Printer::RuncUpTo1_0, Printer::Runc1_1, Printer::RuncFrom1_2, Printer::Crun];
}

/// Printers by name, the versions of runc as a range where they follow each other.
pub fn names(printers: &[Printer]) -> String {
    let has = |printer| printers.contains(&printer);
    let runc = match (has(Printer::RuncUpTo1_0), has(Printer::Runc1_1), has(Printer::RuncFrom1_2)) {
        (true, true, true) => Some("runc"),
        (false, true, true) => Some("runc 1.1 and later"),
        (true, true, false) => Some("runc up to 1.1"),
        _ => None,
    };
    let merged = |printer: &&Printer| runc.is_none() || !printer.is_runtime() || **printer >= Printer::Crun;
    let others = printers.iter().filter(merged).map(|printer| printer.name());
    runc.into_iter().chain(others).collect::<Vec<_>>().join(", ")
}

impl Phase {
    /// Its name in JSON, that of the failure it belongs to.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Create => "lookup",
            Phase::Start | Phase::HandOver => "exec",
            Phase::Loader => "loader",
        }
    }

    /// Whether the container leaves an exit code that Amazon ECS shows: it does where it was started (amazon-ecs-agent
    /// `agent/dockerclient/dockerapi` MetadataFromContainer sets one only where `FinishedAt` is set).
    pub fn leaves_exit_code(self) -> bool {
        self != Phase::Create
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup::docker_exit_code;
    use crate::runtime::{Crun, Go, Runc, Runtime};

    /// The literal words of a template, in order.
    fn fits(template: &str, text: &str) -> bool {
        let mut rest = text;
        template.split('{').enumerate().all(|(at, piece)| {
            let words = if at == 0 { piece } else { piece.split_once('}').map_or("", |(_, words)| words) };
            let found = rest.find(words);
            rest = found.map_or(rest, |start| &rest[start + words.len()..]);
            found.is_some()
        })
    }

    #[test]
    fn what_is_predicted_stands_in_the_table() {
        let runtimes = [
            (Printer::RuncUpTo1_0, Runtime::Runc(Runc::UpTo1_0, Go::UpTo1_18)),
            (Printer::Runc1_1, Runtime::Runc(Runc::V1_1, Go::V1_19)),
            (Printer::RuncFrom1_2, Runtime::RUNC),
            (Printer::Crun, Runtime::Crun(Crun::UpTo1_20)),
            (Printer::Crun, Runtime::CRUN),
        ];
        for (printer, runtime) in runtimes {
            assert_eq!(printer.refused_exit_code(), Some(runtime.refused_exit_code()));
            for errno in Errno::ALL {
                let text = runtime.refusal(b"/app", *errno);
                let code = runtime.refused_exit_code();
                let told = MESSAGES.iter().any(|message| {
                    let by = message.printed_by.iter().find(|(by, _)| *by == printer);
                    message.phase == Phase::Start
                        && fits(message.text, &text)
                        && by.is_some_and(|(_, codes)| *codes == [code])
                });
                assert!(told, "{printer:?}: {text}");
            }
        }
    }

    #[test]
    fn create_texts_have_docker_s_exit_codes() {
        for message in MESSAGES.iter().filter(|message| message.phase == Phase::Create) {
            let errnos = Errno::ALL.iter().filter(|_| message.text.contains("{errno}"));
            let texts = errnos.map(|errno| message.text.replace("{errno}", errno.text()));
            let plain = (!message.text.contains("{errno}")).then(|| message.text.to_string());
            for text in texts.chain(plain).filter(|_| message.printed_by[0].0 != Printer::Podman) {
                let code = docker_exit_code(&text);
                assert!(message.printed_by.iter().all(|(_, codes)| codes.contains(&code)), "{text}: {code}");
            }
        }
    }

    #[test]
    fn versions_of_runc_are_told_as_a_range() {
        use Printer::{Crun, Runc1_1, RuncFrom1_2, RuncUpTo1_0};
        assert_eq!(names(&[RuncUpTo1_0, Runc1_1, RuncFrom1_2]), "runc");
        assert_eq!(names(&[Runc1_1, RuncFrom1_2, Crun]), "runc 1.1 and later, crun");
        assert_eq!(names(&[RuncUpTo1_0, Runc1_1, Crun]), "runc up to 1.1, crun");
        assert_eq!(names(&[RuncUpTo1_0, Crun]), "runc up to 1.0, crun");
    }
}
