//! The registry: Debian's `docker-registry` with a data root of its own.

use std::fs;
use std::process::Command;

use serde_json::json;

use super::daemon::{Daemon, free_port};
use super::state::{Folder, State};
use crate::{Result, command};

/// Starts the registry.
pub(super) fn start(folder: &Folder, state: &mut State) -> Result<()> {
    let port = free_port()?;
    let settings = folder.running("registry.yml")?;
    // JSON is YAML.
    let configuration = json!({
        "version": 0.1,
        "log": { "level": "info" },
        "storage": {
            "filesystem": { "rootdirectory": folder.running("registry")? },
            "delete": { "enabled": true },
        },
        "http": { "addr": format!("127.0.0.1:{port}") },
    });
    fs::write(&settings, serde_json::to_vec_pretty(&configuration)?)?;
    let mut program = Command::new("docker-registry");
    program.env_clear().env("PATH", command::search_path()).arg("serve").arg(settings);
    let daemon = Daemon::start("registry", port, &folder.running("registry.log")?, &mut program)?;
    state.registry = Some(daemon.clone());
    state.save()?;
    daemon.wait_for_port()
}

/// Stops the registry. The Engine still asks for its address, so it is forgotten last, with the folder.
pub(super) fn stop(state: &State) -> Result<()> {
    state.registry.as_ref().map_or(Ok(()), Daemon::stop)
}
