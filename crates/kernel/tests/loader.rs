//! The real loaders of this machine, glibc's and musl's, in a chroot, against the model: text for text and code for code.
//!
//! It needs root (chroot) and a C compiler, for musl also `musl-gcc`, and says so where something is left out.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use execfit_kernel::credentials::{Credentials, DOCKER_DEFAULT};
use execfit_kernel::exec::{Call, Outcome, Step, execve};
use execfit_kernel::host::{Architecture, Host};
use execfit_kernel::ld_so::{Answer, Program, load};
use execfit_kernel::tree::{Content, Inode, MemoryTree};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Why the real loaders cannot be asked.
fn unfit(compiler: &str) -> Option<String> {
    let compiles =
        Command::new(compiler).arg("--version").output().is_ok_and(|output| output.status.success());
    let root =
        fs::read_to_string("/proc/self/status").is_ok_and(|status| status.contains("\nUid:\t0\t0\t0\t0"));
    match (compiles, root) {
        (false, _) => Some(format!("there is no {compiler}")),
        (_, false) => Some("chroot needs root".into()),
        _ => None,
    }
}

/// A root directory with `/app`, which needs `libf.so.1`, which needs `libg.so.1`.
struct Root {
    path: PathBuf,
    compiler: &'static str,
}

static ROOTS: AtomicUsize = AtomicUsize::new(0);

impl Drop for Root {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Root {
    fn new(compiler: &'static str) -> Root {
        let number = ROOTS.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("execfit-loader-{}-{number}", std::process::id()));
        fs::create_dir_all(path.join("build")).unwrap();
        Root { path, compiler }
    }

    fn file(&self, path: &str) -> PathBuf {
        let file = self.path.join(path.trim_start_matches('/'));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        file
    }

    /// Compiles `source` to a path of the root.
    fn compile(&self, to: &str, source: &str, arguments: &[&str]) -> &Root {
        let text = self.file("build/source.c");
        fs::write(&text, source).unwrap();
        let mut command = Command::new(self.compiler);
        command.current_dir(&self.path).arg(&text).args(arguments).arg("-o").arg(self.file(to));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        self
    }

    fn library(&self, to: &str, soname: &str, source: &str, arguments: &[&str]) -> &Root {
        let soname = format!("-Wl,-soname,{soname}");
        self.compile(to, source, &[&["-shared", "-fPIC", &soname][..], arguments].concat())
    }

    /// The usual program with the usual libraries below `directory`, linked with `arguments`.
    fn usual(self, directory: &str, arguments: &[&str]) -> Root {
        self.library("build/libg.so.1", "libg.so.1", "int g(void){return 0;}", &[]);
        self.library(
            "build/libf.so.1",
            "libf.so.1",
            "int g(void);int f(void){return g();}",
            &["build/libg.so.1"],
        );
        let link = [&["build/libf.so.1", "-Wl,-rpath-link,build"][..], arguments].concat();
        self.compile("app", "int f(void);int main(void){return f();}", &link);
        for name in ["libf.so.1", "libg.so.1"] {
            self.copy(&format!("build/{name}"), &format!("{directory}/{name}"));
        }
        self.with_c_library()
    }

    fn copy(&self, from: &str, to: &str) -> &Root {
        fs::copy(self.file(from), self.file(to)).unwrap();
        self
    }

    /// The loader and the C library of this machine, where they stand on it.
    fn with_c_library(self) -> Root {
        let interpreter = interpreter(&self.tree());
        let real = fs::canonicalize(&interpreter).unwrap();
        fs::copy(&real, self.file(&interpreter)).unwrap();
        if !interpreter.contains("musl") {
            let output = Command::new(self.compiler).arg("-print-file-name=libc.so.6").output().unwrap();
            let libc = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
            let place = fs::canonicalize(libc.parent().unwrap()).unwrap().join("libc.so.6");
            let place = place.to_str().unwrap().trim_start_matches("/usr").to_owned();
            fs::copy(fs::canonicalize(&libc).unwrap(), self.file(&place)).unwrap();
        }
        self
    }

