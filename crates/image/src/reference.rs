//! Image references: what people write after `docker pull` (distribution/reference, `regexp.go` and `normalize.go`),
//! and where an image may be, in skopeo's words (containers/image, `transports`).

use crate::digest::Digest;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The registry that a name without one belongs to (distribution/reference `normalize.go`, `defaultDomain`).
const HUB: &str = "docker.io";
/// The older name of the same (`legacyDefaultDomain`).
const LEGACY_HUB: &str = "index.docker.io";
/// The namespace of names without one at [`HUB`] (`officialRepoPrefix`).
const OFFICIAL: &str = "library/";
/// Longest name with its registry (`RepositoryNameTotalLengthMax`).
const LONGEST_NAME: usize = 255;

/// An image's name in a registry, completed: `busybox` is `docker.io` + `library/busybox`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Host, with a port where one was written.
    pub registry: String,
    /// Path of the repository in it.
    pub repository: String,
    /// Tag; `None` means `latest` where there is no digest either.
    pub tag: Option<String>,
    /// Digest; it decides where both are there.
    pub digest: Option<Digest>,
}

/// A text that is no image reference, or names no place that we read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no image reference: {why}")]
pub struct InvalidReference {
    /// The text, cut at 300 characters.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl InvalidReference {
    fn new(text: &str, why: impl Into<String>) -> InvalidReference {
        InvalidReference {
            text: text.chars().take(300).flat_map(char::escape_default).collect(),
            why: why.into(),
        }
    }
}

impl Reference {
    /// The same image at this digest; the tag stays as a note to readers.
    pub fn with_digest(mut self, digest: Digest) -> Reference {
        self.digest = Some(digest);
        self
    }

    /// The same image by its tag alone.
    pub fn without_digest(mut self) -> Reference {
        self.digest = None;
        self
    }

    /// Registry and repository as one would write them: without what is understood.
    pub fn name(&self) -> String {
        if self.registry != HUB {
            return format!("{}/{}", self.registry, self.repository);
        }
        let short = match self.repository.strip_prefix(OFFICIAL) {
            Some(rest) if !rest.contains('/') => rest,
            _ => &self.repository,
        };
        // Where it begins with what reads as a host, only the whole name is the same image.
        let understood = split_registry(short) == (HUB.into(), short);
        if understood { short.into() } else { format!("{HUB}/{}", self.repository) }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Reference, InvalidReference> {
        let wrong = |why: String| InvalidReference::new(text, why);
        if text.is_empty() {
            return Err(wrong("it is empty".into()));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse::<Digest>().map_err(|e| wrong(e.to_string()))?)),
            None => (text, None),
        };
        // A colon after the last slash begins the tag; one before it belongs to a port.
        let name_end = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match rest[name_end..].rfind(':') {
            Some(colon) => (&rest[..name_end + colon], Some(&rest[name_end + colon + 1..])),
            None => (rest, None),
        };
        if let Some(tag) = tag {
            check_tag(tag).map_err(wrong)?;
        }
        let (registry, path) = split_registry(name);
        check_registry(&registry).map_err(wrong)?;
        let repository = if registry == HUB && !path.contains('/') {
            format!("{OFFICIAL}{path}")
        } else {
            path.to_string()
        };
        check_repository(path).map_err(wrong)?;
        if registry.len() + 1 + repository.len() > LONGEST_NAME {
            return Err(wrong(format!("its name is longer than {LONGEST_NAME} characters")));
        }
        Ok(Reference { registry, repository, tag: tag.map(String::from), digest })
    }
}

/// Tells registry from repository (`normalize.go`, `splitDockerDomain`).
fn split_registry(name: &str) -> (String, &str) {
    let Some((first, rest)) = name.split_once('/') else { return (HUB.into(), name) };
    let upper = first.bytes().any(|b| b.is_ascii_uppercase());
    if !(first.contains(['.', ':']) || first == "localhost" || upper) {
        return (HUB.into(), name);
    }
    (if first == LEGACY_HUB { HUB.into() } else { first.into() }, rest)
}

/// `regexp.go`, `domainAndPort`.
fn check_registry(registry: &str) -> Result<(), String> {
    let bad = || format!("`{registry}` is no host");
    let (host, port) = match registry.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']').ok_or_else(bad)?;
            let fits = !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
            let port = match after {
                "" => None,
                after => Some(after.strip_prefix(':').ok_or_else(bad)?),
            };
            (fits, port)
        }
        None => {
            let (host, port) =
                registry.split_once(':').map_or((registry, None), |(host, port)| (host, Some(port)));
            let label = |label: &str| {
                let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
                inner && !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')
            };
            (host.split('.').all(label), port)
        }
    };
    let port_fits =
        port.is_none_or(|port| !port.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0));
    if !host {
        Err(bad())
    } else if !port_fits {
        Err(format!("`{}` is no port", port.unwrap_or_default()))
    } else {
        Ok(())
    }
}

