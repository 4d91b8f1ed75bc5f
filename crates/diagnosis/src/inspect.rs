//! The report of `inspect`: one image, asked for each platform.

use crate::case::{Case, Need, TroubleKind};
use crate::certainty::Certainty;
use crate::finding::{Finding, Severity};
use crate::findings;
use crate::foreign::{self, AllReport, ForeignReport, Ground, SameReport, Side, Survey};
use crate::remedy::{Outlook, rank};
use crate::run::{self, Question, Run, StepKind, TraceStep};
use crate::subject::Subject;
use crate::verdict::{Verdict, VerdictName};
use crate::workload::{Capacity, Command, Engine, HostFact, HostSource, Observation, Placement, Workload};
use execfit_image::digest::Digest;
use execfit_image::platform::Platform;
use execfit_kernel::host::{Architecture, Host, Preset, Support};
use serde::Serialize;

/// The value of [`Inspection::schema`].
pub const SCHEMA: &str = "execfit/inspect/v1";

/// What is asked of an image.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The reference.
    pub reference: String,
    /// The platforms to ask for; all that the image claims to have, where none is given.
    pub platforms: Vec<Platform>,
    /// What to run instead of what the image says.
    pub command: Command,
    /// What is told of the host.
    pub host: HostAsked,
    /// Whose rules choose a manifest and unpack it.
    pub engine: Engine,
    /// Look at all files, too.
    pub all: Option<All>,
}

/// Which files are looked at besides those that are executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct All {
    /// Files that later layers cover or remove count, too.
    pub hidden: bool,
}

/// What is told of the host; the rest is as AWS has it for the platform's architecture.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostAsked {
    /// A host by name, whatever the platform.
    pub preset: Option<&'static Preset>,
    /// The kernel's version.
    pub kernel: Option<(u16, u16)>,
    /// It runs no 32-bit programs.
    pub no_32bit: bool,
}

impl HostAsked {
    /// The host that is asked for a platform; `None` where none of its architecture is modelled.
    fn on(&self, platform: &Platform) -> Option<Host> {
        let named = self.preset.map(Preset::host);
        let mut host = named.or_else(|| platform.host_architecture().map(Host::aws))?;
        host.kernel = self.kernel.unwrap_or(host.kernel);
        if self.no_32bit {
            host.compat32 = Support::No;
        }
        Some(host)
    }
}

/// The answer of `inspect`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The reference, as it was read.
    pub reference: String,
    /// Digest of the manifest or index; `null` for an unpacked tree.
    pub digest: Option<Digest>,
    /// Whose rules chose among manifests and unpacked them, e.g. `containerd`.
    pub runtime: &'static str,
    /// The worst of the runs' verdicts.
    pub verdict: VerdictName,
    /// How sure that is; `null` where it is unknown.
    pub certainty: Option<Certainty>,
    /// One run for each platform.
    pub runs: Vec<RunReport>,
    /// Files that are the same for several platforms where they should differ, where all files were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_across_platforms: Option<Vec<SameReport>>,
    /// Why the image could not be opened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// Whether there is no such image.
    #[serde(skip)]
    pub image_is_missing: bool,
}

/// The answer for one platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunReport {
    /// The platform that was asked for.
    pub platform: String,
    /// The architecture of the host that it was run on; `null` where it is none that is modelled.
    pub host: Option<&'static str>,
    /// Digest of the manifest that the host gets.
    pub manifest: Option<Digest>,
    /// What every runtime would get, where they differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
    /// The argument vector.
    pub argv: Vec<String>,
    /// The verdict.
    pub verdict: VerdictName,
    /// How sure that is; `null` where it is unknown.
    pub certainty: Option<Certainty>,
    /// What it rests on that was not read, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub assumed: Vec<String>,
    /// Where it fails.
    pub phase: Option<&'static str>,
    /// The error number's name.
    pub errno: Option<&'static str>,
    /// The signal's name.
    pub signal: Option<&'static str>,
    /// Why the verdict is `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Every file that the host does not run, where all files were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub foreign: Option<Vec<ForeignReport>>,
    /// Counts of all files, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all: Option<AllReport>,
    /// The programs that start one another on the way to the one that this is about, in words; none for most images.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub handed_over: Vec<String>,
    /// Why what the program starts was not followed further.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_followed: Option<String>,
    /// The layers, counted from the bottom, that were not read: what the answer says of them is what their tables of
    /// contents list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub as_listed: Vec<usize>,
    /// The steps from `argv[0]` to the answer.
    pub trace: Vec<StepReport>,
}

