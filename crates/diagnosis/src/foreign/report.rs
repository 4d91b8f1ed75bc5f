//! What a survey found, for readers: a line for each file (JSON), groups of files (the findings), counts.

use super::look::{Use, file_name};
use super::survey::{ForeignFile, Survey, same_files};
use crate::finding::{Evidence, Severity};
use crate::run;
use execfit_image::digest::Digest;
use serde::Serialize;
use std::collections::BTreeMap;

/// Groups that a finding shows; where there are more, directories are shown together.
const MOST_GROUPS: usize = 24;
/// Names that a group shows.
const MOST_NAMES: usize = 3;

/// A file that the platform's host does not run, as JSON lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ForeignReport {
    /// The path.
    pub path: String,
    /// What it is good for.
    pub kind: Use,
    /// Its machine; of a script, that of its interpreter; `null` where that is missing.
    pub machine: Option<String>,
    /// Of a script, its interpreter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
    /// The finding that speaks of it; `null` where it is folded.
    pub finding: Option<&'static str>,
    /// What happens when it is used.
    pub reason: String,
    /// Whether it does no harm, so that the text only counts it.
    pub folded: bool,
    /// Why it does no harm.
    pub folded_because: Option<String>,
    /// A later layer covers or removes it.
    pub hidden: bool,
    /// Digest of the layer that brought it.
    pub layer: Option<Digest>,
    /// Number of that layer from the bottom, 1 first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_number: Option<usize>,
    /// The layer's table of contents lists it; the layer itself was not read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub as_listed: bool,
    /// The instruction that made the layer.
    pub instruction: Option<String>,
}

/// Counts of a survey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AllReport {
    /// Programs and libraries of the platform's own.
    pub own: usize,
    /// Foreign files that may harm.
    pub foreign: usize,
    /// Foreign files that do no harm.
    pub folded: usize,
    /// Foreign files that a later layer covers or removes.
    pub hidden: usize,
    /// How many were folded for which reason.
    pub folded_because: BTreeMap<&'static str, usize>,
    /// Executable files of which nothing can be said.
    pub unknown: Vec<String>,
    /// Files beyond what is kept: nothing is said of them.
    pub not_looked_at: usize,
    /// Why not all files could be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl AllReport {
    /// Nothing is known, and why.
    pub(crate) fn untold(trouble: String) -> AllReport {
        AllReport {
            own: 0,
            foreign: 0,
            folded: 0,
            hidden: 0,
            folded_because: BTreeMap::new(),
            unknown: Vec::new(),
            not_looked_at: 0,
            trouble: Some(trouble),
        }
    }

    /// Whether every file was looked at.
    pub fn is_whole(&self) -> bool {
        self.trouble.is_none() && self.unknown.is_empty() && self.not_looked_at == 0
    }
}

/// A file that is the same, byte for byte, for two platforms where it should differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SameReport {
    /// The path.
    pub path: String,
    /// The two platforms.
    pub platforms: [String; 2],
    /// The file's machine.
    pub machine: String,
    /// Whether the platforms have the layer in common that brought it.
    pub same_layer: bool,
    /// Whether it does no harm where it is foreign.
    pub folded: bool,
}

/// The lines and the counts of a survey.
pub fn report(survey: &Survey) -> (Vec<ForeignReport>, AllReport) {
    let lines: Vec<ForeignReport> = survey.foreign.iter().map(|file| line(survey, file)).collect();
    let mut folded_because: BTreeMap<&'static str, usize> = BTreeMap::new();
    for fold in survey.foreign.iter().filter(|file| !file.hidden).filter_map(|file| file.fold.as_ref()) {
        *folded_because.entry(fold.words()).or_default() += 1;
    }
    let all = AllReport {
        own: survey.own,
        foreign: survey.foreign.iter().filter(|file| file.counts()).count(),
        folded: folded_because.values().sum(),
        hidden: survey.foreign.iter().filter(|file| file.hidden).count(),
        folded_because,
        unknown: survey.unknown.clone(),
        not_looked_at: survey.more,
        trouble: None,
    };
    (lines, all)
}

fn line(survey: &Survey, file: &ForeignFile) -> ForeignReport {
    let own = match &file.fold {
        Some(super::Fold::OwnIsThere(own)) => format!(": {own}"),
        _ => String::new(),
    };
    ForeignReport {
        path: file.path.clone(),
        kind: file.used,
        machine: Some(file.machine.clone()).filter(|machine| !machine.is_empty()),
        interpreter: file.interpreter.clone(),
        finding: file.fold.is_none().then_some(finding(file.used)),
        reason: reason(survey, file),
        folded: file.fold.is_some(),
        folded_because: file.fold.as_ref().map(|fold| format!("{}{own}", fold.words())),
        hidden: file.hidden,
        layer: file.origin.as_ref().map(|origin| origin.digest.clone()),
        layer_number: file.origin.as_ref().map(|origin| origin.layer),
        as_listed: file.origin.as_ref().is_some_and(|origin| origin.as_listed),
        instruction: file.origin.as_ref().and_then(run::instruction),
    }
}

