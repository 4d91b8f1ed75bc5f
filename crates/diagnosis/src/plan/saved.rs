//! A plan on its way through a file: it is read again only where it is whole.

use super::{Action, Edit, Plan, Precondition, SCHEMA, Step};
use crate::target::{Target, TargetKind};
use execfit_image::digest::Digest;
use serde_json::Value;

/// The longest plan that is read, in bytes. A task definition has 64 KiB at most (ECS quotas), and a plan names it a few
/// times.
pub const LONGEST: usize = 1024 * 1024;

/// Why a text is no plan to carry out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It is longer than [`LONGEST`].
    #[error("it has more than {LONGEST} bytes, the most that is read")]
    TooLong,
    /// It is no JSON, or lacks something.
    #[error("{0}")]
    Form(String),
    /// It has another schema.
    #[error("its schema is `{0}`, expected {SCHEMA}")]
    Schema(String),
    /// Something in it would be passed over.
    #[error("`{0}` is nothing that a plan of this version has: it would not be carried out")]
    Unknown(String),
    /// It was changed after it was made.
    #[error("it is not as it was made: its content has the id {found}, and it names itself {named}")]
    Changed {
        /// The id that it names.
        named: String,
        /// The id of what it holds.
        found: String,
    },
    /// Its parts speak of different things.
    #[error("{0}")]
    Torn(String),
}

impl Plan {
    /// The id of what it holds: of everything but the id.
    pub fn content_id(&self) -> String {
        let anonymous = Plan { id: String::new(), ..self.clone() };
        let text = serde_json::to_vec(&anonymous).unwrap_or_default();
        Digest::of(&text).hex().chars().take(12).collect()
    }

    /// Reads what was saved. Nothing in it is passed over, it is as it was made, and all of it speaks of one service or
    /// family in one account and region.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn read(text: &[u8]) -> Result<Plan, Broken> {
        if text.len() > LONGEST {
            return Err(Broken::TooLong);
        }
        let saved: Value = serde_json::from_slice(text).map_err(|error| Broken::Form(error.to_string()))?;
        if let Some(other) = saved["schema"].as_str().filter(|schema| *schema != SCHEMA) {
            return Err(Broken::Schema(other.chars().take(100).collect()));
        }
        let plan: Plan =
            serde_json::from_value(saved.clone()).map_err(|error| Broken::Form(error.to_string()))?;
        let again = serde_json::to_value(&plan).map_err(|error| Broken::Form(error.to_string()))?;
        if let Some(path) = difference(&saved, &again) {
            return Err(Broken::Unknown(path));
        }
        let found = plan.content_id();
        if found != plan.id {
            return Err(Broken::Changed { named: plan.id.chars().take(100).collect(), found });
        }
        one_place(&plan)?;
        steps_in_order(&plan.steps)?;
        plan.steps.iter().flat_map(|step| step.action.edits()).try_for_each(sound)?;
        Ok(plan)
    }
}

impl Action {
    /// What it edits.
    pub fn edits(&self) -> &[Edit] {
        match self {
            Action::RegisterTaskDefinition { edits, .. }
            | Action::UpdateService { edits, .. }
            | Action::UpdateExpressGatewayService { edits, .. } => edits,
            Action::StopServiceDeployment { .. } => &[],
        }
    }
}

/// Where two documents differ first, as a JSON Pointer.
fn difference(one: &Value, other: &Value) -> Option<String> {
    match (one, other) {
        (Value::Object(ones), Value::Object(others)) => {
            let missing = others.keys().filter(|key| !ones.contains_key(*key));
            let mut keys = ones.keys().chain(missing);
            keys.find_map(|key| match (ones.get(key), others.get(key)) {
                (Some(one), Some(other)) => difference(one, other).map(|path| format!("/{key}{path}")),
                _ => Some(format!("/{key}")),
            })
        }
        (Value::Array(ones), Value::Array(others)) if ones.len() == others.len() => {
            let mut pairs = ones.iter().zip(others).enumerate();
            pairs.find_map(|(index, (one, other))| {
                difference(one, other).map(|path| format!("/{index}{path}"))
            })
        }
        _ => (one != other).then(String::new),
    }
}

/// Members that an edit may not reach, since the step itself says what becomes of them.
const OF_THE_STEP: [&str; 7] =
    ["", "family", "tags", "service", "cluster", "taskDefinition", "forceNewDeployment"];