/// What one runtime gets of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// Its name, e.g. `docker`.
    pub runtime: &'static str,
    /// The manifest that it takes; `null` where pulling fails.
    pub manifest: Option<Digest>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepReport {
    /// The file.
    pub path: String,
    /// `symlink`, `script`, `elf`, `loader`, `interpreter`, `unrecognised`, `refused`, `starts` ...
    pub kind: &'static str,
    /// The machine of an ELF file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// A link's text, an interpreter, or the rule of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Digest of the layer that brought the file.
    pub layer: Option<Digest>,
    /// Number of that layer from the bottom, 1 first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_number: Option<usize>,
    /// Whether that is only what the layer's table of contents lists: the layer itself was not read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub as_listed: bool,
    /// The instruction that made the layer.
    pub instruction: Option<String>,
    /// The source of the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<&'static str>,
}

/// Inspects an image.
///
/// # Errors
/// The facts that are missing.
pub fn inspect(case: &Case, asked: &Asked) -> Result<Inspection, Vec<Need>> {
    let platforms = platforms(case, asked).map_err(|need| vec![need])?;
    let mut needs = Vec::new();
    let mut runs = Vec::new();
    for platform in &platforms {
        let host = asked.host.on(platform);
        let question = Question {
            image: &asked.reference,
            repository_credentials: None,
            command: &asked.command,
            engine: asked.engine,
            platform,
            host: host.as_ref(),
            detected: false,
        };
        let ground = Ground::of(platform, host.as_ref());
        match run::run(case, &question) {
            // All files are read at once, and then none is missing.
            Err(Need::File { digest, .. }) if unswept(case, asked, &digest, &ground) => {
                needs.extend(survey_of(asked, digest, ground));
            }
            Err(need) => needs.push(need),
            Ok(run) => match run.manifest.clone().filter(|digest| unswept(case, asked, digest, &ground)) {
                Some(digest) => needs.extend(survey_of(asked, digest, ground)),
                None => runs.push((run, ground)),
            },
        }
    }
    if !needs.is_empty() {
        return Err(needs);
    }
    let side = |(run, ground): &(Run, Ground)| {
        let child = case.image(&asked.reference)?.child(run.manifest.as_ref()?)?;
        let survey = survey(case, asked, run, ground)?;
        Some(Side { platform: run.platform.to_string(), layers: &child.layers, survey })
    };
    let sides: Vec<Side<'_>> = runs.iter().filter_map(side).collect();
    let same_across_platforms = asked.all.map(|_| foreign::same(&sides));
    let runs: Vec<RunReport> =
        runs.into_iter().map(|(run, ground)| report(case, asked, run, &ground)).collect();
    let image = case.image(&asked.reference);
    let trouble = image.and_then(|image| image.trouble.as_ref());
    let verdict = runs.iter().map(|run| run.verdict).max().unwrap_or(VerdictName::Unknown);
    Ok(Inspection {
        schema: SCHEMA,
        reference: asked.reference.clone(),
        digest: image.and_then(|image| image.digest.clone()),
        runtime: asked.engine.name(),
        verdict,
        certainty: Certainty::of_whole(verdict, runs.iter().map(|run| (run.verdict, run.certainty))),
        runs,
        same_across_platforms,
        trouble: trouble.map(|trouble| trouble.message.clone()),
        image_is_missing: trouble.is_some_and(|trouble| trouble.kind == TroubleKind::NotFound),
    })
}

