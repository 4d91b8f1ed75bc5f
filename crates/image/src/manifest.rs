//! Image manifests (OCI image-spec manifest.md; Docker image manifest version 2, schema 2).
//!
//! As with [`crate::index`], read leniently and by our own types: what breaks the specification is to be explained,
//! not refused by a parser.

use crate::digest::Digest;
use crate::index::Index;
use crate::source::SourceError;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI image configuration.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Docker image manifest version 2, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker image configuration.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// The prefix of both media types of Docker's schema 1.
const SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+";
/// OCI's "no config" (manifest.md, "Guidance for an empty descriptor").
const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// Layers of attestations (in-toto attestation specification).
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// Reads `null` as the default: Go writes it for empty lists and maps.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// A reference to content by digest (OCI image-spec descriptor.md).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Media type of the content; empty where a sloppy writer left it out.
    #[serde(default, deserialize_with = "nullable")]
    pub media_type: String,
    /// Digest of the content.
    pub digest: Digest,
    /// Length of the content in bytes.
    pub size: u64,
    /// Arbitrary annotations.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// What kind of artifact it is, where it is none of the image's own parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

/// The kinds of top-level documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentKind {
    /// An image manifest.
    Manifest,
    /// An index, or manifest list.
    Index,
}

/// Why a document cannot be used as what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// It is broken.
    Broken(String),
    /// It is something that we do not read.
    Unsupported(String),
}

impl Unfit {
    /// The error about the document of this name.
    pub fn about(self, object: &str) -> SourceError {
        let object = object.to_string();
        match self {
            Unfit::Broken(detail) => SourceError::Broken { object, detail },
            Unfit::Unsupported(detail) => SourceError::Unsupported { object, detail },
        }
    }
}

/// Tells what a document is: by its fields, and by its media type where the fields leave it open.
///
/// A document with the fields of both an index and a manifest is refused, as containerd does
/// (CVE-2021-41190; containerd `images/validation.go`, `validateMediaType`).
///
/// # Errors
/// [`Unfit`], without the document's name.
pub fn kind_of(media_type: &str, bytes: &[u8]) -> Result<DocumentKind, Unfit> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Shape {
        #[serde(default, deserialize_with = "nullable")]
        schema_version: u64,
        #[serde(default, deserialize_with = "nullable")]
        media_type: String,
        manifests: Option<serde::de::IgnoredAny>,
        config: Option<serde::de::IgnoredAny>,
        layers: Option<serde::de::IgnoredAny>,
        fs_layers: Option<serde::de::IgnoredAny>,
    }
    let shape: Shape =
        serde_json::from_slice(bytes).map_err(|error| Unfit::Broken(not_json(bytes, &error)))?;
    let said = |prefix: &str| media_type.starts_with(prefix) || shape.media_type.starts_with(prefix);
    if shape.fs_layers.is_some() || shape.schema_version == 1 || said(SCHEMA1) {
        return Err(Unfit::Unsupported(
            "it is a manifest of Docker's schema 1, which says neither platform nor config; push the image again \
             with a tool of after 2016"
                .into(),
        ));
    }
    let parts = shape.config.is_some() || shape.layers.is_some();
    match (shape.manifests.is_some(), parts) {
        (true, true) => Err(Unfit::Broken("it has both `manifests` and `layers` or `config`".into())),
        (true, false) => Ok(DocumentKind::Index),
        (false, true) if said(OCI_INDEX) || said(DOCKER_LIST) => {
            Err(Unfit::Broken("it is called an index and has the fields of a manifest".into()))
        }
        (false, true) => Ok(DocumentKind::Manifest),
        (false, false) if said(OCI_INDEX) || said(DOCKER_LIST) => Ok(DocumentKind::Index),
        (false, false) => {
            let called = if media_type.is_empty() { &shape.media_type } else { media_type };
            let detail = format!("it is neither a manifest nor an index (media type `{}`)", escape(called));
            Err(Unfit::Broken(detail))
        }
    }
}

