//! Where a change belongs: into the source that a tool makes the service of. In that tool's own words.

use super::{Deploy, Draft, Edit, NewDefinition, Setting};
use crate::ecs::Tool;
use execfit_image::reference::Reference;
use serde_json::Value;

/// What a draft changes, as a source would have it.
#[derive(Debug, Clone, PartialEq)]
enum Change {
    /// `runtimePlatform` of the task definition: CPU and system, in ECS's words.
    Platform { cpu: String, system: String },
    /// A container's image.
    Image { container: String, image: String },
    /// Another revision for the service: ARN, and `family:revision`.
    Revision { arn: String, name: String },
    /// Another member of a resource; `null` where it goes.
    Member { of: Resource, path: String, value: Value },
}

/// Whose member changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Resource {
    Definition,
    Service,
    /// A service of ECS Express.
    Express,
}

impl Resource {
    /// The type in a template.
    fn type_name(self) -> &'static str {
        match self {
            Resource::Definition => "AWS::ECS::TaskDefinition",
            Resource::Service => "AWS::ECS::Service",
            Resource::Express => "AWS::ECS::ExpressGatewayService",
        }
    }

    /// In words.
    fn words(self) -> &'static str {
        match self {
            Resource::Definition => "task definition",
            Resource::Service => "service",
            Resource::Express => "Express service",
        }
    }
}

/// The lines that say what to change in the source, each for itself; none where nothing but a deployment changes.
pub(super) fn change(tool: &Tool, setting: &Setting<'_>, draft: &Draft) -> Vec<String> {
    let changes = changes(setting, draft);
    let mut lines: Vec<String> = changes.iter().flat_map(|change| line(tool, setting, change)).collect();
    let builds = changes.iter().any(|change| matches!(change, Change::Platform { .. }));
    if builds && let Tool::Cdk { .. } = tool {
        lines.extend(asset(setting, &changes));
    }
    lines
}

fn changes(setting: &Setting<'_>, draft: &Draft) -> Vec<Change> {
    let mut found = Vec::new();
    match &draft.definition {
        NewDefinition::Edited { from, edits } => {
            let definition = setting.documents.task_definition(from).unwrap_or(setting.scene.definition);
            found.extend(platform(definition, edits));
            let others = edits.iter().filter(|edit| !edit.path.starts_with("/runtimePlatform"));
            found.extend(others.map(|edit| of_definition(definition, edit)));
        }
        // The task definition of an Express service is ECS's own.
        NewDefinition::Existing { .. } if matches!(draft.deploy, Deploy::Express { .. }) => {}
        NewDefinition::Existing { arn } => {
            let name = arn.rsplit('/').next().unwrap_or(arn).to_string();
            found.push(Change::Revision { arn: arn.clone(), name });
        }
    }
    match &draft.deploy {
        Deploy::Update { edits } => found.extend(edits.iter().map(|edit| member(edit, Resource::Service))),
        Deploy::Express { edits } => found.extend(edits.iter().map(|edit| member(edit, Resource::Express))),
        Deploy::Stop { .. } => {}
    }
    found
}

fn platform(definition: &Value, edits: &[Edit]) -> Option<Change> {
    edits.iter().find(|edit| edit.path.starts_with("/runtimePlatform"))?;
    let after = |member: &str| {
        let path = format!("/runtimePlatform/{member}");
        let edited = edits.iter().find(|edit| edit.path == path).and_then(|edit| edit.after.as_ref());
        let whole = edits.iter().find(|edit| edit.path == "/runtimePlatform");
        let whole = whole.and_then(|edit| edit.after.as_ref()).and_then(|platform| platform.get(member));
        let kept = definition.pointer(&path);
        let text = edited.or(whole).or(kept).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.map(String::from)
    };
    let system = after("operatingSystemFamily").unwrap_or("LINUX".into());
    Some(Change::Platform { cpu: after("cpuArchitecture")?, system })
}

fn of_definition(definition: &Value, edit: &Edit) -> Change {
    let number =
        edit.path.strip_prefix("/containerDefinitions/").and_then(|rest| rest.strip_suffix("/image"));
    let container = number.and_then(|number| {
        definition["containerDefinitions"].get(number.parse::<usize>().ok()?)?["name"].as_str()
    });
    match (container, edit.after.as_ref().and_then(Value::as_str)) {
        (Some(container), Some(image)) => Change::Image { container: container.into(), image: image.into() },
        _ => member(edit, Resource::Definition),
    }
}

