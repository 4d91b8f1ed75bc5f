//! Who else runs a task definition: services, EventBridge rules and schedules. Of each only what is asked is kept: targets
//! hold values of environment variables.

use super::refuse;
use crate::aws::{Answer, Aws, AwsError, AwsErrorKind};
use execfit_diagnosis::case::Case;
use execfit_diagnosis::ecs::{Documents, task_definition_of};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The most clusters whose services and rules are listed.
const CLUSTERS: usize = 20;
/// The most services that are described, of all clusters together.
const SERVICES: usize = 500;
/// The most rules whose targets are read, of all clusters together.
const RULES: usize = 100;
/// The most schedules that are listed.
const LISTED: usize = 1000;
/// The most of them that are read, since they run tasks.
const SCHEDULES: usize = 100;

/// The services of this cluster and of the account's others: `neighbours`, with `left`, what was not looked at.
pub(super) async fn services(aws: &Aws, case: &mut Case, cluster: Option<&str>) {
    let mut clusters: Vec<String> = cluster.map(String::from).into_iter().collect();
    if let Some(listed) = kept(case, aws.list_clusters(CLUSTERS + 1).await) {
        let others = strings(&listed["clusterArns"]).filter(|arn| Some(&arn[..]) != cluster);
        clusters.extend(others.map(String::from));
    }
    let mut left = Vec::new();
    if clusters.len() > CLUSTERS {
        clusters.truncate(CLUSTERS);
        left.push(format!("clusters after the first {CLUSTERS}"));
    }
    let (mut services, mut asked): (Vec<Value>, usize) = (Vec::new(), 0);
    let known = described(case);
    for cluster in &clusters {
        let Some(listed) = kept(case, aws.list_services(cluster, SERVICES - asked + 1).await) else { break };
        let mut arns: Vec<String> = strings(&listed["serviceArns"]).map(String::from).collect();
        arns.retain(|arn| !known.contains(arn));
        let cut = arns.len() > SERVICES - asked;
        arns.truncate(SERVICES - asked);
        asked += arns.len();
        let Some(described) = kept(case, aws.describe_services(cluster, &arns).await) else { break };
        services.extend(described["services"].as_array().into_iter().flatten().map(neighbour));
        if cut {
            left.push(format!("services after the first {SERVICES}"));
            break;
        }
    }
    case.add_answer("", json!({"neighbours": {"clusters": clusters, "services": services, "left": left}}));
}

/// ARNs of the services that were described already.
fn described(case: &Case) -> BTreeSet<String> {
    let documents = Documents::of(&case.answers);
    documents.services.iter().filter_map(|service| service["serviceArn"].as_str().map(String::from)).collect()
}

/// Of a service: its names and what it runs.
fn neighbour(service: &Value) -> Value {
    let mut kept: Map<String, Value> = ["serviceArn", "serviceName", "clusterArn", "status", "desiredCount"]
        .into_iter()
        .filter_map(|member| Some((member.to_string(), service.get(member)?.clone())))
        .collect();
    kept.insert("taskDefinition".into(), task_definition_of(service).into());
    kept.into()
}

/// What starts tasks of a family in these clusters: `starters`, of EventBridge's rules and of its schedules. Both are asked
/// at the same time: where neither can be reached, one is waited for.
pub(super) async fn starters(aws: &Aws, case: &mut Case, family: &str, clusters: &[String]) {
    let (mut of_rules, mut of_schedules) = (Found::default(), Found::default());
    let ends = tokio::join!(rules(aws, clusters, &mut of_rules), schedules(aws, &mut of_schedules));
    for error in [ends.0, ends.1].into_iter().filter_map(Result::err) {
        refuse(case, &error, false);
    }
    let mut found = [of_rules.starters, of_schedules.starters].concat();
    found.retain(|starter| starter["taskDefinition"].as_str().is_some_and(|arn| family_of(arn) == family));
    let left = [of_rules.left, of_schedules.left].concat();
    case.add_answer("", json!({"starters": {"found": found, "left": left}}));
}

/// What was found, and what was not looked at.
#[derive(Default)]
struct Found {
    starters: Vec<Value>,
    left: Vec<String>,
}

