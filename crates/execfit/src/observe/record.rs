//! Cases on disk: what `--record` saves and `--replay` reads.

use crate::exit::{Exit, Stopped};
use execfit_diagnosis::case::{Case, SCHEMA};
use std::fs;
use std::path::Path;

/// The largest case that is read.
const LIMIT: u64 = 256 * 1024 * 1024;

/// Saves a case. It holds no secrets.
///
/// # Errors
/// [`Stopped`] where the file cannot be written.
pub fn save(path: &Path, case: &Case) -> Result<(), Stopped> {
    let failed =
        |error: String| Stopped::new(Exit::Failed, format!("cannot write {}: {error}", path.display()));
    let mut text = serde_json::to_string_pretty(case).map_err(|error| failed(error.to_string()))?;
    text.push('\n');
    fs::write(path, text).map_err(|error| failed(error.to_string()))
}

/// Reads a case.
///
/// # Errors
/// [`Stopped`] where the file cannot be read, or is no case.
pub fn load(path: &Path) -> Result<Case, Stopped> {
    let name = path.display();
    let failed = |error: String| Stopped::new(Exit::Failed, format!("cannot read the case {name}: {error}"));
    let size = fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if size > LIMIT {
        return Err(failed(format!("it has {size} bytes, and {LIMIT} are the most that is read")));
    }
    let bytes = fs::read(path).map_err(|error| failed(error.to_string()))?;
    let case: Case = serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
    if case.schema != SCHEMA {
        return Err(failed(format!(
            "its schema is `{}`, expected {SCHEMA}",
            crate::output::printable(&case.schema)
        )));
    }
    Ok(case)
}
