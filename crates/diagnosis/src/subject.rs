//! One container with everything that findings look at: its facts, its runs, its surroundings.

use crate::case::{Case, FileFacts, ImageFacts, Need};
use crate::ecs::Scene;
use crate::finding::Evidence;
use crate::follow::follow;
use crate::foreign::Survey;
use crate::nature::Nature;
use crate::run::{self, Blame, Question, Run, StepKind, TraceStep};
use crate::verdict::{Failure, Verdict};
use crate::workload::{HostFact, Workload};
use execfit_image::platform::Platform;
use execfit_image::reference::Reference;
use execfit_kernel::errno::Errno;
use execfit_kernel::host::Architecture;
use execfit_kernel::ld_so::Death;
use execfit_kernel::signature::Signature;

/// One container, its runs on every kind of host, and what surrounds it.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// All facts.
    pub case: &'a Case,
    /// The revision around it; none for a bare image.
    pub scene: Option<&'a Scene<'a>>,
    /// The container.
    pub workload: &'a Workload,
    /// The reference that was read: the definition's, at the digest that was deployed.
    pub name: String,
    /// One run for each kind of host.
    pub runs: Vec<(HostFact, Run)>,
    /// What is foreign among all files of the image, where that was asked.
    pub survey: Option<&'a Survey>,
}

impl<'a> Subject<'a> {
    /// Runs a workload on every kind of host that it may meet.
    ///
    /// # Errors
    /// The facts that are missing.
    pub fn of(
        case: &'a Case,
        scene: Option<&'a Scene<'a>>,
        workload: &'a Workload,
    ) -> Result<Subject<'a>, Vec<Need>> {
        let name = read_name(workload);
        let mut runs = Vec::new();
        let mut needs = Vec::new();
        for host in &workload.placement.hosts {
            if let Some(what) = &workload.placement.foreign {
                let platform = Platform::linux(host.architecture);
                runs.push((host.clone(), Run::untold(&platform, format!("{what} are not modelled"))));
                continue;
            }
            let run = run_on(case, workload, &name, host.architecture);
            match run.and_then(|run| follow(case, workload, &name, host.architecture, run)) {
                Ok(run) => runs.push((host.clone(), run)),
                Err(need) => needs.push(need),
            }
        }
        if needs.is_empty() {
            Ok(Subject { case, scene, workload, name, runs, survey: None })
        } else {
            Err(needs)
        }
    }

    /// What was seen of the image.
    pub fn image(&self) -> Option<&'a ImageFacts> {
        self.case.image(&self.name)
    }

    /// The verdict: that of the hosts where they agree. Where they do not, it depends on the host, so it is unknown.
    pub fn verdict(&self) -> Verdict {
        let Some((host, first)) = self.runs.first() else {
            return Verdict::Unknown("no host is known".into());
        };
        let differs = |(_, other): &&(HostFact, Run)| other.verdict.name() != first.verdict.name();
        let Some((other, second)) = self.runs.iter().find(differs) else { return first.verdict.clone() };
        let words = |verdict: &Verdict| match verdict {
            Verdict::Runs => "it runs".to_string(),
            Verdict::Fails(_) => "it fails".to_string(),
            Verdict::Unknown(why) => format!("nobody can tell ({why})"),
        };
        let (host, other) = (host.architecture, other.architecture);
        let (first, second) = (words(&first.verdict), words(&second.verdict));
        Verdict::Unknown(format!(
            "on {host} {first}, on {other} {second}, and nothing decides where it is placed"
        ))
    }

    /// The first run that fails, with its host and failure.
    pub fn failing(&self) -> Option<(&HostFact, &Run, &Failure)> {
        self.runs.iter().find_map(|(host, run)| Some((host, run, run.verdict.failure()?)))
    }

    /// The run that fails in `execve` with this error, with the file to blame.
    pub fn refused(&self, errno: Errno) -> Option<Refused<'_>> {
        let (host, run, failure) = self.failing()?;
        let blame = run.blame.as_ref().filter(|_| *failure == Failure::Exec(errno))?;
        Some(Refused { host: host.architecture, run, blame, file: self.file(run, &blame.path) })
    }

    /// How the dynamic loader gives up, in the first run where it does.
    pub fn death(&self) -> Option<(&Run, &Death)> {
        let (_, run, _) = self.failing()?;
        Some((run, run.death.as_ref()?))
    }

    /// What a loader that gives up says, and the process's exit code.
    pub fn last_words(&self, death: &Death) -> String {
        let text = String::from_utf8_lossy(&death.text);
        let line: String = text.lines().next().unwrap_or_default().chars().take(300).collect();
        let line: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        match (&line[..], death.exit) {
            ("", Some(code)) => format!("it dies without a word (exit code {code})"),
            ("", None) => "it dies while it is loaded, or as soon as the library is used".into(),
            (line, Some(code)) => format!("`{line}` (exit code {code})"),
            (line, None) => format!("`{line}`"),
        }
    }

    /// The file that no program format knows, with what it really is.
    pub fn no_program(&self) -> Option<(Refused<'_>, Signature, Nature)> {
        // An init that hands a file to the shell hides ENOEXEC; an empty file then even ends with success.
        let refused = self.refused(Errno::ENOEXEC).or_else(|| {
            let (host, run) = self.runs.iter().find(|(_, run)| run.through_shell)?;
            let blame = run.blame.as_ref()?;
            Some(Refused { host: host.architecture, run, blame, file: self.file(run, &blame.path) })
        })?;
        let file = refused.file?;
        let signature = Signature::of(file.head(), file.size);
        let nature = Nature::of(&signature);
        Some((refused, signature, nature))
    }

    /// What was seen of a file of the manifest that a run got.
    pub fn file(&self, run: &Run, path: &[u8]) -> Option<&'a FileFacts> {
        self.image()?.child(run.manifest.as_ref()?)?.file(path)?
    }

    /// Whether it fails because host and image are of different architectures.
    pub fn is_architecture_fault(&self) -> bool {
        let Some((host, _, failure)) = self.failing() else { return false };
        if *failure == Failure::Pull {
            return true;
        }
        let foreign = |machine| !run::is_of(machine, host.architecture);
        *failure == Failure::Exec(Errno::ENOEXEC)
            && self.no_program().is_some_and(|(.., nature)| nature.machine().is_some_and(foreign))
    }

    /// How the file in question is called: the container, and the path.
    pub fn object(&self, path: &[u8]) -> String {
        if self.scene.is_some() {
            format!("container {}: {}", self.workload.container, run::show(path))
        } else {
            run::show(path)
        }
    }

    /// The container, or the image where there is no container around it.
    pub fn whole(&self) -> String {
        match self.scene {
            Some(_) => format!("container {}", self.workload.container),
            None => self.name.clone(),
        }
    }
}

