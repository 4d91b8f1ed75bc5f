//! The oracle: the real `execve` of this machine's kernel, in a chroot, against the model, errno for errno.
//!
//! What other kernels answered is kept in `answers/` and compared every time; `cargo xtask oracle --kernel FILE` asks
//! another kernel in a virtual machine.
//!
//! A disagreement is shrunk and told in the words of `book/src/execve.md`, so that it can be added there.
//!
//! It needs root (chroot, other users, devices) and says so where it is left out. `EXECFIT_ORACLE_CASES=n` asks for
//! another number of random cases, `EXECFIT_ORACLE_SEED=n` for others; `EXECFIT_ORACLE_BINARIES=DIRECTORY` asks for
//! damaged copies of the programs there, too (see [`binaries`]).

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod binaries;
mod book;
mod case;
mod cases;
mod craft;
mod fence;
mod fuzz;
mod guest;
mod layout;
mod machine;
mod mutation;
mod random;
mod real;
mod recorded;
mod shrink;
#[path = "../specification/mod.rs"]
mod specification;

use case::Case;
use execfit_kernel::exec::{Call, Outcome, Step, execve};
use execfit_kernel::host::{Architecture, Host};
use execfit_kernel::tree::Gap;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

const RANDOM_CASES: usize = 2000;
const SEED: u64 = 20_250_601;
/// How many disagreements of a kind are shrunk, and how often each is asked for at most.
const SHRUNK: usize = 5;
const PATIENCE: usize = 4000;

fn main() -> ExitCode {
    if std::env::var_os(real::CHILD).is_some() {
        real::child();
    }
    if guest::is_first_process() {
        guest::run();
    }
    if std::env::args().any(|argument| argument == "--list") {
        println!("oracle: test");
        return ExitCode::SUCCESS;
    }
    let replayed = replay();
    if let Some(reason) = machine::unfit() {
        println!("oracle: skipped: {reason}");
        return if replayed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let number = |name, default| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let mut oracle = Oracle::new();
    println!("oracle: {:?}", oracle.host);
    let count = number("EXECFIT_ORACLE_CASES", RANDOM_CASES as u64) as usize;
    let seed = number("EXECFIT_ORACLE_SEED", SEED);
    if recording() {
        println!("recorded: {}", recorded::head(&oracle.host));
    } else {
        oracle.ask_all("real programs", cases::elf::truncations());
        oracle.ask_all("real programs, damaged", mutation::cases(seed, count / 4, mutation::real_subjects()));
    }
    for (title, cases) in groups(seed, count) {
        oracle.ask_all(title, cases);
    }
    oracle.ask_the_book();
    if let Some(folder) = std::env::var_os("EXECFIT_ORACLE_BINARIES") {
        oracle.ask_binaries(folder.as_ref(), seed, count);
    }
    oracle.disagreements += replayed;
    if oracle.disagreements == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The cases that are the same on every machine.
fn groups(seed: u64, count: usize) -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("by hand", cases::all()),
        ("damaged files", mutation::cases(seed, count, mutation::subjects()).collect()),
        ("layouts", fuzz::layouts(seed, count).collect()),
        ("questions", fuzz::cases(seed, count).collect()),
    ]
}

/// Whether the answers are printed as [`recorded`] keeps them.
fn recording() -> bool {
    std::env::var_os("EXECFIT_ORACLE_RECORD").is_some()
}

/// Asks the model for what other kernels answered. How often it is wrong.
fn replay() -> usize {
    let recordings = recorded::Recording::all();
    let mut tallies = vec![(0, 0, 0); recordings.len()];
    for (title, cases) in groups(SEED, RANDOM_CASES) {
        let mut fingerprint = recorded::Fingerprint::new();
        cases.iter().for_each(|case| fingerprint.add(case));
        let arm: Vec<Case> = cases.iter().map(|case| case.clone().on(Architecture::Arm64)).collect();
        for (recording, (asked, open, wrong)) in recordings.iter().zip(&mut tallies) {
            let cases = if recording.host.architecture == Architecture::Arm64 { &arm } else { &cases };
            let answers = recording.answers(title, fingerprint).unwrap_or_default();
            for (case, real) in cases.iter().zip(answers) {
                *asked += 1;
                match judge(&predict(case, &recording.host, &mut |_| ()), real) {
                    Judgement::Agreed => {}
                    Judgement::Open(why) => {
                        *open += 1;
                        tell_open(case, why, real);
                    }
                    Judgement::Wrong => {
                        *wrong += 1;
                        println!("{}:", recording.name);
                        complain(case, &recording.host, real);
                    }
                }
            }
        }
    }
    for (recording, (asked, open, wrong)) in recordings.iter().zip(&tallies) {
        let agreed = asked - open - wrong;
        println!(
            "recorded on {}: {asked} cases, {agreed} agreed, {open} left open, {wrong} wrong",
            recording.name
        );
        assert!(open * 20 <= *asked, "too many cases are left open");
    }
    tallies.iter().map(|(.., wrong)| wrong).sum()
}

