//! The only road from the world to a case: asks AWS, reads images, and asks the diagnosis again until it has an answer.

mod account;
mod certainty;
mod documents;
mod ecs;
mod images;
mod logs;
mod progress;
mod questions;
pub mod record;
mod survey;
mod users;

pub use images::{Images, Read, Terms};

use crate::aws::{self, Aws, AwsError, AwsErrorKind, EcrLogin};
use crate::exit::{Exit, Stopped};
use execfit_diagnosis::case::{Case, Need, Question, Refusal};
use execfit_diagnosis::inspect::{Asked, Inspection, inspect};
use execfit_diagnosis::plan::{Plan, Proposal, Wish, propose};
use execfit_diagnosis::report::{Pending, Report, diagnose};
use execfit_diagnosis::target::{Target, TargetKind};
use execfit_image::digest::Digest;
use execfit_image::ecr::ecr_host;
use execfit_image::reference::Reference;
use execfit_image::source::{Credentials, SourceError};
use std::sync::Arc;
use tokio::runtime::Runtime;

/// Rounds of asking and observing. Every round observes what the one before missed: a chain of links, scripts and
/// loaders has far fewer rungs.
const ROUNDS: usize = 20_000;

/// Observes on behalf of a question.
pub struct Observer {
    runtime: Runtime,
    options: aws::Options,
    aws: Option<Aws>,
    images: Images,
    quick: bool,
}

