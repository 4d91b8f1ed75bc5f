//! One container on one host: which manifest it gets, how its program is found, and what `execve` answers.

mod hand_over;
mod launcher;
mod loading;
mod mounted;
mod shell;
mod trace;

pub use hand_over::Link;
pub use shell::ByShell;
pub use trace::{StepKind, TraceStep};

use crate::case::{Case, ChildFacts, ImageFacts, Need, Trouble, TroubleKind, escape};
use crate::certainty::Unproven;
use crate::process::Process;
use crate::verdict::{Failure, Verdict};
use crate::workload::{Command, Engine};
use execfit_image::digest::Digest;
use execfit_image::history::Certainty;
use execfit_image::index::Entry;
use execfit_image::layer::Effect;
use execfit_image::platform::{self, Platform};
use execfit_image::source::LayerNote;
use execfit_kernel::credentials::Credentials;
use execfit_kernel::elf::Machine;
use execfit_kernel::errno::Errno;
use execfit_kernel::exec::{Call, Outcome, Step, execve};
use execfit_kernel::host::{Architecture, Host, Isa};
use execfit_kernel::ld_so::Death;
use execfit_kernel::shell::Handed;
use execfit_kernel::tree::Gap;
use execfit_kernel::{launcher as kernel, lookup};
use mounted::{Mounted, joined};

/// `RLIMIT_STACK` of containers: Docker and containerd leave the kernel's default.
const STACK_LIMIT: u64 = 8 * 1024 * 1024;

/// What is asked: an image, a command, a host.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The reference that is read.
    pub image: &'a str,
    /// ARN of the secret with the registry's credentials.
    pub repository_credentials: Option<&'a str>,
    /// The command.
    pub command: &'a Command,
    /// Whose rules choose the manifest.
    pub engine: Engine,
    /// The platform that is asked for.
    pub platform: &'a Platform,
    /// The host; `None`: one of AWS's, of the platform's architecture.
    pub host: Option<&'a Host>,
    /// The engine asks for what it detects of its own host, as it does for ECS's agent, and not for `platform` as such.
    pub detected: bool,
}

/// The answer, with every step that led to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The platform that was asked for.
    pub platform: Platform,
    /// The host's architecture; `None` where it is none that we model.
    pub host: Option<Architecture>,
    /// The manifest that the host gets.
    pub manifest: Option<Digest>,
    /// argv of the process.
    pub argv: Vec<Vec<u8>>,
    /// The verdict.
    pub verdict: Verdict,
    /// The steps, in order.
    pub trace: Vec<TraceStep>,
    /// What decided against it.
    pub blame: Option<Blame>,
    /// Where `argv[0]` is looked for: `PATH`, or the working directory of a relative path. Empty for an absolute one.
    pub searched: String,
    /// The container's own command, where that starts, and it is a program named by its log that this run is about.
    pub started_by: Vec<Vec<u8>>,
    /// The engine's init found no program format and handed the file to `/bin/sh`.
    pub through_shell: bool,
    /// The other C library's loader, which is in the image, where the one that the program asks for is not.
    pub other_loader: Option<Vec<u8>>,
    /// The case was recorded before the dynamic loader of a program that starts was asked.
    pub loader_not_asked: bool,
    /// What a shell answers, where a file without a format is handed to one that is known.
    pub by_shell: Option<ByShell>,
    /// How the dynamic loader gives up, where the program starts and that does.
    pub death: Option<Death>,
    /// The file that is marked to need an x86 ISA level above the baseline, and the level's bits, where the host's is
    /// not known.
    pub isa_in_doubt: Option<(Vec<u8>, u32)>,
    /// The programs between the container's own and the one that this run is about, or that it was followed to.
    pub links: Vec<Link>,
    /// Why what its program starts was not followed further.
    pub not_followed: Option<String>,
    /// That what it starts is not there.
    pub next_is_missing: bool,
    /// What it rests on that was not read.
    pub unproven: Unproven,
}

/// The file and the rule that decided against a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blame {
    /// The file: links resolved, or as it was named where nothing was found.
    pub path: Vec<u8>,
    /// The rule, in a sentence.
    pub rule: String,
    /// The rule's source.
    pub source: String,
    /// What the runtime prints, where it is the runtime that refuses.
    pub message: Option<String>,
}

