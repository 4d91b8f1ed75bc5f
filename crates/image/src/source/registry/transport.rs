//! Sends requests: follows redirects by our rules, waits where asked to, counts everything.

use super::patience::Patience;
use super::resolver::Resolver;
use super::target::{address, allowed, is_loopback, is_named, shown};
use super::words;
use crate::limits::DOCUMENT_SECONDS;
use crate::source::{Access, SourceError, Tally};
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::blocking::{Client, Response};
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Certificate, StatusCode};
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use url::Url;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a server may be silent while we wait for it.
const SILENCE: Duration = Duration::from_secs(30);
/// How many redirects are followed.
const REDIRECTS: usize = 5;

/// One question, sent as GET, or as POST where it has a form.
pub(super) struct Ask<'a> {
    /// What is asked for, in words.
    pub(super) object: &'a str,
    /// Where.
    pub(super) url: Url,
    /// Headers for every hop.
    pub(super) headers: HeaderMap,
    /// Only for the origin of `url`.
    pub(super) authorization: Option<HeaderValue>,
    /// Body of a POST, url-encoded. It may hold a secret, so its redirects are not followed.
    pub(super) form: Option<String>,
}

/// An answer of whatever status, its body unread.
pub(super) struct Answer {
    /// The answer.
    pub(super) response: Response,
    /// Where it came from in the end.
    pub(super) url: Url,
}

