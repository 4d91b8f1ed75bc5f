//! Whole scenes: what a definition, its tasks and an image say together.

mod hostile;

use crate::fixture::{AMD64, ARM64, Picture, Room, brief, elf, index, manifest};
use crate::report::diagnose;
use insta::assert_snapshot;
use serde_json::{Value, json};

fn good() -> Picture {
    Picture::of_app("amd64", &elf(AMD64))
}

fn foreign() -> Picture {
    Picture::of_app("arm64", &elf(ARM64))
}

/// Verdict, phase and errno of the first container.
fn verdict(room: Room) -> String {
    let line = room.brief().lines().next().unwrap_or_default().to_string();
    line.strip_prefix("app: ").unwrap_or(&line).to_string()
}

fn on(picture: Picture, container: Value) -> String {
    verdict(Room::unseen().image("app:1", picture).container(container))
}

#[test]
fn one_log_line_and_many_causes() {
    let line = "exec /app: exec format error";
    for (bytes, id) in [
        (elf(ARM64), "wrong-architecture"),
        (b"exec app\n".to_vec(), "no-shebang"),
        (b"\xef\xbb\xbf#!/bin/sh\n".to_vec(), "byte-order-mark"),
        (Vec::new(), "empty-program"),
        (b"<html><title>Not Found</title></html>".to_vec(), "saved-error-page"),
        (b"\xcf\xfa\xed\xfe\x0c\0\0\x01\0\0\0\0\x02\0\0\0".to_vec(), "foreign-format"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n".to_vec(), "git-lfs-pointer"),
        (elf(AMD64)[..40].to_vec(), "damaged-program"),
    ] {
        let report = Room::new().image("app:1", Picture::of_app("amd64", &bytes)).log(line).report();
        let errors: Vec<&str> = report.workloads[0]
            .findings
            .iter()
            .filter(|finding| finding.severity == crate::finding::Severity::Error)
            .map(|finding| finding.id)
            .collect();
        assert_eq!(errors, [id]);
    }
}

#[test]
fn commands_that_save_and_that_break() {
    let two = || foreign().file("/good", 0o755, &elf(AMD64)).cmd(&["--flag"]);
    assert_eq!(on(two(), json!({})), "fails exec enoexec");
    assert_eq!(on(two(), json!({"entryPoint": ["/good"]})), "runs");
    assert_eq!(on(two(), json!({"command": ["/good"]})), "fails exec enoexec", "it is only an argument");
    let by_cmd =
        || Picture::new("amd64").file("/app", 0o755, &elf(AMD64)).file("/bad", 0o755, b"").cmd(&["/app"]);
    assert_eq!(on(by_cmd(), json!({"command": ["/bad"]})), "fails exec enoexec");
    assert_eq!(on(by_cmd(), json!({"entryPoint": [""], "command": ["/app"]})), "runs");
    let argv = |container| {
        Room::unseen().image("app:1", good().cmd(&["--flag"])).container(container).report().workloads[0]
            .argv
            .clone()
    };
    assert_eq!(argv(json!({})), ["/app", "--flag"]);
    assert_eq!(argv(json!({"entryPoint": ["/app"]})), ["/app"], "an entry point drops the image's Cmd");
    assert_eq!(argv(json!({"command": ["-v"]})), ["/app", "-v"]);
}

#[test]
fn working_directories() {
    let picture = || {
        Picture::new("amd64").file("/srv/app", 0o755, &elf(AMD64)).entrypoint(&["./app"]).working_dir("/srv")
    };
    assert_eq!(on(picture(), json!({})), "runs");
    assert_eq!(on(picture(), json!({"workingDirectory": "/"})), "fails lookup enoent");
    assert_eq!(on(picture(), json!({"workingDirectory": "srv"})), "fails create");
    assert_eq!(
        on(picture(), json!({"workingDirectory": "/new", "entryPoint": ["/srv/app"]})),
        "runs",
        "it is made"
    );
}

#[test]
fn users_and_capabilities() {
    let passwd = b"root:x:0:0::/root:/bin/sh\nwww:$6$long$hash:33:33::/:/bin/false\n";
    let private = |mode, gid| {
        let picture =
            Picture::new("amd64").file("/app", mode, &elf(AMD64)).owned("/app", 7, gid).entrypoint(&["/app"]);
        picture.file("/etc/passwd", 0o644, passwd).file("/etc/group", 0o644, b"root:x:0:\ndata:x:50:lp,www\n")
    };
    for (mode, gid, container, expected) in [
        (0o700, 7, json!({}), "runs"),
        (0o700, 7, json!({"user": "www"}), "fails lookup eacces"),
        (0o700, 7, json!({"user": "7"}), "runs"),
        (0o700, 7, json!({"user": "7:7"}), "runs"),
        (0o750, 33, json!({"user": "www"}), "runs"),
        (0o750, 50, json!({"user": "www"}), "runs"),
        (0o750, 50, json!({"user": "www:33"}), "fails lookup eacces"),
        (0o755, 7, json!({"user": "nobody"}), "fails create"),
        (0o755, 7, json!({"user": "www:nobody"}), "fails create"),
        (0o700, 7, json!({"linuxParameters": {"capabilities": {"drop": ["ALL"]}}}), "fails lookup eacces"),
        (
            0o700,
            7,
            json!({"linuxParameters": {"capabilities": {"drop": ["DAC_OVERRIDE"]}}}),
            "fails lookup eacces",
        ),
        (
            0o700,
            7,
            json!({"linuxParameters": {"capabilities": {"drop": ["ALL"], "add": ["DAC_OVERRIDE"]}}}),
            "runs",
        ),
        (0o700, 7, json!({"linuxParameters": {"capabilities": {"drop": ["ALL"], "add": ["ALL"]}}}), "runs"),
        (
            0o700,
            7,
            json!({"privileged": true, "linuxParameters": {"capabilities": {"drop": ["ALL"]}}}),
            "runs",
        ),
    ] {
        assert_eq!(on(private(mode, gid), container.clone()), expected, "{mode:o} {gid} {container}");
    }
}

#[test]
fn an_init_hands_what_has_no_format_to_the_shell() {
    let init = || json!({"linuxParameters": {"initProcessEnabled": true}});
    let shell = |picture: Picture| picture.file("/bin/sh", 0o755, &elf(AMD64));
    assert_eq!(on(shell(good()), init()), "runs");
    assert_eq!(on(shell(foreign()), init()), "fails exec enoexec");
    assert_eq!(on(shell(Picture::of_app("amd64", b"exec app\n")), init()), "runs");
    assert_eq!(on(Picture::of_app("amd64", b"exec app\n"), init()), "fails exec enoexec");
    assert_eq!(on(shell(Picture::of_app("amd64", b"")), init()), "runs");
    assert_eq!(on(shell(Picture::of_app("amd64", b"<html></html>")), init()), "fails exec enoexec");
    let by = |name: &str, bytes: &[u8]| {
        let path = format!("/bin/{name}");
        let picture = Picture::of_app("amd64", bytes).file(&path, 0o755, &elf(AMD64)).link("/bin/sh", name);
        Room::unseen().image("app:1", picture).container(init())
    };
    assert!(verdict(by("sh.real", &[0; 64])).starts_with("unknown"), "which shell decides");
    assert_eq!(verdict(by("busybox", &[0; 64])), "runs");
    assert_eq!(verdict(by("dash", &[0; 64])), "runs");
    assert_eq!(verdict(by("bash", &[0; 64])), "fails exec enoexec");
    let said = |name| by(name, &elf(ARM64)).finding("wrong-architecture");
    assert!(said("bash").contains("to /bin/sh, and bash says `cannot execute binary file` (exit code 126)"));
    assert!(said("dash").contains("to /bin/sh, and dash runs it as a script: a syntax error"));
    assert!(said("busybox").contains("and busybox's ash runs it as a script: a syntax error"));
    let python = shell(Picture::of_app("amd64", b"import os\nprint(os.name)\n"));
    assert_snapshot!(Room::unseen().image("app:1", python).container(init()).finding("no-shebang"), @r#"
    app: unknown: a shell is handed a Python script without a #! line, and what it makes of that is not modelled
      host x86_64 (default, 0): unknown
      findings: no-shebang, cannot-tell, default-architecture, no-stopped-tasks
    error[no-shebang]: container app: /app is a Python script without a #! line: the init hands it to /bin/sh, and what that makes of it is not modelled
      | /app has no format that the kernel knows (layer 2 of 3, COPY app /app)
      | /app: ENOEXEC (exec format error): it is no program in a format that the kernel knows: it begins neither with #! nor as ELF does (layer 2 of 3, COPY app /app) [fs/exec.c search_binary_handler]
      = Edit Advice: begin /app with #!/usr/bin/env python3, or name the interpreter in the command
        $ sed -i '1i #!/usr/bin/env python3' FILE
        $ # or in the Dockerfile: ENTRYPOINT ["/usr/bin/env", "python3", "/app"]
    "#);
}

#[test]
fn mounts_hide_programs() {
    let of = |point: &str| json!({"mountPoints": [{"sourceVolume": "v", "containerPath": point}]});
    let volumes = json!({"volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}]});
    let room =
        |container| Room::unseen().image("app:1", good()).definition(volumes.clone()).container(container);
    assert_eq!(verdict(room(of("/app"))), "unknown: /app is hidden by the EFS volume v mounted at /app");
    assert_eq!(verdict(room(of("/data"))), "runs");
    assert_eq!(verdict(room(of("/ap"))), "runs");
    let tmpfs = json!({"linuxParameters": {"tmpfs": [{"containerPath": "/app", "size": 64}]}});
    assert_eq!(verdict(room(tmpfs)), "unknown: /app is hidden by the tmpfs at /app");
    let other = json!({"name": "data", "image": "app:1", "mountPoints": [{"sourceVolume": "v", "containerPath": "/app"}]});
    let from = room(json!({"volumesFrom": [{"sourceContainer": "data"}]})).beside(other);
    assert_eq!(
        verdict(from),
        "unknown: /app is hidden by the EFS volume v mounted at /app (from container data)"
    );
    // The mount's own path leads through a link of the image.
    let linked = Picture::new("amd64")
        .link("/var/run", "/run")
        .file("/run/app", 0o755, &elf(AMD64))
        .entrypoint(&["/var/run/app"]);
    assert_eq!(
        on(linked, of("/var/run/app")),
        "unknown: /var/run/app is hidden by the volume v mounted at /var/run/app"
    );
    let shell = Picture::of_app("amd64", b"#!/opt/sh\n").file("/opt/sh", 0o755, &elf(AMD64));
    assert_eq!(on(shell, of("/opt")), "unknown: /opt is hidden by the volume v mounted at /opt");
}

#[test]
fn a_path_that_cannot_be_seen_matters_to_bare_names_only() {
    let secret = json!({"secrets": [{"name": "PATH", "valueFrom": "arn"}]});
    assert_eq!(on(good(), secret.clone()), "runs");
    let bare = || Picture::new("amd64").file("/bin/app", 0o755, &elf(AMD64)).entrypoint(&["app"]);
    assert_eq!(on(bare(), json!({})), "runs");
    assert_eq!(on(bare(), secret), "unknown: app is hidden by an unseen PATH: it comes from the secret PATH");
    let files = json!({"environmentFiles": [{"value": "arn:aws:s3:::b/app.env", "type": "s3"}]});
    assert!(on(bare(), files.clone()).ends_with("the environment file arn:aws:s3:::b/app.env"));
    assert_eq!(
        on(
            bare(),
            json!({"environmentFiles": files["environmentFiles"], "environment": [{"name": "PATH", "value": "/bin"}]})
        ),
        "runs"
    );
    assert_eq!(
        on(bare(), json!({"environment": [{"name": "PATH", "value": "/sbin"}]})),
        "fails lookup enoent"
    );
}

#[test]
fn overrides_of_a_standalone_task() {
    let overrides = |command: &str| {
        json!({"group": "family:api", "containers": [{"name": "app", "lastStatus": "STOPPED"}],
            "overrides": {"containerOverrides": [{"name": "other", "command": ["/no"]}, {"name": "app", "command": [command]}]}})
    };
    let room = |command| {
        let mut room = Room::unseen()
            .image("app:1", Picture::new("amd64").file("/app", 0o755, &elf(AMD64)).cmd(&["/bad"]));
        room.target = crate::target::TargetKind::Task { cluster: "demo".into(), task: "t0".into() };
        room.task("STOPPED", overrides(command))
    };
    assert_eq!(verdict(room("/app")), "runs");
    assert_eq!(verdict(room("/other")), "fails lookup enoent");
}

#[test]
fn a_sidecar_that_is_not_essential_counts() {
    let task = json!({"containers": [{"name": "app", "lastStatus": "RUNNING"}, {"name": "agent", "lastStatus": "STOPPED", "exitCode": 1}]});
    let room = Room::unseen()
        .image("app:1", good())
        .image("agent:1", foreign())
        .task("RUNNING", task)
        .beside(json!({"name": "agent", "image": "agent:1", "essential": false}));
    let report = room.report();
    assert_eq!(report.verdict, crate::verdict::VerdictName::Fails);
    assert_snapshot!(brief(&report), @"
    app: runs
      host x86_64 (default, 0): runs
      findings: default-architecture
    agent: fails exec enoexec
      host x86_64 (default, 0): fails
      findings: wrong-architecture, default-architecture
    ");
    let remedies = &report.workloads[1].findings[0].remedies;
    assert!(
        remedies.iter().all(|remedy| remedy.kind != crate::remedy::RemedyKind::Retarget),
        "the other would not run there"
    );
}

#[test]
fn the_digest_that_was_deployed_is_read() {
    let pictures = [("linux/amd64", good()), ("linux/arm64", foreign())];
    let task = |digest: String| json!({"containers": [{"name": "app", "lastStatus": "RUNNING", "imageDigest": digest}]});
    for digest in [index("app:1"), manifest("app:1", "linux/amd64")] {
        let room = Room::unseen().index("app:1", &pictures).task("RUNNING", task(digest.to_string()));
        let report = room.report();
        assert_eq!(report.workloads[0].image.digest.as_ref(), Some(&digest));
        assert_eq!(report.verdict, crate::verdict::VerdictName::Runs);
        assert!(report.workloads[0].findings.iter().all(|finding| finding.id != "tag-flipped"));
    }
    // A service revision knows better than a task of the deployment before.
    let revision = json!({"serviceRevisions": [{"serviceRevisionArn": "r/1", "taskDefinition": "arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7",
        "containerImages": [{"containerName": "app", "image": "app:1", "imageDigest": manifest("app:old", "")}]}]});
    let room = Room::unseen().index("app:1", &pictures).image("app:old", foreign()).document(revision);
    assert_eq!(verdict(room.task("RUNNING", task(index("app:1").to_string()))), "fails exec enoexec");
    let gone =
        Room::unseen().index("app:1", &pictures).task("RUNNING", task(manifest("gone", "").to_string()));
    assert!(verdict(gone).starts_with("unknown: there is no image"));
}

#[test]
fn deployments_of_one_revision_are_told_apart() {
    let task = |by: &str, name: &str, status: &str| json!({"startedBy": by, "containers": [{"name": "app", "lastStatus": status, "exitCode": 1, "imageDigest": manifest(name, "")}]});
    let room = Room::unseen()
        .image("app:1", foreign())
        .image("app:old", good())
        .task("STOPPED", task("ecs-svc/1", "app:1", "STOPPED"))
        .task("RUNNING", task("ecs-svc/0", "app:old", "RUNNING"));
    let report = room.report();
    assert_eq!((report.workloads[0].observed.running, report.workloads[0].observed.stopped), (0, 1));
    assert_snapshot!(brief(&report), @"
    app: fails exec enoexec
      host x86_64 (default, 0): fails
      findings: wrong-architecture, default-architecture
    ");
}

fn remedies(room: Room) -> String {
    let report = room.report();
    let first = &report.workloads[0].findings[0];
    first
        .remedies
        .iter()
        .map(|remedy| format!("{:?} {:?}: {}\n", remedy.kind, remedy.safety, remedy.title))
        .collect()
}

#[test]
fn retargeting_needs_every_container_and_machines() {
    let sidecar = || json!({"name": "agent", "image": "agent:1"});
    let room = || Room::unseen().image("app:1", foreign());
    let both = [("linux/amd64", good()), ("linux/arm64", foreign())];
    assert_snapshot!(remedies(room().beside(sidecar()).index("agent:1", &both)), @"
    Retarget Safe: run the task on ARM64: all containers run there by the model; Fargate brings the machines
    Rebuild Advice: build the image for linux/amd64, with the first of these that you have, and deploy it anew
    ");
    assert_snapshot!(remedies(room().beside(sidecar()).image("agent:1", good())), @"Rebuild Advice: build the image for linux/amd64, with the first of these that you have, and deploy it anew");
    let ec2 = || {
        room()
            .service(json!({"launchType": "EC2"}))
            .definition(json!({"runtimePlatform": {"cpuArchitecture": "X86_64"}}))
    };
    assert_snapshot!(remedies(ec2().instances("x86_64", 2, json!({}))), @"
    Retarget Advice: run the task on ARM64: all containers run there by the model; the cluster has no arm64 container instance: add capacity first
    Rebuild Advice: build the image for linux/amd64, with the first of these that you have, and deploy it anew
    ");
    let with_both = || ec2().instances("x86_64", 2, json!({})).instances("arm64", 3, json!({}));
    assert_snapshot!(remedies(with_both()), @"
    Retarget Safe: run the task on ARM64: all containers run there by the model; the cluster has 3 active arm64 container instances
    Rebuild Advice: build the image for linux/amd64, with the first of these that you have, and deploy it anew
    ");
    let member_of = json!({"placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.cpu-architecture == x86_64"}]});
    assert_snapshot!(remedies(with_both().definition(member_of)), @"
    Retarget Safe: run the task on ARM64: all containers run there by the model; the cluster has 3 active arm64 container instances; the placement constraint that keeps it from there is changed along
    Rebuild Advice: build the image for linux/amd64, with the first of these that you have, and deploy it anew
    ");
    assert_snapshot!(remedies(room().service(json!({"deploymentController": {"type": "CODE_DEPLOY"}}))), @"
    Retarget Advice: run the task on ARM64: all containers run there by the model; Fargate brings the machines
    Rebuild Advice: build the image for linux/amd64, with the first of these that you have, and deploy it anew
    ");
}

#[test]
fn rolling_back_is_proven_by_what_would_be_deployed_now() {
    let before = || json!({"containerDefinitions": [{"name": "app", "image": "app:0"}]});
    let ran = |room: Room| {
        room.document(json!({"serviceRevisions": [{"serviceRevisionArn": "r/6", "taskDefinition": "arn:aws:ecs:eu-west-1:111122223333:task-definition/api:6"}]}))
            .document(json!({"serviceDeployments": [{"status": "SUCCESSFUL", "targetServiceRevisionArn": "r/6"}]}))
    };
    let room = || Room::unseen().image("app:1", Picture::of_app("amd64", b"")).previous(before());
    assert_snapshot!(remedies(ran(room().image("app:0", good()))), @"
    Rollback Safe: go back to api:6: it was seen running, and all its containers run by the model
    Edit Advice: mend the build step that makes the file
    ");
    assert_snapshot!(remedies(room().image("app:0", good())), @"
    Rollback Safe: go back to api:6: all its containers run by the model
    Edit Advice: mend the build step that makes the file
    ");
    assert_snapshot!(remedies(ran(room().image("app:0", foreign()))), @"Edit Advice: mend the build step that makes the file");
    let moved = ran(Room::unseen().image("app:1", Picture::of_app("amd64", b"")).previous(json!({})));
    assert_snapshot!(remedies(moved), @"Edit Advice: mend the build step that makes the file");
    let hidden = Picture::new("amd64").entrypoint(&["/app"]);
    let mounted = json!({"containerDefinitions": [{"name": "app", "image": "app:0", "mountPoints": [{"sourceVolume": "v", "containerPath": "/app"}]}]});
    assert_snapshot!(remedies(ran(room().previous(mounted).image("app:0", hidden))), @"
    Rollback Advice: go back to api:6: it was seen running; the model cannot tell whether it would again
    Edit Advice: mend the build step that makes the file
    ");
}

#[test]
fn a_saved_case_gives_the_same_report() {
    let mut room = Room::new()
        .image("app:1", foreign())
        .index("agent:1", &[("linux/amd64", good()), ("linux/arm64", foreign())])
        .beside(json!({"name": "agent", "image": "agent:1", "user": "www"}))
        .log("exec /app: exec format error");
    let (case, report) = room.ask();
    let text = serde_json::to_string(&report.unwrap()).unwrap();
    assert_eq!(serde_json::to_string(&diagnose(&case).unwrap()).unwrap(), text);
    let saved: crate::case::Case = serde_json::from_str(&serde_json::to_string(&case).unwrap()).unwrap();
    assert_eq!(saved, case);
    assert_eq!(serde_json::to_string(&diagnose(&saved).unwrap()).unwrap(), text);
}

#[test]
fn no_secret_gets_into_a_case_or_a_report() {
    let passwd = b"root:hunter2:0:0::/root:/bin/sh\nwww:hunter2:33:33::/:/bin/sh\n";
    let script = b"#!/bin/sh\nexport TOKEN=hunter2\nexec app\n";
    let picture = Picture::of_app("amd64", script).user("www").file("/etc/passwd", 0o644, passwd).file(
        "/bin/sh",
        0o755,
        &elf(ARM64),
    );
    let mut room = Room::new().image("app:1", picture).container(json!({
        "environment": [{"name": "DB_PASSWORD", "value": "hunter2"}, "KEY=hunter2", {"name": "N", "value": 7}],
        "dockerLabels": {"token": "hunter2"},
        "logConfiguration": {"logDriver": "splunk", "options": {"splunk-token": "hunter2"}},
        "firelensConfiguration": {"options": {"header": "hunter2"}},
    }));
    room = room
        .service(json!({"tags": [{"key": "owner", "value": "hunter2"}]}))
        .definition(json!({"tags": {"owner": "hunter2"},
        "proxyConfiguration": {"properties": [{"name": "x", "value": "hunter2"}]}}));
    room = room.task("STOPPED", json!({"overrides": {"containerOverrides": [{"name": "app", "environment": [{"name": "K", "value": "hunter2"}]}]}}));
    let (case, report) = room.ask();
    let texts = [serde_json::to_string(&case).unwrap(), serde_json::to_string(&report.unwrap()).unwrap()];
    let files: Vec<u8> = case
        .images
        .iter()
        .flat_map(|i| &i.children)
        .flat_map(|c| c.files.values().flatten())
        .flat_map(|file| file.pieces.iter().flat_map(|piece| piece.bytes.clone()))
        .collect();
    assert!(texts.iter().all(|text| !text.contains("hunter2")), "{texts:?}");
    assert!(!String::from_utf8_lossy(&files).contains("hunter2"));
}
