//! The steps of a plan, and how to undo each of them by hand.

use super::{Action, Deploy, Draft, Edit, NewDefinition, Setting, Step};
use crate::ecs::{last, task_definition_of};
use crate::remedy::quoted;
use serde_json::Value;

/// What a draft does, in order: a new revision, then the service. What belongs to no service is only registered.
pub(super) fn steps(setting: &Setting<'_>, draft: &Draft) -> Vec<Step> {
    let register = register(draft);
    let change = setting.scene.service.map(|service| change(service, draft));
    register.into_iter().chain(change).collect()
}

fn register(draft: &Draft) -> Option<Step> {
    let NewDefinition::Edited { from, edits } = &draft.definition else { return None };
    let family = last(from).split(':').next().unwrap_or_default();
    let undo = format!(
        "aws ecs deregister-task-definition{} --task-definition {}:REVISION",
        region(from),
        quoted(family)
    );
    Some(Step { action: Action::RegisterTaskDefinition { from: from.clone(), edits: edits.clone() }, undo })
}

fn change(service: &Value, draft: &Draft) -> Step {
    let (name, cluster) = (text(&service["serviceArn"]), text(&service["clusterArn"]));
    let before = task_definition_of(service).unwrap_or_default().to_string();
    let after = match &draft.definition {
        NewDefinition::Existing { arn } => Some(arn.clone()),
        NewDefinition::Edited { .. } => None,
    };
    let back = |edits: &[Edit]| {
        let command = format!(
            "aws ecs update-service{} --cluster {} --service {} --task-definition {}",
            region(&name),
            quoted(&cluster),
            quoted(&name),
            quoted(&before)
        );
        with_options(command, edits)
    };
    match &draft.deploy {
        Deploy::Update { edits } => Step {
            undo: back(edits),
            action: Action::UpdateService {
                force_new_deployment: after.as_deref() == Some(&before[..]),
                service: name.clone(),
                cluster: cluster.clone(),
                task_definition_before: before.clone(),
                task_definition_after: after,
                edits: edits.clone(),
            },
        },
        Deploy::Stop { deployment } => Step {
            undo: back(&[]),
            action: Action::StopServiceDeployment {
                service: name.clone(),
                cluster: cluster.clone(),
                deployment: deployment.clone(),
                task_definition_before: before.clone(),
                task_definition_after: after.unwrap_or_default(),
            },
        },
        Deploy::Express { edits } => {
            let command = "aws ecs update-express-gateway-service";
            let command = format!("{command}{} --service-arn {}", region(&name), quoted(&name));
            Step {
                undo: with_options(command, edits),
                action: Action::UpdateExpressGatewayService { service: name.clone(), edits: edits.clone() },
            }
        }
    }
}

/// A command with the options that set edited members back, and below it what no option does.
fn with_options(command: String, edits: &[Edit]) -> String {
    let mut options = String::new();
    let mut by_hand = String::new();
    for edit in edits {
        match option(edit) {
            Some(option) => options += &format!(" {option}"),
            None => by_hand += &format!("  # {} was not set before", edit.path.trim_start_matches('/')),
        }
    }
    command + &options + &by_hand
}

/// The option of the AWS CLI that sets a member of a request back to what it was, where there is one.
fn option(edit: &Edit) -> Option<String> {
    option_of(&edit.path, &edit.undone()?)
}

/// The option of the AWS CLI that sets a member of a request to a value; `None` for what is inside of a member.
pub(crate) fn option_of(path: &str, value: &Value) -> Option<String> {
    let name = kebab(path.strip_prefix('/').filter(|member| !member.contains('/'))?);
    Some(match value {
        Value::Bool(true) => format!("--{name}"),
        Value::Bool(false) => format!("--no-{name}"),
        Value::String(word) => format!("--{name} {}", quoted(word)),
        other => format!("--{name} {}", quoted(&other.to_string())),
    })
}

/// A member's name as the AWS CLI spells it: `enableECSManagedTags` is `enable-ecs-managed-tags`.
fn kebab(member: &str) -> String {
    let letters: Vec<char> = member.chars().collect();
    let mut name = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let after_small = at > 0 && !letters[at - 1].is_ascii_uppercase();
        let before_small = at > 0 && letters.get(at + 1).is_some_and(char::is_ascii_lowercase);
        if letter.is_ascii_uppercase() && (after_small || before_small) {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// The option `--region` with the region of an ARN.
fn region(arn: &str) -> String {
    let region = arn.starts_with("arn:").then(|| arn.split(':').nth(3)).flatten();
    let region = region.filter(|region| !region.is_empty());
    region.map(|region| format!(" --region {}", quoted(region))).unwrap_or_default()
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_of_the_command_line() {
        for (member, name) in [
            ("platformVersion", "platform-version"),
            ("enableECSManagedTags", "enable-ecs-managed-tags"),
            ("healthCheckGracePeriodSeconds", "health-check-grace-period-seconds"),
            ("vpcLatticeConfigurations", "vpc-lattice-configurations"),
            ("cpu", "cpu"),
        ] {
            assert_eq!(kebab(member), name);
        }
    }

    #[test]
    fn members_go_back_to_what_they_were() {
        let constraints = json!([{"type": "memberOf", "expression": "attribute:who == o'neill"}]);
        let edits = [
            Edit::set("/platformVersion", Some(&json!("1.3.0")), "LATEST"),
            Edit::set("/placementConstraints", Some(&constraints), json!([])),
            Edit::set("/enableExecuteCommand", Some(&json!(false)), true),
        ];
        assert_eq!(
            with_options("aws".into(), &edits),
            r#"aws --platform-version 1.3.0 --placement-constraints '[{"type":"memberOf","expression":"attribute:who == o'\''neill"}]' --no-enable-execute-command"#
        );
        let absent = [
            Edit::set("/platformVersion", None, "1.4.0"),
            Edit::set("/capacityProviderStrategy", None, json!([{"capacityProvider": "a"}])),
            Edit::set("/networkConfiguration", None, json!({})),
        ];
        assert_eq!(
            with_options("aws".into(), &absent),
            "aws --platform-version LATEST --capacity-provider-strategy '[]'  # networkConfiguration was not set before"
        );
    }
}
