//! Names a file that is no program for Linux: Mach-O, PE, archive, saved error page, text without `#!` ...
//!
//! The kernel's answer never hinges on this; it is for the sentence that tells a human what the file really is.

mod archive;
mod elf_file;
mod foreign;
mod inflate;
mod language;
mod text;
mod web;
mod words;

use crate::elf::Header;

/// Bytes of a file that are looked at. Fewer make the name less precise.
pub const HEAD: usize = 4096;

/// What the first bytes of a file say that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// No bytes at all.
    Empty,
    /// Zero bytes.
    Zeroes {
        /// Whether these are the whole file, as far as it was looked at.
        whole: bool,
    },
    /// Text behind a byte order mark.
    ByteOrderMark {
        /// Which one.
        encoding: Encoding,
        /// Whether `#!` follows it.
        shebang: bool,
    },
    /// A script in UTF-16 without a byte order mark: `#` and `!` with a zero byte between.
    Utf16Script {
        /// Which byte order.
        encoding: Encoding,
    },
    /// A script whose first two bytes are `#!`.
    Script {
        /// The interpreter as the kernel reads it; empty where the line names none.
        interpreter: Vec<u8>,
        /// The line ends in CR LF: the carriage return is part of the interpreter's path, or of its argument.
        crlf: bool,
    },
    /// A script whose `#!` line does not end within the bytes that the kernel reads.
    LongShebang,
    /// A `#!` line that is not at the very beginning.
    LateShebang {
        /// What stands before it.
        before: Before,
        /// The line, made printable.
        line: String,
    },
    /// A first line that was meant to be a `#!` line: `#/usr/bin/env`, `!/bin/sh`, `# !/bin/sh`.
    BrokenShebang {
        /// The line, made printable.
        line: String,
    },
    /// Text without `#!`.
    Text {
        /// What it looks like.
        language: Language,
    },
    /// The source of a program that must be compiled.
    Source {
        /// Its language.
        language: Source,
    },
    /// An HTML page.
    Html {
        /// Its title, made printable.
        title: Option<String>,
    },
    /// A JSON document.
    Json {
        /// The value of its `message` or `error`, made printable.
        message: Option<String>,
    },
    /// An XML document.
    Xml {
        /// The text of its `Code`, as S3 answers errors, made printable.
        code: Option<String>,
        /// The text of its `Message`, made printable.
        message: Option<String>,
    },
    /// One line that a web server answers instead of a file, e.g. `Not Found`.
    ErrorText {
        /// The line, made printable.
        text: String,
    },
    /// A git-lfs pointer in place of the file.
    GitLfsPointer {
        /// Size of the real file.
        size: Option<u64>,
        /// Its digest, `sha256:` and hexadecimal digits, made printable.
        oid: Option<String>,
    },
    /// A symbolic link that git checked out as a text file.
    LinkAsText {
        /// The path in it, made printable.
        target: String,
    },
    /// A Mach-O file, for macOS.
    MachO {
        /// Its processor, in the words of [`crate::elf::Machine::name`].
        cpu: &'static str,
        /// Program, library, object ...
        kind: &'static str,
    },
    /// A universal Mach-O file of several processors.
    MachOFat {
        /// Its processors.
        cpus: Vec<&'static str>,
    },
    /// A Java class file.
    JavaClass {
        /// The class file's major version.
        major: u16,
    },
    /// A PE file, for Windows or EFI.
    Pe {
        /// Its processor.
        machine: &'static str,
        /// What runs it.
        kind: PeKind,
    },
    /// A DOS program (`MZ` without a PE header).
    Dos,
    /// An "actually portable executable", which shells run and the kernel does not.
    Ape,
    /// WebAssembly.
    Wasm {
        /// A component, else a module.
        component: bool,
    },
    /// An archive, a package or a compressed file.
    Archive {
        /// Its format.
        format: Archive,
        /// What is in it, where its beginning tells.
        inside: Option<Inside>,
    },
    /// Python bytecode, which only the interpreter of its version runs.
    PythonBytecode,
    /// LLVM bitcode.
    Bitcode,
    /// An a.out program, which Linux no longer loads.
    AOut,
    /// An ELF file.
    Elf {
        /// Its header.
        header: Header,
        /// What of ELF it is, and whether it is whole.
        kind: ElfKind,
    },
    /// Bytes of no known format.
    Binary,
}

