//! Whether ECS is done with a deployment.

use super::service::of;
use crate::ecs::time::seconds;
use crate::findings::printable;
use serde_json::Value;

/// A service deployment that is as old as ours, but for the order in which ECS writes them down, in seconds.
const TOGETHER: f64 = 5.0;

/// What ECS says of the rollout.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rollout {
    /// It is complete.
    Complete,
    /// This is to come yet.
    Waits(String),
    /// It has ended, and not well.
    Failed(String),
}

/// The service deployment that tells how far it is: rolling updates have a state of their own, unless they are behind a
/// Classic Load Balancer; blue/green, linear and canary ones have none that is documented (ECS API, Deployment,
/// `rolloutState`; DeploymentConfiguration, `strategy`).
pub(super) fn told_by<'a>(service: &'a Value, own: &Value) -> Option<&'a str> {
    let silent = state(own).is_none() || is_shifting(service);
    service["currentServiceDeployment"].as_str().filter(|arn| silent && !arn.is_empty())
}

/// How far it is, by the deployment itself, or by the service deployment where that one tells.
pub(super) fn rollout(service: &Value, own: &Value, told: Option<&Value>) -> Rollout {
    let waits = || Rollout::Waits("the rollout to complete".into());
    if told_by(service, own).is_some() {
        return told.map_or_else(waits, |told| by_service_deployment(own, told));
    }
    match state(own) {
        Some("COMPLETED") => Rollout::Complete,
        Some(_) => waits(),
        None if is_shifting(service) && of(service).count() > 1 => {
            Rollout::Waits("the old deployment to be drained".into())
        }
        None => Rollout::Complete,
    }
}

/// ECS API, ServiceDeployment, `status`. Ours is primary all the while: where a rollback was a success, it went to ours;
/// while one is under way, who will be primary in the end tells whose it is.
fn by_service_deployment(own: &Value, told: &Value) -> Rollout {
    let fresh = seconds(&told["createdAt"]) + TOGETHER >= seconds(&own["createdAt"]);
    let status = told["status"].as_str().unwrap_or_default();
    let reason = told["statusReason"].as_str().filter(|reason| !reason.is_empty());
    let failed = || Rollout::Failed(printable(reason.map_or(status, |reason| reason.trim_end_matches('.'))));
    match status {
        "SUCCESSFUL" if fresh => Rollout::Complete,
        "ROLLBACK_SUCCESSFUL" => Rollout::Complete,
        "STOPPED" | "ROLLBACK_FAILED" if fresh => failed(),
        _ => Rollout::Waits(format!("success of the {}", line(told))),
    }
}

/// Where a service deployment is, in a line.
pub(super) fn line(told: &Value) -> String {
    let words = |member: &str| {
        let text = told[member].as_str().filter(|text| !text.is_empty());
        text.map(|text| printable(text).to_lowercase().replace('_', " "))
    };
    let parts: Vec<String> = [words("status"), words("lifecycleStage")].into_iter().flatten().collect();
    format!("service deployment: {}", if parts.is_empty() { "in no state".into() } else { parts.join(", ") })
}

fn state(own: &Value) -> Option<&str> {
    match &own["rolloutState"] {
        Value::Null => None,
        // What is no text is no state that could be complete.
        other => Some(other.as_str().unwrap_or("?")).filter(|state| !state.is_empty()),
    }
}

/// Its deployments shift traffic from old tasks to new ones.
fn is_shifting(service: &Value) -> bool {
    matches!(
        service["deploymentConfiguration"]["strategy"].as_str(),
        Some("BLUE_GREEN" | "LINEAR" | "CANARY")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn who_tells_how_far_it_is() {
        let rolling =
            json!({"deploymentConfiguration": {"strategy": "ROLLING"}, "currentServiceDeployment": "arn:sd"});
        let shifting = |rest: Value| {
            let mut service = rolling.clone();
            service["deploymentConfiguration"]["strategy"] = json!("BLUE_GREEN");
            service["deployments"] = rest;
            service
        };
        let own = |state: &str| json!({"rolloutState": state, "createdAt": 100});
        let waits = |words: &str| Rollout::Waits(words.into());
        let sd = |status: &str, created: i64| json!({"status": status, "createdAt": created, "lifecycleStage": "BAKE_TIME"});
        let stage = |status: &str| waits(&format!("success of the service deployment: {status}, bake time"));
        for (service, own, told, answer) in [
            (&rolling, own("COMPLETED"), None, Rollout::Complete),
            (&rolling, own("IN_PROGRESS"), None, waits("the rollout to complete")),
            (&rolling, own(""), None, waits("the rollout to complete")),
            (&rolling, own(""), Some(sd("SUCCESSFUL", 99)), Rollout::Complete),
            (&json!({}), own(""), None, Rollout::Complete),
            (&shifting(json!([])), own("COMPLETED"), Some(sd("IN_PROGRESS", 100)), stage("in progress")),
            (&shifting(json!([])), own(""), Some(sd("SUCCESSFUL", 10)), stage("successful")),
            (&shifting(json!([])), own(""), Some(sd("STOPPED", 100)), Rollout::Failed("STOPPED".into())),
            (&shifting(json!([])), own(""), Some(sd("STOPPED", 10)), stage("stopped")),
            (
                &shifting(json!([])),
                own(""),
                Some(sd("ROLLBACK_IN_PROGRESS", 100)),
                stage("rollback in progress"),
            ),
            (&shifting(json!([])), own(""), Some(sd("ROLLBACK_SUCCESSFUL", 10)), Rollout::Complete),
        ] {
            assert_eq!(rollout(service, &own, told.as_ref()), answer, "{service} {own} {told:?}");
        }
        let mut alone = shifting(json!([{}]));
        alone["currentServiceDeployment"] = Value::Null;
        assert_eq!(rollout(&alone, &own(""), None), Rollout::Complete);
        alone["deployments"] = json!([{}, {}]);
        assert_eq!(rollout(&alone, &own(""), None), waits("the old deployment to be drained"));
    }
}
