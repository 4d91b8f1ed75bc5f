//! `kill -9` at every step in turn, and every call refused, failed or lost once; then `fix` again. Whatever was cut short is
//! brought to its end, and no revision is left that nobody knows of.

use crate::double::Reply;
use crate::story::{EXPRESS, EXPRESS_UNDONE, RETARGET, ROLLBACK, STOPPED, UNDONE};

#[test]
fn a_retarget_that_is_killed_anywhere_is_finished() {
    RETARGET.killed_everywhere();
}

#[test]
fn a_rollback_that_is_killed_anywhere_is_finished() {
    ROLLBACK.killed_everywhere();
}

#[test]
fn what_does_not_hold_is_undone_wherever_it_is_killed() {
    UNDONE.killed_everywhere();
}

#[test]
fn a_stopped_deployment_is_stopped_once_wherever_it_is_killed() {
    let asked = STOPPED.killed_everywhere();
    assert!(asked.contains(&"StopServiceDeployment".to_owned()), "{asked:?}");
}

#[test]
fn an_express_service_that_is_killed_anywhere_is_finished() {
    let asked = EXPRESS.killed_everywhere();
    assert!(asked.contains(&"UpdateExpressGatewayService".to_owned()), "{asked:?}");
}

#[test]
fn an_express_service_goes_back() {
    EXPRESS_UNDONE.ends(&EXPRESS_UNDONE.live(), "undisturbed");
}

#[test]
fn each_call_that_is_denied_is_named() {
    RETARGET.disturbed_everywhere(&Reply::denied("ecs:TheAction"));
    UNDONE.disturbed_everywhere(&Reply::denied("ecs:TheAction"));
}

#[test]
fn each_call_may_fail_or_lose_its_answer() {
    RETARGET.disturbed_everywhere(&Reply::server_error());
    UNDONE.disturbed_everywhere(&Reply::hang_up());
}
