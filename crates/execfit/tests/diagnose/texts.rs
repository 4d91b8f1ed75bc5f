//! What a human reads: whole answers, pinned.

use crate::double::shapes::{self, runtime_platform, with};
use crate::double::{Reply, bare_env};
use crate::registry::{ARM64, Registry, X86_64, elf, file};
use crate::run::{execfit, run};
use crate::stage::{Stage, app, base, good};
use serde_json::json;
use std::process::Stdio;

/// The text without what is another one in each run: ports and digests.
fn scrubbed(stage: &Stage, text: &str) -> String {
    let text = text
        .replace(&stage.registry.host(), "registry.test:5000")
        .replace(&stage.aws.url(), "https://aws.test");
    let mut parts = text.split("sha256:");
    let mut scrubbed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        scrubbed.push_str(if part.len() - rest.len() > 20 { "sha256:DIGEST" } else { "sha256:SHORT" });
        scrubbed.push_str(rest);
    }
    scrubbed
}

#[track_caller]
fn pin(name: &str, stage: &Stage, arguments: &[&str]) {
    let outcome = stage.run(arguments);
    let text = format!("{}{}exit code: {}\n", outcome.stdout, outcome.stderr, outcome.code);
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, scrubbed(stage, &text));
    });
}

const SERVICE: &[&str] = &["diagnose", "demo/api"];

#[test]
fn a_crash_loop() {
    let image = good("arm64", ARM64);
    let stage = Stage::of(&image);
    stage.crashed(&image.build().digest(), "exec /app: exec format error");
    pin("crash-loop", &stage, SERVICE);
    pin("crash-loop-quiet", &stage, &["diagnose", "demo/api", "--quiet"]);
    pin("crash-loop-inspected", &stage, &["inspect", &stage.image(), "--platform", "linux/amd64"]);
}

#[test]
fn a_script_without_its_first_line() {
    let image = app("set -e\nexec sleep 9\n");
    let stage = Stage::of(&image);
    stage.crashed(&image.build().digest(), "exec /app: exec format error");
    pin("no-shebang", &stage, SERVICE);
}

#[test]
fn a_sidecar_that_nobody_misses() {
    let stage = Stage::empty();
    let digest = stage.registry.push("team/app:1", &good("amd64", X86_64));
    let agent = stage.registry.push("team/agent:1", &good("arm64", ARM64));
    let reference = stage.registry.name("team/agent:1");
    let sidecar = with(shapes::container_definition("agent", &reference), json!({"essential": false}));
    stage.define(1, json!([stage.container(), sidecar])).serve(1);
    let containers = [
        shapes::container("api", &stage.image(), &digest),
        shapes::exited(shapes::container("agent", &reference, &agent), 255, ""),
    ];
    stage
        .aws
        .task(with(shapes::task("demo", "api", "t1", "api:1", "x86_64"), json!({"containers": containers})));
    pin("sidecar", &stage, SERVICE);
}

#[test]
fn a_revision_that_lost_its_platform() {
    let stage = Stage::empty();
    stage.registry.push("team/app:1", &good("arm64", ARM64));
    let first = shapes::task_definition("api", 1, json!([stage.container()]));
    stage.aws.task_definition(with(first, json!({"runtimePlatform": runtime_platform("ARM64")})));
    stage.define(2, json!([stage.container()])).serve(2);
    pin("lost-runtime-platform", &stage, SERVICE);
}

#[test]
fn machines_of_both_kinds() {
    let stage = Stage::empty();
    stage.registry.push("team/app:1", &good("amd64", X86_64));
    stage.define(1, json!([stage.container()]));
    stage.aws.service(with(shapes::service("demo", "api", "api:1"), json!({"launchType": "EC2"})));
    for (id, architecture) in [("0a", "x86_64"), ("0b", "arm64")] {
        stage.aws.container_instance(shapes::container_instance("demo", id, architecture));
    }
    pin("mixed-hosts", &stage, SERVICE);
}

