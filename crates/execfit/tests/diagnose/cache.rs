//! The cache: a second question about an image asks its registry once.

mod hammer;

use crate::registry::{ARM64, Image, Registry, X86_64, elf, file, media, shell};
use crate::run::{Outcome, execfit, run};
use crate::stage::{Stage, good};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// `execfit --format json ARGUMENTS`, with a cache in this directory and no other environment.
fn cached(home: &Path, arguments: &[&str]) -> Outcome {
    let env = vec![("XDG_CACHE_HOME", home.display().to_string())];
    run(execfit(env).args(["--format", "json"]).args(arguments))
}

/// An answer without what was read for it, and the requests.
fn split(outcome: &Outcome) -> (Value, u64) {
    let mut answer = outcome.answer();
    let requests = answer["read"]["requests"].as_u64().unwrap();
    answer.as_object_mut().unwrap().remove("read");
    (answer, requests)
}

fn image(architecture: &str, machine: u16) -> Image {
    Image::new(architecture)
        .layer(shell(machine))
        .layer([file("start", 0o755, "#!/bin/sh\nexec /app\n"), file("app", 0o755, elf(machine))])
        .cmd(["/start"])
}

/// A question that every layer must be read for.
const ALL_LAYERS: [&str; 2] = ["--", "nowhere"];

#[test]
fn a_second_question_is_one_request() {
    let home = tempfile::tempdir().unwrap();
    let registry = Registry::start();
    registry
        .push_index("team/app:1", &[("amd64", &image("amd64", X86_64)), ("arm64", &image("arm64", ARM64))]);
    let name = registry.name("team/app:1");
    let asked = |arguments: &[&str]| split(&cached(home.path(), &[&["inspect", &name], arguments].concat()));
    let plain = asked(&["--no-cache"]);
    assert!(!home.path().join("execfit").exists(), "--no-cache leaves nothing");
    asked(&ALL_LAYERS);
    let before = registry.heard().len();
    assert_eq!(asked(&[]), (plain.0.clone(), 1));
    assert_eq!(registry.heard().len(), before + 1);
    assert_eq!(asked(&["--no-cache"]), plain, "and it looks at nothing");
    // What the reference names is always asked for: another image is another answer.
    registry.push("team/app:1", &image("arm64", X86_64));
    assert_ne!(asked(&[]).0["digest"], plain.0["digest"]);
    let gone = registry.name("team/none:1");
    assert_eq!(cached(home.path(), &["inspect", &gone]).code, 1);
}

#[test]
fn every_medium_is_kept() {
    let built = image("arm64", ARM64).build();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    media::oci(&built, &at("layout"), "v1");
    media::oci_archive(&built, &at("layout.tar"), "v1");
    media::docker_archive(&built, &at("saved.tar"), "team/app:1");
    for (transport, file) in
        [("oci", "layout"), ("oci-archive", "layout.tar"), ("docker-archive", "saved.tar")]
    {
        let home = tempfile::tempdir().unwrap();
        let name = format!("{transport}:{}", at(file).display());
        let asked = |arguments: &[&str]| cached(home.path(), &[&["inspect", &name], arguments].concat());
        let bytes = |outcome: &Outcome| outcome.answer()["read"]["bytes"].as_u64().unwrap();
        let plain = asked(&["--no-cache"]);
        asked(&ALL_LAYERS);
        let warm = asked(&[]);
        assert_eq!(split(&warm).0, split(&plain).0, "{name}");
        let layers: u64 = built.layers.iter().map(|layer| layer.len() as u64).sum();
        assert!(bytes(&warm) + layers / 2 < bytes(&plain), "{name}: {} of {}", bytes(&warm), bytes(&plain));
    }
}

