//! A deployment begins: what ECS writes down about it.

use super::reply::Reply;
use super::rollout::Rollout;
use super::shapes::{arn, short, with};
use super::world::World;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in the API's epoch seconds.
pub(super) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_millis() as f64 / 1000.0)
}

/// Members that a service and a deployment or service revision have alike.
const PINNED: [&str; 8] = [
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "platformFamily",
    "networkConfiguration",
    "loadBalancers",
    "serviceRegistries",
    "volumeConfigurations",
];

impl World {
    /// Makes this revision (`FAMILY:REVISION` or an ARN) what the service runs, as another deployer's UpdateService
    /// would.
    ///
    /// # Panics
    /// Where AWS would refuse it.
    #[track_caller]
    pub fn deploy(&mut self, cluster: &str, service: &str, definition: &str) {
        let body = json!({"cluster": cluster, "service": service, "taskDefinition": definition});
        if let Err(refusal) = self.update_service(&body) {
            panic!("{}", String::from_utf8_lossy(&refusal.body));
        }
    }

    /// The service, to be looked at or changed.
    ///
    /// # Panics
    /// Where there is none.
    #[track_caller]
    pub fn service(&mut self, cluster: &str, name: &str) -> &mut Value {
        let asked = arn(&format!("service/{cluster}/{name}"));
        let mut services = self.services.iter_mut();
        services.find(|known| known["serviceArn"] == *asked).expect("a service")
    }

    /// The revision (`FAMILY:REVISION`), to be looked at or changed.
    ///
    /// # Panics
    /// Where there is none.
    #[track_caller]
    pub fn definition(&mut self, name: &str) -> &mut Value {
        let asked = arn(&format!("task-definition/{name}"));
        let mut definitions = self.task_definitions.iter_mut();
        definitions.find(|known| known["taskDefinitionArn"] == *asked).expect("a task definition")
    }

    /// The service deployments of a service, the newest first.
    pub fn service_deployments_of(&self, service: &str) -> Vec<Value> {
        let of_it = |known: &&Value| known["serviceArn"].as_str().map(short) == Some(service);
        self.service_deployments.iter().filter(of_it).cloned().collect()
    }

    /// Starts a deployment of `definition` for the service at this ARN. The one before stays as ACTIVE until it is done.
    pub(super) fn start_deployment(&mut self, service_arn: &str, definition: &str, reason: Option<&str>) {
        let number = self.number();
        let id = format!("ecs-svc/{:019}", 7_000_000_000_000_000_000 + number);
        let revision = self.write_revision(service_arn, definition);
        let service_deployment = self.write_service_deployment(service_arn, &revision);
        let Some(service) = self.services.iter_mut().find(|known| known["serviceArn"] == *service_arn) else {
            return;
        };
        let mut deployment = json!({
            "id": id,
            "status": "PRIMARY",
            "taskDefinition": definition,
            "desiredCount": service["desiredCount"],
            "pendingCount": 0,
            "runningCount": 0,
            "failedTasks": 0,
            "createdAt": now(),
            "updatedAt": now(),
            "rolloutState": "IN_PROGRESS",
            "rolloutStateReason": reason.map_or(format!("ECS deployment {id} in progress."), str::to_owned)
        });
        for member in &PINNED[..5] {
            if !service[*member].is_null() {
                deployment[*member] = service[*member].clone();
            }
        }
        if deployment["platformVersion"] == "LATEST" {
            deployment["platformVersion"] = json!("1.4.0");
        }
        let deployments = service["deployments"].as_array().cloned().unwrap_or_default();
        let mut deployments: Vec<Value> =
            deployments.into_iter().map(|before| with(before, json!({"status": "ACTIVE"}))).collect();
        deployments.insert(0, deployment);
        let before = service["taskDefinition"].as_str().unwrap_or_default().to_owned();
        *service = with(
            service.clone(),
            json!({
                "taskDefinition": definition,
                "deployments": deployments,
                "currentServiceDeployment": service_deployment
            }),
        );
        self.rollouts.retain(|rollout| rollout.service != service_arn);
        let definition = definition.to_owned();
        let service = service_arn.to_owned();
        self.rollouts.push(Rollout::new(service, id, definition, before, revision, service_deployment));
    }