    /// Changes bytes of a file.
    fn patch(&self, path: &str, offset: usize, bytes: &[u8]) -> &Root {
        let file = self.file(path);
        let mut content = fs::read(&file).unwrap();
        content[offset..offset + bytes.len()].copy_from_slice(bytes);
        fs::write(&file, content).unwrap();
        self
    }

    fn cut(&self, path: &str, length: u64) -> &Root {
        fs::File::options().write(true).open(self.file(path)).unwrap().set_len(length).unwrap();
        self
    }

    fn write(&self, path: &str, content: &[u8]) -> &Root {
        fs::write(self.file(path), content).unwrap();
        self
    }

    fn remove(&self, path: &str) -> &Root {
        fs::remove_file(self.file(path)).unwrap();
        self
    }

    /// Everything in it, as the model sees it.
    fn tree(&self) -> MemoryTree {
        let mut tree = MemoryTree::new();
        self.take(&self.path, &mut tree);
        tree
    }

    fn take(&self, directory: &Path, tree: &mut MemoryTree) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let name = [b"/", path.strip_prefix(&self.path).unwrap().as_os_str().as_bytes()].concat();
            let content = if metadata.is_dir() {
                Content::Directory
            } else if metadata.is_symlink() {
                Content::Symlink(fs::read_link(&path).unwrap().as_os_str().as_bytes().to_vec())
            } else {
                Content::File(fs::read(&path).unwrap())
            };
            tree.insert(&name, Inode::new(content, metadata.permissions().mode() & 0o7777));
            if metadata.is_dir() {
                self.take(&path, tree);
            }
        }
    }

    /// What the real one says, and what the model says.
    fn ask(&self, what: &str, env: &[&str]) {
        // `$ORIGIN` of a program is told by /proc/self/exe, which every container has.
        let script = "mount --bind /proc \"$1/proc\" && exec chroot \"$1\" /app";
        fs::create_dir_all(self.path.join("proc")).unwrap();
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", script, "sh"])
            .arg(&self.path)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        env.iter().for_each(|variable| {
            let (name, value) = variable.split_once('=').unwrap();
            command.env(name, value);
        });
        let output = command.output().unwrap();
        let code = output.status.code().or(output.status.signal().map(|signal| 128 + signal)).unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        let own = |line: &&str| !line.contains(": symbol not found") && !line.contains("cannot be preloaded");
        let real = (text.lines().filter(own).collect::<Vec<_>>().join("\n"), Some(code as u8));
        let model = match self.model(env) {
            Answer::Ready(_) => (String::new(), Some(0)),
            Answer::Dies(death) => (String::from_utf8(death.text).unwrap(), death.exit),
            Answer::Unknown(why) => (format!("unknown: {why}"), None),
        };
        assert_eq!(model, real, "{what}: model, real");
    }

    fn model(&self, env: &[&str]) -> Answer {
        let tree = self.tree();
        let interpreter = interpreter(&tree);
        let env: Vec<Vec<u8>> = env.iter().map(|variable| variable.as_bytes().to_vec()).collect();
        let credentials = Credentials::container(0, 0, Vec::new(), DOCKER_DEFAULT);
        let program = Program {
            path: b"/app",
            interpreter: interpreter.as_bytes(),
            argv0: b"/app",
            env: &env,
            cwd: b"/",
            credentials: &credentials,
            isa: Some(1),
        };
        load(&tree, &program, &mut ()).unwrap()
    }
}

fn architecture() -> Architecture {
    if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X86_64 }
}

/// The loader that `/app` asks for.
fn interpreter(tree: &MemoryTree) -> String {
    let credentials = Credentials::container(0, 0, Vec::new(), DOCKER_DEFAULT);
    let argv = [b"/app".to_vec()];
    let call = Call {
        path: b"/app",
        argv: &argv,
        env: &[],
        cwd: b"/",
        credentials: &credentials,
        stack_limit: 8 << 20,
    };
    let mut interpreter = String::new();
    let mut keep = |step: Step<'_>| {
        if let Step::Interpreter { interpreter: name, .. } = step {
            interpreter = String::from_utf8(name.to_vec()).unwrap();
        }
    };
    let outcome = execve(tree, &Host::aws(architecture()), &call, &mut keep).unwrap();
    assert!(!interpreter.is_empty(), "{outcome:?}");
    assert!(matches!(outcome, Outcome::Starts | Outcome::Fails(_)));
    interpreter
}

