//! A deployment goes on: with every moment, its tasks come and go as their revision is said to behave.

use super::behaviour::Behaviour;
use super::deploy::now;
use super::shapes::{self, short, with};
use super::tasks::{deployment_of, end_container, is_of, run, waited_for};
use super::world::World;
use serde_json::{Value, json};

/// A deployment that was started here.
#[derive(Debug, Clone)]
pub(super) struct Rollout {
    /// The service's ARN.
    pub(super) service: String,
    /// `ecs-svc/...`
    pub(super) deployment: String,
    /// ARN of its task definition.
    pub(super) definition: String,
    /// ARN of the task definition of the deployment before.
    before: String,
    /// ARN of its service revision.
    pub(super) revision: String,
    /// ARN of its service deployment.
    service_deployment: String,
    phase: Phase,
    failures: u64,
    /// ARN of the service deployment that this one takes back.
    takes_back: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Tasks are to be started.
    Begun,
    /// They are pending.
    Pending,
    /// They have been running for so many moments.
    Running(u32),
    /// Nothing moves any more.
    Over,
}

impl Rollout {
    pub(super) fn new(
        service: String,
        deployment: String,
        definition: String,
        before: String,
        revision: String,
        service_deployment: String,
    ) -> Rollout {
        let phase = Phase::Begun;
        let (failures, takes_back) = (0, None);
        Rollout {
            service,
            deployment,
            definition,
            before,
            revision,
            service_deployment,
            phase,
            failures,
            takes_back,
        }
    }
}

impl World {
    /// Lets a moment go by for a service.
    pub(super) fn moment(&mut self, cluster: &str, service: &str) {
        let arn = shapes::arn(&format!("service/{cluster}/{service}"));
        let Some(at) = self.rollouts.iter().position(|rollout| rollout.service == arn) else { return };
        let mut rollout = self.rollouts[at].clone();
        let behaviour = self.behaviours.get(short(&rollout.definition)).cloned();
        let behaviour = behaviour.unwrap_or(Behaviour::Runs);
        rollout.phase = match rollout.phase {
            Phase::Begun => self.start_tasks(&rollout, &behaviour),
            Phase::Pending => self.show(&mut rollout, &behaviour),
            Phase::Running(moments) => self.go_on(&mut rollout, &behaviour, moments),
            Phase::Over => Phase::Over,
        };
        self.count(&rollout);
        // It may have been replaced by a rollback meanwhile.
        if let Some(known) = self.rollouts.iter_mut().find(|known| known.deployment == rollout.deployment) {
            *known = rollout;
        }
    }

    fn start_tasks(&mut self, rollout: &Rollout, behaviour: &Behaviour) -> Phase {
        if let Behaviour::Unplaced { reason } = behaviour {
            let name = short(&rollout.service).to_owned();
            let text = format!("(service {name}) was unable to place a task because {reason}");
            self.say(&rollout.service, &text);
            return Phase::Begun;
        }
        let Some(service) = self.services.iter().find(|known| known["serviceArn"] == *rollout.service) else {
            return Phase::Over;
        };
        let service = service.clone();
        for _ in 0..service["desiredCount"].as_u64().unwrap_or(0) {
            let number = self.number();
            let task = self.new_task(&service, rollout, &format!("{number:032x}"));
            self.tasks.push(task);
        }
        Phase::Pending
    }

    /// What pending tasks turn out to be.
    fn show(&mut self, rollout: &mut Rollout, behaviour: &Behaviour) -> Phase {
        match behaviour {
            Behaviour::StaysPending | Behaviour::Unplaced { .. } => return Phase::Pending,
            Behaviour::Dies { exit_code, line } => return self.die(rollout, *exit_code, line),
            Behaviour::FailsToStart { reason } => {
                self.end_tasks(rollout, &mut |task| {
                    for container in task["containers"].as_array_mut().into_iter().flatten() {
                        *container =
                            with(container.take(), json!({"lastStatus": "STOPPED", "reason": reason}));
                    }
                    *task = shapes::stopped(task.take(), "TaskFailedToStart", reason);
                });
                return self.fail(rollout);
            }
            _ => {}
        }
        let definition = self.definition_of(rollout);
        let mut words = Vec::new();
        for task in self.tasks.iter_mut().filter(|task| is_of(task, rollout)) {
            run(task, &definition, behaviour);
            if let Behaviour::SidecarDies { container, exit_code, line } = behaviour {
                end_container(task, container, *exit_code);
                words.push((short(task["taskArn"].as_str().unwrap_or_default()).to_owned(), container, line));
            }
        }
        for (id, container, line) in words {
            self.log_line(&definition, container, &id, line);
        }
        Phase::Running(0)
    }

