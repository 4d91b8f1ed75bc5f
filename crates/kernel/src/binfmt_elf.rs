//! ELF programs, up to the point of no return (fs/binfmt_elf.c load_elf_binary, fs/compat_binfmt_elf.c).
//!
//! `EI_CLASS`, `EI_DATA` and `EI_OSABI` are never read here, as the kernel never reads them: it looks at the fields
//! where its own class has them, and at `e_machine`.

use crate::elf::{self, HEADER_SIZE, Machine, PT_GNU_PROPERTY, PT_INTERP, ProgramHeader, RawHeader};
use crate::errno::Errno;
use crate::exec::{Exec, HEAD, Rule, Step};
use crate::gnu_property;
use crate::host::{Architecture, Host, Support};
use crate::mapping;
use crate::namei::{Found, PATH_MAX};
use crate::refusal::{Stop, refuse};
use crate::tree::{FileTree, Gap};

const NOT_A_PROGRAM: Rule = Rule {
    text: "it is ELF but neither a program nor a shared object: e_type must be 2 or 3",
    source: "fs/binfmt_elf.c load_elf_binary",
};
const NOT_X86_64: Rule = Rule {
    text: "it is built for another processor: this kernel runs e_machine 62 (x86_64), and i386 if it is told to",
    source: "fs/binfmt_elf.c load_elf_binary, arch/x86/include/asm/elf.h elf_check_arch",
};
const NOT_ARM64: Rule = Rule {
    text: "it is built for another processor: this kernel runs e_machine 183 (arm64), and 32-bit arm if it can",
    source: "fs/binfmt_elf.c load_elf_binary, arch/arm64/include/asm/elf.h elf_check_arch",
};
const NO_IA32: Rule = Rule {
    text: "it is a 32-bit program and this kernel has no IA32 emulation",
    source: "arch/x86/include/asm/elf.h compat_elf_check_arch",
};
const NO_AARCH32: Rule = Rule {
    text: "it is a 32-bit program and this processor or kernel runs 64-bit programs only",
    source: "arch/arm64/include/asm/elf.h compat_elf_check_arch",
};
const OLD_ARM_ABI: Rule = Rule {
    text: "it is a 32-bit arm program of the old ABI: e_flags names no EABI version",
    source: "arch/arm64/include/asm/elf.h compat_elf_check_arch",
};
const COMPAT_UNKNOWN: &str = "whether this host runs 32-bit programs is not known";

const HEADER_ENTRY_SIZE: Rule = Rule {
    text: "e_phentsize is not the size of this kernel's program headers: damaged, or of the wrong class",
    source: "fs/binfmt_elf.c load_elf_phdrs",
};
const NO_PROGRAM_HEADERS: Rule =
    Rule { text: "it has no program headers", source: "fs/binfmt_elf.c load_elf_phdrs" };
const TOO_MANY_HEADERS: Rule = Rule {
    text: "its program headers take more than 64 KiB, or before Linux 6.17 more than a page",
    source: "fs/binfmt_elf.c load_elf_phdrs",
};
const HEADERS_CUT: Rule = Rule {
    text: "the file ends before its program headers do: it is cut short, or e_phoff is wrong",
    source: "fs/binfmt_elf.c load_elf_phdrs elf_read",
};

const INTERP_SIZE: Rule = Rule {
    text: "PT_INTERP is shorter than 2 or longer than 4096 bytes",
    source: "fs/binfmt_elf.c load_elf_binary",
};
const INTERP_CUT: Rule = Rule {
    text: "the file ends before the loader's path that PT_INTERP points at: it is cut short",
    source: "fs/binfmt_elf.c load_elf_binary elf_read",
};
const INTERP_OFFSET: Rule = Rule {
    text: "PT_INTERP points beyond the largest offset that a file can have",
    source: "fs/binfmt_elf.c elf_read, fs/read_write.c rw_verify_area",
};
const INTERP_NO_NUL: Rule = Rule {
    text: "the loader's path in PT_INTERP does not end in a NUL byte",
    source: "fs/binfmt_elf.c load_elf_binary",
};
const LOADER_SHORT: Rule = Rule {
    text: "the loader is shorter than an ELF header",
    source: "fs/binfmt_elf.c load_elf_binary elf_read",
};
const LOADER_NOT_ELF: Rule =
    Rule { text: "the loader is no ELF file", source: "fs/binfmt_elf.c load_elf_binary" };
const LOADER_MACHINE: Rule = Rule {
    text: "the loader is built for another processor or word size than the program",
    source: "fs/binfmt_elf.c load_elf_binary elf_check_arch",
};

/// Which of the kernel's two ELF loaders is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Abi {
    /// `elf_format`: 64-bit.
    Native,
    /// `compat_elf_format`: 32-bit.
    Compat,
}

impl Abi {
    pub(crate) fn is_wide(self) -> bool {
        self == Abi::Native
    }

    /// The word size of the programs that it loads, in bits.
    pub(crate) fn bits(self) -> u8 {
        if self.is_wide() { 64 } else { 32 }
    }

