//! How images are read: limits, certificates, insecure registries.

use crate::registry::X86_64;
use crate::run::{execfit, run};
use crate::stage::{Stage, good};

#[test]
fn what_is_beyond_a_limit_is_named_with_the_flag_that_raises_it() {
    let stage = Stage::of(&good("amd64", X86_64));
    for (limit, words) in [
        ("unpacked-bytes=1K", "layer sha256:"),
        ("entries=0", "the layer has more than 0 entries"),
        ("document-bytes=10", "it is longer than 10 bytes"),
        ("layers=0", "more than 0"),
    ] {
        let key = limit.split('=').next().unwrap();
        let flag = format!("`--limit {key}=N` raises it");
        let inspected = stage.run(&["inspect", &stage.image(), "--limit", limit]);
        assert_eq!(inspected.code, 4, "{inspected:?}");
        inspected.says(&[words, &flag, "team/app:1"]);
        let diagnosed = stage.run(&["diagnose", "demo/api", "--limit", limit]);
        assert_eq!(diagnosed.code, 4, "{diagnosed:?}");
        diagnosed.says(&[words, &flag, "verdict: unknown"]);
    }
    stage
        .run(&["inspect", &stage.image(), "--limit", "unpacked-bytes=1G", "--limit", "entries=1M"])
        .says(&["runs"]);
}

#[test]
fn slips_of_the_pen() {
    let refused = |arguments: &[&str], words: &[&str]| {
        let mut command = execfit(Vec::new());
        let outcome = run(command.args(["inspect", "team/app:1"]).args(arguments));
        assert_eq!(outcome.code, 2, "{outcome:?}");
        outcome.says(words);
    };
    refused(&["--limit", "entries"], &["`entries` is no limit: expected KEY=VALUE"]);
    refused(&["--limit", "size=1"], &["there is no limit `size`, only document-bytes,"]);
    refused(&["--limit", "entries=many"], &["`many` is no value for the limit entries"]);
    refused(&["--insecure-registry", "http://registry.example"], &["expected HOST[:PORT]"]);
    refused(&["--ca-file", "/nowhere/ca.pem"], &["--ca-file /nowhere/ca.pem: No such file"]);
    refused(&["--ca-file", "/dev/null"], &["--ca-file /dev/null: it holds no certificate"]);
}

#[test]
fn help_and_book_name_every_limit_and_its_default() {
    let book = include_str!("../../../../book/src/registries.md");
    let help = run(execfit(Vec::new()).args(["inspect", "--help"]));
    help.says(&["--ca-file <FILE>", "--insecure-registry <HOST[:PORT]>", "--limit <KEY=VALUE>"]);
    for limit in execfit_image::limits::ALL {
        let line =
            help.stdout.lines().find_map(|line| line.trim().strip_prefix(&format!("{} = ", limit.key)));
        let (default, _) = line.unwrap().split_once(": ").unwrap();
        let row = format!("| `{}` | {default} | {} |", limit.key, limit.what);
        assert!(book.contains(&row), "{row}");
    }
    help.says(&["unpacked-bytes = 64G", "ratio = 1100", "document-bytes = 4M"]);
}
