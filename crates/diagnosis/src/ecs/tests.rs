//! Where the tasks of a definition run, and who says so.

use crate::fixture::{AMD64, ARM64, Picture, Room, elf};
use insta::assert_snapshot;
use serde_json::{Value, json};

fn of_both() -> Room {
    let pictures = [
        ("linux/amd64", Picture::of_app("amd64", &elf(AMD64))),
        ("linux/arm64", Picture::of_app("arm64", &elf(ARM64))),
    ];
    Room::unseen().index("app:1", &pictures)
}

fn of_arm64() -> Room {
    Room::unseen().image("app:1", Picture::of_app("arm64", &elf(ARM64)))
}

/// The hosts of a room, with sources, instances and verdicts, and the verdict of the whole.
fn hosts(room: Room) -> String {
    let brief = room.brief();
    let lines = brief.lines().filter(|line| line.starts_with("  host ")).map(|line| &line[7..]);
    let verdict = brief.lines().next().and_then(|line| line.split([' ', ':']).nth(2)).unwrap_or_default();
    format!("{} => {verdict}", lines.collect::<Vec<_>>().join(", "))
}

fn task(architecture: &str) -> Value {
    json!({"attributes": [{"name": "ecs.cpu-architecture", "value": architecture}], "containers": [{"name": "app", "lastStatus": "PENDING"}]})
}

fn revision(architecture: &str) -> Value {
    json!({"serviceRevisions": [{"serviceRevisionArn": "r/1", "overrides": {"runtimePlatform": {"cpuArchitecture": architecture}},
        "taskDefinition": "arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7"}]})
}

fn asks(architecture: &str) -> Value {
    json!({"runtimePlatform": {"cpuArchitecture": architecture}})
}

#[test]
fn the_order_of_sources() {
    assert_eq!(hosts(of_arm64()), "x86_64 (default, 0): fails => fails");
    assert_eq!(hosts(of_arm64().definition(asks("ARM64"))), "arm64 (runtime-platform, 0): runs => runs");
    assert_eq!(
        hosts(of_arm64().definition(asks("X86_64")).document(revision("ARM64"))),
        "arm64 (service-revision, 1): runs => runs"
    );
    let tasks =
        of_arm64().definition(asks("X86_64")).task("PENDING", task("arm64")).task("PENDING", task("arm64"));
    assert_eq!(hosts(tasks), "arm64 (task, 2): runs => runs");
    assert_eq!(
        hosts(of_arm64().document(revision("ARM64")).task("PENDING", task("arm64"))),
        "arm64 (task, 1): runs => runs"
    );
}

