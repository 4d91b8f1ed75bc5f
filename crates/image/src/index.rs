//! Image indexes (OCI image-spec image-index.md) and Docker's manifest lists (image manifest version 2, schema 2).
//!
//! Read leniently and by our own hands, not with `oci-spec`'s types: documents that break the specification (entries
//! without a platform, without an architecture, with `null` for a list) are what people need explained.

use crate::digest::Digest;
use crate::manifest::{Descriptor, escape, nullable};
use crate::platform::Platform;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};

/// BuildKit's mark on attestations (BuildKit `docs/attestations/attestation-storage.md`).
pub const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
/// The mark of a SOCI index of version 2 on its entry (soci-snapshotter `docs/soci-index-manifest-v2.md`).
const SOCI_INDEX: &str = "com.amazon.soci.image-manifest-digest";

/// One entry of an index: a descriptor and the platform that it claims.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it points to.
    #[serde(flatten)]
    pub descriptor: Descriptor,
    /// The platform as written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Claim>,
    /// Where none is written: the platform of the manifest's config, where that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_platform: Option<Claim>,
    /// It lies in an index within the index, where not every runtime looks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nested: bool,
}

/// A platform as a document has it: any field may be missing or misspelt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Claim {
    /// `os`
    #[serde(default, deserialize_with = "nullable")]
    pub os: String,
    /// `architecture`
    #[serde(default, deserialize_with = "nullable")]
    pub architecture: String,
    /// `variant`
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// `os.version`, of Windows.
    #[serde(
        rename = "os.version",
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "String::is_empty"
    )]
    pub os_version: String,
    /// `os.features`: what the host must have for it.
    #[serde(
        rename = "os.features",
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub os_features: Vec<String>,
}

impl Claim {
    /// The platform in these words, unchanged.
    pub fn platform(&self) -> Platform {
        Platform::new(&self.os, &self.architecture, &self.variant)
    }

    fn of(platform: &Platform) -> Claim {
        Claim {
            os: platform.os.0.clone(),
            architecture: platform.architecture.0.clone(),
            variant: platform.variant.clone(),
            ..Claim::default()
        }
    }
}

impl Entry {
    /// What stands for a manifest without an index around it.
    pub fn single(descriptor: Descriptor) -> Entry {
        Entry { descriptor, platform: None, config_platform: None, nested: false }
    }

    /// An entry for tests and examples: an OCI manifest of this platform (`os/architecture[/variant]`, as written).
    pub fn of_platform(digest: Digest, platform: &str) -> Entry {
        let mut parts = platform.split('/');
        let mut next = || parts.next().unwrap_or_default();
        let descriptor = Descriptor {
            media_type: crate::manifest::OCI_MANIFEST.into(),
            digest,
            size: 0,
            annotations: BTreeMap::new(),
            artifact_type: None,
        };
        let platform = Some(Claim::of(&Platform::new(next(), next(), next())));
        Entry { descriptor, platform, config_platform: None, nested: false }
    }

    /// The platform that the index claims, as written; `None` where it writes none.
    pub fn declared(&self) -> Option<Platform> {
        self.platform.as_ref().map(Claim::platform)
    }

    /// The platform of the config, where the index has none and the config was read.
    pub fn resolved(&self) -> Option<Platform> {
        self.config_platform.as_ref().map(Claim::platform)
    }

    /// The platform that the index claims, else that of the config.
    pub fn platform(&self) -> Option<Platform> {
        self.declared().or_else(|| self.resolved())
    }

    /// Keeps the platform that the config tells.
    pub fn resolve(&mut self, platform: &Platform) {
        self.config_platform = Some(Claim::of(platform));
    }

    /// Whether the entry is an image that a host might run: no attestation (BuildKit), no artifact (SOCI indexes,
    /// signatures, SBOMs), not for the platform `unknown/unknown`.
    pub fn is_runnable(&self) -> bool {
        let unknown = |claim: &Claim| claim.os == "unknown" && claim.architecture == "unknown";
        !self.annotations.contains_key(REFERENCE_TYPE)
            && !self.annotations.contains_key(SOCI_INDEX)
            && self.artifact_type.as_ref().is_none_or(String::is_empty)
            && !self.platform.as_ref().is_some_and(unknown)
    }

