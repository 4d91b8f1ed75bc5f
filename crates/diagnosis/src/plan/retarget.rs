//! The remedy `retarget`: run the tasks on the other architecture.
//!
//! Every container goes first: each must run there by the model, from the image that a new deployment would get. Then the
//! machines: they must be there, and no placement constraint may keep the tasks away from them.

mod constraints;
mod express;
#[cfg(test)]
mod tests;

use super::capacity::{Capacity, capacity};
use super::examine::examine_anew;
use super::{Deploy, Draft, Edit, Expected, Method, NewDefinition, Precondition, Refused, Setting};
use crate::case::Need;
use crate::finding::Severity;
use crate::findings;
use crate::subject::{Subject, name_if_deployed_anew, run_on};
use crate::verdict::VerdictName;
use crate::workload::{self, HostFact, HostSource, Observation, Placement, Workload};
use constraints::Constraints;
pub(super) use constraints::is_bound;
use execfit_kernel::host::Architecture;
pub(crate) use express::is_express;
use serde_json::Value;

pub(crate) fn draft(setting: &Setting<'_>) -> Result<Result<Draft, Refused>, Vec<Need>> {
    let other = match other(setting) {
        Ok(other) => other,
        Err(refused) => return Ok(Err(*refused)),
    };
    let followers = followers(setting, other)?;
    // What is to be read of images may spare what AWS would be asked, not the other way round: both are told.
    let mut needs = Vec::new();
    let capacity = capacity(setting, other).map_err(|missing| needs.extend(missing)).ok();
    let deploy = deploy(setting, other).map_err(|missing| needs.extend(missing)).ok();
    let (Some(capacity), Some(deploy)) = (capacity, deploy) else { return Err(needs) };
    let mut refused = Refused {
        by: Method::Retarget,
        finding: None,
        reasons: followers.cannot,
        capacity: capacity.told.clone(),
        owned: false,
        help: Vec::new(),
    };
    let constraints = Constraints::of(setting, other);
    refused.reasons.extend(constraints.refused.iter().cloned());
    refuse_without_machines(setting, other, &capacity, &mut refused);
    let deploy = deploy.map_err(|(reason, help)| {
        refused.reasons.push(reason);
        refused.help.extend(help);
    });
    let edits = definition_edits(setting, other, &constraints);
    let deploy = deploy.ok().map(|deploy| whole(deploy, &capacity, &constraints));
    let Some(deploy) = deploy.filter(|_| refused.reasons.is_empty()) else { return Ok(Err(refused)) };
    if edits.is_empty() && matches!(&deploy, Deploy::Update { edits } if edits.is_empty()) {
        refused.reasons.push(nothing_to_change(setting, other));
        return Ok(Err(refused));
    }
    Ok(Ok(Draft {
        title: title(setting, other),
        definition: definition(setting, &deploy, edits),
        deploy,
        containers: followers.containers,
        warnings: warnings(setting, other, &capacity),
        capacity: capacity.told,
        preconditions: followers.preconditions,
    }))
}

/// The architecture that the tasks do not run on.
fn other(setting: &Setting<'_>) -> Result<Architecture, Box<Refused>> {
    let refused = |reason: String, help: Vec<String>| {
        Box::new(Refused { help, ..Refused::because(Method::Retarget, reason) })
    };
    let Some(placement) = setting.workloads.first().map(|workload| &workload.placement) else {
        return Err(refused("the task definition has no containers".into(), Vec::new()));
    };
    if let Some(what) = &placement.foreign {
        let help = vec!["only Linux tasks of X86_64 and ARM64 can change places".into()];
        return Err(refused(format!("{what} are not modelled"), help));
    }
    let now = match &placement.hosts[..] {
        [only] => only.architecture,
        [machines, asked] if waits_for_machines(placement, asked) => return Ok(machines.architecture),
        _ => return Err(refused(mixed(placement), decide(setting))),
    };
    Ok(now.other())
}

/// Whether the tasks ask for machines that are not there, so that none of them is placed: the ones that are there are all
/// that they could move to.
fn waits_for_machines(placement: &Placement, asked: &HostFact) -> bool {
    matches!(asked.source, HostSource::RuntimePlatform)
        && placement.capacity.has(asked.architecture) == Some(false)
}

fn mixed(placement: &Placement) -> String {
    let kinds =
        placement.hosts.iter().map(|host| format!("{} ({})", host.architecture, host.source.phrase()));
    let kinds: Vec<String> = kinds.collect();
    let notes: String = placement.notes.iter().map(|note| format!("; {note}")).collect();
    format!("its tasks may meet hosts of both kinds, so there is no other one: {}{notes}", kinds.join(", "))
}

