//! AWS gives no answer: a clear error that names the object, the right exit code, and never "runs".

use crate::double::shapes::{self, with};
use crate::double::{Reply, bare_env};
use crate::registry::X86_64;
use crate::run::{execfit, run};
use crate::stage::{Stage, app, good};
use serde_json::json;
use std::net::TcpListener;

fn healthy() -> Stage {
    Stage::of(&good("amd64", X86_64))
}

#[test]
fn things_that_do_not_exist() {
    let stage = healthy();
    stage
        .run(&["diagnose", "nowhere/api"])
        .stopped(1, &["nowhere/api", "ClusterNotFoundException", "check the name"]);
    stage.run(&["diagnose", "demo/nothing"]).stopped(1, &["there is no service demo/nothing", "MISSING"]);
    let task = stage.run(&["diagnose", "--cluster", "demo", "--task", "0123"]);
    task.stopped(1, &["there is no task demo/0123", "about an hour"]);
    stage.run(&["diagnose", "nothing:3"]).stopped(1, &["nothing:3", "Unable to describe task definition"]);
    stage.run(&["diagnose", "nothing"]).stopped(1, &["nothing"]);
}

#[test]
fn names_of_no_target() {
    let stage = healthy();
    for target in [
        "arn:aws:ecs",
        "arn:aws:ecs:eu-central-1:1:service/demo/api",
        "arn:aws:s3:::bucket",
        "",
        "a/b/c",
        "api:0",
        "api:x",
        "demo api",
        "demo/",
        "/api",
        "https://example.com/ecs/v2/clusters/demo/services/api",
        "file:",
        "arn:aws:ecs:eu-central-1:111122223333:cluster/demo",
        "arn:aws:ecs:eu-central-1:111122223333:service/demo/a b",
        "demo/\u{1b}[31mapi",
    ] {
        let outcome = stage.run(&["diagnose", target]);
        outcome.stopped(2, &["names no target"]);
        assert!(!outcome.stderr.contains('\u{1b}'), "{}", outcome.stderr);
    }
    assert_eq!(stage.aws.asked(), [] as [String; 0]);
    for arguments in [
        &["diagnose"][..],
        &["diagnose", "demo/api", "--service", "x"],
        &["diagnose", "--format", "yaml", "x"],
        &[],
    ] {
        assert_eq!(stage.run(arguments).code, 2, "{arguments:?}");
    }
}

#[test]
fn nothing_to_examine() {
    let stage = healthy();
    stage.aws.service(with(shapes::service("demo", "gone", "api:1"), json!({"status": "INACTIVE"})));
    stage.run(&["diagnose", "demo/gone"]).stopped(3, &["demo/gone", "INACTIVE"]);
    let external =
        json!({"deploymentController": {"type": "EXTERNAL"}, "deployments": [], "taskDefinition": null});
    stage.aws.service(with(shapes::service("demo", "external", "api:1"), external));
    stage.run(&["diagnose", "demo/external"]).stopped(3, &["demo/external", "no task definition"]);
    stage.aws.task_definition(shapes::task_definition("hollow", 1, json!([])));
    stage.run(&["diagnose", "hollow:1"]).stopped(3, &["hollow:1", "no containers"]);
}

#[test]
fn no_credentials_and_no_region() {
    let stage = healthy();
    let mut env = bare_env();
    env.push(("AWS_ENDPOINT_URL", stage.aws.url()));
    let outcome = run(execfit(env.clone()).args(["diagnose", "demo/api"]));
    outcome.stopped(1, &["no AWS region is set", "--region"]);
    let outcome = run(execfit(env).args(["diagnose", "demo/api", "--region", "eu-central-1"]));
    outcome.stopped(1, &["demo/api", "no AWS credentials were found", "aws sso login"]);
}

#[test]
fn a_profile_that_does_not_exist() {
    let stage = healthy();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    std::fs::write(&config, "[profile work]\nregion = eu-west-3\n").unwrap();
    let arguments = ["diagnose", "demo/api", "--profile", "nobody"];
    let outcome = run(stage.execfit(&arguments).env("AWS_CONFIG_FILE", &config));
    outcome.stopped(1, &["nobody"]);
    // What the environment has is not taken in its stead.
    assert_eq!(stage.aws.asked(), [] as [String; 0]);
    stage.run(&arguments).stopped(1, &["no AWS credentials were found"]);
}

