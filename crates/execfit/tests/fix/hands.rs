//! What is sent, what is refused on the way, who else is at work: always it is told in what state everything is.

use crate::double::{Behaviour, Call, Reply, When, shapes};
use crate::live::Live;
use crate::story::active;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const RETARGET: [&str; 7] = ["demo/api", "--yes", "--settle", "0", "--by", "retarget", "-q"];
const ROLLBACK: [&str; 7] = ["demo/api", "--yes", "--settle", "0", "--by", "rollback", "-q"];

fn outcome(live: &Live, code: i32, by: &str) -> Value {
    live.fixed(code, &["--by", by])["outcome"].clone()
}

fn writes(live: &Live) -> Vec<String> {
    live.stage.aws.writes()
}

#[test]
fn every_member_and_tag_arrives_and_the_diff_is_all_that_changes() {
    let live = Live::broken();
    let aws = &live.stage.aws;
    let before = aws.change(|world| {
        let known = world.definition("api:2");
        known["inventedTomorrow"] = json!({"deep": [1, {"er": 1.5}], "text": "ü\u{2028}"});
        known["containerDefinitions"][0]["newMember"] = json!(["a", null]);
        known.clone()
    });
    aws.tagged("api:2", &[("team", "pay"), ("aws:cloudformation:x", "y"), ("empty", "")]);
    let done = outcome(&live, 0, "retarget");
    let sent = aws.requests_for("RegisterTaskDefinition").remove(0).body;
    let plan = &live.stage.aws.requests_for("RegisterTaskDefinition")[0].body["tags"][2]["value"];
    let mut expected = before;
    for member in ["taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities"] {
        expected.as_object_mut().unwrap().remove(member);
    }
    for member in ["registeredAt", "registeredBy"] {
        expected.as_object_mut().unwrap().remove(member);
    }
    expected["runtimePlatform"] = json!({"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"});
    expected["tags"] = json!([
        {"key": "team", "value": "pay"}, {"key": "empty", "value": ""}, {"key": "execfit:plan", "value": plan}
    ]);
    assert_eq!(sent, expected);
    let events = done["events"].to_string();
    assert!(
        events.contains("tags that AWS keeps to itself are not copied: aws:cloudformation:x"),
        "{events}"
    );
    let update = aws.requests_for("UpdateService").remove(0).body;
    let members: Vec<&str> = update.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        (members, &update["taskDefinition"]),
        (vec!["cluster", "service", "taskDefinition"], &json!(shapes::arn("task-definition/api:3")))
    );
}

#[test]
fn what_iam_denies_is_named_and_leaves_nothing() {
    for (operation, state) in [
        ("RegisterTaskDefinition", &["the service demo/api was not changed: it runs api:2"][..]),
        (
            "UpdateService",
            &["api:3 was registered, and is deregistered again", "was not changed: it runs api:2"],
        ),
    ] {
        let live = Live::broken();
        let action = format!("ecs:{operation}");
        live.stage.aws.fail(Call::Every(operation), Reply::denied(&action));
        let outcome = live.fix(&RETARGET);
        assert_eq!(outcome.code, 4, "{outcome:?}");
        outcome.says(&["access denied", &format!("allow the IAM action {action}")]);
        outcome.says(state);
        assert_eq!((live.deployed().as_str(), active(&live)), ("api:2", vec![1, 2]));
        // Nothing is left to finish.
        assert!(!live.fix(&["demo/api", "--dry-run"]).stdout.contains("unfinished"));
    }
}

#[test]
fn a_role_that_may_not_be_passed_is_named() {
    let live = Live::broken();
    live.stage.aws.fail(Call::Every("RegisterTaskDefinition"), Reply::denied("iam:PassRole"));
    live.fix(&RETARGET).says(&["ecs:RegisterTaskDefinition", "allow the IAM action iam:PassRole"]);
}

#[test]
fn a_revision_that_may_not_be_deregistered_is_named() {
    let live = Live::broken();
    live.stage.aws.behaves("api:3", Behaviour::wrong_format("/app"));
    live.stage
        .aws
        .fail(Call::Every("DeregisterTaskDefinition"), Reply::denied("ecs:DeregisterTaskDefinition"));
    let done = outcome(&live, 8, "retarget");
    assert_eq!((&done["ending"], &done["revision_left"]), (&json!("rolled-back"), &json!(true)));
    let command = "aws ecs deregister-task-definition --region eu-central-1 --task-definition api:3";
    assert!(done["left_to_do"].as_array().unwrap().contains(&json!(command)), "{done:#}");
    assert_eq!(live.deployed(), "api:2");
}

