//! What is said of the machines, sentence by sentence.

use super::capacity;
use crate::case::Need;
use crate::fixture::{ARM64, Picture, Room, elf};
use crate::plan::Setting;
use crate::report::Pending;
use crate::target::TargetKind;
use execfit_kernel::host::Architecture;
use insta::assert_snapshot;
use serde_json::{Value, json};

fn room(service: Value) -> Room {
    Room::unseen().image("app:1", Picture::of_app("arm64", &elf(ARM64))).service(service)
}

/// On container instances, three tasks of 256 CPU units and 512 MiB.
fn of_instances(service: Value) -> Room {
    let room = room(json!({"launchType": "EC2", "desiredCount": 3})).service(service);
    room.container(json!({"cpu": 256, "memory": 1024, "memoryReservation": 512}))
}

/// Of the capacity provider `graviton`, with the Auto Scaling group `g`.
fn of_provider(provider: Value) -> Room {
    let strategy = json!({"launchType": null, "capacityProviderStrategy": [{"capacityProvider": "graviton", "weight": 1}]});
    let group = "arn:aws:autoscaling:eu-west-1:111122223333:autoScalingGroup:uuid:autoScalingGroupName/g";
    let mut whole = json!({"name": "graviton", "status": "ACTIVE",
        "autoScalingGroupProvider": {"autoScalingGroupArn": group, "managedScaling": {"status": "ENABLED"}}});
    whole.as_object_mut().unwrap().extend(provider.as_object().unwrap().clone());
    of_instances(strategy).document(json!({"capacityProviders": [whole]}))
}

