//! Paths, permissions and kinds of files.

use super::{app, good};
use crate::case::{Case, Plant};
use execfit_kernel::tree::{Content, Inode, MemoryTree};

pub(crate) fn walks() -> Vec<Case> {
    let tree = app()
        .file("/usr/bin/tool", 0o755, &good())
        .link("/bin", "usr/bin")
        .link("/slash", "usr/bin/")
        .link("/abs", "/usr/bin/tool")
        .link("/up", "../../../usr/bin/../bin/tool")
        .link("/dangling", "nothing")
        .link("/circle", "circle")
        .link("/to-file-slash", "app/")
        .link("/root-link", "/")
        .link("/dot", ".")
        .directory("/empty", 0o755);
    let long = "n".repeat(255);
    let tree = tree.file(&format!("/{long}"), 0o755, &good());
    let paths = [
        "/app",
        "app",
        "./app",
        "//app",
        "/./app",
        "/../app",
        "/../../usr/bin/tool",
        "/app/",
        "/app/.",
        "/app/..",
        "/app/x",
        "/app/../app",
        "/nothing",
        "/nothing/x",
        "/nothing/..",
        "/nothing/",
        "",
        "/",
        ".",
        "..",
        "/usr",
        "/usr/",
        "/bin/tool",
        "/slash/tool",
        "/abs",
        "/abs/",
        "/abs/x",
        "/up",
        "/dangling",
        "/dangling/",
        "/dangling/x",
        "/circle",
        "/circle/x",
        "/to-file-slash",
        "/root-link/app",
        "/root-link/root-link/app",
        "/dot/dot/app",
        "/empty/../app",
        "/empty/x/../../app",
        "/usr/bin/../bin/tool",
        "usr/bin/tool",
        "../app",
    ];
    let mut cases: Vec<Case> = paths.iter().map(|path| Case::new(path, tree.clone(), path)).collect();
    cases.extend(
        ["tool", "./tool", "../bin/tool", "../../app", "../../../app", "app"]
            .map(|path| Case::new(&format!("{path} in /usr/bin"), tree.clone(), path).cwd("/usr/bin")),
    );
    cases.push(Case::new("name of 255", tree.clone(), &format!("/{long}")));
    for length in [256, 300, 4094, 4095, 4096, 5000] {
        cases.push(Case::new(&format!("name of {length}"), tree.clone(), &"n".repeat(length)));
    }
    for length in [4094, 4095, 4096, 4097] {
        let path = format!("{}/app", "/".repeat(length - 4));
        cases.push(Case::new(&format!("slashes up to {length}"), tree.clone(), &path));
        let path = format!("{}app", "./".repeat((length - 3) / 2));
        cases.push(Case::new(&format!("dots up to {length}"), tree.clone(), &path));
    }
    cases.extend(chains());
    cases
}

/// Links that lead to links.
fn chains() -> Vec<Case> {
    let mut tree = app().directory("/d", 0o755).file("/d/app", 0o755, &good());
    for step in 1..=45 {
        let before = if step == 1 { "app".into() } else { format!("l{}", step - 1) };
        tree = tree.link(&format!("/l{step}"), &before);
        let before = if step == 1 { "d".into() } else { format!("d{}", step - 1) };
        tree = tree.link(&format!("/d{step}"), &before);
    }
    let mut cases = Vec::new();
    for length in [1, 2, 20, 39, 40, 41, 45] {
        cases.push(Case::new(&format!("{length} links to a file"), tree.clone(), &format!("/l{length}")));
        cases.push(Case::new(
            &format!("{length} links to a directory"),
            tree.clone(),
            &format!("/d{length}/app"),
        ));
    }
    for (directories, files) in [(20, 20), (20, 21), (21, 20), (1, 40), (1, 39)] {
        let path = format!("/d{directories}/../l{files}");
        cases.push(Case::new(&format!("{directories} and {files} links"), tree.clone(), &path));
    }
    let script = tree.file("/s", 0o755, b"#!/l40\n");
    cases.push(Case::new("each walk counts anew", script.clone().link("/t", "/s"), "/t"));
    cases.push(Case::new("too many links to an interpreter", script.file("/s", 0o755, b"#!/l41\n"), "/s"));
    cases
}

