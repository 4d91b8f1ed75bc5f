//! What was deployed, what ran before, and what is seen against what is predicted.

use crate::double::shapes::{self, runtime_platform, with};
use crate::registry::{ARM64, X86_64};
use crate::run::{finding, found, remedies};
use crate::stage::{Stage, app, good};
use serde_json::json;

fn arm() -> crate::registry::Image {
    good("arm64", ARM64)
}

fn intel() -> crate::registry::Image {
    good("amd64", X86_64)
}

#[test]
fn the_digest_that_was_deployed_is_read_and_not_the_tag() {
    let stage = Stage::of(&arm());
    let deployed = arm().build().digest();
    stage.crashed(&deployed, "exec /app: exec format error");
    let now = stage.registry.push("team/app:1", &intel());
    let workload = stage.workload(8);
    assert_eq!(workload["image"]["digest"], deployed);
    let found = found(&workload);
    assert!(found.contains(&"error:wrong-architecture".into()), "{found:?}");
    assert!(found.contains(&"warning:tag-flipped".into()), "{found:?}");
    let flipped = finding(&workload, "tag-flipped").to_string();
    assert!(flipped.contains(&deployed) && flipped.contains(&now), "{flipped}");
    assert!(flipped.contains("linux/arm64"), "{flipped}");
}

#[test]
fn a_tag_that_moved_under_a_service_that_runs() {
    let stage = Stage::of(&intel());
    let deployed = intel().build().digest();
    stage.running(&deployed, "x86_64");
    stage.registry.push("team/app:1", &arm());
    let workload = stage.workload(0);
    assert_eq!(found(&workload), ["warning:tag-flipped"], "{workload:#}");
    assert_eq!(workload["image"]["digest"], deployed);
}

#[test]
fn the_service_revision_knows_the_digest_when_no_task_is_left() {
    let stage = Stage::of(&intel());
    let deployed = intel().build().digest();
    stage.registry.push("team/app:1", &arm());
    let images = [("api", stage.image(), deployed.clone())];
    let images: Vec<(&str, &str, &str)> =
        images.iter().map(|(a, b, c)| (*a, b.as_str(), c.as_str())).collect();
    stage.aws.service_revision(shapes::service_revision("demo", "api", 1, "api:1", &images));
    let workload = stage.workload(0);
    assert_eq!(workload["image"]["digest"], deployed);
    assert!(found(&workload).contains(&"warning:tag-flipped".into()), "{workload:#}");
}

#[test]
fn the_digest_of_the_index_or_of_its_child_is_no_move() {
    let stage = Stage::empty();
    let index =
        stage.registry.push_index("team/app:1", &[("linux/amd64", &intel()), ("linux/arm64", &arm())]);
    stage.define(1, json!([stage.container()])).serve(1);
    stage.running(&index, "x86_64");
    assert_eq!(found(&stage.workload(0)), [] as [String; 0]);
    let stage = Stage::empty();
    stage.registry.push_index("team/app:1", &[("linux/amd64", &intel()), ("linux/arm64", &arm())]);
    stage.define(1, json!([stage.container()])).serve(1);
    stage.running(&intel().build().digest(), "x86_64");
    assert_eq!(found(&stage.workload(0)), [] as [String; 0]);
}

#[test]
fn of_an_image_for_both_only_the_hosts_half_is_read() {
    for (host, mine, other) in [("x86_64", intel(), arm()), ("arm64", arm(), intel())] {
        let stage = Stage::empty();
        let index =
            stage.registry.push_index("team/app:1", &[("linux/amd64", &intel()), ("linux/arm64", &arm())]);
        stage.define(1, json!([stage.container()])).serve(1);
        stage.running(&index, host);
        let workload = stage.workload(0);
        assert_eq!(workload["hosts"][0]["manifest"], mine.build().digest());
        assert_eq!(workload["image"]["platforms"], json!(["linux/amd64", "linux/arm64"]));
        let fetched = stage.registry.fetched();
        let foreign = other.build();
        for blob in foreign.layers.iter().chain([&foreign.config]) {
            assert!(!fetched.contains(&crate::registry::digest(blob)), "{fetched:?}");
        }
    }
}

#[test]
fn a_pin_to_the_wrong_half_is_pinned_anew() {
    let stage = Stage::empty();
    let index =
        stage.registry.push_index("team/app:1", &[("linux/amd64", &intel()), ("linux/arm64", &arm())]);
    let pinned = format!("{}@{}", stage.image(), arm().build().digest());
    stage.define(1, json!([shapes::container_definition("api", &pinned)])).serve(1);
    let workload = stage.workload(8);
    let found = found(&workload);
    assert!(found.contains(&"error:wrong-architecture".into()), "{found:?}");
    assert!(found.contains(&"error:pinned-to-one-platform".into()), "{found:?}");
    let finding = finding(&workload, "pinned-to-one-platform");
    assert!(remedies(finding).contains(&"safe:repin".into()), "{finding:#}");
    assert!(finding["remedies"].to_string().contains(&format!("{}@{index}", stage.image())), "{finding:#}");
}

