//! Services of ECS Express: the architecture is theirs, and the task definition is made by ECS.

use super::Way;
use crate::case::{Need, Question};
use crate::plan::{Deploy, Edit, Setting};
use crate::workload::api_word;
use execfit_kernel::host::Architecture;
use serde_json::Value;

/// Whether a service is one of ECS Express (ECS API, `Service.resourceManagementType`).
pub(crate) fn is_express(service: &Value) -> bool {
    service["resourceManagementType"].as_str() == Some("ECS")
}

/// By UpdateExpressGatewayService, whose `cpuArchitecture` starts a deployment and excludes `taskDefinitionArn` (ECS API).
pub(super) fn deploy(setting: &Setting<'_>, service: &Value, other: Architecture) -> Result<Way, Vec<Need>> {
    let arn = service["serviceArn"].as_str().unwrap_or_default();
    setting.case.ask(Question::Express { service: arn.into() }).map_err(|need| vec![need])?;
    let Some(active) = configuration(setting, service, arn) else {
        return Ok(Err(untold(setting, arn)));
    };
    if !active["primaryContainer"].is_object() {
        return Ok(Err(of_own_definition(setting, arn, other)));
    }
    let before = active.get("cpuArchitecture").filter(|value| value.is_string());
    Ok(Ok(Deploy::Express { edits: vec![Edit::set("/cpuArchitecture", before, api_word(other))] }))
}

/// The configuration that the tasks were made by: of the current service revision, else of their task definition.
fn configuration<'s>(setting: &'s Setting<'_>, service: &Value, arn: &str) -> Option<&'s Value> {
    let services = &setting.documents.express_services;
    let found = services.iter().find(|found| found["serviceArn"].as_str() == Some(arn))?;
    let active = || found["activeConfigurations"].as_array().into_iter().flatten();
    let revisions = service["currentServiceRevisions"].as_array().into_iter().flatten();
    let revisions: Vec<&str> = revisions.filter_map(|revision| revision["arn"].as_str()).collect();
    let definition = setting.scene.definition["taskDefinitionArn"].as_str();
    let of_definition =
        active().find(|one| one["taskDefinitionArn"].as_str() == definition && definition.is_some());
    let of_revision = || {
        active().find(|one| one["serviceRevisionArn"].as_str().is_some_and(|arn| revisions.contains(&arn)))
    };
    of_definition.or_else(of_revision).or_else(|| active().next())
}

fn untold(setting: &Setting<'_>, arn: &str) -> (String, Vec<String>) {
    let action = "ecs:DescribeExpressGatewayService";
    let refusal = setting.case.refusals.iter().find(|refusal| refusal.action == action);
    let why =
        refusal.map_or("AWS tells no active configuration of it".into(), |refusal| refusal.message.clone());
    let help = refusal.map(|_| format!("allow {action} on {arn}"));
    (
        format!("the service is one of ECS Express, and its architecture is not known: {why}"),
        help.into_iter().collect(),
    )
}

/// A task definition of the user's: only that one can say it.
fn of_own_definition(setting: &Setting<'_>, arn: &str, other: Architecture) -> (String, Vec<String>) {
    let name = setting.scene.revision().name;
    let reason = format!(
        "the service of ECS Express runs a task definition of yours, {name}: that one carries the architecture"
    );
    let family = name.split(':').next().unwrap_or_default();
    let help = vec![
        format!(
            "register {family} with runtimePlatform.cpuArchitecture {}: `execfit fix {name} --by retarget`",
            api_word(other)
        ),
        format!(
            "then: aws ecs update-express-gateway-service --service-arn {arn} --task-definition-arn {family}:REVISION"
        ),
    ];
    (reason, help)
}
