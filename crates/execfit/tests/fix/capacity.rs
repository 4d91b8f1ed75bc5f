//! What `fix` asks of AWS to know whether machines would take the tasks, and what it makes of the answers.

use crate::double::{Behaviour, Reply, shapes};
use crate::live::{Live, arm};
use serde_json::{Value, json};

const ASKED: [&str; 2] = ["DescribeAutoScalingGroups", "DescribeLaunchTemplateVersions"];

/// `demo/api` of an arm64 image, with these members in the service; on container instances in bridge mode, unless those
/// say Fargate.
fn live(members: Value) -> Live {
    let live = Live::empty();
    live.push("team/app:1", &arm());
    let container = shapes::container_definition("api", &live.stage.registry.name("team/app:1"));
    let definition = shapes::task_definition("api", 1, json!([container]));
    let of_ec2 = json!({"networkMode": "bridge", "requiresCompatibilities": ["EC2"]});
    let of_fargate = members["platformVersion"].is_string();
    let definition = if of_fargate { definition } else { shapes::with(definition, of_ec2) };
    live.stage.aws.task_definition(definition);
    live.stage.aws.service(shapes::with(shapes::service("demo", "api", "api:1"), members));
    live.crashed(1, "team/app:1", &arm().build().digest());
    live.stage.aws.behaves("api:1", Behaviour::wrong_format("/app"));
    live
}

fn on_instances() -> Live {
    let live = live(json!({"launchType": "EC2", "desiredCount": 2, "platformVersion": null}));
    machine(&live, "old", "x86_64", 100, json!({}));
    live
}

/// The service uses the capacity provider `graviton` and has no machine of it.
fn of_provider() -> Live {
    let strategy = json!([{"capacityProvider": "graviton", "weight": 1, "base": 0}]);
    let live = live(
        json!({"launchType": null, "capacityProviderStrategy": strategy, "desiredCount": 2, "platformVersion": null}),
    );
    live.stage.aws.capacity_provider(shapes::auto_scaling_provider("graviton"));
    machine(&live, "old", "x86_64", 100, json!({"capacityProviderName": "intel"}));
    live
}

/// A container instance with room for so many tasks.
fn machine(live: &Live, id: &str, architecture: &str, tasks: u64, members: Value) {
    let mut one = shapes::with(shapes::container_instance("demo", id, architecture), members);
    let resources = |tasks: u64| {
        json!([{"name": "CPU", "type": "INTEGER", "integerValue": 256 * tasks, "longValue": 0, "doubleValue": 0.0},
            {"name": "MEMORY", "type": "INTEGER", "integerValue": 512 * tasks, "longValue": 0, "doubleValue": 0.0}])
    };
    one["remainingResources"] = resources(tasks);
    one["registeredResources"] = resources(8);
    let attributes = one["attributes"].as_array_mut().unwrap();
    attributes.push(json!({"name": "com.amazonaws.ecs.capability.docker-remote-api.1.18"}));
    live.stage.aws.container_instance(one);
}

fn xml(body: &str) -> Reply {
    Reply::text(200, "text/xml", body)
}

/// The Auto Scaling group of the provider `graviton`, with room for so many machines.
fn group(live: &Live, most: u64) {
    let provider = shapes::auto_scaling_provider("graviton");
    let arn = provider["autoScalingGroupProvider"]["autoScalingGroupArn"].as_str().unwrap().to_string();
    let name = arn.rsplit('/').next().unwrap();
    let body = format!(
        "<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>\
         <AutoScalingGroupName>{name}</AutoScalingGroupName><MaxSize>{most}</MaxSize><DesiredCapacity>0</DesiredCapacity>\
         <LaunchTemplate><LaunchTemplateId>lt-1</LaunchTemplateId><Version>3</Version></LaunchTemplate>\
         </member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>"
    );
    live.stage.aws.on(ASKED[0], xml(&body));
}

fn template(live: &Live, kind: &str) {
    let body = format!(
        "<DescribeLaunchTemplateVersionsResponse><launchTemplateVersionSet><item><launchTemplateId>lt-1</launchTemplateId>\
         <versionNumber>3</versionNumber><launchTemplateData><instanceType>{kind}</instanceType><userData>c2VjcmV0</userData>\
         </launchTemplateData></item></launchTemplateVersionSet></DescribeLaunchTemplateVersionsResponse>"
    );
    live.stage.aws.on(ASKED[1], xml(&body));
}

fn count(live: &Live, operation: &str) -> usize {
    live.stage.aws.requests_for(operation).len()
}

#[test]
fn a_plan_tells_the_room_on_container_instances() {
    let live = on_instances();
    machine(&live, "a", "arm64", 2, json!({}));
    machine(&live, "b", "arm64", 9, json!({"status": "DRAINING"}));
    let plan = live.planned(0, "retarget", &[]);
    let told = "room for 2 tasks of 256 CPU units and 512 MiB on the 2 arm64 container instances of the cluster (2 needed); \
                1 take none: 1 DRAINING";
    assert_eq!(plan["plan"]["capacity"], json!([told]));
    assert_eq!((count(&live, "ListContainerInstances"), count(&live, "DescribeContainerInstances")), (1, 1));
    assert_eq!(count(&live, ASKED[0]), 0, "nothing that is not needed");
}

