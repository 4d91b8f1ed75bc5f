//! Looks at one snapshot after the other.

use super::held::{Held, held};
use super::rollout::{self, Rollout, rollout, told_by};
use super::service::{self, Deployments, Place, count, revision, rollback_of_ecs};
use super::tasks::{Own, Seen, Tasks};
use super::{About, Awaited, Cause, Event, Look, Overtaken, Proven, Snapshot, State};
use crate::ecs::time::seconds;
use crate::findings::printable;
use serde_json::Value;

/// A DAEMON service counts the container instances that it is for only after a while, in seconds.
const INSTANCES_COUNTED: f64 = 30.0;
const LOG: &str = "the log of a container that died";
/// Things that are waited for that are told.
const TOLD: usize = 3;

/// Watches a deployment.
#[derive(Debug)]
pub struct Watch {
    awaited: Awaited,
    deployments: Deployments,
    tasks: Tasks,
    /// Since when everything is as it should be.
    holds_since: Option<f64>,
    asked_revisions: bool,
    revisions: Vec<Value>,
    /// The service deployment was asked for, to know who replaced ours.
    asked_who: bool,
    /// The service deployment: when it was asked for last, how it stood, and whether it cannot be seen.
    asked_at: Option<f64>,
    stood: String,
    unseen: bool,
}

/// What is decided of a look, before it is dressed.
enum Decision {
    State(State),
    /// Asks for the service deployment before it says.
    AskDeployment(String, &'static str),
    /// Asks which digests ECS resolved before it says.
    AskRevisions(Vec<String>, State),
}

impl Watch {
    /// Begins to watch.
    pub fn new(awaited: Awaited) -> Watch {
        Watch {
            deployments: Deployments::of(awaited.deployment.clone()),
            awaited,
            tasks: Tasks::default(),
            holds_since: None,
            asked_revisions: false,
            revisions: Vec::new(),
            asked_who: false,
            asked_at: None,
            stood: String::new(),
            unseen: false,
        }
    }

    /// Which of the service's tasks (by ARN; those that are meant to run, and those that were stopped) are to be
    /// described for the next snapshot: those that were not seen yet, and the newest 100 of ours that still live.
    pub fn wanted(&mut self, running: &[String], stopped: &[String]) -> Vec<String> {
        self.tasks.wanted(running, stopped)
    }

    /// In how many seconds it will be proven, if all stays as it is.
    pub fn settles_in(&self, now: f64) -> Option<f64> {
        Some((self.holds_since? + self.settle() - now).max(0.0))
    }

    /// Looks at a snapshot. The same one may be shown again with what the look before wanted.
    pub fn look(&mut self, snapshot: &Snapshot) -> Look {
        let place = self.deployments.place(&self.awaited, &snapshot.service, snapshot.now);
        let mut lines = self.deployments.changes(&snapshot.service);
        lines.extend(
            self.deployments.messages(&snapshot.service).into_iter().map(|line| (About::Service, line)),
        );
        let seen = self.see(&snapshot.service, snapshot);
        lines.extend(seen.lines.iter().map(|line| (About::Task, line.clone())));
        lines.extend(self.stands(snapshot).map(|line| (About::Deployment, line)));
        self.revisions.extend(snapshot.service_revisions.iter().cloned());
        if seen.any_ended {
            self.holds_since = None;
        }
        let decision = self.decide(&place, snapshot);
        self.dress(snapshot, lines, seen, decision)
    }

    /// A line where the service deployment has changed.
    fn stands(&mut self, snapshot: &Snapshot) -> Option<String> {
        let line = rollout::line(snapshot.service_deployment.as_ref()?);
        let changed = line != self.stood;
        self.stood.clone_from(&line);
        changed.then_some(line)
    }

    fn see(&mut self, service: &Value, snapshot: &Snapshot) -> Seen {
        let id = self.deployments.own.clone();
        let own = service::of(service).find(|one| id.is_some() && one["id"].as_str() == id.as_deref());
        // Before our deployment is seen, no task can be told to be its own.
        match own {
            Some(own) => {
                let own = Own { id: id.as_deref(), created: seconds(&own["createdAt"]) };
                self.tasks.see(&self.awaited, &own, snapshot)
            }
            None => self.tasks.hear(&self.awaited, snapshot),
        }
    }

