//! `fix`: the plan that cures a service, carried out and proven.

mod consent;
mod duration;
mod saved;

use super::reading::Reading;
use super::target::{Named, Reach};
use super::{Face, Format, cache};
use crate::apply::{self, Terms, Unfinished};
use crate::exit::{Exit, Stopped};
use crate::observe::{Observer, record};
use crate::output::fix::Answer;
use crate::output::text::Detail;
use crate::output::{self, text};
use clap::{Args, ValueEnum};
use consent::Consent;
use execfit_diagnosis::plan::{Method, Offer, Plan, Proposal, Wish, propose};
use execfit_diagnosis::proof::Event;
use execfit_diagnosis::report::Pending;
use execfit_diagnosis::target::{Target, TargetKind};
use execfit_diagnosis::verdict::VerdictName;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The plan that cures a service, shown as a diff; on a yes it is carried out, watched and proven
///
/// Finds the remedy that the model proves for every container, shows it as a diff with how to undo it, and asks. On a yes
/// it carries it out, watches the deployment, and ends when every container has run for a while at the digest that was
/// examined. When the deployment fails, everything is undone. Where nobody can be asked (no terminal), --yes is the yes.
/// An attempt that was interrupted is brought to its end first.
///
/// A task of a service is fixed as that service. A task of no service, or FAMILY[:REVISION], gets a new revision, which
/// its callers must then use. Saved documents are planned for only (--dry-run).
#[derive(Debug, Args)]
#[command(after_long_help = EXIT_CODES, mut_arg("target", |target| target.required_unless_present("plan")))]
pub(super) struct Fix {
    #[command(flatten)]
    named: Named,
    /// This remedy; else the best one
    #[arg(long, value_name = "REMEDY")]
    by: Option<By>,
    /// Show the plan and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Carry it out without asking
    #[arg(short, long, conflicts_with = "dry_run")]
    yes: bool,
    /// Save the plan, for --plan; without --yes it is not carried out now
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Carry out this saved plan and nothing else; refused where the world has moved since
    #[arg(long, value_name = "FILE",
        conflicts_with_all = ["target", "service", "task", "by", "out", "settle", "force_live", "record", "replay"])]
    plan: Option<PathBuf>,
    /// For how long the new tasks must hold: seconds, or with s, m or h
    #[arg(long, value_name = "TIME", default_value = "20", value_parser = duration::settling)]
    settle: Duration,
    /// How long to wait for the proof; then it is left as it is, and said so
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration::waiting)]
    timeout: Duration,
    /// Change a live service though a template or another deployment tool owns it
    #[arg(long)]
    force_live: bool,
    /// Save every fact that the plan rests on, without secrets
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Plan from a saved case, without network or credentials; only with --dry-run
    #[arg(long, value_name = "FILE", requires = "dry_run",
        conflicts_with_all = ["target", "service", "task", "record"])]
    replay: Option<PathBuf>,
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    reading: Reading,
}

const EXIT_CODES: &str = "Exit codes:
  0  proven; registered, where no service runs it; nothing to fix; the plan was shown, and not to be carried out
  1  the tool or AWS failed; no such cluster, service, task or image
  2  bad usage; there is a plan, and neither a terminal to ask on nor --yes
  3  nothing to examine
  4  could not tell, or not prove: denied, throttled, the world moved, somebody else deployed
  8  refused: no remedy will do; or rolled back: the deployment failed";

/// A remedy that `fix` carries out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// Pin the digest that runs
    Repin,
    /// Run the tasks on the other architecture
    Retarget,
    /// Go back to what ran
    Rollback,
}

/// What there is to say yes to.
enum Matter {
    /// Nothing: the exit code says why.
    None(Exit),
    /// A plan.
    Plan(Box<Plan>),
    /// An earlier attempt, to be brought to its end.
    Unfinished(Box<Unfinished>),
}

/// An answer on its way: what was shown, and what may come of it.
struct Offered {
    answer: Answer,
    text: String,
    matter: Matter,
    observer: Option<Observer>,
}

impl Fix {
    pub(super) fn run(self, face: &Face) -> Result<Exit, Stopped> {
        self.check()?;
        let mut offered = self.offer(face)?;
        if face.format == Format::Text {
            output::print(&offered.text);
        }
        let done = self.decide(face, &mut offered);
        if let Some(observer) = &mut offered.observer {
            cache::complain(face, observer.images().cache_trouble());
        }
        if face.format == Format::Json {
            if let Err(stopped) = &done {
                offered.answer.stop(stopped);
            }
            let read = offered.observer.as_mut().map(|observer| observer.images().read());
            offered.answer.print(&read.unwrap_or_default());
        }
        done
    }

