//! What cures it, with the exact commands, ranked. A remedy is tested by the model that found the fault.

mod commands;
mod retarget;

pub(crate) use commands::{fix, quoted};

use crate::case::{Case, Need};
use crate::ecs::{Scene, Success};
use crate::plan::retarget::is_express;
use crate::plan::{Method, Setting, draft, impossible, index_beside_pin, mended, objection};
use crate::subject::{Subject, name_if_deployed_anew, run_on};
use crate::verdict::Verdict;
use crate::workload::Workload;
use commands::{is_rolling, update_service};
use execfit_image::platform::Platform;
use execfit_image::reference::Reference;
use execfit_kernel::host::Architecture;
use serde::Serialize;
use serde_json::Value;

/// A way to cure a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// What kind of change it is.
    pub kind: RemedyKind,
    /// How far it may be trusted.
    pub safety: Safety,
    /// What it does, in a sentence.
    pub title: String,
    /// The commands, in order.
    pub commands: Vec<String>,
}

/// The kinds of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RemedyKind {
    /// Pin the image where it offers the host's platform.
    Repin,
    /// Run it on the other architecture.
    Retarget,
    /// Go back to what ran.
    Rollback,
    /// Build it for the host's platform.
    Rebuild,
    /// Mend a file or a definition.
    Edit,
}

/// How far a remedy may be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Safety {
    /// The model, or what was seen running, shows that it cures the fault.
    Safe,
    /// It cures the fault, and may break something else.
    Unsafe,
    /// The model cannot tell whether it does.
    Advice,
}

impl Remedy {
    /// A change of a file or definition that only its owner can make.
    pub fn edit(title: impl Into<String>, commands: &[&str]) -> Remedy {
        let commands = commands.iter().map(|command| command.to_string()).collect();
        Remedy { kind: RemedyKind::Edit, safety: Safety::Advice, title: title.into(), commands }
    }
}

/// What could be done about a whole revision: found by asking the model about the other host and the other revision.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outlook {
    retarget: Option<Remedy>,
    rollback: Option<Remedy>,
    redeploy: Option<Remedy>,
    /// By container.
    repins: Vec<(String, Remedy)>,
}

impl Outlook {
    /// Asks the model, when any container fails.
    ///
    /// # Errors
    /// The facts that are missing.
    pub fn of(setting: &Setting<'_>) -> Result<Outlook, Vec<Need>> {
        let subjects = setting.subjects;
        if subjects.iter().all(|subject| subject.failing().is_none()) {
            return Ok(Outlook::default());
        }
        let foreign = subjects.iter().find(|subject| subject.is_architecture_fault());
        let mut needs = Vec::new();
        let mut keep = |answer: Result<Option<Remedy>, Vec<Need>>| match answer {
            Ok(remedy) => remedy,
            Err(missing) => {
                needs.extend(missing);
                None
            }
        };
        let retarget = foreign.and_then(|failing| keep(retarget::retarget(setting, failing)));
        let rollback = keep(rollback(setting));
        let redeploy = keep(redeploy(setting));
        let mut repins = Vec::new();
        for subject in subjects.iter().filter(|subject| subject.is_architecture_fault()) {
            let remedy = keep(repin(setting, subject).map_err(|need| vec![need]));
            repins.extend(remedy.map(|remedy| (subject.workload.container.clone(), remedy)));
        }
        if !needs.is_empty() {
            return Err(needs);
        }
        let mut outlook = Outlook { retarget, rollback, redeploy, repins };
        outlook.heed_refusals(setting);
        outlook.heed_owners(setting);
        Ok(outlook)
    }

    /// What `fix` refuses from these very facts is not safe. Where it would ask for more, nobody knows yet.
    fn heed_refusals(&mut self, setting: &Setting<'_>) {
        let back = self.rollback.iter_mut().map(|remedy| (Method::Rollback, remedy));
        let pins = self.redeploy.iter_mut().chain(self.repins.iter_mut().map(|(_, remedy)| remedy));
        for (method, remedy) in back.chain(pins.map(|remedy| (Method::Repin, remedy))) {
            let Ok(Err(refused)) = draft(setting, method) else { continue };
            remedy.safety = Safety::Advice;
            remedy.commands.retain(|command| !command.starts_with("execfit fix "));
            let reason = refused.reasons.into_iter().next();
            remedy.title += &reason.map(|reason| format!("; {reason}")).unwrap_or_default();
        }
    }

