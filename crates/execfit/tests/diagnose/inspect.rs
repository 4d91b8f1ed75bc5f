//! `inspect`: one image in every medium, and other questions about it.

use crate::registry::{ARM64, Image, Registry, X86_64, dynamic, elf, file, link, media, shell, whiteout};
use crate::run::{Outcome, execfit, failure, finding, found, run};
use crate::stage::{app, base, good};
use serde_json::{Value, json};

/// `execfit inspect --format json ARGUMENTS`, without AWS, home or credentials.
#[track_caller]
fn inspect(arguments: &[&str]) -> Outcome {
    run(execfit(Vec::new()).args(["inspect", "--format", "json"]).args(arguments))
}

/// A registry with this image as `team/app:1`, and its name.
fn pushed(image: &Image) -> (Registry, String) {
    let registry = Registry::start();
    registry.push("team/app:1", image);
    let name = registry.name("team/app:1");
    (registry, name)
}

/// Path and kind of each step.
fn steps(run: &Value) -> Vec<String> {
    let steps = run["trace"].as_array().unwrap().iter();
    steps
        .map(|step| format!("{} {}", step["path"].as_str().unwrap(), step["kind"].as_str().unwrap()))
        .collect()
}

#[test]
fn every_medium_gives_the_same_answer() {
    let image = Image::new("arm64")
        .layer([
            file("usr/bin/busybox", 0o755, elf(ARM64)),
            link("bin", "usr/bin"),
            link("usr/bin/sh", "busybox"),
        ])
        .history("ADD rootfs.tar / # buildkit")
        .layer([file("entry.sh", 0o755, "#!/bin/sh -e\n"), link("start", "/entry.sh")])
        .history("COPY entry.sh / # buildkit")
        .entrypoint(["/start"])
        .cmd(["serve"]);
    let built = image.build();
    let (_registry, name) = pushed(&image);
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    media::oci(&built, &at("layout"), "v1");
    media::oci_archive(&built, &at("layout.tar"), "v1");
    media::docker_archive(&built, &at("saved.tar"), "team/app:1");
    media::rootfs(&built, &at("root"));
    let named = |transport: &str, file: &str| format!("{transport}:{}", at(file).display());
    let first = inspect(&[&name]).ended(0);
    assert_eq!(first["digest"], built.digest());
    let expected = [
        "/start symlink",
        "/entry.sh script",
        "/bin symlink",
        "/usr/bin/sh symlink",
        "/usr/bin/busybox elf",
        "/usr/bin/busybox starts",
    ];
    assert_eq!(steps(&first["runs"][0]), expected, "{first:#}");
    let origin = &first["runs"][0]["trace"][1];
    assert_eq!(
        (&origin["layer_number"], &origin["layer"]),
        (&json!(2), &json!(crate::registry::digest(&built.layers[1])))
    );
    assert!(origin["instruction"].as_str().unwrap().contains("COPY entry.sh /"), "{origin}");
    for medium in [
        named("oci", "layout"),
        named("oci", "layout:v1"),
        named("oci-archive", "layout.tar"),
        named("oci-archive", "layout.tar:v1"),
        named("docker-archive", "saved.tar"),
        named("docker-archive", "saved.tar:team/app:1"),
    ] {
        let answer = inspect(&[&medium]).ended(0);
        let (run, of_registry) = (&answer["runs"][0], &first["runs"][0]);
        assert_eq!(steps(run), steps(of_registry), "{medium}");
        for member in ["platform", "host", "argv", "verdict", "phase", "errno", "findings"] {
            assert_eq!(run[member], of_registry[member], "{medium}: {member}");
        }
        let origins = |run: &Value| {
            run["trace"]
                .as_array()
                .unwrap()
                .iter()
                .map(|step| json!([step["layer_number"], step["instruction"]]))
                .collect::<Vec<_>>()
        };
        assert_eq!(origins(run), origins(of_registry), "{medium}");
    }
    let tree =
        inspect(&[&named("dir", "root"), "--platform", "linux/arm64", "--", "/start", "serve"]).ended(0);
    assert_eq!(steps(&tree["runs"][0]), expected, "{tree:#}");
    assert_eq!((&tree["digest"], &tree["runs"][0]["argv"]), (&json!(null), &json!(["/start", "serve"])));
    // On the other processor all of them fail the same.
    for medium in
        [&name, &named("oci", "layout"), &named("docker-archive", "saved.tar"), &named("dir", "root")]
    {
        let run = inspect(&[medium, "--platform", "linux/amd64", "--", "/start"]).ended(8)["runs"][0].clone();
        assert_eq!(failure(&run), "exec ENOEXEC", "{medium}");
        assert_eq!(found(&run)[0], "error:wrong-architecture", "{medium}: {run:#}");
    }
}

