//! A Docker Engine of the bench's own, with nothing in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::Running;
use crate::daemon::Daemon;
use crate::{Result, command, mounts};

/// The kernel tells processor time in these (`sysconf(_SC_CLK_TCK)`, 100 on every Linux that Debian builds).
const TICKS_PER_SECOND: f64 = 100.0;

/// Its folder below the bench's.
const NAME: &str = "engine";

/// The Engine and the containerd that it starts.
pub(super) struct Engine {
    running: Running,
    folder: PathBuf,
}

/// What the Engine's processes took so far.
pub(super) struct Taken {
    pub(super) cpu: f64,
    /// The largest process at its peak.
    pub(super) memory: u64,
}

impl Engine {
    /// Starts an Engine that keeps everything in a folder below the bench's, and leaves bridges and packet filters alone.
    pub(super) fn start(bench: &Path) -> Result<Self> {
        Running::stop_leftover(bench, NAME)?;
        let folder = &bench.join(NAME);
        if folder.exists() {
            mounts::unmount_below(folder)?;
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        let settings = folder.join("engine.json");
        let configuration = json!({
            "data-root": folder.join("data"),
            "exec-root": folder.join("exec"),
            "pidfile": folder.join("engine.pid"),
            "hosts": [host(folder)],
            "bridge": "none",
            "iptables": false,
            "ip6tables": false,
            "ip-forward": false,
            "ip-masq": false,
            "userland-proxy": false,
        });
        fs::write(&settings, serde_json::to_vec_pretty(&configuration)?)?;
        let mut program = Command::new("dockerd");
        program.arg("--config-file").arg(settings);
        program.env("PATH", command::search_path()).env("NO_PROXY", "127.0.0.1");
        let daemon = Daemon::start("Docker Engine", 0, &folder.join("engine.log"), &mut program)?;
        let engine = Self { running: Running::new(daemon, bench, NAME)?, folder: folder.to_owned() };
        engine.running.daemon.wait_until(|| engine.answers())?;
        Ok(engine)
    }

    fn answers(&self) -> bool {
        let mut docker = Command::new("docker");
        docker.env("PATH", command::search_path()).env("DOCKER_HOST", self.host());
        command::output(docker.args(["version", "--format", "{{.Server.Version}}"])).is_ok()
    }

    /// `unix:///...`, as `DOCKER_HOST` has it.
    pub(super) fn host(&self) -> String {
        host(&self.folder)
    }

    /// The socket of its containerd.
    pub(super) fn containerd(&self) -> String {
        self.folder.join("exec/containerd/containerd.sock").display().to_string()
    }

    /// What its processes took since they were started; those that ended are counted with the one that started them.
    pub(super) fn taken(&self) -> Taken {
        let processes = self.processes();
        let cpu = processes.iter().filter_map(|pid| processor_time(*pid)).sum();
        let memory = processes.iter().filter_map(|pid| peak(*pid)).max().unwrap_or(0);
        Taken { cpu, memory }
    }

    /// Lets the peaks of memory begin anew (proc(5), `clear_refs`).
    pub(super) fn forget_peaks(&self) {
        for pid in self.processes() {
            // An older kernel without it tells a larger figure: the peak since the start.
            drop(fs::write(format!("/proc/{pid}/clear_refs"), "5"));
        }
    }

    fn processes(&self) -> Vec<i32> {
        let mut parents = BTreeMap::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            if let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok())
                && let Some(parent) = field(pid, 1)
            {
                parents.insert(pid, parent);
            }
        }
        descendants(self.running.daemon.pid(), &parents)
    }

    /// Stops it and removes what it kept.
    pub(super) fn stop(self) -> Result<()> {
        drop(self.running);
        mounts::unmount_below(&self.folder)?;
        Ok(fs::remove_dir_all(&self.folder)?)
    }
}

fn host(folder: &Path) -> String {
    format!("unix://{}", folder.join("docker.sock").display())
}

/// A process and all that it started, directly or not.
fn descendants(root: i32, parents: &BTreeMap<i32, i32>) -> Vec<i32> {
    let mut found = vec![root];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(parents.iter().filter(|(_, of)| **of == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found
}

/// A field of `/proc/PID/stat`, counted from behind the program's name: 0 is the state.
fn field(pid: i32, index: usize) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(index)?.parse().ok()
}

/// Its own time and that of the children it waited for, in seconds.
fn processor_time(pid: i32) -> Option<f64> {
    let ticks: Option<Vec<i32>> = (11..15).map(|index| field(pid, index)).collect();
    Some(f64::from(ticks?.iter().sum::<i32>()) / TICKS_PER_SECOND)
}

fn peak(pid: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_a_process_started_is_found() {
        let parents = BTreeMap::from([(2, 1), (3, 2), (4, 3), (5, 1), (6, 4)]);
        assert_eq!(descendants(2, &parents), [2, 3, 4, 6]);
        assert_eq!(descendants(9, &parents), [9]);
    }

    #[test]
    fn a_process_has_a_time_and_a_peak() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(processor_time(own).is_some());
        assert!(peak(own).unwrap() > 1 << 16);
        assert_eq!((processor_time(-1), peak(-1)), (None, None));
    }
}