    /// `sizeof(struct elfhdr)`
    fn header_size(self) -> usize {
        if self.is_wide() { 64 } else { 52 }
    }
}

/// The loader of this machine number on that host, were it to run 32-bit programs (`elf_check_arch`).
fn abi_of(architecture: Architecture, head: &[u8; HEADER_SIZE]) -> Result<Abi, Rule> {
    let narrow = RawHeader::read(head, false, false);
    match (architecture, Machine(narrow.machine)) {
        (Architecture::X86_64, Machine::X86_64) | (Architecture::Arm64, Machine::AARCH64) => Ok(Abi::Native),
        (Architecture::X86_64, Machine::I386 | Machine::I486) => Ok(Abi::Compat),
        (Architecture::Arm64, Machine::ARM) if narrow.flags & 0xff00_0000 != 0 => Ok(Abi::Compat),
        (Architecture::Arm64, Machine::ARM) => Err(OLD_ARM_ABI),
        (Architecture::X86_64, _) => Err(NOT_X86_64),
        (Architecture::Arm64, _) => Err(NOT_ARM64),
    }
}

/// Loads a file that has the ELF magic, and tells by which of the two loaders.
pub(crate) fn load(exec: &mut Exec<'_, '_>, file: &Found<'_>, head: &[u8; HEAD]) -> Result<Abi, Stop> {
    let head = first_bytes(head);
    let no = |rule| Err(refuse(file.path.as_bytes(), Errno::ENOEXEC, rule));
    if !matches!(RawHeader::read(head, true, false).e_type, elf::ET_EXEC | elf::ET_DYN) {
        return no(NOT_A_PROGRAM);
    }
    let abi = match abi_of(exec.host.architecture, head) {
        Ok(abi) => abi,
        Err(rule) => return no(rule),
    };
    match (abi, exec.host.compat32, exec.host.architecture) {
        (Abi::Native, ..) | (Abi::Compat, Support::Yes, _) => load_as(exec, file, head, abi).map(|()| abi),
        (Abi::Compat, Support::No, Architecture::X86_64) => no(NO_IA32),
        (Abi::Compat, Support::No, Architecture::Arm64) => no(NO_AARCH32),
        (Abi::Compat, Support::Unknown, _) => {
            // Without support the answer is ENOEXEC. Where it is that with support too, nothing hinges on it.
            let mut quiet = Exec { trace: &mut (), privileged: exec.privileged.clone(), ..*exec };
            match load_as(&mut quiet, file, head, abi) {
                Err(stop) if stop.errno() == Some(Errno::ENOEXEC) => Err(stop),
                Err(Stop::Gap(gap @ (Gap::Unread { .. } | Gap::Hidden { .. }))) => Err(Stop::Gap(gap)),
                _ => Err(Stop::Gap(Gap::Host(COMPAT_UNKNOWN))),
            }
        }
    }
}

/// The part of the head that the file header takes.
fn first_bytes(head: &[u8; HEAD]) -> &[u8; HEADER_SIZE] {
    const { assert!(HEAD >= HEADER_SIZE) }
    head.first_chunk().unwrap_or(&[0; HEADER_SIZE])
}

fn load_as(
    exec: &mut Exec<'_, '_>,
    file: &Found<'_>,
    head: &[u8; HEADER_SIZE],
    abi: Abi,
) -> Result<(), Stop> {
    let header = RawHeader::read(head, abi.is_wide(), false);
    let mut headers = ProgramHeaders::new();
    headers.fill(exec.tree, exec.host, file, &header, abi, Errno::ENOEXEC)?;
    let mut name = LoaderName::new();
    let name = loader_name(exec.tree, file, &headers, &mut name)?;
    let mut loader_headers = ProgramHeaders::new();
    let loader = match name {
        Some(name) => {
            exec.trace.step(Step::Interpreter { path: file.path.as_bytes(), interpreter: name });
            let loader = exec.open(name)?;
            let header = loader_header(exec, &loader, abi)?;
            loader_headers.fill(exec.tree, exec.host, &loader, &header, abi, Errno::ELIBBAD)?;
            Some((loader, header))
        }
        None => None,
    };
    let (noted, noted_headers) = match &loader {
        Some((loader, _)) => (loader, &loader_headers),
        None => (file, &headers),
    };
    let property = noted_headers.iter().filter(|header| header.kind == PT_GNU_PROPERTY).last();
    if let (Some(property), Architecture::Arm64) = (property, exec.host.architecture) {
        gnu_property::check(exec.tree, noted.path.as_bytes(), &property, abi)?;
    }
    exec.may_have_capabilities(file.path.as_bytes(), file.node.capability)?;
    let program = mapping::Image { file, header, headers: &headers };
    let loader = loader.as_ref().map(|(file, header)| mapping::Image {
        file,
        header: *header,
        headers: &loader_headers,
    });
    mapping::map(exec.host, exec.call, abi, &program, loader.as_ref())?;
    exec.arguments.leave_room(file.path.as_bytes(), if abi.is_wide() { 8 } else { 4 })
}

