//! A registry for tests: an HTTP server on a loopback port with images that are made in the test, and its faults.
//!
//! ```ignore
//! #[path = "../registry/mod.rs"]
//! mod registry;
//! use registry::{Image, Registry, elf, file};
//!
//! let registry = Registry::start();
//! let image = Image::new("arm64").layer([file("app", 0o755, elf(183))]).history("COPY app /app # buildkit").cmd(["/app"]);
//! let digest = registry.push("team/app:1", &image);
//! registry.faulty(Of::Blobs, Fault::Truncated);
//! registry.name("team/app:1");  // 127.0.0.1:PORT/team/app:1
//! registry.heard();             // what was asked
//! ```

#![allow(dead_code, unreachable_pub, unused_imports, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod image;
pub mod media;
mod programs;
mod server;
mod tar;
pub mod wire;

pub use image::{Built, Image, digest};
pub use programs::{ARM64, ERROR_PAGE, LFS_POINTER, X86_64, dynamic, elf, mach_o, shell};
pub use server::{Heard, Reply};
pub use tar::{Entry, directory, file, link, whiteout};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The running server; it stops when dropped.
pub struct Registry {
    port: u16,
    shelf: Arc<Mutex<Shelf>>,
    stopped: Arc<AtomicBool>,
}

#[derive(Default)]
struct Shelf {
    /// By `REPOSITORY:TAG` and `REPOSITORY@DIGEST`: media type and document.
    manifests: HashMap<String, (String, Vec<u8>)>,
    blobs: HashMap<String, Vec<u8>>,
    faults: Vec<(Of, Fault)>,
    once: VecDeque<(Of, Fault)>,
    login: Option<Login>,
    heard: Vec<Heard>,
}

/// Which requests are answered wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// All of them.
    Everything,
    /// Manifests and indexes.
    Manifests,
    /// Configs and layers.
    Blobs,
}

/// What is wrong with an answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This instead.
    Reply(Reply),
    /// The connection ends in the middle, however often it is asked again.
    Truncated,
    /// One byte in the middle is another one.
    Flipped,
    /// It is at another address, under the same path.
    Redirected(String),
    /// The connection ends without an answer.
    HungUp,
}

/// How the registry wants its visitors to log in.
#[derive(Debug, Clone)]
pub enum Login {
    /// With these words, by HTTP's Basic.
    Basic(&'static str, &'static str),
    /// With a token, which everybody gets.
    AnonymousToken,
    /// With a token, which is given for these words.
    Token(&'static str, &'static str),
}

const TOKEN: &str = "token-of-the-test-registry";