/// What to say of a document that is no JSON.
fn not_json(bytes: &[u8], error: &serde_json::Error) -> String {
    let start = bytes.trim_ascii_start();
    if start.first() == Some(&b'<') {
        return "it is a page of HTML or XML, not JSON".into();
    }
    format!("it is not the JSON that it should be: {error}")
}

/// A text of somebody else's for our messages.
pub(crate) fn escape(text: &str) -> String {
    text.chars().take(100).flat_map(char::escape_debug).collect()
}

/// An image manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// `mediaType`, or that of the answer it came with.
    #[serde(default, deserialize_with = "nullable")]
    pub media_type: String,
    /// The type of an artifact that is no image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The image's configuration.
    pub config: Descriptor,
    /// The layers, the lowest first.
    #[serde(default, deserialize_with = "nullable")]
    pub layers: Vec<Descriptor>,
    /// The manifest that this one is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Annotations, e.g. `com.amazon.soci.index-digest`.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Unfit`], without the document's name.
    pub fn parse(media_type: &str, bytes: &[u8]) -> Result<Manifest, Unfit> {
        if kind_of(media_type, bytes)? != DocumentKind::Manifest {
            return Err(Unfit::Broken("it is an index where a manifest should be".into()));
        }
        let mut manifest: Manifest =
            serde_json::from_slice(bytes).map_err(|error| Unfit::Broken(not_json(bytes, &error)))?;
        if manifest.media_type.is_empty() {
            manifest.media_type = media_type.into();
        }
        Ok(manifest)
    }

    /// What it is instead of an image, as a noun phrase; `None` for an image.
    pub fn not_an_image(&self) -> Option<String> {
        let config = self.config.media_type.as_str();
        if self.layers.iter().any(|layer| layer.media_type == IN_TOTO) {
            return Some("an attestation about another image (in-toto)".into());
        }
        if config == EMPTY || self.artifact_type.as_ref().is_some_and(|kind| !kind.is_empty()) {
            let kind = self.artifact_type.as_deref().filter(|kind| !kind.is_empty());
            return Some(kind.map_or("an artifact without a config".into(), |kind| {
                format!("an artifact of the type {}", escape(kind))
            }));
        }
        let image = matches!(
            config,
            "" | OCI_CONFIG | DOCKER_CONFIG | "application/octet-stream" | "application/json"
        );
        (!image).then(|| format!("an artifact with a config of the type {}", escape(config)))
    }
}

/// How a layer is stored, as its media type tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerKind {
    /// A tar archive, compressed in any way or not.
    Tar,
    /// A Windows layer that is stored elsewhere.
    Foreign,
    /// A nydus layer: chunks, no tar.
    Nydus,
    /// Encrypted (ocicrypt).
    Encrypted,
    /// Nothing that runtimes unpack.
    Unknown,
}

impl Descriptor {
    /// What kind of layer it describes (OCI image-spec layer.md; containerd `images/mediatypes.go`).
    pub fn layer_kind(&self) -> LayerKind {
        let kind = self.media_type.as_str();
        if kind.contains(".foreign.") || kind.contains(".nondistributable.") {
            return LayerKind::Foreign;
        }
        if kind.contains(".nydus.") || self.annotations.contains_key("containerd.io/snapshot/nydus-bootstrap")
        {
            return LayerKind::Nydus;
        }
        if kind.ends_with("+encrypted") {
            return LayerKind::Encrypted;
        }
        let tar = kind.starts_with("application/vnd.oci.image.layer.v1.tar")
            || kind.starts_with("application/vnd.docker.image.rootfs.diff.tar")
            || matches!(
                kind,
                "" | "application/octet-stream"
                    | "application/x-tar"
                    | "application/gzip"
                    | "application/x-gzip"
            );
        if tar { LayerKind::Tar } else { LayerKind::Unknown }
    }
}

