//! What one run of a program costs.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::signal::{Signal, killpg};
use nix::sys::time::TimeVal;
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::Result;

/// A program that takes longer than this is ended.
const PATIENCE: Duration = Duration::from_secs(400);
/// More of a program's output than this is not looked at.
const OUTPUT: usize = 64 << 20;
/// As a shell says it.
const NOT_FOUND: i32 = 127;

/// What a run cost: the program with all that it started and waited for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Cost {
    /// Seconds from its start to its end.
    pub(super) wall: f64,
    /// Seconds of processor time, in user mode and in the kernel.
    pub(super) cpu: f64,
    /// Bytes that the largest process of them had in memory at its peak.
    pub(super) memory: u64,
}

/// A run that is over.
pub(super) struct Ended {
    pub(super) cost: Cost,
    pub(super) status: i32,
    pub(super) output: Vec<u8>,
    pub(super) complaint: String,
}

/// Runs a program and measures it. A process of its own does the measuring, since the kernel adds up what all children
/// of a process took.
pub(super) fn run(
    program: &OsStr,
    arguments: &[String],
    scratch: &Path,
    environment: &[(String, String)],
) -> Result<Ended> {
    let (said, cost) = (scratch.join("stdout"), scratch.join("cost"));
    let complained = scratch.join("stderr");
    let mut measure = Command::new(std::env::current_exe()?);
    measure.args(["bench", "measure"]).arg(&cost).arg(program).args(arguments);
    measure.envs(environment.iter().map(|(name, value)| (name, value)));
    measure.stdin(Stdio::null()).stdout(fs::File::create(&said)?).stderr(fs::File::create(&complained)?);
    let status = measure.status()?;
    if !status.success() {
        return Err(format!("cannot measure {}: {}", program.display(), text(&complained)).into());
    }
    let Measured { cost, status } = serde_json::from_slice(&fs::read(&cost)?)?;
    let mut output = fs::read(&said)?;
    output.truncate(OUTPUT);
    Ok(Ended { cost, status, output, complaint: text(&complained) })
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

#[derive(Serialize, Deserialize)]
struct Measured {
    cost: Cost,
    /// The exit code; 128 and more where a signal ended it.
    status: i32,
}

/// `bench measure FILE PROGRAM ARGUMENT...`: runs the program, and writes down what it cost.
pub(super) fn measure(arguments: &[String]) -> Result<()> {
    let [file, program, arguments @ ..] = arguments else { return Err("nothing to measure".into()) };
    let mut command = Command::new(program);
    command.args(arguments).process_group(0);
    let begin = Instant::now();
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            eprintln!("error: cannot run {program}: {error}");
            return note(file, Cost { wall: 0.0, cpu: 0.0, memory: 0 }, NOT_FOUND);
        }
    };
    let group = Pid::from_raw(i32::try_from(child.id())?);
    thread::spawn(move || {
        thread::sleep(PATIENCE);
        killpg(group, Signal::SIGKILL)
    });
    let status = child.wait()?;
    let wall = begin.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let status = status.code().unwrap_or(128);
    note(file, Cost { wall, cpu: processor(&usage), memory: resident(&usage) }, status)
}

fn note(file: &str, cost: Cost, status: i32) -> Result<()> {
    Ok(fs::write(file, serde_json::to_vec(&Measured { cost, status })?)?)
}

fn processor(usage: &Usage) -> f64 {
    let seconds = |time: TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// The kernel tells kibibytes (getrusage(2), `ru_maxrss`).
fn resident(usage: &Usage) -> u64 {
    u64::try_from(usage.max_rss()).unwrap_or(0) << 10
}

/// The middle of some figures; the lower one of two.
pub(super) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN)
}

/// How often something that takes so many seconds is run.
pub(super) fn rounds(seconds: f64) -> usize {
    match seconds {
        seconds if seconds < 0.1 => 20,
        seconds if seconds < 1.0 => 7,
        seconds if seconds < 4.0 => 3,
        seconds if seconds < 10.0 => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_took_is_measured() {
        let file = std::env::temp_dir().join(format!("execfit-bench-cost-{}", std::process::id()));
        let told = |script: &str| -> Measured {
            let words = [&file.display().to_string(), "sh", "-c", script].map(str::to_owned);
            measure(&words).unwrap();
            serde_json::from_slice(&fs::read(&file).unwrap()).unwrap()
        };
        let slept = told("sleep 0.1; exit 3");
        assert_eq!(slept.status, 3);
        assert!(slept.cost.wall >= 0.1 && slept.cost.memory > 100_000, "{:?}", slept.cost);
        assert_eq!(told("kill -9 $$").status, 128);
        let missing = [&file.display().to_string(), "/no/such/program"].map(str::to_owned);
        measure(&missing).unwrap();
        let missing: Measured = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        assert_eq!(missing.status, NOT_FOUND);
        fs::remove_file(file).unwrap();
    }

    #[test]
    fn cheap_things_are_done_often() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0]), 1.0);
        assert!(median([]).is_nan());
        assert!(rounds(0.01) > rounds(0.5) && rounds(0.5) > rounds(5.0));
        assert_eq!(rounds(60.0), 1);
    }
}
