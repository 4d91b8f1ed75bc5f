//! Signatures as sentences tell them.

use super::{Archive, Before, Encoding, Inside, Language, PeKind, Signature, Source, elf_file, text};
use std::fmt;

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Signature::Empty => f.write_str("an empty file"),
            Signature::Zeroes { whole: true } => f.write_str("a file of nothing but zero bytes"),
            Signature::Zeroes { whole: false } => {
                f.write_str("a file that begins with nothing but zero bytes")
            }
            Signature::ByteOrderMark { encoding, shebang: true } => {
                write!(f, "a script with a {encoding} byte order mark before its #!")
            }
            Signature::ByteOrderMark { encoding, .. } => {
                write!(f, "text with a {encoding} byte order mark, without #!")
            }
            Signature::Utf16Script { encoding } => write!(f, "a script in {encoding}"),
            Signature::Script { .. }
            | Signature::LongShebang
            | Signature::LateShebang { .. }
            | Signature::BrokenShebang { .. }
            | Signature::LinkAsText { .. }
            | Signature::Text { .. }
            | Signature::Source { .. } => self.fmt_script(f),
            Signature::Html { .. }
            | Signature::Json { .. }
            | Signature::Xml { .. }
            | Signature::ErrorText { .. }
            | Signature::GitLfsPointer { .. } => self.fmt_answer(f),
            _ => self.fmt_binary(f),
        }
    }
}

impl Signature {
    /// What was sent in place of the file.
    fn fmt_answer(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Signature::Html { title: Some(title) } => write!(f, "an HTML page titled \"{title}\""),
            Signature::Html { title: None } => f.write_str("an HTML page"),
            Signature::Json { message: Some(message) } => write!(f, "a JSON document saying \"{message}\""),
            Signature::Json { message: None } => f.write_str("a JSON document"),
            Signature::Xml { code: Some(code), message: Some(message) } => {
                write!(f, "an XML error document with the code \"{code}\" saying \"{message}\"")
            }
            Signature::Xml { code: Some(code), .. } => {
                write!(f, "an XML error document with the code \"{code}\"")
            }
            Signature::Xml { message: Some(message), .. } => {
                write!(f, "an XML document saying \"{message}\"")
            }
            Signature::Xml { .. } => f.write_str("an XML document"),
            Signature::ErrorText { text } => write!(f, "a web server's answer \"{text}\""),
            Signature::GitLfsPointer { size, oid } => {
                f.write_str("a git-lfs pointer")?;
                if let Some(size) = size {
                    write!(f, " to a file of {size} bytes")?;
                }
                if let Some(oid) = oid {
                    write!(f, " ({oid})")?;
                }
                f.write_str(", not the file itself")
            }
            _ => Ok(()),
        }
    }

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
            Signature::LongShebang => {
                f.write_str("a script whose #! line is longer than the 256 bytes that the kernel reads")
            }
            Signature::LinkAsText { target } => {
                write!(f, "a symbolic link to {target} that git checked out as a text file")
            }
            Signature::Text { language: Language::Batch } => f.write_str("a batch file for Windows"),
            Signature::Text { language } => write!(f, "{language} without a #! line"),
            Signature::Source { language } => write!(f, "{language} source code, not a compiled program"),
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
                PeKind::Console => write!(f, "a Windows console program for {machine}"),
                PeKind::Gui => write!(f, "a Windows GUI program for {machine}"),
                PeKind::Library => write!(f, "a Windows library (DLL) for {machine}"),
                PeKind::Other => write!(f, "a PE file for {machine}"),
            },
            Signature::Dos => f.write_str("a DOS program"),
            Signature::Ape => {
                f.write_str("an actually portable executable, which shells run and the kernel does not")
            }
            Signature::Wasm { component: true } => f.write_str("a WebAssembly component"),
            Signature::Wasm { component: false } => f.write_str("a WebAssembly module"),
            Signature::Archive { format, inside: None } => write!(f, "{format}"),
            Signature::Archive { format: Archive::Gzip, inside: Some(Inside::First(name)) } => {
                write!(f, "{} (of {name})", Archive::Gzip)
            }
            Signature::Archive { format: Archive::Rpm, inside: Some(Inside::First(name)) } => {
                write!(f, "{} ({name})", Archive::Rpm)
            }
            Signature::Archive { format, inside: Some(Inside::First(name)) } => {
                write!(f, "{format} (its first file is {name})")
            }
            Signature::Archive { format, inside: Some(Inside::Content(content)) } => {
                let content = content.to_string();
                let noun = content.strip_prefix("a ").or_else(|| content.strip_prefix("an "));
                let how = format.to_string().replace(" file", "");
                write!(f, "{how} {}", noun.unwrap_or(&content))
            }
            Signature::PythonBytecode => {
                f.write_str("Python bytecode, which only the interpreter of its version runs")
            }
            Signature::Bitcode => f.write_str("LLVM bitcode"),
            Signature::AOut => f.write_str("an a.out program, which Linux no longer loads"),
            Signature::Elf { header, kind } => elf_file::describe(f, header, *kind),
            _ => f.write_str("a binary file of no known format"),
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Encoding::Utf8 => "UTF-8",
            Encoding::Utf16LittleEndian => "UTF-16 (little-endian)",
            Encoding::Utf16BigEndian => "UTF-16 (big-endian)",
        })
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Language::Shell => "a shell script",
            Language::Bash => "a bash script",
            Language::Python => "a Python script",
            Language::Node => "a JavaScript file",
            Language::Perl => "a Perl script",
            Language::Ruby => "a Ruby script",
            Language::Php => "a PHP script",
            Language::Lua => "a Lua script",
            Language::Tcl => "a Tcl script",
            Language::Awk => "an awk script",
            Language::R => "an R script",
            Language::PowerShell => "a PowerShell script",
            Language::Batch => "a batch file",
            Language::Unknown => "a text file",
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::C => "C or C++",
            Source::Go => "Go",
            Source::Java => "Java",
            Source::Rust => "Rust",
        })
    }
}

impl fmt::Display for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Archive::Zip => "a zip archive",
            Archive::Jar => "a Java archive (jar)",
            Archive::Android => "an Android package (apk)",
            Archive::Gzip => "a gzip-compressed file",
            Archive::Xz => "an xz-compressed file",
            Archive::Zstd => "a zstd-compressed file",
            Archive::Bzip2 => "a bzip2-compressed file",
            Archive::Lz4 => "an lz4-compressed file",
            Archive::Lzip => "an lzip-compressed file",
            Archive::Compress => "a file compressed by compress(1)",
            Archive::Rar => "a RAR archive",
            Archive::Cpio => "a cpio archive",
            Archive::SevenZip => "a 7z archive",
            Archive::Tar => "a tar archive",
            Archive::Ar => "an ar archive (static library)",
            Archive::Deb => "a Debian package",
            Archive::Apk => "an Alpine package (apk)",
            Archive::Rpm => "an RPM package",
            Archive::Squashfs => "a squashfs file system",
        })
    }
}
