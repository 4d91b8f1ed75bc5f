//! The revision that a plan registers: the one before, raw, with the plan's edits.

use super::call::{ATTEMPTS, Sent};
use super::hands::Hands;
use super::journal::Entry;
use super::preconditions::gone;
use super::words::family;
use crate::aws::{AwsError, AwsErrorKind, Writing};
use crate::exit::{Exit, Stopped};
use execfit_diagnosis::ecs::last;
use execfit_diagnosis::plan::{Action, TAG, apply, registrable};
use serde_json::{Value, json};

/// The most tags of a resource (ECS API, Tag).
const TAGS: usize = 50;
/// The newest revisions of the family among which one is looked for that an attempt left.
const NEWEST: u16 = 20;
/// Those of them that are read.
const READ: usize = 10;

impl Hands<'_> {
    /// Reads the revision that is edited, and makes the request for the new one.
    ///
    /// # Errors
    /// As [`Hands::world_moved`], which says what comes back.
    pub(super) fn source_moved(&mut self, arn: &str) -> Result<Option<String>, Stopped> {
        let answer = self.observer.wait(self.aws.describe_task_definition(arn));
        let body = self.told(answer)?.body;
        if let Some(why) = gone(arn, &body["taskDefinition"]) {
            return Ok(Some(why));
        }
        let (tags, dropped) = self.tags(body["tags"].as_array().map(Vec::as_slice).unwrap_or_default());
        if tags.len() > TAGS {
            let full = format!(
                "{} has {TAGS} tags, the most that ECS takes: none can mark the new revision",
                last(arn)
            );
            let full = Stopped::new(Exit::Failed, full).help("remove one of them");
            return Err(self.stopped(full));
        }
        let mut request = registrable(&body["taskDefinition"], &tags);
        let edits = self.attempt.plan.steps.iter().find_map(|step| match &step.action {
            Action::RegisterTaskDefinition { edits, .. } => Some(edits.clone()),
            _ => None,
        });
        // What is there is not said: it may be a secret.
        if let Err(stale) = apply(&mut request, &edits.unwrap_or_default()) {
            return Ok(Some(format!("`{}` of {} is not what the plan was made for", stale.path, last(arn))));
        }
        if !dropped.is_empty() && self.registration.is_none() {
            self.step(format!("tags that AWS keeps to itself are not copied: {}", dropped.join(", ")));
        }
        self.registration = Some(request);
        Ok(None)
    }

    /// The tags of the new revision, and the names of those that only AWS itself may set (ECS API, Tag: no key begins
    /// with `aws:`, in any case).
    fn tags(&self, there: &[Value]) -> (Vec<Value>, Vec<String>) {
        let key = |tag: &Value| tag["key"].as_str().unwrap_or_default().to_string();
        let of_aws = |tag: &&Value| key(tag).to_ascii_lowercase().starts_with("aws:");
        let dropped = there.iter().filter(of_aws).map(key).collect();
        let kept = there.iter().filter(|tag| !of_aws(tag) && key(tag) != TAG).cloned();
        (kept.chain([json!({"key": TAG, "value": self.attempt.plan.id})]).collect(), dropped)
    }

    /// Sees to it that the revision is there, where the plan registers one. What has moved, where the world is another
    /// one by now.
    pub(super) fn register(&mut self) -> Result<Option<String>, Stopped> {
        let Some(from) = self.attempt.edited().map(String::from) else { return Ok(None) };
        if self.attempt.registered.is_some() {
            return Ok(None);
        }
        let moved = if self.registration.is_none() { self.world_moved()? } else { None };
        let mut lost = None;
        for attempt in 1..=ATTEMPTS {
            let newest = match self.left(&from)? {
                Left::Revision(arn) => {
                    self.step(format!(
                        "{} is there already: an attempt that was cut short registered it",
                        last(&arn)
                    ));
                    self.done(Entry::Registered { revision: arn })?;
                    return Ok(moved);
                }
                Left::Nothing { newest } => newest,
            };
            let (None, Some(request)) = (&moved, self.registration.clone()) else { return Ok(moved) };
            self.safe_point()?;
            self.intend(Entry::Registering { newest })?;
            match self.send(Writing::RegisterTaskDefinition, &format!("family {}", family(&from)), &request) {
                Ok(Sent::Answered(body)) => return self.registered(body, &from).map(|()| None),
                Ok(Sent::Lost(error)) => lost = Some(error),
                Err(error) => return Err(self.refused(error)),
            }
            self.pause(attempt);
        }
        if let Left::Revision(arn) = self.left(&from)? {
            self.done(Entry::Registered { revision: arn })?;
            return Ok(None);
        }
        Err(lost.map_or_else(
            || self.stopped(Stopped::new(Exit::Failed, "no answer")),
            |error| self.stopped(error),
        ))
    }

    fn registered(&mut self, body: Value, from: &str) -> Result<(), Stopped> {
        let definition = body.get("taskDefinition").cloned().unwrap_or_default();
        let arn = definition["taskDefinitionArn"].as_str().unwrap_or_default().to_string();
        let place = |arn: &str| arn.rsplit_once(':').map(|(place, _)| place.to_string());
        if place(&arn) != place(from) {
            let what =
                format!("ecs:RegisterTaskDefinition answers with a revision of another place than {from}");
            return Err(self.stopped(Stopped::new(Exit::Failed, what)));
        }
        self.step(format!("registered {}", last(&arn)));
        self.definition = Some(definition);
        self.done(Entry::Registered { revision: arn })
    }

    /// AWS refuses a call: for good, then what was registered goes, and nothing is left; or for now.
    pub(super) fn refused(&mut self, error: AwsError) -> Stopped {
        if !Self::is_final(&error) {
            return self.stopped(error);
        }
        // A call that is refused did nothing, and those before it were looked after.
        self.attempt.deploying = false;
        if self.attempt.registered.is_none() {
            self.attempt.registering = None;
        }
        if let Err(stopped) = self.withdraw().and_then(|()| self.done(Entry::End { ending: None })) {
            return stopped;
        }
        self.stopped(error)
    }

    /// Looks for the revision that an attempt at this plan left: newer than the family's newest one when it began (else
    /// than the one that is edited), with its tag, and made as it would be made now.
    fn left(&mut self, from: &str) -> Result<Left, Stopped> {
        let floor = self.attempt.registering.unwrap_or_else(|| number(from));
        let listed = match self.observer.wait(self.aws.list_task_definitions(family(from), NEWEST)) {
            Ok(listed) => listed,
            Err(error) if error.kind == AwsErrorKind::Denied => {
                self.said_by_aws(format!(
                    "a revision that an earlier attempt left cannot be looked for: {error}"
                ));
                return Ok(Left::Nothing { newest: floor });
            }
            Err(error) => return Err(self.stopped(error)),
        };
        let listed = listed.array("taskDefinitionArns").iter().filter_map(Value::as_str);
        let arns: Vec<String> = listed
            .filter(|arn| family(arn) == family(from) && number(arn) > floor)
            .map(String::from)
            .collect();
        let newest = arns.iter().map(|arn| number(arn)).max().unwrap_or(floor);
        for arn in arns.iter().take(READ) {
            if self.is_ours(arn)? {
                return Ok(Left::Revision(arn.clone()));
            }
        }
        Ok(Left::Nothing { newest: self.attempt.registering.unwrap_or(newest) })
    }

    fn is_ours(&mut self, arn: &str) -> Result<bool, Stopped> {
        let body = match self.observer.wait(self.aws.describe_task_definition(arn)) {
            Ok(answer) => answer.body,
            Err(error) if error.kind == AwsErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(self.stopped(error)),
        };
        let tags = body["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mark = |tag: &Value| tag["key"] == TAG && tag["value"].as_str() == Some(&self.attempt.plan.id);
        if !tags.iter().any(mark) {
            return Ok(false);
        }
        let there = registrable(&body["taskDefinition"], tags);
        let same = self.registration.as_ref().is_none_or(|wanted| normal(wanted) == normal(&there));
        if same {
            self.definition = body.get("taskDefinition").cloned();
        } else {
            let told =
                format!("{} has the tag of this plan, and is not what it registers: look at it", last(arn));
            if !self.left_to_do.contains(&told) {
                self.left_to_do.push(told);
            }
        }
        Ok(same)
    }

    /// Deregisters the revision that was registered, unless the service runs it. Where that does not work it is named.
    pub(super) fn withdraw(&mut self) -> Result<(), Stopped> {
        let Some(arn) = self.attempt.registered.clone().filter(|_| !self.attempt.deregistered) else {
            return Ok(());
        };
        if self.seen.as_ref().and_then(|seen| seen.task_definition()) == Some(&arn[..]) {
            self.left_to_do.push(format!(
                "{} stays: the service {} runs it",
                last(&arn),
                self.attempt.name()
            ));
            return Ok(());
        }
        self.safe_point()?;
        self.intend(Entry::Deregistering { revision: arn.clone() })?;
        let (object, body) = (format!("task definition {}", last(&arn)), json!({"taskDefinition": arn}));
        let mut trouble = None;
        for attempt in 1..=ATTEMPTS {
            match self.send(Writing::DeregisterTaskDefinition, &object, &body) {
                Ok(Sent::Answered(_)) => trouble = None,
                // To look whether it took effect costs as much as to ask again: it is gone either way.
                Ok(Sent::Lost(error)) if attempt < ATTEMPTS => {
                    trouble = Some(error);
                    self.pause(attempt);
                    continue;
                }
                Ok(Sent::Lost(error)) => trouble = Some(error),
                Err(error) => trouble = (!self.is_inactive(&arn)).then_some(error),
            }
            break;
        }
        if let Some(error) = trouble {
            self.said_by_aws(error.to_string());
            self.left_to_do.extend(self.attempt.withdraw_by_hand());
            return Ok(());
        }
        self.step(format!("deregistered {}", last(&arn)));
        self.done(Entry::Deregistered { revision: arn })
    }

    fn is_inactive(&mut self, arn: &str) -> bool {
        let answer = self.observer.wait(self.aws.describe_task_definition(arn));
        answer.is_ok_and(|answer| answer.body["taskDefinition"]["status"].as_str() != Some("ACTIVE"))
    }
}