/// How to decide for one of several kinds of host.
fn decide(setting: &Setting<'_>) -> Vec<String> {
    let name = setting.scene.revision().name;
    Architecture::ALL
        .into_iter()
        .map(|one| {
            format!(
                "to stay on {}: set runtimePlatform.cpuArchitecture of {name} to {}, and on EC2 add the placement \
                 constraint memberOf `attribute:ecs.cpu-architecture == {}`",
                one.name(),
                workload::api_word(one),
                one.name()
            )
        })
        .collect()
}

/// The containers on the other architecture.
#[derive(Debug, Default)]
struct Followers {
    containers: Vec<Expected>,
    preconditions: Vec<Precondition>,
    /// Why some of them cannot go there: a sentence for each.
    cannot: Vec<String>,
}

/// Every container on the other architecture, from the image that a new deployment would get.
pub(crate) fn examine_all(
    setting: &Setting<'_>,
    other: Architecture,
) -> Result<Vec<(Expected, Option<Precondition>)>, Vec<Need>> {
    let mut examined = Vec::new();
    let mut needs = Vec::new();
    for workload in setting.workloads {
        match examine_anew(setting, workload, &[other]) {
            Ok(one) => examined.push(one),
            Err(missing) => needs.extend(missing),
        }
    }
    if needs.is_empty() { Ok(examined) } else { Err(needs) }
}

fn followers(setting: &Setting<'_>, other: Architecture) -> Result<Followers, Vec<Need>> {
    let mut followers = Followers::default();
    for ((expected, still), workload) in examine_all(setting, other)?.into_iter().zip(setting.workloads) {
        if expected.verdict != VerdictName::Runs {
            followers.cannot.push(why(setting, workload, other, &expected));
        }
        followers.preconditions.extend(still.filter(|still| !followers.preconditions.contains(still)));
        followers.containers.push(expected);
    }
    Ok(followers)
}

/// Why a container does not run there: what `diagnose` would find if it were there.
fn why(setting: &Setting<'_>, workload: &Workload, other: Architecture, expected: &Expected) -> String {
    let host = HostFact { architecture: other, source: HostSource::Asked, instances: 0 };
    let placement = Placement { hosts: vec![host.clone()], notes: Vec::new(), ..workload.placement.clone() };
    let there = Workload { placement, observation: Observation::default(), ..workload.clone() };
    let run = name_if_deployed_anew(setting.case, workload)
        .and_then(|name| Ok((run_on(setting.case, &there, &name, other)?, name)));
    let found = run.ok().and_then(|(run, name)| {
        let runs = vec![(host, run)];
        let subject = Subject {
            case: setting.case,
            scene: Some(setting.scene),
            workload: &there,
            name,
            runs,
            survey: None,
        };
        findings::detect(&subject).into_iter().find(|finding| finding.severity == Severity::Error)
    });
    let (container, platform) = (&workload.container, other.name());
    match (expected.verdict, found, &expected.reason) {
        (VerdictName::Fails, Some(finding), _) => format!("{} ({})", finding.message, finding.id),
        (VerdictName::Fails, None, Some(reason)) => format!("container {container}: on {platform}: {reason}"),
        (_, _, reason) => {
            let reason = reason.as_deref().unwrap_or("nobody can tell");
            format!("container {container}: it is not known whether it runs on {platform}: {reason}")
        }
    }
}

/// Machines must be known to be there. That it cannot be told whether more would come is said, and no obstacle: a rolling
/// update keeps the old tasks until the new ones run.
fn refuse_without_machines(
    setting: &Setting<'_>,
    other: Architecture,
    capacity: &Capacity,
    refused: &mut Refused,
) {
    let word = workload::api_word(other);
    match (capacity.there, setting.scene.service) {
        (Some(true), _) => return,
        // Who runs a bare revision says where: nothing is placed by registering it.
        (None, None) => return,
        (None, Some(_)) if capacity.by_growth => return,
        (Some(false), _) => {
            refused.finding = Some("no-capacity");
            refused.reasons.push(format!("there is no room for the tasks on {word}"));
        }
        (None, Some(_)) => {
            let reason = format!("it cannot be told whether machines would take the tasks on {word}");
            refused.reasons.push(reason);
        }
    }
    refused.help.extend(capacity.add.iter().cloned());
}

/// How the service is changed; a reason and help where it cannot be.
type Way = Result<Deploy, (String, Vec<String>)>;

