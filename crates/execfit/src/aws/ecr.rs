//! Amazon ECR.

use super::call::Asked;
use super::connect;
use super::error::AwsError;
use super::{Answer, Aws};
use aws_sdk_ecr as ecr;

/// Images of a repository that are read of, at the most.
const IMAGES: usize = 10_000;

impl Aws {
    /// `ecr:DescribeImages` of an account's repository, in no order, up to 10,000 images.
    ///
    /// # Errors
    /// An [`AwsError`].
    pub async fn describe_images(
        &self,
        region: &str,
        account: &str,
        repository: &str,
    ) -> Result<Answer, AwsError> {
        let asked = Asked {
            service: "ecr",
            operation: "DescribeImages",
            object: format!("repository {repository} of {account} in {region}"),
        };
        let config = ecr::config::Builder::from(&self.config).region(connect::region(region)?);
        let client = ecr::Client::from_conf(config.build());
        let call = |witness, token| {
            let call = client.describe_images().registry_id(account).repository_name(repository);
            call.max_results(1000).set_next_token(token).customize().interceptor(witness).send()
        };
        asked.pages("imageDetails", IMAGES, call).await
    }

    /// `ecr:GetAuthorizationToken` in a region. The token opens every registry there that the caller may read, of other
    /// accounts too: naming registries is deprecated and changes nothing.
    ///
    /// The answer holds a secret, so it stays in this module: [`super::EcrLogin`] gives it to whom it concerns.
    pub(super) async fn get_authorization_token(&self, region: &str) -> Result<Answer, AwsError> {
        let asked = Asked {
            service: "ecr",
            operation: "GetAuthorizationToken",
            object: format!("the registries in {region}"),
        };
        let config = ecr::config::Builder::from(&self.config).region(connect::region(region)?);
        let client = ecr::Client::from_conf(config.build());
        asked.once(|witness| client.get_authorization_token().customize().interceptor(witness).send()).await
    }
}
