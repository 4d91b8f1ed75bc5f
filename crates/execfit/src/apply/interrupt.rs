//! SIGINT and SIGTERM: the first one stops at the next safe point, the second one at once.

use crate::exit::{Exit, Stopped};
use std::process::exit;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// Who asked is asked for a word: tokio keeps a handler that was once set for ever.
static SIGNALS: OnceLock<Signals> = OnceLock::new();

struct Signals {
    /// Something is being carried out that must not be cut short.
    busy: AtomicBool,
    raised: AtomicBool,
    notify: Notify,
}

/// While it lives, the first signal only raises a flag.
pub(super) struct Interrupt(&'static Signals);

impl Interrupt {
    /// From now on.
    pub(super) fn attend() -> Result<Interrupt, Stopped> {
        let signals = match SIGNALS.get() {
            Some(signals) => signals,
            None => listen()?,
        };
        signals.busy.store(true, Ordering::SeqCst);
        Ok(Interrupt(signals))
    }

    /// Whether a signal came.
    pub(super) fn is_raised(&self) -> bool {
        self.0.raised.load(Ordering::SeqCst)
    }

    /// Waits for one.
    pub(super) async fn raised(&self) {
        loop {
            let notified = self.0.notify.notified();
            if self.is_raised() {
                return;
            }
            notified.await;
        }
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::SeqCst);
    }
}

/// Listens in a thread of its own, which outlives whoever asks for it.
fn listen() -> Result<&'static Signals, Stopped> {
    let trouble =
        |error: std::io::Error| Stopped::new(Exit::Failed, format!("cannot listen for signals: {error}"));
    let runtime = Builder::new_current_thread().enable_all().build().map_err(trouble)?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt()).map_err(trouble)?, signal(SignalKind::terminate()).map_err(trouble)?)
    };
    let mine =
        Signals { busy: AtomicBool::new(false), raised: AtomicBool::new(false), notify: Notify::new() };
    let signals = SIGNALS.get_or_init(|| mine);
    std::thread::spawn(move || {
        runtime.block_on(async {
            loop {
                // As a shell tells of a program that a signal ended.
                let code = tokio::select! {
                    _ = interrupt.recv() => 128 + 2,
                    _ = terminate.recv() => 128 + 15,
                };
                if !signals.busy.load(Ordering::SeqCst) || signals.raised.swap(true, Ordering::SeqCst) {
                    exit(code);
                }
                signals.notify.notify_waiters();
            }
        });
    });
    Ok(signals)
}
