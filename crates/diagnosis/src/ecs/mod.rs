//! Reads ECS's JSON: an answer of the API and a file saved by the AWS CLI are the same bytes to it.
//!
//! Documents stay raw (`serde_json::Value`): later writes must not lose a field that we do not know.

mod arn;
mod constraint;
mod container;
mod demand;
mod deployments;
mod documents;
mod instance_type;
mod log_stream;
mod machine;
mod ownership;
mod placement;
mod reservation;
mod scaling_group;
mod scene;
pub(crate) mod time;

pub use arn::last;
pub use constraint::Constraint;
pub use demand::{Demand, Supplier};
pub use deployments::Success;
pub use documents::Documents;
pub use log_stream::LogStream;
pub use machine::{Machine, Obstacle, Terms};
pub(crate) use ownership::owner_value;
pub use ownership::{Owner, Tool};
pub use reservation::Reservation;
pub use scaling_group::{LaunchTemplate, Makes, ScalingGroup};
pub use scene::{Nothing, Revision, Scene, task_definition_of};
pub(crate) use time::{seconds, shown};

#[cfg(test)]
mod tests;
