//! The names of encodings, languages and formats as sentences use them.

use super::{Archive, Encoding, Language};
use std::fmt;

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
            Language::Python => "a Python script",
            Language::Node => "a JavaScript file",
            Language::Perl => "a Perl script",
            Language::Ruby => "a Ruby script",
            Language::Php => "a PHP script",
            Language::Unknown => "a text file",
        })
    }
}

impl fmt::Display for Archive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Archive::Zip => "a zip archive",
            Archive::Jar => "a Java archive (jar)",
            Archive::Gzip => "a gzip-compressed file",
            Archive::Xz => "an xz-compressed file",
            Archive::Zstd => "a zstd-compressed file",
            Archive::Bzip2 => "a bzip2-compressed file",
            Archive::Lz4 => "an lz4-compressed file",
            Archive::SevenZip => "a 7z archive",
            Archive::Tar => "a tar archive",
            Archive::Ar => "an ar archive (static library)",
            Archive::Deb => "a Debian package",
            Archive::Rpm => "an RPM package",
            Archive::Squashfs => "a squashfs file system",
        })
    }
}