#[test]
fn media_that_are_not_there_or_broken() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    for transport in ["oci", "oci-archive", "docker-archive"] {
        let outcome = inspect(&[&format!("{transport}:{}", at("none"))]);
        assert!([1, 4].contains(&outcome.code), "{outcome:?}");
        outcome.says(&["none"]);
    }
    let none = inspect(&[&format!("dir:{}", at("none")), "--platform", "linux/amd64", "--", "/app"]);
    assert!([1, 4].contains(&none.code), "{none:?}");
    std::fs::write(at("junk.tar"), [7; 3000]).unwrap();
    for transport in ["oci-archive", "docker-archive"] {
        let outcome = inspect(&[&format!("{transport}:{}", at("junk.tar"))]);
        assert!([1, 4].contains(&outcome.code), "{outcome:?}");
    }
    let built = app("#!/bin/sh\n").build();
    media::oci_archive(&built, &folder.path().join("whole.tar"), "v1");
    let whole = std::fs::read(at("whole.tar")).unwrap();
    std::fs::write(at("cut.tar"), &whole[..whole.len() / 2]).unwrap();
    let outcome = inspect(&[&format!("oci-archive:{}", at("cut.tar"))]);
    assert!([1, 4].contains(&outcome.code), "{outcome:?}");
    let outcome = inspect(&[&format!("oci-archive:{}:v2", at("whole.tar"))]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    for wrong in ["dir:", "oci:", "containers-storage:x", "docker-daemon:"] {
        inspect(&[wrong]).stopped(2, &[wrong]);
    }
    inspect(&[&format!("dir:{}", at(""))]).stopped(2, &["give --platform and -- ARGV"]);
    inspect(&[&format!("dir:{}", at("")), "--platform", "linux/amd64"])
        .stopped(2, &["give --platform and -- ARGV"]);
}

