//! Emulation of a foreign processor by the kernel's `binfmt_misc`: with it nothing fails that ought to fail.

use std::fs;
use std::path::{Path, PathBuf};

/// The handler that runs arm64 programs on this machine, if one is switched on.
pub(super) fn enabled() -> Option<PathBuf> {
    let handlers = fs::read_dir("/proc/sys/fs/binfmt_misc").ok()?;
    handlers
        .flatten()
        .map(|entry| entry.path())
        .find(|path| runs_arm64(&fs::read_to_string(path).unwrap_or_default()))
}

/// Whether a handler is on and matches an ELF header of `EM_AARCH64` (183, at byte 18).
fn runs_arm64(handler: &str) -> bool {
    let magic = handler.lines().find_map(|line| line.strip_prefix("magic ")).unwrap_or_default();
    handler.starts_with("enabled") && magic.starts_with("7f454c46") && magic.get(36..40) == Some("b700")
}

/// What to tell a person about it.
pub(super) fn advice(handler: &Path) -> String {
    let handler = handler.display();
    format!(
        "note: this machine emulates arm64, so the failing cases cannot be shown; the lab does not switch off what it \
         did not switch on.\n      off: echo 0 > {handler}    on again: echo 1 > {handler}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const QEMU: &str = "enabled\ninterpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P\nflags: POF\noffset 0\n\
        magic 7f454c460201010000000000000000000200b700\n";

    #[test]
    fn only_an_enabled_handler_for_arm64_counts() {
        assert!(runs_arm64(QEMU));
        assert!(!runs_arm64(&QEMU.replace("enabled", "disabled")));
        assert!(!runs_arm64(&QEMU.replace("b700", "2800")));
        assert!(!runs_arm64("enabled\n"));
    }
}
