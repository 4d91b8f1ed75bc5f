//! What the figures were measured on, in words that name no host.

use std::fs;
use std::process::Command;

use crate::command;

/// Cores, processor, kernel, distribution.
pub(super) fn about() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "an unknown processor".to_owned());
    let memory = field("/proc/meminfo", "MemTotal").and_then(|text| gibibytes(&text)).unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let debian = fs::read_to_string("/etc/debian_version").unwrap_or_default();
    format!("{cores} cores of {}, {memory}Linux {}, Debian {}", model.trim(), release(&kernel), debian.trim())
}

/// The architecture of this machine, by Docker's name.
pub(super) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// `YYYY-MM-DD`.
pub(super) fn today() -> String {
    command::output(Command::new("date").args(["-u", "+%F"])).unwrap_or_default().trim().to_owned()
}

/// The versions of the tools that take part, where they tell.
pub(super) fn versions() -> Vec<String> {
    const TOOLS: [(&str, &[&str]); 8] = [
        ("skopeo", &["--version"]),
        ("umoci", &["--version"]),
        ("podman", &["--version"]),
        ("dockerd", &["--version"]),
        ("containerd", &["--version"]),
        ("crane", &["version"]),
        ("python3", &["--version"]),
        ("rustc", &["--version"]),
    ];
    let told = |(name, arguments): &(&str, &[&str])| {
        let mut tool = Command::new(name);
        let said = command::output(tool.env("PATH", command::search_path()).args(*arguments)).ok()?;
        let version = said
            .split_whitespace()
            .find(|word| word.trim_start_matches('v').starts_with(|letter: char| letter.is_ascii_digit()))?;
        Some(format!("{name} {}", version.trim_end_matches(',')))
    };
    TOOLS.iter().filter_map(told).collect()
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn gibibytes(text: &str) -> Option<String> {
    let kibibytes: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(format!("{:.0} GiB, ", kibibytes / f64::from(1 << 20)))
}

/// Major and minor: what comes behind may name whoever built it.
fn release(kernel: &str) -> String {
    kernel.split('.').take(2).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_kernel_is_told_without_its_builder() {
        assert_eq!(super::release("6.12.30-cloud-amd64\n"), "6.12");
        assert_eq!(super::gibibytes("24603456 kB").as_deref(), Some("23 GiB, "));
    }
}
