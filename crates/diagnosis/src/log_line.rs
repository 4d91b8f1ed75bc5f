//! What a line of text from a log, an API or a terminal means: who printed it, and which errno it carries.
//!
//! What runtimes, shells, launchers and loaders print stands in the kernel model's table
//! ([`execfit_kernel::runtime::messages`]); what registries, engines and AWS say of images and capacity, in `PATTERNS`.

mod template;

use execfit_kernel::errno::Errno;
use execfit_kernel::lookup::docker_exit_code;
use execfit_kernel::runtime::messages::{self, MESSAGES, Message, Phase, Printer, UNTOLD, WRAPPERS, Wrapper};
use regex_lite::{Captures, Regex};
use std::sync::LazyLock;

/// What an error text means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// Who prints it, with versions.
    pub emitter: String,
    /// Where on the way to the first instruction it is printed.
    pub phase: &'static str,
    /// The error that the kernel answered.
    pub errno: Option<Errno>,
    /// The program, platform or library that the text names.
    pub object: Option<String>,
    /// What it means, in sentences.
    pub says: &'static str,
    /// The exit codes that go with it, in words.
    pub exit_codes: String,
    /// The row of the kernel model's table, where it is from there.
    pub row: Option<&'static Message>,
    /// Who of that row prints it, as far as the words around it tell, each with its exit codes.
    pub printed_by: Vec<(Printer, &'static [u8])>,
    /// Who put words around it.
    pub wrapped_by: Vec<&'static Wrapper>,
    /// Its end was cut off, as Amazon ECS does with long reasons, and was told from its beginning.
    pub cut: bool,
    /// Ids of the findings that lead to it, likeliest first.
    pub causes: &'static [&'static str],
    /// Where the spelling was read.
    pub source: &'static str,
}

struct Pattern {
    regex: &'static str,
    emitter: &'static str,
    phase: &'static str,
    says: &'static str,
    exit_codes: &'static str,
    causes: &'static [&'static str],
    source: &'static str,
}

/// Causes of ENOEXEC.
const ENOEXEC: &[&str] = &[
    "wrong-architecture",
    "no-shebang",
    "byte-order-mark",
    "empty-program",
    "saved-error-page",
    "foreign-format",
    "git-lfs-pointer",
    "damaged-program",
    "mislabelled-image",
];
/// Causes of ENOENT of a file that is there.
const ENOENT: &[&str] = &["missing-interpreter", "crlf-interpreter", "missing-program"];
const EACCES: &[&str] = &["not-executable"];
const PULL: &[&str] = &["missing-platform", "pinned-to-one-platform"];
const LOADER: &[&str] = &["foreign-library", "missing-interpreter"];

/// A quotation mark of any kind, as pasted texts have them.
macro_rules! quote {
    () => {
        "[\"'`\u{2018}\u{2019}\u{201c}\u{201d}]?"
    };
}
/// An errno's text at the end of what is matched.
macro_rules! errno_text {
    () => {
        "(?i)(?<errno>exec format error|no such file or directory|permission denied|is a directory|not a directory|\
         input/output error|argument list too long|operation not permitted|too many levels of symbolic links|\
         accessing a corrupted shared library|file name too long|cannot allocate memory|invalid argument|text file busy)"
    };
}

macro_rules! patterns {
    ($({ $emitter:literal, $phase:literal, $regex:expr, $says:literal, exit $exit:literal, $causes:expr, $source:literal })*) => {
        const PATTERNS: &[Pattern] = &[$(Pattern {
            regex: $regex, emitter: $emitter, phase: $phase, says: $says, exit_codes: $exit, causes: $causes, source: $source,
        }),*];
    };
}

