//! What a file is: a program or a library, of which machine and system.

use super::names::System;
use execfit_image::platform::Platform;
use execfit_kernel::elf::{ET_DYN, ET_EXEC, Header, Machine};
use execfit_kernel::host::{Architecture, Host, Support};
use execfit_kernel::signature::{ElfKind, PeKind, Signature};
use serde::{Deserialize, Serialize};

/// What a platform's host runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ground {
    /// The architecture in OCI's words (Go's `GOARCH`), e.g. `arm64`.
    pub architecture: String,
    /// Whether its 32-bit programs run, too; `None` where nobody told.
    pub runs_32bit: Option<bool>,
}

/// Whether a host runs what is of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It does.
    Own,
    /// That depends on what is not known of the host.
    Depends,
    /// It does not.
    Foreign,
}

impl Ground {
    /// What a host runs, or, where none is modelled, programs of the platform's own architecture.
    pub fn of(platform: &Platform, host: Option<&Host>) -> Ground {
        let support = |support| match support {
            Support::Yes => Some(true),
            Support::No => Some(false),
            Support::Unknown => None,
        };
        match host {
            Some(host) => {
                let own = Platform::linux(host.architecture).architecture.0;
                Ground { architecture: own, runs_32bit: support(host.compat32) }
            }
            None => Ground { architecture: platform.normalized().architecture.0, runs_32bit: Some(false) },
        }
    }

    /// The host in words, e.g. `Linux on x86_64`.
    pub fn words(&self) -> String {
        let architecture = match &self.architecture[..] {
            "amd64" => Architecture::X86_64.name(),
            other => other,
        };
        format!("Linux on {architecture}")
    }

    /// Whether it runs ELF files of this header: its own, and the 32-bit ones of its family
    /// (Linux `elf_check_arch`, `compat_elf_check_arch`).
    pub(super) fn fits(&self, header: &Header) -> Fit {
        let Some(architecture) = architecture_of(header) else { return Fit::Foreign };
        let narrow = matches!((&self.architecture[..], architecture), ("amd64", "386") | ("arm64", "arm"));
        match self.runs_32bit {
            _ if architecture == self.architecture => Fit::Own,
            Some(true) if narrow => Fit::Own,
            None if narrow => Fit::Depends,
            _ => Fit::Foreign,
        }
    }
}

/// The architecture of a header in OCI's words; `None` where no platform has such programs.
fn architecture_of(header: &Header) -> Option<&'static str> {
    let little = matches!(header.machine, Machine::X86_64 | Machine::AARCH64 | Machine::ARM | Machine::I386);
    if little && header.data == 2 { None } else { header.oci_architecture() }
}

/// What a file is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Use {
    /// It is executed.
    Program,
    /// Programs load it: shared libraries, native addons.
    Library,
    /// Only linkers, kernels or debuggers read it.
    Object,
    /// A script: its interpreter is executed.
    Script,
}

/// A file of machine code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) used: Use,
    /// The machine in the words people use, e.g. `arm64`, `arm64 (macOS)`.
    pub(super) machine: String,
    /// Its architectures in OCI's words; none where no platform has it.
    pub(super) architectures: Vec<&'static str>,
    pub(super) system: System,
    pub(super) fit: Fit,
}

/// Looks at the beginning of a regular file; `None` where it is no machine code. .NET's assemblies and "actually
/// portable executables" run wherever their runtime does, so they are none.
pub(super) fn code(ground: &Ground, path: &[u8], head: &[u8], size: u64) -> Option<Code> {
    let native = head.starts_with(execfit_kernel::elf::MAGIC);
    // Everything else than ELF is told by four bytes, and named only then.
    let others: [&[u8]; 7] = [
        b"MZ",
        b"\xcf\xfa\xed\xfe",
        b"\xce\xfa\xed\xfe",
        b"\xfe\xed\xfa\xcf",
        b"\xfe\xed\xfa\xce",
        b"\xca\xfe\xba\xbe",
        b"\xca\xfe\xba\xbf",
    ];
    if !native && !others.iter().any(|magic| head.starts_with(magic)) {
        return None;
    }
    let foreign = |used, cpus: &[&'static str], system, name: &str| Code {
        used: if named_as_library(path) { Use::Library } else { used },
        machine: format!("{} ({name})", cpus.join(" and ")),
        architectures: cpus.iter().filter_map(|cpu| oci(cpu)).collect(),
        system,
        fit: Fit::Foreign,
    };
    match Signature::of(head, size) {
        Signature::Elf { header, kind } => Some(elf(ground, path, &header, kind)),
        Signature::MachO { cpu, kind } => {
            let used = match kind {
                "program" => Use::Program,
                "library" | "bundle" => Use::Library,
                _ => Use::Object,
            };
            Some(foreign(used, &[cpu], System::Darwin, "macOS"))
        }
        Signature::MachOFat { cpus } => Some(foreign(Use::Program, &cpus, System::Darwin, "macOS")),
        Signature::Pe { kind: PeKind::DotNet, .. } => None,
        Signature::Pe { kind: PeKind::Efi, machine } => {
            Some(Code { used: Use::Object, ..foreign(Use::Object, &[machine], System::Windows, "UEFI") })
        }
        Signature::Pe { kind, machine } => {
            let used = if kind == PeKind::Library { Use::Library } else { Use::Program };
            Some(foreign(used, &[machine], System::Windows, "Windows"))
        }
        _ => None,
    }
}

fn elf(ground: &Ground, path: &[u8], header: &Header, kind: ElfKind) -> Code {
    let used = match kind {
        _ if !matches!(header.e_type, ET_EXEC | ET_DYN) => Use::Object,
        _ if named_as_library(path) => Use::Library,
        ElfKind::Library => Use::Library,
        _ => Use::Program,
    };
    Code {
        used,
        machine: match header.machine_name() {
            "an unknown machine" => header.machine.to_string(),
            name => name.to_string(),
        },
        architectures: architecture_of(header).into_iter().collect(),
        system: System::Linux,
        fit: ground.fits(header),
    }
}

/// The kernel's words for a processor in OCI's.
fn oci(cpu: &str) -> Option<&'static str> {
    Some(match cpu {
        "x86_64" => "amd64",
        "arm64" | "arm64_32" => "arm64",
        "i386" => "386",
        "arm (32-bit)" => "arm",
        "riscv64" => "riscv64",
        "loongarch64" => "loong64",
        "ppc64" => "ppc64",
        "powerpc" => "ppc",
        _ => return None,
    })
}

/// Whether programs load a file of this name: `.so`, `.so.1`, `.node`, `.dylib`, `.dll`, `.pyd`.
pub(super) fn named_as_library(path: &[u8]) -> bool {
    let name = file_name(path);
    let ends = [&b".so"[..], b".node", b".dylib", b".dll", b".pyd", b".jnilib"];
    ends.iter().any(|end| name.ends_with(end)) || name.windows(4).any(|part| part == b".so.")
}

/// The last component of a path.
pub(super) fn file_name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}
