//! In what state everything is, in words: what an engineer must know when an attempt stops on the way.

use super::attempt::Attempt;
use execfit_diagnosis::ecs::last;
use execfit_diagnosis::plan::{Action, TAG};

/// A sentence for each thing that the attempt has touched.
pub(super) fn state(attempt: &Attempt) -> Vec<String> {
    let mut told = Vec::new();
    match (&attempt.registered, attempt.registering) {
        (Some(arn), _) if attempt.deregistered => {
            told.push(format!("{} was registered, and is deregistered again", last(arn)));
        }
        (Some(arn), _) => {
            told.push(format!("{} is registered, with the tag {TAG}={}", last(arn), attempt.plan.id));
        }
        (None, Some(newest)) => told.push(format!(
            "a revision newer than {}:{newest} may have been registered, with the tag {TAG}={}",
            attempt.edited().map_or("", family),
            attempt.plan.id
        )),
        (None, None) => {}
    }
    if attempt.change().is_some() {
        told.push(service(attempt));
    }
    told
}

fn service(attempt: &Attempt) -> String {
    let name = attempt.name();
    let after = match (attempt.after(), attempt.change()) {
        (Some(arn), _) => format!(" to {}", last(&arn)),
        (None, Some(Action::UpdateExpressGatewayService { .. })) => " to its new configuration".into(),
        (None, _) => String::new(),
    };
    let before = attempt.before().map_or("what it ran before", last);
    if attempt.restored {
        format!("the service {name} was changed back to {before}")
    } else if attempt.restoring {
        format!("the service {name} was changed{after}; whether it was changed back to {before} is not known")
    } else if attempt.deployed {
        let deployment = attempt.deployment.as_deref().map(|id| format!(" (deployment {id})"));
        format!("the service {name} was changed{after}{}", deployment.unwrap_or_default())
    } else if attempt.deploying {
        format!("whether the service {name} was changed{after} is not known; before, it ran {before}")
    } else {
        format!("the service {name} was not changed: it runs {before}")
    }
}

/// What to do when an attempt stopped on the way.
pub(super) fn next(attempt: &Attempt) -> String {
    if !attempt.begun {
        return "nothing was changed".into();
    }
    let mut sentences = state(attempt);
    sentences.push(match (attempt.ended, attempt.withdraw_by_hand()) {
        (true, Some(command)) => command,
        (true, None) => "nothing is left to finish".into(),
        (false, _) => format!(
            "run `execfit fix {}` again: it looks where this stands, and finishes or undoes it",
            attempt.name()
        ),
    });
    sentences.join("; ")
}

/// The family of a revision's ARN.
pub(super) fn family(arn: &str) -> &str {
    last(arn).split(':').next().unwrap_or_default()
}

impl Attempt {
    /// ARN of the task definition that the service is to run; none where ECS chooses it and has not told yet.
    pub(super) fn after(&self) -> Option<String> {
        match self.change()? {
            Action::UpdateService { task_definition_after, .. } => {
                task_definition_after.clone().or(self.registered.clone())
            }
            Action::StopServiceDeployment { task_definition_after, .. } => {
                Some(task_definition_after.clone())
            }
            _ => self.deployed_definition.clone(),
        }
    }

    /// ARN of the task definition that the service ran before.
    pub(super) fn before(&self) -> Option<&str> {
        use execfit_diagnosis::plan::Precondition;
        match self.change()? {
            Action::UpdateService { task_definition_before, .. }
            | Action::StopServiceDeployment { task_definition_before, .. } => Some(task_definition_before),
            _ => self.plan.preconditions.iter().find_map(|precondition| match precondition {
                Precondition::Service { task_definition, .. } => Some(&task_definition[..]),
                _ => None,
            }),
        }
    }
}
