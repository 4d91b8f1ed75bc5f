//! The revision before this one asked for an architecture, and this one does not any more.
//!
//! `runtimePlatform` is lost when a tool registers a new revision from a template, or from an older model of the API,
//! without the fields that it does not know. An ARM64 service silently becomes one of X86_64, ECS's default.
//!
//! ## How it comes about
//! Deploy actions, orbs and scripts that copy a task definition field by field; old SDKs; templates without the field.
//!
//! ## What to do
//! Put `"runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}` back where the revision is
//! made, and deploy the revision that still has it meanwhile.

use crate::finding::{Evidence, Finding, Severity};
use crate::subject::Subject;

/// The finding's id.
pub(super) const ID: &str = "lost-runtime-platform";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let scene = subject.scene?;
    let (now, before) = (scene.revision(), scene.previous()?.revision());
    let had = before.cpu_architecture.as_deref()?;
    if now.cpu_architecture.is_some() || had == "X86_64" {
        return None;
    }
    let hurts = subject.is_architecture_fault();
    let severity = if hurts { Severity::Error } else { Severity::Warning };
    let message = format!(
        "{}: the task definition {} lost runtimePlatform: {} asked for {had}, now ECS takes its default X86_64",
        subject.whole(),
        now.name,
        before.name
    );
    let says = |revision: &crate::ecs::Revision| {
        let asked = revision.cpu_architecture.as_deref().unwrap_or("none");
        let who = revision.registered_by.as_deref().map(|who| format!(", registered by {who}")).unwrap_or_default();
        let when = revision.registered_at.as_deref().map(|when| format!(" at {when}")).unwrap_or_default();
        Evidence::seen(format!("{}: cpuArchitecture {asked}{who}{when}", revision.name))
            .source("DescribeTaskDefinition, runtimePlatform.cpuArchitecture")
    };
    Some(Finding::new(ID, severity, message).because([says(&before), says(&now)]))
}
