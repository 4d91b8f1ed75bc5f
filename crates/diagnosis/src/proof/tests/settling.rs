//! What is proven, and what is not.

use super::*;

#[test]
fn it_is_proven_once_it_has_held_for_the_settling_time() {
    let mut stage = stage();
    let old = deployment(1, "ACTIVE", 1, "COMPLETED");
    let both = service(&[deployment(2, "PRIMARY", 0, "IN_PROGRESS"), old]);
    let pending = task("t1", "PENDING", json!([container("app", "PENDING")]));
    let first = stage.look(1.0, both, &[pending]);
    assert_eq!(
        texts(&first),
        [
            "new deployment (api:2): 0 of 1 running, in progress",
            "old deployment (api:1): 1 of 1 running, completed",
            "task t1 (api:2) is pending; app pending"
        ]
    );
    waits(&first, "the rollout to complete, 1 tasks to run (0 running, 0 pending), task t1 to run");
    let second = stage.look(4.0, ours(1, "COMPLETED"), &[running("t1")]);
    assert_eq!(
        texts(&second),
        [
            "new deployment (api:2): 1 of 1 running, completed",
            "old deployment (api:1) is gone",
            "task t1 (api:2) is running; app running"
        ]
    );
    assert_eq!(second.events[0].seconds, 5.0);
    waits(&second, "20 s without a change (0 so far)");
    assert_eq!(stage.watch.settles_in(stage.now + 5.0), Some(15.0));
    let third = stage.look(19.0, ours(1, "COMPLETED"), &[running("t1")]);
    assert_eq!(texts(&third), [""; 0]);
    waits(&third, "20 s without a change (19 so far)");
    let last = stage.look(1.0, ours(1, "COMPLETED"), &[running("t1")]);
    let proof = proven(&last);
    assert_eq!((proof.seconds, proof.settled_seconds, proof.desired), (25.0, 20.0, 1));
    let container = &proof.tasks[0].containers[0];
    assert_eq!((&container.digest[..], &container.status[..]), (&digest().to_string()[..], "running"));
}

/// What a service that looks complete may lack: the members of the service, of its deployment, the tasks; what it says.
#[test]
fn what_is_not_all_there_is_waited_for() {
    let completed = || deployment(2, "PRIMARY", 1, "COMPLETED");
    let cases: [(Value, Vec<Value>, &str); 9] = [
        (deployment(2, "PRIMARY", 1, "IN_PROGRESS"), vec![running("t1")], "the rollout to complete"),
        (
            with(completed(), json!({"pendingCount": 1})),
            vec![running("t1")],
            "1 tasks to run (1 running, 1 pending)",
        ),
        (with(completed(), json!({"runningCount": 2})), vec![running("t1")], "1 tasks to run (2 running"),
        (
            with(completed(), json!({"desiredCount": 2, "runningCount": 2})),
            vec![running("t1")],
            "2 tasks to be seen",
        ),
        (
            with(completed(), json!({"desiredCount": null})),
            vec![running("t1")],
            "to tell how many tasks it has",
        ),
        (with(completed(), json!({"desiredCount": 0, "runningCount": 0})), vec![], "0 tasks to run"),
        (completed(), vec![], "1 tasks to be seen (0 so far)"),
        (completed(), vec![task("t1", "RUNNING", json!([]))], "container app of task t1 to be seen"),
        (completed(), vec![task("t1", "ACTIVATING", json!([container("app", "RUNNING")]))], "task t1 to run"),
    ];
    for (deployment, tasks, words) in cases {
        let mut stage = stage();
        for _ in 0..3 {
            waits(&stage.look(30.0, service(std::slice::from_ref(&deployment)), &tasks), words);
        }
        assert_eq!(stage.watch.settles_in(stage.now), None);
    }
}

#[test]
fn a_task_that_stops_begins_the_settling_anew() {
    let mut stage = stage();
    stage.look(1.0, ours(1, "COMPLETED"), &[running("t1")]);
    let shrunk = json!({"lastStatus": "STOPPED", "desiredStatus": "STOPPED", "stopCode": "ServiceSchedulerInitiated",
        "stoppedReason": "Scaling activity initiated by (deployment ecs-svc/2)"});
    let look = stage.look(19.0, ours(1, "COMPLETED"), &[with(running("t1"), shrunk), running("t2")]);
    assert!(
        texts(&look)[0].contains("task t1 (api:2) is stopped (ServiceSchedulerInitiated: Scaling activity")
    );
    waits(&look, "20 s without a change (0 so far)");
    waits(&stage.look(19.0, ours(1, "COMPLETED"), &[running("t2")]), "(19 so far)");
    proven(&stage.look(1.0, ours(1, "COMPLETED"), &[running("t2")]));
}

#[test]
fn a_task_that_vanishes_begins_the_settling_anew() {
    let mut stage = stage();
    stage.look(1.0, ours(1, "COMPLETED"), &[running("t1")]);
    let look = stage.look(30.0, ours(1, "COMPLETED"), &[running("t2")]);
    assert!(texts(&look).contains(&"task t1 is gone"), "{:?}", texts(&look));
    waits(&look, "20 s without a change (0 so far)");
}

