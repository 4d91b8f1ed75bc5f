//! Why AWS gave no answer, and what to do about it.

use super::call::{Asked, Seen};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::Value;
use std::error::Error;
use std::fmt;

/// What stood in the way. Each kind calls for something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AwsErrorKind {
    /// No region is set anywhere.
    NoRegion,
    /// No credentials were found, or what should give them failed.
    NoCredentials,
    /// AWS knows who asks, and does not allow it.
    Denied,
    /// AWS does not accept the credentials: unknown, expired, wrongly signed.
    Unauthorised,
    /// There is no such cluster, service, task definition, log stream, secret ...
    NotFound,
    /// Too many requests, also after retries.
    Throttled,
    /// No connection, or no answer in time.
    Unreachable,
    /// The endpoint does not know this call: an emulator, or a region that has not got it yet.
    Unsupported,
    /// AWS finds fault with the question, or a setting is wrong.
    Invalid,
    /// AWS failed.
    Server,
}

/// A question that AWS did not answer.
///
/// The text names the call, its object, the reason and what to do next, in one line without secrets:
/// `ecs:DescribeServices on service demo/api: access denied (AccessDeniedException: ...); allow the IAM action
/// ecs:DescribeServices`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsError {
    /// The service as IAM spells it; empty where no call was made yet.
    pub service: &'static str,
    /// The API operation; empty where no call was made yet.
    pub operation: &'static str,
    /// What was asked about, in words: `service demo/api`; may be empty.
    pub object: String,
    /// What stood in the way.
    pub kind: AwsErrorKind,
    /// The service's own name of the error, if it gave one.
    pub code: Option<String>,
    /// What the service, the network or the SDK said; the first line, without signatures.
    pub message: String,
}

impl Error for AwsError {}

impl AwsError {
    /// The IAM action that the call needs: `ecs:DescribeServices`. Where the service itself names another one in its
    /// refusal (`kms:Decrypt`), that one.
    #[must_use]
    pub fn action(&self) -> String {
        let named = self.message.split_once("not authorized to perform: ").map(|(_, rest)| rest);
        let named =
            named.and_then(|rest| rest.split([' ', ',', ';']).next()).filter(|action| action.contains(':'));
        named.map_or_else(|| format!("{}:{}", self.service, self.operation), str::to_owned)
    }

    pub(super) fn no_region(profile: Option<&str>) -> AwsError {
        let nor =
            profile.map(|name| format!(", nor in the profile `{name}`, if there is one")).unwrap_or_default();
        AwsError::before_calls(AwsErrorKind::NoRegion, format!("no AWS region is set{nor}"))
    }

    pub(super) fn setting(message: String) -> AwsError {
        AwsError::before_calls(AwsErrorKind::Invalid, message)
    }

    fn before_calls(kind: AwsErrorKind, message: String) -> AwsError {
        AwsError { service: "", operation: "", object: String::new(), kind, code: None, message }
    }

    /// An answer that came and cannot be used.
    pub(super) fn unusable(asked: &Asked, message: String) -> AwsError {
        about(asked, AwsErrorKind::Server, None, message)
    }

    fn hint(&self) -> String {
        match self.kind {
            AwsErrorKind::NoRegion => "give `--region` or set AWS_REGION".into(),
            AwsErrorKind::NoCredentials => {
                "log in (`aws sso login`), give `--profile`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".into()
            }
            AwsErrorKind::Denied => format!("allow the IAM action {}", self.action()),
            AwsErrorKind::Unauthorised => self.renew().into(),
            AwsErrorKind::NotFound => "check the name, the region and the account".into(),
            AwsErrorKind::Throttled => "try again later, or raise AWS_MAX_ATTEMPTS".into(),
            AwsErrorKind::Unreachable => "check the network, the region and the endpoint".into(),
            AwsErrorKind::Unsupported => "this endpoint does not offer the call".into(),
            AwsErrorKind::Invalid => String::new(),
            AwsErrorKind::Server => "try again later".into(),
        }
    }

