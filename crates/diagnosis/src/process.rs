//! The process that an engine makes of an image's config and a workload's command: argv, environment, directory, user.

use crate::case::ChildFacts;
use crate::secrets;
use crate::workload::Command;
use execfit_kernel::credentials::{Credentials, DOCKER_DEFAULT};
use execfit_kernel::lookup::DEFAULT_PATH;
use execfit_kernel::namei;
use execfit_kernel::refusal::Stop;
use execfit_kernel::tree::{FileTree, Gap};

/// What `execve` will be called with, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// The argument vector; empty when neither image nor workload names a command.
    pub argv: Vec<Vec<u8>>,
    /// The environment.
    pub env: Vec<Vec<u8>>,
    /// The value of `PATH`.
    pub path: Vec<u8>,
    /// Working directory.
    pub cwd: Vec<u8>,
    /// The user as it was written; empty = root.
    pub user: String,
}

impl Process {
    /// Joins what the workload says with what the image says.
    pub fn of(image: &ChildFacts, command: &Command) -> Process {
        let variables = environment(image, command);
        let path = variables.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.clone());
        let bytes = |text: String| text.into_bytes();
        let cwd = command.working_directory.clone().unwrap_or_else(|| image.working_dir.clone());
        Process {
            argv: argv(image, command).into_iter().map(bytes).collect(),
            env: at_full_length(&variables),
            path: bytes(path.unwrap_or_default()),
            cwd: if cwd.is_empty() { b"/".to_vec() } else { bytes(cwd) },
            user: command.user.clone().unwrap_or_else(|| image.user.clone()),
        }
    }

    /// Whose credentials the process has.
    ///
    /// # Errors
    /// A [`Gap`] where the image's user database was not read; inside, why the engine refuses the user.
    pub fn credentials(
        &self,
        tree: &dyn FileTree,
        command: &Command,
    ) -> Result<Result<Credentials, String>, Gap> {
        let bounding = bounding(command);
        // A third field is passed over, as parseLine does.
        let mut fields = self.user.split(':');
        let (user, group) = (fields.next().unwrap_or_default(), fields.next());
        let mut groups = Vec::new();
        // runc libcontainer/user GetExecUser: what is numeric is a number, even if a user has it for his name. A user
        // without an explicit group has all the groups that name him.
        let (uid, gid) = match (user, group) {
            ("" | "0" | "root", None) => (0, 0),
            (user, Some(group)) if is_number(user) && is_number(group) => (number(user), number(group)),
            (user, group) => {
                let passwd = database(tree, b"/etc/passwd")?;
                let entry = passwd.iter().find(|entry| match is_number(user) {
                    true => entry.id == number(user),
                    false => entry.name == user,
                });
                let (uid, own_gid) = match entry {
                    Some(entry) => (entry.id, entry.second),
                    None if is_number(user) => (number(user), 0),
                    None if user.is_empty() => (0, 0),
                    None => {
                        return Ok(Err(format!(
                            "unable to find user {user}: no matching entries in passwd file"
                        )));
                    }
                };
                match group {
                    None | Some("") => {
                        if let Some(entry) = entry.filter(|entry| entry.name != "root") {
                            groups = groups_of(tree, &entry.name)?;
                        }
                        (uid, own_gid)
                    }
                    Some(group) if is_number(group) => (uid, number(group)),
                    Some(group) => {
                        match database(tree, b"/etc/group")?.iter().find(|entry| entry.name == group) {
                            Some(entry) => (uid, entry.id),
                            None => {
                                return Ok(Err(format!(
                                    "unable to find group {group}: no matching entries in group file"
                                )));
                            }
                        }
                    }
                }
            }
        };
        if uid.max(gid) > MAX_ID {
            return Ok(Err(format!("the user {} is out of range: uids and gids end at {MAX_ID}", self.user)));
        }
        groups.push(gid);
        Ok(Ok(Credentials::container(uid, gid, groups, bounding)))
    }
}

