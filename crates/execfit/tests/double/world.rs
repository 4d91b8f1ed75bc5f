//! What the double holds, and how the read operations of AWS find it.

use super::behaviour::Behaviour;
use super::reply::Reply;
use super::rollout::Rollout;
use super::search::{arns, cluster_of, described, described_in, find, in_cluster};
use super::shapes::short;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Documents as they are answered.
#[derive(Default)]
pub struct World {
    pub(super) clusters: Vec<Value>,
    pub(super) services: Vec<Value>,
    pub(super) tasks: Vec<Value>,
    pub(super) task_definitions: Vec<Value>,
    pub(super) container_instances: Vec<Value>,
    pub(super) capacity_providers: Vec<Value>,
    pub(super) service_deployments: Vec<Value>,
    pub(super) service_revisions: Vec<Value>,
    pub(super) logs: Vec<((String, String), Vec<String>)>,
    pub(super) secrets: Vec<(String, String)>,
    pub(super) express: Vec<Value>,
    pub(super) ecr_images: Vec<Value>,
    /// By the ARNs of task definitions.
    pub(super) definition_tags: HashMap<String, Vec<Value>>,
    /// By `FAMILY:REVISION`.
    pub(super) behaviours: HashMap<String, Behaviour>,
    pub(super) resolver: Option<Resolver>,
    /// The deployments that were started here, the latest of each service.
    pub(super) rollouts: Vec<Rollout>,
    pub(super) page_size: Option<usize>,
    tokens: u32,
    numbers: u64,
}

type Resolver = Box<dyn Fn(&str) -> Option<String> + Send>;

impl World {
    /// The answer, or `None` for operations that are not known here.
    pub(super) fn answer(&mut self, operation: &str, body: &Value) -> Option<Reply> {
        if needs_cluster(operation) && find(&self.clusters, "clusterArn", cluster_of(body)).is_none() {
            return Some(Reply::error(400, "ClusterNotFoundException", "Cluster not found."));
        }
        if let Some(written) = self.write(operation, body) {
            return Some(written.map_or_else(|refusal| refusal, Reply::from));
        }
        let answer = match operation {
            "ListClusters" => self.list(body, "clusterArns", arns(self.clusters.iter(), "clusterArn")),
            "DescribeClusters" => {
                let named =
                    if body["clusters"].is_array() { body["clusters"].clone() } else { json!(["default"]) };
                described("clusters", &self.clusters, "clusterArn", &named)
            }
            "ListServices" => {
                self.list(body, "serviceArns", arns(self.of_cluster(&self.services, body), "serviceArn"))
            }
            "DescribeServices" => self.describe_services(body),
            "DescribeExpressGatewayService" => return Some(self.describe_express(body)),
            "DescribeImages" => return Some(self.describe_ecr_images(body)),
            "ListTasks" => return Some(self.list_tasks(body)),
            "DescribeTasks" => described_in("tasks", &self.tasks, "taskArn", body, &body["tasks"]),
            "ListTaskDefinitions" => self.list_task_definitions(body),
            "DescribeTaskDefinition" => return Some(self.describe_task_definition(body)),
            "ListServiceDeployments" => self.list_service_deployments(body),
            "DescribeServiceDeployments" => described(
                "serviceDeployments",
                &self.service_deployments,
                "serviceDeploymentArn",
                &body["serviceDeploymentArns"],
            ),
            "DescribeServiceRevisions" => described(
                "serviceRevisions",
                &self.service_revisions,
                "serviceRevisionArn",
                &body["serviceRevisionArns"],
            ),
            "ListContainerInstances" => {
                let instances = self.of_cluster(&self.container_instances, body);
                self.list(body, "containerInstanceArns", arns(instances, "containerInstanceArn"))
            }
            "DescribeContainerInstances" => described_in(
                "containerInstances",
                &self.container_instances,
                "containerInstanceArn",
                body,
                &body["containerInstances"],
            ),
            "DescribeCapacityProviders" if body["capacityProviders"].is_null() => {
                self.list(body, "capacityProviders", self.capacity_providers.clone())
            }
            "DescribeCapacityProviders" => described(
                "capacityProviders",
                &self.capacity_providers,
                "capacityProviderArn",
                &body["capacityProviders"],
            ),
            "GetLogEvents" => return Some(self.log_events(body)),
            "GetAuthorizationToken" => self.authorization_token(),
            "GetSecretValue" => return Some(self.secret_value(body)),
            _ => return None,
        };
        Some(answer.into())
    }

