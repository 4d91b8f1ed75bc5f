//! What would `execve(2)` answer?
//!
//! A model of the Linux kernel's program loading: for a tree of files, a host and a call, it answers what the
//! kernel would answer, errno for errno, and tells each step it took. It reads nothing by itself: the tree of
//! files is a trait ([`tree::FileTree`]), so an image that was never unpacked can be asked.
//!
//! Every rule names its source: a kernel file and function, a manual page, or a runtime's source file.

mod arguments;
pub mod binfmt_elf;
pub mod binfmt_misc;
pub mod binfmt_script;
pub mod capability;
pub mod credentials;
pub mod elf;
pub mod errno;
pub mod exec;
mod gnu_property;
pub mod host;
pub mod launcher;
pub mod ld_so;
pub mod lookup;
mod machine;
mod mapping;
pub mod namei;
mod open;
pub mod path;
pub mod refusal;
pub mod runtime;
pub mod shell;
pub mod signature;
pub mod tree;
