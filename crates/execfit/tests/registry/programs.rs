//! Files that a container may be told to run.

use super::tar::{Entry, directory, file, link};

/// `e_machine` of x86_64.
pub const X86_64: u16 = 62;
/// `e_machine` of arm64.
pub const ARM64: u16 = 183;

/// Where the loader's path lies.
const TEXT: usize = 0x800;

/// A static program: a header, one segment, and room. No processor would get far in it, but `execve` is content.
pub fn elf(machine: u16) -> Vec<u8> {
    written(machine, None)
}

/// A program that asks for a loader.
pub fn dynamic(machine: u16, loader: &str) -> Vec<u8> {
    written(machine, Some(loader))
}

fn written(machine: u16, loader: Option<&str>) -> Vec<u8> {
    let name = loader.map(|path| format!("{path}\0")).unwrap_or_default();
    let mut bytes = vec![0x7f, b'E', b'L', b'F', 2, 1, 1];
    bytes.resize(16, 0);
    let mut put = |value: u64, size: usize| bytes.extend(&value.to_le_bytes()[..size]);
    // Ehdr: type, machine, version, entry, phoff, shoff, flags, ehsize, phentsize, phnum, no sections.
    let segments = 1 + u64::from(loader.is_some());
    for (value, size) in
        [(2, 2), (machine.into(), 2), (1, 4), (0x40_0200, 8), (64, 8), (0, 8), (0, 4), (64, 2)]
    {
        put(value, size);
    }
    for (value, size) in [(56, 2), (segments, 2), (0, 2), (0, 2), (0, 2)] {
        put(value, size);
    }
    // Phdr: type, flags, offset, vaddr, paddr, filesz, memsz, align.
    let mut segment = |kind: u64, offset: u64, address: u64, length: u64, align: u64| {
        for (value, size) in
            [(kind, 4), (5, 4), (offset, 8), (address, 8), (0, 8), (length, 8), (length, 8), (align, 8)]
        {
            put(value, size);
        }
    };
    if loader.is_some() {
        segment(3, TEXT as u64, 0x40_0000 + TEXT as u64, name.len() as u64, 1);
    }
    segment(1, 0, 0x40_0000, 0x1000, 0x1000);
    bytes.resize(0x1000, 0);
    bytes[TEXT..TEXT + name.len()].copy_from_slice(name.as_bytes());
    bytes
}

/// `/bin` with a busybox for this machine under the names `sh`, `sleep` and `env`.
pub fn shell(machine: u16) -> Vec<Entry> {
    let names = ["sh", "sleep", "env"].map(|name| link(&format!("bin/{name}"), "busybox"));
    [directory("bin", 0o755), file("bin/busybox", 0o755, elf(machine))].into_iter().chain(names).collect()
}

/// A program for macOS on arm64: header, an entry point, and room.
pub fn mach_o() -> Vec<u8> {
    let header: [u32; 8] = [0xFEED_FACF, 0x0100_000C, 0, 2, 1, 24, 0x0020_0085, 0];
    let entry_point: [u32; 6] = [0x8000_0028, 24, 0x4000, 0, 0, 0];
    let mut bytes: Vec<u8> = header.into_iter().chain(entry_point).flat_map(u32::to_le_bytes).collect();
    bytes.resize(4096, 0);
    bytes
}

/// What `curl` saves without `--fail`.
pub const ERROR_PAGE: &str = "<!DOCTYPE html>\n<html>\n<head><title>404 Not Found</title></head>\n\
                              <body><h1>404 Not Found</h1></body>\n</html>\n";

/// What a clone without Git LFS has in place of the file.
pub const LFS_POINTER: &str = "version https://git-lfs.github.com/spec/v1\n\
    oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