/// What happens when it is used.
fn reason(survey: &Survey, file: &ForeignFile) -> String {
    let host = survey.ground.words();
    let hidden = if file.hidden { ", if a later layer did not hide it" } else { "" };
    let machine = &file.machine;
    if file.depends {
        return format!("it is for {machine}: whether the host, {host}, runs 32-bit programs is not known");
    }
    let what = match (file.used, &file.interpreter, &file.needed_by) {
        (Use::Script, Some(interpreter), _) if machine.is_empty() => {
            format!("its interpreter {interpreter} is missing")
        }
        (Use::Script, Some(interpreter), _) => {
            format!(
                "its interpreter {interpreter} is for {machine}, not for {host}: execve answers ENOEXEC when it is called"
            )
        }
        (Use::Library, _, Some(program)) => {
            format!("it is for {machine}, not for {host}: {program} needs it, and its loader gives up")
        }
        (Use::Library, ..) => format!("it is for {machine}, not for {host}: what loads it fails"),
        (Use::Object, ..) => format!("it is for {machine}, not for {host}"),
        (Use::Program | Use::Script, ..) => {
            format!("it is for {machine}, not for {host}: execve answers ENOEXEC when it is called")
        }
    };
    format!("{what}{hidden}")
}

/// The finding that speaks of files of a use.
pub fn finding(used: Use) -> &'static str {
    match used {
        Use::Program | Use::Script => "foreign-program",
        Use::Library | Use::Object => "foreign-library",
    }
}

/// The files that a finding speaks of.
pub(crate) struct Told<'s> {
    /// All of them, hidden ones included.
    pub(crate) files: Vec<&'s ForeignFile>,
    /// How much they matter.
    pub(crate) severity: Severity,
    /// Rungs: a directory, or an interpreter, and the layer that brought its files.
    pub(crate) evidence: Vec<Evidence>,
}

/// What a survey has for a finding; `None` where there is nothing to tell.
pub(crate) fn told<'s>(survey: &'s Survey, id: &str) -> Option<Told<'s>> {
    let told = |file: &&ForeignFile| file.fold.is_none() && finding(file.used) == id;
    let files: Vec<&ForeignFile> = survey.foreign.iter().filter(told).collect();
    if files.is_empty() {
        return None;
    }
    let severity = match () {
        () if files.iter().any(|file| file.needed_by.is_some()) => Severity::Error,
        () if files.iter().any(|file| file.counts()) => Severity::Warning,
        () => Severity::Note,
    };
    let evidence = groups(&files).iter().map(|group| rung(group)).collect();
    Some(Told { files, severity, evidence })
}

/// How many files there are in words, with the machines and without those that are hidden where others are not.
pub(crate) fn count(told: &Told<'_>, one: &str, many: &str) -> String {
    let seen: Vec<_> = told.files.iter().filter(|file| file.counts()).collect();
    let files = if seen.is_empty() { told.files.iter().collect() } else { seen };
    let mut machines: Vec<&str> = files.iter().map(|file| file.machine.as_str()).collect();
    machines.sort_unstable();
    machines.dedup();
    let machines = machines.join(" or ");
    match files[..] {
        [only] => format!("{} is {one} for {machines}", only.path),
        _ => format!("{} {many} are for {machines}", files.len()),
    }
}

/// Files of one directory and layer; scripts of one interpreter and layer. Deep directories are taken together until
/// there are few.
fn groups<'f>(files: &[&'f ForeignFile]) -> Vec<Vec<&'f ForeignFile>> {
    let mut groups = Vec::new();
    for depth in [64, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1] {
        let mut by: BTreeMap<_, Vec<&ForeignFile>> = BTreeMap::new();
        for file in files {
            let layer = file.origin.as_ref().map_or(0, |origin| origin.layer);
            let place = file.interpreter.as_deref().unwrap_or_else(|| shallow(&file.path, depth));
            let sort =
                (file.hidden, file.depends, std::cmp::Reverse(layer), file.interpreter.is_some(), place);
            by.entry(sort).or_default().push(file);
        }
        groups = by.into_values().collect();
        if groups.len() <= MOST_GROUPS {
            break;
        }
    }
    groups
}