patterns! {
    { "AWS Lambda", "exec", concat!(r"fork/exec (?<object>\S+): ", errno_text!()),
      "the function's entry point or an extension could not be executed",
      exit "none", ENOEXEC, "Runtime.InvalidEntrypoint, Extension.LaunchError" }
    { "Google Cloud Run", "exec", concat!(r"failed to load (?<object>\S+): ", errno_text!()),
      "the sandbox refused to load the program", exit "none", ENOEXEC, "public issue reports" }
    { "systemd", "exec", concat!(r"Failed at step EXEC spawning (?<object>\S+): ", errno_text!()),
      "the service's program could not be executed", exit "203", ENOEXEC, "systemd src/core/exec-invoke.c" }
    { "Python", "exec", concat!(r"(?:OSError|PermissionError|FileNotFoundError): \[Errno \d+\] ", errno_text!(), r"(?:: ['\x22](?<object>[^'\x22]+))?"),
      "a Python program could not execute another one", exit "1", ENOEXEC, "CPython Modules/_posixsubprocess.c" }
    { "AWS Fargate", "pull", r"(?i)manifest does not contain descriptor matching platform '(?<object>[^']+)'",
      "the tag names an index that has no manifest for the task's platform: nothing was pulled or started",
      exit "none", PULL, "CannotPullContainerError of Fargate" }
    { "Docker Engine", "pull", r"no matching manifest for (?<object>\S+) in the manifest list entries",
      "the tag names an index that has no manifest for the host's platform",
      exit "125 from docker run", PULL, "moby distribution/pull_v2.go" }
    { "AWS Fargate, containerd", "pull", r"failed to get stream processor for (?<object>application/vnd\.in-toto\S*):",
      "the reference names an attestation (BuildKit's provenance or SBOM) in place of an image; build with --provenance=false",
      exit "none", PULL, "containerd diff/stream.go" }
    { "Docker Engine", "pull", r"cannot overwrite digest (?<object>\S+)",
      "a second platform of an index that is here already under the same digest was asked for; it is no matter of the image",
      exit "125 from docker run", PULL, "moby distribution/pull_v2.go" }
    { "containerd", "pull", r"no match for (?:platform|current platform (?<object>\S+)) in manifest",
      "the tag names an index that has no manifest for the host's platform",
      exit "none", PULL, "containerd images/handlers.go" }
    { "podman, skopeo", "pull", r"no image found in (?:image index|manifest list) for architecture (?<object>\w+)",
      "the tag names an index that has no manifest for the platform",
      exit "125", PULL, "containers/image docker_list.go" }
    { "Docker Engine", "pull", r"was found but (?:does not match the specified platform|its platform|does not provide the specified platform)[^(]*(?:\((?<object>[^)]+)\))?",
      "the local image is of another platform than the one asked for",
      exit "125 from docker run", &["wrong-architecture", "missing-platform"], "moby daemon/images/image.go" }
    { "AWS Fargate, Docker Engine", "pull", r"wrong diff id calculated on extraction|number of layers and diffIDs don't match",
      "the layers do not fit the config: the image was put together wrongly; it is no matter of architecture",
      exit "none", &["cannot-unpack"], "containerd rootfs/apply.go" }
    { "Docker Engine, containerd", "unpack", r"unhandled tar header type \d+|duplicates of file paths not supported|archive/tar: invalid tar header",
      "a layer could not be unpacked (Docker before 23 says so of zstd layers, too)",
      exit "none", &["cannot-unpack"], "moby pkg/archive, containerd archive/tar.go" }
    { "Docker Engine", "create", r"The requested image's platform \((?<object>[^)]+)\) does not match the detected host platform \([^)]+\)",
      "a warning: the image says that it is of another platform than the host; unless the label lies, the program will fail with an exec format error",
      exit "none", &["wrong-architecture", "mislabelled-image"], "moby daemon/create.go" }
    { "nerdctl, finch", "create", concat!("Platform ", quote!(), "(?<object>[a-z0-9/]+)", quote!(), " seems incompatible with the host platform"),
      "a warning: the image is of another platform than the host",
      exit "none", &["wrong-architecture"], "nerdctl pkg/platformutil" }
    { "AWS Lambda", "pull", r"The image manifest, config or layer media type for the source image .* is not supported",
      "the image is an index (often only because of BuildKit's attestations); build with --provenance=false",
      exit "none", &["missing-platform"], "CreateFunction" }
    { "Amazon ECS", "capacity", r"unable to place a task because no container instance met all of its requirements",
      "the cluster has no container instance that fits: with a runtimePlatform or a constraint, perhaps none of that architecture",
      exit "none", &["no-capacity"], "ECS service event" }
    { "Amazon EC2 Auto Scaling", "capacity", r"The architecture '(?<object>[^']+)' of the specified instance type does not match the architecture",
      "the launch template joins an instance type and an AMI of different architectures",
      exit "none", &["no-capacity"], "EC2 RunInstances" }
    { "Amazon ECS", "capacity", r"FARGATE_SPOT capacity provider is not supported when using ARM",
      "Fargate Spot did not take ARM64 until September 2024",
      exit "none", &["no-capacity"], "ECS API" }
    { "a program of the container, or its shell", "exec",
      concat!(r"(?:^|: )(?<object>[^\s:]+): (?:not executable: )?", errno_text!()),
      "something could not be executed or opened",
      exit "126, 127", ENOEXEC, "glibc strerror" }
    { "any program", "exec", errno_text!(), "the kernel's error, without a word on who met it", exit "any", ENOEXEC, "glibc strerror" }
}