#[test]
fn a_diagnosis_shares_it() {
    let home = tempfile::tempdir().unwrap();
    let stage = Stage::of(&good("amd64", X86_64));
    let diagnose = |arguments: &[&str]| {
        let mut command = stage.execfit(&["diagnose", "--format", "json", "demo/api"]);
        command
            .args(arguments)
            .env("EXECFIT_CACHE_DIR", home.path().join("own"))
            .env("EXECFIT_CACHE_SIZE", "64M");
        split(&run(&mut command))
    };
    let plain = diagnose(&["--no-cache"]);
    let env = vec![("EXECFIT_CACHE_DIR", home.path().join("own").display().to_string())];
    run(execfit(env).args(["inspect", &stage.image()]).args(ALL_LAYERS));
    assert_eq!(diagnose(&[]), (plain.0, 1));
}

#[test]
fn what_lies_there_is_told_and_cleared() {
    let home = tempfile::tempdir().unwrap();
    let (registry, told) = (Registry::start(), |verb: &str| cached(home.path(), &["cache", verb]).ended(0));
    registry.push("team/app:1", &image("arm64", ARM64));
    let empty = told("info");
    assert_eq!((&empty["layers"], &empty["oldest_use"]), (&json!(0), &Value::Null));
    cached(home.path(), &[&["inspect", &registry.name("team/app:1")], &ALL_LAYERS[..]].concat());
    let info = told("info");
    assert_eq!(info["directory"], home.path().join("execfit").display().to_string());
    assert_eq!(
        (&info["layers"], &info["documents"], &info["bound"]),
        (&json!(2), &json!(1), &json!(1_u64 << 30))
    );
    assert!(info["oldest_use"].as_str() <= info["newest_use"].as_str());
    let env = || vec![("XDG_CACHE_HOME", home.path().display().to_string())];
    run(execfit(env()).args(["cache", "info"])).says(&["layers      2\n", "size        ", " of 1.0 GiB"]);
    let cleared = told("clear");
    assert_eq!(cleared["removed"], json!({"files": 3, "bytes": info["bytes"]}));
    assert_eq!(told("info")["bytes"], 0);
    run(execfit(env()).args(["cache", "clear"])).says(&["removed 0 files, 0 bytes, from "]);
    run(execfit(Vec::new()).args(["cache", "info"]))
        .stopped(1, &["there is no cache: neither XDG_CACHE_HOME nor HOME names a directory"]);
}

#[test]
fn without_a_cache_it_works_on_and_says_so_only_when_asked() {
    let registry = Registry::start();
    registry.push("team/app:1", &image("arm64", ARM64));
    let name = registry.name("team/app:1");
    let home = tempfile::tempdir().unwrap();
    let inspect = |variable: &'static str, value: &str, more: &[&str]| {
        let outcome = run(execfit(vec![(variable, value.into())]).args(["inspect", &name]).args(more));
        assert_eq!(outcome.code, 0, "{outcome:?}");
        outcome.stderr
    };
    let taken = home.path().join("taken");
    fs::write(&taken, "a file").unwrap();
    let taken = taken.display().to_string();
    for (variable, value, words) in [
        ("HOME", "/nonexistent", "neither XDG_CACHE_HOME nor HOME names a directory"),
        ("XDG_CACHE_HOME", "relative", "neither XDG_CACHE_HOME nor HOME names a directory"),
        ("EXECFIT_CACHE_DIR", "relative", "EXECFIT_CACHE_DIR is no absolute path"),
        ("EXECFIT_CACHE_DIR", taken.as_str(), "taken: "),
        ("EXECFIT_CACHE_DIR", "/proc/execfit", "/proc/execfit: "),
        ("EXECFIT_CACHE_SIZE", "much", "EXECFIT_CACHE_SIZE is no size: `much`"),
    ] {
        assert_eq!(inspect(variable, value, &["-q"]), "", "{variable}");
        let said = inspect(variable, value, &["-v"]);
        assert!(said.contains("warning: the cache is not used: ") && said.contains(words), "{said}");
    }
}
