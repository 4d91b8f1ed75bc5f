//! The line that both measuring programs print: what a run cost, as one JSON object.

use rustix::time::{ClockId, clock_gettime};
use std::time::Instant;

/// A run that is being measured.
pub(crate) struct Run {
    begun: Instant,
}

impl Run {
    pub(crate) fn begin() -> Run {
        Run { begun: Instant::now() }
    }

    /// Prints seconds of wall clock and of processor (all threads), peak memory in KiB, and what else there is to say.
    pub(crate) fn print(&self, more: serde_json::Value) {
        let wall = self.begun.elapsed().as_secs_f64();
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let cpu = cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9;
        let mut line = serde_json::json!({"wall_s": wall, "cpu_s": cpu, "peak_rss_kib": peak()});
        if let (Some(line), serde_json::Value::Object(more)) = (line.as_object_mut(), more) {
            line.extend(more);
        }
        println!("{line}");
    }
}

/// The most memory that this process had, in KiB (proc(5), `VmHWM`).
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
}
