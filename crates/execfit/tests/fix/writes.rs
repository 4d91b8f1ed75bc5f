//! Which verb makes which calls that change something.

use crate::double::{self, Behaviour};
use crate::live::{Live, arm, intel};

/// Every call of AWS that changes something and that `execfit` has, with the verbs that make it.
const WRITES: [(&str, &[&str]); 5] = [
    ("RegisterTaskDefinition", &["fix --by retarget", "fix --by repin"]),
    ("UpdateService", &["fix --by retarget", "fix --by repin", "fix --by rollback"]),
    // Where the deployment that is under way is to end, and in Express.
    ("StopServiceDeployment", &["fix --by rollback"]),
    ("UpdateExpressGatewayService", &["fix --by retarget"]),
    // To undo.
    ("DeregisterTaskDefinition", &["fix --by retarget", "fix --by repin"]),
];

/// What every operation of AWS that only reads begins with.
const READS: [&str; 6] = ["Describe", "List", "Get", "BatchGet", "BatchCheck", "GET /"];

/// The calls that were made and change something, in their order.
fn written(live: &Live) -> Vec<String> {
    let asked = live.stage.aws.asked().into_iter();
    asked.filter(|operation| !READS.iter().any(|read| operation.starts_with(read))).collect()
}

/// Fails unless these calls are among those that the verb may make.
#[track_caller]
fn admitted(verb: &str, calls: &[String]) {
    for call in calls {
        let row = WRITES.iter().find(|(operation, _)| operation == call);
        let (_, verbs) = row.unwrap_or_else(|| panic!("{verb} calls {call}, which is in no row"));
        assert!(verbs.contains(&verb), "{verb} calls {call}");
    }
}

#[test]
fn the_table_is_whole() {
    let mut ours = WRITES.map(|(operation, _)| operation);
    let mut doubles = double::WRITES;
    ours.sort_unstable();
    doubles.sort_unstable();
    assert_eq!(ours, doubles);
}

#[test]
fn what_only_looks_writes_nothing() {
    let live = Live::broken();
    let image = live.stage.registry.name("team/app:2");
    let runs: [&[&str]; 6] = [
        &["diagnose", "demo/api"],
        &["diagnose", "api:2"],
        &["inspect", &image],
        &["fix", "demo/api", "--dry-run"],
        &["fix", "api:2", "--dry-run", "--format", "json"],
        // Nobody is there to be asked.
        &["fix", "demo/api"],
    ];
    for arguments in runs {
        let outcome = live.stage.run(arguments);
        assert!([0, 2, 8].contains(&outcome.code), "{arguments:?}: {outcome:?}");
        assert_eq!(written(&live), [""; 0], "{arguments:?}");
    }
    for by in ["retarget", "rollback", "repin"] {
        let outcome = live.fix(&["demo/api", "--dry-run", "--by", by]);
        assert!([0, 8].contains(&outcome.code), "{by}: {outcome:?}");
        assert_eq!(written(&live), [""; 0], "{by}");
    }
    assert!(live.stage.aws.asked().len() > 20, "the double was asked");
}

#[test]
fn a_retarget_registers_and_updates() {
    let live = Live::broken();
    live.stage.aws.behaves("api:3", Behaviour::Runs);
    live.fixed(0, &["--by", "retarget"]);
    assert_eq!(written(&live), ["RegisterTaskDefinition", "UpdateService"]);
    admitted("fix --by retarget", &written(&live));
}

#[test]
fn a_rollback_updates() {
    let live = Live::broken();
    live.fixed(0, &["--by", "rollback"]);
    assert_eq!(written(&live), ["UpdateService"]);
    admitted("fix --by rollback", &written(&live));
}

#[test]
fn what_fails_is_undone_by_calls_of_the_table() {
    let live = Live::broken();
    live.stage.aws.behaves("api:3", Behaviour::wrong_format("/app"));
    live.fixed(8, &["--by", "retarget"]);
    let expected = ["RegisterTaskDefinition", "UpdateService", "UpdateService", "DeregisterTaskDefinition"];
    assert_eq!(written(&live), expected);
    admitted("fix --by retarget", &written(&live));
}

#[test]
fn a_repin_registers_and_updates() {
    let live = Live::empty();
    let good = live.stage.registry.push("team/app:1", &intel());
    live.define(1, "team/app:1").serve(1);
    live.stage.running(&good, "x86_64");
    live.push("team/app:1", &arm());
    live.stage.aws.behaves("api:1", Behaviour::wrong_format("/app"));
    live.crashed(1, "team/app:1", &arm().build().digest());
    live.fixed(0, &["--by", "repin"]);
    assert_eq!(written(&live), ["RegisterTaskDefinition", "UpdateService"]);
    admitted("fix --by repin", &written(&live));
}
