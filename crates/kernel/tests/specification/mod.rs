//! The cases of the specification (`book/src/execve.md`): its fences named `execve`, read.
//!
//! A fence holds lines of four kinds:
//!
//! - a file: `/app 0755 1000:1000 elf x86_64 interp=/lib/ld.so`, with a line for each program header indented below
//!   it; `/s "#!/app -x\n"`; `/link -> /app`; `/d dir`; `/pipe fifo`. What is not said is: mode 0755, root's.
//! - a binfmt_misc handler, as one registers it: `:qemu:M:18:\xb7\x00:\xff\xff:/usr/bin/qemu:F`
//! - a call: `exec /s argument, as 1000:1000, in /work, on arm64 >=6.8 16k -> starts /app, argv /app -x /s argument`.
//!   Without `->` the indented lines below it go on, each with clauses and an answer of its own.
//! - `# ...`, a comment.
//!
//! An answer holds on every host that `on` does not exclude. Machines that a file names `native`, `foreign` or
//! `32-bit` are those of the host that is asked.

mod call;
mod elf;
mod files;
mod words;

use execfit_kernel::binfmt_misc::Handler;
use execfit_kernel::host::{Architecture, Host};
use execfit_kernel::tree::MemoryTree;
use std::rc::Rc;

pub(crate) use call::{Answer, Question};
use files::File;
use words::Word;

/// One question with the answer that is expected.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// The line of the answer in the document, 1 first.
    pub(crate) line: usize,
    /// The call as it is written.
    pub(crate) text: String,
    pub(crate) question: Question,
    pub(crate) answer: Answer,
    /// Handlers that the host has registered, the last first.
    pub(crate) handlers: Rc<[Handler]>,
    files: Rc<[File]>,
}

impl Case {
    /// Its files, as they are for a host of this architecture.
    pub(crate) fn tree(&self, architecture: Architecture) -> MemoryTree {
        let mut tree = MemoryTree::new();
        self.files.iter().for_each(|file| file.plant(&mut tree, architecture));
        tree
    }

    /// The host, if the answer holds for it, with the handlers of the case.
    pub(crate) fn on(&self, host: &Host) -> Option<Host> {
        let host = Host { binfmt_misc: self.handlers.to_vec(), ..host.clone() };
        self.question.on.include(&host).then_some(host)
    }
}

/// Reads every case of a document. An error is `LINE: what is wrong`.
pub(crate) fn cases(document: &str) -> Result<Vec<Case>, String> {
    let mut cases = Vec::new();
    let mut fence: Option<Fence> = None;
    for (index, line) in document.lines().enumerate() {
        match &mut fence {
            None if line == "```execve" => fence = Some(Fence::default()),
            None => {}
            Some(_) if line == "```" => cases.extend(fence.take().into_iter().flat_map(Fence::cases)),
            Some(fence) => fence.line(index + 1, line).map_err(|error| format!("{}: {error}", index + 1))?,
        }
    }
    match fence {
        None => Ok(cases),
        Some(_) => Err("the last fence is open".into()),
    }
}

/// A fence that is being read.
#[derive(Default)]
struct Fence {
    files: Vec<File>,
    handlers: Vec<Handler>,
    /// Line, text, question and answer.
    asked: Vec<(usize, String, Question, Answer)>,
    /// The call whose answers follow.
    open: Option<(String, Question)>,
}

impl Fence {
    fn line(&mut self, number: usize, line: &str) -> Result<(), String> {
        if line.trim().is_empty() || line.starts_with('#') {
            return Ok(());
        }
        words::lines(line)?.iter().try_for_each(|line| self.one(number, line))
    }

    fn one(&mut self, number: usize, line: &str) -> Result<(), String> {
        if let Some(handler) = line.strip_prefix(':') {
            self.handlers.insert(0, registration(handler)?);
            return Ok(());
        }
        let words = words::split(line)?;
        if line.starts_with(' ') {
            return match (&self.open, self.files.last_mut()) {
                (Some((text, question)), _) => {
                    let (text, mut question) = (format!("{text}, {}", line.trim()), question.clone());
                    let (clauses, answer) = halves(&words).ok_or("an answer stands behind ->")?;
                    question.clauses(clauses)?;
                    self.asked.push((number, text, question, Answer::read(answer)?));
                    Ok(())
                }
                (None, Some(file)) => file.more(&words),
                (None, None) => Err("nothing stands above it".into()),
            };
        }
        self.open = None;
        if words[0].bare() != "exec" {
            self.files.push(File::read(&words)?);
            return Ok(());
        }
        match halves(&words[1..]) {
            Some((call, answer)) => {
                let (question, answer) = (Question::read(call)?, Answer::read(answer)?);
                self.asked.push((number, line.to_string(), question, answer));
            }
            None => self.open = Some((line.to_string(), Question::read(&words[1..])?)),
        }
        Ok(())
    }

    fn cases(self) -> impl Iterator<Item = Case> {
        let (files, handlers): (Rc<[File]>, Rc<[Handler]>) = (self.files.into(), self.handlers.into());
        self.asked.into_iter().map(move |(line, text, question, answer)| {
            let (files, handlers) = (files.clone(), handlers.clone());
            Case { line, text, question, answer, handlers, files }
        })
    }
}

/// What stands before and behind `->`.
fn halves(words: &[Word]) -> Option<(&[Word], &[Word])> {
    let at = words.iter().position(|word| word.bare() == "->")?;
    Some((&words[..at], &words[at + 1..]))
}

/// A handler as it is written to /proc/sys/fs/binfmt_misc/register, behind the first colon
/// (Documentation/admin-guide/binfmt-misc.rst). Only magic numbers (`M`) are taken.
fn registration(line: &str) -> Result<Handler, String> {
    let fields: Vec<&str> = line.trim_end().split(':').collect();
    let [name, "M", offset, magic, mask, interpreter, flags] = fields[..] else {
        return Err("a handler is :NAME:M:OFFSET:MAGIC:MASK:INTERPRETER:FLAGS".into());
    };
    let bytes = |text: &str| -> Result<Vec<u8>, String> {
        Ok(words::split(&format!("\"{text}\""))?.into_iter().flat_map(|word| word.bytes).collect())
    };
    Ok(Handler {
        name: name.into(),
        offset: offset.parse().unwrap_or(0),
        magic: bytes(magic)?,
        mask: bytes(mask)?,
        interpreter: interpreter.into(),
        fixed: flags.contains('F'),
        preserve_argv0: flags.contains('P'),
        credentials: flags.contains('C'),
    })
}
