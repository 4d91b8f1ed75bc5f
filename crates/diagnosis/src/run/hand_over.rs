//! From the container's own program, which starts, on to those that it starts in turn: through shells, entry point
//! scripts and launchers, as far as that can be read from the image.

use super::launcher::{Launch, Next, launch};
use super::{Mounted, Run, STACK_LIMIT, StepKind, loading, record_until_no_format, shell, show, verdict};
use crate::nature::Nature;
use crate::process::Process;
use crate::script::{self, Certainty, HandOver, Reading, Situation};
use crate::verdict::{Failure, Verdict};
use crate::workload::Command;
use execfit_image::witness::Origin;
use execfit_kernel::credentials::Credentials;
use execfit_kernel::errno::Errno;
use execfit_kernel::exec::Outcome;
use execfit_kernel::host::Host;
use execfit_kernel::launcher::{self as kernel, Fallback};
use execfit_kernel::namei;
use execfit_kernel::refusal::Stop;
use execfit_kernel::shell::{Handed, Shell};
use execfit_kernel::signature::Signature;
use execfit_kernel::tree::{FileTree, Gap};

/// More programs in a row are not followed.
const LONGEST: usize = 12;
/// The longest script that is read.
const SCRIPT: u64 = 64 * 1024;

/// One program that starts another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// In words, e.g. `line 3 of /entry.sh hands over to /app: exec "$@"`.
    pub text: String,
    /// How sure it is.
    pub certainty: Certainty,
    /// The script.
    pub path: Vec<u8>,
    /// Who brought it.
    pub origin: Option<Origin>,
}

/// What runs now.
struct Running {
    process: Process,
    credentials: Credentials,
    /// Its steps to the start.
    trace: Vec<super::TraceStep>,
}

/// Why nothing further is said.
enum End {
    /// What runs now starts nothing that is known.
    Here,
    /// It starts something that cannot be read.
    Lost(String),
    /// It starts something that is not there, which may be no failure.
    Missing(String),
    Gap(Gap),
}

impl From<Gap> for End {
    fn from(gap: Gap) -> End {
        End::Gap(gap)
    }
}

/// Goes on from a run that starts. What cannot be followed leaves it as it is, and says so.
///
/// # Errors
/// A [`Gap`] where a fact is missing that can be had.
pub(super) fn follow(
    run: Run,
    tree: &Mounted<'_>,
    host: &Host,
    start: (Process, Credentials),
    command: &Command,
) -> Result<Run, Box<(Run, Gap)>> {
    let mut now = Running { process: start.0, credentials: start.1, trace: run.trace.clone() };
    let mut links: Vec<Link> = Vec::new();
    for _ in 0..LONGEST {
        let next = match next(tree, &now, command, &mut links) {
            Ok(next) => next,
            Err(end) => return ended(run, links, end, tree),
        };
        let mut attempt = Run { trace: Vec::new(), ..run.clone() };
        let sure = links.iter().all(|link| link.certainty == Certainty::Certain);
        match start_next(&mut attempt, tree, host, &next) {
            Ok(Verdict::Runs) => now = Running { trace: attempt.trace, ..next.running },
            Ok(Verdict::Unknown(why)) if attempt.next_is_missing => {
                return ended(run, links, End::Missing(why), tree);
            }
            Ok(Verdict::Unknown(why)) => return ended(run, links, End::Lost(why), tree),
            Ok(Verdict::Fails(failure))
                if sure && next.complete || failure == Failure::Exec(Errno::ENOEXEC) =>
            {
                return Ok(failed(run, attempt, next, links, failure));
            }
            Ok(Verdict::Fails(_)) => {
                let why = format!(
                    "{} is not there as the image is, and may be by then",
                    name(&next.running.process)
                );
                return ended(run, links, End::Missing(why), tree);
            }
            Err(gap) => return ended(run, links, End::Gap(gap), tree),
        }
    }
    Ok(Run { links, ..run })
}

