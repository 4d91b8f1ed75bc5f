//! Where the blocks of a gzip file begin (RFC 1951, RFC 1952): SOCI's checkpoints stand there.

use super::Checkpoint;

/// Bits of a stream, the lowest of a byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A canonical Huffman code: how many words of each length, and their symbols in order.
struct Code {
    counts: [u16; 16],
    symbols: Vec<u16>,
}

impl Code {
    fn new(lengths: &[u8]) -> Code {
        let mut counts = [0; 16];
        lengths.iter().for_each(|length| counts[usize::from(*length)] += 1);
        let mut symbols: Vec<u16> =
            (0..lengths.len() as u16).filter(|at| lengths[usize::from(*at)] > 0).collect();
        symbols.sort_by_key(|at| lengths[usize::from(*at)]);
        Code { counts, symbols }
    }
}

impl Bits<'_> {
    fn take(&mut self, count: usize) -> usize {
        let bit = |at: usize| usize::from(self.bytes[at / 8] >> (at % 8) & 1);
        let value = (0..count).map(|number| bit(self.at + number) << number).sum();
        self.at += count;
        value
    }

    fn align(&mut self) {
        self.at = self.at.next_multiple_of(8);
    }

    fn symbol(&mut self, code: &Code) -> usize {
        let (mut word, mut first, mut index) = (0, 0, 0);
        for count in &code.counts[1..] {
            word |= self.take(1);
            let count = usize::from(*count);
            if word < first + count {
                return usize::from(code.symbols[index + word - first]);
            }
            index += count;
            first = (first + count) << 1;
            word <<= 1;
        }
        unreachable!("a word that the code does not have")
    }

    /// Passes over the symbols of a block, and counts the bytes that they stand for.
    fn pass(&mut self, literals: &Code, distances: &Code) -> usize {
        let mut out = 0;
        loop {
            let symbol = self.symbol(literals);
            if symbol < 256 {
                out += 1;
                continue;
            }
            if symbol == 256 {
                return out;
            }
            let number = symbol - 257;
            let extra = if number < 8 || number == 28 { 0 } else { number / 4 - 1 };
            let base = match number {
                28 => 258,
                0..8 => 3 + number,
                _ => 3 + ((4 + number % 4) << extra),
            };
            out += base + self.take(extra);
            let distance = self.symbol(distances);
            self.take(if distance < 4 { 0 } else { distance / 2 - 1 });
        }
    }

    /// The codes of a block that brings its own.
    fn codes(&mut self) -> (Code, Code) {
        let (literals, distances, count) = (self.take(5) + 257, self.take(5) + 1, self.take(4) + 4);
        let mut lengths = [0; 19];
        for at in &[16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15][..count] {
            lengths[*at] = self.take(3) as u8;
        }
        let code = Code::new(&lengths);
        let mut lengths = Vec::new();
        while lengths.len() < literals + distances {
            let (length, times) = match self.symbol(&code) {
                16 => (lengths[lengths.len() - 1], 3 + self.take(2)),
                17 => (0, 3 + self.take(3)),
                18 => (0, 11 + self.take(7)),
                length => (length as u8, 1),
            };
            lengths.extend(std::iter::repeat_n(length, times));
        }
        (Code::new(&lengths[..literals]), Code::new(&lengths[literals..]))
    }

    /// Passes over a block behind its first three bits.
    fn block(&mut self, kind: usize) -> usize {
        match kind {
            0 => {
                self.align();
                let length = self.take(16);
                self.at += 16 + 8 * length;
                length
            }
            1 => {
                let lengths: Vec<u8> = [(144, 8), (112, 9), (24, 7), (8, 8)]
                    .into_iter()
                    .flat_map(|(count, length)| std::iter::repeat_n(length, count))
                    .collect();
                self.pass(&Code::new(&lengths), &Code::new(&[5; 30]))
            }
            _ => {
                let (literals, distances) = self.codes();
                self.pass(&literals, &distances)
            }
        }
    }

    /// Passes over the header of a gzip member.
    fn header(&mut self) {
        let flags = self.bytes[self.at / 8 + 3];
        let mut at = self.at / 8 + 10;
        if flags & 4 != 0 {
            at += 2 + usize::from(u16::from_le_bytes([self.bytes[at], self.bytes[at + 1]]));
        }
        for flag in [8, 16] {
            if flags & flag != 0 {
                at += 1 + self.bytes[at..].iter().position(|byte| *byte == 0).expect("a gzip header");
            }
        }
        self.at = 8 * (at + usize::from(flags & 2));
    }
}

/// The checkpoints of a gzip layer as soci-snapshotter sets them: at the first block, and at each that begins more than
/// `span` bytes after the last one.
pub(crate) fn checkpoints(blob: &[u8], span: usize) -> Vec<Checkpoint> {
    let mut bits = Bits { bytes: blob, at: 0 };
    let (mut points, mut out, mut last): (Vec<Checkpoint>, _, _) = (Vec::new(), 0, 0);
    while bits.at / 8 < blob.len() {
        bits.header();
        loop {
            if points.is_empty() || out - last > span {
                let stored = bits.at.div_ceil(8);
                points.push(Checkpoint { stored, out, bits: (8 * stored - bits.at) as u8 });
                last = out;
            }
            let (ends, kind) = (bits.take(1) == 1, bits.take(2));
            out += bits.block(kind);
            if ends {
                break;
            }
        }
        bits.align();
        bits.at += 64;
    }
    points
}