    /// What belongs to a stack or a tool is not safely changed behind its back: `fix` refuses that, too.
    fn heed_owners(&mut self, setting: &Setting<'_>) {
        let single = [&mut self.retarget, &mut self.rollback, &mut self.redeploy].into_iter().flatten();
        for remedy in single.chain(self.repins.iter_mut().map(|(_, remedy)| remedy)) {
            if let Some(objection) = objection(setting, remedy.kind != RemedyKind::Rollback) {
                remedy.safety = remedy.safety.max(Safety::Unsafe);
                remedy.title += &format!("; {objection}");
            }
        }
    }

    /// The remedies of a container that fails, best first.
    pub fn remedies(&self, subject: &Subject<'_>) -> Vec<Remedy> {
        let mut remedies: Vec<Remedy> = self.rollback.iter().chain(&self.redeploy).cloned().collect();
        if subject.is_architecture_fault() {
            remedies.extend(self.retarget.clone());
            let own = |(container, _): &&(String, Remedy)| *container == subject.workload.container;
            remedies.extend(self.repins.iter().find(own).map(|(_, remedy)| remedy.clone()));
            remedies.extend(rebuild(subject));
        }
        remedies
    }
}

/// The better remedies first: proven before advice, and small changes before large ones.
pub fn rank(remedies: &mut Vec<Remedy>) {
    remedies.sort_by_key(|remedy| (remedy.safety, remedy.kind));
    remedies.dedup();
}

/// Whether UpdateService brings the service to another task definition.
fn is_plainly_updated(scene: &Scene<'_>) -> bool {
    is_rolling(scene) && !scene.service.is_some_and(is_express)
}

/// Go back to the previous revision, where the model does not speak against it. What ran once may not run again: its
/// tag is resolved anew.
fn rollback(setting: &Setting<'_>) -> Result<Option<Remedy>, Vec<Need>> {
    let (case, scene) = (setting.case, setting.scene);
    let Some(previous) = scene.previous().filter(|_| scene.service.is_some()) else { return Ok(None) };
    let service = scene.service.unwrap_or(&Value::Null);
    if impossible(previous.definition, service).is_some() {
        return Ok(None);
    }
    let name = previous.revision().name;
    let workloads = previous.workloads(&case.logs);
    if workloads.is_empty() || workloads.iter().any(|workload| workload.placement.foreign.is_some()) {
        return Ok(None);
    }
    let hosts = |workload: &Workload| workload.placement.hosts.iter().map(|host| host.architecture).collect();
    let verdicts = deployed_anew(case, &workloads, hosts)?;
    let (safety, proof) =
        match (verdicts.into_iter().fold(Verdict::Runs, Verdict::worse), previous.ran_before()) {
            (Verdict::Fails(_), _) => return Ok(None),
            (Verdict::Runs, true) => {
                (Safety::Safe, "it was seen running, and all its containers run by the model")
            }
            (Verdict::Runs, false) => (Safety::Safe, "all its containers run by the model"),
            (Verdict::Unknown(_), true) => {
                (Safety::Advice, "it was seen running; the model cannot tell whether it would again")
            }
            (Verdict::Unknown(_), false) => (Safety::Advice, "the model cannot tell whether it runs"),
        };
    let safety = if is_plainly_updated(scene) { safety } else { Safety::Advice };
    let by_hand = update_service(scene, &format!("--task-definition {}", quoted(&name)));
    let commands = fix(scene, Method::Rollback).into_iter().chain(by_hand).collect();
    let present = scene.revision().name;
    let last = scene.successes().first().and_then(Success::definition);
    let last = last.map(|arn| arn.rsplit('/').next().unwrap_or(arn));
    let last = last.filter(|last| *last != name && *last != present);
    let last =
        last.map(|last| format!("; the last deployment that succeeded was of {last}")).unwrap_or_default();
    let title = format!("go back to {name}: {proof}{last}");
    Ok(Some(Remedy { kind: RemedyKind::Rollback, safety, title, commands }))
}

