//! What the definition of a container changes in the answer, one member after the other.

use crate::double::shapes::{self, with};
use crate::registry::{ARM64, Image, X86_64, elf, file};
use crate::run::{failure, finding, found};
use crate::stage::{Stage, app, app_with_mode, base, good};
use serde_json::{Value, json};

const TEXT: &str = "set -e\nexec sleep 9\n";

/// The verdict on the only container when its definition has these members: `fails exec ENOEXEC no-shebang`.
#[track_caller]
fn verdict(image: &Image, members: Value) -> String {
    let workload = Stage::with(image, members).diagnose(&["demo/api"]).answer()["workloads"][0].clone();
    let first = found(&workload).into_iter().next().unwrap_or_default();
    let first = first.split(':').next_back().unwrap_or_default().to_owned();
    format!("{} {} {first}", workload["verdict"].as_str().unwrap(), failure(&workload))
}

const RUNS: &str = "runs - - default-architecture";

#[test]
fn a_command_saves_a_bad_image_or_breaks_a_good_one() {
    let bad = app(TEXT);
    assert_eq!(verdict(&bad, json!({})), "fails exec ENOEXEC no-shebang");
    assert_eq!(verdict(&bad, json!({"command": ["/bin/sleep", "9"]})), RUNS);
    assert_eq!(verdict(&bad, json!({"command": ["/bin/sh", "/app"]})), RUNS);
    let good = bad.clone().cmd(["/bin/sleep", "9"]);
    assert_eq!(verdict(&good, json!({})), RUNS);
    assert_eq!(verdict(&good, json!({"command": ["/app"]})), "fails exec ENOEXEC no-shebang");
    assert_eq!(
        verdict(&good, json!({"command": ["sh -c 'sleep 9'"]})),
        "fails lookup ENOENT missing-program"
    );
}

#[test]
fn an_entry_point_drops_the_command_of_the_image() {
    let image = app(TEXT).entrypoint(["/app"]).cmd(["serve"]);
    assert_eq!(verdict(&image, json!({"command": ["/bin/sleep"]})), "fails exec ENOEXEC no-shebang");
    let stage = Stage::with(&image, json!({"entryPoint": ["/bin/sleep"]}));
    assert_eq!(stage.workload(0)["argv"], json!(["/bin/sleep"]));
    let stage = Stage::with(&image, json!({"entryPoint": ["/bin/sleep"], "command": ["9"]}));
    assert_eq!(stage.workload(0)["argv"], json!(["/bin/sleep", "9"]));
    assert_eq!(
        verdict(&base().cmd(["/bin/sleep"]), json!({"entryPoint": ["/entry.sh"]})),
        "fails lookup ENOENT missing-program"
    );
    assert_eq!(verdict(&base(), json!({})), "fails create - cannot-create");
}

#[test]
fn a_working_directory_finds_or_misses_the_program() {
    let image = base().layer([file("srv/run", 0o755, elf(X86_64))]).cmd(["./run"]);
    assert_eq!(verdict(&image, json!({})), "fails lookup ENOENT missing-program");
    assert_eq!(verdict(&image, json!({"workingDirectory": "/srv"})), RUNS);
    let image = image.workdir("/srv");
    assert_eq!(verdict(&image, json!({})), RUNS);
    assert_eq!(verdict(&image, json!({"workingDirectory": "/tmp"})), "fails lookup ENOENT missing-program");
}

#[test]
fn a_user_may_not_what_root_may() {
    let passwd = "root:x:0:0::/:/bin/sh\nann:x:1000:1000::/:/bin/sh\n";
    let image = app_with_mode(elf(X86_64), 0o750)
        .layer([file("etc/passwd", 0o644, passwd), file("etc/group", 0o644, "staff:x:50:\n")]);
    assert_eq!(verdict(&image, json!({})), RUNS);
    for user in ["1000", "ann", "1000:1000", "ann:staff"] {
        assert_eq!(verdict(&image, json!({"user": user})), "fails lookup EACCES not-executable", "{user}");
    }
    // The group of the file is root's.
    for user in ["0", "root", "1000:0"] {
        assert_eq!(verdict(&image, json!({"user": user})), RUNS, "{user}");
    }
    for user in ["bob", "ann:wheel"] {
        assert_eq!(verdict(&image, json!({"user": user})), "fails create - cannot-create", "{user}");
    }
    // A root without capabilities is like any other user.
    let own = base().layer([file("app", 0o700, elf(X86_64)).owned_by(1000, 1000)]).cmd(["/app"]);
    assert_eq!(verdict(&own, json!({"user": "1000"})), RUNS);
    assert_eq!(verdict(&own, json!({})), RUNS);
    let dropped = json!({"linuxParameters": {"capabilities": {"drop": ["ALL"]}}});
    assert_eq!(verdict(&own, dropped), "fails lookup EACCES not-executable");
}

