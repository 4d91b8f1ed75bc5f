//! Services that speak XML: EC2 Auto Scaling and EC2, as far as they tell which machines could be started.
//!
//! Both have SDK crates that take longer to compile than everything else together, for three calls of which few members
//! are read. So the SDK's own machinery (credentials, signature, retries, time-outs, connections) is given a request of
//! the AWS Query protocol, and of the answer only what is asked for becomes JSON, with the member names of the AWS
//! command line. In particular no `UserData`, which holds secrets.

mod shape;
mod xml;

use super::call::{Asked, Witness};
use super::error::{self, AwsError};
use super::{Answer, Aws};
use aws_config::SdkConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_sdk_ecs::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_ecs::error::{BoxError, ErrorMetadata, ProvideErrorMetadata};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::identity::SharedIdentityResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use shape::Shape;
use std::fmt;

/// A service of the Query protocol.
struct Service {
    /// As IAM spells it, as it is signed for, and as its host begins.
    name: &'static str,
    /// Its id, by which endpoints are set: `AWS_ENDPOINT_URL_AUTO_SCALING`.
    id: &'static str,
    /// The version of its API.
    version: &'static str,
}

const AUTO_SCALING: Service = Service { name: "autoscaling", id: "Auto Scaling", version: "2011-01-01" };
const EC2: Service = Service { name: "ec2", id: "EC2", version: "2016-11-15" };

impl Aws {
    /// `autoscaling:DescribeAutoScalingGroups`, one group: `AutoScalingGroups`, empty where there is none of that name.
    ///
    /// # Errors
    /// An [`AwsError`].
    pub async fn describe_auto_scaling_group(&self, name: &str) -> Result<Answer, AwsError> {
        let asked = asked(&AUTO_SCALING, "DescribeAutoScalingGroups", format!("Auto Scaling group {name}"));
        let which = [("AutoScalingGroupNames.member.1", name)];
        self.query(&AUTO_SCALING, asked, &which, &shape::AUTO_SCALING_GROUPS).await
    }

    /// `autoscaling:DescribeLaunchConfigurations`, one of them: `LaunchConfigurations`.
    ///
    /// # Errors
    /// An [`AwsError`].
    pub async fn describe_launch_configuration(&self, name: &str) -> Result<Answer, AwsError> {
        let asked =
            asked(&AUTO_SCALING, "DescribeLaunchConfigurations", format!("launch configuration {name}"));
        let which = [("LaunchConfigurationNames.member.1", name)];
        self.query(&AUTO_SCALING, asked, &which, &shape::LAUNCH_CONFIGURATIONS).await
    }

    /// `ec2:DescribeLaunchTemplateVersions`, one version (a number, `$Latest`, `$Default`) of a template by its id
    /// (`lt-...`) or name: `LaunchTemplateVersions`.
    ///
    /// # Errors
    /// An [`AwsError`].
    pub async fn describe_launch_template(&self, template: &str, version: &str) -> Result<Answer, AwsError> {
        let object = format!("launch template {template} version {version}");
        let asked = asked(&EC2, "DescribeLaunchTemplateVersions", object);
        let key = if template.starts_with("lt-") { "LaunchTemplateId" } else { "LaunchTemplateName" };
        let which = [(key, template), ("LaunchTemplateVersion.1", version)];
        self.query(&EC2, asked, &which, &shape::LAUNCH_TEMPLATE_VERSIONS).await
    }

    async fn query(
        &self,
        service: &Service,
        asked: Asked,
        parameters: &[(&str, &str)],
        shape: &Shape,
    ) -> Result<Answer, AwsError> {
        let url = self.endpoint(service, &asked).await?;
        let witness = Witness::default();
        let operation = operation(&self.config, service, &url, &asked, &witness)
            .serializer(|body: String| request(body))
            .deserializer(told)
            .build();
        let result = operation.invoke(body(service, &asked, parameters)).await;
        let seen = witness.take();
        match result {
            Err(error) => Err(error::explain(&asked, &error, &seen)),
            Ok(text) => match xml::read(&text, asked.operation, shape) {
                Some(body) => Ok(asked.answer(body)),
                None => Err(error::not_of(&asked, &seen, "XML of its protocol")),
            },
        }
    }

    /// Where a service is asked: at the endpoint that the user set for it or for all of AWS; else where the SDK's rules
    /// put ECS, with the service's name in place of ECS's: partition, FIPS and dual stack are the same.
    async fn endpoint(&self, service: &Service, asked: &Asked) -> Result<String, AwsError> {
        let of_service = || {
            let key = aws_types::service_config::ServiceConfigKey::builder();
            let key =
                key.service_id(service.id).env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok()?;
            self.config.service_config()?.load_config(key)
        };
        let set = if self.config.get_origin("endpoint_url").is_client_config() { None } else { of_service() };
        if let Some(url) = set.or_else(|| self.config.endpoint_url().map(String::from)) {
            return Ok(url);
        }
        let setting = |error: String| error::unusable_setting(asked, &error);
        let parameters = Params::builder()
            .region(self.region.to_string())
            .use_fips(self.config.use_fips().unwrap_or(false))
            .use_dual_stack(self.config.use_dual_stack().unwrap_or(false));
        let parameters = parameters.build().map_err(|error| setting(error.to_string()))?;
        let endpoint = DefaultResolver::new().resolve_endpoint(&parameters).await;
        let endpoint = endpoint.map_err(|error| setting(error.to_string()))?;
        Ok(endpoint.url().replacen("://ecs", &format!("://{}", service.name), 1))
    }
}

