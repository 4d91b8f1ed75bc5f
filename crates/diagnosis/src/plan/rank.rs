//! In which order the remedies are tried.

use super::{Method, Refused, Setting, Wish};
use crate::remedy::{RemedyKind, Safety};

/// The remedies to try: the one that was asked for, else those that `diagnose` tells, in its order, then the others, the
/// smaller change first. Nobody is moved to the other architecture unasked for a fault that has nothing to do with it.
pub(super) fn ranked(setting: &Setting<'_>, wish: &Wish) -> (Vec<Method>, Vec<Refused>) {
    if let Some(method) = wish.by {
        return (vec![method], Vec::new());
    }
    let mut methods = Method::ALL.to_vec();
    methods.sort_by_key(|method| place(setting, *method));
    let foreign = setting.subjects.iter().any(|subject| subject.is_architecture_fault());
    if foreign {
        return (methods, Vec::new());
    }
    methods.retain(|method| *method != Method::Retarget);
    let reason = "no container fails because of its architecture; `--by retarget` tries it nonetheless";
    (methods, vec![Refused::because(Method::Retarget, reason)])
}

/// The place of a remedy in the diagnosis, where it tells of it; else after all that it tells of.
fn place(setting: &Setting<'_>, method: Method) -> (bool, Option<(Safety, RemedyKind)>, Method) {
    let findings = setting.report.workloads.iter().flat_map(|workload| &workload.findings);
    let remedies = findings.flat_map(|finding| &finding.remedies);
    let told = remedies.filter(|remedy| remedy.kind == kind(method));
    let best = told.map(|remedy| (remedy.safety, remedy.kind)).min();
    (best.is_none(), best, method)
}

fn kind(method: Method) -> RemedyKind {
    match method {
        Method::Repin => RemedyKind::Repin,
        Method::Retarget => RemedyKind::Retarget,
        Method::Rollback => RemedyKind::Rollback,
    }
}
