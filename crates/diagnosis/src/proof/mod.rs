//! Whether a deployment holds: what is seen of it, again and again, becomes events, and in the end a proof or a cause.
//!
//! [`Watch`] is a function of what it was shown. It asks nothing and waits for nothing: whoever observes shows it one
//! [`Snapshot`] after the other, and carries out what a [`Look`] asks for.

mod death;
mod held;
mod rollout;
mod service;
mod tasks;
#[cfg(test)]
mod tests;
mod watch;

pub use service::speaks_of_rollback;
pub use watch::Watch;

use crate::case::Log;
use crate::ecs::LogStream;
use crate::plan::Expected;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is to be proven.
#[derive(Debug, Clone, PartialEq)]
pub struct Awaited {
    /// The service's ARN.
    pub service: String,
    /// The cluster's ARN.
    pub cluster: String,
    /// ARN of the task definition that the new deployment runs.
    pub task_definition: String,
    /// Id of the new deployment, as UpdateService answered; `None` where it is not known: then the first primary
    /// deployment of that task definition is it.
    pub deployment: Option<String>,
    /// The containers of a task, as the model saw them.
    pub containers: Vec<Expected>,
    /// The raw task definition, which tells of health checks and log streams; `None` where it is not at hand: then it
    /// is asked for.
    pub definition: Option<Value>,
    /// For how long all of it must hold, in seconds.
    pub settle_seconds: u64,
    /// When carrying out began, in epoch seconds of this machine: events count from there.
    pub began: f64,
}

/// What AWS says of a service at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// When it was asked, in epoch seconds of this machine.
    pub now: f64,
    /// `Service` of DescribeServices; `null` where there is none any more.
    pub service: Value,
    /// `Task`s of DescribeTasks: those that [`Watch::wanted`] named.
    pub tasks: Vec<Value>,
    /// Lines of the streams that the look before wanted.
    pub logs: Vec<Log>,
    /// `ServiceRevision`s that the look before wanted.
    pub service_revisions: Vec<Value>,
    /// The `ServiceDeployment` that the look before wanted.
    pub service_deployment: Option<Value>,
}

/// What comes of a look at a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// What has changed since the one before, a line each.
    pub events: Vec<Event>,
    /// Where it stands.
    pub state: State,
    /// What the containers that died without a word printed (GetLogEvents).
    pub wants_logs_of: Vec<LogStream>,
    /// ARNs of the service revisions that tell the digests (DescribeServiceRevisions).
    pub wants_service_revisions: Vec<String>,
    /// ARN of the service deployment that tells how far ours is, or who replaced it (DescribeServiceDeployments).
    pub wants_service_deployment: Option<String>,
}

/// Something that happened, in a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Seconds since carrying out began.
    pub seconds: f64,
    /// What it is about.
    pub about: About,
    /// What happened.
    pub text: String,
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// What the tool itself does.
    Step,
    /// A deployment of the service.
    Deployment,
    /// What the service says of itself.
    Service,
    /// A task of the new deployment.
    Task,
    /// The conversation with AWS.
    Aws,
}

/// Where a deployment stands.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// Not there yet.
    Waiting {
        /// For what, in a phrase.
        waits_for: String,
    },
    /// It holds.
    Proven(Proven),
    /// It does not.
    Failed(Cause),
    /// Somebody else has put another deployment in its place.
    Overtaken(Overtaken),
    /// It neither fails nor will it ever be proven.
    Unprovable {
        /// Why.
        why: String,
    },
}

/// The proof.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proven {
    /// Seconds since carrying out began.
    pub seconds: f64,
    /// For how long it held, in seconds.
    pub settled_seconds: f64,
    /// The tasks that the service wants and has.
    pub desired: u64,
    /// Those that were looked at.
    pub tasks: Vec<ProvenTask>,
}

/// A task that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvenTask {
    /// Its ARN.
    pub task: String,
    /// Its containers.
    pub containers: Vec<ProvenContainer>,
}

/// A container that runs, or has ended as it may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvenContainer {
    /// Its name.
    pub container: String,
    /// The digest that it was made from: one of those that were examined.
    pub digest: String,
    /// `running`, `healthy`, or `ended with exit code 0`.
    pub status: String,
}

/// Why a deployment failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// The container that failed, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// ARN of the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// What happened, in a line that names container and task.
    pub text: String,
    /// What the line that the container left means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// Ids of the findings that lead to it, likeliest first: `execfit explain ID`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
    /// ECS goes back by itself, or has gone back.
    pub rolled_back_by_ecs: bool,
}

/// Who took the place of our deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overtaken {
    /// What happened, in a line.
    pub text: String,
    /// ARN of the task definition that the service runs now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_definition: Option<String>,
    /// Id of its primary deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
}
