//! Placement constraints that keep tasks away from an architecture.

use crate::ecs::Constraint;
use crate::plan::{Edit, Setting};
use crate::workload::Capacity;
use execfit_kernel::host::Architecture;
use serde_json::Value;

/// `Attribute.name` of the processor (ECS developer guide, task placement constraints).
const CPU: &str = "ecs.cpu-architecture";

/// What becomes of the constraints when the tasks go elsewhere.
#[derive(Debug, Default)]
pub(super) struct Constraints {
    /// Of the task definition: each expression is edited for itself.
    pub(super) of_definition: Vec<Edit>,
    /// Of the service: UpdateService takes the whole list.
    pub(super) of_service: Option<Edit>,
    /// Those that cannot be changed along, in sentences.
    pub(super) refused: Vec<String>,
}

impl Constraints {
    /// Those of a revision and its service, for tasks that go to `other`.
    pub(super) fn of(setting: &Setting<'_>, other: Architecture) -> Constraints {
        let mut constraints = Constraints::default();
        // Fargate has no constraints; what stands there keeps nothing away.
        if setting.workloads.iter().all(|workload| workload.placement.capacity == Capacity::Serverless) {
            return constraints;
        }
        let name = setting.scene.revision().name;
        for (index, changed) in constraints.changed(setting.scene.definition, &name, other) {
            let path = format!("/placementConstraints/{index}/expression");
            let before = &setting.scene.definition["placementConstraints"][index]["expression"];
            constraints.of_definition.push(Edit::set(&path, Some(before), changed));
        }
        let Some(service) = setting.scene.service else { return constraints };
        let name = format!("the service {}", service["serviceName"].as_str().unwrap_or("?"));
        let changed = constraints.changed(service, &name, other);
        if !changed.is_empty() {
            let before = &service["placementConstraints"];
            let mut after = before.clone();
            for (index, expression) in changed {
                after[index]["expression"] = expression.into();
            }
            constraints.of_service = Some(Edit::set("/placementConstraints", Some(before), after));
        }
        constraints
    }

    /// The expressions of one owner that change, by their index; those that cannot are noted.
    fn changed(&mut self, owner: &Value, name: &str, other: Architecture) -> Vec<(usize, String)> {
        let mut changed = Vec::new();
        for (index, constraint) in list(owner).filter(|(_, found)| found.names(CPU)) {
            if constraint.understood && !constraint.excludes(CPU, other.name()) {
                continue;
            }
            match constraint.with_value(CPU, other.name()) {
                Some(expression) => changed.push((index, expression)),
                None => self.refused.push(format!(
                    "a placement constraint of {name} decides on the architecture, and is more than one comparison \
                     with ==: {}",
                    constraint.text
                )),
            }
        }
        changed
    }
}

/// Whether a constraint that stays or is changed names the architecture.
pub(in crate::plan) fn is_bound(setting: &Setting<'_>, other: Architecture) -> bool {
    let owners = [Some(setting.scene.definition), setting.scene.service];
    owners
        .into_iter()
        .flatten()
        .flat_map(list)
        .any(|(_, found)| found.excludes(CPU, other.name()) || found.excludes(CPU, other.other().name()))
}

/// The `memberOf` constraints of a task definition or service, with their places in its list.
fn list(owner: &Value) -> impl Iterator<Item = (usize, Constraint)> {
    let constraints = owner["placementConstraints"].as_array().into_iter().flatten().enumerate();
    constraints.filter_map(|(index, constraint)| Some((index, Constraint::of(constraint)?)))
}
