//! Who else runs the family or the image that a plan changes, what the change means for them, and who must be told of a
//! revision that no service takes by itself.

use super::owner::Aside;
use super::{Draft, Method, NewDefinition, Setting};
use crate::case::{Need, Question};
use crate::ecs::last;
use crate::remedy::quoted;
use crate::target::TargetKind;
use crate::verdict::VerdictName;
use execfit_image::reference::Reference;
use serde_json::Value;
use std::collections::BTreeSet;

/// Names that are told of a kind; of more only how many.
const NAMES: usize = 10;
/// Task definitions of other services of the cluster that are read for their images.
const DEFINITIONS: usize = 10;

/// Another service, and what it runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Neighbour<'a> {
    /// `CLUSTER/SERVICE`.
    name: String,
    cluster: &'a str,
    /// ARN of its task definition.
    definition: &'a str,
}

/// What a plan that registers a revision says of others; nothing where none is registered: what others run stays.
pub(super) fn aside(setting: &Setting<'_>, by: Method, draft: &Draft) -> Result<Aside, Vec<Need>> {
    let NewDefinition::Edited { from, .. } = &draft.definition else { return Ok(Aside::default()) };
    let mut aside = Aside::default();
    let revision = last(from);
    let family = family_of(revision);
    if !matches!(setting.case.target.kind, TargetKind::Documents { .. }) {
        let (clusters, neighbours) = neighbours(setting)?;
        of_family(setting, by, &neighbours, revision, &mut aside);
        if setting.scene.service.is_some() {
            of_image(setting, by, &neighbours, family, &mut aside)?;
        }
        starters(setting, revision, clusters, &mut aside)?;
    }
    if setting.scene.service.is_none() {
        nobody(setting, revision, &mut aside);
    }
    Ok(aside)
}

/// The account's clusters and its other services, as far as they were listed; what was not is told by [`of_family`].
fn neighbours<'s>(setting: &'s Setting<'_>) -> Result<(Vec<String>, Vec<Neighbour<'s>>), Vec<Need>> {
    let own = setting.scene.service.unwrap_or(&Value::Null);
    let tasks = setting.scene.tasks.iter().copied();
    let cluster = [own].into_iter().chain(tasks).find_map(|one| one["clusterArn"].as_str()).map(String::from);
    setting.case.ask(Question::Services { cluster }).map_err(|need| vec![need])?;
    let lists = |member: &'static str| {
        let briefs = setting.documents.neighbours.iter().copied();
        briefs.filter_map(move |brief| brief[member].as_array()).flatten()
    };
    let clusters: BTreeSet<String> = lists("clusters")
        .chain([&own["clusterArn"]])
        .filter_map(|arn| arn.as_str().map(String::from))
        .collect();
    let others = lists("services").filter(|other| {
        other["serviceArn"].as_str() != own["serviceArn"].as_str()
            && other["status"].as_str() != Some("INACTIVE")
    });
    let mut neighbours: Vec<Neighbour<'_>> = others
        .filter_map(|other| {
            let (cluster, name) = (other["clusterArn"].as_str()?, other["serviceName"].as_str()?);
            let name = format!("{}/{name}", last(cluster));
            Some(Neighbour { name, cluster, definition: other["taskDefinition"].as_str()? })
        })
        .collect();
    neighbours.sort();
    neighbours.dedup();
    Ok((clusters.into_iter().collect(), neighbours))
}