/// `regexp.go`, `remoteName`.
fn check_repository(path: &str) -> Result<(), String> {
    if path.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(format!("the repository name `{path}` must be lower case"));
    }
    if path.len() == 64 && path.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err("64 hexadecimal digits are an image id, not a name".into());
    }
    match path.split('/').find(|component| !is_component(component)) {
        Some("") => Err("the repository name has an empty component".into()),
        Some(component) => Err(format!("`{component}` is no part of a repository name")),
        None => Ok(()),
    }
}

/// `regexp.go`, `pathComponent`: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_component(component: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = component.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    if !word(*first) || !word(*last) {
        return false;
    }
    let mut separators = bytes.split(|b| word(*b)).filter(|run| !run.is_empty());
    separators.all(|run| matches!(run, b"." | b"_" | b"__") || run.iter().all(|b| *b == b'-'))
}

/// `regexp.go`, `tag`: `[\w][\w.-]{0,127}`.
fn check_tag(tag: &str) -> Result<(), String> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let fits = tag.bytes().next().is_some_and(word) && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-');
    if fits && tag.len() <= 128 { Ok(()) } else { Err(format!("`{tag}` is no tag")) }
}

/// Where an image is: skopeo's transports (containers-transports(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In a registry: `REFERENCE` or `docker://REFERENCE`.
    Registry(Reference),
    /// In a Docker Engine: `docker-daemon:REFERENCE`, or an image id.
    Daemon(String),
    /// In a file that `docker save` made: `docker-archive:FILE[:REFERENCE]`.
    DockerArchive {
        /// The file.
        file: PathBuf,
        /// Which image of several.
        reference: Option<String>,
    },
    /// In an OCI image layout: `oci:DIRECTORY[:REFERENCE]`.
    Oci {
        /// The directory.
        directory: PathBuf,
        /// Which image of several.
        reference: Option<String>,
    },
    /// In a tar file of an OCI image layout: `oci-archive:FILE[:REFERENCE]`.
    OciArchive {
        /// The file.
        file: PathBuf,
        /// Which image of several.
        reference: Option<String>,
    },
    /// Unpacked: `dir:ROOTFS`. (Skopeo's `dir:` is another thing, a copy of a manifest and its blobs.)
    Directory(PathBuf),
}

/// Transports of skopeo's that are not read here.
const FOREIGN: &[&str] = &["containers-storage", "docker-storage", "ostree", "sif", "tarball", "atomic"];

