//! Caches in directories of their own, asked by way of images on a shelf in memory.

use super::*;
use crate::limits::Limits;
use crate::manifest::OCI_INDEX;
use crate::source::reader::Image;
use crate::source::{Selector, SourceError};
use crate::testing::{Shelf as Store, Tar, gzip};
use serde_json::json;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::time::Duration;
use tempfile::TempDir;

const ROOM: u64 = 1 << 30;

fn cache(directory: &TempDir) -> Cache {
    Cache::open(&directory.path().join("cache"), ROOM).unwrap()
}

/// An index of one image: a layer of all kinds of objects, and one above it.
fn store() -> Store {
    store_of(40_000)
}

/// The same with a script of about this length.
fn store_of(length: usize) -> Store {
    let mut store = Store::default();
    let script = [b"#!/bin/sh\n".to_vec(), vec![b'x'; length]].concat();
    let base = Tar::new()
        .directory("bin", 0o755)
        .file("bin/sh", 0o4755, b"\x7fELF sh")
        .hardlink("bin/ash", "bin/sh")
        .symlink("sbin", "bin")
        .special("pipe", b'6', "")
        .file("twice", 0o644, b"1")
        .file("twice", 0o600, b"2");
    let above = Tar::new().file(".wh.pipe", 0o644, b"").file("app", 0o755, &script);
    let manifest = store.image("arm64", &[base.finish(), above.finish()], json!(null));
    let size = store.documents[&manifest].len();
    store.document(&json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
        {"mediaType": crate::manifest::OCI_MANIFEST, "digest": manifest, "size": size,
         "platform": {"architecture": "arm64", "os": "linux"}},
    ]}));
    store
}

fn open(store: &Store, cache: Option<&Cache>, limits: Limits) -> Result<Image, SourceError> {
    Image::open_within(Box::new(store.clone()), "test".into(), Selector::Only, limits, cache.cloned())
}

const PATHS: [&str; 9] =
    ["/app", "/bin/sh", "/bin/ash", "/sbin", "/pipe", "/twice", "/bin", "/none", "/bin/sh/x"];

/// A line that differs where the value does.
fn short(name: &str, value: &dyn std::fmt::Debug) -> String {
    format!("{name} {:x}\n", twox_hash::XxHash3_64::oneshot(format!("{value:?}").as_bytes()))
}

/// Everything that an image answers, and how many blobs were opened for it.
fn answers_within(store: &Store, cache: Option<&Cache>, limits: Limits) -> (String, usize) {
    store.opened.lock().unwrap().clear();
    let answer = || -> Result<String, SourceError> {
        let mut image = open(store, cache, limits)?;
        let digest = image.entries()[0].digest.clone();
        image.sweep(std::slice::from_ref(&digest))?;
        let mut shown = String::new();
        for path in PATHS {
            shown.push_str(&short(path, &image.witness(&digest, path.as_bytes())?));
        }
        image.tree(&digest)?.visit(&mut |object| shown.push_str(&short("object", &object))).unwrap();
        Ok(shown + &format!("{:?}", image.notes(&digest)))
    };
    let answer = answer().unwrap_or_else(|error| error.to_string());
    (answer, store.opened.lock().unwrap().len())
}

fn answers(store: &Store, cache: Option<&Cache>) -> (String, usize) {
    answers_within(store, cache, Limits::default())
}

fn layer_files(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "layer")).collect();
    files.sort();
    files
}

