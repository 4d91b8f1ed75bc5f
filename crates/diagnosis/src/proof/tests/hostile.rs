//! Answers that are broken or made to harm: always a look, never a proof.

use super::*;

#[test]
fn documents_of_the_wrong_shape_prove_nothing() {
    let odd = [json!(null), json!(7), json!("text"), json!([]), json!({}), json!([null, 1, "x", {}, [{}]])];
    for value in &odd {
        for member in
            ["deployments", "events", "desiredCount", "serviceName", "currentServiceRevisions", "status"]
        {
            let mut stage = Stage::of(Awaited { settle_seconds: 0, ..awaited() });
            let service = with(ours(0, "COMPLETED"), json!({ member: value }));
            let look = stage.look(1.0, service, std::slice::from_ref(value));
            assert!(!matches!(look.state, State::Proven(_) | State::Failed(_)), "{member} {value}: {look:?}");
        }
        for member in ["taskArn", "containers", "lastStatus", "startedBy", "taskDefinitionArn"] {
            let mut stage = Stage::of(Awaited { settle_seconds: 0, ..awaited() });
            let arn = running("t1")["taskArn"].clone();
            let task = with(running("t1"), json!({ member: value }));
            stage.now += 1.0;
            stage.watch.wanted(&[arn.as_str().unwrap_or_default().to_string()], &[]);
            let snapshot = Snapshot {
                now: stage.now,
                service: ours(1, "COMPLETED"),
                tasks: vec![task],
                ..Snapshot::default()
            };
            let look = stage.watch.look(&snapshot);
            let excused = matches!(member, "taskArn" | "startedBy");
            assert!(excused || !matches!(look.state, State::Proven(_)), "{member} {value}: {look:?}");
        }
        let look = stage().look(1.0, value.clone(), &[]);
        assert!(matches!(look.state, State::Waiting { .. } | State::Overtaken(_)), "{value}: {look:?}");
    }
}

#[test]
fn no_text_of_aws_steers_a_terminal() {
    let evil = "\u{1b}[2J\u{7}evil\r\n";
    let mut stage = stage();
    let app = with(ended("app", 1), json!({"name": format!("app{evil}"), "reason": evil}));
    let task = with(
        died("t1", 1),
        json!({"containers": [app], "stoppedReason": evil, "stopCode": evil,
        "taskArn": format!("arn:aws:ecs:r:a:task/demo/{evil}"), "lastStatus": "STOPPED"}),
    );
    let own = with(deployment(2, "PRIMARY", 0, "FAILED"), json!({ "rolloutStateReason": evil }));
    let events = json!([{"id": "1", "createdAt": 1002.0, "message": evil}]);
    let look = stage.look(1.0, with(service(&[own]), json!({ "events": events })), &[task]);
    let state = failed(&look).text.clone();
    for text in texts(&look).into_iter().chain([&state[..]]) {
        assert!(!text.chars().any(char::is_control), "{text:?}");
    }
    assert_eq!(look.events.len(), 3, "{look:?}");
}

#[test]
fn what_is_told_and_asked_is_bounded() {
    let arns: Vec<String> =
        (0..10_000).map(|number| format!("arn:aws:ecs:r:a:task/demo/t{number}")).collect();
    let mut stage = stage();
    stage.look(0.0, ours(0, "IN_PROGRESS"), &[]);
    assert_eq!(stage.watch.wanted(&arns, &arns).len(), 300);
    for _ in 0..3 {
        assert_eq!(stage.watch.wanted(&arns, &[])[0], arns[0]);
        stage.watch.look(&Snapshot { now: 1000.0, service: ours(0, "IN_PROGRESS"), ..Snapshot::default() });
    }
    assert_eq!(stage.watch.wanted(&arns, &[])[0], arns[300], "listed, and never described");
    let tasks: Vec<Value> = (0..10_000).map(|number| died(&format!("t{number}"), 1)).collect();
    let many: Vec<Value> = (0..1000).map(|number| deployment(number, "ACTIVE", 0, "COMPLETED")).collect();
    let deployments = [vec![deployment(2, "PRIMARY", 0, "IN_PROGRESS")], many].concat();
    let message = "x".repeat(100_000);
    let events: Vec<Value> =
        (0..1000).map(|id| json!({"id": id.to_string(), "createdAt": 1002, "message": message})).collect();
    let service = with(service(&deployments), json!({ "events": events }));
    let snapshot = Snapshot { now: 1001.0, service, tasks, ..Snapshot::default() };
    let look = stage.watch.look(&snapshot);
    assert!(look.events.len() < 250, "{}", look.events.len());
    assert!(look.events.iter().all(|event| event.text.len() < 1000));
    assert!(look.wants_logs_of.len() <= 6);
}

