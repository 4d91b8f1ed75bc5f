//! Names a file that is no program for Linux: Mach-O, PE, archive, saved error page, text without `#!` ...

/// What the first bytes of a file say that it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// No bytes at all.
    Empty,
}
