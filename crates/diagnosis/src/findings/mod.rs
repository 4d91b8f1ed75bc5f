//! The findings, one file each: its manual page (the file's doc comment), how it is detected, and its words.

use crate::agreement;
use crate::finding::{Evidence, Finding};
use crate::subject::Subject;
use crate::verdict::Verdict;
use crate::workload::{Capacity, HostSource};

/// A kind of finding.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Its stable id.
    pub id: &'static str,
    source: &'static str,
    detect: fn(&Subject<'_>) -> Option<Finding>,
}

macro_rules! findings {
    ($($module:ident),+ $(,)?) => {
        $(mod $module;)+

        /// Every kind of finding; causes of failure first, what else deserves a word last.
        pub const ALL: &[Kind] = &[$(Kind {
            id: $module::ID,
            source: include_str!(concat!(stringify!($module), ".rs")),
            detect: $module::detect,
        }),+];
    };
}

findings![
    wrong_architecture,
    missing_platform,
    no_shebang,
    byte_order_mark,
    crlf_interpreter,
    empty_program,
    saved_error_page,
    git_lfs_pointer,
    foreign_format,
    damaged_program,
    missing_interpreter,
    foreign_library,
    foreign_program,
    missing_library,
    old_c_library,
    cpu_level,
    missing_program,
    not_executable,
    cannot_create,
    cannot_unpack,
    exec_refused,
    mislabelled_image,
    pinned_to_one_platform,
    lost_runtime_platform,
    tag_flipped,
    no_capacity,
    cannot_tell,
    loader_not_asked,
    observed_failing,
    observed_running,
    ended_by_itself,
    default_architecture,
    mixed_hosts,
    no_stopped_tasks,
];

impl Kind {
    /// The manual page: the doc comment of the finding's file.
    pub fn page(&self) -> String {
        let lines = self.source.lines().map_while(|line| line.strip_prefix("//!"));
        lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
    }
}

/// The kind with this id.
pub fn kind(id: &str) -> Option<&'static Kind> {
    ALL.iter().find(|kind| kind.id == id)
}

/// Everything that is found about a subject.
pub fn detect(subject: &Subject<'_>) -> Vec<Finding> {
    ALL.iter().filter_map(|kind| (kind.detect)(subject)).collect()
}

/// The subject's verdict, after what was seen, and what could not be seen, have had their say: where a container fails
/// by what was seen and would run by the model, nobody knows; nor does anybody where a refused answer would decide.
pub fn settled(subject: &Subject<'_>) -> Verdict {
    let verdict = subject.verdict();
    let refused = subject.case.refusals.iter().find(|refusal| refusal.decides);
    match (&verdict, refused) {
        (Verdict::Runs, _) if observed_failing::detect(subject).is_some() => {
            Verdict::Unknown("it would run by the model, and was seen to fail".into())
        }
        (Verdict::Runs, Some(refusal)) => Verdict::Unknown(format!(
            "it would run as far as was seen, but {} was not answered",
            refusal.action
        )),
        (Verdict::Fails(_), Some(refusal)) if subject.is_architecture_fault() && host_is_guessed(subject) => {
            Verdict::Unknown(format!(
                "it would fail on {}, ECS's default, but {} was not answered, which may name another host",
                subject.runs[0].0.architecture, refusal.action
            ))
        }
        _ => verdict,
    }
}

/// Whether the host's architecture is only assumed, where machines of the user's own may be of another.
fn host_is_guessed(subject: &Subject<'_>) -> bool {
    let placement = &subject.workload.placement;
    placement.capacity != Capacity::Serverless
        && placement.hosts.iter().all(|host| host.source == HostSource::Default)
}

/// The most texts of tasks and logs that are shown: a crash loop says the same again and again.
const SHOWN: usize = 5;

/// A rung for what tasks and logs showed.
fn seen(subject: &Subject<'_>) -> Vec<Evidence> {
    let seen = &subject.workload.observation;
    let log = seen.log.iter().take(SHOWN);
    // That an essential container exited says nothing that the exit code does not.
    let telling = |text: &&String| !text.is_empty() && !text.starts_with("Essential container");
    let texts = log.chain(&seen.reason).chain(&seen.stopped_reason).filter(telling);
    let mut rungs: Vec<Evidence> =
        texts.map(|text| Evidence::seen(format!("seen: {}", printable(text)))).collect();
    if let Some(code) = seen.exit_code {
        rungs.push(
            Evidence::seen(format!("seen: exit code {code}")).source("DescribeTasks, containers[].exitCode"),
        );
    }
    rungs
}

/// The rungs of a failing run, then where the host's architecture was read, then what was seen, and
/// whether that agrees.
fn rungs(subject: &Subject<'_>, ladder: Vec<Evidence>) -> Vec<Evidence> {
    let host = subject.failing().map(|(host, ..)| host).filter(|_| subject.scene.is_some());
    let asked =
        host.map(|host| Evidence::seen(format!("host: {}, {}", host.architecture, host.source.phrase())));
    ladder.into_iter().chain(asked).chain(seen(subject)).chain(agreement::rungs(subject)).collect()
}

/// Text from outside, fit for a terminal, at most 300 characters.
pub(crate) fn printable(text: &str) -> String {
    text.chars().take(300).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_has_a_page_that_says_what_to_do() {
        for kind in ALL {
            let page = kind.page();
            assert!(page.lines().count() > 3 && page.contains("## What to do"), "{}: {page}", kind.id);
            assert!(!page.contains("  "), "{}: {page}", kind.id);
        }
    }

    #[test]
    fn ids_are_unique() {
        let ids: std::collections::BTreeSet<_> = ALL.iter().map(|kind| kind.id).collect();
        assert_eq!(ids.len(), ALL.len());
    }
}
