//! Every cause once: the same log line, and each time the right, different cause.

use crate::registry::{
    ARM64, ERROR_PAGE, Image, LFS_POINTER, X86_64, dynamic, elf, file, link, mach_o, shell,
};
use crate::run::{failure, finding, found, remedies};
use crate::stage::{Stage, app, app_with_mode, base, good};
use serde_json::Value;

const ENOEXEC: &str = "exec /app: exec format error";
const ENOENT: &str = "exec /app: no such file or directory";

/// Diagnoses a service of this image whose tasks died with this log line. Exactly this error must be found.
#[track_caller]
fn cause(image: &Image, line: &str, id: &str, fails: &str) -> Value {
    let stage = Stage::of(image);
    let digest = image.build().digest();
    stage.crashed(&digest, line);
    let workload = stage.workload(8);
    let errors: Vec<String> =
        found(&workload).into_iter().filter(|found| found.starts_with("error:")).collect();
    assert_eq!(errors, [format!("error:{id}")], "{workload:#}");
    assert_eq!(failure(&workload), fails, "{workload:#}");
    assert_eq!(workload["image"]["digest"], digest);
    assert_eq!(workload["observed"]["stopped"], 1);
    assert_eq!(workload["hosts"][0]["source"], "task");
    finding(&workload, id).clone()
}

/// The finding names the file, says this, and its evidence has the layer, the instruction and the log line.
#[track_caller]
fn blames_app(finding: &Value, words: &[&str]) {
    let message = finding["message"].as_str().unwrap();
    assert!(message.starts_with("container api: /app "), "{message}");
    for word in words {
        assert!(message.contains(word), "`{word}`: {message}");
    }
    let evidence = finding["evidence"].as_array().unwrap();
    let rung = evidence.iter().find(|rung| rung["path"] == "/app").unwrap_or_else(|| panic!("{finding:#}"));
    assert_eq!(rung["layer"], "2 of 2", "{finding:#}");
    assert!(rung["instruction"].as_str().unwrap().contains("COPY app /app"), "{finding:#}");
    let texts = Value::Array(evidence.clone()).to_string();
    assert!(texts.contains("seen: exec /app: ") && texts.contains("seen: exit code 1"), "{texts}");
    assert!(evidence.iter().any(|rung| rung["source"].is_string()), "{finding:#}");
    assert!(!finding["remedies"].as_array().unwrap().is_empty(), "{finding:#}");
}

#[test]
fn a_program_for_another_processor() {
    let finding = cause(&good("arm64", ARM64), ENOEXEC, "wrong-architecture", "exec ENOEXEC");
    blames_app(&finding, &["arm64", "x86_64", "ENOEXEC"]);
    // Fargate has arm64, and all containers run there by the model.
    assert_eq!(remedies(&finding)[0], "safe:retarget", "{finding:#}");
    assert!(remedies(&finding).contains(&"advice:rebuild".into()), "{finding:#}");
    let commands = finding["remedies"].to_string();
    for command in [
        "describe-task-definition --task-definition api:1",
        r#".runtimePlatform.cpuArchitecture = \"ARM64\""#,
        "aws ecs update-service --cluster demo --service api --task-definition api",
        "docker buildx build --platform linux/amd64 --tag 127.0.0.1:",
        "finch build --platform linux/amd64",
        "--force-new-deployment",
    ] {
        assert!(commands.contains(command), "`{command}`: {commands}");
    }
}

#[test]
fn programs_for_rarer_processors_are_named() {
    for (machine, name) in [(243, "riscv64"), (22, "s390x"), (21, "ppc64"), (40, "arm")] {
        let image = app(elf(machine));
        let finding = cause(&image, ENOEXEC, "wrong-architecture", "exec ENOEXEC");
        blames_app(&finding, &[name]);
        assert!(!remedies(&finding).iter().any(|kind| kind.ends_with("retarget")), "{finding:#}");
    }
}

#[test]
fn an_interpreter_for_another_processor() {
    let image =
        Image::new("amd64").layer(shell(ARM64)).layer([file("app", 0o755, "#!/bin/sh\nexec sleep 9\n")]);
    let finding = cause(&image.cmd(["/app"]), ENOEXEC, "wrong-architecture", "exec ENOEXEC");
    let message = finding["message"].as_str().unwrap();
    assert!(
        message.contains("/bin/busybox is a interpreter")
            || message.contains("/bin/busybox is an interpreter"),
        "{message}"
    );
    let evidence = finding["evidence"].to_string();
    assert!(
        evidence.contains("/app is a script: #!/bin/sh") && evidence.contains("/bin/sh -> busybox"),
        "{evidence}"
    );
}