fn member(edit: &Edit, of: Resource) -> Change {
    let value = edit.after.clone().unwrap_or(Value::Null);
    Change::Member { of, path: edit.path.trim_start_matches('/').into(), value }
}

fn line(tool: &Tool, setting: &Setting<'_>, change: &Change) -> Vec<String> {
    match tool {
        Tool::CloudFormation { stack, .. } => vec![cloudformation(stack.as_deref(), change)],
        Tool::Cdk { stack, .. } => cdk(stack.as_deref(), setting, change),
        Tool::Copilot { application, environment, service } => {
            vec![copilot(application, environment.as_deref(), service.as_deref(), change)]
        }
        Tool::Terraform => vec![terraform(change)],
        Tool::Pulumi => {
            vec![by_members("the program's `aws.ecs.TaskDefinition`", "its `aws.ecs.Service`", change)]
        }
        Tool::Beanstalk { environment } if matches!(change, Change::Revision { .. }) => vec![format!(
            "deploy the application version again that ran: `aws elasticbeanstalk update-environment --environment-name \
             {} --version-label VERSION`",
            environment.as_deref().unwrap_or("ENVIRONMENT")
        )],
        Tool::Beanstalk { .. } | Tool::Other(_) => {
            vec![by_members("its source of the task definition", "its source of the service", change)]
        }
    }
}

fn cloudformation(stack: Option<&str>, change: &Change) -> String {
    let of = "in the template, in the properties of `AWS::ECS::TaskDefinition`";
    match change {
        Change::Platform { cpu, system } => {
            format!("{of}: `RuntimePlatform: {{CpuArchitecture: {cpu}, OperatingSystemFamily: {system}}}`")
        }
        Change::Image { container, image } => format!("{of}, container {container}: `Image: {image}`"),
        Change::Revision { arn, name } => {
            let stack = stack.unwrap_or("STACK");
            format!(
                "deploy the template again that made {name} (while the stack is still updating, `aws cloudformation \
                 cancel-update-stack --stack-name {stack}` goes back to it), or set in the properties of \
                 `AWS::ECS::Service`: `TaskDefinition: {arn}`"
            )
        }
        Change::Member { of, path, value } => format!(
            "in the template, in the properties of `{}`: `{}: {}`",
            of.type_name(),
            capital(path),
            capitals(value)
        ),
    }
}

fn cdk(stack: Option<&str>, setting: &Setting<'_>, change: &Change) -> Vec<String> {
    let required = setting.scene.definition["requiresCompatibilities"].as_array().into_iter().flatten();
    let fargate = required.into_iter().any(|one| one.as_str() == Some("FARGATE"));
    match change {
        // Of CDK's task definitions only those of Fargate take a runtimePlatform (aws-cdk-lib, aws-ecs).
        Change::Platform { cpu, system } if fargate => vec![
            format!(
                "in the CDK app, in the props of `FargateTaskDefinition`: `runtimePlatform: {{ cpuArchitecture: \
                 ecs.CpuArchitecture.{cpu}, operatingSystemFamily: ecs.OperatingSystemFamily.{system} }}`"
            ),
            format!(
                "the same in Python: `runtime_platform=ecs.RuntimePlatform(cpu_architecture=ecs.CpuArchitecture.{cpu}, \
                 operating_system_family=ecs.OperatingSystemFamily.{system})`"
            ),
        ],
        Change::Platform { cpu, system } => vec![format!(
            "in the CDK app: `(taskDefinition.node.defaultChild as ecs.CfnTaskDefinition).runtimePlatform = {{ \
             cpuArchitecture: '{cpu}', operatingSystemFamily: '{system}' }}`"
        )],
        Change::Image { container, image } => vec![format!(
            "in the CDK app, container {container}: `image: {}`",
            match image.parse::<Reference>() {
                Ok(reference) if reference.registry.contains(".dkr.ecr.") => format!(
                    "ecs.ContainerImage.fromEcrRepository(repository, '{}')",
                    image.rsplit_once('@').map_or(image.as_str(), |(_, digest)| digest)
                ),
                _ => format!("ecs.ContainerImage.fromRegistry('{image}')"),
            }
        )],
        Change::Revision { name, .. } => vec![format!(
            "deploy the commit of the CDK app again that made {name}: `cdk deploy {}`",
            stack.unwrap_or("STACK")
        )],
        Change::Member { of, path, value } => {
            vec![format!("in the CDK app, in the props of the {}: `{path}: {value}`", of.words())]
        }
    }
}

