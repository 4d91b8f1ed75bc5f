//! Secrets are nowhere: not in the answer, the error, the record, nor with `-v`.

use crate::double::shapes::with;
use crate::registry::{Fault, Login, Of, Reply, file};
use crate::run::{execfit, run};
use crate::stage::{Stage, app, base};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

/// In every secret below.
const SECRET: &str = "hunter2";

/// A stage with secrets wherever a person may have put one.
fn stage() -> Stage {
    let stage = Stage::empty();
    let script = format!("#!/bin/bash\nexport TOKEN={SECRET}\n");
    let image = base()
        .layer([
            file("app", 0o755, script),
            file("etc/passwd", 0o644, format!("ann:{SECRET}:1000:1000::/:/bin/sh\n")),
        ])
        .history("COPY app /app # buildkit")
        .env(&format!("IMAGE_TOKEN={SECRET}"))
        .user("ann")
        .cmd(["/app"]);
    let digest = stage.registry.push("team/app:1", &image);
    let arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:hub-AbCdEf";
    stage.aws.secret(arn, &json!({"username": "ann", "password": format!("registry-{SECRET}")}).to_string());
    let container = with(
        stage.container(),
        json!({
            "environment": [{"name": "DB_PASSWORD", "value": SECRET}, {"name": "PATH", "value": "/bin"}],
            "dockerLabels": {"token": SECRET},
            "logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": "/ecs/api", "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "ecs", "splunk-token": SECRET,
            }},
            "repositoryCredentials": {"credentialsParameter": arn},
        }),
    );
    stage.define(1, json!([container])).serve(1);
    let overrides = json!({"overrides": {"containerOverrides": [
        {"name": "api", "environment": [{"name": "KEY", "value": SECRET}]},
    ]}, "tags": [{"key": "owner", "value": SECRET}]});
    stage.aws.task(with(crate::stage::crashed_task(&stage.image(), &digest, "x86_64"), overrides));
    let words = format!("connecting with password={SECRET}");
    stage.aws.log("/ecs/api", "ecs/api/t1", &[&words, "exec /app: no such file or directory"]);
    stage
}

/// Everything that a run of `diagnose` leaves behind.
fn traces(stage: &Stage, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.case");
    let record = ["--record", path.to_str().unwrap()];
    let mut left = String::new();
    for face in [&["--format", "json"][..], &["-v"], &["--format", "json", "-v"], &[]] {
        for target in [&["diagnose", "demo/api"][..], &["diagnose", "--cluster", "demo", "--task", "t1"]] {
            let outcome = stage.run(&[target, face, &record, arguments].concat());
            assert!([4, 8].contains(&outcome.code), "{outcome:?}");
            left.push_str(&format!(
                "{}\n{}\n{}\n",
                outcome.stdout,
                outcome.stderr,
                std::fs::read_to_string(&path).unwrap()
            ));
        }
    }
    left
}

#[track_caller]
fn assert_clean(text: &str) {
    let forms =
        [SECRET.to_owned(), STANDARD.encode(SECRET), STANDARD.encode(format!("ann:registry-{SECRET}"))];
    for secret in
        forms.iter().map(String::as_str).chain(["double-secret-key", "AKIADOUBLE", "token-of-the-test"])
    {
        if let Some(at) = text.find(secret) {
            panic!("`{secret}` in: {}", &text[at.saturating_sub(300)..(at + 100).min(text.len())]);
        }
    }
    // The file heads of a record are base64.
    for word in text.split('"').filter(|word| word.len() > 15) {
        let bytes = STANDARD.decode(word).unwrap_or_default();
        let inner = String::from_utf8_lossy(&bytes);
        assert!(!inner.contains(SECRET), "in base64: {inner}");
    }
}

#[test]
fn of_definitions_tasks_logs_files_and_registries() {
    let stage = stage();
    let left = traces(&stage, &[]);
    assert_clean(&left);
    // What decides is kept, and the answer is none the worse.
    for word in
        ["missing-interpreter", "DB_PASSWORD", "<redacted 7 bytes>", "\"/bin\"", "exec /app: no such file"]
    {
        assert!(left.contains(word), "`{word}`");
    }
}

#[test]
fn of_registries_that_want_a_log_in() {
    let stage = stage();
    stage.registry.locked(Login::Token("ann", "registry-hunter2"));
    let left = traces(&stage, &[]);
    assert_clean(&left);
    assert!(left.contains("missing-interpreter"), "the log-in is used");
    // Refused.
    let stage = self::stage();
    stage.registry.locked(Login::Token("bob", "another"));
    assert_clean(&traces(&stage, &[]));
    // A registry that says our words back to us.
    let stage = self::stage();
    let echo = Reply::error(403, "DENIED", "Authorization: Basic YW5uOnJlZ2lzdHJ5LWh1bnRlcjI=");
    stage.registry.locked(Login::Basic("ann", "registry-hunter2")).faulty(Of::Blobs, Fault::Reply(echo));
    traces(&stage, &[]);
}

#[test]
fn of_redirects_whose_address_is_a_signature() {
    let stage = stage();
    stage.registry.faulty(Of::Blobs, Fault::Redirected("http://127.0.0.1:1".into()));
    assert_clean(&traces(&stage, &[]));
}

#[test]
fn of_dockers_configuration() {
    let stage = Stage::of(&app("#!/bin/sh\n"));
    stage.registry.locked(Login::Basic("ann", "registry-hunter2"));
    let folder = tempfile::tempdir().unwrap();
    let auth = STANDARD.encode("ann:registry-hunter2");
    let config = json!({"auths": {stage.registry.host(): {"auth": auth}}});
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let mut env = stage.aws.env();
    env.push(("DOCKER_CONFIG", folder.path().display().to_string()));
    for verb in [&["diagnose", "demo/api"][..], &["inspect", &stage.image()]] {
        let outcome = run(execfit(env.clone()).args(verb).arg("-v"));
        assert_eq!(outcome.code, 0, "{outcome:?}");
        assert_clean(&format!("{}{}", outcome.stdout, outcome.stderr));
    }
    // And of variables given by hand.
    let outcome = run(execfit(env).args([
        "inspect",
        &stage.image(),
        "--env",
        "TOKEN=hunter2",
        "-v",
        "--format",
        "json",
    ]));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_clean(&format!("{}{}", outcome.stdout, outcome.stderr));
}