fn group(members: Value) -> Value {
    let mut group = json!({"AutoScalingGroupName": "g", "MinSize": 0, "MaxSize": 5, "DesiredCapacity": 1,
        "Instances": [{"InstanceType": "m7g.large"}], "LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "4"}});
    group.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!({"AutoScalingGroups": [group]})
}

fn template(instance_type: &str) -> Value {
    json!({"LaunchTemplateVersions": [{"LaunchTemplateId": "lt-1", "VersionNumber": 4,
        "LaunchTemplateData": {"InstanceType": instance_type}}]})
}

/// What a machine has left, and with how much it registered.
fn resources(cpu: u64, memory: u64, ports: &[&str]) -> Value {
    let list = |cpu: u64, memory: u64| {
        json!([{"name": "CPU", "type": "INTEGER", "integerValue": cpu},
            {"name": "MEMORY", "type": "INTEGER", "integerValue": memory},
            {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ports},
            {"name": "PORTS_UDP", "type": "STRINGSET", "stringSetValue": []}])
    };
    json!({"agentConnected": true, "remainingResources": list(cpu, memory), "registeredResources": list(2048, 3800)})
}

fn with(mut one: Value, more: Value) -> Value {
    one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    one
}

/// The answer for arm64: AWS's answers are the documents that were put.
fn told(room: Room) -> String {
    told_of(room, Architecture::Arm64)
}

fn told_of(mut room: Room, host: Architecture) -> String {
    let (mut case, _) = room.ask();
    let mut asked = Vec::new();
    for _ in 0..10 {
        match Setting::with(&case, |setting| capacity(setting, host)) {
            Ok(found) => {
                let there = found.there.map_or("unknown".into(), |there| there.to_string());
                let growth = if found.by_growth { ", by growth" } else { "" };
                let list = |word: &str, lines: &[String]| {
                    lines.iter().map(|line| format!("  {word}: {line}\n")).collect::<String>()
                };
                let edits: Vec<String> = found.edits.iter().map(|edit| format!("{edit:?}")).collect();
                return format!("there: {there}{growth}\n")
                    + &list("asked", &asked)
                    + &list("told", &found.told)
                    + &list("add", &found.add)
                    + &list("edit", &edits);
            }
            Err(Pending::Needs(needs)) => {
                for need in needs {
                    let Need::Aws(question) = need else { panic!("{need:?}") };
                    asked.push(serde_json::to_string(&question).unwrap());
                    assert!(case.asked.insert(question), "it is asked twice");
                }
            }
            Err(Pending::Nothing(nothing)) => panic!("{nothing}"),
        }
    }
    panic!("the questions do not end")
}

#[test]
fn fargate_brings_them() {
    assert_snapshot!(told(room(json!({"platformVersion": "LATEST"}))), @"
    there: true
      told: Fargate brings arm64 machines
    ");
    assert_snapshot!(told(room(json!({"platformVersion": "1.3.0"}))), @r#"
    there: true
      told: Fargate brings arm64 machines from platform version 1.4.0 on, and the service pins 1.3.0: it is raised to 1.4.0, where containerd runs the containers in place of Docker Engine
      edit: Edit { path: "/platformVersion", before: Some(String("1.3.0")), after: Some(String("1.4.0")) }
    "#);
    assert_snapshot!(told_of(room(json!({"platformVersion": "1.3.0"})), Architecture::X86_64), @"
    there: true
      told: Fargate brings x86_64 machines
    ");
    let spot = json!({"launchType": null, "platformVersion": "1.2.0", "serviceArn": "arn:aws:ecs:us-gov-west-1:1:service/demo/api",
        "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}, {"capacityProvider": "FARGATE", "base": 1}]});
    assert_snapshot!(told(room(spot.clone())), @r#"
    there: true
      told: Fargate brings arm64 machines from platform version 1.4.0 on, and the service pins 1.2.0: it is raised to 1.4.0, where containerd runs the containers in place of Docker Engine
      told: in June 2023 AWS listed us-gov-west-1 among the regions where Fargate has no ARM64: see that it has by now
      edit: Edit { path: "/platformVersion", before: Some(String("1.2.0")), after: Some(String("1.4.0")) }
    "#);
    assert_snapshot!(told_of(room(spot), Architecture::X86_64), @"
    there: true
      told: Fargate brings x86_64 machines
    ");
    assert_snapshot!(told(room(json!({"platformVersion": "tomorrow"}))), @"
    there: unknown
      told: Fargate: it is not known whether platform version tomorrow has arm64 machines
    ");
}

#[test]
fn machines_are_counted_with_their_room() {
    let large = resources(2048, 1100, &["22"]);
    assert_snapshot!(told(of_instances(json!({})).instances("arm64", 2, large.clone())), @"
    there: true
      told: room for 4 tasks of 256 CPU units and 512 MiB on the 2 arm64 container instances of the cluster (3 needed)
    ");
    assert_snapshot!(told(of_instances(json!({})).instances("arm64", 1, large.clone()).instances("x86_64", 4, large.clone())), @"
    there: false
      told: room for 2 tasks of 256 CPU units and 512 MiB on the 1 arm64 container instance of the cluster (3 needed)
      add: add arm64 container instances with room for 1 more task of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, or a capacity provider with managed scaling
    ");
    assert_snapshot!(told(of_instances(json!({})).instances("x86_64", 4, large.clone())), @"
    there: false
      told: the cluster has no arm64 container instance, but 4 of other architectures (3 tasks to place)
      add: add arm64 container instances with room for 3 more tasks of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, or a capacity provider with managed scaling
    ");
    assert_snapshot!(told(of_instances(json!({"desiredCount": 0}))), @"
    there: true
      told: the service's desired count is 0: no machine is needed until it is raised
    ");
    let many = of_instances(
        json!({"deploymentConfiguration": {"minimumHealthyPercent": 100, "maximumPercent": 100}}),
    )
    .instances("arm64", 1, with(large.clone(), json!({"containerInstanceArn": "a", "status": "DRAINING"})))
    .instances("arm64", 1, with(large.clone(), json!({"containerInstanceArn": "b", "agentConnected": false})))
    .instances("arm64", 1, with(resources(100, 9000, &[]), json!({"containerInstanceArn": "c"})))
    .instances("arm64", 1, with(resources(2048, 128, &[]), json!({"containerInstanceArn": "d"})))
    .instances("arm64", 1, with(resources(2048, 256, &[]), json!({"containerInstanceArn": "e"})));
    assert_snapshot!(told(many), @"
    there: false
      told: no room for a task of 256 CPU units and 512 MiB on the 5 arm64 container instances of the cluster (3 needed): 1 DRAINING, 1 with an agent that is not connected, 1 with 100 CPU units left of 256, 2 with at most 256 MiB left of 512
      told: minimumHealthyPercent 100 and maximumPercent 100 let ECS start no new task while 3 healthy ones run: the deployment goes on only as old tasks fail
      add: add arm64 container instances with room for 3 more tasks of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, or a capacity provider with managed scaling
    ");
}

#[test]
fn what_a_machine_does_not_tell_is_not_room() {
    assert_snapshot!(told(of_instances(json!({})).instances("arm64", 3, json!({}))), @"
    there: unknown
      told: no room is known for a task of 256 CPU units and 512 MiB on the 3 arm64 container instances of the cluster (3 needed): 3 that do not tell their CPU
      add: add arm64 container instances with room for 3 more tasks of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, or a capacity provider with managed scaling
    ");
    assert_snapshot!(told(of_instances(json!({})).refusal("ecs:DescribeContainerInstances", false)), @"
    there: unknown
      told: the cluster has no arm64 container instance that is known (3 tasks to place)
      told: not all container instances are known: ecs:DescribeContainerInstances is denied
      add: allow the IAM action ecs:DescribeContainerInstances, so that it can be told
    ");
    let by_default = of_instances(json!({"launchType": null})).refusal("ecs:DescribeClusters", false);
    assert_snapshot!(told(by_default), @"
    there: unknown
      told: the cluster has no arm64 container instance that is known (3 tasks to place)
      told: the cluster's default capacity provider strategy is not known: ecs:DescribeClusters is denied
      add: allow the IAM action ecs:DescribeClusters, so that it can be told
    ");
    let hostile = json!({"remainingResources": [{"name": "CPU", "integerValue": -5}, 7, {"name": "MEMORY", "longValue": 1e300}]});
    assert_snapshot!(told(of_instances(json!({})).instances("arm64", 1, hostile)), @"
    there: false
      told: no room for a task of 256 CPU units and 512 MiB on the 1 arm64 container instance of the cluster (3 needed): 1 with 0 CPU units left of 256
      add: add arm64 container instances with room for 3 more tasks of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, or a capacity provider with managed scaling
    ");
}

#[test]
fn ports_constraints_and_attributes_keep_tasks_out() {
    let large = resources(2048, 3800, &["22", "8080"]);
    let port = |host: u64| json!({"portMappings": [{"containerPort": 80, "hostPort": host}]});
    let two = || of_instances(json!({"desiredCount": 2})).instances("arm64", 2, large.clone());
    assert_snapshot!(told(two().container(port(8080))), @"
    there: false
      told: no room for a task of 256 CPU units and 512 MiB on the 2 arm64 container instances of the cluster (2 needed): 2 with port 8080 taken
      add: add arm64 container instances with room for 2 more tasks of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, or a capacity provider with managed scaling
    ");
    assert_snapshot!(told(two().container(port(9090))), @"
    there: true
      told: room for 2 tasks of 256 CPU units and 512 MiB on the 2 arm64 container instances of the cluster (2 needed)
    ");
    assert_snapshot!(told(two().container(port(0))), @"
    there: true
      told: room for 14 tasks of 256 CPU units and 512 MiB on the 2 arm64 container instances of the cluster (2 needed)
    ");
    let constraint =
        |expression: &str| json!({"placementConstraints": [{"type": "memberOf", "expression": expression}]});
    assert_snapshot!(told(two().service(constraint("attribute:ecs.cpu-architecture == x86_64"))), @"
    there: true
      told: room for 14 tasks of 256 CPU units and 512 MiB on the 2 arm64 container instances of the cluster (2 needed)
    ");
    assert_snapshot!(told(two().service(constraint("attribute:rack == 1"))), @"
    there: false
      told: no room for a task of 256 CPU units and 512 MiB on the 2 arm64 container instances of the cluster (2 needed): 2 kept out by the placement constraint `attribute:rack == 1`
      add: add arm64 container instances with room for 2 more tasks of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, or a capacity provider with managed scaling
    ");
    assert_snapshot!(told(two().service(constraint("agentVersion >= 1.5"))), @"
    there: unknown
      told: no room is known for a task of 256 CPU units and 512 MiB on the 2 arm64 container instances of the cluster (2 needed): 2 that do not tell whether `agentVersion >= 1.5` admits them
      add: add arm64 container instances with room for 2 more tasks of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, or a capacity provider with managed scaling
    ");
    let distinct = json!({"placementConstraints": [{"type": "distinctInstance"}], "desiredCount": 3});
    assert_snapshot!(told(two().service(distinct)), @"
    there: false
      told: room for 2 tasks of 256 CPU units and 512 MiB on the 2 arm64 container instances of the cluster (3 needed)
      add: add arm64 container instances with room for 1 more task of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, or a capacity provider with managed scaling
    ");
    assert_snapshot!(told(two().definition(json!({"networkMode": "awsvpc", "requiresAttributes": [{"name": "ecs.capability.task-eni"}]}))), @"
    there: false
      told: no room for a task of 256 CPU units and 512 MiB on the 2 arm64 container instances of the cluster (2 needed): 2 without the attribute ecs.capability.task-eni
      add: add arm64 container instances with room for 2 more tasks of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, or a capacity provider with managed scaling
    ");
    assert_snapshot!(told(two().definition(json!({"networkMode": "awsvpc", "cpu": "512", "memory": "1024"}))), @"
    there: true
      told: room for 6 tasks of 512 CPU units and 1024 MiB on the 2 arm64 container instances of the cluster (2 needed)
      told: the network interfaces that awsvpc takes on each instance are not counted
    ");
}

#[test]
fn daemons_and_ecs_anywhere() {
    let large = resources(2048, 3800, &[]);
    let daemon = || of_instances(json!({"schedulingStrategy": "DAEMON"}));
    assert_snapshot!(told(daemon().instances("arm64", 2, large.clone())), @"
    there: true
      told: DAEMON: 2 of 2 arm64 container instances take a task
    ");
    assert_snapshot!(told(daemon().instances("arm64", 2, large.clone()).instances("x86_64", 1, large.clone())), @"
    there: unknown
      told: DAEMON: 2 of 2 arm64 container instances take a task
      told: DAEMON: it is not known whether ECS keeps arm64 tasks from the 1 machine of another architecture
      add: a placement constraint `attribute:ecs.cpu-architecture == arm64` on the service
    ");
    let external = || of_instances(json!({"launchType": "EXTERNAL"}));
    assert_snapshot!(told(external().instances("arm64", 2, large.clone())), @"
    there: false
      told: ECS Anywhere in the cluster has no arm64 container instance at all (3 tasks to place)
      add: register arm64 machines with room for 3 more tasks of 256 CPU units and 512 MiB in the cluster (`aws ssm create-activation`, then the ECS Anywhere install script)
    ");
    let anywhere = with(large, json!({"ec2InstanceId": "mi-0123"}));
    assert_snapshot!(told(external().instances("arm64", 2, anywhere)), @"
    there: true
      told: room for 14 tasks of 256 CPU units and 512 MiB on the 2 arm64 container instances of ECS Anywhere in the cluster (3 needed)
    ");
}

#[test]
fn a_capacity_provider_could_bring_more() {
    let provider = || of_provider(json!({}));
    assert_snapshot!(told(provider()), @r#"
    there: unknown
      asked: {"ask":"scaling-group","name":"g"}
      told: the capacity provider graviton has no arm64 container instance at all (3 tasks to place)
      told: it is not known what the Auto Scaling group g of graviton could start
      add: add arm64 container instances with room for 3 more tasks of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, with a capacity provider that takes the place of graviton in the service's strategy
    "#);
    assert_snapshot!(told(provider().refusal("autoscaling:DescribeAutoScalingGroups", false)), @r#"
    there: unknown
      asked: {"ask":"scaling-group","name":"g"}
      told: the capacity provider graviton has no arm64 container instance at all (3 tasks to place)
      told: it is not known what the Auto Scaling group g of graviton could start: autoscaling:DescribeAutoScalingGroups is denied
      add: allow the IAM action autoscaling:DescribeAutoScalingGroups, so that it can be told
    "#);
    assert_snapshot!(told(provider().document(group(json!({})))), @r#"
    there: unknown
      asked: {"ask":"launch-template","template":"lt-1","version":"4"}
      told: the capacity provider graviton has no arm64 container instance at all (3 tasks to place)
      told: it is not known which machines the Auto Scaling group g of the capacity provider graviton starts
      add: add arm64 container instances with room for 3 more tasks of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, with a capacity provider that takes the place of graviton in the service's strategy
    "#);
    let denied = provider().document(group(json!({}))).refusal("ec2:DescribeLaunchTemplateVersions", false);
    assert_snapshot!(told(denied), @r#"
    there: unknown
      asked: {"ask":"launch-template","template":"lt-1","version":"4"}
      told: the capacity provider graviton has no arm64 container instance at all (3 tasks to place)
      told: it is not known which machines the Auto Scaling group g of the capacity provider graviton starts: ec2:DescribeLaunchTemplateVersions is denied
      add: allow the IAM action ec2:DescribeLaunchTemplateVersions, so that it can be told
    "#);
    let graviton = || provider().document(group(json!({}))).document(template("m7g.large"));
    assert_snapshot!(told(graviton()), @"
    there: unknown, by growth
      told: the capacity provider graviton has no arm64 container instance at all (3 tasks to place)
      told: the Auto Scaling group g of the capacity provider graviton may start 4 more machines of m7g.large; whether the tasks fit on them is not known: the cluster has none to compare
      add: add arm64 container instances with room for 3 more tasks of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, with a capacity provider that takes the place of graviton in the service's strategy
    ");
    assert_snapshot!(told(provider().document(group(json!({}))).document(template("m7i.large"))), @"
    there: false
      told: the capacity provider graviton has no arm64 container instance at all (3 tasks to place)
      told: the Auto Scaling group g of the capacity provider graviton starts no arm64 machines (m7i.large)
      add: add arm64 container instances with room for 3 more tasks of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, with a capacity provider that takes the place of graviton in the service's strategy
    ");
    let attributes = json!([{"name": "ecs.cpu-architecture", "value": "arm64"}, {"name": "ecs.instance-type", "value": "m7g.large"}]);
    let full =
        with(resources(0, 0, &[]), json!({"attributes": attributes, "capacityProviderName": "graviton"}));
    assert_snapshot!(told(graviton().instances("arm64", 1, full.clone())), @"
    there: true
      told: no room for a task of 256 CPU units and 512 MiB on the 1 arm64 container instance of the capacity provider graviton (3 needed): 1 with 0 CPU units left of 256
      told: the Auto Scaling group g of the capacity provider graviton may start 4 more machines of m7g.large, each with room for 3 tasks
    ");
    assert_snapshot!(told(graviton().service(json!({"desiredCount": 100})).instances("arm64", 1, full)), @"
    there: false
      told: no room for a task of 256 CPU units and 512 MiB on the 1 arm64 container instance of the capacity provider graviton (100 needed): 1 with 0 CPU units left of 256
      told: the Auto Scaling group g of the capacity provider graviton may start 4 more machines of m7g.large, with room for 28 tasks only
      add: raise the maximum size (MaxSize) of the Auto Scaling group g
    ");
}

#[test]
fn a_capacity_provider_that_brings_no_more() {
    let at_its_end = |members: Value| {
        told(of_provider(json!({})).document(group(members)).document(template("m7g.large")))
    };
    assert_snapshot!(at_its_end(json!({"MaxSize": 1})), @"
    there: false
      told: the capacity provider graviton has no arm64 container instance at all (3 tasks to place)
      told: the Auto Scaling group g of the capacity provider graviton (m7g.large) is at its maximum size: it starts no more machines
      add: raise the maximum size (MaxSize) of the Auto Scaling group g
    ");
    assert_snapshot!(at_its_end(json!({"SuspendedProcesses": [{"ProcessName": "Launch"}]})), @"
    there: false
      told: the capacity provider graviton has no arm64 container instance at all (3 tasks to place)
      told: the Auto Scaling group g of the capacity provider graviton starts no machines: Launch is suspended, or it is being deleted
      add: resume the process Launch of the Auto Scaling group g
    ");
    let off = json!({"autoScalingGroupProvider": {"managedScaling": {"status": "DISABLED"}}});
    assert_snapshot!(told(of_provider(off)), @"
    there: false
      told: the capacity provider graviton has no arm64 container instance at all (3 tasks to place)
      told: the capacity provider graviton has no managed scaling: it brings no more machines by itself
      add: add arm64 container instances with room for 3 more tasks of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, with a capacity provider that takes the place of graviton in the service's strategy
    ");
    assert_snapshot!(told(of_provider(json!({"status": "INACTIVE"}))), @"
    there: false
      told: the capacity provider graviton has no arm64 container instance at all (3 tasks to place)
      told: the capacity provider graviton is INACTIVE: it brings no more machines
      add: add arm64 container instances with room for 3 more tasks of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, with a capacity provider that takes the place of graviton in the service's strategy
    ");
    let both = json!({"MixedInstancesPolicy": {"LaunchTemplate": {"Overrides": [{"InstanceType": "m7g.large"}, {"InstanceType": "m7i.large"}]}}});
    assert_snapshot!(at_its_end(both), @"
    there: unknown
      told: the capacity provider graviton has no arm64 container instance at all (3 tasks to place)
      told: the Auto Scaling group g of the capacity provider graviton starts machines of both kinds (m7g.large, m7i.large): which, is not known
      add: add arm64 container instances with room for 3 more tasks of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, with a capacity provider that takes the place of graviton in the service's strategy
    ");
}

#[test]
fn managed_instances_by_their_requirements() {
    let managed = |requirements: Value| {
        let strategy = json!({"launchType": null, "capacityProviderStrategy": [{"capacityProvider": "mi", "weight": 1}]});
        let provider = json!({"name": "mi", "status": "ACTIVE", "managedInstancesProvider":
            {"instanceLaunchTemplate": {"instanceRequirements": requirements}}});
        told(of_instances(strategy).document(json!({"capacityProviders": [provider]})))
    };
    assert_snapshot!(managed(json!({"vCpuCount": {"min": 1}})), @"
    there: true
      told: the capacity provider mi (Managed Instances) may start arm64 machines
    ");
    assert_snapshot!(managed(json!({"cpuManufacturers": ["intel", "amd"]})), @"
    there: false
      told: the instance requirements of the capacity provider mi leave no arm64 machines (cpuManufacturers intel amd)
      add: allow arm64 machines in the instance requirements of the capacity provider mi (allowedInstanceTypes, excludedInstanceTypes, cpuManufacturers): types such as m7g.*, or the maker amazon-web-services
    ");
    assert_snapshot!(managed(json!({"memoryMiB": {"min": 1, "max": 256}})), @"
    there: false
      told: the capacity provider mi starts no machines that are large enough: a task reserves 256 CPU units and 512 MiB
      add: raise vCpuCount and memoryMiB in the instance requirements of the capacity provider mi
    ");
}

#[test]
fn a_strategy_of_several_providers_needs_all_that_count() {
    let strategy = json!({"launchType": null, "desiredCount": 4, "capacityProviderStrategy": [
        {"capacityProvider": "graviton", "weight": 1}, {"capacityProvider": "intel", "weight": 1},
        {"capacityProvider": "spare", "weight": 0}]});
    let large = resources(2048, 3800, &[]);
    let mixed = of_instances(strategy)
        .instances("arm64", 1, with(large.clone(), json!({"capacityProviderName": "graviton"})))
        .instances("x86_64", 1, with(large, json!({"capacityProviderName": "intel"})))
        .document(json!({"capacityProviders": [{"name": "intel", "status": "ACTIVE"}]}));
    assert_snapshot!(told(mixed), @"
    there: false
      told: room for 7 tasks of 256 CPU units and 512 MiB on the 1 arm64 container instance of the capacity provider graviton (2 needed)
      told: the capacity provider intel has no arm64 container instance, but 1 of other architectures (2 tasks to place)
      told: the capacity provider intel has no managed scaling: it brings no more machines by itself
      add: add arm64 container instances with room for 2 more tasks of 256 CPU units and 512 MiB: an Auto Scaling group of Graviton, such as m7g or t4g, with a capacity provider that takes the place of intel in the service's strategy
    ");
}

#[test]
fn without_a_service_and_for_windows() {
    let bare = |definition: Value| {
        let mut room = room(json!({})).definition(definition);
        room.target = TargetKind::TaskDefinition { family: "api".into(), revision: Some(7) };
        told(room)
    };
    assert_snapshot!(bare(json!({"requiresCompatibilities": ["FARGATE"]})), @"
    there: true
      told: Fargate brings arm64 machines (platform version 1.4.0 and later)
    ");
    assert_snapshot!(bare(json!({})), @"
    there: unknown
      told: no service runs it: whether there are arm64 machines for it depends on the cluster in which it is run
    ");
    let windows = json!({"runtimePlatform": {"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}});
    assert_snapshot!(told(room(json!({})).definition(windows)), @"
    there: false
      told: there are no arm64 machines for tasks of WINDOWS_SERVER_2022_CORE
    ");
}

/// A document once for each of its values, with another in that value's place.
fn distorted(document: &Value, with: &Value) -> Vec<Value> {
    let mut all = vec![with.clone()];
    match document {
        Value::Object(members) => {
            for (name, member) in members {
                all.extend(distorted(member, with).into_iter().map(|member| {
                    let mut whole = document.clone();
                    whole[name] = member;
                    whole
                }));
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                all.extend(distorted(item, with).into_iter().map(|item| {
                    let mut whole = document.clone();
                    whole[index] = item;
                    whole
                }));
            }
        }
        _ => {}
    }
    all
}

#[test]
fn broken_answers_are_no_room_and_no_panic() {
    let provider = json!({"name": "graviton", "status": "ACTIVE", "autoScalingGroupProvider":
        {"autoScalingGroupArn": "a:autoScalingGroupName/g", "managedScaling": {"status": "ENABLED"}},
        "managedInstancesProvider": null});
    let machine = with(
        resources(100, 100, &["80"]),
        json!({"containerInstanceArn": "i", "status": "ACTIVE",
        "capacityProviderName": "graviton", "attributes": [{"name": "ecs.cpu-architecture", "value": "arm64"},
            {"name": "ecs.instance-type", "value": "m7g.large"}]}),
    );
    let documents = json!([{"capacityProviders": [provider]}, {"containerInstances": [machine]}, group(json!({"MaxSize": 1})), template("m7g.large")]);
    let strategy = json!({"launchType": null, "capacityProviderStrategy": [{"capacityProvider": "graviton", "weight": 1}]});
    let mut count = 0;
    for replacement in [json!(null), json!(-1), json!(1e300), json!("x"), json!([[]]), json!({"a": 1})] {
        for documents in distorted(&documents, &replacement) {
            let said = told(of_instances(strategy.clone()).document(documents.clone()));
            let more = replacement == json!(1e300);
            assert!(more || !said.starts_with("there: true"), "{said}{documents}");
            count += 1;
        }
    }
    assert!(count > 300, "{count}");
}
