//! Whole runs: what is told while a deployment is watched, and what comes of it.

use crate::double::{Behaviour, shapes};
use crate::live::{LINE, Live, arm, intel};
use serde_json::{Value, json};

const ROLLBACK: [&str; 2] = ["--by", "rollback"];

/// `demo/api`, whose revision 2 is broken; revision 1, to which it can go back, has a sidecar `side`, too.
fn with_sidecar() -> Live {
    let live = Live::empty();
    live.push("team/app:1", &intel()).push("team/app:2", &arm()).push("team/side:1", &intel());
    let container =
        |name: &str, image: &str| shapes::container_definition(name, &live.stage.registry.name(image));
    let side = shapes::with(container("side", "team/side:1"), json!({"essential": false}));
    live.stage.define(1, json!([container("api", "team/app:1"), side]));
    live.define(2, "team/app:2").serve(2).crashed(2, "team/app:2", &arm().build().digest());
    live
}

fn texts<'a>(answer: &'a Value, about: &str) -> Vec<&'a str> {
    let events = answer["outcome"]["events"].as_array().into_iter().flatten();
    events.filter(|event| event["about"] == *about).filter_map(|event| event["text"].as_str()).collect()
}

#[test]
fn a_proof_names_every_task_with_its_containers_and_digests() {
    let live = with_sidecar();
    let answer = live.fixed(0, &ROLLBACK);
    let proof = &answer["outcome"]["proof"];
    assert_eq!((&proof["desired"], &answer["outcome"]["ending"]), (&json!(1), &json!("proven")));
    let digest = intel().build().digest();
    let containers = json!([{"container": "api", "digest": digest, "status": "running"},
        {"container": "side", "digest": digest, "status": "running"}]);
    assert_eq!(proof["tasks"][0]["containers"], containers);
    assert!(proof["settled_seconds"].as_f64().is_some_and(|held| held >= 1.0), "{proof:#}");
    assert_eq!(texts(&answer, "task")[1], "task 00000000 (api:1) is running; api running, side running");
    assert_eq!(live.deployed(), "api:1");
}

#[test]
fn a_new_task_that_cannot_be_executed_is_undone_at_once() {
    let live = Live::broken();
    live.stage.aws.behaves("api:1", Behaviour::wrong_format("/app"));
    let answer = live.fixed(8, &ROLLBACK);
    let outcome = &answer["outcome"];
    assert_eq!((&outcome["ending"], &outcome["proof"]), (&json!("rolled-back"), &Value::Null), "{outcome:#}");
    let cause = format!("container api of task 00000000 failed to start: {LINE} (exit code 1)");
    assert_eq!(outcome["cause"], *cause);
    assert!(outcome["seconds"].as_f64().is_some_and(|seconds| seconds < 5.0), "{outcome:#}");
    assert_eq!(
        texts(&answer, "task").last(),
        Some(
            &"that means: the container was created and started; then the kernel \
        refused to execute its program; see `execfit explain wrong-architecture`"
        )
    );
    assert_eq!(live.deployed(), "api:2");
}

#[test]
fn a_sidecar_that_cannot_be_executed_is_a_failure_though_its_task_runs() {
    let live = with_sidecar();
    let (container, line) = ("side".to_owned(), "exec /app: exec format error".to_owned());
    live.stage.aws.behaves("api:1", Behaviour::SidecarDies { container, exit_code: 255, line });
    let answer = live.fixed(8, &ROLLBACK);
    let cause = answer["outcome"]["cause"].as_str().unwrap_or_default();
    assert!(cause.starts_with("container side of task 00000000 failed to start: "), "{answer:#}");
    assert_eq!(live.deployed(), "api:2");
}

#[test]
fn what_is_not_well_in_time_is_unproven_and_says_what_it_waited_for() {
    let live = Live::broken();
    live.stage.aws.behaves("api:1", Behaviour::Unhealthy);
    let answer = live.fixed(4, &["--by", "rollback", "--timeout", "3s"]);
    assert_eq!(answer["outcome"]["ending"], "unproven");
    let cause = answer["outcome"]["cause"].as_str().unwrap_or_default();
    assert!(cause.contains("container api of task 00000000 to be healthy: it is unhealthy"), "{answer:#}");
    assert_eq!(live.deployed(), "api:1", "nothing says that it fails");
}
