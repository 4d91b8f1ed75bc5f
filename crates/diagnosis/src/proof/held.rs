//! Whether a deployment is as it should be: what it still waits for, and what waiting will not change.

use super::death::{Container, Task};
use super::service::{count, revision};
use super::tasks::IN_VIEW;
use super::{Awaited, ProvenContainer, ProvenTask};
use crate::ecs::time::seconds;
use crate::findings::printable;
use crate::plan::Expected;
use serde_json::Value;

/// What is seen of a deployment that may hold.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// What is to come yet, in phrases.
    pub(super) waits_for: Vec<String>,
    /// What stands in the way of a proof and will not pass, in sentences.
    pub(super) doubts: Vec<String>,
    /// No one has told yet by which digest a container was made.
    pub(super) wants_digests: bool,
    /// The tasks as they are.
    pub(super) tasks: Vec<ProvenTask>,
    /// How many of them are wanted.
    pub(super) desired: u64,
}

/// Holds our deployment and its tasks against what is awaited.
pub(super) fn held(awaited: &Awaited, own: &Value, living: &[Task<'_>], revisions: &[Value]) -> Held {
    let mut held = Held::default();
    held.counts(own, living.len());
    for task in living {
        held.task(awaited, *task, revisions);
    }
    held.doubts.sort();
    held.doubts.dedup();
    held
}

impl Held {
    fn counts(&mut self, own: &Value, living: usize) {
        let counted = |member| count(own, member);
        let counts = (counted("desiredCount"), counted("runningCount"), counted("pendingCount"));
        let (Some(desired), Some(running), Some(pending)) = counts else {
            return self.waits_for.push("the deployment to tell how many tasks it has".into());
        };
        self.desired = desired;
        if running != desired || pending != 0 || desired == 0 {
            self.waits_for.push(format!("{desired} tasks to run ({running} running, {pending} pending)"));
        }
        let shown = usize::try_from(desired).unwrap_or(usize::MAX).min(IN_VIEW);
        if living < shown {
            self.waits_for.push(format!("{shown} tasks to be seen ({living} so far)"));
        }
    }

    fn task(&mut self, awaited: &Awaited, task: Task<'_>, revisions: &[Value]) {
        let id = task.short();
        if task.status() != "RUNNING" {
            self.waits_for.push(format!("task {id} to run"));
        }
        if task.0["taskDefinitionArn"].as_str() != Some(&awaited.task_definition) {
            let (is, wanted) =
                (revision(&task.0["taskDefinitionArn"]), awaited.task_definition.clone().into());
            self.doubts.push(format!("task {id} is of {is}, not of {}", revision(&wanted)));
        }
        let mut containers = Vec::new();
        for expected in &awaited.containers {
            let name = printable(&expected.container);
            let Some(container) = task.containers().find(|one| one.name() == expected.container) else {
                self.waits_for.push(format!("container {name} of task {id} to be seen"));
                continue;
            };
            let status = match status(awaited, expected, container) {
                Ok(status) => status,
                Err(Open::Waits(what)) => {
                    self.waits_for.push(format!("container {name} of task {id} {what}"));
                    continue;
                }
                Err(Open::Doubt(what)) => {
                    self.doubts.push(format!("container {name} of task {id} {what}"));
                    continue;
                }
            };
            let digest = digest(awaited, container, revisions);
            self.digest(expected, &digest);
            containers.push(ProvenContainer {
                container: expected.container.clone(),
                digest: digest.unwrap_or_default(),
                status: status.into(),
            });
        }
        self.tasks.push(ProvenTask { task: task.arn().to_string(), containers });
    }

    fn digest(&mut self, expected: &Expected, digest: &Option<String>) {
        let name = printable(&expected.container);
        match digest {
            None => {
                self.wants_digests = true;
                self.doubts.push(format!("ECS does not tell which digest container {name} was made from"));
            }
            Some(digest) if expected.digests.iter().any(|one| one.to_string() == *digest) => {}
            Some(digest) => self.doubts.push(format!(
                "container {name} was made from {}, which is not the image that was examined ({})",
                printable(digest),
                expected.image
            )),
        }
    }
}

/// Why a container is not as it should be.
enum Open {
    Waits(String),
    Doubt(String),
}

fn status(awaited: &Awaited, expected: &Expected, container: Container<'_>) -> Result<&'static str, Open> {
    match (container.status(), container.exit()) {
        ("STOPPED", Some(0)) if expected.may_end => Ok("ended with exit code 0"),
        // The task goes on without it and nobody starts it again (ECS developer guide, essential containers).
        ("STOPPED", _) if !expected.essential => Err(Open::Doubt(container.end())),
        ("RUNNING", _) => match container.health() {
            Some("HEALTHY") => Ok("healthy"),
            Some(_) => Err(Open::Waits("to be healthy: it is unhealthy".into())),
            None if has_health_check(awaited, &expected.container) => {
                Err(Open::Waits("to be healthy".into()))
            }
            None => Ok("running"),
        },
        _ => Err(Open::Waits("to run".into())),
    }
}

/// ECS watches the health checks of task definitions only, not those of images (ECS API, HealthCheck).
fn has_health_check(awaited: &Awaited, container: &str) -> bool {
    let definition = awaited.definition.as_ref().unwrap_or(&Value::Null);
    let mut containers = definition["containerDefinitions"].as_array().into_iter().flatten();
    let check = containers
        .find(|one| one["name"].as_str() == Some(container))
        .map(|one| &one["healthCheck"]["command"]);
    check
        .and_then(Value::as_array)
        .is_some_and(|words| !words.is_empty() && words[0].as_str() != Some("NONE"))
}

/// The digest that a container was made from: as the agent tells it, as the reference pins it, else as ECS resolved it
/// for the newest service revision of this task definition (ECS API, `Container.imageDigest`,
/// `ServiceRevision.containerImages`).
fn digest(awaited: &Awaited, container: Container<'_>, revisions: &[Value]) -> Option<String> {
    let told = container.0["imageDigest"].as_str().filter(|digest| !digest.is_empty());
    let pinned =
        || container.0["image"].as_str().and_then(|image| image.split_once('@')).map(|(_, digest)| digest);
    let resolved = || {
        let own =
            revisions.iter().filter(|one| one["taskDefinition"].as_str() == Some(&awaited.task_definition));
        let newest = own.max_by(|a, b| seconds(&a["createdAt"]).total_cmp(&seconds(&b["createdAt"])))?;
        let mut images = newest["containerImages"].as_array()?.iter();
        let image = images.find(|image| image["containerName"].as_str() == Some(container.name()))?;
        image["imageDigest"].as_str().filter(|digest| !digest.is_empty())
    };
    told.or_else(pinned).or_else(resolved).map(String::from)
}
