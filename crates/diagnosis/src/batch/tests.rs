use super::*;
use crate::fixture::{AMD64, ARM64, elf};
use execfit_kernel::tree::{Content, Inode, MemoryTree};
use serde_json::json;

fn tree() -> MemoryTree {
    let mut tree = MemoryTree::new()
        .file("/usr/bin/app", 0o755, &elf(AMD64))
        .file("/usr/bin/foreign", 0o755, &elf(ARM64))
        .file("/entry.sh", 0o755, b"#! bin/inner -e  -x \nexec")
        .file("/usr/bin/inner", 0o755, b"#!/usr/bin/app\n")
        .file("/odd", 0o755, b"#!/usr/bin/\xff\n")
        .file("/usr/bin/private", 0o700, &elf(AMD64))
        .file("/mnt/deep/app", 0o755, &elf(AMD64))
        .file("/mntx/app", 0o755, &elf(AMD64))
        .link("/bin", "usr/bin")
        .link("/volume", "mnt/deep/");
    tree.insert(b"/usr/bin/\xff", Inode::new(Content::File(elf(AMD64)), 0o755));
    tree
}

/// The answer to a question about [`tree`].
fn ask(mut question: Value) -> Value {
    question["root"] = json!("/somewhere");
    let open = |root: &str| if root == "/somewhere" { Ok(tree()) } else { Err(format!("no {root}")) };
    serde_json::to_value(reply(question.to_string().as_bytes(), open)).unwrap()
}

/// Outcome and errno, signal or program.
fn brief(question: Value) -> String {
    let answer = ask(question);
    let detail = ["errno", "signal", "program", "reason", "error"];
    let detail = detail.iter().find_map(|member| answer[member].as_str()).unwrap_or_default();
    format!("{} {detail}", answer["outcome"].as_str().unwrap_or("error"))
}

#[test]
fn what_starts_is_told_with_the_arguments_that_it_gets() {
    assert_eq!(
        ask(json!({"id": 7, "path": "entry.sh", "argv": ["gone", "a", ""]})),
        json!({
            "id": 7, "outcome": "starts", "errno": null, "blame": null, "program": "/usr/bin/app",
            "argv": ["/usr/bin/app", "bin/inner", "-e  -x", "entry.sh", "a", ""], "bits": 64,
        })
    );
    let bytes = ask(json!({"path": "/odd"}));
    let name = json!([47, 117, 115, 114, 47, 98, 105, 110, 47, 255]);
    assert_eq!((&bytes["program"], &bytes["argv"]), (&name, &json!([name, "/odd"])));
}

#[test]
fn a_call_without_arguments_gets_one() {
    let argv = |kernel| ask(json!({"path": "/bin/app", "host": {"kernel": kernel}}))["argv"].clone();
    assert_eq!((argv("5.10"), argv("6.12")), (json!([""]), json!([""])));
}

#[test]
fn a_path_is_given_as_it_is_and_a_name_is_looked_up() {
    assert_eq!(brief(json!({"path": "", "argv": ["app"]})), "errno ENOENT");
    assert_eq!(brief(json!({"path": "app", "argv": ["app"]})), "errno ENOENT");
    assert_eq!(brief(json!({"argv": ["app"]})), "starts /usr/bin/app");
    assert_eq!(brief(json!({"argv": ["app"], "env": ["PATH=/usr/bin"]})), "starts /usr/bin/app");
    assert_eq!(brief(json!({"argv": ["app"], "env": ["PATH=/usr/bin", "PATH=/none"]})), "errno ENOENT");
    assert_eq!(brief(json!({"argv": ["app"], "env": ["PATH="]})), "errno ENOENT");
    assert_eq!(brief(json!({"argv": ["./app"], "cwd": "/bin"})), "starts /usr/bin/app");
    assert_eq!(brief(json!({"argv": ["/usr/bin/private"], "uid": 1})), "errno EACCES");
    assert_eq!(ask(json!({"argv": ["nothing"]}))["blame"], "nothing");
}

