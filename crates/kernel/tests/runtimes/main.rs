//! The real runc and crun of this machine against the model: what they find, what they print, how they exit.
//!
//! They need root and namespaces; what is left out is said. `EXECFIT_RUNTIMES=n` asks every n-th of the questions
//! (default 7, and 1 asks all).

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bundle;

use bundle::{Bundle, Seen};
use execfit_kernel::credentials::{Credentials, DOCKER_DEFAULT};
use execfit_kernel::exec::{Call, Outcome, execve};
use execfit_kernel::host::{Architecture, Host};
use execfit_kernel::lookup::{Name, path_variable, working_directory};
use execfit_kernel::runtime::Runtime;
use execfit_kernel::tree::{Content, Inode, MemoryTree};

/// A file of no format: where it is found, `execve` answers ENOEXEC and the runtime names its path.
const NO_FORMAT: &[u8] = b"no program\n";

const NAMES: &[&str] = &[
    "app",
    "/usr/bin/app",
    "usr/bin/app",
    "./app",
    "../usr/bin/app",
    "plain",
    "/usr/bin/plain",
    "sub",
    "/usr/bin/sub",
    "/usr/bin/sub/",
    "/usr/bin/app/",
    "/usr/bin/app/x",
    "secret",
    "/root/secret",
    "/closed/app",
    "here",
    "./here",
    "pipe",
    "/usr/bin/pipe",
    "/loop",
    "loop",
    "dangling",
    "/usr/bin/dangling",
    "",
    " ",
    ".",
    "..",
    ".hidden",
    "/",
    "app --flag",
    "app\r",
    "a\"b\\c",
    "n\u{e9}e",
    "script",
    "owned",
    "/usr/bin/owned",
    "grouped",
    "top",
    "/work/here",
];
const PATHS: &[Option<&str>] = &[
    Some("/usr/bin:/bin"),
    Some("/bin:/usr/bin"),
    Some(""),
    None,
    Some(".:/usr/bin"),
    Some("/usr/bin:"),
    Some(":/usr/bin"),
    Some("bin:/usr/bin"),
    Some("/usr/bin/app:/bin"),
    Some("/root:/closed"),
    Some("//usr//bin/"),
    Some("/nowhere"),
    Some("../usr/bin"),
];
const PLACES: &[(&str, u32, u32)] =
    &[("/", 0, 0), ("/work", 1000, 1000), ("/work", 0, 0), ("/link", 1000, 50), ("/root", 7, 7)];

fn tree() -> MemoryTree {
    let long = "x".repeat(300);
    let mut tree = MemoryTree::new()
        .file("/usr/bin/app", 0o755, NO_FORMAT)
        .file("/usr/bin/plain", 0o644, NO_FORMAT)
        .file("/bin/plain", 0o755, NO_FORMAT)
        .file("/usr/bin/script", 0o755, b"#!/no/such/interpreter\n")
        .file("/usr/bin/.hidden", 0o755, NO_FORMAT)
        .file("/work/here", 0o755, NO_FORMAT)
        .file("/work/bin/here", 0o755, NO_FORMAT)
        .file("/work/.hidden", 0o755, NO_FORMAT)
        .file("/top", 0o755, NO_FORMAT)
        .file("/root/secret", 0o700, NO_FORMAT)
        .directory("/usr/bin/sub", 0o755)
        .directory("/closed", 0o700)
        .file("/closed/app", 0o755, NO_FORMAT)
        .link("/loop", "loop")
        .link("/usr/bin/loop", "loop")
        .link("/usr/bin/dangling", "/nowhere")
        .link("/link", "/work")
        .link("/cwd-loop", "cwd-loop")
        .link("/cwd-loop2", "/cwd-loop");
    let owned = |uid, gid, mode| Inode { uid, gid, ..Inode::new(Content::File(NO_FORMAT.to_vec()), mode) };
    tree.insert(b"/usr/bin/owned", owned(1000, 1000, 0o677));
    tree.insert(b"/usr/bin/grouped", owned(5, 50, 0o705));
    tree.insert(b"/usr/bin/pipe", Inode::new(Content::Fifo, 0o755));
    tree.insert(format!("/usr/bin/{}", &long[..200]).as_bytes(), owned(0, 0, 0o755));
    tree
}

