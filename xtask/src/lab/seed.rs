//! Fills the lab: an image and a service for each scenario.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::aws::Ecs;
use super::images::Workshop;
use super::scenarios::{self, Scenario, Setting};
use super::state::{Folder, State};
use crate::Result;

const CLUSTER: &str = "lab";
/// How long a service may take to show what it is.
const PATIENCE: Duration = Duration::from_secs(60);

/// Seeds what is not there yet, and waits until each service shows what it is.
pub(super) fn run(folder: &Folder, state: &State) -> Result<()> {
    let ecs = Ecs::new(state.endpoint()?);
    let workshop = Workshop::new(folder, state)?;
    ecs.call("CreateCluster", &json!({ "clusterName": CLUSTER }))?;
    for scenario in scenarios::all() {
        let seeded = is_there(&ecs, scenario.name)?;
        if !seeded {
            deploy(&ecs, &workshop, &scenario)?;
        }
        let seen = observe(&ecs, &scenario)?;
        if !seeded {
            scenario.move_tag(&workshop)?;
        }
        println!("{:22} {:64} {seen}", scenario.name, scenario.what);
    }
    Ok(())
}

fn is_there(ecs: &Ecs, name: &str) -> Result<bool> {
    let answer = ecs.call("DescribeServices", &json!({ "cluster": CLUSTER, "services": [name] }))?;
    Ok(answer["services"][0]["status"] == "ACTIVE")
}

fn deploy(ecs: &Ecs, workshop: &Workshop<'_>, scenario: &Scenario) -> Result<()> {
    let image = scenario.publish(workshop)?;
    let mut containers = vec![container(scenario, "main", &image)];
    if scenario.setting == Setting::Sidecar {
        let mut agent = container(scenario, "agent", &scenario.publish_sidecar(workshop)?);
        agent["essential"] = json!(false);
        containers.push(agent);
    }
    let mut definition = json!({ "family": scenario.name, "containerDefinitions": containers });
    if scenario.setting == Setting::LostRuntimePlatform {
        let platform = json!({ "cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX" });
        definition["runtimePlatform"] = platform;
        ecs.call("RegisterTaskDefinition", &definition)?;
        definition["runtimePlatform"].take();
    }
    if let Some(fields) = definition.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    let registered = ecs.call("RegisterTaskDefinition", &definition)?;
    create_service(ecs, scenario, &registered["taskDefinition"]["taskDefinitionArn"])
}

fn container(scenario: &Scenario, name: &str, image: &str) -> Value {
    let mut container = json!({
        "name": name,
        "image": image,
        "memory": 64,
        "essential": true,
        "logConfiguration": { "logDriver": "awslogs", "options": {
            "awslogs-group": "/ecs/lab",
            "awslogs-region": "us-east-1",
            "awslogs-stream-prefix": scenario.name,
            "awslogs-create-group": "true",
        } },
    });
    if let Some(command) = scenario.command {
        container["command"] = json!(command);
    }
    container
}

/// `MiniStack` restarts a crash loop twice a second and for ever, and never forgets a stopped task. Two dozen such
/// loops would eat the machine, so all but one have a circuit breaker, which works from the second deployment on.
fn create_service(ecs: &Ecs, scenario: &Scenario, definition: &Value) -> Result<()> {
    let for_ever = scenario.setting == Setting::ForEver || scenario.runs;
    ecs.call(
        "CreateService",
        &json!({
            "cluster": CLUSTER,
            "serviceName": scenario.name,
            "taskDefinition": definition,
            "desiredCount": u8::from(for_ever),
            "deploymentConfiguration": {
                "maximumPercent": 200,
                "minimumHealthyPercent": 100,
                "deploymentCircuitBreaker": { "enable": !for_ever, "rollback": false },
            },
        }),
    )?;
    if for_ever {
        return Ok(());
    }
    let deployment = json!({ "cluster": CLUSTER, "service": scenario.name, "desiredCount": 1, "forceNewDeployment": true });
    ecs.call("UpdateService", &deployment).map(drop)
}

/// Waits for the first stopped task of a service that fails, or for the running task of one that does not.
fn observe(ecs: &Ecs, scenario: &Scenario) -> Result<String> {
    let begin = Instant::now();
    let wanted = if scenario.runs { "RUNNING" } else { "STOPPED" };
    while begin.elapsed() < PATIENCE {
        let request = json!({ "cluster": CLUSTER, "serviceName": scenario.name, "desiredStatus": wanted });
        let listed = ecs.call("ListTasks", &request)?;
        if let Some(task) = listed["taskArns"].get(0) {
            let tasks = ecs.call("DescribeTasks", &json!({ "cluster": CLUSTER, "tasks": [task] }))?;
            if tasks["tasks"][0]["lastStatus"] == wanted {
                return Ok(words(&tasks["tasks"][0]));
            }
        }
        sleep(Duration::from_millis(100));
    }
    Err(format!("service {}: no task was seen {wanted}", scenario.name).into())
}

fn words(task: &Value) -> String {
    let field = |name: &str| task[name].as_str().unwrap_or_default().to_owned();
    let status = field("lastStatus").to_lowercase();
    if status == "running" { status } else { format!("{status}: {}", field("stoppedReason")) }
}
