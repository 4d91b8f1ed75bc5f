//! Whose deployment is primary: ours, the one before, ECS's own way back, a stranger's.

use super::*;

fn reason(text: &str) -> Value {
    json!({ "rolloutStateReason": text })
}

#[test]
fn a_rollout_that_failed_is_told_with_what_its_tasks_died_of() {
    let failed_rollout = |breaker: Value| {
        let own = with(deployment(2, "PRIMARY", 0, "FAILED"), reason(BREAKER));
        with(service(&[own]), json!({ "deploymentConfiguration": breaker }))
    };
    let breaker =
        |rollback: bool| json!({"deploymentCircuitBreaker": {"enable": true, "rollback": rollback}});
    let look = stage().look(9.0, failed_rollout(breaker(false)), &[]);
    let told = "ECS deployment circuit breaker: tasks failed to start";
    assert_eq!(texts(&look), [format!("new deployment (api:2): 0 of 1 running, failed: {told}")]);
    assert_eq!((&failed(&look).text[..], failed(&look).rolled_back_by_ecs), (told, false));
    let mut stage = stage();
    stage.look(1.0, ours(0, "IN_PROGRESS"), &[died("t1", 0)]);
    let look = stage.look(9.0, failed_rollout(breaker(true)), &[]);
    assert_eq!(
        failed(&look).text,
        format!(
            "container app of task t1 ended with exit code 0 (EssentialContainerExited: Essential container in task \
             exited) ({told})"
        )
    );
    assert!(failed(&look).rolled_back_by_ecs);
}

#[test]
fn ecs_going_back_by_itself_is_not_a_second_deployer() {
    let back = || with(deployment(1, "PRIMARY", 1, "IN_PROGRESS"), json!({"id": "ecs-svc/3"}));
    let event = json!({"id": "e", "createdAt": 1009.0,
        "message": "(service api) (deployment ecs-svc/2) deployment failed: tasks failed to start."});
    let by_reason = service(&[with(back(), reason(BACK)), deployment(2, "ACTIVE", 0, "IN_PROGRESS")]);
    let by_state = service(&[back(), with(deployment(2, "ACTIVE", 0, "FAILED"), reason(BREAKER))]);
    let by_event = with(service(&[back()]), json!({ "events": [event] }));
    for (service, words) in [
        (by_reason, "rolling back to deploymentId"),
        (by_state, "tasks failed to start"),
        (by_event, "deployment failed"),
    ] {
        let mut stage = stage();
        stage.look(1.0, ours(0, "IN_PROGRESS"), &[]);
        let look = stage.look(9.0, service, &[]);
        assert!(failed(&look).text.contains(words) && failed(&look).rolled_back_by_ecs, "{look:?}");
    }
}

#[test]
fn the_service_deployment_tells_who_replaced_ours() {
    let current = json!({"currentServiceDeployment": "arn:aws:ecs:r:a:service-deployment/demo/api/x"});
    let replaced = || with(service(&[deployment(3, "PRIMARY", 0, "IN_PROGRESS")]), current.clone());
    let breaker = "Service deployment rolled back because the circuit breaker threshold was exceeded.";
    for (document, by_ecs) in [
        (Some(json!({"status": "ROLLBACK_IN_PROGRESS", "rollback": {"reason": breaker}})), Some(breaker)),
        (Some(json!({"status": "ROLLBACK_SUCCESSFUL", "statusReason": breaker})), Some(breaker)),
        (Some(json!({"status": "ROLLBACK_FAILED"})), Some("the service deployment is ROLLBACK_FAILED")),
        (Some(json!({"status": "IN_PROGRESS"})), None),
        (Some(json!({"status": 7})), None),
        (None, None),
    ] {
        let mut stage = stage();
        stage.look(1.0, ours(0, "IN_PROGRESS"), &[]);
        let look = stage.look(9.0, replaced(), &[]);
        assert!(look.wants_service_deployment.as_ref().is_some_and(|arn| arn.ends_with("/demo/api/x")));
        waits(&look, "who replaced the new deployment");
        let more = Snapshot { service_deployment: document, ..Snapshot::default() };
        let look = stage.look_with(0.0, replaced(), &[], more);
        match by_ecs {
            Some(words) => assert_eq!(failed(&look).text, words.trim_end_matches('.')),
            None => {
                let by = overtaken(&look);
                assert_eq!(by.text, "somebody else has deployed api:3 to the service api");
                assert_eq!(by.deployment.as_deref(), Some("ecs-svc/3"));
                assert!(by.task_definition.as_ref().is_some_and(|arn| arn.ends_with("/api:3")));
            }
        }
    }
}

