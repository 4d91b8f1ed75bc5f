//! Sequences of snapshots, and what is made of them. The shapes are those of the ECS API (DescribeServices,
//! DescribeTasks); the texts are those that AWS was seen to give in public reports.

use super::*;
use crate::verdict::VerdictName;
use execfit_image::digest::Digest;
use serde_json::json;

mod deaths;
mod hostile;
mod places;
mod settling;

const EXEC: &str = "exec /app: exec format error";
const BREAKER: &str = "ECS deployment circuit breaker: tasks failed to start.";
const BACK: &str = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.";

/// What is looked at, one snapshot after the other.
struct Stage {
    watch: Watch,
    now: f64,
}

/// The digest of the image that was examined.
fn digest() -> Digest {
    Digest::of(b"image")
}

fn expected(name: &str, essential: bool) -> Expected {
    Expected {
        container: name.into(),
        essential,
        may_end: !essential,
        image: "team/app:2".into(),
        digests: vec![digest()],
        verdict: VerdictName::Runs,
        reason: None,
    }
}

fn awaited() -> Awaited {
    let logs = json!({"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/api", "awslogs-stream-prefix": "ecs"}});
    let container = |name: &str| json!({"name": name, "logConfiguration": logs});
    Awaited {
        service: "arn:aws:ecs:r:a:service/demo/api".into(),
        cluster: "arn:aws:ecs:r:a:cluster/demo".into(),
        task_definition: "arn:aws:ecs:r:a:task-definition/api:2".into(),
        deployment: Some("ecs-svc/2".into()),
        containers: vec![expected("app", true)],
        definition: Some(json!({"containerDefinitions": [container("app"), container("side")]})),
        settle_seconds: 20,
        began: 1000.0,
    }
}

fn stage() -> Stage {
    Stage::of(awaited())
}

impl Stage {
    fn of(awaited: Awaited) -> Stage {
        Stage { now: awaited.began, watch: Watch::new(awaited) }
    }

    /// Looks, so many seconds later.
    fn look(&mut self, after: f64, service: Value, tasks: &[Value]) -> Look {
        self.look_with(after, service, tasks, Snapshot::default())
    }

    /// The same, with more in the snapshot.
    fn look_with(&mut self, after: f64, service: Value, tasks: &[Value], more: Snapshot) -> Look {
        self.now += after;
        let arns: Vec<String> =
            tasks.iter().filter_map(|task| task["taskArn"].as_str().map(String::from)).collect();
        let wanted = self.watch.wanted(&arns, &[]);
        let shown = tasks.iter().filter(|task| wanted.iter().any(|arn| task["taskArn"] == **arn));
        self.watch.look(&Snapshot { now: self.now, service, tasks: shown.cloned().collect(), ..more })
    }
}

/// The service, with these deployments.
fn service(deployments: &[Value]) -> Value {
    json!({"serviceName": "api", "serviceArn": "arn:aws:ecs:r:a:service/demo/api", "status": "ACTIVE",
        "desiredCount": 1, "deployments": deployments, "events": []})
}

fn deployment(number: u32, status: &str, running: u64, rollout: &str) -> Value {
    json!({"id": format!("ecs-svc/{number}"), "status": status, "desiredCount": 1, "runningCount": running,
        "pendingCount": 0, "failedTasks": 0, "createdAt": 1000.5, "rolloutState": rollout,
        "taskDefinition": format!("arn:aws:ecs:r:a:task-definition/api:{number}")})
}

/// Our deployment, primary, with so many of one task running.
fn ours(running: u64, rollout: &str) -> Value {
    service(&[deployment(2, "PRIMARY", running, rollout)])
}

/// A task of ours.
fn task(id: &str, status: &str, containers: Value) -> Value {
    json!({"taskArn": format!("arn:aws:ecs:r:a:task/demo/{id}"), "startedBy": "ecs-svc/2", "createdAt": 1001.0,
        "taskDefinitionArn": "arn:aws:ecs:r:a:task-definition/api:2", "lastStatus": status,
        "desiredStatus": if status == "STOPPED" { "STOPPED" } else { "RUNNING" }, "containers": containers})
}

fn running(id: &str) -> Value {
    task(id, "RUNNING", json!([container("app", "RUNNING")]))
}

fn container(name: &str, status: &str) -> Value {
    json!({"name": name, "lastStatus": status, "imageDigest": digest().to_string(), "healthStatus": "UNKNOWN"})
}

/// A container that ended.
fn ended(name: &str, exit: i64) -> Value {
    with(container(name, "STOPPED"), json!({ "exitCode": exit }))
}

/// A task of ours that died of its container `app`.
fn died(id: &str, exit: i64) -> Value {
    let reason = json!({"stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited"});
    with(task(id, "STOPPED", json!([ended("app", exit)])), reason)
}

fn with(mut document: Value, members: Value) -> Value {
    for (member, value) in members.as_object().cloned().unwrap_or_default() {
        document[member] = value;
    }
    document
}

/// What a container of a task printed.
fn printed(id: &str, container: &str, line: &str) -> Snapshot {
    let log = Log {
        task: format!("arn:aws:ecs:r:a:task/demo/{id}"),
        container: container.into(),
        stream: "/ecs/api:ecs".into(),
        lines: vec![line.into()],
    };
    Snapshot { logs: vec![log], ..Snapshot::default() }
}

fn texts(look: &Look) -> Vec<&str> {
    look.events.iter().map(|event| event.text.as_str()).collect()
}

#[track_caller]
fn waits(look: &Look, words: &str) {
    match &look.state {
        State::Waiting { waits_for } => assert!(waits_for.contains(words), "{waits_for}"),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn failed(look: &Look) -> &Cause {
    match &look.state {
        State::Failed(cause) => cause,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn proven(look: &Look) -> &Proven {
    match &look.state {
        State::Proven(proven) => proven,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn overtaken(look: &Look) -> &Overtaken {
    match &look.state {
        State::Overtaken(overtaken) => overtaken,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn unprovable(look: &Look) -> &str {
    match &look.state {
        State::Unprovable { why } => why,
        other => panic!("{other:?}"),
    }
}