    /// What does not go together, before anything is asked.
    fn check(&self) -> Result<(), Stopped> {
        let usage = |message: &str, help: &str| Err(Stopped::new(Exit::Usage, message).help(help));
        let only_shown = self.dry_run && self.out.is_none();
        if self.reading.is_quick() && !only_shown {
            return usage("--quick is only likely, and what is changed is to be proven", "add --dry-run");
        }
        if self.settle >= self.timeout {
            return usage("--settle takes all of --timeout", "give --timeout more time than --settle");
        }
        let of_documents = self.plan.is_none()
            && self.replay.is_none()
            && matches!(self.named.target()?.kind, TargetKind::Documents { .. });
        if of_documents && !self.dry_run {
            return usage("saved documents are not changed", "add --dry-run, or name the service itself");
        }
        self.out.as_deref().map_or(Ok(()), saved::admit)
    }

    fn wish(&self) -> Wish {
        let by = self.by.map(|by| match by {
            By::Repin => Method::Repin,
            By::Retarget => Method::Retarget,
            By::Rollback => Method::Rollback,
        });
        Wish { by, settle_seconds: self.settle.as_secs(), force_live: self.force_live }
    }

    /// Whether the plan is only shown or saved.
    fn only_plans(&self) -> bool {
        self.dry_run || (self.out.is_some() && !self.yes)
    }

    fn terms(&self) -> Result<Terms, Stopped> {
        Ok(Terms { timeout: self.timeout, poll: POLL, state: apply::state_directory()? })
    }

    fn offer(&self, face: &Face) -> Result<Offered, Stopped> {
        if let Some(path) = &self.replay {
            return Ok(self.offered(face, &replayed(path, &self.wish())?, None));
        }
        let saved = self.plan.as_deref().map(saved::read).transpose()?;
        let target = match &saved {
            Some(plan) => plan.target.clone(),
            None => self.named.target()?,
        };
        let options = self.reach.to_where(&target)?;
        let mut observer =
            Observer::new(options, self.reading.terms(face)?, !face.quiet && face.format == Format::Text)?;
        let target = observer.to_fix(target, |told| text::note(face, told))?;
        let unfinished = self.unfinished(&mut observer, &target)?;
        if let Some(plan) = saved {
            observer.same_account(&plan)?;
            return self.offered_again(face, plan, unfinished, observer);
        }
        match unfinished {
            Some(unfinished) if !self.only_plans() => Ok(Offered {
                answer: Answer::left(target, &unfinished),
                text: text::unfinished(&unfinished),
                matter: Matter::Unfinished(Box::new(unfinished)),
                observer: Some(observer),
            }),
            unfinished => {
                let (case, proposal) = observer.propose(target, &self.wish())?;
                if let Some(path) = &self.record {
                    record::save(path, &case)?;
                }
                let mut offered = self.offered(face, &proposal, Some(observer));
                if let Some(unfinished) = &unfinished {
                    offered.text.insert_str(0, &text::unfinished(unfinished));
                    offered.answer.leave(unfinished);
                }
                Ok(offered)
            }
        }
    }

    /// What an earlier attempt left. Without a place to keep journals there is none.
    fn unfinished(&self, observer: &mut Observer, target: &Target) -> Result<Option<Unfinished>, Stopped> {
        if matches!(target.kind, TargetKind::Documents { .. }) {
            return Ok(None);
        }
        match self.terms() {
            Ok(terms) => apply::unfinished(observer, target, &terms),
            Err(_) if self.only_plans() => Ok(None),
            Err(stopped) => Err(stopped),
        }
    }

    fn offered(&self, face: &Face, proposal: &Proposal, observer: Option<Observer>) -> Offered {
        let detail = Detail::of(face);
        let (text, matter) = match &proposal.offer {
            Offer::Plan(plan) => (text::plan(plan, Some(proposal), detail), Matter::Plan(plan.clone())),
            Offer::Nothing => (text::no_plan(proposal, detail), Matter::None(Exit::Runs)),
            Offer::Refused if proposal.is_untold() => {
                (text::no_plan(proposal, detail), Matter::None(Exit::Unknown))
            }
            Offer::Refused => (text::no_plan(proposal, detail), Matter::None(Exit::WouldNotRun)),
            Offer::Untold => (text::no_plan(proposal, detail), Matter::None(Exit::Unknown)),
        };
        Offered { answer: Answer::of(proposal), text, matter, observer }
    }

