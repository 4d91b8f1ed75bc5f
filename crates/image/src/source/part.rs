//! Parts of blobs: which ones are asked for together, and that they come as they were asked for.

use super::SourceError;
use std::io::{ErrorKind, Read};
use std::ops::Range;

/// Longest part that is read at once, in bytes: parts are kept in memory.
pub const LONGEST_PART: u64 = 64 * 1024 * 1024;

/// Reads a part that begins where the stream stands, all of it.
pub(super) fn read_part(
    stream: &mut dyn Read,
    part: &Range<u64>,
    object: &str,
) -> Result<Vec<u8>, SourceError> {
    let length = part.end.saturating_sub(part.start);
    if length > LONGEST_PART {
        let detail = format!("a part of {length} bytes was asked for, more than {LONGEST_PART}");
        return Err(SourceError::Broken { object: object.into(), detail });
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    match stream.read_exact(&mut bytes) {
        Ok(()) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            let detail = format!("it ends before byte {}", part.end);
            Err(SourceError::Broken { object: object.into(), detail })
        }
        Err(error) => Err(error.downcast::<SourceError>().unwrap_or_else(|error| SourceError::Unreachable {
            object: object.into(),
            detail: error.to_string(),
        })),
    }
}

/// Joins parts that lie no further than `gap` bytes from each other, up to the longest that is read at once. What is
/// asked for may be in any order and may overlap; the answer is in order and does not.
pub fn coalesce(parts: &[Range<u64>], gap: u64) -> Vec<Range<u64>> {
    let mut sorted: Vec<Range<u64>> = parts.iter().filter(|part| part.start < part.end).cloned().collect();
    sorted.sort_unstable_by_key(|part| (part.start, part.end));
    let mut joined: Vec<Range<u64>> = Vec::new();
    for part in sorted {
        match joined.last_mut() {
            Some(last)
                if part.start <= last.end.saturating_add(gap)
                    && (part.end.max(last.end) - last.start <= LONGEST_PART || part.end <= last.end) =>
            {
                last.end = last.end.max(part.end);
            }
            Some(last) if part.start < last.end => {
                let start = last.end;
                joined.push(start..part.end);
            }
            _ => joined.push(part),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_parts_are_asked_for_together() {
        let parts = [100..110, 0..10, 12..20, 20..30, 5..5];
        assert_eq!(coalesce(&parts, 0), [0..10, 12..30, 100..110]);
        assert_eq!(coalesce(&parts, 2), [0..30, 100..110]);
        assert_eq!(coalesce(&parts, u64::MAX), vec![0..110; 1]);
        let half = LONGEST_PART / 2;
        assert_eq!(
            coalesce(&[0..half, half..2 * half, 2 * half..3 * half], 0),
            [0..2 * half, 2 * half..3 * half]
        );
    }

    #[test]
    fn a_part_is_whole_or_an_error() {
        let read = |range: Range<u64>| read_part(&mut &b"abcdef"[..], &range, "blob x");
        assert_eq!(read(10..14).unwrap(), b"abcd");
        assert_eq!(read(10..17).unwrap_err().to_string(), "blob x is broken: it ends before byte 17");
        let long = read(0..LONGEST_PART + 1).unwrap_err().to_string();
        assert_eq!(long, "blob x is broken: a part of 67108865 bytes was asked for, more than 67108864");
    }
}
