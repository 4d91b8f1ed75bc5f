//! All containers of a revision, on the ground that a plan would give them.

use super::examine::{examine_anew_in, examine_in};
use super::{Expected, Precondition};
use crate::case::{Case, Need};
use crate::ecs::Scene;
use crate::verdict::VerdictName;
use crate::workload::{Capacity, HostSource, Placement, Workload};
use execfit_kernel::host::Architecture;

/// What the model says of every container of a task, if it were deployed now.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ground {
    /// In the definition's order.
    pub(super) containers: Vec<Expected>,
    /// That the tags among their images still name what was examined.
    pub(super) preconditions: Vec<Precondition>,
    /// The kinds of host that were asked about.
    pub(super) hosts: Vec<Architecture>,
}

impl Ground {
    /// Asks the model about the containers of a scene. `names` tells from which reference a container is made where it is
    /// not the one that a new deployment would get.
    ///
    /// # Errors
    /// The facts that are missing.
    pub(super) fn of(
        case: &Case,
        scene: &Scene<'_>,
        workloads: &[Workload],
        hosts: &[Architecture],
        names: impl Fn(&Workload) -> Option<String>,
    ) -> Result<Ground, Vec<Need>> {
        let mut ground = Ground { containers: Vec::new(), preconditions: Vec::new(), hosts: hosts.to_vec() };
        let mut needs = Vec::new();
        for workload in workloads {
            let examined = match names(workload) {
                Some(name) => {
                    examine_in(case, scene, workload, &name, hosts).map(|expected| (expected, None))
                }
                None => examine_anew_in(case, scene, workload, hosts),
            };
            match examined {
                Ok((expected, still)) => {
                    ground.containers.push(expected);
                    let known = still.as_ref().is_some_and(|still| ground.preconditions.contains(still));
                    ground.preconditions.extend(still.filter(|_| !known));
                }
                Err(missing) => needs.extend(missing),
            }
        }
        if needs.is_empty() { Ok(ground) } else { Err(needs) }
    }

    /// Whether every container runs, and there is one.
    pub(super) fn runs(&self) -> bool {
        !self.containers.is_empty() && self.failing().next().is_none()
    }

    /// The containers that would not run, or of which nobody can tell.
    pub(super) fn failing(&self) -> impl Iterator<Item = &Expected> {
        self.containers.iter().filter(|container| container.verdict != VerdictName::Runs)
    }

    /// Why it will not do, a clause for each such container.
    pub(super) fn against(&self) -> Vec<String> {
        let hosts: Vec<&str> = self.hosts.iter().map(|host| host.name()).collect();
        let either =
            if hosts.len() > 1 { format!(" (it may meet {})", hosts.join(" and ")) } else { String::new() };
        self.failing().map(|container| clause(container) + &either).collect()
    }
}

/// A container that will not do, in words: `container app would fail: exec: ENOEXEC (exec format error)`.
pub(super) fn clause(container: &Expected) -> String {
    let reason = container.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let verdict = match container.verdict {
        VerdictName::Runs => "would run",
        VerdictName::Fails => "would fail",
        VerdictName::Unknown => "may or may not run",
    };
    format!("container {} of {} {verdict}{reason}", container.container, container.image)
}

/// The hosts that tasks of a revision may meet. Where nothing tells but ECS's default, and the service's present tasks
/// are on machines that do not come by the revision (as Fargate's do), they are on those.
pub(super) fn hosts(placement: &Placement, present: &Placement) -> Vec<Architecture> {
    let by_default = placement.hosts.iter().all(|host| host.source == HostSource::Default);
    let of_machine =
        |source| matches!(source, HostSource::Task | HostSource::Instance | HostSource::ServiceRevision);
    let seen: Vec<Architecture> =
        present.hosts.iter().filter(|host| of_machine(host.source)).map(|host| host.architecture).collect();
    if by_default && placement.capacity != Capacity::Serverless && !seen.is_empty() {
        return seen;
    }
    placement.hosts.iter().map(|host| host.architecture).collect()
}
