//! What a remedy changes, before it becomes a plan.

use super::owner::Aside;
use super::steps::{steps, text};
use super::{Edit, Expected, Method, Plan, Precondition, Proof, SCHEMA, Setting, Wish};
use crate::ecs::task_definition_of;
use crate::finding::Severity;
use crate::verdict::VerdictName;

/// A remedy's own part of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What it does, in a sentence.
    pub title: String,
    /// The task definition that it leads to.
    pub definition: NewDefinition,
    /// How the service gets there.
    pub deploy: Deploy,
    /// Every container, after the change.
    pub containers: Vec<Expected>,
    /// What is known of the machines, in sentences.
    pub capacity: Vec<String>,
    /// What else must hold still.
    pub preconditions: Vec<Precondition>,
    /// What may surprise.
    pub warnings: Vec<String>,
}

/// A task definition to run.
#[derive(Debug, Clone, PartialEq)]
pub enum NewDefinition {
    /// A new revision, made of an earlier one.
    Edited {
        /// ARN of the earlier one.
        from: String,
        /// What changes.
        edits: Vec<Edit>,
    },
    /// A revision that is there.
    Existing {
        /// Its ARN.
        arn: String,
    },
}

/// How a service gets its new task definition.
#[derive(Debug, Clone, PartialEq)]
pub enum Deploy {
    /// By UpdateService, with other members of its request that change.
    Update {
        /// E.g. `platformVersion`.
        edits: Vec<Edit>,
    },
    /// By an end to the service deployment that is under way.
    Stop {
        /// ARN of the service deployment.
        deployment: String,
    },
    /// By UpdateExpressGatewayService; the task definition is ECS's own there.
    Express {
        /// E.g. `cpuArchitecture`.
        edits: Vec<Edit>,
    },
}

/// Makes a draft a plan: orders its steps, says how to undo each, what must hold still, and what proves it.
pub(super) fn complete(setting: &Setting<'_>, wish: &Wish, by: Method, draft: Draft, aside: Aside) -> Plan {
    let mut preconditions: Vec<Precondition> = service_precondition(setting).into_iter().collect();
    preconditions.extend(revision_precondition(setting, &draft));
    for precondition in &draft.preconditions {
        if !preconditions.contains(precondition) {
            preconditions.push(precondition.clone());
        }
    }
    let mut plan = Plan {
        schema: SCHEMA.into(),
        id: String::new(),
        target: setting.case.target.clone(),
        by,
        title: draft.title.clone(),
        cures: cures(setting),
        preconditions,
        steps: steps(setting, &draft),
        proof: proof(setting, wish),
        containers: draft.containers,
        capacity: draft.capacity,
        warnings: [draft.warnings, aside.warnings].concat(),
        left_to_do: aside.left_to_do,
    };
    plan.id = plan.content_id();
    plan
}

/// A line for each container that fails: its name, the finding, and the finding's first line.
fn cures(setting: &Setting<'_>) -> Vec<String> {
    let failing = setting.report.workloads.iter().filter(|workload| workload.verdict == VerdictName::Fails);
    let line = |workload: &crate::report::WorkloadReport| {
        let errors = workload.findings.iter().filter(|finding| finding.severity == Severity::Error);
        let finding = errors.chain(&workload.findings).next()?;
        Some(format!("{}: {}: {}", workload.container, finding.id, finding.message))
    };
    failing.filter_map(line).collect()
}

fn service_precondition(setting: &Setting<'_>) -> Option<Precondition> {
    let service = setting.scene.service?;
    let deployments = service["deployments"].as_array().into_iter().flatten();
    let primary = deployments.into_iter().find(|one| one["status"].as_str() == Some("PRIMARY"));
    Some(Precondition::Service {
        service: text(&service["serviceArn"]),
        task_definition: task_definition_of(service).unwrap_or_default().to_string(),
        deployment: primary.and_then(|one| one["id"].as_str()).map(String::from),
    })
}

/// A service cannot go to a revision that was deregistered meanwhile.
fn revision_precondition(setting: &Setting<'_>, draft: &Draft) -> Option<Precondition> {
    let NewDefinition::Existing { arn } = &draft.definition else { return None };
    let is_new = setting.scene.service.and_then(task_definition_of) != Some(&arn[..]);
    is_new.then(|| Precondition::Revision { task_definition: arn.clone() })
}

fn proof(setting: &Setting<'_>, wish: &Wish) -> Option<Proof> {
    let service = setting.scene.service?;
    Some(Proof {
        service: text(&service["serviceArn"]),
        cluster: text(&service["clusterArn"]),
        settle_seconds: wish.settle_seconds,
    })
}
