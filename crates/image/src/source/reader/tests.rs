//! Images on a shelf in memory.

use super::*;
use crate::manifest::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST};
use crate::testing::{Shelf, Tar, descriptor};
use serde_json::json;
use std::collections::BTreeSet;

fn open(shelf: &Shelf) -> Result<Image, SourceError> {
    Image::open(Box::new(shelf.clone()), "test".into(), Selector::Only)
}

fn failure(shelf: &Shelf) -> String {
    match open(shelf).map(|image| (image.digest().clone(), image)) {
        Ok((digest, mut image)) => image.child(&digest).map(|_| ()).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    }
}

fn tree() -> Vec<Vec<u8>> {
    let noise: Vec<u8> =
        (0..400_000u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    vec![
        Tar::new().directory("usr/bin", 0o755).file("usr/bin/sh", 0o755, b"\x7fELF sh").finish(),
        Tar::new().file("app", 0o755, b"#!/usr/bin/sh\n").file("noise", 0o644, &noise).finish(),
    ]
}

#[test]
fn one_manifest() {
    let mut shelf = Shelf::default();
    let history =
        json!([{"created_by": "ADD rootfs.tar / # buildkit"}, {"created_by": "COPY app /app # buildkit"}]);
    let digest = shelf.image("arm64", &tree(), history);
    let mut image = open(&shelf).unwrap();
    assert!(!image.is_index() && *image.digest() == digest);
    assert_eq!((image.entries().len(), image.entries()[0].platform()), (1, None));
    assert_eq!(image.child(&digest).unwrap().config.platform().to_string(), "linux/arm64");
    let app = image.witness(&digest, b"/app").unwrap().unwrap();
    let origin = app.origin.unwrap();
    assert_eq!((origin.layer, origin.layers, origin.verified), (2, 2, false));
    assert_eq!(origin.instruction.unwrap().text, "COPY app /app");
    assert_eq!(app.pieces[0].bytes, b"#!/usr/bin/sh\n");
    assert_eq!(shelf.opened.lock().unwrap().len(), 2, "config and the upper layer");
    let shell = image.witness(&digest, b"/usr/bin/sh").unwrap().unwrap();
    assert_eq!(shell.origin.unwrap().layer, 1);
    assert!(image.witness(&digest, b"/app").unwrap().unwrap().origin.unwrap().verified);
    assert_eq!(image.witness(&digest, b"/none").unwrap(), None);
    assert_eq!(image.witness(&digest, b"/").unwrap().unwrap().origin, None);
    assert_eq!(shelf.opened.lock().unwrap().len(), 3, "each blob once");
    image.sweep(std::slice::from_ref(&digest)).unwrap();
    assert!(image.tree(&digest).is_ok() && image.notes(&digest).is_empty());
    assert!(Files::of(&mut image, &digest).witness(b"/app").unwrap().is_some());
}

#[test]
fn an_index_with_all_that_comes_in_one() {
    let mut shelf = Shelf::default();
    let arm = shelf.image("arm64", &tree(), json!(null));
    let amd = shelf.image("amd64", &tree(), json!(null));
    let size = |shelf: &Shelf, digest: &Digest| shelf.documents[digest].len();
    let entry = |shelf: &Shelf, digest: &Digest, platform: serde_json::Value| json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": size(shelf, digest), "platform": platform});
    let inner = json!({"manifests": [entry(&shelf, &amd, json!({"os": "linux", "architecture": "amd64"}))]});
    let inner = shelf.document(&inner);
    let nested = json!({"mediaType": OCI_INDEX, "digest": inner, "size": size(&shelf, &inner)});
    let attestation = json!({"mediaType": OCI_MANIFEST, "digest": Digest::of(b"gone"), "size": 4,
        "annotations": {"vnd.docker.reference.type": "attestation-manifest"}});
    shelf.document(
        &json!({"schemaVersion": 2, "manifests": [entry(&shelf, &arm, json!(null)), attestation, nested]}),
    );
    let mut image = open(&shelf).unwrap();
    assert!(image.is_index());
    let platforms: Vec<String> =
        image.entries().iter().filter_map(Entry::platform).map(|platform| platform.to_string()).collect();
    assert_eq!(platforms, ["linux/arm64", "linux/amd64"]);
    let nested: Vec<bool> = image.entries().iter().map(|entry| entry.nested).collect();
    assert_eq!((nested, image.entries()[1].is_runnable()), (vec![false, false, true], false));
    assert!(image.entries()[0].declared().is_none() && image.entries()[0].resolved().is_some());
    image.witness(&arm, b"/none").unwrap();
    let before = shelf.opened.lock().unwrap().len();
    let layers = image.child(&arm).unwrap().manifest.layers.clone();
    assert_eq!(image.child(&amd).unwrap().manifest.layers, layers);
    image.witness(&amd, b"/app").unwrap().unwrap();
    assert_eq!(
        shelf.opened.lock().unwrap().len(),
        before + 1,
        "shared layers are not read again, only the config"
    );
}

#[test]
fn indexes_that_go_wrong() {
    let mut shelf = Shelf::default();
    let arm = shelf.image("arm64", &tree(), json!(null));
    let wrap = |shelf: &mut Shelf, digest: &Digest, size: usize| {
        shelf.document(&json!({"manifests": [{"mediaType": OCI_INDEX, "digest": digest, "size": size}]}))
    };
    shelf.document(&json!({"manifests": [{"digest": arm, "size": 1}]}));
    assert!(failure(&shelf).contains("and the index says 1"));
    let mut inner = shelf.document(&json!({"manifests": []}));
    for _ in 0..3 {
        let size = shelf.documents[&inner].len();
        inner = wrap(&mut shelf, &inner, size);
    }
    assert!(failure(&shelf).contains("more than 3 deep"));
    shelf.document(&json!({"manifests": [], "layers": []}));
    assert!(failure(&shelf).contains("both"));
}

#[test]
fn limits_of_documents_are_named_with_their_flags() {
    let within = |shelf: &Shelf, text: &str| {
        let mut limits = Limits::default();
        limits.set(text).unwrap();
        let image = Image::open_within(Box::new(shelf.clone()), "test".into(), Selector::Only, limits, None);
        match image.map(|image| (image.digest().clone(), image)) {
            Ok((digest, mut image)) => image.child(&digest).map(|_| ()).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    };
    let mut shelf = Shelf::default();
    shelf.image("arm64", &tree(), json!(null));
    assert_eq!(within(&shelf, "layers=2"), Ok(()));
    let refused = within(&shelf, "layers=1").unwrap_err();
    assert!(
        refused.contains("of test is broken: it has 2 layers, more than 1: the limit layers"),
        "{refused}"
    );
    assert!(
        within(&shelf, "document-bytes=10").unwrap_err().contains("`--limit document-bytes=N` raises it")
    );

    // Indexes of empty indexes: all entries count, not only those that are images.
    let empty = shelf.document(&json!({"manifests": []}));
    let size = shelf.documents[&empty].len();
    let many = vec![json!({"mediaType": OCI_INDEX, "digest": empty, "size": size}); 9];
    let middle = shelf.document(&json!({"manifests": many}));
    let size = shelf.documents[&middle].len();
    let many = vec![json!({"mediaType": OCI_INDEX, "digest": middle, "size": size}); 9];
    shelf.document(&json!({"manifests": many}));
    let refused = within(&shelf, "index-entries=20").unwrap_err();
    assert!(refused.contains("more than 20 entries: the limit index-entries"), "{refused}");
    let refused = within(&shelf, "index-depth=2").unwrap_err();
    assert!(refused.contains("more than 2 deep: the limit index-depth"), "{refused}");
}

#[test]
fn manifests_that_are_no_images_or_broken() {
    let mut shelf = Shelf::default();
    let config = shelf.blob(OCI_CONFIG, b"{}");
    let in_toto = shelf.blob("application/vnd.in-toto+json", b"{}");
    shelf.document(&json!({"config": config, "layers": [in_toto]}));
    assert!(failure(&shelf).contains("is not supported: it is an attestation"));
    shelf.document(&json!({"schemaVersion": 1, "fsLayers": []}));
    assert!(failure(&shelf).contains("schema 1"));
    let html = shelf.blob(OCI_CONFIG, b"<html>");
    shelf.document(&json!({"config": html, "layers": []}));
    assert!(failure(&shelf).contains("config sha256:"));
    for (served, words) in
        [(&b"{ }"[..], "longer than"), (b"{", "ends after 1 of 2"), (b"[]", "its digest is")]
    {
        let right = descriptor(OCI_CONFIG, b"{}");
        shelf.blobs.insert(right.digest.clone(), served.to_vec());
        shelf.document(&json!({"config": right, "layers": []}));
        assert!(failure(&shelf).contains(words), "{words}");
    }
    let mut huge = descriptor(OCI_CONFIG, b"{}");
    huge.size = u64::MAX;
    shelf.document(&json!({"config": huge, "layers": []}));
    assert!(failure(&shelf).contains("more than 4194304: the limit document-bytes"));
}

/// What stands behind the reference instead of an image: the whole text, its digest as `D`.
#[test]
fn documents_that_are_no_images_are_called_by_name() {
    let said = |document: &dyn Fn(&mut Shelf) -> serde_json::Value| {
        let mut shelf = Shelf::default();
        let document = document(&mut shelf);
        let digest = shelf.document(&document);
        failure(&shelf).replace(digest.as_str(), "D").replace(digest.short(), "D")
    };
    let artifact = |config: &'static str, layer: &'static str, own: &'static str| {
        said(&move |shelf| {
            let (config, layer) = (shelf.blob(config, b"{}"), shelf.blob(layer, b"x"));
            let mut document = json!({"mediaType": OCI_MANIFEST, "config": config, "layers": [layer]});
            if !own.is_empty() {
                document["artifactType"] = json!(own);
            }
            document
        })
    };
    let no_image = |what: &str| format!("manifest D of test is not supported: {what}, not an image");
    let schema1 = "test is not supported: it is a manifest of Docker's schema 1, which says neither platform nor \
                   config; push the image again with a tool of after 2016";
    let unsigned = json!({"schemaVersion": 1, "name": "a", "tag": "1", "architecture": "amd64",
        "fsLayers": [{"blobSum": Digest::of(b"x")}], "history": [{"v1Compatibility": "{}"}]});
    assert_eq!(said(&|_| unsigned.clone()), schema1);
    let mut signed = unsigned.clone();
    signed["signatures"] = json!([{"header": {"alg": "ES256"}, "signature": "x", "protected": "x"}]);
    assert_eq!(said(&|_| signed.clone()), schema1);
    let helm = "application/vnd.cncf.helm.config.v1+json";
    assert_eq!(
        artifact(helm, "application/vnd.cncf.helm.chart.content.v1.tar+gzip", ""),
        no_image("it is an artifact with a config of the type application/vnd.cncf.helm.config.v1+json")
    );
    let wasm = "application/vnd.wasm.config.v0+json";
    assert_eq!(
        artifact(wasm, "application/wasm", ""),
        no_image("it is an artifact with a config of the type application/vnd.wasm.config.v0+json")
    );
    let empty = "application/vnd.oci.empty.v1+json";
    assert_eq!(
        artifact(empty, "application/spdx+json", "application/spdx+json"),
        no_image("it is an artifact of the type application/spdx+json")
    );
    assert_eq!(artifact(empty, empty, ""), no_image("it is an artifact without a config"));
    assert_eq!(
        artifact(OCI_CONFIG, "application/vnd.in-toto+json", ""),
        no_image("it is an attestation about another image (in-toto)")
    );
    let manifest = |kind: &'static str| {
        said(&move |shelf| json!({"mediaType": kind, "config": shelf.blob(OCI_CONFIG, b"{}"), "layers": []}))
    };
    assert_eq!(manifest(OCI_INDEX), "test is broken: it is called an index and has the fields of a manifest");
    assert_eq!(
        said(&|_| json!({"mediaType": "a/b"})),
        "test is broken: it is neither a manifest nor an index (media type `a/b`)"
    );
    assert_eq!(
        said(&|_| json!({"manifests": [], "layers": []})),
        "test is broken: it has both `manifests` and `layers` or `config`"
    );
}

