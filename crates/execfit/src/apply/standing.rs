//! Where a service stands, seen just now.

use super::attempt::Attempt;
use execfit_diagnosis::ecs::{last, task_definition_of};
use execfit_diagnosis::plan::{Action, Precondition};
use execfit_diagnosis::proof::speaks_of_rollback;
use serde_json::Value;

/// A service, as DescribeServices has it; `null` where there is none.
#[derive(Debug, Clone)]
pub(super) struct Standing(pub(super) Value);

/// Whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Position {
    /// As it was before.
    Before,
    /// As the attempt put it.
    Ours,
    /// As somebody else put it: how, in words.
    Elsewhere(String),
}

impl Standing {
    fn primary(&self) -> Option<&Value> {
        let mut deployments = self.0["deployments"].as_array().into_iter().flatten();
        deployments.find(|one| one["status"].as_str() == Some("PRIMARY"))
    }

    /// Id of its primary deployment.
    pub(super) fn deployment(&self) -> Option<&str> {
        self.primary()?["id"].as_str().filter(|id| !id.is_empty())
    }

    /// ARN of the task definition of its primary deployment.
    pub(super) fn task_definition(&self) -> Option<&str> {
        task_definition_of(&self.0)
    }

    /// Whether it is there and takes changes.
    pub(super) fn is_active(&self) -> bool {
        self.0["status"].as_str() == Some("ACTIVE")
    }

    /// Whether ECS itself put the primary deployment there, to go back.
    pub(super) fn was_put_back_by_ecs(&self) -> bool {
        let reason = self.primary().and_then(|primary| primary["rolloutStateReason"].as_str());
        reason.is_some_and(speaks_of_rollback)
    }

    /// What it runs, in words.
    pub(super) fn told(&self) -> String {
        let Some(arn) = self.task_definition().filter(|_| self.is_active()) else {
            return match self.0["status"].as_str() {
                Some(status) => format!("is {status}"),
                None => "is not there any more".into(),
            };
        };
        let deployment = self.deployment().map(|id| format!(" (deployment {id})")).unwrap_or_default();
        format!("runs {}{deployment}", last(arn))
    }

    /// Whose it is, as far as the attempt has come.
    pub(super) fn position(&self, attempt: &Attempt) -> Position {
        let elsewhere = || Position::Elsewhere(format!("the service {} {}", attempt.name(), self.told()));
        if !self.is_active() {
            return elsewhere();
        }
        let (definition, deployment) = (self.task_definition(), self.deployment());
        let at_before = definition == attempt.before();
        // The plan's own word; for services whose deployment it does not know, what was seen before the change.
        let from = planned_deployment(attempt).or(attempt.from.as_deref());
        let same_deployment = from.is_none() || from == deployment;
        if at_before && same_deployment && !(attempt.deployed && from.is_none()) {
            return Position::Before;
        }
        let is_express = matches!(attempt.change(), Some(Action::UpdateExpressGatewayService { .. }));
        let at_after = match attempt.after() {
            Some(after) => definition == Some(&after),
            // ECS makes the revision of an Express service itself.
            None => is_express && !same_deployment,
        };
        let ours = attempt.deployment.as_deref().is_none_or(|id| Some(id) == deployment);
        match attempt.deploying && at_after && ours {
            true => Position::Ours,
            false => elsewhere(),
        }
    }
}

fn planned_deployment(attempt: &Attempt) -> Option<&str> {
    attempt.plan.preconditions.iter().find_map(|precondition| match precondition {
        Precondition::Service { deployment, .. } => deployment.as_deref(),
        _ => None,
    })
}