impl Run {
    /// The machines of the ELF files that the chain reached.
    pub fn machines(&self) -> impl Iterator<Item = (Machine, &TraceStep)> {
        self.trace.iter().filter_map(|step| match &step.kind {
            StepKind::Elf { machine, .. } => Some((*machine, step)),
            _ => None,
        })
    }

    /// What the container was asked to run.
    pub fn command(&self) -> &[Vec<u8>] {
        if self.started_by.is_empty() { &self.argv } else { &self.started_by }
    }

    /// A run of which nothing can be told, and why.
    pub fn untold(platform: &Platform, why: String) -> Run {
        Run::new(platform).unknown(why)
    }

    fn new(platform: &Platform) -> Run {
        Run {
            platform: platform.clone(),
            host: platform.host_architecture(),
            manifest: None,
            argv: Vec::new(),
            verdict: Verdict::Runs,
            trace: Vec::new(),
            blame: None,
            searched: String::new(),
            started_by: Vec::new(),
            through_shell: false,
            other_loader: None,
            loader_not_asked: false,
            by_shell: None,
            death: None,
            isa_in_doubt: None,
            links: Vec::new(),
            not_followed: None,
            next_is_missing: false,
            unproven: Unproven::default(),
        }
    }

    fn unknown(mut self, why: impl Into<String>) -> Run {
        self.verdict = Verdict::Unknown(why.into());
        self
    }

    fn fails(mut self, failure: Failure) -> Run {
        self.verdict = Verdict::Fails(failure);
        self
    }

    fn troubled(self, trouble: &Trouble) -> Run {
        match trouble.kind {
            TroubleKind::CannotUnpack => self.fails(Failure::Unpack),
            _ => self.unknown(trouble.message.clone()),
        }
    }
}

/// Answers a question from the facts of a case.
///
/// # Errors
/// The fact that is missing.
pub fn run(case: &Case, question: &Question<'_>) -> Result<Run, Need> {
    let mut run = Run::new(question.platform);
    let Some(image) = case.image(question.image) else {
        let repository_credentials = question.repository_credentials.map(String::from);
        return Err(Need::Image { name: question.image.into(), repository_credentials });
    };
    if let Some(trouble) = &image.trouble {
        return Ok(run.troubled(trouble));
    }
    let chosen = match &image.entries[..] {
        // A plain manifest is taken whatever it says (moby pull_v2.go, containerd images/handlers.go).
        [only] if !image.index => Some(only),
        entries => match choice(entries, question) {
            Ok(at) => at.map(|at| &entries[at]),
            Err(why) => return Ok(run.unknown(why)),
        },
    };
    let Some(chosen) = chosen else { return Ok(run.fails(Failure::Pull)) };
    run.manifest = Some(chosen.digest.clone());
    if let Some(what) = chosen.not_an_image().filter(|_| image.index) {
        let rule = format!("the index's first entry for {} is {what}, not an image", question.platform);
        let source =
            "containerd images/image.go Manifest, moby distribution/pull_v2.go: chosen by platform alone";
        run.blame = Some(refusal("", &rule, source));
        return Ok(run.fails(Failure::Pull));
    }
    let Some(child) = image.child(&chosen.digest) else {
        return Err(Need::Child { name: image.name.clone(), digest: chosen.digest.clone() });
    };
    // What cannot be unpacked fails whatever was read of it before.
    let useless = |trouble: &&Trouble| child.files.is_empty() || trouble.kind == TroubleKind::CannotUnpack;
    if let Some(trouble) = child.trouble.as_ref().filter(useless) {
        return Ok(run.troubled(trouble));
    }
    run = match minded(run, child, question.engine) {
        Ok(run) => run,
        Err(run) => return Ok(*run),
    };
    if child.os == "windows" {
        return Ok(run.unknown("the image is one of Windows, which is not modelled"));
    }
    let host = match (question.host, run.host) {
        (Some(host), _) => host.clone(),
        (None, Some(architecture)) => Host::aws(architecture),
        (None, None) => {
            let platform = question.platform;
            return Ok(run.unknown(format!("hosts of {platform} are not modelled")));
        }
    };
    run.host = Some(host.architecture);
    settle(run, (&image.name, child), question, &host)
}

