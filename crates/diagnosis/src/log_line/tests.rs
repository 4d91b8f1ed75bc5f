//! Lines as they are printed and pasted.

use super::*;

#[test]
fn every_pattern_is_a_valid_expression() {
    assert!(COMPILED.iter().all(Option::is_some));
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
            "runc up to 1.0 (Docker up to 20.10.8)",
            Some("ENOEXEC"),
            None,
        ),
        (
            "standard_init_linux.go:211: exec user process caused \u{201c}no such file or directory\u{201d}",
            "runc up to 1.0 (Docker up to 20.10.8)",
            Some("ENOENT"),
            None,
        ),
        (
            r#"{"msg":"exec container process `/app`: Exec format error","level":"error"}"#,
            "crun, podman",
            Some("ENOEXEC"),
            Some("/app"),
        ),
        (
            "exec container process (missing dynamic library?) `/app`: No such file or directory",
            "crun, podman",
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
            "runc, crun or containerd, before the start",
            Some("ENOENT"),
            Some("/nope"),
        ),
        (
            r#"exec: "app": executable file not found in $PATH: unknown"#,
            "runc, crun or containerd, before the start",
            Some("ENOENT"),
            Some("app"),
        ),
        (
            r#"exec: "/app": permission denied"#,
            "runc, crun or containerd, before the start",
            Some("EACCES"),
            Some("/app"),
        ),
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
        (r#"/app: line 1: syntax error: unexpected ")""#, "a shell", None, Some("/app")),
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
            (meaning.emitter, meaning.errno.map(Errno::name), meaning.object.as_deref()),
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
