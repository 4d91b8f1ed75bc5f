//! What a service revision pins besides its task definition, and how the service gets back to it.

use super::{Edit, Setting};
use serde_json::{Value, json};

/// Members that a service revision (ECS API, ServiceRevision) has in common with UpdateService's request, and whether
/// UpdateService takes an empty list for "none"; where it does not, the member cannot be taken away.
const SENT: [(&str, bool); 8] = [
    ("platformVersion", false),
    ("capacityProviderStrategy", true),
    ("networkConfiguration", false),
    ("loadBalancers", true),
    ("serviceRegistries", true),
    ("volumeConfigurations", true),
    ("vpcLatticeConfigurations", true),
    ("monitoring", false),
];

/// Members that are pinned, too, and that UpdateService takes in another form, from other places, or not at all.
const TOLD: [&str; 6] = [
    "launchType",
    "platformFamily",
    "serviceConnectConfiguration",
    "fargateEphemeralStorage",
    "guardDutyEnabled",
    "gatewayConnectors",
];

/// The way back to what a service revision pins.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Pins {
    /// Of UpdateService's request.
    pub(super) edits: Vec<Edit>,
    /// What differs and is not gone back to, in sentences.
    pub(super) left: Vec<String>,
}

impl Pins {
    /// Compares a service revision with what the service has now: its current service revision, where that is known, else
    /// its primary deployment and the service itself.
    pub(super) fn of(setting: &Setting<'_>, service: &Value, revision: &Value) -> Pins {
        let current = setting.scene.service_revisions().next().filter(|now| is_current(service, now));
        let deployments = service["deployments"].as_array().into_iter().flatten();
        let primary = deployments.into_iter().find(|one| one["status"].as_str() == Some("PRIMARY"));
        let described = |member: &str| {
            let of_deployment = primary.and_then(|primary| present(&primary[member]));
            of_deployment.or(present(&service[member]))
        };
        let now =
            |member: &str| current.map_or_else(|| described(member), |current| present(&current[member]));
        let mut pins = Pins::default();
        for (member, can_go) in SENT {
            let (then, now) = (present(&revision[member]), now(member));
            if alike(then, now) || (then.is_none() && member == "platformVersion") {
                continue;
            }
            let after = then.cloned().or_else(|| can_go.then(|| json!([])));
            match after.filter(|after| !hides_something(after)) {
                Some(after) => {
                    let before = present(&service[member]).or_else(|| described(member));
                    if !alike(before, present(&after)) {
                        pins.edits.push(Edit::set(&format!("/{member}"), before, after));
                    }
                }
                None => pins.left.push(left(member, then)),
            }
        }
        // Only service revisions tell all of these.
        for member in TOLD.into_iter().filter(|_| current.is_some()) {
            let (then, now) = (present(&revision[member]), now(member));
            if !alike(then, now) {
                pins.left.push(left(member, then));
            }
        }
        pins
    }

    /// The service as UpdateService would make it.
    pub(super) fn applied(&self, service: &Value, revision: Option<&Value>) -> Value {
        let mut after = service.clone();
        let Some(members) = after.as_object_mut() else { return after };
        for edit in &self.edits {
            let value = edit.after.clone().unwrap_or(Value::Null);
            members.insert(edit.path.trim_start_matches('/').into(), value);
        }
        // A service has either.
        if self.edits.iter().any(|edit| edit.path == "/capacityProviderStrategy") {
            let of_revision = revision.map(|revision| revision["launchType"].clone()).unwrap_or_default();
            members.insert("launchType".into(), of_revision);
        }
        after
    }
}

fn left(member: &str, then: Option<&Value>) -> String {
    match then.and_then(Value::as_str) {
        Some(then) => {
            format!("that deployment had {member} {then}, and the service has another now: it stays as it is")
        }
        None => format!("{member} was another in that deployment: it stays as it is now"),
    }
}

fn is_current(service: &Value, revision: &Value) -> bool {
    let current = service["currentServiceRevisions"].as_array().into_iter().flatten();
    let own = revision["serviceRevisionArn"].as_str();
    own.is_some() && current.into_iter().any(|one| one["arn"].as_str() == own)
}

/// A value that says something: emulators and older answers write what is absent in many ways.
fn present(value: &Value) -> Option<&Value> {
    let empty = match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(|member| present(member).is_none()),
        _ => false,
    };
    (!empty).then_some(value)
}

/// Whether two values mean the same: the order of subnets, groups and the like tells nothing.
fn alike(one: Option<&Value>, other: Option<&Value>) -> bool {
    one.map(in_order) == other.map(in_order)
}

fn in_order(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(in_order).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(members) => {
            let said = members.iter().filter(|(_, member)| present(member).is_some());
            let mut said: Vec<_> = said.map(|(name, member)| (name.clone(), in_order(member))).collect();
            said.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Object(said.into_iter().collect())
        }
        other => other.clone(),
    }
}

/// Whether a case keeps this without its secrets, so that it cannot be sent.
fn hides_something(value: &Value) -> bool {
    match value {
        Value::String(text) => crate::secrets::redacted_length(text).is_some(),
        Value::Array(items) => items.iter().any(hides_something),
        Value::Object(members) => members.values().any(hides_something),
        _ => false,
    }
}