#[test]
fn old_controllers_have_no_rollout_state_and_no_settling_is_allowed() {
    let mut stage = Stage::of(Awaited { settle_seconds: 0, ..awaited() });
    let deployment = with(deployment(2, "PRIMARY", 1, ""), json!({"rolloutState": null}));
    proven(&stage.look(1.0, service(&[deployment]), &[running("t1")]));
}

#[test]
fn a_container_may_end_well_where_it_may_end() {
    let containers = vec![expected("app", true), expected("side", false)];
    for (exit, proves) in [(0, true), (3, false)] {
        let mut stage = Stage::of(Awaited { containers: containers.clone(), ..awaited() });
        let task = task("t1", "RUNNING", json!([container("app", "RUNNING"), ended("side", exit)]));
        let look = stage.look(1.0, ours(1, "COMPLETED"), std::slice::from_ref(&task));
        assert!(texts(&look)[1].ends_with(&format!("app running, side ended with exit code {exit}")));
        assert_eq!(look.wants_logs_of.len(), usize::from(!proves));
        let look = stage.look(20.0, ours(1, "COMPLETED"), &[task]);
        if proves {
            assert_eq!(proven(&look).tasks[0].containers[1].status, "ended with exit code 0");
        } else {
            assert_eq!(unprovable(&look), "container side of task t1 ended with exit code 3");
        }
    }
}

#[test]
fn health_is_waited_for_where_a_check_is_defined() {
    let check =
        json!({"containerDefinitions": [{"name": "app", "healthCheck": {"command": ["CMD", "/ok"]}}]});
    let none = json!({"containerDefinitions": [{"name": "app", "healthCheck": {"command": ["NONE"]}}]});
    for (definition, health, state) in [
        (&check, "UNKNOWN", Some("to be healthy")),
        (&check, "UNHEALTHY", Some("it is unhealthy")),
        (&check, "HEALTHY", None),
        (&none, "UNKNOWN", None),
        (&none, "UNHEALTHY", Some("it is unhealthy")),
    ] {
        let mut stage = Stage::of(Awaited { definition: Some(definition.clone()), ..awaited() });
        let app = with(container("app", "RUNNING"), json!({ "healthStatus": health }));
        let task = task("t1", "RUNNING", json!([app]));
        stage.look(1.0, ours(1, "COMPLETED"), std::slice::from_ref(&task));
        let look = stage.look(20.0, ours(1, "COMPLETED"), &[task]);
        match state {
            Some(words) => waits(&look, words),
            None => drop(proven(&look).clone()),
        }
    }
}

#[test]
fn another_digest_than_the_one_examined_is_no_proof() {
    let mut stage = stage();
    let other = Digest::of(b"another image").to_string();
    let app = with(container("app", "RUNNING"), json!({ "imageDigest": other }));
    let task = task("t1", "RUNNING", json!([app]));
    waits(&stage.look(1.0, ours(1, "COMPLETED"), std::slice::from_ref(&task)), "20 s without a change");
    let look = stage.look(20.0, ours(1, "COMPLETED"), &[task]);
    let why = unprovable(&look);
    assert_eq!(
        why,
        format!("container app was made from {other}, which is not the image that was examined (team/app:2)")
    );
}

#[test]
fn where_the_task_tells_no_digest_the_reference_or_the_service_revision_does() {
    let silent = |image: &str| {
        let app = json!({"name": "app", "lastStatus": "RUNNING", "imageDigest": "", "image": image});
        task("t1", "RUNNING", json!([app]))
    };
    let pinned = format!("team/app@{}", digest());
    let mut stage = stage();
    stage.look(1.0, ours(1, "COMPLETED"), &[silent(&pinned)]);
    proven(&stage.look(20.0, ours(1, "COMPLETED"), &[silent(&pinned)]));

    let service = with(ours(1, "COMPLETED"), json!({"currentServiceRevisions": [{"arn": "arn:rev/2"}]}));
    for (tells, proves) in [(true, true), (false, false)] {
        let mut stage = self::stage();
        let look = stage.look(1.0, service.clone(), &[silent("team/app:2")]);
        assert_eq!(look.wants_service_revisions, ["arn:rev/2"]);
        let image = json!({"containerName": "app", "imageDigest": digest().to_string()});
        let own =
            json!({"taskDefinition": awaited().task_definition, "createdAt": 5, "containerImages": [image]});
        let old = json!({"taskDefinition": awaited().task_definition, "createdAt": 4, "containerImages": []});
        let service_revisions = if tells { vec![own, old] } else { Vec::new() };
        let more = Snapshot { service_revisions, ..Snapshot::default() };
        let look = stage.look_with(0.0, service.clone(), &[silent("team/app:2")], more);
        assert!(look.wants_service_revisions.is_empty(), "asked once");
        let look = stage.look(20.0, service.clone(), &[silent("team/app:2")]);
        if proves {
            proven(&look);
        } else {
            assert_eq!(unprovable(&look), "ECS does not tell which digest container app was made from");
        }
    }
}

