//! An attempt that was cut short is told, and ended before anything else is begun.

use crate::double::{Behaviour, Call, When};
use crate::live::Live;
use crate::texts::pin;
use serde_json::json;
use std::process::Stdio;
use std::time::Duration;

/// A retarget that was killed right after the service was changed. A plan to roll back was saved before.
fn killed() -> (Live, String) {
    let live = Live::broken();
    let path = live.state.path().join("plan.json").display().to_string();
    assert_eq!(live.fix(&["demo/api", "--by", "rollback", "--out", &path]).code, 0);
    live.stage.aws.behaves("api:3", Behaviour::Runs);
    let gate = live.stage.aws.hang(Call::Nth("UpdateService", 1), When::After);
    let mut command = live.command(&["demo/api", "--by", "retarget", "--yes", "--settle", "1"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    assert!(gate.reached(Duration::from_secs(30)));
    child.kill().unwrap();
    child.wait().unwrap();
    gate.abandon();
    assert_eq!(live.deployed(), "api:3");
    (live, path)
}

#[test]
fn it_is_told_and_left_until_somebody_says_yes() {
    let (live, _) = killed();
    pin("unfinished-told", &live, &["demo/api", "--dry-run"]);
    pin("unfinished-unasked", &live, &["demo/api"]);
    let answer = live.fix(&["demo/api", "--format", "json"]).ended(2);
    assert_eq!((&answer["offer"], &answer["outcome"]), (&json!("unfinished"), &json!(null)));
    assert_eq!(answer["unfinished"]["plan"], answer["plan"]["id"]);
    assert_eq!(answer["unfinished"]["undone"], false);
    pin("unfinished-finished", &live, &["demo/api", "--yes"]);
    let answer = live.fix(&["demo/api", "--yes", "--format", "json"]).ended(0);
    assert_eq!((&answer["offer"], &answer["unfinished"]), (&json!("nothing"), &json!(null)));
}

#[test]
fn another_plan_waits_for_its_end() {
    let (live, path) = killed();
    let outcome = live.fix(&["--plan", &path, "--yes"]);
    outcome.stopped(
        4,
        &["an earlier attempt at service demo/api is unfinished", "end it first: execfit fix demo/api"],
    );
    assert_eq!(live.stage.aws.requests_for("UpdateService").len(), 1);
}