const RUNPATH: &[&str] = &["-Wl,--enable-new-dtags", "-Wl,-rpath,$ORIGIN/l"];
const RPATH: &[&str] = &["-Wl,--disable-new-dtags", "-Wl,-rpath,${ORIGIN}/l"];

#[test]
fn glibc_search_order() {
    if let Some(reason) = unfit("gcc") {
        return println!("skipped: {reason}");
    }
    let root = |directory: &str, arguments| Root::new("gcc").usual(directory, arguments);
    root("/l", RPATH).ask("an RPATH is inherited", &[]);
    root("/l", RUNPATH).ask("a RUNPATH is not", &[]);
    root("/lib64", &[]).ask("lib64, which Debian's loader does not search", &[]);
    root("/usr/lib", &[]).ask("the last default directory", &[]);
    root("/lib", &["-Wl,-z,nodefaultlib"]).ask("no default directories", &[]);
    let by_path = root("/opt", &[]);
    by_path.ask("in none of the directories", &[]);
    by_path.ask("by LD_LIBRARY_PATH", &["LD_LIBRARY_PATH=/nowhere:/opt"]);
    by_path.ask("by LD_LIBRARY_PATH, with a semicolon", &["LD_LIBRARY_PATH=/nowhere;/opt/"]);
    by_path.ask("a token of no meaning", &["LD_LIBRARY_PATH=$NOTHING:/o"]);
    by_path.ask("preloaded", &["LD_PRELOAD=/opt/libg.so.1:/opt/libf.so.1 /nothing"]);
    by_path.write("etc/ld.so.conf", b"/opt\n");
    by_path.ask("in ld.so.conf, before ldconfig", &[]);
    let ldconfig = |format: &[&str]| {
        let mut command = Command::new("/sbin/ldconfig");
        let done = command.args(format).arg("-r").arg(&by_path.path).status();
        assert!(done.unwrap().success());
    };
    for format in [&["-c", "new"], &["-c", "compat"], &["-c", "old"]] {
        ldconfig(format);
        by_path.ask(&format!("in the cache, {format:?}"), &[]);
    }
    ldconfig(&[]);
    by_path.remove("opt/libg.so.1").ask("in a stale cache", &[]);
    root("/l", RUNPATH).remove("l/libf.so.1").ask("the first is missing", &[]);
    let slash = Root::new("gcc");
    slash.library("build/g.so", "./opt/g.so", "int g(void){return 0;}", &[]);
    slash.compile("app", "int g(void);int main(void){return g();}", &["build/g.so"]);
    let slash = slash.with_c_library();
    slash.ask("a name with a slash", &[]);
    slash.copy("build/g.so", "opt/g.so").ask("a name with a slash that is there", &[]);
}

#[test]
fn glibc_unfit_files() {
    if let Some(reason) = unfit("gcc") {
        return println!("skipped: {reason}");
    }
    let root = Root::new("gcc").usual("/l", RPATH);
    root.ask("all is well", &[]);
    let library = "l/libg.so.1";
    let mend = || root.copy("build/libg.so.1", library);
    let patches: [(usize, &[u8]); 21] = [
        (0, b"PK"),
        (4, &[1]),
        (5, &[2]),
        (6, &[2]),
        (7, &[9]),
        (7, &[3]),
        (7, &[3, 3]),
        (7, &[3, 4]),
        (8, &[1]),
        (9, &[1]),
        (16, &[1]),
        (16, &[2]),
        (16, &[4]),
        (18, &[40]),
        (20, &[2]),
        (32, &[255, 255, 255]),
        (54, &[32]),
        (56, &[0]),
        (56, &[255, 15]),
        (64 + 48, &[1]),
        (64 + 8, &[1]),
    ];
    for (offset, bytes) in patches {
        mend().patch(library, offset, bytes).ask(&format!("byte {offset} is {bytes:?}"), &[]);
    }
    for length in [0, 10, 63, 64, 500, 1000, 4096, 8192, 12000] {
        mend().cut(library, length).ask(&format!("cut to {length} bytes"), &[]);
    }
    root.remove(library).write("l/libg.so.1/x", b"").ask("a directory", &[]);
    fs::remove_dir_all(root.file(library)).unwrap();
    symlink("libg.so.1", root.file(library)).unwrap();
    root.ask("a link to itself", &[]);
    root.remove(library).copy("build/libg.so.1", "usr/lib/libg.so.1").ask("found further on", &[]);
    mend().patch(library, 18, &[40]).ask("a foreign one first", &[]);
    mend().patch(library, 4, &[1]).ask("one of another class first", &[]);
    root.remove(library).copy("app", library).ask("a program", &[]);
}

