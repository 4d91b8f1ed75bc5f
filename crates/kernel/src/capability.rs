//! File capabilities, the last thing that may refuse a program (security/commoncap.c).

use crate::credentials::Credentials;
use crate::errno::Errno;
use crate::exec::Rule;
use crate::refusal::{Stop, refuse};
use crate::tree::Node;

/// Bits up to `CAP_LAST_CAP` (linux/capability.h); the kernel ignores the others.
const VALID: u64 = (1 << 41) - 1;

/// The set-user-id bit (inode(7)).
const S_ISUID: u32 = 0o4000;

const BEYOND_BOUND: Rule = Rule {
    text: "the file asks for a capability that is not in the container's bounding set",
    source: "security/commoncap.c bprm_caps_from_vfs_caps",
};
const MALFORMED: Rule = Rule {
    text: "its extended attribute security.capability is malformed",
    source: "security/commoncap.c get_vfs_caps_from_disk",
};

/// The value of `security.capability` (`struct vfs_cap_data`, linux/capability.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileCapabilities {
    /// `VFS_CAP_FLAGS_EFFECTIVE`: the program shall have them in effect from its start.
    pub effective: bool,
    /// Bit n = capability n.
    pub permitted: u64,
    /// Bit n = capability n.
    pub inheritable: u64,
    /// Version 3: the root user of the user namespace for which they hold.
    pub root: Option<u32>,
}

impl FileCapabilities {
    /// Reads the attribute; `None` where the kernel calls it invalid.
    pub fn read(value: &[u8]) -> Option<FileCapabilities> {
        let word = |at: usize| {
            let bytes = value.get(at * 4..at * 4 + 4)?;
            Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        };
        let magic = word(0)?;
        let words = match (magic >> 24, value.len()) {
            (1, 12) => 1,
            (2, 20) | (3, 24) => 2,
            _ => return None,
        };
        let mut capabilities = FileCapabilities {
            effective: magic & 1 == 1,
            permitted: 0,
            inheritable: 0,
            root: if words == 2 { word(5) } else { None },
        };
        for at in 0..words {
            capabilities.permitted |= u64::from(word(1 + 2 * at)?) << (32 * at);
            capabilities.inheritable |= u64::from(word(2 + 2 * at)?) << (32 * at);
        }
        capabilities.permitted &= VALID;
        capabilities.inheritable &= VALID;
        Some(capabilities)
    }
}

/// Whether the file's capabilities can be had. The process has no inheritable ones (Docker since 20.10.14, runc and
/// containerd set none). Capabilities for another user namespace are ignored.
pub(crate) fn check(credentials: &Credentials, path: &[u8], attribute: Option<&[u8]>) -> Result<(), Stop> {
    let Some(value) = attribute else { return Ok(()) };
    let Some(capabilities) = FileCapabilities::read(value) else {
        return Err(refuse(path, Errno::EINVAL, MALFORMED));
    };
    let foreign = capabilities.root.is_some_and(|root| root != 0);
    if !foreign && capabilities.effective && capabilities.permitted & !credentials.bounding != 0 {
        return Err(refuse(path, Errno::EPERM, BEYOND_BOUND));
    }
    Ok(())
}

/// Whether the new program has a capability of the bounding set in effect. Root has all of those, also who becomes root
/// by a set-user-id bit, unless the file has capabilities of its own; root who becomes another by it has none in
/// effect, unless the file says so (security/commoncap.c cap_bprm_creds_from_file, handle_privileged_root).
pub(crate) fn has_after_exec(credentials: &Credentials, file: &Node<'_>, capability: u32) -> bool {
    let gives = !credentials.no_new_privs;
    let was_root = credentials.uid == 0;
    let set_user_id = gives && file.mode & S_ISUID != 0;
    let is_root = if set_user_id { file.uid == 0 } else { was_root };
    let attribute = file.capability.filter(|_| gives).and_then(FileCapabilities::read);
    let attribute = attribute.filter(|file| file.root.is_none_or(|root| root == 0));
    let bit = 1 << capability;
    let given = attribute.is_some_and(|file| file.effective && (file.permitted & bit != 0 || was_root));
    credentials.bounding & bit != 0 && (is_root && (was_root || attribute.is_none()) || given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(magic: u32, words: &[u32]) -> Vec<u8> {
        [magic].iter().chain(words).flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn versions_and_lengths() {
        let read = |magic, words: &[u32]| FileCapabilities::read(&value(magic, words));
        let one = read(0x0100_0001, &[0x1000, 0x2000]).unwrap();
        assert_eq!((one.effective, one.permitted, one.inheritable, one.root), (true, 0x1000, 0x2000, None));
        let two = read(0x0200_0000, &[1, 0, 1, 0]).unwrap();
        assert_eq!((two.effective, two.permitted), (false, 1 << 32 | 1));
        assert_eq!(read(0x0300_0001, &[0, 0, 0, 0, 1000]).unwrap().root, Some(1000));
        assert_eq!(read(0x0200_0001, &[0, 0]), None);
        assert_eq!(read(0x0400_0001, &[0, 0, 0, 0]), None);
        assert_eq!(FileCapabilities::read(&[]), None);
    }

    #[test]
    fn only_effective_ones_beyond_the_bound_refuse() {
        let user = Credentials::container(0, 0, vec![], 1 << 12);
        let check = |magic, word| {
            check(&user, b"/app", Some(&value(magic, &[word, 0, 0, 0]))).map_err(|stop| stop.errno())
        };
        assert_eq!(check(0x0200_0001, 1 << 12), Ok(()));
        assert_eq!(check(0x0200_0001, 1 << 13), Err(Some(Errno::EPERM)));
        assert_eq!(check(0x0200_0000, 1 << 13), Ok(()));
    }
}
