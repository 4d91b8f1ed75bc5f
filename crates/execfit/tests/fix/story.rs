//! Runs of `fix` that are disturbed on the way, and what there must be in the end all the same.

use crate::double::{Behaviour, Call, Reply, WRITES, When, shapes};
use crate::live::Live;
use crate::run::Outcome;
use serde_json::{Value, json};
use std::process::Stdio;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// What is run, and how it ends whatever happens on the way.
#[derive(Clone, Copy)]
pub(crate) struct Story {
    pub(crate) by: &'static str,
    /// What makes of a broken `demo/api` the service that is fixed.
    pub(crate) scene: fn(&Live),
    pub(crate) code: i32,
    pub(crate) ending: &'static str,
    /// What the service runs then.
    pub(crate) deployed: &'static str,
    /// The active revisions then.
    pub(crate) active: &'static [u64],
}

pub(crate) const RETARGET: Story =
    Story { by: "retarget", scene: |_| {}, code: 0, ending: "proven", deployed: "api:3", active: &[1, 2, 3] };
pub(crate) const ROLLBACK: Story = Story { by: "rollback", deployed: "api:1", active: &[1, 2], ..RETARGET };
/// The new tasks die.
pub(crate) const UNDONE: Story =
    Story { scene: dies, code: 8, ending: "rolled-back", deployed: "api:2", active: &[1, 2], ..RETARGET };
/// The deployment that is under way is stopped.
pub(crate) const STOPPED: Story = Story { scene: under_way, ..ROLLBACK };
pub(crate) const EXPRESS: Story = Story { scene: express, ..RETARGET };
/// ECS makes another revision of its own for the way back.
pub(crate) const EXPRESS_UNDONE: Story = Story {
    scene: |live| {
        express(live);
        live.stage.aws.behaves("api:3", Behaviour::wrong_format("/app"));
    },
    code: 8,
    ending: "rolled-back",
    deployed: "api:4",
    active: &[1, 2, 3, 4],
    ..RETARGET
};

fn dies(live: &Live) {
    for revision in 3..7 {
        live.stage.aws.behaves(&format!("api:{revision}"), Behaviour::wrong_format("/app"));
    }
}

/// Revision 1 was deployed, and then revision 2, whose deployment goes on.
fn under_way(live: &Live) {
    let aws = &live.stage.aws;
    aws.change(|world| world.deploy("demo", "api", "api:1"));
    for _ in 0..4 {
        aws.ask("DescribeServices", &json!({"cluster": "demo", "services": ["api"]}));
    }
    aws.change(|world| world.deploy("demo", "api", "api:2"));
}

fn express(live: &Live) {
    let image = live.stage.registry.name("team/app:2");
    live.stage.aws.express_service(shapes::express_service("demo", "api", &image, "X86_64"));
    live.stage.aws.change(|world| world.service("demo", "api")["resourceManagementType"] = json!("ECS"));
}

impl Story {
    pub(crate) fn live(self) -> Live {
        let live = Live::broken();
        (self.scene)(&live);
        live
    }

