//! `diagnose`: why does this service, task or task definition fail?

use super::reading::Reading;
use super::{Face, Format, cache};
use crate::aws;
use crate::exit::{Exit, Stopped};
use crate::observe::{Observer, Read, record};
use crate::output::{self, text::Detail};
use clap::Args;
use execfit_diagnosis::case::Case;
use execfit_diagnosis::report::{Report, diagnose};
use execfit_diagnosis::target::{Target, TargetKind};
use std::path::PathBuf;

/// Why does this service, task or stopped task not run? Read-only
///
/// Says for every container whether it would run, which file decides, what that file is, which layer and instruction
/// brought it, where it was asked to run, and what to do.
#[derive(Debug, Args)]
pub(super) struct Diagnose {
    /// A service or task ARN, CLUSTER/SERVICE, FAMILY[:REVISION], a console URL, or `-` or file:PATH with saved AWS CLI JSON
    #[arg(required_unless_present_any = ["service", "task", "replay"])]
    target: Option<String>,
    /// The cluster of --service or --task
    #[arg(long, default_value = "default", conflicts_with = "target")]
    cluster: String,
    /// The service's name
    #[arg(long, conflicts_with_all = ["target", "task"])]
    service: Option<String>,
    /// The task's id
    #[arg(long, conflicts_with = "target")]
    task: Option<String>,
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

/// How to reach AWS.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "AWS")]
pub(super) struct Reach {
    /// The AWS region; else AWS_REGION, AWS_DEFAULT_REGION or the profile's
    #[arg(long)]
    region: Option<String>,
    /// The profile of the AWS configuration
    #[arg(long)]
    profile: Option<String>,
    /// The endpoint for all services; else AWS_ENDPOINT_URL[_ECS] or the profile's
    #[arg(long, value_name = "URL")]
    endpoint_url: Option<String>,
}

impl From<Reach> for aws::Options {
    fn from(reach: Reach) -> aws::Options {
        aws::Options { region: reach.region, profile: reach.profile, endpoint_url: reach.endpoint_url }
    }
}

impl Diagnose {
    pub(super) fn run(self, face: &Face) -> Result<Exit, Stopped> {
        let (report, read) = match &self.replay {
            Some(path) => (replayed(&record::load(path)?)?, Read::default()),
            None => {
                let target = self.target()?;
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

    fn target(&self) -> Result<Target, Stopped> {
        let usage = |error: String| Stopped::new(Exit::Usage, error);
        if let Some(text) = &self.target {
            return Target::parse(text).map_err(|error| usage(error.to_string()));
        }
        // A cluster may be given by its ARN, as the AWS CLI takes it.
        let cluster = self.cluster.rsplit('/').next().unwrap_or(&self.cluster);
        let part = |text: &str| text.rsplit('/').next().unwrap_or(text).to_string();
        let of_arn = [self.service.as_deref(), self.task.as_deref(), Some(&self.cluster)];
        let region = of_arn
            .into_iter()
            .flatten()
            .find(|text| text.starts_with("arn:"))
            .and_then(|arn| arn.split(':').nth(3));
        let kind = match (&self.service, &self.task) {
            (Some(service), _) => TargetKind::Service { cluster: cluster.into(), service: part(service) },
            (None, Some(task)) => TargetKind::Task { cluster: cluster.into(), task: part(task) },
            (None, None) => return Err(usage("name a target".into())),
        };
        Ok(Target { kind, region: region.map(String::from) })
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
