//! Random damage to programs and scripts, the same every time.

use crate::case::Case;
use crate::cases::good;
use crate::craft::Elf;
use crate::random::Random;
use execfit_kernel::tree::{Content, MemoryTree};

/// Programs of this machine at `/app`, with their loaders.
pub(crate) fn real_programs() -> Vec<(&'static str, MemoryTree)> {
    let read = |path: &str| std::fs::read(path).ok();
    let mut programs = Vec::new();
    let loader = "/lib64/ld-linux-x86-64.so.2";
    if let (Some(program), Some(bytes)) = (read("/bin/true"), read(loader)) {
        programs.push(("true", MemoryTree::new().file("/app", 0o755, &program).file(loader, 0o755, &bytes)));
        // The loader is a program, too: position-independent and without a loader of its own.
        programs.push(("loader", MemoryTree::new().file("/app", 0o755, &bytes)));
    }
    let fixed = ["/usr/bin/tini-static", "/sbin/ldconfig", "/usr/sbin/ldconfig.real", "/bin/busybox"];
    if let Some(bytes) = fixed.iter().find_map(|path| read(path)) {
        programs.push(("static", MemoryTree::new().file("/app", 0o755, &bytes)));
    }
    programs
}

/// The bytes of a tree's regular file.
pub(crate) fn content(tree: &MemoryTree, path: &str) -> Vec<u8> {
    match tree.iter().find(|(at, _)| *at == path.as_bytes()).map(|(_, inode)| &inode.content) {
        Some(Content::File(bytes)) => bytes.clone(),
        other => panic!("{path}: {other:?}"),
    }
}

/// `count` damaged files.
pub(crate) fn cases(seed: u64, count: usize, subjects: Vec<Subject>) -> impl Iterator<Item = Case> {
    let mut random = Random::new(seed);
    let count = if subjects.is_empty() { 0 } else { count };
    (0..count).map(move |number| {
        let (name, tree, path) = random.pick(&subjects);
        let mut bytes = content(tree, path);
        match name.as_str() {
            "script" => damage_script(&mut random, &mut bytes),
            _ => damage_elf(&mut random, &mut bytes),
        }
        let damaged = tree.clone().file(path, 0o755, &bytes);
        let mut case = Case::new(&format!("{name} mutated, number {number}"), damaged, "/app");
        case.origin = Some(tree.clone());
        match random.below(8) {
            0 => case.user(1000, 1000, &[]),
            1 => case.capabilities(0),
            _ => case,
        }
    })
}

/// A name, a tree, and the file of it that is to be damaged.
pub(crate) type Subject = (String, MemoryTree, String);

/// Real programs of this machine.
pub(crate) fn real_subjects() -> Vec<Subject> {
    real_programs().into_iter().map(|(name, tree)| (name.into(), tree, "/app".into())).collect()
}

/// Small programs and a script.
pub(crate) fn subjects() -> Vec<Subject> {
    let small = |program: Elf| MemoryTree::new().file("/app", 0o755, &program.bytes());
    let pair =
        |program: Elf, loader: Elf| small(program.interpreter(b"/ld\0")).file("/ld", 0o755, &loader.bytes());
    let script =
        MemoryTree::new().file("/app", 0o755, b"#! /bin/sh -e\nexit\n").file("/bin/sh", 0o755, &good());
    let subjects = [
        ("static", small(Elf::x86_64()), "/app"),
        ("static pie", small(Elf::x86_64().dynamic()), "/app"),
        ("i386", small(Elf::i386()), "/app"),
        ("i386 pie", small(Elf::i386().dynamic()), "/app"),
        ("program", pair(Elf::x86_64(), Elf::x86_64().dynamic()), "/app"),
        ("pie", pair(Elf::x86_64().dynamic(), Elf::x86_64().dynamic()), "/app"),
        ("its loader", pair(Elf::x86_64().dynamic(), Elf::x86_64().dynamic()), "/ld"),
        ("i386 loader", pair(Elf::i386().dynamic(), Elf::i386().dynamic()), "/ld"),
        ("script", script.clone(), "/app"),
        ("script", script, "/app"),
    ];
    subjects.into_iter().map(|(name, tree, path)| (name.into(), tree, path.into())).collect()
}

/// Values that sit on edges.
pub(crate) const EDGES: &[u64] = &[
    0,
    1,
    2,
    3,
    4,
    6,
    32,
    52,
    56,
    62,
    64,
    0x3e,
    0xff,
    0x100,
    0x800,
    0xfff,
    0x1000,
    0x1001,
    0x2000,
    0xffff,
    0x1_0000,
    0x40_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_e000,
    0xffff_f000,
    0xffff_ffff,
    1 << 32,
    1 << 40,
    1 << 46,
    (1 << 47) - 4096,
    1 << 47,
    1 << 62,
    (1 << 63) - 1,
    1 << 63,
    u64::MAX - 4095,
    u64::MAX,
];

fn damage_elf(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..1 + random.below(3) {
        // Most damage where the kernel looks: the file header and the first program headers.
        let at = match random.below(4) {
            0 => random.below(64),
            1 | 2 => 52 + random.below(56 * 4),
            _ => random.below(4096),
        };
        let size = *random.pick(&[1, 2, 4, 8]);
        let at = at - at % size;
        let value = match random.below(3) {
            0 => random.next(),
            _ => *random.pick(EDGES),
        };
        if let Some(field) = bytes.get_mut(at..at + size) {
            field.copy_from_slice(&value.to_le_bytes()[..size]);
        }
    }
    if random.below(10) == 0 {
        bytes.truncate(random.below(bytes.len().min(8192)));
    }
}

fn damage_script(random: &mut Random, bytes: &mut Vec<u8>) {
    let pieces: &[&[u8]] = &[
        b"#!",
        b" ",
        b"\t",
        b"\n",
        b"\0",
        b"\r",
        b"/bin/sh",
        b"/",
        b"x",
        b"bin/sh",
        b"-e",
        b"/bin/none",
        b".",
    ];
    if random.below(2) == 0 {
        let line = random.below(6);
        *bytes = b"#!".to_vec();
        for _ in 0..line {
            bytes.extend(*random.pick(pieces));
        }
    }
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len() + 1);
        let piece = random.pick(pieces).repeat(if random.below(6) == 0 { random.below(260) } else { 1 });
        bytes.splice(at..at, piece);
    }
}
