//! The tasks of the new deployment: what becomes of each, and which of them died of what.

use super::death::{Container, Task, failed_start, short};
use super::{Awaited, Cause, Snapshot};
use crate::ecs::LogStream;
use crate::ecs::time::seconds;
use crate::findings::printable;
use crate::log_line::Meaning;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Times that a task is asked for which is listed and cannot be described.
const ABSENT: usize = 3;
/// Tasks of ours that are looked at again and again, the newest; DescribeTasks takes so many at once.
pub(super) const IN_VIEW: usize = 100;
/// Tasks that are looked at for the first time in one snapshot.
const NEW: usize = 300;
/// Tasks that are remembered.
const KNOWN: usize = 20_000;
/// Tasks whose whole life is told; of the others only the end.
const LIVES: usize = 20;
/// Ends that are told.
const ENDS: usize = 100;
/// So often the same container dies of anything before the deployment has failed.
const DEATHS: usize = 3;
/// Log lines may come this much later than the end that they tell of, in seconds.
const LATE: f64 = 10.0;
/// Between two questions for the same log stream, in seconds.
const AGAIN: f64 = 2.0;
/// Log streams that are asked for in one look.
const STREAMS: usize = 6;

/// All tasks that were seen.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    known: BTreeMap<String, Known>,
    /// Those of ours that the next snapshot is to show.
    expected: BTreeSet<String>,
    /// Those that it is to show for the first time, and how often such ones were not shown.
    unknown: Vec<String>,
    absent: BTreeMap<String, usize>,
    lives: usize,
    ends: usize,
    deaths: BTreeMap<String, usize>,
    /// What a failed start means, until it is told.
    meaning: Option<String>,
    /// The latest end that counts.
    pub(super) last: Option<Cause>,
    /// The end that settles it.
    pub(super) failed: Option<Cause>,
}

#[derive(Debug, Default)]
struct Known {
    own: bool,
    created: f64,
    stopped: bool,
    over: bool,
    counted: bool,
    whole_life: bool,
    line: String,
    /// Containers that were noted as silent once.
    heard: BTreeSet<String>,
    silent: Vec<Silent>,
}

/// A container that died without a word.
#[derive(Debug)]
struct Silent {
    container: String,
    exit: Option<i64>,
    since: f64,
    ask_at: f64,
}

/// What a snapshot showed of the tasks.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) lines: Vec<String>,
    pub(super) wants_logs_of: Vec<LogStream>,
    /// One of ours has gone down since the last look.
    pub(super) any_ended: bool,
}

/// The deployment that tasks are asked whether they belong to.
pub(super) struct Own<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) created: f64,
}

impl Tasks {
    /// See [`super::Watch::wanted`].
    pub(super) fn wanted(&mut self, running: &[String], stopped: &[String]) -> Vec<String> {
        let in_vain = |arn: &String| self.absent.get(arn).is_some_and(|times| *times >= ABSENT);
        let unknown =
            running.iter().chain(stopped).filter(|arn| !self.known.contains_key(*arn) && !in_vain(arn));
        self.unknown = unknown.take(NEW).cloned().collect();
        let mut wanted = self.unknown.clone();
        let mut own: Vec<(&String, f64)> = self
            .known
            .iter()
            .filter(|(_, one)| one.own && !one.stopped)
            .map(|(arn, one)| (arn, one.created))
            .collect();
        own.sort_by(|a, b| b.1.total_cmp(&a.1));
        self.expected = own.into_iter().take(IN_VIEW).map(|(arn, _)| arn.clone()).collect();
        wanted.extend(self.expected.iter().cloned());
        wanted
    }

    /// Looks at the tasks of a snapshot.
    pub(super) fn see(&mut self, awaited: &Awaited, own: &Own<'_>, snapshot: &Snapshot) -> Seen {
        let mut seen = Seen::default();
        for document in snapshot.tasks.iter().take(NEW + IN_VIEW) {
            let task = Task(document);
            if self.known.len() < KNOWN || self.known.contains_key(task.arn()) {
                self.see_one(awaited, own, snapshot, task, &mut seen);
            }
        }
        self.miss(snapshot, &mut seen);
        self.listen(awaited, snapshot, &mut seen);
        seen
    }

    /// Looks at the logs of a snapshot, while our deployment is not to be seen.
    pub(super) fn hear(&mut self, awaited: &Awaited, snapshot: &Snapshot) -> Seen {
        let mut seen = Seen::default();
        self.listen(awaited, snapshot, &mut seen);
        seen
    }

