//! What a line of text from a log, an API or a terminal means: who printed it, and which errno it carries.
//!
//! Spellings differ by emitter and version; each row of `PATTERNS` names its source.

use execfit_kernel::errno::Errno;
use regex_lite::{Captures, Regex};
use std::sync::LazyLock;

/// What an error text means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// Who prints it, with versions.
    pub emitter: &'static str,
    /// Where on the way to the first instruction it is printed.
    pub phase: &'static str,
    /// The error that the kernel answered.
    pub errno: Option<Errno>,
    /// The program, platform or library that the text names.
    pub object: Option<String>,
    /// What it means, in sentences.
    pub says: &'static str,
    /// The exit codes that go with it.
    pub exit_codes: &'static str,
    /// Ids of the findings that lead to it, likeliest first.
    pub causes: &'static [&'static str],
    /// Where the spelling was read.
    pub source: &'static str,
}

struct Pattern {
    regex: &'static str,
    meaning: Meaning,
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
            regex: $regex,
            meaning: Meaning {
                emitter: $emitter, phase: $phase, errno: None, object: None, says: $says, exit_codes: $exit,
                causes: $causes, source: $source,
            },
        }),*];
    };
}

patterns! {
    { "runc up to 1.0 (Docker up to 20.10.8)", "exec",
      concat!(r"standard_init_linux\.go:\d+: exec user process caused:? ?\\?", quote!(), errno_text!()),
      "the container was created and started; then the kernel refused to execute its program",
      exit "1", ENOEXEC, "runc libcontainer/standard_init_linux.go, tags v1.0.0-rc2 to v1.0.3" }
    { "crun, podman", "exec",
      concat!(r"exec container process (?:\(missing dynamic library\?\) )?", quote!(), r"(?<object>[^`'\x22]+?)", quote!(), r": ", errno_text!()),
      "the container was created and started; then the kernel refused to execute its program",
      exit "1 (126 or 127 from podman)", ENOEXEC, "crun src/libcrun/container.c" }
    { "tini (Docker --init, ECS initProcessEnabled)", "exec",
      concat!(r"\[FATAL +tini \(\d+\)\] exec (?<object>.+?) failed: ", errno_text!()),
      "the init could not execute the program; a file without a known format it hands to /bin/sh, so the error may be that of a missing /bin/sh",
      exit "126, 127", ENOENT, "tini src/tini.c spawn_process" }
    { "AWS Lambda", "exec", concat!(r"fork/exec (?<object>\S+): ", errno_text!()),
      "the function's entry point or an extension could not be executed",
      exit "none", ENOEXEC, "Runtime.InvalidEntrypoint, Extension.LaunchError" }
    { "Google Cloud Run", "exec", concat!(r"failed to load (?<object>\S+): ", errno_text!()),
      "the sandbox refused to load the program", exit "none", ENOEXEC, "public issue reports" }
    { "systemd", "exec", concat!(r"Failed at step EXEC spawning (?<object>\S+): ", errno_text!()),
      "the service's program could not be executed", exit "203", ENOEXEC, "systemd src/core/exec-invoke.c" }
    { "Python", "exec", concat!(r"(?:OSError|PermissionError|FileNotFoundError): \[Errno \d+\] ", errno_text!(), r"(?:: ['\x22](?<object>[^'\x22]+))?"),
      "a Python program could not execute another one", exit "1", ENOEXEC, "CPython Modules/_posixsubprocess.c" }
    { "runc, crun or containerd, before the start", "lookup",
      concat!(r"exec: ", quote!(), r"(?<object>[^\x22]*?)", quote!(), r": (?:stat [^:]+: )?", errno_text!()),
      "the container could not be created: its program was not found, or may not be run; nothing was started, so there is no log and ECS shows no exit code",
      exit "126 or 127 in Docker, none in ECS", &["missing-program", "not-executable"], "runc libcontainer, Go os/exec LookPath" }
    { "runc, crun or containerd, before the start", "lookup",
      concat!(r"exec: ", quote!(), r"(?<object>[^\x22]*?)", quote!(), r": executable file not found in \$PATH"),
      "no directory of PATH holds an executable of that name (a whole command line in one string looks like that, too)",
      exit "127 in Docker, none in ECS", &["missing-program", "not-executable"], "Go os/exec LookPath" }
    { "runc 1.1 and later, before the start", "lookup",
      concat!(r"exec: ", quote!(), r"(?<object>[^\x22]*?)", quote!(), r": cannot run executable found relative to current directory"),
      "PATH holds an empty or relative element, and the program was found through it: runc refuses that",
      exit "128 in Docker", &["missing-program"], "Go 1.19 os/exec ErrDot" }
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
    { "bash", "exec", r"(?:^|: )(?<object>[^\s:]+): cannot execute binary file(?:: (?<errno>Exec format error))?",
      "a shell could not execute a file of another architecture or format",
      exit "126", ENOEXEC, "bash execute_cmd.c" }
    { "bash", "exec", r"(?:^|: )(?<object>[^\s:]+): cannot execute: required file not found",
      "the file is there, but its interpreter or loader is not",
      exit "127", ENOENT, "bash 5.2 execute_cmd.c" }
    { "dash", "exec", r"sh: \d+: (?<object>[^\s:]+): (?<errno>Exec format error)",
      "a shell could not execute a file of another architecture or format",
      exit "126", ENOEXEC, "dash src/exec.c" }
    { "a shell", "exec", r#"(?i)(?:(?<object>[^\s:]+): (?:line )?\d+: )?syntax error: (?:unexpected (?:"?\)|word)|"\)" unexpected|unterminated quoted string)|unterminated quoted string"#,
      "a shell ran something that is no script: often a program of another architecture, which the kernel refused and the shell (or an init) took for a script",
      exit "2", ENOEXEC, "busybox ash, dash" }
    { "glibc's loader", "loader", r"error while loading shared libraries: (?<object>[^:]+): (?:cannot open shared object file|wrong ELF class|invalid ELF header|file too short|.*)",
      "the program was started, and its loader did not find a library that fits (one of another architecture is called `no such file`, too)",
      exit "127", LOADER, "glibc elf/dl-load.c" }
    { "musl's loader", "loader", r"Error (?:loading shared library (?<object>[^:]+)|relocating (?<program>[^:]+)):",
      "the program was started, and its loader did not find a library or symbol: a glibc program on musl looks like that",
      exit "127", LOADER, "musl ldso/dynlink.c" }
    { "glibc's loader", "loader", r"version `(?<object>GLIBC[A-Z]*_[0-9.]+)' not found",
      "the program was built against a newer glibc than the image has",
      exit "1", LOADER, "glibc elf/dl-version.c" }
    { "glibc's loader", "loader", r"CPU ISA level is lower than required",
      "the program needs a newer level of x86-64 than the host's processor has",
      exit "127", LOADER, "glibc elf/dl-load.c" }
    { "Amazon ECS", "capacity", r"unable to place a task because no container instance met all of its requirements",
      "the cluster has no container instance that fits: with a runtimePlatform or a constraint, perhaps none of that architecture",
      exit "none", &["no-capacity"], "ECS service event" }
    { "Amazon EC2 Auto Scaling", "capacity", r"The architecture '(?<object>[^']+)' of the specified instance type does not match the architecture",
      "the launch template joins an instance type and an AMI of different architectures",
      exit "none", &["no-capacity"], "EC2 RunInstances" }
    { "Amazon ECS", "capacity", r"FARGATE_SPOT capacity provider is not supported when using ARM",
      "Fargate Spot did not take ARM64 until September 2024",
      exit "none", &["no-capacity"], "ECS API" }
    { "runc 1.1 and later", "exec",
      concat!(r"(?:^|[\s\x22'|])exec (?<object>/?[^\s:]+): ", errno_text!()),
      "the container was created and started; then the kernel refused to execute its program",
      exit "1 with runc 1.1, 255 from runc 1.2 on", ENOEXEC, "runc libcontainer/system/linux.go, init_linux.go" }
    { "a program of the container, or its shell", "exec",
      concat!(r"(?:^|: )(?<object>[^\s:]+): (?:not executable: )?", errno_text!()),
      "something could not be executed or opened",
      exit "126, 127", ENOEXEC, "glibc strerror" }
    { "any program", "exec", errno_text!(), "the kernel's error, without a word on who met it", exit "any", ENOEXEC, "glibc strerror" }
}

