//! The program is the error page of a download that failed.
//!
//! `curl -o app URL` without `--fail` writes whatever the server sends: an HTML page, `{"message":"Not Found"}`, an
//! S3 `<Error>`, or the two words `Not Found`. The build goes on, `chmod +x` succeeds, and the kernel meets a text
//! without `#!`: ENOEXEC.
//!
//! ## What to do
//! Download with `curl --fail --location`, check a checksum, and see whether the release has a file for the
//! architecture at that address at all.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::nature::Nature;
use crate::remedy::Remedy;
use crate::subject::Subject;

/// The finding's id.
pub(super) const ID: &str = "saved-error-page";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (refused, signature, Nature::ErrorPage) = subject.no_program()? else { return None };
    let object = subject.object(&refused.blame.path);
    let message = format!("{object} is no program but {}: {}", signature.describe(), refused.answer());
    let mend = Remedy::edit("download it again, and let the build fail when that fails", &["curl --fail --location --output FILE URL"]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, refused.ladder())).cured_by(mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Picture, Room};
    use insta::assert_snapshot;

    #[test]
    fn pages_of_servers() {
        let page = b"<!DOCTYPE html><html><head><title>404 Not Found</title></head></html>";
        assert_snapshot!(Room::new().image("app:1", Picture::of_app("amd64", page)).finding(ID), @r#"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: saved-error-page, default-architecture
        error[saved-error-page]: container app: /app is no program but an HTML page titled "404 Not Found": execve answers ENOEXEC (exec format error)
          | /app has no format that the kernel knows (layer 2 of 3, COPY app /app)
          | /app: ENOEXEC (exec format error): it is no program in a format that the kernel knows: it begins neither with #! nor as ELF does (layer 2 of 3, COPY app /app) [fs/exec.c search_binary_handler]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 agrees with the prediction: where execve refuses the program, it is that of runc up to 1.1, crun [runc init.go, libcontainer/init_linux.go; crun src/libcrun/container.c]
          = Edit Advice: download it again, and let the build fail when that fails
            $ curl --fail --location --output FILE URL
        "#);
        for answer in [&b"{\"message\":\"Not Found\"}"[..], b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", b"Not Found"] {
            let ids = Room::new().image("app:1", Picture::of_app("amd64", answer)).ids();
            assert!(ids.contains(&ID), "{ids:?}");
        }
    }
}
