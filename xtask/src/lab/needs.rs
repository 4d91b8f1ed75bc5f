//! What the lab needs of the machine.

use std::process::Command;

use nix::unistd::Uid;

use super::{emulation, engine};
use crate::needs::{self, Need};
use crate::{Result, command};

const NEEDS: &[Need] = &[
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

/// Makes sure that everything is there, or names what is not.
pub(super) fn check(install: bool) -> Result<()> {
    if install {
        install_packages(&needs::missing(NEEDS))?;
    }
    let mut complaints = needs::told(&needs::missing(NEEDS));
    if engine::answering().is_none() && !Uid::effective().is_root() {
        complaints.push("the right to start a Docker Engine (run it yourself, or be root)".to_owned());
    }
    if complaints.is_empty() {
        return Ok(());
    }
    let help = "help: `--install` installs what is missing (Debian, as root)";
    Err(format!("the lab lacks:\n  {}\n{help}", complaints.join("\n  ")).into())
}

fn install_packages(missing: &[&Need]) -> Result<()> {
    let emulated = emulation::enabled();
    needs::install(missing)?;
    // Debian's package switches its handlers on where it can; the failing cases need them off.
    match emulation::enabled() {
        Some(handler) if emulated.is_none() => Ok(std::fs::write(handler, "0")?),
        _ => Ok(()),
    }
}
