//! What came of carrying a plan out, and what an earlier attempt left.

use super::plan::{name_of, told};
use super::{BOLD, CYAN, DIM, Detail, GREEN, RED, YELLOW};
use crate::apply::{Ending, Outcome, Unfinished};
use crate::commands::Face;
use crate::output::{line, printable};
use execfit_diagnosis::plan::{Action, Plan};
use execfit_diagnosis::proof::{Event, Proven};
use std::io::Write;

/// Tells an event as it comes, to standard error.
pub fn event(face: &Face, event: &Event) {
    if face.quiet {
        return;
    }
    let text = format!("{DIM}{:>7.1} s{DIM:#}  {}\n", event.seconds, line(&event.text));
    // Standard error may be gone; there is nobody to tell.
    let _: std::io::Result<()> = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Tells what is done besides, to standard error.
pub fn note(face: &Face, text: &str) {
    if face.quiet {
        return;
    }
    let text = format!("{CYAN}note{CYAN:#}: {}\n", printable(text));
    // As above.
    let _: std::io::Result<()> = anstream::stderr().lock().write_all(text.as_bytes());
}

/// What an earlier attempt left.
pub fn unfinished(unfinished: &Unfinished) -> String {
    let plan = unfinished.plan();
    let end = if unfinished.is_undone() {
        "it did not hold, and is to be undone"
    } else {
        "it is to be gone on with"
    };
    let mut text = format!(
        "{YELLOW}unfinished{YELLOW:#}: an earlier attempt at {} was cut short, plan {}: {BOLD}{}{BOLD:#}\n",
        line(&plan.target.kind.to_string()),
        line(&plan.id),
        line(&plan.title)
    );
    for told in unfinished.told() {
        text.push_str(&format!("    | {}\n", line(&told)));
    }
    text + &format!("    | {end}\n\n")
}

/// How it ended, and where everything stands now.
pub fn outcome(plan: &Plan, outcome: &Outcome, detail: Detail) -> String {
    let (style, word) = match outcome.ending {
        Ending::Proven => (GREEN, "proven"),
        Ending::Registered => (GREEN, "registered"),
        Ending::RolledBack => (RED, "rolled back"),
        Ending::Overtaken => (YELLOW, "overtaken"),
        Ending::Unproven => (YELLOW, "unproven"),
    };
    let seconds = format!("{:.1} s", outcome.seconds);
    let what = match outcome.ending {
        Ending::Proven => "the containers run at the digests that were examined",
        Ending::Registered => "the new revision is there; nothing runs it yet",
        Ending::RolledBack => "the change did not hold, and is undone",
        Ending::Overtaken => "somebody else has changed the service meanwhile; what they did stands",
        Ending::Unproven => "the change stands, and it is not known whether it holds",
    };
    let mut text = format!("\n{style}{word}{style:#} after {seconds}: {BOLD}{what}{BOLD:#}\n");
    if let Some(cause) = &outcome.cause {
        text.push_str(&format!("  because {}\n", line(cause)));
    }
    if let Some(proof) = &outcome.proof {
        text.push_str(&proven(proof, detail));
    }
    for stands in standing(plan, outcome) {
        text.push_str(&format!("    | {}\n", line(&stands)));
    }
    text + &told(CYAN, "left to do", &outcome.left_to_do)
}

/// Each container with the tasks that it was seen in, by digest and status.
fn proven(proof: &Proven, detail: Detail) -> String {
    let mut seen: Vec<(&str, &str, &str, usize)> = Vec::new();
    for container in proof.tasks.iter().flat_map(|task| &task.containers) {
        let one = (&container.container[..], &container.digest[..], &container.status[..]);
        match seen.iter_mut().find(|(name, digest, status, _)| (*name, *digest, *status) == one) {
            Some((.., count)) => *count += 1,
            None => seen.push((one.0, one.1, one.2, 1)),
        }
    }
    let mut text = String::new();
    for (name, digest, status, count) in seen {
        let digest = if detail == Detail::Verbose { digest } else { shortened(digest) };
        let tasks = if count == 1 { "1 task".to_string() } else { format!("{count} tasks") };
        text.push_str(&format!(
            "  {GREEN}{}{GREEN:#} {BOLD}{}{BOLD:#} in {tasks} {DIM}at {}{DIM:#}\n",
            line(status),
            line(name),
            line(digest)
        ));
    }
    text + &format!(
        "  {DIM}{} of {} tasks looked at; it held for {:.0} s{DIM:#}\n",
        proof.tasks.len(),
        proof.desired,
        proof.settled_seconds
    )
}

/// As [`execfit_image::digest::Digest::short`], of a text that AWS sent.
fn shortened(digest: &str) -> &str {
    let end = digest.char_indices().nth("sha256:".len() + 12).map_or(digest.len(), |(end, _)| end);
    &digest[..end]
}

/// What the service runs now, and what became of the new revision.
fn standing(plan: &Plan, outcome: &Outcome) -> Vec<String> {
    let mut lines = Vec::new();
    let change = plan.steps.iter().find_map(|step| match &step.action {
        Action::UpdateService { service, task_definition_before, task_definition_after, .. } => {
            Some((service, task_definition_before, task_definition_after.as_ref()))
        }
        Action::StopServiceDeployment { service, task_definition_before, task_definition_after, .. } => {
            Some((service, task_definition_before, Some(task_definition_after)))
        }
        _ => None,
    });
    if let Some((service, before, after)) = change {
        let runs = match outcome.ending {
            Ending::Proven => after.or(outcome.revision.as_ref()).map(|arn| (arn, "now")),
            Ending::RolledBack => Some((before, "as before")),
            _ => None,
        };
        if let Some((arn, when)) = runs {
            lines.push(format!("the service {} runs {} {when}", name_of(service), name_of(arn)));
        }
        if let (Ending::Unproven, Some(arn)) = (outcome.ending, after.or(outcome.revision.as_ref())) {
            lines.push(format!("the service {} is set to run {}", name_of(service), name_of(arn)));
        }
    }
    if let Some(revision) = &outcome.revision {
        let name = name_of(revision);
        match (outcome.revision_left, outcome.ending) {
            (true, Ending::Proven) => {}
            (true, Ending::Registered) => lines.push(format!("the new revision is {name}")),
            (true, _) => lines.push(format!("the revision {name} of plan {} is registered still", plan.id)),
            (false, _) => {
                lines.push(format!("the revision {name} of plan {} is deregistered again", plan.id))
            }
        }
    }
    lines
}
