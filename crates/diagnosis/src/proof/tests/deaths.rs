//! What new tasks die of, and when that is enough.

use super::*;

#[test]
fn the_first_failed_exec_ends_it_as_soon_as_the_log_tells() {
    let mut stage = stage();
    let look = stage.look(3.0, ours(0, "IN_PROGRESS"), &[died("0123456789abcdef", 1)]);
    assert_eq!(
        texts(&look)[1],
        "task 01234567 (api:2) is stopped (EssentialContainerExited: Essential container in task exited); \
         app ended with exit code 1"
    );
    let stream = &look.wants_logs_of[0];
    assert_eq!((&stream.group[..], &stream.stream[..]), ("/ecs/api", "ecs/app/0123456789abcdef"));
    waits(&look, "the rollout to complete");
    let more = printed("0123456789abcdef", "app", EXEC);
    let look = stage.look_with(0.0, ours(0, "IN_PROGRESS"), &[], more);
    let means = "that means: the container was created and started; then the kernel refused to execute its program; \
                 see `execfit explain wrong-architecture`";
    assert_eq!(texts(&look), [&format!("task 01234567: app printed: {EXEC}"), means]);
    let cause = failed(&look);
    assert_eq!(cause.text, format!("container app of task 01234567 failed to start: {EXEC} (exit code 1)"));
    assert_eq!((cause.container.as_deref(), cause.rolled_back_by_ecs), (Some("app"), false));
    assert_eq!(cause.findings[0], "wrong-architecture");
    assert!(cause.says.as_ref().is_some_and(|says| !says.is_empty()));
}

/// Members of a task, and whether its one death is a failed start.
#[test]
fn reasons_that_settle_it_and_reasons_that_do_not() {
    let start = "CannotStartContainerError: Error response from daemon: failed to create task for container: failed to \
                 create shim task: OCI runtime create failed: runc create failed: unable to start container process: \
                 exec: \"/app\": permission denied: unknown";
    let platform = "CannotPullContainerError: pull image manifest has been retried 1 time(s): image Manifest does not \
                    contain descriptor matching platform 'linux/amd64'";
    let unknown = "CannotPullContainerError: failed to resolve ref team/app:2: team/app:2: not found";
    let busy =
        "CannotPullContainerError: pull image manifest has been retried 5 time(s): dial tcp: i/o timeout";
    let secrets =
        "ResourceInitializationError: unable to pull secrets or registry auth: AccessDeniedException";
    for (reason, settles) in
        [(start, true), (platform, true), (unknown, true), (busy, false), (secrets, false), (EXEC, true)]
    {
        for of_container in [true, false] {
            let stopped = json!({"stopCode": "TaskFailedToStart", "stoppedReason": "Task failed to start"});
            let task = with(task("t1", "STOPPED", json!([container("app", "STOPPED")])), stopped);
            let task = if of_container {
                with(
                    task,
                    json!({"containers": [{"name": "app", "lastStatus": "STOPPED", "reason": reason}]}),
                )
            } else {
                with(task, json!({ "stoppedReason": reason }))
            };
            let look = stage().look(3.0, ours(0, "IN_PROGRESS"), &[task]);
            assert!(texts(&look)[1].contains(&reason[..25]), "{:?}", texts(&look));
            match settles {
                true => assert!(failed(&look).text.starts_with("container app of task t1 failed to start: ")),
                false => waits(&look, "1 ended so far"),
            }
        }
    }
}

#[test]
fn the_same_container_may_die_twice_of_anything_else() {
    let mut stage = stage();
    let oom = |id: &str| {
        let reason = "OutOfMemoryError: Container killed due to memory usage";
        with(died(id, 137), json!({"containers": [with(ended("app", 137), json!({ "reason": reason }))]}))
    };
    waits(
        &stage.look(3.0, ours(0, "IN_PROGRESS"), &[oom("t1")]),
        "1 ended so far, the last: container app of task t1",
    );
    waits(&stage.look(3.0, ours(0, "IN_PROGRESS"), &[oom("t2")]), "2 ended so far");
    let look = stage.look(3.0, ours(0, "IN_PROGRESS"), &[oom("t3")]);
    assert_eq!(
        failed(&look).text,
        "container app of task t3 ended with exit code 137: OutOfMemoryError: Container killed due to memory usage \
         (EssentialContainerExited: Essential container in task exited); that is the third time"
    );
}

#[test]
fn a_third_death_waits_for_the_log_that_tells_why() {
    let mut stage = stage();
    let tasks = [died("t1", 255), died("t2", 255), died("t3", 255)];
    let look = stage.look(3.0, ours(0, "IN_PROGRESS"), &tasks);
    waits(&look, "the log of a container that died");
    assert_eq!(look.wants_logs_of.len(), 3);
    let silent = stage.look(0.0, ours(0, "IN_PROGRESS"), &[]);
    assert!(failed(&silent).text.ends_with("that is the third time"), "{silent:?}");
}

