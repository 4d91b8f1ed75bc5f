//! Every way to name what is to be diagnosed.

use crate::double::{bare_env, shapes};
use crate::registry::ARM64;
use crate::run::{execfit, failure, found, run, run_on};
use crate::stage::{Stage, app, crashed_task, good};
use serde_json::{Value, json};

const TASK: &str = "0123456789abcdef0123456789abcdef";

fn stage() -> Stage {
    let image = app("no program\n");
    let stage = Stage::of(&image);
    let mut task = crashed_task(&stage.image(), &image.build().digest(), "x86_64");
    task["taskArn"] = json!(shapes::arn(&format!("task/demo/{TASK}")));
    stage.aws.task(task);
    stage
}

#[test]
fn a_service_by_its_names() {
    let stage = stage();
    let arn = shapes::arn("service/demo/api");
    let console = "https://eu-central-1.console.aws.amazon.com/ecs/v2/clusters/demo/services/api/health?region=eu-central-1";
    let ways: [&[&str]; 6] = [
        &["demo/api"],
        &[&arn],
        &[console],
        &["--cluster", "demo", "--service", "api"],
        &["--cluster", &shapes::arn("cluster/demo"), "--service", &arn],
        &["--service", "api", "--cluster=demo"],
    ];
    for way in ways {
        let report = stage.diagnose(way).ended(8);
        let target = &report["target"];
        assert_eq!(
            (&target["kind"], &target["cluster"], &target["service"]),
            (&json!("service"), &json!("demo"), &json!("api"))
        );
        assert_eq!(failure(&report["workloads"][0]), "exec ENOEXEC", "{way:?}");
        assert_eq!(report["workloads"][0]["observed"]["stopped"], 1, "{way:?}");
    }
}

#[test]
fn a_task_by_its_names() {
    let stage = stage();
    let arn = shapes::arn(&format!("task/demo/{TASK}"));
    let console = format!(
        "https://eu-central-1.console.aws.amazon.com/ecs/v2/clusters/demo/services/api/tasks/{TASK}/logs"
    );
    let ways: [&[&str]; 3] = [&[&arn], &[&console], &["--cluster", "demo", "--task", TASK]];
    for way in ways {
        let report = stage.diagnose(way).ended(8);
        assert_eq!((&report["target"]["kind"], &report["target"]["task"]), (&json!("task"), &json!(TASK)));
        assert_eq!(report["workloads"][0]["hosts"][0]["source"], "task", "{way:?}");
    }
}

#[test]
fn a_task_definition_by_its_names() {
    let stage = stage();
    stage.define(2, json!([shapes::with(stage.container(), json!({"command": ["/bin/sleep"]}))]));
    let arn = shapes::arn("task-definition/api:1");
    let console = "https://eu-central-1.console.aws.amazon.com/ecs/v2/task-definitions/api/1/containers";
    for way in ["api:1", &arn, console] {
        let report = stage.diagnose(&[way]).ended(8);
        assert_eq!(
            (&report["target"]["kind"], &report["target"]["revision"]),
            (&json!("task-definition"), &json!(1))
        );
        assert_eq!(report["task_definition"], "api:1");
    }
    let report = stage.diagnose(&["api"]).ended(0);
    assert_eq!((&report["target"]["family"], &report["target"]["revision"]), (&json!("api"), &json!(2)));
    assert_eq!(found(&report["workloads"][0]), ["note:default-architecture"]);
}

#[test]
fn an_arn_names_the_region_and_a_flag_overrides_it() {
    let stage = stage();
    stage.diagnose(&["arn:aws:ecs:ap-south-1:111122223333:service/demo/api"]).ended(8);
    assert_eq!(stage.aws.requests()[0].region(), Some("ap-south-1"));
    let report = stage.diagnose(&["--region", "sa-east-1", "demo/api"]).ended(8);
    assert_eq!(report["target"]["region"], "sa-east-1");
    assert_eq!(
        stage
            .aws
            .requests()
            .iter()
            .rev()
            .find(|request| request.operation.starts_with("Describe"))
            .unwrap()
            .region(),
        Some("sa-east-1")
    );
}

