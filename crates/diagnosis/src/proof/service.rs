//! A service's deployments: which of them is ours, and who stands in its place.

use super::{About, Awaited};
use crate::ecs::time::seconds;
use crate::findings::printable;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// For so long, in seconds, DescribeServices may lag behind the answer of UpdateService and not show our deployment; then
/// it counts as replaced.
const LAG: f64 = 10.0;
/// Deployments that are told of; a service has two or three.
const DEPLOYMENTS: usize = 20;
/// ECS gives the latest 100 events of a service (ECS API, Service).
const EVENTS: usize = 100;

/// What was seen of a service.
#[derive(Debug, Default)]
pub(super) struct Deployments {
    /// Id of our deployment, once it is known.
    pub(super) own: Option<String>,
    seen: bool,
    absent_since: Option<f64>,
    /// The primary deployment before ours.
    before: Option<Option<String>>,
    told: BTreeMap<String, String>,
    /// The latest message about what the service is unable to do.
    pub(super) complaint: Option<String>,
    events: Option<BTreeSet<String>>,
}

/// Where our deployment stands among a service's.
pub(super) enum Place<'a> {
    /// It is the primary one.
    Ours(&'a Value),
    /// It is not there yet.
    NotYet,
    /// This one is primary, and ours is not any more.
    Displaced { primary: &'a Value, own: Option<&'a Value> },
    /// The service is being deleted, or is gone.
    Gone,
}

impl Deployments {
    /// `own`: the id of ours, where it is known.
    pub(super) fn of(own: Option<String>) -> Deployments {
        Deployments { own, ..Deployments::default() }
    }

    pub(super) fn place<'a>(&mut self, awaited: &Awaited, service: &'a Value, now: f64) -> Place<'a> {
        if !service.is_object() || matches!(service["status"].as_str(), Some("DRAINING" | "INACTIVE")) {
            return Place::Gone;
        }
        let Some(primary) = of(service).find(|one| one["status"].as_str() == Some("PRIMARY")) else {
            return Place::NotYet;
        };
        let id = primary["id"].as_str().map(String::from);
        if self.own.is_none() {
            if primary["taskDefinition"].as_str() != Some(&awaited.task_definition) {
                let before = self.before.get_or_insert_with(|| id.clone());
                return if *before == id { Place::NotYet } else { Place::Displaced { primary, own: None } };
            }
            self.own.clone_from(&id);
        }
        if self.own == id {
            self.seen = true;
            return Place::Ours(primary);
        }
        let own = of(service).find(|one| one["id"].as_str() == self.own.as_deref());
        let absent_since = *self.absent_since.get_or_insert(now);
        match own {
            None if !self.seen && now - absent_since < LAG => Place::NotYet,
            own => Place::Displaced { primary, own },
        }
    }

    /// A line for each deployment that has changed.
    pub(super) fn changes(&mut self, service: &Value) -> Vec<(About, String)> {
        let mut lines = Vec::new();
        let mut now = BTreeMap::new();
        for deployment in of(service).take(DEPLOYMENTS) {
            let id = deployment["id"].as_str().unwrap_or_default().to_string();
            let name = format!("{} ({})", self.whose(deployment), revision(&deployment["taskDefinition"]));
            let line = format!("{name}: {}", standing(deployment));
            if self.told.get(&id) != Some(&line) {
                lines.push((About::Deployment, line.clone()));
            }
            now.insert(id, line);
        }
        let gone = self.told.iter().filter(|(id, _)| !now.contains_key(*id));
        let gone =
            gone.filter_map(|(_, line)| line.split_once(": ")).map(|(name, _)| format!("{name} is gone"));
        lines.extend(gone.map(|line| (About::Deployment, line)));
        self.told = now;
        lines
    }

    fn whose(&self, deployment: &Value) -> &'static str {
        let is_own = self.own.is_some() && deployment["id"].as_str() == self.own.as_deref();
        match (is_own, deployment["status"].as_str()) {
            (true, _) => "new deployment",
            (false, Some("PRIMARY")) if self.seen => "another deployment",
            (false, _) => "old deployment",
        }
    }

    /// The service's messages since our deployment began that are more than counts, the oldest first.
    pub(super) fn messages(&mut self, service: &Value) -> Vec<String> {
        let own = of(service).find(|one| self.own.is_some() && one["id"].as_str() == self.own.as_deref());
        let since = own.map_or(f64::INFINITY, |own| seconds(&own["createdAt"]));
        let since = if since > 0.0 { since } else { f64::INFINITY };
        let events: Vec<&Value> = service["events"].as_array().into_iter().flatten().take(EVENTS).collect();
        let first = self.events.is_none();
        let seen = self.events.get_or_insert_with(BTreeSet::new);
        let mut fresh = Vec::new();
        for event in events.into_iter().rev() {
            let id = event["id"].as_str().unwrap_or_default();
            let message = event["message"].as_str().unwrap_or_default();
            // What stood there before we looked is not of this deployment, unless its time says so.
            let old = first && seconds(&event["createdAt"]) < since;
            if seen.insert(id.to_string()) && !old && !is_count(message) {
                fresh.push(printable(message));
                let is_complaint =
                    ["unable to", "unhealthy", "is stuck"].iter().any(|words| message.contains(words));
                self.complaint = fresh.last().filter(|_| is_complaint).cloned();
            }
        }
        fresh
    }
}