    fn renew(&self) -> &'static str {
        match self.code.as_deref().unwrap_or_default() {
            code if code.contains("Expired") => "log in again: the credentials have expired",
            code if code.contains("Signature") => "check the secret access key, and this machine's clock",
            "RequestTimeTooSkewed" => "set this machine's clock",
            _ => "check which credentials are in use (`aws sts get-caller-identity`)",
        }
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.operation.is_empty() {
            write!(f, "{}:{}", self.service, self.operation)?;
            if !self.object.is_empty() {
                write!(f, " on {}", self.object)?;
            }
            f.write_str(": ")?;
        }
        let reason = match (self.code.as_deref(), self.message.as_str()) {
            (Some(code), "") => code.to_owned(),
            (Some(code), message) => format!("{code}: {message}"),
            (None, message) => message.to_owned(),
        };
        let reason = reason.trim_end_matches('.');
        match words(self.kind) {
            Some(words) if reason.is_empty() => f.write_str(words)?,
            Some(words) => write!(f, "{words} ({reason})")?,
            None => f.write_str(reason)?,
        }
        match self.hint().as_str() {
            "" => Ok(()),
            hint => write!(f, "; {hint}"),
        }
    }
}

/// How a refusal is introduced; `None` where the message speaks for itself.
fn words(kind: AwsErrorKind) -> Option<&'static str> {
    match kind {
        AwsErrorKind::Denied => Some("access denied"),
        AwsErrorKind::Unauthorised => Some("AWS does not accept the credentials"),
        AwsErrorKind::NotFound => Some("not found"),
        AwsErrorKind::Throttled => Some("too many requests"),
        AwsErrorKind::Unsupported => Some("not supported"),
        AwsErrorKind::Invalid => None,
        AwsErrorKind::Server => Some("the service failed"),
        AwsErrorKind::NoRegion | AwsErrorKind::NoCredentials | AwsErrorKind::Unreachable => None,
    }
}

fn about(asked: &Asked, kind: AwsErrorKind, code: Option<String>, message: String) -> AwsError {
    let Asked { service, operation, object } = asked.clone();
    AwsError { service, operation, object, kind, code, message }
}

/// Says why a request got no usable answer.
pub(super) fn explain<E>(asked: &Asked, error: &SdkError<E, HttpResponse>, seen: &Seen) -> AwsError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let Some(endpoint) = &seen.endpoint else { return never_left(asked, error) };
    let message = match error {
        _ if (200..300).contains(&seen.status) && seen.body.is_some() => return not_of(asked, seen, "JSON"),
        _ if seen.body.is_some() => return refused(asked, error, seen),
        _ if seen.status != 0 => format!("the answer of {endpoint} broke off: {}", reason(error)),
        SdkError::TimeoutError(_) => format!("{endpoint} gave no answer in time"),
        other => format!("{endpoint} could not be reached: {}", reason(other)),
    };
    about(asked, AwsErrorKind::Unreachable, None, message)
}

/// What is set about endpoints cannot be.
pub(super) fn unusable_setting(asked: &Asked, message: &str) -> AwsError {
    about(asked, AwsErrorKind::Invalid, None, scrub(message))
}

/// A good status, and a body that is none of AWS's: the page of a proxy, say.
pub(super) fn not_of(asked: &Asked, seen: &Seen, expected: &str) -> AwsError {
    let endpoint = seen.endpoint.as_deref().unwrap_or("the endpoint");
    let message = format!("{endpoint} answered {} with something other than {expected}", seen.status);
    about(asked, AwsErrorKind::Unreachable, None, message)
}

/// The service answered with an error.
fn refused<E>(asked: &Asked, error: &SdkError<E, HttpResponse>, seen: &Seen) -> AwsError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let body = seen.json();
    let read = |names: &[&str]| {
        let body = body.as_ref()?;
        names.iter().find_map(|name| body.get(name)?.as_str()).map(str::to_owned)
    };
    let modelled = error.as_service_error();
    let code = modelled.and_then(ProvideErrorMetadata::code).map(str::to_owned);
    let code = code.or_else(|| read(&["__type", "code", "Code"])).map(|code| bare(&code));
    let message = modelled.and_then(ProvideErrorMetadata::message).map(str::to_owned);
    let message = message.or_else(|| read(&["message", "Message", "errorMessage"])).unwrap_or_default();
    let kind = kind_of(code.as_deref().unwrap_or_default(), &message, seen.status);
    let message = match (&code, scrub(&message)) {
        (None, message) if message.is_empty() => {
            let endpoint = seen.endpoint.as_deref().unwrap_or("the endpoint");
            format!("{endpoint} answered HTTP {}", seen.status)
        }
        (_, message) => message,
    };
    about(asked, kind, code, message)
}