/// Reads an index out of a document that is one.
///
/// # Errors
/// [`Unfit`], without the document's name.
pub fn index_of(media_type: &str, bytes: &[u8]) -> Result<Index, Unfit> {
    match kind_of(media_type, bytes)? {
        DocumentKind::Index => Index::parse(bytes).map_err(Unfit::Broken),
        DocumentKind::Manifest => Err(Unfit::Broken("it is a manifest where an index should be".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(kind: &str) -> String {
        format!(r#"{{"mediaType": "{kind}", "digest": "{}", "size": 2}}"#, Digest::of(b"{}"))
    }

    fn parse(text: &str) -> Result<Manifest, Unfit> {
        Manifest::parse("", text.as_bytes())
    }

    #[test]
    fn what_a_document_is() {
        let unfit = |text: &str| match kind_of("", text.as_bytes()).unwrap_err() {
            Unfit::Broken(why) | Unfit::Unsupported(why) => why,
        };
        assert_eq!(kind_of("", br#"{"manifests": []}"#), Ok(DocumentKind::Index));
        assert_eq!(kind_of(OCI_INDEX, br#"{"manifests": null}"#), Ok(DocumentKind::Index));
        assert_eq!(kind_of("text/plain", br#"{"config": {}, "layers": []}"#), Ok(DocumentKind::Manifest));
        assert!(unfit(r#"{"manifests": [], "layers": []}"#).contains("both"));
        assert!(unfit(r#"{"schemaVersion": 1, "fsLayers": []}"#).contains("schema 1"));
        assert!(unfit("<html>").contains("HTML"));
        assert!(unfit("{}").contains("neither"));
        assert!(unfit("{").contains("JSON"));
        assert!(kind_of("", b"[]").is_err() && kind_of("", b"").is_err());
        assert!(matches!(kind_of(DOCKER_LIST, br#"{"layers": []}"#), Err(Unfit::Broken(_))));
        assert!(matches!(
            kind_of("application/vnd.docker.distribution.manifest.v1+prettyjws", b"{}"),
            Err(Unfit::Unsupported(_))
        ));
    }

    #[test]
    fn images_and_what_is_none() {
        let image =
            parse(&format!(r#"{{"config": {}, "layers": null}}"#, descriptor(DOCKER_CONFIG))).unwrap();
        assert_eq!((image.not_an_image(), image.layers.len()), (None, 0));
        let attestation =
            format!(r#"{{"config": {}, "layers": [{}]}}"#, descriptor(OCI_CONFIG), descriptor(IN_TOTO));
        assert!(parse(&attestation).unwrap().not_an_image().unwrap().contains("attestation"));
        for config in [EMPTY, "application/vnd.cncf.helm.config.v1+json"] {
            let artifact = parse(&format!(r#"{{"config": {}}}"#, descriptor(config))).unwrap();
            assert!(artifact.not_an_image().unwrap().contains("artifact"));
        }
        assert!(parse(r#"{"layers": []}"#).is_err());
    }

    #[test]
    fn kinds_of_layers() {
        let cases = [
            ("application/vnd.oci.image.layer.v1.tar+zstd", LayerKind::Tar),
            ("application/vnd.docker.image.rootfs.diff.tar.gzip", LayerKind::Tar),
            ("", LayerKind::Tar),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", LayerKind::Foreign),
            ("application/vnd.oci.image.layer.nondistributable.v1.tar", LayerKind::Foreign),
            ("application/vnd.oci.image.layer.nydus.blob.v1", LayerKind::Nydus),
            ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", LayerKind::Encrypted),
            ("application/vnd.in-toto+json", LayerKind::Unknown),
        ];
        for (media_type, kind) in cases {
            let descriptor: Descriptor = serde_json::from_str(&descriptor(media_type)).unwrap();
            assert_eq!(descriptor.layer_kind(), kind, "{media_type}");
        }
    }
}
