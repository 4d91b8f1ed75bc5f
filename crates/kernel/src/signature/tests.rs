use super::*;
use crate::elf::Machine;

fn check(head: &[u8], expect: &str) {
    assert_eq!(Signature::of(head, head.len() as u64).describe(), expect, "{}", head.escape_ascii());
}

#[test]
fn nothing_and_zeroes() {
    check(b"", "an empty file");
    check(&[0; 512], "a file of nothing but zero bytes");
    assert_eq!(
        Signature::of(&[0; 4096], 10_000).describe(),
        "a file that begins with nothing but zero bytes"
    );
    check(&[1, 2, 3, 0, 0xff], "a binary file of no known format");
}

#[test]
fn marks_and_scripts() {
    check(b"\xef\xbb\xbf#!/bin/sh\n", "a script with a UTF-8 byte order mark before its #!");
    check(b"\xef\xbb\xbfecho\n", "text with a UTF-8 byte order mark, without #!");
    check(b"\xff\xfe#\0!\0/\0", "a script with a UTF-16 (little-endian) byte order mark before its #!");
    check(b"\xfe\xff\0#\0!", "a script with a UTF-16 (big-endian) byte order mark before its #!");
    check(b"#\0!\0/\0b\0", "a script in UTF-16 (little-endian)");
    check(b"#!/bin/sh\nexit\n", "a script for /bin/sh");
    check(b"#!/bin/sh\r\nexit\r\n", "a script for /bin/sh\\r with Windows line endings (CR LF)");
    check(b"#!\n", "a script whose #! line names no interpreter");
    let long = [b"#!/".as_slice(), &[b'x'; 300], b"\n"].concat();
    check(&long, "a script whose #! line is longer than the 256 bytes that the kernel reads");
    check(b"\n\n#!/bin/sh\n", "a script with an empty line before its line \"#!/bin/sh\"");
    check(b"  #!/bin/sh\n", "a script with blanks before its line \"#!/bin/sh\"");
    check(b"# copyright\n#!/bin/sh\n", "a script with other lines before its line \"#!/bin/sh\"");
    check(b"#/usr/bin/env node\n", "a script whose first line \"#/usr/bin/env node\" should begin with #!");
    check(b"!/bin/sh\n", "a script whose first line \"!/bin/sh\" should begin with #!");
}

#[test]
fn texts_by_language() {
    check(b"set -e\nexec \"$@\"\n", "a shell script without a #! line");
    check(b"import os\nprint(os.environ)\n", "a Python script without a #! line");
    check(b"const http = require('http');\n", "a JavaScript file without a #! line");
    check(b"use strict;\nmy $x = 1;\n", "a Perl script without a #! line");
    check(b"require 'json'\nputs 1\n", "a Ruby script without a #! line");
    check(b"local x = require(\"x\")\nfor _, v in ipairs(x) do\nend\n", "a Lua script without a #! line");
    check(b"if [[ $1 == x ]]; then\n  exit 1\nfi\n", "a bash script without a #! line");
    check(b"param($Name)\nWrite-Host $Name\n", "a PowerShell script without a #! line");
    check(b"@echo off\r\njava -jar %~dp0app.jar %*\r\n", "a batch file for Windows");
    check(b"package require Tk\nproc f {a} {\n}\n", "a Tcl script without a #! line");
    check(b"BEGIN { FS = \":\" }\n", "an awk script without a #! line");
    check(b"// Package main\npackage main\n\nfunc main() {\n}\n", "Go source code, not a compiled program");
    check(
        b"#include <stdio.h>\nint main(void) { return 0; }\n",
        "C or C++ source code, not a compiled program",
    );
    check(b"use std::fs;\nfn main() {\n    let x = 1;\n}\n", "Rust source code, not a compiled program");
    // A line of a comment speaks for no language.
    check(b"# import nothing from here\necho hello\n", "a shell script without a #! line");
    check(b"<?php echo 1;\n", "a PHP script without a #! line");
    check(b"hello there\n", "a text file without a #! line");
}

