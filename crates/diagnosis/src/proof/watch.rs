//! Looks at one snapshot after the other.

use super::{Awaited, Look, Snapshot, State};

/// Watches a deployment.
#[derive(Debug)]
pub struct Watch {
    awaited: Awaited,
}

impl Watch {
    /// Begins to watch.
    pub fn new(awaited: Awaited) -> Watch {
        Watch { awaited }
    }

    /// Which of the service's tasks (by ARN; those that are meant to run, and those that were stopped) are to be
    /// described for the next snapshot.
    pub fn to_describe(&self, running: &[String], stopped: &[String]) -> Vec<String> {
        running.iter().chain(stopped).cloned().collect()
    }

    /// Looks at a snapshot.
    pub fn look(&mut self, _snapshot: &Snapshot) -> Look {
        let waits_for = format!("the service {} to take it", self.awaited.service);
        Look {
            events: Vec::new(),
            state: State::Waiting { waits_for },
            wants_logs_of: Vec::new(),
            wants_service_revisions: Vec::new(),
            wants_service_deployment: None,
        }
    }
}
