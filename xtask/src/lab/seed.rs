//! Fills the lab: an image and a service for each scenario.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::auth;
use super::aws::Aws;
use super::fixable;
use super::images::Workshop;
use super::scenarios::{self, Scenario, Setting};
use super::state::{Folder, State};
use crate::Result;

const CLUSTER: &str = "lab";
const LOG_GROUP: &str = "/ecs/lab";
/// How long a service may take to show what it is.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the tests of `fix` need: images, and users.
pub(super) fn fixables(folder: &Folder, state: &State) -> Result<()> {
    fixable::publish(&Workshop::new(folder, state)?)?;
    auth::seed(folder, state)
}

/// Seeds what is not there yet, and waits until each service shows what it is.
pub(super) fn run(folder: &Folder, state: &State) -> Result<()> {
    let aws = Aws::new(state.endpoint()?);
    let workshop = Workshop::new(folder, state)?;
    fixable::publish(&workshop)?;
    auth::seed(folder, state)?;
    aws.ecs("CreateCluster", &json!({ "clusterName": CLUSTER }))?;
    let scenarios = scenarios::all();
    let mut fresh = Vec::new();
    for scenario in &scenarios {
        if !is_there(&aws, scenario.name)? {
            deploy(&aws, &workshop, scenario)?;
            fresh.push(scenario.name);
        }
    }
    for scenario in &scenarios {
        let seen = observe(&aws, scenario)?;
        if fresh.contains(&scenario.name) {
            scenario.move_tag(&workshop)?;
        }
        println!("{:22} {:62} {seen}", scenario.name, scenario.what);
    }
    Ok(())
}

fn is_there(aws: &Aws, name: &str) -> Result<bool> {
    let answer = aws.ecs("DescribeServices", &json!({ "cluster": CLUSTER, "services": [name] }))?;
    Ok(answer["services"][0]["status"] == "ACTIVE")
}

fn deploy(aws: &Aws, workshop: &Workshop<'_>, scenario: &Scenario) -> Result<()> {
    let image = scenario.publish(workshop)?;
    let mut containers = vec![container(scenario, "main", &image)];
    if scenario.setting == Setting::Sidecar {
        let mut agent = container(scenario, "agent", &scenario.publish_sidecar(workshop)?);
        agent["essential"] = json!(false);
        containers.push(agent);
    }
    let mut definition = json!({ "family": scenario.name, "containerDefinitions": containers });
    if scenario.setting == Setting::LostRuntimePlatform {
        let platform = json!({ "cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX" });
        definition["runtimePlatform"] = platform;
        aws.ecs("RegisterTaskDefinition", &definition)?;
        definition["runtimePlatform"].take();
    }
    if let Some(fields) = definition.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    let registered = aws.ecs("RegisterTaskDefinition", &definition)?;
    create_service(aws, scenario, &registered["taskDefinition"]["taskDefinitionArn"])
}

fn container(scenario: &Scenario, name: &str, image: &str) -> Value {
    let mut container = json!({
        "name": name,
        "image": image,
        "memory": 64,
        "essential": true,
        "logConfiguration": { "logDriver": "awslogs", "options": {
            "awslogs-group": LOG_GROUP,
            "awslogs-region": "us-east-1",
            "awslogs-stream-prefix": scenario.name,
            "awslogs-create-group": "true",
        } },
    });
    if let Some(command) = scenario.command {
        container["command"] = json!(command);
    }
    container
}

/// `MiniStack` never forgets a stopped task, and two dozen endless crash loops would eat the machine: all but one have
/// a circuit breaker, which works from the second deployment on.
fn create_service(aws: &Aws, scenario: &Scenario, definition: &Value) -> Result<()> {
    let for_ever = scenario.setting == Setting::ForEver || scenario.runs;
    aws.ecs(
        "CreateService",
        &json!({
            "cluster": CLUSTER,
            "serviceName": scenario.name,
            "taskDefinition": definition,
            "desiredCount": u8::from(for_ever),
            "deploymentConfiguration": {
                "maximumPercent": 200,
                "minimumHealthyPercent": 100,
                "deploymentCircuitBreaker": { "enable": !for_ever, "rollback": false },
            },
        }),
    )?;
    if for_ever {
        return Ok(());
    }
    let deployment = json!({ "cluster": CLUSTER, "service": scenario.name, "desiredCount": 1, "forceNewDeployment": true });
    aws.ecs("UpdateService", &deployment).map(drop)
}

/// Waits for the first stopped task of a service that fails, or for the running task of one that does not.
fn observe(aws: &Aws, scenario: &Scenario) -> Result<String> {
    let begin = Instant::now();
    let wanted = if scenario.runs { "RUNNING" } else { "STOPPED" };
    while begin.elapsed() < PATIENCE {
        let request = json!({ "cluster": CLUSTER, "serviceName": scenario.name, "desiredStatus": wanted });
        let listed = aws.ecs("ListTasks", &request)?;
        if let Some(task) = listed["taskArns"].get(0) {
            let tasks = aws.ecs("DescribeTasks", &json!({ "cluster": CLUSTER, "tasks": [task] }))?;
            if tasks["tasks"][0]["lastStatus"] == wanted {
                return words(aws, scenario, &tasks["tasks"][0]);
            }
        }
        sleep(Duration::from_millis(100));
    }
    Err(format!("service {}: no task was seen {wanted}", scenario.name).into())
}

/// How a task is, in a few words: its last log line if it has one, else the reason why it was stopped.
fn words(aws: &Aws, scenario: &Scenario, task: &Value) -> Result<String> {
    if scenario.runs {
        return Ok("running".to_owned());
    }
    let id = task["taskArn"].as_str().and_then(|arn| arn.rsplit('/').next()).unwrap_or_default();
    let stream = format!("{}/main/{id}", scenario.name);
    let group = json!({ "logGroupName": LOG_GROUP, "logStreamNamePrefix": stream });
    let streams = aws.logs("DescribeLogStreams", &group)?;
    if streams["logStreams"].get(0).is_none() {
        return Ok(shortened(task["stoppedReason"].as_str().unwrap_or_default()));
    }
    let events = aws.logs("GetLogEvents", &json!({ "logGroupName": LOG_GROUP, "logStreamName": stream }))?;
    Ok(shortened(events["events"][0]["message"].as_str().unwrap_or("stopped")))
}

/// A long reason has its kind at the beginning and its cause at the end.
fn shortened(text: &str) -> String {
    match (text.split_once(": "), text.char_indices().rev().nth(55)) {
        (Some((kind, rest)), Some((at, _))) if rest.len() > 56 => format!("{kind}: ...{}", &text[at..]),
        _ => text.to_owned(),
    }
}
