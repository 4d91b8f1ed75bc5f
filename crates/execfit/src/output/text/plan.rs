//! A plan as a diff, and why there is none.

use super::{BOLD, CYAN, DIM, Detail, GREEN, RED, YELLOW, coloured, summary, verdict_word};
use crate::output::{exact, line, printable};
use execfit_diagnosis::ecs::last;
use execfit_diagnosis::finding::Severity;
use execfit_diagnosis::plan::{Action, Edit, Expected, Offer, Plan, Proposal, Refused, Step, TAG};
use execfit_diagnosis::remedy::{Remedy, RemedyKind};
use execfit_diagnosis::report::Report;
use execfit_diagnosis::verdict::VerdictName;
use serde_json::Value;

/// A plan: what is wrong, what it does, what comes of it, how that is proven; and where it was just made, what was passed
/// over for it, and what was not seen.
pub fn plan(plan: &Plan, made: Option<&Proposal>, detail: Detail) -> String {
    let mut text = format!("{BOLD}{}{BOLD:#}", line(&plan.target.kind.to_string()));
    text.push_str(&format!(" {DIM}({}){DIM:#}\n", line(plan.target.region.as_deref().unwrap_or("-"))));
    text.push_str(&format!(
        "plan {}: {BOLD}{}{BOLD:#} ({})\n",
        line(&plan.id),
        line(&plan.title),
        plan.by.name()
    ));
    text.push_str(&rungs("what is wrong", &plan.cures));
    text.push_str(&format!("\n{BOLD}what it does{BOLD:#}\n"));
    for (index, step) in plan.steps.iter().enumerate() {
        text.push_str(&step_text(index + 1, step, &plan.id));
    }
    text.push_str(&format!("\n{BOLD}what comes of it, by the model{BOLD:#}\n"));
    text.extend(plan.containers.iter().map(|container| container_text(container, detail)));
    text.push_str(&rungs("machines", &plan.capacity));
    text.push_str(&format!("\n{BOLD}proof{BOLD:#}: {}\n", proof(plan)));
    text.push_str(&told(YELLOW, "warning", &plan.warnings));
    text.push_str(&told(CYAN, "left to do", &plan.left_to_do));
    let Some(proposal) = made else { return text };
    let passed_over: Vec<String> = proposal.passed_over.iter().map(short).collect();
    text.push_str(&told(DIM, "passed over", &passed_over));
    text + &not_seen(&proposal.report)
}

/// Why there is no plan. Nothing was changed.
pub fn no_plan(proposal: &Proposal, detail: Detail) -> String {
    let report = &proposal.report;
    let mut text = brief(report, detail);
    match &proposal.offer {
        Offer::Nothing => text.push_str("\nnothing to fix: every container runs, by the model\n"),
        Offer::Refused => {
            proposal.passed_over.iter().for_each(|refused| text.push_str(&refused_text(refused)));
            text.push_str(&others(report));
            if proposal.passed_over.last().is_some_and(|refused| refused.owned) {
                text.push_str("\nnothing was changed: it is not for fix to change\n");
            } else if let [only] = &proposal.passed_over[..] {
                let by = only.by.name();
                let other = format!("leave out `--by {by}` to see whether another remedy does");
                text.push_str(&format!(
                    "\n{CYAN}help{CYAN:#}: {other}\n\nnothing was changed: {by} will not do\n"
                ));
            } else {
                text.push_str("\nnothing was changed: none of these remedies will do\n");
            }
        }
        Offer::Untold => {
            text.push_str(&format!(
                "\nnothing was changed: whether it runs is {}, so what would cure it is, too\n",
                coloured(VerdictName::Unknown)
            ));
            text.push_str(&format!(
                "  {CYAN}help{CYAN:#}: give what is lacking above; or choose with --by: the plan is made where the model is sure of the new ground\n"
            ));
        }
        Offer::Plan(_) => {}
    }
    text
}

/// The containers, and the first finding of each that is not well.
fn brief(report: &Report, detail: Detail) -> String {
    let mut text = format!("{BOLD}{}{BOLD:#}", line(&report.target.kind.to_string()));
    let around = [report.task_definition.clone(), report.target.region.clone()];
    let around: Vec<String> = around.into_iter().flatten().collect();
    text.push_str(&format!(" {DIM}({}){DIM:#}\n", line(&around.join(", "))));
    for workload in &report.workloads {
        text.push_str(&summary(workload, detail));
        let errors = workload.findings.iter().filter(|finding| finding.severity == Severity::Error);
        for finding in errors.take(1) {
            text.push_str(&format!(
                "          {RED}error[{}]{RED:#}: {}\n",
                finding.id,
                line(&finding.message)
            ));
        }
        if let Some(reason) = &workload.reason {
            text.push_str(&format!("          {YELLOW}unknown{YELLOW:#}: {}\n", line(reason)));
        }
    }
    text + &not_seen(report)
}