#[test]
fn as_many_diff_ids_as_layers() {
    let mut shelf = Shelf::default();
    let config = json!({"rootfs": {"diff_ids": [Digest::of(b"a"), Digest::of(b"b")]}}).to_string();
    let config = shelf.blob(OCI_CONFIG, config.as_bytes());
    let layer = shelf.blob("", &Tar::new().finish());
    let digest = shelf.document(&json!({"config": config, "layers": [layer]}));
    let error = open(&shelf).unwrap().witness(&digest, b"/x").unwrap_err();
    assert!(matches!(error, SourceError::CannotUnpack { .. }), "{error}");
}

/// A link in a lower layer at the place of an implicit directory: the question ends.
#[test]
fn questions_end() {
    let mut shelf = Shelf::default();
    let filler = vec![9; 300_000];
    let lower =
        Tar::new().symlink("srv", "data").file("filler", 0o644, &filler).directory("data", 0o701).finish();
    let digest = shelf.image("amd64", &[lower, Tar::new().file("srv/x", 0o755, b"x").finish()], json!(null));
    let mut image = open(&shelf).unwrap();
    assert_eq!(image.witness(&digest, b"/srv").unwrap().unwrap().mode, 0o701);
    // Who passes over its mode is asked no more layers.
    let mut image = open(&shelf).unwrap();
    image.read_on(&digest, &BTreeSet::from([b"/srv/x".to_vec()])).unwrap();
    let Sighting::Seen(srv) = image.sighting(&digest, b"/srv").unwrap() else { panic!("it is there") };
    assert_eq!((srv.mode, srv.mode_unread), (0o755, true));
}

