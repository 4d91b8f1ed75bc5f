//! What the lab has started: its folder and the list of its processes and ports.

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::command::workspace;
use crate::daemon::Daemon;

/// The longest path that fits into a Unix socket's address, less the longest name below the folder.
const LONGEST: usize = 107 - "/run/exec/containerd/containerd-debug.sock".len();

/// The folder of the lab: `run` is gone after `down`, the rest is kept.
pub(super) struct Folder {
    root: PathBuf,
    run: PathBuf,
}

impl Folder {
    /// Finds the folder and makes it.
    pub(super) fn open() -> Result<Self> {
        let root = env::var_os("EXECFIT_LAB_DIR").map_or_else(|| workspace().join(".lab"), PathBuf::from);
        fs::create_dir_all(&root)?;
        let root = root.canonicalize()?;
        let run = running_folder(&root);
        Ok(Self { root, run })
    }

    /// A path below the part that is kept.
    pub(super) fn kept(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A path below the part that `down` removes.
    pub(super) fn running(&self, name: &str) -> Result<PathBuf> {
        fs::create_dir_all(&self.run)?;
        Ok(self.run.join(name))
    }

    fn state(&self) -> PathBuf {
        self.root.join("state.json")
    }

    /// Removes the data of a stopped lab.
    pub(super) fn clear(&self) -> Result<()> {
        for path in [self.state(), self.run.clone()] {
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            if let Err(error) = removed
                && error.kind() != std::io::ErrorKind::NotFound
            {
                return Err(format!("cannot remove {}: {error}", path.display()).into());
            }
        }
        Ok(())
    }
}

/// Sockets live in the running part: where the lab's own path is too long for them, it moves to the temporary folder.
fn running_folder(root: &Path) -> PathBuf {
    if root.as_os_str().len() <= LONGEST {
        return root.join("run");
    }
    let digest = crate::repository::digest(root.as_os_str().as_encoded_bytes());
    env::temp_dir().join(format!("execfit-lab-{}", &digest["sha256:".len()..][..12]))
}

/// What runs. It is written down after each step, so that a half-started lab can be cleared away.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct State {
    #[serde(skip)]
    file: PathBuf,
    pub(super) engine: Option<Engine>,
    pub(super) registry: Option<Daemon>,
    pub(super) ministack: Option<Daemon>,
    pub(super) auth: Option<Daemon>,
    pub(super) key: Option<AccessKey>,
    /// The handler of `binfmt_misc` that was switched on.
    #[serde(default)]
    pub(super) emulation: Option<PathBuf>,
}

/// The Docker Engine in use.
#[derive(Serialize, Deserialize)]
pub(super) struct Engine {
    /// `unix:///...`, as `DOCKER_HOST` has it.
    pub(super) host: String,
    /// Its process, if the lab started it.
    pub(super) own: Option<Daemon>,
}

/// A key of a user who may not do everything.
#[derive(Serialize, Deserialize)]
pub(super) struct AccessKey {
    pub(super) id: String,
    pub(super) secret: String,
}

impl State {
    /// Reads what was started; nothing if nothing was.
    pub(super) fn load(folder: &Folder) -> Result<Self> {
        let file = folder.state();
        let state: Self = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(_) => Self::default(),
        };
        Ok(Self { file, ..state })
    }

    /// Writes down what was started.
    pub(super) fn save(&self) -> Result<()> {
        Ok(fs::write(&self.file, serde_json::to_vec_pretty(self)?)?)
    }

    /// Whether nothing was started.
    pub(super) fn is_empty(&self) -> bool {
        self.engine.is_none() && self.emulation.is_none() && self.daemons().next().is_none()
    }

    /// Whether everything was started and still runs.
    pub(super) fn is_up(&self) -> bool {
        let engine = self.engine.as_ref().is_some_and(|engine| super::engine::answers(&engine.host));
        engine && self.key.is_some() && self.daemons().count() == 3 && self.daemons().all(Daemon::runs)
    }

    fn daemons(&self) -> impl Iterator<Item = &Daemon> {
        [&self.registry, &self.ministack, &self.auth].into_iter().flatten()
    }

    /// Where the Docker Engine listens.
    pub(super) fn docker_host(&self) -> Result<&str> {
        Ok(self.engine.as_ref().ok_or("the lab has no Docker Engine")?.host.as_str())
    }

    /// `127.0.0.1:PORT` of the registry.
    pub(super) fn registry_address(&self) -> Result<String> {
        Ok(self.registry.as_ref().ok_or("the lab has no registry")?.address())
    }

    /// `http://127.0.0.1:PORT` of the ECS emulator.
    pub(super) fn endpoint(&self) -> Result<String> {
        Ok(format!("http://{}", self.ministack.as_ref().ok_or("the lab has no MiniStack")?.address()))
    }

    /// `http://127.0.0.1:PORT` of the emulator that checks signatures and policies.
    pub(super) fn auth_endpoint(&self) -> Result<String> {
        Ok(format!("http://{}", self.auth.as_ref().ok_or("the lab has no MiniStack with AUTH")?.address()))
    }

    /// One line about what runs where.
    pub(super) fn summary(&self) -> String {
        let mut parts = Vec::new();
        if let Some(engine) = &self.engine {
            let whose = if engine.own.is_some() { "own" } else { "not ours, it stays" };
            parts.push(format!("Docker Engine at {} ({whose})", engine.host));
        }
        parts.extend(self.daemons().map(|daemon| format!("{} at {}", daemon.name, daemon.address())));
        parts.join(", ")
    }
}
