//! A registry gives no image, or a wrong one: a clear error that names the object, and never "runs".

use crate::double::shapes;
use crate::registry::{Fault, Image, Login, Of, Registry, Reply, X86_64, closed_port, digest, file};
use crate::run::{Outcome, execfit, found, run};
use crate::stage::{Stage, good};
use serde_json::json;

fn healthy() -> Stage {
    Stage::of(&good("amd64", X86_64))
}

/// Both verbs end with this code, give no green verdict, and say these words.
#[track_caller]
fn unknown(stage: &Stage, code: i32, words: &[&str]) {
    let report = stage.diagnose(&["demo/api"]);
    let workload = report.ended(code)["workloads"][0].clone();
    assert_eq!(workload["verdict"], "unknown");
    let reason = workload["reason"].as_str().unwrap();
    let inspection = stage.run(&["inspect", &stage.image(), "--format", "json"]);
    let run = inspection.ended(code)["runs"][0].clone();
    assert_eq!(run["verdict"], "unknown");
    for word in words {
        assert!(reason.contains(word), "`{word}`: {reason}");
        assert!(run["reason"].as_str().unwrap().contains(word), "`{word}`: {run:#}");
    }
    let text = stage.run(&["diagnose", "demo/api"]);
    assert_eq!(text.code, code, "{text:?}");
    text.says(&[&stage.image(), "verdict: unknown"]);
    assert_eq!(found(&workload)[0], "warning:cannot-tell", "{workload:#}");
}

fn faulty(of: Of, fault: Fault) -> Stage {
    let stage = healthy();
    stage.registry.faulty(of, fault);
    stage
}

#[test]
fn an_image_that_does_not_exist() {
    let stage = healthy();
    let gone = stage.registry.name("team/gone:9");
    stage.define(2, json!([shapes::container_definition("api", &gone)]));
    let report = stage.diagnose(&["api:2"]).ended(1);
    let reason = report["workloads"][0]["reason"].as_str().unwrap();
    assert!(reason.contains(&gone) && reason.contains("does not exist"), "{reason}");
    let inspection = stage.run(&["inspect", &gone, "--format", "json"]).ended(1);
    assert!(inspection["runs"][0]["reason"].as_str().unwrap().contains("does not exist"), "{inspection:#}");
    assert_eq!(inspection["digest"], json!(null));
    let missing = Fault::Reply(Reply::error(404, "NAME_UNKNOWN", "repository name not known to registry"));
    unknown(&faulty(Of::Manifests, missing), 1, &["does not exist", "NAME_UNKNOWN"]);
}

#[test]
fn a_name_that_is_none() {
    let stage = Stage::empty();
    for name in ["Team/App:1", "", "a b", "127.0.0.1:5000/app:-x"] {
        stage.run(&["inspect", name]).stopped(2, &["is no image reference"]);
    }
    stage.define(1, json!([shapes::container_definition("api", "Team/App:1")])).serve(1);
    let report = stage.diagnose(&["demo/api"]);
    assert!([1, 4].contains(&report.code), "{report:?}");
    report.says(&["Team/App:1"]);
}

#[test]
fn a_definition_cannot_name_a_file_of_this_machine() {
    let stage = Stage::empty();
    for name in ["dir:/etc", "oci:/tmp", "docker-archive:/etc/passwd", "docker-daemon:app"] {
        let stage = Stage::empty();
        stage.define(
            1,
            json!([shapes::with(shapes::container_definition("api", name), json!({"command": ["/bin/sh"]}))]),
        );
        let report = stage.diagnose(&["api:1"]);
        assert!([1, 4].contains(&report.code), "{name}: {report:?}");
        assert_eq!(report.answer()["verdict"], "unknown");
    }
    drop(stage);
}

