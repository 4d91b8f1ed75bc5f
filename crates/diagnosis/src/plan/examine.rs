//! One container on the ground that a plan would give it.

use super::{Precondition, Setting};
use crate::case::{Case, Need};
use crate::ecs::Scene;
use crate::subject::{name_if_deployed_anew, run_on};
use crate::verdict::{Verdict, VerdictName};
use crate::workload::Workload;
use execfit_image::digest::Digest;
use execfit_image::reference::Reference;
use execfit_kernel::host::Architecture;
use serde::{Deserialize, Serialize};

/// What the model says of a container after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// Its name.
    pub container: String,
    /// Whether the task ends with it.
    pub essential: bool,
    /// Whether it may have ended with exit code 0: it is not essential, or another container waits for its end
    /// (`dependsOn` with `COMPLETE` or `SUCCESS`; ECS API, ContainerDependency).
    pub may_end: bool,
    /// The reference that is pulled.
    pub image: String,
    /// The digests by which a task may call it: of the index, and of the manifests that the hosts get.
    pub digests: Vec<Digest>,
    /// What the model says: the worst of all hosts.
    pub verdict: VerdictName,
    /// Why it would fail, or why that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Asks the model about a container from the image `name` on each of these hosts.
///
/// # Errors
/// The facts that are missing.
pub fn examine(
    setting: &Setting<'_>,
    workload: &Workload,
    name: &str,
    hosts: &[Architecture],
) -> Result<Expected, Vec<Need>> {
    examine_in(setting.case, setting.scene, workload, name, hosts)
}

/// The same about a container of any scene.
pub(super) fn examine_in(
    case: &Case,
    scene: &Scene<'_>,
    workload: &Workload,
    name: &str,
    hosts: &[Architecture],
) -> Result<Expected, Vec<Need>> {
    let mut verdict = Verdict::Runs;
    let mut digests: Vec<Digest> = Vec::new();
    let mut needs = Vec::new();
    for host in hosts {
        match run_on(case, workload, name, *host) {
            Ok(run) => {
                digests.extend(run.manifest.clone());
                verdict = verdict.worse(run.verdict);
            }
            Err(need) => needs.push(need),
        }
    }
    if !needs.is_empty() {
        return Err(needs);
    }
    digests.extend(case.image(name).and_then(|image| image.digest.clone()));
    digests.sort();
    digests.dedup();
    if let Some(what) = &workload.placement.foreign {
        verdict = verdict.worse(Verdict::Unknown(format!("{what} are not modelled")));
    }
    Ok(Expected {
        container: workload.container.clone(),
        essential: workload.essential,
        may_end: !workload.essential || is_waited_for(scene, &workload.container),
        image: name.to_string(),
        digests,
        verdict: verdict.name(),
        reason: match verdict {
            Verdict::Runs => None,
            Verdict::Unknown(why) => Some(why),
            Verdict::Fails(failure) => Some(failure.to_string()),
        },
    })
}

/// Asks the model about a container on each of these hosts, from the image that a new deployment would get: its tag is
/// resolved anew, and must still name the same when the plan is carried out.
///
/// # Errors
/// The facts that are missing.
pub fn examine_anew(
    setting: &Setting<'_>,
    workload: &Workload,
    hosts: &[Architecture],
) -> Result<(Expected, Option<Precondition>), Vec<Need>> {
    examine_anew_in(setting.case, setting.scene, workload, hosts)
}

/// The same about a container of any scene.
pub(super) fn examine_anew_in(
    case: &Case,
    scene: &Scene<'_>,
    workload: &Workload,
    hosts: &[Architecture],
) -> Result<(Expected, Option<Precondition>), Vec<Need>> {
    let name = name_if_deployed_anew(case, workload).map_err(|need| vec![need])?;
    let expected = examine_in(case, scene, workload, &name, hosts)?;
    let is_tag = workload.image.parse::<Reference>().is_ok_and(|reference| reference.digest.is_none());
    let digest = case.image(&name).and_then(|image| image.digest.clone()).filter(|_| is_tag);
    let still = digest.map(|digest| Precondition::Image {
        name: workload.image.clone(),
        digest,
        repository_credentials: workload.repository_credentials.clone(),
    });
    Ok((Expected { image: workload.image.clone(), ..expected }, still))
}

/// Whether another container of the task starts only when this one has ended.
fn is_waited_for(scene: &Scene<'_>, container: &str) -> bool {
    let containers = scene.definition["containerDefinitions"].as_array().into_iter().flatten();
    let mut dependencies = containers.filter_map(|other| other["dependsOn"].as_array()).flatten();
    dependencies.any(|on| {
        on["containerName"].as_str() == Some(container)
            && matches!(on["condition"].as_str(), Some("COMPLETE" | "SUCCESS"))
    })
}
