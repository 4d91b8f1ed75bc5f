//! A second MiniStack that checks signatures and policies, with a user who is denied one action.

use std::process::Command;

use super::ministack;
use super::state::{AccessKey, Folder, State};
use crate::daemon::Daemon;
use crate::{Result, command};

/// Requests must be signed here, and the emulator's own environment brings AWS' library for that.
const SCRIPT: &str = include_str!("auth.py");

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

/// Stops the emulator; it never runs a container.
pub(super) fn stop(state: &mut State) -> Result<()> {
    state.auth.take().as_ref().map_or(Ok(()), Daemon::stop)?;
    state.key = None;
    state.save()
}
