//! Images, built by the Engine out of `FROM scratch` and pushed to the lab's registry.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::busybox;
use super::emulation;
use super::engine;
use super::indexes::{self, Child};
use super::state::{Folder, State};
use crate::debian::Architecture;
use crate::repository::Repository;
use crate::{Result, command};

/// What an image holds.
#[derive(Clone)]
pub(super) struct Image {
    /// What its configuration says that it is for.
    pub(super) label: Architecture,
    /// What its busybox is for.
    pub(super) busybox: Architecture,
    /// Whether this machine runs its programs though they are for another one: see [`super::emulation`].
    pub(super) emulated: bool,
    /// The file `/app`, if there is one.
    pub(super) app: Option<App>,
    /// Its `CMD`.
    pub(super) command: &'static [&'static str],
}

/// The file `/app`.
#[derive(Clone)]
pub(super) struct App {
    pub(super) content: Content,
    pub(super) mode: u32,
}

/// The bytes of a file.
#[derive(Clone)]
pub(super) enum Content {
    Bytes(Vec<u8>),
    /// A good program that somebody forgot to unpack.
    Gzip,
}

/// Where images are made.
pub(super) struct Workshop<'lab> {
    folder: &'lab Folder,
    docker_host: &'lab str,
    registry: String,
}

impl<'lab> Workshop<'lab> {
    /// A workshop of a lab that is up.
    pub(super) fn new(folder: &'lab Folder, state: &'lab State) -> Result<Self> {
        Ok(Self { folder, docker_host: state.docker_host()?, registry: state.registry_address()? })
    }

    /// `127.0.0.1:PORT/name:tag`.
    pub(super) fn reference(&self, name: &str, tag: &str) -> String {
        format!("{}/{name}:{tag}", self.registry)
    }

    /// A repository of the registry.
    pub(super) fn repository(&self, name: &str) -> Repository {
        Repository::new(&self.registry, name)
    }

    /// Builds an image and pushes it. The Engine forgets it, so that whoever runs it really pulls it.
    pub(super) fn publish(&self, image: &Image, name: &str, tag: &str) -> Result<()> {
        let context = self.folder.running("context")?;
        if context.exists() {
            fs::remove_dir_all(&context)?;
        }
        self.lay_out(image, &context)?;
        let reference = self.reference(name, tag);
        let platform = format!("linux/{}", image.label.name());
        self.docker(&[
            "build",
            "--quiet",
            "--platform",
            &platform,
            "--tag",
            &reference,
            &context.to_string_lossy(),
        ])?;
        self.docker(&["push", "--quiet", &reference])?;
        self.docker(&["rmi", "--force", &reference])
    }

    /// Publishes a good image for each architecture and describes them for an index.
    pub(super) fn publish_children(&self, name: &str, architectures: &[Architecture]) -> Result<Vec<Child>> {
        let child = |&architecture: &Architecture| {
            let image = Image {
                label: architecture,
                busybox: architecture,
                emulated: false,
                app: None,
                command: super::scenarios::SLEEP,
            };
            self.publish(&image, name, architecture.name())?;
            indexes::child(&self.repository(name), architecture.name(), architecture)
        };
        architectures.iter().map(child).collect()
    }

    fn docker(&self, arguments: &[&str]) -> Result<()> {
        command::output(engine::docker(self.docker_host).args(arguments)).map(drop)
    }

    fn lay_out(&self, image: &Image, context: &Path) -> Result<()> {
        let programs = context.join("rootfs/bin");
        fs::create_dir_all(&programs)?;
        let busybox = busybox::fetch(self.folder, image.busybox)?;
        fs::copy(&busybox, programs.join("busybox"))?;
        if image.emulated {
            fs::write(programs.join("busybox"), emulation::marked(fs::read(&busybox)?))?;
        }
        for name in ["sh", "sleep"] {
            symlink("busybox", programs.join(name))?;
        }
        if let Some(app) = &image.app {
            let path = context.join("app");
            fs::write(&path, app.content.bytes(busybox)?)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(app.mode))?;
        }
        Ok(fs::write(context.join("Dockerfile"), image.dockerfile())?)
    }
}

impl Image {
    fn dockerfile(&self) -> String {
        let app = if self.app.is_some() { "COPY app /app\n" } else { "" };
        format!("FROM scratch\nCOPY rootfs/ /\n{app}CMD {}\n", serde_json::json!(self.command))
    }
}

impl Content {
    fn bytes(&self, busybox: PathBuf) -> Result<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::Gzip => {
                let packed = Command::new("gzip").args(["--stdout", "--no-name"]).arg(busybox).output()?;
                Ok(packed.stdout)
            }
        }
    }
}
