//! The beginning of a compressed file, unpacked: DEFLATE (RFC 1951) in a gzip member (RFC 1952).
//!
//! Only as much as names what is inside; a damaged stream gives what stands before the damage.

/// What is known of a gzip file's content.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Unpacked {
    /// The name of the file that was compressed, where the header tells it.
    pub(super) name: Vec<u8>,
    /// Its first bytes.
    pub(super) head: Vec<u8>,
    /// Whether these are all.
    pub(super) whole: bool,
}

/// Unpacks the first `limit` bytes of what a gzip file holds.
pub(super) fn gzip(file: &[u8], limit: usize) -> Option<Unpacked> {
    let (header, mut rest) = file.split_at_checked(10)?;
    let [0x1f, 0x8b, 8, flags, ..] = *header else { return None };
    if flags & 4 != 0 {
        let (length, behind) = rest.split_first_chunk::<2>()?;
        rest = behind.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    let mut text = || {
        let end = rest.iter().position(|byte| *byte == 0)?;
        let (text, behind) = rest.split_at(end);
        rest = &behind[1..];
        Some(text.to_vec())
    };
    let name = if flags & 8 != 0 { text()? } else { Vec::new() };
    if flags & 16 != 0 {
        text()?;
    }
    let rest = if flags & 2 != 0 { rest.get(2..)? } else { rest };
    let mut stream = Stream { bytes: rest, bit: 0, out: Vec::new(), limit };
    let whole = stream.blocks().is_some();
    Some(Unpacked { name, whole: whole && stream.out.len() < limit, head: stream.out })
}

/// A stream under way. Every step gives `None` where the bytes end, the limit is reached or nothing makes sense.
struct Stream<'a> {
    bytes: &'a [u8],
    bit: usize,
    out: Vec<u8>,
    limit: usize,
}

/// Codes of one alphabet, by length: how many there are of each, and their symbols in order (RFC 1951 3.2.2).
struct Codes {
    counts: [u16; 16],
    symbols: Vec<u16>,
}

/// Lengths: base and extra bits of the symbols from 257 on (RFC 1951 3.2.5).
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];

/// In which order the lengths of the code lengths' codes come (RFC 1951 3.2.7).
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

impl Codes {
    fn new(lengths: &[u8]) -> Codes {
        let mut counts = [0; 16];
        lengths.iter().for_each(|length| counts[usize::from(*length & 15)] += 1);
        let of = |length: u8| {
            (0u16..).zip(lengths).filter(move |(_, is)| **is == length).map(|(symbol, _)| symbol)
        };
        let symbols = (1..16).flat_map(of).collect();
        counts[0] = 0;
        Codes { counts, symbols }
    }
}

impl Stream<'_> {
    fn bits(&mut self, count: u8) -> Option<u16> {
        (0..count).try_fold(0, |value, at| {
            let byte = self.bytes.get(self.bit / 8)?;
            let bit = u16::from(byte >> (self.bit % 8) & 1);
            self.bit += 1;
            Some(value | bit << at)
        })
    }

    fn symbol(&mut self, codes: &Codes) -> Option<u16> {
        let (mut code, mut first, mut index) = (0i32, 0i32, 0i32);
        for length in 1..16 {
            code |= i32::from(self.bits(1)?);
            let count = i32::from(codes.counts[length]);
            if code - first < count {
                return codes.symbols.get(usize::try_from(index + code - first).ok()?).copied();
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }

    fn put(&mut self, byte: u8) -> Option<()> {
        self.out.push(byte);
        (self.out.len() < self.limit).then_some(())
    }

    fn blocks(&mut self) -> Option<()> {
        loop {
            let last = self.bits(1)? == 1;
            match self.bits(2)? {
                0 => self.stored()?,
                1 => {
                    let lengths: Vec<u8> = (0..288).map(fixed_length).collect();
                    self.block(&Codes::new(&lengths), &Codes::new(&[5; 30]))?;
                }
                2 => {
                    let (literals, distances) = self.codes()?;
                    self.block(&literals, &distances)?;
                }
                _ => return None,
            }
            if last {
                return Some(());
            }
        }
    }

    fn stored(&mut self) -> Option<()> {
        self.bit = self.bit.next_multiple_of(8);
        let length = self.bits(16)?;
        self.bits(16)?;
        (0..length).try_for_each(|_| {
            let byte = self.bits(8)?;
            self.put(byte as u8)
        })
    }

    /// The codes of a block that brings its own (RFC 1951 3.2.7).
    fn codes(&mut self) -> Option<(Codes, Codes)> {
        let literals = usize::from(self.bits(5)?) + 257;
        let distances = usize::from(self.bits(5)?) + 1;
        let mut lengths = [0; 19];
        for at in ORDER.iter().take(usize::from(self.bits(4)?) + 4) {
            lengths[*at] = self.bits(3)? as u8;
        }
        let codes = Codes::new(&lengths);
        let mut lengths = Vec::new();
        while lengths.len() < literals + distances {
            let (value, times) = match self.symbol(&codes)? {
                16 => (*lengths.last()?, self.bits(2)? + 3),
                17 => (0, self.bits(3)? + 3),
                18 => (0, self.bits(7)? + 11),
                length => (length as u8, 1),
            };
            lengths.extend(std::iter::repeat_n(value, times.into()));
        }
        let (literals, distances) = lengths.split_at_checked(literals)?;
        Some((Codes::new(literals), Codes::new(distances)))
    }

    fn block(&mut self, literals: &Codes, distances: &Codes) -> Option<()> {
        loop {
            match self.symbol(literals)? {
                literal @ 0..=255 => self.put(literal as u8)?,
                256 => return Some(()),
                symbol => {
                    let (base, extra) = *LENGTHS.get(usize::from(symbol - 257))?;
                    let length = base + self.bits(extra)?;
                    let distance = self.distance(distances)?;
                    for _ in 0..length {
                        let at = self.out.len().checked_sub(distance)?;
                        self.put(self.out[at])?;
                    }
                }
            }
        }
    }

    /// How far back to copy from: symbols come in pairs, each pair with one more bit (RFC 1951 3.2.5).
    fn distance(&mut self, codes: &Codes) -> Option<usize> {
        let symbol = self.symbol(codes)?;
        let extra = (symbol / 2).saturating_sub(1);
        let base = if symbol < 4 { usize::from(symbol) } else { usize::from(2 + symbol % 2) << extra };
        let more = self.bits(u8::try_from(extra).ok().filter(|extra| *extra <= 13)?)?;
        Some(base + usize::from(more) + 1)
    }
}

/// Lengths of the codes that are fixed (RFC 1951 3.2.6).
fn fixed_length(symbol: u16) -> u8 {
    match symbol {
        0..=143 => 8,
        144..=255 => 9,
        256..=279 => 7,
        _ => 8,
    }
}