async fn rules(aws: &Aws, clusters: &[String], found: &mut Found) -> Result<(), AwsError> {
    let mut names: Vec<String> = Vec::new();
    for cluster in clusters {
        let room = RULES.saturating_sub(names.len());
        let listed = there(aws.list_rule_names_by_target(cluster, room + 1).await)?;
        let new = strings(&listed["RuleNames"]).filter(|name| !names.iter().any(|known| known == name));
        let new: Vec<String> = new.map(String::from).collect();
        names.extend(new);
    }
    if names.len() > RULES {
        names.truncate(RULES);
        found.left.push(format!("rules after the first {RULES}"));
    }
    for name in names {
        let targets = there(aws.list_targets_by_rule(&name).await)?;
        let targets = targets["Targets"].as_array().into_iter().flatten();
        let runs = targets.filter_map(|target| target["EcsParameters"]["TaskDefinitionArn"].as_str());
        found.starters.extend(runs.map(|arn| json!({"kind": "rule", "name": name, "taskDefinition": arn})));
    }
    Ok(())
}

async fn schedules(aws: &Aws, found: &mut Found) -> Result<(), AwsError> {
    let listed = there(aws.list_schedules(LISTED + 1).await)?;
    let listed = listed["Schedules"].as_array().map(Vec::as_slice).unwrap_or_default();
    if listed.len() > LISTED {
        found.left.push(format!("schedules after the first {LISTED}"));
    }
    let runs_tasks = |schedule: &&Value| schedule["Target"]["Arn"].as_str().is_some_and(is_of_ecs);
    let mut runs: Vec<&Value> = listed.iter().take(LISTED).filter(runs_tasks).collect();
    if runs.len() > SCHEDULES {
        runs.truncate(SCHEDULES);
        found.left.push(format!("schedules of tasks after the first {SCHEDULES}"));
    }
    for brief in runs {
        let (Some(group), Some(name)) = (brief["GroupName"].as_str(), brief["Name"].as_str()) else {
            continue;
        };
        let schedule = there(aws.get_schedule(group, name).await)?;
        let Some(arn) = task_definition(&schedule["Target"]) else { continue };
        let name = format!("{group}/{name}");
        let disabled = schedule["State"].as_str() == Some("DISABLED");
        let starter = json!({"kind": "schedule", "name": name, "taskDefinition": arn, "disabled": disabled});
        found.starters.push(starter);
    }
    Ok(())
}

/// A cluster, or the universal target of RunTask (EventBridge Scheduler User Guide, "Using universal targets").
fn is_of_ecs(arn: &str) -> bool {
    let mut parts = arn.split(':');
    match parts.nth(2) {
        Some("ecs") => true,
        Some("scheduler") => arn.ends_with(":aws-sdk:ecs:runTask"),
        _ => false,
    }
}

/// The task definition of a schedule's target; a universal target has RunTask's request as text.
fn task_definition(target: &Value) -> Option<String> {
    let templated = target["EcsParameters"]["TaskDefinitionArn"].as_str();
    templated.map(String::from).or_else(|| {
        let request: Value = serde_json::from_str(target["Input"].as_str()?).ok()?;
        request["TaskDefinition"].as_str().or(request["taskDefinition"].as_str()).map(String::from)
    })
}

fn family_of(definition: &str) -> &str {
    let short = definition.rsplit('/').next().unwrap_or(definition);
    short.split(':').next().unwrap_or(short)
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// The body of an answer that is looked at and not kept whole; else why there is none is noted.
fn kept(case: &mut Case, answer: Result<Answer, AwsError>) -> Option<Value> {
    there(answer).map_err(|error| refuse(case, &error, false)).ok()
}

/// The body of an answer; what is gone meanwhile runs nothing.
fn there(answer: Result<Answer, AwsError>) -> Result<Value, AwsError> {
    match answer {
        Ok(answer) => Ok(answer.body),
        Err(error) if error.kind == AwsErrorKind::NotFound => Ok(Value::Null),
        Err(error) => Err(error),
    }
}
