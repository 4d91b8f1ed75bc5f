//! The specification is the test: every case of `book/src/execve.md`, asked of the model on every host it holds for.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "specification/mod.rs"]
mod specification;

use execfit_kernel::exec::{Call, Outcome, Step, execve};
use execfit_kernel::host::{Architecture, Host, Support};
use execfit_kernel::tree::Gap;
use specification::{Answer, Case, Question};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

const KERNELS: [(u16, u16); 7] = [(5, 10), (6, 1), (6, 6), (6, 12), (6, 18), (7, 2), (7, 3)];

/// What a call came to, as far as cases tell it.
#[derive(Default)]
struct Told {
    program: Vec<u8>,
    blame: Vec<u8>,
    /// The rules that refused.
    rule: Option<&'static str>,
    argv: Vec<Vec<u8>>,
    /// The name by which the current file was opened.
    name: Vec<u8>,
    steps: String,
}

impl Told {
    fn new(question: &Question) -> Told {
        Told { name: question.path.clone(), argv: question.argv.clone(), ..Told::default() }
    }

    fn step(&mut self, step: Step<'_>) {
        writeln!(self.steps, "    {}", tell(step)).unwrap();
        match step {
            Step::Script { interpreter, argument, .. } => {
                let first = [Some(interpreter), argument, Some(&self.name)];
                let first: Vec<Vec<u8>> = first.into_iter().flatten().map(<[u8]>::to_vec).collect();
                self.argv.splice(..self.argv.len().min(1), first);
                self.name = interpreter.to_vec();
            }
            // fs/binfmt_misc.c load_misc_binary
            Step::Misc { handler, .. } => {
                let first = [handler.interpreter.clone(), self.name.clone()];
                let replaced = if handler.preserve_argv0 { 0 } else { self.argv.len().min(1) };
                self.argv.splice(..replaced, first);
                self.name.clone_from(&handler.interpreter);
            }
            Step::Refused { path, rule, .. } => {
                (self.blame, self.rule) = (path.to_vec(), Some(rule.text));
            }
            Step::Starts { path, .. } => self.program = path.to_vec(),
            _ => {}
        }
    }
}

/// A step in a line.
fn tell(step: Step<'_>) -> String {
    let line = match step {
        Step::Symlink { path, target } => format!("{} -> {}", path.escape_ascii(), target.escape_ascii()),
        Step::Script { path, interpreter, .. } => {
            format!("{}: script for {}", path.escape_ascii(), interpreter.escape_ascii())
        }
        Step::Elf { path, header, .. } => {
            format!("{}: ELF for {}", path.escape_ascii(), header.machine_name())
        }
        Step::Interpreter { path, interpreter } => {
            format!("{}: loader {}", path.escape_ascii(), interpreter.escape_ascii())
        }
        Step::Misc { path, handler, .. } => format!("{}: taken by {}", path.escape_ascii(), handler.name),
        Step::Unrecognised { path } => format!("{}: no format", path.escape_ascii()),
        Step::Refused { path, errno, rule } => format!("{}: {errno:?}: {}", path.escape_ascii(), rule.text),
        Step::Starts { path, .. } => format!("{}: starts", path.escape_ascii()),
    };
    line.chars().take(300).collect()
}

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../book/src/execve.md");
    std::fs::read_to_string(path).unwrap()
}

fn cases() -> Vec<Case> {
    specification::cases(&document()).unwrap_or_else(|error| panic!("book/src/execve.md:{error}"))
}

/// Hosts of every kind that the model tells apart.
fn hosts() -> Vec<Host> {
    let mut hosts = Vec::new();
    for architecture in Architecture::ALL {
        let pages: &[u32] = if architecture == Architecture::Arm64 { &[4096, 16384, 65536] } else { &[4096] };
        for (kernel, page_size) in
            KERNELS.iter().flat_map(|kernel| pages.iter().map(move |page| (*kernel, *page)))
        {
            for compat32 in [Support::Yes, Support::No, Support::Unknown] {
                hosts.push(Host { kernel, page_size, compat32, ..Host::aws(architecture) });
            }
        }
    }
    hosts
}

