//! What goes wrong at a certain call: refused, answered too late, never answered; or the world moves meanwhile.

use super::reply::Reply;
use super::world::World;
use super::{Double, Inner};
use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The operations that change something.
pub const WRITES: [&str; 5] = [
    "RegisterTaskDefinition",
    "DeregisterTaskDefinition",
    "UpdateService",
    "StopServiceDeployment",
    "UpdateExpressGatewayService",
];

/// Which requests are meant; they are counted from the double's start, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Every one of an operation.
    Every(&'static str),
    /// The n-th of an operation.
    Nth(&'static str, usize),
    /// The n-th of all.
    Any(usize),
    /// The n-th of those that change something ([`WRITES`]).
    Write(usize),
}

/// On which side of its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// It has no effect.
    Before,
    /// It took effect, and the answer is still to be sent.
    After,
}

type Change = Box<dyn FnOnce(&mut World) + Send>;

enum Then {
    Answer(Reply),
    Hang(Gate),
    Change(Option<Change>),
}

pub(super) struct Hook {
    call: Call,
    when: When,
    then: Then,
}

/// How often what was asked.
#[derive(Default)]
pub(super) struct Counts {
    all: usize,
    writes: usize,
    of: HashMap<String, usize>,
}

/// A request's numbers.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    operation: String,
    all: usize,
    write: Option<usize>,
    nth: usize,
}

impl Counts {
    pub(super) fn count(&mut self, operation: &str) -> Numbers {
        self.all += 1;
        let nth = self.of.entry(operation.to_owned()).or_default();
        *nth += 1;
        let is_write = WRITES.contains(&operation);
        self.writes += usize::from(is_write);
        let write = is_write.then_some(self.writes);
        Numbers { operation: operation.to_owned(), all: self.all, write, nth: *nth }
    }
}

impl Call {
    fn is(&self, numbers: &Numbers) -> bool {
        match self {
            Call::Every(operation) => numbers.operation == *operation,
            Call::Nth(operation, nth) => numbers.operation == *operation && numbers.nth == *nth,
            Call::Any(nth) => numbers.all == *nth,
            Call::Write(nth) => numbers.write == Some(*nth),
        }
    }
}

impl Double {
    /// Answers the call so; it has no effect.
    pub fn fail(&self, call: Call, reply: Reply) -> &Double {
        self.hook(call, When::Before, Then::Answer(reply))
    }

    /// Answers the call so, though it took effect: [`Reply::hang_up`] for an answer that is lost.
    pub fn fail_after(&self, call: Call, reply: Reply) -> &Double {
        self.hook(call, When::After, Then::Answer(reply))
    }

    /// Lets the call hang, until the gate is opened or given up.
    pub fn hang(&self, call: Call, when: When) -> Gate {
        let gate = Gate::default();
        self.hook(call, when, Then::Hang(gate.clone()));
        gate
    }

    /// Changes the world right before the call takes effect or right after, once: a second deployer.
    pub fn meanwhile(
        &self,
        call: Call,
        when: When,
        change: impl FnOnce(&mut World) + Send + 'static,
    ) -> &Double {
        self.hook(call, when, Then::Change(Some(Box::new(change))))
    }

    fn hook(&self, call: Call, when: When, then: Then) -> &Double {
        self.lock().hooks.push(Hook { call, when, then });
        self
    }
}

/// What hooks make of a request.
#[derive(Default)]
pub(super) struct Caught {
    pub(super) answer: Option<Reply>,
    pub(super) gates: Vec<Gate>,
}

impl Inner {
    /// Changes the world as the hooks for this request say, and tells what else they want.
    pub(super) fn catch(&mut self, numbers: &Numbers, when: When) -> Caught {
        let mut caught = Caught::default();
        for hook in self.hooks.iter_mut().filter(|hook| hook.when == when && hook.call.is(numbers)) {
            match &mut hook.then {
                Then::Answer(reply) => caught.answer = Some(reply.clone()),
                Then::Hang(gate) => caught.gates.push(gate.clone()),
                Then::Change(change) => {
                    if let Some(change) = change.take() {
                        change(&mut self.world);
                    }
                }
            }
        }
        caught
    }

    /// Gives up everything that hangs.
    pub(super) fn give_up(&self) {
        for hook in &self.hooks {
            if let Then::Hang(gate) = &hook.then {
                gate.abandon();
            }
        }
    }
}

/// Holds a request up.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Unreached,
    Reached,
    Open,
    Abandoned,
}

impl Gate {
    /// Waits until the request is here; false if it does not come for so long.
    pub fn reached(&self, patience: Duration) -> bool {
        let state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.1.wait_timeout_while(state, patience, |state| *state == State::Unreached);
        waited.is_ok_and(|(state, _)| *state != State::Unreached)
    }

    /// Lets the request through.
    pub fn open(&self) {
        self.set(State::Open);
    }

    /// Forgets the request: one that hangs before its effect has none, and there is no answer.
    pub fn abandon(&self) {
        self.set(State::Abandoned);
    }

    fn set(&self, state: State) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = state;
        self.0.1.notify_all();
    }

    /// Waits here; false if the request is forgotten.
    pub(super) fn pass(&self) -> bool {
        let mut state = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if *state == State::Unreached {
            *state = State::Reached;
            self.0.1.notify_all();
        }
        let waiting = |state: &mut State| !matches!(*state, State::Open | State::Abandoned);
        let state = self.0.1.wait_while(state, waiting).unwrap_or_else(PoisonError::into_inner);
        *state == State::Open
    }
}
