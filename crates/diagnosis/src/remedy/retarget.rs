//! Run the tasks on the other architecture: what `fix --by retarget` says of it, as far as nothing more is asked of AWS.

use super::commands::{fix, is_rolling, quoted, update_service};
use super::{Remedy, RemedyKind, Safety};
use crate::case::Need;
use crate::plan::retarget::{draft, examine_all};
use crate::plan::{Deploy, Draft, Edit, Method, NewDefinition, Refused, Setting, option_of};
use crate::subject::Subject;
use crate::verdict::VerdictName;
use crate::workload::{Capacity, api_word};
use execfit_kernel::host::Architecture;

/// Members of DescribeTaskDefinition's answer that RegisterTaskDefinition does not take (ECS API).
const READ_ONLY: &str = "del(.taskDefinitionArn, .revision, .status, .requiresAttributes, .compatibilities, \
                         .registeredAt, .registeredBy, .deregisteredAt, .deleteRequestedAt)";

/// What came of the plan for it.
enum Prospect {
    Planned(Box<Draft>),
    Refused(Refused),
    /// `fix` asks AWS for more than a diagnosis does.
    Untold,
}

pub(super) fn retarget(setting: &Setting<'_>, failing: &Subject<'_>) -> Result<Option<Remedy>, Vec<Need>> {
    let Some((host, ..)) = failing.failing() else { return Ok(None) };
    let other = host.architecture.other();
    let verdicts: Vec<VerdictName> =
        examine_all(setting, other)?.into_iter().map(|(expected, _)| expected.verdict).collect();
    if verdicts.contains(&VerdictName::Fails) {
        return Ok(None);
    }
    let prospect = prospect(setting)?;
    let proof = if verdicts.iter().all(|verdict| *verdict == VerdictName::Runs) {
        "all containers run there by the model"
    } else {
        "not every container could be proven there"
    };
    let planned = if let Prospect::Planned(draft) = &prospect { Some(&**draft) } else { None };
    let safe = planned.is_some() && is_rolling(setting.scene);
    let lacks_machines =
        matches!(&prospect, Prospect::Refused(refused) if refused.finding == Some("no-capacity"));
    let (machines, constraint) =
        (machines(setting, other, lacks_machines), constraint(setting, other, planned));
    let can_fix = lacks_machines || !matches!(prospect, Prospect::Refused(_));
    let command = fix(setting.scene, Method::Retarget).filter(|_| can_fix);
    let mut commands: Vec<String> = command.into_iter().collect();
    commands.extend(by_hand(setting, other, planned));
    Ok(Some(Remedy {
        kind: RemedyKind::Retarget,
        safety: if safe { Safety::Safe } else { Safety::Advice },
        title: format!("run the task on {}: {proof}{machines}{constraint}", api_word(other)),
        commands,
    }))
}

/// The plan, as far as the case tells: a diagnosis asks AWS for nothing that only a plan needs.
fn prospect(setting: &Setting<'_>) -> Result<Prospect, Vec<Need>> {
    match draft(setting) {
        Ok(Ok(draft)) => Ok(Prospect::Planned(Box::new(draft))),
        Ok(Err(refused)) => Ok(Prospect::Refused(refused)),
        Err(needs) => {
            let of_images: Vec<Need> =
                needs.into_iter().filter(|need| !matches!(need, Need::Aws(_))).collect();
            if of_images.is_empty() { Ok(Prospect::Untold) } else { Err(of_images) }
        }
    }
}

fn machines(setting: &Setting<'_>, other: Architecture, full: bool) -> String {
    let capacity = &setting.workloads[0].placement.capacity;
    match (capacity, capacity.has(other)) {
        (Capacity::Serverless, _) => "; Fargate brings the machines".to_string(),
        (Capacity::Instances { x86_64, arm64 }, Some(true)) => {
            let count = if other == Architecture::Arm64 { arm64 } else { x86_64 };
            let full = if full { ", with too little room: add capacity first" } else { "" };
            format!("; the cluster has {count} active {other} container instances{full}")
        }
        (_, Some(false)) => format!("; the cluster has no {other} container instance: add capacity first"),
        _ => format!("; see first that the cluster has {other} capacity"),
    }
}

fn constraint(setting: &Setting<'_>, other: Architecture, planned: Option<&Draft>) -> &'static str {
    match (setting.scene.admits(other), planned) {
        (true, _) => "",
        (false, Some(_)) => "; the placement constraint that keeps it from there is changed along",
        (false, None) => "; a placement constraint keeps it from there: change that, too",
    }
}

/// The same by hand: the raw definition, edited, registered and deployed.
fn by_hand(setting: &Setting<'_>, other: Architecture, planned: Option<&Draft>) -> Vec<String> {
    let scene = setting.scene;
    let revision = scene.revision().name;
    let family = revision.split(':').next().unwrap_or_default().to_string();
    if let Some(arn) = setting.express_service() {
        let word = api_word(other);
        return vec![format!(
            "aws ecs update-express-gateway-service --service-arn {} --cpu-architecture {word}",
            quoted(arn)
        )];
    }
    let edits = match planned.map(|draft| &draft.definition) {
        Some(NewDefinition::Edited { edits, .. }) => edits.clone(),
        Some(NewDefinition::Existing { .. }) => Vec::new(),
        None => vec![Edit::set("/runtimePlatform/cpuArchitecture", None, api_word(other))],
    };
    let options: String = match planned.map(|draft| &draft.deploy) {
        Some(Deploy::Update { edits }) => edits
            .iter()
            .filter_map(|edit| Some(format!(" {}", option_of(&edit.path, edit.after.as_ref()?)?)))
            .collect(),
        _ => String::new(),
    };
    let mut commands = Vec::new();
    if !edits.is_empty() {
        let filter: String = edits.iter().map(jq).collect();
        commands.push(format!(
            "aws ecs describe-task-definition --task-definition {} --include TAGS > task.json",
            quoted(&revision)
        ));
        // ECS refuses an empty list of tags.
        let program = format!(
            ".tags as $tags | .taskDefinition | {READ_ONLY}{filter} | if ($tags | length) > 0 then .tags = $tags else . end"
        );
        commands.push(format!("jq {} task.json > new.json", quoted(&program)));
        commands.push("aws ecs register-task-definition --cli-input-json file://new.json".to_string());
    }
    commands.extend(update_service(scene, &format!("--task-definition {}{options}", quoted(&family))));
    commands
}

/// An edit as a part of a `jq` program.
fn jq(edit: &Edit) -> String {
    let part = |part: &str| match part.parse::<usize>() {
        Ok(index) => format!("[{index}]"),
        Err(_) => format!(".{part}"),
    };
    let path: String = edit.path.split('/').skip(1).map(part).collect();
    match &edit.after {
        Some(after) => format!(" | {path} = {after}"),
        None => format!(" | del({path})"),
    }
}