#[test]
fn a_pin_without_a_tag_cannot_be_pinned_anew() {
    let stage = Stage::empty();
    let digest = stage.registry.push("team/app:1", &arm());
    let pinned = stage.registry.name(&format!("team/app@{digest}"));
    stage.define(1, json!([shapes::container_definition("api", &pinned)])).serve(1);
    let workload = stage.workload(8);
    assert!(found(&workload).contains(&"error:pinned-to-one-platform".into()), "{workload:#}");
    assert!(!workload.to_string().contains("\"repin\""), "{workload:#}");
}

#[test]
fn a_revision_that_lost_its_platform() {
    let stage = Stage::empty();
    stage.registry.push("team/app:1", &arm());
    let first = shapes::task_definition("api", 1, json!([stage.container()]));
    stage.aws.task_definition(with(first, json!({"runtimePlatform": runtime_platform("ARM64")})));
    stage.define(2, json!([stage.container()])).serve(2);
    let workload = stage.workload(8);
    let found = found(&workload);
    assert!(found.contains(&"error:lost-runtime-platform".into()), "{found:?}");
    assert!(found.contains(&"error:wrong-architecture".into()), "{found:?}");
    let lost = finding(&workload, "lost-runtime-platform");
    let message = lost["message"].as_str().unwrap();
    assert!(message.contains("api:2 lost runtimePlatform: api:1 asked for ARM64"), "{message}");
    assert!(lost["evidence"].to_string().contains("user/double"), "{lost:#}");
    let remedies = remedies(lost);
    assert!(
        remedies.contains(&"safe:rollback".into()) && remedies.contains(&"safe:retarget".into()),
        "{remedies:?}"
    );
    assert!(lost["remedies"].to_string().contains("--task-definition api:1"), "{lost:#}");
}

#[test]
fn a_platform_that_was_lost_and_not_missed_is_a_warning() {
    let stage = Stage::empty();
    stage.registry.push_index("team/app:1", &[("linux/amd64", &intel()), ("linux/arm64", &arm())]);
    let first = shapes::task_definition("api", 1, json!([stage.container()]));
    stage.aws.task_definition(with(first, json!({"runtimePlatform": runtime_platform("ARM64")})));
    stage.define(2, json!([stage.container()])).serve(2);
    let found = found(&stage.workload(0));
    assert!(found.contains(&"warning:lost-runtime-platform".into()), "{found:?}");
}

#[test]
fn back_to_the_revision_that_ran() {
    let stage = Stage::empty();
    stage.registry.push("team/app:1", &intel());
    stage.registry.push("team/app:2", &app("no program\n"));
    stage.define(1, json!([stage.container()]));
    let broken = shapes::container_definition("api", &stage.registry.name("team/app:2"));
    stage.define(2, json!([broken])).serve(2);
    let workload = stage.workload(8);
    let finding = finding(&workload, "no-shebang");
    let rollback = finding["remedies"].as_array().unwrap().iter().find(|remedy| remedy["kind"] == "rollback");
    let rollback = rollback.unwrap_or_else(|| panic!("{finding:#}"));
    assert_eq!(rollback["safety"], "safe");
    assert_eq!(
        rollback["commands"],
        json!([
            "execfit fix demo/api --by rollback",
            "aws ecs update-service --cluster demo --service api --task-definition api:1"
        ])
    );
}

#[test]
fn there_is_no_way_back_to_what_never_ran() {
    let stage = Stage::empty();
    stage.registry.push("team/app:1", &app("no program\n"));
    stage.define(1, json!([stage.container()])).define(2, json!([stage.container()])).serve(2);
    assert!(!stage.workload(8).to_string().contains("rollback"));
}

#[test]
fn other_deployment_controllers_are_told_otherwise() {
    let stage = Stage::empty();
    stage.registry.push("team/app:1", &arm());
    stage.define(1, json!([stage.container()]));
    let controller = json!({"deploymentController": {"type": "CODE_DEPLOY"}});
    stage.aws.service(with(shapes::service("demo", "api", "api:1"), controller));
    let workload = stage.workload(8);
    let finding = finding(&workload, "wrong-architecture");
    assert!(!finding["remedies"].to_string().contains("aws ecs update-service"), "{finding:#}");
    assert!(finding["remedies"].to_string().contains("aws deploy create-deployment"), "{finding:#}");
    assert!(!remedies(finding).iter().any(|remedy| remedy.starts_with("safe:")), "{finding:#}");
}

#[test]
fn predicted_to_fail_and_seen_running() {
    let stage = Stage::of(&arm());
    stage.running(&arm().build().digest(), "x86_64");
    let workload = stage.workload(8);
    assert_eq!(found(&workload), ["error:wrong-architecture", "note:observed-running"]);
    let message = finding(&workload, "observed-running")["message"].as_str().unwrap();
    assert!(message.contains("emulat"), "{message}");
}