#[test]
fn a_label_that_lies() {
    let image = good("arm64", ARM64).labelled("amd64");
    let stage = Stage::of(&image);
    stage.crashed(&image.build().digest(), ENOEXEC);
    let workload = stage.workload(8);
    let found = found(&workload);
    assert!(found.contains(&"error:wrong-architecture".into()), "{found:?}");
    assert!(found.contains(&"warning:mislabelled-image".into()), "{found:?}");
    let label = finding(&workload, "mislabelled-image");
    assert!(label["message"].as_str().unwrap().contains("says that it is for amd64"), "{label:#}");
    assert!(label["message"].as_str().unwrap().contains("arm64"), "{label:#}");
    assert_eq!(workload["image"]["platforms"][0], "linux/amd64");
}

#[test]
fn a_label_that_lies_is_told_even_where_the_image_runs() {
    let workload = Stage::of(&good("arm64", X86_64)).workload(0);
    assert!(found(&workload).contains(&"warning:mislabelled-image".into()), "{workload:#}");
}

#[test]
fn an_index_without_the_platform_is_never_pulled() {
    let stage = Stage::empty();
    let image = good("arm64", ARM64);
    let digest = stage
        .registry
        .push_attested_index("team/app:1", &[("linux/arm64", &image), ("linux/arm/v7", &good("arm", 40))]);
    stage.define(1, serde_json::json!([stage.container()])).serve(1);
    let workload = stage.workload(8);
    assert_eq!(failure(&workload), "pull -");
    assert_eq!(found(&workload)[0], "error:missing-platform", "{workload:#}");
    assert_eq!(workload["image"]["digest"], digest);
    assert_eq!(workload["image"]["platforms"], serde_json::json!(["linux/arm64", "linux/arm/v7"]));
    let finding = finding(&workload, "missing-platform");
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains("has no linux/amd64, only linux/arm64, linux/arm/v7"), "{message}");
    assert_eq!(remedies(finding)[0], "safe:retarget", "{finding:#}");
}

#[test]
fn scripts_that_shells_forgive() {
    let no_shebang = cause(&app("set -e\nexec sleep 9\n"), ENOEXEC, "no-shebang", "exec ENOEXEC");
    blames_app(&no_shebang, &["ENOEXEC"]);
    assert!(no_shebang["remedies"].to_string().contains("#!/bin/sh"), "{no_shebang:#}");
    let mark = cause(&app("\u{feff}#!/bin/sh\nexec sleep 9\n"), ENOEXEC, "byte-order-mark", "exec ENOEXEC");
    blames_app(&mark, &["byte order mark"]);
    let crlf = cause(&app("#!/bin/sh\r\nexec sleep 9\r\n"), ENOENT, "crlf-interpreter", "exec ENOENT");
    blames_app(&crlf, &["CR LF", "/bin/sh\\r", "ENOENT"]);
    let late = cause(&app("\n#!/bin/sh\nexec sleep 9\n"), ENOEXEC, "no-shebang", "exec ENOEXEC");
    blames_app(&late, &[]);
}

