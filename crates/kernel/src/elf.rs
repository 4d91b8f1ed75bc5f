//! Reads ELF headers; refuses nothing, reports everything (elf(5), uapi/linux/elf.h).

pub use crate::machine::Machine;

/// The first four bytes of every ELF file.
pub const MAGIC: &[u8] = b"\x7fELF";
/// `ET_REL`: an object file.
pub const ET_REL: u16 = 1;
/// `ET_EXEC`: a program at fixed addresses.
pub const ET_EXEC: u16 = 2;
/// `ET_DYN`: a shared object, or a position-independent program.
pub const ET_DYN: u16 = 3;
/// `ET_CORE`: a memory dump.
pub const ET_CORE: u16 = 4;
/// `PT_LOAD`
pub const PT_LOAD: u32 = 1;
/// `PT_DYNAMIC`
pub const PT_DYNAMIC: u32 = 2;
/// `PT_INTERP`
pub const PT_INTERP: u32 = 3;
/// `PT_NOTE`
pub const PT_NOTE: u32 = 4;
/// `PT_GNU_PROPERTY`
pub const PT_GNU_PROPERTY: u32 = 0x6474_e553;
/// `PF_W`
pub const PF_W: u32 = 2;
/// Bytes of the longer, 64-bit file header.
pub const HEADER_SIZE: usize = 64;

/// The ELF file header (elf(5)): fields in the class and byte order that the file declares, as `readelf` reads them.
/// The kernel reads neither declaration; what it sees is in [`RawHeader`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// `EI_CLASS`: 1 = 32-bit, 2 = 64-bit.
    pub class: u8,
    /// `EI_DATA`: 1 = little-endian, 2 = big-endian.
    pub data: u8,
    /// `EI_OSABI`.
    pub os_abi: u8,
    /// `e_type`.
    pub e_type: u16,
    /// `e_machine`, read with the byte order that `EI_DATA` tells.
    pub machine: Machine,
    /// `e_flags`.
    pub flags: u32,
    /// `e_entry`.
    pub entry: u64,
    /// `e_phoff`.
    pub program_headers: u64,
    /// `e_phentsize`.
    pub program_header_size: u16,
    /// `e_phnum`.
    pub program_header_count: u16,
    /// An AppImage of type 1 or 2 (`AI` at byte 8, where ELF pads).
    pub app_image: bool,
}

impl Header {
    /// Reads the header out of a file's first bytes; `None` where the magic is not there. What a cut file lacks
    /// is zero, as it is for the kernel.
    pub fn read(head: &[u8]) -> Option<Header> {
        if !head.starts_with(MAGIC) {
            return None;
        }
        let mut bytes = [0; HEADER_SIZE];
        let length = head.len().min(HEADER_SIZE);
        bytes[..length].copy_from_slice(&head[..length]);
        let fields = RawHeader::read(&bytes, bytes[4] != 1, bytes[5] == 2);
        Some(Header {
            class: bytes[4],
            data: bytes[5],
            os_abi: bytes[7],
            e_type: fields.e_type,
            machine: Machine(fields.machine),
            flags: fields.flags,
            entry: fields.entry,
            program_headers: fields.phoff,
            program_header_size: fields.phentsize,
            program_header_count: fields.phnum,
            app_image: bytes[8..10] == *b"AI",
        })
    }

    /// The machine in the words people use; class and byte order tell some apart.
    pub fn machine_name(&self) -> &'static str {
        let (narrow, big) = (self.class == 1, self.data == 2);
        match self.machine {
            Machine::X86_64 if narrow => "x32 (x86_64 with 32-bit pointers)",
            Machine::AARCH64 if big => "arm64 (big-endian)",
            Machine::ARM if big => "arm (32-bit, big-endian)",
            Machine::RISCV if narrow => "riscv32",
            Machine::PPC64 if !big => "ppc64le",
            Machine::S390 if narrow => "s390",
            Machine::MIPS if narrow && !big => "mipsel",
            Machine::MIPS if !narrow && !big => "mips64el",
            Machine::MIPS if !narrow => "mips64",
            Machine::LOONGARCH if narrow => "loongarch32",
            machine => machine.name(),
        }
    }

    /// The architecture in OCI's words (Go's `GOARCH`), where it has one.
    pub fn oci_architecture(&self) -> Option<&'static str> {
        let (narrow, big) = (self.class == 1, self.data == 2);
        match self.machine {
            Machine::X86_64 if narrow => None,
            Machine::PPC64 if big => Some("ppc64"),
            Machine::MIPS => Some(match (narrow, big) {
                (true, true) => "mips",
                (true, false) => "mipsle",
                (false, true) => "mips64",
                (false, false) => "mips64le",
            }),
            Machine::RISCV | Machine::S390 | Machine::LOONGARCH if narrow => None,
            machine => machine.oci_architecture(),
        }
    }

    /// Whether the header declares little-endian, 64-bit fields: what x86_64 and arm64 programs have.
    pub fn is_wide(&self) -> bool {
        self.class != 1
    }
}

