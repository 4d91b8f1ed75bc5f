//! Calls and what they answer: `exec PATH [ARGUMENT]..., as UID:GID, in DIRECTORY, on HOSTS -> ANSWER`.

use super::files::capability_bits;
use super::words::{Word, number};
use execfit_kernel::credentials::{Credentials, DOCKER_DEFAULT};
use execfit_kernel::errno::Errno;
use execfit_kernel::host::{Architecture, Host, Support};

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) path: Vec<u8>,
    pub(crate) argv: Vec<Vec<u8>>,
    pub(crate) env: Vec<Vec<u8>>,
    pub(crate) cwd: Vec<u8>,
    pub(crate) credentials: Credentials,
    pub(crate) stack_limit: u64,
    pub(crate) on: Hosts,
}

/// The hosts for which an answer holds; what is not said may be anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Hosts {
    pub(crate) architecture: Option<Architecture>,
    /// The first kernel.
    pub(crate) from: Option<(u16, u16)>,
    /// The first kernel for which it no longer holds.
    pub(crate) before: Option<(u16, u16)>,
    pub(crate) page_size: Option<u32>,
    pub(crate) compat32: Option<Support>,
}

/// What is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The program starts: this one, with this argument vector, where that is said.
    Starts { program: Option<Vec<u8>>, argv: Option<Vec<Vec<u8>>> },
    /// An error, and the file to blame where that is said.
    Fails { errno: Errno, blame: Option<Vec<u8>> },
    /// The process is killed.
    Killed { blame: Option<Vec<u8>> },
    /// Chance, memory or an unknown host decides.
    Unknown,
}

impl Question {
    /// Reads the words behind `exec`: `path` and arguments up to a comma, then clauses.
    pub(crate) fn read(words: &[Word]) -> Result<Question, String> {
        let (argv, clauses) = clause(words);
        let path = argv.first().ok_or("execute what?")?.bytes.clone();
        let mut question = Question {
            path,
            argv: argv.iter().map(|word| word.bytes.clone()).collect(),
            env: Vec::new(),
            cwd: b"/".to_vec(),
            credentials: Credentials::container(0, 0, Vec::new(), DOCKER_DEFAULT),
            stack_limit: 8 << 20,
            on: Hosts::default(),
        };
        question.clauses(clauses)?;
        Ok(question)
    }

    /// Reads clauses with commas between them.
    pub(crate) fn clauses(&mut self, mut words: &[Word]) -> Result<(), String> {
        while !words.is_empty() {
            let (one, rest) = clause(words);
            self.clause(one)?;
            words = rest;
        }
        Ok(())
    }

    fn clause(&mut self, words: &[Word]) -> Result<(), String> {
        let (first, rest) = words.split_first().ok_or("an empty clause")?;
        let bytes = || rest.iter().map(|word| word.bytes.clone()).collect();
        match (first.bare(), rest) {
            ("argv", _) => self.argv = bytes(),
            ("env", _) => self.env = bytes(),
            ("in", [directory]) => self.cwd = directory.bytes.clone(),
            ("on", _) => rest.iter().try_for_each(|word| self.on.word(word.bare()))?,
            ("as", [ids]) => self.user(ids.bare())?,
            ("with", [names]) => {
                let Credentials { uid, gid, groups, .. } = self.credentials.clone();
                self.credentials = Credentials::container(uid, gid, groups, capability_bits(names.bare())?);
            }
            ("stack", [limit]) if limit.bare() == "unlimited" => self.stack_limit = u64::MAX,
            ("stack", [limit]) => self.stack_limit = number(limit.bare())?,
            (name, _) => return Err(format!("no clause is {name:?}")),
        }
        Ok(())
    }

    /// `1000:1000+50+51`: user, group and further groups.
    fn user(&mut self, text: &str) -> Result<(), String> {
        let ids: Result<Vec<u32>, _> = text.split([':', '+']).map(str::parse).collect();
        let ids = ids.map_err(|_| format!("{text} is no user"))?;
        let [uid, gid, groups @ ..] = ids.as_slice() else { return Err(format!("{text} has no group")) };
        self.credentials = Credentials::container(*uid, *gid, groups.to_vec(), self.credentials.bounding);
        Ok(())
    }
}

/// The words up to the first comma, and those behind it.
fn clause(words: &[Word]) -> (&[Word], &[Word]) {
    words.split_at(words.iter().position(|word| word.comma).map_or(words.len(), |at| at + 1))
}

impl Hosts {
    fn word(&mut self, word: &str) -> Result<(), String> {
        match word {
            "x86_64" => self.architecture = Some(Architecture::X86_64),
            "arm64" => self.architecture = Some(Architecture::Arm64),
            "4k" => self.page_size = Some(4096),
            "16k" => self.page_size = Some(16384),
            "64k" => self.page_size = Some(65536),
            "32-bit" => self.compat32 = Some(Support::Yes),
            "no-32-bit" => self.compat32 = Some(Support::No),
            "32-bit?" => self.compat32 = Some(Support::Unknown),
            _ => match (word.strip_prefix(">="), word.strip_prefix('<')) {
                (Some(from), _) => self.from = Some(version(from)?),
                (_, Some(before)) => self.before = Some(version(before)?),
                _ => return Err(format!("no host is {word:?}")),
            },
        }
        Ok(())
    }

    /// Whether the answer holds for this one.
    pub(crate) fn include(&self, host: &Host) -> bool {
        self.architecture.is_none_or(|architecture| architecture == host.architecture)
            && self.from.is_none_or(|from| host.kernel >= from)
            && self.before.is_none_or(|before| host.kernel < before)
            && self.page_size.is_none_or(|size| size == host.page_size)
            && self.compat32.map_or(host.compat32 != Support::Unknown, |support| support == host.compat32)
    }
}

fn version(text: &str) -> Result<(u16, u16), String> {
    let numbers = text.split_once('.').map(|(major, minor)| (major.parse(), minor.parse()));
    match numbers {
        Some((Ok(major), Ok(minor))) => Ok((major, minor)),
        _ => Err(format!("{text} is no kernel")),
    }
}

impl Answer {
    /// Reads the words behind `->`.
    pub(crate) fn read(words: &[Word]) -> Result<Answer, String> {
        let (first, argv) = clause(words);
        let argv = match argv.split_first() {
            Some((word, argv)) if word.bare() == "argv" => {
                Some(argv.iter().map(|word| word.bytes.clone()).collect())
            }
            Some((word, _)) => return Err(format!("no answer has {:?}", word.bare())),
            None => None,
        };
        let (word, file) = match first {
            [word] => (word, None),
            [word, file] => (word, Some(file.bytes.clone())),
            _ => return Err("an answer is a word and a file".into()),
        };
        match (word.bare(), argv) {
            ("starts", argv) => Ok(Answer::Starts { program: file, argv }),
            ("killed", None) => Ok(Answer::Killed { blame: file }),
            ("unknown", None) => Ok(Answer::Unknown),
            (name, None) => {
                let errno = Errno::from_name(name).ok_or_else(|| format!("no answer is {name:?}"))?;
                Ok(Answer::Fails { errno, blame: file })
            }
            _ => Err("only what starts has an argv".into()),
        }
    }
}
