//! `explain`: every finding has a page, and lines of many emitters have a meaning.

use crate::run::{Outcome, execfit, run};
use serde_json::Value;

#[track_caller]
fn explain(arguments: &[&str]) -> Outcome {
    run(execfit(Vec::new()).arg("explain").args(arguments))
}

/// The ids that the design promises.
const PROMISED: [&str; 26] = [
    "wrong-architecture",
    "missing-platform",
    "mislabelled-image",
    "pinned-to-one-platform",
    "tag-flipped",
    "lost-runtime-platform",
    "no-shebang",
    "byte-order-mark",
    "crlf-interpreter",
    "empty-program",
    "foreign-format",
    "saved-error-page",
    "git-lfs-pointer",
    "missing-interpreter",
    "missing-program",
    "not-executable",
    "foreign-library",
    "no-capacity",
    "damaged-program",
    "observed-running",
    "observed-failing",
    "cannot-tell",
    "mixed-hosts",
    "cannot-unpack",
    "cannot-create",
    "exec-refused",
];

#[test]
fn every_finding_has_a_page() {
    let list = explain(&["--format", "json"]).answer();
    let ids: Vec<&str> =
        list["findings"].as_array().unwrap().iter().map(|kind| kind["id"].as_str().unwrap()).collect();
    for id in PROMISED {
        assert!(ids.contains(&id), "{id}");
    }
    let text = explain(&[]);
    for id in ids {
        text.says(&[id]);
        let page = explain(&[id]);
        assert_eq!(page.code, 0);
        page.says(&[id, "## What to do"]);
        let json = explain(&[id, "--format", "json"]).answer();
        assert_eq!(json["finding"]["id"], id);
        assert!(!json["finding"]["title"].as_str().unwrap().is_empty());
    }
}

/// Phase, errno and object of a line.
#[track_caller]
fn meaning(line: &str) -> String {
    let answer = explain(&["--format", "json", "--", line]).answer();
    let of = |member: &str| answer["line"][member].as_str().unwrap_or("-").to_owned();
    assert!(!answer["line"]["causes"].as_array().unwrap().is_empty(), "{answer:#}");
    format!("{} {} {}", of("phase"), of("errno"), of("object"))
}

#[test]
fn lines_of_many_emitters() {
    for (line, expected) in [
        ("exec /app: exec format error", "exec ENOEXEC /app"),
        ("exec ./app: exec format error", "exec ENOEXEC ./app"),
        ("exec /usr/bin/java: no such file or directory", "exec ENOENT /usr/bin/java"),
        ("standard_init_linux.go:228: exec user process caused: exec format error", "exec ENOEXEC -"),
        ("standard_init_linux.go:211: exec user process caused \"exec format error\"", "exec ENOEXEC -"),
        ("fork/exec /lambda-entrypoint.sh: exec format error", "exec ENOEXEC /lambda-entrypoint.sh"),
        ("exec: \"server\": executable file not found in $PATH", "lookup ENOENT server"),
        ("exec: \"/app\": permission denied: unknown", "lookup EACCES /app"),
        ("exec: \"/missing\": stat /missing: no such file or directory", "lookup ENOENT /missing"),
        (
            "CannotPullContainerError: pull image manifest has been retried 7 time(s): image Manifest does not contain \
             descriptor matching platform 'linux/amd64'",
            "pull - linux/amd64",
        ),
        ("no matching manifest for linux/arm64/v8 in the manifest list entries", "pull - linux/arm64/v8"),
        ("[FATAL tini (7)] exec /app failed: No such file or directory", "exec ENOENT /app"),
        ("bash: ./app: cannot execute binary file: Exec format error", "exec ENOEXEC ./app"),
        ("  exec /app: exec format error\n", "exec ENOEXEC /app"),
        ("2026-11-22T10:00:00.000Z exec /app: exec format error", "exec ENOEXEC /app"),
    ] {
        assert_eq!(meaning(line), expected, "{line}");
        let text = explain(&[line]);
        assert_eq!(text.code, 0);
        text.says(&["prints this", "execfit diagnose CLUSTER/SERVICE"]);
    }
}

#[test]
fn a_line_in_words() {
    let text = explain(&["exec", "/app:", "exec", "format", "error"]);
    assert_eq!(text.code, 0, "{text:?}");
    text.says(&["ENOEXEC (errno 8)", "wrong-architecture", "no-shebang", "empty-program"]);
}

#[test]
fn what_nobody_knows() {
    for line in ["hello world", "wrong-architectures", "\u{1b}[31mred", &"x".repeat(100_000)] {
        let outcome = explain(&[line]);
        outcome.stopped(3, &["nothing is known about"]);
        assert!(!outcome.stderr.contains('\u{1b}'));
    }
    let value: Value = explain(&["--format", "json", "no-shebang"]).answer();
    assert_eq!(value["schema"], "execfit/explain/v1");
}

const SHIM: &str = "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: \
    failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: \
    error during container init: exec: \"/app\": stat /app: no such file or direct";

#[test]
fn a_reason_that_was_cut() {
    insta::assert_snapshot!("explain-cut-reason", explain(&[SHIM]).stdout);
}

#[test]
fn a_line_of_the_container_s_log() {
    insta::assert_snapshot!("explain-runc", explain(&["exec /app: exec format error"]).stdout);
    let answer = explain(&["--format", "json", "/app: line 1: syntax error: unexpected \")\""]).answer();
    insta::assert_snapshot!("explain-shell-json", serde_json::to_string_pretty(&answer).unwrap());
}
