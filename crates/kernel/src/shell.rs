//! What a shell does with a file for which `execve` answers ENOEXEC: it runs it as a script, or refuses it.
//!
//! POSIX (XCU 2.9.1.4) lets a shell run such a file as a script; how it tells a script from a program of another
//! machine differs, and so do text and exit code. Measured with dash 0.5.12, bash 5.2, busybox 1.35 and mksh 59c.

use crate::elf;

/// A shell, as far as they differ here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shell {
    /// Debian's and Ubuntu's `/bin/sh`.
    Dash,
    /// Fedora's, Amazon Linux's and Arch's `/bin/sh`.
    Bash,
    /// Alpine's `/bin/sh`: busybox's ash.
    Ash,
    /// Android's.
    Mksh,
}

/// How a shell comes to a file without a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handed {
    /// As a command, for which `execve` answered ENOEXEC to the shell itself.
    Command,
    /// As the script that it is started with: `/bin/sh FILE`, by glibc's `execvp` (posix/execvpe.c
    /// maybe_script_execute).
    Script,
}

/// First two bytes that mksh takes for no script (exec.c scriptexec; asked of mksh 59c): programs, compressed files,
/// texts with a byte order mark.
const NO_SCRIPT_FOR_MKSH: [u16; 22] = [
    0x0000, 0x0005, 0x0107, 0x0108, 0x010b, 0x0150, 0x0500, 0x0b13, 0x1f8b, 0x1f9d, 0x377a, 0x425a, 0x4c01,
    0x4c58, 0x4c5a, 0x4d5a, 0x4e45, 0x5001, 0x7f45, 0xefbb, 0xfeff, 0xfffe,
];

/// Bytes of a file that any shell looks at.
pub const SAMPLE: usize = 128;

impl Shell {
    /// Every shell that is modelled.
    pub const ALL: [Shell; 4] = [Shell::Dash, Shell::Bash, Shell::Ash, Shell::Mksh];

    /// The shell behind a path whose links were followed (`/bin/sh` leads to `dash`, `bash` or `busybox`). `None` for
    /// a plain `sh`, which may be any of them, and for what is no shell.
    pub fn of_path(path: &[u8]) -> Option<Shell> {
        match name(path) {
            b"dash" => Some(Shell::Dash),
            b"bash" | b"rbash" => Some(Shell::Bash),
            b"busybox" | b"ash" | b"busybox.nosuid" => Some(Shell::Ash),
            b"mksh" => Some(Shell::Mksh),
            _ => None,
        }
    }

    /// Its name for humans.
    pub fn name(self) -> &'static str {
        match self {
            Shell::Dash => "dash",
            Shell::Bash => "bash",
            Shell::Ash => "busybox's ash",
            Shell::Mksh => "mksh",
        }
    }

    /// Whether a file with this beginning is run as a script.
    pub fn takes_for_script(self, handed: Handed, head: &[u8]) -> bool {
        let line = |length: usize| {
            let sample = &head[..head.len().min(length)];
            sample.split(|byte| *byte == b'\n').next().unwrap_or_default()
        };
        match (self, handed) {
            // Control characters in the first line of 128 bytes: what no text has.
            (Shell::Dash, Handed::Command) => {
                !line(128).iter().any(|byte| matches!(byte, 0..=8 | 16..=26 | 28..=31 | 127))
            }
            // bash general.c check_binary_file: ELF's mark, or NUL in the first line of 80 bytes.
            (Shell::Bash, _) => !head.starts_with(elf::MAGIC) && !line(80).contains(&0),
            // mksh exec.c scriptexec: known marks of programs and archives.
            (Shell::Mksh, Handed::Command) => {
                let mark = head.first_chunk().map(|mark| u16::from_be_bytes(*mark));
                mark.is_none_or(|mark| !NO_SCRIPT_FOR_MKSH.contains(&mark))
            }
            // busybox shell/ash.c tryexec: whatever it is; so do all with the script that they are started with.
            (Shell::Ash, _) | (Shell::Dash | Shell::Mksh, Handed::Script) => true,
        }
    }

    /// What it says of a file that it does not take for a script, and its exit code.
    pub fn refusal(self, handed: Handed, head: &[u8]) -> Option<(&'static str, u8)> {
        if self.takes_for_script(handed, head) {
            return None;
        }
        Some(match (self, handed) {
            (Shell::Bash, Handed::Command) => ("cannot execute binary file: Exec format error", 126),
            (Shell::Bash, Handed::Script) => ("cannot execute binary file", 126),
            (Shell::Mksh, _) if head.starts_with(elf::MAGIC) => ("not executable", 1),
            (Shell::Mksh, _) => ("not executable", 126),
            (Shell::Dash | Shell::Ash, _) => ("Exec format error", 126),
        })
    }
}

/// Whether this is the name of a shell of the Bourne family.
pub fn is_shell(path: &[u8]) -> bool {
    matches!(
        name(path),
        b"sh" | b"dash" | b"bash" | b"ash" | b"busybox" | b"mksh" | b"ksh" | b"zsh" | b"rbash"
    )
}

fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_is_told_by_what_its_links_lead_to() {
        assert_eq!(Shell::of_path(b"/usr/bin/dash"), Some(Shell::Dash));
        assert_eq!(Shell::of_path(b"/bin/busybox"), Some(Shell::Ash));
        assert_eq!(Shell::of_path(b"/bin/sh"), None);
        assert!(is_shell(b"/bin/sh") && !is_shell(b"/bin/shred"));
    }

    #[test]
    fn what_each_takes_for_a_script() {
        let taken = |head: &[u8]| Shell::ALL.map(|shell| shell.takes_for_script(Handed::Command, head));
        assert_eq!(taken(b"echo hi\n"), [true; 4]);
        assert_eq!(taken(b""), [true; 4]);
        assert_eq!(taken(b"echo hi\n\0\x01"), [true; 4], "only the first line counts");
        assert_eq!(taken(b"\x7fELF\x02\x01\x01\0"), [false, false, true, false]);
        assert_eq!(taken(b"MZ\x90\n"), [true, true, true, false]);
        assert_eq!(taken(b"\x1f\x8b\x08\n"), [false, true, true, false]);
        assert_eq!(taken(&[0; 100]), [false, false, true, false]);
        assert_eq!(taken(b"\0echo hi\n"), [false, false, true, true]);
        let dash = |head: &[u8]| Shell::Dash.takes_for_script(Handed::Command, head);
        assert!(dash(&[&[b' '; 128][..], b"\x01"].concat()));
        assert!(!dash(&[&[b' '; 127][..], b"\x01"].concat()));
    }

    #[test]
    fn a_script_to_start_with_is_refused_by_bash_alone() {
        let refused = |head: &[u8]| Shell::ALL.map(|shell| shell.refusal(Handed::Script, head));
        assert_eq!(
            refused(b"\x7fELF\x02\x01\x01\0"),
            [None, Some(("cannot execute binary file", 126)), None, None]
        );
        assert_eq!(refused(&[0; 9]), [None, Some(("cannot execute binary file", 126)), None, None]);
        assert_eq!(refused(b"MZ\x90\n"), [None; 4]);
        assert_eq!(Shell::Mksh.refusal(Handed::Command, b"MZ\x90\n"), Some(("not executable", 126)));
    }
}