#[test]
fn an_undo_that_is_denied_is_told_with_the_command() {
    let live = Live::broken();
    live.stage.aws.behaves("api:3", Behaviour::wrong_format("/app"));
    live.stage.aws.fail(Call::Nth("UpdateService", 2), Reply::denied("ecs:UpdateService"));
    let outcome = live.fix(&RETARGET);
    assert_eq!(outcome.code, 4, "{outcome:?}");
    let back = format!("--task-definition {}", shapes::arn("task-definition/api:2"));
    outcome.says(&[
        "could not be undone",
        "allow the IAM action ecs:UpdateService",
        "aws ecs update-service",
        &back,
    ]);
    assert_eq!(live.deployed(), "api:3");
    // The permission is there now.
    let again = live.fix(&RETARGET);
    assert_eq!((again.code, live.deployed().as_str(), active(&live)), (8, "api:2", vec![1, 2]), "{again:?}");
}

#[test]
fn what_aws_throttles_or_loses_is_done_once() {
    for reply in [Reply::throttled(), Reply::server_error(), Reply::hang_up()] {
        for operation in ["RegisterTaskDefinition", "UpdateService"] {
            for took_effect in [false, true] {
                let live = Live::broken();
                match took_effect {
                    true if reply == Reply::throttled() => continue,
                    true => live.stage.aws.fail_after(Call::Nth(operation, 1), reply.clone()),
                    false => live.stage.aws.fail(Call::Nth(operation, 1), reply.clone()),
                };
                let outcome = live.fix(&RETARGET);
                let case = format!("{operation} {took_effect} {reply:?}: {outcome:?}");
                assert_eq!((outcome.code, live.deployed().as_str()), (0, "api:3"), "{case}");
                assert_eq!(active(&live), [1, 2, 3], "{case}");
                let sent = writes(&live).iter().filter(|name| *name == operation).count();
                assert_eq!(sent, if took_effect { 1 } else { 2 }, "{case}");
            }
        }
    }
}

#[test]
fn a_service_that_never_answers_is_left_to_the_next_attempt() {
    let live = Live::broken();
    live.stage.aws.fail(Call::Every("UpdateService"), Reply::server_error());
    let outcome = live.fix(&RETARGET);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    outcome.says(&[
        "ecs:UpdateService",
        "api:3 is registered, with the tag execfit:plan=",
        "run `execfit fix demo/api` again",
    ]);
    assert_eq!(live.deployed(), "api:2");
}

#[test]
fn a_second_deployer_is_never_overwritten() {
    // Between the plan and the change; while it is proven; while it is undone.
    for (dies, call, when) in [
        (false, Call::Nth("RegisterTaskDefinition", 1), When::After),
        (false, Call::Nth("UpdateService", 1), When::After),
        (true, Call::Nth("UpdateService", 1), When::After),
    ] {
        let live = Live::broken();
        live.define(7, "team/app:1");
        if dies {
            live.stage.aws.behaves("api:8", Behaviour::wrong_format("/app"));
        }
        let case = format!("{call:?} {when:?}");
        live.stage.aws.meanwhile(call, when, |world| world.deploy("demo", "api", "api:7"));
        let done = outcome(&live, 4, "retarget");
        assert_eq!(done["ending"], "overtaken", "{case}: {done:#}");
        assert!(done["cause"].as_str().unwrap().contains("api:7"), "{case}: {done:#}");
        assert_eq!(live.deployed(), "api:7", "{case}");
        // Gone, or named.
        let named = done["left_to_do"].to_string().contains("api:8");
        assert_eq!(active(&live).contains(&8), named, "{case}: {done:#}");
    }
}

#[test]
fn a_saved_plan_is_refused_where_the_world_has_moved() {
    type Move = fn(&Live);
    let moves: [(&str, Move, &str); 3] = [
        (
            "retarget",
            |live| live.stage.aws.change(|world| world.deploy("demo", "api", "api:1")),
            "runs api:1",
        ),
        (
            "retarget",
            |live| {
                live.push("team/app:2", &crate::live::intel());
            },
            "team/app:2 names",
        ),
        (
            "retarget",
            |live| live.stage.aws.change(|world| world.definition("api:2")["status"] = json!("INACTIVE")),
            "api:2 is INACTIVE",
        ),
    ];
    for (by, change, words) in moves {
        let live = Live::broken();
        let file = live.state.path().join("plan.json");
        let path = file.to_str().unwrap();
        let saved = live.fix(&["demo/api", "--by", by, "--out", path]);
        assert_eq!(saved.code, 0, "{saved:?}");
        change(&live);
        let before = live.deployed();
        let outcome = live.fix(&["--plan", path, "--yes"]);
        assert_eq!(outcome.code, 4, "{outcome:?}");
        outcome.says(&["the plan is out of date", words, "nothing was changed"]);
        assert_eq!((writes(&live), live.deployed()), (vec![], before), "{words}");
    }
}

