//! Blobs as streams (OCI distribution-spec, "Pulling blobs" and "Pulling blobs in ranges", RFC 9110 section 14).
//!
//! The first MiB is asked for by itself, because a question is often answered by it; then one request goes to the end.
//! Where a connection is cut, as servers do with readers that pause, the stream asks for the rest.

use super::document::encoded;
use super::patience::jitter;
use super::session::Session;
use super::transport::{Answer, Ask};
use super::words;
use crate::digest::Digest;
use crate::limits::BLOB_SECONDS;
use crate::manifest::Descriptor;
use crate::source::SourceError;
use reqwest::blocking::Response;
use reqwest::header::{HeaderMap, HeaderValue, RANGE};
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

/// Length of the first range.
const FIRST: u64 = 1024 * 1024;
/// How often a cut stream is gone on with, per [`FIRST`] bytes of progress.
const RESUMES: u32 = 3;
/// How much of a blob is passed over to come to a part of it, where a server gives only the whole.
const MOST_SKIPPED: u64 = 256 * 1024;
/// A server that sends less than [`LEAST`] bytes in so much time of waiting is given up.
const WINDOW: Duration = Duration::from_secs(60);
const LEAST: u64 = 64 * 1024;

/// A blob that is being read.
pub(super) struct Blob {
    session: Arc<Session>,
    object: String,
    digest: Digest,
    size: u64,
    position: u64,
    /// Where the stream ends: a part of the blob may have been asked for.
    until: u64,
    /// Where the registry redirected us, for further ranges.
    storage: Option<Url>,
    running: Option<Running>,
    resumes: u32,
    /// Where the resumes were counted from.
    since: u64,
    pace: Pace,
    failed: Option<SourceError>,
    /// Not begun with a first range.
    whole: bool,
}

/// An answer of which some is left.
struct Running {
    response: Response,
    /// Bytes that were read before, of a server that ignores ranges.
    skip: u64,
    /// Position at which its body ends.
    end: u64,
}

/// Time spent waiting, and what came in it.
#[derive(Default)]
struct Pace {
    waited: Duration,
    bytes: u64,
    /// Waited since the beginning.
    whole: Duration,
}

impl Blob {
    pub(super) fn open(session: Arc<Session>, descriptor: &Descriptor) -> Result<Blob, SourceError> {
        let mut blob = Blob::part(session, descriptor, 0..descriptor.size, None);
        blob.request()?;
        Ok(blob)
    }

    /// A blob that is going to be read to its end: one plain request, made with the first byte that is wanted.
    pub(super) fn whole(session: Arc<Session>, descriptor: &Descriptor) -> Blob {
        Blob { whole: true, ..Blob::part(session, descriptor, 0..descriptor.size, None) }
    }

    /// A part of a blob, not asked for yet. `storage` is where the registry redirected to before.
    pub(super) fn part(
        session: Arc<Session>,
        descriptor: &Descriptor,
        part: Range<u64>,
        storage: Option<Url>,
    ) -> Blob {
        Blob {
            object: format!("blob {} of {}", descriptor.digest, session.image),
            session,
            digest: descriptor.digest.clone(),
            size: descriptor.size,
            position: part.start,
            until: part.end.min(descriptor.size),
            storage,
            running: None,
            resumes: 0,
            since: 0,
            pace: Pace::default(),
            failed: None,
            whole: false,
        }
    }

    /// Where the registry redirected to.
    pub(super) fn storage(&self) -> Option<&Url> {
        self.storage.as_ref()
    }

    /// Asks for what comes next.
    fn request(&mut self) -> Result<(), SourceError> {
        let range = match self.position {
            0 if self.until == self.size && (self.whole || self.size <= FIRST) => None,
            0 if self.until == self.size => Some(format!("bytes=0-{}", FIRST - 1)),
            from if self.until == self.size => Some(format!("bytes={from}-")),
            from => Some(format!("bytes={from}-{}", self.until - 1)),
        };
        let range = range.and_then(|range| HeaderValue::from_str(&range).ok());
        let headers: HeaderMap = range.into_iter().map(|range| (RANGE, range)).collect();
        let answer = self.answer(&headers)?;
        self.running = Some(self.accepted(answer)?);
        Ok(())
    }

    /// From the storage that is known, else through the registry; a storage that refuses has an expired URL, once.
    fn answer(&mut self, headers: &HeaderMap) -> Result<Answer, SourceError> {
        if let Some(url) = self.storage.take() {
            let ask = Ask {
                object: &self.object,
                url: url.clone(),
                headers: headers.clone(),
                authorization: None,
                form: None,
            };
            let answer = self.session.transport.send(&ask)?;
            if !answer.status().is_client_error() {
                self.storage = Some(url);
                return Ok(answer);
            }
        }
        let mut again = true;
        loop {
            let (answer, redirected) = self.session.blob(self.digest.as_str(), headers, &self.object)?;
            if redirected && answer.status().as_u16() == 403 && again {
                again = false;
                continue;
            }
            self.storage = redirected.then(|| answer.url.clone());
            return Ok(answer);
        }
    }

