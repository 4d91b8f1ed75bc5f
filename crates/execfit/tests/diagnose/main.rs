//! Whole runs of the real binary: AWS is the double of `tests/double`, the registry that of `tests/registry`, and what
//! comes out is read as JSON, checked against the published schemas, or pinned as text. The double stands for AWS here
//! because no emulator has task attributes, service revisions, container instances, or an arm64 host.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod all_files;
mod batch;
mod broken_registries;
mod cache;
mod causes;
mod certainty;
mod choices;
mod definitions;
mod deployments;
#[path = "../double/mod.rs"]
mod double;
mod explain;
mod hosts;
mod inspect;
mod logins;
mod mirrors;
mod network;
mod reading;
mod records;
mod refusals;
#[path = "../registry/mod.rs"]
mod registry;
mod run;
mod schemas;
mod secrets;
mod stage;
mod tables;
mod targets;
mod texts;
