//! ELF programs and their loaders.

use super::good;
use crate::case::Case;
use crate::craft::{Elf, INTERP, LOAD, RW, RX, Segment, TEXT, load};
use execfit_kernel::tree::MemoryTree;

fn one(name: &str, bytes: &[u8]) -> Case {
    Case::new(name, MemoryTree::new().file("/app", 0o755, bytes), "/app")
}

fn with_loader(name: &str, program: &[u8], loader: &[u8]) -> Case {
    let tree = MemoryTree::new().file("/app", 0o755, program).file("/ld", 0o755, loader);
    Case::new(name, tree, "/app")
}

pub(crate) fn headers() -> Vec<Case> {
    let mut cases = vec![one("x86_64", &good()), one("i386", &Elf::i386().bytes())];
    for machine in [0, 1, 3, 6, 8, 20, 21, 22, 40, 43, 50, 62, 183, 243, 247, 258, 0x3e00, 0xffff] {
        for wide in [true, false] {
            let name = format!("machine {machine} of {} bits", if wide { 64 } else { 32 });
            cases.push(one(&name, &Elf::new(wide, machine).bytes()));
            cases.push(one(&format!("{name}, dynamic"), &Elf::new(wide, machine).dynamic().bytes()));
        }
    }
    for e_type in [0, 1, 2, 3, 4, 5, 0x200, 0xff00] {
        cases.push(one(&format!("e_type {e_type}"), &Elf::x86_64().with(|elf| elf.e_type = e_type).bytes()));
        cases
            .push(one(&format!("e_type {e_type}, 32"), &Elf::i386().with(|elf| elf.e_type = e_type).bytes()));
    }
    // Fields that the kernel never reads.
    for at in [4, 5, 6, 7, 8, 9, 15, 20, 40, 48, 52, 58, 60, 62] {
        for value in [0, 1, 2, 0xff] {
            let mut bytes = good();
            bytes[at] = value;
            cases.push(one(&format!("byte {at} = {value}"), &bytes));
        }
    }
    for at in 0..4 {
        let mut bytes = good();
        bytes[at] ^= 1;
        cases.push(one(&format!("magic byte {at}"), &bytes));
    }
    let flags = Elf::i386().with(|elf| elf.flags = 0x0500_0000);
    cases.push(one("e_flags", &flags.bytes()));
    cases
}

pub(crate) fn program_headers() -> Vec<Case> {
    let mut cases = Vec::new();
    for size in [0, 1, 32, 40, 55, 56, 57, 0xffff] {
        for (wide, at) in [(true, 54), (false, 42)] {
            let mut bytes = Elf::new(wide, if wide { 62 } else { 3 }).bytes();
            bytes[at..at + 2].copy_from_slice(&u16::to_le_bytes(size));
            cases.push(one(&format!("e_phentsize {size}, wide {wide}"), &bytes));
        }
    }
    for count in [0, 1, 2, 72, 73, 74, 127, 128, 129, 1169, 1170, 1171, 2047, 2048, 2049, 0xffff] {
        for wide in [true, false] {
            let segments = vec![Segment { kind: 0, ..load(0, 0) }; usize::from(count.max(1) - 1)];
            let elf = Elf::new(wide, if wide { 62 } else { 3 });
            let elf = elf.with(|elf| {
                elf.segments.extend(segments);
                elf.size = 5 << 20;
            });
            let mut bytes = elf.bytes();
            let at = if wide { 56 } else { 44 };
            bytes[at..at + 2].copy_from_slice(&u16::to_le_bytes(count));
            cases.push(one(&format!("{count} program headers, wide {wide}"), &bytes));
        }
    }
    for offset in
        [0, 1, 63, 65, 4039, 4040, 4041, 4096, 1 << 40, (1 << 63) - 56, (1 << 63) - 55, 1 << 63, u64::MAX]
    {
        let mut bytes = good();
        bytes[32..40].copy_from_slice(&offset.to_le_bytes());
        cases.push(one(&format!("e_phoff {offset:#x}"), &bytes));
    }
    cases
}

