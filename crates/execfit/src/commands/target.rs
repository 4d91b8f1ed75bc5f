//! What a verb is asked about, and how to reach AWS: what `diagnose` and `fix` have in common.

use crate::aws;
use crate::exit::{Exit, Stopped};
use clap::Args;
use execfit_diagnosis::target::{Target, TargetKind};

/// The target.
#[derive(Debug, Clone, Args)]
pub(super) struct Named {
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

impl Reach {
    /// The way to where this target is; the target of a saved plan names its region.
    pub(super) fn to_where(&self, target: &Target) -> Result<aws::Options, Stopped> {
        match (&self.region, &target.region) {
            (Some(asked), Some(named)) if asked != named => {
                let message = format!("--region is {asked}, and {} is in {named}", target.kind);
                Err(Stopped::new(Exit::Usage, message))
            }
            _ => Ok(self.clone().into()),
        }
    }
}

impl From<Reach> for aws::Options {
    fn from(reach: Reach) -> aws::Options {
        aws::Options { region: reach.region, profile: reach.profile, endpoint_url: reach.endpoint_url }
    }
}

impl Named {
    /// What it names.
    pub(super) fn target(&self) -> Result<Target, Stopped> {
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
