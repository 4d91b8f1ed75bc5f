//! The rows of the table.

use super::{Exits, Message, Phase, Printer, Wrapper};
use crate::errno::Errno;

const RUNC_1_0: Exits = &[(Printer::RuncUpTo1_0, &[1])];
const RUNC_1_1: Exits = &[(Printer::Runc1_1, &[1]), (Printer::RuncFrom1_2, &[255])];
const CRUN: Exits = &[(Printer::Crun, &[1])];
/// Docker's exit code, moby `daemon/errors.go` setExitCodeFromError.
const NOT_FOUND: Exits =
    &[(Printer::RuncUpTo1_0, &[127]), (Printer::Runc1_1, &[127]), (Printer::RuncFrom1_2, &[127])];
const REFUSED: Exits = &[
    (Printer::RuncUpTo1_0, &[126, 127, 128]),
    (Printer::Runc1_1, &[126, 127, 128]),
    (Printer::RuncFrom1_2, &[126, 127, 128]),
];
const CRUN_CREATE: Exits = &[(Printer::Crun, &[126, 127, 128])];
const COREUTILS: Exits = &[(Printer::Coreutils, &[126, 127])];
const ASH_SYNTAX: Exits = &[(Printer::Ash, &[2])];
const DASH_SYNTAX: Exits = &[(Printer::Dash, &[2])];
const GLIBC: Exits = &[(Printer::Glibc, &[127])];
const MUSL: Exits = &[(Printer::Musl, &[127])];

const STARTED: &str = "the container was created and started; then the kernel refused to execute its program";
const NOT_CREATED: &str = "the container could not be created: its program was not found, or may not be run; nothing was started, so there is no log and ECS shows no exit code";
const NOT_IN_PATH: &str = "no directory of PATH holds an executable of that name (a whole command line in one string looks like that, too)";
const LAUNCHER: &str = "a program that starts another one could not execute it; a file without a known format it hands to /bin/sh";
const SHELL: &str = "a shell could not execute a file";
const SHELL_MISSED: &str = "a shell found no such program, or its interpreter or loader is missing";
const SYNTAX: &str = "a shell ran something that is no script: often a program of another architecture, which the kernel refused and the shell (or an init) took for a script";
const LIBRARY: &str = "the program was started, and its loader did not find a library that fits (one of another architecture is called `no such file`, too)";
const MUSL_LIBRARY: &str = "the program was started, and its loader did not find a library or symbol: a glibc program on musl looks like that";

macro_rules! messages {
    ($($phase:ident $text:literal, $by:expr, $errno:expr, $says:expr, $source:literal;)*) => {
        /// Every text, the more telling before the less.
        pub const MESSAGES: &[Message] = &[$(Message {
            phase: Phase::$phase, text: $text, printed_by: $by, errno: $errno, says: $says, source: $source,
        }),*];
    };
}

