//! That the double keeps what is written to it as the official API model and the guides say.

use crate::double::{Behaviour, Double, shapes};
use crate::live::{Live, arm, intel};
use serde_json::{Value, json};

fn ask(aws: &Double, operation: &str, body: Value) -> Value {
    let (status, answer) = aws.ask(operation, &body);
    assert_eq!(status, 200, "{operation}: {answer}");
    answer
}

/// The error's code.
fn refused(aws: &Double, operation: &str, body: Value) -> String {
    let (status, answer) = aws.ask(operation, &body);
    assert_eq!(status, 400, "{operation}: {answer}");
    answer["__type"].as_str().unwrap().rsplit('#').next().unwrap().to_owned()
}

fn service(live: &Live) -> Value {
    ask(&live.stage.aws, "DescribeServices", json!({"cluster": "demo", "services": ["api"]}))["services"][0]
        .clone()
}

#[test]
fn a_revision_is_kept_whole_with_its_tags() {
    let live = Live::broken();
    let aws = &live.stage.aws;
    let containers = json!([{"name": "api", "image": "a:1", "aNew": {"deep": [1.5]}}]);
    let tags = json!([{"key": "team", "value": "a"}]);
    let body = json!({"family": "api", "containerDefinitions": containers, "aNewOne": "x", "tags": tags});
    let registered = ask(aws, "RegisterTaskDefinition", body);
    assert_eq!(registered["taskDefinition"]["taskDefinitionArn"], shapes::arn("task-definition/api:3"));
    let described = |include: Value| {
        let body = json!({"taskDefinition": "api", "include": include});
        ask(aws, "DescribeTaskDefinition", body)
    };
    assert_eq!(described(json!(["TAGS"]))["tags"], tags);
    assert_eq!(described(json!([]))["tags"], json!([]));
    let kept = &described(Value::Null)["taskDefinition"];
    assert_eq!(
        (&kept["containerDefinitions"], &kept["aNewOne"], &kept["revision"]),
        (&containers, &json!("x"), &json!(3))
    );
    ask(aws, "DeregisterTaskDefinition", json!({"taskDefinition": "api:3"}));
    assert_eq!(described(Value::Null)["taskDefinition"]["revision"], 2, "the newest that is active");
    assert_eq!(
        refused(aws, "DeregisterTaskDefinition", json!({"taskDefinition": "api:3"})),
        "ClientException"
    );
}

#[test]
fn a_revision_is_refused_where_aws_refuses_it() {
    let live = Live::broken();
    let good = json!({"family": "api", "containerDefinitions": [{"name": "api", "image": "a:1"}]});
    for (members, error) in [
        (json!({"tags": []}), "InvalidParameterException"),
        (json!({"tags": [{"key": "aws:cdk:path", "value": "x"}]}), "InvalidParameterException"),
        (json!({"revision": 7}), "InvalidParameterException"),
        (json!({"runtimePlatform": {"cpuArchitecture": "arm64"}}), "InvalidParameterException"),
        (json!({"requiresCompatibilities": ["FARGATE"], "cpu": "256"}), "ClientException"),
        (json!({"family": ""}), "ClientException"),
        (json!({"containerDefinitions": []}), "ClientException"),
    ] {
        let body = shapes::with(good.clone(), members.clone());
        assert_eq!(refused(&live.stage.aws, "RegisterTaskDefinition", body), error, "{members}");
    }
}

