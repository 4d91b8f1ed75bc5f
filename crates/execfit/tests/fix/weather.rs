//! What goes wrong in between, at every call in turn: denied, throttled, broken, its answer lost; somebody else deploys. It
//! ends whole each time: proven, or back, or stopped with everything named that is left.

use crate::double::{Call, Reply, Request, When};
use crate::live::Live;
use crate::run::{Outcome, run};
use serde_json::Value;
use std::collections::BTreeSet;

/// Revision 2 of `demo/api` is for arm64 only, so it is retargeted: a revision is registered and deployed.
const FIX: [&str; 8] = ["demo/api", "--by", "retarget", "--yes", "--settle", "1", "--format", "json"];

fn fixed(live: &Live, attempts: &str) -> Outcome {
    run(live.command(&FIX).env("AWS_MAX_ATTEMPTS", attempts))
}

/// What is asked when nothing goes wrong.
fn calls() -> Vec<Request> {
    let live = Live::broken();
    let outcome = fixed(&live, "1");
    assert_eq!((outcome.code, live.deployed()), (0, "api:3".into()), "{}{}", outcome.stdout, outcome.stderr);
    live.stage.aws.requests()
}

/// The IAM action of a request.
fn action(request: &Request) -> String {
    let service = match request.target.split('.').next().unwrap_or_default() {
        "AmazonEC2ContainerServiceV20141113" => "ecs",
        "AmazonEC2ContainerRegistry_V20150921" => "ecr",
        "Logs_20140328" => "logs",
        "AWSEvents" => "events",
        _ if request.operation.starts_with("GET /schedules") => return "scheduler:ListSchedules".into(),
        _ => panic!("of which service is {request:?}"),
    };
    format!("{service}:{}", request.operation)
}

/// All at once, eight at a time: they mostly wait.
fn for_each<T: Send>(all: Vec<T>, check: impl Fn(T) + Sync) {
    let all = std::sync::Mutex::new(all.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let next = all.lock().unwrap().next();
                    match next {
                        Some(one) => check(one),
                        None => return,
                    }
                }
            });
        }
    });
}

/// The service runs what it ran, or what was proven, or what nobody was allowed to watch; then how to go back is told. A
/// revision that is there besides is named.
#[track_caller]
fn is_whole(live: &Live, outcome: &Outcome, what: &str) {
    let said = format!("{what}: exit code {}\n{}{}", outcome.code, outcome.stdout, outcome.stderr);
    let answer: Value = serde_json::from_str(&outcome.stdout).unwrap_or_default();
    let (code, deployed) = match answer["outcome"]["ending"].as_str() {
        Some("proven") => (0, "api:3"),
        Some("unproven") => (4, "api:3"),
        _ => (outcome.code, "api:2"),
    };
    assert_eq!((outcome.code, live.deployed().as_str()), (code, deployed), "{said}");
    assert_eq!(outcome.code == 0, code == 0 && deployed == "api:3", "{said}");
    if answer["outcome"]["ending"] == "unproven" {
        let left = answer["outcome"]["left_to_do"].to_string();
        assert!(left.contains("aws ecs update-service") && left.contains("api:2"), "{said}");
    }
    for revision in 3..6 {
        let name = format!("api:{revision}");
        let definition = live.stage.aws.definition_now(&name);
        if definition["taskDefinition"]["status"] == "ACTIVE" && deployed != name {
            assert!(said.contains(&name), "an orphan that nobody names: {said}");
        }
    }
}

#[test]
fn whatever_is_denied_is_named_and_nothing_is_left_behind() {
    let mut seen = BTreeSet::new();
    let calls: Vec<Request> =
        calls().into_iter().filter(|request| seen.insert(request.operation.clone())).collect();
    assert!(calls.len() > 8, "{seen:?}");
    for_each(calls, |request| {
        let live = Live::broken();
        let action = action(&request);
        let operation: &'static str = request.operation.clone().leak();
        live.stage.aws.fail(Call::Every(operation), Reply::denied(&action));
        let outcome = fixed(&live, "1");
        assert!([0, 4, 8].contains(&outcome.code), "{action}: {outcome:?}");
        outcome.says(&[&action]);
        is_whole(&live, &outcome, &action);
    });
}

/// With the SDK's usual number of attempts, one refusal by the weather changes nothing of the result.
#[track_caller]
fn holds_at_every_call(what: &str, spoil: impl Fn(&Live, Call) + Sync) {
    let numbers = (1..=calls().len()).collect();
    for_each(numbers, |number| {
        let live = Live::broken();
        spoil(&live, Call::Any(number));
        let outcome = fixed(&live, "3");
        let asked = live.stage.aws.asked().into_iter().nth(number - 1);
        let what = format!("{what} at call {number}, {}", asked.unwrap_or_default());
        is_whole(&live, &outcome, &what);
        assert_eq!(outcome.code, 0, "{what}: {outcome:?}");
        let newest = live.stage.aws.definition_now("api:4");
        assert!(newest.is_null(), "{what}: registered twice: {newest:#}");
    });
}

#[test]
fn throttled_once_at_any_call_it_is_proven_all_the_same() {
    holds_at_every_call("throttled", |live, call| {
        live.stage.aws.fail(call, Reply::throttled());
    });
}

#[test]
fn broken_once_at_any_call_it_is_proven_all_the_same() {
    holds_at_every_call("a server error", |live, call| {
        live.stage.aws.fail(call, Reply::server_error());
    });
}

#[test]
fn an_answer_that_is_lost_at_any_call_does_nothing_twice() {
    holds_at_every_call("a lost answer", |live, call| {
        live.stage.aws.fail_after(call, Reply::hang_up());
    });
}

#[test]
fn whoever_else_deploys_meanwhile_has_the_last_word() {
    let looks = calls().iter().filter(|request| request.operation == "DescribeServices").count();
    let begin = 2..=looks;
    let mut moments: Vec<(Call, When)> =
        begin.map(|look| (Call::Nth("DescribeServices", look), When::Before)).collect();
    moments.push((Call::Write(1), When::After));
    moments.push((Call::Nth("UpdateService", 1), When::Before));
    moments.push((Call::Nth("UpdateService", 1), When::After));
    for_each(moments, |(call, when)| {
        let live = Live::broken();
        live.define(9, "team/app:1");
        let what = format!("{call:?} {when:?}");
        let theirs = call.clone();
        live.stage.aws.meanwhile(theirs, when, |world| world.deploy("demo", "api", "api:9"));
        let outcome = fixed(&live, "1");
        // Whoever deploys right before our call is overwritten by it: UpdateService has no precondition. Not afterwards.
        if (call, when) != (Call::Nth("UpdateService", 1), When::Before) {
            assert_eq!((outcome.code, live.deployed()), (4, "api:9".into()), "{what}: {outcome:?}");
        }
        let definition = live.stage.aws.definition_now("api:10");
        if definition["taskDefinition"]["status"] == "ACTIVE" && live.deployed() != "api:10" {
            outcome.says(&["api:10"]);
        }
    });
}
