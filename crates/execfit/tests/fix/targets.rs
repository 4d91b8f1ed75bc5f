//! What else may be fixed than a service by its name: a task of no service, saved documents, a recorded case.

use crate::double::shapes;
use crate::live::{Live, arm};
use serde_json::{Value, json};
use std::fs;

#[test]
fn a_task_of_no_service_gets_a_revision_and_no_more() {
    let live = Live::broken();
    let image = live.stage.registry.name("team/app:2");
    let container = shapes::exited(shapes::container("api", &image, &arm().build().digest()), 1, "");
    let task = shapes::task("demo", "api", "t9", "api:2", "x86_64");
    let task = shapes::stopped(task, "EssentialContainerExited", "Essential container in task exited");
    let alone = json!({"group": "family:api", "containers": [container], "startedBy": "cron"});
    live.stage.aws.task(shapes::with(task, alone));
    let arguments = ["--cluster", "demo", "--task", "t9", "--by", "retarget", "--yes", "--format", "json"];
    let answer = live.fix(&arguments).ended(0);
    assert_eq!(
        (&answer["outcome"]["ending"], &answer["target"]["kind"]),
        (&json!("registered"), &json!("task"))
    );
    assert_eq!(answer["outcome"]["revision"], shapes::arn("task-definition/api:3"));
    assert_eq!(
        (live.stage.aws.writes(), live.deployed().as_str()),
        (vec!["RegisterTaskDefinition".to_string()], "api:2")
    );
}

#[test]
fn a_recorded_case_gives_the_same_plan_which_is_carried_out_elsewhere() {
    let live = Live::broken();
    let file = |name: &str| live.state.path().join(name).display().to_string();
    let (case, plan) = (file("outage.case"), file("plan.json"));
    let usual = ["--by", "rollback", "--settle", "1", "--format", "json", "--dry-run"];
    let made = live.fix(&[&["demo/api", "--record", &case], &usual[..]].concat()).ended(0);
    let asked = live.stage.aws.asked().len();
    let again = live.fix(&[&["--replay", &case, "--out", &plan], &usual[..]].concat()).ended(0);
    assert_eq!((&again["plan"], &again["diagnosis"]), (&made["plan"], &made["diagnosis"]));
    assert_eq!(live.stage.aws.asked().len(), asked, "a saved case asks nobody");
    let done = live.fix(&["--plan", &plan, "--yes", "--format", "json"]).ended(0);
    assert_eq!((&done["plan"], live.deployed().as_str()), (&made["plan"], "api:1"));
}

#[test]
fn saved_documents_are_planned_for() {
    let live = Live::broken();
    let image = live.stage.registry.name("team/app:2");
    let definition = shapes::task_definition("api", 2, json!([shapes::container_definition("api", &image)]));
    let path = live.state.path().join("saved.json");
    fs::write(&path, json!({"taskDefinition": definition}).to_string()).unwrap();
    let name = format!("file:{}", path.display());
    let answer = live.fix(&[&name, "--by", "retarget", "--dry-run", "--format", "json"]).ended(0);
    assert_eq!((&answer["offer"], &answer["target"]["kind"]), (&json!("plan"), &json!("documents")));
    assert_eq!(answer["plan"]["steps"][0]["action"], "RegisterTaskDefinition");
    assert_eq!(live.stage.aws.writes(), [""; 0]);
}

#[test]
fn no_secret_is_in_anything_that_is_said_or_saved() {
    let live = Live::empty();
    live.push("team/app:1", &arm());
    let image = live.stage.registry.name("team/app:1");
    let secret = "hunter2-hunter2";
    let environment =
        json!([{"name": "PASSWORD", "value": secret}, {"name": "PATH", "value": "/usr/bin:/bin"}]);
    let container =
        shapes::with(shapes::container_definition("api", &image), json!({"environment": environment}));
    live.stage.define(1, json!([container]));
    live.serve(1);
    let directory = live.state.path().display().to_string();
    let (case, plan) = (format!("{directory}/outage.case"), format!("{directory}/plan.json"));
    let told = |arguments: &[&str], code| {
        let outcome = live.fix(arguments);
        assert_eq!(outcome.code, code, "{outcome:?}");
        assert!(!outcome.stdout.contains(secret) && !outcome.stderr.contains(secret), "{outcome:?}");
    };
    let usual = ["--by", "retarget", "--settle", "1"];
    told(&[&["demo/api", "--dry-run", "--record", &case, "--out", &plan], &usual[..]].concat(), 0);
    told(&[&["demo/api", "--yes", "--format", "json", "--verbose"], &usual[..]].concat(), 0);
    let sent = &live.stage.aws.requests_for("RegisterTaskDefinition")[0].body;
    let value = |sent: &Value| sent["containerDefinitions"][0]["environment"].clone();
    assert_eq!(value(sent), environment, "what is sent has it");
    let files: Vec<_> = fs::read_dir(&directory).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 3, "case, plan and journal: {files:?}");
    for file in files.iter().filter(|file| file.is_file()) {
        assert!(!fs::read_to_string(file).unwrap().contains(secret), "{}", file.display());
    }
}
