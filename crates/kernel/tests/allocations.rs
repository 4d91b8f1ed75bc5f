//! A simple call allocates nothing: a question that is asked a million times a second must not.

#![allow(missing_docs, clippy::unwrap_used)]

use allocation_counter::measure;
use execfit_kernel::binfmt_misc::Handler;
use execfit_kernel::credentials::{Credentials, DOCKER_DEFAULT};
use execfit_kernel::exec::{Call, Outcome, Step, execve};
use execfit_kernel::host::{Architecture, Host};
use execfit_kernel::tree::MemoryTree;

/// A program of one segment, with a loader where one is named; as a loader it serves, too.
fn elf(machine: u8, loader: &str) -> Vec<u8> {
    let mut bytes = vec![0; 4096];
    bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
    (bytes[16], bytes[18], bytes[32], bytes[54], bytes[56]) = (3, machine, 64, 56, 1);
    (bytes[64], bytes[68], bytes[64 + 33], bytes[64 + 41]) = (1, 7, 16, 16);
    if !loader.is_empty() {
        bytes[56] = 2;
        (bytes[120], bytes[120 + 9]) = (3, 8);
        bytes[120 + 32] = loader.len() as u8 + 1;
        bytes[0x800..0x800 + loader.len()].copy_from_slice(loader.as_bytes());
    }
    bytes
}

fn tree() -> MemoryTree {
    MemoryTree::new()
        .file("/static", 0o755, &elf(62, ""))
        .file("/app", 0o755, &elf(62, "/lib64/ld.so"))
        .file("/usr/lib/ld.so", 0o755, &elf(62, ""))
        .link("/lib64", "usr/lib")
        .file("/script", 0o755, b"#!/usr/bin/env -S x\n")
        .file("/script2", 0o755, b"#!/script\n")
        .file("/usr/bin/env", 0o755, &elf(62, "/lib64/ld.so"))
        .file("/foreign", 0o755, &elf(183, ""))
        .file("/usr/bin/qemu", 0o755, &elf(62, ""))
}

/// Allocations of one call of `path`, told to a listener that keeps nothing.
fn allocations(host: &Host, path: &str) -> (u64, Outcome) {
    let tree = tree();
    let credentials = &Credentials::container(1000, 1000, vec![50], DOCKER_DEFAULT);
    let (argv, env) = ([path.into(), b"argument".to_vec()], [b"PATH=/bin".to_vec()]);
    let call = Call {
        path: path.as_bytes(),
        argv: &argv,
        env: &env,
        cwd: b"/usr/bin",
        credentials,
        stack_limit: 8 << 20,
    };
    let (mut steps, mut outcome) = (0, None);
    let counted = measure(|| {
        outcome = Some(execve(&tree, host, &call, &mut |_: Step<'_>| steps += 1).unwrap());
    });
    assert!(steps > 0);
    (counted.count_total, outcome.unwrap())
}

#[test]
fn the_counter_counts() {
    assert_eq!(measure(|| drop(std::hint::black_box(vec![1, 2, 3]))).count_total, 1);
}

#[test]
fn what_starts_allocates_nothing() {
    let host = Host::aws(Architecture::X86_64);
    for path in ["/static", "/app", "/script", "/script2", "../lib/../bin/env"] {
        assert_eq!(allocations(&host, path), (0, Outcome::Starts), "{path}");
    }
}

#[test]
fn a_handler_allocates_nothing() {
    let qemu = Handler {
        name: "qemu-aarch64".into(),
        offset: 18,
        magic: vec![183, 0],
        mask: vec![],
        interpreter: b"/usr/bin/qemu".to_vec(),
        fixed: false,
        preserve_argv0: true,
        credentials: false,
    };
    let host = Host { binfmt_misc: vec![qemu], ..Host::aws(Architecture::X86_64) };
    assert_eq!(allocations(&host, "/foreign"), (0, Outcome::Starts));
}

#[test]
fn what_is_refused_keeps_the_path_to_blame_and_no_more() {
    let host = Host::aws(Architecture::X86_64);
    for path in ["/foreign", "/missing"] {
        let (count, outcome) = allocations(&host, path);
        assert!(
            matches!(outcome, Outcome::Fails(_)) && count == 1,
            "{path}: {count} allocations, {outcome:?}"
        );
    }
}
