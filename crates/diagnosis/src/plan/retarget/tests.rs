//! The remedy `retarget`, sentence by sentence.

use crate::case::TroubleKind;
use crate::fixture::{AMD64, ARM64, Picture, Room, elf, manifest};
use crate::plan::shown::shown;
use crate::plan::{Action, Method, Offer, Wish, apply, registrable};
use crate::remedy::{RemedyKind, Safety};
use crate::target::TargetKind;
use insta::assert_snapshot;
use serde_json::json;

fn wish() -> Wish {
    Wish { by: Some(Method::Retarget), settle_seconds: 20, force_live: false }
}

/// Without what the machines are like: `plan::capacity` has its own tests.
fn proposed(room: Room) -> String {
    let text = shown(&room.proposal(&wish()));
    let lines =
        text.lines().filter(|line| !line.starts_with("  capacity: ") && !line.contains("machines would"));
    lines.collect::<Vec<_>>().join("\n")
}

fn arm64() -> Picture {
    Picture::of_app("arm64", &elf(ARM64))
}

fn amd64() -> Picture {
    Picture::of_app("amd64", &elf(AMD64))
}

fn room() -> Room {
    Room::unseen().image("app:1", arm64())
}

#[test]
fn an_arm64_image_on_the_default_host() {
    assert_snapshot!(proposed(room()), @r#"
    retarget: run the tasks of the service api on ARM64 instead of X86_64
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app:1 sha256:9891d097
      if service at api:7 ecs-svc/1
      if image app:1 sha256:9891d097
      * register from api:7
          /runtimePlatform/cpuArchitecture: - => "ARM64"
          /runtimePlatform/operatingSystemFamily: - => "LINUX"
          undo: aws ecs deregister-task-definition --region eu-west-1 --task-definition api:REVISION
      * update from api:7 to the new revision
          undo: aws ecs update-service --region eu-west-1 --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7
      warning: while it rolls out, tasks of X86_64 and ARM64 run side by side: AWS documents that the task definitions of one service share an architecture, and such rolling updates are reported to work
    "#);
}

#[test]
fn the_container_that_cannot_follow_is_named_with_what_would_become_of_it() {
    let agent = json!({"name": "agent", "image": "agent:1", "essential": false});
    let init = json!({"name": "init", "image": "init:1", "essential": false});
    let waits = json!({"dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]});
    let room = room().container(waits).beside(agent).beside(init).image("agent:1", amd64());
    let room = room.index("init:1", &[("linux/amd64", amd64())]);
    assert_snapshot!(proposed(room), @"
    not retarget
      because: container agent: /app is a program for x86_64, and the host is arm64: execve answers ENOEXEC (exec format error) (wrong-architecture)
      because: container init: the index init:1 has no linux/arm64, only linux/amd64: it cannot be pulled (missing-platform)
    Refused
    ");
}

#[test]
fn what_is_not_known_is_no_container_that_runs() {
    let room = room().beside(json!({"name": "agent", "image": "agent:1"}));
    let room = room.unreadable("agent:1", TroubleKind::Denied, "the registry answers 403");
    assert_snapshot!(proposed(room), @"
    not retarget
      because: container agent: it is not known whether it runs on arm64: the registry answers 403
    Refused
    ");
}

const X86_ONLY: &str = "attribute:ecs.cpu-architecture == x86_64";

fn member_of(expression: &str) -> serde_json::Value {
    json!({"placementConstraints": [{"type": "distinctInstance"}, {"type": "memberOf", "expression": expression}]})
}

/// On container instances of both kinds, with tasks that were seen on x86_64.
fn on_instances() -> Room {
    let room = || {
        let room =
            Room::unseen().image("app:1", arm64()).service(json!({"launchType": "EC2", "desiredCount": 1}));
        room.definition(
            json!({"runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"},
            "cpu": "256", "memory": "512"}),
        )
    };
    let left = |name: &str, value: i64| json!({"name": name, "type": "INTEGER", "integerValue": value});
    let room_left =
        json!({"agentConnected": true, "remainingResources": [left("CPU", 2048), left("MEMORY", 4096)]});
    room().instances("x86_64", 2, room_left.clone()).instances("arm64", 2, room_left)
}

#[test]
fn a_constraint_of_the_definition_is_changed_along() {
    assert_snapshot!(proposed(on_instances().definition(member_of(X86_ONLY))), @r#"
    retarget: run the tasks of the service api on ARM64 instead of X86_64
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app:1 sha256:9891d097
      if service at api:7 ecs-svc/1
      if image app:1 sha256:9891d097
      * register from api:7
          /runtimePlatform/cpuArchitecture: "X86_64" => "ARM64"
          /placementConstraints/1/expression: "attribute:ecs.cpu-architecture == x86_64" => "attribute:ecs.cpu-architecture == arm64"
          undo: aws ecs deregister-task-definition --region eu-west-1 --task-definition api:REVISION
      * update from api:7 to the new revision
          undo: aws ecs update-service --region eu-west-1 --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7
      warning: while it rolls out, tasks of X86_64 and ARM64 run side by side: AWS documents that the task definitions of one service share an architecture, and such rolling updates are reported to work
    "#);
}

#[test]
fn a_constraint_of_the_service_is_changed_along() {
    assert_snapshot!(proposed(on_instances().service(member_of(X86_ONLY))), @r#"
    retarget: run the tasks of the service api on ARM64 instead of X86_64
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app:1 sha256:9891d097
      if service at api:7 ecs-svc/1
      if image app:1 sha256:9891d097
      * register from api:7
          /runtimePlatform/cpuArchitecture: "X86_64" => "ARM64"
          undo: aws ecs deregister-task-definition --region eu-west-1 --task-definition api:REVISION
      * update from api:7 to the new revision
          /placementConstraints: [{"type":"distinctInstance"},{"type":"memberOf","expression":"attribute:ecs.cpu-architecture == x86_64"}] => [{"type":"distinctInstance"},{"type":"memberOf","expression":"attribute:ecs.cpu-architecture == arm64"}]
          undo: aws ecs update-service --region eu-west-1 --cluster arn:aws:ecs:eu-west-1:111122223333:cluster/demo --service arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7 --placement-constraints '[{"type":"distinctInstance"},{"type":"memberOf","expression":"attribute:ecs.cpu-architecture == x86_64"}]'
      warning: while it rolls out, tasks of X86_64 and ARM64 run side by side: AWS documents that the task definitions of one service share an architecture, and such rolling updates are reported to work
    "#);
}

#[test]
fn a_constraint_with_more_in_it_is_named() {
    let or = "attribute:ecs.cpu-architecture == x86_64 or attribute:stack == blue";
    let many = on_instances()
        .definition(member_of("attribute:ecs.cpu-architecture != arm64"))
        .service(member_of(or));
    assert_snapshot!(proposed(many), @"
    not retarget
      because: a placement constraint of api:7 decides on the architecture, and is more than one comparison with ==: attribute:ecs.cpu-architecture != arm64
      because: a placement constraint of the service api decides on the architecture, and is more than one comparison with ==: attribute:ecs.cpu-architecture == x86_64 or attribute:stack == blue
      help: add arm64 container instances with room for 1 more task of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, or a capacity provider with managed scaling
    Refused
    ");
    let others = "attribute:ecs.cpu-architecture in [x86_64, arm64]";
    let fine = proposed(on_instances().service(member_of(others)));
    assert!(
        fine.contains("update from api:7 to the new revision\n      undo") && !fine.contains("placementC"),
        "{fine}"
    );
}

#[test]
fn hosts_of_both_kinds_have_no_other_one() {
    let both = Room::unseen().image("app:1", arm64()).service(json!({"launchType": "EC2"}));
    let both = both.instances("x86_64", 1, json!({})).instances("arm64", 1, json!({}));
    assert_snapshot!(proposed(both), @"
    not retarget
      because: its tasks may meet hosts of both kinds, so there is no other one: x86_64 (attribute ecs.cpu-architecture of the container instances), arm64 (attribute ecs.cpu-architecture of the container instances); the cluster has container instances of both kinds, and nothing constrains placement
      help: to stay on x86_64: set runtimePlatform.cpuArchitecture of api:7 to X86_64, and on EC2 add the placement constraint memberOf `attribute:ecs.cpu-architecture == x86_64`
      help: to stay on arm64: set runtimePlatform.cpuArchitecture of api:7 to ARM64, and on EC2 add the placement constraint memberOf `attribute:ecs.cpu-architecture == arm64`
    Refused
    ");
    let conflict =
        Room::unseen().image("app:1", amd64()).service(json!({"launchType": "EC2", "desiredCount": 1}));
    let conflict = conflict.definition(json!({"runtimePlatform": {"cpuArchitecture": "ARM64"}}));
    let text = proposed(conflict.instances("x86_64", 1, json!({})));
    assert!(text.contains(r#"/runtimePlatform/cpuArchitecture: "ARM64" => "X86_64""#), "{text}");
}

#[test]
fn windows_stays_where_it_is() {
    let windows = json!({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}});
    assert_snapshot!(proposed(room().definition(windows)), @"
    not retarget
      because: tasks of WINDOWS_SERVER_2022_CORE are not modelled
      help: only Linux tasks of X86_64 and ARM64 can change places
    Refused
    ");
}

#[test]
fn what_asks_for_it_already_is_not_moved_by_asking_again() {
    let asks = json!({"runtimePlatform": {"cpuArchitecture": "ARM64"}});
    let seen = json!({"attributes": [{"name": "ecs.cpu-architecture", "value": "x86_64"}]});
    assert_snapshot!(proposed(room().definition(asks).task("RUNNING", seen)), @"
    not retarget
      because: api:7 asks for ARM64 already, and its tasks run on x86_64 (attribute ecs.cpu-architecture of the tasks): something else decides on their placement
    Refused
    ");
}

#[test]
fn a_revision_without_a_service_is_only_registered() {
    let mut room = room().definition(json!({"requiresCompatibilities": ["FARGATE"]}));
    room.target = TargetKind::TaskDefinition { family: "api".into(), revision: None };
    assert_snapshot!(proposed(room), @r#"
    retarget: register api:7 for ARM64 instead of X86_64
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app:1 sha256:9891d097
      if image app:1 sha256:9891d097
      * register from api:7
          /runtimePlatform/cpuArchitecture: - => "ARM64"
          /runtimePlatform/operatingSystemFamily: - => "LINUX"
          undo: aws ecs deregister-task-definition --region eu-west-1 --task-definition api:REVISION
      left: the plan only registers the new revision: start tasks of it with `aws ecs run-task --task-definition api`, which takes the family's newest
      left: see who else names api:7, since it cannot be listed: callers of RunTask, state machines of Step Functions, rules of other event buses, pipelines
    "#);
}

#[test]
fn a_daemon_leaves_the_other_instances() {
    let daemon = on_instances().service(json!({"schedulingStrategy": "DAEMON"}));
    let text = proposed(daemon.service(member_of(X86_ONLY)));
    assert!(text.contains("one task on each arm64 instance, and none on x86_64 ones any more"), "{text}");
}

fn express(configuration: serde_json::Value) -> Room {
    let arn = "arn:aws:ecs:eu-west-1:111122223333:service/demo/api";
    let room = room().service(json!({"resourceManagementType": "ECS"}));
    room.document(json!({"service": {"serviceArn": arn, "serviceName": "api", "activeConfigurations": [configuration]}}))
}

#[test]
fn a_service_of_ecs_express_carries_its_own_architecture() {
    let container = json!({"image": "app:1"});
    let told = json!({"cpuArchitecture": "X86_64", "primaryContainer": container});
    assert_snapshot!(proposed(express(told)), @r#"
    retarget: run the tasks of the service api on ARM64 instead of X86_64
      cures: app: wrong-architecture: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
      app runs: app:1 sha256:9891d097
      if service at api:7 ecs-svc/1
      if image app:1 sha256:9891d097
      * update express
          /cpuArchitecture: "X86_64" => "ARM64"
          undo: aws ecs update-express-gateway-service --region eu-west-1 --service-arn arn:aws:ecs:eu-west-1:111122223333:service/demo/api --cpu-architecture X86_64
      warning: while it rolls out, tasks of X86_64 and ARM64 run side by side: AWS documents that the task definitions of one service share an architecture, and such rolling updates are reported to work
    "#);
    let untold = proposed(express(json!({"primaryContainer": container})));
    assert!(
        untold.contains(r#"/cpuArchitecture: - => "ARM64""#) && untold.contains("--cpu-architecture X86_64"),
        "{untold}"
    );
    assert_snapshot!(proposed(express(json!({"taskDefinitionArn": "api:7"}))), @"
    not retarget
      because: the service of ECS Express runs a task definition of yours, api:7: that one carries the architecture
      help: register api with runtimePlatform.cpuArchitecture ARM64: `execfit fix api:7 --by retarget`
      help: then: aws ecs update-express-gateway-service --service-arn arn:aws:ecs:eu-west-1:111122223333:service/demo/api --task-definition-arn api:REVISION
    Refused
    ");
    let denied = room().service(json!({"resourceManagementType": "ECS"}));
    assert_snapshot!(proposed(denied.refusal("ecs:DescribeExpressGatewayService", false)), @"
    not retarget
      because: the service is one of ECS Express, and its architecture is not known: ecs:DescribeExpressGatewayService is denied
      help: allow ecs:DescribeExpressGatewayService on arn:aws:ecs:eu-west-1:111122223333:service/demo/api
    Refused
    ");
}

#[test]
fn a_tag_that_moved_is_judged_by_what_it_names_now() {
    let task = json!({"containers": [{"name": "app", "lastStatus": "STOPPED", "imageDigest": manifest("app:old", "")}]});
    let moved =
        Room::unseen().image("app:old", arm64()).image("app:1", amd64()).task("STOPPED", task.clone());
    assert_snapshot!(proposed(moved), @"
    not retarget
      because: container app: /app is a program for x86_64, and the host is arm64: execve answers ENOEXEC (exec format error) (wrong-architecture)
    Refused
    ");
    let gone = Room::unseen().image("app:old", arm64()).task("STOPPED", task);
    assert_snapshot!(proposed(gone), @"
    not retarget
      because: container app: it is not known whether it runs on arm64: there is no image `app:1`
    Refused
    ");
}

/// What a diagnosis calls safe, `fix` plans.
#[test]
fn a_diagnosis_and_a_plan_agree() {
    let rooms: [fn() -> Room; 8] = [
        room,
        on_instances,
        || on_instances().definition(member_of(X86_ONLY)),
        || on_instances().service(member_of("attribute:ecs.cpu-architecture != arm64")),
        || room().service(json!({"deploymentController": {"type": "CODE_DEPLOY"}})),
        || room().service(json!({"tags": [{"key": "aws:cloudformation:stack-name", "value": "shop"}]})),
        || room().beside(json!({"name": "agent", "image": "agent:1"})).image("agent:1", amd64()),
        || room().service(json!({"launchType": "EC2"})).instances("x86_64", 1, json!({})),
    ];
    let told: Vec<(Option<Safety>, bool)> = rooms
        .iter()
        .map(|room| {
            let report = room().report();
            let remedies = report.workloads[0].findings.iter().flat_map(|finding| &finding.remedies);
            let safety = remedies.filter(|one| one.kind == RemedyKind::Retarget).map(|one| one.safety).min();
            (safety, matches!(room().proposal(&wish()).offer, Offer::Plan(_)))
        })
        .collect();
    use Safety::{Advice, Safe, Unsafe};
    let expected = [
        (Some(Safe), true),
        (Some(Safe), true),
        (Some(Safe), true),
        (Some(Advice), false),
        (Some(Advice), false),
        (Some(Unsafe), false),
        (None, false),
        (Some(Advice), false),
    ];
    assert_eq!(told, expected);
}

/// A plan's edits, made on the raw definition that is sent, touch nothing else.
#[test]
fn members_that_nobody_knows_survive() {
    let invented = json!({"family": "api", "revision": 7, "taskDefinitionArn": "arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7", "tomorrow": {"deep": [1.50, null, {"x": ""}]},
        "runtimePlatform": {"cpuArchitecture": "X86_64", "variant": "v9"}, "containerDefinitions": [{"name": "app", "image": "app:1", "newer": true}],
        "placementConstraints": [{"type": "memberOf", "expression": X86_ONLY, "weight": 3}]});
    let room = on_instances().definition(invented.clone());
    let Offer::Plan(plan) = room.proposal(&wish()).offer else { panic!("no plan") };
    let Action::RegisterTaskDefinition { edits, .. } = &plan.steps[0].action else {
        panic!("no registration")
    };
    let mut sent = registrable(&invented, &[]);
    apply(&mut sent, edits).unwrap();
    let mut wanted = invented;
    for read_only in ["revision", "taskDefinitionArn"] {
        wanted.as_object_mut().unwrap().remove(read_only);
    }
    wanted["runtimePlatform"]["cpuArchitecture"] = "ARM64".into();
    wanted["placementConstraints"][0]["expression"] = "attribute:ecs.cpu-architecture == arm64".into();
    assert_eq!(sent, wanted);
}