/// The directory of a path, or the first components of it.
fn shallow(path: &str, depth: usize) -> &str {
    let ends = path.match_indices('/').map(|(at, _)| at).skip(1);
    ends.take(depth).last().map_or("/", |end| &path[..end])
}

fn rung(group: &[&ForeignFile]) -> Evidence {
    let first = group[0];
    let names = |files: &[&ForeignFile]| {
        let shown: Vec<&str> = files.iter().take(MOST_NAMES).map(|file| file.path.as_str()).collect();
        shown.join(", ")
    };
    let mut machines: Vec<&str> = group.iter().map(|file| file.machine.as_str()).collect();
    machines.sort_unstable();
    machines.dedup();
    let machines = machines.join(", ");
    let more = if group.len() > MOST_NAMES {
        format!(" and {} more", group.len() - MOST_NAMES)
    } else {
        String::new()
    };
    let mut text = match (&first.interpreter, group) {
        (Some(interpreter), [only]) => {
            format!("{} is a script for {interpreter}, which is for {machines}", only.path)
        }
        (Some(interpreter), _) => format!(
            "{} scripts are for {interpreter}, which is for {machines}: {}{more}",
            group.len(),
            names(group)
        ),
        (None, [only]) => format!("{} is for {machines}", only.path),
        (None, _) => {
            let directory = common(group);
            let inner: Vec<&str> =
                group.iter().take(MOST_NAMES).map(|file| &file.path[directory.len()..]).collect();
            format!("{directory}: {} files are for {machines}: {}{more}", group.len(), inner.join(", "))
        }
    };
    for file in group.iter().filter(|file| file.needed_by.is_some()).take(MOST_NAMES) {
        let name = String::from_utf8_lossy(file_name(file.path.as_bytes())).into_owned();
        text.push_str(&format!("; {} needs {name}", file.needed_by.as_deref().unwrap_or_default()));
    }
    if first.depends {
        text.push_str(", which runs where the processor has 32-bit support");
    }
    if first.hidden {
        text.push_str(", covered or removed by a later layer");
    }
    Evidence {
        path: Some(first.path.clone()),
        layer: first.origin.as_ref().map(|origin| format!("{} of {}", origin.layer, origin.layers)),
        layer_digest: first.origin.as_ref().map(|origin| origin.digest.to_string()),
        instruction: first.origin.as_ref().and_then(run::instruction),
        as_listed: group.iter().any(|file| file.origin.as_ref().is_some_and(|origin| origin.as_listed)),
        ..Evidence::seen(text)
    }
}

/// The directory that all files of a group have in common, with its slash.
fn common<'f>(group: &[&'f ForeignFile]) -> &'f str {
    let mut directory = group[0].path.as_str();
    while let Some(at) = directory.rfind('/') {
        directory = &directory[..at + 1];
        if group.iter().all(|file| file.path.starts_with(directory)) {
            return directory;
        }
        directory = &directory[..at];
    }
    "/"
}

/// What one platform's files were found to be.
pub struct Side<'s> {
    /// The platform.
    pub platform: String,
    /// The layers of its manifest.
    pub layers: &'s [Digest],
    /// Its files.
    pub survey: &'s Survey,
}

/// Files that are the same for two platforms of different machines, each pair of platforms in turn.
pub fn same(sides: &[Side<'_>]) -> Vec<SameReport> {
    let mut same = Vec::new();
    for (at, one) in sides.iter().enumerate() {
        let differs = |other: &&Side<'_>| other.survey.ground.architecture != one.survey.ground.architecture;
        for other in sides[at + 1..].iter().filter(differs) {
            same.extend(
                same_files(one.survey, other.survey).into_iter().filter_map(|path| pair(one, other, path)),
            );
        }
    }
    same
}

fn pair(one: &Side<'_>, other: &Side<'_>, path: &str) -> Option<SameReport> {
    let of = |side: &Side<'_>| side.survey.foreign.iter().position(|file| file.path == path && !file.hidden);
    let here = of(one).map(|at| &one.survey.foreign[at]);
    let there = of(other).map(|at| &other.survey.foreign[at]);
    let file = here.or(there)?;
    let common = |layer: &Digest| one.layers.contains(layer) && other.layers.contains(layer);
    Some(SameReport {
        path: path.into(),
        platforms: [one.platform.clone(), other.platform.clone()],
        machine: file.machine.clone(),
        same_layer: file.origin.as_ref().is_some_and(|origin| common(&origin.digest)),
        folded: [here, there].into_iter().flatten().all(|file| file.fold.is_some()),
    })
}
