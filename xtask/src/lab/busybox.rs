//! Real programs for two architectures: Debian's `busybox-static`.

use std::fs;
use std::path::{Path, PathBuf};

use super::state::Folder;
use crate::Result;
use crate::debian::{self, Architecture, Archive};

/// Downloads the program once and returns its path.
pub(super) fn fetch(folder: &Folder, architecture: Architecture) -> Result<PathBuf> {
    let home = folder.kept("busybox").join(architecture.name());
    let program = home.join("bin/busybox");
    if !program.is_file() {
        download(&home, architecture)?;
    }
    Ok(program)
}

fn download(home: &Path, architecture: Architecture) -> Result<()> {
    println!("fetching busybox-static for {}", architecture.name());
    let scratch = home.join("apt");
    let packages = Archive::open(&scratch, architecture)?.download(&["busybox-static"])?;
    for package in &packages {
        debian::unpack(package, home, &[])?;
    }
    Ok(fs::remove_dir_all(scratch)?)
}