/// What the AWS CLI saves of a service whose tasks die; times are numbers or texts, as the CLI is configured.
fn saved(stage: &Stage, digest: &str, times: [Value; 2]) -> String {
    let task = |id: &str, created: &Value, code: i32| {
        let mut task = crashed_task(&stage.image(), digest, "x86_64");
        task["taskArn"] = json!(shapes::arn(&format!("task/demo/{id}")));
        task["createdAt"] = created.clone();
        task["containers"][0]["exitCode"] = json!(code);
        task
    };
    let services = json!({"services": [shapes::service("demo", "api", "api:1")], "failures": []});
    let tasks = json!({"tasks": [task("t1", &times[0], 1), task("t2", &times[1], 255)], "failures": []});
    let mut definition = shapes::task_definition("api", 1, json!([stage.container()]));
    definition["registeredAt"] = times[0].clone();
    format!("{services:#}\n{tasks}\n{:#}\n", json!({"taskDefinition": definition, "tags": []}))
}

#[test]
fn documents_that_the_cli_saved() {
    let stage = Stage::empty();
    let digest = stage.registry.push("team/app:1", &good("arm64", ARM64));
    let epoch = saved(&stage, &digest, [json!(1_790_000_000.5), json!(1_790_000_100)]);
    // The newest is the second, though its text sorts before the first one's.
    let iso = saved(
        &stage,
        &digest,
        [json!("2026-09-21T16:13:20.500000+02:00"), json!("2026-09-21T07:15:00-07:00")],
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("saved.json");
    let mut answers = Vec::new();
    for text in [&epoch, &iso] {
        std::fs::write(&path, text).unwrap();
        let file = format!("file:{}", path.display());
        // No AWS at all: neither credentials nor region.
        let mut command = execfit(bare_env());
        let mut report = run(command.args(["diagnose", "--format", "json", &file])).ended(8);
        assert_eq!(report["workloads"][0]["observed"]["exit_code"], 255, "{report:#}");
        assert_eq!(report["workloads"][0]["hosts"][0]["source"], "task");
        report["target"].take();
        report["read"].take();
        answers.push(report);
        let mut command = execfit(bare_env());
        let mut report = run_on(command.args(["diagnose", "--format", "json", "-"]), text).ended(8);
        assert_eq!(report["target"]["path"], "-");
        report["target"].take();
        report["read"].take();
        answers.push(report);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    assert_eq!(found(&answers[0]["workloads"][0])[0], "error:wrong-architecture");
}

#[test]
fn one_saved_task_definition_is_enough() {
    let stage = Stage::empty();
    stage.registry.push("team/app:1", &good("arm64", ARM64));
    let definition = shapes::task_definition("api", 3, json!([stage.container()]));
    // As it is answered, as `--query taskDefinition` prints it, and as one registers it.
    let mut bare =
        json!({"family": "api", "containerDefinitions": [{"name": "api", "image": stage.image()}]});
    for document in [json!({"taskDefinition": definition}), definition, bare.take()] {
        let mut command = execfit(bare_env());
        let report =
            run_on(command.args(["diagnose", "--format", "json", "-"]), &document.to_string()).ended(8);
        assert_eq!(report["workloads"][0]["hosts"][0]["source"], "default");
    }
}

#[test]
fn documents_that_are_none() {
    let stage = Stage::empty();
    let read = |text: &str| run_on(&mut stage.execfit(&["diagnose", "-"]), text);
    read("").stopped(3, &["- is empty"]);
    read("{\"services\": [").stopped(1, &["- is not JSON"]);
    read("<html>").stopped(1, &["- is not JSON"]);
    read("{}").stopped(3, &["holds no service, task or task definition"]);
    read("[1, \"x\", null]").stopped(3, &["holds no service, task or task definition"]);
    let lonely = json!({"services": [shapes::service("demo", "api", "api:7")]}).to_string();
    read(&lonely).stopped(3, &["api:7", "aws ecs describe-task-definition"]);
    stage.run(&["diagnose", "file:/nonexistent/saved.json"]).stopped(1, &["/nonexistent/saved.json"]);
    // Members of other types than the API's.
    let odd = json!({"taskDefinition": {"family": 7, "revision": "x", "runtimePlatform": [], "volumes": 1, "containerDefinitions": [
        {"name": 1, "image": [], "command": "x", "entryPoint": {}, "environment": 3, "mountPoints": "", "linuxParameters": 1}, null, 5
    ]}});
    let outcome = read(&odd.to_string());
    assert!([1, 3, 4, 8].contains(&outcome.code), "{outcome:?}");
}
