//! `cargo xtask oracle`: real kernels against the model. Without a kernel's file this machine's own is asked; with one
//! it is booted in QEMU with the oracle as its first and only program.
//!
//! `--binaries` takes a directory of programs of other architectures. To fill one on Debian, which has i386, arm64,
//! armhf, mips64el, ppc64el, riscv64, s390x ...:
//!
//! ```text
//! dpkg --add-architecture s390x && apt-get update
//! apt-get download coreutils:s390x busybox:s390x libc6:s390x
//! for package in *.deb; do dpkg-deb --extract "$package" "DIRECTORY/$package"; done
//! ```

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::command::{self, workspace};
use crate::{Result, command::exists};

const USAGE: &str =
    "usage: cargo xtask oracle [--kernel VMLINUZ|DEB [--cpu CPU] [--append WORDS] [--record NAME]]
       cargo xtask oracle [--binaries DIRECTORY [--cases COUNT] [--seed NUMBER]]";
/// How often the random parts ask where `--binaries` is given without `--cases`.
const DAMAGED_BINARIES: &str = "10000";
/// A guest on an emulated processor takes three minutes.
const PATIENCE: Duration = Duration::from_secs(900);
/// Where `crates/kernel/tests/oracle/recorded.rs` reads what kernels answered.
const ANSWERS: &str = "crates/kernel/tests/oracle/answers";
/// What a guest puts in front of the lines of its recording, and what it says last.
const RECORDED: &str = "recorded: ";
const DONE: &str = "oracle: guest done: 0";

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let (mut kernel, mut cpu, mut append, mut record) = (None, None, String::new(), None);
    let mut questions = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let value = words.next().cloned().ok_or(USAGE)?;
        match word.as_str() {
            "--kernel" => kernel = Some(PathBuf::from(value)),
            "--cpu" => cpu = Some(value),
            "--append" => append = value,
            "--record" => record = Some(value),
            "--binaries" => {
                let folder = fs::canonicalize(&value).map_err(|error| format!("{value}: {error}"))?;
                questions.insert(0, ("EXECFIT_ORACLE_CASES", DAMAGED_BINARIES.into()));
                questions.push(("EXECFIT_ORACLE_BINARIES", folder.into_os_string()));
            }
            "--cases" => questions.push(("EXECFIT_ORACLE_CASES", value.into())),
            "--seed" => questions.push(("EXECFIT_ORACLE_SEED", value.into())),
            _ => return Err(USAGE.into()),
        }
    }
    let Some(kernel) = kernel else { return ask_this_machine(questions) };
    let folder = workspace().join("target/oracle");
    fs::create_dir_all(&folder)?;
    let kernel =
        if kernel.extension().is_some_and(|kind| kind == "deb") { unpack(&kernel, &folder)? } else { kernel };
    let machine = Machine::of(&fs::read(&kernel)?);
    let initramfs = folder.join("initramfs");
    fs::write(&initramfs, cpio(&fs::read(build(machine)?)?))?;
    let cpu = cpu.as_deref().unwrap_or(machine.cpu());
    let said = boot(machine, &kernel, &initramfs, cpu, &append)?;
    let lines = || said.lines().map(|line| line.trim_end_matches('\r'));
    lines().filter(|line| !line.starts_with(RECORDED)).for_each(|line| println!("{line}"));
    if let Some(name) = record {
        let answers: String =
            lines().filter_map(|line| line.strip_prefix(RECORDED)).map(|line| format!("{line}\n")).collect();
        let folder = workspace().join(ANSWERS);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(format!("{name}.txt")), answers)?;
    }
    if lines().any(|line| line == DONE) {
        Ok(())
    } else {
        Err("the guest disagrees, or did not come to an end".into())
    }
}

/// The variables that tell the oracle what to ask; the last of a name holds.
fn ask_this_machine(questions: Vec<(&str, OsString)>) -> Result<()> {
    let status = Command::new("cargo")
        .current_dir(workspace())
        .args(["test", "--package", "execfit-kernel", "--test", "oracle"])
        .envs(questions)
        .status()?;
    if status.success() { Ok(()) } else { Err("the oracle disagrees".into()) }
}