static COMPILED: LazyLock<Vec<Option<Regex>>> =
    LazyLock::new(|| PATTERNS.iter().map(|pattern| Regex::new(pattern.regex).ok()).collect());

/// The last patterns speak of so much that only a user's question is held against them.
const VAGUE: usize = 2;

/// The longest text that is looked at.
const LIMIT: usize = 8 * 1024;

/// What a log line or reason of a container says of its failed start, if it speaks of that at all.
pub fn read(text: &str) -> Option<Meaning> {
    first(text, PATTERNS.len() - VAGUE)
}

/// What a pasted text means.
pub fn explain(text: &str) -> Option<Meaning> {
    first(text, PATTERNS.len())
}

fn first(text: &str, count: usize) -> Option<Meaning> {
    let end = (0..=text.len().min(LIMIT)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let compiled = PATTERNS.iter().zip(COMPILED.iter()).take(count);
    compiled
        .filter_map(|(pattern, regex)| Some((pattern, regex.as_ref()?.captures(&text[..end])?)))
        .map(meaning)
        .next()
}

fn meaning((pattern, captures): (&Pattern, Captures<'_>)) -> Meaning {
    let named = |name| captures.name(name).map(|found| found.as_str().to_string());
    let errno_text = named("errno").map(|text| text.to_lowercase());
    let errno = errno_text.and_then(|text| Errno::ALL.iter().copied().find(|errno| errno.text() == text));
    // What is not found in PATH has no errno's text, and is ENOENT all the same.
    let errno = errno.or((pattern.meaning.phase == "lookup").then_some(Errno::ENOENT));
    let causes = match (errno, pattern.meaning.phase) {
        (Some(Errno::ENOEXEC), _) => ENOEXEC,
        (Some(Errno::ENOENT), "exec") => ENOENT,
        (Some(Errno::EACCES | Errno::EISDIR), _) => EACCES,
        (Some(Errno::ENOENT | Errno::ENOTDIR), "lookup") => &["missing-program"],
        (Some(Errno::ELIBBAD), _) => &["foreign-library"],
        (Some(Errno::EIO | Errno::EINVAL), _) => &["damaged-program"],
        (Some(_), _) => &["exec-refused"],
        (None, _) => pattern.meaning.causes,
    };
    Meaning {
        errno,
        causes,
        object: named("object").filter(|object| !object.is_empty()),
        ..pattern.meaning.clone()
    }
}

#[cfg(test)]
mod tests;
