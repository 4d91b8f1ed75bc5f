//! The watch over a deployment, against a double whose deployments go on with each DescribeServices.

use crate::double::{Behaviour, Call, Double, Reply, When, shapes};
use crate::{alone, connect, logged_in};
use execfit::prove::{Ended, Patience, watch};
use execfit_diagnosis::plan::Expected;
use execfit_diagnosis::proof::{About, Awaited, Event};
use execfit_diagnosis::verdict::VerdictName;
use execfit_image::digest::Digest;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::runtime::Runtime;

const LINE: &str = "exec /app: exec format error";

/// `demo/api`, whose revision 2 has just been deployed in the place of revision 1.
struct Deployed {
    aws: Double,
    awaited: Awaited,
    patience: Patience,
}

/// What came of a watch.
struct Watched {
    ended: Ended,
    events: Vec<Event>,
    took: Duration,
}

fn digest() -> Digest {
    Digest::of(b"image")
}

impl Deployed {
    fn new(behaviour: Behaviour) -> Deployed {
        Deployed::of(shapes::service("demo", "api", "api:1"), behaviour)
    }

    fn of(service: Value, behaviour: Behaviour) -> Deployed {
        let aws = Double::start();
        let definition = |revision| {
            let container = shapes::container_definition("api", &format!("team/app:{revision}"));
            shapes::task_definition("api", revision, json!([container]))
        };
        aws.cluster(shapes::cluster("demo")).task_definition(definition(1)).task_definition(definition(2));
        aws.resolves(|_| Some(digest().to_string())).service(service).behaves("api:2", behaviour);
        aws.change(|world| world.deploy("demo", "api", "api:2"));
        let service = aws.service_now("demo", "api");
        let arn = |resource| shapes::arn(resource);
        let awaited = Awaited {
            service: arn("service/demo/api"),
            cluster: arn("cluster/demo"),
            task_definition: arn("task-definition/api:2"),
            deployment: service["deployments"][0]["id"].as_str().map(String::from),
            containers: vec![expected()],
            definition: Some(definition(2)),
            settle_seconds: 0,
            began: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64()),
        };
        let patience = Patience { timeout: Duration::from_secs(20), poll: Duration::from_millis(100) };
        Deployed { aws, awaited, patience }
    }

    fn watch(&self, runtime: &Runtime) -> Watched {
        let (mut events, begin) = (Vec::new(), Instant::now());
        let ended = runtime.block_on(async {
            let aws = connect(&self.aws).await;
            watch(&aws, self.awaited.clone(), self.patience, &mut |event| events.push(event.clone())).await
        });
        Watched { ended, events, took: begin.elapsed() }
    }

    /// How often each operation was asked.
    fn asked(&self) -> BTreeMap<String, usize> {
        self.aws.asked().into_iter().fold(BTreeMap::new(), |mut counts, operation| {
            *counts.entry(operation).or_default() += 1;
            counts
        })
    }
}

fn expected() -> Expected {
    Expected {
        container: "api".into(),
        essential: true,
        may_end: false,
        image: "team/app:2".into(),
        digests: vec![digest()],
        verdict: VerdictName::Runs,
        reason: None,
    }
}

impl Watched {
    #[track_caller]
    fn proven(&self) -> &execfit_diagnosis::proof::Proven {
        match &self.ended {
            Ended::Proven(proven) => proven,
            other => panic!("{other:?}\n{:#?}", self.events),
        }
    }

    #[track_caller]
    fn unproven(&self, words: &str) {
        match &self.ended {
            Ended::Unproven { why } => assert!(why.contains(words), "{why}"),
            other => panic!("{other:?}\n{:#?}", self.events),
        }
    }

    fn told(&self, about: About) -> Vec<&str> {
        let events = self.events.iter().filter(|event| event.about == about);
        events.map(|event| event.text.as_str()).collect()
    }
}

/// Runs the body in a process of its own, where the SDK does not repeat what failed: that is the watch's to do.
fn apart(test: &str, body: impl FnOnce(&Runtime)) {
    let mut env = logged_in();
    env.push(("AWS_MAX_ATTEMPTS", "1".into()));
    alone(&format!("prove::{test}"), env, body);
}