#[test]
fn an_init_hands_what_has_no_format_to_the_shell() {
    let init = || json!({"linuxParameters": {"initProcessEnabled": true}});
    assert_eq!(verdict(&app(TEXT), init()), RUNS);
    assert_eq!(verdict(&app(elf(X86_64)), init()), RUNS);
    assert_eq!(verdict(&app(""), init()), "runs - - empty-program");
    assert_eq!(verdict(&app(elf(ARM64)), init()), "fails exec ENOEXEC wrong-architecture");
    assert_eq!(verdict(&base().cmd(["/nothing"]), init()), "fails exec ENOENT missing-program");
    assert_eq!(verdict(&app("#!/bin/sh\r\n"), init()), "fails exec ENOENT crlf-interpreter");
    // Without a shell the init has nobody to hand it to.
    let alone = Image::new("amd64").layer([file("app", 0o755, TEXT)]).cmd(["/app"]);
    assert!(verdict(&alone, init()).starts_with("fails exec "), "{}", verdict(&alone, init()));
}

/// A definition whose volume `data` is this, mounted there.
fn mounted(volume: Value, path: &str) -> Stage {
    let stage = Stage::empty();
    stage.registry.push("team/app:1", &app(TEXT));
    let mounts = json!({"mountPoints": [{"sourceVolume": "data", "containerPath": path}]});
    let revision = shapes::task_definition("api", 1, json!([with(stage.container(), mounts)]));
    let volumes = json!({"volumes": [with(json!({"name": "data"}), volume)]});
    stage.aws.task_definition(with(revision, volumes));
    stage.serve(1);
    stage
}

#[test]
fn a_program_under_a_mount_cannot_be_seen() {
    let efs = json!({"efsVolumeConfiguration": {"fileSystemId": "fs-1"}});
    for (volume, what) in [
        (efs.clone(), "EFS volume data"),
        (json!({"host": {"sourcePath": "/srv"}}), "host directory data"),
        (json!({}), "volume data"),
    ] {
        let workload = mounted(volume, "/app").workload(4);
        let reason = workload["reason"].as_str().unwrap();
        assert!(reason.contains(what) && reason.contains("/app"), "{reason}");
        assert_eq!(found(&workload)[0], "warning:cannot-tell", "{workload:#}");
    }
    // Elsewhere it does not matter.
    for path in ["/data", "/ap", "/app/data"] {
        assert_eq!(failure(&mounted(efs.clone(), path).workload(8)), "exec ENOEXEC", "{path}");
    }
    // Over everything that a shell needs.
    let workload = mounted(efs, "/bin/").workload(8);
    assert_eq!(failure(&workload), "exec ENOEXEC");
    let tmpfs = json!({"linuxParameters": {"tmpfs": [{"containerPath": "/app", "size": 1}]}});
    let workload = Stage::with(&app(TEXT), tmpfs).workload(4);
    assert!(workload["reason"].as_str().unwrap().contains("tmpfs at /app"), "{workload:#}");
}

#[test]
fn the_interpreter_under_a_mount_cannot_be_seen_either() {
    let stage = Stage::empty();
    stage.registry.push("team/app:1", &app("#!/opt/run\n"));
    let tools = with(
        shapes::container_definition("tools", &stage.image()),
        json!({
            "essential": false,
            "command": ["/bin/sleep"],
            "mountPoints": [{"sourceVolume": "opt", "containerPath": "/opt"}],
        }),
    );
    let api = with(stage.container(), json!({"volumesFrom": [{"sourceContainer": "tools"}]}));
    let revision = shapes::task_definition("api", 1, json!([api, tools]));
    stage.aws.task_definition(with(revision, json!({"volumes": [{"name": "opt"}]})));
    stage.serve(1);
    let report = stage.service(4);
    let reason = report["workloads"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("/opt") && reason.contains("from container tools"), "{reason}");
    assert_eq!(report["workloads"][1]["verdict"], "runs");
}