/// The request did not leave this machine: a setting is wrong, or there are no credentials. The SDK tells which only in
/// its texts; the tests would notice if those changed.
fn never_left(asked: &Asked, error: &(dyn Error + 'static)) -> AwsError {
    let why = reason(error);
    if why.starts_with("failed to apply endpoint") || why.starts_with("Invalid Configuration") {
        return about(asked, AwsErrorKind::Invalid, None, why);
    }
    let message = if let Some(more) = why.strip_prefix("the credential provider was not enabled") {
        // A profile that was named and is not there deserves its name.
        let profile = more.find("profile `").map(|at| format!(": {}", &more[at..])).unwrap_or_default();
        format!("no AWS credentials were found{profile}")
    } else if why.contains("IMDS") {
        // The last of the chain: nothing else had any.
        format!(
            "no AWS credentials were found, nor did the instance give any ({})",
            why.trim_end_matches('.')
        )
    } else {
        format!("AWS credentials could not be loaded: {why}")
    };
    about(asked, AwsErrorKind::NoCredentials, None, message)
}

/// `com.amazonaws.ecs#ClusterNotFoundException:http://...` is `ClusterNotFoundException`.
fn bare(code: &str) -> String {
    let code = code.rsplit('#').next().unwrap_or_default();
    code.split(':').next().unwrap_or_default().to_owned()
}

fn kind_of(code: &str, message: &str, status: u16) -> AwsErrorKind {
    let has = |parts: &[&str]| parts.iter().any(|part| code.contains(part));
    if has(&["InvalidAction", "UnknownOperation", "NotImplemented", "UnsupportedOperation"]) || status == 501
    {
        AwsErrorKind::Unsupported
    } else if has(&[
        "AccessDenied",
        "UnauthorizedOperation",
        "AuthorizationError",
        "Forbidden",
        "OptInRequired",
    ]) {
        AwsErrorKind::Denied
    } else if has(UNAUTHORISED) || (code.is_empty() && status == 401) {
        AwsErrorKind::Unauthorised
    } else if has(&["Throttl", "TooManyRequests", "RequestLimitExceeded", "SlowDown"]) || status == 429 {
        AwsErrorKind::Throttled
    } else if code.contains("NotFound") || code == "MissingException" || says_missing(code, message) {
        AwsErrorKind::NotFound
    } else if code.is_empty() && status == 403 {
        AwsErrorKind::Denied
    } else if status >= 500 || matches!(code, "ServerException" | "InternalFailure" | "ServiceUnavailable") {
        AwsErrorKind::Server
    } else {
        AwsErrorKind::Invalid
    }
}

const UNAUTHORISED: &[&str] = &[
    "UnrecognizedClient",
    "Signature",
    "ExpiredToken",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "MissingAuthenticationToken",
    "AuthFailure",
    "NotAuthorized",
];

/// ECS has no code of its own for a task definition or a task that is not there.
fn says_missing(code: &str, message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    matches!(code, "ClientException" | "InvalidParameterException")
        && (message.contains("unable to describe task definition") || message.contains("not found"))
}

/// The chain of an error's causes in one line, each said once, without the names of the SDK's layers.
fn reason(error: &(dyn Error + 'static)) -> String {
    let layer = |text: &str| matches!(text, "" | "other" | "io error") || text.starts_with("client error (");
    let mut said: Vec<String> = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = scrub(&error.to_string());
        if !layer(&text) && !said.iter().any(|before| before.contains(&text)) {
            said.push(text);
        }
        cause = error.source();
    }
    if said.is_empty() { scrub(&error.to_string()) } else { said.join(": ") }
}

/// The first line, up to where a signature or a token could begin: AWS repeats the request it could not verify.
fn scrub(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default().trim();
    let marks = ["Authorization=", "Authorization:", "Credential=", "Signature=", "x-amz-security-token"];
    let lower = line.to_ascii_lowercase();
    let end =
        marks.iter().filter_map(|mark| lower.find(&mark.to_ascii_lowercase())).min().unwrap_or(line.len());
    let mut kept: String = line[..end].chars().take(500).collect();
    kept.truncate(kept.trim_end().len());
    kept
}

/// Scheme and authority of a URI, without a user's password.
pub(super) fn endpoint_of(uri: &str) -> String {
    let (scheme, rest) = uri.split_once("://").unwrap_or(("https", uri));
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// The value of a string member, for answers that hold secrets and are read here.
pub(super) fn text<'a>(body: &'a Value, member: &str) -> Option<&'a str> {
    body.get(member).and_then(Value::as_str)
}
