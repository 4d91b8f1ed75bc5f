//! Arbitrary values of `security.capability`, for anyone.
#![no_main]

use execfit_fuzz::{ask, credentials, host, program, text};
use execfit_kernel::capability::FileCapabilities;
use execfit_kernel::credentials::Credentials;
use execfit_kernel::errno::Errno;
use execfit_kernel::exec::{Call, Outcome};
use execfit_kernel::tree::{Content, Inode, MemoryTree};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    run(&mut Unstructured::new(data)).ok();
});

fn run(bytes: &mut Unstructured<'_>) -> Result<()> {
    let host = host(bytes)?;
    let credentials = credentials(bytes)?;
    let mut value = text(bytes, 28)?;
    if bytes.arbitrary()? {
        let length = *bytes.choose(&[12, 20, 24])?;
        value.resize(length, 0);
        value[..3].copy_from_slice(&[bytes.arbitrary::<u8>()? & 1, 0, 0]);
        value[3] = bytes.int_in_range(0..=4)?;
    }
    let inode = Inode::new(Content::File(program(host.architecture)), 0o755);
    let mut tree = MemoryTree::new();
    tree.insert(b"/app", Inode { capability: Some(value.clone()), ..inode });
    let ask = |credentials: &Credentials| {
        ask(
            &tree,
            &host,
            &Call { path: b"/app", argv: &[], env: &[], cwd: b"/", credentials, stack_limit: 8 << 20 },
        )
    };
    let answer = ask(&credentials);
    match FileCapabilities::read(&value) {
        None => assert_eq!(answer, Ok(Outcome::Fails(Errno::EINVAL))),
        Some(read) => {
            let refused = answer == Ok(Outcome::Fails(Errno::EPERM));
            assert!(!refused || read.effective && read.permitted & !credentials.bounding != 0);
            // Whom nothing bounds, nothing refuses.
            let free = Credentials::container(credentials.uid, credentials.gid, Vec::new(), u64::MAX);
            assert_ne!(ask(&free), Ok(Outcome::Fails(Errno::EPERM)));
        }
    }
    Ok(())
}
