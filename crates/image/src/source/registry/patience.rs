//! How often and how long to wait before the same question is asked again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, SystemTime};

/// Waits after server errors and broken connections.
const AFTER_FAILURE: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(600)];
/// How often a registry may ask us to wait.
const WAITS: u32 = 5;

/// The waits for one answer.
pub(super) struct Patience {
    /// What all waits that the registry asks for may take together.
    budget: Duration,
    failures: usize,
    waits: u32,
    waited: Duration,
}

impl Patience {
    /// Nothing was waited for yet.
    pub(super) fn new(budget: Duration) -> Patience {
        Patience { budget, failures: 0, waits: 0, waited: Duration::ZERO }
    }

    /// The wait after an answer of 429, honouring `Retry-After` (RFC 9110, section 10.2.3); `None` ends it.
    pub(super) fn throttled(&mut self, retry_after: Option<&str>) -> Option<Duration> {
        let pause = match retry_after.and_then(wanted) {
            Some(pause) => pause,
            None => Duration::from_secs(1 << self.waits.min(4)),
        };
        self.waits += 1;
        if self.waits > WAITS || self.waited.saturating_add(pause) > self.budget {
            return None;
        }
        let pause = pause + jitter(Duration::from_millis(250));
        self.waited += pause;
        Some(pause)
    }

    /// The wait after a server error; `None` ends it.
    pub(super) fn failed(&mut self) -> Option<Duration> {
        let pause = AFTER_FAILURE.get(self.failures)?;
        self.failures += 1;
        Some(*pause + jitter(*pause / 2))
    }
}

/// What `Retry-After` asks for: seconds or a date.
pub(super) fn wanted(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// Anything from nothing to `most`, so that many clients do not come back at once.
pub(super) fn jitter(most: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 1000;
    most * u32::try_from(random).unwrap_or(0) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_end() {
        let mut patience = Patience::new(Duration::from_secs(10));
        assert!(patience.failed().is_some() && patience.failed().is_some() && patience.failed().is_none());
        assert_eq!(patience.throttled(Some("3600")), None);
        let mut patience = Patience::new(Duration::from_secs(10));
        let waits = std::iter::from_fn(|| patience.throttled(None)).count();
        assert_eq!(waits, 3);
        let mut patience = Patience::new(Duration::from_secs(10));
        assert_eq!(std::iter::from_fn(|| patience.throttled(Some("0"))).count(), 5);
    }

    #[test]
    fn retry_after_in_both_forms() {
        assert_eq!(wanted("7"), Some(Duration::from_secs(7)));
        assert_eq!(wanted("Fri, 31 Dec 1999 23:59:59 GMT"), Some(Duration::ZERO));
        assert_eq!(wanted("soon"), None);
    }
}
