//! The same image in other places than a registry.

use super::image::{Built, MANIFEST, digest};
use super::tar::{self, What, directory, file};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

/// An OCI image layout (image-layout.md).
pub fn oci(built: &Built, folder: &Path, tag: &str) {
    for entry in layout(built, tag) {
        put(folder, &entry);
    }
}

/// A tar file of such a layout.
pub fn oci_archive(built: &Built, path: &Path, tag: &str) {
    fs::write(path, tar::archive(&layout(built, tag))).unwrap();
}

/// What `docker save` makes before Docker 25.
pub fn docker_archive(built: &Built, path: &Path, reference: &str) {
    let hex = |bytes: &[u8]| digest(bytes).trim_start_matches("sha256:").to_owned();
    let config = format!("{}.json", hex(&built.config));
    let names: Vec<String> =
        built.archives.iter().map(|archive| format!("{}/layer.tar", hex(archive))).collect();
    let manifest = json!([{"Config": config, "RepoTags": [reference], "Layers": names}]);
    let mut entries = vec![file(&config, 0o644, built.config.clone())];
    for (name, archive) in names.iter().zip(&built.archives) {
        entries.push(directory(name.trim_end_matches("/layer.tar"), 0o755));
        entries.push(file(name, 0o644, archive.clone()));
    }
    entries.push(file("manifest.json", 0o644, manifest.to_string()));
    fs::write(path, tar::archive(&entries)).unwrap();
}

/// An unpacked tree.
pub fn rootfs(built: &Built, folder: &Path) {
    built.entries.iter().flatten().for_each(|entry| put(folder, entry));
}

fn layout(built: &Built, tag: &str) -> Vec<tar::Entry> {
    let blob = |bytes: &[u8]| file(&format!("blobs/{}", digest(bytes).replace(':', "/")), 0o644, bytes);
    let mut entries = vec![directory("blobs", 0o755), directory("blobs/sha256", 0o755)];
    entries
        .extend([&built.manifest, &built.config].into_iter().chain(&built.layers).map(|bytes| blob(bytes)));
    entries.push(file("oci-layout", 0o644, r#"{"imageLayoutVersion":"1.0.0"}"#));
    entries.push(file("index.json", 0o644, index(built, tag).to_string()));
    entries
}

fn index(built: &Built, tag: &str) -> Value {
    json!({"schemaVersion": 2, "manifests": [{
        "mediaType": MANIFEST,
        "digest": digest(&built.manifest),
        "size": built.manifest.len(),
        "annotations": {"org.opencontainers.image.ref.name": tag},
    }]})
}

fn put(folder: &Path, entry: &tar::Entry) {
    let path = folder.join(&entry.path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    match &entry.what {
        What::Directory => fs::create_dir_all(&path).unwrap(),
        What::Symlink(target) => symlink(target, &path).unwrap(),
        What::File(bytes) => {
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(entry.mode)).unwrap();
        }
    }
}
