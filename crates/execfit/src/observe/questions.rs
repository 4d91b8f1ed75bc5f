//! What a plan asks of AWS, beyond what a diagnosis rests on.

use super::ecs::keep_or_refuse;
use super::users;
use crate::aws::{Answer, Aws};
use execfit_diagnosis::case::{Case, Question};
use execfit_image::ecr::ecr_host;
use serde_json::Value;

/// The images of a repository that are kept: those that were pushed last.
const PUSHES: usize = 100;

/// Asks one question, and keeps the answer or why there is none.
pub(super) async fn ask(aws: &Aws, case: &mut Case, question: &Question) {
    match question {
        Question::Revisions { family } => {
            keep_or_refuse(case, aws.list_task_definitions(family, 100).await, false);
        }
        Question::Definition { name } => {
            keep_or_refuse(case, aws.describe_task_definition(name).await, false);
        }
        Question::Services { cluster } => users::services(aws, case, cluster.as_deref()).await,
        Question::Starters { family, clusters } => users::starters(aws, case, family, clusters).await,
        Question::Express { service } => {
            keep_or_refuse(case, aws.describe_express_gateway_service(service).await, false);
        }
        Question::ServiceDeployments { arns } => {
            keep_or_refuse(case, aws.describe_service_deployments(arns).await, false);
        }
        Question::ServiceRevisions { arns } => {
            keep_or_refuse(case, aws.describe_service_revisions(arns).await, false);
        }
        Question::Pushes { registry, repository } => {
            if let Some(host) = ecr_host(registry) {
                let pushed = aws.describe_images(&host.region, &host.account, repository).await;
                keep_or_refuse(case, pushed.map(newest), false);
            }
        }
        Question::ScalingGroup { name } => {
            keep_or_refuse(case, aws.describe_auto_scaling_group(name).await, false);
        }
        Question::LaunchConfiguration { name } => {
            keep_or_refuse(case, aws.describe_launch_configuration(name).await, false);
        }
        Question::LaunchTemplate { template, version } => {
            keep_or_refuse(case, aws.describe_launch_template(template, version).await, false);
        }
    }
}

/// The images that were pushed last, newest first: the API names no order.
fn newest(mut pushed: Answer) -> Answer {
    if let Some(Value::Array(images)) = pushed.body.get_mut("imageDetails") {
        let at = |image: &Value| image["imagePushedAt"].as_f64().unwrap_or_default();
        images.sort_by(|one, other| at(other).total_cmp(&at(one)));
        images.truncate(PUSHES);
    }
    pushed
}
