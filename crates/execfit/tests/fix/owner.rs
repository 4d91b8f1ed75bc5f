//! Who owns a service, and who else uses its family or image. The double stands for AWS: no emulator has tags of stacks,
//! CodeDeploy's controller, EventBridge and its scheduler beside services that can be diagnosed.

use crate::double::{Behaviour, Reply, shapes};
use crate::live::{Live, arm, intel};
use serde_json::{Value, json};

/// `demo/api` of one arm64 revision on X86_64: it can be retargeted.
fn misplaced() -> Live {
    let live = Live::empty();
    live.push("team/app:1", &arm()).define(1, "team/app:1").serve(1);
    live.stage.aws.behaves("api:1", Behaviour::wrong_format("/app"));
    live.crashed(1, "team/app:1", &arm().build().digest());
    live
}

/// Changes members of the service.
fn service(live: &Live, members: Value) {
    let mut now = live.stage.aws.service_now("demo", "api");
    now = shapes::with(now, members);
    live.stage.aws.on("DescribeServices", json!({"services": [now], "failures": []}));
}

#[track_caller]
fn dry_run(live: &Live, code: i32, arguments: &[&str]) -> Value {
    let outcome = live.fix(&[&["--dry-run", "--format", "json"], arguments].concat());
    assert_eq!(outcome.code, code, "{}\n{}", outcome.stdout, outcome.stderr);
    assert_eq!(live.stage.aws.writes(), Vec::<String>::new());
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {}", outcome.stdout))
}

fn lines(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|line| line.as_str().map(String::from)).collect()
}

#[track_caller]
fn has(lines: &[String], text: &str) {
    assert!(lines.iter().any(|line| line.contains(text)), "{text:?} is not in {lines:#?}");
}

fn stack() -> Value {
    json!([{"key": "aws:cloudformation:stack-name", "value": "prod"}, {"key": "team", "value": "hunter2"}])
}

#[test]
fn what_a_stack_owns_is_left_alone() {
    let live = misplaced();
    service(&live, json!({"tags": stack()}));
    let proposal = dry_run(&live, 8, &["demo/api", "--by", "retarget"]);
    assert_eq!((&proposal["plan"], &proposal["passed_over"][0]["owned"]), (&Value::Null, &json!(true)));
    has(&lines(&proposal["passed_over"][0]["reasons"]), "belongs to the CloudFormation stack prod");
    has(&lines(&proposal["passed_over"][0]["help"]), "RuntimePlatform: {CpuArchitecture: ARM64");
    let asked = live.stage.aws.requests_for("DescribeServices");
    assert_eq!(asked.len(), 1, "the tags come with the one call");
    assert_eq!(asked[0].body["include"], json!(["TAGS"]));
    assert_eq!(
        live.stage.aws.requests_for("ListClusters").len(),
        0,
        "who else uses it matters to no refusal"
    );

    let live = misplaced();
    service(&live, json!({"tags": stack()}));
    let outcome = live.fix(&["demo/api", "--yes"]);
    assert_eq!((outcome.code, live.stage.aws.writes()), (8, Vec::new()), "{}", outcome.stderr);
    assert!(outcome.stdout.contains("RuntimePlatform: {CpuArchitecture: ARM64"), "{}", outcome.stdout);
    assert!(
        !outcome.stdout.contains("leave out"),
        "no other remedy goes around the owner: {}",
        outcome.stdout
    );
}

#[test]
fn what_a_stack_owns_is_changed_live_only_when_asked() {
    let live = misplaced();
    service(&live, json!({"tags": stack()}));
    let record = live.state.path().join("case.json");
    let arguments = ["demo/api", "--by", "retarget", "--force-live", "--record", record.to_str().unwrap()];
    let plan = dry_run(&live, 0, &arguments)["plan"].clone();
    has(&lines(&plan["warnings"]), "this change drifts from its source");
    has(&lines(&plan["left_to_do"]), "RuntimePlatform: {CpuArchitecture: ARM64");
    let case = std::fs::read_to_string(record).unwrap();
    assert!(
        case.contains("\"prod\"") && !case.contains("hunter2"),
        "only the stack's name is kept of the tags"
    );
}

#[test]
fn what_a_stack_owns_is_carried_out_with_force_live() {
    let live = Live::empty();
    live.push("team/app:1", &intel()).push("team/app:2", &arm());
    live.define(1, "team/app:1").define(2, "team/app:2");
    let service = shapes::with(shapes::service("demo", "api", "api:2"), json!({"tags": stack()}));
    live.stage.aws.service(service).behaves("api:2", Behaviour::wrong_format("/app"));
    live.crashed(2, "team/app:2", &arm().build().digest());
    live.fixed(8, &["--by", "rollback"]);
    assert_eq!(live.stage.aws.writes(), Vec::<String>::new());
    let fixed = live.fixed(0, &["--by", "rollback", "--force-live"]);
    assert_eq!(fixed["outcome"]["ending"], "proven");
    assert_eq!(
        (live.deployed(), live.stage.aws.writes()),
        ("api:1".into(), vec!["UpdateService".to_string()])
    );
    has(
        &lines(&fixed["outcome"]["left_to_do"]),
        "in the source of the service: deploy the template again that made api:1",
    );
}

