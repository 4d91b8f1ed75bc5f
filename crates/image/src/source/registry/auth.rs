//! Logs in to a registry (Docker registry token authentication and OAuth2 specifications; RFC 7617).

use super::challenge::{Challenge, choose};
use super::document::encoded;
use super::login::{self, Secret};
use super::target::{allowed, is_loopback, is_named, shown};
use super::transport::{Answer, Ask, Transport, Unread};
use super::words;
use crate::ecr::ecr_host;
use crate::source::{Access, Credentials, SourceError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde::Deserialize;
use std::time::{Duration, Instant};
use url::Url;
use url::form_urlencoded::Serializer;

/// Life of a token whose server does not say it (token specification, `expires_in`).
const TOKEN_LIFE: u64 = 60;
/// Longest answer of a token server.
const TOKEN_ANSWER: u64 = 1024 * 1024;

/// What is sent with requests to the registry.
enum Held {
    Nothing,
    Basic(HeaderValue),
    Bearer { token: HeaderValue, until: Instant },
}

/// A log-in, and who gave it.
struct Login {
    secret: Secret,
    from: String,
    /// It can be renewed by its authenticator, once.
    renewable: bool,
}

/// The state of being logged in to one repository.
pub(super) struct Auth {
    access: Access,
    /// As references and configuration files have it.
    host: String,
    repository: String,
    held: Held,
    /// `None`: nobody was asked yet.
    login: Option<Option<Login>>,
    troubles: Vec<String>,
}

impl Auth {
    pub(super) fn new(access: &Access, host: &str, repository: &str) -> Auth {
        Auth {
            access: access.clone(),
            host: host.to_string(),
            repository: repository.to_string(),
            held: Held::Nothing,
            login: None,
            troubles: Vec::new(),
        }
    }

    /// The header for the next request. ECR takes user name and password with the first one.
    pub(super) fn header(&mut self) -> Option<HeaderValue> {
        let outside = self.access.explicit.is_some() || self.access.authenticator.is_some();
        if self.login.is_none() && outside && ecr_host(&self.host).is_some() {
            let basic = match self.login() {
                Some(Login { secret: Secret::Password(credentials), .. }) => basic(credentials),
                _ => None,
            };
            if let Some(basic) = basic {
                self.held = Held::Basic(basic);
            }
        }
        match &self.held {
            Held::Nothing => None,
            Held::Basic(header) => Some(header.clone()),
            // Short of its end: asking without it costs the same, and the answer says where to get a new one.
            Held::Bearer { token, until } => (Instant::now() < *until).then(|| token.clone()),
        }
    }

    /// After a refusal: gets new credentials from the authenticator where these were its own. Once.
    pub(super) fn renew(&mut self) -> bool {
        let Some(Some(Login { renewable: renewable @ true, .. })) = &mut self.login else { return false };
        *renewable = false;
        let Some(authenticator) = self.access.authenticator.clone() else { return false };
        match authenticator.credentials(&self.host, &self.repository, true) {
            Ok(Some(credentials)) => {
                self.held = basic(&credentials).map_or(Held::Nothing, Held::Basic);
                self.login = Some(Some(Login {
                    secret: Secret::Password(credentials),
                    from: "new credentials".into(),
                    renewable: false,
                }));
                true
            }
            Ok(None) => false,
            Err(trouble) => {
                self.troubles.push(trouble);
                false
            }
        }
    }

    /// Answers a 401: after it, [`Auth::header`] gives what was asked for. `false`: there is nothing that we could do.
    pub(super) fn answer(
        &mut self,
        refusal: &Answer,
        registry: &Url,
        transport: &Transport,
        object: &str,
    ) -> Result<bool, SourceError> {
        let headers = refusal.response.headers().get_all(WWW_AUTHENTICATE);
        match choose(headers.iter().filter_map(|header| header.to_str().ok())) {
            Ok(Challenge::Basic) => {
                let before = matches!(self.held, Held::Basic(_));
                let header = match self.login() {
                    Some(Login { secret: Secret::Password(credentials), .. }) => basic(credentials),
                    _ => None,
                };
                self.held = header.map_or(Held::Nothing, Held::Basic);
                Ok(!before && matches!(self.held, Held::Basic(_)))
            }
            Ok(Challenge::Bearer { realm, service, scope }) => {
                let realm = self.realm(&realm, registry).map_err(|why| SourceError::Broken {
                    object: object.into(),
                    detail: format!("its registry sends us to a token server that we do not ask: {why}"),
                })?;
                let scope = scope.unwrap_or_else(|| format!("repository:{}:pull", self.repository));
                self.held = self.token(&realm, service.as_deref(), &scope, transport, object)?;
                Ok(true)
            }
            Err(schemes) => {
                let trouble = match schemes {
                    Some(schemes) => format!("the registry wants {schemes}, which execfit does not know"),
                    None => "the registry does not say how to log in".into(),
                };
                self.troubles.push(words::short(&trouble));
                Ok(false)
            }
        }
    }

    /// Judges the place that gives tokens: credentials will be sent there.
    fn realm(&self, realm: &str, registry: &Url) -> Result<Url, String> {
        let url =
            Url::parse(realm).map_err(|error| format!("`{}` is no URL: {error}", words::short(realm)))?;
        allowed(registry, &url)?;
        if url.scheme() == "http" && !is_loopback(&url) && !is_named(&self.access.insecure, &url) {
            return Err(format!("{} is not encrypted", shown(&url)));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(format!("its URL at {} brings its own credentials", shown(&url)));
        }
        Ok(url)
    }

    /// Gets a token.
    fn token(
        &mut self,
        realm: &Url,
        service: Option<&str>,
        scope: &str,
        transport: &Transport,
        object: &str,
    ) -> Result<Held, SourceError> {
        let mut answer = transport.send(&self.token_request(realm, service, scope, object))?;
        let place = shown(realm);
        let body = match transport.body(&mut answer, TOKEN_ANSWER) {
            Ok(body) => body,
            Err(Unread::TooLong) => {
                let detail = format!("the token server {place} answers with more than {TOKEN_ANSWER} bytes");
                return Err(SourceError::Broken { object: object.into(), detail });
            }
            Err(Unread::Cut(why) | Unread::Slow(why)) => {
                let detail = format!("the token server {place} stopped answering: {why}");
                return Err(SourceError::Unreachable { object: object.into(), detail });
            }
        };
        if !answer.status().is_success() {
            return Err(self.no_token(&answer, &body, object));
        }
        encoded(&answer, &format!("the token for {object}"))?;
        let odd = || {
            // What it gives may be a secret, so it is not quoted.
            let page = if answer.content_type() == "text/html" { " but a page of HTML" } else { "" };
            let detail =
                format!("the token server {place} gives no token{page} with status {}", answer.status());
            SourceError::Broken { object: object.into(), detail }
        };
        let given: Given = serde_json::from_slice(&body).map_err(|_| odd())?;
        let token = given.token.or(given.access_token).filter(|token| !token.is_empty()).ok_or_else(odd)?;
        let mut token = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| odd())?;
        token.set_sensitive(true);
        let life = given.expires_in.unwrap_or(TOKEN_LIFE).clamp(TOKEN_LIFE, 24 * 60 * 60);
        Ok(Held::Bearer { token, until: Instant::now() + Duration::from_secs(life - life / 10) })
    }

    /// By GET with user name and password or none, by POST with an identity token.
    fn token_request<'a>(
        &mut self,
        realm: &Url,
        service: Option<&str>,
        scope: &str,
        object: &'a str,
    ) -> Ask<'a> {
        let mut ask =
            Ask { object, url: realm.clone(), headers: HeaderMap::new(), authorization: None, form: None };
        match self.login().map(|login| &login.secret) {
            Some(Secret::Identity(token)) => {
                let mut fields = Serializer::new(String::new());
                fields.append_pair("grant_type", "refresh_token").append_pair("refresh_token", token);
                fields.append_pair("client_id", "execfit").append_pair("scope", scope);
                fields.append_pair("service", service.unwrap_or_default());
                ask.form = Some(fields.finish());
            }
            secret => {
                let mut query = ask.url.query_pairs_mut();
                if let Some(service) = service {
                    query.append_pair("service", service);
                }
                query.append_pair("scope", scope);
                if let Some(Secret::Password(credentials)) = secret {
                    query.append_pair("account", &credentials.username);
                    ask.authorization = basic(credentials);
                }
            }
        }
        ask
    }

    fn no_token(&self, answer: &Answer, body: &[u8], object: &str) -> SourceError {
        let (status, place) = (answer.status(), shown(&answer.url));
        let said = words::said(answer.response.headers(), &self.clean(body));
        let said = if said.is_empty() { String::new() } else { format!(", {said}") };
        let (object, server) =
            (object.to_string(), format!("the token server {place} answers {status}{said}"));
        match status.as_u16() {
            429 => SourceError::Throttled { object, detail: server },
            500.. => SourceError::Unreachable { object, detail: server },
            _ => SourceError::Denied { object, detail: format!("{server}; {}", self.advice()) },
        }
    }

    /// What a user can do about a refusal.
    pub(super) fn advice(&self) -> String {
        let mut advice = match &self.login {
            Some(Some(login)) => format!("{} did not suffice", login.from),
            _ => "it does not exist, or it needs a log-in and none was found".to_string(),
        };
        for trouble in &self.troubles {
            advice = format!("{advice}; {trouble}");
        }
        if ecr_host(&self.host).is_some() {
            let actions = "ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer";
            format!("{advice}; reading it needs the IAM actions {actions}")
        } else {
            format!("{advice}; log in with `docker login {}`", self.host)
        }
    }

    /// Takes our own secrets out of what a server said.
    pub(super) fn clean(&self, said: &[u8]) -> Vec<u8> {
        let mut secrets: Vec<String> = Vec::new();
        if let Some(Some(login)) = &self.login {
            match &login.secret {
                Secret::Password(Credentials { password, .. }) => secrets.push(password.clone()),
                Secret::Identity(token) => secrets.push(token.clone()),
            }
        }
        if let Held::Basic(header) | Held::Bearer { token: header, .. } = &self.held {
            let sent = header.to_str().ok().and_then(|header| header.split_once(' '));
            secrets.extend(sent.map(|(_, secret)| secret.to_string()));
        }
        let secrets = secrets.iter().filter(|secret| !secret.is_empty());
        let text = String::from_utf8_lossy(said).into_owned();
        secrets.fold(text, |text, secret| text.replace(secret.as_str(), "<redacted>")).into_bytes()
    }

    /// The log-in for this registry: looked for once, when it is needed.
    fn login(&mut self) -> Option<&Login> {
        if self.login.is_none() {
            self.login = Some(self.look_for_login());
        }
        self.login.as_ref().and_then(Option::as_ref)
    }

    fn look_for_login(&mut self) -> Option<Login> {
        if let Some(credentials) = self.access.explicit.clone() {
            let from = "the credentials given for this image".into();
            return Some(Login { secret: Secret::Password(credentials), from, renewable: false });
        }
        if let Some(authenticator) = self.access.authenticator.clone() {
            match authenticator.credentials(&self.host, &self.repository, false) {
                Ok(Some(credentials)) => {
                    let (secret, from) = (Secret::Password(credentials), "the log-in".into());
                    return Some(Login { secret, from, renewable: true });
                }
                Ok(None) => {}
                Err(trouble) => self.troubles.push(trouble),
            }
        }
        let files = self.access.auth_files.clone().unwrap_or_else(login::user_files);
        let found = login::find(&files, &self.host, &self.repository);
        self.troubles.extend(found.troubles);
        found.secret.map(|(secret, from)| Login {
            secret,
            from: format!("the log-in of {from}"),
            renewable: false,
        })
    }
}

/// A token server's answer (token specification, "Token Response Fields").
#[derive(Deserialize)]
struct Given {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

fn basic(credentials: &Credentials) -> Option<HeaderValue> {
    let text = STANDARD.encode(format!("{}:{}", credentials.username, credentials.password));
    let mut header = HeaderValue::from_str(&format!("Basic {text}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}
