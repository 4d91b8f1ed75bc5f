//! One repository: its address, its log-in and its refusals.

use super::auth::Auth;
use super::target::{is_loopback, is_named, shown};
use super::transport::{Answer, Ask, Transport};
use super::words;
use crate::limits::{Limits, WAIT_SECONDS};
use crate::source::{Access, SourceError};
use reqwest::header::HeaderMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use url::Url;

/// How much of a refusal is read.
const REFUSAL: u64 = 64 * 1024;

/// What all requests to one repository share.
pub(super) struct Session {
    /// The clients.
    pub(super) transport: Transport,
    /// `registry/repository`, as in references.
    pub(super) name: String,
    /// The image as it was asked for.
    pub(super) image: String,
    /// What reading may take.
    pub(super) limits: Limits,
    repository: String,
    base: Mutex<Base>,
    auth: Mutex<Auth>,
}

/// Where the registry is.
#[derive(Clone)]
struct Base {
    url: Url,
    /// The same with the other scheme, as long as the first one was not answered.
    otherwise: Option<Url>,
}

impl Session {
    pub(super) fn new(
        host: &str,
        repository: &str,
        standing: &str,
        access: &Access,
    ) -> Result<Session, SourceError> {
        let host = host.to_ascii_lowercase();
        let hub = matches!(host.as_str(), "docker.io" | "index.docker.io" | "registry-1.docker.io");
        let (host, address) =
            if hub { ("docker.io".into(), "registry-1.docker.io".into()) } else { (host.clone(), host) };
        let repository = if hub && !repository.contains('/') {
            format!("library/{repository}")
        } else {
            repository.to_string()
        };
        let name = format!("{host}/{repository}");
        let image = format!("{name}{standing}");
        let no_host = |_| SourceError::Unreachable {
            object: image.clone(),
            detail: format!("`{}` is no host name", words::short(&host)),
        };
        let secure = Url::parse(&format!("https://{address}/")).map_err(no_host)?;
        let plain = Url::parse(&format!("http://{address}/")).map_err(no_host)?;
        let transport = Transport::new(access, secure.host_str().unwrap_or_default());
        let base = if is_loopback(&secure) {
            Base { url: plain, otherwise: Some(secure) }
        } else if is_named(&access.insecure, &secure) {
            Base { url: secure, otherwise: Some(plain) }
        } else {
            Base { url: secure, otherwise: None }
        };
        let auth = Mutex::new(Auth::new(access, &host, &repository));
        let (limits, base) = (access.limits.clone(), Mutex::new(base));
        Ok(Session { transport, name, image, limits, repository, base, auth })
    }

    /// Asks the registry for `/v2/REPOSITORY/KIND/ID`, logging in where it must. The answer may be a refusal, and it may
    /// come from another place that the registry redirects to.
    pub(super) fn get(
        &self,
        kind: &str,
        id: &str,
        headers: &HeaderMap,
        object: &str,
    ) -> Result<Answer, SourceError> {
        let mut challenged = false;
        loop {
            let answer = self.send(kind, id, headers, object)?;
            let base = locked(&self.base).url.clone();
            if answer.url.origin() != base.origin() {
                return Ok(answer);
            }
            let status = answer.status().as_u16();
            let mut auth = locked(&self.auth);
            if status == 401 && !challenged {
                challenged = true;
                if auth.answer(&answer, &base, &self.transport, object)? {
                    continue;
                }
            }
            // ECR answers an expired token with 403 and no challenge.
            if matches!(status, 401 | 403) && auth.renew() {
                continue;
            }
            return Ok(answer);
        }
    }

    /// Asks for a blob, and says whether another place than the registry answers.
    pub(super) fn blob(
        &self,
        digest: &str,
        headers: &HeaderMap,
        object: &str,
    ) -> Result<(Answer, bool), SourceError> {
        let answer = self.get("blobs", digest, headers, object)?;
        let elsewhere = answer.url.origin() != locked(&self.base).url.origin();
        Ok((answer, elsewhere))
    }

    /// Sends one question. The first one to a loopback or insecure host finds out whether it speaks HTTP or TLS: Docker
    /// asks an insecure one over TLS first (dockerd reference, "Insecure registries"), a loopback one mostly speaks
    /// HTTP.
    fn send(&self, kind: &str, id: &str, headers: &HeaderMap, object: &str) -> Result<Answer, SourceError> {
        let authorization = locked(&self.auth).header();
        let base = locked(&self.base).clone();
        let ask = |base: &Url| Ask {
            object,
            url: self.url(base, kind, id),
            headers: headers.clone(),
            authorization: authorization.clone(),
            form: None,
        };
        let answer = self.transport.send(&ask(&base.url));
        let Some(other) = base.otherwise else { return answer };
        // Go's servers answer plain HTTP on a TLS port with 400, others cut the connection.
        let doubtful = match &answer {
            Ok(answer) => base.url.scheme() == "http" && answer.status().as_u16() == 400,
            Err(SourceError::Unreachable { detail, .. }) => {
                !detail.contains("refused") || base.url.port().is_none()
            }
            Err(_) => false,
        };
        if !doubtful {
            if answer.is_ok() {
                locked(&self.base).otherwise = None;
            }
            return answer;
        }
        match self.transport.send(&ask(&other)) {
            Ok(better) => {
                *locked(&self.base) = Base { url: other, otherwise: None };
                Ok(better)
            }
            Err(_) => answer,
        }
    }

    fn url(&self, base: &Url, kind: &str, id: &str) -> Url {
        let mut url = base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().push("v2").extend(self.repository.split('/')).push(kind).push(id);
        }
        url
    }

    /// The error for an answer that is none.
    pub(super) fn refusal(&self, object: &str, mut answer: Answer) -> SourceError {
        let body = self.transport.body(&mut answer, REFUSAL).unwrap_or_default();
        let auth = locked(&self.auth);
        let said = words::said(answer.response.headers(), &auth.clean(&body));
        let colon = if said.is_empty() { "" } else { ": " };
        let mut detail = format!("{} answers {}{colon}{said}", shown(&answer.url), answer.status());
        let object = object.to_string();
        match answer.status().as_u16() {
            404 | 410 => SourceError::NotFound { object, detail },
            401 | 403 => {
                if answer.url.origin() == locked(&self.base).url.origin() {
                    detail = format!("{detail}; {}", auth.advice());
                }
                SourceError::Denied { object, detail }
            }
            407 => {
                let form = "`http://USER:PASSWORD@HOST:PORT` in HTTPS_PROXY or HTTP_PROXY";
                let detail = format!("{detail}; the proxy wants a log-in: write {form}");
                SourceError::Denied { object, detail }
            }
            429 | 503 if answer.header("retry-after").is_some() || answer.status().as_u16() == 429 => {
                if let Some(pause) = answer.header("retry-after").and_then(super::patience::wanted) {
                    let hint = WAIT_SECONDS.hint();
                    detail = format!("{detail}; it asks to wait {} seconds, beyond {hint}", pause.as_secs());
                }
                SourceError::Throttled { object, detail }
            }
            _ => SourceError::Unreachable { object, detail },
        }
    }
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
