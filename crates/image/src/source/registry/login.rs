//! Finds the log-in for a registry in the files of Docker and podman (docker login reference, "Credential stores" and
//! "Credential helpers"; containers-auth.json(5)).

use crate::source::Credentials;
use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a credential helper may take. It may ask its user to touch a key.
const HELPER: Duration = Duration::from_secs(30);
/// How long the output of a helper that has ended is listened to, where it does not end.
const LEFT_OPEN: Duration = Duration::from_secs(1);
/// How much a helper or a file may say.
const LIMIT: u64 = 1024 * 1024;
/// The key under which Docker Hub's log-in is kept.
const HUB: &str = "https://index.docker.io/v1/";

/// A log-in.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Secret {
    /// User name and password.
    Password(Credentials),
    /// A refresh token (OAuth 2), which Docker calls identity token.
    Identity(String),
}

/// What was found, with the file or helper that it came from.
#[derive(Default)]
pub(super) struct Found {
    pub(super) secret: Option<(Secret, String)>,
    /// What went wrong on the way. It matters only if the registry insists on a log-in.
    pub(super) troubles: Vec<String>,
}

/// The files that are asked, in this order: `$DOCKER_CONFIG/config.json` or that of the home directory, then
/// `$REGISTRY_AUTH_FILE`, or `containers/auth.json` of the run-time and configuration directories.
pub(super) fn user_files() -> Vec<PathBuf> {
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = of("HOME");
    let docker = of("DOCKER_CONFIG").or_else(|| Some(home.as_ref()?.join(".docker")));
    let mut files: Vec<PathBuf> = docker.into_iter().map(|folder| folder.join("config.json")).collect();
    match of("REGISTRY_AUTH_FILE") {
        Some(file) => files.push(file),
        None => {
            let configuration = of("XDG_CONFIG_HOME").or_else(|| Some(home?.join(".config")));
            let folders = [of("XDG_RUNTIME_DIR"), configuration];
            files.extend(folders.into_iter().flatten().map(|folder| folder.join("containers/auth.json")));
        }
    }
    files
}

/// Looks for the log-in of this registry; a file may also have one for a part of it (`HOST/NAMESPACE`).
pub(super) fn find(files: &[PathBuf], host: &str, repository: &str) -> Found {
    let mut found = Found::default();
    for file in files {
        match from_file(file, host, repository) {
            Ok(None) => {}
            Ok(Some((secret, from))) => {
                found.secret = Some((secret, from));
                break;
            }
            Err(trouble) => found.troubles.push(trouble),
        }
    }
    found
}

/// The parts of the file that name helpers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Helpers {
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default)]
    creds_store: String,
}

fn from_file(file: &Path, host: &str, repository: &str) -> Result<Option<(Secret, String)>, String> {
    let text = match std::fs::File::open(file) {
        Ok(opened) => {
            let mut text = Vec::new();
            let read = opened.take(LIMIT).read_to_end(&mut text);
            read.map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
            text
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{} cannot be read: {error}", file.display())),
    };
    let no_json = |error: serde_json::Error| {
        let (line, column) = (error.line(), error.column());
        format!("{} is not a Docker configuration (line {line}, column {column})", file.display())
    };
    let whole: Value = serde_json::from_slice(&text).map_err(no_json)?;
    let helpers: Helpers = serde_json::from_slice(&text).map_err(no_json)?;

    let server = if host == "docker.io" { HUB } else { host };
    let configured = [host, server].iter().find_map(|key| helpers.cred_helpers.get(*key));
    if let Some(name) = configured.filter(|name| !name.is_empty()) {
        return asked_helper(name, server);
    }
    for key in keys(server, host, repository) {
        if let Some(secret) = inline(&whole, &key, file)? {
            return Ok(Some((secret, file.display().to_string())));
        }
    }
    if helpers.creds_store.is_empty() { Ok(None) } else { asked_helper(&helpers.creds_store, server) }
}

/// `HOST/a/b`, `HOST/a`, `HOST`: the most particular first.
fn keys(server: &str, host: &str, repository: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut path = repository;
    while !path.is_empty() {
        keys.push(format!("{host}/{path}"));
        path = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    }
    keys.push(server.to_string());
    keys
}

/// A log-in that stands in the file itself. Helpers are taken out, as we run these ourselves.
fn inline(whole: &Value, key: &str, file: &Path) -> Result<Option<Secret>, String> {
    let Some(auths) = whole.get("auths").filter(|auths| auths.is_object()) else { return Ok(None) };
    let only = serde_json::json!({ "auths": auths }).to_string();
    match get_credential_from_reader(only.as_bytes(), key) {
        Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Secret::Identity(token))),
        Ok(DockerCredential::UsernamePassword(username, _)) if username.is_empty() => Ok(None),
        Ok(DockerCredential::UsernamePassword(username, password)) => {
            Ok(Some(Secret::Password(Credentials { username, password })))
        }
        Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(None),
        Err(error) => Err(format!("the log-in for {key} in {} cannot be used: {error}", file.display())),
    }
}

/// What a credential helper prints (docker-credential-helpers, "Credential helper protocol").
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given {
    username: String,
    secret: String,
}

fn asked_helper(name: &str, server: &str) -> Result<Option<(Secret, String)>, String> {
    let program = format!("docker-credential-{name}");
    let secret = ask_helper(OsStr::new(&program), server, HELPER)
        .map_err(|why| format!("the credential helper `{program}` {why}"))?;
    Ok(secret.map(|secret| (secret, format!("the credential helper `{program}`"))))
}