fn sound(edit: &Edit) -> Result<(), Broken> {
    let mut parts = edit.path.split('/');
    let (root, member) = (parts.next(), parts.next().unwrap_or_default());
    if root != Some("") || OF_THE_STEP.contains(&member) {
        return Err(Broken::Torn(format!("an edit of `{}` is none that a plan makes", edit.path)));
    }
    if edit.before == edit.after {
        return Err(Broken::Torn(format!("the edit of `{}` changes nothing", edit.path)));
    }
    Ok(())
}

/// At most one revision is registered, and then at most one service is changed.
fn steps_in_order(steps: &[Step]) -> Result<(), Broken> {
    use Action::{RegisterTaskDefinition, StopServiceDeployment, UpdateExpressGatewayService, UpdateService};
    match steps.iter().map(|step| &step.action).collect::<Vec<_>>()[..] {
        [RegisterTaskDefinition { .. }]
        | [RegisterTaskDefinition { .. }, UpdateService { task_definition_after: None, .. }]
        | [UpdateService { task_definition_after: Some(_), .. }]
        | [StopServiceDeployment { .. } | UpdateExpressGatewayService { .. }] => Ok(()),
        _ => Err(Broken::Torn("its steps are not in an order that a plan has".into())),
    }
}

/// What an ARN of ECS begins with: `arn:PARTITION:ecs:REGION:ACCOUNT`.
fn place(arn: &str) -> Option<&str> {
    let valid = |c: char| c.is_ascii_alphanumeric() || "-_/:".contains(c);
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "ecs", region, account, resource] = parts[..] else { return None };
    let named = !region.is_empty() && !account.is_empty() && !resource.is_empty();
    (named && arn.chars().all(valid)).then(|| &arn[..arn.len() - resource.len() - 1])
}

/// Every ARN is of one account and region, and every service the one that was asked about.
fn one_place(plan: &Plan) -> Result<(), Broken> {
    let (mut arns, mut services) = (Vec::new(), Vec::new());
    for precondition in &plan.preconditions {
        match precondition {
            Precondition::Service { service, task_definition, .. } => {
                services.push(service);
                arns.push(task_definition);
            }
            Precondition::Revision { task_definition } => arns.push(task_definition),
            Precondition::Image { .. } => {}
        }
    }
    for step in &plan.steps {
        match &step.action {
            Action::RegisterTaskDefinition { from, .. } => arns.push(from),
            Action::UpdateService {
                service, cluster, task_definition_before, task_definition_after, ..
            } => {
                services.push(service);
                arns.extend([cluster, task_definition_before]);
                arns.extend(task_definition_after);
            }
            Action::StopServiceDeployment {
                service,
                cluster,
                deployment,
                task_definition_before,
                task_definition_after,
            } => {
                services.push(service);
                arns.extend([cluster, deployment, task_definition_before, task_definition_after]);
            }
            Action::UpdateExpressGatewayService { service, .. } => services.push(service),
        }
    }
    if let Some(proof) = &plan.proof {
        services.push(&proof.service);
        arns.push(&proof.cluster);
    }
    let first = services.first().or(arns.first()).and_then(|arn| place(arn));
    let torn = |why: String| Err(Broken::Torn(why));
    let Some(first) = first else { return torn("it names nothing of ECS that it would change".into()) };
    if let Some(arn) = arns.iter().chain(&services).find(|arn| place(arn) != Some(first)) {
        return torn(format!("`{arn}` is no ARN of ECS in {first}, where the rest of the plan is"));
    }
    if let Some(other) = services.iter().find(|service| **service != services[0]) {
        return torn(format!("it changes two services, {} and {other}", services[0]));
    }
    of_target(&plan.target, first, services.first().map(|arn| &arn[..]), &arns)
}

