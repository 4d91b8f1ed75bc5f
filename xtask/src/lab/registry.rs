//! The registry.

use super::state::{Folder, State};
use crate::daemon::Daemon;
use crate::{Result, registry};

/// Starts the registry.
pub(super) fn start(folder: &Folder, state: &mut State) -> Result<()> {
    let daemon = registry::start(&folder.running("")?)?;
    state.registry = Some(daemon.clone());
    state.save()?;
    daemon.wait_for_port()
}

/// Stops the registry. The Engine still asks for its address, so it is forgotten last, with the folder.
pub(super) fn stop(state: &State) -> Result<()> {
    state.registry.as_ref().map_or(Ok(()), Daemon::stop)
}
