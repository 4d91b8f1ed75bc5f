//! `crane`: Debian has its source alone.

use std::path::Path;
use std::process::Command;

use crate::needs::{self, Need};
use crate::{Result, command};

const SOURCE: &str = "/usr/share/gocode/src/github.com/google/go-containerregistry/cmd/crane/main.go";
const NEEDS: &[Need] = &[
    Need { what: "Go", package: "golang-go", is_met: || command::exists("go") },
    Need {
        what: "crane's source",
        package: "golang-github-google-go-containerregistry-dev",
        is_met: || Path::new(SOURCE).exists(),
    },
];

/// Builds it into a folder, where Go and the source are, or may be installed.
pub(super) fn build(folder: &Path, install: bool) -> Result<()> {
    let program = folder.join("crane");
    if program.exists() || command::exists("crane") {
        return Ok(());
    }
    if install {
        needs::install(&needs::missing(NEEDS))?;
    }
    if !needs::missing(NEEDS).is_empty() {
        return Ok(());
    }
    println!("building crane");
    let mut go = Command::new("go");
    go.env("PATH", command::search_path()).env("GO111MODULE", "off").env("GOPATH", "/usr/share/gocode");
    go.env("GOCACHE", folder.join("go-cache")).args(["build", "-o"]).arg(program);
    command::output(go.arg("github.com/google/go-containerregistry/cmd/crane")).map(drop)
}
