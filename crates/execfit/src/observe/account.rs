//! Whether a saved plan is for the account that the credentials are for.

use crate::aws::Aws;
use crate::exit::{Exit, Stopped};
use execfit_diagnosis::plan::{Action, Plan, Precondition};
use execfit_diagnosis::target::TargetKind;

/// Asks AWS what it calls by the plan's names, and compares the ARN: names are looked up in the account of the
/// credentials. What is not there is left to be missed where it is needed.
pub(super) async fn compare(aws: &Aws, plan: &Plan) -> Result<(), Stopped> {
    let (planned, found) = match &plan.target.kind {
        TargetKind::Service { cluster, service } => {
            let answer = aws.describe_services(cluster, std::slice::from_ref(service)).await?;
            let found = answer.array("services").first().and_then(|service| service["serviceArn"].as_str());
            (service_of(plan), found.map(String::from))
        }
        _ => {
            let Some(from) = revision_of(plan) else { return Ok(()) };
            let name = from.rsplit('/').next().unwrap_or(from);
            let answer = aws.describe_task_definition(name).await?;
            (Some(from), answer.body["taskDefinition"]["taskDefinitionArn"].as_str().map(String::from))
        }
    };
    let account = |arn: &str| arn.split(':').nth(4).unwrap_or_default().to_string();
    match (planned.map(account), found.as_deref().map(account)) {
        (Some(planned), Some(found)) if planned != found => Err(Stopped::new(
            Exit::Unknown,
            format!("plan {} is for the account {planned}, and the credentials are for {found}", plan.id),
        )
        .help("nothing was changed; use that account's credentials, e.g. with --profile")),
        _ => Ok(()),
    }
}

fn service_of(plan: &Plan) -> Option<&str> {
    plan.preconditions.iter().find_map(|precondition| match precondition {
        Precondition::Service { service, .. } => Some(&service[..]),
        _ => None,
    })
}

fn revision_of(plan: &Plan) -> Option<&str> {
    plan.steps.iter().find_map(|step| match &step.action {
        Action::RegisterTaskDefinition { from, .. } => Some(&from[..]),
        _ => None,
    })
}
