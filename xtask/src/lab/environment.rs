//! What a program must know to use the lab.

use super::auth;
use super::state::{Folder, State};
use crate::Result;

/// The environment variables of the lab, in the order in which they are printed.
pub(crate) fn variables() -> Result<Vec<(&'static str, String)>> {
    let folder = Folder::open()?;
    let state = State::load(&folder)?;
    if !state.is_up() {
        return Err("the lab is not up: cargo xtask lab up".into());
    }
    let key = state.key.as_ref().ok_or("the lab has no key")?;
    let emulation = state.emulation.as_ref().map(|_| ("EXECFIT_LAB_EMULATION", "1".to_owned()));
    let variables = [
        ("EXECFIT_LAB", "1".to_owned()),
        ("EXECFIT_LAB_REGISTRY", state.registry_address()?),
        ("EXECFIT_LAB_FIXERS", auth::fixers(&folder)?.display().to_string()),
        ("EXECFIT_LAB_AUTH_ENDPOINT", state.auth_endpoint()?),
        ("EXECFIT_LAB_DENIED_ACCESS_KEY_ID", key.id.clone()),
        ("EXECFIT_LAB_DENIED_SECRET_ACCESS_KEY", key.secret.clone()),
        ("AWS_ENDPOINT_URL", state.endpoint()?),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("DOCKER_HOST", state.docker_host()?.to_owned()),
    ];
    Ok(variables.into_iter().chain(emulation).collect())
}

/// What would stand in the way of those.
pub(crate) const HINDRANCES: [&str; 3] = ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION"];

/// `eval "$(cargo xtask lab env)"`
pub(super) fn print() -> Result<()> {
    println!("unset {}", HINDRANCES.join(" "));
    for (name, value) in variables()? {
        println!("export {name}='{value}'");
    }
    Ok(())
}