/// The answer from the files of the manifest that was chosen, or what is missing of them.
fn settle(
    run: Run,
    (name, child): (&str, &ChildFacts),
    question: &Question<'_>,
    host: &Host,
) -> Result<Run, Need> {
    let (name, digest) = (name.to_string(), child.digest.clone());
    let tree = Mounted::new(child, &question.command.mounts, question.engine);
    let result = start(run, &tree, question, host).map_err(|stopped| *stopped);
    match (result, &child.trouble) {
        (Ok(run), trouble) => {
            let run = Run { unproven: tree.unproven(), ..run };
            if run.unproven.absent.is_empty() || !run.ends_on_absence() {
                return Ok(run);
            }
            match trouble {
                Some(trouble) => Ok(run.troubled(trouble)),
                None => Err(Need::AnyFile { name, digest, paths: run.unproven.absent }),
            }
        }
        (Err((run, Gap::Unread { .. })), Some(trouble)) => Ok(run.troubled(trouble)),
        (Err((_, Gap::Unread { path, .. })), None) => {
            Err(Need::File { name, digest, path, privileged: tree.is_privileged() })
        }
        (Err((run, gap @ (Gap::Hidden { .. } | Gap::Host(_)))), _) => Ok(run.unknown(gap.to_string())),
    }
}

/// The run, where the engine minds nothing of the layers; inside, its end.
fn minded(mut run: Run, child: &ChildFacts, engine: Engine) -> Result<Run, Box<Run>> {
    let Some((effect, note)) = objection(child, engine) else { return Ok(run) };
    let rule = format!("layer {}: {}", note.digest.short(), note.note.text);
    if effect == Effect::Differs {
        return Err(Box::new(run.unknown(rule)));
    }
    run.blame = Some(refusal("", &rule, "seen: dockerd 20.10, containerd 1.6, Podman 4.3"));
    Err(Box::new(run.fails(Failure::Unpack)))
}

/// What of a manifest's layers the engine minds, a refusal first.
pub fn objection(child: &ChildFacts, engine: Engine) -> Option<(Effect, &LayerNote)> {
    let minded = child.notes.iter().filter_map(|note| Some((note.effect(engine.runtime())?, note)));
    minded.min_by_key(|(effect, _)| *effect == Effect::Differs)
}

/// What each engine gets of an index for a platform, artifacts not counted; empty without an index.
pub fn choices(image: &ImageFacts, platform: &Platform) -> Vec<(Engine, Option<Digest>)> {
    let entry = |engine: Engine| {
        let at = platform::choose(&image.entries, platform, engine.runtime())?;
        image.entries.get(at).filter(|entry| entry.is_runnable()).map(|entry| entry.digest.clone())
    };
    let engines = Engine::ALL.into_iter().filter(|_| image.index);
    engines.map(|engine| (engine, entry(engine))).collect()
}

/// The entry of an index that the engine takes; inside, why nobody can tell.
///
/// Docker since version 23 asks for the level that it detects of an x86-64 processor before it asks for the plain
/// architecture (moby `distribution/pull_v2.go`, `maximumSpec`).
fn choice(entries: &[Entry], question: &Question<'_>) -> Result<Option<usize>, String> {
    let (asked, runtime) = (question.platform, question.engine.runtime());
    let plain = platform::choose(entries, asked, runtime);
    let normal = asked.normalized();
    if !question.detected
        || question.engine != Engine::Docker
        || normal != Platform::linux(Architecture::X86_64)
    {
        return Ok(plain);
    }
    let isa = question.host.and_then(|host| host.isa);
    let levels =
        [("", None), ("v2", Some(Isa::X86_64V2)), ("v3", Some(Isa::X86_64V3)), ("v4", Some(Isa::X86_64V4))];
    let at = |level: &str| platform::choose(entries, &Platform::new("linux", "amd64", level), runtime);
    let known = levels.iter().find(|(_, level)| isa.is_some() && *level == isa);
    if let Some((level, _)) = known {
        return Ok(at(level));
    }
    let same = isa.is_some() || levels.iter().all(|(level, _)| at(level) == plain);
    let unsure =
        "the index has manifests for levels of amd64, and the level of the host's processor is not known";
    if same { Ok(plain) } else { Err(unsure.into()) }
}

