//! One finding, one file, one id.

use std::fs;
use std::path::Path;

use super::Complaint;
use super::source::Source;
use crate::Result;

const HOME: &str = "crates/diagnosis/src/findings";

/// Checks the files of the findings against their list.
pub(super) fn check(root: &Path) -> Result<Vec<Complaint>> {
    let Ok(entries) = fs::read_dir(root.join(HOME)) else { return Ok(Vec::new()) };
    let list = fs::read_to_string(root.join(HOME).join("mod.rs")).unwrap_or_default();
    let list = Source::new(Path::new("mod.rs"), &list);
    let mut complaints = Vec::new();
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let Some(name) = path.file_stem().and_then(|stem| stem.to_str()).filter(|stem| *stem != "mod") else {
            continue;
        };
        let text = fs::read_to_string(&path).unwrap_or_default();
        complaints.extend(finding(path.strip_prefix(root)?, name, &text, &list));
    }
    Ok(complaints)
}

fn finding(path: &Path, name: &str, text: &str, list: &Source) -> Vec<Complaint> {
    let id = name.replace('_', "-");
    let mut complaints = Vec::new();
    if !text.contains(&format!("\"{id}\"")) {
        complaints.push(Complaint::new(path, 1, format!("the file of a finding declares its id \"{id}\"")));
    }
    if list.words().all(|(_, word)| word != name) {
        complaints.push(Complaint::new(path, 1, format!("{HOME}/mod.rs must list `{name}`")));
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_declares_its_id_and_is_listed() {
        let count = |text: &str, list: &str| {
            let list = Source::new(Path::new("mod.rs"), list);
            finding(Path::new("no_shebang.rs"), "no_shebang", text, &list).len()
        };
        assert_eq!(count("id: \"no-shebang\"", "mod no_shebang;"), 0);
        assert_eq!(count("id: \"no-shebang\"", "findings! { empty_program, no_shebang }"), 0);
        assert_eq!(count("id: \"no-sheebang\"", "mod no_shebang;"), 1);
        assert_eq!(count("id: \"no-shebang\"", "mod no_shebangs; // no_shebang"), 1);
        assert_eq!(count("", ""), 2);
    }
}
