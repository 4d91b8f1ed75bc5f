//! Platforms (OCI image-spec image-index.md, `platform`) and which manifest a host would choose.
//!
//! Spelling follows containerd's `platforms` package (`database.go`, `normalizeArch`), the choice each runtime's own
//! code: there is no single rule that is right for all.

use crate::index::Entry;
use execfit_kernel::host;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An operating system in OCI's (Go's) words, e.g. `linux`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Os(pub String);

/// A processor architecture in OCI's (Go's) words, e.g. `arm64`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Architecture(pub String);

/// A platform as OCI has it: `os/architecture[/variant]`. Not to be confused with ECS's `runtimePlatform`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// Operating system.
    pub os: Os,
    /// Architecture.
    pub architecture: Architecture,
    /// Variant, e.g. `v8`; empty where there is none.
    pub variant: String,
}

/// A text that is no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no platform: expected os/architecture[/variant], e.g. linux/arm64")]
pub struct InvalidPlatform(pub String);

impl Platform {
    /// A platform of these words, as they are.
    pub fn new(os: &str, architecture: &str, variant: &str) -> Platform {
        Platform {
            os: Os(os.into()),
            architecture: Architecture(architecture.into()),
            variant: variant.into(),
        }
    }

    /// Linux on a host of this architecture.
    pub fn linux(architecture: host::Architecture) -> Platform {
        let name = match architecture {
            host::Architecture::X86_64 => "amd64",
            host::Architecture::Arm64 => "arm64",
        };
        Platform::new("linux", name, "")
    }

    /// The same in canonical spelling (containerd `platforms/database.go`, `normalizeOS` and `normalizeArch`).
    pub fn normalized(&self) -> Platform {
        let os = match self.os.0.to_ascii_lowercase().as_str() {
            "macos" => "darwin".to_string(),
            other => other.to_string(),
        };
        let architecture = self.architecture.0.to_ascii_lowercase();
        let variant = self.variant.to_ascii_lowercase();
        let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
            ("i386", _) => ("386", String::new()),
            ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", String::new()),
            ("x86_64" | "x86-64" | "amd64", _) => ("amd64", variant),
            ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", String::new()),
            ("aarch64" | "arm64", "9" | "9.0" | "v9.0") => ("arm64", "v9".into()),
            ("aarch64" | "arm64", _) => ("arm64", variant),
            ("armhf", _) => ("arm", "v7".into()),
            ("armel", _) => ("arm", "v6".into()),
            ("arm", "" | "7") => ("arm", "v7".into()),
            ("arm", "5" | "6" | "8") => ("arm", format!("v{variant}")),
            (other, _) => (other, variant),
        };
        Platform { os: Os(os), architecture: Architecture(architecture.into()), variant }
    }

    /// The kernel that runs such programs, where it is one that we model; `None` for other systems and machines.
    pub fn host_architecture(&self) -> Option<host::Architecture> {
        let normal = self.normalized();
        match (normal.os.0.as_str(), normal.architecture.0.as_str()) {
            ("linux", "amd64" | "386") => Some(host::Architecture::X86_64),
            ("linux", "arm64") => Some(host::Architecture::Arm64),
            _ => None,
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os.0, self.architecture.0)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

impl FromStr for Platform {
    type Err = InvalidPlatform;

    /// Reads `os/architecture[/variant]`, or an architecture alone, which is then Linux; spelled canonically.
    fn from_str(text: &str) -> Result<Platform, InvalidPlatform> {
        let invalid = || InvalidPlatform(text.chars().take(200).flat_map(char::escape_default).collect());
        let fits = |part: &str| {
            let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
            !part.is_empty() && part.bytes().all(word)
        };
        let parts: Vec<&str> = text.split('/').collect();
        if !parts.iter().all(|part| fits(part)) {
            return Err(invalid());
        }
        match parts[..] {
            [architecture] => {
                let platform = Platform::new("linux", architecture, "").normalized();
                if platform.host_architecture().is_some() { Ok(platform) } else { Err(invalid()) }
            }
            [os, architecture] => Ok(Platform::new(os, architecture, "").normalized()),
            [os, architecture, variant] => Ok(Platform::new(os, architecture, variant).normalized()),
            _ => Err(invalid()),
        }
    }
}

/// Whose rules choose among the manifests of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Runtime {
    /// containerd with the matcher of its own host (`platforms.Only`): AWS Fargate, EKS.
    Containerd,
    /// containerd asked for just one platform (`platforms.OnlyStrict`), as its `ctr` does.
    ContainerdStrict,
    /// Docker Engine, as version 20.10 was seen to choose: ECS on EC2.
    Dockerd,
}

