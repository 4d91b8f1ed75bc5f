//! `kill -9` at every request of a run in turn, before and after it took effect; then `fix` again. Whatever was cut short
//! is brought to its end, and no revision is left that nobody knows of.

use crate::double::{Behaviour, Call, WRITES, When};
use crate::live::Live;
use serde_json::Value;
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// What is run, and how it ends whatever happens on the way.
#[derive(Clone, Copy)]
struct Story {
    by: &'static str,
    /// What the tasks of revision 3 do.
    dies: bool,
    code: i32,
    ending: &'static str,
    deployed: &'static str,
    /// The active revisions in the end.
    active: &'static [u64],
}

const RETARGET: Story =
    Story { by: "retarget", dies: false, code: 0, ending: "proven", deployed: "api:3", active: &[1, 2, 3] };
const ROLLBACK: Story =
    Story { by: "rollback", dies: false, code: 0, ending: "proven", deployed: "api:1", active: &[1, 2] };
const UNDONE: Story =
    Story { by: "retarget", dies: true, code: 8, ending: "rolled-back", deployed: "api:2", active: &[1, 2] };

impl Story {
    fn live(self) -> Live {
        let live = Live::broken();
        if self.dies {
            live.stage.aws.behaves("api:3", Behaviour::wrong_format("/app"));
        }
        live
    }

    fn arguments(self) -> Vec<&'static str> {
        vec!["demo/api", "--yes", "--settle", "0", "--format", "json", "--by", self.by]
    }

    /// Runs it to its end, and looks at what there is then. What it was asked.
    fn ends(self, live: &Live, when: &str) -> Vec<String> {
        let outcome = live.fix(&self.arguments());
        let told = || format!("{when}: {}\n{}", outcome.stdout, outcome.stderr);
        assert_eq!(outcome.code, self.code, "{}", told());
        let answer: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(answer["outcome"]["ending"], self.ending, "{}", told());
        assert_eq!(live.deployed(), self.deployed, "{}", told());
        assert_eq!(active(live), self.active, "{}", told());
        live.stage.aws.asked()
    }

    /// Kills a run at the n-th request; whether it came that far.
    fn killed(self, live: &Live, nth: usize, when: When) -> bool {
        let gate = live.stage.aws.hang(Call::Any(nth), when);
        let mut command = live.command(&self.arguments());
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let reached = loop {
            if gate.reached(Duration::from_millis(20)) {
                break true;
            }
            if child.try_wait().unwrap().is_some() {
                break false;
            }
        };
        child.kill().unwrap();
        child.wait().unwrap();
        gate.abandon();
        reached
    }

    /// At every request from shortly before the journal begins.
    fn at_every_request(self) {
        let asked = self.ends(&self.live(), "undisturbed");
        let first = asked.iter().rposition(|operation| operation == "ListServiceDeployments").unwrap_or(0);
        let mut cases: Vec<(usize, When)> = Vec::new();
        for nth in first..=asked.len() {
            cases.extend([(nth, When::Before), (nth, When::After)]);
        }
        let (cases, killed_at) = (Mutex::new(cases), Mutex::new(Vec::new()));
        let next = || cases.lock().unwrap().pop();
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    while let Some((nth, when)) = next() {
                        let live = self.live();
                        let reached = self.killed(&live, nth, when);
                        let operation = live.stage.aws.asked().get(nth - 1).cloned();
                        // How often a deployment is looked at depends on the time; all before that does not.
                        assert!(
                            reached || nth + 6 > asked.len(),
                            "request {nth} of {} never came",
                            asked.len()
                        );
                        if reached {
                            killed_at.lock().unwrap().push((operation.clone().unwrap_or_default(), when));
                            self.ends(&live, &format!("killed at request {nth}, {operation:?}, {when:?}"));
                        }
                    }
                });
            }
        });
        let killed_at = killed_at.into_inner().unwrap();
        for write in asked.into_iter().filter(|operation| WRITES.contains(&&operation[..])) {
            for when in [When::Before, When::After] {
                assert!(killed_at.contains(&(write.clone(), when)), "{write} {when:?}: {killed_at:?}");
            }
        }
    }
}

/// The numbers of the revisions of `api` that are not deregistered.
pub(crate) fn active(live: &Live) -> Vec<u64> {
    let numbers = 1..=9_u64;
    let is_active = |number: &u64| {
        live.stage.aws.definition_now(&format!("api:{number}"))["taskDefinition"]["status"] == "ACTIVE"
    };
    numbers.filter(is_active).collect()
}

#[test]
fn a_retarget_that_is_killed_anywhere_is_finished() {
    RETARGET.at_every_request();
}

#[test]
fn a_rollback_that_is_killed_anywhere_is_finished() {
    ROLLBACK.at_every_request();
}

#[test]
fn what_does_not_hold_is_undone_wherever_it_is_killed() {
    UNDONE.at_every_request();
}
