//! The registry client against a server that plays registries and their faults.

#![cfg(feature = "registry")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod documents;
mod hostile;
mod logins;
mod parts;
mod redirects;
mod seekable;
mod server;
mod streams;

use execfit_image::digest::Digest;
use execfit_image::manifest::Descriptor;
use execfit_image::reference::Reference;
use execfit_image::source::registry::Registry;
use execfit_image::source::{Access, SourceError, Store};
use server::Server;
use std::collections::BTreeMap;
use std::io::Read;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Nothing of the user who runs the tests.
fn nobody() -> Access {
    Access { auth_files: Some(Vec::new()), ..Access::default() }
}

fn reference(registry: &str, tag: &str) -> Reference {
    Reference {
        registry: registry.into(),
        repository: "team/app".into(),
        tag: Some(tag.into()),
        digest: None,
    }
}

/// `team/app:1` of the server.
fn open(server: &Server, access: &Access) -> Registry {
    Registry::new(&reference(&server.address.to_string(), "1"), access).unwrap()
}

fn descriptor(blob: &[u8]) -> Descriptor {
    Descriptor {
        media_type: "application/vnd.oci.image.layer.v1.tar+gzip".into(),
        digest: Digest::of(blob),
        size: blob.len() as u64,
        annotations: BTreeMap::new(),
        artifact_type: None,
    }
}

/// Bytes that do not repeat soon.
fn bytes(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(next).collect()
}

/// The whole blob, or the error at its beginning or in its middle.
fn read(registry: &mut Registry, descriptor: &Descriptor) -> Result<Vec<u8>, SourceError> {
    let mut stream = registry.blob(descriptor)?;
    let mut blob = Vec::new();
    match stream.read_to_end(&mut blob) {
        Ok(_) => Ok(blob),
        Err(error) => Err(error.get_ref().unwrap().downcast_ref::<SourceError>().unwrap().clone()),
    }
}

/// The error must be of this variant, and name all these things.
#[track_caller]
fn assert_says(error: &SourceError, variant: &str, words: &[&str]) {
    assert!(format!("{error:?}").starts_with(variant), "{variant}: {error:?}");
    for word in words {
        assert!(error.to_string().contains(word), "`{word}` in: {error}");
    }
}
