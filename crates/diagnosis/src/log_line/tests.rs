//! Lines as they are printed and pasted.

use super::*;

#[test]
fn every_pattern_is_a_valid_expression() {
    let all = [&COMPILED, &ROWS, &AROUND].map(|compiled| compiled.iter().all(Option::is_some));
    assert_eq!((all, NOT_CREATED.is_some()), ([true; 3], true));
}

#[test]
fn lines_of_every_emitter_and_version() {
    let cases = [
        ("exec /app: exec format error", "runc 1.1 and later", Some("ENOEXEC"), Some("/app")),
        (
            "2026-11-22T10:00:00Z stderr F exec ./app: exec format error",
            "runc 1.1 and later",
            Some("ENOEXEC"),
            Some("./app"),
        ),
        (
            "standard_init_linux.go:228: exec user process caused: exec format error",
            "runc up to 1.0",
            Some("ENOEXEC"),
            None,
        ),
        (
            "standard_init_linux.go:211: exec user process caused \u{201c}no such file or directory\u{201d}",
            "runc up to 1.0",
            Some("ENOENT"),
            None,
        ),
        (
            r#"{"msg":"exec container process `/app`: Exec format error","level":"error"}"#,
            "crun",
            Some("ENOEXEC"),
            Some("/app"),
        ),
        (
            "exec container process (missing dynamic library?) `/app`: No such file or directory",
            "crun",
            Some("ENOENT"),
            Some("/app"),
        ),
        (
            "[FATAL tini (7)] exec /app failed: No such file or directory",
            "tini (Docker --init, ECS initProcessEnabled)",
            Some("ENOENT"),
            Some("/app"),
        ),
        (
            "fork/exec /lambda-entrypoint.sh: exec format error",
            "AWS Lambda",
            Some("ENOEXEC"),
            Some("/lambda-entrypoint.sh"),
        ),
        (
            "failed to load /usr/bin/java: exec format error",
            "Google Cloud Run",
            Some("ENOEXEC"),
            Some("/usr/bin/java"),
        ),
        ("OSError: [Errno 8] Exec format error: 'terraform'", "Python", Some("ENOEXEC"), Some("terraform")),
        (
            r#"CannotStartContainerError: Error response from daemon: failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "/nope": stat /nope: no such file or directory: unknown"#,
            "runc 1.2 and later",
            Some("ENOENT"),
            Some("/nope"),
        ),
        (r#"exec: "app": executable file not found in $PATH: unknown"#, "runc", Some("ENOENT"), Some("app")),
        (r#"exec: "/app": permission denied"#, "runc", Some("EACCES"), Some("/app")),
        (
            "CannotPullContainerError: pull image manifest has been retried 5 time(s): image Manifest does not contain descriptor matching platform 'linux/amd64'",
            "AWS Fargate",
            None,
            Some("linux/amd64"),
        ),
        (
            "no matching manifest for linux/arm64/v8 in the manifest list entries",
            "Docker Engine",
            None,
            Some("linux/arm64/v8"),
        ),
        (
            "/run.sh: line 3: ./app: cannot execute binary file: Exec format error",
            "bash",
            Some("ENOEXEC"),
            Some("./app"),
        ),
        (r#"/app: line 1: syntax error: unexpected ")""#, "busybox ash", None, Some("/app")),
        (
            "./app: error while loading shared libraries: libz.so.1: cannot open shared object file: No such file or directory",
            "glibc's loader",
            None,
            Some("libz.so.1"),
        ),
        ("exec user process caused: exec format error", "any program", Some("ENOEXEC"), None),
    ];
    for (text, emitter, errno, object) in cases {
        let meaning = explain(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(
            (&meaning.emitter[..], meaning.errno.map(Errno::name), meaning.object.as_deref()),
            (emitter, errno, object),
            "{text}"
        );
    }
}

/// Texts that people pasted into issues, and those of the tables that the patterns were made from.
#[test]
fn what_people_paste() {
    let cases = [
        (
            r#"standard_init_linux.go:178: exec user process caused "exec format error""#,
            "exec",
            Some("ENOEXEC"),
        ),
        (
            r#"{"log":"standard_init_linux.go:211: exec user process caused \"exec format error\"\n"}"#,
            "exec",
            Some("ENOEXEC"),
        ),
        ("exec /usr/local/bin/docker-entrypoint.sh: exec format error", "exec", Some("ENOEXEC")),
        ("Error: fork/exec /opt/extensions/datadog-agent: exec format error", "exec", Some("ENOEXEC")),
        ("exec /x: accessing a corrupted shared library", "exec", Some("ELIBBAD")),
        ("exec /x: input/output error", "exec", Some("EIO")),
        ("exec /x: too many levels of symbolic links", "exec", Some("ELOOP")),
        ("exec /x: operation not permitted", "exec", Some("EPERM")),
        ("exec /x: argument list too long", "exec", Some("E2BIG")),
        ("exec /x: permission denied", "exec", Some("EACCES")),
        (r#"exec: "/x": is a directory: unknown"#, "lookup", Some("EISDIR")),
        (
            r#"exec: "/x/y": stat /x/y: not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)?"#,
            "lookup",
            Some("ENOTDIR"),
        ),
        (
            r#"CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "serve": executable file not found in $PATH: unknown"#,
            "lookup",
            Some("ENOENT"),
        ),
        (
            r#"exec: "app": cannot run executable found relative to current directory"#,
            "lookup",
            Some("ENOENT"),
        ),
        (
            "CannotPullContainerError: image manifest does not contain descriptor matching platform 'linux/amd64'",
            "pull",
            None,
        ),
        ("no matching manifest for windows(10.0.17763)/arm64/v8 in the manifest list entries", "pull", None),
        ("no match for platform in manifest sha256:abc: not found", "pull", None),
        (r#"no image found in image index for architecture arm64, variant "", OS linux"#, "pull", None),
        (
            "image with reference app:1 was found but does not match the specified platform: wanted linux/amd64, actual: linux/arm64",
            "pull",
            None,
        ),
        (
            "failed to get stream processor for application/vnd.in-toto+json: no processor for media-type: unknown",
            "pull",
            None,
        ),
        ("cannot overwrite digest sha256:abc", "pull", None),
        ("CannotPullContainerError: wrong diff id calculated on extraction", "pull", None),
        ("/faktory: line 1: syntax error: unexpected word (expecting \")\")", "exec", None),
        ("/app: 1: Syntax error: \")\" unexpected", "exec", None),
        ("/app: line 1: syntax error: unterminated quoted string", "exec", None),
        (
            "Error loading shared library libz.so.1: No such file or directory (needed by /app)",
            "loader",
            None,
        ),
        ("Error relocating /app: __printf_chk: symbol not found", "loader", None),
        ("Failed at step EXEC spawning /usr/bin/x: Exec format error", "exec", Some("ENOEXEC")),
        (
            "(service web) was unable to place a task because no container instance met all of its requirements.",
            "capacity",
            None,
        ),
    ];
    for (text, phase, errno) in cases {
        let meaning = read(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!((meaning.phase, meaning.errno.map(Errno::name)), (phase, errno), "{text}");
        assert!(meaning.causes.iter().all(|id| crate::findings::kind(id).is_some()), "{text}");
    }
}

#[test]
fn ordinary_log_lines_say_nothing() {
    for text in ["listening on :8080", "open /data/x: no such file or directory", "GET / 200", ""] {
        assert_eq!(read(text), None, "{text}");
    }
}

/// Every row of the table is found by its own text, with made-up names put in.
#[test]
fn every_row_is_found_by_its_text() {
    let stub = |template: &str| {
        let of = [
            ("{errno}", "permission denied"),
            ("{program}", "/app"),
            ("{library}", "libz.so.1"),
            ("{version}", "GLIBC_2.38"),
            ("{number}", "7"),
            ("{path}", "/app"),
            ("{shell}", "/bin/sh"),
            ("{token}", "\")\""),
            ("{rest}", "No such file or directory"),
        ];
        of.iter().fold(template.to_string(), |text, (name, value)| text.replace(name, value))
    };
    for row in MESSAGES {
        let text = stub(row.text);
        let meaning = explain(&text).unwrap_or_else(|| panic!("{text}"));
        let found = meaning.row.unwrap_or_else(|| panic!("{text}: {meaning:?}"));
        assert_eq!((found.phase, found.printed_by), (row.phase, row.printed_by), "{text}: {}", found.text);
        let object = ["/app", "libz.so.1", "GLIBC_2.38"]
            .iter()
            .find(|object| meaning.object.as_deref() == Some(object));
        let has = ["{program}", "{library}", "{version}"].iter().any(|name| row.text.contains(name));
        assert_eq!(object.is_some(), has, "{text}: {meaning:?}");
        if row.text.contains("{errno}") && row.errno.is_none() {
            assert_eq!(meaning.errno, Some(Errno::EACCES), "{text}");
        }
    }
}

/// What the shells, launchers and loaders of Debian 12 really printed.
#[test]
fn what_was_really_printed() {
    for (text, by, errno, codes) in [
        ("dash: 1: ./foreign: Exec format error", "dash", Some("ENOEXEC"), "126"),
        ("dash: 1: ./app: not found", "dash", Some("ENOENT"), "127"),
        (
            "bash: line 1: ./foreign: cannot execute binary file: Exec format error",
            "bash",
            Some("ENOEXEC"),
            "126",
        ),
        ("bash: line 1: ./app: cannot execute: required file not found", "bash", Some("ENOENT"), "127"),
        ("bash: line 1: ./app: Permission denied", "bash", Some("EACCES"), "126, 127"),
        ("./foreign: line 1: syntax error: unexpected \"(\"", "busybox ash", None, "2"),
        ("ash: ./app: not found", "busybox ash", Some("ENOENT"), "127"),
        ("E: mksh: ./foreign: not executable: 64-bit ELF file", "mksh", Some("ENOEXEC"), "1"),
        ("E: mksh: ./app: can't execute: Permission denied", "mksh", Some("EACCES"), "126"),
        ("E: mksh: /nope: inaccessible or not found", "mksh", Some("ENOENT"), "127"),
        ("./foreign: 1: Syntax error: \"(\" unexpected", "dash", None, "2"),
        (
            "env: \u{2018}./app\u{2019}: No such file or directory",
            "coreutils (env, timeout, nice, nohup)",
            Some("ENOENT"),
            "126, 127",
        ),
        ("env: can't execute './app': Permission denied", "busybox (env)", Some("EACCES"), "126, 127"),
        (
            "timeout: failed to run command \u{2018}./app\u{2019}: No such file or directory",
            "coreutils (env, timeout, nice, nohup)",
            Some("ENOENT"),
            "126, 127",
        ),
        (
            "[FATAL tini (8138)] exec ./app failed: No such file or directory",
            "tini (Docker --init, ECS initProcessEnabled)",
            Some("ENOENT"),
            "126, 127",
        ),
        ("[dumb-init] ./app: No such file or directory", "dumb-init", Some("ENOENT"), "2"),
        (
            "exec /app: exec format error",
            "runc 1.1 and later",
            Some("ENOEXEC"),
            "1 with runc 1.1, 255 with runc 1.2 and later",
        ),
        (
            "{\"msg\":\"exec container process (missing dynamic library?) `/app`: No such file or directory\",\"level\":\"error\"}",
            "crun",
            Some("ENOENT"),
            "1",
        ),
        (
            "the path `/app` exists but it is not executable: Operation not permitted",
            "crun",
            Some("EACCES"),
            "128 in Docker (docker run itself: 125), none in ECS",
        ),
        (
            "/app: error while loading shared libraries: libz.so.1: wrong ELF class: ELFCLASS32",
            "glibc's loader",
            None,
            "127",
        ),
        (
            "/app: /lib/libc.so.6: version `GLIBC_2.38' not found (required by /app)",
            "glibc's loader",
            None,
            "1",
        ),
        ("Error relocating /app: __printf_chk: symbol not found", "musl's loader", None, "127"),
    ] {
        let meaning = explain(text).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(
            (&meaning.emitter[..], meaning.errno.map(Errno::name), &meaning.exit_codes[..]),
            (by, errno, codes),
            "{text}"
        );
    }
}

const INIT: &str = "OCI runtime create failed: runc create failed: unable to start container process: error during container init: ";

#[test]
fn the_words_around_a_message_tell_versions() {
    let of = |text: &str| {
        let meaning = explain(text).unwrap();
        let by: Vec<&str> = meaning.wrapped_by.iter().map(|wrapper| wrapper.by).collect();
        format!("{} in {}", meaning.emitter, by.join("; "))
    };
    let missing = "exec: \"/x\": stat /x: no such file or directory: unknown";
    assert_eq!(
        of(&format!(
            "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: failed to create shim task: {INIT}{missing}"
        )),
        "runc 1.2 and later in Amazon ECS's agent; AWS Fargate, platform version 1.4; containerd 1.6 and later; containerd's shim for runc; runc 1.2 and later"
    );
    assert_eq!(
        of(&format!(
            "Error response from daemon: failed to create shim: OCI runtime create failed: runc create failed: unable to start container process: {missing}"
        )),
        "runc 1.1 in Docker Engine; containerd 1.5; containerd's shim for runc; runc 1.1"
    );
    assert_eq!(
        of(&format!(
            "OCI runtime create failed: container_linux.go:380: starting container process caused: {missing}"
        )),
        "runc up to 1.0 in containerd's shim for runc; runc up to 1.0"
    );
    assert_eq!(of(missing), "runc in ");
}

#[test]
fn a_text_that_ecs_cut_is_recognised() {
    let whole =
        format!("CannotStartContainerError: {INIT}exec: \"/x\": stat /x: no such file or directory: unknown");
    for (kept, errno, cut) in [
        ("no such file or directory", Some("ENOENT"), false),
        ("no such file or direct", Some("ENOENT"), true),
        ("no s", Some("ENOENT"), true),
        ("/x: no", None, false),
        ("stat /", None, false),
    ] {
        let end = whole.find(kept).unwrap() + kept.len();
        let meaning = explain(&whole[..end]).unwrap();
        assert_eq!(
            (meaning.phase, meaning.errno.map(Errno::name), meaning.cut),
            ("lookup", errno, cut),
            "{kept}"
        );
    }
    let whole = format!("{INIT}exec: \"serve\": executable file not found in $PATH: unknown");
    let meaning = explain(&whole[..whole.len() - 15]).unwrap();
    assert_eq!(
        (meaning.errno, meaning.object.as_deref(), meaning.cut),
        (Some(Errno::ENOENT), Some("serve"), true)
    );
    for limit in messages::REASON_LIMITS {
        let name = "n".repeat(limit - INIT.len() - 10);
        let text: String =
            format!("{INIT}exec: \"/{name}\": permission denied").chars().take(limit).collect();
        let meaning = explain(&text).unwrap();
        assert_eq!((meaning.phase, meaning.errno, meaning.cut), ("lookup", None, true));
    }
    assert_eq!(read("listening: no such"), None, "only reasons are cut");
}
