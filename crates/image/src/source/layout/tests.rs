//! The media on disk, all with the same image.

use crate::digest::Digest;
use crate::platform::{Platform, Runtime, choose};
use crate::reference::Location;
use crate::source::{Access, Opened, SourceError, Witnesses, open};
use crate::testing::{Shelf, Tar, gzip};
use crate::witness::Kind;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

fn layers() -> Vec<Vec<u8>> {
    let base = Tar::new()
        .directory("usr/bin", 0o755)
        .file("usr/bin/sh", 0o755, b"\x7fELF sh")
        .symlink("bin", "usr/bin");
    vec![base.finish(), Tar::new().file("app", 0o755, b"#!/bin/sh\n").finish()]
}

/// Files of a layout with an arm64 and an amd64 image, and the entries for its `index.json`.
fn layout() -> (Vec<(String, Vec<u8>)>, Vec<Value>) {
    let mut shelf = Shelf::default();
    let mut entries = Vec::new();
    for architecture in ["arm64", "amd64"] {
        let digest = shelf.image(architecture, &layers(), json!(null));
        entries.push(json!({
            "mediaType": crate::manifest::OCI_MANIFEST, "digest": digest, "size": shelf.documents[&digest].len(),
            "platform": {"os": "linux", "architecture": architecture},
        }));
    }
    let name = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
    let blobs =
        shelf.documents.iter().chain(&shelf.blobs).map(|(digest, bytes)| (name(digest), bytes.clone()));
    let mut files: Vec<_> = blobs.collect();
    files.push(("oci-layout".into(), br#"{"imageLayoutVersion": "1.0.0"}"#.to_vec()));
    (files, entries)
}

fn with_index(mut files: Vec<(String, Vec<u8>)>, entries: &[Value]) -> Vec<(String, Vec<u8>)> {
    files.push((
        "index.json".into(),
        json!({"schemaVersion": 2, "manifests": entries}).to_string().into_bytes(),
    ));
    files
}

fn named(entry: &Value, name: &str) -> Value {
    let mut entry = entry.clone();
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": name});
    entry
}

fn write(folder: &Path, files: &[(String, Vec<u8>)]) {
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

fn tar_of(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    files.iter().fold(Tar::new(), |tar, (name, bytes)| tar.file(name, 0o644, bytes)).finish()
}

fn opened(location: &str) -> Result<Opened, SourceError> {
    open(&location.parse::<Location>().unwrap(), &Access::default())
}

fn failure(location: &str) -> SourceError {
    opened(location).map(|_| ()).unwrap_err()
}

/// The platforms that a location offers; each must have the files.
fn platforms(location: &str) -> Vec<String> {
    let Opened::Image(mut image) = opened(location).unwrap_or_else(|error| panic!("{error}")) else {
        panic!()
    };
    let digests: Vec<Digest> = image.entries().iter().map(|entry| entry.digest.clone()).collect();
    let mut platforms = Vec::new();
    for digest in digests {
        platforms.push(image.child(&digest).unwrap().config.platform().to_string());
        assert_eq!(image.witness(&digest, b"/app").unwrap().unwrap().pieces[0].bytes, b"#!/bin/sh\n");
        assert_eq!(
            image.witness(&digest, b"/bin").unwrap().unwrap().kind,
            Kind::Symlink(b"usr/bin".to_vec())
        );
        assert_eq!(image.witness(&digest, b"/none").unwrap(), None);
        image.sweep(std::slice::from_ref(&digest)).unwrap();
    }
    let tally = image.tally();
    assert!(tally.requests > 0 && tally.bytes > 100, "{tally:?}");
    platforms
}

#[test]
fn image_layouts_and_archives_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let (files, entries) = layout();
    let both = [named(&entries[0], "v1"), named(&entries[1], "v2")];
    write(&root.join("two"), &with_index(files.clone(), &both));
    let two = format!("oci:{}", root.join("two").display());
    assert_eq!(platforms(&format!("{two}:v1")), ["linux/arm64"]);
    assert_eq!(platforms(&format!("{two}:v2")), ["linux/amd64"]);
    assert!(failure(&two).to_string().ends_with("it has 2 images, name one: v1, v2"));
    assert!(failure(&format!("{two}:v3")).to_string().ends_with("the layout has v1, v2"));
    // Entries that are platforms of one image are an index.
    write(&root.join("multi"), &with_index(files.clone(), &entries));
    let multi = format!("oci:{}", root.join("multi").display());
    assert_eq!(platforms(&multi), ["linux/arm64", "linux/amd64"]);
    let Opened::Image(image) = opened(&multi).unwrap() else { panic!() };
    let want: Platform = "linux/amd64".parse().unwrap();
    assert_eq!((image.is_index(), choose(image.entries(), &want, Runtime::Containerd)), (true, Some(1)));
    let archive = tar_of(&with_index(files, &both));
    fs::write(root.join("a.tar"), &archive).unwrap();
    fs::write(root.join("a.tgz"), gzip(&archive)).unwrap();
    for name in ["a.tar", "a.tgz"] {
        assert_eq!(platforms(&format!("oci-archive:{}:v2", root.join(name).display())), ["linux/amd64"]);
    }
}

#[test]
fn layouts_that_are_broken() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let place = format!("oci:{}", root.display());
    assert!(matches!(failure(&place), SourceError::NotFound { .. }));
    let (files, entries) = layout();
    write(root, &with_index(files, &entries[..1]));
    let blob = entries[0]["digest"].as_str().unwrap().replace("sha256:", "blobs/sha256/");
    fs::write(root.join(&blob), b"{}").unwrap();
    assert!(failure(&place).to_string().contains("its content has the digest"));
    fs::remove_file(root.join(&blob)).unwrap();
    assert!(matches!(failure(&place), SourceError::NotFound { .. }));
    fs::write(root.join("index.json"), b"<html>").unwrap();
    assert!(failure(&place).to_string().contains("HTML"));
    fs::write(root.join("index.json"), vec![b' '; 5 << 20]).unwrap();
    assert!(matches!(failure(&place), SourceError::Broken { .. }));
    fs::write(root.join("x.tar"), b"no archive").unwrap();
    for transport in ["oci-archive", "docker-archive"] {
        let error = failure(&format!("{transport}:{}", root.join("x.tar").display()));
        assert!(matches!(error, SourceError::Broken { .. }), "{error}");
        assert!(matches!(failure(&format!("{transport}:/nowhere/x.tar")), SourceError::NotFound { .. }));
        assert!(opened(&format!("{transport}:{}", root.display())).is_err(), "a directory");
    }
}

/// What `docker save` writes: its old form with folders and links, that of newer engines, and kaniko's, compressed.
#[test]
fn archives_of_docker_save() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.tar");
    let layers = layers();
    let ids: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer)).collect();
    let config = json!({"architecture": "arm64", "os": "linux", "rootfs": {"diff_ids": ids}}).to_string();
    let item = |tag: &str, paths: &[String]| json!({"Config": "c.json", "RepoTags": [tag], "Layers": paths});
    let start = |items: &[Value]| {
        let manifest = json!(items).to_string();
        Tar::new().file("c.json", 0o644, config.as_bytes()).file("manifest.json", 0o644, manifest.as_bytes())
    };
    let place = |reference: &str| format!("docker-archive:{}{reference}", file.display());
    let old = [String::from("1/layer.tar"), "2/layer.tar".into()];
    let linked =
        start(&[item("app:1", &old), item("app:2", &old)]).symlink("1/layer.tar", "../base/layer.tar");
    let archive =
        linked.file("base/layer.tar", 0o644, &layers[0]).file("2/layer.tar", 0o644, &layers[1]).finish();
    for bytes in [archive.clone(), gzip(&archive)] {
        fs::write(&file, bytes).unwrap();
        assert_eq!(platforms(&place(":app:2")), ["linux/arm64"]);
        assert!(failure(&place("")).to_string().contains("name one: app:1, app:2"));
        assert!(matches!(failure(&place(":app:3")), SourceError::NotFound { .. }));
    }
    let new: Vec<String> = ids.iter().map(|id| format!("blobs/sha256/{}", id.hex())).collect();
    let tar = start(&[item("app:1", &new)]).file(&new[0], 0o644, &layers[0]).file(&new[1], 0o644, &layers[1]);
    fs::write(&file, tar.finish()).unwrap();
    assert_eq!(platforms(&place("")), ["linux/arm64"]);
    let kaniko = [String::from("a.tar.gz"), "b.tar.gz".into()];
    let tar = start(&[item("app:1", &kaniko)]).file("a.tar.gz", 0o644, &gzip(&layers[0]));
    fs::write(&file, tar.clone().file("b.tar.gz", 0o644, &gzip(&layers[1])).finish()).unwrap();
    assert_eq!(platforms(&place("")), ["linux/arm64"]);
    fs::write(&file, tar.finish()).unwrap();
    assert!(failure(&place("")).to_string().contains("b.tar.gz of docker-archive:"));
    let swapped = start(&[item("app:1", &old)]).file("1/layer.tar", 0o644, &layers[1]).file(
        "2/layer.tar",
        0o644,
        &layers[0],
    );
    fs::write(&file, swapped.finish()).unwrap();
    let Opened::Image(mut image) = opened(&place("")).unwrap() else { panic!() };
    let digest = image.digest().clone();
    assert!(
        matches!(image.witness(&digest, b"/none"), Err(SourceError::Broken { .. })),
        "not what its diff id says"
    );
}

