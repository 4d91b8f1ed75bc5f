//! Who else has a say in the service: a tool that made it from a source, or a deployment controller that alone may change
//! its task definition. Nothing is changed behind their backs.

use super::{Draft, Method, NewDefinition, Refused, Setting, Wish, source};
use crate::ecs::{Owner, Tool};
use crate::remedy::quoted;
use serde_json::{Value, json};

/// What a plan says besides what it does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Aside {
    /// What may surprise, and what it means for others.
    pub(super) warnings: Vec<String>,
    /// What is left to the user.
    pub(super) left_to_do: Vec<String>,
}

impl Aside {
    /// Adds what is to be said besides.
    pub(super) fn extend(&mut self, more: Aside) {
        self.warnings.extend(more.warnings);
        self.left_to_do.extend(more.left_to_do);
    }
}

/// Whether a draft may be carried out as far as others are concerned: with what to say of it, or why not, and where the
/// change belongs instead.
pub(super) fn consent(
    setting: &Setting<'_>,
    wish: &Wish,
    by: Method,
    draft: &Draft,
) -> Result<Aside, Box<Refused>> {
    let owner = owner(setting, matches!(draft.definition, NewDefinition::Edited { .. }));
    if let Some((reason, help)) = by_controller(setting, by, draft) {
        let mut reasons = vec![reason];
        reasons.extend(owner.iter().map(|(what, owner)| belongs(what, owner)));
        return Err(refused(by, draft, reasons, help));
    }
    let Some((what, owner)) = owner else {
        let warnings = seems(setting, draft).into_iter().collect();
        return Ok(Aside { warnings, left_to_do: Vec::new() });
    };
    let source = source::change(&owner.tool, setting, draft);
    if wish.force_live {
        let drift = format!(
            "{}: this change drifts from its source, and {}, unless the source has it, too",
            belongs(&what, &owner),
            undoes(&owner.tool)
        );
        let left_to_do = source.into_iter().map(|line| format!("in the source of the service: {line}"));
        return Ok(Aside { warnings: vec![drift], left_to_do: left_to_do.collect() });
    }
    let reasons = vec![
        belongs(&what, &owner),
        format!("a change behind its back does not last: {}", undoes(&owner.tool)),
    ];
    let mut help = source;
    help.push("or change the live service now, and its source after it: with `--force-live`".into());
    Err(refused(by, draft, reasons, help))
}

/// Whose matter a change is, in words; `None` where it is nobody's. `registers`: whether it makes a new revision.
pub(crate) fn objection(setting: &Setting<'_>, registers: bool) -> Option<String> {
    owner(setting, registers).map(|(what, owner)| belongs(&what, &owner))
}

fn refused(by: Method, draft: &Draft, reasons: Vec<String>, help: Vec<String>) -> Box<Refused> {
    Box::new(Refused { by, finding: None, reasons, capacity: draft.capacity.clone(), owned: true, help })
}

/// Who owns the service; else, where a revision is to be registered, who owns the task definition.
fn owner(setting: &Setting<'_>, registers: bool) -> Option<(String, Owner)> {
    let of_service = setting.scene.service.and_then(|service| {
        let made_by = service["createdBy"].as_str().unwrap_or_default();
        let owner = Owner::by_tags(&service["tags"])
            .or_else(|| Owner::by_principal(made_by).or_else(|| Owner::by_name_of_principal(made_by)))?;
        Some((format!("the service {}", name(service)), owner))
    });
    let definition = setting.scene.definition;
    let of_definition = || {
        let tags = setting.documents.tags_of(definition).unwrap_or(&Value::Null);
        let by = definition["registeredBy"].as_str().unwrap_or_default();
        let owner = Owner::by_tags(tags).or_else(|| Owner::by_principal(by))?;
        registers.then(|| (format!("the task definition {}", setting.scene.revision().name), owner))
    };
    of_service.or_else(of_definition)
}

/// A weak sign: only who registered the revision, by name.
fn seems(setting: &Setting<'_>, draft: &Draft) -> Option<String> {
    let definition = setting.scene.definition;
    let tags = setting.documents.tags_of(definition).unwrap_or(&Value::Null);
    let by = definition["registeredBy"].as_str().unwrap_or_default();
    let owner = Owner::by_tags(tags)
        .or_else(|| Owner::by_principal(by))
        .or_else(|| Owner::by_name_of_principal(by))
        .or_else(|| pipeline(by))?;
    let lasts = match draft.definition {
        NewDefinition::Edited { .. } => "make the change in its source, too",
        NewDefinition::Existing { .. } => "see that it does not deploy the same again",
    };
    let name = setting.scene.revision().name;
    Some(format!(
        "the task definition {name} seems to come from {} (so says {}): {lasts}",
        whose(&owner.tool),
        owner.sign
    ))
}

