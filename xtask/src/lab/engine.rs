//! The Docker Engine: the one that answers, or one of our own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::state::{Engine, Folder, State};
use crate::daemon::Daemon;
use crate::{Result, command, mounts};

/// `MiniStack` restarts a crash loop at once, five times a second, which would eat the machine; ECS waits for longer.
const RUNTIME: &str = "#!/bin/sh\ncase \" $* \" in *' create '*) sleep 1 ;; esac\nexec runc \"$@\"\n";

/// A Docker client that asks `host`, builds with the Engine's own builder and reads nobody's settings.
pub(super) fn docker(host: &str) -> Command {
    let mut docker = Command::new("docker");
    docker.env("PATH", command::search_path()).env("DOCKER_HOST", host).env("DOCKER_BUILDKIT", "0");
    docker.env("DOCKER_CONFIG", "/nonexistent").env_remove("DOCKER_CONTEXT");
    docker
}

/// Whether an Engine answers there.
pub(super) fn answers(host: &str) -> bool {
    command::output(docker(host).args(["version", "--format", "{{.Server.Version}}"])).is_ok()
}

/// The Engine that is there without us.
pub(super) fn answering() -> Option<String> {
    let ordinary = "unix:///var/run/docker.sock".to_owned();
    [std::env::var("DOCKER_HOST").ok(), Some(ordinary)].into_iter().flatten().find(|host| answers(host))
}

/// Uses the Engine that answers, or starts one.
pub(super) fn start(folder: &Folder, state: &mut State) -> Result<()> {
    if let Some(host) = answering() {
        state.engine = Some(Engine { host, own: None });
        return state.save();
    }
    let socket = folder.running("docker.sock")?;
    let host = format!("unix://{}", socket.display());
    let runtime = folder.running("unhurried-runc")?;
    fs::write(&runtime, RUNTIME)?;
    fs::set_permissions(&runtime, fs::Permissions::from_mode(0o755))?;
    let settings = folder.running("engine.json")?;
    fs::write(&settings, serde_json::to_vec_pretty(&configuration(folder, &host)?)?)?;
    let log = folder.running("engine.log")?;
    let mut program = Command::new("dockerd");
    program
        .arg("--config-file")
        .arg(settings)
        .env("PATH", command::search_path())
        .env("NO_PROXY", "127.0.0.1");
    let daemon = Daemon::start("Docker Engine", 0, &log, &mut program)?;
    state.engine = Some(Engine { host: host.clone(), own: Some(daemon.clone()) });
    state.save()?;
    daemon.wait_until(|| socket.exists() && answers(&host))
}

/// Containers of the lab need no network, so the machine's bridges and packet filters are left alone.
fn configuration(folder: &Folder, host: &str) -> Result<serde_json::Value> {
    Ok(json!({
        "data-root": folder.running("data")?,
        "exec-root": folder.running("exec")?,
        "pidfile": folder.running("engine.pid")?,
        "hosts": [host],
        "runtimes": { "unhurried": { "path": folder.running("unhurried-runc")? } },
        "default-runtime": "unhurried",
        "bridge": "none",
        "iptables": false,
        "ip6tables": false,
        "ip-forward": false,
        "ip-masq": false,
        "userland-proxy": false,
        // MiniStack gives every container the name host.docker.internal, and there is no bridge to take it from.
        "host-gateway-ip": "127.0.0.1",
        // A program that ignores SIGTERM must not hold up `down`.
        "shutdown-timeout": 2,
    }))
}

/// Stops our Engine; one that is not ours loses only the images of the lab's registry.
pub(super) fn stop(folder: &Folder, state: &mut State) -> Result<()> {
    let Some(engine) = &state.engine else { return Ok(()) };
    match &engine.own {
        Some(daemon) => {
            daemon.stop()?;
            end_orphans(&folder.running("exec")?)?;
            mounts::unmount_below(&folder.running("")?)?;
        }
        None => remove_images(state, &engine.host)?,
    }
    state.engine = None;
    state.save()
}

fn remove_images(state: &State, host: &str) -> Result<()> {
    let Ok(registry) = state.registry_address() else { return Ok(()) };
    let filter = format!("reference={registry}/*");
    let images = command::output(docker(host).args(["images", "-q", "--filter", &filter]))?;
    if images.trim().is_empty() {
        return Ok(());
    }
    command::output(docker(host).args(["rmi", "--force"]).args(images.split_whitespace())).map(drop)
}

/// A killed Engine leaves its containerd and their shims behind; all of them name our folder on their command line.
fn end_orphans(folder: &Path) -> Result<()> {
    let folder = folder.as_os_str().as_encoded_bytes();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let is_ours = line.starts_with(b"containerd") || line.starts_with(b"/usr/bin/containerd");
        if is_ours && line.windows(folder.len()).any(|window| window == folder) {
            kill(Pid::from_raw(pid), Signal::SIGKILL)?;
        }
    }
    Ok(())
}
