//! Whole runs of `fix`: AWS is the double of `tests/double`, which keeps what is written to it and lets deployments go on;
//! the registry is that of `tests/registry`. The double stands for AWS here because no emulator has service revisions,
//! container instances, capacity providers, Express, or an arm64 host; what an emulator has is tried in the lab.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod asking;
mod back;
mod capacity;
mod crashes;
#[path = "../double/mod.rs"]
mod double;
mod hands;
mod interrupted;
mod live;
mod owner;
mod proof;
#[path = "../registry/mod.rs"]
mod registry;
mod retarget;
#[path = "../diagnose/run.rs"]
mod run;
mod saved_plans;
#[path = "../diagnose/schemas.rs"]
mod schemas;
#[path = "../diagnose/stage.rs"]
mod stage;
mod story;
mod targets;
mod terminal;
mod texts;
mod the_double;
mod weather;
mod writes;