#[test]
fn what_a_build_copied_instead_of_the_program() {
    blames_app(&cause(&app(""), ENOEXEC, "empty-program", "exec ENOEXEC"), &["empty"]);
    let page = cause(&app(ERROR_PAGE), ENOEXEC, "saved-error-page", "exec ENOEXEC");
    blames_app(&page, &["404 Not Found"]);
    assert!(page["remedies"].to_string().contains("curl --fail"), "{page:#}");
    let json =
        cause(&app(r#"{"message":"Not Found","status":"404"}"#), ENOEXEC, "saved-error-page", "exec ENOEXEC");
    blames_app(&json, &["JSON"]);
    let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>AccessDenied</Code></Error>";
    blames_app(&cause(&app(xml), ENOEXEC, "saved-error-page", "exec ENOEXEC"), &[]);
    let pointer = cause(&app(LFS_POINTER), ENOEXEC, "git-lfs-pointer", "exec ENOEXEC");
    blames_app(&pointer, &["12345"]);
    assert!(pointer["remedies"].to_string().contains("git lfs pull"), "{pointer:#}");
}

#[test]
fn programs_of_other_systems_and_archives() {
    blames_app(&cause(&app(mach_o()), ENOEXEC, "foreign-format", "exec ENOEXEC"), &["Mach-O"]);
    let packed = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[7; 100]].concat();
    blames_app(&cause(&app(packed), ENOEXEC, "foreign-format", "exec ENOEXEC"), &["gzip"]);
    blames_app(
        &cause(
            &app(&b"PK\x03\x04\x14\0\0\0\x08\0aaaaaaaaaaaaaaaaaaaaaaaaaaaa"[..]),
            ENOEXEC,
            "foreign-format",
            "exec ENOEXEC",
        ),
        &["zip"],
    );
}

#[test]
fn a_damaged_program() {
    let cut = elf(X86_64)[..70].to_vec();
    blames_app(&cause(&app(cut), ENOEXEC, "damaged-program", "exec ENOEXEC"), &[]);
    let mut object = elf(X86_64);
    object[16] = 1;
    blames_app(&cause(&app(object), ENOEXEC, "damaged-program", "exec ENOEXEC"), &["object file"]);
    blames_app(&cause(&app([[0, 1, 0xfe]; 99].concat()), ENOEXEC, "damaged-program", "exec ENOEXEC"), &[]);
}

#[test]
fn an_interpreter_that_is_not_there() {
    let script =
        cause(&app("#!/usr/bin/python3 -u\nprint()\n"), ENOENT, "missing-interpreter", "exec ENOENT");
    blames_app(&script, &["/usr/bin/python3", "ENOENT"]);
    let musl = cause(
        &app(dynamic(X86_64, "/lib/ld-musl-x86_64.so.1")),
        ENOENT,
        "missing-interpreter",
        "exec ENOENT",
    );
    blames_app(&musl, &["/lib/ld-musl-x86_64.so.1", "Alpine"]);
    let glibc = cause(
        &app(dynamic(X86_64, "/lib64/ld-linux-x86-64.so.2")),
        ENOENT,
        "missing-interpreter",
        "exec ENOENT",
    );
    blames_app(&glibc, &["/lib64/ld-linux-x86-64.so.2", "glibc"]);
    // A link that leads nowhere.
    let image = app("#!/bin/bash\n").layer([link("bin/bash", "/opt/bash")]);
    let stage = Stage::of(&image);
    let workload = stage.workload(8);
    assert_eq!(
        (failure(&workload).as_str(), found(&workload)[0].as_str()),
        ("exec ENOENT", "error:missing-interpreter")
    );
}

#[test]
fn a_loader_of_another_kind() {
    let image = app(dynamic(X86_64, "/lib/ld.so")).layer([file("lib/ld.so", 0o755, elf(ARM64))]);
    let stage = Stage::of(&image);
    let workload = stage.workload(8);
    assert_eq!(failure(&workload), "exec ELIBBAD");
    assert_eq!(found(&workload)[0], "error:foreign-library", "{workload:#}");
    assert!(finding(&workload, "foreign-library")["message"].as_str().unwrap().contains("/lib/ld.so"));
    // A loader that fits is all right.
    let image = app(dynamic(X86_64, "/lib/ld.so")).layer([file("lib/ld.so", 0o755, elf(X86_64))]);
    Stage::of(&image).workload(0);
}

#[test]
fn a_program_that_is_not_there() {
    let by_path = cause(&base().cmd(["/usr/local/bin/server", "-v"]), "", "missing-program", "lookup ENOENT");
    let message = by_path["message"].as_str().unwrap();
    assert!(
        message.contains("/usr/local/bin/server") && message.contains("stat /usr/local/bin/server"),
        "{message}"
    );
    let by_name = cause(&base().cmd(["server"]), "", "missing-program", "lookup ENOENT");
    assert!(
        by_name["message"].as_str().unwrap().contains("executable file not found in $PATH"),
        "{by_name:#}"
    );
    let line = cause(&base().cmd(["sleep 9"]), "", "missing-program", "lookup ENOENT");
    assert!(line["remedies"].to_string().contains("as a list"), "{line:#}");
}

#[test]
fn a_program_that_may_not_be_executed() {
    let mode = cause(&app_with_mode("#!/bin/sh\n", 0o644), "", "not-executable", "lookup EACCES");
    let message = mode["message"].as_str().unwrap();
    assert!(message.contains("/app") && message.contains("mode 0644, owner 0:0"), "{message}");
    assert!(mode["remedies"].to_string().contains("--chmod=755"), "{mode:#}");
    let user = cause(&app_with_mode(elf(X86_64), 0o700).user("1000"), "", "not-executable", "lookup EACCES");
    assert!(user["message"].as_str().unwrap().contains("mode 0700"), "{user:#}");
    // The same for its owner.
    Stage::of(&app_with_mode(elf(X86_64), 0o700)).workload(0);
}

#[test]
fn nothing_wrong() {
    let image = app("#!/bin/sh\nexec sleep 9\n");
    let stage = Stage::of(&image);
    stage.running(&image.build().digest(), "x86_64");
    let report = stage.service(0);
    let workload = &report["workloads"][0];
    assert_eq!((&report["verdict"], &workload["verdict"]), (&"runs".into(), &"runs".into()));
    assert_eq!(workload["findings"], serde_json::json!([]), "{workload:#}");
    assert_eq!(workload["observed"]["running"], 1);
    assert_eq!(report["refusals"], serde_json::json!([]));
    assert_eq!(report["target"]["region"], "eu-central-1");
    assert_eq!(report["task_definition"], "api:1");
    let (requests, bytes) =
        (report["read"]["requests"].as_u64().unwrap(), report["read"]["bytes"].as_u64().unwrap());
    assert!(
        (3..=12).contains(&requests) && bytes > 0 && bytes < 10_000,
        "{requests} requests, {bytes} bytes"
    );
}