#[test]
fn an_unpacked_tree() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("usr/bin")).unwrap();
    fs::write(root.join("usr/bin/app"), b"#!/bin/sh\n").unwrap();
    fs::set_permissions(root.join("usr/bin/app"), fs::Permissions::from_mode(0o751)).unwrap();
    fs::write(folder.path().join("outside"), b"secret").unwrap();
    symlink(folder.path(), root.join("out")).unwrap();
    symlink("usr/bin", root.join("bin")).unwrap();
    let Opened::Directory(mut tree) = opened(&format!("dir:{}", root.display())).unwrap() else { panic!() };
    let mut look = |path: &str| tree.witness(path.as_bytes()).unwrap();
    let app = look("/usr/bin/app").unwrap();
    assert_eq!((app.kind, app.mode, app.size, app.origin), (Kind::Regular, 0o751, 10, None));
    assert_eq!(app.pieces[0].bytes, b"#!/bin/sh\n");
    assert_eq!(look("/bin").unwrap().kind, Kind::Symlink(b"usr/bin".to_vec()));
    assert_eq!(look("/").unwrap().kind, Kind::Directory);
    for nothing in ["/bin/app", "/out/outside", "/none", "/usr/bin/app/x"] {
        assert_eq!(look(nothing), None, "{nothing}");
    }
    assert!(matches!(failure("dir:/nowhere/at/all"), SourceError::NotFound { .. }));
    assert!(matches!(
        failure(&format!("dir:{}", folder.path().join("outside").display())),
        SourceError::NotFound { .. }
    ));
}
