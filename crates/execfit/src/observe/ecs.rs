//! What ECS says about a target: the service, its revisions, its tasks, and the machines that may run them.

use super::refuse;
use crate::aws::{Answer, Aws, AwsError, AwsErrorKind, TaskFilter};
use crate::exit::{Exit, Stopped};
use execfit_diagnosis::case::Case;
use execfit_diagnosis::ecs::{last, task_definition_of};
use execfit_diagnosis::target::TargetKind;
use serde_json::Value;

/// The most running, and the most stopped tasks that are described: the API names no order, so it is the ends of the list.
/// A crash loop leaves hundreds that say the same.
const TASKS: usize = 50;

/// Asks ECS.
pub(super) async fn observe(aws: &Aws, case: &mut Case) -> Result<(), Stopped> {
    match case.target.kind.clone() {
        TargetKind::Service { cluster, service } => observe_service(aws, case, &cluster, &service).await,
        TargetKind::Task { cluster, task } => observe_task(aws, case, &cluster, &task).await,
        TargetKind::TaskDefinition { family, revision } => {
            let name = revision.map_or(family.clone(), |revision| format!("{family}:{revision}"));
            let definition = definition(aws, case, &name).await?;
            if revision.is_none()
                && let Some(number) = definition["taskDefinition"]["revision"].as_u64()
                && let TargetKind::TaskDefinition { revision, .. } = &mut case.target.kind
            {
                *revision = u32::try_from(number).ok();
            }
            previous_definition(aws, case, &definition["taskDefinition"]).await;
            Ok(())
        }
        TargetKind::Documents { .. } | TargetKind::Image { .. } => Ok(()),
    }
}

async fn observe_service(aws: &Aws, case: &mut Case, cluster: &str, name: &str) -> Result<(), Stopped> {
    let answer = aws.describe_services_and_tags(cluster, &[name.to_string()]).await?;
    let service = answer.array("services").first().cloned();
    let Some(service) = service else {
        return Err(missing("service", &format!("{cluster}/{name}"), &answer));
    };
    if service["status"].as_str() == Some("INACTIVE") {
        return Err(Stopped::new(
            Exit::Nothing,
            format!("the service {cluster}/{name} is INACTIVE: it was deleted"),
        ));
    }
    keep(case, answer);
    let Some(arn) = task_definition_of(&service) else {
        return Err(Stopped::new(
            Exit::Nothing,
            format!("the service {cluster}/{name} has no task definition"),
        ));
    };
    let definition = definition(aws, case, arn).await?;
    previous_definition(aws, case, &definition["taskDefinition"]).await;
    let tasks = observe_tasks(aws, case, cluster, name).await;
    // Tasks of this revision that tell their host and their digests leave nothing for the others to decide.
    let own = || tasks.iter().filter(|task| last_part(&task["taskDefinitionArn"]) == arn.rsplit('/').next());
    let (host, digests) = (own().any(tells_its_host), own().any(tells_its_digests));
    observe_revisions(aws, case, cluster, name, &service, !(host && digests)).await;
    observe_capacity(aws, case, cluster, &service, &tasks, !host).await;
    Ok(())
}

async fn observe_task(aws: &Aws, case: &mut Case, cluster: &str, id: &str) -> Result<(), Stopped> {
    let (answer, task) = described_task(aws, cluster, id).await?;
    keep(case, answer);
    let arn = task["taskDefinitionArn"].as_str().unwrap_or_default();
    definition(aws, case, arn).await?;
    let instances = strings([&task], "containerInstanceArn");
    describe_instances(aws, case, cluster, &instances, !tells_its_host(&task)).await;
    Ok(())
}

async fn described_task(aws: &Aws, cluster: &str, id: &str) -> Result<(Answer, Value), Stopped> {
    let answer = aws.describe_tasks(cluster, &[id.to_string()]).await?;
    match answer.array("tasks").first().cloned() {
        Some(task) => Ok((answer, task)),
        None => Err(missing("task", &format!("{cluster}/{id}"), &answer)
            .help("stopped tasks are visible for about an hour; ask for its service or task definition")),
    }
}

/// The service that a task belongs to: its `group` (ECS API, Task) is `service:NAME` then.
pub(super) async fn service_of_task(aws: &Aws, cluster: &str, id: &str) -> Result<Option<String>, Stopped> {
    let (_, task) = described_task(aws, cluster, id).await?;
    Ok(task["group"].as_str().and_then(|group| group.strip_prefix("service:")).map(String::from))
}

/// What `failures` says: DescribeServices and DescribeTasks answer 200 for what they do not have.
fn missing(what: &str, name: &str, answer: &Answer) -> Stopped {
    let reason =
        answer.array("failures").first().and_then(|failure| failure["reason"].as_str()).unwrap_or("MISSING");
    Stopped::new(Exit::Failed, format!("there is no {what} {name} ({}: {reason})", answer.operation))
}

fn keep(case: &mut Case, answer: Answer) {
    case.add_answer(answer.operation, answer.body);
}

/// Keeps an answer, or notes why there is none. `decides`: whether a verdict may rest on it.
pub(super) fn keep_or_refuse(case: &mut Case, answer: Result<Answer, AwsError>, decides: bool) -> Value {
    match answer {
        Ok(answer) => {
            let body = answer.body.clone();
            if answer.body.as_object().is_some_and(|members| !members.is_empty()) {
                keep(case, answer);
            }
            body
        }
        Err(error) => {
            refuse(case, &error, decides);
            Value::Null
        }
    }
}

async fn definition(aws: &Aws, case: &mut Case, name: &str) -> Result<Value, Stopped> {
    let answer = aws.describe_task_definition(name).await?;
    let body = answer.body.clone();
    keep(case, answer);
    Ok(body)
}

