use super::*;
use crate::fixture::{ARM64, Picture, Room, elf};
use crate::plan::{Deploy, Offer, Plan, Wish};
use serde_json::json;

/// An arm64 image on an X86_64 service of Fargate.
fn room() -> Room {
    Room::new().image("app:1", Picture::of_app("arm64", &elf(ARM64)))
}

fn plan(room: Room) -> Plan {
    let wish = Wish { by: Some(Method::Retarget), settle_seconds: 20, force_live: false };
    let proposal = room.proposal(&wish);
    match proposal.offer {
        Offer::Plan(plan) => *plan,
        other => panic!("{other:?}: {:?}", proposal.passed_over),
    }
}

/// What a plan says of others.
fn said(room: Room) -> String {
    let own = plan(self::room()).warnings;
    let plan = plan(room);
    let warnings =
        plan.warnings.iter().filter(|line| !own.contains(line)).map(|line| format!("warning: {line}\n"));
    let left = plan.left_to_do.iter().map(|line| format!("left: {line}\n"));
    warnings.chain(left).collect()
}

fn arn(resource: &str) -> String {
    format!("arn:aws:ecs:eu-west-1:111122223333:{resource}")
}

fn neighbour(cluster: &str, name: &str, definition: &str) -> Value {
    json!({"serviceArn": arn(&format!("service/{cluster}/{name}")), "serviceName": name,
        "clusterArn": arn(&format!("cluster/{cluster}")), "taskDefinition": arn(&format!("task-definition/{definition}"))})
}

fn neighbours(services: &[Value], left: &[&str]) -> Value {
    json!({"neighbours": {"clusters": [arn("cluster/demo"), arn("cluster/batch")], "services": services, "left": left}})
}

fn other(family: &str, image: &str, platform: Value) -> Value {
    json!({"taskDefinition": {"taskDefinitionArn": arn(&format!("task-definition/{family}:3")), "family": family, "revision": 3,
        "runtimePlatform": platform, "containerDefinitions": [{"name": "x", "image": image}]}})
}

fn starters(found: Value, left: &[&str]) -> Value {
    json!({"starters": {"found": found, "left": left}})
}

fn of_family(room: Room) -> Room {
    without_service(room, TargetKind::TaskDefinition { family: "api".into(), revision: Some(7) })
}

fn without_service(mut room: Room, target: TargetKind) -> Room {
    (room.target, room.service) = (target, json!(null));
    room
}

#[test]
fn alone() {
    assert_eq!(said(room()), "");
    let own = neighbour("demo", "api", "api:7");
    assert_eq!(said(room().document(neighbours(&[own, neighbour("demo", "web", "web:1")], &[]))), "");
}

