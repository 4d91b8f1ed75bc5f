//! The way back: in reverse, and only where the service still is where the attempt put it.

use super::call::{ATTEMPTS, Sent};
use super::hands::Hands;
use super::journal::Entry;
use super::request;
use super::standing::{Position, Standing};
use super::{Ending, Outcome};
use crate::aws::Writing;
use crate::exit::Stopped;
use execfit_diagnosis::ecs::last;
use serde_json::Value;
use std::time::Duration;

/// How long ECS is given to go back where it does so by itself.
const BY_ITSELF: Duration = Duration::from_secs(30);

/// How a service got away from the deployment that failed.
enum Back {
    /// It is back.
    There,
    /// Somebody else has changed it: how, in words.
    Overtaken(String),
}

impl Hands<'_> {
    /// Undoes everything: `cause` is why, `by_ecs` that ECS goes back by itself.
    pub(super) fn undo(mut self, cause: String, by_ecs: bool) -> Result<Outcome, Stopped> {
        if self.attempt.undoing.is_none() {
            self.step(format!("it does not hold: {cause}"));
            self.done(Entry::Undoing { cause: cause.clone(), rolled_back_by_ecs: by_ecs })?;
        }
        let back = if self.attempt.restored { Back::There } else { self.restore(by_ecs)? };
        self.withdraw()?;
        match back {
            Back::There => self.end(Ending::RolledBack, Some(cause), None),
            Back::Overtaken(words) => {
                let cause = format!("{cause}; meanwhile somebody else has changed it: {words}; that stands");
                self.end(Ending::Overtaken, Some(cause), None)
            }
        }
    }

    fn restore(&mut self, by_ecs: bool) -> Result<Back, Stopped> {
        let request = request::back(&self.attempt)?;
        let object = format!("service {}", self.attempt.name());
        let mut lost = None;
        for attempt in 1..=ATTEMPTS {
            let standing = if by_ecs { self.look_for_a_move()? } else { self.look()? };
            match standing.position(&self.attempt) {
                Position::Ours => {}
                Position::Before => return self.is_back(&standing),
                Position::Elsewhere(words) => {
                    let by_ecs = by_ecs || standing.was_put_back_by_ecs();
                    let at_before =
                        standing.is_active() && standing.task_definition() == self.attempt.before();
                    // ECS makes a new revision of an Express service for the way back, too.
                    let is_express = request.writing == Writing::UpdateExpressGatewayService;
                    return match by_ecs || at_before || (is_express && self.attempt.restoring) {
                        true => self.is_back(&standing),
                        false => Ok(Back::Overtaken(words)),
                    };
                }
            }
            self.safe_point()?;
            self.intend(Entry::Restoring)?;
            match self.send(request.writing, &object, &request.body) {
                Ok(Sent::Answered(body)) => {
                    // The answer about an Express service holds no deployments.
                    let service = body.get("service").filter(|service| service["deployments"].is_array());
                    return self.is_back(&Standing(service.cloned().unwrap_or_default()));
                }
                Ok(Sent::Lost(error)) => lost = Some(error),
                Err(error) => return Err(self.not_back(error.into())),
            }
            self.pause(attempt);
        }
        let standing = self.look()?;
        if standing.is_active() && standing.task_definition() == self.attempt.before() {
            return self.is_back(&standing);
        }
        let lost = lost.map(Stopped::from);
        let why = lost.unwrap_or_else(|| {
            Stopped::new(crate::exit::Exit::Failed, "the service could not be changed back")
        });
        Err(self.not_back(why))
    }

    /// Waits a little for ECS to go back by itself, since two that go back get in each other's way.
    fn look_for_a_move(&mut self) -> Result<Standing, Stopped> {
        let until = self.seconds() + BY_ITSELF.as_secs_f64();
        loop {
            let standing = self.look()?;
            if standing.position(&self.attempt) != Position::Ours || self.seconds() > until {
                return Ok(standing);
            }
            self.safe_point()?;
            self.rest(self.terms.poll.max(Duration::from_millis(100)));
        }
    }

    fn is_back(&mut self, standing: &Standing) -> Result<Back, Stopped> {
        let told = match &standing.0 {
            Value::Null => {
                format!("was changed back to {}", self.attempt.before().map_or("what it ran before", last))
            }
            _ => standing.told(),
        };
        self.step(format!("the service {} is back: it {told}", self.attempt.name()));
        self.seen = Some(standing.clone());
        self.done(Entry::Restored)?;
        Ok(Back::There)
    }

    /// AWS does not let it go back: said with the command that does it by hand.
    fn not_back(&self, why: Stopped) -> Stopped {
        let cause = self.attempt.undoing.as_ref().map_or("", |(cause, _)| &cause[..]);
        let mut stopped = self.stopped(why);
        stopped.message = format!("it does not hold ({cause}), and could not be undone: {}", stopped.message);
        let help = stopped.help.clone().unwrap_or_default();
        stopped.help(format!("by hand: {}; {help}", self.attempt.back_by_hand().unwrap_or_default()))
    }
}
