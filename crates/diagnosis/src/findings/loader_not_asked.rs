//! The kernel starts the program; whether its dynamic loader finds the libraries was not asked.
//!
//! The case was recorded by a version of execfit that did not keep what a dynamic loader reads. Its verdict is the
//! kernel's: a library that is missing, foreign or too old would not be seen.
//!
//! ## What to do
//! Record the case anew with `execfit diagnose TARGET --record FILE`.

use crate::finding::{Finding, Severity};
use crate::subject::Subject;

/// The finding's id.
pub(super) const ID: &str = "loader-not-asked";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    subject.runs.iter().find(|(_, run)| run.loader_not_asked)?;
    let message = format!(
        "{}: the dynamic loader was not asked: the case was recorded without what it reads of programs and libraries",
        subject.whole()
    );
    Some(Finding::new(ID, Severity::Note, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, LD_SO, Picture, Room, elf};
    use crate::linked::Linked;
    use insta::assert_snapshot;

    #[test]
    fn a_case_of_before() {
        let program = Linked::program(AMD64, LD_SO).needs("libmissing.so.1");
        let picture = Picture::linked(&program).libraries(false);
        assert_snapshot!(Room::unseen().image("app:1", picture).finding(ID), @"
        app: runs
          host x86_64 (default, 0): runs
          findings: loader-not-asked, default-architecture, no-stopped-tasks
        note[loader-not-asked]: container app: the dynamic loader was not asked: the case was recorded without what it reads of programs and libraries
        ");
        let alone = Room::unseen().image("app:1", Picture::of_app("amd64", &elf(AMD64)));
        assert!(!alone.ids().contains(&ID), "a static program has no loader");
    }
}
