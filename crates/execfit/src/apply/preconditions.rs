//! Whether the world is still the one that the plan was made for.

use super::hands::Hands;
use super::standing::{Position, Standing};
use crate::exit::{Exit, Stopped};
use execfit_diagnosis::ecs::last;
use execfit_diagnosis::plan::{Action, Edit, Precondition};
use serde_json::{Value, json};

impl Hands<'_> {
    /// Looks at everything that must hold still. Each thing is asked for once.
    ///
    /// # Errors
    /// [`Stopped`] that names what has moved, or what cannot be seen.
    pub(super) fn check_world(&mut self) -> Result<(), Stopped> {
        if let Some(why) = self.world_moved()? {
            let moved =
                Stopped::new(Exit::Unknown, format!("the plan is out of date: {why}; nothing was changed"));
            return Err(moved.help(format!("make a new one: execfit fix {}", self.attempt.name())));
        }
        Ok(())
    }

    /// What has moved, in words.
    pub(super) fn world_moved(&mut self) -> Result<Option<String>, Stopped> {
        if let Some(arn) = self.attempt.edited().map(String::from)
            && let Some(why) = self.source_moved(&arn)?
        {
            return Ok(Some(why));
        }
        // The service last: what is done next rests on it.
        let mut preconditions = self.attempt.plan.preconditions.clone();
        preconditions.sort_by_key(|one| matches!(one, Precondition::Service { .. }));
        for precondition in preconditions {
            let moved = match &precondition {
                Precondition::Service { .. } => {
                    let standing = self.look()?;
                    self.service_moved(&standing)
                }
                Precondition::Revision { task_definition } => self.revision_moved(task_definition)?,
                Precondition::Image { name, digest, repository_credentials } => {
                    let now = self.observer.digest_now(name, repository_credentials.as_deref());
                    let now = now.map_err(|stopped| self.stopped(stopped))?;
                    let moved = now.as_ref() != Some(digest);
                    moved.then(|| match now {
                        Some(now) => format!("{name} names {now} now, and the plan was made for {digest}"),
                        None => format!("{name} is not there any more, and the plan was made for {digest}"),
                    })
                }
            };
            if moved.is_some() {
                return Ok(moved);
            }
        }
        Ok(None)
    }

    /// Whether a service is not as before, or a member of it that is to be changed.
    pub(super) fn service_moved(&self, standing: &Standing) -> Option<String> {
        match standing.position(&self.attempt) {
            Position::Before => {}
            Position::Ours => {
                return Some(format!("the service {} {}", self.attempt.name(), standing.told()));
            }
            Position::Elsewhere(words) => {
                let before = self.attempt.before().map_or("something else", last);
                return Some(format!("{words}, and the plan was made for {before}"));
            }
        }
        let Some(Action::UpdateService { edits, .. }) = self.attempt.change() else { return None };
        let stale = edits.iter().find(|edit| !stands(&standing.0, edit))?;
        Some(format!("`{}` of the service {} has changed", stale.path, self.attempt.name()))
    }

    /// Whether a revision is gone.
    fn revision_moved(&mut self, arn: &str) -> Result<Option<String>, Stopped> {
        if self.attempt.edited() == Some(arn) {
            return Ok(None); // It was read already.
        }
        let answer = self.observer.wait(self.aws.describe_task_definition(arn));
        let mut body = self.told(answer)?.body;
        let moved = gone(arn, &body["taskDefinition"]);
        self.definition = Some(body["taskDefinition"].take());
        Ok(moved)
    }
}

/// Whether a task definition is another one, or was deregistered.
pub(super) fn gone(arn: &str, definition: &Value) -> Option<String> {
    if definition["taskDefinitionArn"].as_str() != Some(arn) {
        return Some(format!("AWS does not answer with {} where it is asked for", last(arn)));
    }
    match definition["status"].as_str() {
        None | Some("ACTIVE") => None,
        Some(status) => {
            let status: String = status.chars().take(40).collect();
            Some(format!("{} is {status}", last(arn)))
        }
    }
}

/// Whether what an edit of UpdateService's request knows of before is what the service has. Where DescribeServices has no
/// such member there is nothing to compare; empty is absent.
fn stands(service: &Value, edit: &Edit) -> bool {
    let set = |value: &&Value| !value.is_null() && **value != json!("") && **value != json!([]);
    let found = service.pointer(&edit.path).filter(set);
    found.is_none() || found == edit.before.as_ref().filter(set)
}