#[test]
fn what_a_deployment_lost_by_itself_is_not_changed_twice() {
    let live = Live::broken();
    live.stage.aws.behaves("api:3", Behaviour::wrong_format("/app"));
    let done = outcome(&live, 8, "retarget");
    assert_eq!(
        writes(&live),
        ["RegisterTaskDefinition", "UpdateService", "UpdateService", "DeregisterTaskDefinition"]
    );
    assert!(done["cause"].as_str().unwrap().contains("exec format error"), "{done:#}");
    assert_eq!((&done["ending"], &done["revision_left"]), (&json!("rolled-back"), &json!(false)));
    let events = done["events"].to_string();
    assert!(events.contains("the service demo/api is back: it runs api:2"), "{events}");
}

#[test]
fn where_ecs_goes_back_by_itself_it_is_left_to_that() {
    let live = Live::broken();
    live.stage.aws.meanwhile(Call::Nth("UpdateService", 1), When::After, |world| {
        world.deploy("demo", "api", "api:1");
        let reason = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.";
        world.service("demo", "api")["deployments"][0]["rolloutStateReason"] = json!(reason);
    });
    let done = outcome(&live, 8, "retarget");
    assert_eq!((&done["ending"], &done["revision_left"]), (&json!("rolled-back"), &json!(false)), "{done:#}");
    assert_eq!(writes(&live), ["RegisterTaskDefinition", "UpdateService", "DeregisterTaskDefinition"]);
    assert_eq!((live.deployed().as_str(), active(&live)), ("api:1", vec![1, 2]));
}

#[test]
fn what_takes_longer_is_watched_again() {
    let live = Live::broken();
    live.stage.aws.behaves("api:3", Behaviour::StaysPending);
    let again = |live: &Live| {
        let arguments =
            ["demo/api", "--yes", "--settle", "0", "--timeout", "2", "--format", "json", "--by", "retarget"];
        let run = live.fix(&arguments);
        (run.code, serde_json::from_str::<Value>(&run.stdout).unwrap()["outcome"].clone())
    };
    for _ in 0..2 {
        let (code, done) = again(&live);
        assert_eq!((code, &done["ending"]), (4, &json!("unproven")), "{done:#}");
        let left = done["left_to_do"].to_string();
        assert!(left.contains("run `execfit fix demo/api` again to go on watching"), "{left}");
        assert!(left.contains("to go back to api:2: aws ecs update-service"), "{left}");
    }
    live.stage.aws.behaves("api:3", Behaviour::Runs);
    let (code, done) = again(&live);
    assert_eq!((code, &done["ending"]), (0, &json!("proven")), "{done:#}");
    assert_eq!(writes(&live), ["RegisterTaskDefinition", "UpdateService"]);
}

#[test]
fn a_revision_without_room_for_a_tag_is_left_alone() {
    let live = Live::broken();
    let keys: Vec<String> = (0..50).map(|number| format!("key-{number}")).collect();
    let tags: Vec<(&str, &str)> = keys.iter().map(|key| (&key[..], "value")).collect();
    live.stage.aws.tagged("api:2", &tags);
    let outcome = live.fix(&RETARGET);
    assert_eq!((outcome.code, writes(&live)), (1, vec![]), "{outcome:?}");
    outcome.says(&[
        "api:2 has 50 tags, the most that ECS takes",
        "remove one of them",
        "nothing was changed",
    ]);
}

