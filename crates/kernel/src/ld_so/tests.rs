use super::craft::Linked;
use super::*;
use crate::credentials::DOCKER_DEFAULT;
use crate::tree::MemoryTree;

const X86: u16 = 62;
const ARM64: u16 = 183;
const LD_SO: &str = "/lib64/ld-linux-x86-64.so.2";
const LD_MUSL: &str = "/lib/ld-musl-x86_64.so.1";
const CORE: &str = "/lib/x86_64-linux-gnu/libc.so.6";

fn library(name: &str) -> Linked {
    Linked::library(X86, name)
}

/// A tree with Debian's glibc and this program.
fn glibc(program: Linked) -> MemoryTree {
    let mut loader = library("ld-linux-x86-64.so.2").bytes();
    loader.extend(b"\0/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0");
    let core =
        library("libc.so.6").defines("GLIBC_2.2.5").defines("GLIBC_2.33").needs("ld-linux-x86-64.so.2");
    MemoryTree::new().file(LD_SO, 0o755, &loader).file(CORE, 0o755, &core.bytes()).file(
        "/app",
        0o755,
        &program.bytes(),
    )
}

fn app() -> Linked {
    Linked::program(X86, LD_SO).needs("libc.so.6").needs_version("libc.so.6", "GLIBC_2.2.5")
}

fn ask_as(tree: &MemoryTree, uid: u32, env: &[&str], isa: Option<u32>) -> Answer {
    let env: Vec<Vec<u8>> = env.iter().map(|variable| variable.as_bytes().to_vec()).collect();
    let credentials = Credentials::container(uid, uid, Vec::new(), DOCKER_DEFAULT);
    let interpreter = if tree.lookup(LD_SO.as_bytes()).unwrap().is_some() { LD_SO } else { LD_MUSL };
    let program = Program {
        path: b"/app",
        interpreter: interpreter.as_bytes(),
        argv0: b"app",
        env: &env,
        cwd: b"/",
        credentials: &credentials,
        isa,
    };
    load(tree, &program, &mut ()).unwrap()
}

fn ask(tree: &MemoryTree) -> Answer {
    ask_as(tree, 0, &[], Some(1))
}

fn text(answer: Answer) -> String {
    match answer {
        Answer::Ready(ready) => format!("ready: {} libraries", ready.libraries.len()),
        Answer::Dies(death) => String::from_utf8(death.text).unwrap(),
        Answer::Unknown(why) => format!("unknown: {why}"),
    }
}

#[test]
fn a_library_that_is_nowhere_and_one_of_another_machine() {
    let tree = glibc(app().needs("libx.so.1"));
    let missing = "app: error while loading shared libraries: libx.so.1: cannot open shared object file: No such file or directory";
    let Answer::Dies(death) = ask(&tree) else { panic!() };
    assert_eq!(String::from_utf8_lossy(&death.text), missing);
    assert_eq!((death.cause, death.exit, &death.library[..]), (Cause::Missing, Some(127), &b"libx.so.1"[..]));
    assert_eq!(death.searched.len(), 5, "the cache and four directories");

    let tree = tree.file("/usr/lib/libx.so.1", 0o644, &Linked::library(ARM64, "libx.so.1").bytes());
    let Answer::Dies(death) = ask(&tree) else { panic!() };
    assert_eq!((String::from_utf8_lossy(&death.text).as_ref(), death.cause), (missing, Cause::Foreign));
    assert_eq!(death.blame, b"/usr/lib/libx.so.1");

    let tree = tree.file("/usr/lib/libx.so.1", 0o644, &library("libx.so.1").needs("liby.so").bytes());
    let Answer::Dies(death) = ask(&tree) else { panic!() };
    assert_eq!((&death.needed_by[..], &death.library[..]), (&b"/usr/lib/libx.so.1"[..], &b"liby.so"[..]));
}

#[test]
fn versions_and_levels() {
    let tree = glibc(app().needs_version("libc.so.6", "GLIBC_2.38"));
    let Answer::Dies(death) = ask(&tree) else { panic!() };
    assert_eq!(
        String::from_utf8_lossy(&death.text),
        "app: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by app)"
    );
    assert_eq!((death.exit, death.cause), (Some(1), Cause::Version(b"GLIBC_2.38".to_vec())));

    let tree = glibc(app().isa(4 | 2 | 1));
    assert_eq!(text(ask_as(&tree, 0, &[], Some(3))), "app: CPU ISA level is lower than required");
    assert_eq!(text(ask_as(&tree, 0, &[], Some(7))), "ready: 1 libraries");
    let Answer::Ready(ready) = ask_as(&tree, 0, &[], None) else { panic!() };
    assert_eq!(ready.isa_in_doubt, Some((b"/app".to_vec(), 7)));
}