#[test]
fn paths_are_looked_for_together_and_from_the_top() {
    let mut shelf = Shelf::default();
    let noise: Vec<u8> =
        (0..400_000u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let tool = |name: &str| Tar::new().file(name, 0o755, b"\x7fELF").file("noise", 0o644, &noise);
    let top = Tar::new().file("etc/motd", 0o644, b"hi").file("bin/.wh.gone", 0o644, b"");
    let layers =
        [tool("sbin/tool").file("bin/gone", 0o755, b"x").finish(), tool("bin/tool").finish(), top.finish()];
    let digest = shelf.image("arm64", &layers, json!(null));
    let mut image = open(&shelf).unwrap();
    let places: BTreeSet<_> = [&b"/sbin/tool"[..], b"/bin/tool", b"/bin/gone"].map(<[u8]>::to_vec).into();
    let opened = || shelf.opened.lock().unwrap().len();
    assert_eq!(image.sighting(&digest, b"/bin/tool"), Ok(Sighting::Open));
    assert_eq!(
        (opened(), image.unfinished(&digest)),
        (1, Vec::new()),
        "the config, and nothing is read for a look"
    );
    image.read_on(&digest, &places).unwrap();
    let Ok(Sighting::Seen(tool)) = image.sighting(&digest, b"/bin/tool") else { panic!("it is there") };
    let origin = tool.origin.unwrap();
    assert_eq!((origin.layer, origin.verified, opened()), (2, false, 3), "the lowest layer was not opened");
    assert_eq!(image.sighting(&digest, b"/sbin/tool"), Ok(Sighting::Open));
    assert_eq!(image.sighting(&digest, b"/bin/gone"), Ok(Sighting::Absent), "a whiteout above");
    let unfinished = image.unfinished(&digest);
    assert!(
        matches!(unfinished[..], [Unfinished { layer: 2, read, size }] if 0 < read && read < size),
        "{unfinished:?}"
    );
    image.read_on(&digest, &places).unwrap();
    assert_eq!(image.unfinished(&digest), unfinished, "one of them stands there: nothing more is read");
    image.read_on(&digest, &BTreeSet::from([b"/none".to_vec()])).unwrap();
    assert_eq!(image.sighting(&digest, b"/none"), Ok(Sighting::Absent));
    assert_eq!((image.unfinished(&digest).len(), opened()), (0, 4));
}

#[test]
fn what_was_opened_is_finished_and_nothing_else() {
    let mut shelf = Shelf::default();
    let digest = shelf.image("arm64", &tree(), json!(null));
    let mut image = open(&shelf).unwrap();
    assert_eq!(image.finish_opened(&digest), Ok(false));
    assert!(!image.witness(&digest, b"/app").unwrap().unwrap().origin.unwrap().verified);
    let before = shelf.opened.lock().unwrap().len();
    assert_eq!(image.finish_opened(&digest), Ok(true));
    assert!(image.witness(&digest, b"/app").unwrap().unwrap().origin.unwrap().verified);
    assert_eq!(image.finish_opened(&digest), Ok(false), "nothing is left to finish");
    assert_eq!(shelf.opened.lock().unwrap().len(), before, "nothing was opened for that");
}

#[test]
fn a_sweep_reads_each_layer_once() {
    let mut shelf = Shelf::default();
    let own = |name: &str| vec![tree().remove(0), Tar::new().file(name, 0o755, b"own").finish()];
    let arm = shelf.image("arm64", &own("arm"), json!(null));
    let amd = shelf.image("amd64", &own("amd"), json!(null));
    let entry = |digest: &Digest| {
        json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": shelf.documents[digest].len(),
        "platform": {"os": "linux", "architecture": "amd64"}})
    };
    let index = json!({"manifests": [entry(&arm), entry(&amd)]});
    shelf.document(&index);
    let mut image = open(&shelf).unwrap();
    image.sweep(&[arm.clone(), amd.clone()]).unwrap();
    assert_eq!(shelf.opened.lock().unwrap().len(), 2 + 3, "two configs, two own layers, one shared");
    for (digest, path) in [(&arm, &b"/arm"[..]), (&amd, b"/amd"), (&amd, b"/usr/bin/sh")] {
        assert!(image.witness(digest, path).unwrap().unwrap().origin.unwrap().verified);
    }
    image.sweep(&[arm, amd]).unwrap();
    assert_eq!(shelf.opened.lock().unwrap().len(), 5, "nothing is read twice");
}

