//! What may stand between us and a registry: TLS, with certificates of an authority that is made in the test, and
//! proxies that know the names of hosts which the DNS does not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Serves every connection on a free loopback port, and tells the port.
fn serve(converse: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a loopback port");
    let port = listener.local_addr().expect("an address").port();
    let converse = Arc::new(converse);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let converse = Arc::clone(&converse);
            // The other side may hang up whenever it likes.
            thread::spawn(move || converse(stream));
        }
    });
    port
}

/// An authority that certifies servers.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// How long a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Until 4096.
    Good,
    /// It ended in 2001.
    Expired,
    /// It begins in 4000.
    NotYet,
}

impl Authority {
    /// One that nobody trusts yet.
    pub fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Authority(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// Its certificate, as files have it.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// TLS in front of a port of this machine, for a server of this name. Tells the port.
    pub fn gate(&self, name: &str, validity: Validity, behind: u16) -> u16 {
        let mut params = CertificateParams::new(vec![name.to_string()]).expect("a name");
        let years = match validity {
            Validity::Good => (1975, 4096),
            Validity::Expired => (2000, 2001),
            Validity::NotYet => (4000, 4001),
        };
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .expect("versions")
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], key)
                .expect("a configuration");
        let config = Arc::new(config);
        serve(move |stream| {
            let connection = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
            let mut visitor = StreamOwned::new(connection, stream);
            let head = head(&mut visitor)?;
            let mut server = TcpStream::connect(("127.0.0.1", behind))?;
            server.write_all(&head)?;
            io::copy(&mut server, &mut visitor)?;
            visitor.conn.send_close_notify();
            visitor.flush()
        })
    }
}

/// Reads a request's head: up to the empty line. (Nobody here sends a body.)
fn head(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        from.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(head)
}

/// Where `HOST:PORT` leads: a port of this machine.
type Routes = Vec<(String, u16)>;

fn route(routes: &Routes, to: &str) -> Option<TcpStream> {
    let (_, port) = routes.iter().find(|(name, _)| name == to)?;
    TcpStream::connect(("127.0.0.1", *port)).ok()
}

/// Carries bytes both ways until both sides have ended.
fn join(one: &TcpStream, other: &TcpStream) -> io::Result<()> {
    let (mut from, mut to) = (one.try_clone()?, other.try_clone()?);
    let forth = thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        to.shutdown(std::net::Shutdown::Write)
    });
    let (mut from, mut to) = (other.try_clone()?, one.try_clone()?);
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(std::net::Shutdown::Write);
    let _ = forth.join();
    Ok(())
}

/// A proxy as RFC 9110 has it: `CONNECT`, and requests in absolute form for plain HTTP.
pub struct Proxy {
    /// Its port on 127.0.0.1.
    pub port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// One that knows these hosts, and wants this log-in (`USER:PASSWORD`) if any.
    pub fn start(routes: &[(&str, u16)], login: Option<&str>) -> Proxy {
        let routes: Routes = routes.iter().map(|(name, port)| (name.to_string(), *port)).collect();
        let wanted = login.map(|login| format!("Basic {}", STANDARD.encode(login)));
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let memory = Arc::clone(&heard);
        let port = serve(move |mut stream| {
            let head = String::from_utf8(head(&mut stream)?).map_err(io::Error::other)?;
            let (line, headers) = head.split_once("\r\n").unwrap_or_default();
            memory.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_string());
            let said = headers.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("proxy-authorization").then(|| value.trim().to_string())
            });
            if wanted.is_some() && said != wanted {
                return stream.write_all(
                    b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"p\"\r\n\
                      Connection: close\r\nContent-Length: 0\r\n\r\n",
                );
            }
            pass(&mut stream, &routes, line, headers)
        });
        Proxy { port, heard }
    }

    /// The first lines of all requests.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn pass(stream: &mut TcpStream, routes: &Routes, line: &str, headers: &str) -> io::Result<()> {
    let nowhere = b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let mut words = line.split(' ');
    let (method, place) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method == "CONNECT" {
        let Some(server) = route(routes, place) else { return stream.write_all(nowhere) };
        stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
        return join(stream, &server);
    }
    let (host, path) =
        place.strip_prefix("http://").and_then(|rest| rest.split_once('/')).unwrap_or_default();
    let name = if host.contains(':') { host.to_string() } else { format!("{host}:80") };
    let Some(mut server) = route(routes, &name) else { return stream.write_all(nowhere) };
    write!(server, "{method} /{path} HTTP/1.1\r\n{headers}")?;
    io::copy(&mut server, stream).map(|_| ())
}

/// A SOCKS proxy (RFC 1928) without log-in that is told names, not addresses. Tells the port.
pub fn socks(routes: &[(&str, u16)]) -> u16 {
    let routes: Routes = routes.iter().map(|(name, port)| (name.to_string(), *port)).collect();
    serve(move |mut stream| {
        let mut greeting = [0; 2];
        stream.read_exact(&mut greeting)?;
        stream.read_exact(&mut vec![0; greeting[1].into()])?;
        stream.write_all(&[5, 0])?;
        let mut request = [0; 5];
        stream.read_exact(&mut request)?;
        assert_eq!(request[..4], [5, 1, 0, 3], "CONNECT to a name");
        let mut name = vec![0; usize::from(request[4])];
        stream.read_exact(&mut name)?;
        let mut port = [0; 2];
        stream.read_exact(&mut port)?;
        let place = format!("{}:{}", String::from_utf8_lossy(&name), u16::from_be_bytes(port));
        let Some(server) = route(&routes, &place) else {
            return stream.write_all(&[5, 4, 0, 1, 0, 0, 0, 0, 0, 0]);
        };
        stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
        join(&stream, &server)
    })
}