/// CDK derives an image asset's platform neither from the task definition nor from the service: without one it is that of
/// the machine that builds.
fn asset(setting: &Setting<'_>, changes: &[Change]) -> Option<String> {
    let assets = setting.workloads.iter().any(|workload| workload.image.contains("-container-assets-"));
    let cpu = changes.iter().find_map(|change| match change {
        Change::Platform { cpu, .. } => Some(cpu),
        _ => None,
    })?;
    let platform = if cpu == "ARM64" { "LINUX_ARM64" } else { "LINUX_AMD64" };
    assets.then(|| {
        format!(
            "and for each image that it builds: `ecs.ContainerImage.fromAsset(directory, {{ platform: \
             Platform.{platform} }})`, else the image is of the platform of the machine that deploys"
        )
    })
}

fn copilot(application: &str, environment: Option<&str>, service: Option<&str>, change: &Change) -> String {
    let name = service.unwrap_or("SERVICE");
    let manifest = format!("in copilot/{name}/manifest.yml");
    match change {
        Change::Platform { cpu, .. } => {
            let word = if cpu == "ARM64" { "linux/arm64" } else { "linux/amd64" };
            format!("{manifest}: `platform: {word}`; Copilot builds the image for it, too")
        }
        Change::Image { container, image } if Some(&container[..]) == service => {
            format!("{manifest}, in place of `build`: `image: {{location: '{image}'}}` with its `port`")
        }
        Change::Image { container, image } => {
            format!("{manifest}: `sidecars: {{{container}: {{image: '{image}'}}}}`")
        }
        Change::Revision { name: revision, .. } => format!(
            "deploy the commit again that made {revision}: `copilot svc deploy --app {application} --env {} --name {name}`",
            environment.unwrap_or("ENVIRONMENT")
        ),
        Change::Member { of, path, value } => format!(
            "in copilot/{name}/overrides (`copilot svc override`), in the properties of `{}`: `{}: {}`",
            of.type_name(),
            capital(path),
            capitals(value)
        ),
    }
}

fn terraform(change: &Change) -> String {
    let of = "in the resource `aws_ecs_task_definition`";
    match change {
        Change::Platform { cpu, system } => format!(
            "{of}: `runtime_platform {{ cpu_architecture = \"{cpu}\" }}`, and in the same block \
             `operating_system_family = \"{system}\"`"
        ),
        Change::Image { container, image } => {
            format!("{of}, in `container_definitions`, container {container}: `image = \"{image}\"`")
        }
        Change::Revision { arn, name } => format!(
            "apply the commit again that made {name}, or in the resource `aws_ecs_service`: `task_definition = \"{arn}\"`"
        ),
        Change::Member { of, path, value } => {
            let resource = match of {
                Resource::Definition => "aws_ecs_task_definition",
                Resource::Service => "aws_ecs_service",
                Resource::Express => "aws_ecs_express_gateway_service",
            };
            format!("in the resource `{resource}`: `{} = {value}`", snake(path))
        }
    }
}

/// For tools that have ECS's own names.
fn by_members(definition: &str, service: &str, change: &Change) -> String {
    match change {
        Change::Platform { cpu, system } => format!(
            "in {definition}: `runtimePlatform: {{ cpuArchitecture: \"{cpu}\", operatingSystemFamily: \"{system}\" }}`"
        ),
        Change::Image { container, image } => {
            format!("in {definition}, container {container}: `image: \"{image}\"`")
        }
        Change::Revision { arn, name } => {
            format!("deploy the commit again that made {name}, or in {service}: `taskDefinition: \"{arn}\"`")
        }
        Change::Member { of, path, value } => {
            let of = if *of == Resource::Definition { definition } else { service };
            format!("in {of}: `{path}: {value}`")
        }
    }
}

/// CloudFormation's names are ECS's with a capital.
fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

fn capitals(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(capitals).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (capital(name), capitals(value))).collect()
        }
        other => other.clone(),
    }
}

/// Terraform's names are ECS's in snake case.
fn snake(name: &str) -> String {
    name.chars().fold(String::new(), |mut text, c| {
        if c.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
        text
    })
}
