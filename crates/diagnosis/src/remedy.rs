//! What cures it, with the exact commands, ranked. A remedy is tested by the model that found the fault.

use crate::case::{Case, Need};
use crate::ecs::Scene;
use crate::plan::{impossible, index_beside_pin, mended};
use crate::subject::{Subject, name_if_deployed_anew, run_on};
use crate::verdict::Verdict;
use crate::workload::{Capacity, Workload, api_word};
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
    pub fn of(case: &Case, scene: &Scene<'_>, subjects: &[Subject<'_>]) -> Result<Outlook, Vec<Need>> {
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
        let retarget = foreign.and_then(|failing| keep(retarget(case, scene, subjects, failing)));
        let rollback = keep(rollback(case, scene));
        let redeploy = keep(redeploy(case, scene, subjects));
        let mut repins = Vec::new();
        for subject in subjects.iter().filter(|subject| subject.is_architecture_fault()) {
            let remedy = keep(repin(case, subject).map_err(|need| vec![need]));
            repins.extend(remedy.map(|remedy| (subject.workload.container.clone(), remedy)));
        }
        if needs.is_empty() { Ok(Outlook { retarget, rollback, redeploy, repins }) } else { Err(needs) }
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

/// Run the tasks on the other architecture: every container must run there, and machines must be there.
fn retarget(
    case: &Case,
    scene: &Scene<'_>,
    subjects: &[Subject<'_>],
    failing: &Subject<'_>,
) -> Result<Option<Remedy>, Vec<Need>> {
    let Some((host, ..)) = failing.failing() else { return Ok(None) };
    let other = host.architecture.other();
    let workloads = subjects.iter().map(|subject| subject.workload);
    let verdicts = deployed_anew(case, workloads, |_| vec![other])?;
    if verdicts.iter().any(|verdict| matches!(verdict, Verdict::Fails(_))) {
        return Ok(None);
    }
    let proven = verdicts.iter().all(|verdict| *verdict == Verdict::Runs);
    let capacity = &subjects[0].workload.placement.capacity;
    let word = api_word(other);
    let where_ = match (capacity, capacity.has(other)) {
        (Capacity::Serverless, _) => "; Fargate brings the machines".to_string(),
        (Capacity::Instances { x86_64, arm64 }, Some(true)) => {
            let count = if other == Architecture::Arm64 { arm64 } else { x86_64 };
            format!("; the cluster has {count} active {other} container instances")
        }
        (_, Some(false)) => format!("; the cluster has no {other} container instance: add capacity first"),
        _ => format!("; see first that the cluster has {other} capacity"),
    };
    let proof = if proven {
        "all containers run there by the model"
    } else {
        "not every container could be proven there"
    };
    let admitted = scene.admits(other);
    let constraint =
        if admitted { "" } else { "; a placement constraint keeps it from there: change that, too" };
    let safe = proven && admitted && capacity.has(other) == Some(true) && is_rolling(scene);
    Ok(Some(Remedy {
        kind: RemedyKind::Retarget,
        safety: if safe { Safety::Safe } else { Safety::Advice },
        title: format!("run the task on {word}: {proof}{where_}{constraint}"),
        commands: retarget_commands(scene, word),
    }))
}

/// Members of DescribeTaskDefinition's answer that RegisterTaskDefinition does not take (ECS API).
const READ_ONLY: &str = "del(.taskDefinitionArn, .revision, .status, .requiresAttributes, .compatibilities, \
                         .registeredAt, .registeredBy, .deregisteredAt, .deleteRequestedAt)";

fn retarget_commands(scene: &Scene<'_>, word: &str) -> Vec<String> {
    let revision = scene.revision().name;
    let family = revision.split(':').next().unwrap_or_default().to_string();
    let mut commands = vec![
        format!(
            "aws ecs describe-task-definition --task-definition {} --include TAGS > task.json",
            quoted(&revision)
        ),
        // ECS refuses an empty list of tags.
        format!(
            "jq '.tags as $tags | .taskDefinition | {READ_ONLY} | .runtimePlatform.cpuArchitecture = \"{word}\" \
             | if ($tags | length) > 0 then .tags = $tags else . end' task.json > new.json"
        ),
        "aws ecs register-task-definition --cli-input-json file://new.json".to_string(),
    ];
    commands.extend(update_service(scene, &format!("--task-definition {}", quoted(&family))));
    commands
}

/// The command that deploys, where a plain update does (deployment controller `ECS`).
fn update_service(scene: &Scene<'_>, change: &str) -> Option<String> {
    let service = scene.service?;
    let name = service["serviceName"].as_str()?;
    let cluster = service["clusterArn"].as_str().and_then(|arn| arn.rsplit('/').next()).unwrap_or("default");
    Some(match service["deploymentController"]["type"].as_str() {
        Some("CODE_DEPLOY") => {
            format!(
                "# the controller is CODE_DEPLOY: deploy it with `aws deploy create-deployment` and an AppSpec for {name}"
            )
        }
        Some("EXTERNAL") => {
            format!("# the controller is EXTERNAL: create a task set for {name} with your deployment tool")
        }
        _ => format!(
            "aws ecs update-service --cluster {} --service {} {change}",
            quoted(cluster),
            quoted(name)
        ),
    })
}

fn is_rolling(scene: &Scene<'_>) -> bool {
    let controller = scene.service.and_then(|service| service["deploymentController"]["type"].as_str());
    controller.is_none_or(|controller| controller == "ECS" || controller.is_empty())
}

/// Go back to the previous revision, where the model does not speak against it. What ran once may not run again: its
/// tag is resolved anew.
fn rollback(case: &Case, scene: &Scene<'_>) -> Result<Option<Remedy>, Vec<Need>> {
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
    let safety = if is_rolling(scene) { safety } else { Safety::Advice };
    let command = update_service(scene, &format!("--task-definition {}", quoted(&name)));
    let title = format!("go back to {name}: {proof}");
    Ok(Some(Remedy { kind: RemedyKind::Rollback, safety, title, commands: command.into_iter().collect() }))
}

/// Deploy the same revision anew, where a tag has moved meanwhile to an image that runs.
fn redeploy(case: &Case, scene: &Scene<'_>, subjects: &[Subject<'_>]) -> Result<Option<Remedy>, Vec<Need>> {
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
        safety: if is_rolling(scene) { Safety::Safe } else { Safety::Advice },
        title: format!(
            "deploy it anew: {tag} names another image by now, and with it all containers run by the model"
        ),
        commands: vec![command],
    }))
}

/// A word for a shell: names come from the world.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_string()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
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
fn repin(case: &Case, subject: &Subject<'_>) -> Result<Option<Remedy>, Need> {
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
        commands: vec![format!(
            "# in the container definition: \"image\": \"{}@{}\"",
            index.read, index.digest
        )],
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
