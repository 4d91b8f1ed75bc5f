//! Plans in files: saved for themselves alone, and carried out as they were made or not at all.

use crate::double::shapes;
use crate::live::Live;
use crate::schemas;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::PathBuf;

/// A saved plan.
struct Saved {
    live: Live,
    path: PathBuf,
    plan: Value,
}

fn saved() -> Saved {
    let live = Live::broken();
    let path = live.state.path().join("plan.json");
    let outcome =
        live.fix(&["demo/api", "--by", "rollback", "--settle", "1", "--out", path.to_str().unwrap()]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    outcome.says(&["the plan is saved: execfit fix --plan"]);
    let plan = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    Saved { live, path, plan }
}

impl Saved {
    fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    /// `execfit fix --plan FILE --yes` of these bytes, which is refused with this code and these words, having asked AWS
    /// to change nothing.
    #[track_caller]
    fn refused(&self, bytes: &[u8], code: i32, words: &[&str]) {
        fs::write(&self.path, bytes).unwrap();
        let outcome = self.live.fix(&["--plan", self.path(), "--yes"]);
        assert_eq!(outcome.code, code, "{outcome:?}");
        assert!(!outcome.stderr.contains('\u{1b}') && !outcome.stdout.contains('\u{1b}'), "{outcome:?}");
        outcome.says(words);
        assert_eq!(self.live.deployed(), "api:2");
        assert_eq!(self.live.stage.aws.requests_for("UpdateService").len(), 0);
    }
}

#[test]
fn a_plan_is_saved_for_its_owner_and_carried_out_as_it_was_made() {
    let saved = saved();
    schemas::check(&saved.plan);
    assert_eq!(fs::metadata(&saved.path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(saved.live.deployed(), "api:2", "it is only saved");
    let left: Vec<_> =
        fs::read_dir(saved.live.state.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with(".plan")), "{left:?}");
    let outcome = saved.live.fix(&["--plan", saved.path()]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    outcome.says(&["what it does", "add --yes"]);
    let outcome = saved.live.fix(&["--plan", saved.path(), "--yes", "--format", "json"]);
    let answer = outcome.ended(0);
    assert_eq!((&answer["outcome"]["ending"], &answer["plan"]), (&json!("proven"), &saved.plan));
    assert_eq!((&answer["diagnosis"], saved.live.deployed().as_str()), (&Value::Null, "api:1"));
}

#[test]
fn a_plan_of_a_world_that_has_moved_is_refused() {
    let saved = saved();
    saved.live.stage.aws.change(|world| world.deploy("demo", "api", "api:1"));
    let outcome = saved.live.fix(&["--plan", saved.path(), "--yes"]);
    assert_eq!(outcome.code, 4, "{outcome:?}");
    assert_eq!(saved.live.stage.aws.requests_for("UpdateService").len(), 0);
}

#[test]
fn a_plan_is_not_carried_out_elsewhere() {
    let saved = saved();
    let outcome = saved.live.fix(&["--plan", saved.path(), "--yes", "--region", "us-west-2"]);
    outcome.stopped(2, &["--region is us-west-2", shapes::REGION]);
    let text = fs::read_to_string(&saved.path).unwrap();
    let plan: execfit_diagnosis::plan::Plan = serde_json::from_str(&text).unwrap();
    let other = text.replace(shapes::ACCOUNT, "999999999999").replace(&plan.id, "ID");
    let mut other: execfit_diagnosis::plan::Plan = serde_json::from_str(&other).unwrap();
    other.id = other.content_id();
    saved.refused(&serde_json::to_vec(&other).unwrap(), 4, &["999999999999"]);
}

#[test]
fn a_yes_does_not_make_the_unknown_run() {
    let saved = saved();
    for (verdict, code, words) in [("unknown", 4, "the model cannot tell"), ("fails", 8, "would not run")] {
        let mut plan = saved.plan.clone();
        plan["containers"][0]["verdict"] = json!(verdict);
        let mut plan: execfit_diagnosis::plan::Plan = serde_json::from_value(plan).unwrap();
        plan.id = plan.content_id();
        saved.refused(
            &serde_json::to_vec(&plan).unwrap(),
            code,
            &["is not carried out: container api", words],
        );
    }
}

#[test]
fn hostile_files_are_no_plans() {
    let saved = saved();
    let changed = |pointer: &str, value: Value| {
        let mut plan = saved.plan.clone();
        *plan.pointer_mut(pointer).unwrap() = value;
        plan.to_string().into_bytes()
    };
    let mut more = saved.plan.clone();
    more["steps"][0]["also"] = json!("rm -rf /");
    for (bytes, words) in [
        (Vec::new(), "EOF while parsing"),
        (b"\x1b[2J".to_vec(), "expected value"),
        (vec![b'['; 300_000], "recursion limit"),
        (vec![b' '; 2 << 20], "more than 1048576 bytes"),
        (b"{}".to_vec(), "missing field"),
        (changed("/schema", json!("\u{1b}[31mexecfit/plan/v9")), "its schema is ` [31mexecfit/plan/v9`"),
        (changed("/title", json!("all is well")), "it is not as it was made"),
        (changed("/id", json!("000000000000")), "it is not as it was made"),
        (changed("/id", json!("\u{1b}]0;x\u{7}")), "it is not as it was made"),
        (
            changed("/steps/0/task_definition_after", json!(shapes::arn("task-definition/evil:1"))),
            "it is not as it was made",
        ),
        (more.to_string().into_bytes(), "`/steps/0/also` is nothing that a plan of this version has"),
    ] {
        saved.refused(&bytes, 1, &["cannot read the plan", words]);
    }
    assert_eq!(saved.live.fix(&["--plan", "/nonexistent/plan", "--yes"]).code, 1);
    assert_eq!(saved.live.fix(&["--plan", "/", "--yes"]).code, 1);
}

#[test]
fn nothing_but_a_plan_is_overwritten() {
    let Saved { live, path, .. } = saved();
    let out = |path: &str| live.fix(&["demo/api", "--by", "rollback", "--out", path]);
    let again = out(path.to_str().unwrap());
    assert_eq!(again.code, 0, "a plan gives way to a plan: {again:?}");
    let notes = live.state.path().join("notes.txt");
    fs::write(&notes, "{\"schema\": \"execfit/plan/v1\"}").unwrap();
    let asked = live.stage.aws.asked().len();
    out(notes.to_str().unwrap()).stopped(2, &["it is there, and no plan"]);
    assert_eq!(fs::read_to_string(&notes).unwrap(), "{\"schema\": \"execfit/plan/v1\"}");
    let link = live.state.path().join("link");
    symlink(&path, &link).unwrap();
    out(link.to_str().unwrap()).stopped(2, &["no regular file"]);
    out("/dev/null").stopped(2, &["no regular file"]);
    assert_eq!(live.stage.aws.asked().len(), asked, "that is said before anything is asked");
    let nowhere = out("/nonexistent/plan.json");
    assert_eq!(nowhere.code, 1, "{nowhere:?}");
    nowhere.says(&["cannot write the plan /nonexistent/plan.json"]);
}