#[test]
fn a_second_question_opens_nothing_and_has_the_same_answer() {
    let (directory, store) = (tempfile::tempdir().unwrap(), store());
    let plain = answers(&store, None);
    assert!(plain.0.contains("the layer has it twice") && plain.1 == 3, "{plain:?}");
    let cold = answers(&store, Some(&cache(&directory)));
    assert_eq!(cold, plain);
    let warm = answers(&store, Some(&cache(&directory)));
    assert_eq!(warm, (plain.0, 0));
    let usage = cache(&directory).usage().unwrap();
    assert_eq!((usage.layers, usage.documents, usage.bound), (2, 2, ROOM));
    assert!(usage.oldest_use.is_some() && usage.oldest_use <= usage.newest_use);
    // Nobody else may read it.
    let home = directory.path().join("cache");
    assert_eq!(fs::metadata(&home).unwrap().mode() & 0o777, 0o700);
    for file in fs::read_dir(&home).unwrap() {
        assert_eq!(file.unwrap().metadata().unwrap().mode() & 0o777, 0o600);
    }
    // Other people's files stay.
    fs::write(home.join("notes.txt"), "mine").unwrap();
    fs::write(home.join("sha256-12.layer"), "mine").unwrap();
    let (count, bytes) = cache(&directory).clear().unwrap();
    assert_eq!((count, bytes), (4, usage.bytes));
    assert_eq!(fs::read_dir(&home).unwrap().count(), 2);
    assert_eq!(answers(&store, Some(&cache(&directory))).1, 3);
}

#[test]
fn only_what_was_read_to_its_verified_end_is_kept() {
    let (directory, store) = (tempfile::tempdir().unwrap(), store());
    let kept = cache(&directory);
    let mut image = open(&store, Some(&kept), Limits::default()).unwrap();
    let digest = image.entries()[0].digest.clone();
    image.witness(&digest, b"/app").unwrap();
    assert_eq!(kept.usage().unwrap().layers, 0, "the rest of the layer was not read");
    image.finish_opened(&digest).unwrap();
    assert_eq!(kept.usage().unwrap().layers, 1);
    // A blob that is not what its digest says leaves nothing.
    let mut wrong = store.clone();
    let base = image.child(&digest).unwrap().manifest.layers[0].digest.clone();
    wrong.blobs.insert(base, gzip(&Tar::new().file("bin/sh", 0o755, b"evil").finish()));
    assert!(answers(&wrong, Some(&kept)).0.contains("is broken"));
    assert_eq!(kept.usage().unwrap().layers, 1);
}

#[test]
fn every_flipped_byte_and_every_cut_counts_as_not_there() {
    let (directory, store) = (tempfile::tempdir().unwrap(), store_of(300));
    let (wanted, _) = answers(&store, Some(&cache(&directory)));
    let files: Vec<PathBuf> =
        fs::read_dir(directory.path().join("cache")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 4);
    for path in files {
        let whole = fs::read(&path).unwrap();
        let check = |damaged: &[u8], at: usize| {
            fs::write(&path, damaged).unwrap();
            let (answer, opened) = answers(&store, Some(&cache(&directory)));
            assert_eq!(answer, wanted, "{} at {at}", path.display());
            // A manifest is no blob.
            let reads = usize::from(path.extension().is_some_and(|extension| extension != "manifest"));
            assert_eq!(opened, reads, "{} at {at}", path.display());
            assert_eq!(fs::read(&path).unwrap(), whole, "it is written anew");
        };
        // A document's own digest answers for all of it: there a sample will do.
        let step = if path.extension().is_some_and(|extension| extension == "layer") { 1 } else { 11 };
        for at in (0..whole.len()).step_by(step) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            check(&damaged, at);
            if at % 7 == 0 {
                check(&whole[..at], at);
            }
        }
        check(&[whole.clone(), vec![0]].concat(), whole.len());
        check(&vec![0; whole.len()], 0);
        check(&[], 0);
    }
}

