//! What a chore needs of the machine, and how to get it.

use std::collections::BTreeSet;
use std::env;
use std::process::Command;

use nix::unistd::Uid;

use crate::{Result, command};

/// One thing that must be there.
pub(crate) struct Need {
    pub(crate) what: &'static str,
    /// The Debian package that has it.
    pub(crate) package: &'static str,
    pub(crate) is_met: fn() -> bool,
}

/// Installing is allowed by `--install`, and where `CI=true`.
pub(crate) fn may_install() -> bool {
    env::var("CI").is_ok_and(|value| value == "true")
}

/// Whether there is apt, and the right to use it.
pub(crate) fn can_install() -> bool {
    command::exists("apt-get") && Uid::effective().is_root()
}

/// Those that are not met.
pub(crate) fn missing(needs: &'static [Need]) -> Vec<&'static Need> {
    needs.iter().filter(|need| !(need.is_met)()).collect()
}

/// Installs what is missing, where that can be; else nothing happens.
pub(crate) fn install(missing: &[&Need]) -> Result<()> {
    if missing.is_empty() || !can_install() {
        return Ok(());
    }
    let packages: BTreeSet<&str> = missing.iter().map(|need| need.package).collect();
    let packages: Vec<&str> = packages.into_iter().collect();
    println!("installing {}", packages.join(" "));
    let apt = |arguments: &[&str]| {
        command::output(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["-q", "update"])?;
    apt(&[&["-q", "-y", "--no-install-recommends", "install"], &packages[..]].concat()).map(drop)
}

/// A line for each: what it is, and its package.
pub(crate) fn told(missing: &[&Need]) -> Vec<String> {
    missing.iter().map(|need| format!("{} (Debian: apt-get install {})", need.what, need.package)).collect()
}
