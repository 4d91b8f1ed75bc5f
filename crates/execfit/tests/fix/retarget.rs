//! What `retarget` asks of AWS, what it plans from it, and what becomes of that.

use crate::double::{Behaviour, Reply, shapes};
use crate::live::{Live, arm, intel};
use crate::registry::X86_64;
use crate::stage::good;
use serde_json::{Value, json};

/// `demo/api` of an arm64 image on Fargate, with these members in the service.
fn live(members: Value) -> Live {
    let live = Live::empty();
    live.push("team/app:1", &arm());
    let container = shapes::container_definition("api", &live.stage.registry.name("team/app:1"));
    live.stage.define(1, json!([container]));
    live.stage.aws.service(shapes::with(shapes::service("demo", "api", "api:1"), members));
    live.crashed(1, "team/app:1", &arm().build().digest());
    live.stage.aws.behaves("api:1", Behaviour::wrong_format("/app"));
    live
}

/// The same as a service of ECS Express.
fn express() -> Live {
    let live = live(json!({"resourceManagementType": "ECS"}));
    let image = live.stage.registry.name("team/app:1");
    live.stage.aws.express_service(shapes::express_service("demo", "api", &image, "X86_64"));
    live
}

#[test]
fn a_plan_asks_for_nothing_but_what_a_diagnosis_rests_on() {
    let live = live(json!({}));
    live.stage.service(8);
    let diagnosed = live.stage.aws.asked();
    let plan = live.planned(0, "retarget", &[]);
    let edits = json!([
        {"path": "/runtimePlatform/cpuArchitecture", "after": "ARM64"},
        {"path": "/runtimePlatform/operatingSystemFamily", "after": "LINUX"},
    ]);
    assert_eq!(plan["plan"]["steps"][0]["edits"], edits);
    let asked = live.stage.aws.asked().split_off(diagnosed.len());
    // Who else uses the family is asked only where a revision is to be registered.
    let others = ["ListClusters", "ListServices", "ListRuleNamesByTarget", "GET /schedules?MaxResults=100"];
    let new: Vec<&String> = asked.iter().filter(|one| !diagnosed.contains(one)).collect();
    assert!(new.iter().all(|one| others.contains(&&one[..])), "{new:?}");
}