/// From the process to the kernel's answer.
fn start(
    mut run: Run,
    tree: &Mounted<'_>,
    question: &Question<'_>,
    host: &Host,
) -> Result<Run, Box<(Run, Gap)>> {
    let command = question.command;
    let process = Process::of(tree.image, command);
    run.argv.clone_from(&process.argv);
    let Some(program) = process.argv.first() else {
        run.blame =
            Some(refusal("", "neither image nor definition names a command", "moby daemon/create.go"));
        return Ok(run.fails(Failure::Create));
    };
    run.searched = match program {
        absolute if absolute.starts_with(b"/") => String::new(),
        relative if relative.contains(&b'/') => format!("from the working directory {}", show(&process.cwd)),
        _ => format!("in PATH={}", show(&process.path)),
    };
    match not_entered(tree, &process.cwd) {
        Ok(None) => {}
        Ok(Some(blame)) => {
            run.blame = Some(blame);
            return Ok(run.fails(Failure::Create));
        }
        Err(gap) => return Err(Box::new((run, gap))),
    }
    // As it is written: a mount's own path may lead through links of the image.
    if program.contains(&b'/')
        && let Err(gap) = tree.covered(&joined(&process.cwd, program))
    {
        return Err(Box::new((run, gap)));
    }
    let credentials = match process.credentials(tree, command) {
        Ok(Ok(credentials)) => credentials,
        Ok(Err(why)) => {
            run.blame = Some(refusal("/etc/passwd", &why, "runc libcontainer/user GetExecUser"));
            return Ok(run.fails(Failure::Create));
        }
        Err(gap) => return Err(Box::new((run, gap))),
    };
    tree.asked_by(&credentials);
    if let (Some(hidden), false) = (&command.hidden_path, program.contains(&b'/')) {
        let gap =
            Gap::Hidden { path: program.clone(), by: format!("an unseen PATH: it comes from {hidden}") };
        return Err(Box::new((run, gap)));
    }
    match answer(&mut run, tree, host, &process, &credentials, command.init) {
        Ok(Verdict::Runs) if !run.through_shell => {
            hand_over::follow(run, tree, host, (process, credentials), command)
        }
        Ok(verdict) => {
            run.verdict = verdict;
            Ok(run)
        }
        Err(gap) => Err(Box::new((run, gap))),
    }
}

/// What kernel and loader answer to the container's own program.
fn answer(
    run: &mut Run,
    tree: &Mounted<'_>,
    host: &Host,
    process: &Process,
    credentials: &Credentials,
    init: bool,
) -> Result<Verdict, Gap> {
    let verdict = if init {
        by_init(run, tree, host, process, credentials)?
    } else {
        by_runtime(run, tree, host, process, credentials)?
    };
    match verdict {
        Verdict::Runs if !run.through_shell => loading::load(run, tree, host, process, credentials),
        verdict => {
            run.other_loader = loading::other_loader(run, tree, &verdict)?;
            Ok(verdict)
        }
    }
}

/// Why the working directory cannot be entered; what is mounted there is a directory.
fn not_entered(tree: &Mounted<'_>, cwd: &[u8]) -> Result<Option<Blame>, Gap> {
    if !cwd.starts_with(b"/") {
        let rule = format!("the working directory {} is not an absolute path", show(cwd));
        let source = "moby daemon/container.go translateWorkingDir, runc libcontainer/configs/validate";
        return Ok(Some(refusal("", &rule, source)));
    }
    let refused = match lookup::working_directory(tree, cwd) {
        Ok(Ok(())) | Err(Gap::Hidden { .. }) => return Ok(None),
        Ok(Err(refused)) => refused,
        Err(gap) => return Err(gap),
    };
    let rule = format!("{}: {}", show(&refused.path), refused.rule.text);
    Ok(Some(Blame { path: refused.path, ..refusal("", &rule, refused.rule.source) }))
}

