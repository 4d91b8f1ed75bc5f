//! Arbitrary handlers before arbitrary files.
#![no_main]

use execfit_fuzz::{ask, credentials, handler, host, program, text};
use execfit_kernel::binfmt_misc;
use execfit_kernel::exec::Call;
use execfit_kernel::tree::MemoryTree;
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    run(&mut Unstructured::new(data)).ok();
});

fn run(bytes: &mut Unstructured<'_>) -> Result<()> {
    let mut host = host(bytes)?;
    let credentials = &credentials(bytes)?;
    for _ in 0..bytes.int_in_range(1..=3)? {
        let mut handler = handler(bytes)?;
        if bytes.arbitrary()? {
            handler.interpreter = b"/app".to_vec();
        }
        host.binfmt_misc.push(handler);
    }
    let file = if bytes.arbitrary()? { b"#!/app x\n".to_vec() } else { text(bytes, 400)? };
    if let Some(found) = binfmt_misc::find(&host.binfmt_misc, &file) {
        assert!(found.matches(&file));
    }
    let tree = MemoryTree::new().file("/app", 0o755, &program(host.architecture)).file("/file", 0o755, &file);
    let call = Call {
        path: b"/file",
        argv: &[b"x".to_vec()],
        env: &[],
        cwd: b"/",
        credentials,
        stack_limit: 8 << 20,
    };
    ask(&tree, &host, &call).ok();
    Ok(())
}