#[test]
fn denied_and_without_it_there_is_nothing() {
    for (operation, object) in [("DescribeServices", "service demo/api"), ("DescribeTaskDefinition", "api:1")]
    {
        let action = format!("ecs:{operation}");
        let stage = healthy();
        stage.aws.on(operation, Reply::denied(&action));
        stage.run(&["diagnose", "demo/api"]).stopped(4, &[&format!("allow the IAM action {action}"), object]);
        let expired = Reply::error(
            400,
            "ExpiredTokenException",
            "The security token included in the request is expired",
        );
        stage.aws.on(operation, expired);
        stage.run(&["diagnose", "demo/api"]).stopped(4, &[&action, "log in again"]);
        stage.aws.on(operation, Reply::error(400, "ThrottlingException", "Rate exceeded"));
        stage.run(&["diagnose", "demo/api"]).stopped(4, &[&action, "too many requests"]);
    }
    let stage = healthy();
    stage.running("", "x86_64");
    stage.aws.on("DescribeTasks", Reply::denied("ecs:DescribeTasks"));
    let task = stage.run(&["diagnose", "--cluster", "demo", "--task", "t2"]);
    task.stopped(4, &["allow the IAM action ecs:DescribeTasks", "t2"]);
}

/// What is told where an operation is denied.
#[track_caller]
fn denied(stage: &Stage, operation: &str, decides: bool, code: i32) {
    let action = format!("ecs:{operation}");
    stage.aws.on(operation, Reply::denied(&action));
    let report = stage.service(code);
    let refusal = &report["refusals"][0];
    assert_eq!((&refusal["action"], &refusal["decides"]), (&json!(action), &json!(decides)), "{report:#}");
    assert!(
        refusal["message"].as_str().unwrap().contains(&format!("allow the IAM action {action}")),
        "{refusal}"
    );
    if code == 4 {
        assert!(report["workloads"][0]["reason"].as_str().unwrap().contains(&action), "{report:#}");
    }
    let text = stage.run(&["diagnose", "demo/api"]);
    assert_eq!(text.code, code);
    text.says(&["not seen: ", &format!("allow the IAM action {action}")]);
}

#[test]
fn denied_and_the_rest_is_told() {
    for operation in ["ListTasks", "DescribeTasks"] {
        // What would run is not known to run; what fails, fails.
        for (image, code) in [(good("amd64", X86_64), 4), (app("no program\n"), 8)] {
            let stage = Stage::of(&image);
            stage.running(&image.build().digest(), "x86_64");
            denied(&stage, operation, true, code);
        }
    }
    // The revision may say where it runs, and which digest was deployed, unless a task has said so.
    denied(&healthy(), "DescribeServiceRevisions", true, 4);
    denied(&Stage::of(&app("no program\n")), "DescribeServiceRevisions", true, 8);
    denied(&healthy(), "ListServiceDeployments", false, 0);
}

#[test]
fn denied_and_the_digest_that_was_deployed_stays_unknown() {
    // The tag may have moved since: only the revision knows the digest, where no task tells it.
    let stage = healthy();
    stage.running("", "x86_64");
    denied(&stage, "DescribeServiceRevisions", true, 4);
    let stage = healthy();
    stage.running(&good("amd64", X86_64).build().digest(), "x86_64");
    denied(&stage, "DescribeServiceRevisions", false, 0);
}

#[test]
fn tasks_of_another_revision_tell_nothing_of_this_one() {
    let stage = healthy();
    stage.running(&good("amd64", X86_64).build().digest(), "x86_64");
    stage.define(2, json!([stage.container()]));
    stage.aws.service(shapes::service("demo", "next", "api:2"));
    let task = shapes::task("demo", "next", "t9", "api:1", "x86_64");
    let container = shapes::container("api", &stage.image(), &good("amd64", X86_64).build().digest());
    stage.aws.task(with(task, json!({"containers": [container]})));
    stage.aws.on("DescribeServiceRevisions", Reply::denied("ecs:DescribeServiceRevisions"));
    let report = stage.diagnose(&["demo/next"]).ended(4);
    assert_eq!(report["refusals"][0]["decides"], true, "{report:#}");
}

#[test]
fn machines_that_may_not_be_seen() {
    for operation in ["ListContainerInstances", "DescribeContainerInstances"] {
        let stage = Stage::empty();
        stage.registry.push("team/app:1", &good("amd64", X86_64));
        stage.define(1, json!([stage.container()]));
        stage.aws.service(with(shapes::service("demo", "api", "api:1"), json!({"launchType": "EC2"})));
        stage.aws.container_instance(shapes::container_instance("demo", "0a", "arm64"));
        let action = format!("ecs:{operation}");
        stage.aws.on(operation, Reply::denied(&action));
        let report = stage.service(4);
        assert_eq!(report["refusals"][0]["action"], action, "{report:#}");
    }
}

