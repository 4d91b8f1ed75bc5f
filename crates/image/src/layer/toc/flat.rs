//! Reads FlatBuffers (google/flatbuffers, "FlatBuffer Internals"): little-endian tables whose fields are found through
//! a table of their offsets.
//!
//! An own reader, because those of the crates `flatbuffers` and `planus` are reached through `unsafe` functions only,
//! which this workspace denies. Every access is checked against the buffer's end, and no more is followed than the
//! caller asks for, so that nothing needs to be verified beforehand; whatever is out of bounds is `None`.

/// One table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the offsets of its fields lie, and how many bytes of them.
    offsets: usize,
    length: usize,
}

/// `N` bytes at some place.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// The place that an offset at some place points to.
fn follow(bytes: &[u8], at: usize) -> Option<usize> {
    at.checked_add(usize::try_from(u32::from_le_bytes(array(bytes, at)?)).ok()?)
}

impl<'a> Table<'a> {
    /// The root of a buffer.
    pub(super) fn root(bytes: &'a [u8]) -> Option<Table<'a>> {
        Table::new(bytes, follow(bytes, 0)?)
    }

    fn new(bytes: &'a [u8], at: usize) -> Option<Table<'a>> {
        let back = i64::from(i32::from_le_bytes(array(bytes, at)?));
        let offsets = usize::try_from(i64::try_from(at).ok()?.checked_sub(back)?).ok()?;
        let length = usize::from(u16::from_le_bytes(array(bytes, offsets)?));
        Some(Table { bytes, at, offsets, length })
    }

    /// Where a field lies, counted from 0 in the order of the schema. Outer `None`: out of bounds; inner: not there.
    fn field(&self, number: usize) -> Option<Option<usize>> {
        let slot = 4 + 2 * number;
        if slot + 2 > self.length {
            return Some(None);
        }
        let offset = usize::from(u16::from_le_bytes(array(self.bytes, self.offsets.checked_add(slot)?)?));
        if offset == 0 { Some(None) } else { self.at.checked_add(offset).map(Some) }
    }

    fn scalar<const N: usize>(&self, number: usize) -> Option<[u8; N]> {
        self.field(number)?.map_or(Some([0; N]), |at| array(self.bytes, at))
    }

    /// A `long`; 0 where it is not there.
    pub(super) fn i64(&self, number: usize) -> Option<i64> {
        self.scalar(number).map(i64::from_le_bytes)
    }

    /// An `int`; 0 where it is not there.
    pub(super) fn i32(&self, number: usize) -> Option<i32> {
        self.scalar(number).map(i32::from_le_bytes)
    }

    /// A `uint`; 0 where it is not there.
    pub(super) fn u32(&self, number: usize) -> Option<u32> {
        self.scalar(number).map(u32::from_le_bytes)
    }

    /// A `byte`, or this where it is not there.
    pub(super) fn u8_or(&self, number: usize, default: u8) -> Option<u8> {
        self.field(number)?.map_or(Some(default), |at| self.bytes.get(at).copied())
    }

    /// A table in a field.
    pub(super) fn table(&self, number: usize) -> Option<Table<'a>> {
        Table::new(self.bytes, follow(self.bytes, self.field(number)??)?)
    }

    /// A string or a vector of bytes; empty where it is not there.
    pub(super) fn text(&self, number: usize) -> Option<&'a [u8]> {
        match self.field(number)? {
            None => Some(&[]),
            Some(at) => run(self.bytes, follow(self.bytes, at)?, 1).map(|(bytes, _)| bytes),
        }
    }

    /// A vector of tables or strings; empty where it is not there.
    pub(super) fn vector(&self, number: usize) -> Option<Vector<'a>> {
        match self.field(number)? {
            None => Some(Vector { bytes: self.bytes, start: 0, count: 0 }),
            Some(at) => {
                let (elements, start) = run(self.bytes, follow(self.bytes, at)?, 4)?;
                Some(Vector { bytes: self.bytes, start, count: elements.len() / 4 })
            }
        }
    }
}

/// The elements of a vector, each of so many bytes, and where they begin.
fn run(bytes: &[u8], at: usize, width: usize) -> Option<(&[u8], usize)> {
    let count = usize::try_from(u32::from_le_bytes(array(bytes, at)?)).ok()?;
    let start = at.checked_add(4)?;
    Some((bytes.get(start..start.checked_add(count.checked_mul(width)?)?)?, start))
}

/// A vector of offsets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vector<'a> {
    bytes: &'a [u8],
    start: usize,
    count: usize,
}

impl<'a> Vector<'a> {
    /// How many elements it has.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    fn element(&self, at: usize) -> Option<usize> {
        if at < self.count { follow(self.bytes, self.start + 4 * at) } else { None }
    }

    /// One of its tables.
    pub(super) fn table(&self, at: usize) -> Option<Table<'a>> {
        Table::new(self.bytes, self.element(at)?)
    }

    /// One of its strings.
    pub(super) fn text(&self, at: usize) -> Option<&'a [u8]> {
        run(self.bytes, self.element(at)?, 1).map(|(bytes, _)| bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flatbuffers::{FlatBufferBuilder, WIPOffset};

    #[test]
    fn what_the_library_writes_is_read() {
        let mut builder = FlatBufferBuilder::new();
        let name = builder.create_string("name");
        let one = builder.create_string("one");
        let texts = builder.create_vector(&[one, name]);
        let start = builder.start_table();
        builder.push_slot_always::<WIPOffset<_>>(4, name);
        builder.push_slot_always::<i64>(6, -5);
        let inner = builder.end_table(start);
        let tables = builder.create_vector(&[inner]);
        let start = builder.start_table();
        builder.push_slot_always::<WIPOffset<_>>(4, inner);
        builder.push_slot_always::<WIPOffset<_>>(6, tables);
        builder.push_slot_always::<WIPOffset<_>>(8, texts);
        builder.push_slot_always::<u8>(12, 9);
        let root = builder.end_table(start);
        builder.finish(root, None);
        let bytes = builder.finished_data().to_vec();
        let root = Table::root(&bytes).unwrap();
        let inner = root.table(0).unwrap();
        assert_eq!((inner.text(0), inner.i64(1), inner.u32(2)), (Some(&b"name"[..]), Some(-5), Some(0)));
        assert_eq!(root.vector(1).unwrap().table(0).unwrap().i64(1), Some(-5));
        let texts = root.vector(2).unwrap();
        assert_eq!(
            (texts.count(), texts.text(0), texts.text(1), texts.text(2)),
            (2, Some(&b"one"[..]), Some(&b"name"[..]), None)
        );
        assert_eq!((root.u8_or(4, 1), root.u8_or(9, 1)), (Some(9), Some(1)));
        assert_eq!((root.text(3), root.vector(3).unwrap().count()), (Some(&b""[..]), 0));
        assert!(root.table(3).is_none());
        // Whatever is damaged: an answer or none, and never more.
        for at in 0..bytes.len() {
            for value in [0, 0x7f, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                for cut in [damaged.len(), at] {
                    let Some(root) = Table::root(&damaged[..cut]) else { continue };
                    let _ = (root.table(0).map(|inner| (inner.text(0), inner.i64(1))), root.text(2));
                    if let Some(vector) = root.vector(1) {
                        let numbers = (0..vector.count().min(10)).filter_map(|at| vector.table(at)?.i64(1));
                        assert!(numbers.count() <= 10);
                    }
                }
            }
        }
    }
}
