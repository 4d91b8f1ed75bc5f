//! The remedy `repin`.

use super::{Draft, Method, Refused, Setting};
use crate::case::Need;

pub(super) fn draft(_setting: &Setting<'_>) -> Result<Result<Draft, Refused>, Vec<Need>> {
    Ok(Err(Refused::because(Method::Repin, "it is not built yet")))
}