#[test]
fn a_sweep_tells_which_layer_is_broken() {
    let mut shelf = Shelf::default();
    let digest = shelf.image("arm64", &tree(), json!(null));
    let layers = open(&shelf).unwrap().child(&digest).unwrap().manifest.layers.clone();
    shelf.blobs.get_mut(&layers[0].digest).unwrap().pop();
    let error = open(&shelf).unwrap().sweep(&[digest]).unwrap_err().to_string();
    let size = layers[0].size;
    assert_eq!(
        error,
        format!(
            "layer {} of test is broken: it ends after {} of {size} bytes",
            layers[0].digest.short(),
            size - 1
        )
    );
}

/// An image of one layer that is long enough for a table, and its manifest.
fn seekable(shelf: &mut Shelf, blob: &[u8], layer: &serde_json::Value, own: &serde_json::Value) -> Digest {
    let config = json!({"architecture": "arm64", "os": "linux"});
    let config = shelf.blob(OCI_CONFIG, config.to_string().as_bytes());
    let mut descriptor = shelf.blob("application/vnd.oci.image.layer.v1.tar+gzip", blob);
    descriptor.annotations = serde_json::from_value(layer.clone()).unwrap();
    shelf.document(&json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [descriptor], "annotations": own,
    }))
}

/// Programs, a library that is not executable, and 3 MB of noise.
fn long_layer() -> Vec<u8> {
    let mut state = 1u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let noise: Vec<u8> = (0..3_000_000).map(next).collect();
    let tar =
        Tar::new().directory("usr", 0o755).file("usr/app", 0o755, b"#!/bin/sh\n").symlink("app", "usr/app");
    let tar = tar
        .file("usr/noise", 0o644, &noise)
        .file("usr/lib.so.1", 0o644, b"\x7fELF lib")
        .hardlink("l", "usr/app");
    tar.finish()
}

