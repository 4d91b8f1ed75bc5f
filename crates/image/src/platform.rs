//! Platforms (OCI image-spec image-index.md, `platform`) and which manifest a host would choose.
//!
//! Spelling follows containerd's `platforms` package (`database.go`, `normalizeArch`), the choice each runtime's own
//! code: there is no single rule that is right for all. What each was seen to take is a table in this file's tests.

use crate::index::{Claim, Entry};
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
    /// Docker Engine 23 and later with its own image store (moby `distribution/pull_v2_unix.go`, since pull request
    /// 43675): ECS on EC2 today.
    Dockerd,
    /// Docker Engine before 23, as version 20.10 was seen to choose.
    Dockerd20,
    /// Podman, and Buildah and skopeo, which share its code (containers/image `internal/pkg/platform`).
    Podman,
}

/// Which of an index's entries a host with this platform gets; `None` where pulling fails for want of one.
///
/// It may be an artifact or an attestation ([`Entry::is_runnable`] is false): no runtime tells these from images before
/// it has chosen, only their platform (`unknown/unknown`) and their place at the index's end keep them from it. Then
/// pulling fails as well.
///
/// Entries with `os.features` (nydus) are taken by position like all others, but by [`Runtime::Containerd`], whose
/// matcher of today asks that the host has them: there they come last.
pub fn choose(entries: &[Entry], want: &Platform, runtime: Runtime) -> Option<usize> {
    let want = want.normalized();
    match runtime {
        Runtime::Containerd => containerd(entries, &accepted(&want)),
        Runtime::ContainerdStrict => containerd(entries, &[want]),
        Runtime::Dockerd => dockerd(entries, &want),
        Runtime::Dockerd20 => dockerd_20(entries, &want),
        Runtime::Podman => podman(entries, &want),
    }
}

/// The entry whose platform stands first among the accepted ones; within one rank the index's order is kept
/// (`sort.SliceStable`), and what lies in nested indexes comes after what does not.
fn best(entries: &[Entry], accepted: &[Platform], last: impl Fn(&Entry) -> bool) -> Option<usize> {
    let ranked = entries.iter().enumerate().filter_map(|(at, entry)| {
        let platform = entry.declared()?.normalized();
        let rank = accepted.iter().position(|accepted| *accepted == platform)?;
        Some((last(entry), entry.nested, rank, at))
    });
    ranked.min().map(|(.., at)| at)
}

/// containerd `images/image.go`, `Manifest`: entries without a platform come last, only the first of all is looked at,
/// and then its config must match.
fn containerd(entries: &[Entry], accepted: &[Platform]) -> Option<usize> {
    // One platform alone is what `ctr` asks for, seen in a version that passes over `os.features`.
    let demanding = accepted.len() > 1;
    best(entries, accepted, |entry| demanding && entry.has_features()).or_else(|| {
        let at = entries.iter().position(|entry| entry.platform.is_none())?;
        let resolved = entries.get(at)?.resolved()?.normalized();
        accepted.contains(&resolved).then_some(at)
    })
}

/// moby `filterManifests` since version 23: containerd's order, but an entry without a platform is taken, unlooked at,
/// where no other matches.
fn dockerd(entries: &[Entry], want: &Platform) -> Option<usize> {
    let silent = |entry: &Entry| entry.platform.as_ref().is_none_or(|claim| *claim == Claim::default());
    best(entries, &accepted(want), |_| false).or_else(|| entries.iter().position(silent))
}

/// moby `filterManifests` before version 23: entries without a platform never match, those of nested indexes are not
/// seen, and an Arm host takes any Arm entry where none matches.
fn dockerd_20(entries: &[Entry], want: &Platform) -> Option<usize> {
    let mut declared = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| !entry.nested)
        .filter_map(|(at, entry)| Some((at, entry.declared()?.normalized())));
    let exact = declared.clone().find(|(_, platform)| platform == want);
    let arm = |(_, platform): &(usize, Platform)| {
        platform.os == want.os && platform.architecture == want.architecture && want.architecture.0 == "arm"
    };
    exact.or_else(|| declared.find(arm)).map(|(at, _)| at)
}