#[test]
fn sources_that_conflict() {
    let room = of_arm64().document(revision("X86_64")).task("PENDING", task("arm64"));
    assert_snapshot!(room.finding("mixed-hosts"), @"
    app: unknown: on arm64 it runs, on x86_64 it fails, and nothing decides where it is placed
      host arm64 (task, 1): runs
      host x86_64 (service-revision, 1): fails
      findings: wrong-architecture, mixed-hosts
    warning[mixed-hosts]: container app: it may meet hosts of both kinds: arm64: it runs, x86_64: it fails
      | arm64 (1 seen): attribute ecs.cpu-architecture of the tasks
      | x86_64 (1 seen): override in the service revision
      | sources conflict: attribute ecs.cpu-architecture of the tasks says arm64, override in the service revision says x86_64
      = Edit Advice: decide where it runs, or build the image for both platforms
    ");
    let both = of_both().document(revision("X86_64")).task("PENDING", task("arm64"));
    assert_eq!(hosts(both), "arm64 (task, 1): runs, x86_64 (service-revision, 1): runs => runs");
    let on_instance = of_arm64().service(json!({"launchType": "EC2"})).instances("x86_64", 1, json!({}));
    let arn = "arn:aws:ecs:eu-west-1:111122223333:container-instance/demo/x86_640";
    let mut said = task("arm64");
    said["containerInstanceArn"] = json!(arn);
    assert_eq!(
        hosts(on_instance.task("PENDING", said)),
        "arm64 (task, 1): runs, x86_64 (instance, 1): fails => unknown"
    );
}

fn of_two_kinds(room: Room) -> Room {
    room.service(json!({"launchType": "EC2"})).instances("x86_64", 2, json!({})).instances(
        "arm64",
        1,
        json!({}),
    )
}

#[test]
fn instances_of_both_kinds() {
    assert_eq!(
        hosts(of_two_kinds(of_arm64())),
        "x86_64 (instance, 2): fails, arm64 (instance, 1): runs => unknown"
    );
    assert_eq!(
        hosts(of_two_kinds(of_both())),
        "x86_64 (instance, 2): runs, arm64 (instance, 1): runs => runs"
    );
    let script = Room::unseen().image("app:1", Picture::of_app("amd64", b"exec app\n"));
    assert_eq!(
        hosts(of_two_kinds(script)),
        "x86_64 (instance, 2): fails, arm64 (instance, 1): fails => fails"
    );
    let hidden = json!({"mountPoints": [{"sourceVolume": "v", "containerPath": "/opt"}]});
    let room = Room::unseen().index(
        "app:1",
        &[
            ("linux/amd64", Picture::new("amd64").link("/app", "opt/app").entrypoint(&["/app"])),
            ("linux/arm64", Picture::of_app("arm64", b"")),
        ],
    );
    assert_snapshot!(of_two_kinds(room.container(hidden)).brief(), @"
    app: unknown: on x86_64 nobody can tell (/opt is hidden by the volume v mounted at /opt), on arm64 it fails, and nothing decides where it is placed
      host x86_64 (instance, 2): unknown
      host arm64 (instance, 1): fails
      findings: empty-program, mixed-hosts, no-stopped-tasks
    ");
}

#[test]
fn what_constrains_placement() {
    let member_of =
        |expression: &str| json!({"placementConstraints": [{"type": "memberOf", "expression": expression}]});
    let arm64 = "arm64 (instance, 1): runs => runs";
    assert_eq!(
        hosts(of_two_kinds(of_arm64()).definition(member_of("attribute:ecs.cpu-architecture == arm64"))),
        arm64
    );
    assert_eq!(
        hosts(of_two_kinds(of_arm64()).service(member_of("attribute:ecs.cpu-architecture == 'arm64'"))),
        arm64
    );
    assert_eq!(
        hosts(of_two_kinds(of_arm64()).definition(asks("ARM64"))),
        "arm64 (runtime-platform, 1): runs => runs"
    );
    let by_constraint = of_arm64()
        .service(json!({"launchType": "EC2"}))
        .definition(member_of("attribute:ecs.cpu-architecture == arm64"));
    assert_eq!(hosts(by_constraint), "arm64 (placement-constraint, 0): runs => runs");
    let either = member_of("attribute:ecs.cpu-architecture == arm64 or attribute:x exists");
    assert!(
        hosts(of_two_kinds(of_arm64()).definition(either)).ends_with("=> unknown"),
        "what is not understood excludes nothing"
    );
    let both = of_arm64()
        .service(json!({"launchType": "EC2"}))
        .definition(asks("X86_64"))
        .definition(member_of("attribute:ecs.cpu-architecture == arm64"));
    assert_eq!(
        hosts(both),
        "arm64 (placement-constraint, 0): runs, x86_64 (runtime-platform, 0): fails => unknown"
    );
}

#[test]
fn capacity_providers() {
    let strategy = |name: &str| json!({"launchType": null, "capacityProviderStrategy": [{"capacityProvider": name, "weight": 1}]});
    let machines = |room: Room| {
        room.instances("arm64", 1, json!({"capacityProviderName": "graviton"})).instances(
            "x86_64",
            3,
            json!({"capacityProviderName": "intel"}),
        )
    };
    assert_eq!(
        hosts(machines(of_arm64()).service(strategy("graviton"))),
        "arm64 (instance, 1): runs => runs"
    );
    assert_eq!(
        hosts(machines(of_arm64()).service(strategy("intel"))),
        "x86_64 (instance, 3): fails => fails"
    );
    let stray = machines(of_arm64()).service(strategy("graviton")).instances("i386", 1, json!({}));
    assert_eq!(hosts(stray), "arm64 (instance, 1): runs => runs");
    for fargate in ["FARGATE", "FARGATE_SPOT"] {
        assert_eq!(
            hosts(machines(of_arm64()).service(strategy(fargate))),
            "x86_64 (default, 0): fails => fails",
            "{fargate}"
        );
    }
    let cluster = json!({"clusters": [{"clusterArn": "arn:aws:ecs:eu-west-1:111122223333:cluster/demo",
        "defaultCapacityProviderStrategy": [{"capacityProvider": "graviton"}]}]});
    let by_default = machines(of_arm64()).service(json!({"launchType": null})).document(cluster.clone());
    assert_eq!(hosts(by_default), "arm64 (instance, 1): runs => runs");
    let own = machines(of_arm64()).service(json!({"launchType": "FARGATE"})).document(cluster);
    assert_eq!(
        hosts(own),
        "x86_64 (default, 0): fails => fails",
        "a launch type overrides the cluster's default"
    );
}

#[test]
fn daemons_external_and_managed_instances() {
    let daemon = of_two_kinds(of_arm64()).service(json!({"schedulingStrategy": "DAEMON"}));
    assert_eq!(hosts(daemon), "x86_64 (instance, 2): fails, arm64 (instance, 1): runs => unknown");
    let external = of_arm64().service(json!({"launchType": "EXTERNAL"})).instances("arm64", 2, json!({}));
    assert_eq!(hosts(external), "arm64 (instance, 2): runs => runs");
    let managed = of_arm64()
        .service(json!({"launchType": null, "capacityProviderStrategy": [{"capacityProvider": "mi"}]}))
        .document(json!({"capacityProviders": [{"name": "mi", "type": "MANAGED_INSTANCES"}]}))
        .instances("arm64", 1, json!({"capacityProviderName": "mi"}));
    assert_eq!(hosts(managed), "arm64 (instance, 1): runs => runs");
    let unseen = of_arm64()
        .service(json!({"launchType": null, "capacityProviderStrategy": [{"capacityProvider": "mi"}]}))
        .document(
            json!({"capacityProviders": [{"name": "mi", "managedInstancesProvider": {"instanceLaunchTemplate":
            {"instanceRequirements": {"allowedInstanceTypes": ["m7g.*"]}}}}]}),
        );
    assert_eq!(hosts(unseen), "arm64 (capacity-provider, 0): runs => runs");
    let draining =
        of_arm64().service(json!({"launchType": "EC2"})).instances("arm64", 1, json!({"status": "DRAINING"}));
    assert_eq!(hosts(draining), "x86_64 (default, 0): fails => fails");
}

#[test]
fn what_is_not_modelled_is_unknown_and_nothing_is_read() {
    let family = |family: &str| json!({"runtimePlatform": {"operatingSystemFamily": family}});
    let mut room = of_arm64().definition(family("WINDOWS_SERVER_2022_CORE"));
    let (case, report) = room.ask();
    assert!(case.images.is_empty());
    assert_snapshot!(crate::fixture::brief(&report.unwrap()), @"
    app: unknown: tasks of WINDOWS_SERVER_2022_CORE are not modelled
      host x86_64 (default, 0): unknown
      findings: cannot-tell, no-stopped-tasks
    ");
    assert_eq!(hosts(of_both().definition(family("linux"))), "x86_64 (default, 0): runs => runs");
    assert_snapshot!(of_both().definition(asks("RISCV64")).brief(), @"
    app: unknown: hosts of the cpuArchitecture RISCV64 are not modelled
      host x86_64 (default, 0): unknown
      findings: cannot-tell, no-stopped-tasks
    ");
}

#[test]
fn empty_answers_like_those_of_emulators() {
    let nothing = json!({"launchType": "", "capacityProviderStrategy": [], "platformFamily": "", "deploymentController": {"type": ""},
        "placementConstraints": [], "currentServiceRevisions": null});
    let task = json!({"attributes": [], "containerInstanceArn": "", "group": "", "startedBy": "",
        "containers": [{"name": "app", "lastStatus": "RUNNING", "imageDigest": "", "reason": ""}]});
    let room = of_both()
        .service(nothing)
        .definition(json!({"runtimePlatform": {"cpuArchitecture": "", "operatingSystemFamily": ""}}))
        .document(json!({"serviceRevisions": [], "serviceDeployments": []}))
        .document(json!({"containerInstances": [], "failures": []}));
    assert_eq!(hosts(room.task("RUNNING", task)), "x86_64 (default, 0): runs => runs");
}

#[test]
fn a_refused_answer_leaves_the_default_in_doubt_where_machines_are_the_users() {
    let room = || of_arm64().refusal("ecs:ListContainerInstances", true);
    assert_snapshot!(room().service(json!({"launchType": "EC2"})).brief(), @"
    app: unknown: it would fail on x86_64, ECS's default, but ecs:ListContainerInstances was not answered, which may name another host
      host x86_64 (default, 0): fails
      findings: wrong-architecture, cannot-tell, default-architecture, no-stopped-tasks
    ");
    assert_eq!(hosts(room()), "x86_64 (default, 0): fails => fails");
}

#[test]
fn things_that_were_told_twice_count_once() {
    let room = of_arm64().service(json!({"launchType": "EC2"})).instances("arm64", 2, json!({})).instances(
        "arm64",
        2,
        json!({}),
    );
    assert_eq!(hosts(room), "arm64 (instance, 2): runs => runs");
}

/// A static 32-bit arm program of one segment.
fn arm32() -> Vec<u8> {
    let mut bytes = b"\x7fELF\x01\x01\x01".to_vec();
    bytes.resize(84, 0);
    let words =
        [(16, 40 << 16 | 2), (24, 0x1_0000), (28, 52), (36, 0x0500_0000), (40, 32 << 16 | 52), (44, 1)];
    let segment = [(52, 1), (60, 0x1_0000), (68, 84), (72, 84), (76, 5)];
    for (at, value) in words.into_iter().chain(segment) {
        bytes[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
    }
    bytes
}

#[test]
fn the_generation_of_graviton_tells_whether_32_bit_programs_run() {
    let on = |types: &[&str]| {
        let room = Room::unseen().image("app:1", Picture::of_app("arm64", &arm32()));
        let mut room = room.service(json!({"launchType": "EC2"}));
        for (number, name) in types.iter().enumerate() {
            let attribute = |name, value| json!({"name": name, "value": value});
            let attributes =
                [attribute("ecs.cpu-architecture", "arm64"), attribute("ecs.instance-type", *name)];
            let arn = format!("arn:aws:ecs:eu-west-1:111122223333:container-instance/demo/{number}");
            let change = json!({"containerInstanceArn": arn, "attributes": attributes});
            room = room.instances("arm64", 1, change);
        }
        hosts(room)
    };
    assert_eq!(on(&["m7g.large", "c7gn.xlarge"]), "arm64 (instance, 2): runs => runs");
    assert_eq!(on(&["m8g.large"]), "arm64 (instance, 1): fails => fails");
    assert_eq!(on(&["m7g.large", "m8g.large"]), "arm64 (instance, 2): unknown => unknown");
    assert_eq!(on(&["m8g.large", "x9"]), "arm64 (instance, 2): unknown => unknown");
}
