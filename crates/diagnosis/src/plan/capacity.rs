//! Whether machines of an architecture would take the tasks of a service.
//!
//! A retarget moves all tasks to other machines. The old ones free nothing there, so the machines need room for the whole
//! desired count besides what runs on them.

mod fargate;
mod growth;
mod instances;
mod managed;
#[cfg(test)]
mod tests;

use super::{Edit, Setting};
use crate::case::Need;
use crate::ecs::{Reservation, Supplier};
use execfit_kernel::host::Architecture;
use serde_json::Value;

/// What is known of the machines for a change of architecture.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Capacity {
    /// Whether they are there for the desired count; `None` where that cannot be told.
    pub there: Option<bool>,
    /// Where it cannot be told: whether only the growth of a capacity provider is in question.
    pub by_growth: bool,
    /// What was found, in sentences.
    pub told: Vec<String>,
    /// What to add where they are not there, or to allow where it cannot be told.
    pub add: Vec<String>,
    /// What else has to change in UpdateService's request: `/platformVersion`.
    pub edits: Vec<Edit>,
}

impl Capacity {
    fn known(there: bool, told: String) -> Capacity {
        Capacity { there: Some(there), told: vec![told], ..Capacity::default() }
    }

    fn unknown(told: String) -> Capacity {
        Capacity { told: vec![told], ..Capacity::default() }
    }

    /// What helps where it is not there.
    fn with(mut self, add: impl Into<String>) -> Capacity {
        self.add.push(add.into());
        self
    }

    /// Both are needed.
    fn and(mut self, other: Capacity) -> Capacity {
        self.by_growth = match (self.there, other.there) {
            (None, None) => self.by_growth && other.by_growth,
            _ => self.by_growth || other.by_growth,
        };
        let there = match (self.there, other.there) {
            (Some(false), _) | (_, Some(false)) => Some(false),
            (None, _) | (_, None) => None,
            (Some(true), Some(true)) => Some(true),
        };
        self.there = there;
        self.by_growth &= there.is_none();
        self.told.extend(other.told);
        for add in other.add {
            if !self.add.contains(&add) {
                self.add.push(add);
            }
        }
        self.edits
            .extend(other.edits.into_iter().filter(|edit| !self.edits.contains(edit)).collect::<Vec<_>>());
        self
    }
}

/// Whether machines of this architecture would take the desired count of new tasks.
///
/// # Errors
/// What AWS is to be asked first.
pub fn capacity(setting: &Setting<'_>, host: Architecture) -> Result<Capacity, Vec<Need>> {
    let scene = setting.scene;
    if let Some(system) = windows(scene.definition).filter(|_| host == Architecture::Arm64) {
        return Ok(Capacity::known(false, format!("there are no arm64 machines for tasks of {system}")));
    }
    let Some(service) = scene.service else { return Ok(of_no_service(scene.definition, host)) };
    let mut whole = Capacity { there: Some(true), ..Capacity::default() };
    let mut needs = Vec::new();
    for demand in scene.demands() {
        if demand.tasks == Some(0) {
            continue;
        }
        let part = match demand.supplier {
            Supplier::Fargate { spot } => Ok(fargate::capacity(setting, service, host, spot)),
            Supplier::Managed { provider } => Ok(managed::capacity(setting, provider, host)),
            Supplier::Instances { .. } => instances::capacity(setting, &demand, host),
        };
        match part {
            Ok(part) => whole = whole.and(part),
            Err(missing) => needs.extend(missing),
        }
    }
    if !needs.is_empty() {
        return Err(needs);
    }
    if service["desiredCount"].as_u64() == Some(0) {
        whole.told.push("the service's desired count is 0: no machine is needed until it is raised".into());
    }
    whole.told.extend(standstill(service));
    Ok(whole)
}

/// The operating system, where it is not Linux.
fn windows(definition: &Value) -> Option<&str> {
    let system = definition["runtimePlatform"]["operatingSystemFamily"].as_str()?;
    system.to_ascii_uppercase().starts_with("WINDOWS").then_some(system)
}

/// What is known of machines for tasks that no service keeps.
fn of_no_service(definition: &Value, host: Architecture) -> Capacity {
    let required = definition["requiresCompatibilities"].as_array().into_iter().flatten();
    let mut required = required.filter_map(Value::as_str).peekable();
    if required.peek().is_some() && required.all(|launch| launch == "FARGATE") {
        return Capacity::known(
            true,
            format!("Fargate brings {host} machines (platform version 1.4.0 and later)"),
        );
    }
    Capacity::unknown(format!(
        "no service runs it: whether there are {host} machines for it depends on the cluster in which it is run"
    ))
}

/// A rolling update that may start nothing before it stops something, and stop nothing before it has started something
/// (ECS API, DeploymentConfiguration).
fn standstill(service: &Value) -> Option<String> {
    let percent =
        |key: &str, default: u64| service["deploymentConfiguration"][key].as_u64().unwrap_or(default);
    let desired = service["desiredCount"].as_u64().unwrap_or(1);
    let (least, most) = (percent("minimumHealthyPercent", 100), percent("maximumPercent", 200));
    let daemon = service["schedulingStrategy"].as_str() == Some("DAEMON");
    let keeps = desired.saturating_mul(least).div_ceil(100);
    let may_have = desired.saturating_mul(most) / 100;
    (!daemon && desired > 0 && keeps >= desired && may_have <= desired).then(|| {
        format!(
            "minimumHealthyPercent {least} and maximumPercent {most} let ECS start no new task while {desired} healthy \
             ones run: the deployment goes on only as old tasks fail"
        )
    })
}

/// What a task reserves, as a phrase: `256 CPU units and 512 MiB`.
fn size(reservation: &Reservation) -> String {
    let mut parts = Vec::new();
    if reservation.cpu > 0 {
        parts.push(format!("{} CPU units", reservation.cpu));
    }
    if reservation.memory > 0 {
        parts.push(format!("{} MiB", reservation.memory));
    }
    if reservation.gpus > 0 {
        parts.push(format!("{} GPUs", reservation.gpus));
    }
    if parts.is_empty() { "nothing".into() } else { parts.join(" and ") }
}

/// `1 task`, `3 tasks`.
fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Why one of these IAM actions gave no answer, and what to do about that.
fn refused(setting: &Setting<'_>, actions: &[&str]) -> Option<(String, String)> {
    let mut refusals = setting.case.refusals.iter();
    let refusal = refusals.find(|refusal| actions.contains(&&refusal.action[..]))?;
    // Throttled or broken off is not denied.
    let add = if refusal.message.contains("denied") {
        format!("allow the IAM action {}, so that it can be told", refusal.action)
    } else {
        format!("run it again: {} gave no answer", refusal.action)
    };
    Some((refusal.message.clone(), add))
}
