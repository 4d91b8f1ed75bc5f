//! `inspect --batch`: many questions about directories.

use crate::run::{Outcome, execfit, run_on};
use crate::schemas;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

/// `execfit inspect --format json --batch FILE`, without home or credentials.
fn batch(file: &str) -> Command {
    let mut command = execfit(Vec::new());
    command.args(["inspect", "--format", "json", "--batch", file]);
    command
}

/// The answers to these lines, which all keep to the schema.
#[track_caller]
fn answers(lines: &str) -> Vec<Value> {
    let outcome = run_on(&mut batch("-"), lines);
    assert_eq!((outcome.code, &*outcome.stderr), (0, ""), "{outcome:?}");
    of(&outcome)
}

#[track_caller]
fn of(outcome: &Outcome) -> Vec<Value> {
    let answers: Vec<Value> =
        outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for answer in &answers {
        schemas::check_as(answer, "batch.v1.json", "");
    }
    answers
}

/// The answer to one question, which keeps to the schema as well.
#[track_caller]
fn ask(root: &Path, mut question: Value) -> Value {
    question["root"] = json!(root);
    schemas::check_as(&question, "batch.v1.json", "#/$defs/question");
    answers(&question.to_string()).remove(0)
}

/// Outcome with errno or program, and blame.
#[track_caller]
fn brief(root: &Path, question: Value) -> String {
    let answer = ask(root, question);
    let words = ["outcome", "errno", "program", "blame"].map(|member| answer[member].as_str());
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn file(root: &Path, path: &str, mode: u32, content: &[u8]) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A root with a shell, and scripts.
fn root() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
    file(root, "usr/bin/dash", 0o755, &crate::registry::elf(crate::registry::X86_64));
    file(root, "usr/bin/foreign", 0o755, &crate::registry::elf(crate::registry::ARM64));
    symlink("dash", root.join("usr/bin/sh")).unwrap();
    symlink("usr/bin", root.join("bin")).unwrap();
    file(root, "entry.sh", 0o755, b"#!/bin/sh -e\nexec \"$@\"\n");
    file(root, "text", 0o755, b"exec true\n");
    file(root, "plain", 0o644, b"#!/bin/sh\n");
    file(root, "late.sh", 0o755, b"#!/bin/bash\n");
    folder
}

#[test]
fn answers_come_in_order_and_bad_questions_stop_nothing() {
    let folder = root();
    let question =
        |id: Value, path: &str| json!({"id": id, "root": folder.path(), "path": path, "argv": ["x", "y"]});
    let lines = [
        question(json!("a"), "/entry.sh").to_string(),
        "{\"id\": 5, \"root\":".into(),
        question(json!(2), "/text").to_string(),
        String::new(),
        json!({"id": "no root", "path": "/x"}).to_string(),
        json!({"id": "none", "root": folder.path().join("none"), "path": "/x"}).to_string(),
        json!({"id": "file", "root": folder.path().join("text"), "path": "/x"}).to_string(),
        json!({"id": "typo", "root": folder.path(), "path": "/x", "giud": 1}).to_string(),
        question(json!({"deep": [1]}), "/late.sh").to_string(),
    ];
    let answers = answers(&lines.join("\n"));
    let argv = json!(["/bin/sh", "-e", "/entry.sh", "y"]);
    let started = json!({"id": "a", "outcome": "starts", "errno": null, "blame": null, "program": "/usr/bin/dash", "argv": argv, "bits": 64});
    assert_eq!(answers[0], started);
    let told: Vec<_> =
        answers.iter().map(|answer| (&answer["id"], &answer["errno"], answer["error"].is_null())).collect();
    let null = &Value::Null;
    assert_eq!(
        told[1..],
        [
            (null, null, false),
            (&json!(2), &json!("ENOEXEC"), true),
            (null, null, false),
            (&json!("no root"), null, false),
            (&json!("none"), null, false),
            (&json!("file"), null, false),
            (&json!("typo"), &json!("ENOENT"), true),
            (&json!({"deep": [1]}), &json!("ENOENT"), true),
        ]
    );
    assert_eq!(answers[8]["blame"], "/bin/bash");
    // From a file it is the same.
    let path = folder.path().join("questions");
    fs::write(&path, lines.join("\n")).unwrap();
    let outcome = run_on(&mut batch(path.to_str().unwrap()), "");
    assert_eq!((outcome.code, of(&outcome)), (0, answers));
}