pub(crate) fn interpreters() -> Vec<Case> {
    let mut cases = Vec::new();
    let tree = |program: &Elf| {
        MemoryTree::new()
            .file("/app", 0o755, &program.bytes())
            .file("/ld", 0o755, &Elf::x86_64().dynamic().bytes())
            .file("/ld-closed", 0o644, &Elf::x86_64().dynamic().bytes())
            .link("/ld-link", "ld")
            .directory("/lib", 0o755)
    };
    let texts: &[&[u8]] = &[
        b"/ld\0",
        b"/ld\0\0",
        b"/ld\0x\0",
        b"/ld",
        b"ld\0",
        b"./ld\0",
        b"\0\0",
        b"\0",
        b"x",
        b"",
        b"/\0",
        b".\0",
        b"/lib\0",
        b"/lib/\0",
        b"/ld/\0",
        b"/ld/x\0",
        b"/nothing\0",
        b"/nothing/x\0",
        b"/ld-closed\0",
        b"/ld-link\0",
        b"/app\0",
        b"/ld \0",
        b"/ld\r\0",
        b"/ld\n\0",
        b"\0/ld\0",
        b"/../ld\0",
    ];
    for text in texts {
        let name = format!("interpreter {}", text.escape_ascii());
        cases.push(Case::new(&name, tree(&Elf::x86_64().interpreter(text)), "/app"));
        cases.push(Case::new(
            &format!("{name}, dynamic"),
            tree(&Elf::x86_64().dynamic().interpreter(text)),
            "/app",
        ));
    }
    cases.push(Case::new("relative loader", tree(&Elf::x86_64().interpreter(b"ld\0")), "/app").cwd("/lib"));
    for length in [255, 256, 257, 4094, 4095, 4096, 4097, 5000] {
        let mut text = "/".repeat(length - 4).into_bytes();
        text.extend(b"ld\0\0");
        cases.push(Case::new(
            &format!("PT_INTERP of {length}"),
            tree(&Elf::x86_64().interpreter(&text)),
            "/app",
        ));
        let mut text = vec![b'n'; length - 1];
        text.push(0);
        cases.push(Case::new(
            &format!("long name of {length}"),
            tree(&Elf::x86_64().interpreter(&text)),
            "/app",
        ));
    }
    let moved = |change: &dyn Fn(&mut Segment)| {
        tree(&Elf::x86_64().interpreter(b"/ld\0").with(|elf| change(&mut elf.segments[0])))
    };
    for offset in [4092, 4093, 4094, 4096, 1 << 40, (1 << 63) - 4, (1 << 63) - 3, 1 << 63, u64::MAX] {
        let tree = moved(&|segment| segment.offset = offset);
        cases.push(Case::new(&format!("PT_INTERP at {offset:#x}"), tree, "/app"));
    }
    for size in [0, 1, 2, 3, 4, 5, 100, 4096, 4097, 1 << 33, u64::MAX] {
        let tree = moved(&|segment| segment.file_size = size);
        cases.push(Case::new(&format!("PT_INTERP of size {size}"), tree, "/app"));
    }
    let mut twice = Elf::x86_64().interpreter(b"/ld\0");
    twice.segments.push(Segment { kind: INTERP, offset: TEXT as u64 + 1, ..twice.segments[0] });
    cases.push(Case::new("only the first PT_INTERP counts", tree(&twice), "/app"));
    cases
}