#[test]
fn without_room_it_is_refused_with_what_to_add() {
    let live = on_instances();
    machine(&live, "a", "arm64", 1, json!({}));
    machine(&live, "b", "arm64", 9, json!({"agentConnected": false}));
    let refused = live.planned(8, "retarget", &[])["passed_over"][0].clone();
    assert_eq!(refused["finding"], "no-capacity");
    assert!(
        refused["help"].to_string().contains("room for 1 more task of 256 CPU units and 512 MiB"),
        "{refused:#}"
    );
    let done = live.fix(&["demo/api", "--by", "retarget", "--yes"]);
    assert_eq!(done.code, 8, "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("an agent that is not connected"), "{}", done.stdout);
    assert_eq!(live.stage.aws.writes(), [""; 0]);
}

#[test]
fn what_may_not_be_listed_is_not_room() {
    let live = on_instances();
    live.stage.aws.on("DescribeContainerInstances", Reply::denied("ecs:DescribeContainerInstances"));
    let refused = live.planned(4, "retarget", &[])["passed_over"][0].clone();
    assert!(
        refused["help"].to_string().contains("allow the IAM action ecs:DescribeContainerInstances"),
        "{refused:#}"
    );
}

#[test]
fn a_capacity_provider_is_followed_to_its_machines() {
    let live = of_provider();
    group(&live, 3);
    template(&live, "t4g.small");
    let plan = live.planned(0, "retarget", &[]);
    let told = plan["plan"]["capacity"].to_string();
    assert!(told.contains("may start 3 more machines of t4g.small"), "{told}");
    assert!(plan["plan"]["warnings"].to_string().contains("it cannot be told whether"), "{plan:#}");
    assert_eq!((count(&live, ASKED[0]), count(&live, ASKED[1])), (1, 1), "each is asked once");
    let kept = plan.to_string();
    assert!(!kept.contains("c2VjcmV0"), "{kept}");
}

#[test]
fn a_machine_of_the_same_type_tells_what_fits() {
    let live = of_provider();
    group(&live, 3);
    template(&live, "t4g.small");
    machine(&live, "a", "arm64", 0, json!({"capacityProviderName": "graviton"}));
    let plan = live.planned(0, "retarget", &[]);
    let told = plan["plan"]["capacity"].to_string();
    assert!(told.contains("may start 3 more machines of t4g.small, each with room for 2 tasks"), "{told}");
}

#[test]
fn a_group_of_the_wrong_kind_or_at_its_end_brings_nothing() {
    for (most, kind, words) in
        [(3, "t3.small", "starts no arm64 machines"), (0, "t4g.small", "at its maximum size")]
    {
        let live = of_provider();
        group(&live, most);
        template(&live, kind);
        let refused = live.planned(8, "retarget", &[])["passed_over"][0].clone();
        assert_eq!(refused["finding"], "no-capacity", "{refused:#}");
        assert!(refused["capacity"].to_string().contains(words), "{refused:#}");
    }
}

#[test]
fn a_missing_permission_is_named_and_assumes_nothing() {
    let denied = |action: &str| {
        let message = format!("User: u is not authorized to perform: {action} on resource: *");
        let body = format!(
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>{message}</Message></Error></ErrorResponse>"
        );
        Reply::text(403, "text/xml", &body)
    };
    for (operation, action) in [
        (ASKED[0], "autoscaling:DescribeAutoScalingGroups"),
        (ASKED[1], "ec2:DescribeLaunchTemplateVersions"),
    ] {
        let live = of_provider();
        group(&live, 3);
        template(&live, "t4g.small");
        live.stage.aws.on(operation, denied(action));
        let refused = live.planned(4, "retarget", &[])["passed_over"][0].clone();
        assert!(
            refused["help"].to_string().contains(&format!("allow the IAM action {action}")),
            "{refused:#}"
        );
        assert_eq!(count(&live, operation), 1);
    }
}

#[test]
fn what_is_throttled_is_no_missing_permission() {
    let live = of_provider();
    live.stage.aws.on(
        ASKED[0],
        Reply::text(503, "text/xml", "<ErrorResponse><Error><Code>Throttling</Code></Error></ErrorResponse>"),
    );
    let refused = live.planned(4, "retarget", &[])["passed_over"][0]["help"].to_string();
    assert!(
        refused.contains("run it again: autoscaling:DescribeAutoScalingGroups gave no answer"),
        "{refused}"
    );
}

#[test]
fn managed_instances_by_what_their_requirements_allow() {
    for (allowed, code) in [("m7g.*", 0), ("m7i.*", 8)] {
        let strategy = json!([{"capacityProvider": "mi", "weight": 1, "base": 0}]);
        let live =
            live(json!({"launchType": null, "capacityProviderStrategy": strategy, "platformVersion": null}));
        live.stage.aws.capacity_provider(shapes::managed_instances_provider("demo", "mi", &[allowed]));
        let task = shapes::task("demo", "api", "t2", "api:1", "x86_64");
        live.stage.aws.task(task);
        let answer = live.planned(code, "retarget", &[]);
        assert!(answer.to_string().contains("the capacity provider mi"), "{answer:#}");
    }
}

#[test]
fn a_platform_version_that_is_too_old_is_raised() {
    let live = live(json!({"platformVersion": "1.3.0"}));
    let fixed = live.fixed(0, &["--by", "retarget"]);
    assert_eq!(fixed["outcome"]["ending"], "proven", "{fixed:#}");
    let sent = live.stage.aws.requests_for("UpdateService").remove(0).body;
    assert_eq!(sent["platformVersion"], "1.4.0", "{sent}");
}