fn started(live: &Live, arguments: &[&str]) -> Child {
    let mut command = live.command(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn a_signal_ends_it_between_two_calls() {
    for (name, nth, words) in [
        ("INT", "UpdateService", "the service demo/api was changed to api:3"),
        ("TERM", "RegisterTaskDefinition", "api:3 is registered, with the tag execfit:plan="),
    ] {
        let live = Live::broken();
        let gate = live.stage.aws.hang(Call::Nth(nth, 1), When::After);
        let child = started(&live, &RETARGET);
        assert!(gate.reached(Duration::from_secs(30)));
        signal(&child, name);
        std::thread::sleep(Duration::from_millis(300));
        gate.open();
        let ended = child.wait_with_output().unwrap();
        let told = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(4), "{told}");
        for word in ["stopped by a signal", words, "run `execfit fix demo/api` again"] {
            assert!(told.contains(word), "{word}: {told}");
        }
        let again = live.fix(&RETARGET);
        assert_eq!(
            (again.code, live.deployed().as_str(), active(&live)),
            (0, "api:3", vec![1, 2, 3]),
            "{again:?}"
        );
    }
}

#[test]
fn a_second_signal_kills() {
    let live = Live::broken();
    let gate = live.stage.aws.hang(Call::Nth("UpdateService", 1), When::After);
    let mut child = started(&live, &RETARGET);
    assert!(gate.reached(Duration::from_secs(30)));
    signal(&child, "INT");
    std::thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().unwrap().is_none(), "the first one waits for a safe point");
    signal(&child, "INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn two_at_once_do_not_get_in_each_others_way() {
    let live = Live::broken();
    let gate = live.stage.aws.hang(Call::Nth("UpdateService", 1), When::Before);
    let child = started(&live, &ROLLBACK);
    assert!(gate.reached(Duration::from_secs(30)));
    let second = live.fix(&ROLLBACK);
    assert_eq!(second.code, 4, "{second:?}");
    second.says(&[&format!("process {} is at work", child.id()), "nothing was changed"]);
    gate.open();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
    assert_eq!(writes(&live), ["UpdateService"]);
}

#[test]
fn the_journal_is_private_and_holds_no_secret() {
    let live = Live::broken();
    live.stage.aws.change(|world| {
        let secret = json!([{"name": "TOKEN", "value": "hunter2-secret"}]);
        world.definition("api:2")["containerDefinitions"][0]["environment"] = secret;
    });
    outcome(&live, 0, "retarget");
    let file = fs::read_dir(live.state.path()).unwrap().next().unwrap().unwrap();
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(file.path()).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    let entries: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<&str> = entries.iter().map(|entry| entry["entry"].as_str().unwrap()).collect();
    assert_eq!(names, ["begin", "registering", "registered", "deploying", "deployed", "end"]);
    let sent = live.stage.aws.requests_for("RegisterTaskDefinition").remove(0);
    assert!(sent.body.to_string().contains("hunter2-secret"), "but it was sent");
}

#[test]
fn without_a_journal_nothing_is_changed() {
    let live = Live::broken();
    let file = live.state.path().join("a file");
    fs::write(&file, "").unwrap();
    let mut command = live.command(&ROLLBACK);
    command.env("EXECFIT_STATE_DIR", &file);
    let outcome = crate::run::run(&mut command);
    assert_eq!((outcome.code, writes(&live)), (1, vec![]), "{outcome:?}");
    outcome.says(&["the journal cannot be kept in", "nothing was changed", "EXECFIT_STATE_DIR"]);
    let shared = live.state.path().join("shared");
    fs::create_dir(&shared).unwrap();
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o777)).unwrap();
    let mut command = live.command(&ROLLBACK);
    command.env("EXECFIT_STATE_DIR", &shared);
    let outcome = crate::run::run(&mut command);
    assert_eq!((outcome.code, writes(&live)), (1, vec![]), "{outcome:?}");
    outcome.says(&["other users may write to it"]);
}

#[test]
fn a_hostile_journal_is_not_carried_on_with() {
    let live = Live::broken();
    let gate = live.stage.aws.hang(Call::Nth("UpdateService", 1), When::Before);
    let mut child = started(&live, &RETARGET);
    assert!(gate.reached(Duration::from_secs(30)));
    child.kill().unwrap();
    child.wait().unwrap();
    gate.abandon();
    let path = fs::read_dir(live.state.path()).unwrap().next().unwrap().unwrap().path();
    let good = fs::read_to_string(&path).unwrap();
    let wide = good.replacen("api:2", "api:1", 1);
    let cases = [
        (good.replacen("journal/v1", "journal/v9", 1), "its version is \"execfit/journal/v9\""),
        ("\n".into(), "none of a journal"),
        (good.replacen("\"registering\"", "\"dancing\"", 1), "its line 2 is none"),
        (good.replacen('\n', "\n\u{0}\u{1b}[31m\n", 1), "its line 2 is none"),
        ("x".repeat(3 * 1024 * 1024), "it has more than"),
        (format!("{good}{good}"), "is out of place"),
        (wide, "holds no plan to carry out"),
    ];
    for (text, words) in cases {
        fs::write(&path, text).unwrap();
        let before = writes(&live).len();
        let outcome = live.fix(&RETARGET);
        assert_eq!((outcome.code, writes(&live).len()), (1, before), "{words}: {outcome:?}");
        outcome.says(&[words, path.file_name().unwrap().to_str().unwrap()]);
        assert!(!outcome.stderr.contains('\u{1b}'), "{outcome:?}");
    }
    // A last line that a crash tore is none.
    fs::write(&path, format!("{good}{{\"entry\":\"depl")).unwrap();
    let outcome = live.fix(&RETARGET);
    assert_eq!(
        (outcome.code, live.deployed().as_str(), active(&live)),
        (0, "api:3", vec![1, 2, 3]),
        "{outcome:?}"
    );
}

#[test]
fn a_family_gets_its_revision_and_no_more() {
    let live = Live::broken();
    let done = live.fix(&["api:2", "--yes", "--by", "retarget", "--format", "json"]);
    assert_eq!(done.code, 0, "{done:?}");
    let done: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(done["outcome"]["ending"], "registered", "{done:#}");
    assert_eq!(
        (writes(&live), live.deployed()),
        (vec!["RegisterTaskDefinition".to_string()], "api:2".to_string())
    );
}
