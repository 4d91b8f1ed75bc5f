//! `fix` on real containers: services that tests break, and that are fixed, proven, or put back as they were. Each test
//! makes a service of its own in the cluster `fix` and takes it away again; the images are those of `cargo xtask lab seed`.

mod policy;
mod service;

use crate::{ecs, lab};
use serde_json::{Value, json};
use service::{Fixable, short};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// What fails to exec, of every image here that does.
const LINE: &str = "exec format error";

fn plan_id(answer: &Value) -> &str {
    answer["plan"]["id"].as_str().unwrap()
}

fn ending(answer: &Value) -> &str {
    answer["outcome"]["ending"].as_str().unwrap_or_else(|| panic!("{answer:#}"))
}

/// It is proven, and how long that took is told.
#[track_caller]
fn is_proven(answer: &Value, what: &str) {
    assert_eq!(ending(answer), "proven", "{answer:#}");
    let seconds = answer["outcome"]["seconds"].as_f64().unwrap();
    assert!(seconds > 1.0, "{answer:#}");
    println!("{what}: proven after {seconds:.1} s");
}

#[test]
fn a_crash_loop_for_the_wrong_processor_is_rolled_back() {
    if !lab() {
        return;
    }
    let service = Fixable::new("rollback");
    service.register("good").register("arm64").create(1).runs();
    service.update(2).crashes();
    let answer = service.fixed(0, &["--by", "rollback"]);
    is_proven(&answer, "rollback");
    assert_eq!(service.runs(), "1");
    assert_eq!(answer["outcome"]["revision"], Value::Null, "{answer:#}");
    let now = service.now();
    assert_eq!(
        (&now["runningCount"], now["deployments"].as_array().unwrap().len()),
        (&json!(1), 1),
        "{now:#}"
    );
}

#[test]
fn a_tag_that_was_overwritten_is_pinned_to_what_ran() {
    if !lab() {
        return;
    }
    let service = Fixable::new("repin");
    let good = service.tag("good", "live");
    service.register_tag("live").create(1).runs();
    service.tag("arm64", "live");
    service.deploy_anew().crashes();
    let answer = service.fixed(0, &["--by", "repin"]);
    is_proven(&answer, "repin");
    assert_eq!(service.runs(), "2");
    let definition = service.definition(2);
    let image = definition["taskDefinition"]["containerDefinitions"][0]["image"].as_str().unwrap();
    assert!(image.ends_with(&format!("@{good}")), "{image} is not {good}");
    let tag = json!({"key": "execfit:plan", "value": plan_id(&answer)});
    assert_eq!(definition["tags"], json!([tag]));
}

#[test]
fn a_service_of_fargate_runs_as_aarch64_once_it_is_retargeted() {
    if !lab() {
        return;
    }
    if std::env::var_os("EXECFIT_LAB_EMULATION").is_none() {
        return println!("skipped: the lab has no emulation of arm64");
    }
    let service = Fixable::on_fargate("retarget");
    // A task of Fargate starts on a machine that has no image yet; this Engine keeps the half of an index that it pulled.
    service.forget_image("either");
    service.register("either").create_with_breaker();
    service.forget_image("either");
    let answer = service.fixed(0, &["--by", "retarget"]);
    is_proven(&answer, "retarget");
    assert_eq!(service.runs(), "2");
    let platform = json!({"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"});
    assert_eq!(service.definition(2)["taskDefinition"]["runtimePlatform"], platform);
    assert_eq!(
        service.log_of_running(),
        ["aarch64"],
        "a fall back to this machine's processor would say x86_64"
    );
}

#[test]
fn a_retarget_that_turns_out_bad_goes_back_by_itself() {
    if !lab() {
        return;
    }
    // By the model it runs on arm64, and it would; yet this machine is none, which MiniStack does not say.
    let service = Fixable::on_fargate("bad-retarget");
    service.register("arm64").create_with_breaker();
    let before = service.now();
    let answer = service.fixed(8, &["--by", "retarget"]);
    assert_eq!(ending(&answer), "rolled-back", "{answer:#}");
    let cause = answer["outcome"]["cause"].as_str().unwrap();
    assert!(cause.contains(LINE), "{cause}");
    assert_eq!(service.runs_or_not(), "1");
    let after = service.now();
    for member in ["taskDefinition", "desiredCount", "launchType", "deploymentConfiguration"] {
        assert_eq!(after[member], before[member], "{member}");
    }
    assert_eq!(service.definition(2)["taskDefinition"]["status"], "INACTIVE", "its revision is withdrawn");
    assert_eq!(answer["outcome"]["revision_left"], false);
}

