//! Names a file that is no program for Linux: Mach-O, PE, archive, saved error page, text without `#!` ...
//!
//! The kernel's answer never hinges on this; it is for the sentence that tells a human what the file really is.

mod elf_file;
mod foreign;
mod text;
mod words;

use crate::elf::Header;
use std::fmt;

/// Bytes of a file that are looked at. Fewer make the name less precise.
pub const HEAD: usize = 4096;

/// What the first bytes of a file say that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// No bytes at all.
    Empty,
    /// Nothing but zero bytes.
    Zeroes,
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
    },
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
    /// A shell script.
    Shell,
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
    /// Any other text.
    Unknown,
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
    /// Anything else.
    Other,
}

/// The format of an archive, a package or a compressed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Archive {
    Zip,
    Jar,
    Gzip,
    Xz,
    Zstd,
    Bzip2,
    Lz4,
    SevenZip,
    Tar,
    Ar,
    Deb,
    Rpm,
    Squashfs,
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
            return Signature::Zeroes;
        }
        foreign::name(head, size).or_else(|| text::name(head, size)).unwrap_or(Signature::Binary)
    }

    /// A sentence's fragment, e.g. `a Mach-O program for macOS on arm64`. Nothing of the file's own bytes gets into
    /// it unescaped.
    pub fn describe(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Signature::Empty => f.write_str("an empty file"),
            Signature::Zeroes => f.write_str("a file of nothing but zero bytes"),
            Signature::ByteOrderMark { encoding, shebang: true } => {
                write!(f, "a script with a {encoding} byte order mark before its #!")
            }
            Signature::ByteOrderMark { encoding, .. } => {
                write!(f, "text with a {encoding} byte order mark, without #!")
            }
            Signature::Utf16Script { encoding } => write!(f, "a script in {encoding}"),
            Signature::Script { .. } | Signature::LateShebang { .. } | Signature::BrokenShebang { .. } => {
                self.fmt_script(f)
            }
            Signature::Text { language } => write!(f, "{language} without a #! line"),
            Signature::Html { title: Some(title) } => write!(f, "an HTML page titled \"{title}\""),
            Signature::Html { title: None } => f.write_str("an HTML page"),
            Signature::Json { message: Some(message) } => write!(f, "a JSON document saying \"{message}\""),
            Signature::Json { message: None } => f.write_str("a JSON document"),
            Signature::Xml { code: Some(code) } => {
                write!(f, "an XML error document with the code \"{code}\"")
            }
            Signature::Xml { code: None } => f.write_str("an XML document"),
            Signature::ErrorText { text } => write!(f, "a web server's answer \"{text}\""),
            Signature::GitLfsPointer { size: Some(size) } => {
                write!(f, "a git-lfs pointer to a file of {size} bytes, not the file itself")
            }
            Signature::GitLfsPointer { size: None } => f.write_str("a git-lfs pointer, not the file itself"),
            Signature::LinkAsText { target } => {
                write!(f, "a symbolic link to {target} that git checked out as a text file")
            }
            _ => self.fmt_binary(f),
        }
    }
}

impl Signature {
    fn fmt_script(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Signature::Script { interpreter, .. } if interpreter.is_empty() => {
                f.write_str("a script whose #! line names no interpreter")
            }
            Signature::Script { interpreter, crlf } => {
                let name = text::printable(interpreter);
                let ending = if *crlf { " with Windows line endings (CR LF)" } else { "" };
                write!(f, "a script for {name}{ending}")
            }
            Signature::LateShebang { before, line } => {
                let before = match before {
                    Before::BlankLine => "an empty line",
                    Before::Blanks => "blanks",
                    Before::Lines => "other lines",
                };
                write!(f, "a script with {before} before its line \"{line}\"")
            }
            Signature::BrokenShebang { line } => {
                write!(f, "a script whose first line \"{line}\" should begin with #!")
            }
            _ => Ok(()),
        }
    }

    fn fmt_binary(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Signature::MachO { cpu, kind } => write!(f, "a Mach-O {kind} for macOS on {cpu}"),
            Signature::MachOFat { cpus } => {
                write!(f, "a universal Mach-O file for macOS on {}", cpus.join(", "))
            }
            Signature::JavaClass { major } => write!(f, "a Java class file (version {major})"),
            Signature::Pe { machine, kind } => match kind {
                PeKind::DotNet => write!(f, "a .NET assembly, which dotnet runs"),
                PeKind::Efi => write!(f, "an EFI program for {machine}"),
                PeKind::Console | PeKind::Gui => write!(f, "a Windows program for {machine}"),
                PeKind::Other => write!(f, "a PE file for {machine}"),
            },
            Signature::Dos => f.write_str("a DOS program"),
            Signature::Ape => {
                f.write_str("an actually portable executable, which shells run and the kernel does not")
            }
            Signature::Wasm { component: true } => f.write_str("a WebAssembly component"),
            Signature::Wasm { component: false } => f.write_str("a WebAssembly module"),
            Signature::Archive { format } => write!(f, "{format}"),
            Signature::Bitcode => f.write_str("LLVM bitcode"),
            Signature::AOut => f.write_str("an a.out program, which Linux no longer loads"),
            Signature::Elf { header, kind } => elf_file::describe(f, header, *kind),
            _ => f.write_str("a binary file of no known format"),
        }
    }
}

#[cfg(test)]
mod tests;