#[test]
fn a_deployment_that_holds_is_proven_with_few_requests() {
    apart("a_deployment_that_holds_is_proven_with_few_requests", |runtime| {
        let mut deployed = Deployed::new(Behaviour::Runs);
        deployed.awaited.settle_seconds = 1;
        let watched = deployed.watch(runtime);
        let proof = watched.proven();
        assert_eq!((proof.desired, proof.tasks.len()), (1, 1));
        assert_eq!(proof.tasks[0].containers[0].digest, digest().to_string());
        assert!(proof.seconds >= 1.0 && proof.settled_seconds >= 1.0, "{proof:?}");
        assert_eq!(
            watched.told(About::Deployment),
            [
                "new deployment (api:2): 0 of 1 running, 1 pending, in progress",
                "old deployment (api:1): 0 of 1 running, in progress",
                "new deployment (api:2): 1 of 1 running, in progress",
                "new deployment (api:2): 1 of 1 running, completed",
                "old deployment (api:1) is gone",
            ]
        );
        assert_eq!(
            watched.told(About::Task),
            [
                "task 00000000 (api:2) is pending; api pending",
                "task 00000000 (api:2) is running; api running"
            ]
        );
        assert_eq!(watched.told(About::Service), ["(service api) has reached a steady state."]);
        let asked = deployed.asked();
        let looks = asked["DescribeServices"];
        // Three for the rollout, then one every tenth of a second.
        assert!((5..=14).contains(&looks), "{asked:?}");
        assert_eq!((asked["DescribeTasks"], asked.len()), (looks, 3), "{asked:?}");
        // Both lists for each moment of the rollout, and before the proof: nothing else can be there.
        assert_eq!(asked["ListTasks"], 2 * 4, "{asked:?}");
        assert!(deployed.aws.writes().is_empty());
    });
}

#[test]
fn the_first_failed_exec_ends_it_though_the_breaker_is_off() {
    apart("the_first_failed_exec_ends_it_though_the_breaker_is_off", |runtime| {
        let deployed = Deployed::new(Behaviour::wrong_format("/app"));
        let watched = deployed.watch(runtime);
        let Ended::Failed(cause) = &watched.ended else { panic!("{:?}", watched.ended) };
        assert!(cause.text.ends_with(&format!("failed to start: {LINE} (exit code 1)")), "{cause:?}");
        assert_eq!((cause.container.as_deref(), &cause.findings[0][..]), (Some("api"), "wrong-architecture"));
        let asked = deployed.asked();
        assert_eq!((asked["DescribeServices"], asked["GetLogEvents"]), (2, 1), "{asked:?}");
        assert!(watched.took < Duration::from_secs(5), "{:?}", watched.took);
    });
}

#[test]
fn what_cannot_be_pulled_needs_no_log() {
    apart("what_cannot_be_pulled_needs_no_log", |runtime| {
        let reason = "CannotPullContainerError: pull image manifest has been retried 1 time(s): image Manifest does not \
                      contain descriptor matching platform 'linux/amd64'";
        let deployed = Deployed::new(Behaviour::FailsToStart { reason: reason.into() });
        let watched = deployed.watch(runtime);
        let Ended::Failed(cause) = &watched.ended else { panic!("{:?}", watched.ended) };
        assert!(cause.text.contains("descriptor matching platform"), "{cause:?}");
        assert_eq!(cause.findings[0], "missing-platform");
        assert!(!deployed.asked().contains_key("GetLogEvents"));
    });
}