static COMPILED: LazyLock<Vec<Option<Regex>>> =
    LazyLock::new(|| PATTERNS.iter().map(|pattern| Regex::new(pattern.regex).ok()).collect());
static ROWS: LazyLock<Vec<Option<Regex>>> =
    LazyLock::new(|| MESSAGES.iter().map(|message| template::message(message.text)).collect());
static AROUND: LazyLock<Vec<Option<Regex>>> =
    LazyLock::new(|| WRAPPERS.iter().map(|wrapper| template::words(wrapper.text)).collect());
static NOT_CREATED: LazyLock<Option<Regex>> = LazyLock::new(|| template::words(UNTOLD.text));

/// The last patterns speak of so much that only a user's question is held against them.
const VAGUE: usize = 2;

/// The longest text that is looked at.
const LIMIT: usize = 8 * 1024;

/// What a log line or reason of a container says of its failed start, if it speaks of that at all.
pub fn read(text: &str) -> Option<Meaning> {
    let text = beginning(text);
    told(text, PATTERNS.len() - VAGUE).or_else(|| {
        let whole = template::completed(text)?;
        Some(Meaning { cut: true, ..told(&whole, 0)? })
    })
}

/// What a pasted text means.
pub fn explain(text: &str) -> Option<Meaning> {
    let untold = || {
        let captures = NOT_CREATED.as_ref()?.captures(beginning(text))?;
        Some(Meaning { cut: template::is_at_limit(text), ..of_row((&UNTOLD, captures), text) })
    };
    read(text).or_else(untold).or_else(|| told(beginning(text), PATTERNS.len()))
}

