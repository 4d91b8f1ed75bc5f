//! Manifests, and what servers answer instead of one.

use crate::server::{Reply, Server};
use crate::{MANIFEST, assert_says, nobody, open, reference};
use execfit_image::digest::Digest;
use execfit_image::source::registry::Registry;
use execfit_image::source::{Selector, SourceError, Store, Tally};
use std::time::Instant;

const BODY: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}"#;

fn manifest() -> Reply {
    Reply::new(200, BODY).with("Content-Type", MANIFEST)
}

/// The error for `team/app:1` of a server that always answers this, and how many requests it took.
fn refused(reply: Reply) -> (SourceError, Server) {
    let server = Server::new(move |_, _| reply.clone());
    let error = open(&server, &nobody()).document(&Selector::Only).unwrap_err();
    assert!(error.to_string().starts_with(&format!("{}/team/app:1 ", server.address)), "{error}");
    (error, server)
}

#[test]
fn one_request_with_one_accept_header_and_no_ping() {
    let server = Server::new(|_, _| manifest().with("Docker-Content-Digest", Digest::of(BODY.as_bytes())));
    let mut registry = open(&server, &nobody());
    let document = registry.document(&Selector::Only).unwrap();
    assert_eq!((document.media_type.as_str(), document.bytes.as_slice()), (MANIFEST, BODY.as_bytes()));
    assert_eq!(document.digest, Digest::of(BODY.as_bytes()));
    assert_eq!(registry.tally(), Tally { requests: 1, bytes: BODY.len() as u64 });

    let heard = &server.heard()[0];
    assert_eq!(heard.path, "/v2/team/app/manifests/1");
    assert_eq!(heard.header("accept").unwrap().split(',').count(), 4);
    assert_eq!(heard.header("accept-encoding"), Some("identity"));
    assert_eq!(heard.header("authorization"), None);

    registry.document(&Selector::Digest(document.digest.clone())).unwrap();
    assert_eq!(server.paths()[1], format!("/v2/team/app/manifests/{}", document.digest));
}

#[test]
fn the_documents_own_media_type_where_the_server_knows_none() {
    let server =
        Server::new(|_, _| Reply::new(200, BODY).with("Content-Type", "application/json; charset=utf-8"));
    assert_eq!(open(&server, &nobody()).document(&Selector::Only).unwrap().media_type, MANIFEST);
}

