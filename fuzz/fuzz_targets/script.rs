//! `#!` lines of arbitrary bytes, and scripts that hand over to one another.
#![no_main]

use execfit_fuzz::{ask, credentials, host, path, program, text};
use execfit_kernel::binfmt_script;
use execfit_kernel::exec::{Call, HEAD};
use execfit_kernel::tree::MemoryTree;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    run(&mut Unstructured::new(data)).ok();
});

fn run(bytes: &mut Unstructured<'_>) -> Result<()> {
    let host = host(bytes)?;
    let credentials = &credentials(bytes)?;
    let mut tree = MemoryTree::new().file("/app", 0o755, &program(host.architecture));
    for name in ["/a", "/b", "/c", "/a/b"] {
        let mut line = b"#!".to_vec();
        match bytes.int_in_range(0..=3)? {
            0 => line = text(bytes, 300)?,
            1 => line.extend(text(bytes, 300)?),
            2 => line.extend([path(bytes)?, b" -x\n".to_vec()].concat()),
            _ => line.extend([b" ".repeat(bytes.int_in_range(0..=254)?), path(bytes)?].concat()),
        }
        parse(&line);
        tree = tree.file(name, 0o755, &line);
    }
    let argv = [b"a".to_vec(), text(bytes, 10)?];
    let argv = &argv[..bytes.int_in_range(0..=2)?];
    let stack_limit = *bytes.choose(&[0, 65536, 1 << 20, 8 << 20, u64::MAX])?;
    for path in [&b"/a"[..], b"b", b"/c"] {
        ask(&tree, &host, &Call { path, argv, env: &[], cwd: b"/", credentials, stack_limit }).ok();
    }
    Ok(())
}

/// What is read of a line is of the line.
fn parse(file: &[u8]) {
    let mut head = [0; HEAD];
    let length = file.len().min(HEAD);
    head[..length].copy_from_slice(&file[..length]);
    // Nobody asks about other files; it must not panic at them all the same.
    let Ok(line) = binfmt_script::parse(&head) else { return };
    if !file.starts_with(b"#!") {
        return;
    }
    let parts = line.interpreter.iter().chain(line.argument.unwrap_or_default());
    assert!(parts.clone().all(|byte| !matches!(byte, 0 | b'\n')));
    assert!(!line.interpreter.iter().any(|byte| matches!(byte, b' ' | b'\t')));
    assert!(line.interpreter.len() < HEAD - 1);
}