impl Observer {
    /// An observer that has not asked anything yet.
    ///
    /// # Errors
    /// [`Stopped`] where the machine gives no threads.
    pub fn new(options: aws::Options, terms: Terms, progress: bool) -> Result<Observer, Stopped> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime =
            runtime.map_err(|error| Stopped::new(Exit::Failed, format!("cannot start threads: {error}")))?;
        let quick = terms.quick;
        Ok(Observer { runtime, options, aws: None, images: Images::new(terms, progress), quick })
    }

    /// Observes a target until it can be diagnosed. `likely` is told an answer that is to be proven yet.
    ///
    /// # Errors
    /// [`Stopped`], when there is no such thing, AWS does not answer, or there is nothing to examine.
    pub fn diagnose(
        &mut self,
        target: Target,
        likely: impl FnMut(&Report),
    ) -> Result<(Case, Report), Stopped> {
        let mut case = self.begin(target)?;
        let report = self.answer(&mut case, diagnose, likely, |_, _| true)?;
        Ok((case, report))
    }

    /// What is fixed where this is named: of a task its service, where it belongs to one. `tell` is told so.
    ///
    /// # Errors
    /// [`Stopped`], when there is no such task, or AWS does not answer.
    pub fn to_fix(&mut self, target: Target, tell: impl FnOnce(&str)) -> Result<Target, Stopped> {
        let TargetKind::Task { cluster, task } = &target.kind else { return Ok(target) };
        let aws = self.connected(target.region.as_deref())?;
        let Some(service) = self.runtime.block_on(ecs::service_of_task(&aws, cluster, task))? else {
            return Ok(target);
        };
        let kind = TargetKind::Service { cluster: cluster.clone(), service };
        tell(&format!("{} belongs to {kind}, which is fixed", target.kind));
        Ok(Target { kind, region: target.region })
    }

    /// Refuses a saved plan for another account than that of the credentials.
    ///
    /// # Errors
    /// [`Stopped`], where it is one, or AWS does not answer.
    pub fn same_account(&mut self, plan: &Plan) -> Result<(), Stopped> {
        let aws = self.connected(plan.target.region.as_deref())?;
        self.runtime.block_on(account::compare(&aws, plan))
    }

    /// Observes a target until a plan for it can be made, or it is known that there is none.
    ///
    /// # Errors
    /// [`Stopped`], when there is no such thing, AWS does not answer, or there is nothing to examine.
    pub fn propose(&mut self, target: Target, wish: &Wish) -> Result<(Case, Proposal), Stopped> {
        let mut case = self.begin(target)?;
        let proposal = self.answer(&mut case, |case| propose(case, wish), |_| {}, Proposal::rests_on)?;
        Ok((case, proposal))
    }

    /// What AWS says about a target.
    fn begin(&mut self, target: Target) -> Result<Case, Stopped> {
        if self.options.region.is_none() {
            self.options.region.clone_from(&target.region);
        }
        let mut case = Case::new(target);
        if let TargetKind::Documents { path } = &case.target.kind.clone() {
            documents::read(&mut case, path)?;
            self.aws = self.connect_anywhere().ok();
        } else {
            let aws = self.connect()?;
            case.target.region = Some(aws.region().to_string());
            self.runtime.block_on(ecs::observe(&aws, &mut case))?;
            self.runtime.block_on(logs::observe(&aws, &mut case));
            self.aws = Some(aws);
        }
        if let Some(aws) = &self.aws {
            self.images.log_in_by(Arc::new(EcrLogin::new(aws.clone(), self.runtime.handle().clone())));
        }
        Ok(case)
    }

    /// The connection to AWS, made where there is none yet: in this region, unless the user named another one.
    ///
    /// # Errors
    /// [`Stopped`] where no region is set anywhere, or what is set is none.
    pub(crate) fn connected(&mut self, region: Option<&str>) -> Result<Aws, Stopped> {
        if let Some(aws) = &self.aws {
            return Ok(aws.clone());
        }
        if self.options.region.is_none() {
            self.options.region = region.map(String::from);
        }
        let aws = self.connect()?;
        self.images.log_in_by(Arc::new(EcrLogin::new(aws.clone(), self.runtime.handle().clone())));
        self.aws = Some(aws.clone());
        Ok(aws)
    }

    /// Waits for an answer of AWS.
    pub(crate) fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        self.runtime.block_on(answer)
    }

    /// The digest that a reference names now: one document is asked for, and nothing that was read before answers. None
    /// where it names nothing any more. `secret` is the ARN of the registry's credentials.
    ///
    /// # Errors
    /// [`Stopped`] where the registry does not tell.
    pub(crate) fn digest_now(&mut self, name: &str, secret: Option<&str>) -> Result<Option<Digest>, Stopped> {
        let credentials = match (secret, &self.aws) {
            (Some(secret), Some(aws)) => Some(self.runtime.block_on(aws.repository_credentials(secret))?),
            _ => None,
        };
        match self.images.digest_now(name, credentials) {
            Ok(digest) => Ok(Some(digest)),
            Err(SourceError::NotFound { .. }) => Ok(None),
            Err(error) => Err(Stopped::new(Exit::Unknown, error.to_string())),
        }
    }

    /// Observes an image until its inspection has an answer. `likely` is told one that is to be proven yet.
    ///
    /// # Errors
    /// [`Stopped`], when the questions do not end.
    pub fn inspect(&mut self, asked: &Asked, likely: impl FnMut(&Inspection)) -> Result<Inspection, Stopped> {
        let mut case = Case::new(Target::new(TargetKind::Image { reference: asked.reference.clone() }));
        self.images.allow_transports();
        // AWS is asked only to log in to its registries.
        let of_ecr = asked.reference.parse().is_ok_and(|name: Reference| ecr_host(&name.registry).is_some());
        if of_ecr && let Ok(aws) = self.connect_anywhere() {
            self.images.log_in_by(Arc::new(EcrLogin::new(aws, self.runtime.handle().clone())));
        }
        self.answer(&mut case, |case| inspect(case, asked).map_err(Pending::Needs), likely, |_, _| true)
    }

    /// A registry's host names its region; any other will do to begin with.
    fn connect_anywhere(&self) -> Result<Aws, AwsError> {
        let anywhere = aws::Options { region: Some("us-east-1".into()), ..self.options.clone() };
        let connected = self.runtime.block_on(Aws::connect(&self.options));
        connected.or_else(|_| self.runtime.block_on(Aws::connect(&anywhere)))
    }

    fn connect(&self) -> Result<Aws, Stopped> {
        Ok(self.runtime.block_on(Aws::connect(&self.options))?)
    }

    /// Asks and observes in turn. An answer that rests on assumptions is told as likely, and proven: what was opened is
    /// read to its end, as far as the answer rests on it, and asked again from the beginning.
    fn answer<R>(
        &mut self,
        case: &mut Case,
        ask: impl Fn(&Case) -> Result<R, Pending>,
        mut likely: impl FnMut(&R),
        rests_on: impl Fn(&R, &Digest) -> bool,
    ) -> Result<R, Stopped> {
        let mut told = false;
        for _ in 0..ROUNDS {
            let report = match ask(case) {
                Ok(report) => report,
                Err(Pending::Nothing(nothing)) => {
                    return Err(Stopped::new(Exit::Nothing, nothing.to_string()));
                }
                Err(Pending::Needs(needs)) => {
                    self.fulfil(case, needs);
                    continue;
                }
            };
            if self.images.forget_stale(case) {
                continue;
            }
            let rests_on = |manifest: &Digest| rests_on(&report, manifest);
            if self.quick || Images::is_proven(case, rests_on) {
                return Ok(report);
            }
            if !std::mem::replace(&mut told, true) {
                likely(&report);
            }
            self.images.prove(case, rests_on);
        }
        Err(Stopped::new(Exit::Unknown, format!("{}: the questions do not end", case.target.kind)))
    }

    fn fulfil(&mut self, case: &mut Case, needs: Vec<Need>) {
        self.images.sweep(&needs);
        for need in needs {
            if let Need::Aws(question) = need {
                self.ask(case, question);
                continue;
            }
            let credentials = match &need {
                Need::Image { repository_credentials: Some(secret), .. } => {
                    self.repository_credentials(case, secret)
                }
                _ => None,
            };
            self.images.fulfil(case, need, credentials);
        }
    }

    /// Asks AWS, where there is one; what cannot be asked is asked in vain.
    fn ask(&self, case: &mut Case, question: Question) {
        if let Some(aws) = &self.aws {
            self.runtime.block_on(questions::ask(aws, case, &question));
        }
        case.asked.insert(question);
    }

    /// The credentials that the definition names. Without them the registry is asked as anybody else would.
    fn repository_credentials(&self, case: &mut Case, secret: &str) -> Option<Credentials> {
        let aws = self.aws.as_ref()?;
        match self.runtime.block_on(aws.repository_credentials(secret)) {
            Ok(credentials) => Some(credentials),
            Err(error) => {
                refuse(case, &error, false);
                None
            }
        }
    }

    /// What was asked of registries.
    pub fn images(&mut self) -> &mut Images {
        &mut self.images
    }
}

/// Notes a call that gave no answer, once. `decides`: without it a healthy verdict cannot be given.
fn refuse(case: &mut Case, error: &AwsError, decides: bool) {
    // An endpoint that does not have the call cannot have the facts either.
    if error.kind == AwsErrorKind::Unsupported {
        return;
    }
    let refusal = Refusal { action: error.action(), message: error.to_string(), decides };
    if !case.refusals.contains(&refusal) {
        case.refusals.push(refusal);
    }
}
