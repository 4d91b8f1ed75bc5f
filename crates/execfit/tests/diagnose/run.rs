//! The binary, and what came of it.

use crate::schemas;
use serde_json::Value;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// No run takes that long, unless it goes round in circles.
const PATIENCE: Duration = Duration::from_secs(60);

/// The binary with this environment and no other.
pub(crate) fn execfit(env: Vec<(&'static str, String)>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_execfit"));
    command.env_clear().envs(env);
    command
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs it. Whatever is asked, it never panics and is never killed.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Outcome {
    run_on(command, "")
}

/// The same, with this on standard input.
#[track_caller]
pub(crate) fn run_on(command: &mut Command, input: &str) -> Outcome {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    // It may end without having read anything.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let (stdout, stderr) = (gathered(child.stdout.take()), gathered(child.stderr.take()));
    let begin = Instant::now();
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if begin.elapsed() > PATIENCE => {
                child.kill().unwrap();
                panic!("it does not come to an end");
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
    assert!(!stderr.contains("panicked"), "{stderr}");
    let code = status.code().unwrap_or_else(|| panic!("{status}: {stderr}"));
    Outcome { code, stdout, stderr }
}

fn gathered(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut text = String::new();
        pipe.unwrap().read_to_string(&mut text).unwrap();
        text
    })
}

impl Outcome {
    /// The JSON of an answer, which keeps to its schema, and whose verdict and exit code agree.
    #[track_caller]
    pub(crate) fn answer(&self) -> Value {
        let answer: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: code {}\n{}\n{}", self.code, self.stdout, self.stderr));
        schemas::check(&answer);
        let runs = answer["runs"].as_array().into_iter().flatten();
        let foreign =
            runs.into_iter().any(|run| run["all"]["foreign"].as_u64().is_some_and(|count| count > 0));
        let ending = answer["outcome"]["ending"].as_str().or(answer["offer"].as_str());
        let codes: &[i32] = match answer["verdict"].as_str().or(ending) {
            // Who asked about all files is told of those that may harm.
            _ if foreign => &[8],
            Some("runs") => &[0],
            Some("fails") => &[8],
            Some("unknown") => &[4, 1],
            // The answers of `fix`: how it ended, else what it offers.
            Some("refused" | "rolled-back") => &[8],
            Some("untold" | "overtaken" | "unproven") => &[4],
            Some("plan" | "unfinished") if !answer["stopped"].is_null() => &[1, 2, 4, 8],
            _ => &[0],
        };
        assert!(codes.contains(&self.code), "exit code {}: {answer:#}", self.code);
        answer
    }

    /// The answer of a run that ended with this code.
    #[track_caller]
    pub(crate) fn ended(&self, code: i32) -> Value {
        let answer = self.answer();
        assert_eq!(self.code, code, "{answer:#}\n{}", self.stderr);
        answer
    }

    /// No answer but an error: this code, and a message that has all these words.
    #[track_caller]
    pub(crate) fn stopped(&self, code: i32, words: &[&str]) {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{}", self.stderr);
        assert!(self.stderr.starts_with("error: "), "{}", self.stderr);
        self.says(words);
    }

    /// Somewhere, answer or error has all these words.
    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) {
        for word in words {
            let found = self.stdout.contains(word) || self.stderr.contains(word);
            assert!(found, "`{word}` is not in:\n{}\n{}", self.stdout, self.stderr);
        }
    }
}

/// The ids of all findings of a workload or run, with their severities: `error:no-shebang`.
pub(crate) fn found(of: &Value) -> Vec<String> {
    let findings = of["findings"].as_array().into_iter().flatten();
    let word = |finding: &Value, member: &str| finding[member].as_str().unwrap_or_default().to_owned();
    findings.map(|finding| format!("{}:{}", word(finding, "severity"), word(finding, "id"))).collect()
}

/// The finding with this id.
#[track_caller]
pub(crate) fn finding<'a>(of: &'a Value, id: &str) -> &'a Value {
    let mut findings = of["findings"].as_array().into_iter().flatten();
    findings.find(|finding| finding["id"] == id).unwrap_or_else(|| panic!("no {id}: {of:#}"))
}

/// The kinds of the remedies of a finding, with their safety: `safe:retarget`.
pub(crate) fn remedies(finding: &Value) -> Vec<String> {
    let remedies = finding["remedies"].as_array().into_iter().flatten();
    let word = |remedy: &Value, member: &str| remedy[member].as_str().unwrap_or_default().to_owned();
    remedies.map(|remedy| format!("{}:{}", word(remedy, "safety"), word(remedy, "kind"))).collect()
}

/// Phase and errno of a workload or run: `exec ENOEXEC`.
pub(crate) fn failure(of: &Value) -> String {
    format!("{} {}", of["phase"].as_str().unwrap_or("-"), of["errno"].as_str().unwrap_or("-"))
}