/// moby `daemon/config` merge: an entry point of the workload drops the image's command; `[""]` resets the entry point.
fn argv(image: &ChildFacts, command: &Command) -> Vec<String> {
    let (mut entry_point, cmd) = match &command.entry_point {
        Some(entry_point) => (entry_point.clone(), command.command.clone().unwrap_or_default()),
        None => (image.entrypoint.clone(), command.command.clone().unwrap_or_else(|| image.cmd.clone())),
    };
    if entry_point == [""] {
        entry_point.clear();
    }
    entry_point.extend(cmd);
    entry_point
}

/// moby `daemon/container_operations_unix.go` createDaemonEnvironment: Docker's `PATH` first, then the image's
/// variables, then the workload's; a later one replaces an earlier one in its place, and a name without `=` takes
/// Docker's own away (moby `container/env.go` ReplaceOrAppendEnvVars).
fn environment(image: &ChildFacts, command: &Command) -> Vec<(String, String)> {
    let mut variables = vec![("PATH".to_string(), String::from_utf8_lossy(DEFAULT_PATH).into_owned())];
    if image.env.iter().any(|variable| variable == "PATH") {
        variables.clear();
    }
    let of_image = image.env.iter().filter_map(|variable| variable.split_once('='));
    let of_image = of_image.map(|(name, value)| (name.to_string(), value.to_string()));
    for (name, value) in of_image.chain(command.environment.iter().cloned()) {
        match variables.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = value,
            None => variables.push((name, value)),
        }
    }
    variables
}

/// The strings of an environment. A value that was redacted is as long again as it was: the kernel limits lengths.
fn at_full_length(variables: &[(String, String)]) -> Vec<Vec<u8>> {
    /// More than any kernel takes, in one value or in all.
    const ENOUGH: usize = 8 << 20;
    let mut left = ENOUGH;
    let value = |value: &String| match secrets::redacted_length(value) {
        Some(length) => {
            let length = length.min(left);
            left -= length;
            vec![b'x'; length]
        }
        None => value.clone().into_bytes(),
    };
    let mut values: Vec<Vec<u8>> = variables.iter().map(|(_, text)| text).map(value).collect();
    for ((name, _), value) in variables.iter().zip(&mut values) {
        value.splice(0..0, name.bytes().chain([b'=']));
    }
    values
}

/// The bounding set (moby `oci/caps/utils.go` TweakCapabilities): adding ALL leaves what is not dropped by name,
/// dropping ALL leaves what is added by name, and else what is added wins over what is dropped.
fn bounding(command: &Command) -> u64 {
    const ALL: u64 = ALL_CAPABILITIES;
    let bits =
        |names: &[String]| names.iter().filter_map(|name| capability_bit(name)).fold(0, |set, bit| set | bit);
    let has_all = |names: &[String]| names.iter().any(|name| plain(name) == "ALL");
    let (add, drop) = (&command.add_capabilities, &command.drop_capabilities);
    if command.privileged {
        ALL
    } else if has_all(add) {
        ALL & !bits(drop)
    } else if has_all(drop) {
        bits(add)
    } else {
        DOCKER_DEFAULT & !bits(drop) | bits(add)
    }
}

/// All capabilities that there are.
pub(crate) const ALL_CAPABILITIES: u64 = (1 << NAMES.len()) - 1;

/// The bit of a capability, in whatever case it is written, and with or without `CAP_`.
pub(crate) fn capability_bit(name: &str) -> Option<u64> {
    let name = plain(name);
    NAMES.iter().position(|known| *known == name).map(|number| 1 << number)
}

fn plain(name: &str) -> String {
    let name = name.to_ascii_uppercase();
    name.strip_prefix("CAP_").map(String::from).unwrap_or(name)
}

/// Capabilities by number (linux/capability.h).
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// The groups that name a user among their members.
fn groups_of(tree: &dyn FileTree, user: &str) -> Result<Vec<u32>, Gap> {
    let groups = database(tree, b"/etc/group")?.into_iter();
    Ok(groups.filter(|group| group.members.iter().any(|name| name == user)).map(|group| group.id).collect())
}

/// The highest uid and gid that runc and Docker take (runc `libcontainer/user/user.go` maxID, ErrRange).
const MAX_ID: u32 = i32::MAX as u32;

fn is_number(text: &str) -> bool {
    text.parse::<u32>().is_ok()
}

fn number(text: &str) -> u32 {
    text.parse().unwrap_or(0)
}

