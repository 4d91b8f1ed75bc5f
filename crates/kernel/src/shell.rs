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

    /// Whether a file with this beginning is run as a script.
    pub fn takes_for_script(self, head: &[u8]) -> bool {
        let line = |length: usize| {
            let sample = &head[..head.len().min(length)];
            sample.split(|byte| *byte == b'\n').next().unwrap_or_default()
        };
        match self {
            // Control characters in the first line of 128 bytes: what no text has.
            Shell::Dash => !line(128).iter().any(|byte| matches!(byte, 0..=8 | 16..=26 | 28..=31 | 127)),
            // bash general.c check_binary_file: ELF's mark, or NUL in the first line of 80 bytes.
            Shell::Bash => !head.starts_with(elf::MAGIC) && !line(80).contains(&0),
            // busybox shell/ash.c tryexec: whatever it is.
            Shell::Ash => true,
            // mksh exec.c scriptexec: known marks of programs and archives.
            Shell::Mksh => !head.starts_with(elf::MAGIC) && !head.starts_with(b"\0\0"),
        }
    }

    /// The exit code of a shell that refuses a file as no script.
    pub fn refused_exit_code(self) -> u8 {
        match self {
            Shell::Dash | Shell::Bash => 126,
            // It never refuses: a program of another machine ends in a syntax error.
            Shell::Ash => 2,
            Shell::Mksh => 1,
        }
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
        let taken = |head: &[u8]| Shell::ALL.map(|shell| shell.takes_for_script(head));
        assert_eq!(taken(b"echo hi\n"), [true; 4]);
        assert_eq!(taken(b""), [true; 4]);
        assert_eq!(taken(b"echo hi\n\0\x01"), [true; 4], "only the first line counts");
        assert_eq!(taken(b"\x7fELF\x02\x01\x01\0"), [false, false, true, false]);
        assert_eq!(taken(b"MZ\x90\n"), [true; 4]);
        assert_eq!(taken(b"\x1f\x8b\x08\n"), [false, true, true, true]);
        assert_eq!(taken(&[0; 100]), [false, false, true, false]);
        assert!(Shell::Dash.takes_for_script(&[&[b' '; 128][..], b"\x01"].concat()));
        assert!(!Shell::Dash.takes_for_script(&[&[b' '; 127][..], b"\x01"].concat()));
    }
}
