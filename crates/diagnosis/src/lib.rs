//! From facts about a container to findings and remedies.
//!
//! Everything here is a function of a [`case::Case`]: no I/O, no clock, no async. What the facts do not tell yet
//! comes back as a list of needs ([`case::Need`]); whoever observes the world fills them in and asks again.

mod agreement;
pub mod batch;
pub mod case;
pub mod certainty;
pub mod ecs;
pub mod finding;
pub mod findings;
#[cfg(test)]
mod fixture;
mod follow;
pub mod foreign;
pub mod inspect;
#[cfg(test)]
#[path = "../../kernel/src/ld_so/craft.rs"]
mod linked;
pub mod log_line;
pub mod nature;
pub mod plan;
pub mod process;
pub mod proof;
pub mod remedy;
pub mod report;
pub mod run;
pub mod script;
pub mod secrets;
pub mod subject;
pub mod target;
pub mod verdict;
pub mod workload;

#[cfg(test)]
mod tests;
