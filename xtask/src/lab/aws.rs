//! The few calls that seeding needs, to an emulator that takes any signature.

use serde_json::Value;

use crate::Result;

const NOBODY: &str =
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ecs/aws4_request, SignedHeaders=host, Signature=0";

/// Endpoint of the emulator.
pub(super) struct Aws {
    endpoint: String,
    agent: ureq::Agent,
}

impl Aws {
    /// AWS at `endpoint`.
    pub(super) fn new(endpoint: String) -> Self {
        let settings = ureq::Agent::config_builder().http_status_as_error(false).build();
        Self { endpoint, agent: settings.into() }
    }

    /// Calls an action of ECS.
    pub(super) fn ecs(&self, action: &str, request: &Value) -> Result<Value> {
        self.call(&format!("AmazonEC2ContainerServiceV20141113.{action}"), request)
    }

    /// Calls an action of CloudWatch Logs.
    pub(super) fn logs(&self, action: &str, request: &Value) -> Result<Value> {
        self.call(&format!("Logs_20140328.{action}"), request)
    }

    fn call(&self, target: &str, request: &Value) -> Result<Value> {
        let request = self
            .agent
            .post(&self.endpoint)
            .header("X-Amz-Target", target)
            .header("Content-Type", "application/x-amz-json-1.1")
            .header("Authorization", NOBODY)
            .send(request.to_string());
        let mut answer = request?;
        let status = answer.status();
        let body = answer.body_mut().read_to_string()?;
        if status.is_success() {
            return Ok(serde_json::from_str(&body)?);
        }
        Err(format!("{target}: {status} {body}").into())
    }
}
