//! Services of ECS Express, which make their own task definitions.

use super::definitions::{client, invalid};
use super::deploy::now;
use super::reply::Reply;
use super::shapes::with;
use super::world::World;
use serde_json::{Value, json};

/// The members of UpdateExpressGatewayServiceRequest besides the ARN (model of the AWS SDK of October 2026).
const MEMBERS: [&str; 11] = [
    "executionRoleArn",
    "healthCheckPath",
    "primaryContainer",
    "taskRoleArn",
    "networkConfiguration",
    "cpu",
    "memory",
    "cpuArchitecture",
    "scalingTarget",
    "taskDefinitionArn",
    "serviceArn",
];

impl World {
    pub(super) fn describe_express(&self, body: &Value) -> Reply {
        match self.express.iter().find(|known| known["serviceArn"] == body["serviceArn"]) {
            Some(service) => json!({"service": service}).into(),
            None => Reply::error(400, "ResourceNotFoundException", "The specified resource was not found."),
        }
    }

    /// UpdateExpressGatewayService: a new configuration, a revision of its task definition, a deployment.
    pub(super) fn update_express(&mut self, body: &Value) -> Result<Value, Reply> {
        let asked = body["serviceArn"].as_str().unwrap_or_default().to_owned();
        let mut changes = body.as_object().cloned().unwrap_or_default();
        if let Some(unknown) = changes.keys().find(|member| !MEMBERS.contains(&member.as_str())) {
            return Err(invalid(&format!("Unknown parameter in input: \"{unknown}\"")));
        }
        let architecture = body["cpuArchitecture"].as_str();
        if architecture.is_some_and(|name| !["X86_64", "ARM64"].contains(&name)) {
            return Err(invalid("cpuArchitecture must be X86_64 or ARM64"));
        }
        if architecture.is_some() && !body["taskDefinitionArn"].is_null() {
            return Err(invalid("cpuArchitecture cannot be specified with taskDefinitionArn"));
        }
        let Some(at) = self.express.iter().position(|known| known["serviceArn"] == *asked) else {
            return Err(Reply::error(400, "ServiceNotFoundException", "Service not found."));
        };
        changes.remove("serviceArn");
        let target = with(self.express[at]["activeConfigurations"][0].clone(), Value::Object(changes));
        let target = with(target, json!({"createdAt": now()}));
        let definition = self.express_definition(&asked, &target)?;
        self.start_deployment(&asked, &definition, None);
        let revision =
            self.rollouts.iter().find(|rollout| rollout.service == asked).map(|rollout| &rollout.revision);
        let target = with(target, json!({"serviceRevisionArn": revision}));
        let express = &mut self.express[at];
        if let Some(active) = express["activeConfigurations"].as_array_mut() {
            active.insert(0, target.clone());
        }
        express["updatedAt"] = json!(now());
        Ok(json!({"service": {
            "serviceArn": asked,
            "cluster": express["cluster"],
            "serviceName": express["serviceName"],
            "status": express["status"],
            "targetConfiguration": target,
            "createdAt": express["createdAt"],
            "updatedAt": express["updatedAt"]
        }}))
    }

    /// Registers what ECS would for this configuration, and returns its ARN.
    fn express_definition(&mut self, service: &str, target: &Value) -> Result<String, Reply> {
        if let Some(given) = target["taskDefinitionArn"].as_str() {
            return Ok(self.active(given)?["taskDefinitionArn"].as_str().unwrap_or_default().to_owned());
        }
        let service = self.services.iter().find(|known| known["serviceArn"] == *service);
        let current = service.and_then(|service| service["taskDefinition"].as_str()).unwrap_or_default();
        let mut known = self.task_definitions.iter();
        let Some(current) = known.find(|known| known["taskDefinitionArn"] == *current) else {
            return Err(client("TaskDefinition not found."));
        };
        let mut body = json!({"family": current["family"]});
        for member in [
            "containerDefinitions",
            "networkMode",
            "cpu",
            "memory",
            "requiresCompatibilities",
            "executionRoleArn",
            "taskRoleArn",
            "runtimePlatform",
        ] {
            let value = if target[member].is_null() { &current[member] } else { &target[member] };
            if !value.is_null() {
                body[member] = value.clone();
            }
        }
        if let Some(architecture) = target["cpuArchitecture"].as_str() {
            body["runtimePlatform"] = super::shapes::runtime_platform(architecture);
        }
        if let Some(image) = target["primaryContainer"]["image"].as_str() {
            body["containerDefinitions"][0]["image"] = json!(image);
        }
        let registered = self.register(&body)?;
        Ok(registered["taskDefinition"]["taskDefinitionArn"].as_str().unwrap_or_default().to_owned())
    }
}
