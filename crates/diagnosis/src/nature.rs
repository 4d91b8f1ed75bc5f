//! What a file that is no program for its host really is, as far as the causes of a failure go.

use execfit_kernel::elf::{Header, Machine};
use execfit_kernel::signature::{Language, Signature};

/// The causes that a file's content may have; each has a finding of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// Nothing, or zero bytes.
    Empty,
    /// A text in an encoding that hides its `#!`.
    Encoded,
    /// A text without a `#!` that the kernel accepts.
    Text,
    /// A source that was not compiled, or a script for another system's shell.
    Source,
    /// What a server sent instead of a file.
    ErrorPage,
    /// A pointer of git-lfs.
    LfsPointer,
    /// A program of another system.
    Foreign,
    /// An archive, a package, a compressed file.
    Archive,
    /// An ELF file.
    Elf(Header),
    /// Bytes that nobody knows.
    Unknown,
}

impl Nature {
    /// The nature of what a signature names.
    pub fn of(signature: &Signature) -> Nature {
        match signature {
            Signature::Empty | Signature::Zeroes { .. } => Nature::Empty,
            Signature::ByteOrderMark { .. } | Signature::Utf16Script { .. } => Nature::Encoded,
            Signature::Source { .. } | Signature::Text { language: Language::Batch } => Nature::Source,
            Signature::Script { .. }
            | Signature::LongShebang
            | Signature::LateShebang { .. }
            | Signature::BrokenShebang { .. }
            | Signature::Text { .. }
            | Signature::LinkAsText { .. } => Nature::Text,
            Signature::Html { .. }
            | Signature::Json { .. }
            | Signature::Xml { .. }
            | Signature::ErrorText { .. } => Nature::ErrorPage,
            Signature::GitLfsPointer { .. } => Nature::LfsPointer,
            Signature::MachO { .. }
            | Signature::MachOFat { .. }
            | Signature::JavaClass { .. }
            | Signature::Pe { .. }
            | Signature::Dos
            | Signature::Ape
            | Signature::Wasm { .. }
            | Signature::Bitcode
            | Signature::PythonBytecode
            | Signature::AOut => Nature::Foreign,
            Signature::Archive { .. } => Nature::Archive,
            Signature::Elf { header, .. } => Nature::Elf(*header),
            Signature::Binary => Nature::Unknown,
        }
    }

    /// The machine of an ELF file.
    pub fn machine(self) -> Option<Machine> {
        if let Nature::Elf(header) = self { Some(header.machine) } else { None }
    }
}

/// The interpreter that a text looks made for, or names where the kernel does not see it.
pub fn interpreter(signature: &Signature) -> String {
    let language = match signature {
        Signature::LateShebang { line, .. } | Signature::BrokenShebang { line } => {
            let named = line.find('/').map(|at| line[at..].trim()).filter(|named| named.len() > 1);
            return named.unwrap_or("/bin/sh").to_string();
        }
        Signature::Text { language } => language,
        _ => &Language::Shell,
    };
    let known = match language {
        Language::Python => "/usr/bin/env python3",
        Language::Node => "/usr/bin/env node",
        Language::Perl => "/usr/bin/env perl",
        Language::Ruby => "/usr/bin/env ruby",
        Language::Php => "/usr/bin/env php",
        Language::Lua => "/usr/bin/env lua",
        Language::Tcl => "/usr/bin/env tclsh",
        Language::Awk => "/usr/bin/awk -f",
        Language::R => "/usr/bin/env Rscript",
        Language::PowerShell => "/usr/bin/env pwsh",
        Language::Bash => "/bin/bash",
        Language::Shell | Language::Batch | Language::Unknown => "/bin/sh",
    };
    known.to_string()
}
