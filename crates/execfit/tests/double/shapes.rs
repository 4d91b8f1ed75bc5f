//! ECS documents as the API sends them, complete enough to be realistic. Change members by [`with`] or by index.

use serde_json::{Value, json};

/// The region of every ARN here.
pub const REGION: &str = "eu-central-1";
/// The account of every ARN here.
pub const ACCOUNT: &str = "111122223333";
/// An instant, in the API's epoch seconds.
pub const THEN: f64 = 1_790_000_000.123;

/// `arn:aws:ecs:REGION:ACCOUNT:` and this.
pub fn arn(resource: &str) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:{resource}")
}

/// What stands after the last `/` of an ARN; other names are their own.
pub fn short(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The document with these members set, others kept.
pub fn with(mut document: Value, members: Value) -> Value {
    for (member, value) in members.as_object().cloned().unwrap_or_default() {
        document[member] = value;
    }
    document
}

/// An active cluster without a default strategy.
pub fn cluster(name: &str) -> Value {
    json!({
        "clusterArn": arn(&format!("cluster/{name}")),
        "clusterName": name,
        "status": "ACTIVE",
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": 0,
        "pendingTasksCount": 0,
        "activeServicesCount": 1,
        "statistics": [],
        "tags": [],
        "settings": [{"name": "containerInsights", "value": "disabled"}],
        "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
        "defaultCapacityProviderStrategy": []
    })
}

/// A service on Fargate with one finished deployment of `definition` (`FAMILY:REVISION`), and service revision 1.
pub fn service(cluster: &str, name: &str, definition: &str) -> Value {
    let definition = arn(&format!("task-definition/{definition}"));
    json!({
        "serviceArn": arn(&format!("service/{cluster}/{name}")),
        "serviceName": name,
        "clusterArn": arn(&format!("cluster/{cluster}")),
        "loadBalancers": [],
        "serviceRegistries": [],
        "status": "ACTIVE",
        "desiredCount": 1,
        "runningCount": 0,
        "pendingCount": 0,
        "launchType": "FARGATE",
        "platformVersion": "LATEST",
        "platformFamily": "Linux",
        "taskDefinition": definition,
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": false, "rollback": false},
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "strategy": "ROLLING"
        },
        "deployments": [{
            "id": "ecs-svc/1234567890123456789",
            "status": "PRIMARY",
            "taskDefinition": definition,
            "desiredCount": 1,
            "pendingCount": 0,
            "runningCount": 0,
            "failedTasks": 0,
            "createdAt": THEN,
            "updatedAt": THEN,
            "launchType": "FARGATE",
            "platformVersion": "1.4.0",
            "platformFamily": "Linux",
            "rolloutState": "IN_PROGRESS",
            "rolloutStateReason": "ECS deployment ecs-svc/1234567890123456789 in progress."
        }],
        "events": [],
        "createdAt": THEN,
        "currentServiceRevisions": [{
            "arn": arn(&format!("service-revision/{cluster}/{name}/1")),
            "requestedTaskCount": 1,
            "runningTaskCount": 0,
            "pendingTaskCount": 0
        }],
        "placementConstraints": [],
        "placementStrategy": [],
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        "enableECSManagedTags": true,
        "propagateTags": "NONE",
        "enableExecuteCommand": false
    })
}

/// A running Fargate task of a service, on a host of this architecture (`x86_64`, `arm64`), yet without containers:
/// set `containers`.
pub fn task(cluster: &str, service: &str, id: &str, definition: &str, architecture: &str) -> Value {
    json!({
        "attachments": [],
        "attributes": [{"name": "ecs.cpu-architecture", "value": architecture}],
        "availabilityZone": format!("{REGION}a"),
        "clusterArn": arn(&format!("cluster/{cluster}")),
        "connectivity": "CONNECTED",
        "connectivityAt": THEN,
        "containers": [],
        "cpu": "256",
        "createdAt": THEN,
        "desiredStatus": "RUNNING",
        "enableExecuteCommand": false,
        "group": format!("service:{service}"),
        "healthStatus": "UNKNOWN",
        "lastStatus": "RUNNING",
        "launchType": "FARGATE",
        "memory": "512",
        "overrides": {"containerOverrides": [], "inferenceAcceleratorOverrides": []},
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "startedAt": THEN,
        "startedBy": "ecs-svc/1234567890123456789",
        "tags": [],
        "taskArn": arn(&format!("task/{cluster}/{id}")),
        "taskDefinitionArn": arn(&format!("task-definition/{definition}")),
        "version": 3
    })
}

/// The task after its end: `EssentialContainerExited`, `TaskFailedToStart` ... and the reason.
pub fn stopped(task: Value, stop_code: &str, reason: &str) -> Value {
    let members = json!({
        "desiredStatus": "STOPPED",
        "lastStatus": "STOPPED",
        "stopCode": stop_code,
        "stoppedReason": reason,
        "stoppingAt": THEN + 2.0,
        "stoppedAt": THEN + 3.0
    });
    with(task, members)
}

