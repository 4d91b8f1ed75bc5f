//! `execfit::aws` against the double: whole bodies, pages, every kind of error, log-in. The double stands for AWS here
//! because no emulator has service revisions, throttling or a broken network on demand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../double/mod.rs"]
mod double;
mod log_in;
mod prove;
mod query;
mod refusals;

use double::{Double, Reply, shapes};
use execfit::aws::{Aws, AwsErrorKind as Kind, Options, TaskFilter};
use serde_json::json;
use std::process::Command;
use tokio::runtime::Runtime;

/// Runs `body` in a process of its own, with this environment and no other: the SDK reads it, and tests share theirs.
fn alone(test: &str, env: Vec<(&'static str, String)>, body: impl FnOnce(&Runtime)) {
    if std::env::var_os("EXECFIT_ALONE").is_some() {
        return body(&Runtime::new().expect("a runtime"));
    }
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args([test, "--exact", "--nocapture", "--test-threads=1"]).env_clear().envs(env);
    let output = child.env("EXECFIT_ALONE", "1").output().expect("this program runs");
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));

    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// The environment with credentials and a region, without an endpoint.
fn logged_in() -> Vec<(&'static str, String)> {
    let unused = Double::start();
    unused.env().into_iter().filter(|(name, _)| *name != "AWS_ENDPOINT_URL").collect()
}

async fn connect(double: &Double) -> Aws {
    let options = Options { endpoint_url: Some(double.url()), ..Options::default() };
    Aws::connect(&options).await.expect("a connection")
}

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_body_is_kept_whole_and_in_order() {
    alone("the_body_is_kept_whole_and_in_order", logged_in(), |runtime| {
        let double = Double::start();
        // Members that the SDK does not know, and one that it cannot read: a number where a text belongs.
        let body = r#"{"zeta":{"new":[1.5,null]},"services":[{"serviceName":"api","status":7,"aNew":"x"}],"failures":[]}"#;
        double.on("DescribeServices", Reply::text(200, "application/x-amz-json-1.1", body));
        let answer = runtime.block_on(async {
            let aws = connect(&double).await;
            aws.describe_services("demo", &strings(&["api"])).await.expect("an answer")
        });
        assert_eq!(answer.body.to_string(), body);
        assert_eq!((answer.service, answer.operation), ("ecs", "DescribeServices"));
        assert_eq!(answer.array("services").len(), 1);
        assert_eq!(answer.array("nothing").len(), 0);
        let request = double.requests().remove(0);
        assert_eq!(request.target, "AmazonEC2ContainerServiceV20141113.DescribeServices");
        assert_eq!(request.body, json!({"cluster": "demo", "services": ["api"]}));
        assert!(
            request.header("user-agent").is_some_and(|agent| agent.contains("app/execfit")),
            "{request:?}"
        );
    });
}

#[test]
fn pages_are_gathered_and_names_are_batched() {
    alone("pages_are_gathered_and_names_are_batched", logged_in(), |runtime| {
        let double = Double::start();
        double.pages_of(2).cluster(shapes::cluster("demo"));
        let names: Vec<String> = (0..23).map(|number| format!("s{number:02}")).collect();
        for name in &names {
            double.service(shapes::service("demo", name, "api:1"));
        }
        for revision in 1..=9 {
            double.task_definition(shapes::task_definition("api", revision, json!([])));
        }
        runtime.block_on(async {
            let aws = connect(&double).await;
            let listed = aws.list_services("demo", usize::MAX).await.expect("a list");
            assert_eq!(listed.array("serviceArns").len(), 23);
            assert_eq!(listed.body.get("nextToken"), None);
            assert_eq!(double.requests_for("ListServices").len(), 12);

            let described = aws.describe_services("demo", &names).await.expect("services");
            assert_eq!(described.array("services").len(), 23);
            let sizes: Vec<_> = double
                .requests_for("DescribeServices")
                .iter()
                .map(|r| r.body["services"].as_array().map(Vec::len))
                .collect();
            assert_eq!(sizes, [Some(10), Some(10), Some(3)]);

            let newest = aws.list_task_definitions("api", 3).await.expect("a list");
            assert_eq!(newest.array("taskDefinitionArns")[0], shapes::arn("task-definition/api:9"));
            assert_eq!(newest.array("taskDefinitionArns").len(), 4, "two pages of two were enough");
            assert_eq!(newest.body["nextToken"], "4", "and there are more");

            let none = aws.describe_tasks("demo", &[]).await.expect("nothing");
            assert_eq!((none.body, double.requests_for("DescribeTasks").len()), (json!({}), 0));

            double.on("ListTasks", json!({"taskArns": ["a"], "nextToken": "always the same"}));
            let forever = aws.list_tasks("demo", &TaskFilter::default()).await.expect("a list");
            assert_eq!(forever.array("taskArns").len(), 2);
        });
    });
}

