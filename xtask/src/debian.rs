//! Debian's packages for either architecture, with package lists of their own: the machine needs no foreign
//! architecture added, and nothing is installed on it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Result, command};

/// The two architectures, by Debian's and Docker's common name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Architecture {
    Amd64,
    Arm64,
}

impl Architecture {
    /// `amd64` or `arm64`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// The archive that this machine's sources name, as a machine of one architecture with nothing installed sees it.
pub(crate) struct Archive {
    folder: PathBuf,
    architecture: Architecture,
}

impl Archive {
    /// Fetches the package lists into a folder.
    pub(crate) fn open(folder: &Path, architecture: Architecture) -> Result<Self> {
        for name in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(name))?;
        }
        let archive = Self { folder: folder.canonicalize()?, architecture };
        archive.apt(&["update"])?;
        Ok(archive)
    }

    /// Downloads these packages, and no others.
    pub(crate) fn download(&self, packages: &[&str]) -> Result<Vec<PathBuf>> {
        let names: Vec<String> =
            packages.iter().map(|name| format!("{name}:{}", self.architecture.name())).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.apt(&[&["download"], &names[..]].concat())?;
        let files = fs::read_dir(&self.folder)?.flatten().map(|entry| entry.path());
        Ok(files.filter(|path| path.extension().is_some_and(|extension| extension == "deb")).collect())
    }

    /// Downloads these packages with all that they depend on; returns all of it.
    pub(crate) fn download_with_dependencies(&self, packages: &[&str]) -> Result<BTreeSet<PathBuf>> {
        let install = [&["install", "-y", "--no-install-recommends"], packages].concat();
        let told = self.apt(&[&["--print-uris"], &install[..]].concat())?;
        let archives = self.folder.join("cache/archives");
        let wanted = told.lines().filter_map(package_file).map(|name| archives.join(name)).collect();
        self.apt(&[&["--download-only"], &install[..]].concat())?;
        Ok(wanted)
    }

    fn apt(&self, arguments: &[&str]) -> Result<String> {
        let option = |name: &str, value: &str| format!("-o{name}={value}");
        let path = |name: &str| self.folder.join(name).display().to_string();
        let name = self.architecture.name();
        let mut apt = Command::new("apt-get");
        apt.current_dir(&self.folder).env("DEBIAN_FRONTEND", "noninteractive").arg("-q");
        apt.arg(option("APT::Architecture", name)).arg(option("APT::Architectures", name));
        apt.arg(option("Dir::State", &path("state"))).arg(option("Dir::State::status", "/dev/null"));
        apt.arg(option("Dir::Cache", &path("cache"))).arg(option("APT::Sandbox::User", "root"));
        // A machine's further sources must not bring other packages under the same names.
        if let Some(release) = release() {
            apt.arg(option("APT::Default-Release", &release));
        }
        command::output(apt.args(arguments))
    }
}

/// Lays a package's files out in a folder; a link to a folder that is there already is kept.
pub(crate) fn unpack(package: &Path, folder: &Path, without: &[&str]) -> Result<()> {
    let exclude = without.iter().map(|path| format!("--exclude='{path}' ")).collect::<String>();
    let script = format!(
        "dpkg-deb --fsys-tarfile \"$0\" | tar -x {exclude}--keep-directory-symlink --no-same-owner -C \"$1\""
    );
    let mut shell = Command::new("bash");
    command::output(shell.args(["-o", "pipefail", "-c", &script]).args([package, folder])).map(drop)
}

/// `'URL' FILE SIZE HASH`: apt names the file so in its cache.
fn package_file(line: &str) -> Option<&str> {
    line.strip_prefix('\'')?.split_whitespace().nth(1).filter(|name| name.ends_with(".deb"))
}

/// The code name of this machine's Debian.
fn release() -> Option<String> {
    let about = fs::read_to_string("/etc/os-release").ok()?;
    let line = about.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    Some(line.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_in_the_cache_is_told_after_the_address() {
        let line = "'http://mirror/pool/main/l/libc6_2.36%2b1_arm64.deb' libc6_2.36+1_arm64.deb 23 MD5Sum:0";
        assert_eq!(package_file(line), Some("libc6_2.36+1_arm64.deb"));
        assert_eq!(package_file("Reading package lists..."), None);
    }
}
