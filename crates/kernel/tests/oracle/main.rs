//! The oracle: the real `execve` of this machine's kernel, in a chroot, against the model, errno for errno.
//!
//! It needs root (chroot, other users, devices) and says so where it is left out. `EXECFIT_ORACLE_CASES=n` asks for
//! another number of random cases, `EXECFIT_ORACLE_SEED=n` for others.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod case;
mod cases;
mod craft;
mod machine;
mod mutation;
mod random;
mod real;

use case::Case;
use execfit_kernel::exec::{Call, Outcome, Step, execve};
use execfit_kernel::host::Host;
use execfit_kernel::tree::Gap;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

const RANDOM_CASES: usize = 2000;
const SEED: u64 = 20_250_601;

fn main() -> ExitCode {
    if std::env::var_os(real::CHILD).is_some() {
        real::child();
    }
    if std::env::args().any(|argument| argument == "--list") {
        println!("oracle: test");
        return ExitCode::SUCCESS;
    }
    if let Some(reason) = machine::unfit() {
        println!("oracle: skipped: {reason}");
        return ExitCode::SUCCESS;
    }
    let number = |name, default| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let mut oracle = Oracle::new();
    println!("oracle: {:?}", oracle.host);
    oracle.ask_all("by hand", cases::all());
    let count = number("EXECFIT_ORACLE_CASES", RANDOM_CASES as u64) as usize;
    oracle.ask_all("random", mutation::cases(number("EXECFIT_ORACLE_SEED", SEED), count));
    if oracle.disagreements == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Oracle {
    host: Host,
    stack_limit: u64,
    root: real::Root,
    disagreements: usize,
}

impl Oracle {
    fn new() -> Oracle {
        let mut root = real::Root::new();
        Oracle { host: machine::host(&mut root), stack_limit: machine::stack_limit(), root, disagreements: 0 }
    }

    fn ask_all(&mut self, title: &str, cases: impl IntoIterator<Item = Case>) {
        let start = Instant::now();
        let mut answers = BTreeMap::<String, usize>::new();
        let (mut asked, mut open) = (0, 0);
        let before = self.disagreements;
        for case in cases {
            asked += 1;
            let real = self.root.ask(&case);
            *answers.entry(name(real)).or_default() += 1;
            match self.predict(&case, &mut |_| ()) {
                Ok(outcome) if outcome == real => {}
                Err(Gap::Host(why)) if !matches!(real, Outcome::Fails(_)) => {
                    open += 1;
                    if std::env::var_os("EXECFIT_ORACLE_OPEN").is_some() {
                        println!("open: {}: {why}, really {}", case.name, name(real));
                    }
                }
                predicted => self.complain(&case, real, &predicted),
            }
        }
        let wrong = self.disagreements - before;
        println!(
            "oracle: {title}: {asked} cases, {} agreed, {open} left open, {wrong} wrong, in {:.1} s: {answers:?}",
            asked - open - wrong,
            start.elapsed().as_secs_f64()
        );
        assert!(open * 20 <= asked, "too many cases are left open");
    }

    fn predict(&self, case: &Case, trace: &mut dyn FnMut(Step<'_>)) -> Result<Outcome, Gap> {
        let call = Call {
            path: &case.path,
            argv: &case.argv,
            env: &case.env,
            cwd: case.cwd.as_bytes(),
            credentials: &case.credentials,
            stack_limit: self.stack_limit,
        };
        let mut trace = trace;
        execve(&case.tree, &self.host, &call, &mut trace)
    }

    fn complain(&mut self, case: &Case, real: Outcome, predicted: &Result<Outcome, Gap>) {
        self.disagreements += 1;
        println!("oracle: {}: the kernel says {}, the model {predicted:?}", case.name, name(real));
        self.predict(case, &mut |step| {
            let text = format!("{step:?}");
            println!("    {}", &text[..text.floor_char_boundary(600)]);
        })
        .ok();
        if let Some(directory) = std::env::var_os("EXECFIT_ORACLE_KEEP") {
            for (path, inode) in case.tree.iter() {
                if let execfit_kernel::tree::Content::File(bytes) = &inode.content {
                    let file =
                        format!("{}{}", case.name, String::from_utf8_lossy(path)).replace(['/', ' '], "_");
                    std::fs::write(std::path::Path::new(&directory).join(file), bytes).unwrap();
                }
            }
        }
    }
}

fn name(outcome: Outcome) -> String {
    match outcome {
        Outcome::Starts => "starts".into(),
        Outcome::Killed(_) => "killed".into(),
        Outcome::Fails(errno) => errno.name().into(),
    }
}
