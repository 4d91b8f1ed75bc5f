//! The container may meet hosts of different kinds, or the sources about its host disagree.
//!
//! A cluster with x86_64 and arm64 instances places a task wherever there is room, unless a constraint or
//! `runtimePlatform` decides. Each kind of host has its own verdict then, and where these differ the whole is unknown.
//!
//! ## What to do
//! Decide: set `runtimePlatform.cpuArchitecture`, a placement constraint
//! (`attribute:ecs.cpu-architecture == arm64`) or a capacity provider; or build the image for both platforms.

use crate::finding::{Evidence, Finding, Severity};
use crate::remedy::Remedy;
use crate::subject::Subject;
use crate::verdict::Verdict;

/// The finding's id.
pub(super) const ID: &str = "mixed-hosts";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let placement = &subject.workload.placement;
    if placement.hosts.len() < 2 {
        return None;
    }
    let verdict = |verdict: &Verdict| match verdict {
        Verdict::Runs => "it runs",
        Verdict::Fails(_) => "it fails",
        Verdict::Unknown(_) => "it cannot be told",
    };
    let kinds: Vec<String> = subject.runs.iter().map(|(host, run)| format!("{}: {}", host.architecture, verdict(&run.verdict))).collect();
    let differ = subject.runs.iter().any(|(_, run)| run.verdict.name() != subject.runs[0].1.verdict.name());
    let severity = if differ { Severity::Warning } else { Severity::Note };
    let message = format!("{}: it may meet hosts of both kinds: {}", subject.whole(), kinds.join(", "));
    let hosts = subject.runs.iter().map(|(host, _)| {
        Evidence::seen(format!("{} ({} seen): {}", host.architecture, host.instances, host.source.phrase()))
    });
    let notes = placement.notes.iter().map(Evidence::seen);
    let decide = Remedy::edit("decide where it runs, or build the image for both platforms", &[]);
    Some(Finding::new(ID, severity, message).because(hosts.chain(notes)).cured_by(decide))
}