/// Other services of the family: each stays at the revision that it names, until somebody deploys the family's newest.
fn of_family(
    setting: &Setting<'_>,
    by: Method,
    neighbours: &[Neighbour<'_>],
    revision: &str,
    aside: &mut Aside,
) {
    let family = family_of(revision);
    let of_family: Vec<&Neighbour<'_>> =
        neighbours.iter().filter(|other| family_of(last(other.definition)) == family).collect();
    if !of_family.is_empty() {
        let names = of_family.iter().map(|other| match last(other.definition) {
            same if same == revision => format!("{} ({same}, the same revision)", other.name),
            other_one => format!("{} ({other_one})", other.name),
        });
        let then = match by {
            Method::Retarget => "which puts their tasks on the other architecture, too",
            Method::Repin => "with the image that it pins",
            Method::Rollback => "with all that it changes",
        };
        aside.warnings.push(format!(
            "of the family {family}, too: {}; nothing changes for them now, but whoever deploys one of them as \
             `{family}` without a revision gives it the new one, {then}",
            listed(names)
        ));
    }
    if setting.scene.service.is_none() {
        aside.left_to_do.extend(of_family.iter().take(NAMES).map(|other| {
            format!(
                "cure the service {}, which runs {}: `execfit fix {}`",
                other.name,
                last(other.definition),
                quoted(&other.name)
            )
        }));
    }
    let whole = ["ecs:ListClusters", "ecs:ListServices", "ecs:DescribeServices"];
    let left = left(&setting.documents.neighbours);
    aside.warnings.extend(not_told(setting, &format!("which other services use {family}"), &whole, left));
}

/// Other services of the cluster with the image that fails, as far as few task definitions tell.
fn of_image(
    setting: &Setting<'_>,
    by: Method,
    neighbours: &[Neighbour<'_>],
    family: &str,
    aside: &mut Aside,
) -> Result<(), Vec<Need>> {
    let failing = setting.report.workloads.iter().filter(|one| one.verdict == VerdictName::Fails);
    let failing: BTreeSet<&str> = failing.map(|one| &one.container[..]).collect();
    let workloads = setting.workloads.iter().filter(|one| failing.contains(&one.container[..]));
    let images: BTreeSet<String> = workloads.filter_map(|one| named(&one.image)).collect();
    let cluster = setting.scene.service.and_then(|service| service["clusterArn"].as_str());
    let here = neighbours.iter().filter(|other| Some(other.cluster) == cluster);
    let here: Vec<&Neighbour<'_>> =
        here.filter(|other| family_of(last(other.definition)) != family).collect();
    let all: BTreeSet<&str> = here.iter().map(|other| other.definition).collect();
    if images.is_empty() || all.is_empty() {
        return Ok(());
    }
    let read = || all.iter().take(DEFINITIONS).copied();
    let needs = read().filter_map(|arn| setting.case.ask(Question::Definition { name: arn.into() }).err());
    let needs: Vec<Need> = needs.collect();
    if !needs.is_empty() {
        return Err(needs);
    }
    let mut users = Vec::new();
    for other in here.iter().filter(|other| read().any(|arn| arn == other.definition)) {
        let Some(definition) = setting.documents.task_definition(other.definition) else { continue };
        let containers = definition["containerDefinitions"].as_array().into_iter().flatten();
        let mut used = containers.filter_map(|one| named(one["image"].as_str()?));
        let cpu = definition["runtimePlatform"]["cpuArchitecture"].as_str().filter(|cpu| !cpu.is_empty());
        let asks = cpu.map_or("says no architecture".into(), |cpu| format!("asks for {cpu}"));
        if let Some(image) = used.find(|image| images.contains(image)) {
            users.push(format!("{} ({}, which {asks}) has {image}", other.name, last(other.definition)));
        }
    }
    if !users.is_empty() {
        let means = match by {
            Method::Repin => "this plan pins the image for this service only",
            Method::Retarget | Method::Rollback => "the image stays as it is",
        };
        aside.warnings.push(format!(
            "the same image elsewhere: {}; nothing changes there ({means}), so ask `execfit diagnose` of each",
            listed(users.into_iter())
        ));
    }
    let left = (all.len() > DEFINITIONS)
        .then(|| format!("task definitions of this cluster after the first {DEFINITIONS} of {}", all.len()));
    let what = "which other services of the cluster have the same image";
    aside.warnings.extend(not_told(
        setting,
        what,
        &["ecs:DescribeTaskDefinition"],
        left.into_iter().collect(),
    ));
    Ok(())
}

/// EventBridge rules and schedules that run the family.
fn starters(
    setting: &Setting<'_>,
    revision: &str,
    clusters: Vec<String>,
    aside: &mut Aside,
) -> Result<(), Vec<Need>> {
    let family = family_of(revision).to_string();
    let question = Question::Starters { family: family.clone(), clusters };
    setting.case.ask(question).map_err(|need| vec![need])?;
    let briefs = setting.documents.starters.iter().copied();
    let found = briefs.filter_map(|brief| brief["found"].as_array()).flatten().filter_map(|one| {
        let definition = last(one["taskDefinition"].as_str()?);
        (family_of(definition) == family).then_some((one, definition, one["name"].as_str()?))
    });
    let (mut pinned, mut newest) = (Vec::new(), Vec::new());
    for (one, definition, name) in found {
        let rule = one["kind"].as_str() == Some("rule");
        let kind = if rule { "EventBridge rule" } else { "EventBridge schedule" };
        let disabled = if one["disabled"].as_bool() == Some(true) { ", which is disabled," } else { "" };
        if !definition.contains(':') {
            newest.push(format!("{kind} {name}"));
            continue;
        }
        let (group, short) = name.split_once('/').unwrap_or(("default", name));
        let see = if rule {
            format!("aws events list-targets-by-rule --rule {}", quoted(name))
        } else {
            format!("aws scheduler get-schedule --group-name {} --name {}", quoted(group), quoted(short))
        };
        pinned.push(format!(
            "give the {kind} {name}{disabled} the new revision in place of {definition} (`{see}`, and put it back with \
             the new ARN)"
        ));
    }
    if !newest.is_empty() {
        aside.warnings.push(format!(
            "started as `{family}` without a revision, and so of the new one as soon as that is registered, before it is \
             proven: the tasks of {}",
            listed(newest.into_iter())
        ));
    }
    let more = pinned.len().saturating_sub(NAMES);
    aside.left_to_do.extend(pinned.into_iter().take(NAMES));
    aside.left_to_do.extend((more > 0).then(|| format!("the same for {more} more rules and schedules")));
    let actions = [
        "events:ListRuleNamesByTarget",
        "events:ListTargetsByRule",
        "scheduler:ListSchedules",
        "scheduler:GetSchedule",
    ];
    let what = format!("which EventBridge rules and schedules run {family}");
    aside.warnings.extend(not_told(setting, &what, &actions, left(&setting.documents.starters)));
    Ok(())
}

/// No service takes the new revision: who has to.
fn nobody(setting: &Setting<'_>, revision: &str, aside: &mut Aside) {
    let family = family_of(revision);
    aside.left_to_do.insert(
        0,
        format!(
            "the plan only registers the new revision: start tasks of it with `aws ecs run-task --task-definition {}`, \
             which takes the family's newest",
            quoted(family)
        ),
    );
    for task in setting.scene.tasks.iter().filter(|_| setting.scene.standalone) {
        let (id, by) = (last(task["taskArn"].as_str().unwrap_or("?")), task["startedBy"].as_str());
        if let Some(by) = by.filter(|by| !by.is_empty()) {
            aside
                .left_to_do
                .push(format!("the task {id} was started by `{by}`: let it start the new revision"));
        }
    }
    aside.left_to_do.push(format!(
        "see who else names {revision}, since it cannot be listed: callers of RunTask, state machines of Step Functions, \
         rules of other event buses, pipelines"
    ));
}

/// What is not known: a sentence for each call that was refused, and one for what was not looked at.
fn not_told(setting: &Setting<'_>, what: &str, actions: &[&str], left: Vec<String>) -> Vec<String> {
    let first = |action: &&str| setting.case.refusals.iter().find(|refusal| refusal.action == *action);
    let refused = actions.iter().filter_map(first);
    let mut lines: Vec<String> =
        refused.map(|refusal| format!("{what} is not wholly known: {}", refusal.message)).collect();
    if !left.is_empty() {
        lines.push(format!("{what} is not wholly known: not looked at were {}", left.join(", ")));
    }
    lines
}

/// What the observer left out of a brief.
fn left(briefs: &[&Value]) -> Vec<String> {
    let left = briefs.iter().filter_map(|brief| brief["left"].as_array()).flatten();
    left.filter_map(|what| what.as_str().map(String::from)).take(NAMES).collect()
}

/// Some names, and how many more.
fn listed(names: impl Iterator<Item = String>) -> String {
    let mut names: Vec<String> = names.collect();
    let more = names.len().saturating_sub(NAMES);
    names.truncate(NAMES);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    names.join(", ") + &rest
}

/// An image without its digest, in full.
fn named(image: &str) -> Option<String> {
    image.parse::<Reference>().ok().map(|reference| reference.without_digest().to_string())
}

fn family_of(revision: &str) -> &str {
    revision.split(':').next().unwrap_or(revision)
}

#[cfg(test)]
#[path = "users/tests.rs"]
mod tests;
