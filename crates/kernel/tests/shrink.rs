//! The oracle's shrinker, and the fence in which it prints: a case that a wrong model gets wrong becomes small.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[allow(dead_code, reason = "the oracle uses more of it")]
#[path = "oracle/case.rs"]
mod case;
#[allow(dead_code, reason = "the oracle uses more of it")]
#[path = "oracle/craft.rs"]
mod craft;
#[path = "oracle/fence.rs"]
mod fence;
#[path = "oracle/shrink.rs"]
mod shrink;
#[allow(dead_code, reason = "tests/execve_md.rs uses more of it")]
#[path = "specification/mod.rs"]
mod specification;

use case::Case;
use craft::Elf;
use execfit_kernel::errno::Errno;
use execfit_kernel::exec::{Call, Outcome, Step, execve};
use execfit_kernel::host::{Architecture, Host};
use execfit_kernel::tree::{Content, MemoryTree};

const PHENTSIZE: usize = 54;

fn model(case: &Case) -> Option<Outcome> {
    let Case { path, argv, env, cwd, credentials, stack_limit, .. } = case;
    let call = Call { path, argv, env, cwd: cwd.as_bytes(), credentials, stack_limit: *stack_limit };
    execve(&case.tree, &Host::aws(Architecture::X86_64), &call, &mut |_: Step<'_>| ()).ok()
}

fn app(case: &Case) -> Option<Vec<u8>> {
    case.tree.iter().find(|(path, _)| *path == b"/app").and_then(|(_, inode)| match &inode.content {
        Content::File(bytes) => Some(bytes.clone()),
        _ => None,
    })
}

/// A model that does not look at `e_phentsize`.
fn careless_model(case: &Case) -> Option<Outcome> {
    let mut repaired = case.clone();
    if let Some(mut bytes) = app(case).filter(|bytes| bytes.len() > PHENTSIZE) {
        bytes[PHENTSIZE] = 56;
        repaired.tree = repaired.tree.file("/app", 0o755, &bytes);
    }
    model(&repaired)
}

fn disagree(case: &Case) -> bool {
    model(case) == Some(Outcome::Fails(Errno::ENOEXEC)) && careless_model(case) == Some(Outcome::Starts)
}

/// A program with much about it that does not matter.
fn laden() -> Case {
    let whole = Elf::x86_64().with(|elf| elf.size = 0x8000).bytes();
    let mut bytes = whole.clone();
    bytes[0x300..0x2000].fill(0xcc);
    bytes[PHENTSIZE] = 99;
    bytes[40..48].fill(0xee);
    let tree =
        MemoryTree::new().file("/app", 0o755, &whole).directory("/d", 0o700).file("/d/x", 0o644, b"text");
    let mut case = Case::new("laden", tree.clone().file("/app", 0o755, &bytes).link("/l", "d/x"), "/app");
    case.origin = Some(tree);
    let string = |text: &str| text.as_bytes().to_vec();
    let mut case = case.cwd("/d").argv(vec![string("a"), string("b c")]).env(vec![string("K=V")]);
    case.stack_limit = 1 << 20;
    case
}

#[test]
fn what_does_not_matter_is_taken_away() {
    let case = laden();
    assert!(disagree(&case));
    let small = shrink::shrink(&case, 3000, &mut |case| disagree(case));
    assert!(disagree(&small));
    let paths: Vec<&[u8]> = small.tree.iter().map(|(path, _)| path).collect();
    assert_eq!(paths, [b"/".as_slice(), b"/app"]);
    let usual = Case::new("laden", small.tree.clone(), "/app");
    assert!(small == usual, "{}", small.describe());
    let bytes = app(&small).unwrap();
    // A page that is mapped needs a byte of the file; the headers need 120.
    assert!(bytes.len() < 0x1000, "{} bytes", bytes.len());
    assert!(bytes.iter().filter(|byte| **byte != 0).count() < 40, "{bytes:x?}");
    assert_ne!(bytes[PHENTSIZE], 56);
    assert_eq!(bytes[40..48], [0; 8]);
}

#[test]
fn patience_ends() {
    let mut asked = 0;
    shrink::shrink(&laden(), 7, &mut |case| {
        asked += 1;
        disagree(case)
    });
    assert_eq!(asked, 7);
}

#[test]
fn a_fence_is_what_it_was() {
    let text = fence::fence(&laden(), Architecture::X86_64, "ENOEXEC").unwrap();
    let read = specification::cases(&text).unwrap().remove(0);
    assert!(read.tree(Architecture::X86_64) == laden().tree);
    assert!(
        text.contains(
            "\nexec /app, argv a \"b c\", in /d, env \"K=V\", stack 1048576, on x86_64 -> ENOEXEC\n"
        ),
        "{text}"
    );
    assert!(text.contains("{\\xcc*"), "{text}");

    let odd = MemoryTree::new().file("/a b", 0o4711, b"#!{x*2} \"\\\0\xff").link("/{1..2}", "*");
    let odd = Case::new("odd", odd, "/a b").user(1000, 100, &[5, 6]);
    assert!(fence::fence(&odd, Architecture::Arm64, "EACCES").is_some());
    let mut unsaid = odd;
    unsaid.credentials.no_new_privs = true;
    assert_eq!(fence::fence(&unsaid, Architecture::Arm64, "EACCES"), None);
}