#[test]
fn a_program_that_changes_the_user_distrusts_the_environment() {
    let tree = glibc(app().needs("libx.so.1")).file("/opt/libx.so.1", 0o644, &library("libx.so.1").bytes());
    let path = ["LD_LIBRARY_PATH=/opt"];
    assert_eq!(text(ask_as(&tree, 1000, &path, None)), "ready: 2 libraries");
    let tree = tree.file("/app", 0o4755, &app().needs("libx.so.1").bytes());
    assert!(text(ask_as(&tree, 1000, &path, None)).contains("cannot open shared object file"));
    assert_eq!(text(ask_as(&tree, 0, &path, None)), "ready: 2 libraries");
}

#[test]
fn a_directory_that_a_user_may_not_search_hides_its_libraries() {
    let program = app().needs("libx.so.1").entry(29, "/secret");
    let tree = glibc(program).directory("/secret", 0o700).file(
        "/secret/libx.so.1",
        0o644,
        &library("libx.so.1").bytes(),
    );
    assert_eq!(text(ask(&tree)), "ready: 2 libraries");
    assert!(text(ask_as(&tree, 1000, &[], None)).ends_with("No such file or directory"));
}

#[test]
fn directories_of_an_unread_loader_are_guessed_only_where_that_cannot_err() {
    let tree = glibc(app()).file(LD_SO, 0o755, &library("ld-linux-x86-64.so.2").bytes());
    assert!(text(ask(&tree)).starts_with("unknown: /lib/x86_64-linux-gnu/libc.so.6 is there"));
    let tree = tree.file("/lib64/libc.so.6", 0o755, &library("libc.so.6").defines("GLIBC_2.2.5").bytes());
    assert_eq!(text(ask(&tree)), "ready: 1 libraries");
}

#[test]
fn hwcaps_are_for_hosts_of_their_level() {
    let old = library("libx.so.1").defines("V1");
    let tree = glibc(app().needs("libx.so.1").needs_version("libx.so.1", "V1"));
    let tree = tree.file("/usr/lib/libx.so.1", 0o644, &old.bytes());
    let tree = tree.file(
        "/usr/lib/glibc-hwcaps/x86-64-v3/libx.so.1",
        0o644,
        &library("libx.so.1").defines("V2").bytes(),
    );
    assert_eq!(text(ask(&tree)), "ready: 2 libraries");
    assert!(text(ask_as(&tree, 0, &[], Some(15))).contains("version `V1' not found"));
    assert_eq!(text(ask_as(&tree, 0, &[], None)), "ready: 2 libraries");
}

#[test]
fn musl_names_every_missing_library_and_maps_foreign_ones() {
    let program = Linked::program(X86, LD_MUSL).needs("libc.so").needs("liba.so").needs("libb.so");
    let tree = MemoryTree::new().file(LD_MUSL, 0o755, &library("libc.musl-x86_64.so.1").bytes());
    let tree = tree.file("/app", 0o755, &program.bytes());
    assert_eq!(
        text(ask(&tree)),
        "Error loading shared library liba.so: No such file or directory (needed by app)\nError loading shared library libb.so: No such file or directory (needed by app)"
    );
    let tree = tree.file("/usr/lib/liba.so", 0o644, &library("liba.so").bytes());
    let tree = tree.file("/lib/libb.so", 0o644, &Linked::library(ARM64, "libb.so").bytes());
    let Answer::Dies(death) = ask(&tree) else { panic!() };
    assert_eq!((death.cause, &death.blame[..], death.exit), (Cause::Foreign, &b"/lib/libb.so"[..], None));
}

#[test]
fn a_glibc_program_in_musls_hands_is_not_called_good() {
    let tree = MemoryTree::new().file(LD_MUSL, 0o755, &library("libc.musl-x86_64.so.1").bytes());
    let tree = tree.link(LD_SO, LD_MUSL).file("/app", 0o755, &app().bytes());
    assert!(text(ask(&tree)).starts_with("unknown: the program was linked with glibc"));
}

#[test]
fn damaged_tables_neither_hang_nor_panic() {
    let program = app().needs("libx.so.1").isa(7).bytes();
    let lib = library("libx.so.1")
        .defines("V1")
        .needs("libc.so.6")
        .needs_version("libc.so.6", "GLIBC_2.2.5")
        .bytes();
    let mut seed = 1u64;
    for _ in 0..3000 {
        let mut number = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as usize
        };
        let (mut program, mut lib) = (program.clone(), lib.clone());
        for _ in 0..1 + number() % 4 {
            let at = 64 + number() % (program.len() - 64);
            program[at] = number() as u8;
            let at = number() % lib.len();
            lib[at] = [0, 1, 0xff, number() as u8][number() % 4];
        }
        lib.truncate(lib.len() - number() % 40);
        let tree = glibc(app()).file("/app", 0o755, &program).file("/lib/libx.so.1", 0o644, &lib);
        let _ = ask(&tree);
        let cache = [b"glibc-ld.so.cache1.1".as_slice(), &lib[20..]].concat();
        let _ = ask(&tree.file("/etc/ld.so.cache", 0o644, &cache));
    }
}
