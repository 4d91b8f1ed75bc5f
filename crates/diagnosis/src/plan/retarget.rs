//! The remedy `retarget`.

use super::{Draft, Method, Refused, Setting};
use crate::case::Need;

pub(super) fn draft(_setting: &Setting<'_>) -> Result<Result<Draft, Refused>, Vec<Need>> {
    Ok(Err(Refused::because(Method::Retarget, "it is not built yet")))
}