#[test]
fn a_stranger_s_deployment_overtakes_ours_even_where_ours_has_just_failed() {
    let mut stage = stage();
    stage.look(1.0, ours(0, "IN_PROGRESS"), &[]);
    let with_start_failure = with(died("t1", 255), json!({"stoppedReason": EXEC}));
    let look = stage.look(
        1.0,
        service(&[deployment(3, "PRIMARY", 0, "IN_PROGRESS"), deployment(2, "ACTIVE", 0, "IN_PROGRESS")]),
        &[with_start_failure],
    );
    assert_eq!(texts(&look)[0], "another deployment (api:3): 0 of 1 running, in progress");
    overtaken(&look);
}

#[test]
fn an_answer_that_lags_behind_is_no_second_deployer() {
    let before = || service(&[deployment(1, "PRIMARY", 1, "COMPLETED")]);
    let mut stage = stage();
    waits(&stage.look(0.0, before(), &[]), "a deployment of api:2");
    waits(&stage.look(1.0, before(), &[]), "a deployment of api:2");
    waits(&stage.look(1.0, ours(0, "IN_PROGRESS"), &[]), "the rollout to complete");
    let mut late = self::stage();
    late.look(0.0, before(), &[]);
    waits(&late.look(9.0, before(), &[]), "a deployment of api:2");
    overtaken(&late.look(1.0, before(), &[]));
    // Listed and not primary: replaced at once.
    let both =
        service(&[deployment(1, "PRIMARY", 1, "COMPLETED"), deployment(2, "ACTIVE", 0, "IN_PROGRESS")]);
    overtaken(&self::stage().look(0.0, both, &[]));
}

#[test]
fn without_an_id_the_first_primary_deployment_of_the_revision_is_ours() {
    let awaited = || Awaited { deployment: None, settle_seconds: 0, ..awaited() };
    let mut stage = Stage::of(awaited());
    // ECS was told to go back: what it does is what is wanted.
    waits(
        &stage.look(1.0, service(&[deployment(3, "PRIMARY", 0, "IN_PROGRESS")]), &[]),
        "a deployment of api:2",
    );
    let back = with(deployment(2, "PRIMARY", 1, "COMPLETED"), reason(BACK));
    let look = stage.look(1.0, service(&[back, deployment(3, "ACTIVE", 0, "FAILED")]), &[running("t1")]);
    assert!(
        texts(&look)[0]
            .starts_with("new deployment (api:2): 1 of 1 running, completed: ECS deployment circuit")
    );
    proven(&look);
    let mut stage = Stage::of(awaited());
    stage.look(1.0, service(&[deployment(3, "PRIMARY", 0, "IN_PROGRESS")]), &[]);
    overtaken(&stage.look(1.0, service(&[deployment(4, "PRIMARY", 0, "IN_PROGRESS")]), &[]));
}

#[test]
fn a_service_that_is_deleted_proves_nothing() {
    for (service, words) in [
        (
            with(ours(1, "COMPLETED"), json!({"status": "DRAINING"})),
            "the service api is DRAINING: it is being deleted",
        ),
        (
            with(ours(1, "COMPLETED"), json!({"status": "INACTIVE"})),
            "the service api is INACTIVE: it is being deleted",
        ),
        (Value::Null, "the service api is not there any more"),
    ] {
        assert_eq!(overtaken(&stage().look(1.0, service, &[])).text, words);
    }
}

#[test]
fn the_messages_of_a_service_are_told_where_they_are_more_than_counts() {
    let event = |id: &str, at: f64, message: &str| json!({"id": id, "createdAt": at, "message": message});
    let place =
        "(service api) was unable to place a task because no container instance met all of its requirements.";
    let events = [
        event("6", 1009.0, "(service api) has begun draining connections on 1 tasks."),
        event("5", 1008.0, "(service api) has reached a steady state."),
        event("4", 1003.0, place),
        event("3", 1002.0, "(service api) has started 1 tasks: (task 0123)."),
        event("2", 990.0, "(service api) has reached a steady state."),
    ];
    let at = |from: usize| with(ours(0, "IN_PROGRESS"), json!({"events": events[from..]}));
    let mut stage = stage();
    let of = |look: &Look| {
        let own = look.events.iter().filter(|event| event.about == About::Service);
        own.map(|event| event.text.clone()).collect::<Vec<_>>()
    };
    let look = stage.look(1.0, at(2), &[]);
    assert_eq!(of(&look), [place]);
    waits(&look, place);
    assert_eq!(of(&stage.look(1.0, at(0), &[])), ["(service api) has reached a steady state."]);
    assert!(of(&stage.look(1.0, at(0), &[])).is_empty());
}
