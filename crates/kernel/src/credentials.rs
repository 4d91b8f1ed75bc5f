//! Who asks: user, groups and capabilities of the process that calls `execve`.

/// The credentials of the calling process (credentials(7), capabilities(7)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Effective user id.
    pub uid: u32,
    /// Effective group id.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Effective capabilities, bit n = capability n of linux/capability.h.
    pub effective: u64,
    /// The capability bounding set.
    pub bounding: u64,
    /// `no_new_privs` (prctl(2) PR_SET_NO_NEW_PRIVS): set-id bits and file capabilities give nothing.
    pub no_new_privs: bool,
}

/// `CAP_DAC_OVERRIDE` (linux/capability.h).
pub const CAP_DAC_OVERRIDE: u32 = 1;
/// `CAP_DAC_READ_SEARCH` (linux/capability.h).
pub const CAP_DAC_READ_SEARCH: u32 = 2;
/// `CAP_SYS_RAWIO` (linux/capability.h).
pub const CAP_SYS_RAWIO: u32 = 17;

/// The 14 capabilities that Docker and containerd leave a container by default: chown, dac_override, fowner,
/// fsetid, kill, setgid, setuid, setpcap, net_bind_service, net_raw, sys_chroot, mknod, audit_write, setfcap
/// (moby `oci/caps/defaults.go`).
pub const DOCKER_DEFAULT: u64 = 0xa804_25fb;

impl Credentials {
    /// A user of a container with these bounding capabilities. Only root (user id 0) has them in effect:
    /// runtimes leave other users without (runc `libcontainer/init_linux.go` drops them at setuid).
    pub fn container(uid: u32, gid: u32, groups: Vec<u32>, bounding: u64) -> Credentials {
        let effective = if uid == 0 { bounding } else { 0 };
        Credentials { uid, gid, groups, effective, bounding, no_new_privs: false }
    }

    /// Whether a capability is in effect.
    pub fn has(&self, capability: u32) -> bool {
        self.effective >> capability & 1 == 1
    }
}
