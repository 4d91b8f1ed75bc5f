//! MiniStack: an emulator of AWS whose ECS really runs containers.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::engine;
use super::state::{Folder, State};
use crate::daemon::{Daemon, free_port};
use crate::{Result, command};

/// The version that the tests know.
const MINISTACK: &str = "ministack==1.5.33";
/// With this name MiniStack labels its containers, the port after it.
const INSTANCE: &str = "execfit-lab";

/// Starts the emulator that takes any signature.
pub(super) fn start(folder: &Folder, state: &mut State) -> Result<()> {
    install(folder)?;
    let daemon = launch(folder, state.docker_host()?, "MiniStack", false)?;
    state.ministack = Some(daemon.clone());
    state.save()?;
    daemon.wait_for_port()
}

/// Starts one MiniStack; with `auth` it checks signatures and IAM policies.
pub(super) fn launch(folder: &Folder, docker_host: &str, name: &str, auth: bool) -> Result<Daemon> {
    let port = free_port()?;
    let slug = name.to_lowercase().replace(' ', "-");
    let scratch = folder.running(&slug)?;
    std::fs::create_dir_all(&scratch)?;
    let mut program = Command::new(python(folder));
    program.env_clear().args(["-m", "ministack"]).current_dir(&scratch);
    program.env("PATH", command::search_path()).env("HOME", &scratch).env("TMPDIR", &scratch);
    program.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
    program.env("MINISTACK_HOST", "127.0.0.1").env("MINISTACK_HOSTNAME", INSTANCE);
    program.env("MINISTACK_REGION", "us-east-1").env("MINISTACK_DOCKER_TIMEOUT", "30");
    program.env("S3_DATA_DIR", scratch.join("s3")).env("STATE_DIR", scratch.join("state"));
    program.env("AUTH", auth.to_string()).env("DOCKER_HOST", docker_host);
    Daemon::start(name, port, &folder.running(&format!("{slug}.log"))?, &mut program)
}

/// Stops the emulator and removes its containers, on whosever Engine they are.
pub(super) fn stop(state: &mut State) -> Result<()> {
    let Some(daemon) = state.ministack.take() else { return Ok(()) };
    daemon.stop()?;
    remove_containers(&daemon, state.docker_host()?)?;
    state.save()
}

/// Removes what it has started, on whosever Engine that is.
pub(super) fn remove_containers(daemon: &Daemon, host: &str) -> Result<()> {
    if !engine::answers(host) {
        return Ok(());
    }
    let port = daemon.address().replace("127.0.0.1", INSTANCE);
    let filter = format!("label=ministack.instance={port}");
    let containers = command::output(engine::docker(host).args(["ps", "-aq", "--filter", &filter]))?;
    if containers.trim().is_empty() {
        return Ok(());
    }
    // One that is just going away by itself is no failure.
    drop(command::output(engine::docker(host).args(["rm", "--force"]).args(containers.split_whitespace())));
    Ok(())
}

/// The Python of the lab's own environment.
pub(super) fn python(folder: &Folder) -> PathBuf {
    folder.kept("venv").join("bin/python")
}

fn install(folder: &Folder) -> Result<()> {
    let venv = folder.kept("venv");
    let stamp = venv.join("installed");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == MINISTACK) {
        return Ok(());
    }
    println!("installing MiniStack into {}", venv.display());
    command::output(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    pip(&venv, &[MINISTACK, "docker"])?;
    Ok(std::fs::write(stamp, MINISTACK)?)
}

fn pip(venv: &Path, packages: &[&str]) -> Result<()> {
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    command::output(&mut pip).map(drop)
}