    fn see_one(
        &mut self,
        awaited: &Awaited,
        own: &Own<'_>,
        snapshot: &Snapshot,
        task: Task<'_>,
        seen: &mut Seen,
    ) {
        let is_own = task.is_of(own.id, &awaited.task_definition, own.created);
        let lives = self.lives;
        let known = self.known.entry(task.arn().to_string()).or_insert_with(|| Known {
            own: is_own,
            created: seconds(&task.0["createdAt"]),
            whole_life: lives < LIVES,
            ..Known::default()
        });
        known.stopped = task.is_stopped();
        if !known.own {
            return;
        }
        let line = task.line();
        let ended = task.is_over() && !std::mem::replace(&mut known.over, task.is_over());
        seen.any_ended |= ended;
        if known.line.is_empty() && known.whole_life {
            self.lives += 1;
        }
        if line != known.line && (known.whole_life || task.is_stopped()) {
            if !task.is_stopped() || self.ends < ENDS {
                seen.lines.push(line.clone());
            }
            self.ends += usize::from(task.is_stopped());
            known.line = line;
        }
        for container in task.containers().filter(|one| one.is_stopped() && !one.was_killed()) {
            known.hear(container, snapshot.now);
        }
        self.judge(awaited, task);
    }

    /// What the documents say of the end of a task or of one of its containers.
    fn judge(&mut self, awaited: &Awaited, task: Task<'_>) {
        let dead = task.containers().filter(|one| one.is_stopped() || task.is_over());
        for container in dead.filter(|one| one.exit() != Some(0)) {
            let said =
                container.reason().and_then(|reason| Some((reason, failed_start(reason, container.exit())?)));
            if let Some((reason, meaning)) = said {
                self.fail(task.arn(), container.name(), reason, container.exit(), meaning);
            }
        }
        if !task.is_over() {
            return;
        }
        let culprit = task.culprit(&awaited.containers);
        let stopped_reason = task.0["stoppedReason"].as_str().unwrap_or_default();
        let exit = culprit.and_then(Container::exit);
        if let Some(meaning) = failed_start(stopped_reason, exit) {
            let name = culprit.map_or_else(|| only(awaited), Container::name);
            self.fail(task.arn(), name, stopped_reason, exit, meaning);
        }
        let told = task.is_stopped() || exit.is_some();
        let counted = self.known.get_mut(task.arn()).is_none_or(|known| known.counted);
        if told && !counted && !task.is_excused() {
            self.count(task, culprit);
        }
    }

    /// Counts the end of a task towards the failure of its deployment.
    fn count(&mut self, task: Task<'_>, culprit: Option<Container<'_>>) {
        if let Some(known) = self.known.get_mut(task.arn()) {
            known.counted = true;
        }
        let name = culprit.map(|one| one.name().to_string());
        let deaths = self.deaths.entry(name.clone().unwrap_or_default()).or_default();
        *deaths += 1;
        let who = match culprit {
            Some(container) => {
                format!(
                    "container {} of task {} {}",
                    printable(container.name()),
                    task.short(),
                    container.end()
                )
            }
            None => format!("task {} stopped", task.short()),
        };
        let why = task.why().map(|why| format!(" ({why})")).unwrap_or_default();
        let mut cause = Cause {
            container: name,
            task: Some(task.arn().to_string()),
            text: format!("{who}{why}"),
            says: None,
            findings: Vec::new(),
            rolled_back_by_ecs: false,
        };
        self.last = Some(cause.clone());
        if *deaths >= DEATHS && self.failed.is_none() {
            cause.text = format!("{}; that is the third time", cause.text);
            self.failed = Some(cause);
        }
    }

    fn fail(&mut self, task: &str, container: &str, text: &str, exit: Option<i64>, meaning: Option<Meaning>) {
        let after = exit.map(|code| format!(" (exit code {code})")).unwrap_or_default();
        let cause = Cause {
            container: Some(container.to_string()),
            task: Some(task.to_string()),
            text: format!(
                "container {} of task {} failed to start: {}{after}",
                printable(container),
                short(task),
                printable(text)
            ),
            says: meaning.as_ref().map(|meaning| meaning.says.to_string()),
            findings: meaning
                .map(|meaning| meaning.causes.iter().map(ToString::to_string).collect())
                .unwrap_or_default(),
            rolled_back_by_ecs: false,
        };
        let page =
            cause.findings.first().map(|id| format!("; see `execfit explain {id}`")).unwrap_or_default();
        let told = self.failed.as_ref().is_some_and(|failed| failed.says.is_some());
        if let Some(says) = cause.says.as_ref().filter(|_| !told) {
            self.meaning = Some(format!("that means: {says}{page}"));
        }
        self.last = Some(cause.clone());
        // A failed start tells more than a third death.
        if self.failed.as_ref().is_none_or(|failed| failed.says.is_none()) {
            self.failed = Some(cause);
        }
    }

