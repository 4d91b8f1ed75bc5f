//! Mirrors: asked first, left where they have nothing, told in the answer, and never given another registry's log-in.

use crate::registry::{Fault, Login, Of, Registry, Reply, X86_64, closed_port};
use crate::run::{execfit, run};
use crate::stage::{Stage, good};
use serde_json::json;

fn mirror(stage: &Stage, of: &str, place: &str) -> String {
    format!("{}/{of}={place}", stage.registry.host())
}

#[test]
fn a_mirror_takes_the_place_of_a_registry() {
    let (stage, copy) = (Stage::of(&good("amd64", X86_64)), Registry::start());
    copy.push("copies/team/app:1", &good("amd64", X86_64));
    let place = format!("{}=127.0.0.1:{}/copies", stage.registry.host(), copy.port());
    let inspected = stage.run(&["inspect", &stage.image(), "--format", "json", "--mirror", &place]).ended(0);
    assert_eq!(inspected["read"]["mirrors"], json!([copy.name("copies/team/app")]));
    let diagnosed = stage.run(&["diagnose", "demo/api", "--mirror", &place]);
    assert_eq!(diagnosed.code, 0, "{diagnosed:?}");
    diagnosed.says(&[&format!("read from the mirror {}", copy.name("copies/team/app"))]);
    assert!(stage.registry.heard().is_empty(), "{:?}", stage.registry.heard());
}

#[test]
fn the_registry_is_asked_where_mirrors_fail() {
    let busy = Fault::Reply(Reply::new(200, "<html>Sign in").with("Content-Type", "text/html"));
    for (fault, of) in
        [(Fault::HungUp, Of::Everything), (busy, Of::Everything), (Fault::Truncated, Of::Manifests)]
    {
        let (stage, copy) = (Stage::of(&good("amd64", X86_64)), Registry::start());
        copy.push("app:1", &good("amd64", X86_64));
        copy.faulty(of, fault);
        let places = [mirror(&stage, "team", &closed_port()), mirror(&stage, "team", &copy.host())];
        let arguments =
            ["inspect", &stage.image(), "--format", "json", "--mirror", &places[0], "--mirror", &places[1]];
        let inspected = stage.run(&arguments).ended(0);
        assert_eq!(inspected["read"]["mirrors"], json!([]));
        assert!(!copy.heard().is_empty() && !stage.registry.heard().is_empty());
    }
    // A mirror that has the documents and lost a blob.
    let (stage, copy) = (Stage::of(&good("amd64", X86_64)), Registry::start());
    copy.push("app:1", &good("amd64", X86_64));
    copy.faulty(Of::Blobs, Fault::Reply(Reply::error(404, "BLOB_UNKNOWN", "gone")));
    let place = mirror(&stage, "team", &copy.host());
    let inspected = stage.run(&["inspect", &stage.image(), "--format", "json", "--mirror", &place]).ended(0);
    assert_eq!(inspected["read"]["mirrors"], json!([copy.name("app")]));
}

#[test]
fn when_nobody_has_it_all_are_named() {
    let (stage, copy) = (Stage::empty(), Registry::start());
    let place = mirror(&stage, "team", &copy.host());
    let outcome = run(execfit(Vec::new()).args(["inspect", &stage.image(), "--mirror", &place]));
    assert_eq!(outcome.code, 1, "{outcome:?}");
    let own = format!("{} does not exist", stage.image());
    outcome.says(&[&own, &format!("of its mirrors, {} does not exist", copy.name("app:1"))]);
}

#[test]
fn a_mirror_does_not_get_the_log_in_of_the_registry() {
    let (stage, copy) = (Stage::of(&good("amd64", X86_64)), Registry::start());
    copy.push("app:1", &good("amd64", X86_64));
    stage.registry.locked(Login::Basic("ann", "hunter2"));
    copy.locked(Login::Basic("eve", "mallory"));
    let folder = tempfile::tempdir().unwrap();
    // ann:hunter2
    let auths = json!({"auths": {stage.registry.host(): {"auth": "YW5uOmh1bnRlcjI="}}});
    std::fs::write(folder.path().join("config.json"), auths.to_string()).unwrap();
    let env = vec![("DOCKER_CONFIG", folder.path().to_str().unwrap().to_string())];
    let place = mirror(&stage, "team", &copy.host());
    let arguments = ["inspect", &stage.image(), "--format", "json", "--mirror", &place];
    run(execfit(env).args(arguments)).ended(0);
    assert!(stage.registry.heard().iter().any(|heard| heard.header("authorization").is_some()));
    assert!(
        !copy.heard().is_empty() && copy.heard().iter().all(|heard| heard.header("authorization").is_none())
    );
}
