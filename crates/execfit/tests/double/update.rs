//! UpdateService and StopServiceDeployment.

use super::definitions::{client, invalid};
use super::deploy::{asked_service, now};
use super::reply::Reply;
use super::shapes::with;
use super::world::World;
use serde_json::{Value, json};

/// The members of UpdateServiceRequest (the API's model of October 2026).
const MEMBERS: [&str; 24] = [
    "cluster",
    "service",
    "desiredCount",
    "taskDefinition",
    "capacityProviderStrategy",
    "deploymentConfiguration",
    "availabilityZoneRebalancing",
    "networkConfiguration",
    "placementConstraints",
    "placementStrategy",
    "platformVersion",
    "forceNewDeployment",
    "healthCheckGracePeriodSeconds",
    "deploymentController",
    "enableExecuteCommand",
    "enableECSManagedTags",
    "loadBalancers",
    "propagateTags",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
    "vpcLatticeConfigurations",
    "monitoring",
    "gatewayConnectors",
];

impl World {
    /// UpdateService. A new deployment begins where task definition or platform version become others, or it is forced.
    pub(super) fn update_service(&mut self, body: &Value) -> Result<Value, Reply> {
        let service = asked_service(self, body)?.clone();
        let members = body.as_object().cloned().unwrap_or_default();
        if let Some(unknown) = members.keys().find(|member| !MEMBERS.contains(&member.as_str())) {
            return Err(invalid(&format!("Unknown parameter in input: \"{unknown}\"")));
        }
        check_controller(&service, body)?;
        let arn = service["serviceArn"].as_str().unwrap_or_default().to_owned();
        let asked = body["taskDefinition"].as_str().or(service["taskDefinition"].as_str());
        let definition = self.active(asked.unwrap_or_default())?;
        let changes = members.into_iter().filter(|(member, value)| {
            !["cluster", "service", "taskDefinition", "forceNewDeployment"].contains(&member.as_str())
                && !value.is_null()
        });
        let changed = with(service.clone(), Value::Object(changes.collect()));
        check_platform(&changed, &definition)?;
        let definition = definition["taskDefinitionArn"].as_str().unwrap_or_default().to_owned();
        let anew = body["forceNewDeployment"] == true
            || service["taskDefinition"] == *definition
                && service["platformVersion"] != changed["platformVersion"]
            || service["taskDefinition"] != *definition;
        if let Some(known) = self.services.iter_mut().find(|known| known["serviceArn"] == *arn) {
            *known = changed;
        }
        if anew {
            self.start_deployment(&arn, &definition, None);
        }
        let after = self.services.iter().find(|known| known["serviceArn"] == *arn);
        Ok(json!({"service": after}))
    }

    /// StopServiceDeployment: ROLLBACK goes back to the revision from which the deployment came.
    pub(super) fn stop_service_deployment(&mut self, body: &Value) -> Result<Value, Reply> {
        let asked = &body["serviceDeploymentArn"];
        let stop = body["stopType"].as_str().unwrap_or("ROLLBACK");
        if !["ROLLBACK", "ABORT"].contains(&stop) {
            return Err(invalid("stopType must be ABORT or ROLLBACK"));
        }
        let mut known = self.service_deployments.iter_mut();
        let Some(deployment) = known.find(|known| known["serviceDeploymentArn"] == *asked) else {
            let message = "Service deployment not found.";
            return Err(Reply::error(400, "ServiceDeploymentNotFoundException", message));
        };
        if deployment["status"] != "IN_PROGRESS" && deployment["status"] != "PENDING" {
            return Err(Reply::error(400, "ConflictException", "The service deployment is already stopped."));
        }
        let service = deployment["serviceArn"].as_str().unwrap_or_default().to_owned();
        if stop == "ABORT" {
            deployment["status"] = json!("STOPPED");
            deployment["stoppedAt"] = json!(now());
            self.rollouts.retain(|rollout| rollout.service != service);
            return Ok(json!({"serviceDeploymentArn": asked}));
        }
        let source = deployment["sourceServiceRevisions"][0]["arn"].clone();
        let mut revisions = self.service_revisions.iter();
        let source = revisions.find(|known| known["serviceRevisionArn"] == source).cloned();
        let Some(source) = source else {
            return Err(client("There is no service revision to roll back to."));
        };
        self.roll_back(&service, asked, &source, "Stopped by the user.");
        Ok(json!({"serviceDeploymentArn": asked}))
    }
}

/// As ECS says it; for CODE_DEPLOY the text is well known, for EXTERNAL the rule only.
fn check_controller(service: &Value, body: &Value) -> Result<(), Reply> {
    let given = |member: &str| !body[member].is_null();
    match service["deploymentController"]["type"].as_str() {
        Some("CODE_DEPLOY") if given("taskDefinition") => Err(invalid(
            "Unable to update task definition on services with a CODE_DEPLOY deployment controller. \
             Use AWS CodeDeploy to trigger a new deployment.",
        )),
        Some("CODE_DEPLOY") if given("forceNewDeployment") || given("platformVersion") => Err(invalid(
            "Cannot force a new deployment on services with a CODE_DEPLOY deployment controller. \
             Use AWS CodeDeploy to trigger a new deployment.",
        )),
        Some("EXTERNAL") if given("taskDefinition") || given("platformVersion") => Err(invalid(
            "Unable to update task definition on services with an EXTERNAL deployment controller. \
             Use CreateTaskSet.",
        )),
        _ => Ok(()),
    }
}

/// ARM64 on Fargate needs platform version 1.4.0 or later.
fn check_platform(service: &Value, definition: &Value) -> Result<(), Reply> {
    let version = service["platformVersion"].as_str().unwrap_or("LATEST");
    let old = matches!(version, "1.0.0" | "1.1.0" | "1.2.0" | "1.3.0");
    if definition["runtimePlatform"]["cpuArchitecture"] == "ARM64" && old {
        let message = format!("The platform version {version} does not support the runtime platform ARM64.");
        return Err(Reply::error(400, "PlatformTaskDefinitionIncompatibilityException", &message));
    }
    Ok(())
}
