//! Lets contenders answer, measures them, and compares their answers with the truth.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;
use serde_json::Value;

use super::blob::Format;
use super::contender::{Contender, FILES, Question, Tells};
use super::engine::Engine;
use super::measure::{self, Cost, Ended};
use super::proxy::{Proxy, Traffic};
use super::recipe::Recipe;
use super::set::{Made, Stored, native};
use crate::debian::Architecture;
use crate::{Result, command, mounts};

/// What takes so many seconds directly is not asked to do it again over the narrow link.
const LONG: f64 = 20.0;

/// Where all contenders run.
pub(super) struct Course {
    /// A folder whose content is removed after each run.
    pub(super) work: PathBuf,
    /// Where scripts and outputs are.
    pub(super) scratch: PathBuf,
    /// `127.0.0.1:PORT`.
    pub(super) registry: String,
    pub(super) shaped: Proxy,
    pub(super) engine: Option<Engine>,
    pub(super) programs: Programs,
}

/// The programs of this repository.
pub(super) struct Programs {
    pub(super) execfit: PathBuf,
    pub(super) floor: PathBuf,
    pub(super) label: PathBuf,
    /// A folder of further ones.
    pub(super) bin: PathBuf,
}

impl Programs {
    /// Whether there is a program of this name.
    pub(super) fn have(&self, name: &str) -> bool {
        command::exists(name) || self.bin.join(name).is_file()
    }
}

/// What became of one contender at one question about one image.
#[derive(Serialize)]
pub(super) struct Line {
    pub(super) image: &'static str,
    pub(super) format: &'static str,
    #[serde(serialize_with = "as_debug")]
    pub(super) question: Question,
    pub(super) contender: &'static str,
    /// Each run with nothing between it and the registry.
    pub(super) direct: Vec<Cost>,
    /// The fastest run over the narrow link, and what passed.
    pub(super) shaped: Option<(Cost, Traffic)>,
    pub(super) answer: Answer,
}

fn as_debug<S: serde::Serializer>(question: &Question, to: S) -> std::result::Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("{question:?}"))
}

/// How an answer compares with the truth.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// Right, in these words.
    Right(String),
    Wrong(String),
    /// It ended with an error.
    Failed(String),
    /// It is none to give: only work.
    None,
}

impl Line {
    /// The fastest direct run.
    pub(super) fn fastest(&self) -> Option<f64> {
        self.direct.iter().map(|cost| cost.wall).min_by(f64::total_cmp)
    }

    /// The middle of the direct runs.
    pub(super) fn middle(&self) -> f64 {
        measure::median(self.direct.iter().map(|cost| cost.wall))
    }

    /// The middle of the processor time.
    pub(super) fn processor(&self) -> f64 {
        measure::median(self.direct.iter().map(|cost| cost.cpu))
    }

    /// The most memory of all runs.
    pub(super) fn memory(&self) -> u64 {
        self.direct.iter().map(|cost| cost.memory).max().unwrap_or(0)
    }

    /// Whether its figures may be compared with others'.
    pub(super) fn counts(&self) -> bool {
        matches!(self.answer, Answer::Right(_) | Answer::None) && !self.direct.is_empty()
    }
}

/// An image in one form, to be asked about.
#[derive(Clone, Copy)]
pub(super) struct Subject<'race> {
    pub(super) recipe: &'race Recipe,
    pub(super) made: &'race Made,
    pub(super) format: Format,
}

impl Course {
    /// One contender, directly and over the narrow link.
    pub(super) fn race(&self, contender: &'static Contender, subject: Subject<'_>) -> Result<Line> {
        let mut line = Line {
            image: subject.recipe.name,
            format: subject.format.tag(),
            question: contender.question,
            contender: contender.name,
            direct: Vec::new(),
            shaped: None,
            answer: Answer::None,
        };
        self.clear()?;
        self.bash(contender.before, &self.variables(subject, &self.registry))?;
        let mut rounds = 1;
        while line.direct.len() < rounds {
            let ended = self.run(contender, subject, &self.registry)?;
            line.answer = judge(contender, subject, &ended);
            if matches!(line.answer, Answer::Failed(_)) {
                return Ok(line);
            }
            line.direct.push(ended.cost);
            rounds = measure::rounds(line.fastest().unwrap_or(0.0));
        }
        if line.fastest().is_none_or(|seconds| seconds < LONG) {
            line.shaped = Some(self.narrow(contender, subject)?);
        }
        self.clear()?;
        Ok(line)
    }

