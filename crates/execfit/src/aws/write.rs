//! The calls that change something. Only `crate::apply` makes them, and only what a shown plan holds.
//!
//! A request goes out as the JSON that it was given: the SDK signs it and finds the endpoint, but its types, which drop
//! every member that they do not know, never see it. Nothing is sent twice here: whether a call whose answer was lost
//! took effect is to be observed by whoever made it.

use super::call::Asked;
use super::error::AwsError;
use super::{Answer, Aws};
use aws_sdk_ecs::config::Builder;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextMut;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::retry::RetryConfig;
use serde_json::Value;

/// The operations of Amazon ECS that change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writing {
    /// A new revision of a task definition. It has no client token (ECS API).
    RegisterTaskDefinition,
    /// No new tasks of a revision; those that run go on.
    DeregisterTaskDefinition,
    /// Another deployment of a service.
    UpdateService,
    /// An end to a service deployment.
    StopServiceDeployment,
    /// Another configuration of a service of ECS Express.
    UpdateExpressGatewayService,
}

impl Writing {
    /// As the API and IAM spell it.
    pub(crate) fn operation(self) -> &'static str {
        match self {
            Writing::RegisterTaskDefinition => "RegisterTaskDefinition",
            Writing::DeregisterTaskDefinition => "DeregisterTaskDefinition",
            Writing::UpdateService => "UpdateService",
            Writing::StopServiceDeployment => "StopServiceDeployment",
            Writing::UpdateExpressGatewayService => "UpdateExpressGatewayService",
        }
    }
}

impl Aws {
    /// Sends one request of this operation, once, with this body. `object` is what it is about, in words.
    ///
    /// # Errors
    /// An [`AwsError`]. Of kind `Unreachable` or `Server` it may have taken effect all the same.
    pub(crate) async fn write(
        &self,
        writing: Writing,
        object: &str,
        body: &Value,
    ) -> Result<Answer, AwsError> {
        let asked = Asked { service: "ecs", operation: writing.operation(), object: object.into() };
        let raw = RawBody(body.to_string());
        macro_rules! send {
            ($call:ident) => {
                asked
                    .once(|witness| {
                        let call = self.ecs.$call().customize();
                        call.config_override(once()).interceptor(raw).interceptor(witness).send()
                    })
                    .await
            };
        }
        match writing {
            Writing::RegisterTaskDefinition => send!(register_task_definition),
            Writing::DeregisterTaskDefinition => send!(deregister_task_definition),
            Writing::UpdateService => send!(update_service),
            Writing::StopServiceDeployment => send!(stop_service_deployment),
            Writing::UpdateExpressGatewayService => send!(update_express_gateway_service),
        }
    }
}

/// One attempt.
fn once() -> Builder {
    Builder::new().retry_config(RetryConfig::disabled())
}

/// Puts this body in the place of the one that the SDK made, before the request is signed. Not shown: it holds secrets.
struct RawBody(String);

impl std::fmt::Debug for RawBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RawBody")
    }
}

impl Intercept for RawBody {
    fn name(&self) -> &'static str {
        "execfit-raw-body"
    }

    fn modify_before_retry_loop(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        *request.body_mut() = SdkBody::from(self.0.clone());
        request.headers_mut().insert("content-length", self.0.len().to_string());
        Ok(())
    }
}
