//! Reading ahead: a source's next bytes are made on a thread of its own while those before are looked at.
//!
//! The bytes lie in a fixed number of buffers that go round, so a source that nobody asks on soon stands still; one of
//! which only the beginning is asked gets no thread at all. A thread hands its source back when it ends or is told to,
//! and ends by itself when nobody waits for it.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Buffers in all: one is looked at, one is filled, the others wait.
const BUFFERS: usize = 4;
/// A source gets a thread once so many buffers were asked of it one after the other.
const WARM: u32 = 8;

/// A source that is read ahead, buffer by buffer.
pub(super) struct Ahead<S> {
    place: Place<S>,
    /// Bytes from `start` to `end` were not looked at yet.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Buffers that were filled on the asker's thread.
    filled: u32,
    ended: bool,
}

/// Where a source is.
enum Place<S> {
    /// With its asker.
    Here(S),
    /// On its thread. Without `empty` it is on its way back.
    Away { full: Receiver<Message<S>>, empty: Option<Sender<Vec<u8>>> },
    /// Gone with a thread that panicked.
    Lost,
}

enum Message<S> {
    /// A buffer, and how many bytes are in it.
    Filled(Vec<u8>, usize),
    /// The source itself, at its end, after an error, or called back.
    Back(S, io::Result<()>),
}

/// The thread ended without a word.
fn lost() -> io::Error {
    io::Error::other("reading it broke off within this program")
}

/// Reads, however often that is interrupted.
fn read<S: Read>(source: &mut S, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

impl<S: Read + Send + 'static> Ahead<S> {
    /// A source that nothing was read of, and the length of its buffers.
    pub(super) fn new(source: S, length: usize) -> Ahead<S> {
        let buffer = vec![0; length];
        Ahead { place: Place::Here(source), buffer, start: 0, end: 0, filled: 0, ended: false }
    }

    /// Bytes that were read and not looked at yet.
    pub(super) fn left(&self) -> usize {
        self.end - self.start
    }

    /// The first bytes, without taking them away; fewer at the end.
    pub(super) fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        if let Place::Here(source) = &mut self.place {
            while self.end - self.start < count && self.end < self.buffer.len() {
                match read(source, &mut self.buffer[self.end..])? {
                    0 => break,
                    got => self.end += got,
                }
            }
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// The source with its asker, and nothing read ahead any more: what was, is forgotten.
    pub(super) fn recall(&mut self) -> io::Result<&mut S> {
        if let Place::Away { full, empty } = &mut self.place {
            drop(empty.take());
            let back = full.iter().find_map(|message| match message {
                Message::Back(source, _) => Some(source),
                Message::Filled(..) => None,
            });
            self.place = back.map_or(Place::Lost, Place::Here);
            (self.start, self.end) = (0, 0);
        }
        match &mut self.place {
            Place::Here(source) => Ok(source),
            _ => Err(lost()),
        }
    }

    /// Fills the buffer that was looked at wholly, or takes the next one.
    fn advance(&mut self) -> io::Result<()> {
        (self.start, self.end) = (0, 0);
        if self.filled >= WARM {
            self.send_away();
        }
        match &mut self.place {
            Place::Here(source) => {
                self.end = read(source, &mut self.buffer)?;
                self.filled += 1;
                self.ended = self.end == 0;
                Ok(())
            }
            Place::Away { full, empty } => {
                if let Some(empty) = empty {
                    // A thread that has ended takes none.
                    let _ = empty.send(std::mem::take(&mut self.buffer));
                }
                match full.recv() {
                    Ok(Message::Filled(buffer, length)) => {
                        (self.buffer, self.end) = (buffer, length);
                        Ok(())
                    }
                    Ok(Message::Back(source, result)) => {
                        self.place = Place::Here(source);
                        self.ended = true;
                        result
                    }
                    Err(_) => {
                        self.place = Place::Lost;
                        Err(lost())
                    }
                }
            }
            Place::Lost => Err(lost()),
        }
    }

    /// Gives the source a thread; where there is none to be had, it stays.
    fn send_away(&mut self) {
        if !matches!(self.place, Place::Here(_)) {
            return;
        }
        let (give, take) = channel::<S>();
        let (fill, full) = channel();
        let (empty, emptied) = channel();
        let run = move || {
            if let Ok(source) = take.recv() {
                run(source, &emptied, &fill);
            }
        };
        // Nobody waits for it: a thread that a silent server holds up must not hold up others.
        if thread::Builder::new().name("layer".into()).spawn(run).is_err() {
            self.filled = 0;
            return;
        }
        for _ in 1..BUFFERS {
            let _ = empty.send(vec![0; self.buffer.len()]);
        }
        let away = Place::Away { full, empty: Some(empty) };
        if let Place::Here(source) = std::mem::replace(&mut self.place, away) {
            let _ = give.send(source);
        }
    }
}

/// Fills buffers as long as there are any, and hands the source back.
fn run<S: Read>(mut source: S, emptied: &Receiver<Vec<u8>>, fill: &Sender<Message<S>>) {
    let mut result = Ok(());
    for mut buffer in emptied {
        let mut length = 0;
        while result.is_ok() && length < buffer.len() {
            match read(&mut source, &mut buffer[length..]) {
                Ok(0) => break,
                Ok(got) => length += got,
                Err(error) => result = Err(error),
            }
        }
        let whole = length == buffer.len();
        if length > 0 && fill.send(Message::Filled(buffer, length)).is_err() {
            return;
        }
        if !whole {
            break;
        }
    }
    let _ = fill.send(Message::Back(source, result));
}

impl<S: Read + Send + 'static> BufRead for Ahead<S> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end && !self.ended {
            self.advance()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }
}

impl<S: Read + Send + 'static> Read for Ahead<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?;
        let length = bytes.len().min(buffer.len());
        buffer[..length].copy_from_slice(&bytes[..length]);
        self.consume(length);
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
