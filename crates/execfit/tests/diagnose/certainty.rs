//! Likely and proven: what is read of a registry for each, and what an answer that is only likely says of itself. The
//! registry counts.

use crate::registry::{
    ARM64, Built, Entry, Image, Registry, X86_64, digest, directory, dynamic, elf, file, link, shell,
    whiteout,
};
use crate::run::{Outcome, execfit, failure, found, run};
use crate::stage::Stage;
use serde_json::{Value, json};

/// Bytes that no compression makes any smaller, and no two layers have in common.
fn noise(seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()
    };
    (0..500_000).flat_map(|_| next()).collect()
}

fn filler(name: &str) -> Entry {
    file(&format!("usr/share/{name}"), 0o644, noise(name.bytes().map(u32::from).sum()))
}

/// An image whose layers have 2 MB of noise each, behind what is in them.
fn image(layers: impl IntoIterator<Item = Vec<Entry>>) -> Image {
    let noisy =
        |(number, entries): (usize, Vec<Entry>)| entries.into_iter().chain([filler(&format!("zz{number}"))]);
    layers
        .into_iter()
        .enumerate()
        .map(noisy)
        .fold(Image::new("amd64"), |image, layer| image.layer(layer))
        .stored()
}

/// One run of `inspect`, with what the registry was asked for it.
struct Asked {
    run: Value,
    /// Numbers of the layers that were fetched, the lowest is 1.
    layers: Vec<usize>,
    requests: usize,
    bytes: u64,
}

struct Shelf {
    registry: Registry,
    name: String,
    built: Built,
}

impl Shelf {
    fn of(image: &Image) -> Shelf {
        let (registry, built) = (Registry::start(), image.build());
        registry.push_built("team/app:1", &built);
        Shelf { name: registry.name("team/app:1"), registry, built }
    }

    fn size(&self, layer: usize) -> u64 {
        self.built.layers[layer - 1].len() as u64
    }

    fn outcome(&self, arguments: &[&str]) -> Outcome {
        run(execfit(Vec::new()).args(["inspect", "--format", "json", &self.name]).args(arguments))
    }

    #[track_caller]
    fn ask(&self, arguments: &[&str]) -> Asked {
        let (before, fetched) = (self.registry.heard().len(), self.registry.fetched().len());
        let answer = self.outcome(arguments).answer();
        let fetched = self.registry.fetched().split_off(fetched);
        let digests: Vec<String> = self.built.layers.iter().map(|layer| digest(layer)).collect();
        let numbers = fetched.iter().filter_map(|blob| digests.iter().position(|layer| layer == blob));
        // A layer is asked for once or twice: its beginning, then the rest.
        let mut layers: Vec<usize> = numbers.map(|at| at + 1).collect();
        layers.dedup();
        let run = answer["runs"][0].clone();
        assert_eq!(answer["certainty"], run["certainty"], "of one run, the whole is as sure as it");
        Asked {
            run,
            layers,
            requests: self.registry.heard().len() - before,
            bytes: answer["read"]["bytes"].as_u64().unwrap(),
        }
    }
}

impl Asked {
    /// `runs proven`, `fails likely` ...
    fn answer(&self) -> String {
        let word = |member: &str| self.run[member].as_str().unwrap_or("null").to_owned();
        format!("{} {}", word("verdict"), word("certainty"))
    }

    fn assumed(&self) -> Vec<&str> {
        self.run["assumed"].as_array().into_iter().flatten().map(|text| text.as_str().unwrap()).collect()
    }
}

#[test]
fn a_static_program_in_the_uppermost_of_many_layers() {
    let lower = (0..11).map(|number| vec![file(&format!("opt/{number}"), 0o644, "x")]);
    let shelf = Shelf::of(&image(lower.chain([vec![file("app/run", 0o755, elf(X86_64))]])).cmd(["/app/run"]));
    let quick = shelf.ask(&["--quick"]);
    assert_eq!((quick.answer().as_str(), &quick.layers[..]), ("runs likely", &[12][..]));
    assert!(quick.bytes < 700_000, "{} bytes", quick.bytes);
    assert!(quick.requests <= 4, "{} requests", quick.requests);
    let assumed = quick.assumed();
    assert!(assumed.len() == 1 && assumed[0].starts_with("layer 12 of 12: 0."), "{assumed:?}");
    assert!(assumed[0].ends_with(" of 2.0 MB read, digest not verified"), "{assumed:?}");
    // By default the layer is read to its end, and none beneath it.
    let proven = shelf.ask(&[]);
    assert_eq!((proven.answer().as_str(), &proven.layers[..]), ("runs proven", &[12][..]));
    assert!(proven.assumed().is_empty() && proven.requests <= quick.requests + 1, "{:#}", proven.run);
    let beyond = proven.bytes - shelf.size(12);
    let whole: u64 = (1..=12).map(|layer| shelf.size(layer)).sum();
    assert!(beyond * 100 <= whole, "{beyond} bytes beyond the layer that holds it, of {whole}");
}

