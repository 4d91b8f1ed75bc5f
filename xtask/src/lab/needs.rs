//! What the lab needs of the machine, and how to get it.

use std::env;
use std::process::Command;

use nix::unistd::Uid;

use super::{emulation, engine};
use crate::{Result, command};

/// One thing that must be there.
struct Need {
    what: &'static str,
    package: &'static str,
    is_met: fn() -> bool,
}

const NEEDS: [Need; 5] = [
    Need { what: "a Docker client", package: "docker.io", is_met: || command::exists("docker") },
    Need {
        what: "a Docker Engine",
        package: "docker.io",
        is_met: || engine::answering().is_some() || command::exists("dockerd"),
    },
    Need { what: "a registry", package: "docker-registry", is_met: || command::exists("docker-registry") },
    Need {
        what: "an emulator for arm64 (installed, not switched on)",
        package: "qemu-user-static",
        is_met: || command::exists("qemu-aarch64-static"),
    },
    Need { what: "Python with venv", package: "python3-venv", is_met: has_venv },
];

fn has_venv() -> bool {
    command::output(Command::new("python3").args(["-c", "import ensurepip, venv"])).is_ok()
}

/// Installing is allowed by `--install`, and where `CI=true`.
pub(crate) fn may_install() -> bool {
    env::var("CI").is_ok_and(|value| value == "true")
}

/// Makes sure that everything is there, or names what is not.
pub(super) fn check(install: bool) -> Result<()> {
    let mut missing = missing();
    if install && !missing.is_empty() {
        install_packages(&missing)?;
        missing = self::missing();
    }
    let mut complaints: Vec<String> = missing
        .iter()
        .map(|need| format!("{} (Debian: apt-get install {})", need.what, need.package))
        .collect();
    if engine::answering().is_none() && !Uid::effective().is_root() {
        complaints.push("the right to start a Docker Engine (run it yourself, or be root)".to_owned());
    }
    if complaints.is_empty() {
        return Ok(());
    }
    let help = "help: `--install` installs what is missing (Debian, as root)";
    Err(format!("the lab lacks:\n  {}\n{help}", complaints.join("\n  ")).into())
}

fn missing() -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| !(need.is_met)()).collect()
}

fn install_packages(missing: &[&Need]) -> Result<()> {
    if !command::exists("apt-get") || !Uid::effective().is_root() {
        return Ok(());
    }
    let mut packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    packages.dedup();
    println!("installing {}", packages.join(" "));
    let emulated = emulation::enabled();
    let apt = |arguments: &[&str]| {
        command::output(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["-q", "update"])?;
    apt(&[&["-q", "-y", "--no-install-recommends", "install"], &packages[..]].concat())?;
    // Debian's package switches its handlers on where it can; the failing cases need them off.
    match emulation::enabled() {
        Some(handler) if emulated.is_none() => Ok(std::fs::write(handler, "0")?),
        _ => Ok(()),
    }
}
