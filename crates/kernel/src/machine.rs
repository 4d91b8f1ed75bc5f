//! Processor architectures by their ELF number.

use std::fmt;

/// An ELF `e_machine` number (uapi/linux/elf-em.h and the generic ABI's registry).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Machine(pub u16);

impl Machine {
    /// `EM_386`
    pub const I386: Machine = Machine(3);
    /// `EM_486`, which the kernel takes for `EM_386`.
    pub const I486: Machine = Machine(6);
    /// `EM_MIPS`
    pub const MIPS: Machine = Machine(8);
    /// `EM_PPC64`
    pub const PPC64: Machine = Machine(21);
    /// `EM_S390`
    pub const S390: Machine = Machine(22);
    /// `EM_ARM`
    pub const ARM: Machine = Machine(40);
    /// `EM_X86_64`
    pub const X86_64: Machine = Machine(62);
    /// `EM_AARCH64`
    pub const AARCH64: Machine = Machine(183);
    /// `EM_RISCV`
    pub const RISCV: Machine = Machine(243);
    /// `EM_LOONGARCH`
    pub const LOONGARCH: Machine = Machine(258);

    /// The name people use, of the common class and byte order where the number leaves them open
    /// ([`crate::elf::Header::machine_name`] tells them apart).
    pub fn name(self) -> &'static str {
        match self.0 {
            0 => "no machine",
            1 => "we32100",
            2 => "sparc",
            3 | 6 => "i386",
            4 => "m68k",
            5 => "m88k",
            7 => "i860",
            8 => "mips",
            10 => "mips (little-endian R3000)",
            15 => "parisc",
            18 => "sparc32plus",
            20 => "powerpc",
            21 => "ppc64",
            22 => "s390x",
            23 => "cell spu",
            40 => "arm (32-bit)",
            41 | 0x9026 => "alpha",
            42 => "superh",
            43 => "sparc64",
            44 => "tricore",
            45 => "arc",
            50 => "ia64",
            62 => "x86_64",
            80 => "mmix",
            83 => "avr",
            87 => "v850",
            88 | 0x9041 => "m32r",
            92 => "openrisc",
            93 | 195 => "arc",
            94 => "xtensa",
            105 => "msp430",
            106 => "blackfin",
            113 => "nios2",
            164 => "hexagon",
            183 => "arm64",
            188 => "tile",
            189 => "microblaze",
            190 => "cuda",
            191 => "tilegx",
            224 => "amdgpu",
            243 => "riscv64",
            247 => "bpf",
            251 => "vector engine",
            252 => "csky",
            258 => "loongarch64",
            0x5441 => "frv",
            0xa390 => "s390 (old number)",
            _ => "an unknown machine",
        }
    }

    /// The architecture in OCI's words (Go's `GOARCH`), of the common class and byte order.
    pub fn oci_architecture(self) -> Option<&'static str> {
        Some(match self.0 {
            3 | 6 => "386",
            8 => "mips",
            20 => "ppc",
            21 => "ppc64le",
            22 => "s390x",
            40 => "arm",
            43 => "sparc64",
            62 => "amd64",
            183 => "arm64",
            243 => "riscv64",
            258 => "loong64",
            _ => return None,
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            "an unknown machine" => write!(f, "machine {}", self.0),
            name => f.write_str(name),
        }
    }
}
