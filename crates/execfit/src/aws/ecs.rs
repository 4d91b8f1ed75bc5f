//! Amazon ECS.
//!
//! `cluster` and every other name may be a short name or an ARN, as in the API.

use super::call::Asked;
use super::error::AwsError;
use super::{Answer, Aws};
use aws_sdk_ecs::types::{DesiredStatus, ServiceField, SortOrder, TaskDefinitionField, TaskDefinitionStatus};

/// Which tasks of a cluster are listed. Without any member: those that are meant to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// Only those of this service.
    pub service: Option<String>,
    /// Only those whose task definition is of this family.
    pub family: Option<String>,
    /// Only those on this container instance.
    pub container_instance: Option<String>,
    /// True: those that were stopped in about the last hour. False: those that are meant to run.
    pub stopped: bool,
    /// No further page is asked for once so many are there; without it, all are.
    pub enough: Option<usize>,
}

impl Aws {
    /// `ecs:DescribeClusters`. Without names: the cluster called `default`.
    ///
    /// # Errors
    /// An [`AwsError`]; unknown clusters are no error but stand in `failures`.
    pub async fn describe_clusters(&self, clusters: &[String]) -> Result<Answer, AwsError> {
        let asked = ecs("DescribeClusters", format!("cluster {}", names(clusters)));
        let call = |witness| {
            let call = self.ecs.describe_clusters().set_clusters(Some(clusters.to_vec()));
            call.customize().interceptor(witness).send()
        };
        asked.once(call).await
    }

    /// `ecs:ListClusters`: the ARNs of the account's clusters, at least `enough` of them if there are so many.
    ///
    /// # Errors
    /// An [`AwsError`].
    pub async fn list_clusters(&self, enough: usize) -> Result<Answer, AwsError> {
        let asked = ecs("ListClusters", "the clusters".into());
        let call = |witness, token| {
            let call = self.ecs.list_clusters().max_results(100).set_next_token(token);
            call.customize().interceptor(witness).send()
        };
        asked.pages("clusterArns", enough, call).await
    }

    /// `ecs:ListServices`: the ARNs of a cluster's services, at least `enough` of them if there are so many.
    ///
    /// # Errors
    /// An [`AwsError`].
    pub async fn list_services(&self, cluster: &str, enough: usize) -> Result<Answer, AwsError> {
        let asked = ecs("ListServices", format!("cluster {cluster}"));
        let call = |witness, token| {
            let call = self.ecs.list_services().cluster(cluster).max_results(100).set_next_token(token);
            call.customize().interceptor(witness).send()
        };
        asked.pages("serviceArns", enough, call).await
    }

    /// `ecs:DescribeServices`.
    ///
    /// # Errors
    /// An [`AwsError`]; unknown services are no error but stand in `failures`.
    pub async fn describe_services(&self, cluster: &str, services: &[String]) -> Result<Answer, AwsError> {
        self.services(cluster, services, None).await
    }

    /// The same, with the services' tags: they tell who owns a service.
    ///
    /// # Errors
    /// As [`Aws::describe_services`].
    pub async fn describe_services_and_tags(
        &self,
        cluster: &str,
        services: &[String],
    ) -> Result<Answer, AwsError> {
        self.services(cluster, services, Some(vec![ServiceField::Tags])).await
    }

    async fn services(
        &self,
        cluster: &str,
        services: &[String],
        include: Option<Vec<ServiceField>>,
    ) -> Result<Answer, AwsError> {
        let asked = ecs("DescribeServices", format!("service {cluster}/{}", names(services)));
        let call = |witness, batch| {
            let call = self.ecs.describe_services().cluster(cluster).set_services(Some(batch));
            call.set_include(include.clone()).customize().interceptor(witness).send()
        };
        asked.batches(services, 10, call).await
    }

    /// `ecs:ListTasks`: the ARNs of a cluster's tasks.
    ///
    /// # Errors
    /// An [`AwsError`].
    pub async fn list_tasks(&self, cluster: &str, filter: &TaskFilter) -> Result<Answer, AwsError> {
        let object = match (&filter.service, &filter.family) {
            (Some(service), _) => format!("service {cluster}/{service}"),
            (None, Some(family)) => format!("family {family} in cluster {cluster}"),
            (None, None) => format!("cluster {cluster}"),
        };
        let status = if filter.stopped { DesiredStatus::Stopped } else { DesiredStatus::Running };
        let call = |witness, token| {
            let call = self.ecs.list_tasks().cluster(cluster).desired_status(status.clone()).max_results(100);
            let call = call.set_service_name(filter.service.clone()).set_family(filter.family.clone());
            let call = call.set_container_instance(filter.container_instance.clone()).set_next_token(token);
            call.customize().interceptor(witness).send()
        };
        ecs("ListTasks", object).pages("taskArns", filter.enough.unwrap_or(usize::MAX), call).await
    }

    /// `ecs:DescribeTasks`.
    ///
    /// # Errors
    /// An [`AwsError`]; unknown tasks are no error but stand in `failures`.
    pub async fn describe_tasks(&self, cluster: &str, tasks: &[String]) -> Result<Answer, AwsError> {
        let asked = ecs("DescribeTasks", format!("task {} in cluster {cluster}", names(tasks)));
        let call = |witness, batch| {
            let call = self.ecs.describe_tasks().cluster(cluster).set_tasks(Some(batch));
            call.customize().interceptor(witness).send()
        };
        asked.batches(tasks, 100, call).await
    }

