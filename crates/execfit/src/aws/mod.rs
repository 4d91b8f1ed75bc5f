//! What AWS is asked and what it answered: one method for each API call, on [`Aws`].
//!
//! The SDK finds credentials, region and endpoint, signs, retries and turns pages. The *answer* is the body as the
//! service sent it, not the SDK's types: those drop every member that they do not know, and what is read here is
//! written back later. Nothing is interpreted in this module.

mod call;
mod connect;
mod ecr;
mod ecr_login;
mod ecs;
mod error;
mod eventbridge;
mod logs;
mod query;
mod secretsmanager;
mod write;

pub use ecr_login::EcrLogin;
pub use ecs::TaskFilter;
pub use error::{AwsError, AwsErrorKind};
pub(crate) use write::Writing;

use aws_config::{Region, SdkConfig};
use serde_json::Value;

/// What the user said about how to reach AWS. All else comes from where the AWS command line finds it: environment,
/// profile, single sign-on, a credential process, the instance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// `--region`.
    pub region: Option<String>,
    /// `--profile`. As with the AWS command line, its credentials are taken before those of the environment.
    pub profile: Option<String>,
    /// `--endpoint-url`, for every service.
    pub endpoint_url: Option<String>,
}

/// The answer to one question.
///
/// Where it took several requests (pages, or batches of names), `body` is the first one's with the arrays of the others
/// appended. If `nextToken` stands in it, there was more than we were willing to read.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The service, as IAM spells it: `ecs`.
    pub service: &'static str,
    /// The API operation: `DescribeServices`.
    pub operation: &'static str,
    /// What the service sent: every member, in its order.
    pub body: Value,
}

impl Answer {
    /// The elements of the array `member`; none where there is no such array.
    #[must_use]
    pub fn array(&self, member: &str) -> &[Value] {
        self.body.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }
}

/// A connection to AWS. Cheap to clone; clones share connections and credentials.
#[derive(Debug, Clone)]
pub struct Aws {
    config: SdkConfig,
    region: Region,
    ecs: aws_sdk_ecs::Client,
}

impl Aws {
    /// Finds the region and where credentials come from. Nothing is sent to AWS yet, and credentials are loaded by
    /// the first call.
    ///
    /// # Errors
    /// [`AwsErrorKind::NoRegion`] where no region is set anywhere, [`AwsErrorKind::Invalid`] where what is set is no
    /// region or no endpoint.
    pub async fn connect(options: &Options) -> Result<Aws, AwsError> {
        let (config, region) = connect::load(options).await?;
        Ok(Aws { ecs: aws_sdk_ecs::Client::new(&config), region, config })
    }

    /// The region that is asked where nothing else is said.
    #[must_use]
    pub fn region(&self) -> &str {
        self.region.as_ref()
    }

    /// The same connection, asking ECS in another region: an ARN names its own.
    ///
    /// # Errors
    /// [`AwsErrorKind::Invalid`] where `region` is not spelt as a region is.
    pub fn in_region(&self, region: &str) -> Result<Aws, AwsError> {
        let region = connect::region(region)?;
        let config = self.config.clone().into_builder().region(region.clone()).build();
        Ok(Aws { ecs: aws_sdk_ecs::Client::new(&config), region, config })
    }
}
