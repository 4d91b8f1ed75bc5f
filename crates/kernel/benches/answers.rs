//! Answers a second on one core, of the processor's time: `cargo bench -p execfit-kernel`.

#![allow(missing_docs, clippy::expect_used)]

use execfit_kernel::credentials::{Credentials, DOCKER_DEFAULT};
use execfit_kernel::exec::{Call, execve};
use execfit_kernel::host::{Architecture, Host};
use execfit_kernel::tree::MemoryTree;
use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

fn main() {
    // `cargo test --benches` only tries whether it runs.
    let rounds: u32 = if std::env::args().any(|argument| argument == "--bench") { 2_000_000 } else { 100 };
    let mut program = vec![0; 4096];
    program[..6].copy_from_slice(b"\x7fELF\x02\x01");
    (program[16], program[18], program[32], program[54], program[56]) = (2, 62, 64, 56, 1);
    (program[64], program[68], program[64 + 18], program[64 + 33], program[64 + 41]) = (1, 5, 64, 16, 16);
    // The same with a loader, which is the program above.
    let mut dynamic = program.clone();
    (dynamic[56], dynamic[120], dynamic[120 + 9], dynamic[120 + 32]) = (2, 3, 8, 5);
    dynamic[0x800..0x804].copy_from_slice(b"/app");
    dynamic[16] = 3;
    let tree = MemoryTree::new()
        .file("/app", 0o755, &program)
        .file("/usr/bin/dynamic", 0o755, &dynamic)
        .link("/bin", "usr/bin")
        .file("/script", 0o755, b"#!/app\n")
        .file("/usr/local/bin/deep", 0o755, &program)
        .file("/text", 0o755, b"hello");
    let host = Host::aws(Architecture::X86_64);
    let credentials = &Credentials::container(0, 0, Vec::new(), DOCKER_DEFAULT);
    for path in ["/app", "/bin/dynamic", "/script", "/usr/local/bin/deep", "/text", "/missing"] {
        let argv = [path.into()];
        let path = path.as_bytes();
        let call = Call { path, argv: &argv, env: &[], cwd: b"/", credentials, stack_limit: 8 << 20 };
        let start = processor_time();
        for _ in 0..rounds {
            black_box(execve(black_box(&tree), &host, &call, &mut ())).expect("no gaps");
        }
        let rate = f64::from(rounds) / (processor_time() - start).as_secs_f64();
        println!("{:<22} {:>10.0} answers a second", path.escape_ascii().to_string(), rate);
    }
}

/// Time that this process has had on a processor: other work on the machine does not count.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().expect("a time"), time.tv_nsec.try_into().expect("a time"))
}