/// What comes of comparing.
enum Judgement {
    Agreed,
    /// The model says why it cannot tell, and the kernel gave no error.
    Open(&'static str),
    Wrong,
}

fn judge(predicted: &Result<Outcome, Gap>, real: Outcome) -> Judgement {
    match predicted {
        Ok(outcome) if *outcome == real => Judgement::Agreed,
        Err(Gap::Host(why)) if !matches!(real, Outcome::Fails(_)) => Judgement::Open(why),
        _ => Judgement::Wrong,
    }
}

fn tell_open(case: &Case, why: &str, real: Outcome) {
    if std::env::var_os("EXECFIT_ORACLE_OPEN").is_some() {
        println!("open: {}: {why}, really {}", case.name, name(real));
    }
}

fn predict(case: &Case, host: &Host, mut trace: &mut dyn FnMut(Step<'_>)) -> Result<Outcome, Gap> {
    let call = Call {
        path: &case.path,
        argv: &case.argv,
        env: &case.env,
        cwd: case.cwd.as_bytes(),
        credentials: &case.credentials,
        stack_limit: case.stack_limit,
    };
    execve(&case.tree, host, &call, &mut trace)
}

/// Tells a disagreement with all that led to it; `EXECFIT_ORACLE_KEEP=DIRECTORY` keeps the files.
fn complain(case: &Case, host: &Host, real: Outcome) {
    let predicted = predict(case, host, &mut |_| ());
    println!("oracle: {}: the kernel says {}, the model {predicted:?}", case.name, name(real));
    println!("    {}", case.describe());
    predict(case, host, &mut |step| {
        let text = format!("{step:?}");
        println!("    {}", &text[..text.floor_char_boundary(600)]);
    })
    .ok();
    let Some(directory) = std::env::var_os("EXECFIT_ORACLE_KEEP") else { return };
    for (path, inode) in case.tree.iter() {
        if let execfit_kernel::tree::Content::File(bytes) = &inode.content {
            let file = format!("{}{}", case.name, String::from_utf8_lossy(path)).replace(['/', ' '], "_");
            std::fs::write(std::path::Path::new(&directory).join(file), bytes).unwrap();
        }
    }
}

struct Oracle {
    host: Host,
    /// Those that root has here.
    capabilities: u64,
    root: real::Root,
    disagreements: usize,
}

/// How the cases of one kind went.
struct Tally {
    title: String,
    start: Instant,
    asked: usize,
    open: usize,
    wrong: usize,
    answers: BTreeMap<String, usize>,
}

impl Tally {
    fn new(title: &str) -> Tally {
        let (title, start, answers) = (title.into(), Instant::now(), BTreeMap::new());
        Tally { title, start, asked: 0, open: 0, wrong: 0, answers }
    }
}

impl Oracle {
    fn new() -> Oracle {
        let mut root = real::Root::new();
        let capabilities = machine::capabilities();
        Oracle { host: machine::host(&mut root), capabilities, root, disagreements: 0 }
    }

    /// Asks the cases of a group as this host meets them, and records the answers.
    fn ask_all(&mut self, title: &str, cases: impl IntoIterator<Item = Case>) {
        let mut tally = Tally::new(title);
        let (mut fingerprint, mut letters) = (recorded::Fingerprint::new(), String::new());
        for case in cases {
            fingerprint.add(&case);
            letters.push(recorded::letter(self.ask(&case.on(self.host.architecture), &mut tally)));
        }
        if recording() {
            println!("recorded: {title}\nrecorded: {}\nrecorded: {letters}", fingerprint.text());
        }
        self.tell(tally);
    }

    /// What the kernel answers; the tally says whether the model does.
    fn ask(&mut self, case: &Case, tally: &mut Tally) -> Outcome {
        let real = self.root.ask(case);
        tally.asked += 1;
        *tally.answers.entry(name(real)).or_default() += 1;
        match judge(&predict(case, &self.host, &mut |_| ()), real) {
            Judgement::Agreed => {}
            Judgement::Open(why) => {
                tally.open += 1;
                tell_open(case, why, real);
            }
            Judgement::Wrong => {
                tally.wrong += 1;
                complain(case, &self.host, real);
                if tally.wrong <= SHRUNK {
                    self.tell_small(case, real);
                }
            }
        }
        real
    }

    /// Shrinks a disagreement, and tells it as the book would.
    fn tell_small(&mut self, case: &Case, real: Outcome) {
        let predicted = |case: &Case, host: &Host| format!("{:?}", predict(case, host, &mut |_| ()));
        let wrong = predicted(case, &self.host);
        let small = shrink::shrink(case, PATIENCE, &mut |case| {
            predicted(case, &self.host) == wrong && self.root.ask(case) == real
        });
        match fence::fence(&small, self.host.architecture, &name(real)) {
            Some(fence) => println!("shrunk:\n{fence}"),
            None => println!("shrunk: {}", small.describe()),
        }
    }

    fn tell(&mut self, tally: Tally) {
        let Tally { title, start, asked, open, wrong, answers } = tally;
        self.disagreements += wrong;
        println!(
            "oracle: {title}: {asked} cases, {} agreed, {open} left open, {wrong} wrong, in {:.1} s: {answers:?}",
            asked - open - wrong,
            start.elapsed().as_secs_f64()
        );
        assert!(recording() || open * 20 <= asked, "too many cases are left open");
    }
}

fn name(outcome: Outcome) -> String {
    match outcome {
        Outcome::Starts => "starts".into(),
        Outcome::Killed(_) => "killed".into(),
        Outcome::Fails(errno) => errno.name().into(),
    }
}