    fn dress(
        &self,
        snapshot: &Snapshot,
        lines: Vec<(About, String)>,
        seen: Seen,
        decision: Decision,
    ) -> Look {
        let at = self.seconds(snapshot);
        let events = lines.into_iter().map(|(about, text)| Event { seconds: at, about, text }).collect();
        let (mut wants_service_revisions, mut wants_service_deployment) = (Vec::new(), None);
        let mut state = match decision {
            Decision::State(state) => state,
            Decision::AskDeployment(arn, waits_for) => {
                wants_service_deployment = Some(arn);
                State::Waiting { waits_for: waits_for.into() }
            }
            Decision::AskRevisions(arns, state) => {
                wants_service_revisions = arns;
                state
            }
        };
        // The log may hold the cause, where there is none yet but an exit code.
        let told = matches!(&state, State::Failed(cause) if cause.says.is_some());
        if !seen.wants_logs_of.is_empty() && matches!(state, State::Failed(_)) && !told {
            state = State::Waiting { waits_for: LOG.into() };
        }
        Look {
            events,
            state,
            wants_logs_of: seen.wants_logs_of,
            wants_service_revisions,
            wants_service_deployment,
        }
    }

    fn decide(&mut self, place: &Place<'_>, snapshot: &Snapshot) -> Decision {
        let service = &snapshot.service;
        let own = match place {
            Place::Gone => return Decision::State(State::Overtaken(self.gone(service))),
            Place::Displaced { primary, own } => return self.displaced(primary, *own, snapshot),
            Place::NotYet => None,
            Place::Ours(own) => Some(*own),
        };
        if let Some(failed) = &self.tasks.failed {
            return Decision::State(State::Failed(failed.clone()));
        }
        if let Some(own) = own.filter(|own| own["rolloutState"].as_str() == Some("FAILED")) {
            return Decision::State(State::Failed(self.rollout_failed(service, own)));
        }
        if let Some(why) = self.wants_nothing(snapshot) {
            return Decision::State(State::Unprovable { why });
        }
        match own {
            Some(own) => self.hold(own, snapshot),
            None => {
                self.holds_since = None;
                let waits_for =
                    format!("a deployment of {}", revision(&self.awaited.task_definition.clone().into()));
                Decision::State(State::Waiting { waits_for })
            }
        }
    }

    /// Everything but failure: it waits, it settles, or it is proven.
    fn hold(&mut self, own: &Value, snapshot: &Snapshot) -> Decision {
        let mut held = held(&self.awaited, own, &self.tasks.living(snapshot), &self.revisions);
        let told = snapshot.service_deployment.as_ref();
        let teller = told_by(&snapshot.service, own).filter(|_| told.is_none() && !self.unseen);
        match (teller, rollout(&snapshot.service, own, told)) {
            // Only the rollout may be missing: that is asked.
            (Some(arn), _) if held.waits_for.is_empty() && self.asked_at != Some(snapshot.now) => {
                self.asked_at = Some(snapshot.now);
                return Decision::AskDeployment(arn.to_string(), "the rollout to complete");
            }
            (Some(_), _) if held.waits_for.is_empty() => self.unseen = true,
            (_, Rollout::Failed(reason)) => {
                return Decision::State(State::Failed(self.caused(&reason, false)));
            }
            (_, Rollout::Waits(_)) if self.unseen => {}
            (_, Rollout::Waits(what)) => held.waits_for.insert(0, what),
            (_, Rollout::Complete) => {}
        }
        if self.unseen {
            let what = "the service deployment cannot be seen, and nothing else tells whether the rollout is complete";
            held.doubts.push(what.into());
        }
        if !held.waits_for.is_empty() {
            self.holds_since = None;
            return Decision::State(State::Waiting { waits_for: self.waits_for(&held) });
        }
        let since = *self.holds_since.get_or_insert(snapshot.now);
        let held_for = (snapshot.now - since).max(0.0);
        if held.wants_digests && !std::mem::replace(&mut self.asked_revisions, true) {
            let current = snapshot.service["currentServiceRevisions"].as_array().into_iter().flatten();
            let arns: Vec<String> =
                current.filter_map(|one| one["arn"].as_str()).take(20).map(String::from).collect();
            let waits_for = "the digests that ECS resolved".into();
            return Decision::AskRevisions(arns, State::Waiting { waits_for });
        }
        Decision::State(if held_for < self.settle() {
            let settle = self.awaited.settle_seconds;
            State::Waiting { waits_for: format!("{settle} s without a change ({held_for:.0} so far)") }
        } else if self.tasks.is_listening() {
            State::Waiting { waits_for: LOG.into() }
        } else if held.doubts.is_empty() {
            State::Proven(Proven {
                seconds: self.seconds(snapshot),
                settled_seconds: milliseconds(held_for),
                desired: held.desired,
                tasks: held.tasks,
            })
        } else {
            State::Unprovable { why: held.doubts.into_iter().take(TOLD).collect::<Vec<_>>().join("; ") }
        })
    }

