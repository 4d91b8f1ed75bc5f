//! A second MiniStack that checks signatures and policies: with a user who is denied one action, and with those who may do
//! what the policy for `fix` allows.

use std::path::PathBuf;
use std::process::Command;

use super::ministack;
use super::state::{AccessKey, Folder, State};
use crate::command::workspace;
use crate::{Result, command};

/// Requests must be signed here, and the emulator's own environment brings AWS' library for that.
const SCRIPT: &str = include_str!("auth.py");
const FIXERS: &str = include_str!("fixers.py");

/// Starts the emulator and makes the user.
pub(super) fn start(folder: &Folder, state: &mut State) -> Result<()> {
    let daemon = ministack::launch(folder, state.docker_host()?, "MiniStack with AUTH", true)?;
    state.auth = Some(daemon.clone());
    state.save()?;
    daemon.wait_for_port()?;
    let mut script = Command::new(ministack::python(folder));
    script.args(["-c", SCRIPT, &format!("http://{}", daemon.address())]);
    let printed = command::output(script.env("AWS_CONFIG_FILE", "/nonexistent"))?;
    let (id, secret) = printed.trim().split_once(' ').ok_or("no access key was made")?;
    state.key = Some(AccessKey { id: id.to_owned(), secret: secret.to_owned() });
    state.save()
}

/// Where the keys of the users are whose rights are those of `examples/iam/fix.json`, or all but one of them.
pub(super) fn fixers(folder: &Folder) -> Result<PathBuf> {
    folder.running("fixers.json")
}

/// Makes these users and the services that they fix, if they are not there yet. The images must be.
pub(super) fn seed(folder: &Folder, state: &State) -> Result<()> {
    let keys = fixers(folder)?;
    if keys.exists() {
        return Ok(());
    }
    let mut script = Command::new(ministack::python(folder));
    let images = format!("{}/fixable", state.registry_address()?);
    script
        .args(["-c", FIXERS, &state.auth_endpoint()?, &images])
        .arg(workspace().join("examples/iam/fix.json"));
    let printed = command::output(script.env("AWS_CONFIG_FILE", "/nonexistent"))?;
    println!("{:22} users with the rights of examples/iam/fix.json, and services for them", "fixers");
    Ok(std::fs::write(keys, printed)?)
}

/// Stops the emulator and removes its containers.
pub(super) fn stop(state: &mut State) -> Result<()> {
    if let Some(daemon) = state.auth.take() {
        daemon.stop()?;
        ministack::remove_containers(&daemon, state.docker_host()?)?;
    }
    state.key = None;
    state.save()
}
