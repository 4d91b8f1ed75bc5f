//! An attempt under way: the steps in their order, and what is told of them.

use super::attempt::{Attempt, Unfinished};
use super::journal::{Entry, Journal};
use super::standing::Standing;
use super::state::Place;
use super::{Ending, Outcome, Terms, interrupt::Interrupt, words};
use crate::aws::Aws;
use crate::exit::{Exit, Stopped};
use crate::observe::Observer;
use execfit_diagnosis::ecs::last;
use execfit_diagnosis::plan::{Action, Plan};
use execfit_diagnosis::proof::{About, Event, Proven};
use serde_json::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// What carries out one plan.
pub(super) struct Hands<'a> {
    pub(super) observer: &'a mut Observer,
    pub(super) aws: Aws,
    pub(super) terms: &'a Terms,
    pub(super) tell: &'a mut dyn FnMut(&Event),
    journal: Journal,
    pub(super) attempt: Attempt,
    pub(super) interrupt: Interrupt,
    /// The request that registers the revision, once its source was read. It holds secrets.
    pub(super) registration: Option<Value>,
    /// The task definition that the service is to run, where an answer brought it.
    pub(super) definition: Option<Value>,
    /// The service, as it was seen last.
    pub(super) seen: Option<Standing>,
    /// The attempt was begun by another process.
    pub(super) resumed: bool,
    pub(super) events: Vec<Event>,
    pub(super) left_to_do: Vec<String>,
    pub(super) began: f64,
}