#[test]
fn services_of_the_family() {
    let services = [
        neighbour("demo", "api", "api:7"),
        neighbour("demo", "worker", "api:7"),
        neighbour("batch", "api", "api:5"),
        neighbour("batch", "apis", "apis:5"),
    ];
    insta::assert_snapshot!(said(room().document(neighbours(&services, &[]))), @"warning: of the family api, too: batch/api (api:5), demo/worker (api:7, the same revision); nothing changes for them now, but whoever deploys one of them as `api` without a revision gives it the new one, which puts their tasks on the other architecture, too");
    let many: Vec<Value> =
        (0..500).map(|number| neighbour("batch", &format!("s{number:03}"), "api:1")).collect();
    let cut = neighbours(&many, &["clusters after the first 20", "services after the first 500"]);
    insta::assert_snapshot!(said(room().document(cut)), @r"
    warning: of the family api, too: batch/s000 (api:1), batch/s001 (api:1), batch/s002 (api:1), batch/s003 (api:1), batch/s004 (api:1), batch/s005 (api:1), batch/s006 (api:1), batch/s007 (api:1), batch/s008 (api:1), batch/s009 (api:1) and 490 more; nothing changes for them now, but whoever deploys one of them as `api` without a revision gives it the new one, which puts their tasks on the other architecture, too
    warning: which other services use api is not wholly known: not looked at were clusters after the first 20, services after the first 500
    ");
}

#[test]
fn services_with_the_image() {
    let services = [
        neighbour("demo", "web", "web:3"),
        neighbour("demo", "cron", "cron:3"),
        neighbour("batch", "far", "far:3"),
    ];
    let room = room()
        .document(neighbours(&services, &[]))
        .document(other("web", "docker.io/library/app:1", json!({"cpuArchitecture": "ARM64"})))
        .document(other("cron", "app:2", json!(null)))
        .document(other("far", "app:1", json!(null)));
    insta::assert_snapshot!(said(room), @"warning: the same image elsewhere: demo/web (web:3, which asks for ARM64) has app:1; nothing changes there (the image stays as it is), so ask `execfit diagnose` of each");
}

#[test]
fn what_is_not_permitted_is_not_known() {
    let room = room().refusal("ecs:ListServices", false).refusal("events:ListRuleNamesByTarget", false);
    insta::assert_snapshot!(said(room.refusal("scheduler:ListSchedules", false)), @r"
    warning: which other services use api is not wholly known: ecs:ListServices is denied
    warning: which EventBridge rules and schedules run api is not wholly known: events:ListRuleNamesByTarget is denied
    warning: which EventBridge rules and schedules run api is not wholly known: scheduler:ListSchedules is denied
    ");
    let only = neighbours(&[neighbour("demo", "web", "web:3")], &[]);
    let denied = self::room().document(only).refusal("ecs:DescribeTaskDefinition", false);
    insta::assert_snapshot!(said(denied), @"warning: which other services of the cluster have the same image is not wholly known: ecs:DescribeTaskDefinition is denied");
}

#[test]
fn rules_and_schedules() {
    let definition = |name: &str| arn(&format!("task-definition/{name}"));
    let found = json!([
        {"kind": "rule", "name": "nightly", "taskDefinition": definition("api:7")},
        {"kind": "rule", "name": "other", "taskDefinition": definition("apis:7")},
        {"kind": "schedule", "name": "default/hourly", "taskDefinition": definition("api:5"), "disabled": true},
        {"kind": "schedule", "name": "default/daily", "taskDefinition": "api"},
        {"kind": "rule", "name": "it's", "taskDefinition": definition("api:7")},
        {"kind": 7}, 8, {"name": "x"}
    ]);
    insta::assert_snapshot!(said(room().document(starters(found, &["rules after the first 100"]))), @r"
    warning: started as `api` without a revision, and so of the new one as soon as that is registered, before it is proven: the tasks of EventBridge schedule default/daily
    warning: which EventBridge rules and schedules run api is not wholly known: not looked at were rules after the first 100
    left: give the EventBridge rule nightly the new revision in place of api:7 (`aws events list-targets-by-rule --rule nightly`, and put it back with the new ARN)
    left: give the EventBridge schedule default/hourly, which is disabled, the new revision in place of api:5 (`aws scheduler get-schedule --group-name default --name hourly`, and put it back with the new ARN)
    left: give the EventBridge rule it's the new revision in place of api:7 (`aws events list-targets-by-rule --rule 'it'\''s'`, and put it back with the new ARN)
    ");
    let many: Vec<Value> = (0..100)
        .map(|n| json!({"kind": "rule", "name": format!("r{n:02}"), "taskDefinition": definition("api:7")}))
        .collect();
    let text = said(room().document(starters(many.into(), &[])));
    assert_eq!(text.lines().count(), 11, "{text}");
    insta::assert_snapshot!(text.lines().last().unwrap(), @"left: the same for 90 more rules and schedules");
}

#[test]
fn a_family_without_a_service_says_who_must_use_the_revision() {
    let services = [neighbour("demo", "worker", "api:7")];
    insta::assert_snapshot!(said(of_family(room()).document(neighbours(&services, &[]))), @"
    warning: of the family api, too: demo/worker (api:7, the same revision); nothing changes for them now, but whoever deploys one of them as `api` without a revision gives it the new one, which puts their tasks on the other architecture, too
    left: the plan only registers the new revision: start tasks of it with `aws ecs run-task --task-definition api`, which takes the family's newest
    left: cure the service demo/worker, which runs api:7: `execfit fix demo/worker`
    left: see who else names api:7, since it cannot be listed: callers of RunTask, state machines of Step Functions, rules of other event buses, pipelines
    ");
}

#[test]
fn a_task_says_who_started_it() {
    let task = json!({"startedBy": "events-rule/nightly", "group": "family:api", "containers": [
        {"name": "app", "lastStatus": "STOPPED", "exitCode": 1}]});
    let room = Room::unseen().image("app:1", Picture::of_app("arm64", &elf(ARM64))).task("STOPPED", task);
    let target = TargetKind::Task { cluster: "demo".into(), task: "t0".into() };
    insta::assert_snapshot!(said(without_service(room, target)), @"
    left: the plan only registers the new revision: start tasks of it with `aws ecs run-task --task-definition api`, which takes the family's newest
    left: the task t0 was started by `events-rule/nightly`: let it start the new revision
    left: see who else names api:7, since it cannot be listed: callers of RunTask, state machines of Step Functions, rules of other event buses, pipelines
    ");
}

#[test]
fn going_back_asks_nothing_of_others() {
    let (case, _) = room().document(neighbours(&[neighbour("demo", "worker", "api:7")], &[])).ask();
    let draft = Draft {
        title: "back".into(),
        definition: NewDefinition::Existing { arn: arn("task-definition/api:6") },
        deploy: Deploy::Update { edits: Vec::new() },
        containers: Vec::new(),
        capacity: Vec::new(),
        preconditions: Vec::new(),
        warnings: Vec::new(),
    };
    let said = Setting::with(&case, |setting| aside(setting, Method::Rollback, &draft));
    assert_eq!(said.unwrap(), Aside::default());
}

#[test]
fn hostile_briefs_are_passed_over() {
    for odd in [
        json!({"neighbours": {"services": 7, "clusters": "x", "left": {"a": 1}}}),
        json!({"neighbours": {"services": [1, {"clusterArn": 3}, {"clusterArn": "", "serviceName": "", "taskDefinition": ""}]}}),
        json!({"starters": {"found": {"a": 1}, "left": [1, 2]}}),
    ] {
        assert_eq!(said(room().document(odd)), "");
    }
}
