//! Where a registry may send us.

use crate::server::{Reply, Server};
use crate::{assert_says, bytes, descriptor, nobody, open, read};
use execfit_image::source::{Access, Credentials};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn to(place: &str) -> Reply {
    Reply::new(307, "").with("Location", place)
}

/// With a user name and a password that nobody else may see.
fn somebody() -> Access {
    let explicit = Credentials { username: "user".into(), password: "hunter2".into() };
    Access { explicit: Some(explicit), ..nobody() }
}

#[test]
fn the_log_in_stays_with_its_registry_and_the_storage_is_remembered() {
    let blob = bytes(3 * 1024 * 1024);
    let stored = blob.clone();
    let storage = Server::new(move |heard, _| Reply::part(heard, &stored));
    let place = storage.url("/key?X-Amz-Signature=5ec2e7");
    let server = Server::new(move |heard, _| match heard.header("authorization") {
        Some("Basic dXNlcjpodW50ZXIy") => to(&place),
        _ => Reply::new(401, "").with("WWW-Authenticate", "Basic realm=\"r\""),
    });
    let mut registry = open(&server, &somebody());
    assert!(read(&mut registry, &descriptor(&blob)).unwrap() == blob);

    let heard = storage.heard();
    assert!(heard.iter().all(|heard| heard.header("authorization").is_none()));
    let ranges: Vec<_> = heard.iter().map(|heard| heard.range()).collect();
    assert_eq!(ranges, [Some((0, Some(1_048_575))), Some((1_048_576, None))]);
    assert_eq!(server.heard().len(), 2, "one challenge, one redirect");
}

#[test]
fn the_log_in_goes_along_within_one_origin() {
    let blob = bytes(10);
    let stored = blob.clone();
    let server = Server::new(move |heard, _| match (heard.path.as_str(), heard.header("authorization")) {
        ("/mirror", _) => Reply::part(heard, &stored),
        (_, Some(_)) => to("/mirror"),
        _ => Reply::new(401, "").with("WWW-Authenticate", "Basic realm=\"r\""),
    });
    assert!(read(&mut open(&server, &somebody()), &descriptor(&blob)).unwrap() == blob);
    assert!(server.heard()[2].header("authorization").is_some(), "the same origin");
}

#[test]
fn an_expired_storage_address_is_asked_for_anew_once() {
    let blob = bytes(3 * 1024 * 1024);
    let stored = blob.clone();
    // Each address is good for one request.
    let used = Arc::new(AtomicUsize::new(0));
    let storage = Server::new(move |heard, _| {
        let number: usize = heard.path[1..].parse().unwrap();
        let expired = number < used.fetch_max(number + 1, Ordering::SeqCst);
        let denied = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
        if expired { Reply::new(403, denied) } else { Reply::part(heard, &stored) }
    });
    let place = storage.url("/");
    let server = Server::new(move |_, before| to(&format!("{place}{before}")));
    assert!(read(&mut open(&server, &nobody()), &descriptor(&blob)).unwrap() == blob);
    assert_eq!(storage.paths(), ["/0", "/0", "/1"]);

    let storage = Server::new(|_, _| Reply::new(403, "<Error><Code>AccessDenied</Code></Error>"));
    let place = storage.url("/key?X-Amz-Signature=5ec2e7");
    let server = Server::new(move |_, _| to(&place));
    let error = read(&mut open(&server, &nobody()), &descriptor(&blob)).unwrap_err();
    let object = format!("blob {} of {}/team/app:1", descriptor(&blob).digest, server.address);
    assert_says(&error, "Denied", &[&object, "403", "AccessDenied"]);
    assert!(!error.to_string().contains("5ec2e7"));
    assert_eq!(storage.heard().len(), 2);
}

#[test]
fn redirects_end() {
    let server = Server::new(|heard, _| to(&heard.path));
    let error = read(&mut open(&server, &nobody()), &descriptor(b"x")).unwrap_err();
    let object = format!("blob {} of {}/team/app:1", descriptor(b"x").digest, server.address);
    assert_says(&error, "Broken", &[&object, "more than 5 redirects"]);
    assert_eq!(server.heard().len(), 6);
}

#[test]
fn places_that_are_not_gone_to() {
    for (place, why) in [
        ("http://169.254.169.254/latest/meta-data?token=5ec2e7", "link-local"),
        ("http://[fe80::1]/", "link-local"),
        ("file:///etc/passwd", "neither http nor https"),
        ("http://[nonsense", "no URL"),
    ] {
        let server = Server::new(move |_, _| to(place));
        let error = read(&mut open(&server, &nobody()), &descriptor(b"x")).unwrap_err();
        assert_says(&error, "Broken", &["redirects", why]);
        assert!(!error.to_string().contains("5ec2e7"), "{error}");
        assert_eq!(server.heard().len(), 1);
    }
    let server = Server::new(|_, _| Reply::new(302, ""));
    let error = read(&mut open(&server, &nobody()), &descriptor(b"x")).unwrap_err();
    assert_says(&error, "Broken", &["does not say where"]);
}
