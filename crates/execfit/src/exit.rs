//! How a command ends: its exit code, and what it says when it could not do its work.

use crate::aws::{AwsError, AwsErrorKind};
use execfit_diagnosis::verdict::VerdictName;
use std::fmt;
use std::process::ExitCode;

/// The exit codes, the same for every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It runs; nothing was found.
    Runs = 0,
    /// The tool or AWS failed; there is no such cluster, service, task or image.
    Failed = 1,
    /// Bad usage, a malformed ARN or reference.
    Usage = 2,
    /// There is nothing to examine.
    Nothing = 3,
    /// It could not be told.
    Unknown = 4,
    /// It would not run. ENOEXEC is errno 8.
    WouldNotRun = 8,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

impl From<VerdictName> for Exit {
    fn from(verdict: VerdictName) -> Exit {
        match verdict {
            VerdictName::Runs => Exit::Runs,
            VerdictName::Unknown => Exit::Unknown,
            VerdictName::Fails => Exit::WouldNotRun,
        }
    }
}

/// Why a command could not do its work. An error is about us or the world; a finding is about the user's system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The exit code.
    pub exit: Exit,
    /// What happened, to which object.
    pub message: String,
    /// What to do next, where the message does not say it.
    pub help: Option<String>,
}

impl Stopped {
    /// Stops with a message.
    pub fn new(exit: Exit, message: impl Into<String>) -> Stopped {
        Stopped { exit, message: message.into(), help: None }
    }

    /// Adds what to do next.
    pub fn help(mut self, help: impl Into<String>) -> Stopped {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Stopped {}

impl From<AwsError> for Stopped {
    fn from(error: AwsError) -> Stopped {
        let exit = match error.kind {
            AwsErrorKind::Denied | AwsErrorKind::Unauthorised | AwsErrorKind::Throttled => Exit::Unknown,
            _ => Exit::Failed,
        };
        Stopped::new(exit, error.to_string())
    }
}
