//! Where a task runs: every source of the host's architecture, in its order, and sources that conflict.

use crate::double::shapes::{self, container_instance, runtime_platform, with};
use crate::registry::{ARM64, X86_64};
use crate::run::{finding, found};
use crate::stage::{Stage, good};
use serde_json::{Value, json};

/// The kinds of host with source, number and verdict: `arm64 task 1 runs`.
fn hosts(workload: &Value) -> Vec<String> {
    let hosts = workload["hosts"].as_array().unwrap();
    let words = hosts.iter().map(|host| {
        let word = |member: &str| host[member].as_str().unwrap_or_default();
        format!("{} {} {} {}", word("architecture"), word("source"), host["instances"], word("verdict"))
    });
    words.collect()
}

/// A stage with an image of one architecture, whose definition and service have these members, too.
fn stage(architecture: &str, definition: Value, service: Value) -> Stage {
    let stage = Stage::empty();
    let machine = if architecture == "arm64" { ARM64 } else { X86_64 };
    stage.registry.push("team/app:1", &good(architecture, machine));
    let revision = shapes::task_definition("api", 1, json!([stage.container()]));
    stage.aws.task_definition(with(revision, definition));
    stage.aws.service(with(shapes::service("demo", "api", "api:1"), service));
    stage
}

/// The same on container instances of the user's.
fn on_ec2(architecture: &str, definition: Value) -> Stage {
    stage(
        architecture,
        with(json!({"requiresCompatibilities": ["EC2"]}), definition),
        json!({"launchType": "EC2"}),
    )
}

fn graviton() -> Value {
    json!([{"type": "memberOf", "expression": "attribute:ecs.cpu-architecture == arm64"}])
}

#[test]
fn nothing_says_so_it_is_the_default() {
    let workload = stage("amd64", json!({}), json!({})).workload(0);
    assert_eq!(hosts(&workload), ["x86_64 default 0 runs"]);
    assert_eq!(found(&workload), ["note:default-architecture", "note:no-stopped-tasks"]);
    let workload = stage("arm64", json!({}), json!({})).workload(8);
    assert_eq!(hosts(&workload), ["x86_64 default 0 fails"]);
    assert_eq!(
        found(&workload),
        ["error:wrong-architecture", "note:default-architecture", "note:no-stopped-tasks"]
    );
}

#[test]
fn the_definition_says() {
    for architecture in ["ARM64", "arm64"] {
        let platform = json!({"runtimePlatform": runtime_platform(architecture)});
        assert_eq!(
            hosts(&stage("arm64", platform, json!({})).workload(0)),
            ["arm64 runtime-platform 0 runs"]
        );
    }
    let platform = json!({"runtimePlatform": runtime_platform("ARM64")});
    let workload = stage("amd64", platform, json!({})).workload(8);
    assert_eq!(hosts(&workload), ["arm64 runtime-platform 0 fails"]);
    let retarget = finding(&workload, "wrong-architecture")["remedies"][0]["title"].as_str().unwrap();
    assert!(retarget.contains("X86_64") && retarget.contains("Fargate brings the machines"), "{retarget}");
}

#[test]
fn a_constraint_says_where_no_machine_is_visible() {
    let of_definition = on_ec2("arm64", json!({"placementConstraints": graviton()}));
    assert_eq!(hosts(&of_definition.workload(0)), ["arm64 placement-constraint 0 runs"]);
    let launch = json!({"launchType": "EC2", "placementConstraints": graviton()});
    let of_service = stage("arm64", json!({"requiresCompatibilities": ["EC2"]}), launch);
    assert_eq!(hosts(&of_service.workload(0)), ["arm64 placement-constraint 0 runs"]);
}