#[test]
fn a_log_line_may_come_late_but_not_for_ever() {
    let mut stage = stage();
    let looks =
        |stage: &mut Stage, after: f64| stage.look(after, ours(0, "IN_PROGRESS"), &[]).wants_logs_of.len();
    assert_eq!(stage.look(3.0, ours(0, "IN_PROGRESS"), &[died("t1", 1)]).wants_logs_of.len(), 1);
    assert_eq!([0.0, 1.0, 1.0, 0.0, 4.0].map(|after| looks(&mut stage, after)), [0, 0, 1, 0, 1]);
    assert_eq!([5.0, 5.0].map(|after| looks(&mut stage, after)), [0, 0]);
    waits(&stage.look(1.0, ours(0, "IN_PROGRESS"), &[]), "1 ended so far");
}

#[test]
fn nothing_is_asked_of_logs_that_are_not_there_or_not_needed() {
    let mut stage = Stage::of(Awaited { definition: Some(json!({})), ..awaited() });
    assert!(stage.look(1.0, ours(0, "IN_PROGRESS"), &[died("t1", 1)]).wants_logs_of.is_empty());
    let killed = json!([ended("app", 0), ended("side", 143)]);
    let task = with(died("t2", 0), json!({ "containers": killed }));
    assert!(self::stage().look(1.0, ours(0, "IN_PROGRESS"), &[task]).wants_logs_of.is_empty());
}

#[test]
fn ends_that_say_nothing_about_the_image_are_not_counted() {
    for (code, reason, counts) in [
        ("UserInitiated", "Task stopped by user", false),
        ("SpotInterruption", "Your Spot Task was interrupted.", false),
        ("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)", false),
        ("ServiceSchedulerInitiated", "Task failed container health checks", true),
        ("ServiceSchedulerInitiated", "Task failed ELB health checks in (target-group x)", true),
    ] {
        let mut stage = stage();
        let stopped = |id: &str| with(died(id, 143), json!({"stopCode": code, "stoppedReason": reason}));
        for id in ["t1", "t2"] {
            let look = stage.look(3.0, ours(0, "IN_PROGRESS"), &[stopped(id)]);
            assert!(texts(&look).iter().any(|line| line.contains(code)));
        }
        let look = stage.look(3.0, ours(0, "IN_PROGRESS"), &[stopped("t3")]);
        match counts {
            true => assert!(failed(&look).text.contains(reason), "{look:?}"),
            false => waits(&look, "1 tasks to run"),
        }
    }
}

#[test]
fn a_sidecar_that_cannot_be_executed_fails_the_deployment_though_the_task_runs() {
    let containers = vec![expected("app", true), expected("side", false)];
    let mut stage = Stage::of(Awaited { containers, ..awaited() });
    let task = task("t1", "RUNNING", json!([container("app", "RUNNING"), ended("side", 255)]));
    let look = stage.look(3.0, ours(1, "COMPLETED"), std::slice::from_ref(&task));
    assert_eq!(look.wants_logs_of[0].stream, "ecs/side/t1");
    let look = stage.look_with(
        0.0,
        ours(1, "COMPLETED"),
        &[task],
        printed("t1", "side", "exec /side: exec format error"),
    );
    assert!(
        failed(&look).text.starts_with("container side of task t1 failed to start: exec /side"),
        "{look:?}"
    );
}

#[test]
fn a_task_on_its_way_down_is_told_in_two_lines() {
    let mut stage = stage();
    let down = |status: &str| with(died("t1", 0), json!({ "lastStatus": status }));
    let told = ["DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED"].map(|status| {
        let look = stage.look(1.0, ours(0, "IN_PROGRESS"), &[down(status)]);
        texts(&look).iter().filter(|line| line.starts_with("task")).count()
    });
    assert_eq!(told, [1, 0, 0, 1]);
    waits(&stage.look(1.0, ours(0, "IN_PROGRESS"), &[]), "1 ended so far");
}

#[test]
fn tasks_of_other_deployments_are_nobody_s_cause() {
    let mut stage = stage();
    let other = |id: &str| with(died(id, 1), json!({"startedBy": "ecs-svc/1"}));
    let look = stage.look(3.0, ours(0, "IN_PROGRESS"), &[other("t1"), other("t2"), other("t3")]);
    assert_eq!((look.events.len(), look.wants_logs_of.len()), (1, 0), "{look:?}");
    assert!(stage.watch.wanted(&["arn:aws:ecs:r:a:task/demo/t1".into()], &[]).is_empty(), "known by now");
    // Without a deployment's id in startedBy, revision and time tell.
    for (created, definition, own) in
        [(1001.0, "api:2", true), (990.0, "api:2", false), (1001.0, "api:1", false)]
    {
        let mut stage = self::stage();
        let arn = format!("arn:aws:ecs:r:a:task-definition/{definition}");
        let members = json!({"startedBy": "api", "createdAt": created, "taskDefinitionArn": arn});
        let look = stage.look(3.0, ours(0, "IN_PROGRESS"), &[with(died("t1", 1), members)]);
        assert_eq!(look.wants_logs_of.len(), usize::from(own), "{created} {definition}");
    }
}