/// What a look for a revision finds.
enum Left {
    /// Its ARN.
    Revision(String),
    /// None; the number of the family's newest revision.
    Nothing { newest: u64 },
}

/// The number of a revision's ARN.
fn number(arn: &str) -> u64 {
    arn.rsplit(':').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// A document as it may be compared: ECS leaves out what is empty, and answers lists of objects (environment, tags, port
/// mappings) in an order of its own.
fn normal(document: &Value) -> Value {
    match document {
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), normal(value)));
            Value::Object(members.filter(|(_, value)| !is_empty(value)).collect())
        }
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(normal).collect();
            if items.iter().all(Value::is_object) {
                items.iter_mut().for_each(Value::sort_all_objects);
                items.sort_by_key(Value::to_string);
            }
            Value::Array(items)
        }
        other => other.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ecs_answers_in_another_form_is_the_same() {
        let one = json!({"family": "api", "volumes": [], "containerDefinitions": [
            {"name": "a", "environment": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}], "command": ["x", "y"]}
        ]});
        let other = json!({"containerDefinitions": [
            {"environment": [{"value": "1", "name": "A"}, {"name": "B", "value": "2"}], "command": ["x", "y"], "name": "a"}
        ], "family": "api"});
        assert_eq!(normal(&one), normal(&other));
        let mut changed = other.clone();
        changed["containerDefinitions"][0]["command"] = json!(["y", "x"]);
        assert_ne!(normal(&one), normal(&changed));
    }
}