#[test]
fn the_machines_say() {
    let one_kind = on_ec2("arm64", json!({}));
    one_kind.aws.container_instance(container_instance("demo", "0a", "arm64"));
    one_kind.aws.container_instance(container_instance("demo", "0b", "arm64"));
    assert_eq!(hosts(&one_kind.workload(0)), ["arm64 instance 2 runs"]);

    let constrained = on_ec2("arm64", json!({"placementConstraints": graviton()}));
    constrained.aws.container_instance(container_instance("demo", "0a", "arm64"));
    constrained.aws.container_instance(container_instance("demo", "0b", "x86_64"));
    assert_eq!(hosts(&constrained.workload(0)), ["arm64 instance 1 runs"]);

    // Those that are drained take no tasks.
    let drained = on_ec2("arm64", json!({}));
    drained.aws.container_instance(container_instance("demo", "0a", "arm64"));
    drained
        .aws
        .container_instance(with(container_instance("demo", "0b", "x86_64"), json!({"status": "DRAINING"})));
    assert_eq!(hosts(&drained.workload(0)), ["arm64 instance 1 runs"]);
}

#[test]
fn machines_of_both_kinds_that_nothing_constrains() {
    let mixed = on_ec2("amd64", json!({}));
    for (id, architecture) in [("0a", "x86_64"), ("0b", "x86_64"), ("0c", "arm64")] {
        mixed.aws.container_instance(container_instance("demo", id, architecture));
    }
    let workload = mixed.workload(4);
    assert_eq!(hosts(&workload), ["x86_64 instance 2 runs", "arm64 instance 1 fails"]);
    assert!(found(&workload).contains(&"warning:mixed-hosts".into()), "{workload:#}");
    let reason = workload["reason"].as_str().unwrap();
    assert!(reason.contains("on x86_64 it runs, on arm64 it fails"), "{reason}");

    // An image for both is all right on both.
    let both = on_ec2("amd64", json!({}));
    both.registry.push_index(
        "team/app:1",
        &[("linux/amd64", &good("amd64", X86_64)), ("linux/arm64", &good("arm64", ARM64))],
    );
    both.aws.container_instance(container_instance("demo", "0a", "x86_64"));
    both.aws.container_instance(container_instance("demo", "0b", "arm64"));
    assert_eq!(hosts(&both.workload(0)), ["x86_64 instance 1 runs", "arm64 instance 1 runs"]);

    // The definition decides between them.
    let decided = on_ec2("amd64", json!({"runtimePlatform": runtime_platform("ARM64")}));
    decided.aws.container_instance(container_instance("demo", "0a", "x86_64"));
    decided.aws.container_instance(container_instance("demo", "0b", "arm64"));
    let workload = decided.workload(8);
    assert_eq!(hosts(&workload), ["arm64 runtime-platform 1 fails"]);
    let title = finding(&workload, "wrong-architecture")["remedies"][0]["title"].as_str().unwrap();
    assert!(title.contains("the cluster has 1 active x86_64"), "{title}");
}

#[test]
fn the_machine_of_the_task_says() {
    let stage = on_ec2("arm64", json!({}));
    stage.aws.container_instance(container_instance("demo", "0a", "arm64"));
    stage.aws.container_instance(container_instance("demo", "0b", "x86_64"));
    let task = shapes::task("demo", "api", "t1", "api:1", "");
    let place = shapes::arn("container-instance/demo/0a");
    stage.aws.task(with(task, json!({"attributes": [], "launchType": "EC2", "containerInstanceArn": place})));
    assert_eq!(hosts(&stage.workload(0)), ["arm64 instance 1 runs"]);
}

#[test]
fn the_service_revision_overrides_the_definition() {
    let stage = stage("arm64", json!({"runtimePlatform": runtime_platform("X86_64")}), json!({}));
    let revision = shapes::service_revision("demo", "api", 1, "api:1", &[]);
    stage.aws.service_revision(shapes::overridden(revision, "ARM64"));
    assert_eq!(hosts(&stage.workload(0)), ["arm64 service-revision 1 runs"]);
}

#[test]
fn the_tasks_say_before_all_others() {
    let stage = stage("arm64", json!({"runtimePlatform": runtime_platform("X86_64")}), json!({}));
    stage.aws.task(shapes::task("demo", "api", "t1", "api:1", "arm64"));
    stage.aws.task(shapes::task("demo", "api", "t2", "api:1", "arm64"));
    assert_eq!(hosts(&stage.workload(0)), ["arm64 task 2 runs"]);
}