fn deploy(setting: &Setting<'_>, other: Architecture) -> Result<Way, Vec<Need>> {
    match setting.scene.service {
        Some(service) if is_express(service) => express::deploy(setting, service, other),
        _ => Ok(Ok(Deploy::Update { edits: Vec::new() })),
    }
}

/// A plain update with all else that changes in its request.
fn whole(deploy: Deploy, capacity: &Capacity, constraints: &Constraints) -> Deploy {
    match deploy {
        Deploy::Update { mut edits } => {
            edits.extend(capacity.edits.iter().cloned());
            edits.extend(constraints.of_service.clone());
            Deploy::Update { edits }
        }
        other => other,
    }
}

fn definition_edits(setting: &Setting<'_>, other: Architecture, constraints: &Constraints) -> Vec<Edit> {
    let platform = &setting.scene.definition["runtimePlatform"];
    let present = |member: &str| platform.get(member).filter(|value| !is_blank(value));
    let word = workload::api_word(other);
    let mut edits = Vec::new();
    if present("cpuArchitecture").and_then(Value::as_str) != Some(word) {
        edits.push(Edit::set("/runtimePlatform/cpuArchitecture", present("cpuArchitecture"), word));
    }
    if present("operatingSystemFamily").is_none() {
        edits.push(Edit::set("/runtimePlatform/operatingSystemFamily", None, "LINUX"));
    }
    edits.extend(constraints.of_definition.iter().cloned());
    // The operating system alone moves nothing.
    if edits.len() == 1 && edits[0].path.ends_with("operatingSystemFamily") { Vec::new() } else { edits }
}

/// What emulators answer for an absent member.
fn is_blank(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

fn definition(setting: &Setting<'_>, deploy: &Deploy, edits: Vec<Edit>) -> NewDefinition {
    let arn = definition_name(setting);
    match deploy {
        Deploy::Update { .. } if !edits.is_empty() => NewDefinition::Edited { from: arn, edits },
        _ => NewDefinition::Existing { arn },
    }
}

/// Its ARN; in saved documents perhaps only its name.
fn definition_name(setting: &Setting<'_>) -> String {
    let arn = setting.scene.definition["taskDefinitionArn"].as_str().map(String::from);
    arn.unwrap_or_else(|| setting.scene.revision().name)
}

fn nothing_to_change(setting: &Setting<'_>, other: Architecture) -> String {
    let host = &setting.workloads[0].placement.hosts[0];
    format!(
        "{} asks for {} already, and its tasks run on {} ({}): something else decides on their placement",
        setting.scene.revision().name,
        workload::api_word(other),
        host.architecture,
        host.source.phrase()
    )
}

fn title(setting: &Setting<'_>, other: Architecture) -> String {
    let (word, before) = (workload::api_word(other), workload::api_word(other.other()));
    match setting.scene.service.and_then(|service| service["serviceName"].as_str()) {
        Some(name) => format!("run the tasks of the service {name} on {word} instead of {before}"),
        None => format!("register {} for {word} instead of {before}", setting.scene.revision().name),
    }
}

fn warnings(setting: &Setting<'_>, other: Architecture, capacity: &Capacity) -> Vec<String> {
    let placement = &setting.workloads[0].placement;
    let (word, before) = (workload::api_word(other), workload::api_word(other.other()));
    let mut warnings = Vec::new();
    let Some(service) = setting.scene.service else { return warnings };
    if capacity.there.is_none() {
        let word = format!("it cannot be told whether enough machines will be there for the tasks on {word}");
        warnings.push(format!(
            "{word}: where none takes them, the change is undone when the time for it is over"
        ));
        warnings.extend(capacity.add.iter().cloned());
    }
    warnings.push(format!(
        "while it rolls out, tasks of {before} and {word} run side by side: AWS documents that the task definitions of \
         one service share an architecture, and such rolling updates are reported to work"
    ));
    if service["schedulingStrategy"].as_str() == Some("DAEMON") {
        warnings.push(format!(
            "the service is a DAEMON: it runs one task on each {} instance, and none on {} ones any more",
            other.name(),
            other.other().name()
        ));
    }
    let both = Architecture::ALL.into_iter().all(|one| placement.capacity.has(one) == Some(true));
    if both && placement.capacity != workload::Capacity::Serverless && !is_bound(setting, other) {
        warnings.push(format!(
            "the cluster has instances of both kinds, and only runtimePlatform says which to take; the placement \
             constraint memberOf `attribute:ecs.cpu-architecture == {}` would say it a second time",
            other.name()
        ));
    }
    warnings
}