/// A run that the kernel refused.
#[derive(Debug, Clone, Copy)]
pub struct Refused<'s> {
    /// The host's architecture.
    pub host: Architecture,
    /// The run.
    pub run: &'s Run,
    /// Who is to blame.
    pub blame: &'s Blame,
    /// The file to blame, if it exists.
    pub file: Option<&'s FileFacts>,
}

impl Refused<'_> {
    /// The ladder of the run.
    pub fn ladder(&self) -> Vec<Evidence> {
        ladder(self.run)
    }

    /// What becomes of a file without a format that the host knows.
    pub fn answer(&self) -> String {
        let run = self.run;
        let asked = if run.through_shell {
            "the init hands it to /bin/sh"
        } else {
            "execve answers ENOEXEC (exec format error)"
        };
        match (&run.verdict, run.by_shell) {
            (Verdict::Fails(_), Some(by)) => format!("{asked}, and {}", by.words()),
            (Verdict::Fails(_), None) if run.through_shell => format!("{asked}, which cannot run it either"),
            _ if run.through_shell => format!("{asked}, and what that makes of it is not modelled"),
            _ => asked.into(),
        }
    }

    /// Whether the file to blame is what the container was asked to run, and no interpreter of it.
    pub fn is_program(&self) -> bool {
        !self
            .run
            .trace
            .iter()
            .any(|step| matches!(step.kind, StepKind::Script(..) | StepKind::Interpreter(_)))
    }
}

/// Runs a workload on one architecture.
///
/// # Errors
/// The fact that is missing.
pub fn run_on(case: &Case, workload: &Workload, name: &str, architecture: Architecture) -> Result<Run, Need> {
    let platform = Platform::linux(architecture);
    let host = workload.placement.host(architecture);
    let question = Question {
        image: name,
        repository_credentials: workload.repository_credentials.as_deref(),
        command: &workload.command,
        engine: workload.placement.engine,
        platform: &platform,
        host: Some(&host),
        detected: true,
    };
    run::run(case, &question)
}