/// What AWS would not tell.
fn not_seen(report: &Report) -> String {
    let refusals: Vec<String> = report.refusals.iter().map(|refusal| refusal.message.clone()).collect();
    told(YELLOW, "not seen", &refusals)
}

fn refused_text(refused: &Refused) -> String {
    let finding = refused.finding.map(|id| format!("[{id}]")).unwrap_or_default();
    let mut reasons = refused.reasons.iter();
    let first = reasons.next().map(|reason| line(reason)).unwrap_or_default();
    let mut text = format!("\n{RED}refused{finding}{RED:#}: {BOLD}{}{BOLD:#}: {first}\n", refused.by.name());
    for rung in reasons.chain(&refused.capacity) {
        text.push_str(&format!("    | {}\n", line(rung)));
    }
    for help in &refused.help {
        text.push_str(&helping(help));
    }
    if let Some(id) = refused.finding {
        text.push_str(&format!("  {DIM}page: execfit explain {id}{DIM:#}\n"));
    }
    text
}

/// The diagnosis' remedies that `fix` does not carry out: the user does.
fn others(report: &Report) -> String {
    let findings = report.workloads.iter().flat_map(|workload| &workload.findings);
    let mut remedies: Vec<&Remedy> = Vec::new();
    for remedy in findings.flat_map(|finding| &finding.remedies) {
        if matches!(remedy.kind, RemedyKind::Rebuild | RemedyKind::Edit) && !remedies.contains(&remedy) {
            remedies.push(remedy);
        }
    }
    let Some(first) = remedies.first() else { return String::new() };
    let mut text = format!("\n{CYAN}help{CYAN:#}: what fix leaves to you: {}\n", line(&first.title));
    for command in &first.commands {
        text.push_str(&format!("          {}\n", printable(command)));
    }
    for remedy in &remedies[1..] {
        text.push_str(&format!("{CYAN}help{CYAN:#}: or: {}\n", line(&remedy.title)));
    }
    text
}

/// A remedy that was considered first, in one line.
fn short(refused: &Refused) -> String {
    let more = match refused.reasons.len() {
        0 | 1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let reason = refused.reasons.first().map(String::as_str).unwrap_or_default();
    format!("{}: {reason}{more}", refused.by.name())
}

/// One step: what it calls, what changes, and how to undo it.
fn step_text(number: usize, step: &Step, plan: &str) -> String {
    let (title, diff, rest) = match &step.action {
        Action::RegisterTaskDefinition { from, edits } => {
            let from = name_of(from);
            let tag = format!("tags.{TAG}");
            let diff = diff_of(edits) + &changed(&tag, None, Some(&Value::from(plan)));
            let rest = format!("every other field of {from} and its tags stay as they are");
            (format!("register a new revision, made of {from}"), diff, Some(rest))
        }
        Action::UpdateService {
            service,
            task_definition_before: before,
            task_definition_after: after,
            force_new_deployment,
            edits,
            ..
        } => {
            let mut diff = moved(name_of(before), after.as_deref().map(name_of));
            if *force_new_deployment {
                diff.push_str(&changed("forceNewDeployment", None, Some(&Value::Bool(true))));
            }
            (format!("update the service {}", name_of(service)), diff + &diff_of(edits), None)
        }
        Action::StopServiceDeployment {
            service,
            deployment,
            task_definition_before: before,
            task_definition_after: after,
            ..
        } => {
            let title =
                format!("stop the deployment {} of the service {}", last(deployment), name_of(service));
            let rest = "ECS brings the service back to where this deployment began".to_string();
            (title, moved(name_of(before), Some(name_of(after))), Some(rest))
        }
        Action::UpdateExpressGatewayService { service, edits } => {
            (format!("update the Express service {}", name_of(service)), diff_of(edits), None)
        }
    };
    let mut text = format!("  {number}. {}\n{diff}", line(&title));
    if let Some(rest) = rest {
        text.push_str(&format!("       {DIM}{}{DIM:#}\n", line(&rest)));
    }
    text + &format!("     undo: {}\n", printable(&step.undo).replace('\n', "\n           "))
}

/// Which task definition a service runs, before and after; the one after may be the one that the plan registers.
fn moved(before: &str, after: Option<&str>) -> String {
    let (member, old) = ("taskDefinition", Some(Value::from(before)));
    match after {
        Some(after) if after == before => format!("       {DIM}{member} stays {}{DIM:#}\n", line(before)),
        Some(after) => changed(member, old.as_ref(), Some(&Value::from(after))),
        None => {
            let new = format!("     {GREEN}+ {member}: the new revision{GREEN:#}\n");
            changed(member, old.as_ref(), None) + &new
        }
    }
}

fn diff_of(edits: &[Edit]) -> String {
    let edit = |edit: &Edit| changed(&readable(&edit.path), edit.before.as_ref(), edit.after.as_ref());
    edits.iter().map(edit).collect()
}

/// A member before and after, leaf by leaf, every character of it.
fn changed(path: &str, before: Option<&Value>, after: Option<&Value>) -> String {
    if before == after {
        return String::new();
    }
    if let (Some(Value::Object(old)), Some(Value::Object(new))) = (before, after) {
        let added = new.keys().filter(|key| !old.contains_key(*key));
        let member = |key: &String| changed(&format!("{path}.{}", exact(key)), old.get(key), new.get(key));
        return old.keys().chain(added).map(member).collect();
    }
    let path = exact(path);
    let side = |style, sign, value: &Value| {
        format!("     {style}{sign} {path}: {}{style:#}\n", exact(&value.to_string()))
    };
    let old = before.map(|value| side(RED, '-', value)).unwrap_or_default();
    old + &after.map(|value| side(GREEN, '+', value)).unwrap_or_default()
}

/// A JSON Pointer as one would write it in a program: `containerDefinitions[0].image`.
fn readable(pointer: &str) -> String {
    let mut text = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if part.parse::<usize>().is_ok() {
            text.push_str(&format!("[{part}]"));
        } else {
            text.push_str(if text.is_empty() { "" } else { "." });
            text.push_str(&part);
        }
    }
    text
}

