//! Damaged copies of real programs, of whatever architecture: every ELF file below a directory.
//!
//! Each is asked as it is, and as if it had been made for this machine: then the kernel goes beyond the machine's
//! number and meets the layouts that other architectures' linkers make.

use crate::case::Case;
use crate::mutation::{self, Subject};
use crate::{Oracle, Tally, predict};
use execfit_kernel::exec::Step;
use execfit_kernel::host::{Architecture, Host};
use execfit_kernel::tree::MemoryTree;
use std::path::{Path, PathBuf};

impl Oracle {
    /// Asks for every program and library below `folder`, whole, and `count` times for a damaged one.
    pub(crate) fn ask_binaries(&mut self, folder: &Path, seed: u64, count: usize) {
        let files = elf_files(folder);
        let subjects: Vec<Subject> =
            files.iter().flat_map(|(name, bytes)| subjects(name, bytes, &files, &self.host)).collect();
        println!("oracle: {} ELF files in {}", files.len(), folder.display());
        let mut tally = Tally::new("binaries");
        for (name, tree, _) in &subjects {
            self.ask(&Case::new(name, tree.clone(), "/app"), &mut tally);
        }
        self.tell(tally);
        let mut tally = Tally::new("binaries, damaged");
        for case in mutation::cases(seed, count, subjects) {
            self.ask(&case, &mut tally);
        }
        self.tell(tally);
    }
}

/// Names and bytes, in the order of their paths.
fn elf_files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let (mut folders, mut paths) = (vec![folder.to_path_buf()], Vec::<PathBuf>::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                paths.push(entry.path());
            }
        }
    }
    paths.sort();
    let files = paths.into_iter().map(|path| {
        let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(&path).unwrap())
    });
    files.filter(|(_, bytes)| bytes.starts_with(b"\x7fELF") && bytes.len() >= 64).collect()
}

/// The file at `/app`, as it is and as if for this machine, with the loader that it names where there is one; where
/// there is, the loader is a subject, too.
fn subjects(name: &str, bytes: &[u8], files: &[(String, Vec<u8>)], host: &Host) -> Vec<Subject> {
    let mut subjects = Vec::new();
    for bytes in [Some(bytes.to_vec()), naturalised(bytes, host.architecture)].into_iter().flatten() {
        let title = format!("{name} for machine {}", u16::from_le_bytes([bytes[18], bytes[19]]));
        let mut tree = MemoryTree::new().file("/app", 0o755, &bytes);
        if let Some((place, loader)) = loader(&tree, files, host) {
            tree = tree.file(&place, 0o755, &loader);
            subjects.push((format!("loader of {title}"), tree.clone(), place));
        }
        subjects.push((title, tree, "/app".into()));
    }
    subjects
}

/// The file with the number of this machine, or of its 32-bit twin; none where it has it, or is big-endian.
fn naturalised(bytes: &[u8], architecture: Architecture) -> Option<Vec<u8>> {
    let machine = match (architecture, bytes[4]) {
        (Architecture::X86_64, 2) => 62,
        (Architecture::X86_64, _) => 3,
        (Architecture::Arm64, 2) => 183,
        (Architecture::Arm64, _) => 40,
    };
    let mut bytes = bytes.to_vec();
    let is_other = bytes[5] == 1 && bytes[18..20] != [machine, 0];
    bytes[18..20].copy_from_slice(&[machine, 0]);
    is_other.then_some(bytes)
}

/// The loader that `/app` names: the path, and the first file of that name, made for this machine as `/app` is.
fn loader(tree: &MemoryTree, files: &[(String, Vec<u8>)], host: &Host) -> Option<(String, Vec<u8>)> {
    let mut named = None;
    let case = Case::new("loader", tree.clone(), "/app");
    predict(&case, host, &mut |step| {
        if let Step::Interpreter { interpreter, .. } = step {
            named = String::from_utf8(interpreter.to_vec()).ok();
        }
    })
    .ok();
    let place = named?;
    let (_, base) = place.rsplit_once('/')?;
    let app = mutation::content(tree, "/app");
    let same = |bytes: &Vec<u8>| bytes[4] == app[4];
    let (_, bytes) =
        files.iter().find(|(name, bytes)| name.rsplit('/').next() == Some(base) && same(bytes))?;
    Some((place.clone(), naturalised(bytes, host.architecture).unwrap_or_else(|| bytes.clone())))
}