#[test]
fn ecs_goes_back_by_itself_and_a_second_deployer_is_another_matter() {
    apart("ecs_goes_back_by_itself_and_a_second_deployer_is_another_matter", |runtime| {
        let breaker = json!({"deploymentCircuitBreaker": {"enable": true, "rollback": true},
            "maximumPercent": 200, "minimumHealthyPercent": 100, "strategy": "ROLLING"});
        let guarded = json!({"desiredCount": 3, "deploymentConfiguration": breaker});
        let service = shapes::with(shapes::service("demo", "api", "api:1"), guarded);
        let dies = Behaviour::Dies { exit_code: 3, line: "the configuration is missing".into() };
        let watched = Deployed::of(service, dies).watch(runtime);
        let Ended::Failed(cause) = &watched.ended else { panic!("{:?}", watched.ended) };
        assert!(cause.rolled_back_by_ecs && cause.text.contains("ended with exit code 3"), "{cause:?}");

        let deployed = Deployed::new(Behaviour::StaysPending);
        deployed.aws.meanwhile(Call::Nth("DescribeServices", 3), When::Before, |world| {
            world.deploy("demo", "api", "api:1");
        });
        let watched = deployed.watch(runtime);
        let Ended::Overtaken(by) = &watched.ended else { panic!("{:?}", watched.ended) };
        assert_eq!(by.text, "somebody else has deployed api:1 to the service api");
        assert_eq!(deployed.asked()["DescribeServiceDeployments"], 1);
    });
}

#[test]
fn a_service_that_is_gone_is_overtaken() {
    apart("a_service_that_is_gone_is_overtaken", |runtime| {
        let deployed = Deployed::new(Behaviour::StaysPending);
        let gone = Reply::error(400, "ServiceNotFoundException", "Service not found.");
        deployed.aws.fail(Call::Nth("ListTasks", 5), gone);
        let watched = deployed.watch(runtime);
        let Ended::Overtaken(by) = &watched.ended else { panic!("{:?}", watched.ended) };
        assert_eq!(by.text, "the service api is not there any more");
    });
}

#[test]
fn what_waits_until_the_timeout_says_for_what() {
    apart("what_waits_until_the_timeout_says_for_what", |runtime| {
        let reason = "no container instance met all of its requirements.";
        for (behaviour, words) in [
            (
                Behaviour::StaysPending,
                "it waited for the rollout to complete, 1 tasks to run (0 running, 1 pending)",
            ),
            (
                Behaviour::Unplaced { reason: reason.into() },
                "1 tasks to run (0 running, 0 pending), 1 tasks to be seen",
            ),
            (Behaviour::Unhealthy, "container api of task 00000000 to be healthy: it is unhealthy"),
        ] {
            let mut deployed = Deployed::new(behaviour.clone());
            deployed.patience.timeout = Duration::from_secs(1);
            let watched = deployed.watch(runtime);
            watched.unproven(words);
            assert!(watched.took < Duration::from_secs(3), "{:?}", watched.took);
            let unplaced = matches!(behaviour, Behaviour::Unplaced { .. });
            assert_eq!(
                watched.told(About::Service).iter().any(|text| text.contains("unable to place")),
                unplaced
            );
        }
    });
}

#[test]
fn throttling_failures_and_cut_answers_are_waited_out_and_told() {
    apart("throttling_failures_and_cut_answers_are_waited_out_and_told", |runtime| {
        let deployed = Deployed::new(Behaviour::Runs);
        let throttled = || Reply::error(400, "ThrottlingException", "Rate exceeded");
        let failed = || Reply::error(500, "ServerException", "Service Unavailable");
        for (call, reply) in [
            (Call::Nth("DescribeServices", 1), throttled()),
            (Call::Nth("DescribeServices", 2), failed()),
            (Call::Nth("ListTasks", 2), Reply::hang_up()),
            (Call::Nth("DescribeTasks", 2), Reply::json(&json!({"tasks": []})).cut_short()),
        ] {
            deployed.aws.fail(call, reply);
        }
        let watched = deployed.watch(runtime);
        watched.proven();
        let told = watched.told(About::Aws);
        assert_eq!(told.len(), 6, "{told:#?}");
        assert!(told[0].contains("ecs:DescribeServices on service demo/api: too many requests"), "{told:#?}");
        assert!(told[0].ends_with("it is asked again") && told[1] == "AWS answers again", "{told:#?}");
    });
}

#[test]
fn an_aws_that_never_answers_is_named_at_the_timeout() {
    apart("an_aws_that_never_answers_is_named_at_the_timeout", |runtime| {
        let mut deployed = Deployed::new(Behaviour::Runs);
        deployed.patience.timeout = Duration::from_secs(1);
        deployed
            .aws
            .fail(Call::Every("DescribeTasks"), Reply::error(400, "ThrottlingException", "Rate exceeded"));
        let watched = deployed.watch(runtime);
        watched.unproven("1 s have passed, and AWS gives no answer: ecs:DescribeTasks on task");
        assert_eq!(watched.told(About::Aws).len(), 1, "told once");
    });
}

