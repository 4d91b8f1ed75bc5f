//! Programs and loaders of arbitrary bytes, on every kind of host.
#![no_main]

use execfit_fuzz::{ask, credentials, host, program, text};
use execfit_kernel::exec::Call;
use execfit_kernel::host::{Architecture, Host};
use execfit_kernel::tree::MemoryTree;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    run(&mut Unstructured::new(data)).ok();
});

fn run(bytes: &mut Unstructured<'_>) -> Result<()> {
    let host = host(bytes)?;
    let credentials = &credentials(bytes)?;
    let app = elf(bytes, &host)?;
    let loader = elf(bytes, &host)?;
    let tree = MemoryTree::new().file("/app", 0o755, &app).file("/ld", 0o755, &loader);
    let stack_limit = 8 << 20;
    ask(&tree, &host, &Call { path: b"/app", argv: &[], env: &[], cwd: b"/", credentials, stack_limit }).ok();
    Ok(())
}

/// Arbitrary bytes, or a program for the host with some of its words changed.
fn elf(bytes: &mut Unstructured<'_>, host: &Host) -> Result<Vec<u8>> {
    if bytes.ratio(1, 8)? {
        return text(bytes, 1000);
    }
    let mut file = program(host.architecture);
    if bytes.arbitrary()? {
        narrow(&mut file, host.architecture);
    }
    if bytes.arbitrary()? {
        file[16] = 3;
    }
    // Three program headers more, of arbitrary bytes: PT_INTERP and notes among them.
    file[56] = bytes.int_in_range(0..=4)?;
    file[44] = file[56];
    file[0x800..0x804].copy_from_slice(b"/ld\0");
    for _ in 0..bytes.int_in_range(0..=24)? {
        let at = bytes.int_in_range(0..=75)? * 4;
        let value: u64 = match bytes.int_in_range(0..=2)? {
            0 => bytes.arbitrary()?,
            1 => *bytes.choose(&[
                0,
                1,
                2,
                3,
                4,
                6,
                0x6474_e553,
                0x800,
                0x1000,
                0x40_0000,
                1 << 47,
                u64::MAX,
            ])?,
            _ => 1u64 << bytes.int_in_range(0..=63)?,
        };
        let size = *bytes.choose(&[1, 2, 4, 8])?;
        file[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
    }
    let length = if bytes.ratio(1, 6)? { bytes.int_in_range(0..=file.len())? } else { file.len() };
    file.truncate(length);
    Ok(file)
}

/// Makes the program a 32-bit one.
fn narrow(file: &mut [u8], architecture: Architecture) {
    file[16..].fill(0);
    let machine = if architecture == Architecture::X86_64 { 3 } else { 40 };
    (file[4], file[16], file[18], file[28], file[39], file[42], file[44]) = (1, 2, machine, 52, 5, 32, 1);
    (file[25], file[26]) = (2, 0x40);
    (file[52], file[52 + 10], file[52 + 17], file[52 + 21], file[52 + 24]) = (1, 0x40, 16, 16, 5);
}
