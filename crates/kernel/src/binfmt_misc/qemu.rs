//! QEMU's user-mode emulators as handlers (QEMU `scripts/qemu-binfmt-conf.sh`; Debian's /usr/lib/binfmt.d/qemu-*.conf).

use super::Handler;

/// What one of QEMU's emulators takes.
struct Target {
    name: &'static str,
    wide: bool,
    big: bool,
    machine: u8,
}

const fn target(name: &'static str, wide: bool, big: bool, machine: u8) -> Target {
    Target { name, wide, big, machine }
}

/// The emulators that tonistiigi/binfmt installs and containers are built for, by QEMU's names.
const TARGETS: [Target; 7] = [
    target("aarch64", true, false, 183),
    target("arm", false, false, 40),
    target("i386", false, false, 3),
    target("ppc64le", true, false, 21),
    target("riscv64", true, false, 243),
    target("s390x", true, true, 22),
    target("x86_64", true, false, 62),
];

/// QEMU's emulators for all machines but these. The interpreters were opened in the host (flag `F`), so images need
/// not have them; `argv[0]` and credentials are kept (`P`, `C`), as tonistiigi/binfmt registers them.
pub fn qemu_but(native: &[&str]) -> Vec<Handler> {
    TARGETS.iter().filter(|target| !native.contains(&target.name)).map(Target::handler).collect()
}

impl Target {
    fn handler(&self) -> Handler {
        let mut magic = vec![0x7f, b'E', b'L', b'F', 1 + u8::from(self.wide), 1 + u8::from(self.big), 1];
        magic.resize(16, 0);
        magic.extend(if self.big { [0, 2, 0, self.machine] } else { [2, 0, self.machine, 0] });
        let mut mask = vec![0xff; 20];
        mask[if self.big { 17 } else { 16 }] = 0xfe;
        mask[7] = 0;
        match self.name {
            "i386" | "x86_64" => mask[5..7].fill(0xfe),
            "s390x" => mask[7] = 0xfc,
            "ppc64le" => (mask[7], mask[19]) = (0xfc, 0),
            _ => {}
        }
        Handler {
            name: format!("qemu-{}", self.name),
            offset: 0,
            magic,
            mask,
            interpreter: format!("/usr/bin/qemu-{}", self.name).into_bytes(),
            fixed: true,
            preserve_argv0: true,
            credentials: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Debian's lines (package qemu-user-static), and QEMU's own for the two that Debian's amd64 package has not.
    const LINES: [&str; 7] = [
        r":qemu-aarch64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-aarch64:POCF",
        r":qemu-arm:M::\x7f\x45\x4c\x46\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-arm:POCF",
        r":qemu-i386:M::\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x03\x00:\xff\xff\xff\xff\xff\xfe\xfe\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-i386:POCF",
        r":qemu-ppc64le:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x15\x00:\xff\xff\xff\xff\xff\xff\xff\xfc\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\x00:/usr/bin/qemu-ppc64le:POCF",
        r":qemu-riscv64:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-riscv64:POCF",
        r":qemu-s390x:M::\x7f\x45\x4c\x46\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x16:\xff\xff\xff\xff\xff\xff\xff\xfc\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff:/usr/bin/qemu-s390x:POCF",
        r":qemu-x86_64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00:\xff\xff\xff\xff\xff\xfe\xfe\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-x86_64:POCF",
    ];

    #[test]
    fn handlers_are_as_the_registered_lines_have_them() {
        let lines: Vec<Handler> = LINES.iter().map(|line| Handler::register(line).unwrap()).collect();
        assert_eq!(qemu_but(&[]), lines);
        assert_eq!(qemu_but(&["i386", "x86_64"]).len(), 5);
    }

    #[test]
    fn lines_that_the_kernel_refuses() {
        for (line, why) in [
            ("", "empty"),
            (":x:M::ELF::/x", "seven"),
            (":x:M::ELF::/x:F:", "seven"),
            ("::M::ELF::/x:F", "name"),
            (":a/b:M::ELF::/x:F", "name"),
            (":x:E::exe::/x:F", "extension"),
            (":x:N::ELF::/x:F", "neither"),
            (":x:M:a:ELF::/x:F", "offset"),
            (":x:M::::/x:F", "magic"),
            (r":x:M::\xf:\xff:/x:", "digits"),
            (r":x:M::ELF:\xff:/x:", "length"),
            (":x:M:254:ELF::/x:", "256"),
            (":x:M::ELF:::F", "interpreter"),
            (":x:M::ELF::/x:Z", "flag"),
        ] {
            assert!(Handler::register(line).unwrap_err().contains(why), "{line}");
        }
        let good = Handler::register(",x,M,253,E:F,,/x,C\n").unwrap();
        assert_eq!(
            (good.offset, good.magic, good.credentials, good.fixed),
            (253, b"E:F".to_vec(), true, false)
        );
    }
}