#[test]
fn a_driver_may_wait_for_each_answer_and_change_the_directory_before_the_next() {
    let folder = root();
    let mut child = batch("-").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut errno = || {
        writeln!(input, "{}", json!({"root": folder.path(), "path": "/app"})).unwrap();
        serde_json::from_str::<Value>(&output.next().unwrap().unwrap()).unwrap()["errno"].clone()
    };
    assert_eq!(errno(), "ENOENT");
    file(folder.path(), "app", 0o644, b"text");
    assert_eq!(errno(), "EACCES");
    file(folder.path(), "app", 0o755, b"text");
    assert_eq!(errno(), "ENOEXEC");
    fs::remove_file(folder.path().join("app")).unwrap();
    symlink("bin/foreign", folder.path().join("app")).unwrap();
    assert_eq!(errno(), "ENOEXEC");
    fs::remove_file(folder.path().join("app")).unwrap();
    symlink("app", folder.path().join("app")).unwrap();
    assert_eq!(errno(), "ELOOP");
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn files_are_as_they_are_on_disk() {
    let folder = root();
    let root = folder.path();
    let outside = tempfile::tempdir().unwrap();
    file(outside.path(), "app", 0o755, b"#!/bin/sh\n");
    symlink(outside.path().join("app"), root.join("out")).unwrap();
    symlink("../../../../../bin/dash", root.join("up")).unwrap();
    file(root, "private/app", 0o700, b"#!/bin/sh\n");
    fs::set_permissions(root.join("private"), fs::Permissions::from_mode(0o711)).unwrap();
    let path = |path: &str| brief(root, json!({"path": path}));
    assert_eq!(path("/out"), format!("errno ENOENT {}", "/out"));
    assert_eq!(path("/up"), "starts /usr/bin/dash");
    assert_eq!(path("/usr/bin"), "errno EACCES /usr/bin");
    assert_eq!(path("/plain"), "errno EACCES /plain");
    assert_eq!(path("/text/"), "errno ENOTDIR /text");
    assert_eq!(path(""), "errno ENOENT ");
    assert_eq!(path(&"/x".repeat(2048)), format!("errno ENAMETOOLONG {}", "/x".repeat(2048)));
    let arm64 = json!({"architecture": "arm64", "compat32": false});
    assert_eq!(brief(root, json!({"path": "/bin/foreign", "host": arm64})), "starts /usr/bin/foreign");
    let user = root.metadata().unwrap().uid();
    assert_eq!(brief(root, json!({"path": "/private/app", "uid": user})), "starts /usr/bin/dash");
    assert_eq!(brief(root, json!({"path": "/private/app", "uid": user ^ 77})), "errno EACCES /private/app");
    assert_eq!(brief(root, json!({"argv": ["sh", "-c"], "uid": 9})), "starts /usr/bin/dash");
    // What only root may set up.
    if user == 0 {
        chown(root.join("private/app"), Some(1234), Some(55)).unwrap();
        assert_eq!(brief(root, json!({"path": "/private/app", "uid": 1234})), "starts /usr/bin/dash");
        fs::set_permissions(root.join("private/app"), fs::Permissions::from_mode(0o010)).unwrap();
        let group = json!({"path": "/private/app", "uid": 7, "groups": [3, 55]});
        assert_eq!(brief(root, group), "starts /usr/bin/dash");
        assert_eq!(
            brief(root, json!({"path": "/private/app", "uid": 1234, "gid": 55})),
            "errno EACCES /private/app"
        );
    }
}

#[test]
fn refusals_to_begin() {
    let outcome = run_on(execfit(Vec::new()).args(["inspect", "--batch", "-"]), "");
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.stderr.contains("--format json"), "{outcome:?}");
    let outcome = run_on(batch("-").arg("busybox"), "");
    assert_eq!(outcome.code, 2, "{outcome:?}");
    let outcome = run_on(&mut batch("/none/questions"), "");
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.stderr.contains("/none/questions"), "{outcome:?}");
    let nothing = run_on(&mut batch("-"), "");
    assert_eq!((nothing.code, nothing.stdout.as_str()), (0, ""));
}
