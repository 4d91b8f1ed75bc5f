//! The lab: a Docker Engine, a registry and an ECS that really runs containers, all on this machine.
//!
//! Everything lives in `.lab` of the workspace (or in `$EXECFIT_LAB_DIR`), listens on loopback only, and is stopped
//! by the process ids that `up` wrote down. What the lab did not start it does not touch.

mod auth;
mod aws;
mod busybox;
mod emulation;
mod engine;
mod environment;
mod fixable;
mod images;
mod indexes;
mod ministack;
mod needs;
mod programs;
mod registry;
mod scenarios;
mod seed;
mod state;

use crate::Result;
use crate::needs::may_install;
use state::{Folder, State};

pub(crate) use environment::{HINDRANCES, variables};

/// `cargo xtask lab ...`
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["up"] => up(may_install()),
        ["up", "--install"] => up(true),
        ["down"] => down(),
        ["seed"] => seed(),
        ["seed", "fix"] => seed_for_fix(),
        ["env"] => environment::print(),
        _ => Err("usage: cargo xtask lab up [--install] | down | seed [fix] | env".into()),
    }
}

/// Whether the lab is there to be used.
pub(crate) fn is_up() -> Result<bool> {
    Ok(State::load(&Folder::open()?)?.is_up())
}

/// Starts everything that the lab consists of.
pub(crate) fn up(install: bool) -> Result<()> {
    let folder = Folder::open()?;
    let mut state = State::load(&folder)?;
    if state.is_up() {
        println!("the lab is already up: {}", state.summary());
        return Ok(());
    }
    if !state.is_empty() {
        println!("clearing away what is left of an earlier lab");
        stop(&folder, &mut state)?;
    }
    needs::check(install)?;
    let started = start(&folder, &mut state);
    if let Err(error) = started {
        stop(&folder, &mut state)?;
        return Err(error);
    }
    println!("the lab is up: {}", state.summary());
    if let Some(handler) = emulation::enabled() {
        println!("{}", emulation::advice(&handler));
    }
    Ok(())
}

fn start(folder: &Folder, state: &mut State) -> Result<()> {
    emulation::start(folder, state)?;
    engine::start(folder, state)?;
    registry::start(folder, state)?;
    ministack::start(folder, state)?;
    auth::start(folder, state)
}

/// Stops what `up` started and removes its data; downloads are kept for the next time.
pub(crate) fn down() -> Result<()> {
    let folder = Folder::open()?;
    let mut state = State::load(&folder)?;
    if state.is_empty() {
        println!("the lab is not up");
        return Ok(());
    }
    stop(&folder, &mut state)?;
    println!("the lab is down");
    Ok(())
}

fn stop(folder: &Folder, state: &mut State) -> Result<()> {
    auth::stop(state)?;
    ministack::stop(state)?;
    registry::stop(state)?;
    emulation::stop(state)?;
    engine::stop(folder, state)?;
    folder.clear()
}

/// Fills the registry with images and the cluster with services.
pub(crate) fn seed() -> Result<()> {
    let (folder, state) = running()?;
    seed::run(&folder, &state)
}

/// Fills the lab only with what tests of `fix` need.
fn seed_for_fix() -> Result<()> {
    let (folder, state) = running()?;
    seed::fixables(&folder, &state)
}

fn running() -> Result<(Folder, State)> {
    let folder = Folder::open()?;
    let state = State::load(&folder)?;
    if state.is_up() { Ok((folder, state)) } else { Err("the lab is not up: cargo xtask lab up".into()) }
}
