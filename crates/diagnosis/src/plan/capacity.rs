//! Whether machines of an architecture would take the tasks of a service.

use super::{Edit, Setting};
use crate::case::Need;
use execfit_kernel::host::Architecture;

/// What is known of the machines for a change of architecture.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Capacity {
    /// Whether they are there for the desired count; `None` where that cannot be told.
    pub there: Option<bool>,
    /// What was found, in sentences.
    pub told: Vec<String>,
    /// What to add where they are not there, or to allow where it cannot be told.
    pub add: Vec<String>,
    /// What else has to change in UpdateService's request: `/platformVersion`.
    pub edits: Vec<Edit>,
}

/// Whether machines of this architecture would take the desired count of new tasks.
///
/// # Errors
/// What AWS is to be asked first.
pub fn capacity(setting: &Setting<'_>, host: Architecture) -> Result<Capacity, Vec<Need>> {
    let _ = setting;
    Ok(Capacity {
        told: vec![format!("it is not known whether there are {host} machines")],
        ..Capacity::default()
    })
}