/// Deploy the same revision anew, where a tag has moved meanwhile to an image that runs.
fn redeploy(setting: &Setting<'_>) -> Result<Option<Remedy>, Vec<Need>> {
    let (case, scene, subjects) = (setting.case, setting.scene, setting.subjects);
    let failing = subjects.iter().filter(|subject| subject.failing().is_some());
    let moved = failing.into_iter().find_map(|subject| Some(mended(case, subject).ok()??.read));
    let (Some(tag), Some(command)) = (moved, update_service(scene, "--force-new-deployment")) else {
        return Ok(None);
    };
    let hosts = |workload: &Workload| workload.placement.hosts.iter().map(|host| host.architecture).collect();
    let verdicts = deployed_anew(case, subjects.iter().map(|subject| subject.workload), hosts)?;
    if verdicts.iter().any(|verdict| *verdict != Verdict::Runs) {
        return Ok(None);
    }
    Ok(Some(Remedy {
        kind: RemedyKind::Repin,
        safety: if is_plainly_updated(scene) { Safety::Safe } else { Safety::Advice },
        title: format!(
            "deploy it anew: {tag} names another image by now, and with it all containers run by the model"
        ),
        commands: fix(scene, Method::Repin).into_iter().chain([command]).collect(),
    }))
}

/// The verdicts of containers on these hosts, if they were deployed anew.
fn deployed_anew<'w>(
    case: &Case,
    workloads: impl IntoIterator<Item = &'w Workload>,
    hosts: impl Fn(&Workload) -> Vec<Architecture>,
) -> Result<Vec<Verdict>, Vec<Need>> {
    let mut verdicts = Vec::new();
    let mut needs = Vec::new();
    for workload in workloads {
        let name = match name_if_deployed_anew(case, workload) {
            Ok(name) => name,
            Err(need) => {
                needs.push(need);
                continue;
            }
        };
        for host in hosts(workload) {
            match run_on(case, workload, &name, host) {
                Ok(run) => verdicts.push(run.verdict),
                Err(need) => needs.push(need),
            }
        }
    }
    if needs.is_empty() { Ok(verdicts) } else { Err(needs) }
}

/// The tag beside a digest pin names an index that has the host's platform, and the container runs from it.
fn repin(setting: &Setting<'_>, subject: &Subject<'_>) -> Result<Option<Remedy>, Need> {
    let case = setting.case;
    let Some((host, ..)) = subject.failing() else { return Ok(None) };
    let Some((index, belongs)) = index_beside_pin(case, subject) else { return Ok(None) };
    let verdict = run_on(case, subject.workload, &index.read, host.architecture)?.verdict;
    if verdict.failure().is_some() {
        return Ok(None);
    }
    let proof = if verdict == Verdict::Runs {
        "it runs from there by the model"
    } else {
        "the model cannot tell whether it runs"
    };
    let safe = belongs && verdict == Verdict::Runs;
    Ok(Some(Remedy {
        kind: RemedyKind::Repin,
        safety: if safe { Safety::Safe } else { Safety::Advice },
        title: format!("pin {}, which has {}: {proof}", index.evidence, Platform::linux(host.architecture)),
        commands: fix(setting.scene, Method::Repin)
            .into_iter()
            .chain([format!("# in the container definition: \"image\": \"{}@{}\"", index.read, index.digest)])
            .collect(),
    }))
}

/// Build for the platform of the host.
fn rebuild(subject: &Subject<'_>) -> Option<Remedy> {
    let (host, ..) = subject.failing()?;
    let platform = Platform::linux(host.architecture);
    let written = subject.workload.image.parse::<Reference>().ok()?;
    let is_pinned = written.digest.is_some();
    let reference = written.without_digest();
    let mut commands = vec![
        format!("docker buildx build --platform {platform} --tag {reference} --push ."),
        format!("docker build --platform {platform} --tag {reference} . && docker push {reference}"),
        format!("finch build --platform {platform} --tag {reference} . && finch push {reference}"),
    ];
    if is_pinned {
        commands.push(
            "# then put the new digest into the container definition, in place of the old one".to_string(),
        );
    } else {
        commands.extend(subject.scene.and_then(|scene| update_service(scene, "--force-new-deployment")));
    }
    Some(Remedy {
        kind: RemedyKind::Rebuild,
        safety: Safety::Advice,
        title: format!(
            "build the image for {platform}, with the first of these that you have, and deploy it anew"
        ),
        commands,
    })
}
