//! Just enough HTTP/1.1: one thread for each connection, kept alive.

use super::reply::Reply;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread;

/// What the double was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// `X-Amz-Target`: `AmazonEC2ContainerServiceV20141113.DescribeServices`.
    pub target: String,
    /// Its last part: `DescribeServices`. Of the query protocol its `Action`, of others the request line: `GET /schedules`.
    pub operation: String,
    /// The body, `null` where it is not JSON; of the query protocol its parameters.
    pub body: Value,
    /// All headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// The region that the request was signed for.
    pub fn region(&self) -> Option<&str> {
        // Credential=KEY/DATE/REGION/SERVICE/aws4_request
        self.header("authorization")?.split('/').nth(2)
    }
}

/// Answers the requests of one connection until it ends.
pub(super) fn serve(connection: TcpStream, mut answer: impl FnMut(Request) -> Reply) {
    let Ok(mut out) = connection.try_clone() else { return };
    let mut input = BufReader::new(connection);
    while let Some(request) = read(&mut input) {
        let reply = answer(request);
        thread::sleep(reply.delay);
        if reply.status == 0 || write(&mut out, &reply).is_err() || reply.cut_short {
            let _ = out.shutdown(std::net::Shutdown::Both);
            return;
        }
    }
}

fn read(input: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    if input.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let asked = line.trim_end().rsplit_once(' ').map_or("", |(asked, _)| asked).to_owned();
    let mut headers = Vec::new();
    loop {
        line.clear();
        input.read_line(&mut line).ok()?;
        match line.trim_end() {
            "" => break,
            header => {
                let (name, value) = header.split_once(':')?;
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
    }
    let header =
        |name: &str| headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.clone());
    let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    input.read_exact(&mut body).ok()?;
    let target = header("x-amz-target").unwrap_or_default();
    let of_target = target.rsplit('.').next().filter(|operation| !operation.is_empty()).map(str::to_owned);
    let body = serde_json::from_slice(&body).unwrap_or_else(|_| parameters(&body));
    let of_query = body["Action"].as_str().map(str::to_owned);
    let operation = of_target.or(of_query).unwrap_or(asked);
    Some(Request { operation, target, body, headers })
}

/// The parameters of the query protocol: `Action=DescribeX&Filter.1.Name=a`.
fn parameters(body: &[u8]) -> Value {
    let text = String::from_utf8_lossy(body);
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    let pairs: serde_json::Map<String, Value> =
        pairs.map(|(name, value)| (decoded(name), Value::String(decoded(value)))).collect();
    if pairs.is_empty() { Value::Null } else { Value::Object(pairs) }
}

fn decoded(text: &str) -> String {
    let text = text.replace('+', " ");
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let code = part.get(..2).and_then(|code| u8::from_str_radix(code, 16).ok());
        bytes.extend(code);
        bytes.extend(part.get(2..).unwrap_or_default().as_bytes());
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn write(out: &mut impl Write, reply: &Reply) -> std::io::Result<()> {
    let length = reply.body.len() + if reply.cut_short { 100 } else { 0 };
    let head = format!(
        "HTTP/1.1 {} Double\r\nContent-Type: {}\r\nContent-Length: {length}\r\nx-amzn-RequestId: double\r\n\r\n",
        reply.status, reply.content_type
    );
    // One write: with two, the second would wait for the acknowledgement of the first.
    let whole = [head.into_bytes(), reply.body.clone()].concat();
    out.write_all(&whole)?;
    out.flush()
}