fn ended(run: Run, links: Vec<Link>, end: End, tree: &Mounted<'_>) -> Result<Run, Box<(Run, Gap)>> {
    let next_is_missing = matches!(end, End::Missing(_));
    let not_followed = match end {
        End::Here => None,
        End::Lost(why) | End::Missing(why) => Some(why),
        End::Gap(gap @ Gap::Unread { .. }) if tree.image.trouble.is_none() => {
            return Err(Box::new((run, gap)));
        }
        End::Gap(gap) => Some(gap.to_string()),
    };
    Ok(Run { links, not_followed, next_is_missing, ..run })
}

fn failed(run: Run, attempt: Run, next: Attempt, links: Vec<Link>, failure: Failure) -> Run {
    let process = next.running.process;
    let searched = match process.argv.first() {
        Some(program) if program.starts_with(b"/") => String::new(),
        Some(program) if program.contains(&b'/') => {
            format!("from the working directory {}", show(&process.cwd))
        }
        _ => format!("in PATH={}", show(&process.path)),
    };
    Run {
        started_by: run.argv,
        argv: process.argv,
        verdict: Verdict::Fails(failure),
        searched,
        links,
        ..attempt
    }
}

fn name(process: &Process) -> String {
    process.argv.first().map(|program| show(program)).unwrap_or_default()
}

/// The next program, to be tried.
struct Attempt {
    running: Running,
    fallback: Fallback,
    /// Whether the launcher's C library is known to hand what has no format to `/bin/sh`.
    sure_of_fallback: bool,
    /// The shell that starts it.
    shell: Option<Shell>,
    /// Bare names may be the shell's own commands.
    own_commands: bool,
    /// The variables that the loader reads are those of the container.
    asks_loader: bool,
    complete: bool,
}

/// What the running program starts.
fn next(tree: &Mounted<'_>, now: &Running, command: &Command, links: &mut Vec<Link>) -> Result<Attempt, End> {
    let argv = effective(&now.process.argv, &now.trace);
    let launched = launch(&argv)
        .map_err(|()| End::Lost(format!("the options of {} are not modelled", show(&argv[0]))))?;
    match launched.ok_or(End::Here)? {
        Launch::Program(next) => by_launcher(tree, now, command, next, &argv, links),
        Launch::Text { text, zero, arguments, login } => {
            let what = Source { text: text.clone(), zero, arguments, login, of: None };
            by_shell(tree, now, what, links)
        }
        Launch::Script { path, arguments, login } => {
            let (resolved, text) = script_text(tree, &now.process.cwd, &path)?;
            by_shell(tree, now, Source { text, zero: path, arguments, login, of: Some(resolved) }, links)
        }
    }
}

/// The argv that the program gets: of a script, its interpreter's (fs/binfmt_script.c load_script).
fn effective(argv: &[Vec<u8>], trace: &[super::TraceStep]) -> Vec<Vec<u8>> {
    let mut argv = argv.to_vec();
    for step in trace {
        if let StepKind::Script(interpreter, argument) = &step.kind {
            let rest = argv.split_off(1.min(argv.len()));
            argv = std::iter::once(interpreter.clone())
                .chain(argument.clone())
                .chain([step.path.clone()])
                .chain(rest)
                .collect();
        }
    }
    argv
}

fn by_launcher(
    tree: &Mounted<'_>,
    now: &Running,
    command: &Command,
    next: Next,
    argv: &[Vec<u8>],
    links: &mut Vec<Link>,
) -> Result<Attempt, End> {
    let mut process = Process { argv: next.argv, ..now.process.clone() };
    if next.clears {
        process.env.clear();
        process.path = b"/bin:/usr/bin".to_vec();
    }
    if let Some(path) = next.path {
        set_path(&mut process, path);
    }
    let asks_loader = !argv.iter().any(|word| word.starts_with(b"LD_"));
    let mut credentials = now.credentials.clone();
    if let Some(user) = next.user {
        process.user = user;
        credentials = process.credentials(tree, command)?.map_err(End::Missing)?;
        tree.asked_by(&credentials);
    }
    let text = format!("{} starts {}", show(&argv[0]), name(&process));
    links.push(Link { text, certainty: Certainty::Certain, path: argv[0].clone(), origin: None });
    let loader = now.trace.iter().find_map(|step| match &step.kind {
        StepKind::Interpreter(loader) => Some(loader),
        _ => None,
    });
    let musl = loader.is_some_and(|loader| loader.windows(7).any(|window| window == b"ld-musl"));
    let fallback = if musl { Fallback::Reports } else { next.fallback };
    let sure_of_fallback = loader.is_some() || fallback == Fallback::Reports;
    let running = Running { process, credentials, trace: Vec::new() };
    Ok(Attempt {
        running,
        fallback,
        sure_of_fallback,
        shell: None,
        own_commands: false,
        asks_loader,
        complete: true,
    })
}

