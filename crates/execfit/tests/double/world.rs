//! What the double holds, and how the read operations of AWS find it.

use super::reply::Reply;
use super::shapes::short;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Documents as they are answered.
#[derive(Default)]
pub(super) struct World {
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
    pub(super) page_size: Option<usize>,
    tokens: u32,
}

impl World {
    /// The answer, or `None` for operations that are not known here.
    pub(super) fn answer(&mut self, operation: &str, body: &Value) -> Option<Reply> {
        if needs_cluster(operation) && find(&self.clusters, "clusterArn", cluster_of(body)).is_none() {
            return Some(Reply::error(400, "ClusterNotFoundException", "Cluster not found."));
        }
        let answer = match operation {
            "DescribeClusters" => {
                let named =
                    if body["clusters"].is_array() { body["clusters"].clone() } else { json!(["default"]) };
                described("clusters", &self.clusters, "clusterArn", &named)
            }
            "ListServices" => {
                self.list(body, "serviceArns", arns(self.of_cluster(&self.services, body), "serviceArn"))
            }
            "DescribeServices" => {
                described_in("services", &self.services, "serviceArn", body, &body["services"])
            }
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

    fn of_cluster<'a>(&self, documents: &'a [Value], body: &'a Value) -> impl Iterator<Item = &'a Value> {
        documents.iter().filter(|document| in_cluster(document, body))
    }

    /// One page of a list; `nextToken` is the number of elements before it.
    fn list(&self, body: &Value, member: &str, all: Vec<Value>) -> Value {
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

    fn list_task_definitions(&self, body: &Value) -> Value {
        let mut found: Vec<&Value> = self
            .task_definitions
            .iter()
            .filter(|known| known["family"] == body["familyPrefix"] && known["status"] != "INACTIVE")
            .collect();
        found.sort_by_key(|known| known["revision"].as_i64());
        if body["sort"] == "DESC" {
            found.reverse();
        }
        self.list(body, "taskDefinitionArns", arns(found.into_iter(), "taskDefinitionArn"))
    }

    fn describe_task_definition(&self, body: &Value) -> Reply {
        let asked = short(body["taskDefinition"].as_str().unwrap_or_default());
        let (family, revision) = match asked.split_once(':') {
            Some((family, revision)) => (family, revision.parse::<i64>().ok()),
            None => (asked, None),
        };
        let found = self.task_definitions.iter().filter(|known| known["family"] == family);
        let found = found.filter(|known| match revision {
            Some(revision) => known["revision"] == revision,
            None => known["status"] != "INACTIVE",
        });
        match found.max_by_key(|known| known["revision"].as_i64()) {
            Some(definition) => json!({"taskDefinition": definition, "tags": []}).into(),
            None => Reply::error(400, "ClientException", "Unable to describe task definition."),
        }
    }

    fn list_service_deployments(&self, body: &Value) -> Value {
        let service = body["service"].as_str().map(short);
        let members =
            ["serviceDeploymentArn", "serviceArn", "clusterArn", "startedAt", "createdAt", "status"];
        let briefs = self.of_cluster(&self.service_deployments, body);
        let briefs = briefs.filter(|known| known["serviceArn"].as_str().map(short) == service).map(|known| {
            let mut brief = json!({"targetServiceRevisionArn": known["targetServiceRevision"]["arn"]});
            for member in members {
                brief[member] = known[member].clone();
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

fn needs_cluster(operation: &str) -> bool {
    matches!(
        operation,
        "ListServices"
            | "DescribeServices"
            | "ListTasks"
            | "DescribeTasks"
            | "ListServiceDeployments"
            | "ListContainerInstances"
            | "DescribeContainerInstances"
    )
}

fn cluster_of(body: &Value) -> &str {
    short(body["cluster"].as_str().unwrap_or("default"))
}

fn in_cluster(document: &Value, body: &Value) -> bool {
    let cluster = cluster_of(body);
    match document["clusterArn"].as_str() {
        Some(arn) => short(arn) == cluster,
        // Container instances say only in their ARN where they are: .../CLUSTER/ID.
        None => document["containerInstanceArn"]
            .as_str()
            .is_some_and(|arn| arn.split('/').nth(1) == Some(cluster)),
    }
}

fn arns<'a>(documents: impl Iterator<Item = &'a Value>, member: &str) -> Vec<Value> {
    documents.map(|document| document[member].clone()).collect()
}

/// By ARN or by the last part of it.
fn find<'a>(documents: &'a [Value], arn: &str, name: &str) -> Option<&'a Value> {
    documents
        .iter()
        .find(|known| known[arn].as_str().is_some_and(|arn| arn == name || short(arn) == short(name)))
}

fn described(member: &str, documents: &[Value], arn: &str, named: &Value) -> Value {
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in named.as_array().into_iter().flatten().filter_map(Value::as_str) {
        match find(documents, arn, name) {
            Some(document) => found.push(document.clone()),
            None => failures.push(json!({"arn": name, "reason": "MISSING"})),
        }
    }
    json!({ member: found, "failures": failures })
}

fn described_in(member: &str, documents: &[Value], arn: &str, body: &Value, named: &Value) -> Value {
    let here: Vec<Value> = documents.iter().filter(|document| in_cluster(document, body)).cloned().collect();
    described(member, &here, arn, named)
}