#[test]
fn registries_that_refuse() {
    let plain = Reply::error(401, "UNAUTHORIZED", "authentication required");
    unknown(&faulty(Of::Everything, Fault::Reply(plain)), 4, &["may not be read"]);
    let forbidden = Reply::error(403, "DENIED", "requested access to the resource is denied");
    unknown(&faulty(Of::Everything, Fault::Reply(forbidden)), 4, &["may not be read", "DENIED"]);
    for login in [Login::Basic("ann", "secret-of-ann"), Login::Token("ann", "secret-of-ann")] {
        let stage = healthy();
        stage.registry.locked(login);
        unknown(&stage, 4, &["may not be read"]);
    }
}

#[test]
fn a_token_that_everybody_gets() {
    let stage = healthy();
    stage.registry.locked(Login::AnonymousToken);
    assert_eq!(stage.service(0)["verdict"], "runs");
    let asked = stage.registry.heard();
    assert!(asked.iter().any(|heard| heard.path.starts_with("/token")), "{asked:?}");
    // A realm that nobody answers.
    let stage = healthy();
    let realm = closed_port();
    let challenge = format!("Bearer realm=\"http://{realm}/token\",service=\"x\"");
    let refusal = Reply::error(401, "UNAUTHORIZED", "no").with("WWW-Authenticate", &challenge);
    stage.registry.faulty(Of::Everything, Fault::Reply(refusal));
    unknown(&stage, 4, &["could not be reached", &realm]);
}

#[test]
fn registries_that_are_busy() {
    let busy = || Reply::error(429, "TOOMANYREQUESTS", "slow down").with("Retry-After", "1");
    let stage = healthy();
    stage.registry.faulty_once(Of::Manifests, Fault::Reply(busy()));
    assert_eq!(stage.service(0)["verdict"], "runs");
    let long = Reply::error(429, "TOOMANYREQUESTS", "slow down").with("Retry-After", "3600");
    unknown(&faulty(Of::Everything, Fault::Reply(long)), 4, &["could not be read now", "TOOMANYREQUESTS"]);
    let stage = faulty(Of::Everything, Fault::Reply(busy()));
    let workload = stage.workload(4);
    assert!(workload["reason"].as_str().unwrap().contains("TOOMANYREQUESTS"), "{workload:#}");
}

#[test]
fn registries_that_fail() {
    let failing = || {
        Fault::Reply(Reply::new(503, "<html>Service Unavailable</html>").with("Content-Type", "text/html"))
    };
    let stage = healthy();
    stage.registry.faulty_once(Of::Manifests, failing()).faulty_once(Of::Blobs, failing());
    assert_eq!(stage.service(0)["verdict"], "runs");
    unknown(&faulty(Of::Everything, failing()), 4, &["503"]);
    unknown(&faulty(Of::Blobs, failing()), 4, &["503"]);
    unknown(&faulty(Of::Everything, Fault::HungUp), 4, &["could not be reached"]);
    unknown(&faulty(Of::Blobs, Fault::HungUp), 4, &["could not be reached"]);
    let page = || {
        Fault::Reply(Reply::new(200, "<html>Welcome to our Wi-Fi</html>").with("Content-Type", "text/html"))
    };
    unknown(&faulty(Of::Everything, page()), 4, &["is broken"]);
    unknown(&faulty(Of::Blobs, page()), 4, &["is broken"]);
}

#[test]
fn a_registry_that_is_down() {
    let stage = Stage::empty();
    let name = format!("{}/team/app:1", closed_port());
    stage.define(1, json!([shapes::container_definition("api", &name)])).serve(1);
    let report = stage.diagnose(&["demo/api"]).ended(4);
    let reason = report["workloads"][0]["reason"].as_str().unwrap();
    assert!(reason.contains(&name) && reason.contains("could not be reached"), "{reason}");
    let inspection = run(execfit(Vec::new()).args(["inspect", &name]));
    assert_eq!(inspection.code, 4, "{inspection:?}");
    inspection.says(&[&name, "could not be reached"]);
}

