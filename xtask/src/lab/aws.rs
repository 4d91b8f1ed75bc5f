//! The few calls of ECS that seeding needs, to an emulator that takes any signature.

use serde_json::Value;

use crate::Result;

const NOBODY: &str =
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ecs/aws4_request, SignedHeaders=host, Signature=0";

/// An ECS endpoint.
pub(super) struct Ecs {
    endpoint: String,
    agent: ureq::Agent,
}

impl Ecs {
    /// ECS at `endpoint`.
    pub(super) fn new(endpoint: String) -> Self {
        let settings = ureq::Agent::config_builder().http_status_as_error(false).build();
        Self { endpoint, agent: settings.into() }
    }

    /// Calls one action.
    pub(super) fn call(&self, action: &str, request: &Value) -> Result<Value> {
        let mut answer = self
            .agent
            .post(&self.endpoint)
            .header("X-Amz-Target", format!("AmazonEC2ContainerServiceV20141113.{action}"))
            .header("Content-Type", "application/x-amz-json-1.1")
            .header("Authorization", NOBODY)
            .send(request.to_string())?;
        let status = answer.status();
        let body = answer.body_mut().read_to_string()?;
        if status.is_success() {
            Ok(serde_json::from_str(&body)?)
        } else {
            Err(format!("{action}: {status} {body}").into())
        }
    }
}
