//! What is kept of a file's content: its head, and of an ELF file what the kernel reads beyond it.

use crate::tar::{Archive, Entry, Input, TarError};
use crate::witness::Piece;
use execfit_kernel::elf::{self, Header, ProgramHeader};

/// What is kept of programs, scripts and libraries.
pub(crate) const HEAD: usize = 4096;
/// What is kept of other files: as much as the kernel reads of any (`BINPRM_BUF_SIZE`).
pub(crate) const SHORT_HEAD: usize = 256;
/// What is kept of the files that tell a user's number (passwd(5), group(5)).
const USER_DATABASE: usize = 64 * 1024;
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
}

impl<I: Input> Body for Archive<I> {
    type Error = TarError;

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, TarError> {
        self.read_body(buffer)
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
        _ if executable || head.starts_with(elf::MAGIC) || head.starts_with(b"#!") => HEAD,
        _ => SHORT_HEAD,
    };
    head.extend(read(body, (size - head.len() as u64).min((longest - SHORT_HEAD) as u64))?);
    if head.is_empty() {
        return Ok(Vec::new());
    }
    let header = Header::read(&head);
    let mut pieces = vec![Piece { offset: 0, bytes: head }];
    if let Some(header) = header {
        beyond_the_head(body, size, &header, &mut pieces)?;
    }
    Ok(pieces)
}

/// Program headers, interpreter and property note of an ELF file, where these lie beyond its head.
fn beyond_the_head<B: Body>(
    body: &mut B,
    size: u64,
    header: &Header,
    pieces: &mut Vec<Piece>,
) -> Result<(), B::Error> {
    let wide = header.is_wide();
    let stride = ProgramHeader::size(wide) as u64;
    let length = (u64::from(header.program_header_count) * stride).min(LONGEST_TABLE);
    keep(body, size, header.program_headers, length, pieces)?;
    let table = kept(pieces, header.program_headers, length);
    let mut wanted: Vec<(u64, u64)> = Vec::new();
    for bytes in table.chunks_exact(ProgramHeader::size(wide)) {
        let segment = ProgramHeader::read(bytes, wide, header.data == 2);
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
        keep(body, size, offset, length, pieces)?;
    }
    Ok(())
}

/// Reads on to a run of bytes and keeps it; what lies before the reader is there already, or is lost.
fn keep<B: Body>(
    body: &mut B,
    size: u64,
    offset: u64,
    length: u64,
    pieces: &mut Vec<Piece>,
) -> Result<(), B::Error> {
    let position = pieces.last().map_or(0, Piece::end);
    let end = offset.saturating_add(length).min(size);
    let start = offset.max(position);
    if start >= end {
        return Ok(());
    }
    body.skip(start - position)?;
    let bytes = read(body, end - start)?;
    match pieces.last_mut() {
        Some(last) if start == position => last.bytes.extend(bytes),
        _ => pieces.push(Piece { offset: start, bytes }),
    }
    Ok(())
}

/// The bytes of a run that were kept; empty where its beginning was not.
fn kept(pieces: &[Piece], offset: u64, length: u64) -> Vec<u8> {
    let piece = pieces.iter().find(|piece| piece.offset <= offset && offset < piece.end());
    let from = |piece: &Piece| usize::try_from(offset - piece.offset).unwrap_or(usize::MAX);
    let rest = piece.and_then(|piece| piece.bytes.get(from(piece)..)).unwrap_or_default();
    rest[..rest.len().min(usize::try_from(length).unwrap_or(usize::MAX))].to_vec()
}

fn read<B: Body>(body: &mut B, length: u64) -> Result<Vec<u8>, B::Error> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    let got = body.read(&mut bytes)?;
    bytes.truncate(got);
    Ok(bytes)
}
