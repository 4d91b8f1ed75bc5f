//! Finds out why a container will not exec, makes it run, and proves it: the command line over
//! `execfit-diagnosis`, `execfit-image` and `execfit-kernel`.

pub mod apply;
pub mod aws;
pub mod commands;
pub mod exit;
pub mod observe;
pub mod output;
pub mod prove;
