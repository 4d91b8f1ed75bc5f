//! The way to a place that runs: by a new deployment, or by an end to the one that is under way.

use super::Tried;
use crate::case::{Need, Question};
use crate::ecs::Scene;
use crate::ecs::last;
use crate::plan::capacity::capacity;
use crate::plan::ground::Ground;
use crate::plan::pins::Pins;
use crate::plan::places::{Evidence, Place};
use crate::plan::retarget::is_express;
use crate::plan::{Deploy, Draft, Method, NewDefinition, Precondition, Refused, Setting};
use crate::remedy::quoted;
use crate::subject::read_name;
use crate::workload::Workload;
use serde_json::Value;

/// The draft that goes to a place that runs.
pub(super) fn go_there(
    setting: &Setting<'_>,
    service: &Value,
    place: &Place<'_>,
    pins: Pins,
    (scene, workloads): (&Scene<'_>, &[Workload]),
    ground: Ground,
) -> Result<Tried, Vec<Need>> {
    let name = last(&place.definition);
    let arn = scene.definition["taskDefinitionArn"].as_str().unwrap_or(&place.definition).to_string();
    let mut draft = Draft {
        title: title(scene, &place.evidence),
        definition: NewDefinition::Existing { arn: arn.clone() },
        deploy: Deploy::Update { edits: pins.edits },
        containers: ground.containers.clone(),
        capacity: Vec::new(),
        preconditions: vec![Precondition::Revision { task_definition: arn }],
        warnings: differences(setting, scene),
    };
    draft.preconditions.extend(ground.preconditions.clone());
    draft.warnings.extend(pins.left);
    if let Some(why) = machines(setting, (scene, workloads), &ground, &mut draft)? {
        return Ok(Tried::PassedOver(format!("{name} is passed over: {why}")));
    }
    if let Some(deployment) = stoppable(setting, place)? {
        stop(setting, (scene, workloads), &ground, deployment, &mut draft)?;
    }
    if is_express(service) && matches!(draft.deploy, Deploy::Update { .. }) {
        return Ok(Tried::Instead(by_express(service, &draft)));
    }
    Ok(Tried::Good(Box::new(draft)))
}

/// What is known of the machines, where the place asks for others than the present ones; why it will not do without.
fn machines(
    setting: &Setting<'_>,
    (scene, workloads): (&Scene<'_>, &[Workload]),
    ground: &Ground,
    draft: &mut Draft,
) -> Result<Option<String>, Vec<Need>> {
    // Those of the service as it would be.
    let there = Setting { scene, workloads, subjects: &[], report: setting.report.clone(), ..*setting };
    let present: Vec<_> = setting.workloads.iter().flat_map(|workload| &workload.placement.hosts).collect();
    for host in &ground.hosts {
        if present.iter().any(|known| known.architecture == *host) {
            continue;
        }
        let found = capacity(&there, *host)?;
        if found.there == Some(false) {
            let why = [&[format!("there are no {host} machines for it")], &found.told[..]].concat();
            return Ok(Some(why.join("; ")));
        }
        draft.capacity.extend(found.told);
        if let Deploy::Update { edits } = &mut draft.deploy {
            let new = found.edits.into_iter().filter(|new| edits.iter().all(|edit| edit.path != new.path));
            edits.extend(new.collect::<Vec<_>>());
        }
    }
    Ok(None)
}

/// Stops the deployment instead, where what ran there runs still: ECS takes the digests that it resolved then.
fn stop(
    setting: &Setting<'_>,
    (scene, workloads): (&Scene<'_>, &[Workload]),
    ground: &Ground,
    deployment: String,
    draft: &mut Draft,
) -> Result<(), Vec<Need>> {
    let as_deployed = |workload: &Workload| Some(read_name(workload));
    let then = Ground::of(setting.case, scene, workloads, &ground.hosts, as_deployed)?;
    if !then.runs() {
        return Ok(());
    }
    for (container, then) in draft.containers.iter_mut().zip(then.containers) {
        container.digests.extend(then.digests);
        container.digests.sort();
        container.digests.dedup();
    }
    draft.title += "; the deployment under way is stopped, and ECS goes back by itself";
    draft.deploy = Deploy::Stop { deployment };
    Ok(())
}

/// A service of ECS Express gets its task definition by a call of its own (ECS API, UpdateExpressGatewayService).
fn by_express(service: &Value, draft: &Draft) -> Refused {
    let reason = "the service is one of ECS Express: it is updated as a whole, with its primary container, which only you have";
    let mut refused = Refused::because(Method::Rollback, reason);
    refused.reasons.push(format!("otherwise it could {}", draft.title));
    let arn = service["serviceArn"].as_str().unwrap_or_default();
    refused.help.push(format!(
        "give it the image of that revision: aws ecs update-express-gateway-service --service-arn {} --primary-container FILE",
        quoted(arn)
    ));
    refused
}

/// What a rollback does, in a sentence.
fn title(scene: &Scene<'_>, evidence: &Evidence) -> String {
    let seen = || scene.ran_before().then(|| "it was seen running".to_string());
    let evidence = evidence.words().or_else(seen).map(|words| format!("{words}, and ")).unwrap_or_default();
    format!("go back to {}: {evidence}all its containers run by the model", scene.revision().name)
}

/// What is other there than one might think.
fn differences(setting: &Setting<'_>, scene: &Scene<'_>) -> Vec<String> {
    let (now, then) = (setting.scene.revision(), scene.revision());
    let mut told = Vec::new();
    let family = |definition: &Value| definition["family"].as_str().map(String::from);
    if let (now, Some(then)) = (family(setting.scene.definition), family(scene.definition))
        && now.as_ref() != Some(&then)
    {
        told.push(format!("it is a revision of another family: {then}"));
    }
    if now.cpu_architecture != then.cpu_architecture {
        let word =
            |cpu: &Option<String>| cpu.clone().unwrap_or("no cpuArchitecture (ECS takes X86_64)".into());
        let (then_cpu, now_cpu) = (word(&then.cpu_architecture), word(&now.cpu_architecture));
        told.push(format!("{} asks for {then_cpu}, and {} for {now_cpu}", then.name, now.name));
    }
    told
}

/// The deployment that is under way, where an end to it brings the service to this place: ECS goes back to the last service
/// revision that was deployed with success (ECS developer guide, "Amazon ECS service revisions"; StopServiceDeployment,
/// stopType ROLLBACK, of a deployment that is PENDING or IN_PROGRESS).
fn stoppable(setting: &Setting<'_>, place: &Place<'_>) -> Result<Option<String>, Vec<Need>> {
    let back = place.service_revision.and_then(|revision| revision["serviceRevisionArn"].as_str());
    let under_way = |one: &&Value| matches!(one["status"].as_str(), Some("PENDING" | "IN_PROGRESS"));
    let (Some(deployment), Some(back)) = (setting.scene.current_deployment().filter(under_way), back) else {
        return Ok(None);
    };
    let arn = deployment["serviceDeploymentArn"].as_str().unwrap_or_default().to_string();
    if !deployment["sourceServiceRevisions"].is_array() {
        setting.case.ask(Question::ServiceDeployments { arns: vec![arn] }).map_err(|need| vec![need])?;
        return Ok(None);
    }
    let sources = deployment["sourceServiceRevisions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let same = matches!(sources, [only] if only["arn"].as_str() == Some(back));
    Ok(same.then_some(arn))
}
