//! Several layers at once: as many as there are processors, the largest first, so that no last one runs alone for long.
//!
//! Each layer is opened by the thread that is going to read it. Once a layer has failed, no further one is begun.

use super::{Progress, Store};
use crate::layer::{Layer, broke_off};
use crate::source::SourceError;
use std::num::NonZero;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// Most layers that are read at once: each costs about one MiB of buffers, and what its decoder wants.
const MOST_AT_ONCE: usize = 8;
/// Stored bytes after which a thread tells how far it has come.
const TELLING: u64 = 512 * 1024;

/// A layer that is to be read to its end.
pub(super) struct Job<'a> {
    /// Its number in its image, from the bottom, 1 first, and how many there are.
    pub(super) number: usize,
    pub(super) layers: usize,
    /// Of several failures, that of the first job is told.
    pub(super) rank: usize,
    pub(super) layer: &'a mut Layer,
}

/// How far a job has come.
struct Told {
    number: usize,
    layers: usize,
    read: u64,
    size: u64,
}

/// What all threads work on.
struct Work<'a, 's> {
    /// The next one is the last.
    jobs: Mutex<Vec<Job<'a>>>,
    store: Mutex<&'s mut dyn Store>,
    failures: Mutex<Vec<(usize, SourceError)>>,
}

/// Reads these layers to their ends.
pub(super) fn read_all(
    mut jobs: Vec<Job<'_>>,
    store: &mut dyn Store,
    progress: &mut dyn Progress,
) -> Result<(), SourceError> {
    let left = |job: &Job<'_>| job.layer.descriptor().size.saturating_sub(job.layer.bytes_read());
    jobs.sort_by_key(|job| (left(job), std::cmp::Reverse(job.rank)));
    let processors = thread::available_parallelism().map_or(2, NonZero::get);
    let threads = processors.clamp(2, MOST_AT_ONCE).min(jobs.len());
    let work = Work { jobs: Mutex::new(jobs), store: Mutex::new(store), failures: Mutex::new(Vec::new()) };
    let (tell, told) = channel();
    thread::scope(|scope| {
        let begin = |_| {
            let (work, tell) = (&work, tell.clone());
            let thread = thread::Builder::new().name("sweep".into());
            thread.spawn_scoped(scope, move || work.run(&tell)).ok()
        };
        let begun: Vec<_> = (0..threads).filter_map(begin).collect();
        // Where there are no threads to be had, the asker's own does it.
        if begun.is_empty() {
            work.run(&tell);
        }
        drop(tell);
        for Told { number, layers, read, size } in told {
            progress.layer(number, layers, read, size);
        }
        for thread in begun {
            if thread.join().is_err() {
                lock(&work.failures).push((usize::MAX, broke_off("a layer")));
            }
        }
    });
    let failures = work.failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.into_iter().min_by_key(|(rank, _)| *rank).map_or(Ok(()), |(_, error)| Err(error))
}

/// What a panic left behind is whole: locks are held only to put in and take out.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Work<'_, '_> {
    /// Takes one job after the other.
    fn run(&self, tell: &Sender<Told>) {
        loop {
            let next = if lock(&self.failures).is_empty() { lock(&self.jobs).pop() } else { None };
            let Some(Job { number, layers, rank, layer }) = next else { return };
            let size = layer.descriptor().size;
            let mut last = 0;
            let mut pulse = |read: u64| {
                if read >= size || read >= last + TELLING {
                    last = read;
                    let _ = tell.send(Told { number, layers, read, size });
                }
            };
            let read = layer.read_whole(|descriptor| lock(&self.store).whole_blob(descriptor), &mut pulse);
            if let Err(error) = read {
                lock(&self.failures).push((rank, error));
            }
        }
    }
}
