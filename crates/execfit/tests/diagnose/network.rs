//! The way to a registry: TLS with real certificates, and real proxies. `registry.test` is known to the proxy only.

use crate::registry::wire::{Authority, Proxy, Validity, socks};
use crate::registry::{Fault, Of, Registry, Reply, X86_64, closed_port};
use crate::run::{Outcome, execfit, run};
use crate::stage::good;
use std::io::Write;
use tempfile::NamedTempFile;

const IMAGE: &str = "registry.test/team/app:1";

fn registry() -> Registry {
    let registry = Registry::start();
    registry.push("team/app:1", &good("amd64", X86_64));
    registry
}

fn inspect(env: &[(&'static str, String)], arguments: &[&str]) -> Outcome {
    run(execfit(env.to_vec()).args(["inspect", IMAGE, "--format", "json"]).args(arguments))
}

fn through(port: u16) -> Vec<(&'static str, String)> {
    vec![
        ("HTTPS_PROXY", format!("http://127.0.0.1:{port}")),
        ("HTTP_PROXY", format!("http://127.0.0.1:{port}")),
    ]
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// The reason why nothing is known.
#[track_caller]
fn reason(outcome: &Outcome) -> String {
    outcome.ended(4)["runs"][0]["reason"].as_str().unwrap().to_string()
}

#[test]
fn a_certificate_of_an_own_authority() {
    let (registry, authority) = (registry(), Authority::new());
    let gate = authority.gate("registry.test", Validity::Good, registry.port());
    let proxy = Proxy::start(&[("registry.test:443", gate)], None);
    let way = format!("https://registry.test (through the proxy http://127.0.0.1:{})", proxy.port);

    assert_eq!(
        reason(&inspect(&through(proxy.port), &[])),
        format!(
            "registry.test/team/app:1 could not be reached: {way}: invalid peer certificate: UnknownIssuer; this machine \
             does not trust who signed its certificate: name the authority with `--ca-file FILE`, or pass over \
             certificates with `--insecure-registry registry.test`"
        )
    );
    assert!(registry.heard().is_empty(), "nothing was asked of a server that is not trusted");

    let pem = file(&authority.pem());
    inspect(&through(proxy.port), &["--ca-file", pem.path().to_str().unwrap()]).ended(0);
    inspect(&through(proxy.port), &["--insecure-registry", "registry.test"]).ended(0);
    let lines = proxy.heard();
    assert!(lines.iter().all(|line| line == "CONNECT registry.test:443 HTTP/1.1"), "{lines:?}");
    // Another authority's word is worth nothing.
    let other = file(&Authority::new().pem());
    let refused = inspect(&through(proxy.port), &["--ca-file", other.path().to_str().unwrap()]);
    let text = reason(&refused);
    assert!(text.contains("invalid peer certificate") && text.contains("name the authority"), "{text}");
}

#[test]
fn certificates_that_are_not_good() {
    let (registry, authority) = (registry(), Authority::new());
    let pem = file(&authority.pem());
    let trust = ["--ca-file", pem.path().to_str().unwrap()];
    for (name, validity, words, advice) in [
        ("other.test", Validity::Good, "not valid for name", "use a name that its certificate is for"),
        ("registry.test", Validity::Expired, "certificate expired", "its owner must renew it"),
        ("registry.test", Validity::NotYet, "certificate not valid yet", "this machine's clock is wrong"),
    ] {
        let gate = authority.gate(name, validity, registry.port());
        let proxy = Proxy::start(&[("registry.test:443", gate)], None);
        let reason = reason(&inspect(&through(proxy.port), &trust));
        for words in [words, advice, "`--insecure-registry registry.test`"] {
            assert!(reason.contains(words), "`{words}` in: {reason}");
        }
        inspect(&through(proxy.port), &["--insecure-registry", "registry.test"]).ended(0);
    }
}

#[test]
fn a_registry_without_tls() {
    let registry = registry();
    // Port 443 answers in plain HTTP, as misconfigured servers do, or nobody is there.
    for routes in [
        vec![("registry.test:443", registry.port()), ("registry.test:80", registry.port())],
        vec![("registry.test:80", registry.port())],
    ] {
        let proxy = Proxy::start(&routes, None);
        inspect(&through(proxy.port), &["--insecure-registry", "registry.test"]).ended(0);
        let lines = proxy.heard();
        assert_eq!(lines[0], "CONNECT registry.test:443 HTTP/1.1");
        assert_eq!(lines[1], "GET http://registry.test/v2/team/app/manifests/1 HTTP/1.1");
        assert_eq!(
            lines.iter().filter(|line| line.starts_with("CONNECT")).count(),
            1,
            "it is remembered: {lines:?}"
        );
        // Without the user's word there is no plain HTTP.
        let reason = reason(&inspect(&through(proxy.port), &[]));
        if routes.len() == 2 {
            assert!(
                reason.contains("it seems to speak no TLS there: `--insecure-registry registry.test`"),
                "{reason}"
            );
        }
    }
}

#[test]
fn a_registry_on_tls_does_not_lead_to_plain_http() {
    let (registry, authority) = (registry(), Authority::new());
    let gate = authority.gate("registry.test", Validity::Good, registry.port());
    let proxy = Proxy::start(&[("registry.test:443", gate), ("storage.test:80", registry.port())], None);
    let pem = file(&authority.pem());
    let trust = ["--ca-file", pem.path().to_str().unwrap()];
    registry.faulty_once(Of::Blobs, Fault::Redirected("http://storage.test".into()));
    let text = reason(&inspect(&through(proxy.port), &trust));
    assert!(
        text.ends_with(
            "redirects to where we do not go: http://storage.test is not encrypted, https://registry.test is"
        ),
        "{text}"
    );
    let challenge = "Bearer realm=\"http://storage.test/token?secret=hunter2\"";
    registry.faulty(Of::Everything, Fault::Reply(Reply::new(401, "").with("WWW-Authenticate", challenge)));
    assert_eq!(
        reason(&inspect(&through(proxy.port), &trust)),
        "registry.test/team/app:1 is broken: its registry sends us to a token server that we do not ask: \
         http://storage.test is not encrypted, https://registry.test is"
    );
    assert!(proxy.heard().iter().all(|line| line.starts_with("CONNECT registry.test:443 ")));
}

#[test]
fn proxies_that_want_a_log_in() {
    let (registry, authority) = (registry(), Authority::new());
    let gate = authority.gate("registry.test", Validity::Good, registry.port());
    let routes = [("registry.test:443", gate), ("registry.test:80", registry.port())];
    let proxy = Proxy::start(&routes, Some("ann:hunter2"));
    let pem = file(&authority.pem());
    let trust = ["--ca-file", pem.path().to_str().unwrap()];
    let with = |user: &str| vec![("HTTPS_PROXY", format!("http://{user}127.0.0.1:{}", proxy.port))];
    inspect(&with("ann:hunter2@"), &trust).ended(0);
    for user in ["", "ann:hunter3@"] {
        let outcome = inspect(&with(user), &trust);
        let text = reason(&outcome);
        assert!(text.contains(&format!("(through the proxy http://127.0.0.1:{})", proxy.port)), "{text}");
        assert!(text.contains("the proxy wants a log-in: write `http://USER:PASSWORD@HOST:PORT`"), "{text}");
        assert!(!format!("{outcome:?}").contains("hunter"), "{outcome:?}");
    }
    let plain = vec![("http_proxy", format!("http://127.0.0.1:{}", proxy.port))];
    let text = reason(&inspect(&plain, &["--insecure-registry", "registry.test"]));
    assert!(text.contains("407") && text.contains("the proxy wants a log-in"), "{text}");
}

#[test]
fn proxies_that_are_not_there_and_hosts_that_need_none() {
    let nobody = closed_port();
    let dead = |name| vec![(name, format!("http://ann:hunter2@{nobody}"))];
    for name in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let outcome = inspect(&dead(name), &[]);
        let text = reason(&outcome);
        assert!(text.contains(&format!("(through the proxy http://{nobody})")), "{name}: {text}");
        assert!(text.contains("refused") && !format!("{outcome:?}").contains("hunter2"), "{outcome:?}");
    }
    // Its own host is asked, which the DNS does not know.
    let env = [dead("HTTPS_PROXY"), vec![("NO_PROXY", "example.com,.test".into())]].concat();
    let text = reason(&inspect(&env, &[]));
    assert!(!text.contains("proxy") && text.contains("dns error"), "{text}");
    // Loopback never goes through a proxy.
    let registry = registry();
    let env = [dead("HTTPS_PROXY"), dead("HTTP_PROXY"), dead("ALL_PROXY")].concat();
    run(execfit(env).args(["inspect", &registry.name("team/app:1"), "--format", "json"])).ended(0);
}

#[test]
fn a_socks_proxy() {
    let (registry, authority) = (registry(), Authority::new());
    let gate = authority.gate("registry.test", Validity::Good, registry.port());
    let port = socks(&[("registry.test:443", gate)]);
    let pem = file(&authority.pem());
    let env = vec![("ALL_PROXY", format!("socks5h://127.0.0.1:{port}"))];
    inspect(&env, &["--ca-file", pem.path().to_str().unwrap()]).ended(0);
}
