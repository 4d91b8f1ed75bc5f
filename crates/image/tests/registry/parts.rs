//! Parts of blobs: asked for by ranges where the registry redirected to, and refused where they are not what was asked.

use crate::server::{Heard, Reply, Server};
use crate::{assert_says, bytes, descriptor, nobody, open};
use execfit_image::source::Store;

#[test]
fn parts_come_from_where_the_registry_redirected_to() {
    let blob = bytes(300_000);
    let stored = blob.clone();
    let storage = Server::new(move |heard, _| {
        if heard.header("authorization").is_some() {
            Reply::new(400, "")
        } else {
            Reply::part(heard, &stored)
        }
    });
    let place = storage.url("/signed?token=secret");
    let server = Server::new(move |_, _| Reply::new(307, "").with("Location", &place));
    let mut registry = open(&server, &nobody());
    let wanted: Vec<_> = (0..20).map(|at| at * 15_000..at * 15_000 + 700).collect();
    let parts = registry.ranges(&descriptor(&blob), &wanted).unwrap();
    for (part, range) in parts.iter().zip(&wanted) {
        assert!(part[..] == blob[range.start as usize..range.end as usize]);
    }
    assert_eq!(registry.range(&descriptor(&blob), 299_990, 10).unwrap(), blob[299_990..]);
    assert_eq!(registry.range(&descriptor(&blob), 5, 0).unwrap(), b"");
    assert_eq!((server.heard().len(), storage.heard().len()), (1, 21));
    assert_eq!(registry.tally().bytes, 20 * 700 + 10);
}

#[test]
fn a_registry_that_ignores_ranges_gives_parts_of_the_beginning_only() {
    let blob = bytes(6_000_000);
    let stored = blob.clone();
    let server = Server::new(move |_, _| Reply::new(200, stored.clone()));
    let mut registry = open(&server, &nobody());
    assert_eq!(registry.range(&descriptor(&blob), 1000, 50).unwrap(), blob[1000..1050]);
    let error = registry.range(&descriptor(&blob), 5_000_000, 50).unwrap_err();
    assert_says(&error, "Unsupported", &[descriptor(&blob).digest.as_str(), "only as a whole"]);
}

#[test]
fn what_comes_instead_of_a_part() {
    let blob = bytes(1000);
    let reply = |status, range: &str| Reply::new(status, vec![7; 100]).with("Content-Range", range);
    for (reply, variant, words) in [
        (reply(206, "bytes 0-99/1000"), "Broken", "`bytes 0-99/1000` came"),
        (reply(206, "bytes 500-999/1000"), "Broken", "`bytes 500-999/1000` came"),
        (reply(206, "bytes 500-599/5000"), "Broken", "`bytes 500-599/5000` came"),
        (
            Reply::new(206, vec![7; 100]).with("Content-Type", "multipart/byteranges"),
            "Broken",
            "were asked for",
        ),
        (reply(416, "bytes */400"), "Broken", "it ends before byte 500"),
        (Reply::new(200, "<html>").with("Content-Type", "text/html"), "Broken", "text/html"),
        (Reply::new(403, "no"), "Denied", "403"),
    ] {
        let server = Server::new(move |_: &Heard, _| reply.clone());
        let error = open(&server, &nobody()).range(&descriptor(&blob), 500, 100).unwrap_err();
        assert_says(&error, variant, &[words, descriptor(&blob).digest.as_str(), "team/app:1"]);
    }
}

#[test]
fn a_cut_part_goes_on() {
    let blob = bytes(400_000);
    let stored = blob.clone();
    let server = Server::new(move |heard, before| {
        let reply = Reply::part(heard, &stored);
        if before == 0 { reply.cut_after(10_000) } else { reply }
    });
    let part = open(&server, &nobody()).range(&descriptor(&blob), 100_000, 200_000).unwrap();
    assert!(part == blob[100_000..300_000]);
    assert_eq!(server.heard()[1].range(), Some((110_000, Some(299_999))));
}