#[test]
fn sources_that_conflict() {
    let seen = stage("amd64", json!({}), json!({}));
    seen.aws.task(shapes::task("demo", "api", "t1", "api:1", "x86_64"));
    let revision = shapes::service_revision("demo", "api", 1, "api:1", &[]);
    seen.aws.service_revision(shapes::overridden(revision, "ARM64"));
    let workload = seen.workload(4);
    assert_eq!(hosts(&workload), ["x86_64 task 1 runs", "arm64 service-revision 1 fails"]);
    assert!(finding(&workload, "mixed-hosts").to_string().contains("sources conflict"), "{workload:#}");

    let no_machine = on_ec2("amd64", json!({"runtimePlatform": runtime_platform("ARM64")}));
    no_machine.aws.container_instance(container_instance("demo", "0a", "x86_64"));
    let workload = no_machine.workload(4);
    assert_eq!(hosts(&workload), ["x86_64 instance 1 runs", "arm64 runtime-platform 0 fails"]);
    assert!(found(&workload).contains(&"warning:no-capacity".into()), "{workload:#}");

    let platform = runtime_platform("X86_64");
    let constraint =
        on_ec2("amd64", json!({"runtimePlatform": platform, "placementConstraints": graviton()}));
    let workload = constraint.workload(4);
    assert_eq!(hosts(&workload), ["arm64 placement-constraint 0 fails", "x86_64 runtime-platform 0 runs"]);
}

#[test]
fn tasks_that_were_seen_on_both_kinds() {
    let stage = stage("amd64", json!({}), json!({}));
    stage.aws.task(shapes::task("demo", "api", "t1", "api:1", "x86_64"));
    stage.aws.task(shapes::task("demo", "api", "t2", "api:1", "arm64"));
    let workload = stage.workload(4);
    assert_eq!(hosts(&workload), ["x86_64 task 1 runs", "arm64 task 1 fails"]);
}

#[test]
fn the_default_strategy_of_the_cluster_names_the_machines() {
    let stage = Stage { aws: crate::double::Double::start(), registry: crate::registry::Registry::start() };
    let strategy = json!([{"capacityProvider": "graviton", "weight": 1, "base": 0}]);
    let cluster =
        json!({"capacityProviders": ["graviton", "intel"], "defaultCapacityProviderStrategy": strategy});
    stage.aws.cluster(with(shapes::cluster("demo"), cluster));
    stage.registry.push("team/app:1", &good("arm64", ARM64));
    let revision = shapes::task_definition("api", 1, json!([stage.container()]));
    stage.aws.task_definition(with(revision, json!({"requiresCompatibilities": ["EC2"]})));
    let mut service = with(shapes::service("demo", "api", "api:1"), json!({"schedulingStrategy": "DAEMON"}));
    service.as_object_mut().unwrap().remove("launchType");
    stage.aws.service(service);
    for (id, architecture, provider) in [("0a", "arm64", "graviton"), ("0b", "x86_64", "intel")] {
        stage.aws.capacity_provider(shapes::auto_scaling_provider(provider));
        let instance = container_instance("demo", id, architecture);
        stage.aws.container_instance(with(instance, json!({"capacityProviderName": provider})));
    }
    assert_eq!(hosts(&stage.workload(0)), ["arm64 instance 1 runs"]);
}

#[test]
fn windows_is_not_modelled_and_that_is_said() {
    let platform = json!({"cpuArchitecture": "X86_64", "operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"});
    let workload = stage("amd64", json!({"runtimePlatform": platform}), json!({})).workload(4);
    assert!(workload["reason"].as_str().unwrap().contains("WINDOWS_SERVER_2022_CORE"), "{workload:#}");
    assert_eq!(found(&workload)[0], "warning:cannot-tell", "{workload:#}");
}
