//! Programs, loaders, libraries and caches of arbitrary bytes in a dynamic loader's hands.
#![no_main]

use execfit_fuzz::{Counted, credentials, host, program, text};
use execfit_kernel::ld_so::{Program, load};
use execfit_kernel::tree::MemoryTree;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

/// Bytes that may be read for one program and a few files around it.
const MOST_READ: u64 = 64 << 20;

fuzz_target!(|data: &[u8]| {
    run(&mut Unstructured::new(data)).ok();
});

fn run(bytes: &mut Unstructured<'_>) -> Result<()> {
    let host = host(bytes)?;
    let credentials = &credentials(bytes)?;
    let musl = bytes.arbitrary()?;
    let interpreter: &str = if musl { "/lib/ld-musl-x86_64.so.1" } else { "/lib64/ld-linux-x86-64.so.2" };
    let file =
        |bytes: &mut Unstructured<'_>, soname: bool| library(bytes, program(host.architecture), soname);
    let mut tree = MemoryTree::new()
        .file("/app", 0o755, &file(bytes, false)?)
        .file(interpreter, 0o755, &file(bytes, !musl)?)
        .file("/lib/liba.so", 0o755, &file(bytes, false)?)
        .file("/usr/lib/liba.so", 0o644, &file(bytes, false)?);
    let cache = if bytes.arbitrary()? {
        [b"glibc-ld.so.cache1.1".to_vec(), text(bytes, 200)?].concat()
    } else {
        text(bytes, 200)?
    };
    tree = tree.file("/etc/ld.so.cache", 0o644, &cache).file(
        "/etc/ld-musl-x86_64.path",
        0o644,
        &text(bytes, 40)?,
    );
    let env = [[b"LD_LIBRARY_PATH=".to_vec(), text(bytes, 20)?].concat(), b"LD_PRELOAD=liba.so".to_vec()];
    let env = &env[..bytes.int_in_range(0..=2)?];
    let program = Program {
        path: b"/app",
        interpreter: interpreter.as_bytes(),
        argv0: b"app",
        env,
        cwd: b"/",
        credentials,
        isa: *bytes.choose(&[None, Some(1), Some(15)])?,
    };
    let counted = Counted::new(&tree);
    let answer = load(&counted, &program, &mut ()).expect("nothing of this tree is unread");
    assert!(counted.read() <= MOST_READ, "{} bytes were read", counted.read());
    let mut steps = 0;
    let again = load(&tree, &program, &mut |_: execfit_kernel::ld_so::Step<'_>| steps += 1);
    assert_eq!(Ok(answer), again, "the answer hangs on who listens");
    Ok(())
}

/// A shared object with a dynamic section of words that lead somewhere.
fn library(bytes: &mut Unstructured<'_>, mut file: Vec<u8>, loader: bool) -> Result<Vec<u8>> {
    const STRINGS: &[u8] = b"\0liba.so\0ld-linux-x86-64.so.2\0$ORIGIN/../lib:/lib\0GLIBC_2.38\0libb.so\0";
    // e_type 3; a second program header: PT_DYNAMIC at 0x400.
    (file[16], file[56], file[64 + 18]) = (3, 2, 0);
    file[120] = 2;
    (file[120 + 9], file[120 + 17], file[120 + 33], file[120 + 41]) = (4, 4, 2, 2);
    file[0x800..0x800 + STRINGS.len()].copy_from_slice(STRINGS);
    let mut dynamic = vec![(5u64, 0x800u64), (10, STRINGS.len() as u64)];
    if loader {
        dynamic.push((14, 9));
    }
    for _ in 0..bytes.int_in_range(0..=10)? {
        let tag = *bytes.choose(&[
            1u64,
            1,
            5,
            6,
            10,
            14,
            15,
            29,
            0x6fff_fffb,
            0x6fff_fffe,
            0x6fff_ffff,
            0x6fff_fffc,
            0x6fff_fffd,
            0x6fff_fff0,
        ])?;
        let value = if bytes.arbitrary()? {
            u64::from(*bytes.choose(&[1u8, 9, 29, 49, 60])?)
        } else {
            bytes.arbitrary::<u16>()?.into()
        };
        dynamic.push((tag, value));
    }
    for (at, (tag, value)) in dynamic.iter().enumerate() {
        let at = 0x400 + at * 16;
        file[at..at + 8].copy_from_slice(&tag.to_le_bytes());
        file[at + 8..at + 16].copy_from_slice(&value.to_le_bytes());
    }
    // Version tables and the rest: whatever comes.
    let rest = text(bytes, 200)?;
    file[0x900..0x900 + rest.len()].copy_from_slice(&rest);
    for _ in 0..bytes.int_in_range(0..=4)? {
        let at = bytes.int_in_range(0..=file.len() - 1)?;
        file[at] = bytes.arbitrary()?;
    }
    let length = if bytes.ratio(1, 8)? { bytes.int_in_range(0..=file.len())? } else { file.len() };
    file.truncate(length);
    Ok(file)
}
