//! Documents that nobody should send: never a panic, and never "runs" by accident.

use crate::case::Case;
use crate::fixture::{AMD64, Picture, Room, elf};
use crate::report::{Pending, diagnose};
use crate::target::{Target, TargetKind};
use crate::verdict::VerdictName;
use serde_json::{Value, json};

/// Every value in a document, one after the other, replaced by each of these.
fn distorted(document: &Value, with: &Value) -> Vec<Value> {
    let mut all = vec![with.clone()];
    match document {
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                all.extend(distorted(item, with).into_iter().map(|item| {
                    let mut items = items.clone();
                    items[at] = item;
                    Value::Array(items)
                }));
            }
        }
        Value::Object(members) => {
            for (key, value) in members {
                all.extend(distorted(value, with).into_iter().map(|value| {
                    let mut members = members.clone();
                    members.insert(key.clone(), value);
                    Value::Object(members)
                }));
            }
        }
        _ => {}
    }
    all
}

fn documents() -> Value {
    let arn = "arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7";
    json!([
        {"services": [{"serviceName": "api", "taskDefinition": arn, "launchType": "EC2", "clusterArn": "c", "currentServiceRevisions": [{"arn": "r"}],
            "capacityProviderStrategy": [{"capacityProvider": "p"}], "deployments": [{"id": "d", "status": "PRIMARY", "taskDefinition": arn}]}]},
        {"taskDefinition": {"taskDefinitionArn": arn, "family": "api", "revision": 7, "runtimePlatform": {"cpuArchitecture": "X86_64"},
            "placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.cpu-architecture == x86_64"}],
            "containerDefinitions": [{"name": "app", "image": "app:1", "command": ["/app"], "environment": [{"name": "A", "value": "b"}],
                "linuxParameters": {"capabilities": {"drop": ["ALL"]}, "tmpfs": [{"containerPath": "/t"}]},
                "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}], "volumesFrom": [{"sourceContainer": "app"}]}]}},
        {"tasks": [{"taskArn": "t", "taskDefinitionArn": arn, "lastStatus": "STOPPED", "createdAt": "2026-11-22T10:00:00Z",
            "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}], "overrides": {"containerOverrides": [{"name": "app"}]},
            "containers": [{"name": "app", "lastStatus": "STOPPED", "exitCode": 1, "imageDigest": "sha256:1"}]}]},
        {"containerInstances": [{"containerInstanceArn": "i", "status": "ACTIVE", "attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}]}]},
        {"serviceRevisions": [{"serviceRevisionArn": "r", "taskDefinition": arn, "containerImages": [{"containerName": "app", "imageDigest": "x"}],
            "overrides": {"runtimePlatform": {"cpuArchitecture": "X86_64"}}}]},
        {"clusters": [{"clusterArn": "c", "defaultCapacityProviderStrategy": [{"capacityProvider": "p"}]}]},
        {"capacityProviders": [{"name": "p", "type": "MANAGED_INSTANCES", "managedInstancesProvider": {}}]},
    ])
}

#[test]
fn every_value_replaced_by_every_other_type() {
    let replacements = [
        json!(null),
        json!(true),
        json!(-1.5e300),
        json!("x".repeat(5000)),
        json!([[[]]]),
        json!({"a": {"b": [1]}}),
        json!(["é\u{0}\n"]),
    ];
    for with in &replacements {
        for document in distorted(&documents(), with) {
            let mut case = Case::new(Target::new(TargetKind::Documents { path: "-".into() }));
            case.add_answer("", document.clone());
            let answer = diagnose(&case);
            assert!(!matches!(&answer, Ok(report) if report.verdict == VerdictName::Runs), "{document}");
            if let Ok(scene) =
                crate::ecs::Scene::of(&case.target.kind, &crate::ecs::Documents::of(&case.answers))
            {
                scene.log_streams();
            }
        }
    }
}

#[test]
fn containers_that_are_none_and_names_that_name_nothing() {
    let names = json!([{"image": ""}, {"image": "App:1"}, {"image": 7}, {"image": "a b"}, {}, 3, null, "x", {"image": "http://x/y"}]);
    let room = Room::unseen().definition(json!({"containerDefinitions": names}));
    let report = room.report();
    assert!(report.workloads.iter().all(|workload| workload.verdict == VerdictName::Unknown));
    assert!(
        report.workloads.iter().all(|workload| workload.reason.as_ref().unwrap().contains("no image")),
        "{report:?}"
    );
    let mut none = Room::unseen().definition(json!({"containerDefinitions": []}));
    assert_eq!(none.ask().1.unwrap_err(), "the task definition api:7 has no containers");
}

#[test]
fn ten_thousand_containers() {
    let container = |number: usize| json!({"name": format!("c{number}"), "image": "app:1"});
    let containers: Vec<Value> = (0..10_000).map(container).collect();
    let room = Room::unseen()
        .image("app:1", Picture::of_app("amd64", &elf(AMD64)))
        .definition(json!({"containerDefinitions": containers}));
    let began = std::time::Instant::now();
    let report = room.report();
    assert_eq!(report.workloads.len(), 10_000);
    assert_eq!(report.verdict, VerdictName::Runs);
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

#[test]
fn needs_are_sorted_and_named_once() {
    let room = Room::unseen()
        .beside(json!({"name": "b", "image": "b:1"}))
        .beside(json!({"name": "c", "image": "app:1"}));
    let Err(Pending::Needs(needs)) = diagnose(&room.case()) else { panic!("no needs") };
    assert_eq!(needs.len(), 2);
    assert!(needs.is_sorted());
}