/// A deployment pipeline, by a word in the name of its role.
fn pipeline(principal: &str) -> Option<Owner> {
    const WORDS: [(&str, &str); 9] = [
        ("github", "GitHub Actions"),
        ("gitlab", "GitLab"),
        ("circleci", "CircleCI"),
        ("codepipeline", "CodePipeline"),
        ("codebuild", "CodeBuild"),
        ("jenkins", "Jenkins"),
        ("buildkite", "Buildkite"),
        ("bitbucket", "Bitbucket"),
        ("ecspresso", "ecspresso"),
    ];
    let lower = principal.to_ascii_lowercase();
    let (_, tool) = WORDS.iter().find(|(word, _)| lower.contains(word))?;
    Some(Owner { tool: Tool::Other(tool), sign: format!("the principal that made it, {principal}") })
}

/// Why the deployment controller keeps UpdateService from it, and what to do instead (ECS API, UpdateService:
/// "taskDefinition"): whoever asks for `--force-live`, too.
fn by_controller(setting: &Setting<'_>, by: Method, draft: &Draft) -> Option<(String, Vec<String>)> {
    let service = setting.scene.service?;
    let kind = service["deploymentController"]["type"].as_str()?;
    let reason = |only: &str| {
        format!(
            "the deployment controller of the service {} is {kind}: UpdateService cannot change its task definition, \
             {only} can",
            name(service)
        )
    };
    let (mut help, arn) = match &draft.definition {
        NewDefinition::Existing { arn } => (Vec::new(), arn.clone()),
        NewDefinition::Edited { from, .. } => {
            let from = from.rsplit('/').next().unwrap_or(from);
            let register = format!(
                "register the new revision: `execfit fix {from} --by {}`; it names the ARN for NEW_REVISION below",
                by.name()
            );
            (vec![register], "NEW_REVISION".to_string())
        }
    };
    match kind {
        "CODE_DEPLOY" => {
            help.extend(code_deploy(service, &arn));
            Some((reason("a CodeDeploy deployment"), help))
        }
        "EXTERNAL" => {
            help.extend(task_set(service, &arn));
            Some((reason("a new task set"), help))
        }
        _ => None,
    }
}

/// How CodeDeploy deploys a revision (CodeDeploy User Guide, "AppSpec File structure" for Amazon ECS).
fn code_deploy(service: &Value, arn: &str) -> Vec<String> {
    let task_sets = || service["taskSets"].as_array().into_iter().flatten();
    let balanced = [service].into_iter().chain(task_sets());
    let balancer = balanced.filter_map(|one| one["loadBalancers"].as_array()?.first()).next();
    let balancer = balancer.unwrap_or(&Value::Null);
    let mut properties = json!({"TaskDefinition": arn, "LoadBalancerInfo": {
        "ContainerName": balancer["containerName"].as_str().unwrap_or("CONTAINER"),
        "ContainerPort": balancer["containerPort"].as_u64().map_or(json!("PORT"), Value::from)}});
    let platform = task_sets().chain([service]).find_map(|one| one["platformVersion"].as_str());
    if let Some(platform) = platform.filter(|version| !version.is_empty()) {
        properties["PlatformVersion"] = platform.into();
    }
    let target = json!({"TargetService": {"Type": "AWS::ECS::Service", "Properties": properties}});
    let content = json!({"version": 0.0, "Resources": [target]}).to_string();
    let revision = json!({"revisionType": "AppSpecContent", "appSpecContent": {"content": content}});
    // The id of the deployment that made a task set stands in its externalId (ECS API, TaskSet).
    let last = task_sets().find_map(|set| set["externalId"].as_str()).filter(|id| id.starts_with("d-"));
    let names = match last {
        Some(id) => format!(
            "`aws deploy get-deployment --deployment-id {} --query \
             'deploymentInfo.[applicationName,deploymentGroupName]'` names APPLICATION and GROUP",
            quoted(id)
        ),
        None => "`aws deploy list-applications` and `aws deploy list-deployment-groups --application-name APPLICATION` \
                 name APPLICATION and GROUP"
            .to_string(),
    };
    vec![
        format!("the AppSpec: `{content}`"),
        format!(
            "deploy it: `aws deploy create-deployment --application-name APPLICATION --deployment-group-name GROUP \
             --revision {}`",
            quoted(&revision.to_string())
        ),
        names,
    ]
}

