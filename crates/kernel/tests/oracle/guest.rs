//! The oracle as the first and only program of a virtual machine: another kernel answers.

use nix::mount::{MsFlags, mount};
use rustix::system::{RebootCommand, reboot};
use std::path::Path;
use std::process::Command;

/// What a guest says last; its exit code follows.
pub(crate) const DONE: &str = "oracle: guest done: ";

/// Whether this process is the first of its machine.
pub(crate) fn is_first_process() -> bool {
    std::process::id() == 1
}

/// Mounts what the oracle needs, runs it as a child of its own, and turns the machine off.
pub(crate) fn run() -> ! {
    for (kind, place) in [("proc", "/proc"), ("devtmpfs", "/dev"), ("tmpfs", "/tmp")] {
        std::fs::create_dir_all(place).unwrap();
        mount(Some(kind), place, Some(kind), MsFlags::empty(), None::<&Path>).unwrap();
    }
    let status = Command::new("/proc/self/exe").status().unwrap();
    println!("\n{DONE}{}", status.code().unwrap_or(-1));
    let error = reboot(RebootCommand::PowerOff);
    panic!("the machine stays on: {error:?}")
}
