//! Emulation of a foreign processor by the kernel's `binfmt_misc`: with it nothing fails that ought to fail. So the lab
//! switches on a handler of its own, which takes only programs that bear the lab's mark in their ELF header.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::state::{Folder, State};
use crate::{Result, command};

/// In bytes 9 to 15 of the ELF identification (`EI_PAD`), which kernel and emulator do not look at.
const MARK: &[u8; 7] = b"execfit";
/// The handler's name.
const HANDLER: &str = "execfit-lab";
const INTERPRETER: &str = "/usr/bin/qemu-aarch64-static";

/// The handler that runs arm64 programs on this machine, if one is switched on.
pub(super) fn enabled() -> Option<PathBuf> {
    let handlers = fs::read_dir("/proc/sys/fs/binfmt_misc").ok()?;
    handlers
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| !path.ends_with(HANDLER))
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

/// A program for arm64 that this machine runs as long as the lab is up.
pub(super) fn marked(mut program: Vec<u8>) -> Vec<u8> {
    if let Some(pad) = program.get_mut(9..16) {
        pad.copy_from_slice(MARK);
    }
    program
}

/// Switches the handler on, where this user may; without it, tests that need an arm64 host say so.
pub(super) fn start(folder: &Folder, state: &mut State) -> Result<()> {
    let mount = folder.running("binfmt_misc")?;
    fs::create_dir_all(&mount)?;
    let mut program = Command::new("mount");
    program.args(["-t", "binfmt_misc", "none"]).arg(&mount).env("PATH", command::search_path());
    let switched =
        command::output(&mut program).and_then(|_| Ok(fs::write(mount.join("register"), handler())?));
    match switched {
        Ok(()) => state.emulation = Some(mount.join(HANDLER)),
        Err(error) => println!("note: no emulation of arm64: {error}"),
    }
    state.save()
}

/// Switches it off again.
pub(super) fn stop(state: &mut State) -> Result<()> {
    let Some(handler) = state.emulation.take() else { return state.save() };
    if handler.exists() {
        fs::write(&handler, "-1")?;
    }
    if let Some(mount) = handler.parent() {
        command::output(Command::new("umount").arg("--lazy").arg(mount).env("PATH", command::search_path()))?;
    }
    state.save()
}

/// As `binfmt_misc` reads it: the mark, an ELF header of `EM_AARCH64`, an interpreter that is opened now (`F`) and so
/// found from within containers.
fn handler() -> Vec<u8> {
    let mut magic = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0".to_vec();
    magic = marked(magic);
    // Neither the ABI (byte 7, and its version) nor whether it is position-independent (byte 16) matters.
    let mask = (0..magic.len()).map(|at| match at {
        7 | 8 => 0,
        16 => 0xfe,
        _ => 0xff,
    });
    let escaped =
        |bytes: &mut dyn Iterator<Item = u8>| bytes.map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    let magic = escaped(&mut magic.iter().copied());
    format!(":{HANDLER}:M:0:{magic}:{}:{INTERPRETER}:F", escaped(&mut mask.into_iter())).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handler_takes_marked_programs_only() {
        let text = String::from_utf8(handler()).unwrap();
        assert!(text.contains(r"\x65\x78\x65\x63\x66\x69\x74\x02\x00\xb7\x00:"), "{text}");
        assert!(text.contains(r":\xff\xff\xff\xff\xff\xff\xff\x00\x00\xff\xff"), "{text}");
        assert!(!marked(vec![0; 20]).starts_with(MARK) && marked(vec![0; 20])[9..16] == *MARK);
    }

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
