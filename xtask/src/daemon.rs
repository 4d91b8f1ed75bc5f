//! A process that outlives this one, and that is stopped only when it is certainly ours.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::Result;

/// How long a daemon may take to answer, or to end.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(50);

/// One started process. A process id may be used again by another program; together with the start time it may not.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Daemon {
    /// What a person calls it.
    pub(crate) name: String,
    pid: i32,
    /// Field 22 of `/proc/PID/stat`, in clock ticks since boot.
    started: u64,
    /// Its port on loopback; 0 where it listens on a Unix socket.
    port: u16,
    log: PathBuf,
}

impl Daemon {
    /// Starts a program in a process group of its own, which Ctrl-C on our terminal does not reach.
    pub(crate) fn start(name: &str, port: u16, log: &Path, command: &mut Command) -> Result<Self> {
        let file = File::create(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .map_err(|error| format!("cannot start {name}: {error}"))?;
        let pid = i32::try_from(child.id())?;
        let started = start_time(pid).ok_or_else(|| format!("{name} ended at once"))?;
        Ok(Self { name: name.to_owned(), pid, started, port, log: log.to_owned() })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Whether the process is still there and still the same.
    pub(crate) fn runs(&self) -> bool {
        start_time(self.pid) == Some(self.started)
    }

    /// Waits until the port takes connections.
    pub(crate) fn wait_for_port(&self) -> Result<()> {
        self.wait_until(|| TcpStream::connect(self.address()).is_ok())
    }

    /// Waits until it is ready; says what its log says when it is not.
    pub(crate) fn wait_until(&self, ready: impl Fn() -> bool) -> Result<()> {
        let begin = Instant::now();
        while begin.elapsed() < PATIENCE && self.runs() {
            if ready() {
                return Ok(());
            }
            sleep(PAUSE);
        }
        Err(format!("{} did not start; the end of its log:\n{}", self.name, self.end_of_log()).into())
    }

    fn end_of_log(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    /// Asks it to end, and after a while makes it end.
    pub(crate) fn stop(&self) -> Result<()> {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            let begin = Instant::now();
            while self.runs() && begin.elapsed() < PATIENCE {
                if begin.elapsed() < PAUSE {
                    kill(Pid::from_raw(self.pid), signal)?;
                }
                sleep(PAUSE);
            }
        }
        if self.runs() {
            Err(format!("{} (process {}) does not end", self.name, self.pid).into())
        } else {
            Ok(())
        }
    }
}

/// When a process began; none when it is gone or only waits to be reaped.
fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the program's name in parentheses and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if state == "Z" { None } else { fields.nth(18)?.parse().ok() }
}

/// A port on loopback that nobody uses.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ours_only_with_its_start_time() {
        let log = std::env::temp_dir().join(format!("execfit-daemon-{}", std::process::id()));
        let daemon = Daemon::start("sleep", 0, &log, Command::new("sleep").arg("60")).unwrap();
        let other = Daemon { started: daemon.started + 1, ..daemon.clone() };
        other.stop().unwrap();
        assert!(daemon.runs());
        daemon.stop().unwrap();
        assert!(!daemon.runs());
        fs::remove_file(log).unwrap();
    }
}
