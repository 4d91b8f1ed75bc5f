//! The report of `diagnose`: a case in, verdicts, findings and remedies out.

use crate::case::{Case, ImageFacts, Need, Refusal, TroubleKind};
use crate::certainty::Certainty;
use crate::ecs::{Documents, Nothing, Scene};
use crate::finding::{Finding, Severity};
use crate::findings;
use crate::plan::Setting;
use crate::remedy::{Outlook, Remedy, rank};
use crate::run;
use crate::subject::Subject;
use crate::target::Target;
use crate::verdict::{Verdict, VerdictName};
use crate::workload::{HostSource, Workload};
use execfit_image::digest::Digest;
use execfit_image::index::Entry;
use execfit_image::reference::Reference;
use execfit_kernel::host::Architecture;
use serde::Serialize;

/// The value of [`Report::schema`].
pub const SCHEMA: &str = "execfit/report/v1";

/// The answer of `diagnose`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What was asked.
    pub target: Target,
    /// The task definition's `family:revision`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_definition: Option<String>,
    /// The worst of the containers' verdicts.
    pub verdict: VerdictName,
    /// How sure that is, as far as images go; `null` where it is unknown.
    pub certainty: Option<Certainty>,
    /// The containers, in the definition's order.
    pub workloads: Vec<WorkloadReport>,
    /// What AWS would not tell.
    pub refusals: Vec<Refusal>,
}

/// The answer about one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkloadReport {
    /// Its name.
    pub container: String,
    /// Whether the task ends with it.
    pub essential: bool,
    /// Its image.
    pub image: ImageReport,
    /// What it is asked to run.
    pub argv: Vec<String>,
    /// Every kind of host that it may meet.
    pub hosts: Vec<HostReport>,
    /// The verdict.
    pub verdict: VerdictName,
    /// How sure that is, as far as its image goes; `null` where it is unknown.
    pub certainty: Option<Certainty>,
    /// What it rests on that was not read of the image, in words.
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
    /// What was seen of it.
    pub observed: ObservedReport,
    /// What was found.
    pub findings: Vec<Finding>,
    /// Whether its image does not exist.
    #[serde(skip)]
    pub image_is_missing: bool,
}

/// The image of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageReport {
    /// As the definition names it.
    pub reference: String,
    /// Digest of the manifest or index that was read.
    pub digest: Option<Digest>,
    /// The platforms that it claims to have.
    pub platforms: Vec<String>,
}

/// One kind of host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostReport {
    /// Its architecture.
    pub architecture: &'static str,
    /// Who says so.
    pub source: HostSource,
    /// How many such machines or tasks were seen.
    pub instances: usize,
    /// The verdict there.
    pub verdict: VerdictName,
    /// Digest of the manifest that this host gets.
    pub manifest: Option<Digest>,
}

/// What was seen of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ObservedReport {
    /// Tasks in which it runs.
    pub running: usize,
    /// Stopped tasks that held it.
    pub stopped: usize,
    /// Exit code in the newest of these.
    pub exit_code: Option<i64>,
    /// `stopCode` of the newest.
    pub stop_code: Option<String>,
    /// Log lines and reasons that speak of a failed start.
    pub texts: Vec<String>,
}

/// Why there is no report yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pending {
    /// Facts to observe first.
    Needs(Vec<Need>),
    /// There is nothing to examine.
    Nothing(Nothing),
}

/// Diagnoses a case. The same case gives the same report, byte for byte.
///
/// # Errors
/// [`Pending`]: what is missing in the case.
pub fn diagnose(case: &Case) -> Result<Report, Pending> {
    let documents = Documents::of(&case.answers);
    let scene = Scene::of(&case.target.kind, &documents).map_err(Pending::Nothing)?;
    let workloads = scene.workloads(&case.logs);
    if workloads.is_empty() {
        let name = scene.revision().name;
        return Err(Pending::Nothing(Nothing(format!("the task definition {name} has no containers"))));
    }
    let mut needs = Vec::new();
    let mut subjects = Vec::new();
    for workload in &workloads {
        needs.extend(tag_need(case, workload));
        match Subject::of(case, Some(&scene), workload) {
            Ok(subject) => subjects.push(subject),
            Err(missing) => needs.extend(missing),
        }
    }
    if !needs.is_empty() {
        return Err(missing(needs));
    }
    let report = found(case, &scene, &subjects);
    let (documents, scene) = (&documents, &scene);
    let mut setting = Setting { case, documents, scene, workloads: &workloads, subjects: &subjects, report };
    let outlook = Outlook::of(&setting).map_err(missing)?;
    for (workload, subject) in setting.report.workloads.iter_mut().zip(&subjects) {
        prescribe(workload, &outlook.remedies(subject));
    }
    Ok(setting.report)
}

fn missing(mut needs: Vec<Need>) -> Pending {
    needs.sort();
    needs.dedup();
    Pending::Needs(needs)
}

