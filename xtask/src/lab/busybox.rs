//! Real programs for two architectures: Debian's `busybox-static`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::state::Folder;
use crate::{Result, command};

/// The two architectures, by Debian's and Docker's common name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Architecture {
    Amd64,
    Arm64,
}

impl Architecture {
    /// `amd64` or `arm64`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// Downloads the program once and returns its path.
pub(super) fn fetch(folder: &Folder, architecture: Architecture) -> Result<PathBuf> {
    let home = folder.kept("busybox").join(architecture.name());
    let program = home.join("bin/busybox");
    if !program.is_file() {
        download(&home, architecture)?;
    }
    Ok(program)
}

/// With package lists of its own, so that the machine needs no foreign architecture added.
fn download(home: &Path, architecture: Architecture) -> Result<()> {
    println!("fetching busybox-static for {}", architecture.name());
    let scratch = home.join("apt");
    for folder in ["state/lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(scratch.join(folder))?;
    }
    apt(&scratch, architecture, &["update"])?;
    apt(&scratch, architecture, &["download", &format!("busybox-static:{}", architecture.name())])?;
    let package = fs::read_dir(&scratch)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .ok_or("apt-get brought no busybox-static")?;
    command::output(Command::new("dpkg-deb").arg("-x").args([&package, home]))?;
    Ok(fs::remove_dir_all(scratch)?)
}

fn apt(scratch: &Path, architecture: Architecture, arguments: &[&str]) -> Result<()> {
    let option = |name: &str, value: &str| format!("-o{name}={value}");
    let path = |name: &str| scratch.join(name).display().to_string();
    let mut apt = Command::new("apt-get");
    apt.current_dir(scratch).arg("-q").arg(option("APT::Architecture", architecture.name()));
    apt.arg(option("APT::Architectures", architecture.name()));
    apt.arg(option("Dir::State", &path("state"))).arg(option("Dir::State::status", "/dev/null"));
    apt.arg(option("Dir::Cache", &path("cache"))).arg(option("APT::Sandbox::User", "root"));
    command::output(apt.args(arguments)).map(drop)
}
