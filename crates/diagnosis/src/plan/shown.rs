//! Proposals as text, for the snapshots of tests.

use super::{Action, Edit, Offer, Plan, Precondition, Proposal, Refused};
use crate::ecs::last;
use crate::fixture::shortened;
use std::fmt::Write as _;

/// A proposal in full, but for what `fix` adds in words.
pub(crate) fn shown(proposal: &Proposal) -> String {
    let mut text = String::new();
    for refused in &proposal.passed_over {
        show_refused(&mut text, refused);
    }
    match &proposal.offer {
        Offer::Plan(plan) => show_plan(&mut text, plan),
        other => writeln!(text, "{other:?}").unwrap(),
    }
    shortened(&text)
}

fn show_refused(text: &mut String, refused: &Refused) {
    let finding = refused.finding.map(|id| format!(" [{id}]")).unwrap_or_default();
    writeln!(text, "not {}{finding}", refused.by.name()).unwrap();
    lines(text, "because", &refused.reasons);
    lines(text, "capacity", &refused.capacity);
    lines(text, "help", &refused.help);
}

fn show_plan(text: &mut String, plan: &Plan) {
    writeln!(text, "{}: {}", plan.by.name(), plan.title).unwrap();
    lines(text, "cures", &plan.cures);
    for one in &plan.containers {
        let digests: Vec<String> = one.digests.iter().map(ToString::to_string).collect();
        let may_end = if one.may_end { ", may end" } else { "" };
        let verdict = format!("{:?}", one.verdict).to_lowercase();
        writeln!(text, "  {} {verdict}{may_end}: {} {}", one.container, one.image, digests.join(" "))
            .unwrap();
    }
    lines(text, "capacity", &plan.capacity);
    for precondition in &plan.preconditions {
        let words = match precondition {
            Precondition::Service { task_definition, deployment, .. } => {
                format!("service at {} {}", last(task_definition), deployment.as_deref().unwrap_or("-"))
            }
            Precondition::Revision { task_definition } => format!("revision {}", last(task_definition)),
            Precondition::Image { name, digest, .. } => format!("image {name} {digest}"),
        };
        writeln!(text, "  if {words}").unwrap();
    }
    for step in &plan.steps {
        let (words, edits): (String, &[Edit]) = match &step.action {
            Action::RegisterTaskDefinition { from, edits } => {
                (format!("register from {}", last(from)), edits)
            }
            Action::UpdateService {
                task_definition_before,
                task_definition_after,
                force_new_deployment,
                edits,
                ..
            } => {
                let after = task_definition_after.as_deref().map_or("the new revision", last);
                let force = if *force_new_deployment { ", anew" } else { "" };
                (format!("update from {} to {after}{force}", last(task_definition_before)), edits)
            }
            Action::StopServiceDeployment { deployment, task_definition_after, .. } => {
                (format!("stop {} for {}", last(deployment), last(task_definition_after)), &[])
            }
            Action::UpdateExpressGatewayService { edits, .. } => ("update express".into(), edits),
        };
        writeln!(text, "  * {words}").unwrap();
        for edit in edits {
            let value = |value: &Option<serde_json::Value>| {
                value.as_ref().map_or("-".to_string(), ToString::to_string)
            };
            writeln!(text, "      {}: {} => {}", edit.path, value(&edit.before), value(&edit.after)).unwrap();
        }
        writeln!(text, "      undo: {}", step.undo).unwrap();
    }
    lines(text, "warning", &plan.warnings);
    lines(text, "left", &plan.left_to_do);
}

fn lines(text: &mut String, what: &str, lines: &[String]) {
    lines.iter().for_each(|line| writeln!(text, "  {what}: {line}").unwrap());
}
