//! AWS Secrets Manager: the log-in of private registries.

use super::Aws;
use super::call::Asked;
use super::connect;
use super::error::{AwsError, text};
use aws_sdk_secretsmanager as secretsmanager;
use execfit_image::source::Credentials;
use serde_json::Value;

impl Aws {
    /// What a container's `repositoryCredentials.credentialsParameter` points to: `secretsmanager:GetSecretValue`, in
    /// the region that the ARN names, and `username` and `password` of the JSON in it.
    ///
    /// # Errors
    /// An [`AwsError`]. No text of the secret is in it.
    pub async fn repository_credentials(&self, secret_arn: &str) -> Result<Credentials, AwsError> {
        let asked = Asked {
            service: "secretsmanager",
            operation: "GetSecretValue",
            object: format!("secret {secret_arn}"),
        };
        let mut config = secretsmanager::config::Builder::from(&self.config);
        if let Some(region) = region_of(secret_arn) {
            config = config.region(connect::region(region)?);
        }
        let client = secretsmanager::Client::from_conf(config.build());
        let call =
            |witness| client.get_secret_value().secret_id(secret_arn).customize().interceptor(witness).send();
        let answer = asked.once(call).await?;
        let secret = text(&answer.body, "SecretString").and_then(|text| serde_json::from_str(text).ok());
        credentials(secret.as_ref()).ok_or_else(|| {
            let message = r#"the secret is not JSON with "username" and "password""#;
            AwsError::unusable(&asked, message.into())
        })
    }
}

fn credentials(secret: Option<&Value>) -> Option<Credentials> {
    let username = text(secret?, "username")?.to_owned();
    let password = text(secret?, "password")?.to_owned();
    Some(Credentials { username, password })
}

/// The region of `arn:PARTITION:secretsmanager:REGION:...`; a bare name has none.
fn region_of(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    (parts.next()? == "arn").then_some(())?;
    parts.nth(2).filter(|region| !region.is_empty())
}