/// containers/image `WantedPlatforms` and `OCI1Index.chooseInstance`: the words of the index are compared as they are;
/// where none fits, the first entry without a platform is taken for whatever was asked. Of an index in that place it
/// does not know what to make.
fn podman(entries: &[Entry], want: &Platform) -> Option<usize> {
    const ARM: [&str; 4] = ["v8", "v7", "v6", "v5"];
    let listed: &[&str] = match want.architecture.0.as_str() {
        "arm" => &ARM,
        "arm64" => &["v8"],
        _ => &[],
    };
    let variants: Vec<&str> = match listed.iter().position(|variant| *variant == want.variant) {
        Some(from) => listed[from..].iter().copied().chain([""]).collect(),
        None if want.variant.is_empty() => [""].into_iter().chain(listed.iter().copied()).collect(),
        None => vec![&want.variant, ""],
    };
    let of = |variant: &&str| Platform { variant: (*variant).into(), ..want.clone() };
    let wanted: Vec<Platform> = variants.iter().map(of).collect();
    let exact = wanted.iter().find_map(|wanted| {
        entries.iter().position(|entry| !entry.nested && entry.declared().as_ref() == Some(wanted))
    });
    exact.or_else(|| {
        let at = entries.iter().position(|entry| entry.nested || entry.platform.is_none())?;
        (!entries.get(at)?.nested).then_some(at)
    })
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

    /// An index of these platforms; `-linux/arm64` is one without a platform whose config says so.
    fn index(names: &[&str]) -> Vec<Entry> {
        let silent = |config: &str| {
            let mut entry = Entry { platform: None, ..entry(config) };
            entry.resolve(&config.parse().unwrap());
            entry
        };
        names.iter().map(|name| name.strip_prefix('-').map_or_else(|| entry(name), silent)).collect()
    }

    /// The entry that a runtime takes, by its number; `-` for none.
    fn chosen(entries: &[Entry], want: &str, runtime: Runtime) -> String {
        let want: Platform = want.parse().unwrap();
        choose(entries, &want, runtime).map_or("-".into(), |at| at.to_string())
    }

    /// Which entry each runtime took, as seen: Docker 20.10.24, ctr 1.6.20, Podman 4.3.1 and skopeo 1.9.3 (one column,
    /// they never differed); Docker 23 and later and containerd on its own host by their sources.
    #[test]
    fn the_runtimes_choices() {
        let table: &[(&[&str], &str, &str)] = &[
            // index, asked for, and what 20.10, ctr, podman | 23, containerd take
            (&["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"], "linux/arm", "2 2 2 | 2 2"),
            (&["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"], "linux/arm/v8", "0 - 2 | 2 2"),
            (&["linux/arm/v5", "linux/arm/v6"], "linux/arm/v7", "0 - 1 | 1 1"),
            (&["linux/amd64", "linux/arm/v7"], "linux/arm64", "- - - | 1 1"),
            (&["linux/arm64"], "linux/arm64/v8", "0 0 0 | 0 0"),
            (&["linux/arm64/v8"], "linux/arm64", "0 0 0 | 0 0"),
            (&["linux/arm64/v8.2", "linux/amd64"], "linux/arm64", "- - - | - -"),
            (&["linux/amd64/v3", "linux/amd64/v2", "linux/amd64"], "linux/amd64", "2 2 2 | 2 2"),
            (&["linux/amd64/v3", "linux/amd64/v2", "linux/amd64"], "linux/amd64/v3", "0 0 0 | 0 0"),
            (&["linux/amd64/v3"], "linux/amd64", "- - - | - -"),
            (&["linux/386"], "linux/amd64", "- - - | 0 0"),
            (&["-linux/arm64", "-linux/amd64"], "linux/arm64", "- 0 0 | 0 0"),
            (&["-linux/arm64", "-linux/amd64"], "linux/amd64", "- - 0 | 0 -"),
            (&["-linux/amd64", "-linux/arm64"], "linux/arm64", "- - 0 | 0 -"),
            (&["-linux/amd64", "-linux/arm64"], "linux/amd64", "- 0 0 | 0 0"),
            (&["-linux/amd64", "linux/amd64"], "linux/amd64", "1 1 1 | 1 1"),
            (&["linux/aarch64", "linux/x86_64"], "linux/arm64", "0 0 - | 0 0"),
            (&["Linux/ARM64"], "linux/arm64", "0 0 - | 0 0"),
            (&["unknown/unknown", "linux/arm64"], "linux/arm64", "1 1 1 | 1 1"),
            (&["unknown/unknown"], "linux/arm64", "- - - | - -"),
            (&["linux/"], "linux/arm64", "- - - | - -"),
            (&["windows/amd64"], "linux/amd64", "- - - | - -"),
        ];
        for (names, want, expected) in table {
            let entries = index(names);
            let of = |runtimes: &[Runtime]| -> Vec<String> {
                runtimes.iter().map(|runtime| chosen(&entries, want, *runtime)).collect()
            };
            let seen = of(&[Runtime::Dockerd20, Runtime::ContainerdStrict, Runtime::Podman]).join(" ");
            let read = of(&[Runtime::Dockerd, Runtime::Containerd]).join(" ");
            assert_eq!(format!("{seen} | {read}"), *expected, "{names:?} asked for {want}");
        }
    }

    /// Nobody looks into an entry before it has chosen it: an artifact in front is taken for the image (seen).
    #[test]
    fn artifacts_and_features_are_told_by_their_place_alone() {
        let mut soci = entry("linux/arm64");
        soci.artifact_type = Some("application/vnd.amazon.soci.index.v2+json".into());
        let mut nydus = entry("linux/arm64");
        nydus.set_features(&["nydus.remoteimage.v1"]);
        let image = entry("linux/arm64");
        let all = [
            Runtime::Dockerd20,
            Runtime::ContainerdStrict,
            Runtime::Podman,
            Runtime::Dockerd,
            Runtime::Containerd,
        ];
        for runtime in all {
            let first = [soci.clone(), image.clone()];
            assert_eq!(chosen(&first, "linux/arm64", runtime), "0", "{runtime:?}");
            let last = [image.clone(), soci.clone()];
            assert_eq!(chosen(&last, "linux/arm64", runtime), "0", "{runtime:?}");
            let featured = [nydus.clone(), image.clone()];
            let expected = if runtime == Runtime::Containerd { "1" } else { "0" };
            assert_eq!(chosen(&featured, "linux/arm64", runtime), expected, "{runtime:?}");
            assert_eq!(chosen(&featured[..1], "linux/arm64", runtime), "0", "{runtime:?}");
        }
    }

    #[test]
    fn entries_of_nested_indexes() {
        let nested = |name: &str| Entry { nested: true, ..entry(name) };
        let entries = [nested("linux/arm64"), nested("linux/amd64")];
        for (runtime, expected) in [
            (Runtime::Dockerd20, "-"),
            (Runtime::ContainerdStrict, "0"),
            (Runtime::Podman, "-"),
            (Runtime::Dockerd, "0"),
            (Runtime::Containerd, "0"),
        ] {
            assert_eq!(chosen(&entries, "linux/arm64", runtime), expected, "{runtime:?}");
        }
        let both = [nested("linux/arm64"), entry("linux/arm64")];
        assert_eq!(chosen(&both, "linux/arm64", Runtime::Containerd), "1");
        assert_eq!(chosen(&both, "linux/arm64", Runtime::Podman), "1");
    }

    #[test]
    fn podman_asks_for_a_variant_first_where_it_is_given() {
        let entries = index(&["linux/arm/v7", "linux/arm"]);
        assert_eq!(chosen(&entries, "linux/arm/v7", Runtime::Podman), "0");
        assert_eq!(chosen(&entries[1..], "linux/arm/v7", Runtime::Podman), "0");
        assert_eq!(chosen(&index(&["linux/riscv64"]), "linux/riscv64/odd", Runtime::Podman), "0");
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