#[test]
fn answers_of_web_servers() {
    let page = b"<!DOCTYPE html>\n<html><head><title>404\n Not Found</title>";
    check(page, "an HTML page titled \"404 Not Found\"");
    check(b"<HTML><BODY>", "an HTML page");
    check(b"{\"message\": \"Not Found\", \"x\": 1}", "a JSON document saying \"Not Found\"");
    check(b"{\n  \"a\": 1}", "a JSON document");
    check(
        br#"{"errors":[{"code":"X","message":"say \"no\"\u0021"}]}"#,
        r#"a JSON document saying "say \"no\"!""#,
    );
    check(b"<!-- x -->\n<html lang=en><head><TITLE id=a>a &amp; b</TITLE>", "an HTML page titled \"a & b\"");
    check(b"<html><body><h1>502 Bad Gateway</h1>", "an HTML page titled \"502 Bad Gateway\"");
    let s3 = b"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>";
    check(s3, "an XML error document with the code \"AccessDenied\"");
    let azure = "\u{feff}<?xml version=\"1.0\"?><Error><Code>BlobNotFound</Code><Message>no blob\nx</Message></Error>";
    check(azure.as_bytes(), "an XML error document with the code \"BlobNotFound\" saying \"no blob x\"");
    check(b"404 page not found\n", "a web server's answer \"404 page not found\"");
    check(
        b"upstream connect error or disconnect",
        "a web server's answer \"upstream connect error or disconnect\"",
    );
    check(b"Not Found", "a web server's answer \"Not Found\"");
    check(b"404: Not Found\n", "a web server's answer \"404: Not Found\"");
}

#[test]
fn control_characters_are_never_shown() {
    let page = "<html><title>\u{1b}[31m\u{202e}evil\u{7}</title>";
    check(page.replace('\u{7}', "").as_bytes(), "an HTML page titled \"\\u{1b}[31m\\u{202e}evil\"");
    let long = format!("<html><title>{}</title>", "x".repeat(500));
    let Signature::Html { title: Some(title) } = Signature::of(long.as_bytes(), 600) else { panic!() };
    assert_eq!(title.len(), 83);
}

#[test]
fn git() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n";
    check(pointer, "a git-lfs pointer to a file of 12345 bytes (sha256:0), not the file itself");
    check(b"version https://git-lfs.github.com/spec/v1\n", "a git-lfs pointer, not the file itself");
    // With a newline it is a script of one command.
    check(b"/usr/bin/app\n", "a text file without a #! line");
    check(b"../lib/app", "a symbolic link to ../lib/app that git checked out as a text file");
}

