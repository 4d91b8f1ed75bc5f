//! Finds out why a container will not exec, makes it run, and proves it.

pub mod aws;
