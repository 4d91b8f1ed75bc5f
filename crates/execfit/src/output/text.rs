//! Reports for humans: what fails first, then why, then what to do.

mod inspection;
mod outcome;
mod plan;

pub use inspection::inspection;
pub use outcome::{event, note, outcome, unfinished};
pub use plan::{no_plan, plan};

use crate::commands::{Face, Format};
use crate::exit::Stopped;
use crate::observe::Read;
use anstyle::{AnsiColor, Style};
use execfit_diagnosis::certainty::Certainty;
use execfit_diagnosis::finding::{Evidence, Finding, Severity};
use execfit_diagnosis::remedy::{Remedy, Safety};
use execfit_diagnosis::report::{Report, WorkloadReport};
use execfit_diagnosis::verdict::VerdictName;
use std::io::Write;

/// For what matters.
pub const BOLD: Style = Style::new().bold();
/// For what may be skipped.
pub const DIM: Style = Style::new().dimmed();
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default().bold();
const GREEN: Style = AnsiColor::Green.on_default().bold();
const CYAN: Style = AnsiColor::Cyan.on_default().bold();

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Errors only.
    Quiet,
    /// Everything that was found.
    Normal,
    /// And the digests.
    Verbose,
}

impl Detail {
    /// As the flags ask.
    pub fn of(face: &Face) -> Detail {
        match (face.quiet, face.verbose) {
            (true, _) => Detail::Quiet,
            (_, true) => Detail::Verbose,
            _ => Detail::Normal,
        }
    }
}

/// Writes why a command could not do its work, to standard error.
pub fn stopped(stopped: &Stopped) {
    let mut text = format!("{RED}error{RED:#}: {}\n", super::printable(&stopped.message));
    if let Some(help) = &stopped.help {
        text.push_str(&format!("{CYAN}help{CYAN:#}: {help}\n"));
    }
    // Standard error may be gone; there is nobody to tell.
    let _: std::io::Result<()> = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Writes what is worth knowing and changes nothing, to standard error.
pub fn warning(text: &str) {
    let text = format!("{YELLOW}warning{YELLOW:#}: {}\n", super::printable(text));
    let _: std::io::Result<()> = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Tells on a terminal the likely verdicts, by container or platform, while the proof is being read.
pub fn likely<'p>(face: &Face, parts: impl Iterator<Item = (&'p str, VerdictName)>) {
    let mut stderr = anstream::stderr().lock();
    if face.quiet || face.format != Format::Text || !stderr.is_terminal() {
        return;
    }
    let part = |(name, verdict)| format!("{} {}", super::line(name), coloured(verdict));
    let parts: Vec<String> = parts.map(part).collect();
    // As above.
    let _: std::io::Result<()> =
        writeln!(stderr, "{DIM}likely:{DIM:#} {} {DIM}(reading on for the proof){DIM:#}", parts.join(", "));
}

/// The report of `diagnose`.
pub fn diagnosis(report: &Report, read: &Read, detail: Detail) -> String {
    let mut text = format!("{BOLD}{}{BOLD:#}", super::line(&report.target.kind.to_string()));
    let around = [report.task_definition.clone(), report.target.region.clone()];
    let around: Vec<String> = around.into_iter().flatten().collect();
    text.push_str(&format!(" {DIM}({}){DIM:#}\n", super::line(&around.join(", "))));
    for workload in &report.workloads {
        text.push_str(&summary(workload, detail));
    }
    text.push_str(&findings_text(report.workloads.iter().flat_map(|workload| &workload.findings), detail));
    for refusal in &report.refusals {
        text.push_str(&format!("\n{YELLOW}not seen{YELLOW:#}: {}\n", super::printable(&refusal.message)));
    }
    text.push_str(&last_line(report.verdict, report.certainty, read, detail));
    text
}

fn verdict_word(verdict: VerdictName) -> String {
    match verdict {
        VerdictName::Runs => format!("{GREEN}runs   {GREEN:#}"),
        VerdictName::Unknown => format!("{YELLOW}unknown{YELLOW:#}"),
        VerdictName::Fails => format!("{RED}fails  {RED:#}"),
    }
}

/// Two lines for one container: what and where.
fn summary(workload: &WorkloadReport, detail: Detail) -> String {
    let mut text =
        format!("  {} {BOLD}{}{BOLD:#}", verdict_word(workload.verdict), super::line(&workload.container));
    if !workload.essential {
        text.push_str(" (not essential)");
    }
    if !workload.argv.is_empty() {
        text.push_str(&format!(": {}", shortened(&workload.argv.join(" "))));
    }
    text.push('\n');
    let platforms = if workload.image.platforms.is_empty() {
        String::new()
    } else {
        format!(" for {}", super::line(&workload.image.platforms.join(", ")))
    };
    text.push_str(&format!(
        "          {DIM}image {}{platforms}{DIM:#}\n",
        super::line(&workload.image.reference)
    ));
    if let (Detail::Verbose, Some(digest)) = (detail, &workload.image.digest) {
        text.push_str(&format!("          {DIM}digest {digest}{DIM:#}\n"));
    }
    for host in &workload.hosts {
        let seen = if host.instances > 0 { format!(", {} seen", host.instances) } else { String::new() };
        text.push_str(&format!(
            "          {DIM}host {} ({}{seen}){DIM:#}\n",
            host.architecture,
            host.source.phrase()
        ));
    }
    text + &assumptions(workload.certainty, &workload.assumed, detail)
}