/// A kind of virtual machine.
#[derive(Clone, Copy)]
enum Machine {
    X86_64,
    Arm64,
}

impl Machine {
    /// Told by the kernel's file: `HdrS` (Documentation/arch/x86/boot.rst), or else arm64.
    fn of(kernel: &[u8]) -> Machine {
        if kernel.get(0x202..0x206) == Some(b"HdrS") { Machine::X86_64 } else { Machine::Arm64 }
    }

    fn target(self) -> &'static str {
        match self {
            Machine::X86_64 => "x86_64-unknown-linux-musl",
            Machine::Arm64 => "aarch64-unknown-linux-musl",
        }
    }

    /// A processor without 5-level page tables or 52-bit addresses, which would make larger address spaces; the one of
    /// arm64 has AArch32 at EL0 (`a64fx` has not).
    fn cpu(self) -> &'static str {
        match self {
            Machine::X86_64 => "max,-la57",
            Machine::Arm64 => "neoverse-n1",
        }
    }

    /// QEMU's program and the machine's board, and the console in the guest.
    fn qemu(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Machine::X86_64 => ("qemu-system-x86_64", "q35", "ttyS0"),
            Machine::Arm64 => ("qemu-system-aarch64", "virt", "ttyAMA0"),
        }
    }
}

/// The kernel in a Debian package (`linux-image-*`, since 7.1 `linux-binary-*`).
fn unpack(package: &Path, folder: &Path) -> Result<PathBuf> {
    let root = folder.join("package");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    command::output(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&root))?;
    let found = command::output(Command::new("find").arg(&root).args(["-name", "vmlinuz*", "-type", "f"]))?;
    found.lines().next().map(PathBuf::from).ok_or_else(|| "there is no vmlinuz in the package".into())
}

/// The oracle as a static program of the guest's architecture.
fn build(machine: Machine) -> Result<PathBuf> {
    let target = machine.target();
    let linker = format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_"));
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace()).env(linker, "rust-lld").args(["test", "--release", "--no-run"]);
    cargo.args([
        "--package",
        "execfit-kernel",
        "--test",
        "oracle",
        "--message-format",
        "json",
        "--target",
        target,
    ]);
    let said = command::output(&mut cargo)
        .map_err(|error| format!("{error}\nis the target there? rustup target add {target}"))?;
    let artifacts = said.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let program =
        artifacts.filter_map(|artifact| Some(artifact["executable"].as_str()?.to_owned())).next_back();
    program.map(PathBuf::from).ok_or_else(|| "cargo built no program".into())
}

/// An archive of one program, `/init` (Documentation/driver-api/early-userspace/buffer-format.rst, `newc`).
fn cpio(init: &[u8]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (inode, name, mode, bytes) in [(1, "init", 0o100_755, init), (0, "TRAILER!!!", 0, &[][..])] {
        let size = bytes.len();
        let named = name.len() + 1;
        let fields = [inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, named, 0];
        archive.extend(b"070701");
        fields.iter().for_each(|field| archive.extend(format!("{field:08x}").bytes()));
        archive.extend(name.bytes());
        archive.push(0);
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend(bytes);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }
    archive
}

/// Boots, and gives all that the guest wrote to its console. The processor is emulated: nested virtualisation is not
/// to be relied on, and answers must not depend on this machine.
fn boot(machine: Machine, kernel: &Path, initramfs: &Path, cpu: &str, append: &str) -> Result<String> {
    let (qemu, board, console) = machine.qemu();
    if !exists(qemu) {
        return Err(format!("{qemu} is not installed").into());
    }
    let words = format!("console={console} quiet loglevel=1 panic=-1 EXECFIT_ORACLE_RECORD=1 {append}");
    let mut guest = Command::new("timeout");
    guest.arg(PATIENCE.as_secs().to_string()).args([qemu, "-machine", board, "-cpu", cpu, "-m", "2G"]);
    guest.args(["-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio", "-append", &words]);
    guest.arg("-kernel").arg(kernel).arg("-initrd").arg(initramfs).stdin(Stdio::null());
    command::output(&mut guest)
}