#[test]
fn a_deployment_goes_on_until_the_old_one_is_drained() {
    let live = Live::broken();
    let aws = &live.stage.aws;
    let update = json!({"cluster": "demo", "service": "api", "taskDefinition": "api:1"});
    let updated = ask(aws, "UpdateService", update);
    let states: Vec<&Value> =
        updated["service"]["deployments"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(states, ["PRIMARY", "ACTIVE"]);
    let seen: Vec<Value> = (0..4)
        .map(|_| {
            let service = service(&live);
            let newest = &service["deployments"][0];
            let count = service["deployments"].as_array().unwrap().len();
            json!([newest["pendingCount"], newest["runningCount"], newest["rolloutState"], count])
        })
        .collect();
    let expected = json!([
        [1, 0, "IN_PROGRESS", 2],
        [0, 1, "IN_PROGRESS", 2],
        [0, 1, "COMPLETED", 1],
        [0, 1, "COMPLETED", 1]
    ]);
    assert_eq!(json!(seen), expected);
    let listed = ask(aws, "ListTasks", json!({"cluster": "demo", "serviceName": "api"}));
    let tasks = ask(aws, "DescribeTasks", json!({"cluster": "demo", "tasks": listed["taskArns"]}));
    let container = &tasks["tasks"][0]["containers"][0];
    assert_eq!(container["imageDigest"], intel().build().digest());
    assert_eq!(tasks["tasks"][0]["startedBy"], service(&live)["deployments"][0]["id"]);
    let listed = ask(aws, "ListServiceDeployments", json!({"cluster": "demo", "service": "api"}));
    assert_eq!(listed["serviceDeployments"][0]["status"], "SUCCESSFUL");
}

#[test]
fn what_dies_is_replaced_until_the_circuit_breaker_goes_back() {
    let live = Live::broken();
    let aws = &live.stage.aws;
    aws.change(|world| {
        world.deploy("demo", "api", "api:1");
        let breaker = json!({"enable": true, "rollback": true});
        world.service("demo", "api")["deploymentConfiguration"]["deploymentCircuitBreaker"] = breaker;
    });
    (0..3).for_each(|_| drop(service(&live)));
    aws.change(|world| world.deploy("demo", "api", "api:2"));
    let ends = |service: &Value| service["deployments"][0]["rolloutState"] == "COMPLETED";
    let last = (0..30).map(|_| service(&live)).find(ends).expect("it comes to an end");
    assert_eq!(last["taskDefinition"], shapes::arn("task-definition/api:1"));
    let stopped =
        ask(aws, "ListTasks", json!({"cluster": "demo", "serviceName": "api", "desiredStatus": "STOPPED"}));
    let tasks = ask(aws, "DescribeTasks", json!({"cluster": "demo", "tasks": stopped["taskArns"]}));
    let died = tasks["tasks"].as_array().unwrap().iter().filter(|task| {
        task["taskDefinitionArn"] == shapes::arn("task-definition/api:2")
            && task["taskArn"] != shapes::arn("task/demo/t1")
    });
    let died: Vec<&Value> = died.collect();
    assert_eq!(died.len(), 3);
    let id = shapes::short(died[0]["taskArn"].as_str().unwrap());
    let log = json!({"logGroupName": "/ecs/api", "logStreamName": format!("ecs/api/{id}")});
    assert_eq!(ask(aws, "GetLogEvents", log)["events"][0]["message"], crate::live::LINE);
    assert_eq!(died[0]["containers"][0]["imageDigest"], arm().build().digest());
    let deployments = aws.change(|world| world.service_deployments_of("api"));
    assert_eq!(deployments[0]["status"], "ROLLBACK_SUCCESSFUL");
}

#[test]
fn a_deployment_that_is_stopped_goes_back() {
    let live = Live::broken();
    let aws = &live.stage.aws;
    aws.change(|world| world.deploy("demo", "api", "api:1"));
    (0..3).for_each(|_| drop(service(&live)));
    aws.behaves("api:2", Behaviour::StaysPending).change(|world| world.deploy("demo", "api", "api:2"));
    let deployment = service(&live)["currentServiceDeployment"].clone();
    let stop = json!({"serviceDeploymentArn": deployment, "stopType": "ROLLBACK"});
    ask(aws, "StopServiceDeployment", stop.clone());
    assert_eq!(refused(aws, "StopServiceDeployment", stop), "ConflictException");
    (0..3).for_each(|_| drop(service(&live)));
    assert_eq!(
        (live.deployed(), &service(&live)["deployments"][0]["rolloutState"]),
        ("api:1".into(), &json!("COMPLETED"))
    );
}

#[test]
fn a_service_is_not_updated_where_aws_refuses_it() {
    let live = Live::broken();
    let aws = &live.stage.aws;
    let update = |members: Value| {
        let body = shapes::with(json!({"cluster": "demo", "service": "api"}), members);
        refused(aws, "UpdateService", body)
    };
    assert_eq!(update(json!({"service": "other"})), "ServiceNotFoundException");
    assert_eq!(update(json!({"taskDefinition": "api:9"})), "ClientException");
    assert_eq!(update(json!({"cpuArchitecture": "ARM64"})), "InvalidParameterException");
    ask(aws, "DeregisterTaskDefinition", json!({"taskDefinition": "api:1"}));
    assert_eq!(update(json!({"taskDefinition": "api:1"})), "ClientException");
    for controller in ["CODE_DEPLOY", "EXTERNAL"] {
        aws.change(|world| world.service("demo", "api")["deploymentController"]["type"] = json!(controller));
        assert_eq!(update(json!({"taskDefinition": "api:2"})), "InvalidParameterException");
    }
    aws.change(|world| world.service("demo", "api")["status"] = json!("INACTIVE"));
    assert_eq!(update(json!({"taskDefinition": "api:2"})), "ServiceNotActiveException");
}

#[test]
fn an_express_service_makes_its_own_revisions() {
    let live = Live::broken();
    let aws = &live.stage.aws;
    aws.express_service(shapes::express_service("demo", "api", "a:1", "X86_64"));
    let arn = shapes::arn("service/demo/api");
    let update = json!({"serviceArn": arn, "cpuArchitecture": "ARM64"});
    let updated = ask(aws, "UpdateExpressGatewayService", update);
    assert_eq!(updated["service"]["targetConfiguration"]["cpuArchitecture"], "ARM64");
    assert_eq!(live.deployed(), "api:3");
    assert_eq!(aws.definition_now("api:3")["taskDefinition"]["runtimePlatform"]["cpuArchitecture"], "ARM64");
    (0..3).for_each(|_| drop(service(&live)));
    let described = ask(aws, "DescribeExpressGatewayService", json!({"serviceArn": arn}));
    let active = described["service"]["activeConfigurations"].as_array().unwrap();
    assert_eq!((active.len(), &active[0]["cpuArchitecture"]), (1, &json!("ARM64")));
}
