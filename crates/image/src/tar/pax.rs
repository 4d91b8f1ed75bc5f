//! PAX extended headers (POSIX pax; Go `archive/tar`, `parsePAX`, `parsePAXRecord`, `mergePAX`).

use super::Entry;
use std::collections::BTreeMap;

const XATTR: &[u8] = b"SCHILY.xattr.";

/// The records of one extended header; the last of each key counts.
#[derive(Default)]
pub(super) struct Records(BTreeMap<Vec<u8>, Vec<u8>>);

impl Records {
    /// Reads the body of an extended header; `None` is Go's `ErrHeader`.
    pub(super) fn parse(mut bytes: &[u8]) -> Option<Records> {
        let mut records = BTreeMap::new();
        let mut sparse: Vec<&[u8]> = Vec::new();
        while !bytes.is_empty() {
            let (key, value, rest) = record(bytes)?;
            bytes = rest;
            match key {
                // GNU's sparse format 0.0: a pair of records for each run.
                b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                    let expected: &[u8] = if sparse.len().is_multiple_of(2) {
                        b"GNU.sparse.offset"
                    } else {
                        b"GNU.sparse.numbytes"
                    };
                    if key != expected || value.contains(&b',') {
                        return None;
                    }
                    sparse.push(value);
                }
                key => {
                    records.insert(key.to_vec(), value.to_vec());
                }
            }
        }
        if !sparse.is_empty() {
            records.insert(b"GNU.sparse.map".to_vec(), sparse.join(&b','));
        }
        Some(Records(records))
    }

    /// A record's value; an empty one is none.
    pub(super) fn get(&self, key: &str) -> Option<&[u8]> {
        self.0.get(key.as_bytes()).map(Vec::as_slice).filter(|value| !value.is_empty())
    }

    /// Lays the records over a header (Go `mergePAX`); `None` is its `ErrHeader`.
    pub(super) fn apply(&self, entry: &mut Entry) -> Option<()> {
        let records = self.0.iter().filter(|(_, value)| !value.is_empty());
        for (key, value) in records {
            match key.as_slice() {
                b"path" => entry.name.clone_from(value),
                b"linkpath" => entry.link.clone_from(value),
                b"uid" => entry.uid = integer(value)?.cast_unsigned(),
                b"gid" => entry.gid = integer(value)?.cast_unsigned(),
                b"size" => {
                    let size = integer(value)?;
                    entry.size = if entry.kind.has_no_data() { 0 } else { size.cast_unsigned() };
                }
                b"atime" | b"mtime" | b"ctime" => time(value)?,
                key => {
                    if let Some(name) = key.strip_prefix(XATTR) {
                        entry.xattrs.push((name.to_vec(), value.clone()));
                    }
                }
            }
        }
        Some(())
    }
}

/// One record: `LENGTH KEY=VALUE\n`, the length counting itself.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().position(|byte| *byte == b' ')?;
    let length = usize::try_from(integer(&bytes[..space])?).ok()?;
    if length < 5 || length > bytes.len() {
        return None;
    }
    let (record, rest) = bytes.split_at(length);
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (&record[..equals], &record[equals + 1..]);
    let no_nul = match key {
        b"path" | b"linkpath" | b"uname" | b"gname" => value,
        key => key,
    };
    (!key.is_empty() && !no_nul.contains(&0)).then_some((key, value, rest))
}

/// Go `strconv.ParseInt(_, 10, 64)`.
pub(super) fn integer(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Go `parsePAXTime`: seconds, perhaps with a fraction.
fn time(text: &[u8]) -> Option<()> {
    let (seconds, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(dot) => (&text[..dot], &text[dot + 1..]),
        None => (text, &b""[..]),
    };
    integer(seconds)?;
    fraction.iter().all(u8::is_ascii_digit).then_some(())
}