/// A line of passwd(5) or group(5).
struct Entry {
    name: String,
    id: u32,
    /// The group of a user.
    second: u32,
    /// The members of a group.
    members: Vec<String>,
}

/// The longest user database that is read.
const DATABASE_LIMIT: u64 = 64 * 1024;

fn database(tree: &dyn FileTree, path: &[u8]) -> Result<Vec<Entry>, Gap> {
    let root = Credentials::container(0, 0, Vec::new(), !0);
    let found = match namei::resolve(tree, &root, b"/", path, &mut ()) {
        Ok(found) => found,
        Err(Stop::Gap(gap)) => return Err(gap),
        Err(Stop::Refused(_)) => return Ok(Vec::new()),
    };
    let mut text = vec![0; found.node.size.min(DATABASE_LIMIT) as usize];
    let length = tree.read_at(found.path.as_bytes(), 0, &mut text)?;
    let text = String::from_utf8_lossy(&text[..length]).into_owned();
    // runc libcontainer/user parseParts: what is missing or no number is 0.
    let entry = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        let number = |at: usize| {
            let number = fields.get(at).and_then(|field| field.parse::<i64>().ok());
            number.map_or(0, |number| u32::try_from(number).unwrap_or(u32::MAX))
        };
        let members =
            fields.get(3).map(|list| list.split(',').map(String::from).collect()).unwrap_or_default();
        Entry { name: fields[0].to_string(), id: number(2), second: number(3), members }
    };
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, Picture, Room, elf};
    use serde_json::json;

    fn app() -> Picture {
        Picture::of_app("amd64", &elf(AMD64))
    }

    #[test]
    fn a_redacted_value_is_as_long_as_it_was() {
        let long = |length: usize| json!({"environment": [{"name": "B", "value": "x".repeat(length)}]});
        let verdict = |length| Room::new().image("app:1", app()).container(long(length)).brief();
        assert!(
            verdict(131_072 - 3).starts_with("app: runs"),
            "with its name, = and NUL it is just short enough"
        );
        assert!(verdict(131_072 - 2).starts_with("app: fails exec e2big"), "{}", verdict(131_072 - 2));
    }

    #[test]
    fn lengths_that_cannot_be_cost_no_memory() {
        let absurd = || ("A".to_string(), format!("<redacted {} bytes>", usize::MAX));
        let strings = at_full_length(&[absurd(), absurd(), ("B".into(), "b".into())]);
        assert_eq!(strings.iter().map(Vec::len).sum::<usize>(), (8 << 20) + 2 + 2 + 3);
        assert_eq!(strings[2], b"B=b");
    }

    #[test]
    fn users_beyond_the_range() {
        let verdict = |user: &str| Room::new().image("app:1", app().user(user)).brief();
        assert!(verdict("2147483647").starts_with("app: runs"));
        for user in ["2147483648:0", "3000000000", "0:2147483648"] {
            assert!(verdict(user).starts_with("app: fails create"), "{user}: {}", verdict(user));
        }
    }

    #[test]
    fn odd_users_as_runc_reads_them() {
        let database = b"root:x:0:0::/:\n1234:x:77:77::/:\n  zed:x:5:5::/:\nnan:x:abc:5::/:\nshort\n";
        let verdict = |user: &str, owner: u32| {
            let picture = app().user(user).file("/etc/passwd", 0o644, database);
            let brief = Room::new()
                .image("app:1", picture.file("/app", 0o700, &elf(AMD64)).owned("/app", owner, owner))
                .brief();
            brief.lines().next().unwrap_or_default().to_string()
        };
        assert_eq!(verdict("1234", 1234), "app: runs", "a number is a number, though a user is called so");
        assert_eq!(verdict("1234", 77), "app: fails lookup eacces");
        assert_eq!(verdict("1:2:3", 1), "app: runs");
        assert_eq!(verdict("zed", 5), "app: runs", "blanks around a line are none of it");
        assert_eq!(verdict("nan", 4), "app: runs", "an id that is no number is 0");
        assert_eq!(verdict("short", 4), "app: runs");
        assert!(verdict("none", 0).starts_with("app: fails create"));
    }
}