/// Which of an index's entries a host with this platform gets; `None` where pulling fails.
///
/// Attestations, artifacts and SOCI indexes are passed over, and entries with `os.features` (nydus) are taken only
/// where there is no other.
pub fn choose(entries: &[Entry], want: &Platform, runtime: Runtime) -> Option<usize> {
    let plain = |entry: &Entry| entry.is_runnable() && !entry.has_features();
    let featured = |entry: &Entry| entry.is_runnable() && entry.has_features();
    choose_among(entries, want, runtime, plain).or_else(|| choose_among(entries, want, runtime, featured))
}

fn choose_among(
    entries: &[Entry],
    want: &Platform,
    runtime: Runtime,
    admitted: impl Fn(&Entry) -> bool,
) -> Option<usize> {
    let want = want.normalized();
    let candidates: Vec<(usize, Option<Platform>)> = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| admitted(entry))
        .map(|(at, entry)| (at, entry.declared().map(|platform| platform.normalized())))
        .collect();
    let accepted = match runtime {
        Runtime::Containerd => accepted(&want),
        Runtime::ContainerdStrict | Runtime::Dockerd => vec![want.clone()],
    };
    // Sorted by rank, the index's order kept within one (`sort.SliceStable` in all of them).
    let ranked = candidates.iter().filter_map(|(at, platform)| {
        let rank = accepted.iter().position(|accepted| Some(accepted) == platform.as_ref())?;
        Some((rank, *at))
    });
    let best = ranked.min().map(|(_, at)| at);
    match runtime {
        // moby distribution/pull_v2_unix.go, `filterManifests`: entries without a platform never match, and an Arm
        // host takes any Arm entry where none matches.
        Runtime::Dockerd => best.or_else(|| {
            let same =
                |platform: &Platform| platform.os == want.os && platform.architecture == want.architecture;
            let arm = want.architecture.0 == "arm";
            let fallback = candidates.iter().find(|(_, platform)| arm && platform.as_ref().is_some_and(same));
            fallback.map(|(at, _)| *at)
        }),
        // containerd images/image.go, `Manifest`: entries without a platform come last, only the first of all is
        // looked at, and then its config must match.
        Runtime::Containerd | Runtime::ContainerdStrict => best.or_else(|| {
            let (at, _) = candidates.iter().find(|(_, platform)| platform.is_none())?;
            let resolved = entries.get(*at)?.resolved()?.normalized();
            accepted.contains(&resolved).then_some(*at)
        }),
    }
}

