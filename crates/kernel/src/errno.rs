//! The error numbers that `execve(2)` may answer.

use std::fmt;

macro_rules! errnos {
    ($($name:ident = $number:literal $text:literal),+ $(,)?) => {
        /// An error number (errno(3)); numbers are those of x86 and arm64 (asm-generic/errno.h), texts glibc's.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(clippy::upper_case_acronyms)]
        pub enum Errno { $(#[doc = $text] $name),+ }

        impl Errno {
            /// All of them.
            pub const ALL: &[Errno] = &[$(Errno::$name),+];
            /// The symbolic name, e.g. `ENOEXEC`.
            pub fn name(self) -> &'static str { match self { $(Errno::$name => stringify!($name)),+ } }
            /// The number.
            pub fn number(self) -> i32 { match self { $(Errno::$name => $number),+ } }
            /// The text that runtimes print, Go's spelling (lower case), e.g. `exec format error`.
            pub fn text(self) -> &'static str { match self { $(Errno::$name => $text),+ } }
        }
    };
}

errnos! {
    EPERM = 1 "operation not permitted",
    ENOENT = 2 "no such file or directory",
    EIO = 5 "input/output error",
    E2BIG = 7 "argument list too long",
    ENOEXEC = 8 "exec format error",
    ENOMEM = 12 "cannot allocate memory",
    EACCES = 13 "permission denied",
    ENOTDIR = 20 "not a directory",
    EISDIR = 21 "is a directory",
    EINVAL = 22 "invalid argument",
    ETXTBSY = 26 "text file busy",
    ENAMETOOLONG = 36 "file name too long",
    ELOOP = 40 "too many levels of symbolic links",
    ELIBBAD = 80 "accessing a corrupted shared library",
}

impl Errno {
    /// The error's text as the C library writes it, with a capital (strerror(3)).
    pub fn c_text(self) -> String {
        let mut text = self.text().to_string();
        if let Some(first) = text.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        text
    }

    /// The error of this number or symbolic name.
    pub fn from_name(name: &str) -> Option<Errno> {
        Errno::ALL.iter().copied().find(|errno| errno.name() == name)
    }

    /// The error of this number.
    pub fn from_number(number: i32) -> Option<Errno> {
        Errno::ALL.iter().copied().find(|errno| errno.number() == number)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
