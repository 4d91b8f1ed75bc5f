//! Why a call goes no further.

use crate::errno::Errno;
use crate::exec::Rule;
use crate::tree::Gap;

/// The kernel says no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The file to blame: links resolved, or as it was named where nothing was found.
    pub path: Vec<u8>,
    /// The answer; `None` when the process is killed instead.
    pub errno: Option<Errno>,
    /// Why.
    pub rule: Rule,
}

/// What ends a question early: an answer, or a gap in what is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The kernel says no.
    Refused(Refusal),
    /// The answer is not known.
    Gap(Gap),
}

impl Stop {
    /// The error that was answered, if one was.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Stop::Refused(refusal) => refusal.errno,
            Stop::Gap(_) => None,
        }
    }
}

impl From<Gap> for Stop {
    fn from(gap: Gap) -> Stop {
        Stop::Gap(gap)
    }
}

/// `path` is to blame for `errno`.
pub(crate) fn refuse(path: &[u8], errno: Errno, rule: Rule) -> Stop {
    Stop::Refused(Refusal { path: path.to_vec(), errno: Some(errno), rule })
}

/// `path` is to blame for the death of the process.
pub(crate) fn kill(path: &[u8], rule: Rule) -> Stop {
    Stop::Refused(Refusal { path: path.to_vec(), errno: None, rule })
}
