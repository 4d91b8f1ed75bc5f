//! The question: asked where somebody is there, and nothing is done without a yes.

use crate::live::Live;
use crate::terminal::{on_a_terminal, with_stdout};
use serde_json::Value;
use std::fs::File;
use std::process::Stdio;

const ROLLBACK: &[&str] = &["demo/api", "--by", "rollback", "--settle", "1"];

#[test]
fn a_yes_carries_it_out() {
    let live = Live::broken();
    let shown = on_a_terminal(&mut live.command(ROLLBACK), "[y/N]", "yes\n");
    assert_eq!((shown.code, live.deployed().as_str()), (0, "api:1"), "{}", shown.screen);
    let (plan, asked) = (shown.screen.find("what it does"), shown.screen.find("[y/N]"));
    assert!(plan.is_some() && plan < asked, "{}", shown.screen);
    assert!(shown.screen.contains("proven"), "{}", shown.screen);
}

#[test]
fn all_but_a_yes_leaves_it() {
    for answer in ["\n", "n\n", "no\n", "yesterday\n", "y y\n", "\u{4}"] {
        let live = Live::broken();
        let shown = on_a_terminal(&mut live.command(ROLLBACK), "[y/N]", answer);
        assert_eq!((shown.code, live.deployed().as_str()), (0, "api:2"), "{answer:?}: {}", shown.screen);
        assert!(shown.screen.contains("nothing was changed"), "{}", shown.screen);
        assert_eq!(live.stage.aws.requests_for("UpdateService").len(), 0);
    }
}

#[test]
fn who_is_asked_sees_the_plan_though_the_answer_goes_to_a_file() {
    let live = Live::broken();
    let path = live.state.path().join("answer.json");
    let mut command = live.command(&[ROLLBACK, &["--format", "json"]].concat());
    let shown = with_stdout(&mut command, Stdio::from(File::create(&path).unwrap()), "[y/N]", "y\n");
    assert_eq!(shown.code, 0, "{}", shown.screen);
    assert!(shown.screen.contains("what it does"), "{}", shown.screen);
    let answer: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(answer["outcome"]["ending"], "proven");
}

#[test]
fn where_nobody_is_there_it_takes_a_flag() {
    let live = Live::broken();
    let outcome = live.fix(ROLLBACK);
    assert_eq!((outcome.code, live.deployed().as_str()), (2, "api:2"));
    outcome.says(&["what it does", "add --yes to carry it out"]);
    let outcome = live.fix(&[ROLLBACK, &["--format", "json"]].concat());
    let answer = outcome.ended(2);
    assert_eq!(answer["offer"], "plan");
    assert!(answer["stopped"]["help"].as_str().unwrap().contains("--yes"));
    let outcome = live.fix(&[ROLLBACK, &["--yes"]].concat());
    assert_eq!((outcome.code, live.deployed().as_str()), (0, "api:1"), "{outcome:?}");
}
