//! What is mounted where.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{Result, command};

/// Whatever is still mounted below a folder of ours would make its removal fail, or worse, reach into it.
pub(crate) fn unmount_below(folder: &Path) -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let below = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .filter(|path| Path::new(path).starts_with(folder));
    let mut below: Vec<&str> = below.collect();
    below.reverse();
    for path in below {
        command::output(Command::new("umount").arg("--lazy").arg(path).env("PATH", command::search_path()))?;
    }
    Ok(())
}
