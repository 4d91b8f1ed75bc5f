//! Debian's `docker-registry` on a free port of loopback, with a data root of its own.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::daemon::{Daemon, free_port};
use crate::{Result, command};

/// Starts a registry that keeps everything in a folder: its settings, its log and its data, each by the name
/// `registry`. It may not answer yet.
pub(crate) fn start(folder: &Path) -> Result<Daemon> {
    let port = free_port()?;
    let settings = folder.join("registry.yml");
    // JSON is YAML.
    let configuration = json!({
        "version": 0.1,
        "log": { "level": "info" },
        "storage": {
            "filesystem": { "rootdirectory": folder.join("registry") },
            "delete": { "enabled": true },
        },
        "http": { "addr": format!("127.0.0.1:{port}") },
    });
    fs::write(&settings, serde_json::to_vec_pretty(&configuration)?)?;
    let mut program = Command::new("docker-registry");
    program.env_clear().env("PATH", command::search_path()).arg("serve").arg(settings);
    Daemon::start("registry", port, &folder.join("registry.log"), &mut program)
}