/// What `PT_INTERP` points at.
type LoaderName = Room<128>;

/// The path in the first `PT_INTERP`, up to its first NUL.
fn loader_name<'b>(
    tree: &dyn FileTree,
    file: &Found<'_>,
    headers: &ProgramHeaders,
    name: &'b mut LoaderName,
) -> Result<Option<&'b [u8]>, Stop> {
    let Some(segment) = headers.iter().find(|header| header.kind == PT_INTERP) else { return Ok(None) };
    let path = file.path.as_bytes();
    let length = match usize::try_from(segment.file_size) {
        Ok(length @ 2..=PATH_MAX) => length,
        _ => return Err(refuse(path, Errno::ENOEXEC, INTERP_SIZE)),
    };
    if i64::try_from(segment.offset.saturating_add(segment.file_size)).is_err() {
        return Err(refuse(path, Errno::EINVAL, INTERP_OFFSET));
    }
    let buffer = name.take(length);
    if tree.read_at(path, segment.offset, buffer)? < length {
        return Err(refuse(path, Errno::EIO, INTERP_CUT));
    }
    if buffer.last() != Some(&0) {
        return Err(refuse(path, Errno::ENOEXEC, INTERP_NO_NUL));
    }
    Ok(name.bytes().split(|byte| *byte == 0).next())
}

/// The loader's file header, found fit.
fn loader_header(exec: &mut Exec<'_, '_>, loader: &Found<'_>, abi: Abi) -> Result<RawHeader, Stop> {
    let path = loader.path.as_bytes();
    let mut head = [0; HEADER_SIZE];
    let read = exec.tree.read_at(path, 0, &mut head)?;
    if let Some(header) = elf::Header::read(&head[..read]) {
        exec.trace.step(Step::Elf { path, header: &header, loader: true });
    }
    if read < abi.header_size() {
        return Err(refuse(path, Errno::EIO, LOADER_SHORT));
    }
    if !head.starts_with(elf::MAGIC) {
        return Err(refuse(path, Errno::ELIBBAD, LOADER_NOT_ELF));
    }
    if abi_of(exec.host.architecture, &head) != Ok(abi) {
        return Err(refuse(path, Errno::ELIBBAD, LOADER_MACHINE));
    }
    Ok(RawHeader::read(&head, abi.is_wide(), false))
}

/// Bytes that are read out of a file: few are kept in place, so that nothing is allocated for them.
struct Room<const INLINE: usize> {
    inline: [u8; INLINE],
    heap: Vec<u8>,
    length: usize,
}

impl<const INLINE: usize> Room<INLINE> {
    const fn new() -> Room<INLINE> {
        Room { inline: [0; INLINE], heap: Vec::new(), length: 0 }
    }

    /// Room for this many.
    fn take(&mut self, length: usize) -> &mut [u8] {
        self.length = length;
        if length <= INLINE {
            return &mut self.inline[..length];
        }
        self.heap.resize(length, 0);
        &mut self.heap
    }

    fn bytes(&self) -> &[u8] {
        if self.length <= INLINE { &self.inline[..self.length] } else { &self.heap }
    }
}

/// A file's program headers. Eighteen are kept in place; programs have a dozen.
pub(crate) struct ProgramHeaders {
    room: Room<{ 18 * ProgramHeader::size(true) }>,
    wide: bool,
}

impl ProgramHeaders {
    fn new() -> ProgramHeaders {
        ProgramHeaders { room: Room::new(), wide: true }
    }

    /// `load_elf_phdrs`: reads them; `errno` is the answer where they are unfit.
    fn fill(
        &mut self,
        tree: &dyn FileTree,
        host: &Host,
        file: &Found<'_>,
        header: &RawHeader,
        abi: Abi,
        errno: Errno,
    ) -> Result<(), Stop> {
        let path = file.path.as_bytes();
        let no = |rule| Err(refuse(path, errno, rule));
        self.wide = abi.is_wide();
        let one = ProgramHeader::size(self.wide);
        if usize::from(header.phentsize) != one {
            return no(HEADER_ENTRY_SIZE);
        }
        let length = one * usize::from(header.phnum);
        if length == 0 {
            return no(NO_PROGRAM_HEADERS);
        }
        // Linux 6.17 dropped the limit of one page ("binfmt_elf: remove the 4k limitation of program header size").
        let page = if host.kernel < (6, 17) { host.page_size as usize } else { usize::MAX };
        if length > 65536.min(page) {
            return no(TOO_MANY_HEADERS);
        }
        let end = header.phoff.checked_add(length as u64).and_then(|end| i64::try_from(end).ok());
        if end.is_none() || tree.read_at(path, header.phoff, self.room.take(length))? < length {
            return no(HEADERS_CUT);
        }
        Ok(())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = ProgramHeader> {
        let wide = self.wide;
        self.room
            .bytes()
            .chunks_exact(ProgramHeader::size(wide))
            .map(move |bytes| ProgramHeader::read(bytes, wide, false))
    }
}