#[test]
fn a_service_that_wants_nothing_proves_nothing() {
    let none = |members: Value| with(ours(0, "COMPLETED"), with(json!({"desiredCount": 0}), members));
    let look = stage().look(1.0, none(json!({})), &[]);
    assert_eq!(unprovable(&look), "the service api wants 0 tasks: nothing runs, so nothing is proven");
    let daemon = || none(json!({"schedulingStrategy": "DAEMON"}));
    let mut stage = stage();
    waits(&stage.look(1.0, daemon(), &[]), "1 tasks to run");
    assert!(unprovable(&stage.look(30.0, daemon(), &[])).starts_with("no container instance takes a task"));
}

#[test]
fn a_large_service_is_proven_by_its_newest_hundred_tasks() {
    let tasks: Vec<Value> = (0..250).map(|number| running(&format!("t{number}"))).collect();
    let large = || {
        let counts = json!({"desiredCount": 250, "runningCount": 250});
        service(&[with(deployment(2, "PRIMARY", 250, "COMPLETED"), counts)])
    };
    let mut stage = stage();
    let look = stage.look(1.0, large(), &tasks);
    assert_eq!(look.events.len(), 1 + 20, "the whole life of the first twenty only");
    assert_eq!(stage.watch.wanted(&[], &[]).len(), 100);
    let look = stage.look(20.0, large(), &tasks);
    assert_eq!((proven(&look).desired, proven(&look).tasks.len()), (250, 100));
}

/// A service whose deployments shift traffic, at the stage where all tasks run.
fn shifting() -> Value {
    let strategy = json!({"deploymentConfiguration": {"strategy": "BLUE_GREEN"}, "currentServiceDeployment": "arn:sd/1"});
    with(ours(1, ""), strategy)
}

#[test]
fn traffic_that_shifts_is_waited_for_by_the_service_deployment() {
    let mut stage = stage();
    let told = |status: &str, stage: &str| Snapshot {
        service_deployment: Some(json!({"status": status, "lifecycleStage": stage, "createdAt": 1000.4})),
        ..Snapshot::default()
    };
    for (after, status, lifecycle) in [(1.0, "IN_PROGRESS", "BAKE_TIME"), (60.0, "SUCCESSFUL", "CLEAN_UP")] {
        let look = stage.look(after, shifting(), &[running("t1")]);
        assert_eq!(look.wants_service_deployment.as_deref(), Some("arn:sd/1"));
        waits(&look, "the rollout to complete");
        assert_eq!(stage.watch.settles_in(stage.now), None);
        let look = stage.look_with(0.0, shifting(), &[running("t1")], told(status, lifecycle));
        let line = format!("service deployment: {status}, {lifecycle}").to_lowercase().replace('_', " ");
        assert_eq!(texts(&look), [line]);
        assert!(look.wants_service_deployment.is_none());
    }
    let look = stage.look_with(20.0, shifting(), &[running("t1")], told("SUCCESSFUL", "CLEAN_UP"));
    proven(&look);
    // It is not asked for while tasks are missing, and its end is the deployment's.
    let mut stage = self::stage();
    assert!(stage.look(1.0, shifting(), &[]).wants_service_deployment.is_none());
    stage.look(1.0, shifting(), &[running("t1")]);
    let look = stage.look_with(0.0, shifting(), &[running("t1")], told("STOPPED", ""));
    assert_eq!(failed(&look).text, "STOPPED");
}

#[test]
fn a_service_deployment_that_cannot_be_seen_leaves_a_doubt() {
    let mut stage = stage();
    assert!(stage.look(1.0, shifting(), &[running("t1")]).wants_service_deployment.is_some());
    waits(&stage.look(0.0, shifting(), &[running("t1")]), "20 s without a change");
    let look = stage.look(20.0, shifting(), &[running("t1")]);
    assert!(look.wants_service_deployment.is_none(), "asked once");
    assert!(unprovable(&look).starts_with("the service deployment cannot be seen"), "{look:?}");
}

#[test]
fn nothing_is_proven_while_a_log_may_still_tell_of_a_failed_start() {
    let containers = vec![expected("app", true), expected("side", false)];
    let both = || task("t1", "RUNNING", json!([container("app", "RUNNING"), ended("side", 255)]));
    let awaited = || Awaited { settle_seconds: 0, containers: containers.clone(), ..awaited() };
    let mut stage = Stage::of(awaited());
    waits(&stage.look(1.0, ours(1, "COMPLETED"), &[both()]), "the log of a container that died");
    let look = stage.look_with(3.0, ours(1, "COMPLETED"), &[both()], printed("t1", "side", EXEC));
    assert!(failed(&look).text.starts_with("container side of task t1 failed to start"), "{look:?}");
    // A task that died and was replaced is no less telling, and silence has an end.
    let mut stage = Stage::of(Awaited { settle_seconds: 0, ..self::awaited() });
    stage.look(1.0, ours(0, "IN_PROGRESS"), &[died("t1", 255)]);
    waits(&stage.look(1.0, ours(1, "COMPLETED"), &[running("t2")]), "the log of a container that died");
    proven(&stage.look(10.0, ours(1, "COMPLETED"), &[running("t2")]));
}