    /// A saved plan. An earlier attempt at it is brought to its end instead; one at another plan stands in its way.
    fn offered_again(
        &self,
        face: &Face,
        plan: Plan,
        unfinished: Option<Unfinished>,
        observer: Observer,
    ) -> Result<Offered, Stopped> {
        let shown = text::plan(&plan, None, Detail::of(face));
        let mut answer = Answer::saved(plan.clone());
        let (text, matter) = match unfinished {
            None => (shown, Matter::Plan(Box::new(plan))),
            Some(unfinished) => {
                answer.leave(&unfinished);
                let text = shown + &text::unfinished(&unfinished);
                let (target, earlier) = (&plan.target.kind, &unfinished.plan().id);
                if *earlier != plan.id && !self.only_plans() {
                    let message = format!("an earlier attempt at {target} is unfinished: plan {earlier}");
                    let help = format!("end it first: execfit fix {}", target.arguments());
                    return Err(Stopped::new(Exit::Unknown, message).help(help));
                }
                (text, Matter::Unfinished(Box::new(unfinished)))
            }
        };
        Ok(Offered { answer, text, matter, observer: Some(observer) })
    }

    /// Saves, asks, and carries out.
    fn decide(&self, face: &Face, offered: &mut Offered) -> Result<Exit, Stopped> {
        let question = match &offered.matter {
            Matter::None(exit) => return Ok(*exit),
            Matter::Plan(plan) => {
                if let Some(path) = &self.out {
                    saved::save(path, plan)?;
                    text::note(face, &format!("the plan is saved: execfit fix --plan {}", path.display()));
                }
                format!("carry out plan {}?", plan.id)
            }
            Matter::Unfinished(unfinished) => format!("bring plan {} to its end?", unfinished.plan().id),
        };
        if self.only_plans() {
            return Ok(Exit::Runs);
        }
        if let Matter::Plan(plan) = &offered.matter {
            sure(plan)?;
        }
        match self.consent(face, &offered.text, &question) {
            Consent::Yes => self.carry_out(face, offered),
            Consent::No => {
                text::note(face, "nothing was changed");
                Ok(Exit::Runs)
            }
            Consent::Nobody => {
                Err(Stopped::new(Exit::Usage, "there is no terminal to ask on: nothing was changed")
                    .help("add --yes to carry it out, or --dry-run to see it only"))
            }
        }
    }

    fn consent(&self, face: &Face, shown: &str, question: &str) -> Consent {
        if self.yes {
            return Consent::Yes;
        }
        // Who is asked has seen what it is about.
        if consent::somebody_is_there() && (face.format == Format::Json || !output::is_seen()) {
            output::print_aside(shown);
        }
        consent::ask(question)
    }

    fn carry_out(&self, face: &Face, offered: &mut Offered) -> Result<Exit, Stopped> {
        let Some(observer) = &mut offered.observer else {
            return Err(Stopped::new(Exit::Usage, "a saved case is not changed").help("add --dry-run"));
        };
        let terms = self.terms()?;
        let tell = &mut |event: &Event| text::event(face, event);
        let matter = std::mem::replace(&mut offered.matter, Matter::None(Exit::Runs));
        let (plan, outcome) = match matter {
            Matter::None(exit) => return Ok(exit),
            Matter::Plan(plan) => {
                let outcome = apply::carry_out(observer, &plan, &terms, tell)?;
                (*plan, outcome)
            }
            Matter::Unfinished(unfinished) => {
                let plan = unfinished.plan().clone();
                (plan, apply::finish(observer, *unfinished, &terms, tell)?)
            }
        };
        if face.format == Format::Text {
            output::print(&text::outcome(&plan, &outcome, Detail::of(face)));
        }
        let exit = outcome.ending.exit();
        offered.answer.end(plan, &outcome);
        Ok(exit)
    }
}

/// Between two looks at a deployment, to begin with.
const POLL: Duration = Duration::from_secs(1);

/// Unknown is never "runs": a plan is carried out where the model is sure of every container.
fn sure(plan: &Plan) -> Result<(), Stopped> {
    let mut unsure = plan.containers.iter().filter(|container| container.verdict != VerdictName::Runs);
    let Some(container) = unsure.next() else { return Ok(()) };
    let (exit, word) = match container.verdict {
        VerdictName::Fails => (Exit::WouldNotRun, "would not run"),
        _ => (Exit::Unknown, "may not run: the model cannot tell"),
    };
    let name = &container.container;
    let stopped = Stopped::new(exit, format!("plan {} is not carried out: container {name} {word}", plan.id));
    Err(match &container.reason {
        Some(reason) => stopped.help(format!("{name}: {reason}")),
        None => stopped,
    })
}

fn replayed(path: &Path, wish: &Wish) -> Result<Proposal, Stopped> {
    propose(&record::load(path)?, wish).map_err(|pending| match pending {
        Pending::Nothing(nothing) => Stopped::new(Exit::Nothing, nothing.to_string()),
        Pending::Needs(_) => Stopped::new(Exit::Failed, "the case lacks facts that a plan rests on")
            .help("record it anew with `execfit fix --dry-run --record`"),
    })
}
