//! The program is of a format that Linux does not execute: of macOS, Windows, wasm, an archive, or source code.
//!
//! A Mach-O comes from a Mac (`go build` or `cargo build` without a Linux target, or a binary copied from the laptop);
//! a PE or a batch file from Windows; a gzip, zip, tar or deb was downloaded and never unpacked; a source was copied where
//! the program was meant. The kernel knows none of them: ENOEXEC.
//!
//! ## What to do
//! Build for Linux inside the image (`GOOS=linux`, a multi-stage build), or unpack the archive and copy the program
//! that is in it.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::nature::Nature;
use crate::remedy::Remedy;
use crate::subject::Subject;

/// The finding's id.
pub(super) const ID: &str = "foreign-format";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (refused, signature, nature) = subject.no_program()?;
    let title = match nature {
        Nature::Archive => "unpack it, and copy the program that is in it",
        Nature::Foreign => "build the program for Linux",
        Nature::Source => "compile it, or write it for Linux, and copy the program that comes of it",
        _ => return None,
    };
    let object = subject.object(&refused.blame.path);
    let message = format!("{object} is {}: {}", signature.describe(), refused.answer());
    let mend = Remedy::edit(title, &[]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, refused.ladder())).cured_by(mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Picture, Room};
    use insta::assert_snapshot;

    #[test]
    fn a_program_of_macos_and_an_archive() {
        let mut mach = vec![0; 64];
        mach[..16].copy_from_slice(b"\xcf\xfa\xed\xfe\x0c\0\0\x01\0\0\0\0\x02\0\0\0");
        assert_snapshot!(Room::new().image("app:1", Picture::of_app("arm64", &mach)).finding(ID), @"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: foreign-format, default-architecture
        error[foreign-format]: container app: /app is a Mach-O program for macOS on arm64: execve answers ENOEXEC (exec format error)
          | /app has no format that the kernel knows (layer 2 of 3, COPY app /app)
          | /app: ENOEXEC (exec format error): it is no program in a format that the kernel knows: it begins neither with #! nor as ELF does (layer 2 of 3, COPY app /app) [fs/exec.c search_binary_handler]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 agrees with the prediction: where execve refuses the program, it is that of runc up to 1.1, crun [runc init.go, libcontainer/init_linux.go; crun src/libcrun/container.c]
          = Edit Advice: build the program for Linux
        ");
        let mut gzip = vec![7; 64];
        gzip[..4].copy_from_slice(b"\x1f\x8b\x08\0");
        assert_snapshot!(Room::new().image("app:1", Picture::of_app("amd64", &gzip)).finding(ID), @"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: foreign-format, default-architecture
        error[foreign-format]: container app: /app is a gzip-compressed file: execve answers ENOEXEC (exec format error)
          | /app has no format that the kernel knows (layer 2 of 3, COPY app /app)
          | /app: ENOEXEC (exec format error): it is no program in a format that the kernel knows: it begins neither with #! nor as ELF does (layer 2 of 3, COPY app /app) [fs/exec.c search_binary_handler]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 agrees with the prediction: where execve refuses the program, it is that of runc up to 1.1, crun [runc init.go, libcontainer/init_linux.go; crun src/libcrun/container.c]
          = Edit Advice: unpack it, and copy the program that is in it
        ");
    }

    #[test]
    fn a_compressed_program_and_a_source() {
        let mut packed = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\0\x14\0\xeb\xff\x7fELF\x02\x01\x01".to_vec();
        packed.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 62, 0]);
        let text = Room::new().image("app:1", Picture::of_app("amd64", &packed)).finding(ID);
        assert!(text.contains("/app is a gzip-compressed ELF program for x86_64: execve answers ENOEXEC"), "{text}");
        let source = b"package main\n\nfunc main() {\n}\n";
        let text = Room::new().image("app:1", Picture::of_app("amd64", source)).finding(ID);
        assert!(text.contains("/app is Go source code, not a compiled program: execve answers ENOEXEC"), "{text}");
        assert!(text.contains("compile it"), "{text}");
    }
}
