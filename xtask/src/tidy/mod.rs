//! `cargo xtask tidy`: the walls of the house, each as a check over the sources.

mod documents;
mod findings;
mod manifests;
mod shape;
mod source;
mod walls;

use std::fmt::{self, Display};
use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::command::workspace;
use source::Source;

/// Something that is not as it should be.
pub(crate) struct Complaint {
    file: PathBuf,
    line: usize,
    what: String,
}

impl Complaint {
    fn new(file: &Path, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into() }
    }
}

impl Display for Complaint {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

/// Checks every wall and prints what breaks it.
pub(crate) fn run() -> Result<()> {
    let complaints = check(&workspace())?;
    for complaint in &complaints {
        println!("{complaint}");
    }
    match complaints.len() {
        0 => Ok(()),
        count => Err(format!("{count} walls are broken").into()),
    }
}

fn check(root: &Path) -> Result<Vec<Complaint>> {
    let mut complaints = manifests::check(root)?;
    for path in production_files(root)? {
        let text = fs::read_to_string(&path)?;
        let path = path.strip_prefix(root)?;
        let source = Source::new(path, &text);
        complaints.extend(walls::check(&source));
        complaints.extend(shape::check(&source));
        if let Some(note) = shape::note(&source) {
            println!("{note}");
        }
    }
    complaints.extend(findings::check(root)?);
    complaints.extend(documents::check(root)?);
    Ok(complaints)
}

/// The Rust files of the crates and of xtask that are no tests.
fn production_files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for home in [root.join("crates"), root.join("xtask")] {
        files.extend(rust_files(&home)?);
    }
    files.retain(|path| path.strip_prefix(root).is_ok_and(is_production));
    Ok(files)
}

fn is_production(path: &Path) -> bool {
    let is_test =
        |part: &std::ffi::OsStr| matches!(part.to_str(), Some("tests" | "tests.rs" | "benches" | "fuzz"));
    path.iter().any(|part| part == "src") && !path.iter().any(is_test)
}

/// Every Rust file below a folder, in order.
pub(crate) fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut entries = fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::path);
    for path in entries.iter().map(fs::DirEntry::path) {
        if path.is_dir() && !path.ends_with("target") {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_no_production() {
        assert!(is_production(Path::new("crates/kernel/src/elf.rs")));
        assert!(!is_production(Path::new("crates/kernel/src/elf/tests.rs")));
        assert!(!is_production(Path::new("crates/kernel/tests/oracle.rs")));
    }
}