fn beginning(text: &str) -> &str {
    let end = (0..=text.len().min(LIMIT)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

/// By the table, else by so many of the patterns.
fn told(text: &str, count: usize) -> Option<Meaning> {
    let rows = MESSAGES.iter().zip(ROWS.iter());
    let row = rows.filter_map(|(row, regex)| Some((row, regex.as_ref()?.captures(text)?))).next();
    row.map(|row| of_row(row, text)).or_else(|| {
        let patterns = PATTERNS.iter().zip(COMPILED.iter()).take(count);
        patterns
            .filter_map(|(pattern, regex)| Some((pattern, regex.as_ref()?.captures(text)?)))
            .map(of_pattern)
            .next()
    })
}

fn of_row((row, captures): (&'static Message, Captures<'_>), text: &str) -> Meaning {
    let around = WRAPPERS.iter().zip(AROUND.iter());
    let wrapped_by: Vec<&Wrapper> = around
        .filter(|(_, regex)| regex.as_ref().is_some_and(|regex| regex.is_match(text)))
        .map(|(wrapper, _)| wrapper)
        .collect();
    let left = |printer: &Printer| {
        wrapped_by.iter().filter_map(|wrapper| wrapper.only).all(|only| only.contains(printer))
    };
    let mut printed_by = row.printed_by.to_vec();
    if printed_by.iter().any(|(printer, _)| left(printer)) {
        printed_by.retain(|(printer, _)| left(printer));
    }
    let errno = row.errno.or_else(|| seen_errno(&captures));
    let phase = row.phase.name();
    let printers: Vec<Printer> = printed_by.iter().map(|(printer, _)| *printer).collect();
    Meaning {
        emitter: messages::names(&printers),
        phase,
        errno: errno.filter(|_| row.phase != Phase::Loader),
        object: seen_object(&captures),
        says: row.says,
        exit_codes: exit_codes(row, &printed_by, text),
        row: Some(row),
        causes: causes(errno, phase, likely(row)),
        printed_by,
        wrapped_by,
        cut: false,
        source: row.source,
    }
}

/// The causes of a text that names no error.
fn likely(row: &Message) -> &'static [&'static str] {
    match row.phase {
        Phase::Create => &["missing-program", "not-executable", "cannot-create"],
        Phase::Start | Phase::HandOver => ENOEXEC,
        Phase::Loader => LOADER,
    }
}

/// `1 with runc 1.1, 255 with runc 1.2 and later`. What could not be created has an exit code in Docker only, by the text.
fn exit_codes(row: &Message, printed_by: &[(Printer, &'static [u8])], text: &str) -> String {
    let words = |codes: &[u8]| codes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    match printed_by {
        [] => "none".into(),
        _ if *row == UNTOLD => "126, 127 or 128 in Docker, none in ECS".into(),
        [(Printer::Podman, codes), ..] => format!("{} from podman", words(codes)),
        _ if !row.phase.leaves_exit_code() => {
            let run = if docker_exit_code(text) == 128 { " (docker run itself: 125)" } else { "" };
            format!("{} in Docker{run}, none in ECS", docker_exit_code(text))
        }
        [(_, first), others @ ..] if others.iter().all(|(_, other)| other == first) => words(first),
        _ => {
            let each =
                printed_by.iter().map(|(printer, of)| format!("{} with {}", words(of), printer.name()));
            each.collect::<Vec<_>>().join(", ")
        }
    }
}

fn of_pattern((pattern, captures): (&Pattern, Captures<'_>)) -> Meaning {
    let errno = seen_errno(&captures);
    Meaning {
        emitter: pattern.emitter.into(),
        phase: pattern.phase,
        errno,
        object: seen_object(&captures),
        says: pattern.says,
        exit_codes: pattern.exit_codes.into(),
        row: None,
        printed_by: Vec::new(),
        wrapped_by: Vec::new(),
        cut: false,
        causes: causes(errno, pattern.phase, pattern.causes),
        source: pattern.source,
    }
}

fn seen_errno(captures: &Captures<'_>) -> Option<Errno> {
    let text = captures.name("errno")?.as_str().to_lowercase();
    Errno::ALL.iter().copied().find(|errno| errno.text() == text)
}

fn seen_object(captures: &Captures<'_>) -> Option<String> {
    captures.name("object").map(|found| found.as_str().to_string()).filter(|object| !object.is_empty())
}

/// The findings behind an error, or those of a text without one.
fn causes(errno: Option<Errno>, phase: &str, likely: &'static [&'static str]) -> &'static [&'static str] {
    match (errno, phase) {
        (_, "loader") => likely,
        (Some(Errno::ENOEXEC), _) => ENOEXEC,
        (Some(Errno::ENOENT), "exec") => ENOENT,
        (Some(Errno::EACCES | Errno::EISDIR), _) => EACCES,
        (Some(Errno::ENOENT | Errno::ENOTDIR), "lookup") => &["missing-program"],
        (Some(Errno::ELIBBAD), _) => &["foreign-library"],
        (Some(Errno::EIO | Errno::EINVAL), _) => &["damaged-program"],
        (Some(_), _) => &["exec-refused"],
        (None, _) => likely,
    }
}

impl Meaning {
    /// Whether a container runtime says it of the container's own program, or the init that it was asked to start.
    pub fn is_of_own_program(&self) -> bool {
        self.printed_by.iter().any(|(printer, _)| printer.is_runtime() || *printer == Printer::Tini)
    }

    /// Whether a shell took something for a script that is none: such a text carries no error.
    pub fn is_syntax_error(&self) -> bool {
        self.errno.is_none()
            && !self.printed_by.is_empty()
            && self.printed_by.iter().all(|(by, _)| by.is_shell())
    }
}

#[cfg(test)]
mod tests;
