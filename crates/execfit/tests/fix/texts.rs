//! What a human reads of `fix`, pinned.

use crate::double::{Behaviour, Call, Reply, When, shapes};
use crate::live::{Live, arm, intel};
use crate::run::Outcome;
use serde_json::json;

/// The text without what is another one in each run: ports, digests, ids, times.
fn scrubbed(live: &Live, text: &str) -> String {
    let text = text
        .replace(&live.stage.registry.host(), "registry.test:5000")
        .replace(&live.stage.aws.url(), "https://aws.test")
        .replace(&live.state.path().display().to_string(), "STATE");
    let words = text.split_inclusive(SEPARATORS).map(scrubbed_word);
    let text: String = words.collect();
    text.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

const SEPARATORS: [char; 8] = [' ', '\n', ':', '@', '"', '?', '=', ','];

fn scrubbed_word(word: &str) -> String {
    let (core, end) = word.split_at(word.trim_end_matches(SEPARATORS).len());
    let hex = core.len() >= 12 && core.bytes().all(|byte| byte.is_ascii_hexdigit());
    match core.len() {
        64 if hex => format!("DIGEST{end}"),
        12 if hex => format!("ID{end}"),
        _ if core.parse::<f64>().is_ok() && core.contains('.') && !core.ends_with('.') => format!("N.N{end}"),
        _ => word.to_string(),
    }
}

#[track_caller]
pub(crate) fn pin(name: &str, live: &Live, arguments: &[&str]) {
    pinned(name, live, live.fix(arguments));
}

#[track_caller]
fn pinned(name: &str, live: &Live, outcome: Outcome) {
    // Events depend on when AWS was looked at.
    let is_event = |line: &&str| {
        line.trim_start().split_once(" s  ").is_some_and(|(time, _)| time.parse::<f64>().is_ok())
    };
    let stderr: String =
        outcome.stderr.lines().filter(|line| !is_event(line)).map(|line| format!("{line}\n")).collect();
    let text = format!("{}{stderr}exit code: {}\n", outcome.stdout, outcome.code);
    insta::with_settings!({omit_expression => true, prepend_module_to_snapshot => false}, {
        insta::assert_snapshot!(name, scrubbed(live, &text));
    });
}

#[test]
fn a_plan_of_each_remedy() {
    let live = Live::broken();
    pin("plan-retarget", &live, &["demo/api", "--dry-run", "--by", "retarget"]);
    pin("plan-rollback", &live, &["demo/api", "--dry-run", "--by", "rollback"]);
    pin("plan-best", &live, &["demo/api", "--dry-run"]);
    pin("refused-repin", &live, &["demo/api", "--dry-run", "--by", "repin"]);
    pin("plan-family", &live, &["api:2", "--dry-run", "--by", "retarget"]);
}

#[test]
fn a_plan_that_is_carried_out() {
    let live = Live::broken();
    pin("proven", &live, &["demo/api", "--by", "rollback", "--yes", "--settle", "1"]);
    pin("nothing-to-fix", &live, &["demo/api", "--yes"]);
    let live = Live::broken();
    live.stage.aws.behaves("api:3", Behaviour::wrong_format("/app"));
    pin("rolled-back", &live, &["demo/api", "--by", "retarget", "--yes", "--settle", "1"]);
    let live = Live::broken();
    pin("registered", &live, &["api:2", "--by", "retarget", "--yes"]);
}

#[test]
fn a_plan_that_is_neither_proven_nor_undone() {
    let live = Live::broken();
    live.stage.aws.behaves("api:1", Behaviour::StaysPending);
    pin("unproven", &live, &["demo/api", "--by", "rollback", "--yes", "--settle", "1", "--timeout", "2s"]);
    let live = Live::broken();
    live.define(3, "team/app:1").stage.aws.meanwhile(Call::Nth("UpdateService", 1), When::After, |world| {
        world.deploy("demo", "api", "api:3");
    });
    pin("overtaken", &live, &["demo/api", "--by", "rollback", "--yes", "--settle", "1"]);
    assert_eq!(live.deployed(), "api:3");
}

#[test]
fn no_remedy() {
    let live = Live::empty();
    live.push("team/app:1", &arm());
    live.define(1, "team/app:1");
    live.stage
        .aws
        .service(shapes::with(shapes::service("demo", "api", "api:1"), json!({"launchType": "EC2"})));
    live.stage.aws.container_instance(shapes::container_instance("demo", "0a", "x86_64"));
    pin("refused", &live, &["demo/api", "--yes"]);
}

#[test]
fn no_answer() {
    let live = Live::empty();
    live.push("team/app:1", &intel()).define(1, "team/app:1").serve(1);
    live.stage.aws.on("ListTasks", Reply::denied("ecs:ListTasks"));
    pin("untold", &live, &["demo/api", "--yes"]);
}

#[test]
fn what_does_not_go_together() {
    let live = Live::broken();
    let wrong: [(&[&str], &str); 8] = [
        (&["demo/api", "--quick"], "--quick is only likely"),
        (&["demo/api", "--quick", "--dry-run", "--out", "/nonexistent/x"], "--quick is only likely"),
        (&["demo/api", "--settle", "10m"], "--settle takes all of --timeout"),
        (&["demo/api", "--settle", "soon"], "expected a number of seconds"),
        (&["file:saved.json"], "saved documents are not changed"),
        (&["-", "--yes"], "saved documents are not changed"),
        (&["--replay", "x.case"], "--dry-run"),
        (&["demo/api", "--yes", "--dry-run"], "cannot be used with"),
    ];
    for (arguments, words) in wrong {
        let outcome = live.fix(arguments);
        outcome.stopped(2, &[words]);
    }
    assert_eq!(live.fix(&["demo/api", "--by", "rebuild"]).code, 2);
    assert_eq!(live.fix(&[]).code, 2);
    assert_eq!(live.stage.aws.asked(), [""; 0]);
}

#[test]
fn help_names_what_each_exit_code_means() {
    let outcome = Live::empty().fix(&["--help"]);
    assert_eq!(outcome.code, 0);
    outcome.says(&["Exit codes:", "  0  proven", "  8  refused", "rolled back: the deployment failed"]);
}

#[test]
fn quiet_tells_no_events() {
    let live = Live::broken();
    let outcome = live.fix(&["demo/api", "--by", "rollback", "--yes", "--settle", "1", "--quiet"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{outcome:?}");
    let live = Live::broken();
    let outcome = live.fix(&["demo/api", "--by", "rollback", "--yes", "--settle", "1", "--format", "json"]);
    assert!(outcome.stderr.lines().any(|line| line.contains(" s  ")), "{outcome:?}");
    let answer = outcome.ended(0);
    assert_eq!(answer["outcome"]["ending"], "proven");
}

#[test]
fn a_task_is_fixed_as_its_service() {
    let live = Live::broken();
    let arn = shapes::arn("task/demo/t1");
    let outcome = live.fix(&[&arn, "--dry-run", "--by", "rollback", "--format", "json"]);
    outcome.says(&["note: task demo/t1 belongs to service demo/api, which is fixed"]);
    let answer = outcome.ended(0);
    assert_eq!((&answer["target"]["kind"], &answer["target"]["service"]), (&json!("service"), &json!("api")));
}
