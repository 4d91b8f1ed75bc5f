//! The remedy `repin`: a new revision whose failing containers are pinned to a digest that runs.
//!
//! Each failing container is given the newest image that the model says runs: what its tag names by now, the index beside a
//! pin of one platform, what was deployed before (also by tasks that stopped), what was pushed before. All other containers
//! stay as they are, and must run, too.

use super::digests::{Candidate, Kinship, deployed, failing, index_beside_pin, mended, pushed};
use super::ground::{Ground, clause};
use super::retarget::is_express;
use super::{Deploy, Draft, Edit, Method, NewDefinition, Precondition, Refused, Setting};
use crate::case::Need;
use crate::remedy::quoted;
use crate::subject::{Subject, run_on};
use crate::verdict::VerdictName;
use execfit_image::reference::Reference;
use execfit_kernel::host::Architecture;
use serde_json::{Value, json};

/// Images of one container that are looked at, at the most: each is one to read.
const LOOKED_AT: usize = 10;

/// A container with its pin.
struct Pin {
    container: String,
    /// The definition's image, as it will be.
    image: String,
    chosen: Candidate,
}

pub(super) fn draft(setting: &Setting<'_>) -> Result<Result<Draft, Refused>, Vec<Need>> {
    let failing: Vec<&Subject<'_>> =
        setting.subjects.iter().filter(|subject| subject.failing().is_some()).collect();
    if failing.is_empty() {
        let reason = "no container fails by the model: there is none to pin";
        return Ok(Err(Refused::because(Method::Repin, reason)));
    }
    let mut refused = Refused { reasons: Vec::new(), ..Refused::because(Method::Repin, "") };
    let (mut pins, mut told) = (Vec::new(), Vec::new());
    for subject in failing {
        let mut passed = Vec::new();
        match pin(setting, subject, &mut passed)? {
            Some(pin) => {
                pins.push(pin);
                told.extend(passed);
            }
            None => refuse(setting, subject, passed, &mut refused),
        }
    }
    if !refused.reasons.is_empty() {
        return Ok(Err(refused));
    }
    let read = |container: &str| {
        pins.iter().find(|pin| pin.container == container).map(|pin| pin.chosen.read.clone())
    };
    let workloads = setting.workloads;
    let ground =
        Ground::of(setting.case, setting.scene, workloads, &hosts(setting), |one| read(&one.container))?;
    if !ground.runs() {
        refused.reasons.push("with its failing containers pinned, the task would still not run".into());
        refused.reasons.extend(ground.against());
        return Ok(Err(refused));
    }
    if let Some(service) = setting.scene.service.filter(|service| is_express(service)) {
        return Ok(Err(by_express(service, &pins, refused)));
    }
    Ok(Ok(pinned(setting, &pins, ground, told)))
}

/// A service of ECS Express makes its revisions itself (ECS API, UpdateExpressGatewayService).
fn by_express(service: &Value, pins: &[Pin], mut refused: Refused) -> Refused {
    let reason = "the service is one of ECS Express: it is updated as a whole, with its primary container, which only you have";
    refused.reasons.push(reason.into());
    let arn = quoted(service["serviceArn"].as_str().unwrap_or_default());
    refused.help.extend(pins.iter().map(|pin| format!(
        "give container {} the image {}: aws ecs update-express-gateway-service --service-arn {arn} --primary-container FILE",
        pin.container, pin.image
    )));
    refused
}

fn hosts(setting: &Setting<'_>) -> Vec<Architecture> {
    let placement = setting.workloads.first().map(|workload| &workload.placement);
    placement.into_iter().flat_map(|placement| &placement.hosts).map(|host| host.architecture).collect()
}

/// The best image for a container; `passed` is told of those that will not do.
fn pin(
    setting: &Setting<'_>,
    subject: &Subject<'_>,
    passed: &mut Vec<String>,
) -> Result<Option<Pin>, Vec<Need>> {
    let Ok(reference) = subject.workload.image.parse::<Reference>() else { return Ok(None) };
    let at_hand = mended(setting.case, subject).map_err(|need| vec![need])?;
    let at_hand = at_hand.into_iter().chain(index_beside_pin(setting.case, subject).map(|(index, _)| index));
    let mut seen = failing(setting, subject);
    let mut looked_at = 0;
    for stage in 0..3 {
        let candidates: Vec<Candidate> = match stage {
            0 => at_hand.clone().collect(),
            1 => deployed(setting, subject, &reference),
            _ => {
                let (pushed, told) = pushed(setting, &reference).map_err(|need| vec![need])?;
                passed.extend(told.into_iter().take(LOOKED_AT));
                pushed
            }
        };
        for candidate in candidates {
            // What the tag names is looked at first, though it stands among the digests that are not tried again.
            if (stage > 0 && !seen.insert(candidate.digest.clone())) || looked_at >= LOOKED_AT {
                continue;
            }
            looked_at += 1;
            match against(setting, subject, &candidate)? {
                Some(why) => passed.push(format!(
                    "container {}: {} is passed over: {why} ({})",
                    subject.workload.container,
                    candidate.digest.short(),
                    candidate.evidence
                )),
                None => {
                    let image = pinned_name(&subject.workload.image, &reference, &candidate);
                    let container = subject.workload.container.clone();
                    return Ok(Some(Pin { container, image, chosen: candidate }));
                }
            }
        }
    }
    Ok(None)
}

