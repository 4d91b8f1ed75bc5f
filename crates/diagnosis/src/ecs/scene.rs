//! One revision of a task definition with everything around it: its service, its tasks, its machines.

use super::documents::{Documents, revision_name};
use super::log_stream::{self, LogStream};
use super::{container, placement, time};
use crate::case::Log;
use crate::target::TargetKind;
use crate::workload::{Observation, Workload};
use execfit_kernel::host::Architecture;
use serde_json::Value;

/// One revision and what surrounds it.
#[derive(Debug, Clone)]
pub struct Scene<'a> {
    pub(super) documents: &'a Documents<'a>,
    /// The service, if one was asked for.
    pub service: Option<&'a Value>,
    /// The revision.
    pub definition: &'a Value,
    /// Its tasks, newest first.
    pub tasks: Vec<&'a Value>,
    /// Whether one task was asked for.
    pub standalone: bool,
}

/// Nothing to examine, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Nothing(pub String);

/// A revision's name and what it says of the architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// `family:revision`.
    pub name: String,
    /// `runtimePlatform.cpuArchitecture`, as written.
    pub cpu_architecture: Option<String>,
    /// Who registered it.
    pub registered_by: Option<String>,
    /// When, as the document has it.
    pub registered_at: Option<String>,
}

impl<'a> Scene<'a> {
    /// Finds what the target names among the documents.
    ///
    /// # Errors
    /// [`Nothing`], when the documents hold no such thing to examine.
    pub fn of(target: &TargetKind, documents: &'a Documents<'a>) -> Result<Scene<'a>, Nothing> {
        match target {
            TargetKind::Service { service, .. } => {
                let found =
                    documents.services.iter().find(|found| found["serviceName"].as_str() == Some(service));
                let found =
                    found.ok_or_else(|| Nothing(format!("no document describes the service {service}")))?;
                Scene::of_service(found, documents)
            }
            TargetKind::Task { task, .. } => {
                let is_it = |found: &&&Value| {
                    let arn = found["taskArn"].as_str().unwrap_or_default();
                    arn.rsplit('/').next() == Some(task)
                };
                let found = documents.tasks.iter().find(is_it);
                Scene::of_task(
                    found.ok_or_else(|| Nothing(format!("no document describes the task {task}")))?,
                    documents,
                )
            }
            TargetKind::TaskDefinition { family, revision } => {
                let of_family = documents.task_definitions.iter().filter(|definition| {
                    let number = definition["revision"].as_u64();
                    definition["family"].as_str() == Some(family)
                        && revision.is_none_or(|wanted| number == Some(wanted.into()))
                });
                let newest = of_family.max_by_key(|definition| definition["revision"].as_u64());
                let found = newest.ok_or_else(|| Nothing(format!("no document describes the {target}")))?;
                Ok(Scene::of_definition(found, documents))
            }
            TargetKind::Documents { path } => Scene::of_documents(path, documents),
            TargetKind::Image { .. } => Err(Nothing("an image has no service around it".into())),
        }
    }

    fn of_documents(path: &str, documents: &'a Documents<'a>) -> Result<Scene<'a>, Nothing> {
        if let Some(service) = documents.services.first() {
            Scene::of_service(service, documents)
        } else if let Some(task) = documents.tasks.first() {
            Scene::of_task(task, documents)
        } else if let Some(definition) = documents.task_definitions.first() {
            Ok(Scene::of_definition(definition, documents))
        } else {
            Err(Nothing(format!(
                "{path} holds no service, task or task definition; save `aws ecs describe-services`, \
                 `aws ecs describe-tasks` and `aws ecs describe-task-definition`"
            )))
        }
    }

    fn of_service(service: &'a Value, documents: &'a Documents<'a>) -> Result<Scene<'a>, Nothing> {
        let name = service["serviceName"].as_str().unwrap_or("?");
        let arn = task_definition_of(service);
        let arn = arn.ok_or_else(|| Nothing(format!("the service {name} has no task definition")))?;
        let definition = definition(documents, arn)?;
        let group = format!("service:{name}");
        let mut scene = Scene { service: Some(service), ..Scene::of_definition(definition, documents) };
        scene.tasks = tasks_of(documents, definition);
        scene.tasks.retain(|task| task["group"].as_str().is_none_or(|of| of.is_empty() || of == group));
        // Deployments of one revision may be of different digests: the current one is asked about, once it has tasks.
        let current = primary(service).find_map(|deployment| deployment["id"].as_str());
        let is_current = |task: &&Value| current.is_some() && task["startedBy"].as_str() == current;
        if scene.tasks.iter().any(is_current) {
            scene.tasks.retain(is_current);
        }
        Ok(scene)
    }

    fn of_task(task: &'a Value, documents: &'a Documents<'a>) -> Result<Scene<'a>, Nothing> {
        let arn = task["taskDefinitionArn"].as_str();
        let arn = arn.ok_or_else(|| Nothing("the task names no task definition".into()))?;
        let definition = definition(documents, arn)?;
        Ok(Scene { tasks: vec![task], standalone: true, ..Scene::of_definition(definition, documents) })
    }

    fn of_definition(definition: &'a Value, documents: &'a Documents<'a>) -> Scene<'a> {
        Scene { documents, service: None, definition, tasks: Vec::new(), standalone: false }
    }

    /// The same service at the revision before this one, where that is known.
    pub fn previous(&self) -> Option<Scene<'a>> {
        let number = self.definition["revision"].as_u64()?;
        let family = self.definition["family"].as_str();
        let earlier = self.documents.task_definitions.iter().copied().filter(|other| {
            other["family"].as_str() == family
                && other["revision"].as_u64().is_some_and(|other| other < number)
        });
        let definition = earlier.max_by_key(|other| other["revision"].as_u64())?;
        let tasks = tasks_of(self.documents, definition);
        Some(Scene { definition, tasks, standalone: false, ..self.clone() })
    }

    /// The service, described so, at another revision. What its own tasks tell of hosts is of the service as it is, so
    /// they are left out where it is the same revision.
    pub fn at<'b>(&self, definition: &'b Value, service: &'b Value) -> Scene<'b>
    where
        'a: 'b,
    {
        let documents: &'b Documents<'b> = self.documents;
        let same = revision_name(definition) == revision_name(self.definition);
        let tasks = if same { Vec::new() } else { tasks_of(documents, definition) };
        Scene { documents, service: Some(service), definition, tasks, standalone: false }
    }

    /// Name and architecture of the revision.
    pub fn revision(&self) -> Revision {
        let time = &self.definition["registeredAt"];
        Revision {
            name: revision_name(self.definition),
            cpu_architecture: self.definition["runtimePlatform"]["cpuArchitecture"]
                .as_str()
                .filter(|text| !text.is_empty())
                .map(String::from),
            registered_by: self.definition["registeredBy"].as_str().map(String::from),
            registered_at: (!time.is_null()).then(|| time::shown(time)),
        }
    }

    /// The cluster, where it was described.
    pub fn cluster(&self) -> Option<&'a Value> {
        let wanted = self.service.and_then(|service| service["clusterArn"].as_str());
        let is_it = |cluster: &&&Value| wanted.is_none() || cluster["clusterArn"].as_str() == wanted;
        self.documents.clusters.iter().find(is_it).copied()
    }

    /// Service revisions of this task definition: those that are current where the service names them.
    pub fn service_revisions(&self) -> impl Iterator<Item = &'a Value> {
        let arn = self.definition["taskDefinitionArn"].as_str();
        let current = self.service.and_then(|service| service["currentServiceRevisions"].as_array());
        let of_this = self.documents.service_revisions.iter().copied();
        let of_this =
            of_this.filter(move |revision| arn.is_some() && revision["taskDefinition"].as_str() == arn);
        let mut found: Vec<&Value> = of_this.collect();
        let is_current = |revision: &&Value| {
            let listed = current.into_iter().flatten();
            let own = revision["serviceRevisionArn"].as_str();
            listed.filter_map(|entry| entry["arn"].as_str()).any(|arn| Some(arn) == own)
        };
        if found.iter().any(is_current) {
            found.retain(is_current);
        }
        found.sort_by(|a, b| time::seconds(&b["createdAt"]).total_cmp(&time::seconds(&a["createdAt"])));
        found.into_iter()
    }

    /// Whether any task of the revision has stopped and is still visible.
    pub fn has_stopped_tasks(&self) -> bool {
        self.tasks.iter().any(|task| task["lastStatus"].as_str() == Some("STOPPED"))
    }

    /// Whether the service's last deployment of this revision is one that came up: a place to go back to.
    pub fn ran_before(&self) -> bool {
        let arn = self.definition["taskDefinitionArn"].as_str();
        let deployed =
            self.service.into_iter().flat_map(|service| service["deployments"].as_array()).flatten();
        let mut deployed = deployed.filter(|deployment| deployment["taskDefinition"].as_str() == arn);
        let up = deployed.any(|deployment| deployment["runningCount"].as_u64().unwrap_or(0) > 0);
        up || self.tasks.iter().any(|task| task["lastStatus"].as_str() == Some("RUNNING"))
            || arn.is_some() && self.successes().iter().any(|success| success.definition() == arn)
    }

    /// Whether placement lets its tasks onto machines of an architecture: always on Fargate, else where there is such a
    /// machine, or a constraint does not speak of it.
    pub fn admits(&self, architecture: Architecture) -> bool {
        placement::admits(self, architecture)
    }

    /// The log streams of containers that stopped, of the newest tasks first; a container is looked up in at most two.
    pub fn log_streams(&self) -> Vec<LogStream> {
        log_stream::of(self.definition, &self.tasks)
    }

    /// The containers to run.
    pub fn workloads(&self, logs: &[Log]) -> Vec<Workload> {
        let placement = placement::placement(self);
        let overrides = self.tasks.first().filter(|_| self.standalone).map(|task| &task["overrides"]);
        let definitions = self.definition["containerDefinitions"].as_array().into_iter().flatten();
        definitions
            .map(|definition| {
                let name = definition["name"].as_str().unwrap_or("?");
                Workload {
                    container: name.to_string(),
                    essential: definition["essential"].as_bool().unwrap_or(true),
                    image: definition["image"].as_str().unwrap_or_default().to_string(),
                    deployed: self.deployed_digest(name),
                    repository_credentials: definition["repositoryCredentials"]["credentialsParameter"]
                        .as_str()
                        .map(String::from),
                    command: container::command(self.definition, definition, overrides),
                    placement: placement.clone(),
                    observation: self.observation(name, logs),
                }
            })
            .collect()
    }

    /// The digest that ECS resolved, from the service revision, else from the newest task that shows it.
    fn deployed_digest(&self, container: &str) -> Option<String> {
        let is_it = |item: &&Value, key: &str| item[key].as_str() == Some(container);
        let mut of_revisions =
            self.service_revisions().flat_map(|r| r["containerImages"].as_array()).flatten();
        let of_revision = of_revisions.find(|image| is_it(image, "containerName"));
        let of_tasks = self.tasks.iter().flat_map(|task| task["containers"].as_array()).flatten();
        let mut of_tasks =
            of_tasks.filter(|found| is_it(found, "name")).filter_map(|found| found["imageDigest"].as_str());
        let digest = of_revision.and_then(|image| image["imageDigest"].as_str());
        digest.filter(|d| !d.is_empty()).or_else(|| of_tasks.find(|d| !d.is_empty())).map(String::from)
    }

    fn observation(&self, container: &str, logs: &[Log]) -> Observation {
        let mut seen = Observation::default();
        for task in &self.tasks {
            let containers = task["containers"].as_array().into_iter().flatten();
            let Some(found) = containers.into_iter().find(|found| found["name"].as_str() == Some(container))
            else {
                continue;
            };
            if task["lastStatus"].as_str() != Some("STOPPED")
                && found["lastStatus"].as_str() == Some("RUNNING")
            {
                seen.running += 1;
            } else if found["lastStatus"].as_str() == Some("STOPPED") {
                if seen.stopped == 0 {
                    seen.exit_code = found["exitCode"].as_i64();
                    seen.reason = found["reason"].as_str().map(String::from);
                    seen.stopped_reason = task["stoppedReason"].as_str().map(String::from);
                    seen.stop_code = task["stopCode"].as_str().map(String::from);
                }
                seen.stopped += 1;
            }
            let arn = task["taskArn"].as_str().unwrap_or_default();
            for log in logs.iter().filter(|log| log.task == arn && log.container == container) {
                seen.log.extend(log.lines.iter().cloned());
            }
        }
        seen.log.sort();
        seen.log.dedup();
        seen
    }
}

