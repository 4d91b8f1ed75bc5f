//! What a plan asks of AWS, beyond what a diagnosis rests on.

use super::ecs::keep_or_refuse;
use crate::aws::Aws;
use execfit_diagnosis::case::{Case, Question};

/// Asks one question, and keeps the answer or why there is none.
pub(super) async fn ask(aws: &Aws, case: &mut Case, question: &Question) {
    match question {
        Question::Revisions { family } => {
            keep_or_refuse(case, aws.list_task_definitions(family, 100).await, false);
        }
        Question::Definition { name } => {
            keep_or_refuse(case, aws.describe_task_definition(name).await, false);
        }
        Question::Express { service } => {
            keep_or_refuse(case, aws.describe_express_gateway_service(service).await, false);
        }
    }
}
