//! Hosts by name.

use super::{Architecture, Host, Isa, Support};
use crate::binfmt_misc::qemu_but;

/// A kind of host that people have, and where its properties are known from. What is not known of it is unknown.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// Its name, e.g. `graviton2`.
    pub name: &'static str,
    /// What it is, and the source of its properties.
    pub source: &'static str,
    build: fn() -> Host,
}

/// Names are unique.
impl PartialEq for Preset {
    fn eq(&self, other: &Preset) -> bool {
        self.name == other.name
    }
}

impl Eq for Preset {}

impl Preset {
    /// All of them.
    pub const ALL: &'static [Preset] = &[
        preset(
            "fargate-x86_64",
            "AWS Fargate on X86_64: IA32 emulation as in Firecracker's guest kernel configs",
            || Host::aws(Architecture::X86_64),
        ),
        preset(
            "fargate-arm64",
            "AWS Fargate on ARM64: which Graviton is not told, so 32-bit programs are unknown",
            || Host::aws(Architecture::Arm64),
        ),
        preset("ec2-x86_64", "Amazon Linux on EC2: its kernels have CONFIG_IA32_EMULATION=y", || {
            Host::aws(Architecture::X86_64)
        }),
        preset("graviton1", "EC2 A1, Cortex-A72: AArch32 at EL0 (Arm, Cortex-A72 TRM)", || {
            graviton(Support::Yes, Isa::Armv8_0)
        }),
        preset(
            "graviton2",
            "EC2 m6g, c6g, t4g ..., Neoverse N1: 32-bit user space (aws-graviton-getting-started)",
            || graviton(Support::Yes, Isa::Armv8_2),
        ),
        preset(
            "graviton3",
            "EC2 m7g, c7g ..., Neoverse V1: 32-bit user space (aws-graviton-getting-started)",
            || graviton(Support::Yes, Isa::Armv8_4),
        ),
        preset(
            "graviton4",
            "EC2 m8g, c8g ..., Neoverse V2: no 32-bit support (aws-graviton-getting-started)",
            || graviton(Support::No, Isa::Armv9_0),
        ),
        preset(
            "docker-desktop-mac",
            "Docker Desktop on Apple silicon: a Linux VM with QEMU's handlers, x86_64's by QEMU or Rosetta (Docker manual, multi-platform builds); the processor has no AArch32",
            || emulating(Architecture::Arm64, Support::No),
        ),
        preset(
            "docker-desktop-intel",
            "Docker Desktop on Intel: a Linux VM with QEMU's handlers (Docker manual, multi-platform builds)",
            || emulating(Architecture::X86_64, Support::Yes),
        ),
        preset(
            "ci-qemu-x86_64",
            "An x86_64 machine with tonistiigi/binfmt (docker/setup-qemu-action): QEMU's handlers with flag F",
            || emulating(Architecture::X86_64, Support::Yes),
        ),
        preset(
            "ci-qemu-arm64",
            "An arm64 machine with tonistiigi/binfmt (docker/setup-qemu-action): QEMU's handlers with flag F",
            || emulating(Architecture::Arm64, Support::Unknown),
        ),
    ];

    /// The preset of this name.
    pub fn named(name: &str) -> Option<&'static Preset> {
        Preset::ALL.iter().find(|preset| preset.name == name)
    }

    /// The host.
    pub fn host(&self) -> Host {
        (self.build)()
    }
}

const fn preset(name: &'static str, source: &'static str, build: fn() -> Host) -> Preset {
    Preset { name, source, build }
}

fn graviton(compat32: Support, isa: Isa) -> Host {
    Host { compat32, isa: Some(isa), ..Host::aws(Architecture::Arm64) }
}

/// A host with QEMU's handlers for what it does not run by itself. 32-bit arm is registered on arm64 as well where
/// QEMU's emulator is installed for it: then it does not matter what the processor has.
fn emulating(architecture: Architecture, compat32: Support) -> Host {
    let native: &[&str] = match architecture {
        Architecture::X86_64 => &["x86_64", "i386"],
        Architecture::Arm64 => &["aarch64"],
    };
    Host { compat32, kernel: (6, 12), binfmt_misc: qemu_but(native), ..Host::aws(architecture) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_hosts() {
        for preset in Preset::ALL {
            assert_eq!(Preset::named(preset.name).unwrap().source, preset.source, "no two have one name");
        }
        assert!(Preset::named("graviton5").is_none());
        let narrow = ["graviton2", "graviton3", "graviton4", "fargate-arm64"];
        let narrow = narrow.map(|name| Preset::named(name).unwrap().host().compat32);
        assert_eq!(narrow, [Support::Yes, Support::Yes, Support::No, Support::Unknown]);
        let emulated = |name| Preset::named(name).unwrap().host().binfmt_misc;
        assert!(emulated("docker-desktop-mac").iter().any(|handler| handler.name == "qemu-x86_64"));
        assert!(!emulated("ci-qemu-x86_64").iter().any(|handler| handler.name == "qemu-x86_64"));
        assert!(emulated("fargate-arm64").is_empty());
    }

    #[test]
    fn levels_are_ordered_within_an_architecture() {
        assert!(Isa::X86_64V3.covers(Isa::X86_64V2) && !Isa::X86_64V2.covers(Isa::X86_64V3));
        assert!(Isa::Armv9_0.covers(Isa::Armv8_2) && !Isa::Armv9_0.covers(Isa::X86_64V1));
        for isa in Isa::ALL {
            assert_eq!(Isa::named(isa.name()), Some(*isa));
        }
    }
}