    /// What it is instead of an image that a host might run, as a noun phrase; `None` for an image.
    pub fn not_an_image(&self) -> Option<String> {
        if self.is_runnable() {
            return None;
        }
        let kind = self.artifact_type.as_deref().filter(|kind| !kind.is_empty());
        Some(match (self.annotations.contains_key(REFERENCE_TYPE), kind) {
            (true, _) => "an attestation about another image".into(),
            (false, Some(kind)) => format!("an artifact of the type {}", escape(kind)),
            (false, None) if self.annotations.contains_key(SOCI_INDEX) => "a SOCI index".into(),
            (false, None) => "an entry for the platform unknown/unknown".into(),
        })
    }

    /// Whether the host must have features (`os.features`), as for nydus images.
    pub fn has_features(&self) -> bool {
        self.platform.as_ref().is_some_and(|claim| !claim.os_features.is_empty())
    }

    /// Sets `os.features`.
    pub fn set_features(&mut self, features: &[&str]) {
        let claim = self.platform.get_or_insert_with(Claim::default);
        claim.os_features = features.iter().map(ToString::to_string).collect();
    }
}

impl Deref for Entry {
    type Target = Descriptor;

    fn deref(&self) -> &Descriptor {
        &self.descriptor
    }
}

impl DerefMut for Entry {
    fn deref_mut(&mut self) -> &mut Descriptor {
        &mut self.descriptor
    }
}

/// An index or manifest list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// All its entries, in its order.
    pub entries: Vec<Entry>,
}

impl Index {
    /// Reads an index. The error says what is wrong, without naming the document.
    ///
    /// # Errors
    /// The text of what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Index, String> {
        #[derive(Deserialize)]
        struct Raw {
            #[serde(default, deserialize_with = "nullable")]
            manifests: Vec<serde_json::Value>,
        }
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let entry = |(at, value)| {
            serde_json::from_value::<Entry>(value).map_err(|error| format!("its entry {}: {error}", at + 1))
        };
        let entries = raw.manifests.into_iter().enumerate().map(entry).collect::<Result<_, _>>()?;
        Ok(Index { entries })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sloppy_entries_are_read() {
        let digest = Digest::of(b"x");
        let text = format!(
            r#"{{"manifests": [
                {{"digest": "{digest}", "size": 7}},
                {{"mediaType": null, "digest": "{digest}", "size": 7, "annotations": null, "platform": {{"os": "linux"}}}},
                {{"digest": "{digest}", "size": 7, "platform": {{"os": "unknown", "architecture": "unknown"}}}},
                {{"digest": "{digest}", "size": 7, "platform": {{"architecture": "arm64", "os": "linux",
                  "variant": "v8", "os.features": ["nydus.remoteimage.v1"]}}}}]}}"#
        );
        let index = Index::parse(text.as_bytes()).unwrap();
        assert_eq!(index.entries[0].platform(), None);
        assert_eq!(index.entries[1].platform().unwrap().to_string(), "linux/");
        assert!(!index.entries[2].is_runnable());
        assert_eq!(index.entries[3].platform().unwrap().to_string(), "linux/arm64/v8");
        assert!(index.entries[3].has_features() && index.entries[3].is_runnable());
        let again: Entry = serde_json::from_str(&serde_json::to_string(&index.entries[3]).unwrap()).unwrap();
        assert_eq!(again, index.entries[3]);
    }

    #[test]
    fn broken_entries_are_named() {
        let bad = br#"{"manifests": [{"digest": "sha256:abc", "size": 1}]}"#;
        assert!(Index::parse(bad).unwrap_err().starts_with("its entry 1: `sha256:abc` is not a digest"));
        assert!(Index::parse(b"<html>").is_err());
    }
}
