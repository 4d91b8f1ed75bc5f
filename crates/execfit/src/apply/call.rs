//! One call that changes something: sent, and its answer told apart from its loss.

use super::hands::Hands;
use crate::aws::{AwsError, AwsErrorKind, Writing};
use crate::exit::Stopped;
use serde_json::Value;
use std::time::Duration;

/// How often a call is sent where AWS asks for patience, and how often where its answer is lost.
pub(super) const ATTEMPTS: u32 = 4;
/// Before the second one; then twice as long each time.
const PAUSE: Duration = Duration::from_millis(500);

/// What became of a call that AWS did not refuse.
#[derive(Debug)]
pub(super) enum Sent {
    /// The answer's body.
    Answered(Value),
    /// The answer is lost, or the service failed: whether the call took effect is to be observed.
    Lost(AwsError),
}

impl Hands<'_> {
    /// Sends a call. A request that was throttled did nothing, and is sent again; what was refused is an error.
    pub(super) fn send(&mut self, writing: Writing, object: &str, body: &Value) -> Result<Sent, AwsError> {
        let mut attempt = 0;
        loop {
            let answer = self.observer.wait(self.aws.write(writing, object, body));
            attempt += 1;
            match answer {
                Ok(answer) => return Ok(Sent::Answered(answer.body)),
                Err(error) if error.kind == AwsErrorKind::Throttled && attempt < ATTEMPTS => {
                    self.said_by_aws(format!("ecs:{} is throttled: once more", writing.operation()));
                    self.pause(attempt);
                }
                Err(error) if matches!(error.kind, AwsErrorKind::Unreachable | AwsErrorKind::Server) => {
                    self.said_by_aws(error.to_string());
                    return Ok(Sent::Lost(error));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits before the next of several attempts, or until a signal comes.
    pub(super) fn pause(&self, attempt: u32) {
        self.rest(PAUSE * 2_u32.pow(attempt.saturating_sub(1).min(6)));
    }

    /// Waits, or until a signal comes.
    pub(super) fn rest(&self, time: Duration) {
        self.observer.wait(async {
            tokio::select! {
                () = tokio::time::sleep(time) => {}
                () = self.interrupt.raised() => {}
            }
        });
    }

    /// Whether AWS knows for good that it will not do it: then there is nothing to come back for.
    pub(super) fn is_final(error: &AwsError) -> bool {
        use AwsErrorKind::{Denied, Invalid, NotFound, Unsupported};
        matches!(error.kind, Denied | Invalid | NotFound | Unsupported)
    }

    /// Asks AWS something; what goes wrong is told with the state of everything.
    pub(super) fn told<T>(&self, answer: Result<T, AwsError>) -> Result<T, Stopped> {
        answer.map_err(|error| self.stopped(error))
    }
}