    fn waits_for(&self, held: &Held) -> String {
        let mut told: Vec<&str> = held.waits_for.iter().take(TOLD).map(String::as_str).collect();
        let more = held.waits_for.len().saturating_sub(TOLD);
        let more = format!("{more} more");
        if held.waits_for.len() > TOLD {
            told.push(&more);
        }
        let last = self.tasks.last.as_ref();
        let last = last.map(|last| format!("; {} ended so far, the last: {}", self.tasks.ends(), last.text));
        let complaint = self.deployments.complaint.as_ref().map(|message| format!("; {message}"));
        format!("{}{}{}", told.join(", "), last.unwrap_or_default(), complaint.unwrap_or_default())
    }

    /// A service that wants no tasks proves nothing.
    fn wants_nothing(&self, snapshot: &Snapshot) -> Option<String> {
        let service = &snapshot.service;
        let name = printable(service["serviceName"].as_str().unwrap_or("?"));
        let daemon = service["schedulingStrategy"].as_str() == Some("DAEMON");
        match (count(service, "desiredCount")?, daemon) {
            (0, false) => {
                Some(format!("the service {name} wants 0 tasks: nothing runs, so nothing is proven"))
            }
            (0, true) if snapshot.now - self.awaited.began > INSTANCES_COUNTED => Some(format!(
                "no container instance takes a task of the daemon service {name}: nothing runs, so nothing is proven"
            )),
            _ => None,
        }
    }

    fn rollout_failed(&self, service: &Value, own: &Value) -> Cause {
        let breaker = &service["deploymentConfiguration"];
        let goes_back = |which: &str| breaker[which]["enable"] == true && breaker[which]["rollback"] == true;
        let reason = own["rolloutStateReason"].as_str().unwrap_or("its rollout failed").trim_end_matches('.');
        self.caused(reason, goes_back("deploymentCircuitBreaker") || goes_back("alarms"))
    }

    /// The end of the last task says more than what ECS says of its deployment; both are told.
    fn caused(&self, reason: &str, rolled_back_by_ecs: bool) -> Cause {
        let reason = printable(reason);
        match self.tasks.failed.as_ref().or(self.tasks.last.as_ref()) {
            Some(last) => {
                Cause { text: format!("{} ({reason})", last.text), rolled_back_by_ecs, ..last.clone() }
            }
            None => Cause {
                container: None,
                task: None,
                text: reason,
                says: None,
                findings: Vec::new(),
                rolled_back_by_ecs,
            },
        }
    }

    fn displaced(&mut self, primary: &Value, own: Option<&Value>, snapshot: &Snapshot) -> Decision {
        let id = self.deployments.own.as_deref();
        let told = snapshot.service_deployment.as_ref();
        if let Some(reason) = rollback_of_ecs(&snapshot.service, primary, own, id, told) {
            return Decision::State(State::Failed(self.caused(&reason, true)));
        }
        let current = snapshot.service["currentServiceDeployment"].as_str().filter(|arn| !arn.is_empty());
        if let Some(arn) = current.filter(|_| !self.asked_who) {
            self.asked_who = true;
            return Decision::AskDeployment(arn.to_string(), "word of who replaced the new deployment");
        }
        let now = revision(&primary["taskDefinition"]);
        let name = printable(snapshot.service["serviceName"].as_str().unwrap_or("?"));
        Decision::State(State::Overtaken(Overtaken {
            text: format!("somebody else has deployed {now} to the service {name}"),
            task_definition: primary["taskDefinition"].as_str().map(String::from),
            deployment: primary["id"].as_str().map(String::from),
        }))
    }

    fn gone(&self, service: &Value) -> Overtaken {
        let name = self.awaited.service.rsplit('/').next().unwrap_or_default();
        let text = match service["status"].as_str() {
            Some(status) => format!("the service {name} is {}: it is being deleted", printable(status)),
            None => format!("the service {name} is not there any more"),
        };
        Overtaken { text, task_definition: None, deployment: None }
    }

    fn settle(&self) -> f64 {
        self.awaited.settle_seconds as f64
    }

    /// Since carrying out began.
    fn seconds(&self, snapshot: &Snapshot) -> f64 {
        milliseconds((snapshot.now - self.awaited.began).max(0.0))
    }
}

/// Nobody needs more digits.
fn milliseconds(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}
