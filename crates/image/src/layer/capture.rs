//! What is kept of a file's content: its head, and of an ELF file what the kernel and the dynamic loader read beyond it.

mod recorder;

use crate::tar::{Archive, Entry, Input, TarError};
use crate::witness::Piece;
use execfit_kernel::elf::{self, Header, ProgramHeader};
use execfit_kernel::ld_so::{self, Object};
use recorder::{Lost, Recorder};

/// What is kept of programs, scripts and libraries.
pub(crate) const HEAD: usize = 4096;
/// What is kept of scripts: entry points are read to the program that they hand over to.
const SCRIPT: usize = 64 * 1024;
/// What is kept of other files: as much as the kernel reads of any (`BINPRM_BUF_SIZE`).
pub(crate) const SHORT_HEAD: usize = 256;
/// What is kept of programs of DOS and Windows: the headers that tell whose they are lie behind a stub.
const PORTABLE: usize = 1024;
/// What is kept of the files that tell a user's number (passwd(5), group(5)).
const USER_DATABASE: usize = 64 * 1024;
/// What is kept of `/etc/ld.so.cache` (ld.so(8)); one of a large distribution has some 200 KiB.
const LOADER_CACHE: usize = 1024 * 1024;
/// How much of a loader is looked through for the directories that it searches.
const LONGEST_LOADER: u64 = 4 * 1024 * 1024;
/// Longest program header table (Linux `fs/binfmt_elf.c`, `load_elf_phdrs`).
const LONGEST_TABLE: u64 = 65536;
/// Longest interpreter name (Linux `load_elf_binary`: `PATH_MAX`).
const LONGEST_INTERPRETER: u64 = 4096;
/// Longest property note that the kernel reads (Linux `parse_elf_properties`: `NOTE_DATA_SZ`).
const LONGEST_NOTE: u64 = 1024;

/// A file that is read forward.
pub(crate) trait Body {
    /// What can go wrong.
    type Error;
    /// Reads; short only at the end.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error>;
    /// Passes over bytes.
    fn skip(&mut self, count: u64) -> Result<(), Self::Error>;
    /// Whether [`Body::go_to`] does anything.
    const GOES_BACK: bool = false;
    /// Goes to a place, before or behind.
    fn go_to(&mut self, _: u64) -> Result<(), Self::Error> {
        Ok(())
    }
}

impl<I: Input> Body for Archive<I> {
    type Error = TarError;

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TarError> {
        let got = self.read_body(buffer)?;
        if self.given() == got as u64 && buffer[..got].starts_with(elf::MAGIC) {
            self.begin_fingerprint(&buffer[..got]);
        }
        Ok(got)
    }

    fn skip(&mut self, count: u64) -> Result<(), TarError> {
        self.skip_body(count)
    }
}

/// Keeps what matters of the file that stands before the reader. `thrifty` keeps only short heads of what is neither
/// ELF nor a script.
pub(super) fn of_entry<I: Input>(
    archive: &mut Archive<I>,
    path: &[u8],
    entry: &Entry,
    thrifty: bool,
) -> Result<Vec<Piece>, TarError> {
    let executable = entry.mode & 0o111 != 0 && !thrifty;
    capture(archive, path, entry.size, executable)
}

/// Keeps what matters of the file of this path and length, reading no further than that takes.
pub(crate) fn capture<B: Body>(
    body: &mut B,
    path: &[u8],
    size: u64,
    executable: bool,
) -> Result<Vec<Piece>, B::Error> {
    let mut head = read(body, size.min(SHORT_HEAD as u64))?;
    let longest = match path {
        b"/etc/passwd" | b"/etc/group" => USER_DATABASE,
        b"/etc/ld.so.cache" => LOADER_CACHE,
        _ if is_musl_path(path) => HEAD,
        _ if head.starts_with(b"#!") => SCRIPT,
        _ if executable || head.starts_with(elf::MAGIC) => HEAD,
        _ if head.starts_with(b"MZ") => PORTABLE,
        _ => SHORT_HEAD,
    };
    head.extend(read(body, (size - head.len() as u64).min((longest - SHORT_HEAD) as u64))?);
    if head.is_empty() {
        return Ok(Vec::new());
    }
    let Some(header) = Header::read(&head) else { return Ok(vec![Piece { offset: 0, bytes: head }]) };
    let mut recorder = Recorder::new(body, size, head);
    let read = read_elf(&mut recorder, path, &header);
    match read {
        Ok(()) | Err(Lost::Passed) => recorder.finish(),
        Err(Lost::Failed(error)) => Err(error),
    }
}

/// `/etc/ld-musl-ARCH.path`: where musl's loader looks (musl ldso/dynlink.c).
fn is_musl_path(path: &[u8]) -> bool {
    path.strip_prefix(b"/etc/ld-musl-").is_some_and(|rest| rest.ends_with(b".path") && !rest.contains(&b'/'))
}

/// Whether it is named as glibc's loaders are.
fn is_loader(path: &[u8]) -> bool {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    [&b"ld-"[..], b"ld.so", b"ld64.so"].iter().any(|own| name.starts_with(own))
}

