//! Layers with tables of contents: `inspect --all` says what is only listed, and `--no-toc` reads the layers.

use crate::registry::{ARM64, Built, Image, X86_64, digest, elf, file, media};
use crate::run::{Outcome, execfit, run};
use serde_json::{Value, json};

#[path = "../../../image/src/testing/seekable.rs"]
#[allow(dead_code, clippy::expect_used)]
mod maker;

#[track_caller]
fn inspect(arguments: &[&str]) -> Outcome {
    run(execfit(Vec::new()).args(["inspect", "--all", "--format", "json"]).args(arguments))
}

/// An image of one eStargz layer: what it starts and a foreign program, around much that nobody starts.
fn listed() -> Built {
    let mut state = 1_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let noise: Vec<u8> = (0..4 << 20).map(|_| noise()).collect();
    let image = Image::new("arm64")
        .layer([
            file("app", 0o755, elf(ARM64)),
            file("srv/noise", 0o644, noise),
            file("opt/tool", 0o755, elf(X86_64)),
        ])
        .history("COPY . / # buildkit")
        .entrypoint(["/app"]);
    let mut built = image.build();
    let layer = maker::estargz(&built.archives[0], 1 << 22);
    let mut config: Value = serde_json::from_slice(&built.config).unwrap();
    config["rootfs"]["diff_ids"] = json!([layer.diff_id]);
    built.config = config.to_string().into_bytes();
    let mut manifest: Value = serde_json::from_slice(&built.manifest).unwrap();
    manifest["config"]["digest"] = json!(digest(&built.config));
    manifest["config"]["size"] = json!(built.config.len());
    manifest["layers"][0]["digest"] = json!(digest(&layer.blob));
    manifest["layers"][0]["size"] = json!(layer.blob.len());
    manifest["layers"][0]["annotations"] = layer.annotations;
    built.manifest = manifest.to_string().into_bytes();
    built.layers = vec![layer.blob];
    built
}

#[test]
fn what_rests_on_a_table_is_as_listed_unless_tables_are_ignored() {
    let folder = tempfile::tempdir().unwrap();
    media::oci(&listed(), &folder.path().join("layout"), "v1");
    let layout = format!("oci:{}:v1", folder.path().join("layout").display());
    let answers = [inspect(&[&layout]).ended(8), inspect(&[&layout, "--no-toc"]).ended(8)];
    let [by_table, by_layer] = answers.map(|answer| answer["runs"][0].clone());
    assert_eq!((&by_table["as_listed"], by_layer.get("as_listed")), (&json!([1]), None));
    let mark = |run: &Value| {
        let rung = &run["findings"][0]["evidence"][0];
        let file = &run["foreign"][0];
        (file["path"].clone(), file.get("as_listed").cloned(), rung.get("as_listed").cloned())
    };
    assert_eq!(mark(&by_table), (json!("/opt/tool"), Some(json!(true)), Some(json!(true))));
    assert_eq!(mark(&by_layer), (json!("/opt/tool"), None, None));
    // But for the mark, the answers are the same.
    let mut plain = by_table["foreign"].clone();
    plain[0].as_object_mut().unwrap().remove("as_listed");
    assert_eq!((&plain, &by_table["verdict"]), (&by_layer["foreign"], &by_layer["verdict"]));
}