impl FromStr for Location {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Location, InvalidReference> {
        let path = |rest: &str| {
            if rest.is_empty() {
                Err(InvalidReference::new(text, "a path is missing"))
            } else {
                Ok(PathBuf::from(rest))
            }
        };
        let pair = |rest: &str| {
            let (file, reference) =
                rest.split_once(':').map_or((rest, None), |(file, name)| (file, Some(name)));
            Ok((path(file)?, reference.filter(|name| !name.is_empty()).map(String::from)))
        };
        let named = |rest: &str| rest.parse().map(Location::Registry);
        match text.split_once(':') {
            Some(("docker", rest)) if rest.starts_with("//") => named(&rest[2..]),
            Some(("docker-daemon", "")) => Err(InvalidReference::new(text, "a name is missing")),
            Some(("docker-daemon", rest)) => Ok(Location::Daemon(rest.into())),
            Some(("docker-archive", rest)) => {
                pair(rest).map(|(file, reference)| Location::DockerArchive { file, reference })
            }
            Some(("oci", rest)) => {
                pair(rest).map(|(directory, reference)| Location::Oci { directory, reference })
            }
            Some(("oci-archive", rest)) => {
                pair(rest).map(|(file, reference)| Location::OciArchive { file, reference })
            }
            Some(("dir", rest)) => path(rest).map(Location::Directory),
            Some((transport, _)) if FOREIGN.contains(&transport) => {
                let known = "docker://, docker-daemon:, docker-archive:, oci:, oci-archive: and dir: are";
                Err(InvalidReference::new(text, format!("`{transport}:` is not read here; {known}")))
            }
            _ => named(text),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (transport, path, reference) = match self {
            Location::Registry(reference) => return reference.fmt(f),
            Location::Daemon(name) => return write!(f, "docker-daemon:{name}"),
            Location::DockerArchive { file, reference } => ("docker-archive", file, reference),
            Location::Oci { directory, reference } => ("oci", directory, reference),
            Location::OciArchive { file, reference } => ("oci-archive", file, reference),
            Location::Directory(root) => ("dir", root, &None),
        };
        write!(f, "{transport}:{}", path.display())?;
        reference.as_ref().map_or(Ok(()), |reference| write!(f, ":{reference}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn names_are_completed() {
        let cases = [
            ("busybox", "docker.io", "library/busybox", None, "busybox"),
            ("busybox:1.36", "docker.io", "library/busybox", Some("1.36"), "busybox:1.36"),
            ("docker.io/busybox", "docker.io", "library/busybox", None, "busybox"),
            ("index.docker.io/library/busybox", "docker.io", "library/busybox", None, "busybox"),
            ("team/app", "docker.io", "team/app", None, "team/app"),
            ("localhost/app", "localhost", "app", None, "localhost/app"),
            ("localhost:5000/a/b/c:x", "localhost:5000", "a/b/c", Some("x"), "localhost:5000/a/b/c:x"),
            ("ghcr.io/a/b__c-d.e", "ghcr.io", "a/b__c-d.e", None, "ghcr.io/a/b__c-d.e"),
            ("[::1]:5000/app:1", "[::1]:5000", "app", Some("1"), "[::1]:5000/app:1"),
            ("[fd00::2]/app", "[fd00::2]", "app", None, "[fd00::2]/app"),
            ("Registry/app", "Registry", "app", None, "Registry/app"),
            ("docker.io/ghcr.io/app", "docker.io", "ghcr.io/app", None, "docker.io/ghcr.io/app"),
            (
                "docker.io/index.docker.io/app",
                "docker.io",
                "index.docker.io/app",
                None,
                "docker.io/index.docker.io/app",
            ),
            (
                "docker.io/localhost/app:1",
                "docker.io",
                "localhost/app",
                Some("1"),
                "docker.io/localhost/app:1",
            ),
        ];
        for (text, registry, repository, tag, shown) in cases {
            let reference: Reference = text.parse().unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(
                (reference.registry.as_str(), reference.repository.as_str()),
                (registry, repository),
                "{text}"
            );
            assert_eq!(reference.tag.as_deref(), tag, "{text}");
            assert_eq!(reference.to_string(), shown);
            assert_eq!(shown.parse::<Reference>().unwrap(), reference, "{text}");
        }
    }

    #[test]
    fn digests_beside_tags() {
        let both: Reference = format!("a.b/c:1@{HEX}").parse().unwrap();
        assert_eq!(both.to_string(), format!("a.b/c:1@{HEX}"));
        assert_eq!(both.clone().without_digest().to_string(), "a.b/c:1");
        assert_eq!(both.clone().without_digest().with_digest(HEX.parse().unwrap()), both);
    }

    #[test]
    fn what_is_no_reference() {
        let hex = "a".repeat(64);
        let long = format!("a.b/{}", "c/".repeat(130) + "c");
        for wrong in [
            "",
            "App",
            "a/App:1",
            "a//b",
            "/a",
            "a/",
            "a:",
            "a:-x",
            "a.b:/c",
            "a.b:0/c",
            "a.b:99999/c",
            "a b",
            "-a/b.",
            "a._b",
            "[::1/x",
            "[]/x",
            "[::1]x/y",
            "a@sha256:1",
            "a@md5:d41d8cd98f00b204e9800998ecf8427e",
            "a\n",
            &hex,
            &long,
            "https://a.b/c",
        ] {
            let error = wrong.parse::<Reference>().expect_err(wrong).to_string();
            assert!(error.contains("is no image reference: "), "{error}");
        }
        assert_eq!(
            "team/App".parse::<Reference>().unwrap_err().to_string(),
            "`team/App` is no image reference: the repository name `team/App` must be lower case"
        );
    }

    #[test]
    fn transports() {
        let same = [
            "busybox",
            "docker-daemon:app:1",
            "docker-archive:a.tar",
            "docker-archive:a.tar:app:1",
            "oci:d:v1",
            "oci-archive:/x/y.tar:v1",
            "dir:/srv/root",
        ];
        for text in same {
            assert_eq!(text.parse::<Location>().unwrap().to_string(), text);
        }
        assert_eq!("docker://busybox".parse::<Location>().unwrap().to_string(), "busybox");
        assert_eq!(
            "oci:d:a:b".parse::<Location>().unwrap(),
            Location::Oci { directory: "d".into(), reference: Some("a:b".into()) }
        );
        for wrong in ["dir:", "oci:", "oci::x", "docker-daemon:", "containers-storage:x", "docker://"] {
            assert!(wrong.parse::<Location>().is_err(), "{wrong}");
        }
    }
}