#[test]
fn a_path_that_comes_from_elsewhere() {
    let image = base().layer([file("opt/tool", 0o755, elf(X86_64))]).cmd(["tool"]);
    assert_eq!(verdict(&image, json!({})), "fails lookup ENOENT missing-program");
    let path = |value: &str| json!({"environment": [{"name": "PATH", "value": value}]});
    assert_eq!(verdict(&image, path("/opt")), RUNS);
    assert_eq!(verdict(&image, path("/bin:/opt")), RUNS);
    assert_eq!(verdict(&image, path("/bin")), "fails lookup ENOENT missing-program");
    let secret = json!({"secrets": [{"name": "PATH", "valueFrom": "arn:aws:ssm:eu-central-1:111122223333:parameter/path"}]});
    let stage = Stage::with(&image, secret.clone());
    let workload = stage.workload(4);
    assert!(workload["reason"].as_str().unwrap().contains("the secret PATH"), "{workload:#}");
    let file = json!({"environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::bucket/api.env"}]});
    let workload = Stage::with(&image, file).workload(4);
    assert!(workload["reason"].as_str().unwrap().contains("arn:aws:s3:::bucket/api.env"), "{workload:#}");
    // An absolute path needs no PATH.
    assert_eq!(verdict(&image.cmd(["/opt/tool"]), secret), RUNS);
}

#[test]
fn every_container_counts() {
    let stage = Stage::empty();
    let (main, agent) = (good("amd64", X86_64), good("arm64", ARM64));
    let digest = stage.registry.push("team/app:1", &main);
    let agent_digest = stage.registry.push("team/agent:1", &agent);
    let reference = stage.registry.name("team/agent:1");
    let sidecar = with(shapes::container_definition("agent", &reference), json!({"essential": false}));
    stage.define(1, json!([stage.container(), sidecar])).serve(1);
    let containers = json!([
        shapes::container("api", &stage.image(), &digest),
        shapes::exited(shapes::container("agent", &reference, &agent_digest), 1, ""),
    ]);
    stage
        .aws
        .task(with(shapes::task("demo", "api", "t1", "api:1", "x86_64"), json!({"containers": containers})));
    stage.aws.log("/ecs/agent", "ecs/agent/t1", &["exec /app: exec format error"]);
    let report = stage.service(8);
    let [api, agent] = report["workloads"].as_array().unwrap().as_slice() else { panic!("{report:#}") };
    assert_eq!((&api["verdict"], &api["essential"]), (&json!("runs"), &json!(true)));
    assert_eq!((&agent["verdict"], &agent["essential"]), (&json!("fails"), &json!(false)));
    assert_eq!(found(agent)[0], "error:wrong-architecture", "{agent:#}");
    assert_eq!(agent["observed"]["texts"], json!(["exec /app: exec format error"]));
    let message = finding(agent, "wrong-architecture")["message"].as_str().unwrap();
    assert!(message.starts_with("container agent: /app"), "{message}");
    // The other container would not run there: to move the task is no remedy.
    assert!(!finding(agent, "wrong-architecture")["remedies"].to_string().contains("retarget"), "{agent:#}");
}

#[test]
fn overrides_of_a_standalone_task() {
    let stage = Stage::empty();
    let digest = stage.registry.push("team/app:1", &app(TEXT));
    stage.define(1, json!([with(stage.container(), json!({"command": ["/bin/sleep", "9"]}))]));
    let run = |id: &str, change: Value| {
        let container = shapes::exited(shapes::container("api", &stage.image(), &digest), 1, "");
        let task = shapes::task("demo", "api", id, "api:1", "x86_64");
        let overrides = json!({"containerOverrides": [with(json!({"name": "api"}), change)]});
        let own = json!({"group": "family:api", "containers": [container], "overrides": overrides});
        let task = with(task, own);
        stage.aws.task(shapes::stopped(
            task,
            "EssentialContainerExited",
            "Essential container in task exited",
        ));
        stage.diagnose(&[&format!("arn:aws:ecs:eu-central-1:111122223333:task/demo/{id}")]).answer()["workloads"][0].clone()
    };
    let migrate = run("t1", json!({"command": ["/app", "migrate"]}));
    assert_eq!((failure(&migrate), &migrate["argv"]), ("exec ENOEXEC".into(), &json!(["/app", "migrate"])));
    let sleep = run("t2", json!({"command": ["/bin/sleep", "1"]}));
    assert_eq!(sleep["verdict"], "runs", "{sleep:#}");
    let path =
        run("t3", json!({"command": ["sleep"], "environment": [{"name": "PATH", "value": "/nowhere"}]}));
    assert_eq!(failure(&path), "lookup ENOENT", "{path:#}");
    let other = run("t4", json!({"name": "other", "command": ["/app"]}));
    assert_eq!(other["verdict"], "runs", "{other:#}");
}
