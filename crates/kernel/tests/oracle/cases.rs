//! The cases written by hand, by class.

pub(crate) mod elf;
mod paths;
mod scripts;

use crate::case::{Case, Plant};
use crate::craft::Elf;
use execfit_kernel::credentials::DOCKER_DEFAULT;
use execfit_kernel::tree::{Content, MemoryTree};

pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(paths::walks());
    cases.extend(paths::permissions());
    cases.extend(paths::kinds());
    cases.extend(scripts::lines());
    cases.extend(scripts::lengths());
    cases.extend(scripts::nesting());
    cases.extend(elf::headers());
    cases.extend(elf::program_headers());
    cases.extend(elf::interpreters());
    cases.extend(elf::loaders());
    cases.extend(elf::mappings());
    cases.extend(arguments());
    cases.extend(capabilities());
    cases
}

/// A program that starts.
pub(crate) fn good() -> Vec<u8> {
    Elf::x86_64().bytes()
}

/// A tree with a program at `/app`.
pub(crate) fn app() -> MemoryTree {
    MemoryTree::new().file("/app", 0o755, &good())
}

fn arguments() -> Vec<Case> {
    let mut cases = Vec::new();
    let string = |length: usize| vec![b'x'; length];
    for length in [131_070, 131_071, 131_072, 200_000] {
        let case = Case::new(&format!("argument of {length} bytes"), app(), "/app");
        cases.push(case.clone().argv(vec![string(1), string(length)]));
        cases.push(case.argv(vec![string(1)]).env(vec![string(length)]));
    }
    let missing = Case::new("too long and missing", MemoryTree::new(), "/app");
    cases.push(missing.argv(vec![string(200_000)]));
    let refused =
        Case::new("too long and not executable", MemoryTree::new().file("/app", 0o644, b""), "/app");
    cases.push(refused.argv(vec![string(200_000)]));
    // 8 MiB of stack: 2 MiB in all, with 8 bytes for each string's pointer.
    let limit = (2 << 20) - "/app\0".len();
    for spare in [-9, -8, -1, 0, 1, 100] {
        let each = 65_536 - 8;
        let count = limit / 65_536;
        let mut argv = vec![string(each - 1); count];
        let last = (limit as i64 - (count * 65_536) as i64 - 8 - 1 - spare).max(0);
        argv.push(string(last as usize));
        cases.push(Case::new(&format!("{spare} bytes to spare"), app(), "/app").argv(argv.clone()));
        let script = MemoryTree::new().file("/s", 0o755, b"#!/app arg\n").file("/app", 0o755, &good());
        cases.push(Case::new(&format!("script, {spare} bytes to spare"), script, "/s").argv(argv));
    }
    cases.push(Case::new("no arguments at all", app(), "/app").argv(vec![]));
    cases
}

fn capabilities() -> Vec<Case> {
    let value = |magic: u32, permitted: u64, inheritable: u64| {
        let words = [
            magic,
            permitted as u32,
            inheritable as u32,
            (permitted >> 32) as u32,
            (inheritable >> 32) as u32,
        ];
        words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>()
    };
    let (net_admin, net_raw, bpf) = (1 << 12, 1 << 13, 1 << 39);
    let mut cases = Vec::new();
    for (name, magic, permitted, inheritable) in [
        ("net_admin+ep", 0x0200_0001, net_admin, 0),
        ("net_raw+ep", 0x0200_0001, net_raw, 0),
        ("net_admin+p", 0x0200_0000, net_admin, 0),
        ("net_admin+ei", 0x0200_0001, 0, net_admin),
        ("bpf+ep", 0x0200_0001, bpf, 0),
        ("net_raw and net_admin+ep", 0x0200_0001, net_raw | net_admin, 0),
        ("unknown bit 50", 0x0200_0001, 1 << 50, 0),
    ] {
        let value = value(magic, permitted, inheritable);
        let tree = MemoryTree::new().capable("/app", &good(), &value).file("/s", 0o755, b"#!/app\n");
        cases.push(Case::new(name, tree.clone(), "/app"));
        cases.push(Case::new(name, tree.clone(), "/app").user(1000, 1000, &[]));
        cases.push(Case::new(&format!("script for {name}"), tree, "/s"));
        let tree = app().capable("/s", b"#!/app\n", &value);
        cases.push(Case::new(&format!("on the script: {name}"), tree, "/s"));
        let program = Elf::x86_64().interpreter(b"/ld\0").bytes();
        let tree = MemoryTree::new().file("/app", 0o755, &program).capable("/ld", &good(), &value);
        cases.push(Case::new(&format!("on the loader: {name}"), tree, "/app"));
    }
    let other_root: Vec<u8> = [value(0x0300_0001, net_admin, 0), 1000u32.to_le_bytes().to_vec()].concat();
    let tree = MemoryTree::new().capable("/app", &good(), &other_root);
    cases.push(Case::new("capabilities of another namespace's root", tree, "/app"));
    let tree = MemoryTree::new().capable("/app", &good(), &value(0x0200_0001, 1 << 1, 0));
    cases.push(Case::new("no bound at all", tree.clone(), "/app").capabilities(0));
    cases.push(Case::new("Docker's bound", tree, "/app").capabilities(DOCKER_DEFAULT));
    let tree = MemoryTree::new().capable("/app", b"text", &value(0x0200_0001, net_admin, 0));
    cases.push(Case::new("format comes before capabilities", tree, "/app"));
    let tree = MemoryTree::new().owned("/app", Content::File(good()), 0o4755, 1000, 1000);
    cases.push(Case::new("set-user-id", tree, "/app"));
    cases
}
