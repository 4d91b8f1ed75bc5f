//! Every path that a document names exists.

use std::fs;
use std::path::Path;

use super::Complaint;
use crate::Result;

const DOCUMENTS: [&str; 4] = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
const HOMES: [&str; 7] = ["crates/", "xtask/", "examples/", "book/", "schema/", "corpus/", ".ci/"];

/// Checks the documents at the root.
pub(super) fn check(root: &Path) -> Result<Vec<Complaint>> {
    let mut complaints = Vec::new();
    for name in DOCUMENTS {
        let Ok(text) = fs::read_to_string(root.join(name)) else { continue };
        let missing = paths(&text).into_iter().filter(|(_, path)| !root.join(path).exists());
        complaints.extend(
            missing.map(|(line, path)| {
                Complaint::new(Path::new(name), line, format!("`{path}` does not exist"))
            }),
        );
    }
    Ok(complaints)
}

/// What stands in backticks and looks like a path of this repository, with its line.
fn paths(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let quoted = line.split('`').skip(1).step_by(2);
        found.extend(quoted.filter(|word| is_path(word)).map(|word| (index + 1, word)));
    }
    found
}

fn is_path(word: &str) -> bool {
    HOMES.iter().any(|home| word.starts_with(home)) && !word.contains(['<', '*', '{', ' ', '$'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_in_backticks() {
        let text = "see `crates/kernel/src/elf.rs` and `xtask/`\nrun `cargo xtask lab`, `crates/<name>`, crates/none\n`.ci/run`";
        assert_eq!(paths(text), [(1, "crates/kernel/src/elf.rs"), (1, "xtask/"), (3, ".ci/run")]);
    }

    #[test]
    fn a_path_that_is_not_there_trips() {
        let root = std::env::temp_dir().join(format!("execfit-documents-{}", std::process::id()));
        fs::create_dir_all(root.join("xtask")).unwrap();
        fs::write(root.join("README.md"), "`xtask/`\n`xtask/gone.rs`\n").unwrap();
        let complaints: Vec<String> = check(&root).unwrap().iter().map(ToString::to_string).collect();
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(complaints, ["README.md:2: `xtask/gone.rs` does not exist"]);
    }
}