#[test]
fn a_layer_with_a_table_is_asked_by_it() {
    let mut shelf = Shelf::default();
    let layer = crate::testing::seekable::estargz(&long_layer(), 1 << 22);
    let digest = seekable(&mut shelf, &layer.blob, &layer.annotations, &json!({}));
    let mut image = open(&shelf).unwrap();
    let app = image.witness(&digest, b"/l").unwrap().unwrap();
    let origin = app.origin.unwrap();
    assert!(origin.as_listed && !origin.verified && app.pieces[0].bytes == b"#!/bin/sh\n");
    assert_eq!(image.witness(&digest, b"/none").unwrap(), None);
    assert!(!image.finish_opened(&digest).unwrap(), "nothing was opened");
    assert_eq!(image.as_listed(&digest), [1]);
    image.sweep(std::slice::from_ref(&digest)).unwrap();
    let head = |image: &mut Image, path: &[u8]| match image.tree(&digest).unwrap().find(path) {
        Answer::Found(found) => found.node.pieces.first().map(|piece| piece.bytes.clone()),
        other => panic!("{other:?}"),
    };
    assert_eq!(head(&mut image, b"/usr/lib.so.1"), Some(b"\x7fELF lib".to_vec()));
    assert_eq!(head(&mut image, b"/usr/noise"), None);
    assert!(image.notes(&digest)[0].note.text.contains("looked through by its table of contents: 2 files"));
    let fetched: u64 = shelf.parts.lock().unwrap().iter().map(|(_, part)| part.end - part.start).sum();
    assert!(fetched < 80_000, "{fetched}");
    assert_eq!(shelf.opened.lock().unwrap().len(), 1, "the config");
    // The archive has the last word where it is read.
    let mut image = open(&shelf).unwrap();
    image.ignore_tables();
    let origin = image.witness(&digest, b"/none").unwrap().map(|witness| witness.origin);
    assert!(origin.is_none() && image.as_listed(&digest).is_empty());
    let app = image.witness(&digest, b"/usr/app").unwrap().unwrap();
    assert!(app.origin.is_some_and(|origin| origin.verified && !origin.as_listed));
}

