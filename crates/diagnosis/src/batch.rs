//! Many questions about directories, one JSON object a line, and their answers: what an outside suite drives the
//! kernel's model with. `schema/batch.v1.json` describes both.

mod answer;
mod host;
mod overlay;
mod question;

pub use answer::{Answer, BadQuestion, Reply};

use answer::Told;
use execfit_kernel::exec::{Call, Outcome, execve};
use execfit_kernel::lookup::{self, DEFAULT_PATH};
use execfit_kernel::tree::{FileTree, Gap};
use overlay::Overlay;
use question::Question;
use serde::Deserialize;
use serde_json::Value;

/// The most bytes that a line may have, its newline not counted.
pub const LONGEST_LINE: usize = 16 << 20;

/// Answers one line. `open` opens the directory that the question names as `root`, anew for every question: somebody
/// may change it between two of them.
pub fn reply<T: FileTree>(line: &[u8], open: impl FnOnce(&str) -> Result<T, String>) -> Reply {
    let replied = Question::read(line).and_then(|question| {
        let tree = open(&question.root)?;
        Ok(answer(&tree, question))
    });
    match replied {
        Ok(answer) => Reply::Answer(Box::new(answer)),
        Err(error) => Reply::Bad(BadQuestion { id: id_of(line), error }),
    }
}

/// The answer to a line that has more than [`LONGEST_LINE`].
pub fn too_long() -> Reply {
    let error = format!("the line is longer than {LONGEST_LINE} bytes");
    Reply::Bad(BadQuestion { id: Value::Null, error })
}

/// The id of a question that is not understood, where that much can be read.
fn id_of(line: &[u8]) -> Value {
    #[derive(Deserialize)]
    struct Identified {
        #[serde(default)]
        id: Value,
    }
    if line.trim_ascii_start().first() != Some(&b'{') {
        return Value::Null;
    }
    serde_json::from_slice::<Identified>(line).map(|question| question.id).unwrap_or_default()
}

fn answer(tree: &dyn FileTree, mut question: Question) -> Answer {
    let ignored = std::mem::take(&mut question.ignored);
    let tree = Overlay::new(tree, &question.noexec, &question.capabilities);
    let mut told = Told::new(&question);
    let answer = match ask(&tree, &question, &mut told) {
        Ok(Answered::Kernel(outcome)) => told.outcome(question.id, outcome),
        Ok(Answered::Runtime(missed)) => Answer::of_errno(question.id, missed.errno, missed.blame),
        Err(gap) => Answer::unknown(question.id, &gap),
    };
    Answer { ignored, ..answer }
}

/// Who had the last word.
enum Answered {
    Kernel(Outcome),
    /// The runtime finds no `argv[0]`.
    Runtime(lookup::NotFound),
}

fn ask(tree: &dyn FileTree, question: &Question, told: &mut Told) -> Result<Answered, Gap> {
    let Question { argv, env, cwd, credentials, stack_limit, host, .. } = question;
    let program;
    let path = match (&question.path, argv.first()) {
        (Some(path), _) => path,
        (None, argv0) => {
            let variable = lookup::path_variable(env).unwrap_or(DEFAULT_PATH);
            let argv0 = argv0.map(Vec::as_slice).unwrap_or_default();
            match lookup::find_program(tree, credentials, argv0, Some(variable), cwd, &mut ())? {
                Ok(found) => program = found,
                Err(missed) => return Ok(Answered::Runtime(missed)),
            }
            &program
        }
    };
    told.opened_as(path);
    let call = Call { path, argv, env, cwd, credentials, stack_limit: *stack_limit };
    execve(tree, host, &call, told).map(Answered::Kernel)
}

#[cfg(test)]
mod tests;
