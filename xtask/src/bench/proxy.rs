//! A proxy before the registry: it counts what passes, and makes the link as narrow and as long as it is told.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};
use serde::{Deserialize, Serialize};

use crate::Result;

/// Bytes that are passed on at once.
const PIECE: usize = 32 << 10;
/// How much may be under way that the client's machine has not taken yet: a registry far away has no more.
const UNDER_WAY: usize = 64 << 10;
/// How far the link may catch up on a pause that was only the machine's.
const SLACK: Duration = Duration::from_millis(4);
/// The longest head of a request or an answer.
const HEAD: u64 = 64 << 10;

/// A link to a registry.
#[derive(Clone, Copy)]
pub(super) struct Link {
    /// What all connections share.
    pub(super) bytes_per_second: u32,
    /// What each connection costs, and each request on it.
    pub(super) round_trip: Duration,
}

/// What passed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Traffic {
    pub(super) requests: u64,
    /// Bytes of answers' bodies that the client's machine took.
    pub(super) bytes: u64,
}

/// A proxy on a free port of loopback, until it is dropped.
pub(super) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: String,
    line: Option<Line>,
    requests: AtomicU64,
    bytes: AtomicU64,
    is_over: AtomicBool,
}

impl Proxy {
    /// Starts a proxy to `HOST:PORT`; without a link it only counts.
    pub(super) fn start(upstream: &str, link: Option<Link>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let shared = Arc::new(Shared {
            upstream: upstream.to_owned(),
            line: link.map(Line::new),
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        });
        let proxy = Self { address: listener.local_addr()?, shared: Arc::clone(&shared) };
        thread::spawn(move || {
            for client in
                listener.incoming().take_while(|_| !shared.is_over.load(Ordering::Relaxed)).flatten()
            {
                let shared = Arc::clone(&shared);
                // A client that goes away in the middle is nothing unusual here.
                thread::spawn(move || serve(&client, &shared));
            }
        });
        Ok(proxy)
    }

    /// `127.0.0.1:PORT`.
    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }

    /// What passed since this was last asked.
    pub(super) fn take(&self) -> Traffic {
        Traffic {
            requests: self.shared.requests.swap(0, Ordering::Relaxed),
            bytes: self.shared.bytes.swap(0, Ordering::Relaxed),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Wakes the listener; if that fails it waits on, and ends with this process.
        drop(TcpStream::connect(self.address));
    }
}

/// Bandwidth that all connections share.
struct Line {
    link: Link,
    free_at: Mutex<Instant>,
}

impl Line {
    fn new(link: Link) -> Self {
        Self { link, free_at: Mutex::new(Instant::now()) }
    }

    /// Waits for as long as these bytes take behind all that others sent before.
    fn carry(&self, bytes: usize) {
        let seconds = bytes as f64 / f64::from(self.link.bytes_per_second);
        let now = Instant::now();
        let arrival = {
            let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
            let earliest = now.checked_sub(SLACK).unwrap_or(now);
            *free_at = (*free_at).max(earliest) + Duration::from_secs_f64(seconds);
            *free_at
        };
        thread::sleep(arrival.saturating_duration_since(now));
    }
}

impl Shared {
    fn wait_round_trip(&self) {
        if let Some(line) = &self.line {
            thread::sleep(line.link.round_trip);
        }
    }

    /// Passes bytes of an answer on.
    fn pass(&self, bytes: &[u8], client: &mut impl Write) -> io::Result<()> {
        if let Some(line) = &self.line {
            line.carry(bytes.len());
        }
        client.write_all(bytes)
    }