    fn go_on(&mut self, rollout: &mut Rollout, behaviour: &Behaviour, moments: u32) -> Phase {
        match behaviour {
            Behaviour::DiesLater { moments: after, exit_code, line } if moments >= *after => {
                return self.die(rollout, *exit_code, line);
            }
            Behaviour::Unhealthy => return Phase::Running(moments),
            _ => {}
        }
        if moments == 0 {
            self.complete(rollout);
        }
        Phase::Running(moments + 1)
    }

    /// The first essential container ends, and with it the task.
    fn die(&mut self, rollout: &mut Rollout, exit_code: i32, line: &str) -> Phase {
        let definition = self.definition_of(rollout);
        let containers = definition["containerDefinitions"].as_array().cloned().unwrap_or_default();
        let waited = waited_for(&definition);
        let essential = containers.iter().find(|container| {
            container["essential"] != false
                && !waited.contains(&container["name"].as_str().unwrap_or_default().to_owned())
        });
        let name = essential.and_then(|container| container["name"].as_str()).unwrap_or_default().to_owned();
        let mut ids = Vec::new();
        self.end_tasks(rollout, &mut |task| {
            ids.push(short(task["taskArn"].as_str().unwrap_or_default()).to_owned());
            run(task, &definition, &Behaviour::Runs);
            for container in task["containers"].as_array_mut().into_iter().flatten() {
                let code = if container["name"] == *name { exit_code } else { 0 };
                *container = shapes::exited(container.take(), code, "");
            }
            *task = shapes::stopped(
                task.take(),
                "EssentialContainerExited",
                "Essential container in task exited",
            );
        });
        for id in ids {
            self.log_line(&definition, &name, &id, line);
        }
        self.fail(rollout)
    }

    fn end_tasks(&mut self, rollout: &Rollout, end: &mut dyn FnMut(&mut Value)) {
        for task in self.tasks.iter_mut().filter(|task| is_of(task, rollout)) {
            end(task);
            *task = with(task.take(), json!({"stoppingAt": now(), "stoppedAt": now()}));
        }
    }

    /// Counts the tasks that died; the circuit breaker, where it is on, ends the deployment after some.
    fn fail(&mut self, rollout: &mut Rollout) -> Phase {
        let Some(service) = self.services.iter_mut().find(|known| known["serviceArn"] == *rollout.service)
        else {
            return Phase::Over;
        };
        let desired = service["desiredCount"].as_u64().unwrap_or(0);
        rollout.failures += desired;
        let breaker = service["deploymentConfiguration"]["deploymentCircuitBreaker"].clone();
        let Some(deployment) = deployment_of(service, &rollout.deployment) else { return Phase::Over };
        deployment["failedTasks"] = json!(rollout.failures);
        let threshold = desired.div_ceil(2).clamp(3, 200);
        let completed = deployment["rolloutState"] == "COMPLETED";
        if breaker["enable"] != true || rollout.failures < threshold || completed {
            return Phase::Begun;
        }
        deployment["rolloutState"] = json!("FAILED");
        deployment["rolloutStateReason"] = json!("ECS deployment circuit breaker: tasks failed to start.");
        let name = short(&rollout.service);
        let text = format!(
            "(service {name}) (deployment {}) deployment failed: tasks failed to start.",
            rollout.deployment
        );
        self.say(&rollout.service, &text);
        if breaker["rollback"] == true {
            let source = json!({"taskDefinition": rollout.before});
            let failed = json!(rollout.service_deployment);
            self.roll_back(
                &rollout.service,
                &failed,
                &source,
                "Service deployment rolled back because the circuit breaker threshold was exceeded.",
            );
        } else {
            self.end_service_deployment(&rollout.service_deployment, "STOPPED", "tasks failed to start");
        }
        Phase::Over
    }

    /// Goes back to the revision (a service revision) from which a service deployment came. The text of the new
    /// deployment's reason is ECS's; that it has an id of its own is what MiniStack does, and not documented.
    pub(super) fn roll_back(&mut self, service: &str, failed: &Value, source: &Value, reason: &str) {
        let definition = source["taskDefinition"].as_str().unwrap_or_default().to_owned();
        let name = short(service).to_owned();
        self.start_deployment(service, &definition, None);
        let failed = failed.as_str().unwrap_or_default().to_owned();
        let Some(rollout) = self.rollouts.iter_mut().find(|known| known.service == *service) else { return };
        rollout.takes_back = Some(failed.clone());
        let (id, own) = (rollout.deployment.clone(), rollout.service_deployment.clone());
        // A rollback is no service deployment of its own.
        self.service_deployments.retain(|known| known["serviceDeploymentArn"] != *own);
        if let Some(known) =
            self.service_deployments.iter_mut().find(|known| known["serviceDeploymentArn"] == *failed)
        {
            let rollback = json!({
                "reason": reason,
                "startedAt": now(),
                "serviceRevisionArn": source["serviceRevisionArn"]
            });
            *known = with(known.clone(), json!({"status": "ROLLBACK_IN_PROGRESS", "rollback": rollback}));
        }
        if let Some(known) = self.services.iter_mut().find(|known| known["serviceArn"] == *service) {
            known["currentServiceDeployment"] = json!(failed);
            if let Some(deployment) = deployment_of(known, &id) {
                let text = format!("ECS deployment circuit breaker: rolling back to deploymentId {id}.");
                deployment["rolloutStateReason"] = json!(text);
            }
        }
        self.say(service, &format!("(service {name}) rolling back to deployment {id}."));
    }