impl Inspection {
    /// The verdict for who asked about all files: it fails also where a foreign file may harm, and is unknown where not all
    /// files could be looked at.
    pub fn of_all(&self) -> VerdictName {
        let all = self.runs.iter().filter_map(|run| run.all.as_ref());
        let worst = all.map(|all| match all {
            all if all.foreign > 0 => VerdictName::Fails,
            all if !all.is_whole() => VerdictName::Unknown,
            _ => VerdictName::Runs,
        });
        worst.max().unwrap_or(VerdictName::Runs).max(self.verdict)
    }
}

/// Whether all files of a manifest were asked for, and nobody has looked yet.
fn unswept(case: &Case, asked: &Asked, digest: &Digest, ground: &Ground) -> bool {
    let child = case.image(&asked.reference).and_then(|image| image.child(digest));
    asked.all.is_some()
        && child.is_some_and(|child| child.trouble.is_none() && child.survey(ground).is_none())
}

fn survey_of(asked: &Asked, digest: Digest, ground: Ground) -> Option<Need> {
    let hidden = asked.all?.hidden;
    Some(Need::Survey { name: asked.reference.clone(), digest, ground, hidden })
}

/// What is foreign to a run's host.
fn survey<'c>(case: &'c Case, asked: &Asked, run: &Run, ground: &Ground) -> Option<&'c Survey> {
    case.image(&asked.reference)?
        .child(run.manifest.as_ref()?)?
        .survey(ground)
        .filter(|_| asked.all.is_some())
}

/// The lines and the counts of all files, where they were asked for.
fn all_files(
    case: &Case,
    asked: &Asked,
    run: &Run,
    survey: Option<&Survey>,
) -> Option<(Vec<ForeignReport>, AllReport)> {
    asked.all?;
    let image = case.image(&asked.reference);
    let child = || image?.child(run.manifest.as_ref()?)?.trouble.as_ref();
    let trouble = child().or(image.and_then(|image| image.trouble.as_ref()));
    Some(match (survey, trouble) {
        (Some(survey), _) => foreign::report(survey),
        (None, Some(trouble)) => (Vec::new(), AllReport::untold(trouble.message.clone())),
        (None, None) => (Vec::new(), AllReport::untold("no manifest is for this platform".into())),
    })
}