fn asked(service: &Service, operation: &'static str, object: String) -> Asked {
    Asked { service: service.name, operation, object }
}

/// An operation of the SDK's machinery, as its own services set theirs up.
fn operation(
    config: &SdkConfig,
    service: &Service,
    url: &str,
    asked: &Asked,
    witness: &Witness,
) -> aws_smithy_runtime::client::orchestrator::operation::OperationBuilder {
    let mut layer = Layer::new("query");
    layer.store_put(SigningName::from_static(service.name));
    if let Some(region) = config.region() {
        layer.store_put(SigningRegion::from(region.clone()));
    }
    layer.store_put(SigV4OperationSigningConfig {
        signing_options: SigningOptions::default(),
        ..SigV4OperationSigningConfig::default()
    });
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    let resolver = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
    let mut components = RuntimeComponentsBuilder::new("query")
        .with_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
        .with_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(resolver)))
        .with_http_client(config.http_client())
        .with_sleep_impl(config.sleep_impl())
        .with_time_source(config.time_source())
        .with_identity_cache(config.identity_cache());
    if let Some(credentials) = config.credentials_provider() {
        components.set_identity_resolver(SCHEME_ID, SharedIdentityResolver::new(credentials));
    }
    let plugin = StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components);
    let mut operation = Operation::builder()
        .service_name(service.name)
        .operation_name(asked.operation)
        .endpoint_url(url)
        .interceptor(witness.clone())
        .with_connection_poisoning()
        .retry_classifier(TransientErrorClassifier::<Refused>::new())
        .retry_classifier(AwsErrorCodeClassifier::<Refused>::new())
        .retry_classifier(HttpStatusCodeClassifier::default())
        .runtime_plugin(plugin);
    if let Some(version) = config.behavior_version() {
        operation = operation.behavior_version(version);
    }
    if let Some(retries) = config.retry_config() {
        operation = operation.standard_retry(retries);
    }
    if let Some(timeouts) = config.timeout_config() {
        operation = operation.timeout_config(timeouts.clone());
    }
    operation
}

/// The form that the Query protocol posts.
fn body(service: &Service, asked: &Asked, parameters: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", asked.operation).append_pair("Version", service.version);
    form.extend_pairs(parameters).finish()
}

fn request(body: String) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(body.as_str()));
    request.set_method("POST")?;
    request.set_uri("/")?;
    let headers = request.headers_mut();
    headers.insert("content-type", "application/x-www-form-urlencoded");
    headers.insert("content-length", body.len().to_string());
    headers.insert("user-agent", "app/execfit");
    Ok(request)
}

/// The text of a good answer, or the error in a bad one.
fn told(response: &HttpResponse) -> Result<String, OrchestratorError<Refused>> {
    let bytes = response.body().bytes().unwrap_or_default();
    let text = String::from_utf8_lossy(bytes).into_owned();
    if response.status().is_success() {
        return Ok(text);
    }
    let (code, message) = xml::error(&text);
    let mut told = ErrorMetadata::builder();
    if let Some(code) = code {
        told = told.code(code);
    }
    if let Some(message) = message {
        told = told.message(message);
    }
    Err(OrchestratorError::operation(Refused(told.build())))
}

/// An error that the service answered.
#[derive(Debug)]
struct Refused(ErrorMetadata);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refused {}

impl ProvideErrorMetadata for Refused {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{AUTO_SCALING, EC2, asked};
    use crate::aws::Aws;
    use aws_config::{BehaviorVersion, Region, SdkConfig};

    /// Where both services are asked in a region.
    async fn endpoints(region: &str, fips: bool) -> [String; 2] {
        let config = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).use_fips(fips);
        let region = Region::new(region.to_owned());
        let config = config.region(region.clone()).build();
        let aws = Aws { ecs: aws_sdk_ecs::Client::new(&config), region, config };
        let scaling = aws.endpoint(&AUTO_SCALING, &asked(&AUTO_SCALING, "x", String::new())).await;
        let ec2 = aws.endpoint(&EC2, &asked(&EC2, "x", String::new())).await;
        [scaling.unwrap_or_default(), ec2.unwrap_or_default()]
    }

    #[tokio::test]
    async fn endpoints_are_of_the_region_and_its_partition() {
        let scaling = |host: &str| format!("https://autoscaling{host}");
        let ec2 = |host: &str| format!("https://ec2{host}");
        for (region, fips, host) in [
            ("eu-west-1", false, ".eu-west-1.amazonaws.com"),
            ("cn-north-1", false, ".cn-north-1.amazonaws.com.cn"),
            ("us-gov-west-1", false, ".us-gov-west-1.amazonaws.com"),
            ("us-east-1", true, "-fips.us-east-1.amazonaws.com"),
        ] {
            assert_eq!(endpoints(region, fips).await, [scaling(host), ec2(host)]);
        }
    }
}
