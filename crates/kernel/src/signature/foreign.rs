//! Programs of other systems.

use super::{PeKind, Signature};

/// Magic bytes at a file's beginning that say all.
const MAGIC: &[(&[u8], Signature)] = &[
    (b"\0asm\x01\0\0\0", Signature::Wasm { component: false }),
    (b"\0asm\x0d\0\x01\0", Signature::Wasm { component: true }),
    (b"BC\xc0\xde", Signature::Bitcode),
    (b"\xde\xc0\x17\x0b", Signature::Bitcode),
    (b"\x07\x01\x64\0", Signature::AOut),
    (b"\x08\x01\x64\0", Signature::AOut),
    (b"\x0b\x01\x64\0", Signature::AOut),
    (b"\xcc\0\x64\0", Signature::AOut),
    (b"MZqFpD='", Signature::Ape),
    (b"jartsr='", Signature::Ape),
    (b"APEDBG='", Signature::Ape),
];

pub(super) fn name(head: &[u8]) -> Option<Signature> {
    if let Some((_, signature)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Some(signature.clone());
    }
    if head.starts_with(b"MZ") && (head.len() < 64 || head[2..64].contains(&0)) {
        return Some(portable_executable(head));
    }
    if is_python_bytecode(head) {
        return Some(Signature::PythonBytecode);
    }
    match big(head, 0)? {
        0xcafe_babe => fat_or_java(head, 20),
        0xcafe_babf => fat_or_java(head, 32),
        0xcffa_edfe | 0xcefa_edfe => Some(mach_o(little(head, 4)?, little(head, 12)?)),
        0xfeed_facf | 0xfeed_face => Some(mach_o(big(head, 4)?, big(head, 12)?)),
        _ => None,
    }
}

/// A `.pyc` file: a version number, a carriage return and a newline, flags of at most 3, and marshalled code (`e3`)
/// behind 16 bytes (Python `Lib/importlib/_bootstrap_external.py`, PEP 552).
fn is_python_bytecode(head: &[u8]) -> bool {
    head.get(2..4) == Some(b"\r\n")
        && little(head, 4).is_some_and(|flags| flags <= 3)
        && head.get(16) == Some(&0xe3)
}

fn mach_o(cpu: u32, kind: u32) -> Signature {
    let kind = match kind {
        1 => "object file",
        2 => "program",
        4 => "memory dump",
        6 => "library",
        7 => "loader",
        8 => "bundle",
        10 => "debug file",
        11 => "kernel extension",
        _ => "file",
    };
    Signature::MachO { cpu: mach_cpu(cpu).unwrap_or("an unknown processor"), kind }
}

/// `cputype` (mach/machine.h).
fn mach_cpu(cpu: u32) -> Option<&'static str> {
    Some(match cpu {
        7 => "i386",
        0x0100_0007 => "x86_64",
        12 => "arm (32-bit)",
        0x0100_000c => "arm64",
        0x0200_000c => "arm64_32",
        18 => "powerpc",
        0x0100_0012 => "ppc64",
        _ => return None,
    })
}

/// A universal Mach-O file and a Java class file share a magic number: the former counts few processors where the
/// latter has its version, 45 or more.
fn fat_or_java(head: &[u8], step: usize) -> Option<Signature> {
    let count = big(head, 4)?;
    if count <= 30 {
        let cpus: Vec<_> = (0..count as usize).filter_map(|at| mach_cpu(big(head, 8 + at * step)?)).collect();
        return (!cpus.is_empty()).then_some(Signature::MachOFat { cpus });
    }
    let major = count as u16;
    (major >= 45 && step == 20).then_some(Signature::JavaClass { major })
}

/// PE (the PE/COFF specification): `e_lfanew`, the COFF header, the optional header.
fn portable_executable(head: &[u8]) -> Signature {
    let at = little(head, 0x3c).and_then(|at| usize::try_from(at).ok()).unwrap_or(usize::MAX);
    if head.get(at..).and_then(|bytes| bytes.get(..4)) != Some(b"PE\0\0") {
        return Signature::Dos;
    }
    let machine = match half(head, at + 4) {
        Some(0x8664) => "x86_64",
        Some(0xaa64 | 0xa641 | 0xa64e) => "arm64",
        Some(0x014c) => "i386",
        Some(0x01c0 | 0x01c2 | 0x01c4) => "arm (32-bit)",
        Some(0x5064) => "riscv64",
        Some(0x6264) => "loongarch64",
        _ => "an unknown processor",
    };
    let optional = at + 24;
    let directories = if half(head, optional) == Some(0x20b) { optional + 112 } else { optional + 96 };
    let clr = little(head, directories + 14 * 8).is_some_and(|address| address != 0);
    let is_library = half(head, at + 22).is_some_and(|flags| flags & 0x2000 != 0);
    let kind = match half(head, optional + 68) {
        _ if clr => PeKind::DotNet,
        Some(2 | 3) if is_library => PeKind::Library,
        Some(2) => PeKind::Gui,
        Some(3) => PeKind::Console,
        Some(10..=13) => PeKind::Efi,
        _ => PeKind::Other,
    };
    Signature::Pe { machine, kind }
}

fn chunk<const N: usize>(head: &[u8], at: usize) -> Option<[u8; N]> {
    head.get(at..)?.first_chunk().copied()
}

fn big(head: &[u8], at: usize) -> Option<u32> {
    chunk(head, at).map(u32::from_be_bytes)
}

fn little(head: &[u8], at: usize) -> Option<u32> {
    chunk(head, at).map(u32::from_le_bytes)
}

fn half(head: &[u8], at: usize) -> Option<u16> {
    chunk(head, at).map(u16::from_le_bytes)
}