#[test]
fn a_table_that_breaks_while_it_is_asked_is_read_anew() {
    let (directory, store) = (tempfile::tempdir().unwrap(), store());
    let (wanted, _) = answers(&store, Some(&cache(&directory)));
    let kept = cache(&directory);
    let mut image = open(&store, Some(&kept), Limits::default()).unwrap();
    let digest = image.entries()[0].digest.clone();
    assert!(image.witness(&digest, b"/none").unwrap().is_none(), "all tables are open now");
    for path in layer_files(&directory.path().join("cache")) {
        let mut bytes = fs::read(&path).unwrap();
        let end = bytes.len() - 1;
        bytes[end] ^= 1;
        // In place, as a failing disk would.
        fs::write(&path, bytes).unwrap();
    }
    let visited = image.tree(&digest).unwrap().visit(&mut |_| ());
    assert_eq!(visited, Err(1));
    let app = image.witness(&digest, b"/app").unwrap().unwrap();
    assert_eq!(app.pieces[0].bytes.len(), 40_010);
    assert!(!app.origin.unwrap().verified, "it is read anew, as far as the question goes");
    image.finish_opened(&digest).unwrap();
    assert!(wanted.contains(&short("/app", &image.witness(&digest, b"/app").unwrap())));
    // A sweep looks through what is there already.
    let mut image = open(&store, Some(&kept), Limits::default()).unwrap();
    assert!(image.witness(&digest, b"/none").unwrap().is_none());
    let path = &layer_files(&directory.path().join("cache"))[0];
    let mut bytes = fs::read(path).unwrap();
    let end = bytes.len() - 1;
    bytes[end] ^= 1;
    fs::write(path, bytes).unwrap();
    store.opened.lock().unwrap().clear();
    image.sweep(std::slice::from_ref(&digest)).unwrap();
    assert_eq!(store.opened.lock().unwrap().len(), 1);
    assert_eq!(image.tree(&digest).unwrap().visit(&mut |_| ()), Ok(()));
}

