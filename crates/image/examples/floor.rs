//! The floor that a reader of layers is measured against: a bare loop that gets blobs, hashes and unpacks them with the
//! decoders that this crate uses, and looks at nothing.
//!
//! `cargo run --release -p execfit-image --example floor -- [--threads N] [--unpacked] FILE|URL...`
//!
//! Each thread takes the next blob, the largest first, and works it off alone. `--unpacked` hashes what comes out too,
//! as the diff ids of a config ask for. Blobs behind `http://` are read with one plain GET each.

mod line;

use flate2::bufread::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

type Failure = Box<dyn Error + Send + Sync>;

/// Bytes that are read at once, stored and unpacked ones.
const STORED: usize = 64 * 1024;
const UNPACKED: usize = 128 * 1024;

/// Hashes what passes.
struct Hashed<R> {
    inner: R,
    hasher: Sha256,
    bytes: u64,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..got]);
        self.bytes += got as u64;
        Ok(got)
    }
}

struct Options {
    threads: usize,
    unpacked: bool,
    blobs: Vec<String>,
}

fn options() -> Result<Options, Failure> {
    let mut options = Options { threads: 2, unpacked: false, blobs: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--threads" => options.threads = arguments.next().ok_or("--threads needs a number")?.parse()?,
            "--unpacked" => options.unpacked = true,
            _ => options.blobs.push(argument),
        }
    }
    if options.blobs.is_empty() { Err("name blobs: files or http URLs".into()) } else { Ok(options) }
}

/// How many bytes a blob has, to take the largest first.
fn size(client: &reqwest::blocking::Client, blob: &str) -> Result<u64, Failure> {
    if blob.starts_with("http://") {
        let answer = client.head(blob).send()?.error_for_status()?;
        let length = answer.headers().get("content-length").ok_or("no Content-Length")?;
        return Ok(length.to_str()?.parse()?);
    }
    Ok(std::fs::metadata(blob)?.len())
}

/// Stored and unpacked bytes.
fn work(client: &reqwest::blocking::Client, blob: &str, unpacked: bool) -> Result<(u64, u64), Failure> {
    let stream: Box<dyn Read> = if blob.starts_with("http://") {
        Box::new(client.get(blob).send()?.error_for_status()?)
    } else {
        Box::new(File::open(blob)?)
    };
    let stored = Hashed { inner: stream, hasher: Sha256::new(), bytes: 0 };
    let mut stored = BufReader::with_capacity(STORED, stored);
    let magic = stored.fill_buf()?;
    let (gzip, zstd) = (magic.starts_with(b"\x1f\x8b"), magic.starts_with(b"\x28\xb5\x2f\xfd"));
    let mut buffer = vec![0; UNPACKED];
    let mut hasher = Sha256::new();
    let mut count = 0;
    let mut drain = |stream: &mut dyn Read| -> Result<(), Failure> {
        loop {
            match stream.read(&mut buffer)? {
                0 => return Ok(()),
                got => {
                    count += got as u64;
                    if unpacked {
                        hasher.update(&buffer[..got]);
                    }
                }
            }
        }
    };
    let stored = if gzip {
        let mut decoder = MultiGzDecoder::new(stored);
        drain(&mut decoder)?;
        decoder.into_inner()
    } else if zstd {
        let mut decoder = zstd::stream::read::Decoder::with_buffer(stored)?;
        drain(&mut decoder)?;
        decoder.finish()
    } else {
        drain(&mut stored)?;
        stored
    };
    // Taken out, so that nothing of the work is left out.
    let stored = stored.into_inner();
    std::hint::black_box((stored.hasher.finalize(), hasher.finalize()));
    Ok((stored.bytes, count))
}

fn main() -> Result<(), Failure> {
    let options = options()?;
    let client = reqwest::blocking::Client::builder().no_proxy().http1_only().build()?;
    let mut blobs: Vec<(u64, &String)> =
        options.blobs.iter().map(|blob| Ok((size(&client, blob)?, blob))).collect::<Result<_, Failure>>()?;
    blobs.sort_unstable();
    let run = line::Run::begin();
    let (stored, unpacked) = (AtomicU64::new(0), AtomicU64::new(0));
    let queue = Mutex::new(blobs);
    std::thread::scope(|scope| {
        let one = || -> Result<(), Failure> {
            loop {
                let next = queue.lock().map_err(|_| "a thread panicked")?.pop();
                let Some((_, blob)) = next else { return Ok(()) };
                let (read, made) = work(&client, blob, options.unpacked)?;
                stored.fetch_add(read, Ordering::Relaxed);
                unpacked.fetch_add(made, Ordering::Relaxed);
            }
        };
        let threads: Vec<_> = (0..options.threads).map(|_| scope.spawn(one)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?)
    })?;
    run.print(
        serde_json::json!({"stored_bytes": stored, "unpacked_bytes": unpacked, "threads": options.threads}),
    );
    Ok(())
}