/// The platforms that were asked for, else those of the index, else the one of the config.
fn platforms(case: &Case, asked: &Asked) -> Result<Vec<Platform>, Need> {
    if !asked.platforms.is_empty() {
        return Ok(asked.platforms.clone());
    }
    let name = asked.reference.clone();
    let image = case.image(&name).ok_or(Need::Image { name: name.clone(), repository_credentials: None })?;
    let mut platforms = Vec::new();
    for entry in image.entries.iter().filter(|entry| entry.is_runnable()) {
        let platform = match entry.platform() {
            Some(platform) => platform,
            None => {
                let digest = entry.digest.clone();
                let child = image.child(&digest).ok_or(Need::Child { name: name.clone(), digest })?;
                // A config without a word on its platform is asked about the one that everybody assumes.
                let text = match (&child.os[..], &child.architecture[..]) {
                    (_, "") => "linux/amd64".to_string(),
                    (os, architecture) => format!(
                        "{}/{architecture}/{}",
                        if os.is_empty() { "linux" } else { os },
                        child.variant
                    ),
                };
                match text.trim_end_matches('/').parse() {
                    Ok(platform) => platform,
                    Err(_) => Platform::linux(Architecture::X86_64),
                }
            }
        };
        if !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    // What cannot be read is said once.
    if platforms.is_empty() {
        platforms.push(Platform::linux(Architecture::X86_64));
    }
    Ok(platforms)
}

fn report(case: &Case, asked: &Asked, run: Run, ground: &Ground) -> RunReport {
    let survey = survey(case, asked, &run, ground);
    let (foreign, all) = all_files(case, asked, &run, survey).unzip();
    let host = HostFact {
        architecture: run.host.unwrap_or(Architecture::X86_64),
        source: HostSource::Asked,
        instances: 0,
    };
    let workload = workload(asked, host.clone());
    let runs = vec![(host, run)];
    let subject =
        Subject { case, scene: None, workload: &workload, name: asked.reference.clone(), runs, survey };
    let mut found = findings::detect(&subject);
    let remedies = Outlook::default().remedies(&subject);
    for finding in found.iter_mut().filter(|finding| finding.severity == Severity::Error) {
        finding.remedies.extend(remedies.iter().cloned());
        rank(&mut finding.remedies);
    }
    let run = &subject.runs[0].1;
    let choices = subject.image().map(|image| run::choices(image, &run.platform)).unwrap_or_default();
    let differ = choices.iter().any(|(_, digest)| *digest != choices[0].1);
    let choice = |(engine, manifest): (Engine, Option<Digest>)| Choice { runtime: engine.name(), manifest };
    let failure = run.verdict.failure();
    let child = run.manifest.as_ref().and_then(|digest| subject.image()?.child(digest));
    RunReport {
        platform: run.platform.to_string(),
        host: run.host.map(Architecture::name),
        manifest: run.manifest.clone(),
        choices: choices.into_iter().filter(|_| differ).map(choice).collect(),
        argv: run.argv.iter().map(|word| run::show(word)).collect(),
        verdict: run.verdict.name(),
        certainty: run.certainty(),
        assumed: run.unproven.words(child),
        phase: failure.map(|failure| failure.phase()),
        errno: failure.and_then(|failure| failure.errno()).map(|errno| errno.name()),
        signal: failure.and_then(|failure| failure.signal()),
        reason: if let Verdict::Unknown(reason) = &run.verdict { Some(reason.clone()) } else { None },
        handed_over: run.links.iter().map(|link| link.text.clone()).collect(),
        not_followed: run.not_followed.clone(),
        as_listed: child.map(|child| child.as_listed.clone()).unwrap_or_default(),
        trace: run.trace.iter().map(step).collect(),
        findings: found,
        foreign,
        all,
    }
}

/// What is asked, as a workload of one container that nobody has deployed.
fn workload(asked: &Asked, host: HostFact) -> Workload {
    Workload {
        container: asked.reference.clone(),
        essential: true,
        image: asked.reference.clone(),
        deployed: None,
        repository_credentials: None,
        command: asked.command.clone(),
        placement: Placement {
            foreign: None,
            hosts: vec![host],
            presets: Vec::new(),
            notes: Vec::new(),
            engine: asked.engine,
            capacity: Capacity::Unknown,
        },
        observation: Observation::default(),
    }
}

fn step(step: &TraceStep) -> StepReport {
    let (machine, detail, source) = match &step.kind {
        StepKind::Symlink(target) => (None, Some(run::show(target)), None),
        StepKind::Script(interpreter, argument) => {
            let argument =
                argument.as_ref().map(|argument| format!(" {}", run::show(argument))).unwrap_or_default();
            (None, Some(format!("#!{}{argument}", run::show(interpreter))), None)
        }
        StepKind::Elf { machine, bits, .. } => {
            (Some(machine.name().to_string()), Some(format!("{bits}-bit")), None)
        }
        StepKind::Interpreter(interpreter) => (None, Some(run::show(interpreter)), None),
        StepKind::Misc(handler) => (None, Some(handler.clone()), None),
        StepKind::Refused(errno, rule) => {
            let answer = errno.map_or("killed", |errno| errno.name());
            (None, Some(format!("{answer}: {}", rule.text)), Some(rule.source))
        }
        StepKind::Unrecognised | StepKind::Starts => (None, None, None),
        StepKind::Library { name, needed_by, by } => {
            let detail = format!("{}, needed by {}, found by {by}", run::show(name), run::show(needed_by));
            (None, Some(detail), None)
        }
        StepKind::PassedOver { name, machine } => {
            (Some(machine.name().to_string()), Some(run::show(name)), None)
        }
        StepKind::LoaderRefused(rule) => (None, Some(rule.text.to_string()), Some(rule.source)),
    };
    StepReport {
        path: run::show(&step.path),
        kind: step.kind.name(),
        machine,
        detail,
        layer: step.origin.as_ref().map(|origin| origin.digest.clone()),
        layer_number: step.origin.as_ref().map(|origin| origin.layer),
        as_listed: step.origin.as_ref().is_some_and(|origin| origin.as_listed),
        instruction: step.origin.as_ref().and_then(run::instruction),
        source,
    }
}
