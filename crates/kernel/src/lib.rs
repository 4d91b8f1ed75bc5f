//! What would `execve(2)` answer?
//!
//! A model of the Linux kernel's program loading: for a tree of files, a host and a call, it answers what the
//! kernel would answer, errno for errno, and tells each step it took. It reads nothing by itself: the tree of
//! files is a trait ([`tree::FileTree`]), so an image that was never unpacked can be asked.
//!
//! Every rule names its source: a kernel file and function, a manual page, or a runtime's source file.
//!
//! # Example
//!
//! A program for arm64 in a container on an x86_64 host: the runtime finds it ([`lookup`]), and the kernel
//! ([`exec::execve`]) refuses it. Each step is told, the last one with its reason.
//!
//! ```
//! use execfit_kernel::credentials::{Credentials, DOCKER_DEFAULT};
//! use execfit_kernel::errno::Errno;
//! use execfit_kernel::exec::{Call, Outcome, Step, execve};
//! use execfit_kernel::host::{Architecture, Host};
//! use execfit_kernel::lookup::{DEFAULT_PATH, find_program};
//! use execfit_kernel::tree::MemoryTree;
//!
//! // The header of an ELF file: 64 bits, little-endian, an executable (2) for EM_AARCH64 (183).
//! let mut program = b"\x7fELF\x02\x01\x01".to_vec();
//! program.resize(64, 0);
//! (program[16], program[18]) = (2, 183);
//! let tree = MemoryTree::new().file("/usr/bin/app", 0o755, &program).link("/usr/local/bin/app", "/usr/bin/app");
//!
//! let user = Credentials::container(1000, 1000, vec![], DOCKER_DEFAULT);
//! let path = find_program(&tree, &user, b"app", Some(DEFAULT_PATH), b"/", &mut ())?.unwrap();
//! assert_eq!(path, b"/usr/local/bin/app");
//!
//! let argv = [b"app".to_vec()];
//! let call =
//!     Call { path: &path, argv: &argv, env: &[], cwd: b"/", credentials: &user, stack_limit: 8 << 20 };
//! let mut told = Vec::new();
//! let outcome = execve(&tree, &Host::aws(Architecture::X86_64), &call, &mut |step: Step<'_>| match step {
//!     Step::Symlink { .. } => told.push("a link".to_string()),
//!     Step::Elf { header, .. } => told.push(format!("a program for {}", header.machine_name())),
//!     Step::Refused { rule, .. } => told.push(format!("{} ({})", rule.text, rule.source)),
//!     other => told.push(format!("{other:?}")),
//! })?;
//! assert_eq!(outcome, Outcome::Fails(Errno::ENOEXEC));
//! assert_eq!(told[..2], ["a link", "a program for arm64"]);
//! assert!(told[2].contains("fs/binfmt_elf.c"), "{told:?}");
//! # Ok::<(), execfit_kernel::tree::Gap>(())
//! ```
//!
//! What a program's dynamic loader would answer, once the kernel has started it, is [`ld_so`].

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