fn ask(case: &Case, host: &Host) -> (Result<Outcome, Gap>, Told) {
    let Question { path, argv, env, cwd, credentials, stack_limit, .. } = &case.question;
    let call = Call { path, argv, env, cwd, credentials, stack_limit: *stack_limit };
    let mut told = Told::new(&case.question);
    let outcome = execve(&case.tree(host.architecture), host, &call, &mut |step: Step<'_>| told.step(step));
    (outcome, told)
}

fn agree(expected: &Answer, outcome: &Result<Outcome, Gap>, told: &Told) -> bool {
    let blamed = |blame: &Option<Vec<u8>>| blame.as_ref().is_none_or(|blame| *blame == told.blame);
    match (expected, outcome) {
        (Answer::Starts { program, argv }, Ok(Outcome::Starts)) => {
            program.as_ref().is_none_or(|program| *program == told.program)
                && argv.as_ref().is_none_or(|argv| *argv == told.argv)
        }
        (Answer::Fails { errno, blame }, Ok(Outcome::Fails(answer))) => errno == answer && blamed(blame),
        (Answer::Killed { blame }, Ok(Outcome::Killed(_))) => blamed(blame),
        (Answer::Unknown, Err(Gap::Host(_))) => true,
        _ => false,
    }
}

/// Every case on every host that it holds for.
fn each(mut look: impl FnMut(&Case, &Host, &Result<Outcome, Gap>, &Told)) {
    let hosts = hosts();
    for case in cases() {
        let mine: Vec<Host> = hosts.iter().filter_map(|host| case.on(host)).collect();
        assert!(!mine.is_empty(), "book/src/execve.md:{}: no host is such: {}", case.line, case.text);
        for host in mine {
            let (outcome, told) = ask(&case, &host);
            look(&case, &host, &outcome, &told);
        }
    }
}

#[test]
fn every_case_holds_on_every_host() {
    let (mut wrong, mut asked) = (BTreeMap::new(), 0);
    each(|case, host, outcome, told| {
        asked += 1;
        if !agree(&case.answer, outcome, told) {
            wrong.entry(case.line).or_insert_with(|| {
                let Host { architecture, kernel: (major, minor), page_size, compat32, .. } = host;
                let on = format!(
                    "{architecture}, Linux {major}.{minor}, pages of {page_size}, 32-bit {compat32:?}"
                );
                let argv = shown(&told.argv);
                format!("{}\n  on {on}\n  the model: {outcome:?}, argv {argv}\n{}", case.text, told.steps)
            });
        }
    });
    assert!(asked > 5000, "only {asked} questions");
    let lines: String =
        wrong.iter().map(|(line, what)| format!("book/src/execve.md:{line}: {what}\n")).collect();
    assert!(wrong.is_empty(), "\n{lines}");
}

#[test]
fn every_rule_of_the_model_has_a_case() {
    let mut reached = BTreeSet::new();
    each(|_, _, _, told| reached.extend(told.rule));
    let missing: Vec<String> = rules().into_iter().filter(|rule| !reached.contains(rule.as_str())).collect();
    assert!(missing.is_empty(), "no case of book/src/execve.md reaches:\n{}", missing.join("\n"));
}

/// What the model's rules say, read from its sources.
fn rules() -> Vec<String> {
    const MODEL: [&str; 12] = [
        "arguments.rs",
        "binfmt_elf.rs",
        "binfmt_misc.rs",
        "binfmt_script.rs",
        "capability.rs",
        "credentials.rs",
        "exec.rs",
        "gnu_property.rs",
        "mapping.rs",
        "mapping/space.rs",
        "namei.rs",
        "open.rs",
    ];
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let texts = MODEL.iter().flat_map(|file| {
        let source = std::fs::read_to_string(sources.join(file)).unwrap();
        let rules = source.split("Rule {").skip(1);
        let texts = rules.filter_map(|rule| {
            let text = rule.trim_start().strip_prefix("text: \"")?.split_once('"')?.0;
            Some(text.split("\\\n").map(str::trim_start).collect::<String>())
        });
        texts.collect::<Vec<_>>()
    });
    let texts: Vec<String> = texts.collect();
    assert!(texts.len() > 40, "only {} rules", texts.len());
    texts
}

#[test]
fn a_wrong_answer_is_found() {
    let case = |answer: &str| {
        let fence = format!("```execve\n/app elf\nexec /app a -> {answer}\n```\n");
        let case = specification::cases(&fence).unwrap().remove(0);
        let (outcome, told) = ask(&case, &Host::aws(Architecture::X86_64));
        (case.line, agree(&case.answer, &outcome, &told))
    };
    assert_eq!(case("starts"), (3, true));
    assert_eq!(case("starts /app, argv /app a"), (3, true));
    for wrong in ["starts /other", "starts /app, argv /app b", "killed", "ENOENT", "unknown"] {
        assert_eq!(case(wrong), (3, false), "{wrong}");
    }
}

#[test]
fn a_fence_that_cannot_be_read_is_refused_by_line() {
    let read =
        |line: &str| specification::cases(&format!("text\n```execve\n/app elf\n{line}\n```\n")).map(|_| ());
    assert_eq!(read("exec /app -> starts"), Ok(()));
    assert_eq!(read("exec /app, on mars -> starts"), Err("4: no host is \"mars\"".into()));
    assert_eq!(read("exec /app -> EWHAT"), Err("4: no answer is \"EWHAT\"".into()));
    assert_eq!(read("/x elf colour=1"), Err("4: an ELF file has no colour".into()));
    assert_eq!(read("/x \"open"), Err("4: a quotation mark is open".into()));
    assert_eq!(read("/x{1..3} -> l{1..2}"), Err("4: all ranges of a line are of one length".into()));
    assert!(specification::cases("```execve\n").is_err());
}

fn shown(argv: &[Vec<u8>]) -> String {
    argv.join(&b' ').escape_ascii().to_string().chars().take(300).collect()
}