    /// Over the narrow link: what takes its time there is as long each time.
    fn narrow(&self, contender: &Contender, subject: Subject<'_>) -> Result<(Cost, Traffic)> {
        let run = || -> Result<(Cost, Traffic)> {
            self.shaped.take();
            let ended = self.run(contender, subject, &self.shaped.address())?;
            Ok((ended.cost, self.shaped.take()))
        };
        let mut fastest = run()?;
        for _ in 1..measure::rounds(fastest.0.wall).min(3) {
            let again = run()?;
            if again.0.wall < fastest.0.wall {
                fastest = again;
            }
        }
        Ok(fastest)
    }

    /// Empties the folder in which contenders work.
    fn clear(&self) -> Result<()> {
        if self.work.exists() {
            // A contender that failed may have left its mounts behind.
            mounts::unmount_below(&self.work)?;
            fs::remove_dir_all(&self.work)?;
        }
        Ok(fs::create_dir_all(&self.work)?)
    }

    fn run(&self, contender: &Contender, subject: Subject<'_>, registry: &str) -> Result<Ended> {
        let variables = self.variables(subject, registry);
        // What was done before is done for all rounds.
        if contender.before.is_empty() {
            self.clear()?;
        }
        let engine = self.engine.as_ref().filter(|_| contender.uses_engine);
        engine.inspect(|engine| engine.forget_peaks());
        let before = engine.map(Engine::taken);
        let words = words(contender.line, &variables);
        let (program, arguments) = words.split_first().ok_or("nothing to run")?;
        let mut ended = measure::run(OsStr::new(program), arguments, &self.scratch, &variables)?;
        if let (Some(before), Some(after)) = (before, engine.map(Engine::taken)) {
            ended.cost.cpu += after.cpu - before.cpu;
            ended.cost.memory = ended.cost.memory.max(after.memory);
        }
        // Cleaning up may find nothing to do.
        drop(self.bash(contender.after, &variables));
        Ok(ended)
    }

    fn bash(&self, script: &str, variables: &[(String, String)]) -> Result<()> {
        if script.is_empty() {
            return Ok(());
        }
        let mut bash = Command::new("bash");
        bash.arg("-c").arg(script);
        // The tool under test says by its exit code what it found.
        bash.envs(variables.iter().map(|(name, value)| (name, value))).output()?;
        Ok(())
    }