    /// Judges the head of an answer.
    fn accepted(&self, answer: Answer) -> Result<Running, SourceError> {
        let (size, from) = (self.size, self.position);
        let (skip, end) = match answer.status().as_u16() {
            200 => {
                let length = answer.header("content-length").and_then(|text| text.trim().parse().ok());
                if let Some(length) = length.filter(|length: &u64| *length != size) {
                    let kind = words::short(&answer.content_type());
                    return Err(self
                        .broken(format!("it has {length} bytes ({kind}), not the {size} of its manifest")));
                }
                if self.until < size && from > MOST_SKIPPED {
                    let object = self.object.clone();
                    let detail = "its place gives it only as a whole, and a part was asked for".into();
                    return Err(SourceError::Unsupported { object, detail });
                }
                (from, size)
            }
            206 => {
                let range = answer.header("content-range").unwrap_or_default();
                let end = part(range, from, size).filter(|end| self.until == size || *end <= self.until);
                let end = end.ok_or_else(|| {
                    let range = words::short(range);
                    self.broken(format!("bytes from {from} of {size} were asked for, and `{range}` came"))
                })?;
                (0, end)
            }
            416 => {
                return Err(
                    self.broken(format!("it ends before byte {from}, and its manifest says {size} bytes"))
                );
            }
            _ => return Err(self.session.refusal(&self.object, answer)),
        };
        encoded(&answer, &self.object)?;
        if answer.content_type() == "text/html" {
            return Err(self.broken("a page of text/html came instead".into()));
        }
        Ok(Running { response: answer.response, skip, end })
    }

    /// One step of reading. `None`: ask again.
    fn step(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, SourceError> {
        let Some(mut running) = self.running.take() else {
            if self.position >= self.until {
                return Ok(Some(0));
            }
            return self.request().map(|()| None);
        };
        if self.position >= self.until && self.until < running.end {
            return Ok(Some(0));
        }
        if self.position >= running.end {
            // What was announced is here. Its end is read too, so that the connection can be used again.
            let mut one = [0];
            return match running.response.read(&mut one) {
                Ok(1..) => Err(self.broken(format!("it goes on after its {} bytes", running.end))),
                _ => Ok(None),
            };
        }
        let begun = Instant::now();
        let read = running.response.read(buffer);
        let waited = begun.elapsed();
        self.pace.waited += waited;
        self.pace.whole += waited;
        let count = match read {
            Ok(0) => return self.cut("it ended").map(|()| None),
            Ok(count) => count,
            Err(error) => return self.cut(&words::cut(&error)).map(|()| None),
        };
        self.session.transport.received(count);
        self.slow(count as u64)?;
        // What was read before is dropped, the rest moves to the front.
        let old = usize::try_from(running.skip).map_or(count, |skip| skip.min(count));
        running.skip -= old as u64;
        let new = count - old;
        if self.position + new as u64 > running.end {
            return Err(self.broken(format!("it goes on after its {} bytes", running.end)));
        }
        buffer.copy_within(old..count, 0);
        self.position += new as u64;
        self.running = Some(running);
        Ok((new > 0).then_some(new))
    }

    /// After a broken connection: waits a little, or gives up.
    fn cut(&mut self, why: &str) -> Result<(), SourceError> {
        if self.position >= self.since + FIRST {
            (self.since, self.resumes) = (self.position, 0);
        }
        if self.resumes >= RESUMES {
            let (position, size) = (self.position, self.size);
            let detail =
                format!("the connection was cut after {position} of {size} bytes, again and again ({why})");
            return Err(SourceError::Unreachable { object: self.object.clone(), detail });
        }
        let pause = Duration::from_millis(50 << self.resumes);
        self.resumes += 1;
        std::thread::sleep(pause + jitter(pause));
        Ok(())
    }

    fn slow(&mut self, count: u64) -> Result<(), SourceError> {
        self.pace.bytes += count;
        let most = self.session.limits.blob_seconds;
        if self.pace.whole > Duration::from_secs(most) {
            let (position, size, hint) = (self.position, self.size, BLOB_SECONDS.hint());
            let detail = format!("{position} of its {size} bytes came in {most} seconds of waiting: {hint}");
            return Err(SourceError::Unreachable { object: self.object.clone(), detail });
        }
        if self.pace.waited < WINDOW {
            return Ok(());
        }
        let Pace { waited, bytes, whole } = std::mem::take(&mut self.pace);
        self.pace.whole = whole;
        if bytes >= LEAST {
            return Ok(());
        }
        let detail = format!("only {bytes} bytes came in {} seconds", waited.as_secs());
        Err(SourceError::Unreachable { object: self.object.clone(), detail })
    }

    fn broken(&self, detail: String) -> SourceError {
        SourceError::Broken { object: self.object.clone(), detail }
    }
}

impl Read for Blob {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(error) = &self.failed {
                return Err(io::Error::other(error.clone()));
            }
            match self.step(buffer) {
                Ok(Some(count)) => return Ok(count),
                Ok(None) => {}
                Err(error) => self.failed = Some(error),
            }
        }
    }
}

/// The end of a part that begins at `from` of `size` bytes: `bytes FROM-LAST/SIZE` or `bytes FROM-LAST/*`.
fn part(range: &str, from: u64, size: u64) -> Option<u64> {
    let (span, whole) = range.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = span.split_once('-')?;
    let end = last.trim().parse::<u64>().ok()?.checked_add(1)?;
    let fits = first.trim().parse() == Ok(from) && end > from && end <= size;
    let whole = whole.trim();
    (fits && (whole == "*" || whole.parse() == Ok(size))).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn only_the_part_that_was_asked_for() {
        assert_eq!(part("bytes 0-9/100", 0, 100), Some(10));
        assert_eq!(part("bytes 10-99/*", 10, 100), Some(100));
        for wrong in ["", "bytes 0-9/99", "bytes 1-9/100", "bytes 0-100/100", "bytes */100", "bytes 9-0/100"]
        {
            assert_eq!(part(wrong, 0, 100), None, "{wrong}");
        }
        assert_eq!(part("bytes 0-18446744073709551615/*", 0, 100), None);
    }
}