/// A text that a shell reads.
struct Source {
    text: Vec<u8>,
    zero: Vec<u8>,
    arguments: Vec<Vec<u8>>,
    login: bool,
    /// The file that it stands in.
    of: Option<Vec<u8>>,
}

fn situation(now: &Running, source: &Source) -> Situation {
    let variables = now.process.env.iter().filter_map(|variable| variable.split(|byte| *byte == b'=').next());
    Situation {
        zero: source.zero.clone(),
        arguments: source.arguments.clone(),
        path: now.process.path.clone(),
        cwd: now.process.cwd.clone(),
        uid: now.credentials.uid,
        variables: variables.map(<[u8]>::to_vec).collect(),
    }
}

fn by_shell(
    tree: &Mounted<'_>,
    now: &Running,
    source: Source,
    links: &mut Vec<Link>,
) -> Result<Attempt, End> {
    let asks_loader = !source.text.windows(3).any(|window| window == b"LD_");
    let place = match &source.of {
        Some(path) => show(path),
        None => "the shell's command line".into(),
    };
    let situation = situation(now, &source);
    let hand_over = match script::read(&source.text, &situation) {
        Reading::HandsOver(hand_over) => hand_over,
        Reading::Ends => return Err(End::Here),
        Reading::Lost(None) => return Err(End::Lost(format!("{place} is not understood"))),
        Reading::Lost(Some(line)) => {
            return Err(End::Lost(format!("line {line} of {place} is not understood")));
        }
    };
    let HandOver { argv, complete, path, cwd, line, text, certainty } = hand_over;
    let mut process = Process { argv, ..now.process.clone() };
    let lost = |what: &str| Err(End::Lost(format!("by line {line} of {place} the {what} is not known")));
    let program = process.argv.first().cloned().unwrap_or_default();
    match path.filter(|_| !source.login) {
        Some(path) => set_path(&mut process, path),
        None if program.contains(&b'/') => {}
        None => return lost("PATH"),
    }
    match cwd {
        Some(cwd) => process.cwd = cwd,
        None if program.starts_with(b"/") => {}
        None => return lost("working directory"),
    }
    let doubt = if certainty == Certainty::Likely { " (likely)" } else { "" };
    let written: String = text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = if source.of.is_some() { format!("line {line} of ") } else { String::new() };
    let text = format!("{line}{place} hands over to {}{doubt}: {written}", name(&process));
    let path = source.of.unwrap_or_default();
    links.push(Link { text, certainty, origin: tree.origin(&path), path });
    let starts = now.trace.iter().rev().find(|step| step.kind == StepKind::Starts);
    let shell = starts.and_then(|step| Shell::of_path(&step.path));
    let own_commands = shell.is_none_or(|shell| shell == Shell::Ash);
    let running = Running { process, credentials: now.credentials.clone(), trace: Vec::new() };
    Ok(Attempt {
        running,
        fallback: Fallback::IsShell,
        sure_of_fallback: true,
        shell,
        own_commands,
        asks_loader,
        complete,
    })
}

fn set_path(process: &mut Process, path: Vec<u8>) {
    process.env.retain(|variable| !variable.starts_with(b"PATH="));
    process.env.push([b"PATH=", path.as_slice()].concat());
    process.path = path;
}