/// Reads what the kernel reads of an ELF file, and what a loader reads: all of it is kept.
fn read_elf<B: Body>(
    recorder: &mut Recorder<'_, B>,
    path: &[u8],
    header: &Header,
) -> Result<(), Lost<B::Error>> {
    let wide = header.is_wide();
    let stride = ProgramHeader::size(wide);
    let length = (u64::from(header.program_header_count) * stride as u64).min(LONGEST_TABLE);
    let mut table = vec![0; length as usize];
    let got = recorder.read_at(header.program_headers, &mut table)?;
    let headers = table[..got].chunks_exact(stride);
    let headers: Vec<ProgramHeader> =
        headers.map(|bytes| ProgramHeader::read(bytes, wide, header.data == 2)).collect();
    let is_dynamic = headers.iter().any(|header| header.kind == elf::PT_DYNAMIC);
    if is_dynamic {
        let first = headers.iter().find(|header| header.kind == elf::PT_LOAD);
        let end = if is_loader(path) {
            LONGEST_LOADER
        } else {
            first.map_or(0, |load| load.offset.saturating_add(load.file_size))
        };
        recorder.hold(end).map_err(Lost::Failed)?;
    }
    let mut wanted: Vec<(u64, u64)> = Vec::new();
    for segment in &headers {
        let longest = match segment.kind {
            elf::PT_INTERP => LONGEST_INTERPRETER,
            elf::PT_GNU_PROPERTY => LONGEST_NOTE,
            _ => continue,
        };
        if segment.file_size <= longest && wanted.len() < 4 {
            wanted.push((segment.offset, segment.file_size));
        }
    }
    wanted.sort_unstable();
    for (offset, length) in wanted {
        keep(recorder, offset, length)?;
    }
    if is_dynamic {
        Object::read(&mut |offset, buffer| recorder.read_at(offset, buffer))?;
        if is_loader(path) {
            let directories = ld_so::system_directories(&recorder.beginning(LONGEST_LOADER)?);
            let directories = directories.unwrap_or_default();
            keep(recorder, directories.start as u64, directories.len() as u64)?;
        }
    }
    Ok(())
}

/// Keeps a run of bytes; what has passed is lost.
fn keep<B: Body>(recorder: &mut Recorder<'_, B>, offset: u64, length: u64) -> Result<(), Lost<B::Error>> {
    match recorder.read_at(offset, &mut vec![0; length as usize]) {
        Ok(_) | Err(Lost::Passed) => Ok(()),
        Err(failed) => Err(failed),
    }
}

fn read<B: Body>(body: &mut B, length: u64) -> Result<Vec<u8>, B::Error> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    let got = body.read(&mut bytes)?;
    bytes.truncate(got);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::witness::read_pieces;
    use std::convert::Infallible;

    /// A file that passes once.
    struct Passing<'a>(&'a [u8]);

    impl Body for Passing<'_> {
        type Error = Infallible;

        fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
            let length = buffer.len().min(self.0.len());
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }

        fn skip(&mut self, count: u64) -> Result<(), Infallible> {
            self.0 = &self.0[(count as usize).min(self.0.len())..];
            Ok(())
        }
    }

    fn kept(path: &str, file: &[u8]) -> Vec<Piece> {
        capture(&mut Passing(file), path.as_bytes(), file.len() as u64, true).unwrap()
    }

    #[test]
    fn what_a_loader_reads_of_real_files_is_kept_and_little_else() {
        let own = std::env::current_exe().unwrap();
        let machine = std::env::consts::ARCH;
        let library = format!("/lib/{machine}-linux-gnu/libc.so.6");
        for path in [own.to_str().unwrap(), &library, "/lib64/ld-linux-x86-64.so.2"] {
            let Ok(file) = std::fs::read(path) else { continue };
            let pieces = kept(path, &file);
            let whole = Object::read(&mut |offset, buffer: &mut [u8]| {
                let rest = file.get(offset as usize..).unwrap_or_default();
                let length = rest.len().min(buffer.len());
                buffer[..length].copy_from_slice(&rest[..length]);
                Ok::<_, Infallible>(length)
            });
            let size = file.len() as u64;
            let again = Object::read(&mut |offset, buffer: &mut [u8]| {
                read_pieces(&pieces, size, offset, buffer).ok_or(())
            });
            assert_eq!(again, Ok(whole.unwrap()), "{path}");
            let length: usize = pieces.iter().map(|piece| piece.bytes.len()).sum();
            assert!(length < HEAD + 16 * 1024, "{path}: {length} bytes in {} pieces", pieces.len());
            assert!(pieces.windows(2).all(|pair| pair[0].end() < pair[1].offset), "{path}");
        }
    }

    #[test]
    fn the_directories_of_a_loader_are_kept() {
        let path = "/lib64/ld-linux-x86-64.so.2";
        let Ok(file) = std::fs::read(path) else { return };
        let list: &[u8] = b"/usr/lib";
        let pieces = kept(path, &file);
        assert!(pieces.iter().skip(1).any(|piece| piece.bytes.windows(8).any(|bytes| bytes == list)));
    }
}
