//! What a line is answered.

use super::question::Question;
use execfit_kernel::errno::Errno;
use execfit_kernel::exec::{Outcome, Signal, Step, Trace};
use execfit_kernel::tree::Gap;
use serde::Serialize;
use serde_json::Value;

/// The answer to one line.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// The question was understood.
    Answer(Box<Answer>),
    /// It was not, or there is no such directory.
    Bad(BadQuestion),
}

/// Why a line has no answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BadQuestion {
    /// The question's, `null` where it could not be read.
    pub id: Value,
    /// What is wrong with it.
    pub error: String,
}

/// What the kernel answers, or the runtime before it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The question's, as it was given.
    pub id: Value,
    /// `starts`, `errno`, `killed` (after the point of no return) or `unknown`.
    pub outcome: &'static str,
    /// The error's name, with `errno`.
    pub errno: Option<&'static str>,
    /// The file to blame: links resolved, or as it was named where nothing was found.
    pub blame: Option<Text>,
    /// With `starts`: the file whose image is mapped, links resolved: a script's interpreter, not its loader.
    pub program: Option<Text>,
    /// With `starts`: the argument vector that it gets, after all scripts and handlers.
    pub argv: Option<Vec<Text>>,
    /// With `starts`: 64 or 32; `null` for an interpreter that a handler opened in the host (flag `F`).
    pub bits: Option<u8>,
    /// The signal's name, with `killed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<&'static str>,
    /// Why nothing can be told, with `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Members of the question that are not known and were passed over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
}

/// Bytes of Linux in JSON: a string where they are UTF-8, else an array of their values, so that nothing is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Text {
    /// They are UTF-8.
    Utf8(String),
    /// They are not.
    Bytes(Vec<u8>),
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Text {
        String::from_utf8(bytes).map_or_else(|error| Text::Bytes(error.into_bytes()), Text::Utf8)
    }
}

impl Answer {
    fn new(id: Value, outcome: &'static str) -> Answer {
        let (errno, blame, program, argv, bits, signal, reason, ignored) = Default::default();
        Answer { id, outcome, errno, blame, program, argv, bits, signal, reason, ignored }
    }

    pub(super) fn of_errno(id: Value, errno: Errno, blame: Vec<u8>) -> Answer {
        Answer { errno: Some(errno.name()), blame: Some(blame.into()), ..Answer::new(id, "errno") }
    }

    pub(super) fn unknown(id: Value, gap: &Gap) -> Answer {
        let blame = match gap {
            Gap::Unread { path, .. } | Gap::Hidden { path, .. } => Some(path.clone().into()),
            Gap::Host(_) => None,
        };
        Answer { blame, reason: Some(gap.to_string()), ..Answer::new(id, "unknown") }
    }
}

/// What the steps of an execution told.
pub(super) struct Told {
    /// The argument vector so far.
    argv: Vec<Vec<u8>>,
    /// The name by which the current file was opened, `bprm->interp`.
    name: Vec<u8>,
    /// The file to blame.
    blame: Vec<u8>,
    program: Vec<u8>,
    bits: Option<u8>,
}

impl Told {
    pub(super) fn new(question: &Question) -> Told {
        let mut argv = question.argv.clone();
        // fs/exec.c do_execveat_common: there is always an argv[0].
        if argv.is_empty() {
            argv.push(Vec::new());
        }
        Told { argv, name: Vec::new(), blame: Vec::new(), program: Vec::new(), bits: None }
    }

    pub(super) fn opened_as(&mut self, path: &[u8]) {
        self.name = path.to_vec();
    }

    /// fs/binfmt_script.c load_script, fs/binfmt_misc.c load_misc_binary: `argv[0]` gives way to the interpreter, its
    /// argument and the name by which the file was opened.
    fn hand_over(&mut self, interpreter: &[u8], argument: Option<&[u8]>, keep_first: bool) {
        let gone = if keep_first { 0 } else { self.argv.len().min(1) };
        let name = std::mem::replace(&mut self.name, interpreter.to_vec());
        let before = [Some(interpreter.to_vec()), argument.map(<[u8]>::to_vec), Some(name)];
        self.argv.splice(..gone, before.into_iter().flatten());
    }

    pub(super) fn outcome(mut self, id: Value, outcome: Outcome) -> Answer {
        match outcome {
            Outcome::Starts => {
                // An interpreter of the host's is none of the tree's files: its name is all there is.
                let program = match (self.bits, self.argv.first()) {
                    (None, Some(interpreter)) => interpreter.clone(),
                    _ => self.program,
                };
                let argv = self.argv.drain(..).map(Text::from).collect();
                let answer = Answer::new(id, "starts");
                Answer { program: Some(program.into()), argv: Some(argv), bits: self.bits, ..answer }
            }
            Outcome::Fails(errno) => Answer::of_errno(id, errno, self.blame),
            Outcome::Killed(Signal::SIGSEGV) => Answer {
                blame: Some(self.blame.into()),
                signal: Some("SIGSEGV"),
                ..Answer::new(id, "killed")
            },
        }
    }
}

impl Trace for Told {
    fn step(&mut self, step: Step<'_>) {
        match step {
            Step::Script { interpreter, argument, .. } => self.hand_over(interpreter, argument, false),
            Step::Misc { handler, .. } => {
                self.hand_over(&handler.interpreter, None, handler.preserve_argv0);
            }
            Step::Refused { path, .. } => self.blame = path.to_vec(),
            Step::Starts { path, bits } => (self.program, self.bits) = (path.to_vec(), bits),
            Step::Symlink { .. }
            | Step::Elf { .. }
            | Step::Interpreter { .. }
            | Step::Unrecognised { .. } => {}
        }
    }
}
