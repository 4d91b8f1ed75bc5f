//! Hostile and broken servers, one each, with the whole text of what is said about it: it names the object, what came,
//! and what to do, and holds no secret. Loops, cuts and wrong lengths are in `streams` and `redirects`, too.

use crate::server::{Heard, Reply, Server};
use crate::{MANIFEST, bytes, descriptor, nobody, open, read};
use execfit_image::digest::Digest;
use execfit_image::source::{Access, Credentials, Selector, Store};
use std::time::{Duration, Instant};

/// What is said of a server that answers like this to the question for `team/app:1`; `SERVER` stands for its address.
fn said(access: &Access, play: impl Fn(&Heard, usize) -> Reply + Send + Sync + 'static) -> String {
    let server = Server::new(play);
    let begun = Instant::now();
    let error = open(&server, access).document(&Selector::Only).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(20), "{error}");
    let text = error.to_string();
    assert!(!text.contains("hunter2") && !text.contains("Signature"), "{text}");
    text.replace(&server.address.to_string(), "SERVER")
}

/// The same about a blob of 100 bytes; `BLOB` stands for its digest.
fn said_of_blob(play: impl Fn(&Heard, usize) -> Reply + Send + Sync + 'static) -> String {
    let server = Server::new(play);
    let blob = descriptor(&bytes(100));
    let text = read(&mut open(&server, &access("")), &blob).unwrap_err().to_string();
    text.replace(&server.address.to_string(), "SERVER").replace(blob.digest.as_str(), "BLOB")
}

/// A user with a password, and a limit.
fn access(limit: &str) -> Access {
    let explicit = Credentials { username: "user".into(), password: "hunter2".into() };
    let mut access = Access { explicit: Some(explicit), ..nobody() };
    if !limit.is_empty() {
        access.limits.set(limit).unwrap();
    }
    access
}

fn manifest(body: impl Into<Vec<u8>>) -> Reply {
    Reply::new(200, body).with("Content-Type", MANIFEST)
}

/// Wants a token, and gives this one.
fn with_token(give: impl Fn() -> Reply + Send + Sync + 'static) -> impl Fn(&Heard, usize) -> Reply {
    move |heard, _| match heard.path.split('?').next().unwrap() {
        "/token" => give(),
        _ => {
            let realm = format!("Bearer realm=\"http://{}/token\"", heard.header("host").unwrap());
            Reply::new(401, "").with("WWW-Authenticate", realm)
        }
    }
}

#[test]
fn manifests() {
    let ask = |limit: &str, reply: Reply| said(&access(limit), move |_, _| reply.clone());
    let endless = manifest(vec![b' '; 65536]).endless();
    assert_eq!(
        ask("document-bytes=1M", endless),
        "SERVER/team/app:1 is broken: it is longer than 1048576 bytes: the limit document-bytes (`--limit document-bytes=N` raises it)"
    );
    let slow = manifest(vec![b' '; 100]).dripping(Duration::from_millis(50));
    assert_eq!(
        ask("document-seconds=1", slow),
        "SERVER/team/app:1 could not be reached: it was not complete after 1 seconds: the limit document-seconds (`--limit document-seconds=N` raises it)"
    );
    for encoding in ["gzip", "br", "deflate", "zstd", "gzip, gzip"] {
        assert_eq!(
            ask("", manifest("{}").with("Content-Encoding", encoding)),
            format!(
                "SERVER/team/app:1 is broken: it comes with content-encoding {encoding}, though `identity` was asked for"
            )
        );
    }
    assert_eq!(
        ask("", Reply::new(200, "<html><body>Sign in").with("Content-Type", "text/html")),
        "SERVER/team/app:1 is broken: it is no manifest: text/html, 19 bytes, beginning with `<html><body>Sign in`"
    );
    let wrong = Digest::of(b"another");
    let right = Digest::of(b"{}");
    assert_eq!(
        ask("", manifest("{}").with("Docker-Content-Digest", &wrong)),
        format!("SERVER/team/app:1 is broken: its digest is {right}, not {wrong} that the registry says")
    );
}

