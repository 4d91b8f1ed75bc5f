//! What the double answers.

use serde_json::{Value, json};
use std::time::Duration;

/// One HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status; 0 hangs up without an answer.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: String,
    /// The body.
    pub body: Vec<u8>,
    /// How long to wait before answering.
    pub delay: Duration,
    /// Announce more bytes than are sent, then hang up.
    pub cut_short: bool,
}

impl Reply {
    /// Status 200 with this JSON.
    pub fn json(body: &Value) -> Reply {
        Reply::text(200, "application/x-amz-json-1.1", &body.to_string())
    }

    /// Any status and text.
    pub fn text(status: u16, content_type: &str, body: &str) -> Reply {
        Reply {
            status,
            content_type: content_type.into(),
            body: body.into(),
            delay: Duration::ZERO,
            cut_short: false,
        }
    }

    /// An error as the JSON protocol has it.
    pub fn error(status: u16, code: &str, message: &str) -> Reply {
        let body = json!({"__type": format!("com.amazonaws.double#{code}"), "message": message});
        Reply { status, ..Reply::json(&body) }
    }

    /// IAM's refusal.
    pub fn denied(action: &str) -> Reply {
        let message = format!(
            "User: arn:aws:iam::111122223333:user/double is not authorized to perform: {action} on resource: * \
             because no identity-based policy allows the {action} action"
        );
        // As AWS has it: with a capital M.
        Reply { status: 400, ..Reply::json(&json!({"__type": "AccessDeniedException", "Message": message})) }
    }

    /// Too many requests, as ECS says it.
    pub fn throttled() -> Reply {
        Reply::error(400, "ThrottlingException", "Rate exceeded")
    }

    /// A fault of AWS.
    pub fn server_error() -> Reply {
        Reply::error(500, "ServerException", "Service Unavailable. Please try again later.")
    }

    /// Closes the connection instead of answering.
    pub fn hang_up() -> Reply {
        Reply::text(0, "", "")
    }

    /// The same, later.
    #[must_use]
    pub fn after(self, delay: Duration) -> Reply {
        Reply { delay, ..self }
    }

    /// The same, with the connection closed before the body's announced end.
    #[must_use]
    pub fn cut_short(self) -> Reply {
        Reply { cut_short: true, ..self }
    }
}

impl From<Value> for Reply {
    fn from(body: Value) -> Reply {
        Reply::json(&body)
    }
}
