//! Opening a file in order to execute it (fs/exec.c do_open_execat, fs/namei.c may_open).

use crate::credentials::Credentials;
use crate::errno::Errno;
use crate::exec::Rule;
use crate::namei::{Found, may_execute};
use crate::refusal::{Stop, refuse};
use crate::tree::Kind;

const IS_A_DIRECTORY: Rule =
    Rule { text: "it is a directory, and only regular files can be executed", source: "fs/namei.c may_open" };
const IS_SPECIAL: Rule = Rule {
    text: "it is a device, a pipe or a socket, and only regular files can be executed",
    source: "fs/namei.c may_open",
};
const NO_EXEC_MOUNT: Rule =
    Rule { text: "its file system is mounted noexec", source: "fs/namei.c may_open, fs/exec.c path_noexec" };
const NO_X_BIT: Rule = Rule {
    text: "no x bit of its mode is set, so nobody may execute it, not even root",
    source: "fs/namei.c generic_permission",
};
const NO_X_FOR_OWNER: Rule = Rule {
    text: "this user owns it and its mode lacks the owner's x bit; the other bits do not count",
    source: "fs/namei.c acl_permission_check",
};
const NO_X_FOR_GROUP: Rule = Rule {
    text: "this user is of its group and its mode lacks the group's x bit; the others' bit does not count",
    source: "fs/namei.c acl_permission_check",
};
const NO_X_FOR_OTHERS: Rule = Rule {
    text: "this user is neither its owner nor of its group, and its mode lacks the others' x bit",
    source: "fs/namei.c acl_permission_check",
};

/// Whether the file may be executed at all, whatever its format.
pub(crate) fn may_open(credentials: &Credentials, file: &Found<'_>) -> Result<(), Stop> {
    let node = &file.node;
    let rule = match node.kind {
        Kind::Directory => IS_A_DIRECTORY,
        Kind::Regular if node.noexec => NO_EXEC_MOUNT,
        Kind::Regular if may_execute(credentials, node) => return Ok(()),
        Kind::Regular if node.mode & 0o111 == 0 => NO_X_BIT,
        Kind::Regular if credentials.uid == node.uid => NO_X_FOR_OWNER,
        Kind::Regular if credentials.gid == node.gid || credentials.groups.contains(&node.gid) => {
            NO_X_FOR_GROUP
        }
        Kind::Regular => NO_X_FOR_OTHERS,
        _ => IS_SPECIAL,
    };
    Err(refuse(file.path.as_bytes(), Errno::EACCES, rule))
}