/// The header's fields, read with a given class and byte order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawHeader {
    /// `e_type`
    pub e_type: u16,
    /// `e_machine`
    pub machine: u16,
    /// `e_entry`
    pub entry: u64,
    /// `e_phoff`
    pub phoff: u64,
    /// `e_flags`
    pub flags: u32,
    /// `e_phentsize`
    pub phentsize: u16,
    /// `e_phnum`
    pub phnum: u16,
}

impl RawHeader {
    /// Reads a file's first 64 bytes as an `Elf64_Ehdr` (`wide`) or `Elf32_Ehdr`.
    pub fn read(head: &[u8; HEADER_SIZE], wide: bool, big: bool) -> RawHeader {
        let field = Fields { bytes: head, big };
        RawHeader {
            e_type: field.half(16),
            machine: field.half(18),
            entry: if wide { field.double(24) } else { field.word(24).into() },
            phoff: if wide { field.double(32) } else { field.word(28).into() },
            flags: field.word(if wide { 48 } else { 36 }),
            phentsize: field.half(if wide { 54 } else { 42 }),
            phnum: field.half(if wide { 56 } else { 44 }),
        }
    }
}

/// One program header (`Elf64_Phdr`; an `Elf32_Phdr` is widened).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgramHeader {
    /// `p_type`
    pub kind: u32,
    /// `p_flags`
    pub flags: u32,
    /// `p_offset`
    pub offset: u64,
    /// `p_vaddr`
    pub address: u64,
    /// `p_filesz`
    pub file_size: u64,
    /// `p_memsz`
    pub memory_size: u64,
    /// `p_align`
    pub align: u64,
}

impl ProgramHeader {
    /// Bytes of one in a file.
    pub const fn size(wide: bool) -> usize {
        if wide { 56 } else { 32 }
    }

    /// Whether its memory may be written (`PF_W`).
    pub fn is_writable(&self) -> bool {
        self.flags & PF_W != 0
    }

    /// Reads one; what `bytes` lacks is zero.
    pub fn read(bytes: &[u8], wide: bool, big: bool) -> ProgramHeader {
        let field = Fields { bytes, big };
        let address =
            |narrow: usize, at: usize| if wide { field.double(at) } else { field.word(narrow).into() };
        ProgramHeader {
            kind: field.word(0),
            flags: field.word(if wide { 4 } else { 24 }),
            offset: address(4, 8),
            address: address(8, 16),
            file_size: address(16, 32),
            memory_size: address(20, 40),
            align: address(28, 48),
        }
    }
}

/// Whether a program is linked statically: it names no loader. `table` holds its program headers, back to back.
pub fn is_static(table: &[u8], wide: bool, big: bool) -> bool {
    let headers = table.chunks_exact(ProgramHeader::size(wide));
    !headers.map(|bytes| ProgramHeader::read(bytes, wide, big)).any(|header| header.kind == PT_INTERP)
}

/// Integers of a byte order at offsets; zero where there are no bytes.
pub(crate) struct Fields<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) big: bool,
}

impl Fields<'_> {
    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let found = self.bytes.get(at..).and_then(|bytes| bytes.first_chunk::<N>());
        let mut bytes = found.copied().unwrap_or([0; N]);
        if self.big {
            bytes.reverse();
        }
        bytes
    }

    pub(crate) fn half(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.array(at))
    }

    pub(crate) fn word(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    pub(crate) fn double(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(class: u8, data: u8, machine: u16) -> Header {
        let mut bytes = [0; 64];
        bytes[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, data]);
        let machine = if data == 2 { machine.to_be_bytes() } else { machine.to_le_bytes() };
        bytes[18..20].copy_from_slice(&machine);
        Header::read(&bytes).unwrap()
    }

    #[test]
    fn machines_by_class_and_byte_order() {
        let check = |class, data, machine, name, oci| {
            let header = header(class, data, machine);
            assert_eq!((header.machine_name(), header.oci_architecture()), (name, oci));
        };
        check(2, 1, 62, "x86_64", Some("amd64"));
        check(1, 1, 62, "x32 (x86_64 with 32-bit pointers)", None);
        check(2, 1, 183, "arm64", Some("arm64"));
        check(1, 1, 40, "arm (32-bit)", Some("arm"));
        check(1, 1, 3, "i386", Some("386"));
        check(2, 1, 243, "riscv64", Some("riscv64"));
        check(2, 2, 22, "s390x", Some("s390x"));
        check(2, 1, 21, "ppc64le", Some("ppc64le"));
        check(2, 2, 21, "ppc64", Some("ppc64"));
        check(2, 1, 8, "mips64el", Some("mips64le"));
        check(2, 1, 258, "loongarch64", Some("loong64"));
        check(2, 1, 4711, "an unknown machine", None);
    }

    #[test]
    fn a_cut_header_is_zero_behind_the_cut() {
        let header = Header::read(b"\x7fELF\x02\x01").unwrap();
        assert_eq!((header.class, header.machine, header.program_header_count), (2, Machine(0), 0));
        assert_eq!(Header::read(b"\x7fEL"), None);
    }
}