#[test]
fn predicted_to_run_and_seen_failing() {
    let stage = Stage::of(&intel());
    stage.crashed(&intel().build().digest(), "exec /app: exec format error");
    let workload = stage.workload(4);
    assert_eq!(found(&workload), ["warning:observed-failing"], "{workload:#}");
    assert!(workload["reason"].as_str().unwrap().contains("was seen to fail"), "{workload:#}");
}

#[test]
fn a_program_that_starts_and_ends_is_not_our_matter() {
    let stage = Stage::of(&intel());
    stage.crashed(&intel().build().digest(), "cannot connect to the database");
    let workload = stage.workload(0);
    assert_eq!(found(&workload), ["note:ended-by-itself"], "{workload:#}");
    assert_eq!(workload["observed"]["texts"], json!([]));
}

#[test]
fn a_failed_pull_that_ecs_tells() {
    let stage = Stage::empty();
    let digest = stage.registry.push_index("team/app:1", &[("linux/arm64", &arm())]);
    stage.define(1, json!([stage.container()])).serve(1);
    let reason = "CannotPullContainerError: pull image manifest has been retried 5 time(s): image Manifest does not \
                  contain descriptor matching platform 'linux/amd64'";
    let task = crate::stage::crashed_task(&stage.image(), &digest, "x86_64");
    let mut task = with(task, json!({"stopCode": "TaskFailedToStart", "stoppedReason": reason}));
    task["containers"][0]["exitCode"].take();
    stage.aws.task(task);
    let workload = stage.workload(8);
    assert_eq!(found(&workload)[0], "error:missing-platform", "{workload:#}");
    assert_eq!(workload["observed"]["stop_code"], "TaskFailedToStart");
    assert_eq!(workload["observed"]["texts"], json!([reason]));
}

#[test]
fn what_never_started_is_not_said_to_run() {
    for reason in [
        "CannotPullContainerError: Error response from daemon: pull access denied for team/app",
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed",
        "CannotStartContainerError: runc create failed: exec: \"/app\": permission denied: unknown",
    ] {
        let stage = Stage::of(&intel());
        let task = crate::stage::crashed_task(&stage.image(), "", "x86_64");
        let mut task = with(task, json!({"stopCode": "TaskFailedToStart", "stoppedReason": reason}));
        task["containers"][0]["exitCode"].take();
        stage.aws.task(task);
        let workload = stage.workload(4);
        assert_eq!(found(&workload), ["warning:observed-failing"], "{workload:#}");
        assert!(workload.to_string().contains(&reason[..24]), "{workload:#}");
    }
}

#[test]
fn a_shell_that_cannot_start_the_program_is_quoted() {
    let image = intel().layer([crate::registry::file("tool", 0o755, crate::registry::elf(ARM64))]);
    let stage = Stage::of(&image.cmd(["/bin/sh", "-c", "/tool"]));
    stage.crashed("", "/bin/sh: line 1: /tool: cannot execute binary file: Exec format error");
    let text = stage.diagnose(&["demo/api"]);
    text.says(&["/tool: cannot execute binary file: Exec format error"]);
}

#[test]
fn a_digest_that_is_gone_from_the_registry() {
    let stage = Stage::of(&intel());
    let gone = format!("sha256:{}", "0".repeat(64));
    stage.running(&gone, "x86_64");
    let workload = stage.workload(1);
    let reason = workload["reason"].as_str().unwrap();
    assert!(reason.contains(&gone) && reason.contains("does not exist"), "{reason}");
    assert!(found(&workload).contains(&"warning:tag-flipped".into()), "{workload:#}");
}

#[test]
fn a_task_set_is_a_deployment_too() {
    let stage = Stage::empty();
    stage.registry.push("team/app:1", &arm());
    stage.define(1, json!([stage.container()]));
    let set = json!({"status": "PRIMARY", "taskDefinition": shapes::arn("task-definition/api:1")});
    let external = json!({
        "deploymentController": {"type": "EXTERNAL"}, "deployments": [], "taskDefinition": "", "taskSets": [set],
    });
    stage.aws.service(with(shapes::service("demo", "api", "api:1"), external));
    let workload = stage.workload(8);
    assert!(!workload.to_string().contains("aws ecs update-service"), "{workload:#}");
}

#[test]
fn an_image_of_two_containers_is_read_once() {
    let stage = Stage::of(&arm());
    stage.define(2, json!([stage.container(), with(stage.container(), json!({"name": "other"}))]));
    let report = stage.diagnose(&["api:2"]).ended(8);
    assert_eq!(report["workloads"].as_array().unwrap().len(), 2);
    assert_eq!(stage.registry.heard().len(), 3, "manifest, config, layer");
}
