//! What `fix` would change: ordered steps, each with what is there before, what is there after, and how to undo it.
//!
//! A plan is found by the model that found the fault, asked about the new ground: the other architecture, the earlier
//! revision, the other digest. It is data: shown, saved, and carried out elsewhere exactly as it stands.

mod capacity;
mod digests;
mod draft;
mod edit;
mod examine;
mod ground;
mod owner;
mod pins;
mod places;
mod rank;
mod refused;
mod repin;
pub(crate) mod retarget;
mod rollback;
mod saved;
mod setting;
#[cfg(test)]
pub(crate) mod shown;
mod source;
mod steps;
mod users;

pub use capacity::{Capacity, capacity};
pub(crate) use digests::{index_beside_pin, mended};
pub use draft::{Deploy, Draft, NewDefinition};
pub use edit::{Edit, Stale, apply, registrable};
pub use examine::{Expected, examine, examine_anew};
pub(crate) use owner::objection;
pub use refused::Refused;
pub(crate) use retarget::is_express;
pub(crate) use rollback::impossible;
pub use saved::{Broken, LONGEST};
pub use setting::Setting;
pub(crate) use steps::option_of;

use crate::case::{Case, Need, Refusal};
use crate::report::{Pending, Report};
use crate::target::Target;
use crate::verdict::VerdictName;
use execfit_image::digest::Digest;
use serde::{Deserialize, Serialize};

/// The value of [`Plan::schema`].
pub const SCHEMA: &str = "execfit/plan/v1";

/// The tag of a revision that a plan registered; its value is [`Plan::id`]. RegisterTaskDefinition has no client token
/// (ECS API), so this is how a second attempt finds what the first one left.
pub const TAG: &str = "execfit:plan";

/// A change that cures a fault. It holds no secrets: of the task definition only what is edited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`SCHEMA`].
    pub schema: String,
    /// The same plan about the same world has the same id: hexadecimal digits of a digest of all the rest.
    pub id: String,
    /// What was asked, with its region.
    pub target: Target,
    /// The kind of remedy.
    pub by: Method,
    /// What it does, in a sentence.
    pub title: String,
    /// What it cures: a line for each container that fails.
    pub cures: Vec<String>,
    /// Every container of the task, as the model sees it after the change.
    pub containers: Vec<Expected>,
    /// What is known of the machines for it, in sentences.
    pub capacity: Vec<String>,
    /// What must hold still when it is carried out.
    pub preconditions: Vec<Precondition>,
    /// What is changed, in order.
    pub steps: Vec<Step>,
    /// What proves that it worked; `null` where nothing runs what it makes.
    pub proof: Option<Proof>,
    /// What it means for others, and what may surprise.
    pub warnings: Vec<String>,
    /// What the user has to do besides, in sentences or commands.
    pub left_to_do: Vec<String>,
}

/// The kinds of remedy that `fix` carries out, in the order of the smaller change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Pin the digest that runs.
    Repin,
    /// Run the tasks on the other architecture.
    Retarget,
    /// Go back to what ran.
    Rollback,
}

impl Method {
    /// All of them, the smaller change first.
    pub const ALL: [Method; 3] = [Method::Repin, Method::Retarget, Method::Rollback];

    /// Its name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Method::Repin => "repin",
            Method::Retarget => "retarget",
            Method::Rollback => "rollback",
        }
    }
}

/// Something that must still be so when the plan is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Precondition {
    /// The service's primary deployment.
    Service {
        /// The service's ARN.
        service: String,
        /// ARN of the task definition of its primary deployment.
        task_definition: String,
        /// Id of its primary deployment; none for a service of ECS Express or of task sets.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deployment: Option<String>,
    },
    /// A revision is there and not deregistered.
    Revision {
        /// Its ARN.
        task_definition: String,
    },
    /// A reference still names this manifest or index.
    Image {
        /// The reference, as it will be pulled.
        name: String,
        /// What it named.
        digest: Digest,
        /// ARN of the secret with the registry's credentials.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        repository_credentials: Option<String>,
    },
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The call and what it is given.
    #[serde(flatten)]
    pub action: Action,
    /// How to undo it by hand: a command.
    pub undo: String,
}

/// The calls that change something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action")]
pub enum Action {
    /// A new revision: an earlier one, read again raw, with these edits.
    RegisterTaskDefinition {
        /// ARN of the revision that is edited.
        from: String,
        /// What becomes of it. `before` is checked against the raw document.
        edits: Vec<Edit>,
    },
    /// Another revision for a service.
    UpdateService {
        /// The service's ARN.
        service: String,
        /// The cluster's ARN.
        cluster: String,
        /// ARN of the task definition before.
        task_definition_before: String,
        /// And after; `null` is the revision that this plan registers.
        task_definition_after: Option<String>,
        /// Deploy even where nothing else changes.
        #[serde(default)]
        force_new_deployment: bool,
        /// Other members of UpdateService's request, by their names in the API: `platformVersion`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        edits: Vec<Edit>,
    },
    /// An end to the deployment that is under way: ECS goes back to where it came from.
    StopServiceDeployment {
        /// The service's ARN.
        service: String,
        /// The cluster's ARN.
        cluster: String,
        /// ARN of the service deployment.
        deployment: String,
        /// ARN of the task definition that it leaves.
        task_definition_before: String,
        /// ARN of the task definition that it goes back to.
        task_definition_after: String,
    },
    /// Another architecture for a service of ECS Express.
    UpdateExpressGatewayService {
        /// The service's ARN.
        service: String,
        /// Members of the request, by their names in the API: `cpuArchitecture`.
        edits: Vec<Edit>,
    },
}

