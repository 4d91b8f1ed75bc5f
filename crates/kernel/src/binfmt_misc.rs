//! Formats that were registered at run time: emulators such as QEMU.

mod qemu;
mod register;

pub use qemu::qemu_but;

/// A registered handler (Documentation/admin-guide/binfmt-misc.rst).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    /// Its name under /proc/sys/fs/binfmt_misc.
    pub name: String,
    /// Offset of the magic in the file.
    pub offset: usize,
    /// The bytes to match.
    pub magic: Vec<u8>,
    /// The bits of each byte that count; empty = all.
    pub mask: Vec<u8>,
    /// The interpreter's path.
    pub interpreter: Vec<u8>,
    /// Flag `F`: the interpreter was opened at registration, in the host.
    pub fixed: bool,
    /// Flag `P`: `argv[0]` is kept.
    pub preserve_argv0: bool,
    /// Flag `C`: credentials (file capabilities) are those of the file, not of the interpreter.
    pub credentials: bool,
}

/// The handler that takes a file of these first bytes: the first that matches, in the order of `handlers`
/// (fs/binfmt_misc.c search_binfmt_handler). Handlers by file name extension are not modelled.
pub fn find<'h>(handlers: &'h [Handler], head: &[u8]) -> Option<&'h Handler> {
    handlers.iter().find(|handler| handler.matches(head))
}

impl Handler {
    /// Whether the magic stands at its offset.
    pub fn matches(&self, head: &[u8]) -> bool {
        let Some(bytes) = head.get(self.offset..).and_then(|bytes| bytes.get(..self.magic.len())) else {
            return false;
        };
        let mask = |at: usize| self.mask.get(at).copied().unwrap_or(0xff);
        bytes.iter().zip(&self.magic).enumerate().all(|(at, (byte, magic))| (byte ^ magic) & mask(at) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_bits_do_not_count() {
        let handler = Handler {
            name: "x".into(),
            offset: 1,
            magic: vec![0x10, 0x20],
            mask: vec![0xf0, 0xff],
            interpreter: b"/x".to_vec(),
            fixed: false,
            preserve_argv0: false,
            credentials: false,
        };
        assert!(handler.matches(&[0, 0x1f, 0x20]));
        assert!(!handler.matches(&[0, 0x2f, 0x20]));
        assert!(!handler.matches(&[0, 0x1f, 0x21]));
        assert!(!handler.matches(&[0, 0x1f]));
    }
}
