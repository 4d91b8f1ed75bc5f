//! The requests that change a service: what the plan names, and nothing else.

use super::Stopped;
use super::attempt::Attempt;
use crate::aws::Writing;
use crate::exit::Exit;
use execfit_diagnosis::plan::{Action, Edit, apply};
use serde_json::{Value, json};

/// A call and its body.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub(super) writing: Writing,
    pub(super) body: Value,
}

/// The request that changes the service, to the task definition `after` where the plan leaves it to the revision that it
/// registers.
pub(super) fn forth(action: &Action, after: Option<&str>) -> Result<Request, Stopped> {
    match action {
        Action::UpdateService { service, cluster, force_new_deployment, edits, .. } => {
            let mut body = json!({"cluster": cluster, "service": service, "taskDefinition": after});
            if *force_new_deployment {
                body["forceNewDeployment"] = json!(true);
            }
            set(&mut body, edits.iter().map(|edit| (edit, edit.after.clone())))?;
            Ok(Request { writing: Writing::UpdateService, body })
        }
        Action::StopServiceDeployment { deployment, .. } => {
            let body = json!({"serviceDeploymentArn": deployment, "stopType": "ROLLBACK"});
            Ok(Request { writing: Writing::StopServiceDeployment, body })
        }
        Action::UpdateExpressGatewayService { service, edits } => {
            let mut body = json!({"serviceArn": service});
            set(&mut body, edits.iter().map(|edit| (edit, edit.after.clone())))?;
            Ok(Request { writing: Writing::UpdateExpressGatewayService, body })
        }
        Action::RegisterTaskDefinition { .. } => Err(malformed("a revision is no change of a service")),
    }
}

/// The request that changes it back.
pub(super) fn back(attempt: &Attempt) -> Result<Request, Stopped> {
    let before = attempt.before();
    match attempt.change() {
        Some(Action::UpdateService { service, cluster, force_new_deployment, edits, .. }) => {
            let mut body = json!({"cluster": cluster, "service": service, "taskDefinition": before});
            if *force_new_deployment {
                body["forceNewDeployment"] = json!(true);
            }
            set(&mut body, edits.iter().map(|edit| (edit, edit.undone())))?;
            Ok(Request { writing: Writing::UpdateService, body })
        }
        Some(Action::StopServiceDeployment { service, cluster, .. }) => {
            let body = json!({"cluster": cluster, "service": service, "taskDefinition": before});
            Ok(Request { writing: Writing::UpdateService, body })
        }
        Some(Action::UpdateExpressGatewayService { service, edits }) => {
            let mut body = json!({"serviceArn": service});
            set(&mut body, edits.iter().map(|edit| (edit, edit.undone())))?;
            Ok(Request { writing: Writing::UpdateExpressGatewayService, body })
        }
        _ => Err(malformed("it changes no service")),
    }
}

/// Sets members of a request; those that are not to be there are not named.
fn set<'e>(
    body: &mut Value,
    members: impl Iterator<Item = (&'e Edit, Option<Value>)>,
) -> Result<(), Stopped> {
    for (edit, value) in members {
        let Some(value) = value else { continue };
        let member = Edit { path: edit.path.clone(), before: None, after: Some(value) };
        apply(body, &[member])
            .map_err(|_| malformed(&format!("`{}` is no member of the request", edit.path)))?;
    }
    Ok(())
}

fn malformed(why: &str) -> Stopped {
    Stopped::new(Exit::Usage, format!("the plan cannot be carried out: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(edits: Vec<Edit>) -> Action {
        Action::UpdateService {
            service: "arn:aws:ecs:eu-central-1:111122223333:service/demo/api".into(),
            cluster: "arn:aws:ecs:eu-central-1:111122223333:cluster/demo".into(),
            task_definition_before: "arn:aws:ecs:eu-central-1:111122223333:task-definition/api:7".into(),
            task_definition_after: None,
            force_new_deployment: false,
            edits,
        }
    }

    #[test]
    fn a_request_holds_what_the_plan_names() {
        let edits = vec![
            Edit::set("/platformVersion", Some(&json!("1.3.0")), "LATEST"),
            Edit::set("/networkConfiguration/awsvpcConfiguration", None, json!({"subnets": ["s"]})),
        ];
        let request = forth(&update(edits), Some("arn:8")).unwrap();
        assert_eq!(
            request.body,
            json!({
                "cluster": "arn:aws:ecs:eu-central-1:111122223333:cluster/demo",
                "service": "arn:aws:ecs:eu-central-1:111122223333:service/demo/api",
                "taskDefinition": "arn:8",
                "platformVersion": "LATEST",
                "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}}
            })
        );
        assert!(forth(&update(vec![Edit::set("/service/x", None, 1)]), Some("a")).is_err());
    }
}