/// What is the matter, without what cures the whole.
fn found(case: &Case, scene: &Scene<'_>, subjects: &[Subject<'_>]) -> Report {
    let workloads: Vec<_> = subjects.iter().map(workload_report).collect();
    let verdict = workloads.iter().map(|workload| workload.verdict).max().unwrap_or(VerdictName::Unknown);
    let parts = workloads.iter().map(|workload| (workload.verdict, workload.certainty));
    Report {
        schema: SCHEMA,
        target: case.target.clone(),
        task_definition: Some(scene.revision().name),
        verdict,
        certainty: Certainty::of_whole(verdict, parts),
        workloads,
        refusals: case.refusals.clone(),
    }
}

/// Adds what cures it to the findings because of which it does not run, the best first.
fn prescribe(workload: &mut WorkloadReport, remedies: &[Remedy]) {
    for finding in workload.findings.iter_mut().filter(|finding| finding.severity == Severity::Error) {
        finding.remedies.extend(remedies.iter().cloned());
        rank(&mut finding.remedies);
    }
}

/// The tag of the definition, to see whether it has moved since the deployment, or where a pin belongs.
fn tag_need(case: &Case, workload: &Workload) -> Option<Need> {
    let reference: Reference = workload.image.parse().ok()?;
    // Without a digest the tag may be left out: it is `latest` then.
    let tagged = reference.tag.is_some() || reference.digest.is_none();
    let at_digest = workload.deployed.is_some() || reference.digest.is_some();
    if !tagged || !at_digest {
        return None;
    }
    let name = reference.without_digest().to_string();
    let repository_credentials = workload.repository_credentials.clone();
    case.image(&name).is_none().then_some(Need::Image { name, repository_credentials })
}

fn workload_report(subject: &Subject<'_>) -> WorkloadReport {
    let workload = subject.workload;
    let verdict = findings::settled(subject);
    let failure = verdict.failure();
    let seen = &workload.observation;
    let image = subject.image();
    let trouble = image.and_then(|image| image.trouble.as_ref());
    let certainty = subject.runs.iter().filter_map(|(_, run)| run.certainty()).min();
    WorkloadReport {
        container: workload.container.clone(),
        essential: workload.essential,
        image: ImageReport {
            reference: workload.image.clone(),
            digest: image.and_then(|image| image.digest.clone()),
            platforms: image.map(platforms).unwrap_or_default(),
        },
        argv: subject
            .runs
            .first()
            .map(|(_, run)| run.command().iter().map(|word| run::show(word)).collect())
            .unwrap_or_default(),
        hosts: subject.runs.iter().map(host_report).collect(),
        verdict: verdict.name(),
        certainty: certainty.filter(|_| verdict.name() != VerdictName::Unknown),
        assumed: assumed(subject),
        phase: failure.map(|failure| failure.phase()),
        errno: failure.and_then(|failure| failure.errno()).map(|errno| errno.name()),
        signal: failure.and_then(|failure| failure.signal()),
        reason: if let Verdict::Unknown(reason) = &verdict { Some(reason.clone()) } else { None },
        observed: ObservedReport {
            running: seen.running,
            stopped: seen.stopped,
            exit_code: seen.exit_code,
            stop_code: seen.stop_code.clone(),
            texts: seen
                .texts()
                .filter(|text| crate::log_line::read(text).is_some())
                .map(String::from)
                .collect(),
        },
        findings: findings::detect(subject),
        image_is_missing: trouble.is_some_and(|trouble| trouble.kind == TroubleKind::NotFound),
    }
}

/// What the runs rest on that was not read, each once.
fn assumed(subject: &Subject<'_>) -> Vec<String> {
    let mut assumed: Vec<String> = Vec::new();
    for (_, run) in &subject.runs {
        let child = subject.image().zip(run.manifest.as_ref());
        let words = run.unproven.words(child.and_then(|(image, digest)| image.child(digest)));
        let new: Vec<String> = words.into_iter().filter(|text| !assumed.contains(text)).collect();
        assumed.extend(new);
    }
    assumed
}

fn host_report((host, run): &(crate::workload::HostFact, run::Run)) -> HostReport {
    HostReport {
        architecture: Architecture::name(host.architecture),
        source: host.source,
        instances: host.instances,
        verdict: run.verdict.name(),
        manifest: run.manifest.clone(),
    }
}

/// The platforms that an image claims: of its index, or of its one config.
pub fn platforms(image: &ImageFacts) -> Vec<String> {
    let claimed = |entry: &Entry| {
        if let Some(platform) = entry.platform() {
            return Some(platform.to_string());
        }
        let child = image.child(&entry.digest)?;
        let variant = if child.variant.is_empty() { String::new() } else { format!("/{}", child.variant) };
        (!child.architecture.is_empty()).then(|| format!("{}/{}{variant}", child.os, child.architecture))
    };
    image.entries.iter().filter(|entry| entry.is_runnable()).filter_map(claimed).collect()
}