    /// Passes this many bytes of a body on, or all up to its end; counts what the client took.
    fn pass_body(
        &self,
        server: &mut impl Read,
        client: &mut impl Write,
        length: Option<u64>,
    ) -> io::Result<()> {
        let mut server = server.take(length.unwrap_or(u64::MAX));
        let mut piece = vec![0; PIECE];
        loop {
            match server.read(&mut piece)? {
                0 if length.is_some() && server.limit() > 0 => {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                0 => return Ok(()),
                count => {
                    self.pass(&piece[..count], client)?;
                    self.bytes.fetch_add(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
                }
            }
        }
    }
}

/// One connection, to its end.
fn serve(client: &TcpStream, shared: &Shared) -> io::Result<()> {
    shared.wait_round_trip();
    let server = TcpStream::connect(&shared.upstream)?;
    for stream in [client, &server] {
        stream.set_nodelay(true)?;
    }
    if shared.line.is_some() {
        setsockopt(client, sockopt::SndBuf, &UNDER_WAY)?;
    }
    let (mut to_client, mut to_server) = (client, &server);
    let (mut from_client, mut from_server) =
        (BufReader::new(client), BufReader::with_capacity(PIECE, &server));
    while let Some(request) = Head::read(&mut from_client)? {
        shared.requests.fetch_add(1, Ordering::Relaxed);
        to_server.write_all(&request.bytes)?;
        io::copy(&mut (&mut from_client).take(request.length.unwrap_or(0)), &mut to_server)?;
        shared.wait_round_trip();
        let goes_on = answer(&request, &mut from_server, &mut to_client, shared)?;
        if !goes_on {
            break;
        }
    }
    Ok(())
}

/// Passes one answer on; false where the connection ends with it.
fn answer(
    request: &Head,
    server: &mut impl BufRead,
    client: &mut impl Write,
    shared: &Shared,
) -> io::Result<bool> {
    let head = loop {
        let Some(head) = Head::read(server)? else { return Ok(false) };
        shared.pass(&head.bytes, client)?;
        // `100 Continue` and its like stand before the answer.
        if !head.status().starts_with('1') {
            break head;
        }
    };
    if request.first.starts_with("HEAD ") || matches!(head.status(), "204" | "304") {
        return Ok(!head.closes);
    }
    match (head.is_chunked, head.length) {
        (true, _) => pass_chunks(server, client, shared)?,
        (false, Some(length)) => shared.pass_body(server, client, Some(length))?,
        (false, None) => {
            shared.pass_body(server, client, None)?;
            return Ok(false);
        }
    }
    Ok(!head.closes)
}

/// Passes a chunked body on, and counts the chunks' contents (RFC 9112, section 7.1).
fn pass_chunks(server: &mut impl BufRead, client: &mut impl Write, shared: &Shared) -> io::Result<()> {
    loop {
        let line = read_line(server)?;
        let size = line.trim().split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
        shared.pass(line.as_bytes(), client)?;
        if size == 0 {
            break;
        }
        shared.pass_body(server, client, Some(size))?;
        shared.pass(read_line(server)?.as_bytes(), client)?;
    }
    loop {
        let line = read_line(server)?;
        shared.pass(line.as_bytes(), client)?;
        if line.trim().is_empty() {
            return Ok(());
        }
    }
}

/// The head of a request or of an answer.
struct Head {
    first: String,
    bytes: Vec<u8>,
    length: Option<u64>,
    is_chunked: bool,
    closes: bool,
}

impl Head {
    /// None where the connection ended before a head began.
    fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let first = read_line(from)?;
        if first.is_empty() {
            return Ok(None);
        }
        let bytes = first.clone().into_bytes();
        let mut head = Self { first, bytes, length: None, is_chunked: false, closes: false };
        loop {
            let line = read_line(from)?;
            head.bytes.extend_from_slice(line.as_bytes());
            if line.trim().is_empty() {
                return Ok(Some(head));
            }
            let (name, value) = line.split_once(':').unwrap_or_default();
            let value = value.trim().to_ascii_lowercase();
            match name.to_ascii_lowercase().as_str() {
                "content-length" => head.length = Some(value.parse().map_err(io::Error::other)?),
                "transfer-encoding" => head.is_chunked = value == "chunked",
                "connection" => head.closes = value == "close",
                _ => {}
            }
        }
    }

    /// The status of an answer.
    fn status(&self) -> &str {
        self.first.split(' ').nth(1).unwrap_or_default()
    }
}

fn read_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    from.take(HEAD).read_line(&mut line)?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that answers each request on one connection with the next of these, and is asked nothing else.
    fn server(answers: &'static [&'static [u8]]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(&stream);
            for answer in answers {
                let request = Head::read(&mut reader).unwrap().unwrap();
                let mut body = vec![0; usize::try_from(request.length.unwrap_or(0)).unwrap()];
                reader.read_exact(&mut body).unwrap();
                (&stream).write_all(answer).unwrap();
            }
        });
        address
    }

    /// What a client gets that sends all this on one connection.
    fn ask(proxy: &Proxy, requests: &[u8]) -> String {
        let mut stream = TcpStream::connect(proxy.address()).unwrap();
        stream.write_all(requests).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        answers
    }

    #[test]
    fn requests_and_bodies_are_counted_and_nothing_is_changed() {
        const ANSWERS: &[&[u8]] = &[
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nT: t\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end",
        ];
        let proxy = Proxy::start(&server(ANSWERS), None).unwrap();
        let answers = ask(
            &proxy,
            b"GET /a HTTP/1.1\r\n\r\nHEAD /b HTTP/1.1\r\n\r\nPUT /c HTTP/1.1\r\ncontent-length: 2\r\n\r\nhi\
              GET /d HTTP/1.1\r\n\r\nGET /e HTTP/1.1\r\n\r\n",
        );
        assert_eq!(answers.as_bytes(), ANSWERS.concat());
        assert_eq!(proxy.take(), Traffic { requests: 5, bytes: 5 + 13 + 10 });
        assert_eq!(proxy.take(), Traffic::default());
    }

    #[test]
    fn a_narrow_link_takes_its_time() {
        const BODY: usize = 200_000;
        static ANSWER: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
            [format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n").into_bytes(), vec![b'x'; BODY]]
                .concat()
        });
        static ANSWERS: std::sync::LazyLock<[&[u8]; 1]> = std::sync::LazyLock::new(|| [&ANSWER[..]]);
        let link = Link { bytes_per_second: 1_000_000, round_trip: Duration::from_millis(20) };
        let proxy = Proxy::start(&server(&*ANSWERS), Some(link)).unwrap();
        let begin = Instant::now();
        assert_eq!(ask(&proxy, b"GET / HTTP/1.1\r\n\r\n").as_bytes(), &ANSWER[..]);
        // A connection and a request of 20 ms each, 0.2 s for the body, less what may be caught up.
        assert!(begin.elapsed() >= Duration::from_millis(40 + 200 - 10), "{:?}", begin.elapsed());
        assert_eq!(proxy.take(), Traffic { requests: 1, bytes: BODY as u64 });
    }

    #[test]
    fn connections_share_the_link() {
        let link = Link { bytes_per_second: 1_000_000, round_trip: Duration::ZERO };
        let line = Line::new(link);
        let begin = Instant::now();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| line.carry(25_000));
            }
        });
        assert!(begin.elapsed() >= Duration::from_millis(95), "{:?}", begin.elapsed());
    }
}
