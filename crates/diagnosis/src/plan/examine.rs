//! One container on the ground that a plan would give it.

use super::Setting;
use crate::case::Need;
use crate::subject::run_on;
use crate::verdict::{Verdict, VerdictName};
use crate::workload::Workload;
use execfit_image::digest::Digest;
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
    let mut verdict = Verdict::Runs;
    let mut digests: Vec<Digest> = Vec::new();
    let mut needs = Vec::new();
    for host in hosts {
        match run_on(setting.case, workload, name, *host) {
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
    digests.extend(setting.case.image(name).and_then(|image| image.digest.clone()));
    digests.sort();
    digests.dedup();
    if let Some(what) = &workload.placement.foreign {
        verdict = verdict.worse(Verdict::Unknown(format!("{what} are not modelled")));
    }
    Ok(Expected {
        container: workload.container.clone(),
        essential: workload.essential,
        may_end: !workload.essential || is_waited_for(setting, &workload.container),
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

/// Whether another container of the task starts only when this one has ended.
fn is_waited_for(setting: &Setting<'_>, container: &str) -> bool {
    let containers = setting.scene.definition["containerDefinitions"].as_array().into_iter().flatten();
    let mut dependencies = containers.filter_map(|other| other["dependsOn"].as_array()).flatten();
    dependencies.any(|on| {
        on["containerName"].as_str() == Some(container)
            && matches!(on["condition"].as_str(), Some("COMPLETE" | "SUCCESS"))
    })
}