/// A text encoding with a byte order mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `ef bb bf`
    Utf8,
    /// `ff fe`
    Utf16LittleEndian,
    /// `fe ff`
    Utf16BigEndian,
}

/// What stands before a `#!` line that comes too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Empty lines.
    BlankLine,
    /// Spaces or tabs.
    Blanks,
    /// Other lines, a comment most often.
    Lines,
}

/// What a text without `#!` looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// A script for any shell.
    Shell,
    /// A script that only bash and its like understand.
    Bash,
    /// Python.
    Python,
    /// JavaScript.
    Node,
    /// Perl.
    Perl,
    /// Ruby.
    Ruby,
    /// PHP.
    Php,
    /// Lua.
    Lua,
    /// Tcl.
    Tcl,
    /// Awk.
    Awk,
    /// R.
    R,
    /// PowerShell.
    PowerShell,
    /// A batch file of Windows.
    Batch,
    /// Any other text.
    Unknown,
}

/// A language that is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Source {
    C,
    Go,
    Java,
    Rust,
}

/// What runs a PE file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeKind {
    /// Windows, in a console.
    Console,
    /// Windows, with windows.
    Gui,
    /// EFI firmware.
    Efi,
    /// .NET: `dotnet FILE`.
    DotNet,
    /// Other programs of Windows: a library (DLL).
    Library,
    /// Anything else.
    Other,
}

/// The format of an archive, a package or a compressed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Archive {
    Zip,
    Jar,
    Android,
    Gzip,
    Xz,
    Zstd,
    Bzip2,
    Lz4,
    Lzip,
    Compress,
    SevenZip,
    Rar,
    Cpio,
    Tar,
    Ar,
    Deb,
    Rpm,
    Apk,
    Squashfs,
}

/// What is in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inside {
    /// A file of this name, the first or the only one, made printable.
    First(String),
    /// One file, of this kind.
    Content(Box<Signature>),
}

/// What of ELF a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElfKind {
    /// A program, or a shared object: the two are told apart by what loads them.
    Program,
    /// An object file (`ET_REL`).
    Object,
    /// A memory dump (`ET_CORE`).
    Core,
    /// A shared library: no entry point, no loader.
    Library,
    /// An AppImage: an ELF program with a file system behind it.
    AppImage,
    /// Another `e_type`.
    Other,
    /// Cut short within its file header.
    CutInHeader,
    /// Cut short before its program headers end.
    CutInProgramHeaders {
        /// Bytes that are missing at least.
        missing: u64,
    },
    /// Cut short before the loader's path ends.
    CutBeforeInterpreter {
        /// Bytes that are missing at least.
        missing: u64,
    },
    /// Cut short within what is to be loaded. The kernel starts it or kills it, and does not complain.
    CutInSegments {
        /// Bytes that are missing at least.
        missing: u64,
    },
    /// Cut short within its section headers, which only linkers and debuggers read.
    CutInSections {
        /// Bytes that are missing.
        missing: u64,
    },
}

impl Signature {
    /// Names a file by its first bytes (`head`, up to [`HEAD`] of them) and its whole size.
    pub fn of(head: &[u8], size: u64) -> Signature {
        let head = &head[..head.len().min(HEAD)];
        if size == 0 || head.is_empty() {
            return Signature::Empty;
        }
        if let Some(header) = Header::read(head) {
            return Signature::Elf { header, kind: elf_file::kind(head, size, &header) };
        }
        if head.iter().all(|byte| *byte == 0) {
            return Signature::Zeroes { whole: size <= head.len() as u64 };
        }
        let known = foreign::name(head).or_else(|| archive::name(head)).or_else(|| text::name(head, size));
        known.unwrap_or(Signature::Binary)
    }

    /// A sentence's fragment, e.g. `a Mach-O program for macOS on arm64`. Nothing of the file's own bytes gets into
    /// it unescaped.
    pub fn describe(&self) -> String {
        self.to_string()
    }
}

#[cfg(test)]
mod tests;