    /// `ecs:DescribeTaskDefinition`: `FAMILY` (its latest active revision), `FAMILY:REVISION` or an ARN; deregistered
    /// ones too. With its tags.
    ///
    /// # Errors
    /// An [`AwsError`]; of kind `NotFound` where there is none.
    pub async fn describe_task_definition(&self, name: &str) -> Result<Answer, AwsError> {
        let asked = ecs("DescribeTaskDefinition", format!("task definition {name}"));
        let call = |witness| {
            let call = self.ecs.describe_task_definition().task_definition(name);
            call.include(TaskDefinitionField::Tags).customize().interceptor(witness).send()
        };
        asked.once(call).await
    }

    /// `ecs:ListTaskDefinitions`: the ARNs of a family's active revisions, newest first, at least `newest` of them if
    /// there are so many.
    ///
    /// # Errors
    /// An [`AwsError`].
    pub async fn list_task_definitions(&self, family: &str, newest: u16) -> Result<Answer, AwsError> {
        let asked = ecs("ListTaskDefinitions", format!("family {family}"));
        let call = |witness, token| {
            let call = self.ecs.list_task_definitions().family_prefix(family).sort(SortOrder::Desc);
            let call = call.status(TaskDefinitionStatus::Active).max_results(i32::from(newest.clamp(1, 100)));
            call.set_next_token(token).customize().interceptor(witness).send()
        };
        asked.pages("taskDefinitionArns", usize::from(newest), call).await
    }

    /// `ecs:ListServiceDeployments`: briefs of a service's deployments.
    ///
    /// # Errors
    /// An [`AwsError`].
    pub async fn list_service_deployments(&self, cluster: &str, service: &str) -> Result<Answer, AwsError> {
        let asked = ecs("ListServiceDeployments", format!("service {cluster}/{service}"));
        let call = |witness, token| {
            let call = self.ecs.list_service_deployments().cluster(cluster).service(service).max_results(100);
            call.set_next_token(token).customize().interceptor(witness).send()
        };
        asked.pages("serviceDeployments", usize::MAX, call).await
    }

    /// `ecs:DescribeServiceDeployments`.
    ///
    /// # Errors
    /// An [`AwsError`]; unknown ones are no error but stand in `failures`.
    pub async fn describe_service_deployments(&self, arns: &[String]) -> Result<Answer, AwsError> {
        let asked = ecs("DescribeServiceDeployments", format!("service deployment {}", names(arns)));
        let call = |witness, batch| {
            let call = self.ecs.describe_service_deployments().set_service_deployment_arns(Some(batch));
            call.customize().interceptor(witness).send()
        };
        asked.batches(arns, 20, call).await
    }

    /// `ecs:DescribeServiceRevisions`: what a deployment really ran, with the digests that ECS resolved.
    ///
    /// # Errors
    /// An [`AwsError`]; unknown ones are no error but stand in `failures`.
    pub async fn describe_service_revisions(&self, arns: &[String]) -> Result<Answer, AwsError> {
        let asked = ecs("DescribeServiceRevisions", format!("service revision {}", names(arns)));
        let call = |witness, batch| {
            let call = self.ecs.describe_service_revisions().set_service_revision_arns(Some(batch));
            call.customize().interceptor(witness).send()
        };
        asked.batches(arns, 20, call).await
    }

    /// `ecs:DescribeExpressGatewayService`: what only a service of ECS Express has.
    ///
    /// # Errors
    /// An [`AwsError`].
    pub async fn describe_express_gateway_service(&self, arn: &str) -> Result<Answer, AwsError> {
        let asked = ecs("DescribeExpressGatewayService", format!("ECS Express service {arn}"));
        let call = |witness| {
            let call = self.ecs.describe_express_gateway_service().service_arn(arn);
            call.customize().interceptor(witness).send()
        };
        asked.once(call).await
    }

    /// `ecs:ListContainerInstances`: the ARNs of a cluster's instances.
    ///
    /// # Errors
    /// An [`AwsError`].
    pub async fn list_container_instances(&self, cluster: &str) -> Result<Answer, AwsError> {
        let asked = ecs("ListContainerInstances", format!("cluster {cluster}"));
        let call = |witness, token| {
            let call = self.ecs.list_container_instances().cluster(cluster).max_results(100);
            call.set_next_token(token).customize().interceptor(witness).send()
        };
        asked.pages("containerInstanceArns", usize::MAX, call).await
    }

    /// `ecs:DescribeContainerInstances`.
    ///
    /// # Errors
    /// An [`AwsError`]; unknown ones are no error but stand in `failures`.
    pub async fn describe_container_instances(
        &self,
        cluster: &str,
        instances: &[String],
    ) -> Result<Answer, AwsError> {
        let object = format!("container instance {} in cluster {cluster}", names(instances));
        let call = |witness, batch| {
            let call = self.ecs.describe_container_instances().cluster(cluster);
            call.set_container_instances(Some(batch)).customize().interceptor(witness).send()
        };
        ecs("DescribeContainerInstances", object).batches(instances, 100, call).await
    }

    /// `ecs:DescribeCapacityProviders`. Without names: all that the account has in this region.
    ///
    /// # Errors
    /// An [`AwsError`]; unknown ones are no error but stand in `failures`.
    pub async fn describe_capacity_providers(&self, providers: &[String]) -> Result<Answer, AwsError> {
        let asked = ecs("DescribeCapacityProviders", format!("capacity provider {}", names(providers)));
        let which = Some(providers.to_vec()).filter(|names| !names.is_empty());
        let call = |witness, token| {
            let call = self.ecs.describe_capacity_providers().set_capacity_providers(which.clone());
            call.set_next_token(token).customize().interceptor(witness).send()
        };
        asked.pages("capacityProviders", usize::MAX, call).await
    }
}

fn ecs(operation: &'static str, object: String) -> Asked {
    Asked { service: "ecs", operation, object }
}

/// Names for a message: the first, and how many more.
fn names(names: &[String]) -> String {
    match names {
        [] => "(all)".into(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first} and {} more", rest.len()),
    }
}
