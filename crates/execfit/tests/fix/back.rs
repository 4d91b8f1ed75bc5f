//! What `rollback` and `repin` ask of AWS and of registries, and what they plan from it.

use crate::double::{Behaviour, Reply, shapes};
use crate::live::{Live, arm, intel};
use crate::registry::{ARM64, Image, elf, file};
use serde_json::{Value, json};

const ECR: &str = "111122223333.dkr.ecr.eu-central-1.amazonaws.com";

/// The revisions that were described, in their order.
fn described(live: &Live) -> Vec<String> {
    let asked = live.stage.aws.requests_for("DescribeTaskDefinition");
    asked
        .iter()
        .map(|request| shapes::short(request.body["taskDefinition"].as_str().unwrap()).to_string())
        .collect()
}

fn count(live: &Live, operation: &str) -> usize {
    live.stage.aws.requests_for(operation).len()
}

/// Why the remedy was refused, as one text.
fn reasons(answer: &Value) -> String {
    answer["passed_over"][0].to_string()
}

/// Revisions 1 (good), 2 to `newest` (bad), of which the newest was deployed.
fn after_bad_ones(newest: u32) -> Live {
    let live = Live::empty();
    live.push("team/app:1", &intel()).push("team/app:2", &arm()).define(1, "team/app:1");
    (2..=newest).for_each(|revision| {
        live.define(revision, "team/app:2");
    });
    live.serve(newest).crashed(newest, "team/app:2", &arm().build().digest());
    live
}

#[test]
fn the_revision_before_is_all_that_is_asked_for() {
    let live = Live::broken();
    let plan = live.planned(0, "rollback", &[]);
    let step = &plan["plan"]["steps"][0];
    assert_eq!(step["action"], "UpdateService");
    assert_eq!(step["task_definition_after"], shapes::arn("task-definition/api:1"));
    assert_eq!(described(&live), ["api:2", "api:1"]);
    assert_eq!(count(&live, "ListTaskDefinitions"), 0, "the diagnosis has read the revision before");
}

#[test]
fn revisions_are_listed_once_and_described_one_by_one() {
    let live = after_bad_ones(6);
    live.stage.aws.ask("DeregisterTaskDefinition", &json!({"taskDefinition": "api:3"}));
    let plan = live.planned(0, "rollback", &[]);
    assert_eq!(plan["plan"]["steps"][0]["task_definition_after"], shapes::arn("task-definition/api:1"));
    assert_eq!(described(&live), ["api:6", "api:5", "api:4", "api:2", "api:1"]);
    assert_eq!(count(&live, "ListTaskDefinitions"), 1);
    let warnings = plan["plan"]["warnings"].to_string();
    for passed in ["api:5 is passed over", "api:4 is passed over", "api:2 is passed over"] {
        assert!(warnings.contains(passed), "{warnings}");
    }
}

#[test]
fn no_more_than_ten_revisions_are_described() {
    let live = after_bad_ones(40);
    assert!(reasons(&live.planned(8, "rollback", &[])).contains("api:30 is passed over"));
    assert_eq!(described(&live).len(), 11);
    assert_eq!(count(&live, "ListTaskDefinitions"), 1);
}

/// The deployment `d1` of revision 1 succeeded, and `d2` of the newest is under way.
fn with_deployments(live: &Live, newest: u32) {
    let aws = &live.stage.aws;
    let revision =
        |number: u32, of: u32| shapes::service_revision("demo", "api", number, &format!("api:{of}"), &[]);
    aws.service_revision(revision(11, 1))
        .service_revision(shapes::with(revision(1, newest), json!({"platformVersion": "1.4.0"})));
    let succeeded = shapes::service_deployment("demo", "api", "d1", "SUCCESSFUL", 11);
    let under_way = shapes::service_deployment("demo", "api", "d2", "IN_PROGRESS", 1);
    let source = json!([{"arn": shapes::arn("service-revision/demo/api/11")}]);
    aws.service_deployment(shapes::with(under_way, json!({"sourceServiceRevisions": source})))
        .service_deployment(succeeded);
}

#[test]
fn the_last_deployment_that_succeeded_is_gone_back_to() {
    let live = after_bad_ones(4);
    with_deployments(&live, 4);
    let plan = live.planned(0, "rollback", &[]);
    let step = &plan["plan"]["steps"][0];
    assert_eq!(
        (&step["action"], &step["task_definition_after"]),
        (&json!("UpdateService"), &json!(shapes::arn("task-definition/api:1")))
    );
    assert!(plan["plan"]["title"].as_str().unwrap().contains("succeeded"), "{}", plan["plan"]["title"]);
    assert_eq!(described(&live), ["api:4", "api:3", "api:1"]);
    assert_eq!((count(&live, "ListTaskDefinitions"), count(&live, "DescribeServiceDeployments")), (0, 0));
}