/// The revision before this one, where there is one: to go back to, and to see what was lost.
async fn previous_definition(aws: &Aws, case: &mut Case, definition: &Value) {
    let (Some(family), Some(revision)) = (definition["family"].as_str(), definition["revision"].as_u64())
    else {
        return;
    };
    if revision < 2 {
        return;
    }
    match aws.describe_task_definition(&format!("{family}:{}", revision - 1)).await {
        Ok(answer) => keep(case, answer),
        // Deleted revisions leave holes in the numbers.
        Err(error) if matches!(error.kind, AwsErrorKind::NotFound | AwsErrorKind::Invalid) => {}
        Err(error) => refuse(case, &error, false),
    }
}

/// Whether a task has the attribute `ecs.cpu-architecture`.
fn tells_its_host(task: &Value) -> bool {
    let attributes = task["attributes"].as_array().into_iter().flatten();
    attributes.into_iter().any(|attribute| attribute["name"].as_str() == Some("ecs.cpu-architecture"))
}

/// Whether a task says of each of its containers which digest it was made from.
fn tells_its_digests(task: &Value) -> bool {
    let containers = task["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    let told = |container: &Value| container["imageDigest"].as_str().is_some_and(|digest| !digest.is_empty());
    !containers.is_empty() && containers.iter().all(told)
}

fn last_part(arn: &Value) -> Option<&str> {
    arn.as_str().map(last)
}

fn strings<'v>(items: impl IntoIterator<Item = &'v Value>, key: &str) -> Vec<String> {
    let mut found: Vec<String> =
        items.into_iter().filter_map(|item| item[key].as_str().map(String::from)).collect();
    found.sort();
    found.dedup();
    found
}

/// The service's running and stopped tasks.
async fn observe_tasks(aws: &Aws, case: &mut Case, cluster: &str, service: &str) -> Vec<Value> {
    let filter =
        |stopped| TaskFilter { service: Some(service.to_string()), stopped, ..TaskFilter::default() };
    let (running, stopped) = (filter(false), filter(true));
    let (running, stopped) =
        tokio::join!(aws.list_tasks(cluster, &running), aws.list_tasks(cluster, &stopped));
    let mut arns = Vec::new();
    for answer in [running, stopped] {
        match answer {
            Ok(answer) => {
                let listed = answer.array("taskArns").iter().filter_map(|arn| arn.as_str().map(String::from));
                let mut listed: Vec<String> = listed.collect();
                if listed.len() > TASKS {
                    listed.drain(TASKS / 2..listed.len() - TASKS / 2);
                }
                arns.extend(listed);
            }
            Err(error) => refuse(case, &error, true),
        }
    }
    arns.sort();
    arns.dedup();
    let described = keep_or_refuse(case, aws.describe_tasks(cluster, &arns).await, true);
    described["tasks"].as_array().cloned().unwrap_or_default()
}

/// The service revisions: the current ones, and those of deployments that succeeded.
async fn observe_revisions(
    aws: &Aws,
    case: &mut Case,
    cluster: &str,
    service: &str,
    described: &Value,
    decides: bool,
) {
    let current = described["currentServiceRevisions"].as_array().into_iter().flatten();
    let mut arns = strings(current, "arn");
    let deployments = keep_or_refuse(case, aws.list_service_deployments(cluster, service).await, false);
    let succeeded = deployments["serviceDeployments"].as_array().into_iter().flatten();
    let succeeded =
        succeeded.filter(|deployment| deployment["status"].as_str() == Some("SUCCESSFUL")).take(3);
    arns.extend(succeeded.filter_map(|deployment| {
        let target = &deployment["targetServiceRevisionArn"];
        target.as_str().or(deployment["targetServiceRevision"]["arn"].as_str()).map(String::from)
    }));
    arns.sort();
    arns.dedup();
    keep_or_refuse(case, aws.describe_service_revisions(&arns).await, decides);
}

/// The machines: unless Fargate brings them, the cluster's container instances; and what the cluster does by default.
async fn observe_capacity(
    aws: &Aws,
    case: &mut Case,
    cluster: &str,
    service: &Value,
    tasks: &[Value],
    decides: bool,
) {
    let mut providers =
        strings(service["capacityProviderStrategy"].as_array().into_iter().flatten(), "capacityProvider");
    let launch_type = service["launchType"].as_str().unwrap_or_default();
    if providers.is_empty() && launch_type.is_empty() {
        let clusters = keep_or_refuse(case, aws.describe_clusters(&[cluster.to_string()]).await, false);
        let default =
            clusters["clusters"][0]["defaultCapacityProviderStrategy"].as_array().into_iter().flatten();
        providers = strings(default, "capacityProvider");
    }
    let is_fargate = |name: &String| name.starts_with("FARGATE");
    if launch_type == "FARGATE" || (!providers.is_empty() && providers.iter().all(is_fargate)) {
        return;
    }
    providers.retain(|name| !is_fargate(name));
    if !providers.is_empty() {
        keep_or_refuse(case, aws.describe_capacity_providers(&providers).await, false);
    }
    let mut instances = strings(tasks, "containerInstanceArn");
    match aws.list_container_instances(cluster).await {
        Ok(answer) => {
            instances.extend(
                answer.array("containerInstanceArns").iter().filter_map(|arn| arn.as_str().map(String::from)),
            );
        }
        Err(error) => refuse(case, &error, decides),
    }
    instances.sort();
    instances.dedup();
    describe_instances(aws, case, cluster, &instances, decides).await;
}

async fn describe_instances(aws: &Aws, case: &mut Case, cluster: &str, instances: &[String], decides: bool) {
    if !instances.is_empty() {
        keep_or_refuse(case, aws.describe_container_instances(cluster, instances).await, decides);
    }
}