/// A running container of a task.
pub fn container(name: &str, image: &str, digest: &str) -> Value {
    json!({
        "containerArn": arn(&format!("container/demo/task/{name}")),
        "name": name,
        "image": image,
        "imageDigest": digest,
        "runtimeId": format!("{name}-1234567890"),
        "lastStatus": "RUNNING",
        "networkBindings": [],
        "networkInterfaces": [],
        "healthStatus": "UNKNOWN",
        "cpu": "0"
    })
}

/// The container after its end; `reason` is often empty and then absent.
pub fn exited(container: Value, exit_code: i32, reason: &str) -> Value {
    let container = with(container, json!({"lastStatus": "STOPPED", "exitCode": exit_code}));
    if reason.is_empty() { container } else { with(container, json!({"reason": reason})) }
}

/// A registered revision for Fargate, without `runtimePlatform`.
pub fn task_definition(family: &str, revision: u32, containers: Value) -> Value {
    json!({
        "taskDefinitionArn": arn(&format!("task-definition/{family}:{revision}")),
        "containerDefinitions": containers,
        "family": family,
        "networkMode": "awsvpc",
        "revision": revision,
        "volumes": [],
        "status": "ACTIVE",
        "requiresAttributes": [{"name": "com.amazonaws.ecs.capability.docker-remote-api.1.18"}],
        "placementConstraints": [],
        "compatibilities": ["EC2", "FARGATE"],
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "registeredAt": THEN,
        "registeredBy": format!("arn:aws:iam::{ACCOUNT}:user/double")
    })
}

/// `runtimePlatform` for a task definition: `X86_64` or `ARM64`.
pub fn runtime_platform(architecture: &str) -> Value {
    json!({"cpuArchitecture": architecture, "operatingSystemFamily": "LINUX"})
}

/// An essential container that logs to the group `/ecs/NAME`, with the prefix `ecs`.
pub fn container_definition(name: &str, image: &str) -> Value {
    json!({
        "name": name,
        "image": image,
        "cpu": 0,
        "portMappings": [],
        "essential": true,
        "environment": [],
        "mountPoints": [],
        "volumesFrom": [],
        "systemControls": [],
        "logConfiguration": {"logDriver": "awslogs", "options": {
            "awslogs-group": format!("/ecs/{name}"),
            "awslogs-region": REGION,
            "awslogs-stream-prefix": "ecs"
        }}
    })
}

/// A registered EC2 instance of this architecture (`x86_64`, `arm64`).
pub fn container_instance(cluster: &str, id: &str, architecture: &str) -> Value {
    let kind = if architecture == "arm64" { "t4g.small" } else { "t3.small" };
    json!({
        "containerInstanceArn": arn(&format!("container-instance/{cluster}/{id}")),
        "ec2InstanceId": format!("i-{id}"),
        "version": 7,
        "versionInfo": {"agentVersion": "1.105.1", "agentHash": "8dfceca6", "dockerVersion": "DockerVersion: 25.0.8"},
        "remainingResources": [],
        "registeredResources": [],
        "status": "ACTIVE",
        "agentConnected": true,
        "runningTasksCount": 0,
        "pendingTasksCount": 0,
        "attributes": [
            {"name": "ecs.availability-zone", "value": format!("{REGION}a")},
            {"name": "ecs.cpu-architecture", "value": architecture},
            {"name": "ecs.os-type", "value": "linux"},
            {"name": "ecs.os-family", "value": "LINUX"},
            {"name": "ecs.instance-type", "value": kind},
            {"name": "ecs.ami-id", "value": "ami-0123456789abcdef0"},
            {"name": "ecs.capability.docker-remote-api.1.44"}
        ],
        "registeredAt": THEN,
        "attachments": [],
        "tags": []
    })
}

/// A service revision with the digests that ECS resolved: container, image, digest.
pub fn service_revision(
    cluster: &str,
    service: &str,
    number: u32,
    definition: &str,
    images: &[(&str, &str, &str)],
) -> Value {
    let images: Vec<Value> = images
        .iter()
        .map(|(name, image, digest)| json!({"containerName": name, "imageDigest": digest, "image": image}))
        .collect();
    json!({
        "serviceRevisionArn": arn(&format!("service-revision/{cluster}/{service}/{number}")),
        "serviceArn": arn(&format!("service/{cluster}/{service}")),
        "clusterArn": arn(&format!("cluster/{cluster}")),
        "taskDefinition": arn(&format!("task-definition/{definition}")),
        "launchType": "FARGATE",
        "platformVersion": "1.4.0",
        "platformFamily": "Linux",
        "containerImages": images,
        "guardDutyEnabled": false,
        "createdAt": THEN
    })
}

