//! An OCI bundle on disk, and a runtime that runs it.

use execfit_kernel::runtime::Runtime;
use execfit_kernel::tree::{Content, Inode, MemoryTree};
use nix::sys::stat::Mode;
use nix::unistd::{Uid, mkfifo};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::Command;

/// What a runtime printed, and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) text: String,
    pub(crate) exit_code: i32,
}

pub(crate) struct Bundle {
    directory: tempfile::TempDir,
    runtime: String,
}

/// crun refuses a hybrid hierarchy of cgroups: it is shown a plain one.
const PLAIN_CGROUPS: &str =
    "umount -l /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 none /sys/fs/cgroup && exec \"$@\"";

impl Bundle {
    /// A bundle with these files, and the version of the runtime; or why there is none.
    pub(crate) fn new(runtime: &str, tree: &MemoryTree) -> Result<(Bundle, Runtime), String> {
        if !Uid::effective().is_root() {
            return Err("it needs root".into());
        }
        let version = version(runtime)?;
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let root = directory.path().join("rootfs");
        for directory in ["proc", "dev", "sys"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        for (path, inode) in tree.iter() {
            make(&root.join(OsStr::from_bytes(path.strip_prefix(b"/").unwrap())), inode);
        }
        let bundle = Bundle { directory, runtime: runtime.into() };
        let probe = bundle.run("/no/such", None, "/", 0, 0).text;
        if probe.contains("/no/such") { Ok((bundle, version)) } else { Err(probe) }
    }

    /// Runs a container and waits for its end.
    pub(crate) fn run(&self, argv0: &str, path: Option<&str>, cwd: &str, uid: u32, gid: u32) -> Seen {
        let config = config(argv0, path, cwd, uid, gid);
        fs::write(self.directory.path().join("config.json"), config).unwrap();
        let place = self.directory.path().file_name().unwrap_or_default().to_string_lossy();
        let id = format!("execfit-{}", place.trim_start_matches('.'));
        let mut command = Command::new("unshare");
        command.args([
            "-m",
            "sh",
            "-c",
            if self.runtime == "crun" { PLAIN_CGROUPS } else { "exec \"$@\"" },
            "sh",
        ]);
        command.arg(&self.runtime);
        if self.runtime == "crun" {
            command.arg("--cgroup-manager=disabled");
        }
        let output = command.args(["run", &id]).current_dir(self.directory.path()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        Seen { text: own_words(text.trim_end_matches('\n')), exit_code: output.status.code().unwrap_or(-1) }
    }
}

/// What a runtime says, without the words that it puts before every error.
fn own_words(text: &str) -> String {
    let Some((_, message)) = text.split_once("msg=\"") else { return text.into() };
    let message = message.trim_end_matches('"').replace("\\\"", "\"").replace("\\\\", "\\");
    let start = "unable to start container process: ";
    let own = message.split_once(start).map_or(message.as_str(), |(_, own)| own);
    own.trim_start_matches("error during container init: ").into()
}

fn version(runtime: &str) -> Result<Runtime, String> {
    let output =
        Command::new(runtime).arg("--version").output().map_err(|_| "it is not installed".to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.lines().next().and_then(|line| line.split(' ').next_back()).unwrap_or_default();
    let go = text.lines().find_map(|line| line.strip_prefix("go: "));
    Runtime::of_version(runtime, version, go).ok_or(format!("its version is not known: {text}"))
}

fn make(place: &Path, inode: &Inode) {
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    match &inode.content {
        Content::Directory => fs::create_dir_all(place).unwrap(),
        Content::File(bytes) => fs::write(place, bytes).unwrap(),
        Content::Symlink(target) => return symlink(OsStr::from_bytes(target), place).unwrap(),
        _ => mkfifo(place, Mode::S_IRWXU).unwrap(),
    }
    chown(place, Some(inode.uid), Some(inode.gid)).unwrap();
    fs::set_permissions(place, fs::Permissions::from_mode(inode.mode)).unwrap();
}

/// The runtime specification's `config.json`, with the capabilities that Docker gives.
fn config(argv0: &str, path: Option<&str>, cwd: &str, uid: u32, gid: u32) -> String {
    let env = path.map(|path| format!("{:?}", format!("PATH={path}"))).unwrap_or_default();
    let capabilities = [
        "CHOWN",
        "DAC_OVERRIDE",
        "FSETID",
        "FOWNER",
        "MKNOD",
        "NET_RAW",
        "SETGID",
        "SETUID",
        "SETFCAP",
        "SETPCAP",
        "NET_BIND_SERVICE",
        "SYS_CHROOT",
        "KILL",
        "AUDIT_WRITE",
    ];
    let all = capabilities.map(|name| format!("\"CAP_{name}\"")).join(",");
    let effective = if uid == 0 { all.as_str() } else { "" };
    let argv0 = json(argv0);
    let cwd = json(cwd);
    format!(
        r#"{{"ociVersion":"1.0.2","root":{{"path":"rootfs"}},"process":{{"terminal":false,
        "user":{{"uid":{uid},"gid":{gid},"additionalGids":[{gid}]}},"args":[{argv0}],"env":[{env}],"cwd":{cwd},
        "capabilities":{{"bounding":[{all}],"permitted":[{effective}],"effective":[{effective}]}}}},
        "mounts":[{{"destination":"/proc","type":"proc","source":"proc"}}],
        "linux":{{"namespaces":[{{"type":"pid"}},{{"type":"mount"}},{{"type":"ipc"}},{{"type":"uts"}}]}}}}"#
    )
}

fn json(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\r', "\\r");
    format!("\"{escaped}\"")
}
