use super::*;
use crate::credentials::DOCKER_DEFAULT;
use crate::runtime::Crun;
use crate::tree::MemoryTree;

fn tree() -> MemoryTree {
    MemoryTree::new()
        .file("/usr/bin/app", 0o755, b"")
        .file("/usr/bin/plain", 0o644, b"")
        .file("/bin/plain", 0o755, b"")
        .file("/work/here", 0o755, b"")
        .file("/usr/bin/theirs", 0o744, b"")
        .file("/bin/theirs", 0o755, b"")
        .file("/root/secret", 0o700, b"")
        .directory("/usr/bin/sub", 0o755)
        .link("/loop", "loop")
}

fn check(argv0: &str, path: Option<&str>, expect: Result<&str, (Errno, u8, &str)>) {
    let user = Credentials::container(1000, 1000, vec![], DOCKER_DEFAULT);
    let path = path.map(str::as_bytes);
    let answer = find_program(&tree(), &user, argv0.as_bytes(), path, b"/work", &mut ()).unwrap();
    let answer = answer.map(|path| String::from_utf8(path).unwrap());
    let expect = expect.map(str::to_string);
    let expect = expect.map_err(|(errno, code, message)| (errno, code, message.to_string()));
    assert_eq!(answer.map_err(|not| (not.errno, not.docker_exit_code, not.message)), expect);
}

#[test]
fn bare_names() {
    let path = Some("/usr/bin:/bin");
    let not = |name: &str| format!("exec: \"{name}\": executable file not found in $PATH");
    check("app", path, Ok("/usr/bin/app"));
    check("plain", path, Ok("/bin/plain"));
    check("plain", Some("/usr/bin"), Err((Errno::ENOENT, 127, &not("plain"))));
    check("sub", path, Err((Errno::ENOENT, 127, &not("sub"))));
    check("app", None, Err((Errno::ENOENT, 127, &not("app"))));
    check("app --flag", path, Err((Errno::ENOENT, 127, &not("app --flag"))));
    check("app\r", path, Err((Errno::ENOENT, 127, &not("app\\r"))));
    check("", path, Err((Errno::ENOENT, 127, &not(""))));
}

#[test]
fn relative_elements_of_path_are_refused() {
    let refused = "exec: \"here\": cannot run executable found relative to current directory";
    check("here", Some(".:/work"), Err((Errno::ENOENT, 128, refused)));
    check("here", Some("/bin::/work"), Err((Errno::ENOENT, 128, refused)));
    check("here", Some("/work:."), Ok("/work/here"));
    check("app", Some("./x:/usr/../usr//bin"), Ok("/usr/bin/app"));
}

#[test]
fn paths() {
    let path = Some("/usr/bin");
    let stat = |path: &str, text: &str| format!("exec: \"{path}\": stat {path}: {text}");
    check("./here", path, Ok("./here"));
    check("/usr/bin/plain", path, Err((Errno::EACCES, 126, "exec: \"/usr/bin/plain\": permission denied")));
    check("/usr/bin/sub", path, Err((Errno::EACCES, 126, "exec: \"/usr/bin/sub\": is a directory")));
    check("/no", path, Err((Errno::ENOENT, 127, &stat("/no", "no such file or directory"))));
    check("/usr/bin/app/x", path, Err((Errno::ENOTDIR, 127, &stat("/usr/bin/app/x", "not a directory"))));
    let text = "too many levels of symbolic links";
    check("/loop", path, Err((Errno::ELOOP, 128, &stat("/loop", text))));
    check("/root/secret", path, Err((Errno::EACCES, 126, "exec: \"/root/secret\": permission denied")));
}

/// The same name for the runtimes before today's.
fn by(runtime: Runtime, argv0: &str, path: &str) -> Result<String, String> {
    let user = Credentials::container(1000, 1000, vec![], DOCKER_DEFAULT);
    let name = Name { argv0: argv0.as_bytes(), path_variable: Some(path.as_bytes()), cwd: b"/work" };
    let answer = runtime.find_program(&tree(), &user, &name, &mut ()).unwrap();
    answer.map(|path| String::from_utf8(path).unwrap()).map_err(|missed| missed.message)
}

#[test]
fn runc_of_older_days() {
    let v1_1 = Runtime::Runc(Runc::V1_1, Go::V1_19);
    let v1_0 = Runtime::Runc(Runc::UpTo1_0, Go::UpTo1_18);
    assert_eq!(by(v1_0, "here", ".:/work"), Ok("here".into()), "a relative element was taken");
    let refused = "exec: \"here\": cannot run executable found relative to current directory";
    assert_eq!(by(v1_1, "here", ".:/work"), Err(refused.into()));
    assert_eq!(by(v1_0, "/usr/bin/sub", ""), Err("exec: \"/usr/bin/sub\": permission denied".into()));
    assert_eq!(by(v1_0, "theirs", "/usr/bin"), Ok("/usr/bin/theirs".into()), "any x bit will do");
    assert_eq!(by(v1_1, "theirs", "/usr/bin"), Err("exec /usr/bin/theirs: permission denied".into()));
    assert_eq!(by(Runtime::RUNC, "theirs", "/usr/bin:/bin"), Ok("/bin/theirs".into()));
}

#[test]
fn crun() {
    let old = Runtime::Crun(Crun::UpTo1_20);
    assert_eq!(
        by(Runtime::CRUN, "here", ":/bin"),
        Ok("here".into()),
        "an empty element is the working directory"
    );
    let missing = "executable file `here` not found in $PATH: No such file or directory";
    assert_eq!(by(Runtime::CRUN, "here", "/bin"), Err(missing.into()));
    assert_eq!(by(old, "here", ":/bin"), Err(missing.into()), "an empty element is the root");
    assert_eq!(by(old, "theirs", "/usr/bin"), Ok("/usr/bin/theirs".into()), "root looks, and may");
    let text = "the path `/usr/bin/plain` exists but it is not executable: Operation not permitted";
    assert_eq!(by(Runtime::CRUN, "/usr/bin/plain", ""), Err(text.into()));
    assert_eq!(by(old, "/usr/bin/plain", ""), Err("open executable: Permission denied".into()));
    let text = "the path `/usr/bin/sub` is not a regular file: Operation not permitted";
    assert_eq!(by(Runtime::CRUN, "/usr/bin/sub", ""), Err(text.into()));
    assert_eq!(by(Runtime::CRUN, "./here", ""), Ok("/work/./here".into()));
}

#[test]
fn working_directories() {
    let tree = tree().link("/new", "/made");
    let enter = |cwd: &str| {
        working_directory(&tree, cwd.as_bytes()).unwrap().map_err(|refusal| refusal.errno.unwrap())
    };
    for fine in ["/", "/work", "/missing", "/new", "/usr/bin/..", "/work/."] {
        assert_eq!(enter(fine), Ok(()), "{fine}");
    }
    assert_eq!(enter("/usr/bin/app"), Err(Errno::ENOTDIR));
    assert_eq!(enter("/usr/bin/app/below"), Err(Errno::ENOTDIR));
    assert_eq!(enter("/loop"), Err(Errno::ELOOP));
}
