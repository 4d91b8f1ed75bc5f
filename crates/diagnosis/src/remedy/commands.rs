//! The commands of remedies: `execfit` itself first, then what does it without.

use crate::ecs::Scene;
use crate::plan::{Method, is_express};

/// The command that plans a remedy, carries it out and proves it; `None` where `fix` cannot: other deployment controllers
/// than `ECS` keep UpdateService from the task definition (ECS API, UpdateService).
pub(crate) fn fix(scene: &Scene<'_>, by: Method) -> Option<String> {
    let target = match scene.service {
        Some(service) => {
            let name = service["serviceName"].as_str().filter(|_| is_rolling(scene))?;
            format!("{}/{name}", cluster(scene))
        }
        None => scene.revision().name,
    };
    Some(format!("execfit fix {} --by {}", quoted(&target), by.name()))
}

/// The command that deploys, where a plain update does (deployment controller `ECS`).
pub(super) fn update_service(scene: &Scene<'_>, change: &str) -> Option<String> {
    let service = scene.service?;
    let name = service["serviceName"].as_str()?;
    if is_express(service) {
        return Some(format!(
            "# {name} is a service of ECS Express: deploy it with `aws ecs update-express-gateway-service`"
        ));
    }
    Some(match service["deploymentController"]["type"].as_str() {
        Some("CODE_DEPLOY") => {
            format!(
                "# the controller is CODE_DEPLOY: deploy it with `aws deploy create-deployment` and an AppSpec for {name}"
            )
        }
        Some("EXTERNAL") => {
            format!("# the controller is EXTERNAL: create a task set for {name} with your deployment tool")
        }
        _ => format!(
            "aws ecs update-service --cluster {} --service {} {change}",
            quoted(cluster(scene)),
            quoted(name)
        ),
    })
}

/// The name of the service's cluster.
fn cluster<'s>(scene: &'s Scene<'_>) -> &'s str {
    let arn = scene.service.and_then(|service| service["clusterArn"].as_str());
    arn.and_then(|arn| arn.rsplit('/').next()).unwrap_or("default")
}

/// Whether UpdateService may change the service's task definition.
pub(super) fn is_rolling(scene: &Scene<'_>) -> bool {
    let controller = scene.service.and_then(|service| service["deploymentController"]["type"].as_str());
    controller.is_none_or(|controller| controller == "ECS" || controller.is_empty())
}

/// A word for a shell: names come from the world.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_string()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}
