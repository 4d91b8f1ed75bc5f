//! A small HTTP server that plays a registry and its faults, and remembers what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// First and last byte of `Range: bytes=FIRST-[LAST]`.
    pub(crate) fn range(&self) -> Option<(usize, Option<usize>)> {
        let (first, last) = self.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse().unwrap(), last.parse().ok()))
    }
}

/// How much of a body is sent.
#[derive(Clone)]
enum Sent {
    Whole,
    CutAfter(usize),
    Endless,
    /// A byte, and then a pause.
    Dripping(Duration),
    /// The body is all that is sent, head included.
    Raw,
}

/// An answer.
#[derive(Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    sent: Sent,
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        Reply { status, headers: Vec::new(), body: body.into(), sent: Sent::Whole }
    }

    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Reply {
        self.headers.push((name.into(), value.to_string()));
        self
    }

    /// Closes the connection after so many bytes of the body.
    pub(crate) fn cut_after(mut self, bytes: usize) -> Reply {
        self.sent = Sent::CutAfter(bytes);
        self
    }

    /// Repeats the body for ever.
    pub(crate) fn endless(mut self) -> Reply {
        self.sent = Sent::Endless;
        self
    }

    /// Sends the body byte by byte, with this pause after each.
    pub(crate) fn dripping(mut self, pause: Duration) -> Reply {
        self.sent = Sent::Dripping(pause);
        self
    }

    /// These bytes and nothing else, not even a status line.
    pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Reply {
        Reply { sent: Sent::Raw, ..Reply::new(0, bytes) }
    }

    /// A blob, or the part of it that was asked for.
    pub(crate) fn part(heard: &Heard, blob: &[u8]) -> Reply {
        let Some((first, last)) = heard.range() else { return Reply::new(200, blob) };
        if first >= blob.len() {
            return Reply::new(416, "").with("Content-Range", format!("bytes */{}", blob.len()));
        }
        let last = last.unwrap_or(usize::MAX).min(blob.len() - 1);
        let range = format!("bytes {first}-{last}/{}", blob.len());
        Reply::new(206, &blob[first..=last]).with("Content-Range", range)
    }

    fn write(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        let mut head = format!("HTTP/1.1 {} Whatever\r\nConnection: close\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match self.sent {
            Sent::Raw => stream.write_all(&self.body),
            Sent::Dripping(pause) => {
                stream.write_all(format!("{head}Content-Length: {}\r\n\r\n", self.body.len()).as_bytes())?;
                self.body.iter().try_for_each(|byte| {
                    std::thread::sleep(pause);
                    stream.write_all(&[*byte])
                })
            }
            Sent::Endless => {
                stream.write_all(format!("{head}\r\n").as_bytes())?;
                loop {
                    stream.write_all(&self.body)?;
                }
            }
            Sent::Whole | Sent::CutAfter(_) => {
                stream.write_all(format!("{head}Content-Length: {}\r\n\r\n", self.body.len()).as_bytes())?;
                let end = if let Sent::CutAfter(end) = self.sent { end } else { self.body.len() };
                stream.write_all(&self.body[..end.min(self.body.len())])
            }
        }
    }
}

/// The server, at a free port of 127.0.0.1.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Server {
    /// Answers requests by this rule, which is also told how many came before.
    pub(crate) fn new(play: impl Fn(&Heard, usize) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (memory, play) = (Arc::clone(&heard), Arc::new(play));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (memory, play) = (Arc::clone(&memory), Arc::clone(&play));
                std::thread::spawn(move || converse(stream, &memory, &*play));
            }
        });
        Server { address, heard }
    }

    /// `http://127.0.0.1:PORT` and this path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// The paths of all requests so far.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.heard().into_iter().map(|heard| heard.path).collect()
    }
}

fn converse(mut stream: TcpStream, memory: &Mutex<Vec<Heard>>, play: &dyn Fn(&Heard, usize) -> Reply) {
    let Some(heard) = listen(&stream) else { return };
    let before = {
        let mut memory = memory.lock().unwrap();
        memory.push(heard.clone());
        memory.len() - 1
    };
    // The client may have had enough.
    let _ = play(&heard, before).write(&mut stream);
}

fn listen(stream: &TcpStream) -> Option<Heard> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(String::from);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_string());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Heard { method, path, headers, body: String::from_utf8(body).unwrap() })
}
