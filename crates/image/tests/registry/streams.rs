//! Blobs: ranges, cut connections, wrong lengths.

use crate::server::{Reply, Server};
use crate::{assert_says, bytes, descriptor, nobody, open, read};
use execfit_image::source::Store;
use std::io::Read;

#[test]
fn a_small_blob_is_one_plain_request() {
    let blob = bytes(1000);
    let stored = blob.clone();
    let server = Server::new(move |heard, _| Reply::part(heard, &stored));
    let mut registry = open(&server, &nobody());
    assert!(read(&mut registry, &descriptor(&blob)).unwrap() == blob);
    assert_eq!(server.heard()[0].range(), None);
    assert_eq!(server.paths(), [format!("/v2/team/app/blobs/{}", descriptor(&blob).digest)]);
    assert_eq!(registry.tally().bytes, 1000);
    assert!(read(&mut registry, &descriptor(&blob[..0])).is_err(), "1000 bytes for an empty blob");
}

#[test]
fn the_head_costs_one_range_and_the_rest_one_more() {
    let blob = bytes(5_000_000);
    let stored = blob.clone();
    let server = Server::new(move |heard, _| Reply::part(heard, &stored));
    let mut registry = open(&server, &nobody());
    let mut stream = registry.blob(&descriptor(&blob)).unwrap();
    let mut head = vec![0; 4096];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(server.heard()[0].range(), Some((0, Some(1_048_575))));
    drop(registry);
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    head.append(&mut rest);
    assert!(head == blob);
    assert_eq!(server.heard()[1].range(), Some((1_048_576, None)));
    assert_eq!(server.heard().len(), 2);
}

#[test]
fn a_blob_that_is_read_wholly_is_one_plain_request() {
    let blob = bytes(5_000_000);
    let stored = blob.clone();
    let server = Server::new(move |heard, _| Reply::part(heard, &stored));
    let mut registry = open(&server, &nobody());
    let mut stream = registry.whole_blob(&descriptor(&blob)).unwrap();
    assert_eq!(server.heard().len(), 0, "nothing is asked before it is wanted");
    let mut whole = Vec::new();
    stream.read_to_end(&mut whole).unwrap();
    assert!(whole == blob);
    assert_eq!((server.heard().len(), server.heard()[0].range()), (1, None));
}

#[test]
fn a_server_that_ignores_ranges() {
    let blob = bytes(3_000_000);
    let stored = blob.clone();
    let server = Server::new(move |_, _| Reply::new(200, stored.clone()));
    let mut registry = open(&server, &nobody());
    assert!(read(&mut registry, &descriptor(&blob)).unwrap() == blob);
    assert_eq!((server.heard().len(), registry.tally().bytes), (1, 3_000_000));
}

#[test]
fn a_cut_stream_goes_on_by_range() {
    let blob = bytes(4_000_000);
    let stored = blob.clone();
    let server = Server::new(move |heard, before| {
        let reply = Reply::part(heard, &stored);
        if before == 1 { reply.cut_after(1_000_000) } else { reply }
    });
    let mut registry = open(&server, &nobody());
    assert!(read(&mut registry, &descriptor(&blob)).unwrap() == blob);
    let (from, to) = server.heard()[2].range().unwrap();
    assert!(from > 1_048_576 && from <= 2_048_576 && to.is_none(), "{from}");
}

#[test]
fn a_cut_stream_of_a_server_that_ignores_ranges_begins_again() {
    let blob = bytes(2_000_000);
    let stored = blob.clone();
    let server = Server::new(move |_, before| {
        let reply = Reply::new(200, stored.clone());
        if before == 0 { reply.cut_after(700_000) } else { reply }
    });
    assert!(read(&mut open(&server, &nobody()), &descriptor(&blob)).unwrap() == blob);
    assert_eq!(server.heard().len(), 2);
}

#[test]
fn a_truncated_blob() {
    let blob = bytes(100_000);
    let object = descriptor(&blob).digest.to_string();
    // The connection always ends early.
    let stored = blob.clone();
    let server = Server::new(move |_, _| Reply::new(200, stored.clone()).cut_after(60_000));
    let error = read(&mut open(&server, &nobody()), &descriptor(&blob)).unwrap_err();
    assert_says(
        &error,
        "Unreachable",
        &[&format!("blob {object} of "), "team/app:1", "after 60000 of 100000 bytes"],
    );
    assert_eq!(server.heard().len(), 4);
    // The registry itself has less.
    let stored = blob.clone();
    let server = Server::new(move |heard, _| Reply::part(heard, &stored[..60_000]));
    let error = read(&mut open(&server, &nobody()), &descriptor(&blob)).unwrap_err();
    assert_says(&error, "Broken", &[&object, "60000", "100000"]);
    // It has less, and does not say how much.
    let server = Server::new(move |heard, before| match before {
        0 => Reply::new(200, blob.clone()).cut_after(60_000),
        _ => Reply::part(heard, &blob[..60_000]),
    });
    let blob = bytes(100_000);
    let error = read(&mut open(&server, &nobody()), &descriptor(&blob)).unwrap_err();
    assert_says(&error, "Broken", &[&object, "ends before byte 60000"]);
}

#[test]
fn a_blob_that_does_not_end() {
    let blob = bytes(100_000);
    let server = Server::new(|_, _| Reply::new(200, vec![0; 4096]).endless());
    let mut registry = open(&server, &nobody());
    let error = read(&mut registry, &descriptor(&blob)).unwrap_err();
    assert_says(&error, "Broken", &[descriptor(&blob).digest.as_str(), "goes on after its 100000 bytes"]);
    assert!(registry.tally().bytes < 1_000_000);
    let longer = bytes(100_001);
    let server = Server::new(move |_, _| Reply::new(200, longer.clone()));
    let error = read(&mut open(&server, &nobody()), &descriptor(&blob)).unwrap_err();
    assert_says(&error, "Broken", &["100001", "100000"]);
}

#[test]
fn what_comes_instead_of_a_blob() {
    let blob = bytes(100);
    for (reply, variant, words) in [
        (Reply::new(200, blob.clone()).with("Content-Encoding", "gzip"), "Broken", "content-encoding gzip"),
        (Reply::new(200, "<html>").with("Content-Type", "text/html"), "Broken", "text/html"),
        (Reply::new(200, blob.clone()).with("Content-Type", "text/html"), "Broken", "text/html"),
        (Reply::new(206, blob.clone()).with("Content-Range", "bytes 5-104/200"), "Broken", "bytes 5-104/200"),
        (Reply::new(204, ""), "Unreachable", "204"),
        (Reply::new(404, r#"{"errors":[{"code":"BLOB_UNKNOWN"}]}"#), "NotFound", "BLOB_UNKNOWN"),
    ] {
        let server = Server::new(move |_, _| reply.clone());
        let error = read(&mut open(&server, &nobody()), &descriptor(&blob)).unwrap_err();
        assert_says(&error, variant, &[words, descriptor(&blob).digest.as_str(), "team/app:1"]);
    }
}