#[test]
fn without_permission_it_cannot_be_seen() {
    apart("without_permission_it_cannot_be_seen", |runtime| {
        for operation in ["DescribeServices", "ListTasks", "DescribeTasks", "DescribeTaskDefinition"] {
            let mut deployed = Deployed::new(Behaviour::Runs);
            deployed.awaited.definition = None;
            let action = format!("ecs:{operation}");
            deployed.aws.fail(Call::Every(operation), Reply::denied(&action));
            let watched = deployed.watch(runtime);
            watched.unproven(&format!("allow the IAM action {action}"));
            assert_eq!(deployed.asked()[operation], 1, "not asked twice");
        }
    });
}

#[test]
fn logs_that_may_not_be_read_leave_the_exit_code() {
    apart("logs_that_may_not_be_read_leave_the_exit_code", |runtime| {
        let deployed = Deployed::new(Behaviour::wrong_format("/app"));
        deployed.aws.fail(Call::Every("GetLogEvents"), Reply::denied("logs:GetLogEvents"));
        let watched = deployed.watch(runtime);
        let Ended::Failed(cause) = &watched.ended else { panic!("{:?}", watched.ended) };
        assert!(
            cause.text.ends_with("that is the third time") && cause.text.contains("exit code 1"),
            "{cause:?}"
        );
        let told = watched.told(About::Aws);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("allow the IAM action logs:GetLogEvents"), "{told:?}");
    });
}

#[test]
fn the_service_revision_tells_the_digest_where_the_task_does_not() {
    apart("the_service_revision_tells_the_digest_where_the_task_does_not", |runtime| {
        for (allowed, proves) in [(true, true), (false, false)] {
            let deployed = Deployed::new(Behaviour::Runs);
            let tasks = |world: &Value| {
                let mut answer = world.clone();
                for task in answer["tasks"].as_array_mut().into_iter().flatten() {
                    for container in task["containers"].as_array_mut().into_iter().flatten() {
                        container["imageDigest"] = json!("");
                    }
                }
                answer
            };
            let task = shapes::task("demo", "api", "t9", "api:2", "x86_64");
            let members = json!({"startedBy": deployed.awaited.deployment,
                "containers": [shapes::container("api", "team/app:2", "")]});
            let answer = tasks(&json!({"tasks": [shapes::with(task, members)], "failures": []}));
            deployed.aws.on("DescribeTasks", Reply::json(&answer));
            if !allowed {
                deployed.aws.fail(
                    Call::Every("DescribeServiceRevisions"),
                    Reply::denied("ecs:DescribeServiceRevisions"),
                );
            }
            let watched = deployed.watch(runtime);
            if proves {
                assert_eq!(watched.proven().tasks[0].containers[0].digest, digest().to_string());
            } else {
                watched.unproven("ECS does not tell which digest container api was made from");
                assert!(watched.told(About::Aws)[0].contains("ecs:DescribeServiceRevisions"));
            }
            assert_eq!(deployed.asked()["DescribeServiceRevisions"], 1);
        }
    });
}

#[test]
fn what_a_crash_loop_left_behind_is_not_read_without_end() {
    apart("what_a_crash_loop_left_behind_is_not_read_without_end", |runtime| {
        let deployed = Deployed::new(Behaviour::Runs);
        deployed.aws.pages_of(100);
        for number in 0..1500 {
            let task = shapes::task("demo", "api", &format!("old{number}"), "api:1", "x86_64");
            let members = json!({"startedBy": "ecs-svc/1", "createdAt": shapes::THEN});
            let reason = "Essential container in task exited";
            let task = shapes::stopped(shapes::with(task, members), "EssentialContainerExited", reason);
            deployed.aws.task(task);
        }
        let watched = deployed.watch(runtime);
        watched.proven();
        assert!(watched.told(About::Task).iter().all(|text| !text.contains("old")), "{:#?}", watched.events);
        let asked = deployed.asked();
        let looks = asked["DescribeServices"];
        // Ten pages of what was stopped and one of what runs; each task is described once, 300 in a look.
        assert!(asked["ListTasks"] <= 11 * looks && asked["DescribeTasks"] <= 4 * looks, "{asked:?}");
    });
}