fn container_text(container: &Expected, detail: Detail) -> String {
    let mut text =
        format!("  {} {BOLD}{}{BOLD:#}", verdict_word(container.verdict), line(&container.container));
    if !container.essential {
        text.push_str(" (not essential)");
    }
    text.push_str(&format!("\n          {DIM}image {}{DIM:#}\n", line(&container.image)));
    for digest in &container.digests {
        let shown = if detail == Detail::Verbose { digest.as_str() } else { digest.short() };
        if !container.image.contains(digest.as_str()) {
            text.push_str(&format!("          {DIM}digest {shown}{DIM:#}\n"));
        }
    }
    if let Some(reason) = &container.reason {
        text.push_str(&format!("          {}\n", line(reason)));
    }
    text
}

/// What ends the wait.
fn proof(plan: &Plan) -> String {
    match &plan.proof {
        Some(proof) => format!(
            "every container of the new deployment runs (or has ended well, where it may) at a digest above, for {} s, \
             and the rollout is complete; when it fails, everything is undone",
            proof.settle_seconds
        ),
        None => "none: no service runs it, it is only registered".into(),
    }
}

/// A heading with lines under it; nothing where there are none.
fn rungs(heading: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{BOLD}{heading}{BOLD:#}\n");
    text.extend(lines.iter().map(|rung| format!("    | {}\n", line(rung))));
    text
}

/// Texts of one kind, each behind the word for it. They may have several lines: commands, templates.
pub(super) fn told(style: anstyle::Style, word: &str, texts: &[String]) -> String {
    let told = |text: &String| {
        let text = printable(text);
        format!("{style}{word}{style:#}: {}\n", text.trim_end().replace('\n', "\n    "))
    };
    let blank = if texts.is_empty() { "" } else { "\n" };
    blank.to_string() + &texts.iter().map(told).collect::<String>()
}

fn helping(text: &str) -> String {
    format!("  {CYAN}help{CYAN:#}: {}\n", printable(text).trim_end().replace('\n', "\n          "))
}

/// `api:2` of a task definition's ARN, `demo/api` of a service's.
pub(super) fn name_of(arn: &str) -> &str {
    arn.split_once('/').map_or(arn, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_diff_tells_every_character_that_changes_and_none_that_steers() {
        let before = json!({"subnets": ["a"], "assignPublicIp": "DISABLED"});
        let after = json!({"subnets": ["a"], "assignPublicIp": "\u{9b}31m\u{202e}", "new": {"x": null}});
        let edits = [
            Edit::set("/networkConfiguration/awsvpcConfiguration", Some(&before), after),
            Edit { path: "/containerDefinitions/1/x~1y".into(), before: Some(json!("a\nb")), after: None },
        ];
        let plain = anstream::adapter::strip_str(&diff_of(&edits)).to_string();
        let lines = [
            r#"     - networkConfiguration.awsvpcConfiguration.assignPublicIp: "DISABLED""#,
            r#"     + networkConfiguration.awsvpcConfiguration.assignPublicIp: "\u009b31m\u202e""#,
            r#"     + networkConfiguration.awsvpcConfiguration.new: {"x":null}"#,
            r#"     - containerDefinitions[1].x/y: "a\nb""#,
        ];
        assert_eq!(plain, format!("{}\n", lines.join("\n")));
    }
}