#[test]
fn a_soci_index_is_asked_where_the_manifest_names_one() {
    let tar = long_layer();
    let mut shelf = Shelf::default();
    let ztoc = crate::testing::seekable::ztoc(&tar, &tar, &[], 1 << 20, false);
    let mut ztoc = shelf.blob("application/octet-stream", &ztoc);
    ztoc.annotations.insert("com.amazon.soci.image-layer-digest".into(), Digest::of(&tar).to_string());
    let empty = shelf.blob("application/vnd.amazon.soci.index.v2+json", b"{}");
    let index = shelf.document(&json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": empty, "layers": [ztoc],
    }));
    let named = json!({"com.amazon.soci.index-digest": index});
    let digest = seekable(&mut shelf, &tar, &json!({}), &named);
    let mut image = open(&shelf).unwrap();
    let app = image.witness(&digest, b"/usr/app").unwrap().unwrap();
    assert!(app.origin.is_some_and(|origin| origin.as_listed) && app.pieces[0].bytes == b"#!/bin/sh\n");
    assert_eq!(image.witness(&digest, b"/usr/none").unwrap(), None);
    assert_eq!(*shelf.parts.lock().unwrap(), vec![(Digest::of(&tar), 0..1 << 20); 1]);
    assert_eq!(shelf.opened.lock().unwrap().len(), 2, "config and ztoc");
    assert!(image.notes(&digest).is_empty());
    // An index that is not there, or something else: the layer is read.
    shelf.documents.insert(index, b"<html>".to_vec());
    let mut image = open(&shelf).unwrap();
    let app = image.witness(&digest, b"/usr/app").unwrap().unwrap();
    assert!(app.origin.is_some_and(|origin| !origin.as_listed));
    let note = &image.notes(&digest)[0].note.text;
    assert!(note.contains("the layer was read instead: SOCI index") && note.contains("HTML"), "{note}");
}

#[test]
fn a_table_that_is_wrong_gives_way_to_the_layer() {
    let layer = crate::testing::seekable::estargz(&long_layer(), 1 << 22);
    // Of another layer, and one whose contents are not there.
    let mut other = layer.annotations.clone();
    other["containerd.io/snapshot/stargz/toc.digest"] = json!(Digest::of(b"other"));
    let mut damaged = layer.blob.clone();
    let mut shelf = Shelf::default();
    let digest = seekable(&mut shelf, &layer.blob, &layer.annotations, &json!({}));
    open(&shelf).unwrap().witness(&digest, b"/usr/app").unwrap();
    let member = shelf.parts.lock().unwrap()[1].1.start;
    damaged[member as usize] = 0;
    for (blob, annotations) in [(&layer.blob, &other), (&damaged, &layer.annotations)] {
        let mut shelf = Shelf::default();
        let digest = seekable(&mut shelf, blob, annotations, &json!({}));
        let mut image = open(&shelf).unwrap();
        match image.witness(&digest, b"/usr/app") {
            Ok(witness) => assert!(witness.unwrap().origin.is_some_and(|origin| !origin.as_listed)),
            Err(error) => assert!(error.to_string().contains("gzip"), "{error}"),
        }
        assert!(image.notes(&digest)[0].note.text.contains("its table of contents is not used"));
        assert!(image.as_listed(&digest).is_empty());
    }
}
