//! Where log-ins come from: the files of Docker and podman, and credential helpers, as a user has them.

use crate::registry::{Login, Registry, X86_64};
use crate::run::{Outcome, execfit, run};
use crate::stage::good;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use tempfile::TempDir;

/// A registry that lets in `ann` with `hunter2`, and a home.
struct Place {
    registry: Registry,
    home: TempDir,
}

/// `ann:hunter2` and `ann:wrong`
const RIGHT: &str = "YW5uOmh1bnRlcjI=";
const WRONG: &str = "YW5uOndyb25n";

impl Place {
    fn new() -> Place {
        let registry = Registry::start();
        registry.push("team/app:1", &good("amd64", X86_64));
        registry.locked(Login::Basic("ann", "hunter2"));
        Place { registry, home: tempfile::tempdir().unwrap() }
    }

    fn write(&self, path: &str, content: &Value) -> PathBuf {
        let path = self.home.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content.to_string()).unwrap();
        path
    }

    fn helper(&self, name: &str, script: &str) {
        let path = self.home.path().join("bin").join(format!("docker-credential-{name}"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn inspect(&self, more: &[(&'static str, String)]) -> Outcome {
        let path = format!("{}/bin:/usr/bin:/bin", self.home.path().display());
        let mut env = vec![("HOME", self.home.path().display().to_string()), ("PATH", path)];
        env.extend(more.iter().cloned());
        let outcome =
            run(execfit(env).args(["inspect", &self.registry.name("team/app:1"), "--format", "json"]));
        assert!(!format!("{outcome:?}").contains("hunter2"), "{outcome:?}");
        outcome
    }
}

#[test]
fn files_of_docker_and_podman() {
    let auths = |place: &Place, auth: &str| json!({"auths": {place.registry.host(): {"auth": auth}}});
    for path in [".docker/config.json", ".config/containers/auth.json"] {
        let place = Place::new();
        place.inspect(&[]).ended(4);
        place.write(path, &auths(&place, RIGHT));
        place.inspect(&[]).ended(0);
    }
    let place = Place::new();
    let file = place.write("elsewhere/auth.json", &auths(&place, RIGHT));
    place.inspect(&[("REGISTRY_AUTH_FILE", file.display().to_string())]).ended(0);
    let place = Place::new();
    place.write("run/containers/auth.json", &auths(&place, RIGHT));
    place.inspect(&[("XDG_RUNTIME_DIR", place.home.path().join("run").display().to_string())]).ended(0);
    let place = Place::new();
    let file = place.write("docker/config.json", &auths(&place, RIGHT));
    place.inspect(&[("DOCKER_CONFIG", file.parent().unwrap().display().to_string())]).ended(0);
}

#[test]
fn a_log_in_for_a_part_of_a_registry_comes_first() {
    let place = Place::new();
    let host = place.registry.host();
    let auths = json!({"auths": {
        &host: {"auth": WRONG}, format!("{host}/team/app"): {"auth": RIGHT}, format!("{host}/team"): {"auth": WRONG},
    }});
    place.write(".config/containers/auth.json", &auths);
    place.inspect(&[]).ended(0);
}

#[test]
fn helpers_of_one_registry_and_of_all() {
    let answer = r#"test "$1" = get && cat > "$HOME/asked" && echo '{"ServerURL":"","Username":"ann","Secret":"hunter2"}'"#;
    let place = Place::new();
    place.helper("vault", answer);
    place.write(
        ".docker/config.json",
        &json!({"credHelpers": {place.registry.host(): "vault"}, "credsStore": "none"}),
    );
    place.inspect(&[]).ended(0);
    let asked = std::fs::read_to_string(place.home.path().join("asked")).unwrap();
    assert_eq!(asked, place.registry.host());

    let place = Place::new();
    place.helper("desktop", answer);
    place.write(".docker/config.json", &json!({"credsStore": "desktop"}));
    place.inspect(&[]).ended(0);
}

#[test]
fn helpers_that_fail_are_named_with_the_refusal() {
    for (script, words) in [
        ("echo the vault is locked; exit 1", "failed: the vault is locked"),
        ("echo '<html>'", "gave an answer that is not understood"),
        ("exec yes", "failed: y y y"),
        ("kill -9 $$", "failed: without a word"),
    ] {
        let place = Place::new();
        place.helper("vault", script);
        place.write(".docker/config.json", &json!({"credsStore": "vault"}));
        let answer = place.inspect(&[]).ended(4);
        let reason = answer["runs"][0]["reason"].as_str().unwrap();
        let words = format!("the credential helper `docker-credential-vault` {words}");
        assert!(reason.contains("may not be read") && reason.contains(&words), "{reason}");
    }
}