#[test]
fn a_service_of_ecs_express_is_updated_as_one() {
    let live = express();
    live.stage.service(8);
    assert!(live.stage.aws.requests_for("DescribeExpressGatewayService").is_empty());
    let plan = live.planned(0, "retarget", &[]);
    assert_eq!(live.stage.aws.requests_for("DescribeExpressGatewayService").len(), 1);
    let steps = plan["plan"]["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 1, "{steps:#?}");
    assert_eq!(steps[0]["action"], "UpdateExpressGatewayService");
    let edits = json!([{"path": "/cpuArchitecture", "before": "X86_64", "after": "ARM64"}]);
    assert_eq!(steps[0]["edits"], edits);
}

#[test]
fn an_express_service_that_may_not_be_described_is_left_alone() {
    let live = express();
    let denied = "User: arn:aws:iam::111122223333:user/double is not authorized to perform: ecs:DescribeExpressGatewayService";
    live.stage.aws.on("DescribeExpressGatewayService", Reply::error(400, "AccessDeniedException", denied));
    let refused = live.planned(4, "retarget", &[])["passed_over"][0].to_string();
    assert!(refused.contains("ecs:DescribeExpressGatewayService"), "{refused}");
}

#[test]
fn a_sidecar_that_cannot_follow_is_named() {
    let live = Live::empty();
    live.push("team/app:1", &arm()).push("team/agent:1", &good("amd64", X86_64));
    let name = |image| live.stage.registry.name(image);
    let agent = json!({"name": "agent", "image": name("team/agent:1"), "essential": false});
    let api = shapes::container_definition("api", &name("team/app:1"));
    live.stage.define(1, json!([api, agent]));
    live.serve(1);
    let answer = live.planned(8, "retarget", &[]);
    let refused = answer["passed_over"][0]["reasons"].to_string();
    assert!(refused.contains("container agent: ") && !refused.contains("container api: "), "{refused}");
    assert!(answer["passed_over"][0]["capacity"].is_array(), "{answer:#}");
}

#[test]
fn the_tag_is_resolved_anew_for_the_plan() {
    let live = live(json!({}));
    live.push("team/app:1", &intel());
    let refused = live.planned(8, "retarget", &[])["passed_over"][0]["reasons"].to_string();
    assert!(refused.contains("container api: ") && refused.contains("the host is arm64"), "{refused}");
}

#[test]
fn it_runs_on_the_other_architecture_and_is_proven() {
    let live = live(json!({}));
    let before = live.stage.aws.definition_now("api:1")["taskDefinition"].clone();
    let fixed = live.fixed(0, &["--by", "retarget"]);
    assert_eq!(fixed["outcome"]["ending"], "proven", "{fixed:#}");
    assert_eq!(live.deployed(), "api:2");
    assert_eq!(live.stage.aws.writes(), ["RegisterTaskDefinition", "UpdateService"]);
    let sent = live.stage.aws.requests_for("RegisterTaskDefinition").remove(0).body;
    assert_eq!(sent["runtimePlatform"], shapes::runtime_platform("ARM64"));
    for member in
        ["family", "containerDefinitions", "cpu", "memory", "networkMode", "requiresCompatibilities"]
    {
        assert_eq!(sent[member], before[member], "{member}");
    }
}

#[test]
fn an_express_service_goes_to_the_other_architecture_and_is_proven() {
    let live = express();
    let fixed = live.fixed(0, &["--by", "retarget"]);
    assert_eq!(fixed["outcome"]["ending"], "proven", "{fixed:#}");
    assert_eq!(live.stage.aws.writes(), ["UpdateExpressGatewayService"]);
    let sent = live.stage.aws.requests_for("UpdateExpressGatewayService").remove(0).body;
    assert_eq!(sent, json!({"serviceArn": shapes::arn("service/demo/api"), "cpuArchitecture": "ARM64"}));
}

fn member_of(architecture: &str) -> Value {
    json!([{"type": "memberOf", "expression": format!("attribute:ecs.cpu-architecture == {architecture}")}])
}

/// `demo/api` on two container instances, one of each kind, kept on the one for x86_64 by a constraint of the service.
fn constrained() -> Live {
    let live = Live::empty();
    live.push("team/app:1", &arm());
    let container = shapes::container_definition("api", &live.stage.registry.name("team/app:1"));
    let definition = shapes::task_definition("api", 1, json!([container]));
    let on_ec2 = json!({"requiresCompatibilities": ["EC2"], "networkMode": "bridge", "requiresAttributes": [], "runtimePlatform": shapes::runtime_platform("X86_64")});
    live.stage.aws.task_definition(shapes::with(definition, on_ec2));
    let left = |name: &str, value: u32| json!({"name": name, "type": "INTEGER", "integerValue": value});
    let ports = json!({"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22"]});
    for (id, architecture) in [("0a", "x86_64"), ("0b", "arm64")] {
        let resources = json!({"remainingResources": [left("CPU", 2048), left("MEMORY", 4096), ports]});
        let instance = shapes::container_instance("demo", id, architecture);
        live.stage.aws.container_instance(shapes::with(instance, resources));
    }
    let kept = json!({"launchType": "EC2", "placementConstraints": member_of("x86_64")});
    live.stage.aws.service(shapes::with(shapes::service("demo", "api", "api:1"), kept));
    live.crashed(1, "team/app:1", &arm().build().digest());
    live.stage.aws.behaves("api:1", Behaviour::wrong_format("/app"));
    live
}

#[test]
fn a_constraint_of_the_service_goes_along_and_comes_back() {
    let live = constrained();
    let fixed = live.fixed(0, &["--by", "retarget"]);
    assert_eq!(fixed["outcome"]["ending"], "proven", "{fixed:#}");
    let sent = live.stage.aws.requests_for("UpdateService").remove(0).body;
    assert_eq!(sent["placementConstraints"], member_of("arm64"));

    let live = constrained();
    live.stage.aws.behaves("api:2", Behaviour::wrong_format("/app"));
    let undone = live.fixed(8, &["--by", "retarget"]);
    assert_eq!(undone["outcome"]["ending"], "rolled-back", "{undone:#}");
    let service = live.stage.aws.service_now("demo", "api");
    assert_eq!(service["placementConstraints"], member_of("x86_64"));
    assert_eq!(live.deployed(), "api:1");
}