    /// What came of an operation that changes something; `None` for others.
    fn write(&mut self, operation: &str, body: &Value) -> Option<Result<Value, Reply>> {
        Some(match operation {
            "RegisterTaskDefinition" => self.register(body),
            "DeregisterTaskDefinition" => self.deregister(body),
            "UpdateService" => self.update_service(body),
            "StopServiceDeployment" => self.stop_service_deployment(body),
            "UpdateExpressGatewayService" => self.update_express(body),
            _ => return None,
        })
    }

    /// A number that nothing else here has.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Asking is what makes time go by. Tags come only where they are asked for.
    fn describe_services(&mut self, body: &Value) -> Value {
        for name in body["services"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            self.moment(cluster_of(body), short(name));
        }
        let mut answer = described_in("services", &self.services, "serviceArn", body, &body["services"]);
        if !includes_tags(body) {
            for service in answer["services"].as_array_mut().into_iter().flatten() {
                service.as_object_mut().map(|members| members.remove("tags"));
            }
        }
        answer
    }

    /// ECR's DescribeImages: of one repository, some by their tags or digests, or all.
    fn describe_ecr_images(&self, body: &Value) -> Reply {
        let mut here = self.ecr_images.iter().filter(|image| {
            image["repositoryName"] == body["repositoryName"]
                && (body["registryId"].is_null() || image["registryId"] == body["registryId"])
        });
        let Some(first) = here.next() else {
            let message = format!("The repository with name '{}' does not exist", body["repositoryName"]);
            return Reply::error(400, "RepositoryNotFoundException", &message);
        };
        let wanted = body["imageIds"].as_array();
        let named = |image: &&Value, id: &Value| {
            let tags = image["imageTags"].as_array();
            image["imageDigest"] == id["imageDigest"]
                || tags.is_some_and(|tags| tags.contains(&id["imageTag"]))
        };
        let found = [first].into_iter().chain(here);
        let found = found.filter(|image| wanted.is_none_or(|ids| ids.iter().any(|id| named(image, id))));
        let found: Vec<Value> = found.cloned().collect();
        if found.is_empty() {
            return Reply::error(400, "ImageNotFoundException", "The image requested does not exist.");
        }
        self.list(body, "imageDetails", found).into()
    }

    fn of_cluster<'a>(&self, documents: &'a [Value], body: &'a Value) -> impl Iterator<Item = &'a Value> {
        documents.iter().filter(|document| in_cluster(document, body))
    }

