//! Observes a deployment until it is proven, has failed, or nobody can tell.
//!
//! What is seen is judged in [`execfit_diagnosis::proof`]; here it is fetched: DescribeServices, ListTasks for what runs
//! and what was stopped, DescribeTasks for those that are new or live, GetLogEvents only for what died without a word.
//! While a deployment settles and its service stays as it is, no tasks are listed: there can be no others, unless one of
//! those that are looked at ends, or the service says so.

use crate::aws::{Answer, Aws, AwsError, AwsErrorKind, TaskFilter};
use execfit_diagnosis::case::Log;
use execfit_diagnosis::log_line;
use execfit_diagnosis::proof::{
    About, Awaited, Cause, Event, Look, Overtaken, Proven, Snapshot, State, Watch,
};
use serde_json::Value;
use std::future::Future;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tasks of one kind that are listed: what a crash loop leaves behind in an hour has no end.
const LISTED: usize = 1000;
/// Events of a log stream that are read, from the end. A container that never started has one.
const LOG_EVENTS: u16 = 30;
/// Times that one snapshot is looked at: anew with what the look before wanted.
const LOOKS: usize = 4;
/// For so long AWS is asked at the pace that was wished for; then more slowly.
const BRISK: Duration = Duration::from_secs(60);
/// And how much more slowly at most.
const SLOWEST: u32 = 5;
/// Failures of AWS that are told.
const TROUBLES: usize = 10;
/// The longest pause before AWS is asked again that failed to answer.
const PAUSE: Duration = Duration::from_secs(10);

/// How long and how often AWS is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// After that long, what is not proven is unproven.
    pub timeout: Duration,
    /// Between two looks, for the first minute; then up to five times as long.
    pub poll: Duration,
}

/// How a watch ended. Nothing that goes wrong with AWS is an error here: the change has been made, so what matters is
/// what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// It holds.
    Proven(Proven),
    /// It does not.
    Failed(Cause),
    /// Somebody else has put another deployment in its place.
    Overtaken(Overtaken),
    /// Not proven, and not known to have failed.
    Unproven {
        /// What it was waiting for, or what cannot be seen, with the IAM action.
        why: String,
    },
}

/// Watches a deployment; `tell` is told each change. It only reads: to drop it on the way loses nothing.
pub async fn watch(aws: &Aws, awaited: Awaited, patience: Patience, tell: &mut dyn FnMut(&Event)) -> Ended {
    let mut watcher = Watcher::new(aws, &awaited, patience, tell);
    let ended = tokio::time::timeout(patience.timeout, watcher.run(awaited)).await;
    ended.unwrap_or_else(|_| {
        let (seconds, trouble) = (patience.timeout.as_secs(), watcher.trouble.take());
        let why = match trouble {
            Some(trouble) => format!("{seconds} s have passed, and AWS gives no answer: {trouble}"),
            None => format!("{seconds} s have passed; it waited for {}", watcher.waits_for),
        };
        Ended::Unproven { why }
    })
}

struct Watcher<'a> {
    aws: &'a Aws,
    cluster: String,
    service: String,
    patience: Patience,
    tell: &'a mut dyn FnMut(&Event),
    /// When carrying out began, in epoch seconds.
    began: f64,
    /// When watching began, by two clocks: one tells the time, the other never goes back.
    clock: (f64, Instant),
    /// The service as it was when its tasks were listed last.
    listed: Value,
    waits_for: String,
    trouble: Option<String>,
    troubles: usize,
    refused: Vec<String>,
}