impl Registry {
    /// Starts one with nothing in it.
    pub fn start() -> Registry {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
        let port = listener.local_addr().expect("an address").port();
        let registry = Registry { port, shelf: Arc::default(), stopped: Arc::default() };
        let (shelf, stopped) = (Arc::clone(&registry.shelf), Arc::clone(&registry.stopped));
        thread::spawn(move || {
            for connection in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let (Ok(connection), shelf) = (connection, Arc::clone(&shelf)) else { continue };
                thread::spawn(move || server::converse(connection, |heard| lock(&shelf).answer(heard, port)));
            }
        });
        registry
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.host())
    }

    /// `127.0.0.1:PORT/` and this.
    pub fn name(&self, reference: &str) -> String {
        format!("{}/{reference}", self.host())
    }

    /// Tells which digest a reference with a tag has at that moment: of the index, where it names one.
    pub fn digests(&self) -> impl Fn(&str) -> Option<String> + Send + 'static {
        let (shelf, host) = (Arc::clone(&self.shelf), self.host());
        move |reference| {
            let name = reference.strip_prefix(&host)?.strip_prefix('/')?;
            lock(&shelf).manifests.get(name).map(|(_, document)| image::digest(document))
        }
    }

    /// Pushes an image to `REPOSITORY:TAG` and returns its digest.
    pub fn push(&self, reference: &str, image: &Image) -> String {
        self.push_built(reference, &image.build())
    }

    /// The same, of one that was built.
    pub fn push_built(&self, reference: &str, built: &Built) -> String {
        let mut shelf = lock(&self.shelf);
        shelf.put_blobs(built);
        shelf.put(reference, image::MANIFEST, &built.manifest)
    }

    /// Pushes an index of images for these platforms and returns its digest.
    pub fn push_index(&self, reference: &str, images: &[(&str, &Image)]) -> String {
        self.put_index(reference, images, false)
    }

    /// The same, with BuildKit's attestations.
    pub fn push_attested_index(&self, reference: &str, images: &[(&str, &Image)]) -> String {
        self.put_index(reference, images, true)
    }

    /// Pushes an image without a tag, and returns what an index would say of it for this platform.
    pub fn push_child(&self, repository: &str, platform: &str, built: &Built) -> Value {
        let mut shelf = lock(&self.shelf);
        shelf.put_blobs(built);
        shelf.put(&format!("{repository}@{}", built.digest()), image::MANIFEST, &built.manifest);
        built.described(platform)
    }

    /// Pushes an index of these entries and returns its digest.
    pub fn push_entries(&self, reference: &str, entries: &[Value]) -> String {
        let index = json!({"schemaVersion": 2, "mediaType": image::INDEX, "manifests": entries});
        lock(&self.shelf).put(reference, image::INDEX, index.to_string().as_bytes())
    }

    fn put_index(&self, reference: &str, images: &[(&str, &Image)], attested: bool) -> String {
        let repository = reference.split(':').next().unwrap_or_default();
        let mut shelf = lock(&self.shelf);
        let (mut entries, mut attestations) = (Vec::new(), Vec::new());
        let mut put_child = |built: &Built| {
            shelf.put_blobs(built);
            shelf.put(&format!("{repository}@{}", built.digest()), image::MANIFEST, &built.manifest);
        };
        for (platform, image) in images {
            let built = image.build();
            put_child(&built);
            entries.push(built.described(platform));
            if attested {
                let (attestation, described) = image::attestation(&built);
                put_child(&attestation);
                attestations.push(described);
            }
        }
        entries.extend(attestations);
        let index = json!({"schemaVersion": 2, "mediaType": image::INDEX, "manifests": entries});
        shelf.put(reference, image::INDEX, index.to_string().as_bytes())
    }

    /// Gives this for the blob of that digest from now on.
    pub fn replace(&self, digest: &str, blob: &[u8]) -> &Registry {
        lock(&self.shelf).blobs.insert(digest.to_owned(), blob.to_vec());
        self
    }

    /// Answers these requests wrongly, always.
    pub fn faulty(&self, of: Of, fault: Fault) -> &Registry {
        lock(&self.shelf).faults.push((of, fault));
        self
    }

    /// Answers the next such request wrongly, once.
    pub fn faulty_once(&self, of: Of, fault: Fault) -> &Registry {
        lock(&self.shelf).once.push_back((of, fault));
        self
    }

    /// Lets nobody in who does not log in so.
    pub fn locked(&self, login: Login) -> &Registry {
        lock(&self.shelf).login = Some(login);
        self
    }

    /// Everything that was asked, in its order.
    pub fn heard(&self) -> Vec<Heard> {
        lock(&self.shelf).heard.clone()
    }

    /// The digests of the blobs that were asked for.
    pub fn fetched(&self) -> Vec<String> {
        let blobs = self.heard().into_iter().filter(|heard| heard.path.contains("/blobs/"));
        blobs.map(|heard| heard.path.rsplit('/').next().unwrap_or_default().to_owned()).collect()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, so that it sees the flag.
        let _ = std::net::TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// A loopback address where nobody listens.
pub fn closed_port() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
    listener.local_addr().expect("an address").to_string()
}

