//! How far an attempt at a plan has come, as its journal tells.

use super::journal::{Entry, Journal};
use super::state::{Place, prefix_of};
use super::words;
use crate::exit::{Exit, Stopped};
use crate::observe::Observer;
use execfit_diagnosis::ecs::last;
use execfit_diagnosis::plan::{Action, Plan};
use execfit_diagnosis::target::{Target, TargetKind};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Files of the journals' directory that are looked at.
const FILES: usize = 10_000;

/// An attempt, finished or not.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Attempt {
    /// What is carried out.
    pub(super) plan: Plan,
    /// Whether its journal has begun: before that nothing is changed.
    pub(super) begun: bool,
    /// A revision was to be registered: the number of the family's newest one before.
    pub(super) registering: Option<u64>,
    /// The revision that was registered.
    pub(super) registered: Option<String>,
    /// It was deregistered again.
    pub(super) deregistered: bool,
    /// The service was to be changed.
    pub(super) deploying: bool,
    /// Its primary deployment before.
    pub(super) from: Option<String>,
    /// The service was changed.
    pub(super) deployed: bool,
    /// Its deployment after.
    pub(super) deployment: Option<String>,
    /// That deployment's task definition, where ECS chose it.
    pub(super) deployed_definition: Option<String>,
    /// It is undone: why, and whether ECS itself goes back.
    pub(super) undoing: Option<(String, bool)>,
    /// The service was to be changed back.
    pub(super) restoring: bool,
    /// The service was changed back.
    pub(super) restored: bool,
    /// It has ended.
    pub(super) ended: bool,
}

impl Attempt {
    /// Before anything was done.
    pub(super) fn at(plan: Plan) -> Attempt {
        Attempt {
            plan,
            begun: false,
            registering: None,
            registered: None,
            deregistered: false,
            deploying: false,
            from: None,
            deployed: false,
            deployment: None,
            deployed_definition: None,
            undoing: None,
            restoring: false,
            restored: false,
            ended: false,
        }
    }

    /// Goes on by a line.
    pub(super) fn take(&mut self, entry: &Entry) {
        match entry.clone() {
            Entry::Begin { .. } => self.begun = true,
            Entry::Registering { newest } => self.registering = Some(newest),
            Entry::Registered { revision } => self.registered = Some(revision),
            Entry::Deploying { from } => (self.deploying, self.from) = (true, from),
            Entry::Deployed { deployment, task_definition } => {
                (self.deployed, self.deployment) = (true, deployment);
                self.deployed_definition = task_definition;
            }
            Entry::Undoing { cause, rolled_back_by_ecs } => self.undoing = Some((cause, rolled_back_by_ecs)),
            Entry::Restoring => self.restoring = true,
            Entry::Restored => self.restored = true,
            Entry::Deregistering { .. } => {}
            Entry::Deregistered { .. } => self.deregistered = true,
            Entry::End { .. } => self.ended = true,
        }
    }

    /// The step that registers a revision: the one that is edited.
    pub(super) fn edited(&self) -> Option<&str> {
        self.plan.steps.iter().find_map(|step| match &step.action {
            Action::RegisterTaskDefinition { from, .. } => Some(&from[..]),
            _ => None,
        })
    }

    /// The step that changes the service.
    pub(super) fn change(&self) -> Option<&Action> {
        let mut actions = self.plan.steps.iter().map(|step| &step.action);
        actions.find(|action| !matches!(action, Action::RegisterTaskDefinition { .. }))
    }

    /// The command that changes the service back by hand.
    pub(super) fn back_by_hand(&self) -> Option<&str> {
        let is_change = |action: &Action| !matches!(action, Action::RegisterTaskDefinition { .. });
        self.plan.steps.iter().find(|step| is_change(&step.action)).map(|step| &step.undo[..])
    }