messages! {
    Start "standard_init_linux.go:{number}: exec user process caused \"{errno}\"", RUNC_1_0, None, STARTED,
        "runc libcontainer/standard_init_linux.go, v1.0.0-rc2 to rc90";
    Start "standard_init_linux.go:{number}: exec user process caused: {errno}", RUNC_1_0, None, STARTED,
        "runc libcontainer/standard_init_linux.go, v1.0.0-rc91 to v1.0.3";
    Start "exec container process (missing dynamic library?) `{program}`: {errno}", CRUN, None, STARTED,
        "crun src/libcrun/container.c";
    Start "exec container process `{program}`: {errno}", CRUN, None, STARTED,
        "crun src/libcrun/container.c";
    HandOver "error: exec failed: {errno}", &[(Printer::Gosu, &[1])], None, LAUNCHER,
        "gosu main.go";
    Start "exec {program}: {errno}", RUNC_1_1, None, STARTED,
        "runc libcontainer/system/linux.go, init.go (1.1), init_linux.go (1.2)";
    HandOver "[FATAL tini ({number})] exec {program} failed: {errno}", &[(Printer::Tini, &[126, 127])], None, "the init could not execute the program; a file without a known format it hands to /bin/sh, so the error may be that of a missing /bin/sh",
        "tini src/tini.c spawn_process";
    HandOver "[dumb-init] {program}: {errno}", &[(Printer::DumbInit, &[2])], None, "the init could not execute the program; a file without a known format it hands to /bin/sh, so the error may be that of a missing /bin/sh",
        "dumb-init dumb-init.c main";
    HandOver "env: can't execute '{program}': {errno}", &[(Printer::Busybox, &[126, 127])], None, LAUNCHER,
        "busybox libbb/executable.c BB_EXECVP_or_die";
    HandOver "env: '{program}': {errno}", COREUTILS, None, LAUNCHER,
        "coreutils src/env.c";
    HandOver "nice: '{program}': {errno}", COREUTILS, None, LAUNCHER,
        "coreutils src/nice.c";
    HandOver "failed to run command '{program}': {errno}", COREUTILS, None, LAUNCHER,
        "coreutils src/timeout.c, src/nohup.c, src/stdbuf.c";
    Create "exec: \"{program}\": executable file not found in $PATH", NOT_FOUND, Some(Errno::ENOENT), NOT_IN_PATH,
        "Go os/exec LookPath ErrNotFound";
    Create "exec: \"{program}\": cannot run executable found relative to current directory", &[(Printer::Runc1_1, &[128]), (Printer::RuncFrom1_2, &[128])], Some(Errno::ENOENT), "PATH holds an empty or relative element, and the program was found through it: runc refuses that",
        "Go 1.19 os/exec ErrDot";
    Create "exec: \"{program}\": stat {path}: {errno}", REFUSED, None, NOT_CREATED,
        "Go os/exec findExecutable";
    Create "exec: \"{program}\": {errno}", REFUSED, None, NOT_CREATED,
        "Go os/exec findExecutable";
    Create "executable file `{program}` not found in $PATH: {errno}", CRUN_CREATE, Some(Errno::ENOENT), NOT_IN_PATH,
        "crun src/libcrun/utils.c find_executable";
    Create "executable file `{program}` not found: {errno}", CRUN_CREATE, Some(Errno::ENOENT), NOT_CREATED,
        "crun src/libcrun/utils.c find_executable, 1.21 and later";
    Create "cannot find `{program}` in $PATH: {errno}", CRUN_CREATE, Some(Errno::ENOENT), NOT_IN_PATH,
        "crun src/libcrun/utils.c find_executable, 1.21 and later";
    Create "the path `{program}` exists but it is not executable: {errno}", CRUN_CREATE, Some(Errno::EACCES), NOT_CREATED,
        "crun src/libcrun/utils.c check_access, 1.21 and later";
    Create "the path `{program}` is not a regular file: {errno}", CRUN_CREATE, Some(Errno::EACCES), NOT_CREATED,
        "crun src/libcrun/utils.c check_access, 1.21 and later";
    Create "open executable: {errno}", CRUN_CREATE, None, NOT_CREATED,
        "crun src/libcrun/utils.c find_executable, up to 1.20";
    Create "OCI runtime attempted to invoke a command that was not found", &[(Printer::Podman, &[127])], Some(Errno::ENOENT), NOT_CREATED,
        "podman libpod/define/errors.go ErrOCIRuntimeNotFound";
    Create "OCI permission denied", &[(Printer::Podman, &[126])], Some(Errno::EACCES), NOT_CREATED,
        "podman libpod/define/errors.go ErrOCIRuntimePermissionDenied";
    HandOver "{program}: cannot execute binary file: Exec format error", &[(Printer::Bash, &[126])], Some(Errno::ENOEXEC), SHELL,
        "bash execute_cmd.c shell_execve";
    HandOver "{program}: cannot execute binary file", &[(Printer::Bash, &[126])], Some(Errno::ENOEXEC), SHELL,
        "bash execute_cmd.c shell_execve";
    HandOver "{program}: cannot execute: required file not found", &[(Printer::Bash, &[127])], Some(Errno::ENOENT), "the file is there, but its interpreter or loader is not",
        "bash 5.2 execute_cmd.c shell_execve";
    HandOver "{shell}: {program}: not executable: {rest}", &[(Printer::Mksh, &[1])], Some(Errno::ENOEXEC), SHELL,
        "mksh exec.c scriptexec";
    HandOver "{shell}: {program}: can't execute: {errno}", &[(Printer::Mksh, &[126])], None, SHELL,
        "mksh exec.c";
    HandOver "{shell}: {program}: inaccessible or not found", &[(Printer::Mksh, &[127])], Some(Errno::ENOENT), SHELL_MISSED,
        "mksh exec.c";
    HandOver "{shell}: line {number}: {program}: {errno}", &[(Printer::Bash, &[126, 127])], None, SHELL,
        "bash execute_cmd.c shell_execve";
    HandOver "{shell}: line {number}: {program}: not found", &[(Printer::Ash, &[127])], Some(Errno::ENOENT), SHELL_MISSED,
        "busybox shell/ash.c shellexec";
    HandOver "{shell}: {number}: {program}: not found", &[(Printer::Dash, &[127])], Some(Errno::ENOENT), SHELL_MISSED,
        "dash src/exec.c shellexec";
    HandOver "{shell}: {number}: {program}: {errno}", &[(Printer::Dash, &[126])], None, SHELL,
        "dash src/exec.c shellexec";
    HandOver "{shell}: {program}: not found", &[(Printer::Ash, &[127])], Some(Errno::ENOENT), SHELL_MISSED,
        "busybox shell/ash.c shellexec";
    HandOver "{program}: line {number}: syntax error: unexpected {token}", ASH_SYNTAX, None, SYNTAX,
        "busybox shell/ash.c synexpect";
    HandOver "{program}: line {number}: syntax error: unterminated quoted string", ASH_SYNTAX, None, SYNTAX,
        "busybox shell/ash.c raise_error_syntax";
    HandOver "{program}: {number}: Syntax error: {token} unexpected", DASH_SYNTAX, None, SYNTAX,
        "dash src/parser.c synexpect";
    HandOver "{program}: {number}: Syntax error: Unterminated quoted string", DASH_SYNTAX, None, SYNTAX,
        "dash src/parser.c synerror";
    HandOver "syntax error: unexpected {token}", ASH_SYNTAX, None, SYNTAX,
        "busybox shell/ash.c synexpect";
    HandOver "Syntax error: {token} unexpected", DASH_SYNTAX, None, SYNTAX,
        "dash src/parser.c synexpect";
    HandOver "unterminated quoted string", &[(Printer::Ash, &[2]), (Printer::Dash, &[2])], None, SYNTAX,
        "busybox shell/ash.c, dash src/parser.c";
    Loader "error while loading shared libraries: {library}: cannot open shared object file: {rest}", GLIBC, None, LIBRARY,
        "glibc elf/dl-load.c";
    Loader "error while loading shared libraries: {library}: wrong ELF class: {rest}", GLIBC, None, LIBRARY,
        "glibc elf/dl-load.c";
    Loader "error while loading shared libraries: {library}: invalid ELF header", GLIBC, None, LIBRARY,
        "glibc elf/dl-load.c";
    Loader "error while loading shared libraries: {library}: file too short", GLIBC, None, LIBRARY,
        "glibc elf/dl-load.c";
    Loader "error while loading shared libraries: {library}: ELF file OS ABI invalid", GLIBC, None, LIBRARY,
        "glibc elf/dl-load.c";
    Loader "error while loading shared libraries: {library}: ELF file data encoding not {rest}", GLIBC, None, LIBRARY,
        "glibc elf/dl-load.c";
    Loader "error while loading shared libraries: {library}: only ET_DYN and ET_EXEC can be loaded", GLIBC, None, LIBRARY,
        "glibc elf/dl-load.c";
    Loader "error while loading shared libraries: {library}: {rest}", GLIBC, None, LIBRARY,
        "glibc elf/dl-load.c";
    Loader "version `{version}' not found", &[(Printer::Glibc, &[1])], None, "the program was built against a newer glibc than the image has",
        "glibc elf/dl-version.c";
    Loader "CPU ISA level is lower than required", GLIBC, None, "the program needs a newer level of x86-64 than the host's processor has",
        "glibc sysdeps/x86/dl-prop.h";
    Loader "Error loading shared library {library}: {rest}", MUSL, None, MUSL_LIBRARY,
        "musl ldso/dynlink.c load_deps";
    Loader "Error relocating {path}: {rest}", MUSL, None, MUSL_LIBRARY,
        "musl ldso/dynlink.c do_relocs";
}