/// The task definition that a service runs: of its primary deployment or task set, else its own.
pub fn task_definition_of(service: &Value) -> Option<&str> {
    let arn = primary(service).find_map(|deployment| deployment["taskDefinition"].as_str());
    arn.or(service["taskDefinition"].as_str()).filter(|arn| !arn.is_empty())
}

/// The primary deployment, or task set.
fn primary(service: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["deployments", "taskSets"].into_iter().filter_map(|key| service[key].as_array()).flatten();
    lists.filter(|deployment| deployment["status"].as_str() == Some("PRIMARY"))
}

fn definition<'a>(documents: &'a Documents<'a>, arn: &str) -> Result<&'a Value, Nothing> {
    documents.task_definition(arn).ok_or_else(|| {
        let name = arn.rsplit('/').next().unwrap_or(arn);
        Nothing(format!("no document holds the task definition {name}; add `aws ecs describe-task-definition --task-definition {name}`"))
    })
}

/// The tasks of a revision, newest first.
fn tasks_of<'a>(documents: &'a Documents<'a>, definition: &Value) -> Vec<&'a Value> {
    let name = revision_name(definition);
    let is_of = |task: &&Value| {
        let arn = task["taskDefinitionArn"].as_str().unwrap_or_default();
        arn.rsplit('/').next() == Some(name.as_str())
    };
    let mut tasks: Vec<&Value> = documents.tasks.iter().copied().filter(is_of).collect();
    tasks.sort_by(|a, b| time::seconds(&b["createdAt"]).total_cmp(&time::seconds(&a["createdAt"])));
    tasks
}
