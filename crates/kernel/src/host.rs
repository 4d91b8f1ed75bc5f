//! The machine that is asked to run: what of it changes the answer.

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
            binfmt_misc: Vec::new(),
        }
    }
}