/// A program below a layer that must be read to its end, and whose bytes are those of its files.
fn under_a_layer() -> Image {
    let noise: Vec<u8> = (0..60_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    good("amd64", X86_64).layer([file("data", 0o644, noise)]).history("COPY data /data # buildkit").stored()
}

#[test]
fn blobs_that_end_too_early() {
    unknown(&faulty(Of::Manifests, Fault::Truncated), 4, &[]);
    unknown(&faulty(Of::Blobs, Fault::Truncated), 4, &[]);
    let stage = Stage::of(&under_a_layer());
    stage.registry.faulty(Of::Blobs, Fault::Truncated);
    unknown(&stage, 4, &[]);
    // Once is nothing: it goes on where it ended.
    let stage = Stage::of(&under_a_layer());
    for _ in 0..3 {
        stage.registry.faulty_once(Of::Blobs, Fault::Truncated);
    }
    assert_eq!(stage.service(0)["verdict"], "runs");
}

#[test]
fn blobs_with_another_digest() {
    unknown(&faulty(Of::Manifests, Fault::Flipped), 4, &["is broken", "digest"]);
    unknown(&faulty(Of::Blobs, Fault::Flipped), 4, &["is broken"]);
    let image = under_a_layer();
    let stage = Stage::of(&image);
    // Config and program are right; the layer above is not.
    let top = digest(image.build().layers.last().unwrap());
    let config = digest(&image.build().config);
    stage.registry.faulty(Of::Blobs, Fault::Flipped);
    let report = stage.diagnose(&["demo/api"]).ended(4);
    let reason = report["workloads"][0]["reason"].as_str().unwrap();
    assert!(reason.contains(&top[..15]) || reason.contains(&config[..15]), "{reason}");
}

#[test]
fn what_redirects_to_storage_and_storage_must_not_see() {
    let stage = healthy();
    let storage = Registry::start();
    storage.push("team/app:1", &good("amd64", X86_64));
    stage.registry.locked(Login::AnonymousToken).faulty(Of::Blobs, Fault::Redirected(storage.url()));
    assert_eq!(stage.service(0)["verdict"], "runs");
    assert!(stage.registry.heard().iter().any(|heard| heard.header("authorization").is_some()));
    assert!(!storage.heard().is_empty());
    for heard in storage.heard() {
        assert_eq!(heard.header("authorization"), None, "{heard:?}");
        assert!(heard.path.contains("X-Signature=hunter2"), "{heard:?}");
    }
}

#[test]
fn redirects_to_places_where_no_image_is() {
    for place in ["http://169.254.169.254/latest/meta-data", "file:///etc/passwd"] {
        let stage = faulty(Of::Blobs, Fault::Redirected(place.into()));
        unknown(&stage, 4, &[]);
    }
    // Round and round.
    let stage = healthy();
    stage.registry.faulty(Of::Blobs, Fault::Redirected(stage.registry.url()));
    unknown(&stage, 4, &[]);
}

#[test]
fn of_two_containers_one_image_is_gone_and_the_other_fails() {
    let stage = Stage::empty();
    stage.registry.push("team/app:1", &crate::stage::app("no program\n"));
    let gone = shapes::container_definition("gone", &stage.registry.name("team/gone:9"));
    stage.define(1, json!([gone, stage.container()])).serve(1);
    let report = stage.service(8);
    assert_eq!(
        (&report["workloads"][0]["verdict"], &report["workloads"][1]["verdict"]),
        (&json!("unknown"), &json!("fails"))
    );
}

#[test]
fn an_error_has_no_control_characters() {
    let hostile = Reply::error(403, "DENIED", "\u{1b}[2J\u{202e}evil\r\nverdict: runs");
    let stage = faulty(Of::Everything, Fault::Reply(hostile));
    let outcome: Outcome = stage.run(&["diagnose", "demo/api"]);
    assert_eq!(outcome.code, 4);
    assert!(!outcome.stdout.contains(['\u{1b}', '\u{202e}']), "{}", outcome.stdout);
    assert!(!outcome.stdout.lines().any(|line| line.trim() == "verdict: runs"), "{}", outcome.stdout);
}
