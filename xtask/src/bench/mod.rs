//! `cargo xtask bench`: how fast images are read, and how little of them, against what one has today.

mod blob;
mod contender;
mod crane;
mod engine;
mod goals;
mod machine;
mod measure;
mod options;
mod page;
mod proxy;
mod race;
mod recipe;
// The image crate's tests and this bench make such layers with the same code.
#[allow(dead_code, clippy::expect_used, reason = "written for tests")]
#[path = "../../../crates/image/src/testing/seekable.rs"]
mod seekable;
mod set;
mod stage;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::command::{self, workspace};
use crate::daemon::Daemon;
use crate::needs::{self, Need};
use crate::{Result, registry};
use contender::Contender;
use engine::Engine;
use goals::Results;
use measure::Cost;
use options::{Asked, Options};
use proxy::{Link, Proxy};
use race::{Course, Line, Programs, Subject};
use set::{Made, Workshop};

const REGISTRY: &str = "registry";
const PAGE: &str = "book/src/performance.md";

/// What the images are made with. Contenders that are missing take no part.
const NEEDS: &[Need] = &[
    Need { what: "a registry", package: "docker-registry", is_met: || command::exists("docker-registry") },
    Need { what: "Python with pip", package: "python3-pip", is_met: || command::exists("python3") },
    Need { what: "npm", package: "npm", is_met: || command::exists("npm") },
    Need { what: "curl", package: "curl", is_met: || command::exists("curl") },
];

/// The contenders that Debian has.
const CONTENDERS: &[Need] = &[
    Need { what: "skopeo", package: "skopeo", is_met: || command::exists("skopeo") },
    Need { what: "umoci", package: "umoci", is_met: || command::exists("umoci") },
    Need { what: "podman", package: "podman", is_met: || command::exists("podman") },
    Need { what: "file", package: "file", is_met: || command::exists("file") },
    Need { what: "a Docker Engine", package: "docker.io", is_met: || command::exists("dockerd") },
];

/// `cargo xtask bench ...`
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    match options::parse(arguments)? {
        Asked::Help => println!("{}", options::HELP),
        Asked::Measure(arguments) => measure::measure(arguments)?,
        Asked::Bench(options) => bench(&options)?,
    }
    Ok(())
}

fn bench(options: &Options) -> Result<()> {
    if options.install {
        needs::install(&needs::missing(NEEDS))?;
        needs::install(&needs::missing(CONTENDERS))?;
    }
    let missing = needs::told(&needs::missing(NEEDS));
    if !missing.is_empty() {
        return Err(format!("the bench lacks:\n  {}\nhelp: `--install`", missing.join("\n  ")).into());
    }
    let folder = options.folder.clone().unwrap_or_else(|| target().join("bench"));
    fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    Running::stop_leftover(&folder, REGISTRY)?;
    let registry = Running::new(registry::start(&folder)?, &folder, REGISTRY)?;
    registry.daemon.wait_for_port()?;
    let workshop = Workshop { folder: &folder, registry: &registry.daemon.address() };
    let made: Vec<Made> =
        options.recipes.iter().map(|recipe| workshop.make(recipe)).collect::<Result<_>>()?;
    if options.only_make {
        return Ok(());
    }
    let bin = folder.join("bin");
    fs::create_dir_all(&bin)?;
    if let Err(error) = crane::build(&bin, options.install) {
        eprintln!("without crane: {error}");
    }
    let programs = programs(options.build, bin)?;
    let course = course(&folder, registry.daemon.address(), programs)?;
    let done = compete(&course, options, &made);
    let start_up = start_up(&course);
    if let Some(engine) = course.engine {
        engine.stop()?;
    }
    let (lines, absent) = done?;
    let start_up = start_up?;
    fs::write(folder.join("results.json"), serde_json::to_vec_pretty(&lines)?)?;
    let setting = page::Setting {
        date: machine::today(),
        machine: machine::about(),
        versions: machine::versions(),
        absent,
    };
    let results = Results { lines: &lines, made: &made, start_up: &start_up };
    let page = options.page.clone().unwrap_or_else(|| workspace().join(PAGE));
    fs::write(&page, page::page(&setting, &results))?;
    println!("written: {}", page.display());
    Ok(())
}

/// A daemon that ends with the bench, or before the next one in the same folder.
pub(crate) struct Running {
    daemon: Daemon,
    note: PathBuf,
}

impl Running {
    /// Notes that a daemon was started for this folder.
    fn new(daemon: Daemon, folder: &Path, name: &str) -> Result<Self> {
        let running = Self { daemon, note: note(folder, name) };
        fs::write(&running.note, serde_json::to_vec(&running.daemon)?)?;
        Ok(running)
    }

