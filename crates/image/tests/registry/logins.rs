//! Challenges, tokens and where log-ins come from.

use crate::server::{Heard, Reply, Server};
use crate::{MANIFEST, assert_says, bytes, descriptor, nobody, open, read, reference};
use execfit_image::source::registry::Registry;
use execfit_image::source::{Access, Authenticator, Credentials, Selector, Store};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

fn manifest() -> Reply {
    Reply::new(200, r#"{"schemaVersion":2}"#).with("Content-Type", MANIFEST)
}

fn bearer(realm: &str) -> Reply {
    let challenge =
        format!(r#"Bearer realm="{realm}",service="the registry",scope="repository:team/app:pull""#);
    Reply::new(401, r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#)
        .with("WWW-Authenticate", challenge)
}

/// A registry that wants tokens, and gives them by this rule at its own `/token`.
fn with_tokens(give: impl Fn(&Heard) -> Reply + Send + Sync + 'static) -> Server {
    Server::new(move |heard, _| match heard.path.split('?').next().unwrap() {
        "/token" => give(heard),
        _ if heard.header("authorization") == Some("Bearer t0ken") => manifest(),
        _ => bearer(&format!("http://{}/token", heard.header("host").unwrap())),
    })
}

fn token() -> Reply {
    Reply::new(200, r#"{"token":"t0ken","expires_in":300}"#)
}

/// Takes log-ins from a file with this text.
fn file(text: &str) -> (Access, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("config.json");
    std::fs::write(&path, text).unwrap();
    (Access { auth_files: Some(vec![path]), ..Access::default() }, folder)
}

#[test]
fn an_anonymous_token_serves_all_requests() {
    let server = with_tokens(|_| token());
    let mut registry = open(&server, &nobody());
    registry.document(&Selector::Only).unwrap();
    registry.document(&Selector::Tag("2".into())).unwrap();
    assert_eq!(
        server.paths(),
        [
            "/v2/team/app/manifests/1",
            "/token?service=the+registry&scope=repository%3Ateam%2Fapp%3Apull",
            "/v2/team/app/manifests/1",
            "/v2/team/app/manifests/2",
        ]
    );
    assert_eq!(registry.tally().requests, 4);
    assert!(server.heard()[1].header("authorization").is_none());
}

#[test]
fn a_password_goes_to_the_token_server_only() {
    let server = with_tokens(|heard| match heard.header("authorization") {
        Some("Basic dXNlcjpodW50ZXIy") => token(),
        _ => Reply::new(401, ""),
    });
    let text = format!(r#"{{"auths":{{"{}":{{"auth":"dXNlcjpodW50ZXIy"}}}}}}"#, server.address);
    let (access, _folder) = file(&text);
    open(&server, &access).document(&Selector::Only).unwrap();
    let heard = server.heard();
    assert!(heard[1].path.contains("account=user"));
    assert_eq!(heard[2].header("authorization"), Some("Bearer t0ken"));
}

#[test]
fn an_identity_token_is_posted() {
    let server = with_tokens(|heard| {
        let fields = "grant_type=refresh_token&refresh_token=re+fresh&client_id=execfit\
                      &scope=repository%3Ateam%2Fapp%3Apull&service=the+registry";
        assert_eq!((heard.method.as_str(), heard.body.as_str()), ("POST", fields));
        Reply::new(200, r#"{"access_token":"t0ken"}"#)
    });
    let text = format!(r#"{{"auths":{{"{}":{{"identitytoken":"re fresh"}}}}}}"#, server.address);
    let (access, _folder) = file(&text);
    open(&server, &access).document(&Selector::Only).unwrap();
}

#[test]
fn challenges_end() {
    // The token is given and not taken.
    let server = with_tokens(|_| Reply::new(200, r#"{"token":"other"}"#));
    let error = open(&server, &nobody()).document(&Selector::Only).unwrap_err();
    let object = format!("{}/team/app:1", server.address);
    let advice = format!("docker login {}", server.address);
    assert_says(&error, "Denied", &[&object, "401", "UNAUTHORIZED: authentication required", &advice]);
    assert_eq!(server.heard().len(), 3);
    // There is nothing to answer a password challenge with.
    let server = Server::new(|_, _| Reply::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\""));
    let error = open(&server, &nobody()).document(&Selector::Only).unwrap_err();
    assert_says(&error, "Denied", &["/team/app:1", "401", "none was found", "docker login"]);
    assert_eq!(server.heard().len(), 1);
    let server = Server::new(|_, _| Reply::new(401, "").with("WWW-Authenticate", "Negotiate"));
    let error = open(&server, &nobody()).document(&Selector::Only).unwrap_err();
    assert_says(&error, "Denied", &["negotiate"]);
}

#[test]
fn a_refused_password_is_not_shown() {
    let server = Server::new(|heard, _| {
        let words = format!("what is {} to me", heard.header("authorization").unwrap_or_default());
        Reply::new(401, words).with("WWW-Authenticate", "Basic realm=\"x\"")
    });
    let explicit = Credentials { username: "user".into(), password: "hunter2".into() };
    let access = Access { explicit: Some(explicit), ..nobody() };
    let error = open(&server, &access).document(&Selector::Only).unwrap_err();
    assert_says(&error, "Denied", &["what is Basic <redacted> to me", "credentials given for this image"]);
    assert_eq!(server.heard().len(), 2);
    assert!(!format!("{access:?}", access = access.explicit).contains("hunter2"));
}

#[test]
fn token_servers_that_are_not_asked() {
    for (realm, why) in [
        ("http://169.254.170.2/token", "link-local"),
        ("http://tokens.example/token", "not encrypted"),
        ("ftp://127.0.0.1/token", "neither http nor https"),
        ("/token", "no URL"),
        ("http://a:b@127.0.0.1:1/token", "its own credentials"),
    ] {
        let server = Server::new(move |_, _| bearer(realm));
        let error = open(&server, &nobody()).document(&Selector::Only).unwrap_err();
        assert_says(&error, "Broken", &["/team/app:1", "token server", why]);
        assert_eq!(server.heard().len(), 1);
    }
}

#[test]
fn token_servers_that_fail() {
    for (reply, variant, words) in [
        (Reply::new(401, r#"{"details":"incorrect username or password"}"#), "Denied", "incorrect username"),
        (Reply::new(503, "down"), "Unreachable", "down"),
        (Reply::new(200, "<html>"), "Broken", "gives no token"),
        (Reply::new(200, r#"{"token":"a\nb"}"#), "Broken", "gives no token"),
    ] {
        let server = with_tokens(move |_| reply.clone());
        let error = open(&server, &nobody()).document(&Selector::Only).unwrap_err();
        assert_says(&error, variant, &["/team/app:1", "token server", words]);
    }
}

#[test]
fn a_missing_helper_matters_only_where_it_is_needed() {
    let (access, _folder) = file(r#"{"credsStore":"no-such-store"}"#);
    let server = with_tokens(|_| token());
    open(&server, &access).document(&Selector::Only).unwrap();
    let server = Server::new(|_, _| Reply::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\""));
    let error = open(&server, &access).document(&Selector::Only).unwrap_err();
    assert_says(&error, "Denied", &["`docker-credential-no-such-store` is not installed"]);
}

/// Gives `AWS` and one password after the other, and remembers how it was asked.
struct Log(Mutex<Vec<bool>>);

impl Authenticator for Log {
    fn credentials(&self, host: &str, repository: &str, again: bool) -> Result<Option<Credentials>, String> {
        assert_eq!((host.split(':').next(), repository), (Some(ECR), "team/app"));
        let mut asked = self.0.lock().unwrap();
        asked.push(again);
        Ok(Some(Credentials { username: "AWS".into(), password: format!("p{}", asked.len()) }))
    }
}

const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

/// The server under the name of an ECR registry.
fn open_ecr(server: &Server, authenticator: Option<Arc<dyn Authenticator>>) -> Registry {
    let name = format!("{ECR}:{}", server.address.port());
    let access = Access {
        authenticator,
        insecure: vec![name.clone()],
        resolve: vec![(ECR.into(), server.address)],
        ..nobody()
    };
    Registry::new(&reference(&name, "1"), &access).unwrap()
}

#[test]
fn ecr_is_told_at_once_and_a_stale_token_is_renewed_once() {
    // AWS:p1 and AWS:p2
    let blob = bytes(100);
    let stored = blob.clone();
    let server = Server::new(move |heard, before| match (heard.header("authorization").unwrap(), before) {
        ("Basic QVdTOnAx", 0) => manifest(),
        ("Basic QVdTOnAx", _) => {
            Reply::new(403, "Your Authorization Token has expired. Please run 'aws ecr'")
        }
        ("Basic QVdTOnAy", _) => Reply::part(heard, &stored),
        other => panic!("{other:?}"),
    });
    let log = Arc::new(Log(Mutex::default()));
    let mut registry = open_ecr(&server, Some(log.clone()));
    registry.document(&Selector::Only).unwrap();
    assert!(read(&mut registry, &descriptor(&blob)).unwrap() == blob);
    assert_eq!(server.heard().len(), 3);
    assert_eq!(*log.0.lock().unwrap(), [false, true]);
}

#[test]
fn ecr_refusals_name_the_actions() {
    let body = r#"{"errors":[{"code":"DENIED","message":"User: arn:aws:iam::1:user/x is not authorized"}]}"#;
    let server = Server::new(move |_, _| Reply::new(403, body));
    let log: Arc<dyn Authenticator> = Arc::new(Log(Mutex::default()));
    let error = open_ecr(&server, Some(log)).document(&Selector::Only).unwrap_err();
    assert_says(
        &error,
        "Denied",
        &[ECR, "not authorized", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
    );
    assert_eq!(server.heard().len(), 2, "asked again with new credentials, once");
}

/// Fails, as without AWS credentials.
struct Unable;

impl Authenticator for Unable {
    fn credentials(&self, _: &str, _: &str, _: bool) -> Result<Option<Credentials>, String> {
        Err("no AWS credentials: ecr:GetAuthorizationToken could not be called".into())
    }
}

#[test]
fn a_failed_log_in_is_named_with_the_refusal() {
    let server = Server::new(|_, _| Reply::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\""));
    let error = open_ecr(&server, Some(Arc::new(Unable))).document(&Selector::Only).unwrap_err();
    assert_says(&error, "Denied", &[ECR, "no AWS credentials"]);
}
