//! Which manifest of an index a host gets, and what becomes of its layers: runtimes have rules of their own.

use crate::registry::{ARM64, Image, Registry, X86_64, directory, elf, file};
use crate::run::{Outcome, execfit, finding, run};
use serde_json::{Value, json};

fn inspect(registry: &Registry, arguments: &[&str]) -> Outcome {
    let name = registry.name("team/app:1");
    run(execfit(Vec::new()).args(["inspect", "--format", "json", &name]).args(arguments))
}

fn app(architecture: &str, machine: u16) -> Image {
    Image::new(architecture).layer([file("app", 0o755, elf(machine))]).entrypoint(["/app"])
}

/// An index with these entries as `team/app:1`.
fn index(entries: impl Fn(&Registry) -> Vec<Value>) -> Registry {
    let registry = Registry::start();
    registry.push_entries("team/app:1", &entries(&registry));
    registry
}

fn child(registry: &Registry, platform: &str, image: &Image) -> Value {
    registry.push_child("team/app", platform, &image.build())
}

/// An artifact that claims a platform, as SOCI indexes do.
fn artifact(registry: &Registry, platform: &str) -> Value {
    let mut entry = child(registry, platform, &Image::new("arm64"));
    entry["artifactType"] = json!("application/vnd.amazon.soci.index.v2+json");
    entry
}

/// The message of the finding about a pull that fails.
#[track_caller]
fn cannot_be_pulled(registry: &Registry, arguments: &[&str]) -> String {
    let answer = inspect(registry, arguments).ended(8);
    let run = &answer["runs"][0];
    assert_eq!((&run["verdict"], &run["phase"]), (&json!("fails"), &json!("pull")), "{answer:#}");
    let message = finding(run, "missing-platform")["message"].as_str().unwrap();
    message.replace(&registry.host(), "R")
}

#[test]
fn an_older_arm_is_what_containerd_takes_and_podman_does_not_find() {
    let registry = index(|registry| {
        vec![
            child(registry, "linux/amd64", &app("amd64", X86_64)),
            child(registry, "linux/386", &app("386", 3)),
            child(registry, "linux/aarch64", &app("arm64", ARM64)),
        ]
    });
    let answer = inspect(&registry, &["--platform", "linux/arm64"]).ended(0);
    assert_eq!(answer["runtime"], "containerd");
    let run = &answer["runs"][0];
    let choices: Vec<(&str, bool)> = run["choices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|choice| (choice["runtime"].as_str().unwrap(), choice["manifest"] == run["manifest"]))
        .collect();
    let expected = [("containerd", true), ("docker", true), ("docker-20.10", true), ("podman", false)];
    assert_eq!(choices, expected, "{run:#}");
    let message = cannot_be_pulled(&registry, &["--platform", "linux/arm64", "--runtime", "podman"]);
    let has = "only linux/amd64, linux/386, linux/aarch64";
    assert_eq!(
        message,
        format!("R/team/app:1: the index R/team/app:1 has no linux/arm64, {has}: it cannot be pulled")
    );
    let same = inspect(&registry, &["--platform", "linux/amd64"]).ended(0);
    assert_eq!(same["runs"][0].get("choices"), None, "they all take the same");
}

#[test]
fn an_artifact_in_front_of_the_image_is_taken_for_it() {
    let image = |registry: &Registry| child(registry, "linux/arm64", &app("arm64", ARM64));
    let behind = index(|registry| vec![image(registry), artifact(registry, "linux/arm64")]);
    let answer = inspect(&behind, &[]).ended(0);
    assert_eq!(answer["runs"].as_array().unwrap().len(), 1, "{answer:#}");
    let before = index(|registry| vec![artifact(registry, "linux/arm64"), image(registry)]);
    let rule = "the index's first entry for linux/arm64 is an artifact of the type application/vnd.amazon.soci.index.v2+json, not an image";
    assert_eq!(cannot_be_pulled(&before, &[]), format!("R/team/app:1: {rule}: it cannot be pulled"));
}

#[test]
fn an_index_without_any_image() {
    let attestation = |registry: &Registry| {
        let mut entry = child(registry, "unknown/unknown", &Image::new("unknown"));
        entry["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
        vec![entry]
    };
    for (registry, holds) in [
        (index(attestation), "no image, only an attestation about another image"),
        (
            index(|registry| vec![artifact(registry, "unknown/unknown")]),
            "no image, only an artifact of the type application/vnd.amazon.soci.index.v2+json",
        ),
        (index(|_| Vec::new()), "no image"),
    ] {
        let message = cannot_be_pulled(&registry, &[]);
        assert_eq!(message, format!("R/team/app:1: the index R/team/app:1 has {holds}: it cannot be pulled"));
    }
}

/// Verdict, phase and errno by each runtime's rules.
fn by_each(image: &Image) -> Vec<String> {
    let registry = Registry::start();
    registry.push("team/app:1", image);
    let told = |runtime: &&str| {
        let name = registry.name("team/app:1");
        let asked = ["inspect", "--format", "json", &name, "--runtime", runtime];
        let answer = run(execfit(Vec::new()).args(asked)).answer();
        let run = &answer["runs"][0];
        let word = |member: &str| run[member].as_str().unwrap_or("-").to_owned();
        format!("{runtime}: {} {} {}", word("verdict"), word("phase"), word("errno"))
    };
    ["containerd", "docker", "docker-20.10", "podman"].iter().map(told).collect()
}

#[test]
fn a_path_that_is_there_twice() {
    let motd = || file("etc/motd", 0o644, "hello");
    let twice = Image::new("amd64")
        .layer([motd(), motd(), file("srv/app", 0o755, elf(X86_64))])
        .entrypoint(["/srv/app"]);
    let expected = [
        "containerd: runs - -",
        "docker: fails unpack -",
        "docker-20.10: fails unpack -",
        "podman: fails unpack -",
    ];
    assert_eq!(by_each(&twice), expected);
}

#[test]
fn a_parent_of_no_entry_takes_after_the_one_beneath_with_containerd_alone() {
    let image = Image::new("amd64")
        .layer([directory("srv", 0o700)])
        .layer([file("srv/app", 0o755, elf(X86_64))])
        .user("1000")
        .entrypoint(["/srv/app"]);
    let expected =
        ["containerd: fails lookup EACCES", "docker: runs - -", "docker-20.10: runs - -", "podman: runs - -"];
    assert_eq!(by_each(&image), expected);
}