#[test]
fn a_clock_that_goes_back_proves_nothing_too_early() {
    let mut stage = stage();
    stage.look(10.0, ours(1, "COMPLETED"), &[running("t1")]);
    let look = stage.look(-500.0, ours(1, "COMPLETED"), &[running("t1")]);
    waits(&look, "20 s without a change (0 so far)");
    assert!(stage.look(0.0, ours(0, "COMPLETED"), &[]).events.iter().all(|event| event.seconds >= 0.0));
}

/// Every member of a document, and of what is in it: as a JSON pointer.
fn members(document: &Value, at: &str, found: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match document {
        Value::Object(object) => object.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(array) => {
            array.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    for (name, child) in children {
        let pointer = format!("{at}/{name}");
        members(child, &pointer, found);
        found.push(pointer);
    }
}

/// Members without which, or with anything else in them, nothing is proven.
const DECIDE: [&str; 14] = [
    "/service/deployments",
    "/service/deployments/0",
    "/service/deployments/0/id",
    "/service/deployments/0/status",
    "/service/deployments/0/desiredCount",
    "/service/deployments/0/runningCount",
    "/service/deployments/0/pendingCount",
    "/tasks/0",
    "/tasks/0/taskDefinitionArn",
    "/tasks/0/lastStatus",
    "/tasks/0/containers",
    "/tasks/0/containers/0",
    "/tasks/0/containers/0/name",
    "/tasks/0/containers/0/lastStatus",
];

#[test]
fn no_member_of_any_other_kind_makes_a_proof() {
    let odd =
        [json!(null), json!(true), json!(-1), json!(1e300), json!("?"), json!([]), json!({}), json!([[{}]])];
    let health =
        json!({"containerDefinitions": [{"name": "app", "healthCheck": {"command": ["CMD", "/ok"]}}]});
    let app = with(container("app", "RUNNING"), json!({"healthStatus": "HEALTHY"}));
    let whole = json!({"service": ours(1, "COMPLETED"), "tasks": [task("t1", "RUNNING", json!([app]))]});
    let look = |whole: &Value| {
        let mut stage =
            Stage::of(Awaited { settle_seconds: 0, definition: Some(health.clone()), ..awaited() });
        stage.watch.wanted(&["arn:aws:ecs:r:a:task/demo/t1".into()], &[]);
        let tasks = whole["tasks"].as_array().cloned().unwrap_or_default();
        let service = whole["service"].clone();
        stage.watch.look(&Snapshot { now: 1001.0, service, tasks, ..Snapshot::default() }).state
    };
    assert!(matches!(look(&whole), State::Proven(_)));
    let mut pointers = Vec::new();
    members(&whole, "", &mut pointers);
    assert!(DECIDE.iter().all(|pointer| pointers.iter().any(|found| found == pointer)));
    for pointer in pointers {
        for value in &odd {
            let mut broken = whole.clone();
            if let Some(member) = broken.pointer_mut(&pointer) {
                *member = value.clone();
            }
            let state = look(&broken);
            let kept = matches!(
                &pointer[..],
                "/tasks/0/containers/0/imageDigest" | "/tasks/0/containers/0/healthStatus"
            );
            let decides = kept || DECIDE.contains(&&pointer[..]);
            assert!(!decides || !matches!(state, State::Proven(_)), "{pointer} = {value}: {state:?}");
            assert!(!matches!(state, State::Failed(_)), "{pointer} = {value}: {state:?}");
        }
    }
}
