//! The remedy `rollback`: back to what ran, where the model says that it would run again.
//!
//! What ran once may not run again: ECS resolves a tag once for a deployment, and going back is a new deployment. So every
//! place is examined as it would be deployed now, the newest first, and the first that runs is taken.

#[cfg(test)]
mod tests;
mod way;

use super::ground::{Ground, hosts};
use super::pins::Pins;
use super::places::{self, Evidence, Place, REVISIONS, is_active};
use super::{Draft, Method, Refused, Setting};
use crate::case::{Need, Question};
use crate::ecs::{Scene, last};
use crate::remedy::fix;
use crate::subject::{name_if_deployed_anew, read_name};
use crate::verdict::VerdictName;
use crate::workload::Workload;
use execfit_image::reference::Reference;
use serde_json::Value;
use std::collections::BTreeSet;
use way::go_there;

/// What came of a place.
enum Tried {
    /// It will do.
    Good(Box<Draft>),
    /// It would run, but another way is right.
    Instead(Refused),
    /// It will not do; a sentence.
    PassedOver(String),
}

pub(super) fn draft(setting: &Setting<'_>) -> Result<Result<Draft, Refused>, Vec<Need>> {
    let Some(service) = setting.scene.service else {
        let name = setting.scene.revision().name;
        return Ok(Err(Refused::because(
            Method::Rollback,
            format!("no service runs {name} here: there is none to go back"),
        )));
    };
    if let Some(refused) = goes_back_already(setting) {
        return Ok(Err(refused));
    }
    let (deployed, mut told) = places::deployed(setting, service)?;
    let mut tried = BTreeSet::new();
    for stage in 0..3 {
        let places = match stage {
            0 => deployed.clone(),
            stage => places::earlier(setting, stage == 2)?,
        };
        for place in places {
            if tried.len() >= REVISIONS || !tried.insert(last(&place.definition).to_string()) {
                continue;
            }
            match attempt(setting, service, &place)? {
                Tried::Good(mut draft) => {
                    draft.warnings.extend(told);
                    draft.warnings.extend(unseen(setting));
                    return Ok(Ok(*draft));
                }
                Tried::Instead(refused) => return Ok(Err(refused)),
                Tried::PassedOver(why) => told.push(why),
            }
        }
    }
    let mut refused = nowhere(setting, told);
    refused.reasons.extend(unseen(setting));
    Ok(Err(refused))
}

/// Where ECS is going back by itself, because of its circuit breaker, an alarm, or somebody who asked.
fn goes_back_already(setting: &Setting<'_>) -> Option<Refused> {
    let current = setting.scene.current_deployment()?;
    let status =
        current["status"].as_str().filter(|s| matches!(*s, "ROLLBACK_REQUESTED" | "ROLLBACK_IN_PROGRESS"))?;
    let name = last(current["serviceDeploymentArn"].as_str().unwrap_or_default());
    let mut refused = Refused::because(
        Method::Rollback,
        format!("ECS goes back by itself: the deployment {name} is {status}"),
    );
    refused.help.push("wait for its end, then look again".into());
    Some(refused)
}

fn nowhere(setting: &Setting<'_>, told: Vec<String>) -> Refused {
    let name = setting.scene.revision().name;
    let mut refused = Refused::because(
        Method::Rollback,
        format!(
            "there is no revision before {name} that a service could go back to and that runs by the model"
        ),
    );
    refused.reasons.extend(told);
    refused
}

/// What AWS would not tell, and what is not known therefore.
fn unseen(setting: &Setting<'_>) -> Vec<String> {
    let meaning = |action: &str| match action {
        "ecs:ListServiceDeployments" | "ecs:DescribeServiceDeployments" | "ecs:DescribeServiceRevisions" => {
            Some("which deployments succeeded, and what they ran, is not fully known")
        }
        "ecs:ListTaskDefinitions" => Some("which earlier revisions there are is not known"),
        "ecs:DescribeTaskDefinition" => Some("what earlier revisions hold is not fully known"),
        _ => None,
    };
    let told = setting.case.refusals.iter().filter_map(|refusal| {
        let meaning = meaning(&refusal.action)?;
        Some(format!("{meaning}: {}", refusal.message))
    });
    let told: BTreeSet<String> = told.collect();
    told.into_iter().collect()
}

