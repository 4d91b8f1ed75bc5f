//! Foreign libraries that a program of the image's own needs for certain: its loader finds them, and dies of them.

use super::look::{Use, file_name};
use super::survey::ForeignFile;
use crate::case::escape;
use execfit_kernel::credentials::Credentials;
use execfit_kernel::elf::{Header, PT_INTERP, ProgramHeader};
use execfit_kernel::ld_so::{self, Answer, Cause, Object, Program};
use execfit_kernel::tree::FileTree;
use std::collections::BTreeSet;

/// Programs whose loaders are asked at most.
const MOST_ASKED: usize = 64;

/// Marks the libraries that programs need. Only those programs are asked that name a library as one of these is called.
pub(super) fn mark(tree: &dyn FileTree, programs: &[Vec<u8>], foreign: &mut [ForeignFile]) {
    let stems: BTreeSet<Vec<u8>> = foreign
        .iter()
        .filter(|file| file.used == Use::Library && file.fold.is_none() && !file.hidden && !file.depends)
        .map(|file| stem(file.path.as_bytes()))
        .collect();
    if stems.is_empty() {
        return;
    }
    let root = Credentials::container(0, 0, Vec::new(), !0);
    let asking = programs.iter().filter_map(|path| Some((path, interpreter(tree, path, &stems)?)));
    for (path, interpreter) in asking.take(MOST_ASKED) {
        let program = Program {
            path,
            interpreter: &interpreter,
            argv0: path,
            env: &[],
            cwd: b"/",
            credentials: &root,
            isa: None,
        };
        let Ok(Answer::Dies(death)) = ld_so::load(tree, &program, &mut |_: ld_so::Step<'_>| ()) else {
            continue;
        };
        let blame = escape(&death.blame);
        let blamed =
            |file: &&mut ForeignFile| file.path == blame && !file.hidden && file.used == Use::Library;
        if death.cause == Cause::Foreign
            && let Some(file) = foreign.iter_mut().find(blamed)
        {
            file.needed_by.get_or_insert(escape(path));
            file.fold = None;
        }
    }
}

/// `libfoo` of `/usr/lib/libfoo.so.1`.
fn stem(path: &[u8]) -> Vec<u8> {
    let name = file_name(path);
    let end = name.windows(3).position(|part| part == b".so").unwrap_or(name.len());
    name[..end].to_vec()
}

/// The loader that a program asks for, where it needs a library of these names.
fn interpreter(tree: &dyn FileTree, path: &[u8], stems: &BTreeSet<Vec<u8>>) -> Option<Vec<u8>> {
    let mut read = |offset: u64, buffer: &mut [u8]| tree.read_at(path, offset, buffer);
    let object = Object::read(&mut read).ok()??;
    if !object.needed.iter().any(|name| stems.contains(&stem(name))) {
        return None;
    }
    let mut head = [0; 4096];
    let length = tree.read_at(path, 0, &mut head[..64]).ok()?;
    let header = Header::read(&head[..length])?;
    let size = ProgramHeader::size(header.is_wide());
    let table = (size * usize::from(header.program_header_count)).min(head.len());
    tree.read_at(path, header.program_headers, &mut head[..table]).ok()?;
    let headers = head[..table].chunks_exact(size);
    let mut headers = headers.map(|bytes| ProgramHeader::read(bytes, header.is_wide(), header.data == 2));
    let named = headers.find(|header| header.kind == PT_INTERP)?;
    let mut text = vec![0; usize::try_from(named.file_size).ok()?.min(4096)];
    let length = tree.read_at(path, named.offset, &mut text).ok()?;
    text.truncate(text[..length].iter().position(|byte| *byte == 0).unwrap_or(length));
    Some(text)
}