    /// Stops what an earlier bench, ended by force, left running.
    fn stop_leftover(folder: &Path, name: &str) -> Result<()> {
        let Ok(bytes) = fs::read(note(folder, name)) else { return Ok(()) };
        serde_json::from_slice::<Daemon>(&bytes)?.stop()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.daemon.stop() {
            eprintln!("{error}");
        }
        drop(fs::remove_file(&self.note));
    }
}

fn note(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.daemon.json"))
}

/// Cargo's target folder.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// Builds what takes part from this repository.
fn programs(build: bool, bin: PathBuf) -> Result<Programs> {
    let cargo = |arguments: &[&str]| {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command::output(
            cargo.current_dir(workspace()).args(["build", "--release", "--quiet"]).args(arguments),
        )
    };
    if build {
        println!("building");
        cargo(&["--package", "execfit"])?;
        cargo(&["--package", "execfit-image", "--examples"])?;
    }
    let release = target().join("release");
    Ok(Programs {
        execfit: release.join("execfit"),
        floor: release.join("examples/floor"),
        label: release.join("examples/label"),
        bin,
    })
}

fn course(folder: &Path, registry: String, programs: Programs) -> Result<Course> {
    let scratch = folder.join("scratch");
    fs::create_dir_all(&scratch)?;
    fs::write(scratch.join("elfscan.py"), include_str!("elfscan.py"))?;
    let round_trip = Duration::from_millis(goals::ROUND_TRIP_MS);
    let link = Link { bytes_per_second: goals::BYTES_PER_SECOND, round_trip };
    let shaped = Proxy::start(&registry, Some(link))?;
    let has_engine = command::exists("dockerd") && nix::unistd::Uid::effective().is_root();
    let engine = if has_engine { Some(Engine::start(folder)?) } else { None };
    Ok(Course { work: folder.join("work"), scratch, registry, shaped, engine, programs })
}

/// Every contender at every question about every image; and who took no part.
fn compete(course: &Course, options: &Options, made: &[Made]) -> Result<(Vec<Line>, Vec<String>)> {
    let (mut lines, mut absent) = (Vec::new(), Vec::new());
    for (recipe, made) in options.recipes.iter().zip(made) {
        for &format in made.forms.keys().filter(|format| options.formats.contains(format)) {
            let subject = Subject { recipe, made, format };
            for contender in contender::ALL.iter().filter(|contender| options.wants(contender, subject)) {
                if let Some(reason) = hindrance(contender, course, subject) {
                    if !reason.is_empty() && !absent.contains(&reason) {
                        absent.push(reason);
                    }
                    continue;
                }
                let line = course.race(contender, subject)?;
                println!("{}", told(&line));
                lines.push(line);
            }
        }
    }
    Ok((lines, absent))
}

/// Why a contender does not take part; in no words where the question is not for it.
fn hindrance(contender: &Contender, course: &Course, subject: Subject<'_>) -> Option<String> {
    if let Some(program) = contender.needs.iter().find(|name| !course.programs.have(name)) {
        return Some(format!("{} ({program} is not installed)", contender.name));
    }
    if contender.uses_engine && course.engine.is_none() {
        return Some(format!("{} (no right to start an Engine)", contender.name));
    }
    let is_native = subject.recipe.architecture.name() == machine::architecture();
    (contender.runs_programs && !is_native).then(String::new)
}

fn told(line: &Line) -> String {
    let what = format!("{} {} {:?}: {}", line.image, line.format, line.question, line.contender);
    let shaped = line.shaped.map_or(String::new(), |(cost, traffic)| {
        format!(", shaped {:.3} s, {} bytes, {} requests", cost.wall, traffic.bytes, traffic.requests)
    });
    let wall = line.fastest().unwrap_or(f64::NAN);
    format!(
        "{what}: {wall:.4} s, CPU {:.3}, {} MB{shaped}, {:?}",
        line.processor(),
        line.memory() / 1_000_000,
        line.answer
    )
}

/// What a command costs that reads no image.
pub(crate) struct StartUp {
    line: String,
    cost: Cost,
}

/// Commands that read no image, and `true`: the cost of starting anything.
fn start_up(course: &Course) -> Result<Vec<StartUp>> {
    const ROUNDS: usize = 100;
    let execfit = course.programs.execfit.display().to_string();
    let mut told = Vec::new();
    for (program, line) in
        [("true", "true"), (&execfit, "execfit --version"), (&execfit, "execfit explain wrong-architecture")]
    {
        let arguments: Vec<String> = line.split(' ').skip(1).map(str::to_owned).collect();
        let mut costs = Vec::new();
        for _ in 0..ROUNDS {
            let ended = measure::run(program.as_ref(), &arguments, &course.scratch, &[])?;
            if ended.status == 0 {
                costs.push(ended.cost);
            }
        }
        let fastest = costs.into_iter().min_by(|a, b| a.wall.total_cmp(&b.wall));
        told.extend(fastest.map(|cost| StartUp { line: line.to_owned(), cost }));
    }
    Ok(told)
}