    /// The command that deregisters the revision by hand, where it is there.
    pub(super) fn withdraw_by_hand(&self) -> Option<String> {
        let arn = self.registered.as_ref().filter(|_| !self.deregistered)?;
        let region = arn.split(':').nth(3).unwrap_or_default();
        Some(format!("aws ecs deregister-task-definition --region {region} --task-definition {}", last(arn)))
    }

    /// What is changed, as a user names it.
    pub(super) fn name(&self) -> String {
        Place::of(&self.plan).map_or_else(|| self.plan.target.kind.to_string(), |place| place.name)
    }
}

/// An attempt that was cut short. This process holds its journal.
#[derive(Debug)]
pub struct Unfinished {
    pub(super) journal: Journal,
    pub(super) attempt: Attempt,
}

impl Unfinished {
    /// What it was to do.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.attempt.plan
    }

    /// Whether it is undone, since it did not hold; else it is gone on with.
    #[must_use]
    pub fn is_undone(&self) -> bool {
        self.attempt.undoing.is_some()
    }

    /// How far it came, in sentences, as far as its journal knows.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        words::state(&self.attempt)
    }
}

/// Looks for the unfinished attempt at a target.
pub(super) fn find(
    observer: &mut Observer,
    target: &Target,
    directory: &Path,
) -> Result<Option<Unfinished>, Stopped> {
    let Ok(files) = std::fs::read_dir(directory) else { return Ok(None) };
    let mut paths: Vec<PathBuf> = files.take(FILES).filter_map(|file| Some(file.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    if paths.is_empty() {
        return Ok(None);
    }
    let aws = observer.connected(target.region.as_deref())?;
    let Some(prefix) = prefix_of(target, aws.region()) else { return Ok(None) };
    let of_target = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(&prefix))
    };
    paths.retain(of_target);
    paths.sort();
    for path in paths {
        let Some(unfinished) = read(path)? else { continue };
        if is_of_this_account(observer, &unfinished.attempt, target)? {
            return Ok(Some(unfinished));
        }
    }
    Ok(None)
}

fn read(path: PathBuf) -> Result<Option<Unfinished>, Stopped> {
    super::state::prepare(path.parent().unwrap_or(&path))?;
    let mut journal = Journal::at(path, false)?;
    let Some(entries) = journal.read()? else { return Ok(None) };
    let Some(Entry::Begin { plan, .. }) = entries.first() else { return Ok(None) };
    let plan = Plan::read(plan.to_string().as_bytes()).map_err(|broken| {
        let what = format!("the journal {} holds no plan to carry out: {broken}", journal.path().display());
        Stopped::new(Exit::Failed, what).help("see to the attempt by hand, and move the file away")
    })?;
    let mut attempt = Attempt::at(plan);
    entries.iter().for_each(|entry| attempt.take(entry));
    Ok((!attempt.ended).then_some(Unfinished { journal, attempt }))
}

/// A target does not name its account: two of them may each have such a service. Where AWS does not tell, it is taken
/// for this one, and every later look at it will show.
fn is_of_this_account(observer: &mut Observer, attempt: &Attempt, target: &Target) -> Result<bool, Stopped> {
    let Some(place) = Place::of(&attempt.plan) else { return Ok(false) };
    let aws = observer.connected(target.region.as_deref())?;
    let arn = match &target.kind {
        TargetKind::Service { cluster, service } => {
            let answer = observer.wait(aws.describe_services(last(cluster), &[last(service).to_string()]));
            answer.ok().and_then(|answer| text(answer.array("services").first()?, "serviceArn"))
        }
        TargetKind::TaskDefinition { family, .. } => {
            let answer = observer.wait(aws.describe_task_definition(family));
            answer.ok().and_then(|answer| text(answer.body.get("taskDefinition")?, "taskDefinitionArn"))
        }
        _ => None,
    };
    Ok(arn.is_none_or(|arn| arn.split(':').nth(4) == Some(&place.account)))
}

fn text(document: &Value, member: &str) -> Option<String> {
    document[member].as_str().map(String::from)
}
