//! Sparse files (GNU tar manual, "Storing Sparse Files"; Go `archive/tar`, `handleSparseFile`).

use super::header::{BLOCK, number};
use super::pax::{Records, integer};
use super::{Archive, Entry, Input, LONGEST_SPECIAL, TarError};

/// Most runs of a file. (Go: as many as fit in a special file of 1 MiB.)
const MOST_RUNS: usize = 128 * 1024;

/// The runs of data of a sparse file: where they begin and how long they are.
#[derive(Debug)]
pub(super) struct Map(Vec<(u64, u64)>);

/// A stretch of a sparse file's body.
pub(super) struct Run {
    /// Stored, or a hole of zeros.
    pub(super) data: bool,
    /// Bytes from the place that was asked on.
    pub(super) length: u64,
}

impl Map {
    /// Go `validateSparseEntries`.
    pub(super) fn fits(&self, size: u64) -> bool {
        let mut end = 0;
        size <= i64::MAX as u64
            && self.0.iter().all(|(offset, length)| {
                let fits = *offset >= end && offset.checked_add(*length).is_some_and(|end| end <= size);
                end = offset.saturating_add(*length);
                fits
            })
    }

    /// The stretch at an offset.
    pub(super) fn run_at(&self, at: u64) -> Run {
        let next = self.0.partition_point(|(offset, length)| offset + length <= at);
        match self.0.get(next) {
            Some((offset, length)) if *offset <= at => Run { data: true, length: offset + length - at },
            Some((offset, _)) => Run { data: false, length: offset - at },
            None => Run { data: false, length: u64::MAX },
        }
    }
}

impl<I: Input> Archive<I> {
    /// Go `readGNUSparsePAXHeaders`: name, size and map of a sparse file in PAX's clothes.
    pub(super) fn pax_sparse_map(
        &mut self,
        records: &Records,
        entry: &mut Entry,
    ) -> Result<Option<Map>, TarError> {
        let version = (records.get("GNU.sparse.major"), records.get("GNU.sparse.minor"));
        let in_body = match version {
            (Some(b"0"), Some(b"0" | b"1")) => false,
            (Some(b"1"), Some(b"0")) => true,
            (None, None) if records.get("GNU.sparse.map").is_some() => false,
            _ => return Ok(None),
        };
        if let Some(name) = records.get("GNU.sparse.name") {
            entry.name = name.to_vec();
        }
        if let Some(size) = records.get("GNU.sparse.size").or_else(|| records.get("GNU.sparse.realsize")) {
            entry.size = natural(size)?;
        }
        let numbers = if in_body { self.body_map()? } else { header_map(records)? };
        Ok(Some(pairs(&numbers)))
    }

    /// Go `readGNUSparseMap1x0`: decimal numbers in lines, before the data, padded to whole blocks.
    fn body_map(&mut self) -> Result<Vec<u64>, TarError> {
        let mut text: Vec<u8> = Vec::new();
        let mut numbers = Vec::new();
        let mut wanted = 1;
        let mut at = 0;
        while numbers.len() < wanted {
            let Some(line) = text[at..].iter().position(|byte| *byte == b'\n') else {
                if text.len() as u64 >= LONGEST_SPECIAL {
                    return Err(TarError::TooLong);
                }
                let mut block = [0; BLOCK];
                self.read_stored_exact(&mut block)?;
                text.extend_from_slice(&block);
                continue;
            };
            numbers.push(natural(&text[at..at + line])?);
            at += line + 1;
            if let [count] = numbers[..] {
                // The length of the text bounds what is kept: a lie about the count ends in "unexpected EOF", as in Go.
                let count =
                    usize::try_from(count).ok().and_then(|count| count.checked_mul(2)?.checked_add(1));
                wanted = count.ok_or(TarError::Header)?;
            }
        }
        numbers.remove(0);
        Ok(numbers)
    }

    /// Go `readOldGNUSparseMap`: in the header, and in blocks after it; the real size is there too.
    pub(super) fn old_sparse_map(&mut self, header: &[u8; BLOCK]) -> Result<(Map, u64), TarError> {
        let size = number(&header[483..495]).ok_or(TarError::Header)?;
        let mut numbers = Vec::new();
        let mut more = take_old(&header[386..482], header[482], &mut numbers)?;
        while more {
            if numbers.len() > 2 * MOST_RUNS {
                return Err(TarError::Header);
            }
            let Some(block) = self.block()? else { return Err(TarError::Cut) };
            more = take_old(&block[..504], block[504], &mut numbers)?;
        }
        Ok((pairs(&numbers), size))
    }
}

/// The runs of one old GNU header or extension, and whether another follows.
fn take_old(runs: &[u8], extended: u8, numbers: &mut Vec<u64>) -> Result<bool, TarError> {
    for run in runs.chunks_exact(24) {
        if run[0] == 0 {
            break;
        }
        numbers.push(number(&run[..12]).ok_or(TarError::Header)?);
        numbers.push(number(&run[12..]).ok_or(TarError::Header)?);
    }
    Ok(extended > 0)
}

/// Go `readGNUSparseMap0x1`: `offset,length,...` in a record.
fn header_map(records: &Records) -> Result<Vec<u64>, TarError> {
    let count = natural(records.get("GNU.sparse.numblocks").ok_or(TarError::Header)?)?;
    let text = records.get("GNU.sparse.map").unwrap_or_default();
    let numbers = if text.is_empty() {
        Vec::new()
    } else {
        text.split(|byte| *byte == b',').map(natural).collect::<Result<Vec<_>, _>>()?
    };
    if count > MOST_RUNS as u64 || numbers.len() as u64 != 2 * count {
        Err(TarError::Header)
    } else {
        Ok(numbers)
    }
}

fn natural(text: &[u8]) -> Result<u64, TarError> {
    integer(text).and_then(|number| u64::try_from(number).ok()).ok_or(TarError::Header)
}

fn pairs(numbers: &[u64]) -> Map {
    Map(numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}
