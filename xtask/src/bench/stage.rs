//! Fetches what a layer brings, and lays it out in a folder.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::recipe::{LEFT_OUT, Layer, Part};
use crate::debian::{self, Architecture, Archive};
use crate::{Result, command};

/// Debian's root folder links these below `/usr`.
const MERGED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

/// Lays out the layers of one image, one after another.
pub(super) struct Stage {
    folder: PathBuf,
    architecture: Architecture,
    archive: Archive,
    /// The Debian packages asked for so far, and the files that they brought.
    asked: Vec<&'static str>,
    brought: BTreeSet<PathBuf>,
    layers: usize,
}

impl Stage {
    /// A stage in a folder of its own, with the downloads.
    pub(super) fn open(folder: &Path, architecture: Architecture) -> Result<Self> {
        let archive = Archive::open(&folder.join(format!("debian-{}", architecture.name())), architecture)?;
        let folder = folder.canonicalize()?;
        Ok(Self { folder, architecture, archive, asked: Vec::new(), brought: BTreeSet::new(), layers: 0 })
    }

    /// Lays the next layer out; the folder is the caller's to remove.
    pub(super) fn lay_out(&mut self, layer: &Layer) -> Result<PathBuf> {
        let root = self.folder.join("layer");
        if root.exists() {
            fs::remove_dir_all(&root)?;
        }
        fs::create_dir_all(root.join("usr"))?;
        for name in MERGED {
            fs::create_dir_all(root.join("usr").join(name))?;
            symlink(format!("usr/{name}"), root.join(name))?;
        }
        for part in layer.parts {
            self.bring(part, &root)?;
        }
        for name in MERGED {
            // Only the lowest layer has the links; a folder that nothing was put into belongs to no layer.
            if self.layers > 0 {
                fs::remove_file(root.join(name))?;
                drop(fs::remove_dir(root.join("usr").join(name)));
            }
        }
        drop(fs::remove_dir(root.join("usr")));
        self.layers += 1;
        Ok(root)
    }

    fn bring(&mut self, part: &Part, root: &Path) -> Result<()> {
        match part {
            Part::Debian(packages) => self.bring_debian(packages, root),
            Part::Wheels(packages) => self.bring_wheels(packages, root),
            Part::Npm(packages) => {
                packages.iter().try_for_each(|(package, to)| self.bring_npm(package, &below(root, to)))
            }
            Part::FileOfNpm { package, file, to } => {
                let unpacked = self.folder.join("npm-package");
                self.bring_npm(package, &unpacked)?;
                let to = below(root, to);
                fs::create_dir_all(to.parent().ok_or("no folder")?)?;
                fs::copy(unpacked.join(file), to)?;
                Ok(fs::remove_dir_all(unpacked)?)
            }
            Part::Script { path, text } => {
                let path = below(root, path);
                fs::create_dir_all(path.parent().ok_or("no folder")?)?;
                fs::write(&path, text)?;
                Ok(fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?)
            }
        }
    }

    fn bring_debian(&mut self, packages: &[&'static str], root: &Path) -> Result<()> {
        self.asked.extend(packages);
        for package in self.archive.download_with_dependencies(&self.asked)? {
            if self.brought.insert(package.clone()) {
                debian::unpack(&package, root, LEFT_OUT)?;
            }
        }
        Ok(())
    }

    fn bring_wheels(&self, packages: &[&str], root: &Path) -> Result<()> {
        let wheels = self.folder.join("wheels");
        let machine = match self.architecture {
            Architecture::Amd64 => "x86_64",
            Architecture::Arm64 => "aarch64",
        };
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]);
        pip.args(["--python-version", "3.11", "--implementation", "cp"]);
        for glibc in ["manylinux2014", "manylinux_2_17", "manylinux_2_27", "manylinux_2_28"] {
            pip.arg("--platform").arg(format!("{glibc}_{machine}"));
        }
        command::output(pip.arg("--dest").arg(&wheels).args(packages))?;
        let to = root.join("opt/python");
        for wheel in fs::read_dir(&wheels)?.flatten() {
            let mut unpack = Command::new("python3");
            command::output(unpack.args(["-m", "zipfile", "-e"]).arg(wheel.path()).arg(&to))?;
        }
        Ok(fs::remove_dir_all(wheels)?)
    }

    fn bring_npm(&self, package: &str, to: &Path) -> Result<()> {
        let tarballs = self.folder.join("npm");
        fs::create_dir_all(&tarballs)?;
        let mut npm = Command::new("npm");
        npm.args(["pack", "--silent", package, "--pack-destination"]).arg(&tarballs);
        command::output(npm.current_dir(&tarballs))?;
        fs::create_dir_all(to)?;
        for tarball in fs::read_dir(&tarballs)?.flatten() {
            let mut tar = Command::new("tar");
            tar.args(["-x", "--strip-components=1", "--no-same-owner", "-f"]).arg(tarball.path());
            command::output(tar.arg("-C").arg(to))?;
        }
        Ok(fs::remove_dir_all(tarballs)?)
    }
}

fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}