    /// One page of a list; `nextToken` is the number of elements before it.
    pub(super) fn list(&self, body: &Value, member: &str, all: Vec<Value>) -> Value {
        let from = body["nextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or(0);
        let size = self.page_size.unwrap_or(usize::MAX);
        let page: Vec<Value> = all.iter().skip(from).take(size).cloned().collect();
        let mut answer = json!({ member: page });
        if from.saturating_add(size) < all.len() {
            answer["nextToken"] = json!((from + size).to_string());
        }
        answer
    }

    fn list_tasks(&self, body: &Value) -> Reply {
        let asked = |member: &str| body[member].as_str().map(short);
        if let Some(service) = asked("serviceName") {
            let mut services = self.of_cluster(&self.services, body);
            if !services.any(|known| known["serviceName"] == service) {
                return Reply::error(400, "ServiceNotFoundException", "Service not found.");
            }
        }
        let status = body["desiredStatus"].as_str().unwrap_or("RUNNING");
        let tasks = self.of_cluster(&self.tasks, body).filter(|task| {
            let family =
                task["taskDefinitionArn"].as_str().map(short).and_then(|name| name.split(':').next());
            let instance = task["containerInstanceArn"].as_str().map(short);
            task["desiredStatus"] == status
                && asked("serviceName").is_none_or(|name| task["group"] == format!("service:{name}"))
                && asked("family").is_none_or(|name| family == Some(name))
                && asked("containerInstance").is_none_or(|name| instance == Some(name))
        });
        self.list(body, "taskArns", arns(tasks, "taskArn")).into()
    }

    fn list_service_deployments(&self, body: &Value) -> Value {
        let service = body["service"].as_str().map(short);
        let members = [
            "serviceDeploymentArn",
            "serviceArn",
            "clusterArn",
            "startedAt",
            "createdAt",
            "finishedAt",
            "status",
            "statusReason",
        ];
        let briefs = self.of_cluster(&self.service_deployments, body);
        let wanted = body["status"].as_array();
        let briefs = briefs
            .filter(|known| known["serviceArn"].as_str().map(short) == service)
            .filter(|known| wanted.is_none_or(|states| states.contains(&known["status"])));
        let briefs = briefs.map(|known| {
            let mut brief = json!({"targetServiceRevisionArn": known["targetServiceRevision"]["arn"]});
            for member in members {
                if !known[member].is_null() {
                    brief[member] = known[member].clone();
                }
            }
            brief
        });
        self.list(body, "serviceDeployments", briefs.collect())
    }

    fn log_events(&self, body: &Value) -> Reply {
        let asked = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
        let (group, stream) = (asked("logGroupName"), asked("logStreamName"));
        if !self.logs.iter().any(|((known, _), _)| *known == group) {
            return missing("The specified log group does not exist.");
        }
        let Some((_, lines)) = self.logs.iter().find(|(known, _)| *known == (group.clone(), stream.clone()))
        else {
            return missing("The specified log stream does not exist.");
        };
        let limit = body["limit"].as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap_or(10_000);
        let skip = if body["startFromHead"] == true { 0 } else { lines.len().saturating_sub(limit) };
        let event = |(number, line): (usize, &String)| {
            let at = 1_790_000_000_000_u64 + number as u64;
            json!({"timestamp": at, "message": line, "ingestionTime": at + 5})
        };
        let events: Vec<Value> = lines.iter().enumerate().skip(skip).take(limit).map(event).collect();
        json!({"events": events, "nextForwardToken": "f/1", "nextBackwardToken": "b/1"}).into()
    }

    /// Every token is another one, so that a test sees which is in use: `AWS:password-1`, `AWS:password-2` ...
    fn authorization_token(&mut self) -> Value {
        self.tokens += 1;
        let token = STANDARD.encode(format!("AWS:password-{}", self.tokens));
        json!({"authorizationData": [{
            "authorizationToken": token,
            "expiresAt": 1_790_043_200.5,
            "proxyEndpoint": "https://111122223333.dkr.ecr.eu-central-1.amazonaws.com"
        }]})
    }

    fn secret_value(&self, body: &Value) -> Reply {
        match self.secrets.iter().find(|(arn, _)| body["SecretId"] == **arn) {
            Some((arn, text)) => json!({"ARN": arn, "Name": short(arn), "SecretString": text}).into(),
            None => missing("Secrets Manager can't find the specified secret."),
        }
    }
}

fn missing(message: &str) -> Reply {
    Reply::error(400, "ResourceNotFoundException", message)
}

/// Whether `include` has `TAGS`.
pub(super) fn includes_tags(body: &Value) -> bool {
    body["include"].as_array().is_some_and(|include| include.contains(&json!("TAGS")))
}

fn needs_cluster(operation: &str) -> bool {
    matches!(
        operation,
        "ListServices"
            | "DescribeServices"
            | "UpdateService"
            | "ListTasks"
            | "DescribeTasks"
            | "ListServiceDeployments"
            | "ListContainerInstances"
            | "DescribeContainerInstances"
    )
}