#[test]
fn a_deployment_under_way_is_stopped() {
    let live = after_bad_ones(4);
    with_deployments(&live, 4);
    let mut service = live.stage.aws.service_now("demo", "api");
    service["currentServiceDeployment"] = json!(shapes::arn("service-deployment/demo/api/d2"));
    live.stage.aws.on("DescribeServices", json!({"services": [service], "failures": []}));
    let step = &live.planned(0, "rollback", &[])["plan"]["steps"][0];
    assert_eq!(step["action"], "StopServiceDeployment");
    assert_eq!(step["deployment"], shapes::arn("service-deployment/demo/api/d2"));
    assert_eq!(step["task_definition_after"], shapes::arn("task-definition/api:1"));
}

#[test]
fn what_is_denied_is_named_and_nothing_is_assumed() {
    let live = after_bad_ones(4);
    live.stage.aws.on("ListTaskDefinitions", Reply::denied("ecs:ListTaskDefinitions"));
    let told = reasons(&live.planned(4, "rollback", &[]));
    assert!(
        told.contains("which earlier revisions there are is not known: ecs:ListTaskDefinitions"),
        "{told}"
    );
    let live = after_bad_ones(4);
    let definition = |revision: u32| {
        let of = if revision == 1 { "team/app:1" } else { "team/app:2" };
        let container = shapes::container_definition("api", &live.stage.registry.name(of));
        json!({"taskDefinition": shapes::task_definition("api", revision, json!([container]))})
    };
    let (newest, before) = (definition(4), definition(3));
    live.stage.aws.on_call("DescribeTaskDefinition", move |body| {
        match body["taskDefinition"].as_str().unwrap() {
            name if name.ends_with(":4") => newest.clone().into(),
            name if name.ends_with(":3") => before.clone().into(),
            _ => Reply::denied("ecs:DescribeTaskDefinition"),
        }
    });
    let told = reasons(&live.planned(4, "rollback", &[]));
    assert!(
        told.contains("what earlier revisions hold is not fully known: ecs:DescribeTaskDefinition"),
        "{told}"
    );
}

/// A service of one revision whose tag was overwritten by an image for arm64, after a task ran the good one.
fn overwritten(image: &str) -> (Live, String) {
    let live = Live::empty();
    let good = live.stage.registry.push("team/app:1", &intel());
    live.push("team/app:1", &arm());
    live.stage.define(1, json!([shapes::container_definition("api", image)])).serve(1);
    live.stage.aws.behaves("api:1", Behaviour::wrong_format("/app"));
    (live, good)
}

#[test]
fn an_overwritten_tag_is_pinned_to_what_a_stopped_task_ran() {
    let live = Live::empty();
    let good = live.stage.registry.push("team/app:1", &intel());
    live.push("team/app:1", &arm()).define(1, "team/app:1").serve(1);
    let image = live.stage.registry.name("team/app:1");
    let task = shapes::task("demo", "api", "t0", "api:1", "x86_64");
    let task = shapes::stopped(task, "ServiceSchedulerInitiated", "Scaling activity initiated by deployment");
    let container = shapes::exited(shapes::container("api", &image, &good), 0, "");
    live.stage.aws.task(shapes::with(
        task,
        json!({"containers": [container], "createdAt": shapes::THEN - 60.0, "startedBy": "ecs-svc/0"}),
    ));
    live.crashed(1, "team/app:1", &arm().build().digest());
    let plan = live.planned(0, "repin", &[])["plan"].clone();
    let edit = &plan["steps"][0]["edits"][0];
    assert_eq!(edit["path"], "/containerDefinitions/0/image");
    assert_eq!(edit["after"], json!(format!("{}@{good}", live.stage.registry.name("team/app"))));
    assert_eq!(count(&live, "ListTaskDefinitions"), 0);
    // Nothing is asked of ECR about other registries.
    assert_eq!(count(&live, "DescribeImages"), 0);
}

/// The arguments that have this ECR registry read from the test's own.
fn from(live: &Live) -> String {
    format!("{ECR}/team=127.0.0.1:{}/team", live.stage.registry.port())
}