    /// Tasks that were to be shown and were not. Those of ours are gone, unseen; others may be too new to be told of.
    fn miss(&mut self, snapshot: &Snapshot, seen: &mut Seen) {
        for arn in std::mem::take(&mut self.unknown) {
            if !self.known.contains_key(&arn) && self.absent.len() < KNOWN {
                *self.absent.entry(arn).or_default() += 1;
            }
        }
        for arn in std::mem::take(&mut self.expected) {
            let shown = snapshot.tasks.iter().any(|task| task["taskArn"].as_str() == Some(&arn));
            if let Some(known) = self.known.get_mut(&arn).filter(|known| !shown && !known.stopped) {
                known.stopped = true;
                seen.any_ended |= !std::mem::replace(&mut known.over, true);
                seen.lines.push(format!("task {} is gone", short(&arn)));
            }
        }
    }

    /// What the silent ones printed; asks for it where it is not there yet.
    fn listen(&mut self, awaited: &Awaited, snapshot: &Snapshot, seen: &mut Seen) {
        let mut failed = Vec::new();
        for (arn, known) in &mut self.known {
            known.silent.retain_mut(|silent| {
                let own =
                    snapshot.logs.iter().filter(|log| log.task == *arn && log.container == silent.container);
                let mut lines = own.flat_map(|log| &log.lines).map(String::as_str);
                let told = lines.find_map(|line| Some((line, failed_start(line, silent.exit)?)));
                if let Some((line, meaning)) = told {
                    let name = printable(&silent.container);
                    seen.lines.push(format!("task {}: {name} printed: {}", short(arn), printable(line)));
                    failed.push((
                        arn.clone(),
                        silent.container.clone(),
                        line.to_string(),
                        silent.exit,
                        meaning,
                    ));
                    return false;
                }
                let late = snapshot.now > silent.since + LATE;
                if !late && snapshot.now >= silent.ask_at && seen.wants_logs_of.len() < STREAMS {
                    let definition = awaited.definition.as_ref().unwrap_or(&Value::Null);
                    let stream = LogStream::of_task(definition, &silent.container, arn);
                    let logs = stream.is_some();
                    seen.wants_logs_of.extend(stream);
                    silent.ask_at = snapshot.now + AGAIN;
                    return logs;
                }
                !late
            });
        }
        for (task, container, line, exit, meaning) in failed {
            self.fail(&task, &container, &line, exit, meaning);
        }
        seen.lines.extend(self.meaning.take());
    }

    /// Whether the log of a container that died without a word may still tell why.
    pub(super) fn is_listening(&self) -> bool {
        self.known.values().any(|known| !known.silent.is_empty())
    }

    /// The tasks of a snapshot that are ours, and not on their way down.
    pub(super) fn living<'s>(&self, snapshot: &'s Snapshot) -> Vec<Task<'s>> {
        let own = snapshot.tasks.iter().map(Task).filter(|task| !task.is_over());
        own.filter(|task| self.known.get(task.arn()).is_some_and(|known| known.own)).collect()
    }

    /// How often containers of ours have died so far, for the words at the end.
    pub(super) fn ends(&self) -> usize {
        self.deaths.values().sum()
    }
}

impl Known {
    /// Notes a container that ended badly and does not say why.
    fn hear(&mut self, container: Container<'_>, now: f64) {
        let bad = container.exit().is_some_and(|code| code != 0) && container.reason().is_none();
        if bad && self.heard.insert(container.name().to_string()) {
            self.silent.push(Silent {
                container: container.name().to_string(),
                exit: container.exit(),
                since: now,
                ask_at: now,
            });
        }
    }
}

/// The name of the only container, for a task that does not say which one it was.
fn only(awaited: &Awaited) -> &str {
    match &awaited.containers[..] {
        [one] => &one.container,
        _ => "?",
    }
}
