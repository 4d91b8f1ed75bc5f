//! From options and environment to a configuration of the SDK.

use super::Options;
use super::error::AwsError;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds::region::ImdsRegionProvider;
use aws_config::meta::region::ProvideRegion;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, ConfigLoader, Region, SdkConfig};
use std::time::Duration;

/// To open a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// For one attempt, answer included; there are three, or `AWS_MAX_ATTEMPTS`.
const ATTEMPT: Duration = Duration::from_secs(20);
/// For the instance's metadata service, which on a laptop answers nobody.
const INSTANCE: Duration = Duration::from_secs(1);

/// Loads the configuration, and says which region it is for.
pub(super) async fn load(options: &Options) -> Result<(SdkConfig, Region), AwsError> {
    let provider = ProviderConfig::default();
    let region = find_region(options, &provider).await?;
    let provider = provider.with_region(Some(region.clone()));
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ATTEMPT).build();
    let loader =
        aws_config::defaults(BehaviorVersion::latest()).region(region.clone()).timeout_config(timeouts);
    let mut loader = credentials(loader, options.profile.as_deref(), provider, region.clone()).await;
    if let Ok(name) = AppName::new("execfit") {
        loader = loader.app_name(name);
    }
    if let Some(url) = &options.endpoint_url {
        loader = loader.endpoint_url(endpoint(url)?);
    }
    Ok((loader.load().await, region))
}

/// Names the credential provider: the profile's alone where the user named one, else the default chain, with a
/// metadata service that is waited for only briefly.
async fn credentials(
    loader: ConfigLoader,
    profile: Option<&str>,
    config: ProviderConfig,
    region: Region,
) -> ConfigLoader {
    let Some(profile) = profile else {
        let chain = DefaultCredentialsChain::builder().region(region).imds_client(instance(&config));
        return loader.credentials_provider(chain.configure(config).build().await);
    };
    let from_profile = ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&config);
    loader.profile_name(profile).credentials_provider(from_profile.build())
}

/// The metadata service of the instance that we may be running on.
fn instance(config: &ProviderConfig) -> aws_config::imds::Client {
    aws_config::imds::Client::builder()
        .configure(config)
        .max_attempts(1)
        .connect_timeout(INSTANCE)
        .read_timeout(INSTANCE)
        .operation_timeout(2 * INSTANCE)
        .build()
}

/// The option, `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's, the instance's.
async fn find_region(options: &Options, config: &ProviderConfig) -> Result<Region, AwsError> {
    let set = |region: &Region| !region.as_ref().is_empty();
    if let Some(named) = &options.region {
        return region(named);
    }
    let mut found = EnvironmentVariableRegionProvider::new().region().await.filter(set);
    if found.is_none() {
        let mut from_profile = ProfileFileRegionProvider::builder().configure(config);
        if let Some(profile) = &options.profile {
            from_profile = from_profile.profile_name(profile);
        }
        found = from_profile.build().region().await.filter(set);
    }
    if found.is_none() {
        let from_instance = ImdsRegionProvider::builder().configure(config).imds_client(instance(config));
        found = from_instance.build().region().await.filter(set);
    }
    region(found.ok_or_else(|| AwsError::no_region(options.profile.as_deref()))?.as_ref())
}

/// A region becomes part of the host name that a signed request goes to, and some come out of task definitions: only
/// what is spelt like one is let through.
pub(super) fn region(name: &str) -> Result<Region, AwsError> {
    let spelt = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let edge = name.starts_with('-') || name.ends_with('-');
    if name.is_empty() || name.len() > 40 || edge || !name.chars().all(spelt) {
        return Err(AwsError::setting(format!(
            "{name:?} is not an AWS region; give one such as `us-east-1`"
        )));
    }
    Ok(Region::new(name.to_owned()))
}

/// An endpoint that was given must be a URL: the SDK would only fail at the first call.
fn endpoint(url: &str) -> Result<&str, AwsError> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    match rest {
        Some(host) if !host.is_empty() && !host.starts_with('/') => Ok(url),
        _ => Err(AwsError::setting(format!("the endpoint {url:?} is not an http:// or https:// URL"))),
    }
}

#[cfg(test)]
mod tests {
    use super::{endpoint, region};

    #[test]
    fn a_region_cannot_name_a_host() {
        for good in ["us-east-1", "us-gov-west-1", "cn-north-1", "ap-southeast-4", "us-isob-east-1"] {
            assert!(region(good).is_ok(), "{good}");
        }
        for bad in
            ["", "evil.example/", "us-east-1.evil.example", "US-EAST-1", "us_east_1", "-a", "a@b", "a b"]
        {
            assert!(region(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_endpoint_is_a_url() {
        assert!(endpoint("http://127.0.0.1:4566").is_ok());
        for bad in ["127.0.0.1:4566", "", "http://", "http:///x", "ftp://host"] {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
    }
}
