//! What other kernels answered, kept in `answers/`: one file for each, recorded in a virtual machine whose first
//! program was this oracle (see [`crate::guest`]). The cases are made anew from code and seed; of each group of cases
//! the file holds a fingerprint and one letter for each answer.

use crate::case::Case;
use execfit_kernel::errno::Errno;
use execfit_kernel::exec::{Outcome, Signal};
use execfit_kernel::host::{Architecture, Host, Support};
use execfit_kernel::tree::Content;
use std::path::Path;

/// How an answer is written: `S` starts, `K` is killed, an error is a small letter by its place in [`Errno::ALL`].
pub(crate) fn letter(outcome: Outcome) -> char {
    match outcome {
        Outcome::Starts => 'S',
        Outcome::Killed(_) => 'K',
        Outcome::Fails(errno) => {
            let place = Errno::ALL.iter().position(|other| *other == errno).unwrap();
            char::from(b'a' + place as u8)
        }
    }
}

fn outcome(letter: char) -> Outcome {
    match letter {
        'S' => Outcome::Starts,
        'K' => Outcome::Killed(Signal::SIGSEGV),
        letter => Outcome::Fails(Errno::ALL[usize::from(letter as u8 - b'a')]),
    }
}

/// The host as the head of a file of answers tells it.
pub(crate) fn head(host: &Host) -> String {
    let (major, minor) = host.kernel;
    let compat32 = if host.compat32 == Support::Yes { "32-bit" } else { "no-32bit" };
    let lowest = host.mmap_min_addr.unwrap();
    format!("{} {major}.{minor} {} {compat32} {lowest}", host.architecture, host.page_size)
}

/// A number that changes with the cases of a group (FNV-1a over what is asked; zeroes in files are skipped).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint(u64);

impl Fingerprint {
    pub(crate) fn new() -> Fingerprint {
        Fingerprint(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn add(&mut self, case: &Case) {
        self.number(case.stack_limit ^ u64::from(case.credentials.no_new_privs));
        [&case.path, case.cwd.as_bytes()].into_iter().for_each(|text: &[u8]| self.bytes(text));
        case.argv.iter().chain(&case.env).for_each(|string| self.number(string.len() as u64));
        let user = &case.credentials;
        let numbers = [user.uid.into(), user.gid.into(), user.effective, user.bounding];
        numbers.into_iter().for_each(|number| self.number(number));
        for (path, inode) in case.tree.iter() {
            self.bytes(path);
            self.number(u64::from(inode.mode) << 32 | u64::from(inode.uid ^ inode.gid << 16));
            match &inode.content {
                Content::File(bytes) | Content::Symlink(bytes) => self.bytes(bytes),
                other => self.bytes(format!("{other:?}").as_bytes()),
            }
        }
    }

    fn number(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x0100_0000_01b3).rotate_left(5);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        for (at, chunk) in bytes.chunks(64).enumerate().filter(|(_, chunk)| **chunk != [0; 64][..chunk.len()])
        {
            self.number(at as u64);
            chunk.iter().for_each(|byte| self.number((*byte).into()));
        }
    }

    pub(crate) fn text(self) -> String {
        format!("{:016x}", self.0)
    }
}

/// One kernel's answers.
pub(crate) struct Recording {
    pub(crate) name: String,
    pub(crate) host: Host,
    /// Title, fingerprint and answers of each group.
    groups: Vec<(String, String, String)>,
}

impl Recording {
    /// Every recording of the repository, if it is here.
    pub(crate) fn all() -> Vec<Recording> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/answers");
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        paths.sort();
        let recordings = paths.iter().map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            Recording::read(name, &std::fs::read_to_string(path).unwrap())
        });
        recordings.collect()
    }

    fn read(name: String, text: &str) -> Recording {
        let mut lines = text.lines();
        let head: Vec<&str> = lines.next().unwrap().split(' ').collect();
        let [architecture, kernel, page_size, compat32, lowest] = head[..] else {
            panic!("{name}: {head:?}")
        };
        let architecture = Architecture::ALL.into_iter().find(|one| one.name() == architecture).unwrap();
        let (major, minor) = kernel.split_once('.').unwrap();
        let host = Host {
            kernel: (major.parse().unwrap(), minor.parse().unwrap()),
            page_size: page_size.parse().unwrap(),
            compat32: if compat32 == "32-bit" { Support::Yes } else { Support::No },
            mmap_min_addr: Some(lowest.parse().unwrap()),
            ..Host::aws(architecture)
        };
        let mut groups = Vec::new();
        while let (Some(title), Some(fingerprint), Some(answers)) = (lines.next(), lines.next(), lines.next())
        {
            groups.push((title.into(), fingerprint.into(), answers.into()));
        }
        Recording { name, host, groups }
    }

    /// The answers to a group of cases; none where it was not asked. Panics where other cases were asked.
    pub(crate) fn answers(&self, title: &str, fingerprint: Fingerprint) -> Option<Vec<Outcome>> {
        let (_, asked, answers) = self.groups.iter().find(|(other, ..)| other == title)?;
        assert_eq!(
            *asked,
            fingerprint.text(),
            "{}: the cases {title:?} are no longer those that this kernel was asked: record it anew",
            self.name
        );
        Some(answers.chars().map(outcome).collect())
    }
}