#[test]
fn a_rollback_whose_program_ends_goes_back_by_itself() {
    if !lab() {
        return;
    }
    let service = Fixable::new("bad-rollback");
    service.register("ends").register("arm64").create(2).crashes();
    let answer = service.fixed(8, &["--by", "rollback"]);
    assert_eq!(ending(&answer), "rolled-back", "{answer:#}");
    let cause = answer["outcome"]["cause"].as_str().unwrap();
    assert!(cause.contains('3'), "the exit code is told: {cause}");
    assert_eq!(service.runs_or_not(), "2");
}

#[test]
fn a_tag_that_moves_after_the_plan_was_made_stops_it() {
    if !lab() {
        return;
    }
    let service = Fixable::new("moved");
    service.tag("good", "live");
    service.register_tag("live").register("arm64").create(2).crashes();
    let plan = service.state.path().join("plan.json");
    let plan = plan.to_str().unwrap();
    service.fix(0, &["--by", "rollback", "--out", plan]);
    service.tag("arm64", "live");
    let before = service.now();
    let answer = service.carry_out(4, plan);
    assert_eq!(answer["outcome"], Value::Null, "{answer:#}");
    assert!(answer["stopped"].to_string().contains("-live"), "the image that moved is named: {answer:#}");
    assert_eq!(service.now()["deployments"][0]["id"], before["deployments"][0]["id"]);
    assert_eq!(service.revisions(), 2);
}

#[test]
fn a_dry_run_changes_nothing() {
    if !lab() {
        return;
    }
    let service = Fixable::new("dry-run");
    service.register("good").register("arm64").create(2).crashes();
    let seen = || {
        let now = service.now();
        json!([now["taskDefinition"], now["deployments"][0]["id"], now["desiredCount"], service.revisions()])
    };
    let before = seen();
    for by in ["rollback", "repin", "retarget"] {
        let answer = service.fix_as_it_ends(&["--by", by, "--dry-run"]);
        assert_eq!(answer["outcome"], Value::Null, "{answer:#}");
    }
    assert_eq!(seen(), before);
    let left: Vec<_> = std::fs::read_dir(service.state.path()).unwrap().collect();
    assert!(left.is_empty(), "a journal of nothing: {left:?}");
}

/// Kills it whenever its journal has grown by a line, then lets it be run again: it ends whole each time.
#[test]
fn killed_at_any_step_it_is_finished_by_the_next_run() {
    if !lab() {
        return;
    }
    for lines in 1.. {
        let service = Fixable::new(&format!("killed-{lines}"));
        let good = service.tag("good", "live");
        service.register_tag("live").create(1).runs();
        service.tag("arm64", "live");
        service.deploy_anew().crashes();
        let mut command = service.command(&["--by", "repin", "--yes", "--settle", "2", "--format", "json"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begin = Instant::now();
        let ended = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break Some(status);
            }
            if service.journal_lines() >= lines {
                child.kill().unwrap();
                child.wait().unwrap();
                break None;
            }
            assert!(begin.elapsed() < Duration::from_secs(90), "it does not come to an end");
            std::thread::sleep(Duration::from_millis(2));
        };
        if let Some(status) = ended {
            assert!(lines > 3 && status.success(), "only {lines} lines of the journal were seen: {status}");
            return;
        }
        let answers = service.finished();
        let image = service.running_image();
        assert!(image.ends_with(&format!("@{good}")), "after {lines} lines it runs {image}: {answers:#?}");
        // One revision of the plan's, and none besides that nobody knows of.
        let family = json!({"familyPrefix": service.name});
        let listed = ecs("ListTaskDefinitions", &family);
        let arns = listed["taskDefinitionArns"].as_array().unwrap();
        assert_eq!(arns.len(), 2, "after {lines} lines: {arns:?}\n{answers:#?}");
        println!(
            "killed after {lines} lines of its journal: {} runs, {} more runs of it",
            short(&arns[0]),
            answers.len()
        );
    }
}