#[test]
fn logs_that_may_not_be_read_decide_nothing() {
    let stage = Stage::of(&app("no program\n"));
    stage.crashed("", "exec /app: exec format error");
    stage.aws.on("GetLogEvents", Reply::denied("logs:GetLogEvents"));
    let report = stage.service(8);
    assert_eq!(report["refusals"][0]["action"], "logs:GetLogEvents", "{report:#}");
    assert_eq!(report["refusals"][0]["decides"], false);
}

#[test]
fn an_aws_that_is_broken() {
    let page = || Reply::text(200, "text/html", "<html>Welcome to our Wi-Fi</html>");
    let server = || Reply::error(500, "ServerException", "Service Unavailable.");
    for reply in [server(), page(), Reply::hang_up(), Reply::json(&json!({"services": []})).cut_short()] {
        let stage = healthy();
        stage.aws.on("DescribeServices", reply.clone());
        stage.run(&["diagnose", "demo/api"]).stopped(1, &["ecs:DescribeServices on service demo/api"]);
        // Later ones leave a hole in what is known.
        let stage = healthy();
        stage.running("", "x86_64");
        stage.aws.on("DescribeTasks", reply);
        let report = stage.service(4);
        assert_eq!(report["refusals"][0]["action"], "ecs:DescribeTasks", "{report:#}");
    }
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let outcome = healthy().run(&["diagnose", "demo/api", "--endpoint-url", &url]);
    outcome.stopped(1, &["demo/api", &url, "could not be reached"]);
    healthy().run(&["diagnose", "demo/api", "--endpoint-url", "nonsense"]).stopped(1, &["nonsense"]);
}

#[test]
fn answers_of_other_shapes_are_no_panic() {
    for body in [
        json!(null),
        json!([]),
        json!({"services": null}),
        json!({"services": [null]}),
        json!({"services": [7]}),
        json!({"services": [{"serviceName": 1, "taskDefinition": 2, "deployments": 3}]}),
    ] {
        let stage = healthy();
        stage.aws.on("DescribeServices", body.clone());
        let outcome = stage.run(&["diagnose", "demo/api"]);
        assert!([1, 3].contains(&outcome.code), "{body}: {outcome:?}");
    }
    for body in [
        json!({"tasks": null}),
        json!({"tasks": [null, 7, {"containers": "x", "attributes": {}}]}),
        json!({}),
    ] {
        let stage = healthy();
        stage.running("", "x86_64");
        stage.aws.on("DescribeTasks", body.clone());
        let outcome = stage.diagnose(&["demo/api"]);
        assert!([0, 4].contains(&outcome.code), "{body}: {outcome:?}");
    }
    for body in [
        json!({}),
        json!({"taskDefinition": null}),
        json!({"taskDefinition": {"containerDefinitions": [null]}}),
    ] {
        let stage = healthy();
        stage.aws.on("DescribeTaskDefinition", body.clone());
        let outcome = stage.run(&["diagnose", "demo/api"]);
        assert!([1, 3, 4].contains(&outcome.code), "{body}: {outcome:?}");
    }
}

#[test]
fn an_endpoint_without_service_revisions_is_no_refusal() {
    let stage = healthy();
    let unknown = || Reply::error(400, "InvalidAction", "The action is not valid for this web service.");
    stage.aws.on("ListServiceDeployments", unknown()).on("DescribeServiceRevisions", unknown());
    assert_eq!(stage.service(0)["refusals"], json!([]));
}

#[test]
fn only_reading_operations_are_called() {
    let stage = Stage::of(&app("no program\n"));
    stage.crashed("", "exec /app: exec format error");
    stage.service(8);
    for operation in stage.aws.asked() {
        let reads = ["Describe", "List", "Get"].iter().any(|verb| operation.starts_with(verb));
        assert!(reads, "{operation}");
    }
    assert!(stage.registry.heard().iter().all(|heard| ["GET", "HEAD"].contains(&heard.method.as_str())));
}

#[test]
fn a_secret_that_may_not_be_read() {
    let secret = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:hub-AbCdEf";
    let credentials = json!({"repositoryCredentials": {"credentialsParameter": secret}});
    let stage = Stage::with(&good("amd64", X86_64), credentials);
    stage.aws.on("GetSecretValue", Reply::denied("secretsmanager:GetSecretValue"));
    // Everybody may read the image: the secret is not needed.
    let report = stage.service(0);
    assert_eq!(report["refusals"][0]["action"], "secretsmanager:GetSecretValue", "{report:#}");
    stage.registry.locked(crate::registry::Login::Basic("ann", "hunter2"));
    let report = stage.service(4);
    assert!(report["workloads"][0]["reason"].as_str().unwrap().contains("may not be read"), "{report:#}");
    stage
        .run(&["diagnose", "demo/api"])
        .says(&["allow the IAM action secretsmanager:GetSecretValue", secret]);
}
