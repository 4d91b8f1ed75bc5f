//! The tasks of a deployment.

use super::behaviour::Behaviour;
use super::deploy::now;
use super::rollout::Rollout;
use super::shapes::{self, arn, short, with};
use super::world::World;
use serde_json::{Value, json};

impl World {
    pub(super) fn definition_of(&self, rollout: &Rollout) -> Value {
        let mut known = self.task_definitions.iter();
        known.find(|known| known["taskDefinitionArn"] == *rollout.definition).cloned().unwrap_or_default()
    }

    /// A task that is about to start, on a host as the revision asks for.
    pub(super) fn new_task(&self, service: &Value, rollout: &Rollout, id: &str) -> Value {
        let definition = self.definition_of(rollout);
        let arm = definition["runtimePlatform"]["cpuArchitecture"] == "ARM64";
        let architecture = if arm { "arm64" } else { "x86_64" };
        let cluster = service["clusterArn"].as_str().map(short).unwrap_or_default();
        let name = service["serviceName"].as_str().unwrap_or_default();
        let task = shapes::task(cluster, name, id, short(&rollout.definition), architecture);
        let mut revisions = self.service_revisions.iter();
        let revision = revisions.find(|known| known["serviceRevisionArn"] == *rollout.revision);
        let images =
            revision.and_then(|known| known["containerImages"].as_array()).cloned().unwrap_or_default();
        let containers = definition["containerDefinitions"].as_array().into_iter().flatten();
        let containers: Vec<Value> = containers
            .map(|container| {
                let mut resolved = images.iter().filter(|image| image["containerName"] == container["name"]);
                let digest = resolved.next().map(|image| image["imageDigest"].clone());
                let text = |member: &str| container[member].as_str().unwrap_or_default().to_owned();
                let mut new = shapes::container(&text("name"), &text("image"), "");
                new["containerArn"] = json!(arn(&format!("container/{cluster}/{id}/{}", text("name"))));
                new["taskArn"] = task["taskArn"].clone();
                new["lastStatus"] = json!("PENDING");
                match digest.filter(Value::is_string) {
                    Some(digest) => new["imageDigest"] = digest,
                    None => drop(new.as_object_mut().map(|members| members.remove("imageDigest"))),
                }
                new
            })
            .collect();
        let mut members = json!({
            "containers": containers,
            "createdAt": now(),
            "lastStatus": "PENDING",
            "startedBy": rollout.deployment
        });
        for member in ["launchType", "cpu", "memory"] {
            let known = if member == "launchType" { &service[member] } else { &definition[member] };
            if !known.is_null() {
                members[member] = known.clone();
            }
        }
        with(task, members)
    }

    /// Writes the last words of a container where its definition says, if it uses `awslogs`.
    pub(super) fn log_line(&mut self, definition: &Value, container: &str, task: &str, line: &str) {
        let mut containers = definition["containerDefinitions"].as_array().into_iter().flatten();
        let Some(found) = containers.find(|known| known["name"] == *container) else { return };
        let options = &found["logConfiguration"]["options"];
        let (Some(group), Some(prefix)) =
            (options["awslogs-group"].as_str(), options["awslogs-stream-prefix"].as_str())
        else {
            return;
        };
        if !line.is_empty() {
            let stream = format!("{prefix}/{container}/{task}");
            self.logs.push(((group.to_owned(), stream), vec![line.to_owned()]));
        }
    }
}

/// Whether a task is meant to run and of this deployment.
pub(super) fn is_of(task: &Value, rollout: &Rollout) -> bool {
    task["startedBy"] == *rollout.deployment && task["desiredStatus"] == "RUNNING"
}

/// The deployment of a service with this id.
pub(super) fn deployment_of<'a>(service: &'a mut Value, id: &str) -> Option<&'a mut Value> {
    service["deployments"].as_array_mut()?.iter_mut().find(|known| known["id"] == *id)
}

/// The containers that another one waits for to end.
pub(super) fn waited_for(definition: &Value) -> Vec<String> {
    let containers = definition["containerDefinitions"].as_array().into_iter().flatten();
    let waits = containers.flat_map(|container| container["dependsOn"].as_array().into_iter().flatten());
    let ends = waits.filter(|wait| wait["condition"] == "COMPLETE" || wait["condition"] == "SUCCESS");
    ends.filter_map(|wait| wait["containerName"].as_str().map(str::to_owned)).collect()
}

/// Lets the containers of a task run, and those end that others wait for.
pub(super) fn run(task: &mut Value, definition: &Value, behaviour: &Behaviour) {
    let waited = waited_for(definition);
    let unwell = *behaviour == Behaviour::Unhealthy;
    let mut checked = false;
    for container in task["containers"].as_array_mut().into_iter().flatten() {
        let name = container["name"].as_str().unwrap_or_default().to_owned();
        let mut containers = definition["containerDefinitions"].as_array().into_iter().flatten();
        let defined = containers.find(|known| known["name"] == *name).cloned().unwrap_or_default();
        container["lastStatus"] = json!("RUNNING");
        if !defined["healthCheck"].is_null() || unwell {
            checked = true;
            container["healthStatus"] = json!(if unwell { "UNHEALTHY" } else { "HEALTHY" });
        }
        if waited.contains(&name) {
            *container = shapes::exited(container.take(), 0, "");
        }
    }
    if checked {
        task["healthStatus"] = json!(if unwell { "UNHEALTHY" } else { "HEALTHY" });
    }
    task["lastStatus"] = json!("RUNNING");
    task["startedAt"] = json!(now());
}

/// Ends one container of a task that goes on.
pub(super) fn end_container(task: &mut Value, name: &str, exit_code: i32) {
    let containers = task["containers"].as_array_mut().into_iter().flatten();
    for container in containers.filter(|container| container["name"] == *name) {
        *container = shapes::exited(container.take(), exit_code, "");
    }
}
