//! The container runtimes: who finds `argv[0]` and calls `execve` in a container.
//!
//! They differ by name, by version, and (runc) by the Go that it was built with. Docker Engine, containerd and podman
//! call one of them, and wrap what it prints.

pub mod messages;

use crate::errno::Errno;

/// A container runtime, as far as versions differ in what they look up or print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// runc, and the Go whose `exec.LookPath` it was built with.
    Runc(Runc, Go),
    /// crun, podman's usual runtime.
    Crun(Crun),
}

/// Versions of runc.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Runc {
    /// Up to 1.0.3: no second look at the file, and errors of `execve` come through logrus.
    UpTo1_0,
    /// 1.1: a second look with `faccessat2` (`libcontainer/standard_init_linux.go` Init); exit code 1.
    V1_1,
    /// 1.2 and later: exit code 255 (`libcontainer/init_linux.go`).
    From1_2,
}

/// Versions of Go's `os/exec`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Go {
    /// Up to 1.18: a program found through a relative element of `PATH` is taken.
    UpTo1_18,
    /// 1.19: such a program is refused (`ErrDot`); a file is executable where any x bit is set, whoever asks.
    V1_19,
    /// 1.20 and later: `faccessat2(X_OK, AT_EACCESS)` decides, and a directory is told as one.
    From1_20,
}

/// Versions of crun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Crun {
    /// Up to 1.20: an empty element of `PATH` means `/`.
    UpTo1_20,
    /// 1.21 and later: an empty element of `PATH` means the working directory.
    From1_21,
}

impl Runtime {
    /// The runc of today: 1.2 or later. Its rules of looking up are those of every runc that was built with Go 1.20 or
    /// later. Which one Amazon ECS's machines have is not known; what they print tells.
    pub const RUNC: Runtime = Runtime::Runc(Runc::From1_2, Go::From1_20);
    /// The crun of today.
    pub const CRUN: Runtime = Runtime::Crun(Crun::From1_21);

    /// The runtime of a version as `runc --version` and `crun --version` print it. `go` is the Go that runc names;
    /// where it is not known, the one that releases of that runc were mostly built with.
    pub fn of_version(name: &str, version: &str, go: Option<&str>) -> Option<Runtime> {
        let version = numbers(version)?;
        match name {
            "runc" => {
                let runc = match version {
                    (0, _) | (1, 0) => Runc::UpTo1_0,
                    (1, 1) => Runc::V1_1,
                    _ => Runc::From1_2,
                };
                let go = match go.and_then(|go| numbers(go.trim_start_matches("go"))) {
                    Some((1, ..=18)) => Go::UpTo1_18,
                    Some((1, 19)) => Go::V1_19,
                    None if runc == Runc::UpTo1_0 => Go::UpTo1_18,
                    _ => Go::From1_20,
                };
                Some(Runtime::Runc(runc, go))
            }
            "crun" if version < (1, 21) => Some(Runtime::Crun(Crun::UpTo1_20)),
            "crun" => Some(Runtime::Crun(Crun::From1_21)),
            _ => None,
        }
    }

    /// The line that stands in the container's own log where `execve` refuses `program`.
    pub fn refusal(self, program: &[u8], errno: Errno) -> String {
        let program = String::from_utf8_lossy(program);
        let text = errno.text();
        match self {
            Runtime::Runc(Runc::UpTo1_0, _) => {
                format!("standard_init_linux.go:228: exec user process caused: {text}")
            }
            Runtime::Runc(..) => format!("exec {program}: {text}"),
            Runtime::Crun(_) if errno == Errno::ENOENT => {
                format!("exec container process (missing dynamic library?) `{program}`: {}", errno.c_text())
            }
            Runtime::Crun(_) => format!("exec container process `{program}`: {}", errno.c_text()),
        }
    }

    /// The exit code of a container whose program `execve` refuses.
    pub fn refused_exit_code(self) -> u8 {
        match self {
            Runtime::Runc(Runc::From1_2, _) => 255,
            Runtime::Runc(..) | Runtime::Crun(_) => 1,
        }
    }
}

/// Major and minor number of a version.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.trim_start_matches('v').split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let of = Runtime::of_version;
        assert_eq!(of("runc", "1.1.5+ds1", Some("go1.19.8")), Some(Runtime::Runc(Runc::V1_1, Go::V1_19)));
        assert_eq!(of("runc", "1.0.0-rc93", None), Some(Runtime::Runc(Runc::UpTo1_0, Go::UpTo1_18)));
        assert_eq!(of("runc", "v1.3.6", Some("go1.24.3")), Some(Runtime::RUNC));
        assert_eq!(of("crun", "1.8.1", None), Some(Runtime::Crun(Crun::UpTo1_20)));
        assert_eq!(of("crun", "1.28", None), Some(Runtime::CRUN));
        assert_eq!(of("youki", "0.5.0", None), None);
        assert_eq!((of("runc", "", None), of("runc", "99999999999.1", None)), (None, None));
    }
}