/// How an external controller deploys a revision (ECS API, CreateTaskSet and UpdateServicePrimaryTaskSet).
fn task_set(service: &Value, arn: &str) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let (cluster, service_name) =
        (quoted(&text(&service["clusterArn"])), quoted(&text(&service["serviceName"])));
    let sets = service["taskSets"].as_array().into_iter().flatten();
    let primary = sets.into_iter().find(|set| set["status"].as_str() == Some("PRIMARY"));
    let by = primary.map(|set| text(&set["startedBy"])).filter(|by| !by.is_empty());
    let of = |member: &str| primary.map(|set| set[member].clone()).filter(|value| !value.is_null());
    let mut create = format!(
        "aws ecs create-task-set --cluster {cluster} --service {service_name} --task-definition {} --scale \
         value=100,unit=PERCENT",
        quoted(arn)
    );
    for (member, option) in [
        ("launchType", "--launch-type"),
        ("capacityProviderStrategy", "--capacity-provider-strategy"),
        ("platformVersion", "--platform-version"),
        ("networkConfiguration", "--network-configuration"),
        ("loadBalancers", "--load-balancers"),
        ("serviceRegistries", "--service-registries"),
    ] {
        let empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty) || value.as_str() == Some("");
        if let Some(value) = of(member).filter(|value| !empty(value)) {
            create +=
                &format!(" {option} {}", quoted(&value.as_str().map_or(value.to_string(), String::from)));
        }
    }
    let tool = by.map_or("the tool that made its task sets".to_string(), |by| format!("`{by}`"));
    vec![
        format!("let {tool} deploy it; by hand: `{create}`"),
        format!(
            "then, once its tasks run: `aws ecs update-service-primary-task-set --cluster {cluster} --service \
             {service_name} --primary-task-set NEW_TASK_SET`, and delete the old one"
        ),
    ]
}

/// `CLUSTER/SERVICE`.
fn name(service: &Value) -> String {
    let cluster = service["clusterArn"].as_str().and_then(|arn| arn.rsplit('/').next()).unwrap_or("default");
    format!("{cluster}/{}", service["serviceName"].as_str().unwrap_or("?"))
}

fn belongs(what: &str, owner: &Owner) -> String {
    format!("{what} belongs to {} (so says {})", whose(&owner.tool), owner.sign)
}

/// The owner by its names.
fn whose(tool: &Tool) -> String {
    let logical =
        |id: &Option<String>| id.as_ref().map(|id| format!(", where it is `{id}`")).unwrap_or_default();
    let stack = |kind: &str, stack: &Option<String>| match stack {
        Some(stack) => format!("the {kind} stack {stack}"),
        None => format!("a {kind} stack"),
    };
    match tool {
        Tool::CloudFormation { stack: name, logical_id } => {
            stack("CloudFormation", name) + &logical(logical_id)
        }
        Tool::Cdk { stack: name, logical_id } => stack("CDK", name) + &logical(logical_id),
        Tool::Copilot { application, environment, .. } => match environment {
            Some(environment) => format!("the Copilot application {application}, environment {environment}"),
            None => format!("the Copilot application {application}"),
        },
        Tool::Beanstalk { environment: Some(environment) } => {
            format!("the Elastic Beanstalk environment {environment}")
        }
        Tool::Beanstalk { environment: None } => "Elastic Beanstalk".into(),
        Tool::Terraform => "Terraform".into(),
        Tool::Pulumi => "Pulumi".into(),
        Tool::Other(tool) => (*tool).into(),
    }
}

/// What comes of a change that the source does not have.
fn undoes(tool: &Tool) -> &'static str {
    match tool {
        Tool::CloudFormation { .. } | Tool::Cdk { .. } => {
            "the next deployment of the stack fails, or puts its own task definition back"
        }
        Tool::Copilot { .. } => "the next `copilot svc deploy` puts its own task definition back",
        Tool::Beanstalk { .. } => "the environment's next deployment puts its own task definition back",
        Tool::Terraform => "the next `terraform apply` puts its own task definition back",
        Tool::Pulumi => "the next `pulumi up` puts its own task definition back",
        Tool::Other(_) => "its next deployment puts its own task definition back",
    }
}

#[cfg(test)]
#[path = "owner/tests.rs"]
mod tests;