impl Answer {
    pub(super) fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// A header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// The media type of the body, in lower case and without parameters.
    pub(super) fn content_type(&self) -> String {
        let text = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}

/// Why a body could not be taken.
pub(super) enum Unread {
    /// It is longer than we take.
    TooLong,
    /// It stopped coming.
    Cut(String),
    /// It comes, and takes too long.
    Slow(String),
}

enum Failed {
    /// Asking again may help.
    Passing(String),
    /// It will not.
    For(SourceError),
}

/// The HTTP clients and the count of what they did.
pub(super) struct Transport {
    /// For loopback: no proxy, and any certificate, as Docker has it; plain HTTP is good enough there too.
    near: OnceLock<Client>,
    /// For hosts whose certificates the user does not want to be judged.
    lax: OnceLock<Client>,
    far: OnceLock<Client>,
    access: Access,
    /// The proxies of the environment, as the clients have them.
    proxies: Matcher,
    registry_host: String,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Transport {
    pub(super) fn new(access: &Access, registry_host: &str) -> Transport {
        Transport {
            near: OnceLock::new(),
            lax: OnceLock::new(),
            far: OnceLock::new(),
            access: access.clone(),
            proxies: Matcher::from_system(),
            registry_host: registry_host.to_string(),
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    pub(super) fn tally(&self) -> Tally {
        Tally { requests: self.requests.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }

    /// Counts bytes of a body.
    pub(super) fn received(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Sends the question until there is an answer that waiting will not change.
    pub(super) fn send(&self, ask: &Ask) -> Result<Answer, SourceError> {
        let mut patience = Patience::new(Duration::from_secs(self.access.limits.wait_seconds));
        loop {
            let again = match self.follow(ask) {
                Ok(answer) if asks_to_wait(&answer) => {
                    match patience.throttled(answer.header("retry-after")) {
                        Some(pause) => pause,
                        None => return Ok(answer),
                    }
                }
                Ok(answer) if answer.status().is_server_error() => match patience.failed() {
                    Some(pause) => pause,
                    None => return Ok(answer),
                },
                Ok(answer) => return Ok(answer),
                Err(Failed::For(error)) => return Err(error),
                Err(Failed::Passing(detail)) => match patience.failed() {
                    Some(pause) => pause,
                    None => return Err(SourceError::Unreachable { object: ask.object.into(), detail }),
                },
            };
            std::thread::sleep(again);
        }
    }

    fn follow(&self, ask: &Ask) -> Result<Answer, Failed> {
        let broken = |detail: String| Failed::For(SourceError::Broken { object: ask.object.into(), detail });
        let mut url = ask.url.clone();
        let mut authorization = ask.authorization.clone();
        for _ in 0..=REDIRECTS {
            let response = self.once(ask, &url, authorization.clone())?;
            let moved =
                matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) && ask.form.is_none();
            if !moved {
                return Ok(Answer { response, url });
            }
            let place = response.headers().get(LOCATION).and_then(|place| place.to_str().ok());
            let place = place
                .ok_or_else(|| broken(format!("{} redirects and does not say where to", shown(&url))))?;
            let mut next = url.join(place).map_err(|error| {
                broken(format!("{} redirects to something that is no URL: {error}", shown(&url)))
            })?;
            allowed(&url, &next)
                .map_err(|why| broken(format!("{} redirects to where we do not go: {why}", shown(&url))))?;
            // A user name in a URL would be sent as credentials.
            let _ = next.set_username("");
            let _ = next.set_password(None);
            if next.origin() != url.origin() {
                authorization = None;
            }
            url = next;
        }
        Err(broken(format!("more than {REDIRECTS} redirects, the last one to {}", shown(&url))))
    }

    /// One request to one place.
    fn once(&self, ask: &Ask, url: &Url, authorization: Option<HeaderValue>) -> Result<Response, Failed> {
        let unreachable =
            |detail: String| Failed::For(SourceError::Unreachable { object: ask.object.into(), detail });
        let client = self.client(url).map_err(|error| unreachable(words::chain(error)))?;
        let mut request = match &ask.form {
            None => client.get(url.clone()),
            Some(form) => client
                .post(url.clone())
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.clone()),
        };
        request = request.headers(ask.headers.clone()).header(ACCEPT_ENCODING, "identity");
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        request.send().map_err(|error| {
            let place = format!("{}{}", shown(url), self.way(url));
            if error.is_timeout() {
                return unreachable(format!("{place} did not answer in time: {}", words::chain(error)));
            }
            let settled = error.is_connect();
            let said = words::chain(error);
            let detail = format!("{place}: {said}{}", words::advice(&said, url));
            if settled { unreachable(detail) } else { Failed::Passing(detail) }
        })
    }

    /// The proxy on the way to this place, in parentheses and without its credentials; mostly nothing.
    fn way(&self, url: &Url) -> String {
        if is_loopback(url) {
            return String::new();
        }
        let proxy = url.as_str().parse().ok().and_then(|uri| self.proxies.intercept(&uri));
        let proxy = proxy.and_then(|proxy| Url::parse(&proxy.uri().to_string()).ok());
        proxy.map_or_else(String::new, |proxy| format!(" (through the proxy {})", address(&proxy)))
    }

    /// The whole body, where it is short enough.
    pub(super) fn body(&self, answer: &mut Answer, limit: u64) -> Result<Vec<u8>, Unread> {
        let (begun, most) = (Instant::now(), Duration::from_secs(self.access.limits.document_seconds));
        let mut body = Vec::new();
        let mut buffer = [0; 16 * 1024];
        loop {
            let count = match answer.response.read(&mut buffer) {
                Ok(0) => return Ok(body),
                Ok(count) => count,
                Err(error) => return Err(Unread::Cut(words::cut(&error))),
            };
            self.received(count);
            if (body.len() + count) as u64 > limit {
                return Err(Unread::TooLong);
            }
            body.extend_from_slice(&buffer[..count]);
            if begun.elapsed() > most {
                let hint = DOCUMENT_SECONDS.hint();
                return Err(Unread::Slow(format!(
                    "it was not complete after {} seconds: {hint}",
                    most.as_secs()
                )));
            }
        }
    }

    fn client(&self, url: &Url) -> reqwest::Result<&Client> {
        let (near, lax) = (is_loopback(url), is_named(&self.access.insecure, url));
        let slot = match (near, lax) {
            (true, _) => &self.near,
            (false, true) => &self.lax,
            (false, false) => &self.far,
        };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let mut builder = Client::builder()
            .user_agent(concat!("execfit/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(SILENCE)
            // A paused stream would take up the window of all others on an HTTP/2 connection.
            .http1_only()
            .referer(false)
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .dns_resolver(Arc::new(Resolver { trusted: self.registry_host.clone() }));
        for (host, address) in &self.access.resolve {
            builder = builder.resolve(host, *address);
        }
        if near {
            builder = builder.no_proxy();
        }
        builder = if near || lax {
            builder.tls_certs_only([]).tls_danger_accept_invalid_certs(true)
        } else {
            builder.tls_certs_merge(Certificate::from_pem_bundle(&self.access.authorities)?)
        };
        let client = builder.build()?;
        Ok(slot.get_or_init(|| client))
    }
}

/// Too many requests, or down with a promise to be back (RFC 9110, section 10.2.3).
fn asks_to_wait(answer: &Answer) -> bool {
    answer.status() == StatusCode::TOO_MANY_REQUESTS
        || answer.status() == StatusCode::SERVICE_UNAVAILABLE && answer.header("retry-after").is_some()
}