#[test]
fn all_platforms_of_an_index_or_those_that_are_asked_for() {
    let registry = Registry::start();
    let (intel, arm) = (good("amd64", X86_64), app("no program\n").labelled("arm64"));
    let index =
        registry.push_attested_index("team/app:1", &[("linux/amd64", &intel), ("linux/arm64/v8", &arm)]);
    let name = registry.name("team/app:1");
    let platforms = |answer: &Value| {
        let runs = answer["runs"].as_array().unwrap().iter();
        runs.map(|run| format!("{} {}", run["platform"].as_str().unwrap(), run["verdict"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    let all = inspect(&[&name]).ended(8);
    assert_eq!(all["digest"], index);
    assert_eq!(platforms(&all), ["linux/amd64 runs", "linux/arm64/v8 fails"]);
    assert_eq!(found(&all["runs"][1])[0], "error:no-shebang");
    let one = inspect(&[&name, "--platform", "linux/amd64"]).ended(0);
    assert_eq!(platforms(&one), ["linux/amd64 runs"]);
    let two = inspect(&[&name, "--platform", "linux/arm64", "--platform", "linux/amd64"]).ended(8);
    assert_eq!(platforms(&two), ["linux/arm64 fails", "linux/amd64 runs"]);
    let none = inspect(&[&name, "--platform", "linux/s390x"]);
    assert!([4, 8].contains(&none.code), "{none:?}");
    assert_ne!(none.answer()["verdict"], "runs");
    inspect(&[&name, "--platform", "amd64/linux/x/y"]).stopped(2, &[]);
    inspect(&[&name, "--platform", ""]).stopped(2, &[]);
}

#[test]
fn other_questions_about_the_same_image() {
    let image = base()
        .layer([
            file("app", 0o755, "no program\n"),
            file("srv/tool", 0o755, elf(X86_64)),
            file("own", 0o700, elf(X86_64)).owned_by(7, 7),
            file("etc/passwd", 0o644, "root:x:0:0::/:/bin/sh\nann:x:7:7::/:/bin/sh\nbob:x:8:8::/:/bin/sh\n"),
        ])
        .entrypoint(["/app"])
        .cmd(["serve"]);
    let (_registry, name) = pushed(&image);
    let ask = |arguments: &[&str]| {
        let answer = inspect(&[&[name.as_str()], arguments].concat()).answer();
        let run = &answer["runs"][0];
        format!("{} {} {}", run["verdict"].as_str().unwrap(), failure(run), run["argv"])
    };
    assert_eq!(ask(&[]), r#"fails exec ENOEXEC ["/app","serve"]"#);
    assert_eq!(ask(&["--", "/bin/sh", "-c", "x"]), r#"runs - - ["/bin/sh","-c","x"]"#);
    assert_eq!(ask(&["--entrypoint", "/bin/sh"]), r#"runs - - ["/bin/sh"]"#);
    assert_eq!(ask(&["--entrypoint", "/bin/sh", "--", "-c"]), r#"runs - - ["/bin/sh","-c"]"#);
    assert_eq!(ask(&["--", "tool"]), r#"fails lookup ENOENT ["tool"]"#);
    assert_eq!(ask(&["--env", "PATH=/srv", "--", "tool"]), r#"runs - - ["tool"]"#);
    assert_eq!(ask(&["--env", "A=b", "--env", "PATH=/bin:/srv", "--", "tool"]), r#"runs - - ["tool"]"#);
    assert_eq!(ask(&["--", "./tool"]), r#"fails lookup ENOENT ["./tool"]"#);
    assert_eq!(ask(&["--workdir", "/srv", "--", "./tool"]), r#"runs - - ["./tool"]"#);
    assert_eq!(ask(&["--user", "ann", "--", "/own"]), r#"runs - - ["/own"]"#);
    assert_eq!(ask(&["--user", "bob", "--", "/own"]), r#"fails lookup EACCES ["/own"]"#);
    assert_eq!(ask(&["-u", "8:7", "--", "/own"]), r#"fails lookup EACCES ["/own"]"#);
    assert_eq!(ask(&["--user", "eve", "--", "/own"]), r#"fails create - ["/own"]"#);
    inspect(&[&name, "--env", "PATH"]).stopped(2, &["expected K=V"]);
    inspect(&[&name, "--env", "=x"]).stopped(2, &["expected K=V"]);
}

#[test]
fn layers_over_each_other() {
    let image = base().layer([file("app", 0o755, elf(X86_64)), file("opt/a/run", 0o755, "")]).cmd(["/app"]);
    let covered = image.clone().layer([file("app", 0o755, "")]);
    let removed = image.clone().layer([whiteout("app")]);
    let hidden = image.clone().layer([file("opt/.wh..wh..opq", 0o644, "")]).cmd(["/opt/a/run"]);
    let back = removed.clone().layer([file("app", 0o755, elf(X86_64))]);
    for (image, expected) in [
        (image, "- -"),
        (covered, "exec ENOEXEC"),
        (removed, "lookup ENOENT"),
        (hidden, "lookup ENOENT"),
        (back, "- -"),
    ] {
        let (_registry, name) = pushed(&image);
        assert_eq!(failure(&inspect(&[&name]).answer()["runs"][0]), expected);
    }
}

#[test]
fn loaders_are_steps_too() {
    let image = app(dynamic(X86_64, "/lib64/ld.so")).layer([
        file("lib/ld-2.so", 0o755, elf(X86_64)),
        link("lib64", "lib"),
        link("lib/ld.so", "ld-2.so"),
    ]);
    let (_registry, name) = pushed(&image);
    let answer = inspect(&[&name]).ended(0);
    let expected = [
        "/app elf",
        "/app interpreter",
        "/lib64 symlink",
        "/lib/ld.so symlink",
        "/lib/ld-2.so loader",
        "/app starts",
    ];
    assert_eq!(steps(&answer["runs"][0]), expected, "{answer:#}");
    assert_eq!(answer["runs"][0]["trace"][0]["machine"], "x86_64");
}

#[test]
fn no_more_is_read_than_the_answer_needs() {
    let noise: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let below = Image::new("amd64").layer([file("usr/big", 0o644, noise.clone())]);
    let image =
        below.layer([file("app", 0o755, elf(X86_64)), file("zz/big", 0o644, noise)]).cmd(["/app"]).stored();
    let built = image.build();
    let (registry, name) = pushed(&image);
    let answer = inspect(&[&name, "--quick"]).ended(0);
    let (requests, bytes) =
        (answer["read"]["requests"].as_u64().unwrap(), answer["read"]["bytes"].as_u64().unwrap());
    assert!(
        !registry.fetched().contains(&crate::registry::digest(&built.layers[0])),
        "the lower layer was fetched"
    );
    assert!((3..=6).contains(&requests), "{requests} requests");
    assert!(bytes < 600_000, "{bytes} bytes");
    // The number of requests is the number that the registry saw; a first try over TLS counts, too.
    assert!(requests >= registry.heard().len() as u64, "{requests} told, {} seen", registry.heard().len());
    let text = run(execfit(Vec::new()).args(["inspect", "-v", &name]));
    text.says(&["requests, ", "bytes read of images"]);
}

#[test]
fn an_image_of_windows() {
    let registry = Registry::start();
    registry.push_index("team/app:1", &[("windows/amd64", &app("MZ"))]);
    let name = registry.name("team/app:1");
    let answer = inspect(&[&name]);
    assert_ne!(answer.answer()["verdict"], "runs", "{answer:?}");
}

#[test]
fn a_hundred_links_and_deep_scripts_end() {
    let around = base().layer([link("app", "/app")]).cmd(["/app"]);
    let (_registry, name) = pushed(&around);
    assert_eq!(failure(&inspect(&[&name]).ended(8)["runs"][0]), "lookup ELOOP");
    let mut scripts = vec![file("bin/0", 0o755, elf(X86_64))];
    scripts.extend((1..9).map(|n| file(&format!("bin/{n}"), 0o755, format!("#!/bin/{}\n", n - 1))));
    let deep = Image::new("amd64").layer(scripts).cmd(["/bin/5"]);
    let (_registry, name) = pushed(&deep);
    inspect(&[&name]).ended(0);
    let run = inspect(&[&name, "--", "/bin/8"]).ended(8)["runs"][0].clone();
    assert_eq!(failure(&run), "exec ELOOP");
    assert_eq!(found(&run)[0], "error:exec-refused", "{run:#}");
    assert!(finding(&run, "exec-refused")["evidence"].to_string().contains("fs/exec.c"), "{run:#}");
}

#[test]
fn the_shell_of_the_image_for_another_processor() {
    let (_registry, name) = pushed(&Image::new("arm64").layer(shell(ARM64)).cmd(["sh"]));
    let answer = inspect(&[&name, "--platform", "linux/amd64", "--platform", "linux/arm64"]).ended(8);
    assert_eq!(
        (&answer["runs"][0]["verdict"], &answer["runs"][1]["verdict"]),
        (&json!("fails"), &json!("runs"))
    );
}

#[test]
fn hosts_by_name_by_kernel_and_without_32_bit() {
    let folder = tempfile::tempdir().unwrap();
    let at = format!("dir:{}", folder.path().display());
    for (name, bytes) in [("i386", compat(3, 0)), ("arm", compat(40, 0x0500_0000)), ("arm64", elf(ARM64))] {
        std::fs::write(folder.path().join(name), bytes).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(folder.path().join(name), mode).unwrap();
    }
    let ask = |platform: &str, more: &[&str], path: &str| {
        let run = inspect(&[&[&at, "--platform", platform], more, &["--", path]].concat()).answer();
        let run = &run["runs"][0];
        format!("{} {}", run["verdict"].as_str().unwrap(), run["errno"].as_str().unwrap_or("-"))
    };
    assert_eq!(ask("linux/amd64", &[], "/i386"), "runs -");
    assert_eq!(ask("linux/amd64", &["--no-32bit"], "/i386"), "fails ENOEXEC");
    assert_eq!(ask("linux/arm64", &[], "/arm"), "unknown -");
    assert_eq!(ask("linux/arm64", &["--host", "graviton3"], "/arm"), "runs -");
    assert_eq!(ask("linux/arm64", &["--host", "graviton4"], "/arm"), "fails ENOEXEC");
    assert_eq!(ask("linux/amd64", &[], "/arm64"), "fails ENOEXEC");
    assert_eq!(ask("linux/amd64", &["--host", "ci-qemu-x86_64"], "/arm64"), "runs -");
    assert_eq!(ask("linux/amd64", &["--host", "graviton2"], "/arm64"), "runs -");
    // Linux 6.17 takes more program headers than a page holds.
    let mut many = elf(X86_64);
    many[56] = 74;
    many.resize(0x3000, 0);
    std::fs::write(folder.path().join("i386"), many).unwrap();
    assert_eq!(ask("linux/amd64", &["--kernel", "6.1.176-amd64"], "/i386"), "fails ENOEXEC");
    assert_ne!(ask("linux/amd64", &["--kernel", "7.2"], "/i386"), "fails ENOEXEC");
    assert_eq!(inspect(&[&at, "--kernel", "new", "--platform", "linux/amd64", "--", "/x"]).code, 2);
    assert_eq!(inspect(&[&at, "--host", "toaster", "--platform", "linux/amd64", "--", "/x"]).code, 2);
}

/// A 32-bit program of one empty segment.
fn compat(machine: u8, flags: u32) -> Vec<u8> {
    let mut bytes = vec![0; 52 + 32];
    bytes[..7].copy_from_slice(b"\x7fELF\x01\x01\x01");
    for (at, byte) in [(16, 2), (18, machine), (20, 1), (28, 52), (40, 52), (42, 32), (44, 1), (52, 4)] {
        bytes[at] = byte;
    }
    bytes[36..40].copy_from_slice(&flags.to_le_bytes());
    bytes
}
