//! `diagnose`: why does this service, task or task definition fail?

use super::reading::Reading;
use super::target::{Named, Reach};
use super::{Face, Format, cache};
use crate::exit::{Exit, Stopped};
use crate::observe::{Observer, Read, record};
use crate::output::{self, text::Detail};
use clap::Args;
use execfit_diagnosis::case::Case;
use execfit_diagnosis::report::{Report, diagnose};
use std::path::PathBuf;

/// Why does this service, task or stopped task not run? Read-only
///
/// Says for every container whether it would run, which file decides, what that file is, which layer and instruction
/// brought it, where it was asked to run, and what to do.
#[derive(Debug, Args)]
pub(super) struct Diagnose {
    #[command(flatten)]
    named: Named,
    /// Save every fact that the answer rests on, without secrets
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Answer from a saved case, without network or credentials
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "service", "task", "record"])]
    replay: Option<PathBuf>,
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    reading: Reading,
}

impl Diagnose {
    pub(super) fn run(self, face: &Face) -> Result<Exit, Stopped> {
        let (report, read) = match &self.replay {
            Some(path) => (replayed(&record::load(path)?)?, Read::default()),
            None => {
                let target = self.named.target()?;
                let (terms, progress) =
                    (self.reading.terms(face)?, !face.quiet && face.format == Format::Text);
                let mut observer = Observer::new(self.reach.clone().into(), terms, progress)?;
                let (case, report) = observer.diagnose(target, |report| {
                    let parts = report.workloads.iter().map(|part| (&part.container[..], part.verdict));
                    output::text::likely(face, parts);
                })?;
                if let Some(path) = &self.record {
                    record::save(path, &case)?;
                }
                cache::complain(face, observer.images().cache_trouble());
                (report, observer.images().read())
            }
        };
        match face.format {
            Format::Json => output::json(&output::with_read(&report, &read)),
            Format::Text => output::print(&output::text::diagnosis(&report, &read, Detail::of(face))),
        }
        Ok(exit(&report))
    }
}

fn replayed(case: &Case) -> Result<Report, Stopped> {
    use execfit_diagnosis::report::Pending;
    diagnose(case).map_err(|pending| match pending {
        Pending::Nothing(nothing) => Stopped::new(Exit::Nothing, nothing.to_string()),
        Pending::Needs(needs) => {
            let first = needs.first().map(|need| format!("{need:?}")).unwrap_or_default();
            Stopped::new(Exit::Failed, format!("the case lacks {} facts, first {first}", needs.len()))
                .help("record it anew with this version of execfit")
        }
    })
}

/// What fails decides first; an image that does not exist is an error, not a verdict.
fn exit(report: &Report) -> Exit {
    match Exit::from(report.verdict) {
        Exit::Unknown if report.workloads.iter().any(|workload| workload.image_is_missing) => Exit::Failed,
        exit => exit,
    }
}
