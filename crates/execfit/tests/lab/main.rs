//! The real thing, as far as one machine has it: every service that `cargo xtask lab seed` deploys is diagnosed live,
//! against MiniStack (an ECS that runs containers), a Docker Engine and a registry. Only with `EXECFIT_LAB`, which
//! `cargo xtask test` and `eval "$(cargo xtask lab env)"` set.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod fix;

use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

const ENOEXEC: &str = "exec ENOEXEC";
/// What ENOEXEC's many causes look like in the log.
const LINE: &str = "exec /app: exec format error";

/// Service, exit code, the failing container's phase and errno, and the findings besides `default-architecture`.
const SERVICES: &[(&str, i32, &str, &[&str])] = &[
    ("arm64-only", 8, ENOEXEC, &["wrong-architecture"]),
    ("mislabelled", 8, ENOEXEC, &["wrong-architecture", "mislabelled-image"]),
    ("no-platform", 8, "pull -", &["missing-platform"]),
    ("multi-arch", 0, "- -", &[]),
    ("pinned", 8, ENOEXEC, &["wrong-architecture", "pinned-to-one-platform"]),
    ("moved-tag", 8, ENOEXEC, &["wrong-architecture", "tag-flipped"]),
    ("flipped-tag", 0, "- -", &["tag-flipped"]),
    ("healthy", 0, "- -", &[]),
    ("no-shebang", 8, ENOEXEC, &["no-shebang"]),
    ("byte-order-mark", 8, ENOEXEC, &["byte-order-mark"]),
    ("empty-program", 8, ENOEXEC, &["empty-program"]),
    ("saved-error-page", 8, ENOEXEC, &["saved-error-page"]),
    ("mach-o", 8, ENOEXEC, &["foreign-format"]),
    ("crlf-interpreter", 8, "exec ENOENT", &["crlf-interpreter"]),
    ("missing-interpreter", 8, "exec ENOENT", &["missing-interpreter"]),
    ("git-lfs-pointer", 8, ENOEXEC, &["git-lfs-pointer"]),
    ("not-executable", 8, "lookup EACCES", &["not-executable"]),
    ("gzip-program", 8, ENOEXEC, &["foreign-format"]),
    ("missing-program", 8, "lookup ENOENT", &["missing-program"]),
    ("sidecar", 8, ENOEXEC, &["wrong-architecture"]),
    ("command-saves", 0, "- -", &[]),
    ("command-breaks", 8, ENOEXEC, &["no-shebang"]),
    ("lost-runtime-platform", 8, ENOEXEC, &["wrong-architecture", "lost-runtime-platform"]),
];

/// Whether there is a lab. A test without one passes and says so.
fn lab() -> bool {
    let there = std::env::var_os("EXECFIT_LAB").is_some();
    if !there {
        println!("skipped: no lab");
    }
    there
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: eval \"$(cargo xtask lab env)\""))
}

/// Runs `execfit` in the lab's environment and no other.
#[track_caller]
fn execfit(arguments: &[&str], others: &[(&str, String)]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_execfit"));
    command.env_clear().args(arguments);
    for name in
        ["AWS_ENDPOINT_URL", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "DOCKER_HOST"]
    {
        command.env(name, variable(name));
    }
    command.envs(others.iter().cloned());
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(!stderr.contains("panicked"), "{stderr}");
    (output.status.code().unwrap(), stdout, stderr)
}