#[test]
fn runc_finds_what_the_model_says() {
    ask("runc");
}

#[test]
fn crun_finds_what_the_model_says() {
    ask("crun");
}

fn ask(name: &str) {
    let tree = tree();
    let (bundle, runtime) = match Bundle::new(name, &tree) {
        Ok(ready) => ready,
        Err(why) => return eprintln!("{name}: skipped: {why}"),
    };
    let every = std::env::var("EXECFIT_RUNTIMES").ok().and_then(|n| n.parse().ok()).unwrap_or(7);
    let mut wrong = Vec::new();
    let mut asked = 0;
    let questions = NAMES.iter().flat_map(|name| {
        PATHS.iter().flat_map(move |path| PLACES.iter().map(move |place| (name, path, place)))
    });
    for (argv0, path, (cwd, uid, gid)) in questions.step_by(every) {
        asked += 1;
        let seen = bundle.run(argv0, *path, cwd, *uid, *gid);
        let expected = predict(runtime, &tree, argv0, *path, cwd, *uid, *gid);
        if seen != expected {
            wrong.push(format!(
                "{argv0:?} PATH={path:?} in {cwd} as {uid}:{gid}\n  real  {seen:?}\n  model {expected:?}"
            ));
        }
    }
    eprintln!("{name} ({runtime:?}): {asked} questions, {} agreed", asked - wrong.len());
    assert!(wrong.is_empty(), "{} of {asked} differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn predict(
    runtime: Runtime,
    tree: &MemoryTree,
    argv0: &str,
    path: Option<&str>,
    cwd: &str,
    uid: u32,
    gid: u32,
) -> Seen {
    let credentials = Credentials::container(uid, gid, vec![gid], DOCKER_DEFAULT);
    let env: Vec<Vec<u8>> = path.iter().map(|path| format!("PATH={path}").into_bytes()).collect();
    let name = Name { argv0: argv0.as_bytes(), path_variable: path_variable(&env), cwd: cwd.as_bytes() };
    let program = match runtime.find_program(tree, &credentials, &name, &mut ()).unwrap() {
        Ok(program) => program,
        Err(missed) => return Seen { text: missed.message, exit_code: 1 },
    };
    let argv = [argv0.as_bytes().to_vec()];
    let call = Call {
        path: &program,
        argv: &argv,
        env: &env,
        cwd: cwd.as_bytes(),
        credentials: &credentials,
        stack_limit: 8 << 20,
    };
    let Outcome::Fails(errno) = execve(tree, &Host::aws(Architecture::X86_64), &call, &mut ()).unwrap()
    else {
        panic!("{argv0} starts")
    };
    Seen { text: runtime.refusal(&program, errno), exit_code: i32::from(runtime.refused_exit_code()) }
}

#[test]
fn the_working_directory() {
    let tree = tree();
    let (bundle, _) = match Bundle::new("runc", &tree) {
        Ok(ready) => ready,
        Err(why) => return eprintln!("runc: skipped: {why}"),
    };
    for cwd in [
        "/",
        "/work",
        "/link",
        "/closed",
        "/missing/one",
        "/top",
        "/top/below",
        "/cwd-loop",
        "/cwd-loop2",
        "/work/../top",
    ] {
        let entered =
            bundle.run("/usr/bin/app", None, cwd, 1000, 1000).text == "exec /usr/bin/app: exec format error";
        let model = working_directory(&tree, cwd.as_bytes()).unwrap();
        assert_eq!(model.is_ok(), entered, "{cwd}: {model:?}");
    }
}