    /// What the lines of contenders speak of.
    fn variables(&self, subject: Subject<'_>, registry: &str) -> Vec<(String, String)> {
        let Subject { recipe, made, format } = subject;
        let name = format!("bench/{}", recipe.name);
        let layers = made.forms.get(&format).map(|form| &form.layers[..]).unwrap_or_default();
        let url = |layer: &Stored| format!("http://{registry}/v2/{name}/blobs/{}", layer.digest);
        let layers: Vec<String> = layers.iter().map(url).collect();
        let machines: Vec<String> = native(recipe.architecture).iter().map(ToString::to_string).collect();
        let native = match recipe.architecture {
            Architecture::Amd64 => "x86-64\\|Intel 80386",
            Architecture::Arm64 => "ARM aarch64",
        };
        let engine = self.engine.as_ref();
        [
            ("IMAGE", format!("{registry}/{name}:{}", format.tag())),
            ("REGISTRY", registry.to_owned()),
            ("NAME", name.clone()),
            ("TAG", format.tag().to_owned()),
            ("ARCH", recipe.architecture.name().to_owned()),
            ("NATIVE", native.to_owned()),
            ("MACHINES", machines.join(" ")),
            ("LAYERS", layers.join(" ")),
            ("UPPER", recipe.upper_program.to_owned()),
            ("WORK", shown(&self.work)),
            ("ELFSCAN", shown(&self.scratch.join("elfscan.py"))),
            ("EXECFIT", shown(&self.programs.execfit)),
            ("FLOOR", shown(&self.programs.floor)),
            ("LABEL", shown(&self.programs.label)),
            ("DOCKER_HOST", engine.map(Engine::host).unwrap_or_default()),
            ("CONTAINERD", engine.map(Engine::containerd).unwrap_or_default()),
            ("XDG_CACHE_HOME", shown(&self.work.join("cache"))),
            ("PATH", format!("{}:{}", command::search_path(), self.programs.bin.display())),
            ("LC_ALL", "C.UTF-8".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// The words of a line, with variables put in; a line that is more than words is bash's.
fn words(line: &str, variables: &[(String, String)]) -> Vec<String> {
    let line = line.replace("$FILES", FILES);
    if line.contains(['|', ';', '&', '<', '>', '(', '\n', '"', '\'']) {
        return ["bash", "-euc", &line].map(str::to_owned).to_vec();
    }
    let mut variables: Vec<&(String, String)> = variables.iter().collect();
    // The longest name first, so that `$NAME` is not taken for a longer one's beginning.
    variables.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let put_in = |line: String, (name, value): &&(String, String)| line.replace(&format!("${name}"), value);
    variables.iter().fold(line, put_in).split_whitespace().map(str::to_owned).collect()
}

/// Compares an answer with what the set's maker knows.
fn judge(contender: &Contender, subject: Subject<'_>, ended: &Ended) -> Answer {
    // 8: it would not run.
    let is_answer = ended.status == 0 || (contender.is_ours() && ended.status == 8);
    if !is_answer {
        let lines: Vec<&str> = ended.complaint.lines().filter(|line| !line.trim().is_empty()).collect();
        let told = lines.iter().rev().find(|line| line.to_lowercase().contains("error")).or(lines.last());
        return Answer::Failed(
            told.map_or_else(|| format!("exit code {}", ended.status), ToString::to_string),
        );
    }
    let output = String::from_utf8_lossy(&ended.output);
    let value = || serde_json::from_str(&output).unwrap_or(Value::Null);
    match contender.tells {
        Tells::Nothing => Answer::None,
        Tells::Paths => {
            paths(&output.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect(), subject)
        }
        Tells::Foreign => foreign(&value(), subject),
        Tells::Verdict => verdict(&value(), contender.question, subject),
        Tells::Exit => Answer::Right("it ran".to_owned()),
        Tells::Architecture if output.contains(subject.recipe.architecture.name()) => {
            Answer::Right(subject.recipe.architecture.name().to_owned())
        }
        Tells::Architecture => Answer::Wrong("the architecture is not in the answer".to_owned()),
    }
}

fn paths(found: &BTreeSet<String>, subject: Subject<'_>) -> Answer {
    let truth: BTreeSet<String> = subject.made.foreign.iter().cloned().collect();
    compared(found, &truth, format!("{} files", found.len()))
}

fn compared(found: &BTreeSet<String>, truth: &BTreeSet<String>, words: String) -> Answer {
    let (missing, more) = (truth.difference(found).count(), found.difference(truth).count());
    if missing + more == 0 {
        return Answer::Right(words);
    }
    let example = truth.symmetric_difference(found).next().map_or("", String::as_str);
    Answer::Wrong(format!("{missing} missing, {more} too many, such as {example}"))
}

/// What counts must be the faults; on a clean image, nothing. Scripts whose interpreter no package of the recipe
/// brought are told: the maker knows of ELF files alone.
fn foreign(inspection: &Value, subject: Subject<'_>) -> Answer {
    let runs = inspection["runs"].as_array().into_iter().flatten();
    let lists: Vec<&Vec<Value>> = runs.filter_map(|run| run["foreign"].as_array()).collect();
    if lists.is_empty() {
        return Answer::Wrong("no list of files in the output".to_owned());
    }
    let files = || lists.iter().copied().flatten();
    let (folded, counted): (Vec<&Value>, Vec<&Value>) = files().partition(|file| file["folded"] == true);
    let (scripts, counted): (Vec<&Value>, Vec<&Value>) =
        counted.into_iter().partition(|file| file["kind"] == "script");
    let paths: BTreeSet<String> =
        counted.iter().map(|file| file["path"].as_str().unwrap_or_default().to_owned()).collect();
    let faults: &[String] = if subject.recipe.is_clean { &[] } else { &subject.made.foreign };
    let mut words = format!("{} files; {} that belong there", paths.len(), folded.len());
    if !scripts.is_empty() {
        words.push_str(&format!("; {} scripts without interpreter", scripts.len()));
    }
    compared(&paths, &faults.iter().cloned().collect(), words)
}

fn verdict(inspection: &Value, question: Question, subject: Subject<'_>) -> Answer {
    let runs = question != Question::Upper || subject.recipe.upper_runs;
    let expected = if runs { "runs" } else { "fails" };
    match inspection["verdict"].as_str() {
        Some(told) if told == expected => Answer::Right(told.to_owned()),
        told => Answer::Wrong(format!("`{}`, not `{expected}`", told.unwrap_or("nothing"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::contender::ALL;
    use super::super::recipe;
    use super::*;

    fn made(foreign: &[&str]) -> Made {
        let note = json!({
            "version": 1, "name": "app", "layers": 1, "upper_layer": 0, "unpacked": 1, "programs": 9,
            "foreign": foreign, "forms": {},
        });
        serde_json::from_value(note).unwrap()
    }

    fn judged(tells: Tells, output: &str, status: i32) -> Answer {
        let made = made(&["/a", "/b"]);
        let recipe = recipe::ALL.iter().find(|recipe| recipe.name == "app").unwrap();
        let subject = Subject { recipe, made: &made, format: Format::Gzip };
        let contender = ALL.iter().find(|contender| contender.tells == tells).unwrap();
        let cost = Cost { wall: 1.0, cpu: 1.0, memory: 1 };
        let complaint = "warning: w\nError: no such image\nusage: ...\n".to_owned();
        judge(contender, subject, &Ended { cost, status, output: output.as_bytes().to_vec(), complaint })
    }

    #[test]
    fn answers_are_compared_file_by_file() {
        assert_eq!(judged(Tells::Paths, "/b\n/a\n", 0), Answer::Right("2 files".to_owned()));
        let wrong = Answer::Wrong("1 missing, 1 too many, such as /b".to_owned());
        assert_eq!(judged(Tells::Paths, "/a\n/c\n", 0), wrong);
        assert_eq!(judged(Tells::Paths, "/a\n/b\n", 1), Answer::Failed("Error: no such image".to_owned()));
    }

    #[test]
    fn what_belongs_there_does_not_count() {
        let file =
            |path: &str, folded: bool, kind: &str| json!({"path": path, "folded": folded, "kind": kind});
        let told = |files: &[Value]| json!({"runs": [{"foreign": files}]}).to_string();
        let files = [file("/a", false, "library"), file("/b", false, "program"), file("/t", true, "object")];
        let right = Answer::Right("2 files; 1 that belong there".to_owned());
        assert_eq!(judged(Tells::Foreign, &told(&files), 8), right);
        let wrong = Answer::Wrong("1 missing, 0 too many, such as /b".to_owned());
        assert_eq!(judged(Tells::Foreign, &told(&files[..1]), 8), wrong);
        assert!(matches!(judged(Tells::Foreign, "{}", 0), Answer::Wrong(_)));
    }

    #[test]
    fn words_alone_need_no_shell() {
        let variables =
            [("NAME", "n"), ("NAMES", "a b")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(words("tool --x $NAMES $NAME", &variables), ["tool", "--x", "a", "b", "n"]);
        assert_eq!(words("a | b", &variables), ["bash", "-euc", "a | b"]);
    }
}