impl<'a> Hands<'a> {
    /// Ready to begin. Nothing is changed yet.
    pub(super) fn new(
        observer: &'a mut Observer,
        journal: Journal,
        plan: Plan,
        terms: &'a Terms,
        tell: &'a mut dyn FnMut(&Event),
    ) -> Result<Hands<'a>, Stopped> {
        let place = Place::of(&plan);
        let aws = observer.connected(place.as_ref().map(|place| &place.region[..]))?;
        if let Some(place) = place.filter(|place| place.region != aws.region()) {
            let what = format!("the plan is for {}, and AWS is asked in {}", place.region, aws.region());
            return Err(Stopped::new(Exit::Usage, what).help(format!("give `--region {}`", place.region)));
        }
        let (interrupt, left_to_do) = (Interrupt::attend()?, plan.left_to_do.clone());
        Ok(Hands {
            observer,
            aws,
            terms,
            tell,
            journal,
            attempt: Attempt::at(plan),
            interrupt,
            registration: None,
            definition: None,
            seen: None,
            resumed: false,
            events: Vec::new(),
            left_to_do,
            began: now(),
        })
    }

    /// Ready to go on with what another process began.
    pub(super) fn resume(
        observer: &'a mut Observer,
        unfinished: Unfinished,
        terms: &'a Terms,
        tell: &'a mut dyn FnMut(&Event),
    ) -> Result<Hands<'a>, Stopped> {
        let Unfinished { journal, attempt } = unfinished;
        let mut hands = Hands::new(observer, journal, attempt.plan.clone(), terms, tell)?;
        (hands.attempt, hands.resumed) = (attempt, true);
        Ok(hands)
    }

    /// Writes the journal's first line.
    pub(super) fn begin(&mut self) -> Result<(), Stopped> {
        self.safe_point()?;
        self.journal.begin(&self.attempt.plan, self.began)?;
        self.attempt.begun = true;
        Ok(())
    }

    /// From wherever the attempt stands to its end.
    pub(super) fn drive(mut self) -> Result<Outcome, Stopped> {
        if let Some((cause, by_ecs)) = self.attempt.undoing.clone() {
            return self.undo(cause, by_ecs);
        }
        if let Some(moved) = self.register()? {
            return self.give_up(moved);
        }
        if self.attempt.change().is_none() {
            return self.end(Ending::Registered, None, None);
        }
        match self.deploy()? {
            Some(moved) => self.give_up(moved),
            None => self.prove(),
        }
    }

    /// The world has moved since the attempt began: what is there stays, and the revision goes.
    fn give_up(mut self, moved: String) -> Result<Outcome, Stopped> {
        self.withdraw()?;
        self.end(Ending::Overtaken, Some(moved), None)
    }

    /// Writes the journal's last line, and says how it ended.
    pub(super) fn end(
        mut self,
        ending: Ending,
        cause: Option<String>,
        proof: Option<Proven>,
    ) -> Result<Outcome, Stopped> {
        self.name_what_is_left(ending);
        self.done(Entry::End { ending: Some(ending) })?;
        Ok(self.outcome(ending, cause, proof))
    }

    /// A revision that nothing of this attempt runs is named with the command that deregisters it.
    fn name_what_is_left(&mut self, ending: Ending) {
        let unused = matches!(ending, Ending::Overtaken | Ending::RolledBack);
        let (Some(command), Some(arn)) = (self.attempt.withdraw_by_hand(), &self.attempt.registered) else {
            return;
        };
        let name = last(arn);
        if unused && !self.left_to_do.iter().any(|line| line.contains(name)) {
            self.left_to_do.push(format!("{name} stays registered; where nobody uses it: {command}"));
        }
    }

    /// How it ended.
    pub(super) fn outcome(self, ending: Ending, cause: Option<String>, proof: Option<Proven>) -> Outcome {
        let seconds = self.seconds();
        Outcome {
            ending,
            cause,
            revision_left: self.attempt.registered.is_some() && !self.attempt.deregistered,
            revision: self.attempt.registered,
            seconds,
            events: self.events,
            proof,
            left_to_do: self.left_to_do,
        }
    }

    /// Writes down what is about to be done.
    pub(super) fn intend(&mut self, entry: Entry) -> Result<(), Stopped> {
        self.journal.write(&entry).map_err(|stopped| self.stopped(stopped))?;
        self.attempt.take(&entry);
        Ok(())
    }

    /// Writes down what was done.
    pub(super) fn done(&mut self, entry: Entry) -> Result<(), Stopped> {
        self.attempt.take(&entry);
        self.journal.write(&entry).map_err(|stopped| self.stopped(stopped))
    }

    /// Here nothing is half done: a signal ends it.
    pub(super) fn safe_point(&self) -> Result<(), Stopped> {
        match self.interrupt.is_raised() {
            true => Err(self.stopped(Stopped::new(Exit::Unknown, "stopped by a signal"))),
            false => Ok(()),
        }
    }

    /// An end before the end: says in what state everything is, and what to do.
    pub(super) fn stopped(&self, stopped: impl Into<Stopped>) -> Stopped {
        let stopped = stopped.into();
        let state = words::next(&self.attempt);
        let help = stopped.help.as_ref().map_or(state.clone(), |help| format!("{help}; {state}"));
        stopped.help(help)
    }

    /// Looks at the service.
    pub(super) fn look(&mut self) -> Result<Standing, Stopped> {
        let Some((service, cluster)) = self.service() else { return Ok(Standing(Value::Null)) };
        let answer = self.observer.wait(self.aws.describe_services(&cluster, std::slice::from_ref(&service)));
        let answer = self.told(answer)?;
        let found = answer.array("services").iter().find(|one| one["serviceArn"].as_str() == Some(&service));
        let standing = Standing(found.cloned().unwrap_or_default());
        self.seen = Some(standing.clone());
        Ok(standing)
    }

    /// ARNs of the service that is changed, and of its cluster.
    pub(super) fn service(&self) -> Option<(String, String)> {
        match self.attempt.change()? {
            Action::UpdateService { service, cluster, .. }
            | Action::StopServiceDeployment { service, cluster, .. } => {
                Some((service.clone(), cluster.clone()))
            }
            Action::UpdateExpressGatewayService { service, .. } => {
                let cluster = self.attempt.plan.proof.as_ref().map(|proof| proof.cluster.clone());
                Some((service.clone(), cluster.unwrap_or_else(|| "default".into())))
            }
            Action::RegisterTaskDefinition { .. } => None,
        }
    }

    /// Tells what was done.
    pub(super) fn step(&mut self, text: String) {
        self.say(About::Step, text);
    }

    /// Tells what AWS says.
    pub(super) fn said_by_aws(&mut self, text: String) {
        self.say(About::Aws, text);
    }

    fn say(&mut self, about: About, text: String) {
        let event = Event { seconds: self.seconds(), about, text };
        (self.tell)(&event);
        self.events.push(event);
    }

    /// Seconds since carrying out began.
    pub(super) fn seconds(&self) -> f64 {
        (now() - self.began).max(0.0)
    }
}

/// Epoch seconds of this machine.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