/// A type of the registries' vendor tree counts as the server says it; any other gives way to the document's own.
#[test]
fn media_types_that_are_missing_or_contradict() {
    let index = "application/vnd.oci.image.index.v1+json";
    let seen = |body: &'static str, kind: &'static str| {
        let server = Server::new(move |_, _| match kind {
            "" => Reply::new(200, body),
            kind => Reply::new(200, body).with("Content-Type", kind),
        });
        open(&server, &nobody()).document(&Selector::Only).unwrap().media_type
    };
    assert_eq!(seen(BODY, index), index);
    assert_eq!(seen(BODY, ""), MANIFEST);
    assert_eq!(seen(BODY, "application/octet-stream"), MANIFEST);
    assert_eq!(seen(r#"{"layers":[]}"#, "application/json"), "application/json");
    assert_eq!(seen(r#"{"layers":[]}"#, ""), "");
}

#[test]
fn what_does_not_exist() {
    let body = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;
    let (error, server) = refused(Reply::new(404, body));
    assert_says(&error, "NotFound", &["404", "MANIFEST_UNKNOWN: manifest unknown"]);
    assert_eq!(server.heard().len(), 1);
}

#[test]
fn what_may_not_be_read() {
    let body = r#"{"errors":[{"code":"DENIED","message":"requested access is denied"}]}"#;
    let (error, server) = refused(Reply::new(403, body));
    let advice = format!("docker login {}", server.address);
    assert_says(&error, "Denied", &["403", "DENIED: requested access", &advice]);
}

#[test]
fn throttling_is_waited_for_within_a_budget() {
    let server = Server::new(|_, before| match before {
        0 => Reply::new(429, "").with("Retry-After", 1),
        _ => manifest(),
    });
    let begun = Instant::now();
    open(&server, &nobody()).document(&Selector::Only).unwrap();
    assert!(begun.elapsed().as_millis() >= 1000);
    assert_eq!(server.heard().len(), 2);

    let body = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit"}]}"#;
    let (error, server) = refused(Reply::new(429, body).with("Retry-After", 3600));
    assert_says(&error, "Throttled", &["429", "reached your pull rate limit", "3600 seconds"]);
    assert_eq!(server.heard().len(), 1);

    let (error, server) = refused(Reply::new(429, "").with("Retry-After", 0));
    assert_says(&error, "Throttled", &["429"]);
    assert_eq!(server.heard().len(), 6);
}

#[test]
fn server_errors_are_asked_again_twice() {
    let server = Server::new(|_, before| if before < 2 { Reply::new(503, "") } else { manifest() });
    open(&server, &nobody()).document(&Selector::Only).unwrap();
    let (error, server) = refused(Reply::new(500, "out of order"));
    assert_says(&error, "Unreachable", &["500", "out of order"]);
    assert_eq!(server.heard().len(), 3);
}

/// Go's servers say so with 400 on a TLS port; here it is the answer of a server that speaks no TLS either.
#[test]
fn a_loopback_registry_that_may_want_tls_is_asked_both_ways() {
    let server = Server::new(|_, _| Reply::new(400, "Client sent an HTTP request to an HTTPS server."));
    let error = open(&server, &nobody()).document(&Selector::Only).unwrap_err();
    assert_says(&error, "Unreachable", &["/team/app:1", "400", "Client sent an HTTP request"]);
    assert_eq!(server.heard()[0].method, "GET");
}

#[test]
fn nobody_there() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let error =
        Registry::new(&reference(&address, "1"), &nobody()).unwrap().document(&Selector::Only).unwrap_err();
    assert_says(&error, "Unreachable", &[&format!("{address}/team/app:1"), "Connection refused"]);
    let error = Registry::new(&reference("registry.invalid", "1"), &nobody())
        .unwrap()
        .document(&Selector::Only)
        .unwrap_err();
    assert_says(&error, "Unreachable", &["registry.invalid/team/app:1", "dns error"]);
    let error = Registry::new(&reference("a b", "1"), &nobody()).err().unwrap();
    assert_says(&error, "Unreachable", &["a b/team/app:1", "no host name"]);
}

#[test]
fn a_page_of_a_proxy_is_no_manifest() {
    let (error, _) = refused(
        Reply::new(200, "<!doctype html><title>Sign in").with("Content-Type", "text/html; charset=utf-8"),
    );
    assert_says(&error, "Broken", &["text/html", "<!doctype html>"]);
    let (error, _) = refused(Reply::new(404, "<!doctype html>").with("Content-Type", "text/html"));
    assert_says(&error, "NotFound", &["404", "an HTML page"]);
}

#[test]
fn digests_must_be_right() {
    let (claimed, real) = (Digest::of(b"something else"), Digest::of(BODY.as_bytes()));
    let (error, server) = refused(manifest().with("Docker-Content-Digest", &claimed));
    assert_says(&error, "Broken", &[claimed.as_str(), real.as_str(), "the registry says"]);
    let error = open(&server, &nobody()).document(&Selector::Digest(claimed.clone())).unwrap_err();
    let object = format!("{}/team/app@{claimed}", server.address);
    assert_says(&error, "Broken", &[&object, real.as_str(), "asked for"]);
}

#[test]
fn documents_end() {
    let (error, _) = refused(Reply::new(200, vec![b' '; 65536]).with("Content-Type", MANIFEST).endless());
    assert_says(&error, "Broken", &["longer than 4194304 bytes"]);
    let (error, server) = refused(manifest().cut_after(20));
    assert_says(&error, "Unreachable", &["cut in the middle"]);
    assert_eq!(server.heard().len(), 2);
}

#[test]
fn an_encoded_document_is_refused() {
    let (error, _) = refused(manifest().with("Content-Encoding", "gzip"));
    assert_says(&error, "Broken", &["content-encoding gzip"]);
}

#[test]
fn schema_1_is_refused_clearly() {
    let kind = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    let body = r#"{"schemaVersion":1,"name":"team/app","tag":"1","fsLayers":[]}"#;
    let unsigned = "application/vnd.docker.distribution.manifest.v1+json";
    for kind in [kind, unsigned] {
        let (error, server) = refused(Reply::new(200, body).with("Content-Type", kind));
        let what =
            "is not supported: it is an image manifest of version 2, schema 1, which Docker has given up";
        assert_eq!(error.to_string(), format!("{}/team/app:1 {what}", server.address));
    }
    let (error, _) = refused(Reply::new(200, body).with("Content-Type", "application/json"));
    assert_says(&error, "Unsupported", &["schema 1"]);
}

#[test]
fn signed_addresses_in_a_servers_words_are_not_passed_on() {
    let body = "cannot sign https://bucket.example/key?X-Amz-Signature=5ec2e7 today\u{1b}[2J";
    let (error, _) = refused(Reply::new(400, body));
    assert_says(&error, "Unreachable", &["400", "https://bucket.example/key today\\u{1b}[2J"]);
    assert!(!error.to_string().contains("5ec2e7"));
}