#[test]
fn an_index_without_the_platform() {
    let stage = Stage::empty();
    stage.registry.push_attested_index("team/app:1", &[("linux/arm64", &good("arm64", ARM64))]);
    stage.define(1, json!([stage.container()])).serve(1);
    pin("missing-platform", &stage, SERVICE);
}

#[test]
fn a_healthy_service() {
    let stage = Stage::empty();
    let index = stage.registry.push_index(
        "team/app:1",
        &[("linux/amd64", &good("amd64", X86_64)), ("linux/arm64", &good("arm64", ARM64))],
    );
    stage.define(1, json!([stage.container()])).serve(1);
    stage.running(&index, "arm64");
    pin("healthy", &stage, SERVICE);
    pin("healthy-inspected", &stage, &["inspect", &stage.image()]);
}

#[test]
fn a_missing_permission() {
    let stage = Stage::of(&good("amd64", X86_64));
    stage.aws.on("ListTasks", Reply::denied("ecs:ListTasks"));
    pin("denied", &stage, SERVICE);
    stage.aws.on("DescribeServices", Reply::denied("ecs:DescribeServices"));
    pin("denied-at-once", &stage, SERVICE);
}

#[test]
fn a_program_under_a_mount() {
    let mounts =
        json!({"mountPoints": [{"sourceVolume": "data", "containerPath": "/srv"}], "command": ["/srv/run"]});
    pin("mount", &Stage::with(&base(), mounts), SERVICE);
}

#[test]
fn colours_only_where_they_are_wanted() {
    let stage = Stage::of(&app("no program\n"));
    assert!(!stage.run(SERVICE).stdout.contains('\u{1b}'));
    assert!(!stage.run(&["diagnose", "demo/api", "--color", "never"]).stdout.contains('\u{1b}'));
    assert!(stage.run(&["diagnose", "demo/api", "--color", "always"]).stdout.contains("\u{1b}["));
}

#[test]
fn what_comes_from_outside_is_fit_for_a_terminal() {
    let image = base()
        .layer([file("a\u{1b}[31mb", 0o755, "no program\n")])
        .history("COPY \u{1b}[2J / # buildkit")
        .cmd(["/a\u{1b}[31mb"]);
    let stage = Stage::of(&image);
    stage.crashed(&image.build().digest(), "exec /a\u{1b}[31mb: exec format error");
    for arguments in
        [SERVICE, &["inspect", &stage.image()], &["inspect", &stage.image(), "--", "/bin/\u{1b}[31m"]]
    {
        let outcome = stage.run(arguments);
        assert!([4, 8].contains(&outcome.code), "{outcome:?}");
        assert!(!outcome.stdout.contains('\u{1b}'), "{:?}", outcome.stdout);
    }
}

#[test]
fn a_reader_that_has_gone() {
    let stage = Stage::of(&app("no program\n"));
    let registry = Registry::start();
    registry.push("team/app:1", &base().layer([file("app", 0o755, elf(X86_64))]).cmd(["/app"]));
    let name = registry.name("team/app:1");
    let commands: [(&[&str], i32); 4] = [
        (SERVICE, 8),
        (&["diagnose", "demo/api", "--format", "json"], 8),
        (&["inspect", &name], 0),
        (&["explain"], 0),
    ];
    for (arguments, code) in commands {
        let mut command = stage.execfit(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!stderr.contains("panicked"), "{stderr}");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    }
}

#[test]
fn help_names_the_exit_codes() {
    let outcome = run(execfit(bare_env()).arg("--help"));
    assert_eq!(outcome.code, 0);
    let words = outcome.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    for code in ["0 runs", "1 failed", "2 usage", "3 nothing", "4 could not tell", "8 would not run"] {
        assert!(words.contains(code), "`{code}`: {words}");
    }
    for verb in ["diagnose", "inspect", "explain"] {
        outcome.says(&[verb]);
        assert_eq!(run(execfit(bare_env()).args([verb, "--help"])).code, 0);
    }
    assert_eq!(run(execfit(bare_env()).arg("--version")).code, 0);
}