#[test]
fn hosts() {
    let foreign = |host: Value| brief(json!({"path": "/bin/foreign", "host": host}));
    assert_eq!(foreign(json!({})), "errno ENOEXEC");
    for name in ["arm64", "aarch64"] {
        assert_eq!(foreign(json!({"architecture": name})), "starts /usr/bin/foreign");
    }
    assert_eq!(foreign(json!({"architecture": "arm64", "page_size": 16384})), "starts /usr/bin/foreign");
    assert!(foreign(json!({"page_size": 16384})).starts_with("error host.page_size"));
    assert!(foreign(json!({"kernel": "new"})).starts_with("error host.kernel"));
    assert!(foreign(json!({"architecture": "riscv64"})).starts_with("error unknown variant"));
    let slip = ask(json!({"path": "/bin/foreign", "user": 1, "uid": null, "host": {"compat": true}}));
    assert_eq!((&slip["errno"], &slip["ignored"]), (&json!("ENOEXEC"), &json!(["user", "host.compat"])));
}

#[test]
fn hosts_by_name_and_with_handlers() {
    let foreign = |host: Value| ask(json!({"path": "/bin/foreign", "argv": ["zero", "one"], "host": host}));
    let desktop = foreign(json!({"preset": "docker-desktop-intel"}));
    assert_eq!((&desktop["outcome"], &desktop["bits"]), (&json!("starts"), &Value::Null));
    assert_eq!(desktop["program"], "/usr/bin/qemu-aarch64");
    assert_eq!(desktop["argv"], json!(["/usr/bin/qemu-aarch64", "/bin/foreign", "zero", "one"]));
    // Without flag F the interpreter is the image's, and without P argv[0] is lost.
    let line = |flags: &str| format!(r":q:M:18:\xb7\x00::/usr/bin/app:{flags}");
    let inside = foreign(json!({"binfmt_misc": [line("")]}));
    assert_eq!((&inside["program"], &inside["bits"]), (&json!("/usr/bin/app"), &json!(64)));
    assert_eq!(inside["argv"], json!(["/usr/bin/app", "/bin/foreign", "one"]));
    let last = r":r:M:18:\xb7\x00::/none:";
    assert_eq!(foreign(json!({"binfmt_misc": [line(""), last]}))["blame"], "/none");
    assert_eq!(foreign(json!({"preset": "graviton4", "kernel": "5.10"}))["outcome"], "starts");
    let bad = |host: Value| foreign(host)["error"].as_str().unwrap_or_default().to_string();
    assert!(bad(json!({"preset": "graviton9"})).contains("graviton9"));
    assert!(bad(json!({"preset": "graviton2", "architecture": "x86_64"})).contains("x86_64"));
    assert!(bad(json!({"binfmt_misc": ["x"]})).contains("seven"));
    assert!(bad(json!({"isa": "armv8-a"})).contains("armv8-a"));
    assert_eq!(foreign(json!({"isa": "x86-64-v3"}))["errno"], "ENOEXEC");
}

#[test]
fn users_and_capabilities() {
    let private = |members: Value| {
        let mut question = json!({"path": "/bin/private"});
        question.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        brief(question)
    };
    let (yes, no) = ("starts /usr/bin/private", "errno EACCES");
    assert_eq!(private(json!({})), yes);
    assert_eq!(private(json!({"uid": 1000, "gid": 0, "groups": [0]})), no);
    // Capabilities of another user than root are not in effect.
    assert_eq!(private(json!({"uid": 1000, "capabilities": "full"})), no);
    assert!(private(json!({"capabilities": ["CAP_FLY"]})).starts_with("error capabilities"));
    assert!(private(json!({"capabilities": "all"})).starts_with("error"));
    // cap_net_admin+ep: not in Docker's set.
    let capable =
        json!({"/bin/private": {"security.capability": "0100000200100000000000000000000000000000"}});
    for (set, expected) in [
        (json!("docker"), "errno EPERM"),
        (json!("none"), "errno EPERM"),
        (json!("full"), yes),
        (json!(["CAP_NET_ADMIN"]), yes),
        (json!(["net_admin", "KILL"]), yes),
    ] {
        for no_new_privs in [false, true] {
            let members = json!({"xattr": capable, "capabilities": set, "no_new_privs": no_new_privs});
            assert_eq!(private(members), expected, "{set}");
        }
    }
    assert_eq!(private(json!({"xattr": {"/bin/private": {"security.capability": null}}})), yes);
    assert!(private(json!({"xattr": {"/bin/private": {"security.capability": "0g"}}})).starts_with("error"));
    assert_eq!(private(json!({"xattr": {"/bin/private": {"user.x": "00"}}})), yes);
}