fn lock(shelf: &Mutex<Shelf>) -> MutexGuard<'_, Shelf> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shelf {
    fn put(&mut self, reference: &str, media_type: &str, document: &[u8]) -> String {
        let digest = image::digest(document);
        let repository = reference.split([':', '@']).next().unwrap_or_default();
        for name in [reference.to_owned(), format!("{repository}@{digest}")] {
            self.manifests.insert(name, (media_type.to_owned(), document.to_vec()));
        }
        digest
    }

    fn put_blobs(&mut self, built: &Built) {
        self.blobs.extend(built.blobs().map(|blob| (image::digest(blob), blob.clone())));
    }

    fn answer(&mut self, heard: &Heard, port: u16) -> Reply {
        self.heard.push(heard.clone());
        let path = heard.path.split('?').next().unwrap_or_default();
        let is = |of: Of| match of {
            Of::Everything => true,
            Of::Manifests => path.contains("/manifests/"),
            Of::Blobs => path.contains("/blobs/"),
        };
        let once = self.once.iter().position(|(of, _)| is(*of)).and_then(|at| self.once.remove(at));
        let fault = once.or_else(|| self.faults.iter().find(|(of, _)| is(*of)).cloned());
        match fault.map(|(_, fault)| fault) {
            None => self.good(heard, path, port),
            Some(Fault::Reply(reply)) => reply,
            Some(Fault::HungUp) => Reply::new(0, ""),
            Some(Fault::Redirected(to)) => match self.refusal(heard, port) {
                Some(refusal) => refusal,
                None => Reply::new(307, "").with("Location", &format!("{to}{path}?X-Signature=hunter2")),
            },
            Some(Fault::Truncated) => {
                let reply = self.good(heard, path, port);
                Reply { ends_at: reply.body.len() / 2, ..reply }
            }
            Some(Fault::Flipped) => {
                let mut reply = self.good(heard, path, port);
                let middle = reply.body.len() / 2;
                if let Some(byte) = reply.body.get_mut(middle) {
                    *byte ^= 1;
                }
                reply
            }
        }
    }

    fn good(&self, heard: &Heard, path: &str, port: u16) -> Reply {
        if path == "/token" {
            return self.token(heard);
        }
        if let Some(refusal) = self.refusal(heard, port) {
            return refusal;
        }
        let path = path.strip_prefix("/v2/").unwrap_or_default();
        if let Some((repository, name)) = path.split_once("/manifests/") {
            let mark = if name.contains(':') { '@' } else { ':' };
            return match self.manifests.get(&format!("{repository}{mark}{name}")) {
                Some((media_type, document)) => Reply::new(200, document.clone())
                    .with("Content-Type", media_type)
                    .with("Docker-Content-Digest", &image::digest(document)),
                None => Reply::error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
            };
        }
        match path.split_once("/blobs/").and_then(|(_, digest)| self.blobs.get(digest)) {
            Some(blob) => Reply::new(200, blob.clone()).with("Content-Type", "application/octet-stream"),
            None if path.is_empty() => Reply::new(200, "{}"),
            None => Reply::error(404, "BLOB_UNKNOWN", "blob unknown"),
        }
    }

    /// Why the visitor is not let in.
    fn refusal(&self, heard: &Heard, port: u16) -> Option<Reply> {
        let said = heard.header("authorization").unwrap_or_default();
        let (wanted, challenge) = match self.login.as_ref()? {
            Login::Basic(user, password) => (basic(user, password), "Basic realm=\"test\"".to_owned()),
            Login::AnonymousToken | Login::Token(..) => {
                let realm = format!("Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"test\"");
                (format!("Bearer {TOKEN}"), realm)
            }
        };
        let refusal = Reply::error(401, "UNAUTHORIZED", "authentication required");
        (said != wanted).then(|| refusal.with("WWW-Authenticate", &challenge))
    }

    fn token(&self, heard: &Heard) -> Reply {
        let said = heard.header("authorization").unwrap_or_default();
        match &self.login {
            Some(Login::Token(user, password)) if said != basic(user, password) => {
                Reply::error(401, "UNAUTHORIZED", "incorrect username or password")
            }
            _ => Reply::new(200, json!({"token": TOKEN, "expires_in": 300}).to_string())
                .with("Content-Type", "application/json"),
        }
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