/// The service revision where ECS noticed a mismatch (Express services) and ran the tasks on `X86_64` or `ARM64`.
pub fn overridden(revision: Value, architecture: &str) -> Value {
    with(revision, json!({"overrides": {"runtimePlatform": {"cpuArchitecture": architecture}}}))
}

/// A deployment (`SUCCESSFUL`, `IN_PROGRESS`, `ROLLBACK_SUCCESSFUL` ...) of service revision `number`.
pub fn service_deployment(cluster: &str, service: &str, id: &str, status: &str, number: u32) -> Value {
    json!({
        "serviceDeploymentArn": arn(&format!("service-deployment/{cluster}/{service}/{id}")),
        "serviceArn": arn(&format!("service/{cluster}/{service}")),
        "clusterArn": arn(&format!("cluster/{cluster}")),
        "createdAt": THEN,
        "startedAt": THEN,
        "updatedAt": THEN,
        "sourceServiceRevisions": [],
        "targetServiceRevision": {
            "arn": arn(&format!("service-revision/{cluster}/{service}/{number}")),
            "requestedTaskCount": 1,
            "runningTaskCount": 0,
            "pendingTaskCount": 0
        },
        "status": status,
        "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100},
        "deploymentCircuitBreaker": {"status": "DISABLED", "failureCount": 0, "threshold": 0}
    })
}

/// A capacity provider over an Auto Scaling group.
pub fn auto_scaling_provider(name: &str) -> Value {
    json!({
        "capacityProviderArn": arn(&format!("capacity-provider/{name}")),
        "name": name,
        "status": "ACTIVE",
        "autoScalingGroupProvider": {
            "autoScalingGroupArn": format!(
                "arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:1:autoScalingGroupName/{name}"
            ),
            "managedScaling": {"status": "ENABLED", "targetCapacity": 100},
            "managedTerminationProtection": "DISABLED",
            "managedDraining": "ENABLED"
        },
        "updateStatus": "CREATE_COMPLETE",
        "tags": [],
        "type": "EC2_AUTOSCALING"
    })
}

/// `FARGATE` or `FARGATE_SPOT`.
pub fn fargate_provider(name: &str) -> Value {
    json!({
        "capacityProviderArn": arn(&format!("capacity-provider/{name}")),
        "name": name,
        "status": "ACTIVE",
        "tags": [],
        "type": name
    })
}

/// Managed Instances of these types (`m7g.*`): the only place where their architecture shows.
pub fn managed_instances_provider(cluster: &str, name: &str, allowed: &[&str]) -> Value {
    json!({
        "capacityProviderArn": arn(&format!("capacity-provider/{name}")),
        "name": name,
        "cluster": arn(&format!("cluster/{cluster}")),
        "status": "ACTIVE",
        "managedInstancesProvider": {
            "infrastructureRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/ecsInfrastructureRole"),
            "instanceLaunchTemplate": {
                "instanceRequirements": {
                    "vCpuCount": {"min": 1},
                    "memoryMiB": {"min": 1024},
                    "allowedInstanceTypes": allowed
                }
            }
        },
        "updateStatus": "CREATE_COMPLETE",
        "tags": [],
        "type": "MANAGED_INSTANCES"
    })
}

/// What ECS Express tells of the service `cluster/name`, whose [`service`] must be put besides: with
/// `"resourceManagementType": "ECS"`.
pub fn express_service(cluster: &str, name: &str, image: &str, architecture: &str) -> Value {
    json!({
        "cluster": cluster,
        "serviceName": name,
        "serviceArn": arn(&format!("service/{cluster}/{name}")),
        "infrastructureRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/ecsInfrastructureRoleForExpressServices"),
        "status": {"statusCode": "ACTIVE"},
        "activeConfigurations": [{
            "serviceRevisionArn": arn(&format!("service-revision/{cluster}/{name}/1")),
            "executionRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/ecsTaskExecutionRole"),
            "cpu": "256",
            "memory": "512",
            "cpuArchitecture": architecture,
            "healthCheckPath": "/ping",
            "primaryContainer": {"image": image, "containerPort": 80},
            "scalingTarget": {
                "minTaskCount": 1,
                "maxTaskCount": 20,
                "autoScalingMetric": "AVERAGE_CPU",
                "autoScalingTargetValue": 60
            },
            "ingressPaths": [],
            "createdAt": THEN
        }],
        "tags": [],
        "createdAt": THEN,
        "updatedAt": THEN
    })
}

/// An image of ECR with these tags, pushed so many seconds after [`THEN`].
pub fn pushed(repository: &str, digest: &str, tags: &[&str], seconds: f64) -> Value {
    json!({
        "registryId": ACCOUNT,
        "repositoryName": repository,
        "imageDigest": digest,
        "imageTags": tags,
        "imageSizeInBytes": 1_234_567,
        "imagePushedAt": THEN + seconds,
        "imageManifestMediaType": "application/vnd.oci.image.manifest.v1+json",
        "imageStatus": "ACTIVE"
    })
}