    fn arguments(self) -> Vec<&'static str> {
        vec!["demo/api", "--yes", "--settle", "0", "--format", "json", "--by", self.by]
    }

    /// Runs it to its end, and looks at what there is then. The requests.
    pub(crate) fn ends(self, live: &Live, when: &str) -> Vec<String> {
        let outcome = live.fix(&self.arguments());
        let told = told(&outcome, when);
        assert_eq!(outcome.code, self.code, "{told}");
        assert_eq!(answer(&outcome)["outcome"]["ending"], self.ending, "{told}");
        assert_eq!(live.deployed(), self.deployed, "{told}");
        assert_eq!(active(live), self.active, "{told}");
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

    /// `kill -9` at every request, from some before the first that changes anything, on both sides of its effect; then
    /// the same again, undisturbed. The requests of an undisturbed run.
    pub(crate) fn killed_everywhere(self) -> Vec<String> {
        let begun = self.live();
        let before = begun.stage.aws.asked().len();
        let asked = self.ends(&begun, "undisturbed");
        let cases = (first(&asked)..=asked.len()).flat_map(|nth| [(nth, When::Before), (nth, When::After)]);
        let killed_at = Mutex::new(Vec::new());
        each(cases.collect(), |(nth, when)| {
            let live = self.live();
            let reached = self.killed(&live, nth, when);
            // How often a deployment is looked at depends on the time; all before that does not.
            assert!(reached || nth + 6 > asked.len(), "request {nth} of {} never came", asked.len());
            if reached {
                let operation = live.stage.aws.asked()[nth - 1].clone();
                killed_at.lock().unwrap().push((operation.clone(), when));
                self.ends(&live, &format!("killed at request {nth}, {operation}, {when:?}"));
            }
        });
        let killed_at = killed_at.into_inner().unwrap();
        for write in asked.iter().skip(before).filter(|operation| WRITES.contains(&&operation[..])) {
            for when in [When::Before, When::After] {
                assert!(killed_at.contains(&(write.clone(), when)), "{write} {when:?}: {killed_at:?}");
            }
        }
        asked
    }

    /// This reply once, at every request in turn. It goes well, or it is told which call it was; then the next run ends
    /// well, and no revision is left that nothing runs.
    pub(crate) fn disturbed_everywhere(self, reply: &Reply) {
        let asked = self.ends(&self.live(), "undisturbed");
        each((first(&asked)..=asked.len()).collect(), |nth| {
            let live = self.live();
            live.stage.aws.fail(Call::Any(nth), reply.clone());
            let outcome = live.fix(&self.arguments());
            let Some(operation) = live.stage.aws.asked().get(nth - 1).cloned() else { return };
            let told = told(&outcome, &format!("{reply:?} at request {nth}, {operation}"));
            if outcome.code != self.code {
                assert!(
                    [1, 4].contains(&outcome.code) && told.contains(&format!("ecs:{operation} ")),
                    "{told}"
                );
                if answer(&outcome)["outcome"]["ending"] == "unproven" {
                    return;
                }
                let again = live.fix(&self.arguments());
                assert_eq!(again.code, self.code, "{told}\nagain: {again:?}");
            }
            let deployed = live.deployed();
            let number: u64 = deployed.split(':').nth(1).unwrap().parse().unwrap();
            let left: Vec<u64> = active(&live).into_iter().filter(|one| *one > 2 && *one != number).collect();
            let named = left.iter().all(|one| told.contains(&format!("--task-definition api:{one}")));
            assert!(named, "api:{left:?} is left, and the service runs {deployed}: {told}");
            let is_new = self.deployed.ends_with(":3") == (number > 2);
            assert!(is_new, "{deployed}: {told}");
        });
    }
}

/// Some requests before the first one that changes anything: those that look at the world anew.
fn first(asked: &[String]) -> usize {
    let write = asked.iter().position(|operation| WRITES.contains(&&operation[..]));
    write.expect("something is changed").saturating_sub(3).max(1)
}

fn told(outcome: &Outcome, when: &str) -> String {
    format!("{when}: {}\n{}", outcome.stdout, outcome.stderr)
}

fn answer(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout).unwrap_or_default()
}

/// Several at once: most of their time they wait.
fn each<T: Send>(cases: Vec<T>, run: impl Fn(T) + Sync) {
    let cases = Mutex::new(cases);
    let next = || cases.lock().unwrap().pop();
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some(case) = next() {
                    run(case);
                }
            });
        }
    });
}

/// The numbers of the revisions of `api` that are not deregistered.
pub(crate) fn active(live: &Live) -> Vec<u64> {
    let is_active = |number: &u64| {
        live.stage.aws.definition_now(&format!("api:{number}"))["taskDefinition"]["status"] == "ACTIVE"
    };
    (1..=9).filter(is_active).collect()
}