#[test]
fn a_bare_name_is_likely_where_it_is_found_and_proven_by_all_layers() {
    let python = vec![link("usr/bin/python3", "python3.11"), file("usr/bin/python3.11", 0o755, elf(X86_64))];
    let other = |name: &str| vec![file(name, 0o644, "x")];
    let layers =
        [other("etc/os-release"), other("usr/lib/a"), python, other("usr/local/lib/b"), other("srv/c")];
    let shelf = Shelf::of(&image(layers).cmd(["python3", "-m", "app"]));
    let quick = shelf.ask(&["--quick"]);
    assert_eq!((quick.answer().as_str(), &quick.layers[..]), ("runs likely", &[5, 4, 3][..]));
    let assumed = quick.assumed();
    assert_eq!(
        assumed[1..],
        ["nothing at /usr/local/bin", "nothing at /usr/local/sbin", "nothing at /usr/sbin"],
        "{assumed:?}"
    );
    assert!(assumed[0].starts_with("layer 3 of 5: "), "{assumed:?}");
    assert!(quick.bytes < shelf.size(4) + shelf.size(5) + 700_000, "{} bytes", quick.bytes);
    let proven = shelf.ask(&[]);
    assert_eq!(proven.answer(), "runs proven");
    let mut layers = proven.layers.clone();
    layers.sort_unstable();
    layers.dedup();
    assert_eq!(layers, [1, 2, 3, 4, 5], "an absence is proven by all of them");
    // One that is in no layer: whoever is quick reads them all, too, and then it is proven.
    let none = shelf.ask(&["--quick", "--", "ruby"]);
    assert_eq!((none.answer().as_str(), none.layers.len()), ("fails proven", 5));
}

#[test]
fn a_script_its_interpreter_and_its_loader() {
    let loader = "/lib64/ld-linux-x86-64.so.2";
    let base = vec![
        link("bin", "usr/bin"),
        link("lib64", "usr/lib64"),
        file("usr/bin/dash", 0o755, dynamic(X86_64, loader)),
        link("usr/bin/sh", "dash"),
        file("usr/lib64/ld-linux-x86-64.so.2", 0o755, elf(X86_64)),
    ];
    let layers = [
        vec![file("boot/kernel", 0o644, "x")],
        base,
        vec![file("srv/data", 0o644, "x")],
        vec![
            file("entry.sh", 0o755, "#!/bin/sh -e\nexec /entry2.sh\n"),
            file("entry2.sh", 0o755, "#!/bin/sh\n"),
        ],
    ];
    let shelf = Shelf::of(&image(layers).cmd(["/entry.sh"]));
    let (quick, proven) = (shelf.ask(&["--quick"]), shelf.ask(&[]));
    for asked in [&quick, &proven] {
        assert!(
            asked.run["trace"].to_string().contains("/usr/lib64/ld-linux-x86-64.so.2"),
            "{:#}",
            asked.run
        );
        assert_eq!(asked.run["verdict"], quick.run["verdict"]);
    }
    assert_eq!(quick.layers, [4, 3, 2], "{:#}", quick.run);
    assert!(quick.bytes < shelf.size(3) + shelf.size(2) + shelf.size(4), "{} bytes", quick.bytes);
}

#[test]
fn a_decoy_early_in_a_layer_and_the_real_one_later() {
    let later = [
        ("fails", file("app", 0o755, "no program")),
        ("fails", file("app", 0o755, elf(ARM64))),
        ("fails", file("app", 0o600, elf(X86_64))),
        ("fails", link("app", "nowhere")),
    ];
    for (verdict, later) in later {
        let layer = vec![file("app", 0o755, elf(X86_64)), filler("between"), later.clone()];
        let shelf = Shelf::of(&image([vec![file("below", 0o644, "x")], layer]).cmd(["/app"]));
        let quick = shelf.ask(&["--quick"]);
        assert_eq!(quick.answer(), "runs likely", "{later:?}");
        assert!(quick.assumed().iter().any(|text| text.contains("digest not verified")), "{:#}", quick.run);
        let proven = shelf.ask(&[]);
        assert_eq!(proven.run["verdict"], verdict, "{later:?}: {:#}", proven.run);
        assert_eq!(proven.run["certainty"], "proven", "{later:?}");
    }
    // The directory that holds it becomes a link to one of a lower layer.
    let layer = vec![file("srv/app", 0o755, elf(X86_64)), filler("between"), link("srv", "old")];
    let shelf = Shelf::of(&image([vec![file("old/app", 0o755, "no program")], layer]).cmd(["/srv/app"]));
    assert_eq!(shelf.ask(&["--quick"]).answer(), "runs likely");
    let proven = shelf.ask(&[]);
    assert_eq!(
        (proven.answer().as_str(), found(&proven.run)[0].as_str(), &proven.layers[..]),
        ("fails proven", "error:no-shebang", &[2, 1][..])
    );
}

