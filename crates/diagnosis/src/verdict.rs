//! Whether it runs, fails, or cannot be told.

use execfit_kernel::errno::Errno;
use execfit_kernel::exec::Signal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The answer about one container on one host, or about a whole. *Unknown* is never "runs".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It would start.
    Runs,
    /// It would not.
    Fails(Failure),
    /// It cannot be told; why.
    Unknown(String),
}

/// Where on the way to its first instruction a container fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The image has nothing for the host: it cannot be pulled.
    Pull,
    /// A layer breaks a rule that the runtimes hold to: it cannot be unpacked.
    Unpack,
    /// The engine refuses to create the container (no command, unknown user).
    Create,
    /// The runtime does not find `argv[0]`, or may not run it.
    Lookup(Errno),
    /// `execve` answers with an error.
    Exec(Errno),
    /// The process is killed while it is being mapped.
    Killed(Signal),
    /// The dynamic loader gives up.
    Loader(String),
}

/// The verdict's name in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VerdictName {
    /// It would start.
    Runs,
    /// It cannot be told.
    Unknown,
    /// It would not start.
    Fails,
}

impl Verdict {
    /// Its name; the order of names is from best to worst.
    pub fn name(&self) -> VerdictName {
        match self {
            Verdict::Runs => VerdictName::Runs,
            Verdict::Fails(_) => VerdictName::Fails,
            Verdict::Unknown(_) => VerdictName::Unknown,
        }
    }

    /// The worse of two.
    pub fn worse(self, other: Verdict) -> Verdict {
        if other.name() > self.name() { other } else { self }
    }

    /// The failure, if it is one.
    pub fn failure(&self) -> Option<&Failure> {
        if let Verdict::Fails(failure) = self { Some(failure) } else { None }
    }
}

impl Failure {
    /// The phase's name in JSON.
    pub fn phase(&self) -> &'static str {
        match self {
            Failure::Pull => "pull",
            Failure::Unpack => "unpack",
            Failure::Create => "create",
            Failure::Lookup(_) => "lookup",
            Failure::Exec(_) => "exec",
            Failure::Killed(_) => "killed",
            Failure::Loader(_) => "loader",
        }
    }

    /// The error number, where there is one.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Failure::Lookup(errno) | Failure::Exec(errno) => Some(*errno),
            _ => None,
        }
    }

    /// The signal's name, where there is one.
    pub fn signal(&self) -> Option<&'static str> {
        match self {
            Failure::Killed(Signal::SIGSEGV) => Some("SIGSEGV"),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Pull => f.write_str("the image has nothing for the host"),
            Failure::Unpack => f.write_str("the image cannot be unpacked"),
            Failure::Create => f.write_str("the engine refuses to create the container"),
            Failure::Lookup(errno) => {
                write!(f, "the program cannot be found or run: {errno} ({})", errno.text())
            }
            Failure::Exec(errno) => write!(f, "exec: {errno} ({})", errno.text()),
            Failure::Killed(_) => f.write_str("killed while it is being mapped"),
            Failure::Loader(text) => write!(f, "the dynamic loader gives up: {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_part_decides_and_unknown_is_never_runs() {
        let unknown = || Verdict::Unknown("a mount".into());
        let fails = || Verdict::Fails(Failure::Pull);
        assert_eq!(Verdict::Runs.worse(unknown()), unknown());
        assert_eq!(unknown().worse(fails()), fails());
        assert_eq!(fails().worse(unknown()), fails());
    }
}