/// A script's resolved path and its text, as much of it as is read.
fn script_text(tree: &Mounted<'_>, cwd: &[u8], path: &[u8]) -> Result<(Vec<u8>, Vec<u8>), End> {
    let root = Credentials::container(0, 0, Vec::new(), !0);
    let found = match namei::resolve(tree, &root, cwd, path, &mut ()) {
        Ok(found) => found,
        Err(Stop::Gap(gap)) => return Err(End::Gap(gap)),
        Err(Stop::Refused(_)) => return Err(End::Missing(format!("{} is not there to be read", show(path)))),
    };
    if found.node.size > SCRIPT {
        return Err(End::Lost(format!("{} is longer than the scripts that are read", show(path))));
    }
    let mut text = vec![0; usize::try_from(found.node.size).unwrap_or(0)];
    let length = tree.read_at(found.path.as_bytes(), 0, &mut text)?;
    text.truncate(length);
    let signature = Signature::of(&text, found.node.size);
    if Nature::of(&signature) != Nature::Text {
        return Err(End::Here);
    }
    Ok((found.path.as_bytes().to_vec(), text))
}

/// What becomes of the next program.
fn start_next(run: &mut Run, tree: &Mounted<'_>, host: &Host, next: &Attempt) -> Result<Verdict, Gap> {
    let Running { process, credentials, .. } = &next.running;
    let Process { argv, env, cwd, .. } = process;
    let launch = kernel::Launch { argv, env, cwd, credentials, stack_limit: STACK_LIMIT };
    let launched =
        kernel::exec_by(next.fallback, tree, host, &launch, &mut record_until_no_format(run, tree))?;
    let bare = argv.first().is_some_and(|program| !program.contains(&b'/'));
    if launched.outcome == Outcome::Fails(Errno::ENOENT) && bare && next.own_commands {
        run.next_is_missing = true;
        return Ok(Verdict::Unknown(format!("{} may be a command of the shell's own", name(process))));
    }
    if launched.outcome == Outcome::Starts && next.asks_loader {
        return loading::load(run, tree, host, process, credentials);
    }
    if launched.shell_outcome != Some(Outcome::Starts) {
        let verdict = verdict(launched.outcome);
        run.other_loader = loading::other_loader(run, tree, &verdict)?;
        return Ok(verdict);
    }
    let (shell, handed) = match next.fallback {
        Fallback::IsShell => (next.shell, Handed::Command),
        _ => (shell::at(tree, kernel::SHELL)?, Handed::Script),
    };
    match shell::hand(run, tree, shell, handed) {
        Verdict::Runs if !next.sure_of_fallback => {
            Ok(Verdict::Unknown("its C library decides whether /bin/sh is asked".into()))
        }
        Verdict::Runs => {
            Ok(Verdict::Unknown(format!("{} has no #! line and is run by a shell", name(process))))
        }
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use crate::fixture::{AMD64, ARM64, Picture, Room, elf};
    use insta::assert_snapshot;

    fn picture(script: &str) -> Picture {
        Picture::of_app("amd64", &elf(ARM64))
            .file("/good", 0o755, &elf(AMD64))
            .file("/bin/dash", 0o755, &elf(AMD64))
            .link("/bin/sh", "dash")
            .layer(3, "COPY entry.sh /")
            .file("/entry.sh", 0o755, script.as_bytes())
            .entrypoint(&["/entry.sh"])
    }

    fn brief(picture: Picture) -> String {
        let brief = Room::new().image("app:1", picture).brief();
        brief.lines().next().unwrap_or_default().to_string()
    }

    #[test]
    fn a_foreign_program_behind_an_entry_point_script() {
        let room =
            Room::new().image("app:1", picture("#!/bin/sh\nset -e\n\nexec \"$@\"\n").cmd(&["/app", "-v"]));
        assert_snapshot!(room.finding("wrong-architecture"), @r#"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: wrong-architecture, mislabelled-image, default-architecture
        error[wrong-architecture]: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error), and dash says `Exec format error` (exit code 126)
          | the container's own program starts: /entry.sh /app -v
          | line 4 of /entry.sh hands over to /app: exec "$@" (layer 3 of 3, COPY entry.sh /)
          | /app is an ELF program for arm64 (64-bit, e_machine 183) (layer 2 of 3, COPY app /app)
          | /app: ENOEXEC (exec format error): it is built for another processor: this kernel runs e_machine 62 (x86_64), and i386 if it is told to (layer 2 of 3, COPY app /app) [fs/binfmt_elf.c load_elf_binary, arch/x86/include/asm/elf.h elf_check_arch]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          = Rebuild Advice: build the image for linux/amd64, with the first of these that you have, and deploy it anew
            $ docker buildx build --platform linux/amd64 --tag app:1 --push .
            $ docker build --platform linux/amd64 --tag app:1 . && docker push app:1
            $ finch build --platform linux/amd64 --tag app:1 . && finch push app:1
            $ aws ecs update-service --cluster demo --service api --force-new-deployment
        "#);
    }

    #[test]
    fn what_scripts_and_launchers_start() {
        let by = |script: &str, cmd: &[&str]| brief(picture(script).cmd(cmd));
        let exec = "#!/bin/sh\nexec \"$@\"\n";
        assert_eq!(by(exec, &["/good"]), "app: runs");
        assert_eq!(by(exec, &["/app"]), "app: fails exec enoexec");
        assert_eq!(by(exec, &["/nothing"]), "app: fails exec enoent");
        assert_eq!(by(exec, &["sh", "-c", "exec /app"]), "app: fails exec enoexec");
        assert_eq!(by(exec, &["sh", "-c", "ulimit -n"]), "app: runs");
        assert_eq!(
            by("#!/bin/sh\nmigrate\nexec /app\n", &[]),
            "app: fails exec enoexec",
            "likely, and it is there"
        );
        assert_eq!(by("#!/bin/sh\nfetch /late\nexec /late\n", &[]), "app: runs", "it may be there by then");
        assert_eq!(by("#!/bin/sh\n[ -f /x ] && exec /app\nexec /good\n", &[]), "app: runs");
        assert_eq!(by("#!/bin/sh\nexec $UNKNOWN_TO_US\n", &[]), "app: runs");
        let other = picture(exec).cmd(&["/usr/bin/env", "A=b", "/app"]);
        let other = other.file("/usr/bin/env", 0o755, &elf(AMD64));
        assert_eq!(
            brief(other.clone()),
            "app: fails exec enoexec",
            "the shell that env asks cannot run it either"
        );
        assert_eq!(brief(other.entrypoint(&["/usr/bin/env"]).cmd(&["/nothing"])), "app: fails exec enoent");
    }

    #[test]
    fn through_gosu_and_back() {
        let script = "#!/bin/sh\nif [ \"$1\" = /app ] && [ \"$(id -u)\" = 0 ]; then\n\texec gosu www \"$0\" \"$@\"\nfi\nexec \"$@\"\n";
        let picture = |mode| {
            picture(script)
                .file("/usr/bin/gosu", 0o755, &elf(AMD64))
                .file("/etc/passwd", 0o644, b"www:x:33:33::/:/bin/sh\n")
                .file("/app", mode, &elf(AMD64))
                .cmd(&["/app"])
        };
        assert_eq!(brief(picture(0o755)), "app: runs");
        assert_eq!(brief(picture(0o700)), "app: fails exec eacces", "www may not");
    }

    #[test]
    fn a_command_line_for_the_shell() {
        let picture = |line: &str| picture("").entrypoint(&["/bin/sh", "-c", line]);
        assert_eq!(brief(picture("/app --serve")), "app: fails exec enoexec");
        assert_eq!(brief(picture("cd / && ./good")), "app: runs");
        assert_eq!(brief(picture("exec nothing")), "app: fails exec enoent");
        assert_eq!(brief(picture("/app | cat")), "app: runs");
        assert_eq!(brief(picture("PATH=/ && app")), "app: fails exec enoexec");
    }
}
