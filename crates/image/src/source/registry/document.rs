//! Manifests and indexes (OCI distribution-spec, "Pulling manifests").

use super::session::Session;
use super::transport::{Answer, Unread};
use super::words;
use crate::digest::Digest;
use crate::limits::DOCUMENT_BYTES;
use crate::source::{Document, Selector, SourceError};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use serde::Deserialize;

/// One header with all kinds: some proxies keep only one line of several.
const KINDS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// Gets one document, verified.
pub(super) fn get(session: &Session, selector: &Selector) -> Result<Document, SourceError> {
    let (id, object) = match selector {
        Selector::Tag(tag) => (tag.clone(), format!("{}:{tag}", session.name)),
        Selector::Digest(digest) => (digest.to_string(), format!("{}@{digest}", session.name)),
        Selector::Only => return get(session, &Selector::Tag("latest".into())),
    };
    let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(KINDS))]);
    let most = session.limits.document_bytes;
    let mut cut = None;
    for _ in 0..2 {
        let mut answer = session.get("manifests", &id, &headers, &object)?;
        if answer.status().as_u16() != 200 {
            return Err(session.refusal(&object, answer));
        }
        encoded(&answer, &object)?;
        match session.transport.body(&mut answer, most) {
            Ok(bytes) => return judged(&answer, bytes, selector, object),
            Err(Unread::TooLong) => {
                let detail = format!("it is longer than {most} bytes: {}", DOCUMENT_BYTES.hint());
                return Err(SourceError::Broken { object, detail });
            }
            Err(Unread::Slow(detail)) => return Err(SourceError::Unreachable { object, detail }),
            Err(Unread::Cut(why)) => cut = Some(why),
        }
    }
    let why = cut.unwrap_or_default();
    Err(SourceError::Unreachable {
        object,
        detail: format!("the connection was cut in the middle of it: {why}"),
    })
}

/// Refuses a body in another form than that which its digest is of.
pub(super) fn encoded(answer: &Answer, object: &str) -> Result<(), SourceError> {
    match answer.header("content-encoding").map(str::trim) {
        None | Some("" | "identity") => Ok(()),
        Some(other) => Err(SourceError::Broken {
            object: object.into(),
            detail: format!(
                "it comes with content-encoding {}, though `identity` was asked for",
                words::short(other)
            ),
        }),
    }
}

/// What is read of every document here; its meaning is read elsewhere.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outline {
    schema_version: Option<u64>,
    #[serde(default)]
    media_type: String,
}

fn judged(
    answer: &Answer,
    bytes: Vec<u8>,
    selector: &Selector,
    object: String,
) -> Result<Document, SourceError> {
    let content_type = answer.content_type();
    let digest = verified(answer, &bytes, selector, &object)?;
    let Ok(outline) = serde_json::from_slice::<Outline>(&bytes) else {
        let kind =
            if content_type.is_empty() { "no content type".into() } else { words::short(&content_type) };
        let begin = words::short(&String::from_utf8_lossy(&bytes[..bytes.len().min(40)]));
        let detail = format!("it is no manifest: {kind}, {} bytes, beginning with `{begin}`", bytes.len());
        return Err(SourceError::Broken { object, detail });
    };
    let first = "application/vnd.docker.distribution.manifest.v1+";
    if content_type.starts_with(first)
        || outline.media_type.starts_with(first)
        || outline.schema_version == Some(1)
    {
        let detail = "it is an image manifest of version 2, schema 1, which Docker has given up".into();
        return Err(SourceError::Unsupported { object, detail });
    }
    // A server that knows only files says `application/json` or `application/octet-stream`.
    let telling = content_type.starts_with("application/vnd.");
    let media_type = if telling || outline.media_type.is_empty() { content_type } else { outline.media_type };
    Ok(Document { media_type, digest, bytes })
}

/// The digest of the document: that which was asked for, else that which the registry gives, both computed again.
fn verified(answer: &Answer, bytes: &[u8], selector: &Selector, object: &str) -> Result<Digest, SourceError> {
    let computed = |expected: &Digest| {
        let mut hasher = expected.hasher();
        hasher.update(bytes);
        hasher.finish()
    };
    let mismatch = |wanted: &Digest, by: &str| {
        let found = computed(wanted);
        let detail = format!("its digest is {found}, not {wanted} {by}");
        if found == *wanted { Ok(()) } else { Err(SourceError::Broken { object: object.into(), detail }) }
    };
    if let Selector::Digest(wanted) = selector {
        mismatch(wanted, "that was asked for")?;
        return Ok(wanted.clone());
    }
    match answer.header("docker-content-digest").and_then(|text| text.trim().parse::<Digest>().ok()) {
        Some(named) => {
            mismatch(&named, "that the registry says")?;
            Ok(named)
        }
        None => Ok(Digest::of(bytes)),
    }
}