/// A container that could not be created, where the text does not tell why, or was cut before it does.
pub const UNTOLD: Message = Message {
    phase: Phase::Create,
    text: "OCI runtime create failed: {rest}",
    printed_by: REFUSED,
    errno: None,
    says: "the container could not be created, and what is left of the text does not tell why; nothing was started",
    source: "containerd cmd/containerd-shim-runc-v2/process/init.go",
};

macro_rules! wrappers {
    ($($text:literal $by:literal, $only:expr, $source:literal;)*) => {
        /// What is put around them.
        pub const WRAPPERS: &[Wrapper] =
            &[$(Wrapper { text: $text, by: $by, only: $only, source: $source }),*];
    };
}

wrappers! {
    "CannotStartContainerError: " "Amazon ECS's agent", None, "amazon-ecs-agent agent/dockerclient/dockerapi/errors.go";
    "CannotCreateContainerError: " "Amazon ECS's agent", None, "amazon-ecs-agent agent/dockerclient/dockerapi/errors.go";
    "ResourceInitializationError: failed to create new container runtime task: " "AWS Fargate, platform version 1.4", None, "public issues, aws/amazon-ecs-agent 2954 and 3526";
    "Error response from daemon: " "Docker Engine", None, "docker/cli";
    "failed to create task for container: " "Docker Engine 24 and later", None, "moby daemon/start.go";
    "failed to create shim task: " "containerd 1.6 and later", None, "containerd runtime/v2/shim.go";
    "failed to create shim: " "containerd 1.5", None, "containerd runtime/v2/shim.go";
    "OCI runtime create failed: " "containerd's shim for runc", None, "containerd cmd/containerd-shim-runc-v2/process/init.go";
    "container_linux.go:{number}: starting container process caused" "runc up to 1.0", Some(&[Printer::RuncUpTo1_0]), "runc libcontainer/container_linux.go";
    "unable to start container process: exec: " "runc 1.1", Some(&[Printer::Runc1_1]), "runc libcontainer/container_linux.go";
    "error during container init: " "runc 1.2 and later", Some(&[Printer::RuncFrom1_2]), "runc libcontainer/container_linux.go, process_linux.go";
    "{\"msg\":\"" "crun under podman, as JSON", None, "podman 4.3 with crun, as it is printed";
}