impl<'a> Watcher<'a> {
    fn new(
        aws: &'a Aws,
        awaited: &Awaited,
        patience: Patience,
        tell: &'a mut dyn FnMut(&Event),
    ) -> Watcher<'a> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let name = |arn: &str| arn.rsplit('/').next().unwrap_or_default().to_string();
        Watcher {
            aws,
            cluster: name(&awaited.cluster),
            service: name(&awaited.service),
            patience,
            tell,
            began: awaited.began,
            clock: (now, Instant::now()),
            listed: Value::Null,
            waits_for: "the first look".into(),
            trouble: None,
            troubles: 0,
            refused: Vec::new(),
        }
    }

    fn now(&self) -> f64 {
        self.clock.0 + self.clock.1.elapsed().as_secs_f64()
    }

    fn say(&mut self, text: String) {
        let seconds = (self.now() - self.began).max(0.0);
        (self.tell)(&Event { seconds, about: About::Aws, text });
    }

    async fn run(&mut self, mut awaited: Awaited) -> Ended {
        if awaited.definition.is_none() {
            let (aws, name) = (self.aws, &awaited.task_definition);
            let answer = self.patiently(|| aws.describe_task_definition(name)).await;
            // Without it no log is read, and no health check is known to be waited for.
            match answer {
                Ok(answer) => awaited.definition = answer.body.get("taskDefinition").cloned(),
                Err(error) => return unseen(&error),
            }
        }
        let mut watch = Watch::new(awaited);
        loop {
            let state = match self.look(&mut watch).await {
                Ok(state) => state,
                Err(error) => return unseen(&error),
            };
            self.waits_for = match state {
                State::Proven(proven) => return Ended::Proven(proven),
                State::Failed(cause) => return Ended::Failed(cause),
                State::Overtaken(overtaken) => return Ended::Overtaken(overtaken),
                State::Unprovable { why } => return Ended::Unproven { why },
                State::Waiting { waits_for } => waits_for,
            };
            // A settling time may be any number: what is no duration is far away.
            let due = watch.settles_in(self.now()).and_then(|left| Duration::try_from_secs_f64(left).ok());
            let due = due.filter(|due| !due.is_zero());
            tokio::time::sleep(due.map_or(self.pace(), |due| due.min(self.pace()))).await;
        }
    }

    /// Brisk at first, when most goes wrong; then ever more slowly.
    fn pace(&self) -> Duration {
        let slow = self.clock.1.elapsed().saturating_sub(BRISK).as_secs() / BRISK.as_secs();
        self.patience.poll.saturating_mul(u32::try_from(slow + 1).unwrap_or(SLOWEST).min(SLOWEST))
    }

    /// One snapshot, looked at until nothing more is wanted of it.
    async fn look(&mut self, watch: &mut Watch) -> Result<State, AwsError> {
        let mut snapshot = self.snapshot(watch).await?;
        for _ in 0..LOOKS {
            let look = watch.look(&snapshot);
            look.events.iter().for_each(|event| (self.tell)(event));
            if !self.fetch(&look, &mut snapshot).await {
                return Ok(look.state);
            }
        }
        let look = watch.look(&snapshot);
        look.events.iter().for_each(|event| (self.tell)(event));
        Ok(look.state)
    }

    /// A service or cluster that is gone shows nothing.
    async fn snapshot(&mut self, watch: &mut Watch) -> Result<Snapshot, AwsError> {
        match self.seen(watch).await {
            Err(error) if error.kind == AwsErrorKind::NotFound => {
                Ok(Snapshot { now: self.now(), ..Snapshot::default() })
            }
            seen => seen,
        }
    }

    async fn seen(&mut self, watch: &mut Watch) -> Result<Snapshot, AwsError> {
        let (aws, cluster, name) = (self.aws, self.cluster.clone(), [self.service.clone()]);
        let described = self.patiently(|| aws.describe_services(&cluster, &name)).await?;
        let service = described.array("services").first().cloned().unwrap_or_default();
        let mut snapshot = Snapshot { now: self.now(), service, ..Snapshot::default() };
        if snapshot.service.is_object() {
            let settling = watch.settles_in(snapshot.now).is_some_and(|left| left > 0.0);
            let (running, stopped) = if settling && snapshot.service == self.listed {
                (Vec::new(), Vec::new())
            } else {
                self.listed.clone_from(&snapshot.service);
                // In this order a task that stops meanwhile is in one of both.
                (self.tasks(false).await?, self.tasks(true).await?)
            };
            let wanted = watch.wanted(&running, &stopped);
            let described = self.patiently(|| aws.describe_tasks(&cluster, &wanted)).await?;
            snapshot.tasks = described.array("tasks").to_vec();
        }
        Ok(snapshot)
    }

    async fn tasks(&mut self, stopped: bool) -> Result<Vec<String>, AwsError> {
        let (aws, cluster) = (self.aws, self.cluster.clone());
        let service = Some(self.service.clone());
        let filter = TaskFilter { service, stopped, enough: Some(LISTED), ..TaskFilter::default() };
        let answer = self.patiently(|| aws.list_tasks(&cluster, &filter)).await?;
        Ok(answer.array("taskArns").iter().filter_map(Value::as_str).map(String::from).collect())
    }

    /// Fetches what a look wants; false where it wants nothing.
    async fn fetch(&mut self, look: &Look, snapshot: &mut Snapshot) -> bool {
        let aws = self.aws;
        snapshot.logs.clear();
        for stream in &look.wants_logs_of {
            let region = stream.region.as_deref();
            let ask = || aws.get_log_events(region, &stream.group, &stream.stream, LOG_EVENTS);
            let Some(answer) = self.by_the_way(ask).await else { continue };
            let messages = answer.array("events").iter().filter_map(|event| event["message"].as_str());
            let spoken = messages.filter(|message| log_line::read(message).is_some());
            snapshot.logs.push(Log {
                task: stream.task.clone(),
                container: stream.container.clone(),
                stream: format!("{}:{}", stream.group, stream.stream),
                lines: spoken.map(|line| line.chars().take(1000).collect()).collect(),
            });
        }
        if !look.wants_service_revisions.is_empty() {
            let ask = || aws.describe_service_revisions(&look.wants_service_revisions);
            let answer = self.by_the_way(ask).await;
            snapshot.service_revisions =
                answer.map_or(Vec::new(), |answer| answer.array("serviceRevisions").to_vec());
        }
        if let Some(arn) = &look.wants_service_deployment {
            let arns = [arn.clone()];
            let answer = self.by_the_way(|| aws.describe_service_deployments(&arns)).await;
            snapshot.service_deployment =
                answer.and_then(|answer| answer.array("serviceDeployments").first().cloned());
        }
        !look.wants_logs_of.is_empty()
            || !look.wants_service_revisions.is_empty()
            || look.wants_service_deployment.is_some()
    }

    /// Asks until AWS answers, or says no: whoever waits for a deployment can wait for that, too.
    async fn patiently<F>(&mut self, ask: impl Fn() -> F) -> Result<Answer, AwsError>
    where
        F: Future<Output = Result<Answer, AwsError>>,
    {
        let mut pause = self.patience.poll.min(PAUSE);
        loop {
            match ask().await {
                Ok(answer) => {
                    if self.trouble.take().is_some() && self.troubles <= TROUBLES {
                        let last =
                            if self.troubles == TROUBLES { "; further failures are not told" } else { "" };
                        self.say(format!("AWS answers again{last}"));
                    }
                    return Ok(answer);
                }
                Err(error) if passes(error.kind) => {
                    if self.trouble.replace(error.to_string()).is_none() {
                        self.troubles += 1;
                        if self.troubles <= TROUBLES {
                            self.say(format!("{error}; it is asked again"));
                        }
                    }
                }
                Err(error) => return Err(error),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE);
        }
    }

    /// Asks for what is good to know. A refusal is told once.
    async fn by_the_way<F>(&mut self, ask: impl Fn() -> F) -> Option<Answer>
    where
        F: Future<Output = Result<Answer, AwsError>>,
    {
        let error = match self.patiently(ask).await {
            Ok(answer) => return Some(answer),
            // A container that printed nothing has no stream; an emulator has no service revisions.
            Err(error) if matches!(error.kind, AwsErrorKind::NotFound | AwsErrorKind::Unsupported) => {
                return None;
            }
            Err(error) => error,
        };
        let action = error.action();
        if !self.refused.contains(&action) {
            self.say(error.to_string());
            self.refused.push(action);
        }
        None
    }
}

/// What may be better in a while.
fn passes(kind: AwsErrorKind) -> bool {
    matches!(kind, AwsErrorKind::Throttled | AwsErrorKind::Server | AwsErrorKind::Unreachable)
}

fn unseen(error: &AwsError) -> Ended {
    Ended::Unproven { why: format!("it cannot be seen: {error}") }
}