/// The reference to read: at the digest that was deployed, else as the definition has it.
pub(crate) fn read_name(workload: &Workload) -> String {
    let deployed = workload.deployed.as_ref().and_then(|digest| digest.parse().ok());
    match (workload.image.parse::<Reference>(), deployed) {
        (Ok(reference), Some(digest)) if reference.digest.is_none() => {
            reference.with_digest(digest).to_string()
        }
        _ => workload.image.clone(),
    }
}

/// The reference that a new deployment would get: its tag is resolved anew.
///
/// # Errors
/// The tag was not looked at yet.
pub fn name_if_deployed_anew(case: &Case, workload: &Workload) -> Result<String, Need> {
    let deployed = read_name(workload);
    let tag = match workload.image.parse::<Reference>() {
        Ok(reference) if reference.digest.is_none() && deployed != workload.image => reference.to_string(),
        _ => return Ok(deployed),
    };
    let Some(tagged) = case.image(&tag) else {
        return Err(Need::Image {
            name: tag,
            repository_credentials: workload.repository_credentials.clone(),
        });
    };
    let digest = tagged.digest.as_ref().map(ToString::to_string);
    // The same content is not read twice. What cannot be resolved is not what was deployed either.
    Ok(if digest.is_some() && digest == workload.deployed { deployed } else { tag })
}

/// The steps of a run as rungs.
pub fn ladder(run: &Run) -> Vec<Evidence> {
    let command: Vec<String> = run.started_by.iter().map(|word| run::show(word)).collect();
    let first = (!command.is_empty())
        .then(|| Evidence::seen(format!("the container's own program starts: {}", command.join(" "))));
    let links = run.links.iter().map(|link| Evidence {
        path: (!link.path.is_empty()).then(|| run::show(&link.path)),
        layer: link.origin.as_ref().map(|origin| format!("{} of {}", origin.layer, origin.layers)),
        layer_digest: link.origin.as_ref().map(|origin| origin.digest.to_string()),
        as_listed: link.origin.as_ref().is_some_and(|origin| origin.as_listed),
        instruction: link.origin.as_ref().and_then(run::instruction),
        ..Evidence::seen(link.text.clone())
    });
    let steps = run.trace.iter().filter(|step| step.kind != StepKind::Starts).map(rung);
    first.into_iter().chain(links).chain(steps).collect()
}

fn rung(step: &TraceStep) -> Evidence {
    let path = run::show(&step.path);
    let mut source = None;
    let text = match &step.kind {
        StepKind::Symlink(target) => format!("{path} -> {}", run::show(target)),
        StepKind::Script(interpreter, argument) => {
            let argument =
                argument.as_ref().map(|argument| format!(" {}", run::show(argument))).unwrap_or_default();
            format!("{path} is a script: #!{}{argument}", run::show(interpreter))
        }
        StepKind::Elf { machine, bits, loader } => {
            let what = if *loader { "the loader" } else { "an ELF program" };
            format!("{path} is {what} for {} ({bits}-bit, e_machine {})", machine.name(), machine.0)
        }
        StepKind::Interpreter(interpreter) => {
            format!("{path} asks for the loader {}", run::show(interpreter))
        }
        StepKind::Misc(handler) => format!("{path} is taken by the binfmt_misc handler {handler}"),
        StepKind::Unrecognised => format!("{path} has no format that the kernel knows"),
        StepKind::Refused(errno, rule) => {
            source = Some(rule.source.to_string());
            let answer = errno.map_or("killed".to_string(), |errno| format!("{errno} ({})", errno.text()));
            format!("{path}: {answer}: {}", rule.text)
        }
        StepKind::Starts => format!("{path} starts"),
        StepKind::Library { name, needed_by, by } => {
            format!("{path} is {}, needed by {}, found by {by}", run::show(name), run::show(needed_by))
        }
        StepKind::PassedOver { name, machine } => {
            format!("{path} is passed over as {}: it is for {}", run::show(name), machine.name())
        }
        StepKind::LoaderRefused(rule) => {
            source = Some(rule.source.to_string());
            format!("{path}: {}", rule.text)
        }
    };
    let origin = step.origin.as_ref();
    Evidence {
        text,
        path: Some(path),
        layer: origin.map(|origin| format!("{} of {}", origin.layer, origin.layers)),
        layer_digest: origin.map(|origin| origin.digest.to_string()),
        as_listed: origin.is_some_and(|origin| origin.as_listed),
        instruction: origin.and_then(run::instruction),
        source,
    }
}