/// What a host of this platform takes, best first (containerd `platforms/compare.go`, `platformVector`).
fn accepted(want: &Platform) -> Vec<Platform> {
    let os = want.os.0.as_str();
    let mut vector = vec![want.clone()];
    let number = |text: &str| text.parse::<u8>().ok();
    match want.architecture.0.as_str() {
        "amd64" => {
            let level = want.variant.strip_prefix('v').and_then(number).unwrap_or(1).min(9);
            vector.extend((2..level).rev().map(|level| Platform::new(os, "amd64", &format!("v{level}"))));
            vector.push(Platform::new(os, "amd64", ""));
            vector.push(Platform::new(os, "386", ""));
        }
        "arm" => {
            let level = want.variant.strip_prefix('v').and_then(number).unwrap_or(7).min(8);
            vector.extend((5..level).rev().map(|level| Platform::new(os, "arm", &format!("v{level}"))));
        }
        "arm64" => {
            let digits = want.variant.strip_prefix('v').unwrap_or("8");
            let (major, minor) = digits.split_once('.').unwrap_or((digits, "0"));
            let (major, minor) = (number(major).unwrap_or(8), number(minor).unwrap_or(0).min(20));
            let mut versions: Vec<(u8, u8)> = (0..minor).rev().map(|minor| (major, minor)).collect();
            if major == 9 {
                versions.extend((0..=minor + 5).rev().map(|minor| (8, minor)));
            }
            vector.extend(versions.into_iter().map(|(major, minor)| {
                let version = if minor == 0 { format!("v{major}") } else { format!("v{major}.{minor}") };
                Platform::new(os, "arm64", &version).normalized()
            }));
            vector.extend([8, 7, 6, 5].map(|level| Platform::new(os, "arm", &format!("v{level}"))));
        }
        _ => {}
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    fn entry(platform: &str) -> Entry {
        Entry::of_platform(Digest::of(platform.as_bytes()), platform)
    }

    /// Which entry each runtime chose, as seen: Docker 20.10, ctr 1.6.
    #[test]
    fn the_runtimes_choices() {
        let linux = |names: &[&str]| -> Vec<Entry> { names.iter().map(|name| entry(name)).collect() };
        let cases = [
            (linux(&["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"]), "linux/arm", Some(2), Some(2)),
            (linux(&["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"]), "linux/arm/v8", Some(0), None),
            (linux(&["linux/arm/v5", "linux/arm/v6"]), "linux/arm/v7", Some(0), None),
            (linux(&["linux/amd64", "linux/arm/v7"]), "linux/arm64", None, None),
            (linux(&["linux/arm64"]), "linux/arm64/v8", Some(0), Some(0)),
            (linux(&["linux/arm64/v8.2", "linux/amd64"]), "linux/arm64", None, None),
            (linux(&["linux/amd64/v3", "linux/amd64/v2", "linux/amd64"]), "linux/amd64", Some(2), Some(2)),
            (linux(&["linux/amd64/v3"]), "linux/amd64", None, None),
            (linux(&["linux/386"]), "linux/amd64", None, None),
            (linux(&["linux/aarch64", "linux/x86_64"]), "linux/arm64", Some(0), Some(0)),
        ];
        for (entries, want, docker, ctr) in cases {
            let want: Platform = want.parse().unwrap();
            assert_eq!(choose(&entries, &want, Runtime::Dockerd), docker, "docker, {want}");
            assert_eq!(choose(&entries, &want, Runtime::ContainerdStrict), ctr, "ctr, {want}");
        }
    }

    #[test]
    fn entries_without_a_platform() {
        let nil = |config: &str| {
            let mut entry = Entry { platform: None, ..entry(config) };
            entry.resolve(&config.parse().unwrap());
            entry
        };
        let entries = [nil("linux/arm64"), nil("linux/amd64")];
        for (want, containerd) in [("linux/arm64", Some(0)), ("linux/amd64", None)] {
            let want: Platform = want.parse().unwrap();
            assert_eq!(choose(&entries, &want, Runtime::Dockerd), None);
            assert_eq!(choose(&entries, &want, Runtime::ContainerdStrict), containerd);
        }
    }

    /// containerd's own order of fall-backs, as its source has it.
    #[test]
    fn containerd_on_its_own_host() {
        let cases: [(&[&str], &str, Option<usize>); 6] = [
            (&["linux/386", "linux/amd64"], "linux/amd64", Some(1)),
            (&["linux/386"], "linux/amd64", Some(0)),
            (&["linux/amd64", "linux/arm/v6", "linux/arm/v7"], "linux/arm64", Some(2)),
            (&["linux/arm/v5", "linux/arm/v6"], "linux/arm/v7", Some(1)),
            (&["linux/arm64/v8.1", "linux/arm64"], "linux/arm64/v8.2", Some(0)),
            (&["linux/arm64/v8.5", "linux/arm64/v8.6"], "linux/arm64/v9", Some(0)),
        ];
        for (names, want, chosen) in cases {
            let entries: Vec<Entry> = names.iter().map(|name| entry(name)).collect();
            assert_eq!(
                choose(&entries, &want.parse().unwrap(), Runtime::Containerd),
                chosen,
                "{names:?} {want}"
            );
        }
    }

    #[test]
    fn what_is_no_image_is_passed_over() {
        let mut attestation = entry("linux/arm64");
        attestation.annotations.insert("vnd.docker.reference.type".into(), "attestation-manifest".into());
        let mut soci = entry("linux/arm64");
        soci.artifact_type = Some("application/vnd.amazon.soci.index.v2+json".into());
        let mut nydus = entry("linux/arm64");
        nydus.set_features(&["nydus.remoteimage.v1"]);
        let entries = [attestation, soci, nydus, entry("unknown/unknown"), entry("linux/arm64")];
        let want: Platform = "linux/arm64".parse().unwrap();
        assert_eq!(choose(&entries, &want, Runtime::Dockerd), Some(4));
        assert_eq!(choose(&entries[..4], &want, Runtime::Containerd), Some(2));
        assert_eq!(choose(&entries[..2], &want, Runtime::Containerd), None);
    }

    #[test]
    fn spellings() {
        let cases = [
            ("linux/x86_64", "linux/amd64"),
            ("Linux/X86-64/v1", "linux/amd64"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm64/9.0", "linux/arm64/v9"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/armel", "linux/arm/v6"),
            ("linux/i386", "linux/386"),
            ("X86_64", "linux/amd64"),
            ("ARM64", "linux/arm64"),
        ];
        for (text, normal) in cases {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), normal);
        }
        for wrong in ["", "/", "linux/", "linux//v8", "a/b/c/d", "linux", "lin ux/arm64"] {
            assert!(wrong.parse::<Platform>().is_err(), "{wrong}");
        }
    }
}
