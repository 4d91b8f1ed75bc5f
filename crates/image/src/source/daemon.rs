//! Images of a Docker Engine (Docker Engine API, "Inspect an image" and "Export an image").
//!
//! The engine gives an image only as a whole: `docker save`, a tar file whose table of contents comes last and whose
//! layers are unpacked. One pass writes it to a temporary file without a name, as skopeo does, and that is read as
//! `docker-archive:` is. It costs as much disk as the image has bytes, and no second export: asking the engine again for
//! each layer would cost the whole image each time.

#![cfg(feature = "registry")]

mod context;

use super::registry::words;
use super::{SourceError, Tally};
use reqwest::blocking::{Client, Response};
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::{Host, Url};

/// How long a question may take.
const QUESTION: Duration = Duration::from_secs(30);
/// How long the engine may be silent while it exports: it collects the whole image before it sends the first byte.
const EXPORT: Duration = Duration::from_secs(600);
/// How much of a refusal is read.
const REFUSAL: u64 = 64 * 1024;

/// One image of a Docker Engine.
///
/// [`Daemon::save`] turns it into a file in `docker save`'s format.
pub struct Daemon {
    client: Client,
    base: Url,
    /// The engine's address, for messages.
    place: String,
    name: String,
    tally: Tally,
}

impl Daemon {
    /// The image of this name, tag, digest or id, in the engine at `host` (`unix://PATH`, or `tcp://` to loopback);
    /// without it in the one that the Docker CLI would ask: `$DOCKER_HOST`, the context in use, or where Docker listens
    /// by default. Nothing is asked yet.
    ///
    /// # Errors
    /// [`SourceError::Unsupported`] for other addresses.
    pub fn new(name: &str, host: Option<&str>) -> Result<Daemon, SourceError> {
        let unknown = |detail: String| SourceError::Unsupported {
            object: format!("docker-daemon:{name}"),
            detail: format!("{detail}; name the engine with DOCKER_HOST"),
        };
        let host = host.map(String::from).map_or_else(context::address, Ok).map_err(unknown)?;
        let unsupported = |detail: String| SourceError::Unsupported {
            object: format!("docker-daemon:{name}"),
            detail: format!("the engine's address {} {detail}", words::short(&host)),
        };
        let builder = Client::builder().no_proxy().http1_only().redirect(reqwest::redirect::Policy::none());
        // It speaks plain HTTP: no certificates are loaded.
        let builder = builder.tls_certs_only([]).timeout(EXPORT);
        let (builder, base) = match host.split_once("://") {
            Some(("unix", path)) => (builder.unix_socket(PathBuf::from(path)), "http://docker/".to_string()),
            Some(("tcp", address)) => (builder, format!("http://{address}/")),
            _ => return Err(unsupported(out_of_reach(&host))),
        };
        let base = Url::parse(&base).map_err(|error| unsupported(format!("is malformed: {error}")))?;
        if !host.starts_with("unix://") && !is_loopback(&base) {
            return Err(unsupported(out_of_reach(&host)));
        }
        let client = builder.build().map_err(|error| unsupported(words::chain(error)))?;
        Ok(Daemon { client, base, place: host.clone(), name: name.to_string(), tally: Tally::default() })
    }

    /// Exports the image into a temporary file that has no name (in `$TMPDIR`, else `/var/tmp`) and stands at its
    /// beginning. It is gone when it is closed.
    ///
    /// # Errors
    /// [`SourceError::NotFound`] for an image that the engine does not have, [`SourceError::Unreachable`] where there is
    /// no engine or the disk is full.
    pub fn save(&mut self) -> Result<File, SourceError> {
        // The export's own answer for a missing image differs between engines; this one's does not.
        self.ask("json", Some(QUESTION))?;
        let mut answer = self.ask("get", None)?;
        let folder = std::env::var_os("TMPDIR").filter(|folder| !folder.is_empty());
        let folder = folder.map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
        let mut file = nameless(&folder)
            .map_err(|error| self.unreachable(format!("no room in {}: {error}", folder.display())))?;
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let count = match answer.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => {
                    return Err(self.unreachable(format!("the export broke off: {}", words::cut(&error))));
                }
            };
            self.tally.bytes += count as u64;
            file.write_all(&buffer[..count])
                .map_err(|error| self.unreachable(format!("no room in {}: {error}", folder.display())))?;
        }
        file.rewind().map_err(|error| self.unreachable(error.to_string()))?;
        Ok(file)
    }

    /// What was asked of the engine so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// `GET /images/NAME/WHAT`. The version of the API is left to the engine.
    fn ask(&mut self, what: &str, whole: Option<Duration>) -> Result<Response, SourceError> {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.clear().push("images").extend(self.name.split('/')).push(what);
        }
        self.tally.requests += 1;
        let request = self.client.get(url);
        // The request's own limit is for the whole answer, the client's for silence.
        let request = if let Some(whole) = whole { request.timeout(whole) } else { request };
        let answer = request.send().map_err(|error| {
            let denied = causes(&error).any(|cause| cause.kind() == io::ErrorKind::PermissionDenied);
            let hint = if denied { "; your user may not use it" } else { "; is Docker running?" };
            self.unreachable(format!("{}{hint}", words::chain(error)))
        })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let headers = answer.headers().clone();
        let mut body = Vec::new();
        // Whatever can be had of it.
        let _ = answer.take(REFUSAL).read_to_end(&mut body);
        let said = words::said(&headers, &body);
        let (object, detail) =
            (self.object(), format!("the Docker Engine at {} answers {status}: {said}", self.place));
        Err(match status.as_u16() {
            404 => SourceError::NotFound { object, detail },
            401 | 403 => SourceError::Denied { object, detail },
            _ => SourceError::Unreachable { object, detail },
        })
    }

    fn object(&self) -> String {
        format!("docker-daemon:{}", self.name)
    }

    fn unreachable(&self, detail: String) -> SourceError {
        let detail = format!("the Docker Engine at {}: {detail}", self.place);
        SourceError::Unreachable { object: self.object(), detail }
    }
}