/// What the header says in another form does not count: the digest is computed here.
#[test]
fn digests_in_other_words() {
    let body = r#"{"schemaVersion":2}"#;
    let real = Digest::of(body.as_bytes());
    let sha512 = {
        let mut hasher = format!("sha512:{}", "0".repeat(128)).parse::<Digest>().unwrap().hasher();
        hasher.update(body.as_bytes());
        hasher.finish()
    };
    for (header, expected) in [
        (sha512.to_string(), sha512.clone()),
        (real.to_string().to_uppercase(), real.clone()),
        (format!("sha384:{}", "0".repeat(96)), real.clone()),
        ("md5:d41d8cd98f00b204e9800998ecf8427e".into(), real.clone()),
        ("nonsense".into(), real.clone()),
    ] {
        let server = Server::new(move |_, _| manifest(body).with("Docker-Content-Digest", &header));
        assert_eq!(open(&server, &nobody()).document(&Selector::Only).unwrap().digest, expected);
    }
}

#[test]
fn heads() {
    let ask = |raw: String| said(&access(""), move |_, _| Reply::raw(raw.clone()));
    let many: String = (0..5000).map(|number| format!("X-{number}: y\r\n")).collect();
    let text = ask(format!("HTTP/1.1 200 OK\r\n{many}\r\n{{}}"));
    assert_eq!(text, "SERVER/team/app:1 could not be reached: http://SERVER: message head is too large");
    let text = ask(format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n{{}}", "y".repeat(2 << 20)));
    assert_eq!(text, "SERVER/team/app:1 could not be reached: http://SERVER: message head is too large");
    let text = ask("SSH-2.0-OpenSSH_9.2\r\n".into());
    assert_eq!(text, "SERVER/team/app:1 could not be reached: http://SERVER: invalid HTTP version parsed");
    let text = ask("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}".into());
    assert!(text.starts_with("SERVER/team/app:1 could not be reached: http://SERVER: "), "{text}");
}

#[test]
fn tokens() {
    let ask = |limit: &str, give: Reply| said(&access(limit), with_token(move || give.clone()));
    assert_eq!(
        ask("", Reply::new(200, vec![b' '; 65536]).endless()),
        "SERVER/team/app:1 is broken: the token server http://SERVER answers with more than 1048576 bytes"
    );
    assert_eq!(
        ask("document-seconds=1", Reply::new(200, vec![b' '; 99]).dripping(Duration::from_millis(50))),
        "SERVER/team/app:1 could not be reached: the token server http://SERVER stopped answering: it was not complete \
         after 1 seconds: the limit document-seconds (`--limit document-seconds=N` raises it)"
    );
    assert_eq!(
        ask("", Reply::new(200, "<html>hunter2").with("Content-Type", "text/html")),
        "SERVER/team/app:1 is broken: the token server http://SERVER gives no token but a page of HTML with status 200 OK"
    );
    assert_eq!(
        ask("", Reply::new(200, "\u{1f}").with("Content-Encoding", "gzip")),
        "the token for SERVER/team/app:1 is broken: it comes with content-encoding gzip, though `identity` was asked for"
    );
    assert_eq!(
        ask("", Reply::new(200, r#"{"token": "hunter2-of-another"}"#)),
        "SERVER/team/app:1 may not be read: http://SERVER answers 401 Unauthorized; the credentials given for this image \
         did not suffice; log in with `docker login SERVER`"
    );
}

/// A token server may be elsewhere (the specification has it so), but what it redirects to gets nothing of ours.
#[test]
fn credentials_go_where_the_registry_says_and_no_further() {
    let thief = Server::new(|_, _| Reply::new(200, r#"{"token":"t"}"#));
    let place = thief.url("/token?X-Amz-Signature=5ec2e7");
    let tokens = Server::new(move |_, _| Reply::new(307, "").with("Location", &place));
    let realm = format!("Bearer realm=\"{}\"", tokens.url("/token"));
    let registry = Server::new(move |heard, _| match heard.header("authorization") {
        Some("Bearer t") => manifest(r#"{"schemaVersion":2}"#),
        _ => Reply::new(401, "").with("WWW-Authenticate", &realm),
    });
    open(&registry, &access("")).document(&Selector::Only).unwrap();
    assert_eq!(tokens.heard()[0].header("authorization"), Some("Basic dXNlcjpodW50ZXIy"));
    assert_eq!(thief.heard()[0].header("authorization"), None);
    assert!(
        registry.heard().iter().all(|heard| heard.header("authorization") != Some("Basic dXNlcjpodW50ZXIy"))
    );
}

#[test]
fn requests_to_come_back_later() {
    let ask = |status: u16, after: Option<&'static str>| {
        said(&access("wait-seconds=1"), move |_, _| {
            let reply = Reply::new(status, r#"{"errors":[{"code":"TOOMANYREQUESTS"}]}"#);
            after.map_or(reply.clone(), |after| reply.with("Retry-After", after))
        })
    };
    let throttled = "SERVER/team/app:1 could not be read now: http://SERVER answers 429 Too Many Requests: TOOMANYREQUESTS";
    let hint = "the limit wait-seconds (`--limit wait-seconds=N` raises it)";
    assert_eq!(ask(429, None), throttled);
    assert_eq!(ask(429, Some("86400")), format!("{throttled}; it asks to wait 86400 seconds, beyond {hint}"));
    let most = u64::MAX;
    assert_eq!(
        ask(429, Some("18446744073709551615")),
        format!("{throttled}; it asks to wait {most} seconds, beyond {hint}")
    );
    for nonsense in ["-5", "99999999999999999999999", "soon", ""] {
        assert_eq!(ask(429, Some(nonsense)), throttled, "{nonsense}");
    }
    assert!(ask(429, Some("Fri, 31 Dec 9999 23:59:59 GMT")).contains("it asks to wait 25"), "a date");
    assert_eq!(
        ask(503, Some("600")),
        format!(
            "SERVER/team/app:1 could not be read now: http://SERVER answers 503 Service Unavailable: TOOMANYREQUESTS; it \
             asks to wait 600 seconds, beyond {hint}"
        )
    );
    // A promise that is kept.
    let server = Server::new(|_, before| match before {
        0 => Reply::new(503, "").with("Retry-After", 1),
        _ => manifest(r#"{"schemaVersion":2}"#),
    });
    let begun = Instant::now();
    open(&server, &nobody()).document(&Selector::Only).unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn blobs() {
    let object = "blob BLOB of SERVER/team/app:1";
    let whole = bytes(100);
    for encoding in ["gzip", "br", "deflate"] {
        let body = whole.clone();
        assert_eq!(
            said_of_blob(move |_, _| Reply::new(200, body.clone()).with("Content-Encoding", encoding)),
            format!(
                "{object} is broken: it comes with content-encoding {encoding}, though `identity` was asked for"
            )
        );
    }
    assert_eq!(
        said_of_blob(|_, _| Reply::new(200, "<html>").with("Content-Type", "text/html")),
        format!("{object} is broken: it has 6 bytes (text/html), not the 100 of its manifest")
    );
    for (range, length) in
        [("bytes 1-100/101", 100), ("bytes 0-199/200", 200), ("bytes 0-99/100/7", 100), ("", 100)]
    {
        assert_eq!(
            said_of_blob(move |_, _| Reply::new(206, bytes(length)).with("Content-Range", range)),
            format!("{object} is broken: bytes from 0 of 100 were asked for, and `{range}` came")
        );
    }
    assert_eq!(
        said_of_blob(
            |_, _| Reply::new(302, "").with("Location", "https://[64:ff9b::a9fe:a9fe]/?X-Amz-Signature=5")
        ),
        format!(
            "{object} is broken: http://SERVER redirects to where we do not go: https://[64:ff9b::a9fe:a9fe] is a \
                 link-local address"
        )
    );
    assert_eq!(
        said_of_blob(|_, _| Reply::new(302, "").with("Location", "ftp://storage.example/key")),
        format!(
            "{object} is broken: http://SERVER redirects to where we do not go: `ftp:` is neither http nor https"
        )
    );
}

#[test]
fn chunked_blobs() {
    let chunked = |chunks: &[&[u8]], end: &str| {
        let mut raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in chunks {
            raw.extend(format!("{:x}\r\n", chunk.len()).bytes());
            raw.extend(*chunk);
            raw.extend(b"\r\n");
        }
        raw.extend(end.bytes());
        Reply::raw(raw)
    };
    let blob = bytes(100);
    let whole = chunked(&[&blob[..60], &blob[60..]], "0\r\n\r\n");
    let server = Server::new(move |_, _| whole.clone());
    assert!(read(&mut open(&server, &nobody()), &descriptor(&blob)).unwrap() == blob);
    let longer = chunked(&[&blob, b"more"], "0\r\n\r\n");
    assert_eq!(
        said_of_blob(move |_, _| longer.clone()),
        "blob BLOB of SERVER/team/app:1 is broken: it goes on after its 100 bytes"
    );
    let shorter = chunked(&[&blob[..60]], "0\r\n\r\n");
    assert_eq!(
        said_of_blob(move |_, _| shorter.clone()),
        "blob BLOB of SERVER/team/app:1 could not be reached: the connection was cut after 60 of 100 bytes, again and \
         again (it ended)"
    );
    let broken = chunked(&[&blob[..60]], "zz\r\n");
    let text = said_of_blob(move |_, _| broken.clone());
    assert!(text.contains("the connection was cut after 60 of 100 bytes"), "{text}");
}

#[test]
fn a_blob_that_takes_for_ever() {
    let blob = bytes(100);
    let stored = blob.clone();
    let server = Server::new(move |_, _| Reply::new(200, stored.clone()).dripping(Duration::from_millis(50)));
    let begun = Instant::now();
    let text =
        read(&mut open(&server, &access("blob-seconds=1")), &descriptor(&blob)).unwrap_err().to_string();
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert!(
        text.contains(" of its 100 bytes came in 1 seconds of waiting: the limit blob-seconds"),
        "{text}"
    );
}

/// What is behind a cut comes from another content: the digest tells, whatever the ranges say.
#[test]
fn a_blob_that_changes_while_it_is_read() {
    use execfit_image::layer::Layer;
    use execfit_image::limits::Limits;
    let (one, other) = (bytes(2_000_000), bytes(2_000_001)[1..].to_vec());
    let stored = (one.clone(), other);
    let server = Server::new(move |heard, before| match before {
        0 => Reply::part(heard, &stored.0).with("ETag", "\"1\"").cut_after(700_000),
        _ => Reply::part(heard, &stored.1).with("ETag", "\"2\""),
    });
    let plain = execfit_image::manifest::Descriptor {
        media_type: "application/vnd.oci.image.layer.v1.tar".into(),
        ..descriptor(&one)
    };
    let mut layer = Layer::new(plain.clone(), None, "team/app:1", Limits::default());
    let mut registry = open(&server, &nobody());
    let error =
        layer.read_whole(|descriptor| registry.blob(descriptor), &mut |_| ()).unwrap_err().to_string();
    assert!(error.starts_with(&format!(
        "layer {} of team/app:1 is broken: its digest is sha256:",
        plain.digest.short()
    )));
    assert!(server.heard()[1].range().is_some(), "it went on where it was cut");
}