/// Runs `PROGRAM get` and gives it the server on its standard input. It is killed when its time is up.
fn ask_helper(program: &OsStr, server: &str, patience: Duration) -> Result<Option<Secret>, String> {
    let mut command = Command::new(program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "is not installed (not found in $PATH)".to_string(),
        _ => format!("cannot be run: {error}"),
    })?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that does not read its input may still answer.
        let _ = stdin.write_all(server.as_bytes());
    }
    let (succeeded, output) = finish(&mut child, patience)?;
    let text = String::from_utf8_lossy(&output);
    if !succeeded {
        let text = text.trim();
        // The one message that means "no": `credentials not found in native keychain`.
        if text.starts_with("credentials not found") {
            return Ok(None);
        }
        let said = if text.is_empty() { "without a word".into() } else { super::words::short(text) };
        return Err(format!("failed: {said}"));
    }
    let given: Given =
        serde_json::from_slice(&output).map_err(|_| "gave an answer that is not understood".to_string())?;
    Ok(match (given.username.as_str(), given.secret.is_empty()) {
        (_, true) => None,
        ("<token>", _) => Some(Secret::Identity(given.secret)),
        _ => Some(Secret::Password(Credentials { username: given.username, password: given.secret })),
    })
}

/// Waits for the program's end, at most so long, and says whether it succeeded and what it printed.
fn finish(child: &mut Child, patience: Duration) -> Result<(bool, Vec<u8>), String> {
    let (sender, receiver) = std::sync::mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut stdout = stdout.take(LIMIT);
            let mut buffer = [0; 4096];
            // Nobody listens any more where the time is up.
            while let Ok(count @ 1..) = stdout.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
    }
    let end = Instant::now() + patience;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(5)),
            _ => break None,
        }
    };
    let Some(status) = status else {
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("did not answer within {} seconds", patience.as_secs()));
    };
    // A child of it (an agent that it started, say) may hold the pipe open: what it said itself is there by then.
    let end = Instant::now() + LEFT_OPEN;
    let mut output = Vec::new();
    while let Ok(part) = receiver.recv_timeout(end.saturating_duration_since(Instant::now())) {
        output.extend(part);
    }
    Ok((status.success(), output))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn password(username: &str, password: &str) -> Option<Secret> {
        Some(Secret::Password(Credentials { username: username.into(), password: password.into() }))
    }

    fn find_in(text: &str, host: &str, repository: &str) -> Found {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        std::fs::write(&file, text).unwrap();
        find(&[folder.path().join("missing.json"), file], host, repository)
    }

    #[test]
    fn log_ins_in_the_file() {
        // u:p, v:q, w:r
        let text = r#"{"auths": {
            "registry.example": {"auth": "dTpw"},
            "https://index.docker.io/v1/": {"auth": "djpx"},
            "registry.example/team/app": {"auth": "dzpy"},
            "token.example": {"auth": "", "identitytoken": "refresh"},
            "empty.example": {}
        }}"#;
        let secret = |host, repository| find_in(text, host, repository).secret.map(|(secret, _)| secret);
        assert!(secret("registry.example", "other/app") == password("u", "p"));
        assert!(secret("registry.example", "team/app") == password("w", "r"));
        assert!(secret("docker.io", "library/busybox") == password("v", "q"));
        assert!(secret("token.example", "a") == Some(Secret::Identity("refresh".into())));
        assert!(secret("empty.example", "a").is_none());
        assert!(secret("elsewhere.example", "a").is_none());
    }

    #[test]
    fn troubles_name_the_helper_or_the_file() {
        let found = find_in(r#"{"credsStore": "no-such-helper"}"#, "registry.example", "a");
        assert!(found.secret.is_none());
        assert_eq!(
            found.troubles,
            [
                "the credential helper `docker-credential-no-such-helper` is not installed (not found in $PATH)"
            ]
        );
        let found = find_in("{\"auths\": ", "registry.example", "a");
        assert!(
            found.troubles[0].contains("config.json is not a Docker configuration (line 1"),
            "{:?}",
            found.troubles
        );
    }

    #[test]
    fn helpers_are_asked_and_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let ask = |script: &str, patience| {
            let program = folder.path().join(format!("helper-{}", script.len()));
            std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
            ask_helper(program.as_os_str(), "registry.example", patience)
        };
        let long = Duration::from_secs(20);
        let answers = r#"test "$1 $(cat)" = "get registry.example" && echo '{"ServerURL":"x","Username":"u","Secret":"p"}'"#;
        assert!(ask(answers, long) == Ok(password("u", "p")));
        let token = r#"echo '{"ServerURL":"x","Username":"<token>","Secret":"refresh"}'"#;
        assert!(ask(token, long) == Ok(Some(Secret::Identity("refresh".into()))));
        assert!(ask("echo credentials not found in native keychain; exit 1", long) == Ok(None));
        assert!(ask("echo the vault is locked; exit 1", long) == Err("failed: the vault is locked".into()));
        // One that leaves a child behind, which holds the pipe open.
        let begun = Instant::now();
        assert!(ask(r#"echo '{"Username":"u","Secret":"p"}'; sleep 9 &"#, long) == Ok(password("u", "p")));
        assert!(begun.elapsed() < Duration::from_secs(8));
        let odd = Err("gave an answer that is not understood".to_string());
        assert!(ask(r"printf '\377\376{}'", long) == odd && ask("true", long) == odd);
        // It is listened to up to 1 MiB, and then its pipe breaks.
        assert!(ask("exec yes", long).is_err_and(|why| why.starts_with("failed: y y y") && why.len() < 300));
        assert!(ask("exit 3", long) == Err("failed: without a word".into()));
        let hung = ask("exec sleep 60", Duration::from_millis(200));
        assert!(hung == Err("did not answer within 0 seconds".into()));
    }
}