/// Why an engine at this address is not asked, and what to do instead.
fn out_of_reach(host: &str) -> String {
    let forward = "forward its socket (`ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock USER@HOST`) and name it with \
                   DOCKER_HOST=unix:///tmp/docker.sock, or save the image with `docker save` and read docker-archive:FILE";
    match host.split_once("://").map(|(scheme, _)| scheme) {
        Some("ssh") => format!("is reached over SSH, which execfit does not speak: {forward}"),
        Some("tcp" | "http" | "https") => {
            format!("is not on this machine, and TLS to Docker Engines is not supported: {forward}")
        }
        _ => "is neither unix:// nor tcp://".into(),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &io::Error> {
    let first = std::error::Error::source(error);
    std::iter::successors(first, |cause| cause.source()).filter_map(|cause| cause.downcast_ref::<io::Error>())
}

/// A file that only this process can find.
fn nameless(folder: &Path) -> io::Result<File> {
    let number = RandomState::new().build_hasher().finish();
    let path = folder.join(format!("execfit-{}-{number:016x}.tar", std::process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::os::unix::net::UnixListener;

    /// An engine that has one image, `team/app:1`, whose export is `saved`.
    fn engine(folder: &Path) -> String {
        let path = folder.join("docker.sock");
        let listener = UnixListener::bind(&path).unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut line = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                reader.read_line(&mut line).unwrap();
                for _ in reader.lines().take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty())) {}
                let (status, body) = match line.split(' ').nth(1) {
                    Some("/images/team/app:1/json") => ("200 OK", "{}"),
                    Some("/images/team/app:1/get") => ("200 OK", "saved"),
                    _ => ("404 Not Found", r#"{"message":"No such image: it"}"#),
                };
                let head =
                    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}", body.len());
                stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
            }
        });
        format!("unix://{}", path.display())
    }

    #[test]
    fn an_image_is_saved_once_into_a_file_without_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let mut daemon = Daemon::new("team/app:1", Some(&engine(folder.path()))).unwrap();
        let mut saved = String::new();
        daemon.save().unwrap().read_to_string(&mut saved).unwrap();
        assert_eq!((saved.as_str(), daemon.tally()), ("saved", Tally { requests: 2, bytes: 5 }));
    }

    #[test]
    fn no_such_image_and_no_such_engine() {
        let folder = tempfile::tempdir().unwrap();
        let error = Daemon::new("other", Some(&engine(folder.path()))).unwrap().save().unwrap_err();
        assert!(matches!(error, SourceError::NotFound { .. }), "{error:?}");
        assert!(error.to_string().starts_with("docker-daemon:other does not exist"), "{error}");
        assert!(error.to_string().contains("No such image: it"), "{error}");

        let nobody = format!("unix://{}", folder.path().join("nobody.sock").display());
        let error = Daemon::new("app", Some(&nobody)).unwrap().save().unwrap_err();
        assert!(matches!(error, SourceError::Unreachable { .. }), "{error:?}");
        for words in ["docker-daemon:app", nobody.as_str(), "No such file", "is Docker running?"] {
            assert!(error.to_string().contains(words), "`{words}` in: {error}");
        }
    }

    #[test]
    fn engines_elsewhere_are_refused() {
        for host in ["tcp://192.0.2.1:2375", "ssh://user@host", "npipe:////./pipe/x", "nonsense"] {
            let error = Daemon::new("app", Some(host)).err().unwrap();
            assert!(matches!(error, SourceError::Unsupported { .. }), "{error:?}");
            assert_eq!(
                error.to_string().contains("docker save"),
                host.starts_with("tcp") || host.starts_with("ssh")
            );
        }
        let error = Daemon::new("app", Some("ssh://ann:hunter2@host")).err().unwrap().to_string();
        assert!(
            error.starts_with(
                "docker-daemon:app is not supported: the engine's address ssh://host is reached over SSH, which execfit \
                 does not speak: forward its socket (`ssh -nNT -L "
            ),
            "{error}"
        );
        assert!(Daemon::new("app", Some("tcp://127.0.0.1:2375")).is_ok());
    }
}