#[test]
fn where_traffic_shifts_the_service_deployment_tells_when_it_is_done() {
    apart("where_traffic_shifts_the_service_deployment_tells_when_it_is_done", |runtime| {
        let shifting = || {
            let strategy =
                json!({"deploymentConfiguration": {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1}});
            Deployed::of(shapes::with(shapes::service("demo", "api", "api:1"), strategy), Behaviour::Runs)
        };
        let deployed = shifting();
        let watched = deployed.watch(runtime);
        watched.proven();
        assert!(
            watched.told(About::Deployment).contains(&"service deployment: successful"),
            "{:#?}",
            watched.events
        );
        assert_eq!(deployed.asked()["DescribeServiceDeployments"], 2, "only once all tasks run");

        let deployed = shifting();
        let action = "ecs:DescribeServiceDeployments";
        deployed.aws.fail(Call::Every("DescribeServiceDeployments"), Reply::denied(action));
        let watched = deployed.watch(runtime);
        watched.unproven("the service deployment cannot be seen");
        assert!(watched.told(About::Aws)[0].contains(&format!("allow the IAM action {action}")));
        assert_eq!(deployed.asked()["DescribeServiceDeployments"], 1);
    });
}

#[test]
fn what_runs_and_then_dies_is_never_proven() {
    apart("what_runs_and_then_dies_is_never_proven", |runtime| {
        let line = "the configuration is missing".to_owned();
        let mut deployed = Deployed::new(Behaviour::DiesLater { moments: 2, exit_code: 3, line });
        deployed.awaited.settle_seconds = 1;
        let watched = deployed.watch(runtime);
        let Ended::Failed(cause) = &watched.ended else { panic!("{:?}", watched.ended) };
        assert!(
            cause.text.contains("ended with exit code 3") && cause.text.ends_with("the third time"),
            "{cause:?}"
        );
        let ends = watched.told(About::Task).into_iter().filter(|text| text.contains("is stopped")).count();
        assert_eq!(ends, 3, "{:#?}", watched.events);
    });
}

#[test]
fn a_service_that_wants_no_task_is_said_at_once_to_prove_nothing() {
    apart("a_service_that_wants_no_task_is_said_at_once_to_prove_nothing", |runtime| {
        let none = shapes::with(shapes::service("demo", "api", "api:1"), json!({"desiredCount": 0}));
        let deployed = Deployed::of(none, Behaviour::Runs);
        deployed.watch(runtime).unproven("the service api wants 0 tasks: nothing runs, so nothing is proven");
        assert_eq!(deployed.asked()["DescribeServices"], 1);
    });
}

#[test]
fn a_settling_time_without_end_ends_with_the_timeout() {
    apart("a_settling_time_without_end_ends_with_the_timeout", |runtime| {
        let mut deployed = Deployed::new(Behaviour::Runs);
        (deployed.awaited.settle_seconds, deployed.patience.timeout) = (u64::MAX, Duration::from_secs(1));
        deployed.watch(runtime).unproven("s without a change");
    });
}

#[test]
fn an_aws_that_fails_every_other_time_is_not_told_of_without_end() {
    apart("an_aws_that_fails_every_other_time_is_not_told_of_without_end", |runtime| {
        let mut deployed = Deployed::new(Behaviour::StaysPending);
        deployed.patience = Patience { timeout: Duration::from_secs(2), poll: Duration::from_millis(10) };
        for nth in 0..200 {
            let throttled = Reply::error(400, "ThrottlingException", "Rate exceeded");
            deployed.aws.fail(Call::Nth("DescribeTasks", 2 * nth + 1), throttled);
        }
        let watched = deployed.watch(runtime);
        watched.unproven("s have passed");
        let told = watched.told(About::Aws);
        assert_eq!(told.len(), 20, "{told:#?}");
        assert_eq!(told[19], "AWS answers again; further failures are not told");
    });
}
