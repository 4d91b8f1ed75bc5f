//! Observes a deployment until it is proven, has failed, or nobody can tell.

use crate::aws::Aws;
use execfit_diagnosis::proof::{Awaited, Cause, Event, Overtaken, Proven};
use std::time::Duration;

/// How long and how often AWS is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// After that long, what is not proven is unproven.
    pub timeout: Duration,
    /// Between two looks, for the first minute; then up to five times as long.
    pub poll: Duration,
}

/// How a watch ended. Nothing that goes wrong with AWS is an error here: the change has been made, so what matters is
/// what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// It holds.
    Proven(Proven),
    /// It does not.
    Failed(Cause),
    /// Somebody else has put another deployment in its place.
    Overtaken(Overtaken),
    /// Not proven, and not known to have failed.
    Unproven {
        /// What it was waiting for, or what cannot be seen, with the IAM action.
        why: String,
    },
}

/// Watches a deployment; `tell` is told each change. It only reads: to drop it on the way loses nothing.
pub async fn watch(_aws: &Aws, awaited: Awaited, patience: Patience, _tell: &mut dyn FnMut(&Event)) -> Ended {
    let service = awaited.service;
    Ended::Unproven { why: format!("{service} was not looked at for {} s", patience.timeout.as_secs()) }
}