/// Why an image will not do.
fn against(
    setting: &Setting<'_>,
    subject: &Subject<'_>,
    candidate: &Candidate,
) -> Result<Option<String>, Vec<Need>> {
    let hosts = hosts(setting);
    let workload = std::slice::from_ref(subject.workload);
    let ground = Ground::of(setting.case, setting.scene, workload, &hosts, |_| Some(candidate.read.clone()))?;
    if let Some(container) = ground.failing().next() {
        let reason = container.reason.clone().unwrap_or_else(|| clause(container));
        return Ok(Some(match container.verdict {
            VerdictName::Fails => format!("it would fail: {reason}"),
            _ => format!("nobody can tell whether it runs: {reason}"),
        }));
    }
    if candidate.kinship == Kinship::Known {
        return Ok(None);
    }
    // A repository may hold several programs. What starts as the failing one does is taken for a build of the same.
    let wanted = subject.failing().map(|(_, run, _)| &run.argv).filter(|argv| !argv.is_empty());
    for host in hosts {
        let run = run_on(setting.case, subject.workload, &candidate.read, host).map_err(|need| vec![need])?;
        match wanted {
            Some(wanted) if *wanted != run.argv => {
                return Ok(Some("it starts another command, so it may be of another program".into()));
            }
            None if candidate.kinship == Kinship::Tagged => {
                return Ok(Some("nobody can tell whether it is of the same program".into()));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// The image pinned: `REPOSITORY@DIGEST`, as ECS documents it (ECS API, ContainerDefinition, image). The tag beside a
/// digest stays, where the definition has both.
fn pinned_name(written: &str, reference: &Reference, candidate: &Candidate) -> String {
    let name = written.split('@').next().unwrap_or(written);
    let bare = match (&reference.tag, &reference.digest) {
        (Some(tag), None) => name.strip_suffix(&format!(":{tag}")).unwrap_or(name),
        _ => name,
    };
    format!("{bare}@{}", candidate.digest)
}

fn refuse(setting: &Setting<'_>, subject: &Subject<'_>, passed: Vec<String>, refused: &mut Refused) {
    let workload = subject.workload;
    let hosts: Vec<&str> = hosts(setting).into_iter().map(Architecture::name).collect();
    refused.reasons.push(format!(
        "container {}: no image of {} is known to run on {} that it could be pinned to",
        workload.container,
        workload.image,
        hosts.join(" and ")
    ));
    refused.reasons.extend(passed);
    for refusal in setting.case.refusals.iter().filter(|refusal| refusal.action == "ecr:DescribeImages") {
        refused.reasons.push(format!("what was pushed before is not known: {}", refusal.message));
        refused.help.push("allow the IAM action ecr:DescribeImages on the repository".into());
    }
    refused.help.dedup();
}

/// The draft of a new revision with these pins.
fn pinned(setting: &Setting<'_>, pins: &[Pin], ground: Ground, told: Vec<String>) -> Draft {
    let definition = setting.scene.definition;
    let name = setting.scene.revision().name;
    let from = definition["taskDefinitionArn"].as_str().map_or(name, String::from);
    let all = definition["containerDefinitions"].as_array().into_iter().flatten().enumerate();
    let of = |container: &str| pins.iter().find(|pin| pin.container == container);
    let edits = all.filter_map(|(at, container)| {
        let pin = of(container["name"].as_str()?)?;
        Some(Edit::set(
            &format!("/containerDefinitions/{at}/image"),
            container.get("image"),
            json!(pin.image),
        ))
    });
    let mut draft = Draft {
        title: title(pins),
        definition: NewDefinition::Edited { from, edits: edits.collect() },
        deploy: Deploy::Update { edits: Vec::new() },
        containers: ground.containers,
        capacity: Vec::new(),
        preconditions: ground.preconditions,
        warnings: Vec::new(),
    };
    for container in &mut draft.containers {
        if let Some(pin) = of(&container.container) {
            container.image.clone_from(&pin.image);
        }
    }
    for pin in pins {
        let workload = setting.workloads.iter().find(|workload| workload.container == pin.container);
        draft.preconditions.push(Precondition::Image {
            name: pin.image.clone(),
            digest: pin.chosen.digest.clone(),
            repository_credentials: workload.and_then(|workload| workload.repository_credentials.clone()),
        });
        let caveat = pin.chosen.caveat.iter().map(|caveat| format!("container {}: {caveat}", pin.container));
        draft.warnings.extend(caveat);
        draft.warnings.push(format!(
            "container {} stays at {} until its definition is changed again: a push to a tag does not reach it",
            pin.container,
            pin.chosen.digest.short()
        ));
    }
    draft.warnings.extend(told);
    draft
}

fn title(pins: &[Pin]) -> String {
    let pins = pins.iter().map(|pin| {
        format!("container {} to {}: {}", pin.container, pin.chosen.digest.short(), pin.chosen.evidence)
    });
    format!("pin {}; with that, all containers run by the model", pins.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests;
