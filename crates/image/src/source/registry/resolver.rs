//! Looks up host names, and refuses those that lead to link-local addresses.
//!
//! A registry may send us to any name, and a name may have any address. `reqwest` asks its resolver for every name;
//! addresses written as such are judged by [`super::target`].

use super::target::is_link_local;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::future::Future;
use std::net::ToSocketAddrs;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Asks the system, on a thread of its own.
pub(super) struct Resolver {
    /// The one host that may be anywhere: the user wrote it.
    pub(super) trusted: String,
}

type Found = Result<Addrs, Box<dyn std::error::Error + Send + Sync>>;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let slot = Arc::new(Mutex::new(Slot::default()));
        let trusted = name.as_str().eq_ignore_ascii_case(&self.trusted);
        let answer = Arc::clone(&slot);
        let thread = std::thread::Builder::new().name("resolver".into()).spawn(move || {
            let found = look_up(name.as_str(), trusted);
            let mut slot = locked(&answer);
            slot.found = Some(found);
            if let Some(waker) = slot.waker.take() {
                waker.wake();
            }
        });
        if let Err(error) = thread {
            locked(&slot).found = Some(Err(error.into()));
        }
        Box::pin(Pending(slot))
    }
}

fn look_up(name: &str, trusted: bool) -> Found {
    let addresses: Vec<_> = (name, 0).to_socket_addrs()?.collect();
    match addresses.iter().find(|address| is_link_local(address.ip())) {
        Some(address) if !trusted => {
            Err(format!("{name} leads to {}, a link-local address", address.ip()).into())
        }
        _ => Ok(Box::new(addresses.into_iter())),
    }
}

#[derive(Default)]
struct Slot {
    found: Option<Found>,
    waker: Option<Waker>,
}

/// An answer that a thread will put into the slot.
struct Pending(Arc<Mutex<Slot>>);

impl Future for Pending {
    type Output = Found;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Found> {
        let mut slot = locked(&self.0);
        match slot.found.take() {
            Some(found) => Poll::Ready(found),
            None => {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

fn locked(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::look_up;

    #[test]
    fn only_the_users_own_registry_may_be_link_local() {
        assert!(look_up("169.254.169.254", true).is_ok());
        let refused = look_up("169.254.169.254", false).err().unwrap().to_string();
        assert!(refused.contains("a link-local address"), "{refused}");
        assert!(look_up("localhost", false).is_ok());
    }
}
