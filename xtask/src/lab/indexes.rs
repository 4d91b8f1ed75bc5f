//! Indexes and attestations, put into the registry by HTTP: the classic builder makes only single images.

use serde_json::{Value, json};

use crate::Result;
use crate::debian::Architecture;
use crate::repository::{Repository, descriptor, digest};

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";

/// What an index says about one image.
pub(super) struct Child {
    descriptor: Value,
}

impl Child {
    /// The digest by which the index names it.
    pub(super) fn digest(&self) -> &str {
        self.descriptor["digest"].as_str().unwrap_or_default()
    }
}

/// Describes the image that was pushed as `tag`.
pub(super) fn child(repository: &Repository, tag: &str, architecture: Architecture) -> Result<Child> {
    let manifest = repository.manifest(tag, DOCKER_MANIFEST)?;
    let platform = json!({ "architecture": architecture.name(), "os": "linux" });
    let mut descriptor = descriptor(DOCKER_MANIFEST, &manifest);
    descriptor["platform"] = platform;
    Ok(Child { descriptor })
}

/// Puts an attestation about an image, as BuildKit does: a manifest for the platform unknown/unknown.
pub(super) fn put_attestation(repository: &Repository, subject: &Child) -> Result<Child> {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "subject": [],
        "predicate": {},
    })
    .to_string();
    let layer = digest(statement.as_bytes());
    let config = json!({
        "architecture": "unknown",
        "os": "unknown",
        "config": {},
        "rootfs": { "type": "layers", "diff_ids": [layer] },
    })
    .to_string();
    repository.put_blob(statement.as_bytes())?;
    repository.put_blob(config.as_bytes())?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor(OCI_CONFIG, config.as_bytes()),
        "layers": [descriptor(IN_TOTO, statement.as_bytes())],
    })
    .to_string();
    repository.put_manifest(&digest(manifest.as_bytes()), OCI_MANIFEST, &manifest)?;
    let mut descriptor = descriptor(OCI_MANIFEST, manifest.as_bytes());
    descriptor["platform"] = json!({ "architecture": "unknown", "os": "unknown" });
    descriptor["annotations"] = json!({
        "vnd.docker.reference.digest": subject.digest(),
        "vnd.docker.reference.type": "attestation-manifest",
    });
    Ok(Child { descriptor })
}

/// Puts an index: of OCI's kind if it holds attestations, else Docker's manifest list.
pub(super) fn put_index(repository: &Repository, tag: &str, children: &[Child]) -> Result<()> {
    let attested = children.iter().any(|child| child.descriptor["mediaType"] == OCI_MANIFEST);
    let media_type = if attested { OCI_INDEX } else { DOCKER_LIST };
    let manifests: Vec<&Value> = children.iter().map(|child| &child.descriptor).collect();
    let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": manifests });
    repository.put_manifest(tag, media_type, &index.to_string())
}
