//! Every recorded case, answered from the file alone: the text that a human reads is pinned, and JSON agrees with it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let files = ["corpus", "examples"].map(|folder| std::fs::read_dir(root.join(folder)).unwrap());
    let paths = files.into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut cases: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "case")).collect();
    cases.sort();
    cases
}

fn replay(case: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_execfit"));
    // Nothing of the machine's: a replay needs no network, no credentials, no home.
    command.env_clear().arg("diagnose").arg("--replay").arg(case).args(arguments);
    command.output().unwrap()
}

#[test]
fn the_text_of_every_case() {
    let cases = cases();
    assert!(cases.len() > 15, "{} cases", cases.len());
    for case in cases {
        let output = replay(&case, &[]);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", case.display());
        let text =
            format!("{}exit code: {:?}\n", String::from_utf8_lossy(&output.stdout), output.status.code());
        insta::assert_snapshot!(case.file_stem().unwrap().to_str().unwrap(), text);
    }
}

#[test]
fn json_says_the_same_twice_and_ends_with_the_same_code() {
    for case in cases() {
        let (first, second, text) =
            (replay(&case, &["--format", "json"]), replay(&case, &["--format", "json"]), replay(&case, &[]));
        assert_eq!(first.stdout, second.stdout, "{}", case.display());
        assert_eq!(first.status.code(), text.status.code(), "{}", case.display());
        let report: serde_json::Value = serde_json::from_slice(&first.stdout).unwrap();
        let expected = match report["verdict"].as_str() {
            Some("runs") => 0,
            Some("fails") => 8,
            _ => 4,
        };
        assert_eq!(first.status.code(), Some(expected), "{}", case.display());
    }
}
