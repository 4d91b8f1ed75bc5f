//! The specification's cases (`book/src/execve.md`), asked of the real kernel.

use crate::case::Case;
use crate::specification::{self, Answer, Question};
use crate::{Oracle, Tally};
use execfit_kernel::exec::Outcome;
use execfit_kernel::tree::{Content, Inode};
use std::collections::BTreeMap;

/// Part of the program, since a virtual machine has no other file.
const DOCUMENT: &str = include_str!("../../../../book/src/execve.md");

impl Oracle {
    /// Asks every case whose answer is for this host: kernel, model and book must say the same. A case that cannot be
    /// set up here is left out, and counted with the reason.
    pub(crate) fn ask_the_book(&mut self) {
        let cases =
            specification::cases(DOCUMENT).unwrap_or_else(|error| panic!("book/src/execve.md:{error}"));
        let (mut tally, mut left_out) = (Tally::new("the book"), BTreeMap::<&str, usize>::new());
        for written in cases {
            let case = of(&written, &self.host);
            if let Some(reason) = unfit(&written, &case, self) {
                *left_out.entry(reason).or_default() += 1;
                continue;
            }
            let before = tally.wrong;
            let real = self.ask(&case, &mut tally);
            if !agree(&written.answer, real) && tally.wrong == before {
                tally.wrong += 1;
                println!(
                    "oracle: {}: the kernel says {}, the book {:?}",
                    case.name,
                    crate::name(real),
                    written.answer
                );
            }
        }
        self.tell(tally);
        println!("oracle: the book: left out: {left_out:?}");
    }
}

fn of(written: &specification::Case, host: &execfit_kernel::host::Host) -> Case {
    let Question { path, argv, env, cwd, credentials, stack_limit, .. } = written.question.clone();
    Case {
        name: format!(
            "book/src/execve.md:{}: {}",
            written.line,
            written.text.chars().take(100).collect::<String>()
        ),
        tree: written.tree(host.architecture),
        path,
        argv,
        env,
        cwd: String::from_utf8(cwd).unwrap(),
        credentials,
        stack_limit,
        origin: None,
    }
}

/// Why a case cannot be asked here.
fn unfit(written: &specification::Case, case: &Case, oracle: &Oracle) -> Option<&'static str> {
    let inodes = || case.tree.iter().map(|(_, inode)| inode);
    if written.on(&oracle.host).is_none() {
        return Some("for other hosts");
    }
    if !written.handlers.is_empty() {
        return Some("binfmt_misc handlers of its own");
    }
    if !oracle.host.binfmt_misc.is_empty() {
        return Some("for hosts without binfmt_misc handlers");
    }
    if inodes().any(|inode| inode.noexec && !matches!(inode.content, Content::File(_))) {
        return Some("noexec on what is no file");
    }
    if inodes().any(|inode| !can_be_set(inode)) {
        return Some("file capabilities that setxattr(2) refuses");
    }
    if case.credentials.effective & !oracle.capabilities != 0 {
        return Some("capabilities that root of this machine lacks");
    }
    None
}

/// Whether file capabilities are of version 2 or 3 and of its length (security/commoncap.c cap_convert_nscap).
fn can_be_set(inode: &Inode) -> bool {
    let Some(value) = &inode.capability else { return true };
    matches!((value.get(3), value.len()), (Some(2), 20) | (Some(3), 24))
}

fn agree(answer: &Answer, real: Outcome) -> bool {
    match (answer, real) {
        (Answer::Starts { .. }, Outcome::Starts) | (Answer::Killed { .. }, Outcome::Killed(_)) => true,
        (Answer::Fails { errno, .. }, Outcome::Fails(real)) => *errno == real,
        (Answer::Unknown, real) => !matches!(real, Outcome::Fails(_)),
        _ => false,
    }
}
