//! What a plan is made from: a case, and what the diagnosis found in it.

use super::retarget::is_express;
use crate::case::{Case, Need};
use crate::ecs::{Documents, Scene};
use crate::report::{Pending, Report, diagnose};
use crate::subject::Subject;
use crate::workload::Workload;

/// A diagnosed case.
#[derive(Debug)]
pub struct Setting<'a> {
    /// All facts.
    pub case: &'a Case,
    /// AWS's documents among them.
    pub documents: &'a Documents<'a>,
    /// The revision that was diagnosed, with its service.
    pub scene: &'a Scene<'a>,
    /// Its containers.
    pub workloads: &'a [Workload],
    /// The same, with their runs.
    pub subjects: &'a [Subject<'a>],
    /// The diagnosis.
    pub report: Report,
}

impl Setting<'_> {
    /// Diagnoses a case and lends what was found.
    ///
    /// # Errors
    /// [`Pending`]: what is missing in the case, for the diagnosis or for what was done with it.
    pub fn with<T>(
        case: &Case,
        then: impl FnOnce(&Setting<'_>) -> Result<T, Vec<Need>>,
    ) -> Result<T, Pending> {
        let report = diagnose(case)?;
        let documents = Documents::of(&case.answers);
        let scene = Scene::of(&case.target.kind, &documents).map_err(Pending::Nothing)?;
        let workloads = scene.workloads(&case.logs);
        let subjects = workloads.iter().map(|workload| Subject::of(case, Some(&scene), workload));
        let subjects: Vec<_> = subjects.collect::<Result<_, _>>().map_err(Pending::Needs)?;
        let (documents, scene) = (&documents, &scene);
        let setting = Setting { case, documents, scene, workloads: &workloads, subjects: &subjects, report };
        then(&setting).map_err(Pending::Needs)
    }

    /// The ARN of the service, where it is one of ECS Express.
    pub fn express_service(&self) -> Option<&str> {
        let service = self.scene.service.filter(|service| is_express(service))?;
        service["serviceArn"].as_str()
    }
}