pub(crate) fn loaders() -> Vec<Case> {
    let program = Elf::x86_64().interpreter(b"/ld\0").bytes();
    let narrow = Elf::i386().interpreter(b"/ld\0").bytes();
    let good = Elf::x86_64().dynamic();
    let loaders: Vec<(&str, Vec<u8>)> = vec![
        ("dynamic", good.bytes()),
        ("fixed", Elf::x86_64().with(|elf| elf.segments = vec![load(0x80_0000, 0x1000)]).bytes()),
        ("over the program", Elf::x86_64().bytes()),
        ("i386", Elf::i386().dynamic().bytes()),
        ("arm64", Elf::new(true, 183).dynamic().bytes()),
        ("empty", vec![]),
        ("51 bytes", vec![b'x'; 51]),
        ("52 bytes", vec![b'x'; 52]),
        ("63 bytes", good.bytes()[..63].to_vec()),
        ("64 bytes", good.bytes()[..64].to_vec()),
        ("119 bytes", good.bytes()[..119].to_vec()),
        ("120 bytes", good.bytes()[..120].to_vec()),
        ("text", vec![b'x'; 200]),
        ("script", [b"#!/app\n".as_slice(), &[0; 100]].concat()),
        ("relocatable", good.clone().with(|elf| elf.e_type = 1).bytes()),
        ("core", good.clone().with(|elf| elf.e_type = 4).bytes()),
        ("no segments to load", good.clone().with(|elf| elf.segments[0].kind = 4).bytes()),
        ("a loader of its own", good.clone().interpreter(b"/nothing\0").bytes()),
        ("no program headers", good.clone().segments(&[]).bytes()),
        ("entry beyond", good.clone().with(|elf| elf.entry = 1 << 62).bytes()),
        ("entry at the top", good.clone().with(|elf| elf.entry = u64::MAX).bytes()),
        ("spans nothing", good.clone().segments(&[load(0, 0)]).bytes()),
        ("not congruent", good.clone().segments(&[Segment { offset: 1, ..load(0, 0x1000) }]).bytes()),
        ("far away", good.clone().segments(&[load(1 << 46, 0x1000)]).bytes()),
        ("beyond", good.clone().segments(&[load(1 << 47, 0x1000)]).bytes()),
        ("bss only", good.clone().segments(&[Segment { file_size: 0, ..load(0, 0x1000) }]).bytes()),
    ];
    let mut cases = Vec::new();
    for (name, loader) in loaders {
        cases.push(with_loader(&format!("loader: {name}"), &program, &loader));
        cases.push(with_loader(&format!("loader of i386: {name}"), &narrow, &loader));
        let program = Elf::x86_64().dynamic().interpreter(b"/ld\0").bytes();
        cases.push(with_loader(&format!("loader of a dynamic one: {name}"), &program, &loader));
    }
    cases
}

