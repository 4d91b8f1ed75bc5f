//! What the manifests must say.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Complaint;
use crate::{Result, command};

/// Checks the kernel's dependencies and the lints of every member.
pub(super) fn check(root: &Path) -> Result<Vec<Complaint>> {
    let mut tree = Command::new("cargo");
    tree.current_dir(root).args(["tree", "--package", "execfit-kernel", "--edges", "normal"]);
    let mut complaints = Vec::from_iter(dependencies(&command::output(&mut tree)?));
    complaints.extend(denial(&fs::read_to_string(root.join("Cargo.toml"))?));
    let crates = fs::read_dir(root.join("crates"))?.flatten().map(|entry| entry.path());
    for home in crates.chain([root.join("xtask")]) {
        let manifest = home.join("Cargo.toml");
        if let Ok(text) = fs::read_to_string(&manifest) {
            complaints.extend(inheritance(manifest.strip_prefix(root)?, &text));
        }
    }
    Ok(complaints)
}

fn dependencies(tree: &str) -> Option<Complaint> {
    let count = tree.lines().count();
    let what = format!("the kernel crate depends on nothing at all, but `cargo tree` has {count} lines");
    (count != 1).then(|| Complaint::new(Path::new("crates/kernel/Cargo.toml"), 1, what))
}

fn denial(manifest: &str) -> Option<Complaint> {
    let lints = manifest.split("[workspace.lints.rust]").nth(1).unwrap_or_default();
    let lints = lints.split("\n[").next().unwrap_or_default();
    let denies = lints.lines().any(|line| line.trim() == r#"unsafe_code = "deny""#);
    (!denies).then(|| Complaint::new(Path::new("Cargo.toml"), 1, "the workspace must deny unsafe code"))
}

fn inheritance(path: &Path, manifest: &str) -> Option<Complaint> {
    let lints = manifest.split("[lints]").nth(1).unwrap_or_default();
    let inherits = lints.trim_start().starts_with("workspace = true");
    (!inherits)
        .then(|| Complaint::new(path, 1, "the workspace's lints hold everywhere: [lints] workspace = true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_depends_on_nothing() {
        assert!(dependencies("execfit-kernel v0.1.0\n").is_none());
        assert!(dependencies("execfit-kernel v0.1.0\n└── libc v0.2\n").is_some());
    }

    #[test]
    fn unsafe_code_is_denied_everywhere() {
        assert!(denial("[workspace.lints.rust]\nunsafe_code = \"deny\"\n").is_none());
        assert!(denial("[workspace.lints.rust]\nunsafe_code = \"warn\"\n").is_some());
        assert!(denial("[workspace.lints.rust]\n[a]\nunsafe_code = \"deny\"\n").is_some());
        assert!(inheritance(Path::new("a"), "[lints]\nworkspace = true\n").is_none());
        assert!(inheritance(Path::new("a"), "[package]\nname = \"a\"\n").is_some());
    }
}