#[test]
fn every_read_finds_what_the_double_holds() {
    alone("every_read_finds_what_the_double_holds", logged_in(), |runtime| {
        let double = Double::start();
        let revision =
            shapes::service_revision("demo", "api", 1, "api:1", &[("api", "repo/api:1", "sha256:aa")]);
        let stopped = shapes::stopped(
            shapes::task("demo", "api", "t2", "api:1", "x86_64"),
            "EssentialContainerExited",
            "Essential container in task exited",
        );
        double
            .cluster(shapes::cluster("demo"))
            .service(shapes::service("demo", "api", "api:1"))
            .task(shapes::task("demo", "api", "t1", "api:1", "arm64"))
            .task(stopped)
            .task_definition(shapes::task_definition("api", 1, json!([])))
            .container_instance(shapes::container_instance("demo", "0a", "arm64"))
            .capacity_provider(shapes::fargate_provider("FARGATE"))
            .capacity_provider(shapes::managed_instances_provider("demo", "mi", &["m7g.*"]))
            .service_deployment(shapes::service_deployment("demo", "api", "d1", "IN_PROGRESS", 1))
            .service_revision(shapes::overridden(revision, "ARM64"))
            .log("/ecs/api", "ecs/api/t2", &["starting", "exec /app: exec format error"]);
        runtime.block_on(async {
            let aws = connect(&double).await;
            let described = aws.describe_clusters(&strings(&["demo", "other"])).await.expect("clusters");
            assert_eq!(described.array("failures")[0]["reason"], "MISSING");
            let filter = TaskFilter { service: Some("api".into()), stopped: true, ..TaskFilter::default() };
            let tasks = aws.list_tasks("demo", &filter).await.expect("tasks");
            assert_eq!(tasks.array("taskArns"), [shapes::arn("task/demo/t2")]);
            let tasks = aws.describe_tasks("demo", &strings(&["t1", "t2"])).await.expect("tasks");
            assert_eq!(tasks.array("tasks")[0]["attributes"][0]["value"], "arm64");
            let definition = aws.describe_task_definition("api").await.expect("a definition");
            assert_eq!(definition.body["taskDefinition"]["revision"], 1);
            let briefs = aws.list_service_deployments("demo", "api").await.expect("deployments");
            let arn = |brief: &serde_json::Value, member: &str| {
                brief[member].as_str().unwrap_or_default().to_owned()
            };
            let brief = briefs.array("serviceDeployments")[0].clone();
            let deployments = aws.describe_service_deployments(&[arn(&brief, "serviceDeploymentArn")]).await;
            assert_eq!(
                deployments.expect("deployments").array("serviceDeployments")[0]["status"],
                "IN_PROGRESS"
            );
            let revisions = aws.describe_service_revisions(&[arn(&brief, "targetServiceRevisionArn")]).await;
            let revisions = revisions.expect("revisions");
            assert_eq!(
                revisions.array("serviceRevisions")[0]["overrides"]["runtimePlatform"]["cpuArchitecture"],
                "ARM64"
            );
            let instances = aws.list_container_instances("demo").await.expect("instances");
            let instance =
                [instances.array("containerInstanceArns")[0].as_str().unwrap_or_default().to_owned()];
            let instances = aws.describe_container_instances("demo", &instance).await.expect("instances");
            assert_eq!(instances.array("containerInstances")[0]["attributes"][1]["value"], "arm64");
            assert_eq!(
                aws.describe_capacity_providers(&[]).await.expect("all").array("capacityProviders").len(),
                2
            );
            let one = aws.describe_capacity_providers(&strings(&["mi"])).await.expect("one");
            assert_eq!(one.array("capacityProviders")[0]["type"], "MANAGED_INSTANCES");
            let log =
                aws.get_log_events(Some("us-west-2"), "/ecs/api", "ecs/api/t2", 1).await.expect("events");
            assert_eq!(log.array("events")[0]["message"], "exec /app: exec format error");
            assert_eq!(double.requests_for("GetLogEvents")[0].region(), Some("us-west-2"));
            let elsewhere = aws.in_region("sa-east-1").expect("a region");
            elsewhere.list_services("demo", usize::MAX).await.expect("a list");
            assert_eq!(double.requests_for("ListServices")[0].region(), Some("sa-east-1"));
            let wrong = aws.get_log_events(Some("evil.example/"), "g", "s", 1).await.expect_err("no region");
            assert_eq!(wrong.kind, Kind::Invalid);
        });
    });
}

#[test]
fn the_environment_says_where_to_ask() {
    let double = Double::start();
    let mut env: Vec<_> = double.env().into_iter().filter(|(name, _)| *name != "AWS_REGION").collect();
    env.push(("AWS_DEFAULT_REGION", "ap-south-1".into()));
    alone("the_environment_says_where_to_ask", env, |runtime| {
        runtime.block_on(async {
            let aws = Aws::connect(&Options::default()).await.expect("a connection");
            assert_eq!(aws.region(), "ap-south-1");
            let error = aws.list_services("demo", usize::MAX).await.expect_err("no such cluster");
            assert_eq!(error.kind, Kind::NotFound);
        });
    });
    if std::env::var_os("EXECFIT_ALONE").is_none() {
        assert_eq!(double.requests()[0].region(), Some("ap-south-1"));
    }
}

#[test]
fn a_named_profile_goes_before_the_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config");
    let text =
        "[profile work]\nregion = eu-west-3\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = x\n";
    std::fs::write(&config, text).expect("a file");
    let mut env: Vec<_> = logged_in().into_iter().filter(|(name, _)| *name != "AWS_REGION").collect();
    env.push(("AWS_CONFIG_FILE", config.display().to_string()));
    alone("a_named_profile_goes_before_the_environment", env, |runtime| {
        let double = Double::start();
        let ask = async |profile: &str| {
            let profile = Some(profile.to_owned());
            let options = Options { profile, endpoint_url: Some(double.url()), ..Options::default() };
            Aws::connect(&options).await?.list_services("demo", usize::MAX).await
        };
        let error = runtime.block_on(ask("work")).expect_err("no such cluster");
        assert_eq!(error.kind, Kind::NotFound);
        let request = double.requests().remove(0);
        assert_eq!(request.region(), Some("eu-west-3"));
        assert!(request.header("authorization").is_some_and(|text| text.contains("Credential=AKIAPROFILE/")));
        let error = runtime.block_on(ask("nobody")).expect_err("no such profile");
        assert_eq!(error.kind, Kind::NoRegion);
        assert!(error.to_string().contains("nor in the profile `nobody`"), "{error}");
    });
}