    /// The rollout is complete: what was before is drained.
    fn complete(&mut self, rollout: &Rollout) {
        let group = format!("service:{}", short(&rollout.service));
        let cluster = rollout.service.rsplit('/').nth(1).unwrap_or_default().to_owned();
        let reason = format!("Scaling activity initiated by (deployment {})", rollout.deployment);
        for task in self.tasks.iter_mut().filter(|task| {
            task["group"] == *group
                && task["desiredStatus"] == "RUNNING"
                && task["startedBy"] != *rollout.deployment
                && task["clusterArn"].as_str().map(short) == Some(&cluster)
        }) {
            for container in task["containers"].as_array_mut().into_iter().flatten() {
                *container = shapes::exited(container.take(), 143, "");
            }
            *task = shapes::stopped(task.take(), "ServiceSchedulerInitiated", &reason);
            *task = with(task.take(), json!({"stoppingAt": now(), "stoppedAt": now()}));
        }
        let Some(service) = self.services.iter_mut().find(|known| known["serviceArn"] == *rollout.service)
        else {
            return;
        };
        let Some(deployment) = deployment_of(service, &rollout.deployment) else { return };
        deployment["rolloutState"] = json!("COMPLETED");
        deployment["rolloutStateReason"] = json!(format!("ECS deployment {} completed.", rollout.deployment));
        deployment["updatedAt"] = json!(now());
        let only = json!([deployment.clone()]);
        service["deployments"] = only;
        let name = short(&rollout.service).to_owned();
        match &rollout.takes_back {
            None => self.end_service_deployment(&rollout.service_deployment, "SUCCESSFUL", ""),
            Some(failed) => self.end_service_deployment(failed, "ROLLBACK_SUCCESSFUL", ""),
        }
        for express in self.express.iter_mut().filter(|known| known["serviceArn"] == *rollout.service) {
            if let Some(active) = express["activeConfigurations"].as_array_mut() {
                active.truncate(1);
            }
        }
        self.say(&rollout.service, &format!("(service {name}) has reached a steady state."));
    }

    fn end_service_deployment(&mut self, arn: &str, status: &str, reason: &str) {
        for known in self.service_deployments.iter_mut().filter(|known| known["serviceDeploymentArn"] == *arn)
        {
            let members = json!({"status": status, "finishedAt": now(), "updatedAt": now()});
            *known = with(known.clone(), members);
            if !reason.is_empty() {
                known["statusReason"] = json!(reason);
            }
        }
    }

    /// Writes down how many tasks are there.
    fn count(&mut self, rollout: &Rollout) {
        let of_service = |task: &&Value| {
            task["group"] == format!("service:{}", short(&rollout.service))
                && task["clusterArn"].as_str().map(short) == rollout.service.rsplit('/').nth(1)
                && task["desiredStatus"] == "RUNNING"
        };
        let counted = |status: &str, deployment: Option<&str>| {
            let here = self.tasks.iter().filter(of_service);
            let here = here.filter(|task| deployment.is_none_or(|id| task["startedBy"] == *id));
            here.filter(|task| task["lastStatus"] == status).count()
        };
        let all = (counted("RUNNING", None), counted("PENDING", None));
        let own = Some(rollout.deployment.as_str());
        let own = (counted("RUNNING", own), counted("PENDING", own));
        if let Some(service) = self.services.iter_mut().find(|known| known["serviceArn"] == *rollout.service)
        {
            service["runningCount"] = json!(all.0);
            service["pendingCount"] = json!(all.1);
            if let Some(deployment) = deployment_of(service, &rollout.deployment) {
                deployment["runningCount"] = json!(own.0);
                deployment["pendingCount"] = json!(own.1);
            }
        }
    }

    /// A service event, the newest first.
    fn say(&mut self, service: &str, text: &str) {
        let number = self.number();
        let Some(service) = self.services.iter_mut().find(|known| known["serviceArn"] == *service) else {
            return;
        };
        let event = json!({"id": format!("event-{number}"), "createdAt": now(), "message": text});
        if let Some(events) = service["events"].as_array_mut() {
            // The same again is told seldom.
            if events.first().is_none_or(|newest| newest["message"] != *text) {
                events.insert(0, event);
            }
        }
    }
}