/// The JSON of a run that ends with this code.
#[track_caller]
fn answer(code: i32, arguments: &[&str]) -> Value {
    let (ended, stdout, stderr) = execfit(&[arguments, &["--format", "json"]].concat(), &[]);
    assert_eq!(ended, code, "{arguments:?}\n{stdout}\n{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

/// Asks the lab's ECS itself. Nothing need be signed there.
fn ecs(operation: &str, body: &Value) -> Value {
    aws(&format!("AmazonEC2ContainerServiceV20141113.{operation}"), body)
}

/// The same of any of its services.
fn aws(target: &str, body: &Value) -> Value {
    let endpoint = variable("AWS_ENDPOINT_URL");
    let address = endpoint.trim_start_matches("http://");
    let body = body.to_string();
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.1\r\n\
         X-Amz-Target: {target}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ecs/aws4_request\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let json = reply.find("\r\n\r\n").and_then(|at| reply[at..].find('{').map(|more| &reply[at + more..]));
    let json = json.unwrap_or_else(|| panic!("{target}: {reply}"));
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<Value>();
    values.next().unwrap().unwrap_or_else(|error| panic!("{target}: {error}: {reply}"))
}

fn ids(workload: &Value) -> Vec<&str> {
    let findings = workload["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["id"].as_str().unwrap()).collect()
}

fn failure(workload: &Value) -> String {
    format!("{} {}", workload["phase"].as_str().unwrap_or("-"), workload["errno"].as_str().unwrap_or("-"))
}

#[test]
fn every_service_is_told_by_its_cause() {
    if !lab() {
        return;
    }
    for (service, code, fails, findings) in SERVICES {
        let report = answer(*code, &["diagnose", &format!("lab/{service}")]);
        let workloads = report["workloads"].as_array().unwrap();
        let container = if *service == "sidecar" { "agent" } else { "main" };
        let workload = workloads.iter().find(|workload| workload["container"] == container).unwrap();
        assert_eq!(failure(workload), *fails, "{service}: {workload:#}");
        let expected: Vec<&str> = findings.iter().copied().chain(["default-architecture"]).collect();
        assert_eq!(ids(workload), expected, "{service}: {workload:#}");
        assert_eq!(workload["hosts"][0]["source"], "default", "{service}");
        let verdict = if *code == 0 { "runs" } else { "fails" };
        assert_eq!(
            (&report["verdict"], &workload["verdict"]),
            (&json!(verdict), &json!(verdict)),
            "{service}"
        );
        assert_eq!(report["refusals"], json!([]), "{service}");
        let seen = &workload["observed"];
        if *code == 0 {
            assert_eq!(seen["running"], 1, "{service}: {seen}");
        } else {
            assert!(seen["stopped"].as_u64() > Some(0), "{service}: {seen}");
        }
        let program = workload["argv"][0].as_str().unwrap_or_default();
        if *fails == ENOEXEC && program == "/app" {
            assert!(seen["texts"].as_array().unwrap().contains(&json!(LINE)), "{service}: {seen}");
        }
        let errors =
            workload["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == "error");
        for finding in errors {
            assert!(!finding["remedies"].as_array().unwrap().is_empty(), "{service}: {finding:#}");
        }
    }
}

#[test]
fn a_good_container_beside_a_bad_one() {
    if lab() {
        let report = answer(8, &["diagnose", "lab/sidecar"]);
        let main = &report["workloads"][0];
        assert_eq!(
            (&main["container"], &main["verdict"], &main["observed"]["running"]),
            (&json!("main"), &json!("runs"), &json!(1))
        );
        assert_eq!(report["workloads"][1]["essential"], false);
    }
}

#[test]
fn no_service_of_the_lab_is_left_out() {
    if lab() {
        let listed = ecs("ListServices", &json!({"cluster": "lab", "maxResults": 100}));
        let arns = listed["serviceArns"].as_array().unwrap().iter();
        let there: BTreeSet<&str> =
            arns.map(|arn| arn.as_str().unwrap().rsplit('/').next().unwrap()).collect();
        let known: BTreeSet<&str> = SERVICES.iter().map(|(service, ..)| *service).collect();
        assert_eq!(there, known);
    }
}

#[test]
fn a_stopped_task_by_its_arn() {
    if lab() {
        let query = json!({"cluster": "lab", "serviceName": "no-shebang", "desiredStatus": "STOPPED"});
        let listed = ecs("ListTasks", &query);
        let report = answer(8, &["diagnose", listed["taskArns"][0].as_str().unwrap()]);
        assert_eq!(report["target"]["kind"], "task");
        assert!(ids(&report["workloads"][0]).contains(&"no-shebang"), "{report:#}");
    }
}

#[test]
fn a_record_of_the_lab_replays_without_it() {
    if !lab() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("it.case");
    for (service, code) in [("mach-o", 8), ("multi-arch", 0)] {
        let live = answer(code, &["diagnose", &format!("lab/{service}"), "--record", path.to_str().unwrap()]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_execfit"));
        let replay = command
            .env_clear()
            .args(["diagnose", "--format", "json", "--replay"])
            .arg(&path)
            .output()
            .unwrap();
        assert_eq!(replay.status.code(), Some(code));
        let mut again: Value = serde_json::from_slice(&replay.stdout).unwrap();
        again["read"] = live["read"].clone();
        assert_eq!(again, live);
    }
}

#[test]
fn what_is_not_in_the_lab() {
    if !lab() {
        return;
    }
    for (target, code) in [
        ("nowhere/api", 1),
        ("lab/nothing", 1),
        ("nothing:1", 1),
        ("arn:aws:ecs:us-east-1:0:service/lab/x", 2),
    ] {
        let (ended, stdout, stderr) = execfit(&["diagnose", target], &[]);
        assert_eq!((ended, stdout.as_str()), (code, ""), "{stderr}");
        assert!(stderr.contains(target.rsplit('/').next().unwrap()), "{stderr}");
    }
    let (ended, _, stderr) = execfit(&["diagnose", "--cluster", "lab", "--task", "0123456789abcdef"], &[]);
    assert!(ended == 1 && stderr.contains("0123456789abcdef"), "{stderr}");
    let image = format!("{}/nothing:1", variable("EXECFIT_LAB_REGISTRY"));
    let (ended, stdout, stderr) = execfit(&["inspect", &image], &[]);
    assert!(ended == 1 && format!("{stdout}{stderr}").contains(&image), "{stdout}{stderr}");
}

#[test]
fn a_user_who_may_not_describe_services() {
    if !lab() {
        return;
    }
    let denied = [
        ("AWS_ENDPOINT_URL", variable("EXECFIT_LAB_AUTH_ENDPOINT")),
        ("AWS_ACCESS_KEY_ID", variable("EXECFIT_LAB_DENIED_ACCESS_KEY_ID")),
        ("AWS_SECRET_ACCESS_KEY", variable("EXECFIT_LAB_DENIED_SECRET_ACCESS_KEY")),
    ];
    let (code, stdout, stderr) = execfit(&["diagnose", "lab/idle"], &denied);
    assert_eq!((code, stdout.as_str()), (4, ""), "{stderr}");
    assert!(stderr.contains("allow the IAM action ecs:DescribeServices"), "{stderr}");
    assert!(stderr.contains("lab/idle"), "{stderr}");
    assert!(!stderr.contains(&denied[2].1), "{stderr}");
    // A key that nobody has.
    let unknown = [denied[0].clone(), ("AWS_ACCESS_KEY_ID", "AKIANOBODY".to_owned())];
    let (code, stdout, stderr) = execfit(&["diagnose", "lab/idle"], &unknown);
    assert_eq!((code, stdout.as_str()), (4, ""), "{stderr}");
}

#[test]
fn the_engine_and_the_registry_hold_the_same_image() {
    if !lab() {
        return;
    }
    let image = format!("{}/healthy:latest", variable("EXECFIT_LAB_REGISTRY"));
    // Its container runs, so the Engine has it.
    let of_engine = answer(0, &["inspect", &format!("docker-daemon:{image}")]);
    let of_registry = answer(0, &["inspect", &image]);
    let run = |answer: &Value| {
        let run = &answer["runs"][0];
        let steps = run["trace"].as_array().unwrap().iter();
        let steps: Vec<Value> = steps
            .map(|step| json!([step["path"], step["kind"], step["machine"], step["instruction"]]))
            .collect();
        json!([run["platform"], run["host"], run["argv"], run["verdict"], steps])
    };
    assert_eq!(run(&of_engine), run(&of_registry));
    assert_eq!(of_registry["runs"][0]["argv"], json!(["/bin/sleep", "1000000"]));
    let missing = format!("docker-daemon:{}/nothing:1", variable("EXECFIT_LAB_REGISTRY"));
    let (code, ..) = execfit(&["inspect", &missing], &[]);
    assert_eq!(code, 1);
    let nobody = [("DOCKER_HOST", "unix:///nonexistent/docker.sock".to_owned())];
    let (code, stdout, stderr) = execfit(&["inspect", &format!("docker-daemon:{image}")], &nobody);
    assert_eq!(code, 4, "{stdout}{stderr}");
    assert!(format!("{stdout}{stderr}").contains("/nonexistent/docker.sock"), "{stdout}{stderr}");
}

#[test]
fn of_the_index_each_platform_is_told() {
    if lab() {
        let image = format!("{}/multi-arch:latest", variable("EXECFIT_LAB_REGISTRY"));
        let answer = answer(0, &["inspect", &image]);
        let platforms: Vec<&str> =
            answer["runs"].as_array().unwrap().iter().map(|run| run["platform"].as_str().unwrap()).collect();
        assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
        // Index, two manifests, two configs, two layers; and the first try, over TLS.
        assert!(answer["read"]["requests"].as_u64() <= Some(10), "{}", answer["read"]);
    }
}
