//! The machine that is asked to run: what of it changes the answer.

mod preset;

pub use preset::Preset;

use crate::binfmt_misc::Handler;
use std::fmt;

/// The processor architecture of a host kernel. ECS runs tasks on these two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Architecture {
    /// 64-bit x86; `amd64` in OCI, `X86_64` in ECS.
    X86_64,
    /// 64-bit Arm; `arm64` in OCI, `ARM64` in ECS, `aarch64` in the kernel's `uname`.
    Arm64,
}

impl Architecture {
    /// Both.
    pub const ALL: [Architecture; 2] = [Architecture::X86_64, Architecture::Arm64];

    /// The name in `execfit`'s reports and in the attribute `ecs.cpu-architecture`: `x86_64` or `arm64`.
    pub fn name(self) -> &'static str {
        match self {
            Architecture::X86_64 => "x86_64",
            Architecture::Arm64 => "arm64",
        }
    }

    /// The one of the two that it is not.
    pub fn other(self) -> Architecture {
        match self {
            Architecture::X86_64 => Architecture::Arm64,
            Architecture::Arm64 => Architecture::X86_64,
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether the host has a property, where that may be unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It has.
    Yes,
    /// It has not.
    No,
    /// Nobody told.
    Unknown,
}

macro_rules! levels {
    ($($level:ident = $name:literal on $architecture:ident),+ $(,)?) => {
        /// A level of the instruction set: x86-64's of the System V ABI (x86-64 psABI, micro-architecture levels),
        /// Arm's by the version of the architecture (Arm Architecture Reference Manual, A2).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Isa { $(#[doc = concat!("`", $name, "`")] $level),+ }

        impl Isa {
            /// All of them, in their order.
            pub const ALL: &[Isa] = &[$(Isa::$level),+];
            /// The name that compilers know it by, e.g. `x86-64-v3`, `armv8.2-a`.
            pub fn name(self) -> &'static str { match self { $(Isa::$level => $name),+ } }
            /// Whose level it is.
            pub fn architecture(self) -> Architecture { match self { $(Isa::$level => Architecture::$architecture),+ } }
        }
    };
}

levels! {
    X86_64V1 = "x86-64-v1" on X86_64,
    X86_64V2 = "x86-64-v2" on X86_64,
    X86_64V3 = "x86-64-v3" on X86_64,
    X86_64V4 = "x86-64-v4" on X86_64,
    Armv8_0 = "armv8-a" on Arm64,
    Armv8_2 = "armv8.2-a" on Arm64,
    Armv8_4 = "armv8.4-a" on Arm64,
    Armv9_0 = "armv9-a" on Arm64,
}

impl Isa {
    /// The level of this name.
    pub fn named(name: &str) -> Option<Isa> {
        Isa::ALL.iter().copied().find(|isa| isa.name() == name)
    }

    /// Whether a processor of this level has all that another one asks for.
    pub fn covers(self, other: Isa) -> bool {
        self.architecture() == other.architecture() && self >= other
    }
}

/// Major and minor of a kernel's version as `uname -r` tells it, e.g. `6.12.94+deb13-amd64`.
pub fn kernel_version(release: &str) -> Option<(u16, u16)> {
    let (major, rest) = release.split_once('.')?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((major.parse().ok()?, rest[..end].parse().ok()?))
}

/// A host: the properties of machine and kernel that decide what `execve` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The kernel's architecture.
    pub architecture: Architecture,
    /// 32-bit programs: IA32 emulation on x86_64, AArch32 at EL0 on arm64.
    pub compat32: Support,
    /// Page size in bytes.
    pub page_size: u32,
    /// Kernel version, major and minor.
    pub kernel: (u16, u16),
    /// `vm.mmap_min_addr` in bytes (Documentation/admin-guide/sysctl/vm.rst): where nothing may be mapped without
    /// `CAP_SYS_RAWIO`. Debian has 65536 on x86_64, 4096 on arm64; `None` where nobody told.
    pub mmap_min_addr: Option<u64>,
    /// What instructions the processor has, where that is known. It changes no answer of `execve`.
    pub isa: Option<Isa>,
    /// Registered and enabled binfmt_misc handlers, the last registered first, as the kernel tries them.
    pub binfmt_misc: Vec<Handler>,
}

impl Host {
    /// A host as AWS has them for containers: 4 KiB pages, a kernel of the 6.1 line, no binfmt_misc handler.
    ///
    /// x86_64 kernels of Amazon Linux and Fargate's Firecracker guest have IA32 emulation (their configs:
    /// `CONFIG_IA32_EMULATION=y`); on arm64 it depends on the processor (Graviton2 and 3 have AArch32 at EL0,
    /// Graviton4 has not), so it is unknown.
    pub fn aws(architecture: Architecture) -> Host {
        let compat32 = match architecture {
            Architecture::X86_64 => Support::Yes,
            Architecture::Arm64 => Support::Unknown,
        };
        Host {
            architecture,
            compat32,
            page_size: 4096,
            kernel: (6, 1),
            mmap_min_addr: None,
            isa: None,
            binfmt_misc: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_uname_tells_them() {
        for (text, expected) in [
            ("6.12", Some((6, 12))),
            ("6.12.94+deb13-amd64", Some((6, 12))),
            ("7.2.13", Some((7, 2))),
            ("5.10-rc1", Some((5, 10))),
            ("6", None),
            ("6.", None),
            (".1", None),
            ("six.1", None),
            ("99999.1", None),
        ] {
            assert_eq!(kernel_version(text), expected, "{text}");
        }
    }
}