/// runc finds argv[0] and executes it.
fn by_runtime(
    run: &mut Run,
    tree: &Mounted<'_>,
    host: &Host,
    process: &Process,
    credentials: &Credentials,
) -> Result<Verdict, Gap> {
    let Process { argv, env, path, cwd, .. } = process;
    let found = lookup::find_program(tree, credentials, &argv[0], Some(path.as_slice()), cwd, &mut ())?;
    let program = match found {
        Ok(program) => program,
        Err(missed) => {
            let step = StepKind::Refused(Some(missed.errno), missed.rule);
            run.trace.push(TraceStep {
                origin: tree.origin(&missed.blame),
                path: missed.blame.clone(),
                kind: step,
            });
            let message = Some(missed.message);
            let blame = refusal("", missed.rule.text, missed.rule.source);
            run.blame = Some(Blame { path: missed.blame, message, ..blame });
            return Ok(Verdict::Fails(Failure::Lookup(missed.errno)));
        }
    };
    let call = Call { path: &program, argv, env, cwd, credentials, stack_limit: STACK_LIMIT };
    let outcome = execve(tree, host, &call, &mut |step: Step<'_>| record(run, tree, step))?;
    Ok(verdict(outcome))
}

/// The engine's init (tini) finds argv[0] and executes it by `execvp`, which hands what has no format to `/bin/sh`.
fn by_init(
    run: &mut Run,
    tree: &Mounted<'_>,
    host: &Host,
    process: &Process,
    credentials: &Credentials,
) -> Result<Verdict, Gap> {
    let Process { argv, env, cwd, .. } = process;
    let launch = kernel::Launch { argv, env, cwd, credentials, stack_limit: STACK_LIMIT };
    let launched = kernel::exec_by_init(tree, host, &launch, &mut record_until_no_format(run, tree))?;
    if launched.shell_outcome != Some(Outcome::Starts) {
        return Ok(verdict(launched.outcome));
    }
    run.through_shell = true;
    let shell = shell::at(tree, kernel::SHELL)?;
    Ok(shell::hand(run, tree, shell, Handed::Script))
}

fn verdict(outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Starts => Verdict::Runs,
        Outcome::Fails(errno) => Verdict::Fails(Failure::Exec(errno)),
        Outcome::Killed(signal) => Verdict::Fails(Failure::Killed(signal)),
    }
}

fn refusal(path: &str, rule: &str, source: &str) -> Blame {
    Blame { path: path.into(), rule: rule.into(), source: source.into(), message: None }
}

/// Keeps the steps until a file has no format: those of the shell that is asked next would hide who is to blame.
fn record_until_no_format<'r>(run: &'r mut Run, tree: &'r Mounted<'_>) -> impl FnMut(Step<'_>) + 'r {
    let mut settled = false;
    move |step| {
        if !settled {
            record(run, tree, step);
        }
        settled |= matches!(step, Step::Refused { errno: Some(Errno::ENOEXEC), .. });
    }
}

/// Keeps a step of the kernel's, with who brought the file.
fn record(run: &mut Run, tree: &Mounted<'_>, step: Step<'_>) {
    let (path, kind) = match step {
        Step::Symlink { path, target } => (path, StepKind::Symlink(target.into())),
        Step::Script { path, interpreter, argument } => {
            (path, StepKind::Script(interpreter.into(), argument.map(Vec::from)))
        }
        Step::Elf { path, header, loader } => {
            let bits = if header.class == 1 { 32 } else { 64 };
            (path, StepKind::Elf { machine: header.machine, bits, loader })
        }
        Step::Interpreter { path, interpreter } => (path, StepKind::Interpreter(interpreter.into())),
        Step::Misc { path, handler } => (path, StepKind::Misc(handler.name.clone())),
        Step::Unrecognised { path } => (path, StepKind::Unrecognised),
        Step::Refused { path, errno, rule } => {
            run.blame = Some(Blame { path: path.into(), ..refusal("", rule.text, rule.source) });
            (path, StepKind::Refused(errno, rule))
        }
        Step::Starts { path, .. } => (path, StepKind::Starts),
    };
    let step = TraceStep { path: path.into(), origin: tree.origin(path), kind };
    if !run.trace.contains(&step) {
        run.trace.push(step);
    }
}

/// An instruction for humans, with how sure it is.
pub fn instruction(origin: &execfit_image::witness::Origin) -> Option<String> {
    let attribution = origin.instruction.as_ref()?;
    let doubt = match attribution.certainty {
        Certainty::Certain => "",
        Certainty::Likely => " (likely)",
        Certainty::Guess => " (a guess)",
    };
    Some(format!("{}{doubt}", attribution.text))
}

/// Whether a machine is the host's own, 64-bit or 32-bit.
pub fn is_of(machine: Machine, host: Architecture) -> bool {
    match host {
        Architecture::X86_64 => matches!(machine.oci_architecture(), Some("amd64" | "386")),
        Architecture::Arm64 => machine.oci_architecture() == Some("arm64"),
    }
}

/// A path for humans.
pub fn show(path: &[u8]) -> String {
    escape(path)
}
