//! The script begins with a byte order mark, so its `#!` is not at its beginning.
//!
//! Editors of Windows put EF BB BF (UTF-8), or write two bytes a character (UTF-16), before the first letter. No
//! editor shows it. The kernel compares bytes, finds no `#!`, and answers ENOEXEC.
//!
//! ## What to do
//! Save the file as UTF-8 without a mark: `sed -i '1s/^\xEF\xBB\xBF//' entrypoint.sh`, or `iconv` for UTF-16.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::nature::Nature;
use crate::remedy::Remedy;
use crate::subject::Subject;
use execfit_kernel::signature::{Encoding, Signature};

/// The finding's id.
pub(super) const ID: &str = "byte-order-mark";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (refused, signature, Nature::Encoded) = subject.no_program()? else { return None };
    let object = subject.object(&refused.blame.path);
    let message = format!("{object} is {}: {}", signature.describe(), refused.answer());
    let command = match signature {
        Signature::ByteOrderMark { encoding: Encoding::Utf8, .. } => r"sed -i '1s/^\xEF\xBB\xBF//' FILE",
        _ => "iconv -f UTF-16 -t UTF-8 FILE > FILE.new && mv FILE.new FILE",
    };
    let mend = Remedy::edit("save the file as UTF-8 without a byte order mark", &[command]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, refused.ladder())).cured_by(mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Picture, Room};
    use insta::assert_snapshot;

    #[test]
    fn utf_8_and_utf_16() {
        let room = Room::new().image("app:1", Picture::of_app("amd64", b"\xef\xbb\xbf#!/bin/sh\nexec app\n"));
        assert_snapshot!(room.finding(ID), @r#"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: byte-order-mark, default-architecture
        error[byte-order-mark]: container app: /app is a script with a UTF-8 byte order mark before its #!: execve answers ENOEXEC (exec format error)
          | /app has no format that the kernel knows (layer 2 of 3, COPY app /app)
          | /app: ENOEXEC (exec format error): it is no program in a format that the kernel knows: it begins neither with #! nor as ELF does (layer 2 of 3, COPY app /app) [fs/exec.c search_binary_handler]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 agrees with the prediction: where execve refuses the program, it is that of runc up to 1.1, crun [runc init.go, libcontainer/init_linux.go; crun src/libcrun/container.c]
          = Edit Advice: save the file as UTF-8 without a byte order mark
            $ sed -i '1s/^\xEF\xBB\xBF//' FILE
        "#);
        let room = Room::new().image("app:1", Picture::of_app("amd64", b"\xff\xfe#\0!\0/\0b\0i\0n\0/\0s\0h\0\n\0"));
        assert_snapshot!(room.finding(ID), @"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: byte-order-mark, default-architecture
        error[byte-order-mark]: container app: /app is a script with a UTF-16 (little-endian) byte order mark before its #!: execve answers ENOEXEC (exec format error)
          | /app has no format that the kernel knows (layer 2 of 3, COPY app /app)
          | /app: ENOEXEC (exec format error): it is no program in a format that the kernel knows: it begins neither with #! nor as ELF does (layer 2 of 3, COPY app /app) [fs/exec.c search_binary_handler]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 agrees with the prediction: where execve refuses the program, it is that of runc up to 1.1, crun [runc init.go, libcontainer/init_linux.go; crun src/libcrun/container.c]
          = Edit Advice: save the file as UTF-8 without a byte order mark
            $ iconv -f UTF-16 -t UTF-8 FILE > FILE.new && mv FILE.new FILE
        ");
    }
}