pub(crate) fn mappings() -> Vec<Case> {
    let mut cases = Vec::new();
    let base = load(0x40_0000, 0x1000);
    let segments: Vec<(&str, Vec<Segment>)> = vec![
        ("none", vec![Segment { kind: 0, ..base }]),
        ("not congruent", vec![Segment { address: 0x40_0001, ..base }]),
        (
            "congruent",
            vec![Segment { address: 0x40_0123, offset: 0x123, file_size: 16, memory_size: 16, ..base }],
        ),
        ("file beyond memory", vec![Segment { memory_size: 0xfff, ..base }]),
        ("beyond the end of the file", vec![Segment { offset: 0x10_0000, ..base }]),
        ("offset 2^62", vec![Segment { offset: 1 << 62, ..base }]),
        ("offset 2^63", vec![Segment { offset: 1 << 63, ..base }]),
        ("offset 2^63 - page", vec![Segment { offset: (1 << 63) - 4096, ..base }]),
        ("offset 2^64 - page", vec![Segment { offset: 0u64.wrapping_sub(4096), ..base }]),
        ("at 0", vec![Segment { address: 0, ..base }]),
        ("at 0x800", vec![Segment { address: 0x800, offset: 0x800, file_size: 8, memory_size: 8, ..base }]),
        ("at 64 KiB", vec![Segment { address: 0x1_0000, ..base }]),
        ("at 2^46", vec![Segment { address: 1 << 46, ..base }]),
        ("at 2^47", vec![Segment { address: 1 << 47, ..base }]),
        ("at 2^47 - page", vec![Segment { address: (1 << 47) - 4096, ..base }]),
        ("at 2^63", vec![Segment { address: 1 << 63, ..base }]),
        ("at the top", vec![Segment { address: 0u64.wrapping_sub(4096), ..base }]),
        ("writable", vec![Segment { flags: RW, ..base }]),
        ("no permissions", vec![Segment { flags: 0, ..base }]),
        (
            "bss",
            vec![base, Segment { address: 0x50_0000, flags: RW, file_size: 0, memory_size: 0x2345, ..base }],
        ),
        ("bss of nothing", vec![base, Segment { address: 0x50_0000, file_size: 0, memory_size: 0, ..base }]),
        ("bss tail", vec![Segment { flags: RW, file_size: 0x800, memory_size: 0x3000, ..base }]),
        ("bss tail, read-only", vec![Segment { file_size: 0x800, memory_size: 0x3000, ..base }]),
        (
            "bss tail past the end",
            vec![Segment { flags: RW, offset: 0x1_0000, file_size: 0x800, memory_size: 0x900, ..base }],
        ),
        (
            "bss tail past, read-only",
            vec![Segment { offset: 0x1_0000, file_size: 0x800, memory_size: 0x900, ..base }],
        ),
        (
            "bss past, page-aligned",
            vec![Segment { flags: RW, offset: 0x1_0000, file_size: 0x1000, memory_size: 0x1900, ..base }],
        ),
        (
            "bss of 2^45",
            vec![base, Segment { address: 0x50_0000, flags: RW, file_size: 0, memory_size: 1 << 45, ..base }],
        ),
        (
            "bss of 2^47",
            vec![base, Segment { address: 0x50_0000, flags: RW, file_size: 0, memory_size: 1 << 47, ..base }],
        ),
        (
            "bss of 2^64",
            vec![
                base,
                Segment { address: 0x50_0000, flags: RW, file_size: 0, memory_size: u64::MAX, ..base },
            ],
        ),
        ("overlapping", vec![base, base, Segment { flags: RW, ..base }]),
        ("out of order", vec![Segment { address: 0x60_0000, ..base }, base]),
        ("align 0", vec![Segment { align: 0, ..base }]),
        ("align 3", vec![Segment { align: 3, ..base }]),
        ("align 1", vec![Segment { align: 1, ..base }]),
        ("align 64 KiB", vec![Segment { align: 1 << 16, ..base }]),
        ("align 2 MiB", vec![Segment { align: 1 << 21, ..base }]),
        ("align 2^47", vec![Segment { align: 1 << 47, ..base }]),
        ("align 2^63", vec![Segment { align: 1 << 63, ..base }]),
        ("huge in the file", vec![Segment { file_size: 1 << 40, memory_size: 1 << 40, ..base }]),
        ("2^48 in the file", vec![Segment { file_size: 1 << 48, memory_size: 1 << 48, ..base }]),
        ("far apart", vec![base, Segment { address: 0x7000_0000_0000, ..base }]),
    ];
    let loader = Elf::x86_64().dynamic().bytes();
    for (name, segments) in segments {
        let elf = Elf::x86_64().segments(&segments);
        cases.push(one(&format!("segments: {name}"), &elf.bytes()));
        let narrow = Elf::i386().segments(&segments);
        cases.push(one(&format!("segments of i386: {name}"), &narrow.bytes()));
        let elf = elf.with(|elf| (elf.e_type, elf.entry) = (3, 0x200));
        cases.push(one(&format!("segments, dynamic: {name}"), &elf.bytes()));
        let narrow = narrow.with(|elf| (elf.e_type, elf.entry) = (3, 0x200));
        cases.push(one(&format!("segments of i386, dynamic: {name}"), &narrow.bytes()));
        let elf = elf.interpreter(b"/ld\0");
        cases.push(with_loader(&format!("segments, dynamic with loader: {name}"), &elf.bytes(), &loader));
    }
    for entry in [0, (1 << 47) - 4097, (1 << 47) - 4096, 1 << 47, 1 << 63, u64::MAX] {
        cases.push(one(&format!("entry {entry:#x}"), &Elf::x86_64().with(|elf| elf.entry = entry).bytes()));
        let dynamic = Elf::x86_64().dynamic().with(|elf| elf.entry = entry);
        cases.push(one(&format!("entry {entry:#x}, dynamic"), &dynamic.bytes()));
        cases.push(one(
            &format!("entry {entry:#x}, i386"),
            &Elf::i386().with(|elf| elf.entry = entry).bytes(),
        ));
        let elf = Elf::x86_64().interpreter(b"/ld\0").with(|elf| elf.entry = entry);
        cases.push(with_loader(&format!("entry {entry:#x}, with loader"), &elf.bytes(), &loader));
    }
    let low = Elf::x86_64().segments(&[Segment { address: 0, flags: RX, kind: LOAD, ..base }]).bytes();
    cases.push(one("at 0 with SYS_RAWIO", &low).capabilities(1 << 17));
    cases.push(one("at 0 as a user", &low).user(1000, 1000, &[]));
    cases
}

/// Real programs of this machine, cut at many lengths.
pub(crate) fn truncations() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, tree) in super::super::mutation::real_programs() {
        let bytes = super::super::mutation::content(&tree, "/app");
        let mut lengths: Vec<usize> = (0..1100).step_by(37).chain([1, 2, 3, 4, 63, 64, 119, 120]).collect();
        lengths.extend((1..20).map(|part| bytes.len() * part / 20));
        lengths.extend([bytes.len() - 1, bytes.len()]);
        for length in lengths.into_iter().filter(|length| *length <= bytes.len()) {
            let tree = tree.clone().file("/app", 0o755, &bytes[..length]);
            cases.push(Case::new(&format!("{name} cut at {length}"), tree, "/app"));
        }
    }
    cases
}