#[test]
fn mounts_without_exec() {
    let app = |path: &str, noexec: Value| brief(json!({"path": path, "noexec": noexec}));
    assert_eq!(app("/mnt/deep/app", json!(["/mnt"])), "errno EACCES");
    assert_eq!(app("/mnt/deep/app", json!(["/mnt/"])), "errno EACCES");
    assert_eq!(app("/mnt/deep/app", json!(["/volume"])), "errno EACCES");
    assert_eq!(app("/mnt/deep/app", json!(["/mnt/deep/app"])), "errno EACCES");
    assert_eq!(app("/mntx/app", json!(["/"])), "errno EACCES");
    assert_eq!(app("/mntx/app", json!(["/mnt", "/none"])), "starts /mntx/app");
    assert!(app("/mntx/app", json!(["mnt"])).starts_with("error"));
}

#[test]
fn the_stack_bounds_the_arguments() {
    let long = "x".repeat(100_000);
    let answer = |stack: u64| brief(json!({"path": "/bin/app", "argv": [long, long], "stack_kb": stack}));
    assert_eq!(answer(8192), "starts /usr/bin/app");
    assert_eq!(answer(512), "errno E2BIG");
    assert_eq!(answer(u64::MAX), "starts /usr/bin/app");
}

/// A 32-bit arm program of the EABI, of one empty segment.
fn narrow() -> Vec<u8> {
    let mut bytes = vec![0; 52 + 32];
    bytes[..7].copy_from_slice(b"\x7fELF\x01\x01\x01");
    for (at, byte) in [(16, 2), (18, 40), (20, 1), (28, 52), (39, 5), (40, 52), (42, 32), (44, 1), (52, 4)] {
        bytes[at] = byte;
    }
    bytes
}

#[test]
fn unknown_is_said_with_its_reason() {
    let answer = |host: Value| {
        let question = json!({"root": "/", "path": "/app", "host": host}).to_string();
        let open = |_: &str| Ok(MemoryTree::new().file("/app", 0o755, &narrow()));
        serde_json::to_value(reply(question.as_bytes(), open)).unwrap()
    };
    for host in [json!({"architecture": "arm64"}), json!({"architecture": "arm64", "compat32": null})] {
        let unknown = answer(host);
        assert_eq!(unknown["outcome"], "unknown");
        assert!(unknown["reason"].as_str().unwrap().contains("32-bit"), "{unknown}");
    }
    let known = |compat32: bool| answer(json!({"architecture": "arm64", "compat32": compat32}));
    assert_eq!((&known(true)["outcome"], &known(true)["bits"]), (&json!("starts"), &json!(32)));
    assert_eq!(known(false)["errno"], "ENOEXEC");
}

#[test]
fn bad_questions() {
    let error = |line: &[u8]| {
        let reply = reply(line, |_| Err::<MemoryTree, _>("no such directory".to_string()));
        let Reply::Bad(bad) = reply else { panic!("{reply:?}") };
        (bad.id, bad.error)
    };
    assert_eq!(error(b"").0, Value::Null);
    assert_eq!(error(b"{\"id\": 1").0, Value::Null);
    assert_eq!(error(b"\xff{}").0, Value::Null);
    assert_eq!(error(b"[1]").0, Value::Null);
    assert_eq!(error(br#"{"id":"a","path":"/x"}"#).0, "a");
    assert!(error(br#"{"id":"a","path":"/x"}"#).1.contains("root"));
    assert!(error(br#"{"id":[1],"root":"/r","path":"/x","argv":"x"}"#).1.contains("sequence"));
    assert_eq!(error(br#"{"id":2,"root":"/r","path":"/x"}"#), (json!(2), "no such directory".into()));
    assert!(error(br#"{"root":"/r"}"#).1.contains("argv[0]"));
    assert!(error(br#"{"root":"/r","path":"/x\u0000"}"#).1.contains("NUL"));
    assert!(error(br#"{"root":"/r","path":"/x","cwd":"bin"}"#).1.contains("absolute"));
    assert!(error(br#"{"root":"/r","path":"/x","uid":-1}"#).1.contains("u32"));
}
