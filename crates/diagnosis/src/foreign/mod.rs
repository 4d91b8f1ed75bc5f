//! `inspect --all`: which files of an image does its platform's host not run?
//!
//! The observer visits every file of the final file system ([`Surveyor`]), and a [`Survey`] keeps what is foreign. Much
//! of that is there on purpose: test data, cross toolchains, addons for many platforms. It is told by structure and
//! folded ([`Fold`]): the text names it in a line, JSON lists it.

mod fold;
mod look;
mod names;
mod needed;
pub(crate) mod report;
mod scripts;
mod survey;

pub use fold::Fold;
pub use look::{Ground, Use};
pub use report::{AllReport, ForeignReport, SameReport, Side, finding, report, same};
pub use survey::{ForeignFile, OriginOf, Seen, Survey, Surveyor, same_files};

#[cfg(test)]
mod tests;
