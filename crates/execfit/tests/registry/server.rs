//! Just enough HTTP/1.1 for a registry: one request for each connection.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

/// What the registry was asked.
#[derive(Debug, Clone)]
pub struct Heard {
    /// `GET`, `HEAD` ...
    pub method: String,
    /// Path and query.
    pub path: String,
    /// All headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Heard {
    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The first byte that `Range` asks for, and the last.
    fn range(&self) -> Option<(usize, Option<usize>)> {
        let (first, last) = self.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse().ok()?, last.parse().ok()))
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Of the body, the connection ends before this byte.
    pub(super) ends_at: usize,
}

impl Reply {
    /// A status and a body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        Reply { status, headers: Vec::new(), body: body.into(), ends_at: usize::MAX }
    }

    /// One more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// An error as the distribution specification has it.
    pub fn error(status: u16, code: &str, message: &str) -> Reply {
        let body = serde_json::json!({"errors": [{"code": code, "message": message}]});
        Reply::new(status, body.to_string()).with("Content-Type", "application/json")
    }

    /// The part of the body that was asked for.
    fn part(mut self, heard: &Heard) -> Reply {
        let Some((first, last)) = heard.range().filter(|_| self.status == 200) else { return self };
        let length = self.body.len();
        if first >= length {
            return Reply::new(416, "").with("Content-Range", &format!("bytes */{length}"));
        }
        let last = last.unwrap_or(usize::MAX).min(length - 1);
        self.body = self.body[first..=last].to_vec();
        self.ends_at = self.ends_at.saturating_sub(first);
        self.status = 206;
        self.with("Content-Range", &format!("bytes {first}-{last}/{length}"))
    }
}

/// Answers the one request of a connection.
pub(super) fn converse(mut stream: TcpStream, answer: impl FnOnce(&Heard) -> Reply) {
    let Some(heard) = read(&stream) else { return };
    let reply = answer(&heard).part(&heard);
    if reply.status == 0 {
        return;
    }
    let mut head = format!(
        "HTTP/1.1 {} Whatever\r\nConnection: close\r\nContent-Length: {}\r\n",
        reply.status,
        reply.body.len()
    );
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let body =
        if heard.method == "HEAD" { &[][..] } else { &reply.body[..reply.ends_at.min(reply.body.len())] };
    // The client may have had enough.
    let _ = stream.write_all(&[format!("{head}\r\n").as_bytes(), body].concat());
}

fn read(stream: &TcpStream) -> Option<Heard> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let mut words = first.split(' ').map(String::from);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    for line in lines {
        let line = line.ok()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Some(Heard { method, path, headers })
}