#[test]
fn other_limits_and_other_descriptors_are_held_against_it() {
    let (directory, store) = (tempfile::tempdir().unwrap(), store());
    let kept = cache(&directory);
    answers(&store, Some(&kept));
    for limits in [
        Limits { entries: 1, ..Limits::default() },
        Limits { index_bytes: 1000, ..Limits::default() },
        Limits { unpacked_bytes: 1000, ..Limits::default() },
        Limits { head_bytes: 0, ..Limits::default() },
        Limits { document_bytes: 300, ..Limits::default() },
    ] {
        let plain = answers_within(&store, None, limits.clone()).0;
        assert_eq!(answers_within(&store, Some(&kept), limits).0, plain);
    }
    assert_eq!(answers(&store, Some(&kept)).0, answers(&store, None).0);
    // Another image has the same layers under other diff ids, or calls them by another type.
    let manifest = store
        .documents
        .values()
        .find(|bytes| {
            bytes.starts_with(b"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest")
        })
        .unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap();
    let mut other = store.clone();
    let wrong = Digest::of(b"wrong");
    let config = json!({"architecture": "arm64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [wrong, wrong]}});
    let mut lying = manifest.clone();
    lying["config"] = json!(other.blob(crate::manifest::OCI_CONFIG, config.to_string().as_bytes()));
    other.document(&lying);
    let plain = answers(&other, None).0;
    assert!(plain.contains("wrong diff id"), "{plain}");
    assert_eq!(answers(&other, Some(&kept)).0, plain);
    let mut other = store.clone();
    let mut odd = manifest;
    odd["layers"][0]["mediaType"] = json!("application/vnd.oci.image.layer.v1.tar");
    odd["layers"][1]["size"] = json!(7);
    other.document(&odd);
    let plain = answers(&other, None).0;
    assert!(plain.contains("longer than the 7 bytes"), "{plain}");
    assert_eq!(answers(&other, Some(&kept)).0, plain);
    odd["layers"][1]["mediaType"] = json!("application/vnd.oci.image.layer.nondistributable.v1.tar");
    odd["layers"][0]["size"] =
        json!(store.blobs[&odd["layers"][0]["digest"].as_str().unwrap().parse().unwrap()].len());
    other.document(&odd);
    let plain = answers(&other, None).0;
    assert_eq!(answers(&other, Some(&kept)).0, plain);
}

#[test]
fn what_is_not_the_users_own_is_not_touched() {
    let (directory, store) = (tempfile::tempdir().unwrap(), store());
    let (wanted, _) = answers(&store, Some(&cache(&directory)));
    let home = directory.path().join("cache");
    // A link in place of a file is not followed, neither for reading nor for writing.
    let elsewhere = directory.path().join("elsewhere");
    for path in layer_files(&home) {
        fs::rename(&path, &elsewhere).unwrap();
        symlink(&elsewhere, &path).unwrap();
        let before = fs::read(&elsewhere).unwrap();
        assert_eq!(answers(&store, Some(&cache(&directory))), (wanted.clone(), 1));
        assert_eq!(fs::read(&elsewhere).unwrap(), before);
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
    }
    // A pipe is not waited for.
    let path = &layer_files(&home)[0];
    fs::remove_file(path).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert_eq!(answers(&store, Some(&cache(&directory))), (wanted.clone(), 1));
    // A directory takes a name: nothing can be written there, and all is read.
    fs::remove_file(path).unwrap();
    fs::create_dir(path).unwrap();
    let kept = cache(&directory);
    assert_eq!(answers(&store, Some(&kept)), (wanted, 1));
    assert!(kept.trouble().unwrap().contains("irectory"), "{:?}", kept.trouble());
    fs::set_permissions(&home, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(Cache::open(&home, ROOM).err().unwrap().ends_with("other users may write to it"));
    assert!(Cache::open(&elsewhere, ROOM).is_err());
}

/// Layers of one file of noise each.
fn many(count: u32) -> Vec<Store> {
    let noise = |seed: u32| -> Vec<u8> {
        (0..4000_u32)
            .flat_map(|at| (at ^ seed).wrapping_mul(2_654_435_761).rotate_left(at % 31).to_le_bytes())
            .collect()
    };
    let image = |number| {
        let mut store = Store::default();
        let script = [b"#!/bin/sh\n".to_vec(), noise(number)].concat();
        let layers = [Tar::new().file("app", 0o755, &script).finish()];
        let manifest = store.image("arm64", &layers, json!(null));
        store.root = Some(manifest);
        store
    };
    (0..count).map(image).collect()
}

#[test]
fn what_was_not_used_for_the_longest_time_goes_first() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("cache");
    let bound = 256 << 10;
    let kept = Cache::open(&home, bound).unwrap();
    let images = many(40);
    let wait = || std::thread::sleep(Duration::from_millis(5));
    for (number, image) in images.iter().enumerate() {
        answers(image, Some(&kept));
        wait();
        // The first one is in use all the time.
        let (_, opened) = answers(&images[0], Some(&kept));
        assert_eq!(opened, 0, "after {number}");
        let usage = kept.usage().unwrap();
        assert!(usage.bytes <= bound + bound / 64 + (32 << 10), "{usage:?}");
    }
    assert!(kept.usage().unwrap().layers > 5);
    assert_eq!((answers(&images[39], Some(&kept)).1, answers(&images[1], Some(&kept)).1), (0, 2));
    // What a killed process left goes, too.
    let left = home.join(".new-1-0-0");
    fs::write(&left, "half").unwrap();
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    fs::File::options().write(true).open(&left).unwrap().set_modified(long_ago).unwrap();
    assert!(Cache::open(&home, bound).unwrap().usage().unwrap().oldest_use > Some(long_ago));
    answers(&images[2], Some(&Cache::open(&home, bound).unwrap()));
    assert!(!left.exists());
    // A cache that is too small for anything keeps nothing.
    let tiny = Cache::open(&directory.path().join("tiny"), 100).unwrap();
    assert_eq!((answers(&images[3], Some(&tiny)).1, answers(&images[3], Some(&tiny)).1), (2, 2));
    assert_eq!(tiny.usage().unwrap().layers, 0);
}

#[test]
fn the_format_is_of_this_version() {
    let directory = tempfile::tempdir().unwrap();
    answers(&store(), Some(&cache(&directory)));
    let records = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap();
        let number = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        let start = 48 + number(16) + number(24);
        twox_hash::XxHash3_64::oneshot(&bytes[start..start + number(32)])
    };
    let mut sums: Vec<u64> = layer_files(&directory.path().join("cache")).iter().map(records).collect();
    sums.sort_unstable();
    // If this fails, what is kept of layers has changed, or how: raise the number of `table::FORMAT`, so that tables of
    // before are not believed.
    insta::assert_debug_snapshot!((table::FORMAT, sums), @r#"
    (
        "0.1.0 2",
        [
            6812864889257790629,
            10672636924468475675,
        ],
    )
    "#);
}
