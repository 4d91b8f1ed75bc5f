//! `--record` and `--replay`.

use crate::double::{Double, bare_env, shapes};
use crate::registry::{ARM64, X86_64};
use crate::run::{Outcome, execfit, run};
use crate::stage::{Stage, app, good};
use serde_json::{Value, json};
use std::path::Path;

/// Replays with nothing around: no AWS, no home, no registry.
#[track_caller]
fn replay(path: &Path, arguments: &[&str]) -> Outcome {
    let mut command = execfit(Vec::new());
    run(command.arg("diagnose").arg("--replay").arg(path).args(arguments))
}

/// JSON and text of a service, recorded and then replayed when everything is gone, are the same but for what was read.
#[track_caller]
fn same_again(stage: Stage, code: i32) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.case");
    let live = stage.diagnose(&["demo/api", "--record", path.to_str().unwrap()]);
    live.ended(code);
    let text = stage.run(&["diagnose", "demo/api"]);
    let record = std::fs::read_to_string(&path).unwrap();
    stage.run(&["diagnose", "demo/api", "--record", path.to_str().unwrap()]);
    assert_eq!(record, std::fs::read_to_string(&path).unwrap(), "recording twice gives the same bytes");
    drop(stage);
    let again = replay(&path, &["--format", "json"]);
    assert_eq!(again.code, code);
    assert_eq!(before_read(&live.stdout), before_read(&again.stdout));
    assert_eq!(again.answer()["read"], json!({"requests": 0, "bytes": 0, "mirrors": []}));
    let again = replay(&path, &[]);
    assert_eq!((text.code, &text.stdout), (again.code, &again.stdout));
    assert_eq!(again.stderr, "");
    serde_json::from_str(&record).unwrap()
}

/// All of a report but its last member.
fn before_read(report: &str) -> &str {
    report.rsplit_once("\"read\": {").unwrap().0
}

#[test]
fn a_crash_loop_is_the_same_again() {
    let image = good("arm64", ARM64);
    let stage = Stage::of(&image);
    stage.crashed(&image.build().digest(), "exec /app: exec format error");
    stage.registry.push("team/app:1", &good("amd64", X86_64));
    let case = same_again(stage, 8);
    assert_eq!(case["schema"], "execfit/case/v1");
    // The head of the program, and not the whole of it.
    assert!(case.to_string().len() < 40_000, "{} bytes", case.to_string().len());
}

#[test]
fn a_healthy_service_is_the_same_again() {
    let image = app("#!/bin/sh\n");
    let stage = Stage::of(&image);
    stage.running(&image.build().digest(), "x86_64");
    same_again(stage, 0);
}

#[test]
fn a_pull_failure_and_a_text_are_the_same_again() {
    let stage = Stage::empty();
    stage.registry.push_index("team/app:1", &[("linux/arm64", &good("arm64", ARM64))]);
    stage.define(1, json!([stage.container()])).serve(1);
    same_again(stage, 8);
    same_again(Stage::of(&app("print('x')\n").user("nobody")), 8);
    same_again(Stage::of(&app("print('x')\n")), 8);
}

#[test]
fn what_could_not_be_seen_is_recorded_too() {
    let stage = Stage::of(&app("#!/bin/sh\n"));
    stage.aws.on("ListTasks", crate::double::Reply::denied("ecs:ListTasks"));
    same_again(stage, 4);
    let stage = Stage::of(&app("#!/bin/sh\n"));
    let forbidden = crate::registry::Reply::error(403, "DENIED", "no");
    stage.registry.faulty(crate::registry::Of::Everything, crate::registry::Fault::Reply(forbidden));
    same_again(stage, 4);
}

#[test]
fn a_record_is_readable_by_its_owner_only_or_says_why_not() {
    let stage = Stage::of(&app("#!/bin/sh\n"));
    let outcome = stage.diagnose(&["demo/api", "--record", "/nonexistent/it.case"]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    outcome.says(&["cannot write /nonexistent/it.case"]);
}

#[test]
fn cases_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.case");
    let stage = Stage::of(&app("no program\n"));
    stage.diagnose(&["demo/api", "--record", path.to_str().unwrap()]).ended(8);
    let whole = std::fs::read_to_string(&path).unwrap();
    for length in [0, 1, whole.len() / 3, whole.len() / 2, whole.len() - 2] {
        std::fs::write(&path, &whole[..length]).unwrap();
        replay(&path, &[]).stopped(1, &["cannot read the case", "it.case"]);
    }
    for text in [
        "[]",
        "{}",
        "null",
        "{\"schema\": \"execfit/case/v9\", \"target\": {\"kind\": \"service\"}}",
        "\u{7f}ELF",
    ] {
        std::fs::write(&path, text).unwrap();
        replay(&path, &[]).stopped(1, &["cannot read the case"]);
    }
    replay(&folder.path().join("none.case"), &[]).stopped(1, &["cannot read the case", "none.case"]);
    replay(folder.path(), &[]).stopped(1, &["cannot read the case"]);
}

#[test]
fn a_case_that_lacks_facts_says_which() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.case");
    let stage = Stage::of(&app("#!/bin/sh\n"));
    stage.diagnose(&["demo/api", "--record", path.to_str().unwrap()]).ended(0);
    let whole: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let without = |change: fn(&mut Value)| {
        let mut case = whole.clone();
        change(&mut case);
        std::fs::write(&path, case.to_string()).unwrap();
        replay(&path, &[])
    };
    without(|case| case["images"] = json!([]))
        .stopped(1, &["the case lacks", "team/app:1", "record it anew"]);
    without(|case| case["images"][0]["children"] = json!([]))
        .stopped(1, &["the case lacks", "record it anew"]);
    without(|case| case["answers"] = json!([])).stopped(3, &["api"]);
}

#[test]
fn replay_excludes_a_target() {
    let mut command = execfit(bare_env());
    let outcome = run(command.args(["diagnose", "demo/api", "--replay", "x.case"]));
    assert_eq!(outcome.code, 2, "{outcome:?}");
    // A double that nobody asks anything.
    let double = Double::start();
    double.cluster(shapes::cluster("demo"));
    assert_eq!(double.asked(), [] as [String; 0]);
}