pub(crate) fn permissions() -> Vec<Case> {
    let mut cases = Vec::new();
    for mode in
        [0o755, 0o700, 0o070, 0o007, 0o011, 0o101, 0o110, 0o111, 0o644, 0o100, 0o010, 0o001, 0o000, 0o666]
    {
        let tree = MemoryTree::new().owned("/app", Content::File(good()), mode, 1000, 100);
        let case = |who: &str| Case::new(&format!("mode {mode:o}, {who}"), tree.clone(), "/app");
        cases.push(case("owner").user(1000, 1, &[]));
        cases.push(case("group").user(2000, 100, &[]));
        cases.push(case("supplementary group").user(2000, 1, &[5, 100]));
        cases.push(case("other").user(2000, 1, &[5]));
        cases.push(case("root"));
        cases.push(case("root without capabilities").capabilities(0));
        cases.push(case("root with DAC_READ_SEARCH only").capabilities(1 << 2));
    }
    for mode in [0o755, 0o700, 0o600, 0o111, 0o100, 0o010, 0o000] {
        let tree = MemoryTree::new()
            .owned("/d", Content::Directory, mode, 1000, 100)
            .file("/d/app", 0o755, &good())
            .link("/l", "/d/app");
        for path in ["/d/app", "/d/nothing", "/l", "/d/../d/app"] {
            let case = |who: &str| Case::new(&format!("{path} in mode {mode:o}, {who}"), tree.clone(), path);
            cases.push(case("owner").user(1000, 1, &[]));
            cases.push(case("group").user(2000, 100, &[]));
            cases.push(case("root without capabilities").capabilities(0));
            cases.push(case("root with DAC_READ_SEARCH only").capabilities(1 << 2));
        }
    }
    let closed = MemoryTree::new().directory("/closed", 0o700).file("/closed/app", 0o755, &good());
    let long = format!("/closed/{}", "n".repeat(300));
    cases.push(Case::new("EACCES before ENAMETOOLONG", closed.clone(), &long).user(1000, 1000, &[]));
    cases.push(
        Case::new("a working directory one may not search", closed.clone(), "app").cwd("/closed").user(
            1,
            1,
            &[],
        ),
    );
    cases.push(Case::new("out of it", closed.clone(), "../closed").cwd("/closed").user(1, 1, &[]));
    cases.push(Case::new("a closed root", closed.directory("/", 0o700), "/closed").user(1, 1, &[]));
    cases
}

pub(crate) fn kinds() -> Vec<Case> {
    let special = |content| MemoryTree::new().special("/x", content);
    let mut cases = vec![
        Case::new("a pipe", special(Content::Fifo), "/x"),
        Case::new("a socket", special(Content::Socket), "/x"),
        Case::new("a character device", special(Content::CharDevice), "/x"),
        Case::new("a block device", special(Content::BlockDevice), "/x"),
        Case::new("a pipe and more", special(Content::Fifo), "/x/y"),
        Case::new("a pipe and a slash", special(Content::Fifo), "/x/"),
    ];
    for (name, bytes) in [("noexec", good()), ("noexec text", b"text".to_vec())] {
        let mut tree = MemoryTree::new().file("/s", 0o755, b"#!/app\n");
        let inode = Inode::new(Content::File(bytes), 0o755);
        tree.insert(b"/app", Inode { noexec: true, ..inode });
        cases.push(Case::new(name, tree.clone(), "/app"));
        cases.push(Case::new(&format!("{name} interpreter"), tree, "/s"));
    }
    for (name, bytes) in [
        ("empty", b"".as_slice()),
        ("text", b"echo hello\n"),
        ("zeroes", &[0; 4096]),
        ("html", b"<!DOCTYPE html>"),
        ("mach-o", b"\xcf\xfa\xed\xfe\x07\0\0\x01\x03\0\0\0\x02\0\0\0"),
        ("pe", b"MZ\x90\0\x03\0\0\0"),
        ("gzip", b"\x1f\x8b\x08\0"),
        ("wasm", b"\0asm\x01\0\0\0"),
        ("a.out", b"\x0b\x01\x64\0"),
        ("elf magic only", b"\x7fELF"),
        ("three bytes of it", b"\x7fEL"),
    ] {
        cases.push(Case::new(name, MemoryTree::new().file("/app", 0o755, bytes), "/app"));
        cases.push(Case::new(
            &format!("{name}, not executable"),
            MemoryTree::new().file("/app", 0o644, bytes),
            "/app",
        ));
    }
    cases
}
