//! The report of `inspect`.

use super::{BOLD, DIM, Detail, RED, YELLOW, assumptions, findings_text, last_line, shortened, verdict_word};
use crate::observe::Read;
use crate::output::line;
use execfit_diagnosis::foreign::{AllReport, SameReport};
use execfit_diagnosis::inspect::{Choice, Inspection, RunReport};
use execfit_diagnosis::verdict::VerdictName;

/// Files that are the same on two platforms which are shown.
const MOST_SAME: usize = 20;

/// The report of `inspect`.
pub fn inspection(inspection: &Inspection, read: &Read, detail: Detail) -> String {
    let mut text = format!("{BOLD}{}{BOLD:#}", line(&inspection.reference));
    if let Some(digest) = &inspection.digest {
        text.push_str(&format!(
            " {DIM}({}){DIM:#}",
            if detail == Detail::Verbose { digest.as_str() } else { digest.short() }
        ));
    }
    text.push('\n');
    for run in &inspection.runs {
        text.push_str(&run_text(run));
        text.push_str(&assumptions(run.certainty, &run.assumed, detail));
        if let Some(all) = &run.all {
            text.push_str(&all_files(all));
        }
        text.push_str(&findings_text(run.findings.iter(), detail));
    }
    let may_harm: usize =
        inspection.runs.iter().filter_map(|run| run.all.as_ref()).map(|all| all.foreign).sum();
    text.push_str(&same_files(inspection.same_across_platforms.as_deref().unwrap_or_default()));
    text.push_str(&last_line(inspection.verdict, inspection.certainty, read, detail));
    if may_harm > 0 && inspection.verdict != VerdictName::Fails {
        let files = if may_harm == 1 {
            "1 file would not run".into()
        } else {
            format!("{may_harm} files would not run")
        };
        text.push_str(&format!("all files: {RED}{files}{RED:#} when they are used\n"));
    }
    text
}

/// One run and its ladder where it runs; a failing one's ladder stands in its finding.
fn run_text(run: &RunReport) -> String {
    let host = run.host.map(|host| format!(" on {host}")).unwrap_or_default();
    let argv = shortened(&run.argv.join(" "));
    let mut text =
        format!("  {} {BOLD}{}{BOLD:#}{host}: {argv}\n", verdict_word(run.verdict), line(&run.platform));
    if !run.choices.is_empty() {
        let choice = |choice: &Choice| {
            format!("{} {}", choice.runtime, choice.manifest.as_ref().map_or("none", |digest| digest.short()))
        };
        let choices: Vec<String> = run.choices.iter().map(choice).collect();
        text.push_str(&format!(
            "          {DIM}runtimes choose differently: {}{DIM:#}\n",
            choices.join(", ")
        ));
    }
    if run.verdict != VerdictName::Fails {
        for step in run.trace.iter().filter(|step| step.kind != "starts") {
            let detail = [step.machine.as_deref(), step.detail.as_deref()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", ");
            let arrow = if step.kind == "symlink" { " -> " } else { ": " };
            let from = match (&step.instruction, step.layer_number) {
                (Some(instruction), Some(layer)) => {
                    format!(" {DIM}(layer {layer}, {}){DIM:#}", shortened(instruction))
                }
                (None, Some(layer)) => format!(" {DIM}(layer {layer}){DIM:#}"),
                _ => String::new(),
            };
            let from = if step.as_listed { format!("{from} {DIM}as listed{DIM:#}") } else { from };
            text.push_str(&format!("          {}{arrow}{}{from}\n", step.path, line(&detail)));
        }
        for link in &run.handed_over {
            text.push_str(&format!("          {}\n", line(link)));
        }
        if let Some(why) = &run.not_followed {
            text.push_str(&format!("          what it starts was not followed: {}\n", line(why)));
        }
    }
    if !run.as_listed.is_empty() {
        text.push_str(&format!("          {DIM}{}{DIM:#}\n", as_listed(&run.as_listed)));
    }
    text
}

/// What was seen of all files, in a few lines.
fn all_files(all: &AllReport) -> String {
    if let Some(trouble) = &all.trouble {
        return format!("          {YELLOW}not all files were looked at{YELLOW:#}: {}\n", line(trouble));
    }
    let hidden =
        if all.hidden > 0 { format!(", {} hidden by later layers", all.hidden) } else { String::new() };
    let mut text = format!(
        "          all files: {} programs and libraries of its own, {} foreign{hidden}\n",
        all.own, all.foreign
    );
    for (reason, count) in &all.folded_because {
        text.push_str(&format!("            {DIM}{count} passed over: {reason}{DIM:#}\n"));
    }
    let unknown = all.unknown.len() + all.not_looked_at;
    if unknown > 0 {
        let named = all.unknown.first().map(|path| format!(", e.g. {}", line(path))).unwrap_or_default();
        text.push_str(&format!("            {YELLOW}of {unknown} nothing can be said{YELLOW:#}{named}\n"));
    }
    text
}

/// Files that should differ between platforms, and do not.
fn same_files(same: &[SameReport]) -> String {
    let shown: Vec<&SameReport> = same.iter().filter(|file| !file.folded).collect();
    if shown.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{BOLD}the same file, byte for byte, on two platforms{BOLD:#}\n");
    for file in shown.iter().take(MOST_SAME) {
        let [one, other] = &file.platforms;
        let layer = if file.same_layer { ", in one layer of both" } else { "" };
        text.push_str(&format!(
            "    | {} is for {} on {one} and on {other}{layer}\n",
            line(&file.path),
            line(&file.machine)
        ));
    }
    if shown.len() > MOST_SAME {
        text.push_str(&format!("    | and {} more\n", shown.len() - MOST_SAME));
    }
    text
}

/// Which layers are known by their tables of contents only.
fn as_listed(layers: &[usize]) -> String {
    let numbers: Vec<String> = layers.iter().map(usize::to_string).collect();
    let numbers = numbers.join(", ");
    match layers {
        [_] => {
            format!("as listed in the table of contents of layer {numbers}; the layer itself was not read")
        }
        _ => format!(
            "as listed in the tables of contents of layers {numbers}; the layers themselves were not read"
        ),
    }
}
