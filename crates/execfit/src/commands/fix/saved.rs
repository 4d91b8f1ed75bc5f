//! Plans on disk: what `--out` saves and `--plan` reads.

use crate::exit::{Exit, Stopped};
use crate::output::line;
use execfit_diagnosis::plan::{Broken, LONGEST, Plan};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Reads a plan that was saved.
///
/// # Errors
/// [`Stopped`] where it cannot be read or is not whole.
pub(super) fn read(path: &Path) -> Result<Plan, Stopped> {
    let name = line(&path.display().to_string());
    let failed = |error: String| Stopped::new(Exit::Failed, format!("cannot read the plan {name}: {error}"));
    let text = beginning(path).map_err(|error| failed(error.to_string()))?;
    Plan::read(&text).map_err(|broken| {
        let stopped = failed(line(&broken.to_string()));
        match broken {
            Broken::Schema(_) => {
                stopped.help("make it anew with this version: execfit fix TARGET --out FILE")
            }
            Broken::TooLong | Broken::Form(_) => {
                stopped.help("give what `execfit fix TARGET --out FILE` has saved")
            }
            _ => stopped.help("a plan is carried out as it was made, or not at all: make it anew with --out"),
        }
    })
}

/// One byte more than a plan has at most, at most. A pipe will do, too.
fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(LONGEST as u64 + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// Whether a plan may be saved there: nothing is there, or another plan.
///
/// # Errors
/// [`Stopped`] where something else is there.
pub(super) fn admit(path: &Path) -> Result<(), Stopped> {
    let name = line(&path.display().to_string());
    let refused = |why: &str| {
        let stopped = Stopped::new(Exit::Usage, format!("--out {name}: {why}"));
        Err(stopped.help("name a file that is not there yet, or one with an earlier plan"))
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => refused(&error.to_string()),
        Ok(there) if !there.is_file() => refused("it is there, and no regular file"),
        Ok(_) => match beginning(path).map(|text| Plan::read(&text)) {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => refused("it is there, and no plan: it is not overwritten"),
            Err(error) => refused(&error.to_string()),
        },
    }
}

/// Saves a plan, so that only its owner reads it, and wholly or not at all.
///
/// # Errors
/// [`Stopped`] where it cannot be written.
pub(super) fn save(path: &Path, plan: &Plan) -> Result<(), Stopped> {
    admit(path)?;
    let name = line(&path.display().to_string());
    let failed = |error: String| Stopped::new(Exit::Failed, format!("cannot write the plan {name}: {error}"));
    let text = serde_json::to_string_pretty(plan).map_err(|error| failed(error.to_string()))? + "\n";
    let beside = beside(path, &plan.id);
    let done = write(&beside, text.as_bytes()).and_then(|()| fs::rename(&beside, path));
    if done.is_err() {
        // Best effort: what matters is said below.
        let _: io::Result<()> = fs::remove_file(&beside);
    }
    done.map_err(|error| failed(error.to_string()))
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

/// A name in the same directory, so that the one can become the other at once.
fn beside(path: &Path, id: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{id}.{}", std::process::id()))
}
