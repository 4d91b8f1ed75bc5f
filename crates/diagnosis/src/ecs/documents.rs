//! The documents of a case, sorted by what they are.

use crate::case::Answer;
use serde_json::Value;
use std::collections::BTreeSet;

/// All documents of a case, whichever call or file brought them; each is known by its keys.
#[derive(Debug, Default)]
pub struct Documents<'a> {
    /// `Service` of DescribeServices.
    pub services: Vec<&'a Value>,
    /// `Task` of DescribeTasks and RunTask.
    pub tasks: Vec<&'a Value>,
    /// `TaskDefinition` of DescribeTaskDefinition, or a definition as one registers it.
    pub task_definitions: Vec<&'a Value>,
    /// `tags` of DescribeTaskDefinition, by the ARN of the definition that they stand beside.
    pub definition_tags: Vec<(&'a str, &'a Value)>,
    /// The account's services in brief, and what was not looked at.
    pub neighbours: Vec<&'a Value>,
    /// What starts tasks besides services, and what was not looked at.
    pub starters: Vec<&'a Value>,
    /// `Cluster` of DescribeClusters.
    pub clusters: Vec<&'a Value>,
    /// `ContainerInstance` of DescribeContainerInstances.
    pub container_instances: Vec<&'a Value>,
    /// `CapacityProvider` of DescribeCapacityProviders.
    pub capacity_providers: Vec<&'a Value>,
    /// `ServiceRevision` of DescribeServiceRevisions.
    pub service_revisions: Vec<&'a Value>,
    /// `ServiceDeployment` of DescribeServiceDeployments.
    pub service_deployments: Vec<&'a Value>,
    /// `ECSExpressGatewayService` of DescribeExpressGatewayService.
    pub express_services: Vec<&'a Value>,
    /// ARNs of revisions, of ListTaskDefinitions.
    pub revision_arns: Vec<&'a str>,
    /// `ImageDetail` of ECR's DescribeImages.
    pub image_details: Vec<&'a Value>,
    /// `AutoScalingGroup` of EC2 Auto Scaling's DescribeAutoScalingGroups.
    pub scaling_groups: Vec<&'a Value>,
    /// `LaunchTemplateVersion` of EC2's DescribeLaunchTemplateVersions.
    pub launch_templates: Vec<&'a Value>,
    /// `LaunchConfiguration` of EC2 Auto Scaling's DescribeLaunchConfigurations.
    pub launch_configurations: Vec<&'a Value>,
}

impl<'a> Documents<'a> {
    /// Sorts the answers of a case.
    pub fn of(answers: &'a [Answer]) -> Documents<'a> {
        let mut documents = Documents::default();
        answers.iter().for_each(|answer| documents.add(&answer.body));
        once(&mut documents.tasks, "taskArn");
        once(&mut documents.container_instances, "containerInstanceArn");
        documents
    }

    fn add(&mut self, body: &'a Value) {
        if let Value::Array(items) = body {
            return items.iter().for_each(|item| self.add(item));
        }
        let many = |key: &str| body[key].as_array().into_iter().flatten().filter(|item| item.is_object());
        self.services.extend(many("services"));
        // DescribeExpressGatewayService answers with a member of the same name that is no `Service`.
        let is_express = |service: &&Value| service["activeConfigurations"].is_array();
        let one = body.get("service").filter(|service| service.is_object());
        self.services.extend(one.filter(|service| !is_express(service)));
        self.express_services.extend(one.filter(is_express));
        self.tasks.extend(many("tasks"));
        self.clusters.extend(many("clusters"));
        self.container_instances.extend(many("containerInstances"));
        self.capacity_providers.extend(many("capacityProviders").filter(|item| item["name"].is_string()));
        self.service_revisions
            .extend(many("serviceRevisions").filter(|item| item["taskDefinition"].is_string()));
        self.service_deployments.extend(many("serviceDeployments"));
        let arns = body["taskDefinitionArns"].as_array().into_iter().flatten();
        self.revision_arns.extend(arns.filter_map(Value::as_str));
        self.image_details.extend(many("imageDetails"));
        self.scaling_groups.extend(many("AutoScalingGroups"));
        self.launch_templates.extend(many("LaunchTemplateVersions"));
        self.launch_configurations.extend(many("LaunchConfigurations"));
        let definition =
            if body["containerDefinitions"].is_array() { Some(body) } else { body.get("taskDefinition") };
        self.task_definitions.extend(definition.filter(|item| item["containerDefinitions"].is_array()));
        self.neighbours.extend(body.get("neighbours").filter(|brief| brief.is_object()));
        self.starters.extend(body.get("starters").filter(|brief| brief.is_object()));
        let arn = body["taskDefinition"]["taskDefinitionArn"].as_str();
        self.definition_tags.extend(arn.zip(body.get("tags")));
    }

    /// The tags of a task definition, where they were asked.
    pub fn tags_of(&self, definition: &Value) -> Option<&'a Value> {
        let arn = definition["taskDefinitionArn"].as_str()?;
        self.definition_tags.iter().find(|(of, _)| *of == arn).map(|(_, tags)| *tags)
    }

    /// The task definition that a service or task names, by ARN, or by `family:revision`.
    pub fn task_definition(&self, name: &str) -> Option<&'a Value> {
        let short = name.rsplit('/').next().unwrap_or(name);
        self.task_definitions.iter().copied().find(|definition| {
            definition["taskDefinitionArn"].as_str() == Some(name) || revision_name(definition) == short
        })
    }
}

/// Keeps each thing once, as the last document has it: saved files and answers may tell of one several times.
fn once(things: &mut Vec<&Value>, key: &str) {
    let mut seen = BTreeSet::new();
    things.reverse();
    things.retain(|thing| thing[key].as_str().is_none_or(|arn| seen.insert(arn)));
    things.reverse();
}

/// `family:revision` of a task definition; only the family where it was never registered.
pub(super) fn revision_name(definition: &Value) -> String {
    let family = definition["family"].as_str().unwrap_or("?");
    match definition["revision"].as_u64() {
        Some(revision) => format!("{family}:{revision}"),
        None => family.to_string(),
    }
}