/// What proves that a plan worked: every container at the digest that was examined, running (or ended well, where it
/// may end) for some time, and the rollout complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The service's ARN.
    pub service: String,
    /// The cluster's ARN.
    pub cluster: String,
    /// For how long all of it must hold, in seconds.
    pub settle_seconds: u64,
}

/// What the user asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// This remedy and no other; else the best one.
    pub by: Option<Method>,
    /// See [`Proof::settle_seconds`].
    pub settle_seconds: u64,
    /// Change it though somebody else owns it.
    pub force_live: bool,
}

/// What `fix` has to offer.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The diagnosis.
    pub report: Report,
    /// What comes of it.
    pub offer: Offer,
    /// The remedies that were considered first, and why they will not do.
    pub passed_over: Vec<Refused>,
}

impl Proposal {
    /// Whether it rests on this manifest: a plan on what fails and on what would run instead, and not on what was looked at
    /// and passed over. All else rests on everything.
    pub fn rests_on(&self, manifest: &Digest) -> bool {
        let Offer::Plan(plan) = &self.offer else { return true };
        let hosts = self.report.workloads.iter().flat_map(|workload| &workload.hosts);
        hosts.filter_map(|host| host.manifest.as_ref()).any(|digest| digest == manifest)
            || plan.containers.iter().any(|container| container.digests.contains(manifest))
    }

    /// Whether a remedy was refused for what AWS would not tell: it might do, and nobody knows.
    pub fn is_untold(&self) -> bool {
        let told =
            |refused: &Refused| [&refused.reasons[..], &refused.capacity, &refused.help].concat().join(" ");
        let told: Vec<String> = self.passed_over.iter().filter(|refused| !refused.owned).map(told).collect();
        let names = |refusal: &Refusal| told.iter().any(|text| text.contains(&refusal.action));
        self.report.refusals.iter().any(names)
    }
}

/// The kinds of offer.
#[derive(Debug, Clone, PartialEq)]
pub enum Offer {
    /// It runs: there is nothing to fix.
    Nothing,
    /// This plan.
    Plan(Box<Plan>),
    /// None of the remedies will do.
    Refused,
    /// The diagnosis cannot tell whether it runs, so what to change is not known either.
    Untold,
}

/// Finds the plan for a case. The same case and wish give the same proposal, byte for byte.
///
/// # Errors
/// [`Pending`]: what is missing in the case.
pub fn propose(case: &Case, wish: &Wish) -> Result<Proposal, Pending> {
    Setting::with(case, |setting| {
        let verdict = setting.report.verdict;
        let offer = match (verdict, wish.by) {
            // Asked for once more, a remedy that has helped would undo itself, or go further back.
            (VerdictName::Runs, _) => Some(Offer::Nothing),
            (VerdictName::Unknown, None) => Some(Offer::Untold),
            _ => None,
        };
        if let Some(offer) = offer {
            return Ok(Proposal { report: setting.report.clone(), offer, passed_over: Vec::new() });
        }
        let (methods, mut passed_over) = rank::ranked(setting, wish);
        for method in methods {
            match draft(setting, method)? {
                Ok(draft) => {
                    let mut aside = match owner::consent(setting, wish, method, &draft) {
                        Ok(aside) => aside,
                        // Another remedy is the owner's matter as well.
                        Err(refused) => {
                            passed_over.push(*refused);
                            break;
                        }
                    };
                    aside.extend(users::aside(setting, method, &draft)?);
                    let plan = draft::complete(setting, wish, method, draft, aside);
                    let offer = Offer::Plan(Box::new(plan));
                    return Ok(Proposal { report: setting.report.clone(), offer, passed_over });
                }
                Err(refused) => passed_over.push(refused),
            }
        }
        Ok(Proposal { report: setting.report.clone(), offer: Offer::Refused, passed_over })
    })
}

/// What a remedy would change, or why it will not do.
pub(crate) fn draft(setting: &Setting<'_>, method: Method) -> Result<Result<Draft, Refused>, Vec<Need>> {
    match method {
        Method::Repin => repin::draft(setting),
        Method::Retarget => retarget::draft(setting),
        Method::Rollback => rollback::draft(setting),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, Picture, Room, elf};

    #[test]
    fn what_runs_needs_no_plan() {
        let wish = Wish { by: None, settle_seconds: 20, force_live: false };
        let proposal = Room::unseen().image("app:1", Picture::of_app("amd64", &elf(AMD64))).proposal(&wish);
        assert_eq!((proposal.offer, proposal.passed_over), (Offer::Nothing, Vec::new()));
    }
}