/// The service's deployments (ECS API, Deployment).
pub(super) fn of(service: &Value) -> impl Iterator<Item = &Value> {
    service["deployments"].as_array().into_iter().flatten().filter(|one| one.is_object())
}

/// Messages that only tell what the counts of the deployments tell, too.
fn is_count(message: &str) -> bool {
    let noise = ["has started ", "has stopped ", "registered ", "has begun draining", "deregistered "];
    message.is_empty() || noise.iter().any(|words| message.contains(words))
}

/// `api:7` of a task definition's ARN.
pub(super) fn revision(arn: &Value) -> String {
    printable(arn.as_str().unwrap_or("?").rsplit('/').next().unwrap_or("?"))
}

/// A count of a deployment or service; none where it tells none.
pub(super) fn count(of: &Value, member: &str) -> Option<u64> {
    of[member].as_u64()
}

fn standing(deployment: &Value) -> String {
    let counted = |member| count(deployment, member).unwrap_or(0);
    let mut parts = vec![format!("{} of {} running", counted("runningCount"), counted("desiredCount"))];
    for (member, word) in [("pendingCount", "pending"), ("failedTasks", "failed")] {
        if counted(member) > 0 {
            parts.push(format!("{} {word}", counted(member)));
        }
    }
    if let Some(state) = deployment["rolloutState"].as_str().filter(|state| !state.is_empty()) {
        let reason = deployment["rolloutStateReason"].as_str().unwrap_or_default().trim_end_matches('.');
        let told = state == "FAILED" || speaks_of_rollback(reason);
        let state = printable(state).to_lowercase().replace('_', " ");
        parts.push(if told { format!("{state}: {}", printable(reason)) } else { state });
    }
    parts.join(", ")
}

/// Whether a `rolloutStateReason` says that ECS goes back by itself: `ECS deployment circuit breaker: rolling back to
/// deploymentId ecs-svc/...` (seen in public reports).
pub fn speaks_of_rollback(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    reason.contains("rolling back") || reason.contains("rolled back")
}

/// Why ECS itself has put `primary` in the place of our deployment, where the documents say so.
pub(super) fn rollback_of_ecs(
    service: &Value,
    primary: &Value,
    own: Option<&Value>,
    id: Option<&str>,
    deployment: Option<&Value>,
) -> Option<String> {
    let reason =
        |of: &Value, member: &str| of[member].as_str().map(|text| printable(text.trim_end_matches('.')));
    if let Some(own) = own.filter(|own| own["rolloutState"].as_str() == Some("FAILED")) {
        return Some(reason(own, "rolloutStateReason").unwrap_or_else(|| "the rollout failed".into()));
    }
    if let Some(reason) = reason(primary, "rolloutStateReason").filter(|reason| speaks_of_rollback(reason)) {
        return Some(reason);
    }
    let of_service = service["events"].as_array().into_iter().flatten().take(EVENTS);
    let mut messages = of_service.filter_map(|event| event["message"].as_str());
    let failed = |message: &&str| {
        id.is_some_and(|id| message.contains(&format!("deployment {id})")))
            && message.contains("deployment failed")
    };
    if let Some(message) = messages.find(failed) {
        return Some(printable(message.trim_end_matches('.')));
    }
    let deployment = deployment?;
    let status = deployment["status"].as_str().filter(|status| status.starts_with("ROLLBACK_"))?;
    let told = reason(&deployment["rollback"], "reason").or_else(|| reason(deployment, "statusReason"));
    Some(told.unwrap_or_else(|| format!("the service deployment is {}", printable(status))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_line_for_a_deployment() {
        let deployment = json!({"taskDefinition": "arn:x/api:7", "desiredCount": 3, "runningCount": 1, "pendingCount": 2,
            "failedTasks": 1, "rolloutState": "IN_PROGRESS", "rolloutStateReason": "ECS deployment in progress."});
        assert_eq!(standing(&deployment), "1 of 3 running, 2 pending, 1 failed, in progress");
        let reason = "ECS deployment circuit breaker: tasks failed to start.";
        let failed = json!({"rolloutState": "FAILED", "rolloutStateReason": reason});
        assert_eq!(
            standing(&failed),
            "0 of 0 running, failed: ECS deployment circuit breaker: tasks failed to start"
        );
        assert_eq!(standing(&json!({"runningCount": "many", "rolloutState": 7})), "0 of 0 running");
    }
}
