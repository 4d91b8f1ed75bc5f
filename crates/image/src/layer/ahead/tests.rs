//! Sources that stall, fail and panic, and are left alone.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

const LENGTH: usize = 1000;

/// Gives numbered bytes up to `end`, then what `then` says.
struct Numbers {
    at: u64,
    end: u64,
    then: Then,
    taken: Arc<AtomicU64>,
    gone: Arc<AtomicBool>,
}

enum Then {
    End,
    Fail,
    Panic,
    /// Waits for a word from outside, as a server that stalls.
    Stall(Receiver<()>),
}

impl Numbers {
    fn new(end: u64, then: Then) -> Numbers {
        Numbers { at: 0, end, then, taken: Arc::default(), gone: Arc::default() }
    }
}

impl Drop for Numbers {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::SeqCst);
    }
}

impl Read for Numbers {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.end {
            match &self.then {
                Then::End => return Ok(0),
                Then::Fail => return Err(io::Error::other("it failed")),
                Then::Panic => panic!("a source panics"),
                Then::Stall(word) => drop(word.recv()),
            };
            return Ok(0);
        }
        let length = buffer.len().min((self.end - self.at) as usize).min(700);
        for byte in &mut buffer[..length] {
            *byte = (self.at % 251) as u8;
            self.at += 1;
        }
        self.taken.store(self.at, Ordering::SeqCst);
        Ok(length)
    }
}

fn until(what: impl Fn() -> bool) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(20) {
        if what() {
            return true;
        }
        thread::sleep(Duration::from_millis(2));
    }
    false
}

fn expected(end: u64) -> Vec<u8> {
    (0..end).map(|at| (at % 251) as u8).collect()
}

#[test]
fn all_bytes_come_in_order_with_and_without_a_thread() {
    for end in [0, 1, 999, 1000, 5000, 100_000, 100_001] {
        let mut ahead = Ahead::new(Numbers::new(end, Then::End), LENGTH);
        assert!(expected(end).starts_with(ahead.peek(4).unwrap()));
        let mut bytes = Vec::new();
        ahead.read_to_end(&mut bytes).unwrap();
        assert!(bytes == expected(end), "{end}");
        assert_eq!(ahead.read(&mut [0]).unwrap(), 0, "the end stays the end");
        assert_eq!(ahead.recall().unwrap().at, end);
    }
}

#[test]
fn an_error_comes_after_the_bytes_before_it() {
    for end in [500, 50_500] {
        let mut ahead = Ahead::new(Numbers::new(end, Then::Fail), LENGTH);
        let mut bytes = Vec::new();
        assert_eq!(ahead.read_to_end(&mut bytes).unwrap_err().to_string(), "it failed");
        assert!(bytes == expected(end), "{end}");
        assert_eq!(ahead.recall().unwrap().at, end);
    }
}

#[test]
fn who_is_not_asked_on_stands_still() {
    let source = Numbers::new(u64::MAX, Then::End);
    let taken = Arc::clone(&source.taken);
    let mut ahead = Ahead::new(source, LENGTH);
    let mut some = vec![0; WARM as usize * LENGTH / 2];
    ahead.read_exact(&mut some).unwrap();
    assert!(
        taken.load(Ordering::SeqCst) <= (some.len() + LENGTH) as u64,
        "nothing is read ahead of a beginning"
    );
    let mut more = vec![0; 100 * LENGTH];
    ahead.read_exact(&mut more).unwrap();
    let most = (some.len() + more.len() + BUFFERS * LENGTH) as u64;
    assert!(until(|| taken.load(Ordering::SeqCst) >= most - LENGTH as u64));
    thread::sleep(Duration::from_millis(50));
    assert!(taken.load(Ordering::SeqCst) <= most, "{taken:?} of {most}");
    let at = ahead.recall().unwrap().at;
    assert_eq!((at, taken.load(Ordering::SeqCst)), (at, at), "nothing is taken after that");
}

#[test]
fn a_source_that_is_dropped_is_gone_at_once() {
    let source = Numbers::new(u64::MAX, Then::End);
    let gone = Arc::clone(&source.gone);
    let mut ahead = Ahead::new(source, LENGTH);
    ahead.read_exact(&mut vec![0; 100 * LENGTH]).unwrap();
    drop(ahead);
    assert!(until(|| gone.load(Ordering::SeqCst)));
}

#[test]
fn a_source_that_stalls_holds_up_nobody_who_goes_away() {
    let (word, stalled) = channel();
    let source = Numbers::new(20 * LENGTH as u64, Then::Stall(stalled));
    let (taken, gone) = (Arc::clone(&source.taken), Arc::clone(&source.gone));
    let mut ahead = Ahead::new(source, LENGTH);
    ahead.read_exact(&mut vec![0; 19 * LENGTH]).unwrap();
    assert!(until(|| taken.load(Ordering::SeqCst) == 20 * LENGTH as u64));
    let begun = Instant::now();
    drop(ahead);
    assert!(begun.elapsed() < Duration::from_secs(5) && !gone.load(Ordering::SeqCst));
    drop(word);
    assert!(until(|| gone.load(Ordering::SeqCst)), "its thread ends when the stall does");
}

#[test]
fn a_panic_is_an_error() {
    let mut ahead = Ahead::new(Numbers::new(50 * LENGTH as u64, Then::Panic), LENGTH);
    let error = ahead.read_to_end(&mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("broke off"), "{error}");
    assert!(ahead.recall().is_err() && ahead.read(&mut [0]).is_err());
}
