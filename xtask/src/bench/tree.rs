//! A folder as a layer's tar, and what it holds for which machine.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use crate::Result;

/// 2024-07-01, so that a layer is the same whenever it is made.
const MADE: u64 = 1_719_792_000;
/// Where `e_machine` ends (ELF specification, `Elf64_Ehdr`).
const HEAD: usize = 20;

/// The machine of each ELF file, by its path in the image.
pub(super) type Machines = BTreeMap<String, u16>;

/// Writes a folder as a tar: sorted, owned by root, of one date. Notes every ELF file.
pub(super) fn pack(folder: &Path, tar: &Path, machines: &mut Machines) -> Result<()> {
    let mut builder = Builder::new(BufWriter::new(File::create(tar)?));
    for path in sorted(folder)? {
        let name = path.strip_prefix(folder)?;
        append(&mut builder, &path, name).map_err(|error| format!("{}: {error}", path.display()))?;
        let at = format!("/{}", name.display());
        match machine(&path) {
            Some(machine) => drop(machines.insert(at, machine)),
            None => drop(machines.remove(&at)),
        }
    }
    builder.into_inner()?.flush()?;
    Ok(())
}

/// Everything below a folder, each folder before what is in it.
fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.path();
        paths.push(path.clone());
        if entry.file_type()?.is_dir() {
            paths.extend(sorted(&path)?);
        }
    }
    Ok(paths)
}

fn append(builder: &mut Builder<impl Write>, path: &Path, name: &Path) -> io::Result<()> {
    let about = fs::symlink_metadata(path)?;
    let mut header = Header::new_gnu();
    header.set_mtime(MADE);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mode(about.permissions().mode() & 0o7777);
    header.set_size(0);
    if about.is_dir() {
        header.set_entry_type(EntryType::Directory);
        builder.append_data(&mut header, name.join(""), io::empty())
    } else if about.is_symlink() {
        header.set_entry_type(EntryType::Symlink);
        header.set_mode(0o777);
        builder.append_link(&mut header, name, fs::read_link(path)?)
    } else {
        header.set_size(about.len());
        builder.append_data(&mut header, name, File::open(path)?)
    }
}

/// `e_machine` of an ELF file.
fn machine(path: &Path) -> Option<u16> {
    if !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let mut head = [0; HEAD];
    File::open(path).ok()?.read_exact(&mut head).ok()?;
    let [0x7f, b'E', b'L', b'F', _, data, .., low, high] = head else { return None };
    Some(if data == 2 { u16::from_be_bytes([low, high]) } else { u16::from_le_bytes([low, high]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elf(data: u8, machine: [u8; 2]) -> Vec<u8> {
        [&[0x7f, b'E', b'L', b'F', 2, data][..], &[0; 12], &machine, &[0; 40]].concat()
    }

    #[test]
    fn a_layer_is_the_same_twice_and_its_programs_are_known() {
        let home = std::env::temp_dir().join(format!("execfit-bench-tree-{}", std::process::id()));
        let folder = home.join("root");
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::write(folder.join("bin/a"), elf(1, [62, 0])).unwrap();
        fs::write(folder.join("bin/s390"), elf(2, [0, 22])).unwrap();
        fs::write(folder.join("bin/text"), "#!/bin/a\n").unwrap();
        std::os::unix::fs::symlink("a", folder.join("bin/link")).unwrap();
        let mut machines = Machines::from([("/bin/text".to_owned(), 3)]);
        pack(&folder, &home.join("one"), &mut machines).unwrap();
        pack(&folder, &home.join("two"), &mut machines).unwrap();
        assert_eq!(machines, Machines::from([("/bin/a".to_owned(), 62), ("/bin/s390".to_owned(), 22)]));
        let tar = fs::read(home.join("one")).unwrap();
        assert_eq!(tar, fs::read(home.join("two")).unwrap());
        let mut archive = tar::Archive::new(&tar[..]);
        let names: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["bin/", "bin/a", "bin/link", "bin/s390", "bin/text"]);
        fs::remove_dir_all(home).unwrap();
    }
}
