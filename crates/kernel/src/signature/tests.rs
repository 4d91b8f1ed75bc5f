use super::*;
use crate::elf::Machine;

fn check(head: &[u8], expect: &str) {
    assert_eq!(Signature::of(head, head.len() as u64).describe(), expect, "{}", head.escape_ascii());
}

#[test]
fn nothing_and_zeroes() {
    check(b"", "an empty file");
    check(&[0; 512], "a file of nothing but zero bytes");
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
    let s3 = b"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>";
    check(s3, "an XML error document with the code \"AccessDenied\"");
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
    check(pointer, "a git-lfs pointer to a file of 12345 bytes, not the file itself");
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
    check(&pe(0x8664, 3, 0), "a Windows program for x86_64");
    check(&pe(0xaa64, 10, 0), "an EFI program for arm64");
    check(&pe(0x14c, 3, 1), "a .NET assembly, which dotnet runs");
    check(&[b"MZ".as_slice(), &[0; 100]].concat(), "a DOS program");
    check(b"MZqFpD='\n", "an actually portable executable, which shells run and the kernel does not");
    check(b"\0asm\x01\0\0\0", "a WebAssembly module");
    check(b"BC\xc0\xde", "LLVM bitcode");
}

#[test]
fn archives() {
    check(b"PK\x03\x04\x14\0", "a zip archive");
    check(b"PK\x03\x04\x14\0\0\0\0\0META-INF/MANIFEST.MF", "a Java archive (jar)");
    check(b"\x1f\x8b\x08", "a gzip-compressed file");
    check(b"!<arch>\ndebian-binary   ", "a Debian package");
    let mut tar = vec![b'x'; 300];
    tar[257..262].copy_from_slice(b"ustar");
    check(&tar, "a tar archive");
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
}