#[test]
fn what_was_pushed_to_ecr_before() {
    let (live, good) = overwritten(&format!("{ECR}/team/app:1"));
    let bad: Image = arm();
    let aws = &live.stage.aws;
    for (digest, tags, seconds) in [
        (good.as_str(), &[][..], 10.0),
        (&bad.build().digest(), &["1"][..], 20.0),
        ("sha256:zz", &[][..], 15.0),
    ] {
        aws.ecr_image(shapes::pushed("team/app", digest, tags, seconds));
    }
    let plan = live.planned(0, "repin", &["--mirror", &from(&live)])["plan"].clone();
    assert_eq!(plan["steps"][0]["edits"][0]["after"], json!(format!("{ECR}/team/app@{good}")));
    let asked = aws.requests_for("DescribeImages");
    assert_eq!(asked.len(), 1);
    assert_eq!(
        (&asked[0].body["registryId"], &asked[0].body["repositoryName"]),
        (&json!("111122223333"), &json!("team/app"))
    );
}

#[test]
fn a_denied_push_history_is_named() {
    let (live, _) = overwritten(&format!("{ECR}/team/app:1"));
    live.stage.aws.on("DescribeImages", Reply::denied("ecr:DescribeImages"));
    let told = reasons(&live.planned(4, "repin", &["--mirror", &from(&live)]));
    assert!(
        told.contains("what was pushed before is not known: ecr:DescribeImages on repository team/app"),
        "{told}"
    );
    assert!(told.contains("allow the IAM action ecr:DescribeImages"), "{told}");
}

#[test]
fn a_diagnosis_asks_none_of_it() {
    let (live, _) = overwritten(&format!("{ECR}/team/app:1"));
    live.stage.run(&["diagnose", "demo/api", "--mirror", &from(&live)]);
    let asked = live.stage.aws.asked();
    for operation in ["DescribeImages", "ListTaskDefinitions", "DescribeServiceDeployments"] {
        assert!(!asked.iter().any(|one| one == operation), "{asked:?}");
    }
}

/// A service that a bad deployment was started of, after a good one had succeeded.
fn deployed_twice() -> Live {
    let live = Live::empty();
    live.push("team/app:1", &intel()).push("team/app:2", &arm());
    live.define(1, "team/app:1").define(2, "team/app:2").serve(1);
    let aws = &live.stage.aws;
    aws.behaves("api:2", Behaviour::wrong_format("/app"));
    for (definition, moments) in [("api:1", 5), ("api:2", 2)] {
        let update = json!({"cluster": "demo", "service": "api", "taskDefinition": definition, "forceNewDeployment": true});
        let (status, answer) = aws.ask("UpdateService", &update);
        assert_eq!(status, 200, "{answer}");
        (0..moments).for_each(|_| {
            aws.ask("DescribeServices", &json!({"cluster": "demo", "services": ["api"]}));
        });
    }
    live
}

#[test]
fn a_stopped_deployment_brings_back_what_is_proven() {
    let live = deployed_twice();
    let answer = live.fixed(0, &["--by", "rollback"]);
    assert_eq!(live.stage.aws.writes(), ["StopServiceDeployment"], "{answer}");
    assert_eq!(answer["outcome"]["ending"], "proven");
    assert_eq!(live.deployed(), "api:1");
}

/// Two megabytes that do not compress, behind the program in its layer.
fn heavy(image: &Image, seed: u32) -> Image {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 16) as u8
    };
    let noise: Vec<u8> = (0..2_000_000).map(|_| noise()).collect();
    image
        .clone()
        .layer([file("app", 0o755, elf(ARM64)), file("zz/big", 0o644, noise)])
        .history("COPY . / # buildkit")
}

#[test]
fn what_is_passed_over_is_not_read_to_its_end() {
    let read = |revisions: u32| {
        let live = Live::empty();
        live.push("team/app:1", &intel()).define(1, "team/app:1");
        for revision in 2..=revisions {
            let tag = format!("team/app:{revision}");
            live.push(&tag, &heavy(&arm(), revision)).define(revision, &tag);
        }
        let newest = format!("team/app:{revisions}");
        live.serve(revisions).crashed(revisions, &newest, &heavy(&arm(), revisions).build().digest());
        live.planned(0, "rollback", &[])["read"]["bytes"].as_u64().unwrap()
    };
    let (one, four) = (read(2), read(5));
    assert!(one > 2_000_000, "what fails is proven: {one}");
    assert!(four < one + 2_000_000, "three more are begun, and none is read whole: {one} {four}");
}
