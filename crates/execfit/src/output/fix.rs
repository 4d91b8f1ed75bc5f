//! The answer of `fix`, as one object.

use super::with_read;
use crate::apply::{Outcome, Unfinished};
use crate::exit::Stopped;
use crate::observe::Read;
use execfit_diagnosis::finding::Severity;
use execfit_diagnosis::plan::{Offer, Plan, Proposal, Refused};
use execfit_diagnosis::report::{Report, WorkloadReport};
use execfit_diagnosis::target::Target;
use serde::Serialize;
use serde_json::{Value, json};

/// The value of `schema`.
pub const SCHEMA: &str = "execfit/fix/v1";

/// What `fix` found, offered and did.
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    schema: &'static str,
    /// What is fixed.
    pub target: Target,
    /// The diagnosis in brief; `null` where a saved plan or an earlier attempt is carried out.
    pub diagnosis: Option<Value>,
    /// What came of it.
    pub offer: OfferName,
    /// The plan that is offered.
    pub plan: Option<Plan>,
    /// The remedies that will not do, and why.
    pub passed_over: Vec<Refused>,
    /// What an earlier attempt left.
    pub unfinished: Option<Value>,
    /// What came of carrying it out; `null` where nothing was done.
    pub outcome: Option<Value>,
    /// Why it was not carried out, or not to its end.
    pub stopped: Option<Value>,
}

/// The kinds of offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OfferName {
    /// It runs.
    Nothing,
    /// A plan.
    Plan,
    /// None of the remedies will do.
    Refused,
    /// It cannot be told whether it runs.
    Untold,
    /// The end of an earlier attempt.
    Unfinished,
}

impl Answer {
    /// Nothing but what was asked.
    pub fn about(target: Target, offer: OfferName) -> Answer {
        Answer {
            schema: SCHEMA,
            target,
            diagnosis: None,
            offer,
            plan: None,
            passed_over: Vec::new(),
            unfinished: None,
            outcome: None,
            stopped: None,
        }
    }

    /// A plan that was made before.
    pub fn saved(plan: Plan) -> Answer {
        Answer { plan: Some(plan.clone()), ..Answer::about(plan.target, OfferName::Plan) }
    }

    /// A plan, or why there is none.
    pub fn of(proposal: &Proposal) -> Answer {
        let (offer, plan) = match &proposal.offer {
            Offer::Nothing => (OfferName::Nothing, None),
            Offer::Plan(plan) => (OfferName::Plan, Some(*plan.clone())),
            Offer::Refused => (OfferName::Refused, None),
            Offer::Untold => (OfferName::Untold, None),
        };
        Answer {
            diagnosis: Some(brief(&proposal.report)),
            plan,
            passed_over: proposal.passed_over.clone(),
            ..Answer::about(proposal.report.target.clone(), offer)
        }
    }

    /// The end of an earlier attempt.
    pub fn left(target: Target, unfinished: &Unfinished) -> Answer {
        let mut answer = Answer::about(target, OfferName::Unfinished);
        answer.plan = Some(unfinished.plan().clone());
        answer.leave(unfinished);
        answer
    }

    /// Notes what an earlier attempt left.
    pub fn leave(&mut self, unfinished: &Unfinished) {
        self.unfinished = Some(json!({
            "plan": unfinished.plan().id,
            "title": unfinished.plan().title,
            "undone": unfinished.is_undone(),
            "told": unfinished.told(),
        }));
    }

    /// Notes how carrying out this plan ended.
    pub fn end(&mut self, plan: Plan, outcome: &Outcome) {
        self.plan = Some(plan);
        self.outcome = serde_json::to_value(outcome).ok();
    }

    /// Notes why it was not carried out, or not to its end.
    pub fn stop(&mut self, stopped: &Stopped) {
        self.stopped = Some(json!({"message": stopped.message, "help": stopped.help}));
    }

    /// Writes it.
    pub fn print(&self, read: &Read) {
        super::json(&with_read(self, read));
    }
}

/// Verdicts and findings, without their evidence: `diagnose` tells that.
fn brief(report: &Report) -> Value {
    let containers: Vec<Value> = report.workloads.iter().map(container).collect();
    json!({
        "task_definition": report.task_definition,
        "verdict": report.verdict,
        "certainty": report.certainty,
        "containers": containers,
        "refusals": report.refusals,
    })
}

fn container(workload: &WorkloadReport) -> Value {
    let findings = workload.findings.iter().filter(|finding| finding.severity != Severity::Note);
    let findings: Vec<Value> =
        findings.map(|finding| json!({"id": finding.id, "message": finding.message})).collect();
    let mut value = json!({
        "container": workload.container,
        "verdict": workload.verdict,
        "findings": findings,
    });
    if let Some(reason) = &workload.reason {
        value["reason"] = json!(reason);
    }
    value
}