#[test]
fn a_revision_is_registered_and_who_must_use_it_is_said() {
    let live = misplaced();
    clock(&live);
    let outcome = live.fix(&["api:1", "--by", "retarget", "--yes", "--format", "json"]);
    assert_eq!(outcome.code, 0, "{}\n{}", outcome.stdout, outcome.stderr);
    let fixed: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(fixed["outcome"]["ending"], "registered");
    assert_eq!(
        (live.deployed(), live.stage.aws.writes()),
        ("api:1".into(), vec!["RegisterTaskDefinition".to_string()])
    );
    has(&lines(&fixed["outcome"]["left_to_do"]), "give the EventBridge rule nightly the new revision");
}

#[test]
fn a_definition_of_a_stack_is_known_by_its_tags() {
    let live = misplaced();
    let described = live.stage.aws.ask("DescribeTaskDefinition", &json!({"taskDefinition": "api:1"})).1;
    live.stage.aws.on("DescribeTaskDefinition", shapes::with(described, json!({"tags": stack()})));
    let proposal = dry_run(&live, 8, &["api:1", "--by", "retarget"]);
    has(
        &lines(&proposal["passed_over"][0]["reasons"]),
        "the task definition api:1 belongs to the CloudFormation stack prod",
    );
    assert_eq!(live.stage.aws.requests_for("DescribeTaskDefinition")[0].body["include"], json!(["TAGS"]));
}

#[test]
fn controllers_that_alone_deploy_are_not_forced() {
    for (controller, help) in
        [("CODE_DEPLOY", "aws deploy create-deployment"), ("EXTERNAL", "aws ecs create-task-set")]
    {
        let live = misplaced();
        let definition = shapes::arn("task-definition/api:1");
        let set = json!({"id": "ecs-svc/1", "status": "PRIMARY", "taskDefinition": definition, "launchType": "FARGATE"});
        service(
            &live,
            json!({"deploymentController": {"type": controller}, "deployments": [], "taskSets": [set]}),
        );
        let proposal = dry_run(&live, 8, &["demo/api", "--by", "retarget", "--force-live"]);
        has(
            &lines(&proposal["passed_over"][0]["reasons"]),
            &format!("is {controller}: UpdateService cannot change"),
        );
        has(&lines(&proposal["passed_over"][0]["help"]), help);
    }
}

/// Other services: one of the family, one with the image, one in another cluster, and one that has nothing to do with it.
fn crowd(live: &Live) {
    let aws = &live.stage.aws;
    aws.cluster(shapes::cluster("batch"));
    let image = live.stage.registry.name("team/app:1");
    for (family, image) in [("web", &image[..]), ("cron", "example.com/cron:1")] {
        aws.task_definition(shapes::task_definition(
            family,
            1,
            json!([shapes::container_definition("x", image)]),
        ));
    }
    aws.service(shapes::service("demo", "worker", "api:1"))
        .service(shapes::service("demo", "web", "web:1"))
        .service(shapes::service("demo", "cron", "cron:1"))
        .service(shapes::service("batch", "night", "api:1"));
}

#[test]
fn others_of_the_family_and_of_the_image_are_named() {
    let live = misplaced();
    crowd(&live);
    let plan = dry_run(&live, 0, &["demo/api", "--by", "retarget"])["plan"].clone();
    let warnings = lines(&plan["warnings"]);
    has(
        &warnings,
        "of the family api, too: batch/night (api:1, the same revision), demo/worker (api:1, the same revision)",
    );
    has(&warnings, "the same image elsewhere: demo/web (web:1, which says no architecture)");
    assert!(!warnings.iter().any(|line| line.contains("demo/cron")), "{warnings:#?}");
    // Of the account's services no more than their names and revisions is kept or asked twice.
    let aws = &live.stage.aws;
    assert_eq!(aws.requests_for("ListServices").len(), 2);
    assert_eq!(aws.requests_for("DescribeServices").len(), 3);
}

#[test]
fn a_large_account_is_looked_at_in_part() {
    let live = misplaced();
    let arns: Vec<String> = (0..30).map(|number| shapes::arn(&format!("cluster/c{number}"))).collect();
    live.stage.aws.on("ListClusters", json!({"clusterArns": arns}));
    live.stage.aws.on_call("ListServices", |body| {
        let cluster = shapes::short(body["cluster"].as_str().unwrap_or_default()).to_owned();
        let arns: Vec<String> = (0..100).map(|n| shapes::arn(&format!("service/{cluster}/s{n}"))).collect();
        json!({"serviceArns": arns}).into()
    });
    let plan = dry_run(&live, 0, &["demo/api", "--by", "retarget"])["plan"].clone();
    has(
        &lines(&plan["warnings"]),
        "not looked at were clusters after the first 20, services after the first 500",
    );
    assert!(live.stage.aws.requests_for("ListServices").len() <= 20);
    assert!(live.stage.aws.requests_for("DescribeServices").len() <= 60);
}

