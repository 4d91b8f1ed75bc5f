//! `#!` lines.

use super::{app, good};
use crate::case::{Case, Plant};
use execfit_kernel::tree::{Content, MemoryTree};

fn script(bytes: &[u8]) -> Case {
    let tree = app().file("/s", 0o755, bytes).file("/app\r", 0o755, &good());
    Case::new(&format!("script {}", bytes.escape_ascii()), tree, "/s")
}

pub(crate) fn lines() -> Vec<Case> {
    let lines: &[&[u8]] = &[
        b"#!/app",
        b"#!/app\n",
        b"#! /app\n",
        b"#!\t/app\t\n",
        b"#!/app \n",
        b"#!/app arg\n",
        b"#!/app a b c\n",
        b"#!/app\r\n",
        b"#!/app -e\r\n",
        b"#!/app\x0b\n",
        b"#!/app\x0c\n",
        b"#!/app\xc2\xa0\n",
        b"#!app\n",
        b"#!./app\n",
        b"#!../app\n",
        b"#!//app\n",
        b"#!/app/\n",
        b"#!/\n",
        b"#!.\n",
        b"#!..\n",
        b"#!\n",
        b"#! \n",
        b"#!\t \t\n",
        b"#!",
        b"#! ",
        b"#!\0",
        b"#!\0/app\n",
        b"#! \0/app\n",
        b"#!/app\0\n",
        b"#!/app\0x\n",
        b"#!/app\0",
        b"#!/nothing\n",
        b"#!/nothing/x\n",
        b"#!/s\n",
        b"#!/app\n\0\0",
        b" #!/app\n",
        b"\n#!/app\n",
        b"\xef\xbb\xbf#!/app\n",
        b"#",
        b"# !/app\n",
        b"#!\"/app\"\n",
        b"#!~/app\n",
        b"#!$APP\n",
        b"#!\\ app\n",
        b"#!/app\\\n",
        b"#!\r\n",
        b"#!/a\\ pp\n",
        b"#!%/app\n",
        b"!#/app\n",
        b"#\0!\0",
        b"#!/usr/bin/env node\n",
        b"#!=/app\n",
        b"#!/app\n#!/nothing\n",
        b"#!\n/app\n",
    ];
    let mut cases: Vec<Case> = lines.iter().map(|line| script(line)).collect();
    let relative = app().file("/d/s", 0o755, b"#!app\n");
    cases.push(Case::new("relative to the working directory", relative.clone(), "/d/s"));
    cases.push(Case::new("not to the script's", relative.clone().directory("/e", 0o755), "/d/s").cwd("/e"));
    cases.push(Case::new("not even where they are the same", relative, "s").cwd("/d"));
    let empty = MemoryTree::new().directory("/d", 0o700).file("/s", 0o755, b"#!");
    cases.push(Case::new("an empty name in a closed directory", empty, "/s").cwd("/d").user(1, 1, &[]));
    for mode in [0o644, 0o000, 0o111] {
        let tree = MemoryTree::new().file("/app", mode, &good()).file("/s", 0o755, b"#!/app\n");
        cases.push(Case::new(&format!("interpreter of mode {mode:o}"), tree, "/s"));
        let tree = app().file("/s", mode, b"#!/app\n");
        cases.push(Case::new(&format!("script of mode {mode:o}"), tree.clone(), "/s"));
        cases.push(Case::new(&format!("script of mode {mode:o}, user"), tree, "/s").user(1000, 1000, &[]));
    }
    for (name, content) in
        [("directory", Content::Directory), ("pipe", Content::Fifo), ("device", Content::CharDevice)]
    {
        let tree = MemoryTree::new().special("/app", content).file("/s", 0o755, b"#!/app\n");
        cases.push(Case::new(&format!("interpreter is a {name}"), tree, "/s"));
    }
    let tree = MemoryTree::new().file("/s", 0o755, b"#!/l\n").link("/l", "/app").file("/app", 0o755, b"text");
    cases.push(Case::new("interpreter is text", tree, "/s"));
    cases
}

pub(crate) fn lengths() -> Vec<Case> {
    let mut cases = Vec::new();
    for length in (120..=133).chain(248..=261) {
        // The path of an interpreter that is there, of `length` bytes with `#!`.
        let path = format!("{}/app", "/".repeat(length - 2 - 4));
        for (end, tail) in
            [("newline", "\n"), ("end of file", ""), ("argument", " argument\n"), ("blanks", "   ")]
        {
            let text = format!("#!{path}{tail}");
            let tree = app().file("/s", 0o755, text.as_bytes());
            cases.push(Case::new(&format!("line of {length}, then {end}"), tree, "/s"));
        }
        let text = format!("#!{}/app\n", " ".repeat(length - 6));
        cases.push(Case::new(
            &format!("{length} with blanks first"),
            app().file("/s", 0o755, text.as_bytes()),
            "/s",
        ));
        let text = format!("#!/app {}\n", "a".repeat(length - 7));
        cases.push(Case::new(
            &format!("{length} with an argument"),
            app().file("/s", 0o755, text.as_bytes()),
            "/s",
        ));
        let text = format!("#!{}", " ".repeat(length - 2));
        cases.push(Case::new(&format!("{length} of blanks"), app().file("/s", 0o755, text.as_bytes()), "/s"));
        let text = format!("#!{}\0\n", "/".repeat(length - 7) + "/app");
        cases.push(Case::new(
            &format!("{length} with a NUL"),
            app().file("/s", 0o755, text.as_bytes()),
            "/s",
        ));
    }
    cases
}

pub(crate) fn nesting() -> Vec<Case> {
    let mut cases = Vec::new();
    let ends: [(&str, Option<&[u8]>); 4] = [
        ("program", Some(&good())),
        ("nothing", None),
        ("text", Some(b"text")),
        ("a foreign one", Some(b"\x7fELF")),
    ];
    for (end, bytes) in ends {
        for depth in 1..=8 {
            let mut tree = MemoryTree::new();
            if let Some(bytes) = bytes {
                tree = tree.file("/s0", 0o755, bytes);
            }
            for step in 1..=depth {
                tree = tree.file(&format!("/s{step}"), 0o755, format!("#!/s{}\n", step - 1).as_bytes());
            }
            cases.push(Case::new(&format!("{depth} scripts, then {end}"), tree, &format!("/s{depth}")));
        }
    }
    cases
}