/// Looks at one place: whether the service can be brought there, and what the model says of it.
fn attempt(setting: &Setting<'_>, service: &Value, place: &Place<'_>) -> Result<Tried, Vec<Need>> {
    let present = setting.scene.revision().name;
    let name = last(&place.definition);
    let pins =
        place.service_revision.map(|revision| Pins::of(setting, service, revision)).unwrap_or_default();
    if name == present && pins.edits.is_empty() {
        let evidence = place.evidence.words().unwrap_or_default();
        return Ok(Tried::PassedOver(format!(
            "{name} is what the service is at, and {evidence}: it is its image that changed"
        )));
    }
    let definition = match setting.documents.task_definition(&place.definition) {
        Some(definition) => definition,
        None => {
            let question = Question::Definition { name: place.definition.clone() };
            setting.case.ask(question).map_err(|need| vec![need])?;
            return Ok(Tried::PassedOver(format!("{name} is passed over: ECS does not describe it")));
        }
    };
    let after = pins.applied(service, place.service_revision);
    if let Some(why) = impossible(definition, &after) {
        return Ok(Tried::PassedOver(format!("{name} is passed over: {why}")));
    }
    let scene = setting.scene.at(definition, &after);
    let workloads = scene.workloads(&setting.case.logs);
    let Some((first, of_present)) = workloads.first().zip(setting.workloads.first()) else {
        return Ok(Tried::PassedOver(format!("{name} is passed over: it has no containers")));
    };
    let hosts = hosts(&first.placement, &of_present.placement);
    let ground = Ground::of(setting.case, &scene, &workloads, &hosts, |_| None)?;
    if !ground.runs() {
        if let Some(refused) = overwritten(setting, &scene, &workloads, &ground, place)? {
            return Ok(Tried::Instead(refused));
        }
        return Ok(Tried::PassedOver(format!("{name} is passed over: {}", ground.against().join("; "))));
    }
    go_there(setting, service, place, pins, (&scene, &workloads), ground)
}

/// Why ECS would not take a revision for this service (UpdateService's checks).
pub(crate) fn impossible(definition: &Value, service: &Value) -> Option<String> {
    if !is_active(definition) {
        let status = definition["status"].as_str().unwrap_or_default();
        return Some(format!("it is {status}, and a service is not updated to such a revision"));
    }
    let listed = |member: &str| definition[member].as_array().filter(|listed| !listed.is_empty());
    let launch = service["launchType"].as_str().filter(|launch| !launch.is_empty());
    if let (Some(launch), Some(compatible)) = (launch, listed("compatibilities"))
        && !compatible.iter().any(|one| one.as_str() == Some(launch))
    {
        return Some(format!("it is not compatible with the launch type {launch}"));
    }
    let balanced = service["loadBalancers"].as_array().into_iter().flatten();
    let balanced = balanced.filter_map(|balancer| balancer["containerName"].as_str());
    let has = |name: &&str| {
        listed("containerDefinitions")
            .is_some_and(|all| all.iter().any(|one| one["name"].as_str() == Some(*name)))
    };
    let mut missing = balanced.filter(|name| !has(name));
    missing
        .next()
        .map(|name| format!("it has no container {name}, which a load balancer of the service asks for"))
}

/// A place that ran and whose tags name other images since, where the images that ran would run still: pinning them
/// is the cure.
fn overwritten(
    setting: &Setting<'_>,
    scene: &Scene<'_>,
    workloads: &[Workload],
    ground: &Ground,
    place: &Place<'_>,
) -> Result<Option<Refused>, Vec<Need>> {
    if place.evidence == Evidence::Earlier && !scene.ran_before() {
        return Ok(None);
    }
    let mut reasons = Vec::new();
    for container in ground.failing() {
        let workload = workloads.iter().find(|workload| workload.container == container.container);
        let fails = container.verdict == VerdictName::Fails;
        let Some(workload) = workload.filter(|workload| fails && workload.deployed.is_some()) else {
            return Ok(None);
        };
        let (then, now) =
            (read_name(workload), name_if_deployed_anew(setting.case, workload).map_err(|need| vec![need])?);
        let repository = |image: &str| image.parse::<Reference>().ok().map(|image| image.name());
        let is_pinned_there = |other: &&Workload| {
            other.container == workload.container && repository(&other.image) == repository(&workload.image)
        };
        if then == now || !setting.workloads.iter().any(|other| is_pinned_there(&other)) {
            return Ok(None);
        }
        let as_it_ran =
            Ground::of(setting.case, scene, std::slice::from_ref(workload), &ground.hosts, |_| {
                Some(then.clone())
            })?;
        if !as_it_ran.runs() {
            return Ok(None);
        }
        reasons.push(format!(
            "container {}: the tag {} was overwritten since {} ran: {} ran, and now {}",
            workload.container,
            workload.image,
            last(&place.definition),
            workload.deployed.as_deref().unwrap_or_default(),
            super::ground::clause(container)
        ));
    }
    let title = format!("going back to {} alone would not cure it", last(&place.definition));
    let mut refused = Refused::because(Method::Rollback, title);
    refused.reasons.extend(reasons);
    refused
        .help
        .extend(fix(setting.scene, Method::Repin).map(|command| format!("pin what ran instead: {command}")));
    Ok(Some(refused))
}
