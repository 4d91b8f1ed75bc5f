//! The directories that a glibc was built to search (`SYSTEM_DIRS` of elf/dl-load.c): its loader holds them as text.

use super::{opened::Opened, parent};
use crate::tree::{FileTree, Gap};
use std::ops::Range;

/// A loader is read in blocks of this many bytes; an observer keeps those that hold the directories.
const BLOCK: usize = 4096;
/// Bytes of a loader that are looked through; glibc's has some 250 KiB.
const LONGEST_LOADER: u64 = 4 * 1024 * 1024;

/// Where in the bytes of a glibc loader the list of its directories stands, widened to whole blocks of 4096 bytes:
/// what an observer keeps of it.
pub fn system_directories(loader: &[u8]) -> Option<Range<usize>> {
    let (list, _) = find(loader)?;
    let end = list.end.div_ceil(BLOCK).saturating_mul(BLOCK);
    Some(list.start / BLOCK * BLOCK..end.min(loader.len()))
}

/// The list, and its directories without the final slash. It is the one run of texts, each ended by NUL, that all
/// begin and end with a slash, of which one is a `lib` directory.
fn find(bytes: &[u8]) -> Option<(Range<usize>, Vec<Vec<u8>>)> {
    let mut at = 0;
    while let Some(next) = bytes.get(at..).and_then(|rest| rest.windows(2).position(|pair| pair == b"\0/")) {
        let start = at + next + 1;
        at = start;
        let mut directories = Vec::new();
        while let Some(text) = directory(&bytes[at..]) {
            directories.push(text[..text.len() - 1].to_vec());
            at += text.len() + 1;
        }
        if directories.iter().any(|path| path.windows(4).any(|part| part == b"/lib")) {
            return Some((start..at, directories));
        }
        at = at.max(start).saturating_sub(usize::from(at > start));
    }
    None
}

/// The text at the beginning, where it is an absolute directory with its final slash.
fn directory(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes.iter().take(256).position(|byte| *byte == 0)?;
    let text = &bytes[..end];
    let fit = text.len() > 2 && text.starts_with(b"/") && text.ends_with(b"/");
    (fit && text.iter().all(u8::is_ascii_graphic)).then_some(text)
}

/// The directories that a loader searches last, read out of it. What an observer did not keep of it is passed over.
pub(super) fn of_loader(tree: &dyn FileTree, loader: &Opened) -> Result<Option<Vec<Vec<u8>>>, Gap> {
    let mut run = Vec::new();
    let mut offset = 0;
    while offset < loader.size.min(LONGEST_LOADER) {
        let mut block = [0; BLOCK];
        let length = (loader.size - offset).min(BLOCK as u64) as usize;
        match tree.read_at(&loader.file, offset, &mut block[..length]) {
            Ok(got) => run.extend_from_slice(&block[..got]),
            Err(Gap::Hidden { .. }) => run.clear(),
            Err(gap) => return Err(gap),
        }
        // A list that ends in this block begins in it or in the one before.
        if let Some((_, directories)) = find(&run) {
            return Ok(Some(directories));
        }
        run.drain(..run.len().saturating_sub(BLOCK));
        offset += BLOCK as u64;
    }
    Ok(None)
}

/// The directories of a loader whose list could not be read, told by where it lies: Debian's multiarch directories
/// beside one that lies in such a directory, else those of glibc itself (sysdeps/gnu/configure.ac: `/lib64` where the
/// word size has its own).
pub(super) fn by_place(loader: &[u8], wide: bool) -> Vec<Vec<u8>> {
    let place = parent(loader);
    let multiarch = place.strip_prefix(b"/usr").unwrap_or(place);
    let paths: Vec<Vec<u8>> = if multiarch.starts_with(b"/lib/") {
        vec![multiarch.to_vec(), [b"/usr", multiarch].concat(), b"/lib".to_vec(), b"/usr/lib".to_vec()]
    } else if wide {
        vec![b"/lib64".to_vec(), b"/usr/lib64".to_vec()]
    } else {
        vec![b"/lib".to_vec(), b"/usr/lib".to_vec()]
    };
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_in_a_loader() {
        let list = b"/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0/usr/lib/\0";
        let mut loader = vec![0; 5000];
        loader.extend_from_slice(b"/etc/\0text\0/proc/self/exe\0");
        loader.extend_from_slice(list);
        loader.extend_from_slice(&[0; 9000]);
        let (_, directories) = find(&loader).unwrap();
        let expect: [&[u8]; 4] =
            [b"/lib/x86_64-linux-gnu", b"/usr/lib/x86_64-linux-gnu", b"/lib", b"/usr/lib"];
        assert_eq!(directories, expect);
        assert_eq!(system_directories(&loader), Some(4096..8192));
        assert_eq!(system_directories(b"\0/lib"), None);
    }
}