fn of_target(target: &Target, place: &str, service: Option<&str>, arns: &[&String]) -> Result<(), Broken> {
    let last = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_string();
    let region = place.split(':').nth(3);
    let is_it = match (&target.kind, service) {
        (TargetKind::Service { service, .. }, Some(arn)) => last(arn) == last(service),
        (TargetKind::TaskDefinition { family, .. }, None) => {
            arns.iter().all(|arn| last(arn).split(':').next() == Some(family))
        }
        (TargetKind::Task { .. } | TargetKind::Documents { .. }, _) => true,
        _ => false,
    };
    if !is_it || target.region.as_deref().is_some_and(|named| Some(named) != region) {
        return Err(Broken::Torn(format!("it was made for {}, and changes something else", target.kind)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Method;
    use serde_json::json;

    const ECS: &str = "arn:aws:ecs:eu-central-1:111122223333";

    fn plan() -> Plan {
        let (service, cluster) = (format!("{ECS}:service/demo/api"), format!("{ECS}:cluster/demo"));
        let before = format!("{ECS}:task-definition/api:2");
        let register = Action::RegisterTaskDefinition {
            from: before.clone(),
            edits: vec![Edit::set("/runtimePlatform/cpuArchitecture", None, "ARM64")],
        };
        let update = Action::UpdateService {
            service: service.clone(),
            cluster,
            task_definition_before: before.clone(),
            task_definition_after: None,
            force_new_deployment: false,
            edits: Vec::new(),
        };
        let mut plan = Plan {
            schema: SCHEMA.into(),
            id: String::new(),
            target: Target::parse(&service).unwrap(),
            by: Method::Retarget,
            title: "run it on ARM64".into(),
            cures: Vec::new(),
            containers: Vec::new(),
            capacity: Vec::new(),
            preconditions: vec![Precondition::Service {
                service,
                task_definition: before,
                deployment: Some("ecs-svc/1".into()),
            }],
            steps: [register, update].map(|action| Step { action, undo: "undo".into() }).into(),
            proof: None,
            warnings: Vec::new(),
            left_to_do: Vec::new(),
        };
        plan.id = plan.content_id();
        plan
    }

    fn read(value: &Value) -> String {
        match Plan::read(value.to_string().as_bytes()) {
            Ok(_) => "whole".into(),
            Err(broken) => broken.to_string(),
        }
    }

    /// The plan with a change, and with the id that this gives it where it is still a plan.
    fn forged(pointer: &str, value: Value) -> String {
        let mut saved = json!(plan());
        match saved.pointer_mut(pointer) {
            Some(place) => *place = value,
            None => saved["steps"][0]["edits"][0]["before"] = value,
        }
        if let Ok(plan) = serde_json::from_value::<Plan>(saved.clone()) {
            saved["id"] = plan.content_id().into();
        }
        read(&saved)
    }

    #[test]
    fn what_was_saved_is_read_again() {
        let text = serde_json::to_vec_pretty(&plan()).unwrap();
        assert_eq!(Plan::read(&text), Ok(plan()));
    }

    #[test]
    fn a_plan_that_was_changed_is_none() {
        let mut saved = json!(plan());
        saved["title"] = "all is well".into();
        assert!(read(&saved).starts_with("it is not as it was made: its content has the id "));
        for (pointer, member) in [("", "x"), ("/steps/0", "x"), ("/steps/1/edits", "x"), ("/target", "x")] {
            let mut saved = json!(plan());
            let Some(Value::Object(place)) = saved.pointer_mut(pointer) else { continue };
            place.insert(member.into(), 1.into());
            let path = format!("`{pointer}/{member}` is nothing that a plan of this version has");
            assert!(read(&saved).starts_with(&path), "{}", read(&saved));
        }
        let mut saved = json!(plan());
        saved.as_object_mut().unwrap().shift_remove("warnings");
        assert!(read(&saved).contains("missing field `warnings`"));
        saved["schema"] = "execfit/plan/v2".into();
        assert_eq!(read(&saved), "its schema is `execfit/plan/v2`, expected execfit/plan/v1");
        assert_eq!(Plan::read(&vec![b' '; LONGEST + 1]), Err(Broken::TooLong));
        assert!(
            Plan::read(b"[[[[").is_err() && Plan::read(&[b'['; 100_000]).is_err() && Plan::read(b"").is_err()
        );
    }

    #[test]
    fn a_forged_plan_speaks_of_one_thing_only() {
        let arn = |resource: &str| json!(format!("{ECS}:{resource}"));
        for (pointer, value, words) in [
            ("/steps/1/service", arn("service/demo/other"), "two services"),
            (
                "/steps/0/from",
                json!("arn:aws:ecs:eu-central-1:999999999999:task-definition/api:2"),
                "is no ARN",
            ),
            ("/steps/0/from", json!("api:2"), "is no ARN"),
            ("/steps/0/from", arn("task-definition/api:2\u{1b}[31m"), "is no ARN"),
            ("/target/service", json!("other"), "made for service demo/other"),
            ("/target/region", json!("us-east-1"), "made for service demo/api"),
            ("/steps/0/edits/0/path", json!("/family"), "none that a plan makes"),
            ("/steps/0/edits/0/path", json!(""), "none that a plan makes"),
            ("/steps/0/edits/0/path", json!("family"), "none that a plan makes"),
            ("/steps/0/edits/0/before", json!("ARM64"), "changes nothing"),
            ("/steps/1/task_definition_after", arn("task-definition/api:1"), "not in an order"),
            ("/steps", json!([]), "not in an order"),
        ] {
            let told = forged(pointer, value);
            assert!(told.contains(words), "{pointer}: {told}");
        }
    }
}