#[test]
fn glibc_versions() {
    if let Some(reason) = unfit("gcc") {
        return println!("skipped: {reason}");
    }
    let root = Root::new("gcc");
    root.write("build/new.map", b"V1 { global: f; };\nV2 { global: g; } V1;\nV3 { global: h; } V2;\n");
    root.write("build/old.map", b"V1 { global: f; };\n");
    let source = "int f(void){return 0;} int g(void){return 0;} int h(void){return 0;}";
    let map = |name: &str| format!("-Wl,--version-script,build/{name}.map");
    root.library("build/libv.so.1", "libv.so.1", source, &[&map("new")]);
    let main = "int f(void);int g(void);int h(void);int main(void){return f()+g()+h();}";
    root.compile("app", main, &["build/libv.so.1"]);
    let root = root.with_c_library();
    root.copy("build/libv.so.1", "lib/libv.so.1").ask("the right one", &[]);
    root.library("lib/libv.so.1", "libv.so.1", "int f(void){return 0;}", &[&map("old")]);
    root.ask("an older one", &[]);
}

#[test]
fn glibc_isa_level() {
    if let Some(reason) = unfit("gcc").or((!cfg!(target_arch = "x86_64")).then(|| "not x86".into())) {
        return println!("skipped: {reason}");
    }
    let root = Root::new("gcc").usual("/l", &[RPATH, &["-Wl,-z,x86-64-v2"]].concat());
    // A level that no processor has yet, in place of v2.
    let program = fs::read(root.file("app")).unwrap();
    let property = [0x02, 0x80, 0x00, 0xc0, 4, 0, 0, 0];
    let at = program.windows(8).position(|bytes| bytes == property).unwrap();
    root.patch("app", at + 8, &[0x80]).ask("a level that no processor has", &[]);
    root.remove("l/libg.so.1").ask("a missing library comes first", &[]);
}

#[test]
fn musl() {
    if let Some(reason) = unfit("musl-gcc") {
        return println!("skipped: {reason}");
    }
    let root = |directory: &str, arguments| Root::new("musl-gcc").usual(directory, arguments);
    root("/l", RUNPATH).ask("a RUNPATH is inherited", &[]);
    root("/usr/local/lib", &[]).ask("a default directory", &[]);
    root("/lib64", &[]).ask("no default directory", &[]);
    let root = root("/opt", &[]);
    root.ask("nowhere", &[]);
    root.ask("by LD_LIBRARY_PATH", &["LD_LIBRARY_PATH=/opt"]);
    let name = interpreter(&root.tree()).replace("/lib/", "etc/").replace(".so.1", ".path");
    root.write(&name, b"/nowhere\n/opt\n").ask("by its path file", &[]);
    root.remove("opt/libg.so.1").ask("one of two", &[]);
    for length in [0, 30, 64, 100] {
        root.copy("build/libg.so.1", "opt/libg.so.1").cut("opt/libg.so.1", length);
        root.ask(&format!("cut to {length} bytes"), &[]);
    }
    root.copy("build/libg.so.1", "opt/libg.so.1").patch("opt/libg.so.1", 16, &[1]).ask("an object file", &[]);
    root.write("opt/libg.so.1", &[b'#'; 200]).ask("a text", &[]);
    root.remove("opt/libg.so.1").write("opt/libg.so.1/x", b"").ask("a directory", &[]);
}
