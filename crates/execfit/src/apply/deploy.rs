//! The change of the service, and the wait for its proof.

use super::call::{ATTEMPTS, Sent};
use super::hands::Hands;
use super::journal::Entry;
use super::request::{self, Request};
use super::standing::{Position, Standing};
use super::{Ending, Outcome};
use crate::aws::Writing;
use crate::exit::{Exit, Stopped};
use crate::prove::{self, Ended, Patience};
use execfit_diagnosis::ecs::last;
use execfit_diagnosis::plan::Action;
use execfit_diagnosis::proof::Awaited;
use serde_json::Value;

/// For how long the proof must hold where the plan says nothing of it, in seconds.
const SETTLE_SECONDS: u64 = 20;

impl Hands<'_> {
    /// Sees to it that the service is changed. What has moved, where it is another one by now.
    pub(super) fn deploy(&mut self) -> Result<Option<String>, Stopped> {
        if self.attempt.deployed && self.attempt.deployment.is_some() {
            return Ok(None);
        }
        let Some(action) = self.attempt.change().cloned() else { return Ok(None) };
        let request = request::forth(&action, self.attempt.after().as_deref())?;
        let mut lost = None;
        for attempt in 1..=ATTEMPTS {
            let standing = self.just_seen(attempt)?;
            if standing.position(&self.attempt) == Position::Ours {
                return self.changed(&standing).map(|()| None);
            }
            if self.attempt.deployed || self.is_stopping(&action)? {
                return self.await_change();
            }
            if let Some(why) = self.service_moved(&standing) {
                return Ok(Some(why));
            }
            // Long ago the world was as the plan has it.
            if self.resumed
                && attempt == 1
                && let Some(why) = self.world_moved()?
            {
                return Ok(Some(why));
            }
            self.safe_point()?;
            self.intend(Entry::Deploying { from: standing.deployment().map(String::from) })?;
            match self.send(request.writing, &format!("service {}", self.attempt.name()), &request.body) {
                Ok(Sent::Answered(body)) => return self.deployed(&request, &body),
                Ok(Sent::Lost(error)) => lost = Some(error),
                Err(error) => return Err(self.refused(error)),
            }
            self.pause(attempt);
        }
        let standing = self.look()?;
        match (standing.position(&self.attempt), lost) {
            (Position::Ours, _) => self.changed(&standing).map(|()| None),
            (_, Some(error)) => Err(self.stopped(error)),
            (_, None) => Ok(Some(format!("the service {} {}", self.attempt.name(), standing.told()))),
        }
    }

    /// The service: as it was seen a moment ago, where nothing was done since.
    fn just_seen(&mut self, attempt: u32) -> Result<Standing, Stopped> {
        let at_once = attempt == 1 && !self.resumed && self.attempt.edited().is_none();
        match self.seen.clone().filter(|_| at_once) {
            Some(standing) => Ok(standing),
            None => self.look(),
        }
    }

    fn deployed(&mut self, request: &Request, body: &Value) -> Result<Option<String>, Stopped> {
        if request.writing == Writing::UpdateService {
            let standing = Standing(body.get("service").cloned().unwrap_or_default());
            if standing.position(&self.attempt) == Position::Ours && standing.deployment().is_some() {
                self.seen = Some(standing.clone());
                return self.changed(&standing).map(|()| None);
            }
        }
        // What ECS does about it comes later.
        let task_definition = body["service"]["targetConfiguration"]["taskDefinitionArn"].as_str();
        let task_definition = task_definition.filter(|arn| !arn.is_empty()).map(String::from);
        self.done(Entry::Deployed { deployment: None, task_definition })?;
        self.await_change()
    }

    /// The service is as the plan has it.
    fn changed(&mut self, standing: &Standing) -> Result<(), Stopped> {
        let deployment = standing.deployment().map(String::from);
        let task_definition = standing.task_definition().map(String::from);
        self.step(format!("the service {} {}", self.attempt.name(), standing.told()));
        self.done(Entry::Deployed { deployment, task_definition })
    }

    /// Waits until the service shows the change that was asked for.
    fn await_change(&mut self) -> Result<Option<String>, Stopped> {
        loop {
            let standing = self.look()?;
            match standing.position(&self.attempt) {
                Position::Ours => return self.changed(&standing).map(|()| None),
                Position::Elsewhere(words) => return Ok(Some(words)),
                Position::Before => {}
            }
            self.safe_point()?;
            if self.seconds() > self.terms.timeout.as_secs_f64() {
                let what = format!(
                    "AWS took the change, and the service {} shows none of it yet",
                    self.attempt.name()
                );
                return Err(self.stopped(Stopped::new(Exit::Unknown, what)));
            }
            self.rest(self.terms.poll);
        }
    }

    /// Whether an earlier attempt has stopped the service deployment: once is enough, and ECS refuses a second time.
    fn is_stopping(&mut self, action: &Action) -> Result<bool, Stopped> {
        let (true, Action::StopServiceDeployment { deployment, .. }) = (self.attempt.deploying, action)
        else {
            return Ok(false);
        };
        let answer =
            self.observer.wait(self.aws.describe_service_deployments(std::slice::from_ref(deployment)));
        let answer = self.told(answer)?;
        let status = answer.array("serviceDeployments").first().and_then(|one| one["status"].as_str());
        Ok(status.is_some_and(|status| status.starts_with("STOP") || status.starts_with("ROLLBACK")))
    }

    /// Waits until it is proven, and undoes it where it does not hold.
    pub(super) fn prove(mut self) -> Result<Outcome, Stopped> {
        let Some(awaited) = self.awaited() else {
            let what = "ECS does not tell which task definition the service runs";
            return Err(self.stopped(Stopped::new(Exit::Unknown, what)));
        };
        let patience = Patience { timeout: self.terms.timeout, poll: self.terms.poll };
        let (events, tell) = (&mut self.events, &mut self.tell);
        let mut tell = |event: &_| {
            tell(event);
            events.push(Clone::clone(event));
        };
        let begun = std::time::Instant::now();
        let ended = self.observer.wait(async {
            tokio::select! {
                ended = prove::watch(&self.aws, awaited, patience, &mut tell) => Some(ended),
                () = self.interrupt.raised() => None,
            }
        });
        match ended {
            None => Err(self.stopped(Stopped::new(Exit::Unknown, "stopped by a signal"))),
            Some(Ended::Proven(proven)) => self.end(Ending::Proven, None, Some(proven)),
            Some(Ended::Failed(cause)) => self.undo(cause.text, cause.rolled_back_by_ecs),
            Some(Ended::Overtaken(by)) => self.end(Ending::Overtaken, Some(by.text), None),
            Some(Ended::Unproven { why }) => {
                let out_of_time = begun.elapsed() >= self.terms.timeout;
                self.unproven(why, out_of_time)
            }
        }
    }

    /// The change stands; whether it holds is not known. Where only the time ran out, the next attempt goes on watching.
    fn unproven(mut self, why: String, goes_on: bool) -> Result<Outcome, Stopped> {
        let before = self.attempt.before().map_or("what it ran before", last);
        let back = self.attempt.back_by_hand().map(|command| format!("to go back to {before}: {command}"));
        self.left_to_do.extend(back);
        if !goes_on {
            return self.end(Ending::Unproven, Some(why), None);
        }
        self.left_to_do
            .insert(0, format!("run `execfit fix {}` again to go on watching", self.attempt.name()));
        Ok(self.outcome(Ending::Unproven, Some(why), None))
    }

    fn awaited(&self) -> Option<Awaited> {
        let (service, cluster) = self.service()?;
        let task_definition = self.attempt.after()?;
        let is_it = |definition: &&Value| definition["taskDefinitionArn"].as_str() == Some(&task_definition);
        Some(Awaited {
            definition: self.definition.as_ref().filter(is_it).cloned(),
            service,
            cluster,
            task_definition,
            deployment: self.attempt.deployment.clone(),
            containers: self.attempt.plan.containers.clone(),
            settle_seconds: self
                .attempt
                .plan
                .proof
                .as_ref()
                .map_or(SETTLE_SECONDS, |proof| proof.settle_seconds),
            began: self.began,
        })
    }
}
