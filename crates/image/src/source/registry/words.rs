//! Puts into words what servers and networks said, shortly and without secrets.

use reqwest::header::HeaderMap;
use serde::Deserialize;
use std::error::Error;
use url::Url;

/// How many characters of a server's words are quoted.
const QUOTED: usize = 200;
/// What the layers of an HTTP client say about themselves and nobody needs to know.
const NOISE: &[&str] =
    &["error sending request", "client error", "request or response body error", "builder error"];

/// The causes of an error of the HTTP client, without its URL.
pub(in crate::source) fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    causes(&error)
}

/// The causes of an error in a body.
pub(in crate::source) fn cut(error: &std::io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<reqwest::Error>()) {
        Some(inner) => causes(inner),
        None => short(&error.to_string()),
    }
}

fn causes(error: &reqwest::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut cause: Option<&dyn Error> = if error.url().is_some() { error.source() } else { Some(error) };
    while let Some(this) = cause {
        let text = this.to_string();
        let noise = NOISE.iter().any(|noise| text.starts_with(noise));
        if !noise && parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
        cause = this.source();
    }
    if parts.is_empty() {
        parts.push("the connection failed".into());
    }
    short(&parts.join(": "))
}

/// What to do about a connection that was not made, where the words of rustls and of the HTTP client tell why.
pub(in crate::source) fn advice(said: &str, url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let host = url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}"));
    let insecure = format!("`--insecure-registry {host}`");
    if ["UnknownIssuer", "BadSignature", "CaUsedAsEndEntity"].iter().any(|word| said.contains(word)) {
        format!(
            "; this machine does not trust who signed its certificate: name the authority with `--ca-file FILE`, or pass \
             over certificates with {insecure}"
        )
    } else if said.contains("certificate expired") || said.contains("certificate not valid yet") {
        format!("; its owner must renew it, or this machine's clock is wrong; {insecure} passes over it")
    } else if said.contains("not valid for name") {
        format!("; use a name that its certificate is for, or pass over it with {insecure}")
    } else if said.contains("proxy authorization required") {
        "; the proxy wants a log-in: write `http://USER:PASSWORD@HOST:PORT` in HTTPS_PROXY".into()
    } else if said.contains("InvalidContentType") || said.contains("tls handshake eof") {
        format!("; it seems to speak no TLS there: {insecure} asks it over plain HTTP")
    } else if said.contains("No CA certificates were loaded") {
        "; install the package ca-certificates, or name authorities with `--ca-file FILE`".into()
    } else {
        String::new()
    }
}

/// A text of a server: control characters escaped, what follows `?` in URLs left out, at most 200 characters.
pub(in crate::source) fn short(text: &str) -> String {
    let mut shown = String::new();
    for (number, word) in text.split_whitespace().enumerate() {
        if number > 0 {
            shown.push(' ');
        }
        let word = match word.find("://") {
            Some(at) => without_secrets(word, at + 3),
            None => word.to_string(),
        };
        shown.extend(word.chars().flat_map(|c| {
            let escaped: Vec<char> = if is_unshowable(c) { c.escape_unicode().collect() } else { vec![c] };
            escaped
        }));
        if shown.chars().count() > QUOTED {
            return shown.chars().take(QUOTED).chain(['…']).collect();
        }
    }
    shown
}

/// Control characters and those that turn the direction of text.
fn is_unshowable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A word that holds a URL, whose authority begins at `from`: without user name, query and fragment.
fn without_secrets(word: &str, from: usize) -> String {
    let (head, url) = word.split_at(from);
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let authority = url.find('/').unwrap_or(url.len());
    let host = url[..authority].rfind('@').map_or(0, |at| at + 1);
    format!("{head}{}", &url[host..])
}

/// The error document of the OCI distribution-spec (section "Error Codes").
#[derive(Deserialize)]
struct Errors {
    errors: Vec<Complaint>,
}

#[derive(Deserialize)]
struct Complaint {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// The answers of token servers (RFC 6749, section 5.2, and Docker's `details`) and of single-message registries.
#[derive(Deserialize)]
struct Single {
    #[serde(alias = "error_description", alias = "details", alias = "detail", alias = "error")]
    message: String,
}

/// What a body of an answer that is no success says; empty where it says nothing for humans.
pub(in crate::source) fn said(headers: &HeaderMap, body: &[u8]) -> String {
    if let Ok(Errors { errors }) = serde_json::from_slice(body) {
        let texts: Vec<String> = errors.iter().map(|e| joined(&e.code, &e.message)).collect();
        return short(&texts.join("; "));
    }
    if let Ok(Single { message }) = serde_json::from_slice(body) {
        return short(&message);
    }
    let text = String::from_utf8_lossy(body);
    // Amazon S3 and its like. Other elements quote the request that was signed.
    if let Some(code) = element(&text, "Code") {
        return short(&joined(code, element(&text, "Message").unwrap_or_default()));
    }
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let begin = text.trim_start();
    if kind.contains("html") || begin.starts_with("<!") || begin.starts_with("<html") {
        return "an HTML page".into();
    }
    if begin.starts_with(['<', '{', '[']) { String::new() } else { short(begin) }
}

fn joined(code: &str, message: &str) -> String {
    match (code.is_empty(), message.is_empty()) {
        (false, false) => format!("{code}: {message}"),
        _ => format!("{code}{message}"),
    }
}

fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_quoted_without_secrets() {
        let quote = |body: &str| said(&HeaderMap::new(), body.as_bytes());
        let registry = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"no such\nrepository","detail":{}}]}"#;
        assert_eq!(quote(registry), "NAME_UNKNOWN: no such repository");
        assert_eq!(
            quote(r#"{"details":"incorrect username or password"}"#),
            "incorrect username or password"
        );
        let s3 = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message>\
                  <AWSAccessKeyId>AKIAEXAMPLE</AWSAccessKeyId></Error>";
        assert_eq!(quote(s3), "AccessDenied: Request has expired");
        assert_eq!(quote("<!doctype html><p>log in"), "an HTML page");
        assert_eq!(
            quote("see \"https://u:p@host/path?X-Amz-Signature=abc#f\" \u{1b}[31m"),
            "see \"https://host/path \\u{1b}[31m"
        );
        assert_eq!(quote(&"x".repeat(999)).chars().count(), 201);
        assert_eq!(quote("{\"broken"), "");
    }
}
