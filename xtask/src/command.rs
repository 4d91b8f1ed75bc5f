//! Running other programs.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;

/// Runs a program quietly and returns what it printed; when it fails, the error holds all that it said.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| format!("cannot run {name}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name} failed ({}):\n{said}{complaint}", output.status).into())
}

/// Whether a program can be found on this machine, `sbin` included.
pub(crate) fn exists(name: &str) -> bool {
    search_path().split(':').any(|folder| Path::new(folder).join(name).is_file())
}

/// `PATH` with the folders where Debian puts daemons.
pub(crate) fn search_path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin")
}

/// The root of the workspace. Cargo says which one it runs in; the one that this was built in may be another, where
/// two checkouts share a target folder.
pub(crate) fn workspace() -> PathBuf {
    let home = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    home.join("..").canonicalize().unwrap_or_else(|_| PathBuf::from("."))
}