    /// A service revision with the digests that the images have now. Returns its ARN.
    fn write_revision(&mut self, service_arn: &str, definition: &str) -> String {
        let place = place(service_arn);
        let prefix = arn(&format!("service-revision/{place}/"));
        let numbers = self.service_revisions.iter().filter_map(|known| known["serviceRevisionArn"].as_str());
        let numbers = numbers.filter_map(|arn| arn.strip_prefix(&prefix)?.parse::<u64>().ok());
        // The fixture of a service says that its revision is number 1, whether that was put here or not.
        let revision = format!("{prefix}{}", numbers.max().unwrap_or(1).max(1) + 1);
        let service = self.services.iter().find(|known| known["serviceArn"] == *service_arn).cloned();
        let service = service.unwrap_or_default();
        let mut document = json!({
            "serviceRevisionArn": revision,
            "serviceArn": service_arn,
            "clusterArn": service["clusterArn"],
            "taskDefinition": definition,
            "containerImages": self.resolved(definition),
            "guardDutyEnabled": false,
            "createdAt": now()
        });
        for member in PINNED {
            if !service[member].is_null() {
                document[member] = service[member].clone();
            }
        }
        self.service_revisions.push(document);
        revision
    }

    fn resolved(&self, definition: &str) -> Vec<Value> {
        let definition = self.task_definitions.iter().find(|known| known["taskDefinitionArn"] == definition);
        let containers = definition.and_then(|known| known["containerDefinitions"].as_array());
        let resolved = containers.into_iter().flatten().map(|container| {
            let image = container["image"].as_str().unwrap_or_default();
            let pinned = image.split_once('@').map(|(_, digest)| digest.to_owned());
            let digest = pinned.or_else(|| self.resolver.as_ref().and_then(|digest_of| digest_of(image)));
            let mut resolved = json!({"containerName": container["name"], "image": image});
            if let Some(digest) = digest {
                resolved["imageDigest"] = json!(digest);
            }
            resolved
        });
        resolved.collect()
    }

    fn write_service_deployment(&mut self, service_arn: &str, revision: &str) -> String {
        let number = self.number();
        let name = arn(&format!("service-deployment/{}/d{number:019}", place(service_arn)));
        let service = self.services.iter_mut().find(|known| known["serviceArn"] == *service_arn);
        let (service, before) = service.map(|service| take_revisions(service, revision)).unwrap_or_default();
        // What is under way ends here.
        for known in self.service_deployments.iter_mut().filter(|known| known["serviceArn"] == service_arn) {
            if known["status"] == "IN_PROGRESS" || known["status"] == "PENDING" {
                let members = json!({"status": "STOPPED", "stoppedAt": now(), "statusReason": "Superseded."});
                *known = with(known.clone(), members);
            }
        }
        let document = json!({
            "serviceDeploymentArn": name,
            "serviceArn": service_arn,
            "clusterArn": service["clusterArn"],
            "createdAt": now(),
            "startedAt": now(),
            "updatedAt": now(),
            "sourceServiceRevisions": before,
            "targetServiceRevision": {
                "arn": revision,
                "requestedTaskCount": service["desiredCount"],
                "runningTaskCount": 0,
                "pendingTaskCount": 0
            },
            "status": "IN_PROGRESS",
            "deploymentConfiguration": service["deploymentConfiguration"],
            "deploymentCircuitBreaker": {"status": "MONITORING", "failureCount": 0, "threshold": 3}
        });
        self.service_deployments.insert(0, document);
        name
    }
}

/// The service, whose current revision is this from now on, and what were its current ones.
fn take_revisions(service: &mut Value, revision: &str) -> (Value, Value) {
    let before = service["currentServiceRevisions"].take();
    service["currentServiceRevisions"] = json!([{
        "arn": revision,
        "requestedTaskCount": service["desiredCount"],
        "runningTaskCount": 0,
        "pendingTaskCount": 0
    }]);
    (service.clone(), if before.is_null() { json!([]) } else { before })
}

/// `CLUSTER/SERVICE` of a service's ARN.
fn place(service_arn: &str) -> &str {
    service_arn.split_once(":service/").map_or(service_arn, |(_, place)| place)
}

/// The service of this ARN or name that a request means.
pub(super) fn asked_service<'a>(world: &'a World, body: &Value) -> Result<&'a Value, Reply> {
    let name = short(body["service"].as_str().unwrap_or_default());
    let cluster = super::search::cluster_of(body);
    let mut services = world.services.iter().filter(|known| {
        known["serviceName"] == name && known["clusterArn"].as_str().map(short) == Some(cluster)
    });
    let found =
        services.next().ok_or_else(|| Reply::error(400, "ServiceNotFoundException", "Service not found."))?;
    if found["status"] != "ACTIVE" {
        return Err(Reply::error(400, "ServiceNotActiveException", "Service was not ACTIVE."));
    }
    Ok(found)
}
