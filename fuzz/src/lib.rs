//! What every fuzz target needs: hosts and trees made of arbitrary bytes, and a question whose answer is examined.
//!
//! "It does not panic" is the least that is asked. [`ask`] asserts that an answer
//!
//! - is the same when it is asked twice, and does not hang on who listens to the steps,
//! - goes with its steps: the last one refuses what fails and starts what starts,
//! - leaves open only what the model says that it leaves open,
//! - reads little,
//! - does not pretend to know what hinges on unknown 32-bit support.

use execfit_kernel::binfmt_misc::Handler;
use execfit_kernel::credentials::Credentials;
use execfit_kernel::errno::Errno;
use execfit_kernel::exec::{Call, Outcome, Step, execve};
use execfit_kernel::host::{Architecture, Host, Support};
use execfit_kernel::tree::{FileTree, Gap, MemoryTree, Node};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use std::cell::Cell;

/// What may leave an answer open in a tree that is known whole.
const OPEN: &[&str] = &[
    "whether this host runs 32-bit programs is not known",
    "the answer hinges on addresses that the kernel chooses at random",
    "the answer hinges on how much memory is free",
    "the answer hinges on the host's vm.mmap_min_addr",
    "the answer hinges on where in its page the stack begins, which the kernel chooses at random",
];

/// Bytes that one call may read: the heads of seven files, two tables of program headers, a name, a note; twice, where
/// 32-bit support is unknown.
const MOST_READ: u64 = 2 * (7 * 256 + 2 * (64 + 65_536) + 4096 + 1024);

/// A tree that counts what is read of it.
pub struct Counted<'a> {
    tree: &'a MemoryTree,
    read: Cell<u64>,
}

impl<'a> Counted<'a> {
    /// Nothing is read yet.
    pub fn new(tree: &'a MemoryTree) -> Counted<'a> {
        Counted { tree, read: Cell::new(0) }
    }

    /// Bytes that were asked for.
    pub fn read(&self) -> u64 {
        self.read.get()
    }
}

impl FileTree for Counted<'_> {
    fn lookup(&self, path: &[u8]) -> std::result::Result<Option<Node<'_>>, Gap> {
        self.tree.lookup(path)
    }

    fn read_at(&self, path: &[u8], offset: u64, buffer: &mut [u8]) -> std::result::Result<usize, Gap> {
        self.read.set(self.read.get() + buffer.len() as u64);
        self.tree.read_at(path, offset, buffer)
    }
}

/// What a call answers.
pub type Answer = std::result::Result<Outcome, Gap>;

/// Asks, and examines the answer.
pub fn ask(tree: &MemoryTree, host: &Host, call: &Call<'_>) -> Answer {
    let counted = Counted::new(tree);
    let answer = execve(&counted, host, call, &mut ());
    assert!(counted.read() <= MOST_READ, "{} bytes were read", counted.read());
    let mut told = None;
    let mut rules = true;
    let again = execve(tree, host, call, &mut |step: Step<'_>| {
        rules &=
            !matches!(step, Step::Refused { rule, .. } if rule.text.is_empty() || rule.source.is_empty());
        told = Some(match step {
            Step::Refused { errno, .. } => Told::Refused(errno),
            Step::Starts { .. } => Told::Starts,
            _ => Told::OnTheWay,
        });
    });
    assert_eq!(answer, again, "the answer hangs on who listens");
    assert!(rules, "a rule without a text or a source");
    match &answer {
        Ok(Outcome::Starts) => assert_eq!(told, Some(Told::Starts)),
        Ok(Outcome::Fails(errno)) => assert_eq!(told, Some(Told::Refused(Some(*errno)))),
        Ok(Outcome::Killed(_)) => assert_eq!(told, Some(Told::Refused(None))),
        Err(Gap::Host(why)) => assert!(OPEN.contains(why), "left open: {why}"),
        Err(gap) => panic!("nothing of this tree is unread: {gap}"),
    }
    if host.compat32 == Support::Unknown
        && let Ok(outcome) = answer
    {
        for compat32 in [Support::Yes, Support::No] {
            let host = Host { compat32, ..host.clone() };
            assert_eq!(execve(tree, &host, call, &mut ()), Ok(outcome), "unknown pretends to know");
        }
    }
    answer
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    OnTheWay,
    Refused(Option<Errno>),
    Starts,
}

/// Any host, without handlers.
pub fn host(bytes: &mut Unstructured<'_>) -> Result<Host> {
    let architecture = *bytes.choose(&Architecture::ALL)?;
    let compat32 = *bytes.choose(&[Support::Yes, Support::No, Support::Unknown])?;
    let page_size = match architecture {
        Architecture::X86_64 => 4096,
        Architecture::Arm64 => *bytes.choose(&[4096, 16384, 65536])?,
    };
    let kernel = *bytes.choose(&[(5, 10), (6, 1), (6, 6), (6, 8), (6, 12), (6, 18), (7, 3)])?;
    let mmap_min_addr = *bytes.choose(&[None, Some(0), Some(4096), Some(65536)])?;
    Ok(Host { compat32, page_size, kernel, mmap_min_addr, ..Host::aws(architecture) })
}

/// Any handler.
pub fn handler(bytes: &mut Unstructured<'_>) -> Result<Handler> {
    Ok(Handler {
        name: "handler".into(),
        offset: bytes.int_in_range(0..=300)?,
        magic: text(bytes, 8)?,
        mask: text(bytes, 8)?,
        interpreter: text(bytes, 300)?,
        fixed: bytes.arbitrary()?,
        preserve_argv0: bytes.arbitrary()?,
        credentials: bytes.arbitrary()?,
    })
}

/// Any credentials; root as often as not.
pub fn credentials(bytes: &mut Unstructured<'_>) -> Result<Credentials> {
    let ids = [0, 0, 0, 1000, 1001];
    let (uid, gid) = (*bytes.choose(&ids)?, *bytes.choose(&ids)?);
    let groups = if bytes.arbitrary()? { vec![*bytes.choose(&ids)?] } else { Vec::new() };
    Ok(Credentials::container(uid, gid, groups, bytes.arbitrary()?))
}

/// Any bytes, `most` of them at most.
pub fn text(bytes: &mut Unstructured<'_>, most: usize) -> Result<Vec<u8>> {
    let length = bytes.int_in_range(0..=most)?.min(bytes.len());
    Ok(bytes.bytes(length)?.to_vec())
}

/// A path over few names, so that it often leads somewhere.
pub fn path(bytes: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    const PIECES: &[&[u8]] = &[
        b"/",
        b"/",
        b"/",
        b"a",
        b"b",
        b"c",
        b"..",
        b".",
        b"app",
        b"ld",
        b"\0",
        b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    ];
    let count = bytes.int_in_range(0..=40)?;
    (0..count)
        .map(|_| bytes.choose(PIECES))
        .collect::<Result<Vec<_>>>()
        .map(|pieces| pieces.into_iter().copied().collect::<Vec<_>>().concat())
}

/// A small static program that starts on this architecture.
pub fn program(architecture: Architecture) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    let machine = if architecture == Architecture::X86_64 { 62 } else { 183 };
    (bytes[16], bytes[18], bytes[32], bytes[54], bytes[56]) = (2, machine, 64, 56, 1);
    (bytes[26], bytes[25]) = (0x40, 2);
    (bytes[64], bytes[68], bytes[64 + 18], bytes[64 + 33], bytes[64 + 41]) = (1, 5, 0x40, 16, 16);
    bytes
}