fn shortened(text: &str) -> String {
    let text = super::line(text);
    if text.chars().count() <= 100 {
        text
    } else {
        format!("{}...", text.chars().take(97).collect::<String>())
    }
}

/// Errors first; only these when it is to be quiet. What was said once is not said again: a note that holds for several
/// containers, a remedy that cures several findings.
fn findings_text<'f>(findings: impl Iterator<Item = &'f Finding>, detail: Detail) -> String {
    let mut findings: Vec<&Finding> = findings.collect();
    findings.retain(|finding| detail != Detail::Quiet || finding.severity == Severity::Error);
    findings.sort_by_key(|finding| finding.severity);
    let mut text = String::new();
    let mut noted: Vec<&str> = Vec::new();
    let mut told: Vec<&Remedy> = Vec::new();
    for finding in findings {
        let known = finding.severity == Severity::Note && noted.contains(&finding.id);
        if !known || detail == Detail::Verbose {
            text.push_str(&finding_text(finding, &told, detail));
        }
        noted.push(finding.id);
        told.extend(&finding.remedies);
    }
    text
}

fn finding_text(finding: &Finding, told: &[&Remedy], detail: Detail) -> String {
    let (style, word) = match finding.severity {
        Severity::Error => (RED, "error"),
        Severity::Warning => (YELLOW, "warning"),
        Severity::Note => (CYAN, "note"),
    };
    let mut text = format!(
        "\n{style}{word}[{}]{style:#}: {BOLD}{}{BOLD:#}\n",
        finding.id,
        super::line(&finding.message)
    );
    let mut origin = Vec::new();
    for evidence in &finding.evidence {
        text.push_str(&format!("    | {}\n", super::line(&evidence.text)));
        let from = origin_of(evidence, detail);
        // A file's origin stands behind its first rung only.
        let mut under = if from == origin { Vec::new() } else { from.clone() };
        if !from.is_empty() {
            origin = from;
        }
        under.extend(evidence.source.clone());
        if !under.is_empty() {
            text.push_str(&format!("    |   {DIM}{}{DIM:#}\n", super::line(&under.join("; "))));
        }
    }
    let (again, new): (Vec<&Remedy>, Vec<&Remedy>) =
        finding.remedies.iter().partition(|remedy| told.contains(remedy));
    for remedy in new {
        text.push_str(&remedy_text(remedy));
    }
    if !again.is_empty() {
        text.push_str(&format!("  {CYAN}help{CYAN:#}: see above, the same remedies cure it\n"));
    }
    if finding.severity != Severity::Note {
        text.push_str(&format!("  {DIM}page: execfit explain {}{DIM:#}\n", finding.id));
    }
    text
}

fn remedy_text(remedy: &Remedy) -> String {
    let trust = match remedy.safety {
        Safety::Safe => " (safe)",
        Safety::Unsafe => " (unsafe)",
        Safety::Advice => "",
    };
    let mut text = format!("  {CYAN}help{CYAN:#}: {}{trust}\n", super::line(&remedy.title));
    for command in &remedy.commands {
        text.push_str(&format!("          {}\n", super::printable(command)));
    }
    text
}

/// The layer and the instruction that brought a file.
fn origin_of(evidence: &Evidence, detail: Detail) -> Vec<String> {
    let layer = evidence.layer.as_ref().map(|layer| format!("layer {layer}"));
    let instruction = evidence.instruction.as_ref().map(|instruction| shortened(instruction));
    let digest = evidence.layer_digest.clone().filter(|_| detail == Detail::Verbose);
    let listed = evidence.as_listed.then(|| "as listed in its table of contents".to_string());
    [layer, instruction, listed, digest].into_iter().flatten().collect()
}

fn coloured(verdict: VerdictName) -> String {
    match verdict {
        VerdictName::Runs => format!("{GREEN}runs{GREEN:#}"),
        VerdictName::Unknown => format!("{YELLOW}unknown{YELLOW:#}"),
        VerdictName::Fails => format!("{RED}fails{RED:#}"),
    }
}

/// What an answer that is only likely assumes, in one line.
fn assumptions(certainty: Option<Certainty>, assumed: &[String], detail: Detail) -> String {
    if certainty != Some(Certainty::Likely) {
        return String::new();
    }
    let shown = if detail == Detail::Verbose { assumed.len() } else { 3 };
    let mut texts: Vec<String> = assumed.iter().take(shown).map(|text| super::line(text)).collect();
    match assumed.len().saturating_sub(shown) {
        0 => {}
        more => texts.push(format!("{more} more")),
    }
    format!("          {DIM}only likely, it assumes: {}{DIM:#}\n", texts.join("; "))
}

fn last_line(verdict: VerdictName, certainty: Option<Certainty>, read: &Read, detail: Detail) -> String {
    let word = coloured(verdict);
    let doubt = if certainty == Some(Certainty::Likely) { " (likely)" } else { "" };
    let cost = match detail {
        Detail::Verbose => {
            let (requests, bytes) = (read.tally.requests, read.tally.bytes);
            format!(" {DIM}({requests} requests, {bytes} bytes read of images){DIM:#}")
        }
        _ => String::new(),
    };
    let mirror = |mirror: &String| format!("\nread from the mirror {}\n", super::line(mirror));
    let mirrors: String = read.mirrors.iter().map(mirror).collect();
    format!("{mirrors}\nverdict: {word}{doubt}{cost}\n")
}