/// EventBridge and its scheduler, by the shapes of their API models (botocore's `events/2015-10-07`, `scheduler/2021-06-30`).
fn clock(live: &Live) {
    let aws = &live.stage.aws;
    let definition = |name: &str| shapes::arn(&format!("task-definition/{name}"));
    let cluster = shapes::arn("cluster/demo");
    let here = cluster.clone();
    aws.on_call("ListRuleNamesByTarget", move |body| {
        let names = if body["TargetArn"] == here[..] { json!(["nightly", "weekly"]) } else { json!([]) };
        json!({"RuleNames": names}).into()
    });
    let target = json!({"Id": "1", "Arn": cluster, "Input": "{\"environment\": [{\"name\": \"A\", \"value\": \"hunter2\"}]}",
        "EcsParameters": {"TaskDefinitionArn": definition("api:1"), "TaskCount": 1}});
    let weekly =
        shapes::with(target.clone(), json!({"EcsParameters": {"TaskDefinitionArn": definition("other:1")}}));
    aws.on_call("ListTargetsByRule", move |body| {
        json!({"Targets": [if body["Rule"] == "nightly" { &target } else { &weekly }]}).into()
    });
    let brief = |name: &str, arn: &str| json!({"Name": name, "GroupName": "default", "State": "ENABLED", "Target": {"Arn": arn}});
    let universal = "arn:aws:scheduler:::aws-sdk:ecs:runTask";
    aws.on(
        "GET /schedules?MaxResults=100",
        json!({"Schedules": [brief("hourly", &cluster), brief("daily", universal), brief("mail", "arn:aws:sqs:eu-central-1:1:q")]}),
    );
    aws.on(
        "GET /schedules/hourly?groupName=default",
        json!({"Name": "hourly", "State": "DISABLED", "Target": {"Arn": cluster, "EcsParameters": {"TaskDefinitionArn": definition("api")}}}),
    );
    let input = json!({"TaskDefinition": "api:1", "Overrides": {"x": "hunter2"}}).to_string();
    aws.on(
        "GET /schedules/daily?groupName=default",
        json!({"Name": "daily", "Target": {"Arn": universal, "Input": input}}),
    );
}

#[test]
fn who_must_use_a_revision_that_no_service_takes() {
    let live = misplaced();
    clock(&live);
    let record = live.state.path().join("case.json");
    let plan =
        dry_run(&live, 0, &["api:1", "--by", "retarget", "--record", record.to_str().unwrap()])["plan"]
            .clone();
    let left = lines(&plan["left_to_do"]);
    has(&left, "start tasks of it with `aws ecs run-task --task-definition api`");
    has(&left, "cure the service demo/api, which runs api:1: `execfit fix demo/api`");
    has(&left, "give the EventBridge rule nightly the new revision in place of api:1");
    has(&left, "give the EventBridge schedule default/daily the new revision in place of api:1");
    has(&left, "callers of RunTask, state machines of Step Functions");
    has(&lines(&plan["warnings"]), "before it is proven: the tasks of EventBridge schedule default/hourly");
    assert!(!left.iter().any(|line| line.contains("weekly")), "{left:#?}");
    let asked: Vec<String> =
        live.stage.aws.asked().into_iter().filter(|operation| operation.starts_with("GET ")).collect();
    assert_eq!(asked.len(), 3, "a schedule that runs no task is not read: {asked:?}");
    let case = std::fs::read_to_string(&record).unwrap();
    assert!(!case.contains("hunter2"), "what targets hand over is not kept");
    let replayed = live.fix(&[
        "--dry-run",
        "--format",
        "json",
        "--by",
        "retarget",
        "--replay",
        record.to_str().unwrap(),
    ]);
    let replayed: Value = serde_json::from_str(&replayed.stdout).unwrap();
    assert_eq!(replayed["plan"], plan);
}

#[test]
fn what_may_not_be_listed_is_said_with_the_action() {
    for action in [
        "ecs:ListClusters",
        "ecs:ListServices",
        "events:ListRuleNamesByTarget",
        "events:ListTargetsByRule",
        "scheduler:ListSchedules",
        "scheduler:GetSchedule",
    ] {
        let live = misplaced();
        clock(&live);
        let operation = match action {
            "scheduler:ListSchedules" => "GET /schedules?MaxResults=100",
            "scheduler:GetSchedule" => "GET /schedules/hourly?groupName=default",
            _ => action.split_once(':').unwrap().1,
        };
        live.stage.aws.on(operation, Reply::denied(action));
        let plan = dry_run(&live, 0, &["demo/api", "--by", "retarget"])["plan"].clone();
        let warnings = lines(&plan["warnings"]);
        has(&warnings, "is not wholly known");
        has(&warnings, &format!("allow the IAM action {action}"));
    }
}

#[test]
fn an_endpoint_that_does_not_have_the_calls_says_nothing_of_it() {
    let live = misplaced();
    let plan = dry_run(&live, 0, &["demo/api", "--by", "retarget"])["plan"].clone();
    let warnings = lines(&plan["warnings"]);
    assert!(!warnings.iter().any(|line| line.contains("known")), "{warnings:#?}");
}