#[test]
fn other_systems() {
    check(b"\xcf\xfa\xed\xfe\x0c\0\0\x01\0\0\0\0\x02\0\0\0", "a Mach-O program for macOS on arm64");
    check(b"\xfe\xed\xfa\xce\0\0\0\x12\0\0\0\0\0\0\0\x06", "a Mach-O library for macOS on powerpc");
    let mut fat = b"\xca\xfe\xba\xbe\0\0\0\x02\x01\0\0\x07".to_vec();
    fat.resize(28, 0);
    fat.extend(b"\x01\0\0\x0c");
    check(&fat, "a universal Mach-O file for macOS on x86_64, arm64");
    check(b"\xca\xfe\xba\xbe\0\0\0\x41", "a Java class file (version 65)");
    let pe = |machine: u16, subsystem: u16, clr: u32| {
        let mut bytes = vec![0; 512];
        bytes[..2].copy_from_slice(b"MZ");
        bytes[0x3c] = 0x80;
        bytes[0x80..0x84].copy_from_slice(b"PE\0\0");
        bytes[0x84..0x86].copy_from_slice(&machine.to_le_bytes());
        bytes[0x98..0x9a].copy_from_slice(&0x20bu16.to_le_bytes());
        bytes[0xdc..0xde].copy_from_slice(&subsystem.to_le_bytes());
        bytes[0x98 + 112 + 112..][..4].copy_from_slice(&clr.to_le_bytes());
        bytes
    };
    check(&pe(0x8664, 3, 0), "a Windows console program for x86_64");
    check(&pe(0xaa64, 2, 0), "a Windows GUI program for arm64");
    let mut library = pe(0x8664, 3, 0);
    library[0x97] = 0x20;
    check(&library, "a Windows library (DLL) for x86_64");
    check(
        b"\xa7\x0d\r\n\0\0\0\0\xde\x3c\x03\x6b\x09\0\0\0\xe3",
        "Python bytecode, which only the interpreter of its version runs",
    );
    check(&pe(0xaa64, 10, 0), "an EFI program for arm64");
    check(&pe(0x14c, 3, 1), "a .NET assembly, which dotnet runs");
    check(&[b"MZ".as_slice(), &[0; 100]].concat(), "a DOS program");
    check(b"MZqFpD='\n", "an actually portable executable, which shells run and the kernel does not");
    check(b"\0asm\x01\0\0\0", "a WebAssembly module");
    check(b"BC\xc0\xde", "LLVM bitcode");
}

/// What a shell's `xxd -r -p` makes of hexadecimal digits.
fn hex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn archives() {
    check(b"PK\x03\x04\x14\0", "a zip archive");
    let zip = |name: &str| {
        let mut bytes = b"PK\x03\x04\x14".to_vec();
        bytes.resize(26, 0);
        bytes.extend([name.len() as u8, 0, 0, 0]);
        [bytes, name.into(), b"content".to_vec()].concat()
    };
    check(&zip("tool/bin/tool"), "a zip archive (its first file is tool/bin/tool)");
    check(&zip("META-INF/MANIFEST.MF"), "a Java archive (jar) (its first file is META-INF/MANIFEST.MF)");
    check(b"!<arch>\ndebian-binary   ", "a Debian package");
    let rpm = [b"\xed\xab\xee\xdb\x03\0\0\0\0\x01app-1.2-3\0".as_slice(), &[0; 80]].concat();
    check(&rpm, "an RPM package (app-1.2-3)");
    let member = |name: &str, size: &str| format!("{name:<16}{:32}{size:<10}`\n", "");
    let library = format!("!<arch>\n{}abcd{}", member("/", "4"), member("o.o/", "1104"));
    check(library.as_bytes(), "an ar archive (static library) (its first file is o.o)");
    let mut tar = b"app/bin/tool\0".to_vec();
    tar.resize(512, 0);
    tar[257..262].copy_from_slice(b"ustar");
    check(&tar, "a tar archive (its first file is app/bin/tool)");
    for (magic, name) in [
        (&b"\xfd7zXZ\0"[..], "an xz-compressed file"),
        (b"\x28\xb5\x2f\xfd", "a zstd-compressed file"),
        (b"BZh9", "a bzip2-compressed file"),
        (b"\x04\x22\x4d\x18", "an lz4-compressed file"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"hsqs", "a squashfs file system"),
        (b"070701", "a cpio archive"),
    ] {
        check(magic, name);
    }
}