#[test]
fn a_layer_that_is_not_what_its_digest_says() {
    let image = image([vec![file("app", 0o755, elf(X86_64))]]).cmd(["/app"]);
    let mut built = image.build();
    // Within the noise, far behind the program: it unpacks as well as before.
    let (name, middle) = (digest(&built.layers[0]), built.layers[0].len() / 2);
    let mut altered = built.layers[0].clone();
    altered[middle] ^= 1;
    let registry = Registry::start();
    registry.push_built("team/app:1", &built);
    registry.replace(&name, &altered);
    built.layers[0] = altered;
    let shelf = Shelf { name: registry.name("team/app:1"), registry, built };
    let quick = shelf.outcome(&["--quick"]).ended(0);
    assert!(quick["runs"][0]["assumed"][0].as_str().unwrap().ends_with("digest not verified"), "{quick:#}");
    let outcome = shelf.outcome(&[]);
    outcome.says(&["layer"]);
    assert_eq!(outcome.ended(4)["runs"][0]["certainty"], json!(null));
}

#[test]
fn what_manifest_and_config_decide_costs_no_layer() {
    let shelf = Shelf::of(&image([vec![file("app", 0o755, elf(X86_64))]]).cmd::<0>([]));
    let nothing = shelf.ask(&[]);
    assert_eq!((failure(&nothing.run).as_str(), &nothing.layers[..]), ("create -", &[][..]));
    assert_eq!(nothing.answer(), "fails proven");
    let registry = Registry::start();
    let app = image([vec![file("app", 0o755, elf(X86_64))]]).cmd(["/app"]);
    registry.push_index("team/app:1", &[("linux/amd64", &app), ("windows/amd64", &app)]);
    let name = registry.name("team/app:1");
    for platform in ["linux/s390x", "linux/arm64", "linux/arm/v7"] {
        let outcome =
            run(execfit(Vec::new()).args(["inspect", "--format", "json", &name, "--platform", platform]));
        let answer = outcome.answer();
        assert_ne!(answer["verdict"], "runs", "{answer:#}");
        assert_eq!(
            (!registry.heard().is_empty(), registry.fetched()),
            (true, Vec::<String>::new()),
            "{platform}"
        );
    }
    // (Of a platform that a host could be asked for, the files would be read for the remedy.)
    let stage = Stage::empty();
    stage.registry.push_index("team/app:1", &[("linux/s390x", &app)]);
    stage.define(1, json!([stage.container()])).serve(1);
    let answer = stage.diagnose(&["demo/api"]).ended(8);
    assert_eq!((&answer["workloads"][0]["phase"], &answer["certainty"]), (&json!("pull"), &json!("proven")));
    let layer = digest(&app.build().layers[0]);
    assert!(!stage.registry.fetched().contains(&layer), "{:?}", stage.registry.fetched());
}

#[test]
fn an_implied_directory_costs_whom_its_mode_may_stop_a_layer() {
    let layers = [
        vec![directory("srv", 0o700), directory("srv/app", 0o755)],
        vec![file("usr/x", 0o644, "x")],
        vec![file("srv/app/run", 0o755, elf(X86_64))],
    ];
    let shelf = Shelf::of(&image(layers).cmd(["/srv/app/run"]));
    let root = shelf.ask(&[]);
    assert_eq!((root.answer().as_str(), &root.layers[..]), ("runs proven", &[3][..]), "it passes over modes");
    let quick = shelf.ask(&["--quick", "--user", "7:7"]);
    assert_eq!(quick.answer(), "runs likely");
    assert!(quick.assumed().contains(&"mode 0755 of /srv, root's"), "{:?}", quick.assumed());
    let ann = shelf.ask(&["--user", "7:7"]);
    assert_eq!((ann.answer().as_str(), failure(&ann.run).as_str()), ("fails proven", "lookup EACCES"));
}

#[test]
fn a_quick_case_is_the_same_again() {
    let layers = [shell(X86_64), vec![whiteout("bin/env")], vec![file("srv/x", 0o644, "x")]];
    let stage = Stage::of(&image(layers).cmd(["sh", "-c", "exec sleep 1"]));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("quick.case");
    let live = stage.diagnose(&["demo/api", "--quick", "--record", path.to_str().unwrap()]).ended(0);
    assert_eq!(live["certainty"], "likely");
    let again =
        run(execfit(Vec::new()).args(["diagnose", "--format", "json", "--replay"]).arg(&path)).ended(0);
    let without = |mut report: Value| {
        report.as_object_mut().unwrap().remove("read");
        report.to_string()
    };
    assert_eq!(without(live), without(again));
    let text = stage.run(&["diagnose", "--quick", "demo/api"]);
    text.says(&["only likely, it assumes: layer 1 of 3: ", "; nothing at /sbin; ", "verdict: runs (likely)"]);
    assert_eq!(text.stderr, "", "nothing is told in a pipe");
    let proven = stage.diagnose(&["demo/api"]).ended(0);
    assert_eq!((&proven["certainty"], &proven["workloads"][0]["assumed"]), (&json!("proven"), &json!(null)));
}
