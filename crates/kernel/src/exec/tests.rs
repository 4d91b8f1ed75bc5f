//! What the oracle cannot ask here: other hosts. What this kernel answers is asked of it in `tests/oracle`.

use super::*;
use crate::credentials::DOCKER_DEFAULT;
use crate::host::{Architecture, Support};
use crate::tree::MemoryTree;

const NO: fn(Errno) -> Result<Outcome, Gap> = |errno| Ok(Outcome::Fails(errno));
const YES: Result<Outcome, Gap> = Ok(Outcome::Starts);
const KILLED: Result<Outcome, Gap> = Ok(Outcome::Killed(Signal::SIGSEGV));

/// What `/app` answers to root of a Docker container.
fn check(tree: &MemoryTree, host: &Host, expect: Result<Outcome, Gap>) -> Vec<String> {
    ask(tree, host, &[b"/app".to_vec()], expect)
}

fn ask(tree: &MemoryTree, host: &Host, argv: &[Vec<u8>], expect: Result<Outcome, Gap>) -> Vec<String> {
    let credentials = &Credentials::container(0, 0, vec![], DOCKER_DEFAULT);
    let call = Call { path: b"/app", argv, env: &[], cwd: b"/", credentials, stack_limit: 8 << 20 };
    let mut steps = Vec::new();
    let answer = execve(tree, host, &call, &mut |step: Step<'_>| steps.push(tell(step)));
    assert_eq!(answer, expect, "{steps:#?}");
    steps
}

/// A step in a few words.
fn tell(step: Step<'_>) -> String {
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    match step {
        Step::Symlink { path, target } => format!("link {} -> {}", text(path), text(target)),
        Step::Script { path, interpreter, argument } => {
            format!("script {} for {} {:?}", text(path), text(interpreter), argument.map(text))
        }
        Step::Elf { path, header, loader } => {
            format!("{} {} for {}", if loader { "loader" } else { "elf" }, text(path), header.machine_name())
        }
        Step::Interpreter { path, interpreter } => format!("{} asks for {}", text(path), text(interpreter)),
        Step::Misc { path, handler } => format!("{} takes {}", handler.name, text(path)),
        Step::Unrecognised { path } => format!("{} is nothing", text(path)),
        Step::Refused { path, errno, .. } => {
            format!("{}: {}", text(path), errno.map_or("killed", |errno| errno.name()))
        }
        Step::Starts { path, bits: Some(32) } => format!("{} starts with 32 bits", text(path)),
        Step::Starts { path, .. } => format!("{} starts", text(path)),
    }
}

fn amd64() -> Host {
    Host::aws(Architecture::X86_64)
}

fn arm64() -> Host {
    Host::aws(Architecture::Arm64)
}

/// A program of one segment, and a `PT_INTERP` behind it where `loader` is given.
fn program(wide: bool, machine: u8, flags: u32, loader: Option<&str>) -> Vec<u8> {
    let (header, one, word) = if wide { (64, 56, 8) } else { (52, 32, 4) };
    let mut bytes = vec![0x7f, b'E', b'L', b'F', if wide { 2 } else { 1 }, 1, 1];
    bytes.resize(16, 0);
    let mut put = |value: u64, size: usize| bytes.extend(&value.to_le_bytes()[..size]);
    for (value, size) in [
        (2, 2),
        (machine.into(), 2),
        (1, 4),
        (0x40_0200, word),
        (header, word),
        (0, word),
        (flags.into(), 4),
        (header, 2),
        (one, 2),
        (2, 2),
        (0, 6),
    ] {
        put(value, size);
    }
    let text = loader.map_or(0, |loader| loader.len() as u64 + 1);
    let kind = if loader.is_some() { 3 } else { 4 };
    for (kind, offset, address, size) in [(1, 0, 0x40_0000, 0x1000), (kind, 0x800, 0, text)] {
        put(kind, 4);
        if wide {
            put(5, 4);
        }
        for value in [offset, address, 0, size, size] {
            put(value, word);
        }
        if !wide {
            put(5, 4);
        }
        put(4096, word);
    }
    bytes.resize(0x1000, 0);
    let loader = loader.unwrap_or_default().as_bytes();
    bytes[0x800..0x800 + loader.len()].copy_from_slice(loader);
    bytes
}

fn app(bytes: &[u8]) -> MemoryTree {
    MemoryTree::new().file("/app", 0o755, bytes)
}

#[test]
fn every_machine_on_its_host() {
    let (x86, arm) = (app(&program(true, 62, 0, None)), app(&program(true, 183, 0, None)));
    check(&x86, &amd64(), YES);
    check(&arm, &arm64(), YES);
    assert_eq!(check(&arm, &amd64(), NO(Errno::ENOEXEC)), ["elf /app for arm64", "/app: ENOEXEC"]);
    assert_eq!(check(&x86, &arm64(), NO(Errno::ENOEXEC)), ["elf /app for x86_64", "/app: ENOEXEC"]);
}

#[test]
fn unknown_support_of_32_bit_is_no_answer_where_it_matters() {
    let unknown = Err(Gap::Host("whether this host runs 32-bit programs is not known"));
    let eabi = app(&program(false, 40, 0x0500_0000, None));
    check(&eabi, &arm64(), unknown.clone());
    let steps = check(&eabi, &Host { compat32: Support::Yes, ..arm64() }, YES);
    assert_eq!(steps, ["elf /app for arm (32-bit)", "/app starts with 32 bits"]);
    check(&eabi, &Host { compat32: Support::No, ..arm64() }, NO(Errno::ENOEXEC));
    check(&eabi, &amd64(), NO(Errno::ENOEXEC));
    // The old ABI is refused by every arm64 host, and so is a damaged file.
    check(&app(&program(false, 40, 0, None)), &arm64(), NO(Errno::ENOEXEC));
    check(&app(&program(false, 40, 0x0500_0000, None)[..60]), &arm64(), NO(Errno::ENOEXEC));
    // A missing loader would be ENOENT with support and is ENOEXEC without.
    check(&app(&program(false, 40, 0x0500_0000, Some("/ld"))), &arm64(), unknown);
    // 16 KiB pages: a layout made for 4 KiB is killed.
    let mut bytes = program(false, 40, 0x0500_0000, None);
    bytes[52 + 9] = 0x20;
    bytes[52 + 5] = 0x10;
    check(&app(&bytes), &Host { compat32: Support::Yes, page_size: 16384, ..arm64() }, KILLED);
}

#[test]
fn the_program_behind_a_script_and_its_loader_are_told() {
    let tree = app(b"#!/usr/bin/env -S x\n")
        .link("/usr/bin/env", "../lib/env")
        .file("/usr/lib/env", 0o755, &program(true, 62, 0, Some("/lib/ld")))
        .file("/lib/ld", 0o755, &program(true, 183, 0, None));
    let expect = [
        "script /app for /usr/bin/env Some(\"-S x\")",
        "link /usr/bin/env -> ../lib/env",
        "elf /usr/lib/env for x86_64",
        "/usr/lib/env asks for /lib/ld",
        "loader /lib/ld for arm64",
        "/lib/ld: ELIBBAD",
    ];
    assert_eq!(check(&tree, &amd64(), NO(Errno::ELIBBAD)), expect);
    let missing = app(b"#!/bin/sh\r\n").file("/bin/sh", 0o755, b"");
    let expect = ["script /app for /bin/sh\\r None", "/bin/sh\\r: ENOENT"];
    assert_eq!(check(&missing, &amd64(), NO(Errno::ENOENT)), expect);
}

#[test]
fn handlers_come_first() {
    let qemu = |fixed| Handler {
        name: "qemu-aarch64".into(),
        offset: 18,
        magic: vec![183, 0],
        mask: vec![],
        interpreter: b"/usr/bin/qemu".to_vec(),
        fixed,
        preserve_argv0: false,
        credentials: false,
    };
    let arm = app(&program(true, 183, 0, Some("/missing")));
    let with = |fixed| Host { binfmt_misc: vec![qemu(fixed)], ..amd64() };
    let expect = ["elf /app for arm64", "qemu-aarch64 takes /app", "/app starts"];
    assert_eq!(check(&arm, &with(true), YES), expect);
    check(&arm, &with(false), NO(Errno::ENOENT));
    check(&arm.file("/usr/bin/qemu", 0o755, &program(true, 62, 0, None)), &with(false), YES);
    check(&app(&program(true, 62, 0, None)), &with(true), YES);
}

#[test]
fn kernels_differ() {
    let kernel = |major, minor| Host { kernel: (major, minor), ..amd64() };
    let long = [vec![b'x'; 131_072]];
    ask(&MemoryTree::new(), &kernel(6, 1), &long, NO(Errno::E2BIG));
    ask(&MemoryTree::new(), &kernel(6, 12), &long, NO(Errno::ENOENT));
    let tree = app(&program(true, 62, 0, None));
    ask(&tree, &amd64(), &long, NO(Errno::E2BIG));
    ask(&tree, &Host { page_size: 16384, ..amd64() }, &long, YES);
    // 74 program headers are more than a page of 4 KiB.
    let mut many = program(true, 62, 0, None);
    many[56] = 74;
    many.resize(0x3000, 0);
    check(&app(&many), &kernel(6, 12), NO(Errno::ENOEXEC));
    check(&app(&many), &kernel(6, 18), YES);
}

#[test]
fn the_property_note_is_read_on_arm64_only() {
    let damaged = |machine| {
        let mut bytes = program(true, machine, 0, None);
        let second = 64 + 56;
        bytes[second..second + 4].copy_from_slice(&0x6474_e553u32.to_le_bytes());
        bytes[second + 32] = 32;
        app(&bytes)
    };
    check(&damaged(62), &amd64(), YES);
    check(&damaged(183), &arm64(), NO(Errno::ENOEXEC));
}

#[test]
fn a_tail_of_zeroes_by_kernel() {
    // Zeroed memory begins within a page that is not writable.
    let mut bytes = program(true, 62, 0, None);
    bytes[64 + 32..64 + 34].copy_from_slice(&0x800u16.to_le_bytes());
    for (kernel, expect) in [((5, 10), KILLED), ((6, 1), YES), ((6, 12), YES)] {
        check(&app(&bytes), &Host { kernel, ..amd64() }, expect);
    }
}

#[test]
fn gaps_of_the_tree_pass_through() {
    struct Unread;
    impl FileTree for Unread {
        fn lookup(&self, path: &[u8]) -> Result<Option<crate::tree::Node<'_>>, Gap> {
            Err(Gap::Unread { path: path.to_vec(), layer: Some(3) })
        }
        fn read_at(&self, _: &[u8], _: u64, _: &mut [u8]) -> Result<usize, Gap> {
            Ok(0)
        }
    }
    let credentials = &Credentials::container(0, 0, vec![], DOCKER_DEFAULT);
    let call = Call { path: b"/app", argv: &[], env: &[], cwd: b"/", credentials, stack_limit: 8 << 20 };
    let gap = |path: &[u8]| Gap::Unread { path: path.to_vec(), layer: Some(3) };
    assert_eq!(execve(&Unread, &amd64(), &call, &mut ()), Err(gap(b"/app")));
    // Only those whom the root directory's mode may stop need to know it.
    let user = &Credentials::container(1000, 1000, vec![], DOCKER_DEFAULT);
    let call = Call { credentials: user, ..call };
    assert_eq!(execve(&Unread, &amd64(), &call, &mut ()), Err(gap(b"/")));
}