/// Made by `tar`, `gzip` and `gcc`.
#[test]
fn what_is_in_a_gzip_file_is_told() {
    let tar = "1f8b0800000000000203edd1310ac2401005d0ad738a150f900d04731e05d1a0b892ace0f18d69040bad1402ef357f98f9dd5c\
        4f877ad75fea92f339fc489a6cda76cec97ba6d474aff9b96f9a6eaac714fee03696ed106318722e9f7adfee0bb55ecdef1f8fd5fede\
        972a000000000000000000b00c0f524a8b0200280000";
    check(&hex(tar), "a gzip-compressed tar archive (its first file is pkg/bin/tool)");
    let apk = "1f8b0800000000000203edca3b0ac2401405d059caac608871d0da4a6c2ccc0a1444c422924fe1ee1dac8285362204ce69eee3\
        de979add769f0ecd26ddce8f741f4fe1f7aa6295f32b8bf72c9693bbf48bbaceeb10abf007633f1cbb1843d7b6c3a7bf6ffb4cf5d74b\
        000000000000000000607e9e7bd0d04d00280000";
    check(&hex(apk), "an Alpine package (apk)");
    let note = hex("1f8b0808de3c036b02036e6f74652e74787400cb48cdc9c95728c9482d4ae502008e45d1590c000000");
    check(&note, "a gzip-compressed text file without a #! line");
    check(&note[..19], "a gzip-compressed file (of note.txt)");
    check(b"\x1f\x8b\x08", "a gzip-compressed file");
    // A stored block with the beginning of a program; then damage.
    let mut stored = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\0\x14\0\xeb\xff\x7fELF\x02\x01\x01".to_vec();
    stored.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 183, 0]);
    check(&stored, "a gzip-compressed ELF program for arm64");
    check(b"\x1f\x8b\x08\0\0\0\0\0\0\xff\xff\xff\xff", "a gzip-compressed file");
}

fn elf(e_type: u8, size: u64) -> Signature {
    let mut bytes = vec![0; 64 + 56];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    (bytes[16], bytes[18], bytes[32], bytes[54], bytes[56]) = (e_type, 183, 64, 56, 1);
    (bytes[64], bytes[64 + 9], bytes[64 + 32]) = (3, 1, 16);
    bytes.truncate(size as usize);
    Signature::of(&bytes, size)
}

#[test]
fn elf_files() {
    let kind = |e_type, size| match elf(e_type, size) {
        Signature::Elf { header, kind } => {
            assert!(size < 20 || header.machine == Machine::AARCH64);
            kind
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(kind(2, 1000), ElfKind::Program);
    assert_eq!(kind(1, 1000), ElfKind::Object);
    assert_eq!(kind(4, 1000), ElfKind::Core);
    assert_eq!(kind(2, 10), ElfKind::CutInHeader);
    assert_eq!(kind(2, 100), ElfKind::CutInProgramHeaders { missing: 20 });
    assert_eq!(kind(2, 260), ElfKind::CutBeforeInterpreter { missing: 12 });
    assert_eq!(elf(2, 1000).describe(), "an ELF program for arm64");
    let with = |change: &dyn Fn(&mut [u8])| {
        let mut bytes = [0; 64 + 56];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (bytes[16], bytes[18], bytes[32], bytes[54], bytes[56]) = (3, 62, 64, 56, 1);
        bytes[64] = 1;
        change(&mut bytes);
        Signature::of(&bytes, 1000).describe()
    };
    assert_eq!(with(&|_| ()), "an ELF shared library for x86_64, no program");
    assert_eq!(with(&|bytes| bytes[24] = 1), "an ELF program for x86_64");
    assert_eq!(with(&|bytes| (bytes[24], bytes[7]) = (1, 9)), "an ELF program for x86_64 of FreeBSD");
    assert_eq!(with(&|bytes| bytes[8..11].copy_from_slice(b"AI\x02")), "an AppImage for x86_64");
    // Eleven section headers of 64 bytes from 1024 on, and a segment of 1200 bytes.
    let sections = |bytes: &mut [u8]| (bytes[41], bytes[58], bytes[60]) = (4, 64, 11);
    assert_eq!(
        with(&sections),
        "an ELF program for x86_64 whose end is missing (728 bytes of its section headers, which the kernel does not read)"
    );
    let both = |bytes: &mut [u8]| {
        sections(bytes);
        (bytes[96], bytes[97]) = (0xb0, 4);
    };
    assert_eq!(with(&both), "an ELF program for x86_64 cut short (at least 728 bytes missing)");
}
