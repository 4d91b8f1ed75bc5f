//! This machine as a [`Host`].

use crate::case::Case;
use crate::craft::Elf;
use crate::real::Root;
use execfit_kernel::binfmt_misc::Handler;
use execfit_kernel::exec::Outcome;
use execfit_kernel::host::{Architecture, Host, Support};
use execfit_kernel::tree::MemoryTree;
use std::fs;

/// Why the oracle cannot be asked here.
pub(crate) fn unfit() -> Option<&'static str> {
    if !nix::unistd::geteuid().is_root() {
        return Some("it needs root, for chroot, other users and devices");
    }
    if !cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))) {
        return Some("its cases are made for Linux on x86_64 and arm64");
    }
    if nix::unistd::chroot("/").is_err() {
        return Some("chroot is not allowed here");
    }
    None
}

/// The capabilities that this process has.
pub(crate) fn capabilities() -> u64 {
    rustix::thread::capabilities(None).unwrap().permitted.bits()
}

/// Read from the machine; whether it runs 32-bit programs is found out by trying one.
pub(crate) fn host(root: &mut Root) -> Host {
    let architecture = if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X86_64 };
    let program = Elf::i386().with(|elf| elf.segments[0].align = 65536);
    let tree = MemoryTree::new().file("/app", 0o755, &program.bytes());
    let narrow = root.ask(&Case::new("32-bit", tree, "/app").on(architecture));
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
    Host {
        architecture,
        compat32: if narrow == Outcome::Starts { Support::Yes } else { Support::No },
        page_size: rustix::param::page_size().try_into().unwrap(),
        kernel: (numbers.next().unwrap(), numbers.next().unwrap()),
        mmap_min_addr: fs::read_to_string("/proc/sys/vm/mmap_min_addr")
            .ok()
            .and_then(|text| text.trim().parse().ok()),
        isa: None,
        binfmt_misc: handlers(),
    }
}

/// The enabled handlers. The directory does not tell their order; they seldom overlap.
fn handlers() -> Vec<Handler> {
    let directory = fs::read_dir("/proc/sys/fs/binfmt_misc").into_iter().flatten().flatten();
    directory
        .filter_map(|entry| {
            handler(&entry.file_name().into_string().ok()?, &fs::read_to_string(entry.path()).ok()?)
        })
        .collect()
}

/// One handler as the kernel shows it (fs/binfmt_misc.c entry_status).
fn handler(name: &str, status: &str) -> Option<Handler> {
    let field = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    let hex = |text: &str| {
        let pairs = text.as_bytes().chunks(2);
        pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    };
    if !status.starts_with("enabled") {
        return None;
    }
    let flags = field("flags:").unwrap_or_default();
    Some(Handler {
        name: name.into(),
        offset: field("offset ")?.parse().ok()?,
        magic: hex(field("magic ")?),
        mask: field("mask ").map(hex).unwrap_or_default(),
        interpreter: field("interpreter ")?.into(),
        fixed: flags.contains('F'),
        preserve_argv0: flags.contains('P'),
        credentials: flags.contains('C'),
    })
}
