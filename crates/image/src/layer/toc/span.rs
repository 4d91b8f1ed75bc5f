//! Unpacks a part of a gzip file from the middle of it (zlib's `examples/zran.c`, which SOCI's checkpoints come from).
//!
//! A deflate stream goes on where one of its blocks ended: at some bit of some byte, with the last 32 KiB of what came
//! out as the window. zlib has `inflatePrime` and `inflateSetDictionary` for that; here the decoder is fed a beginning
//! that brings it to the same state: a stored block with the window, then empty blocks whose length in bits is what is
//! missing up to the bit where the stream goes on. What comes out of the beginning is dropped.

use flate2::{Decompress, FlushDecompress, Status};
use std::io::{self, Read};

/// The window of deflate (RFC 1951).
pub(super) const WINDOW: usize = 32 * 1024;
/// Check sum and length at the end of a gzip member (RFC 1952 section 2.3.1).
const TRAILER: usize = 8;

/// Bits of a deflate stream, the lowest of a byte first.
struct Bits {
    bytes: Vec<u8>,
    /// How many bits of the last byte are taken; 0: it is full.
    used: u32,
}

impl Bits {
    fn put(&mut self, bits: u32, count: u32) {
        for at in 0..count {
            if self.used == 0 {
                self.bytes.push(0);
            }
            if let Some(last) = self.bytes.last_mut() {
                *last |= u8::from(bits >> at & 1 == 1) << self.used;
            }
            self.used = (self.used + 1) % 8;
        }
    }

    /// An empty block of the fixed code: 10 bits (RFC 1951 section 3.2.6).
    fn fixed(&mut self) {
        self.put(0b010, 3);
        self.put(0, 7);
    }

    /// An empty block of an own code: 93 bits (RFC 1951 section 3.2.7). Code lengths are written by a code of three
    /// words, "1" = `0`, "0" = `10` and "18" (a run of zeros) = `11`; of the literals only the end of the block has a
    /// word, `0`, and there is one distance without a word.
    fn dynamic(&mut self) {
        self.put(0b100, 3);
        self.put(0, 5);
        self.put(0, 5);
        self.put(14, 4);
        // In the order 16 17 18 0 8 7 9 6 10 5 11 4 12 3 13 2 14 1.
        for length in [0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] {
            self.put(length, 3);
        }
        for zeros in [138, 118] {
            self.put(0b11, 2);
            self.put(zeros - 11, 7);
        }
        self.put(0, 1);
        // Words of a Huffman code come with their first bit first.
        self.put(0b01, 2);
        self.put(0, 1);
    }
}

/// What brings a decoder to the place behind `window`, in the middle of a byte of which the upper `bits` bits are still
/// to come; these are at the top of `first`.
fn beginning(window: &[u8; WINDOW], bits: u8, first: u8) -> Vec<u8> {
    let length = (WINDOW as u16).to_le_bytes();
    let mut stored = vec![0, length[0], length[1], !length[0], !length[1]];
    stored.extend_from_slice(window);
    let mut all = Bits { bytes: stored, used: 0 };
    if bits == 0 {
        return all.bytes;
    }
    if bits % 2 == 1 {
        all.dynamic();
    }
    while all.used != u32::from(8 - bits) {
        all.fixed();
    }
    all.put(u32::from(first >> (8 - bits)), u32::from(bits));
    all.bytes
}

/// Unpacks up to `length` bytes of a span: of its stored bytes, where `bits` is not 0, the first one is the byte in the
/// middle of which it begins. Fewer where the span has no more.
pub(super) fn unpack(window: &[u8; WINDOW], bits: u8, stored: &[u8], length: usize) -> io::Result<Vec<u8>> {
    let (first, rest) = match stored.split_first() {
        Some((first, rest)) if bits != 0 => (*first, rest),
        _ => (0, stored),
    };
    let mut decoder = Decompress::new(false);
    // Room beyond the window, so that the empty blocks are read, too.
    let mut dropped = Vec::with_capacity(WINDOW + 64);
    inflate(&mut decoder, &beginning(window, bits, first), &mut dropped)?;
    if dropped.len() != WINDOW {
        return Err(io::Error::from(io::ErrorKind::InvalidData));
    }
    let mut out = Vec::with_capacity(length);
    let taken = inflate(&mut decoder, rest, &mut out)?;
    // The member ended: behind its trailer stands another one (pigz), or the end.
    if let Some(taken) = taken
        && out.len() < length
        && let Some(next) = rest.get(taken + TRAILER..)
    {
        let left = (length - out.len()) as u64;
        let read = flate2::read::MultiGzDecoder::new(next).take(left).read_to_end(&mut out);
        // A span ends in the middle of a member.
        read.map(drop).or_else(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Ok(()),
            _ => Err(error),
        })?;
    }
    out.truncate(length);
    Ok(out)
}

/// Inflates into what room there is; how much was taken, where the stream ended.
fn inflate(decoder: &mut Decompress, stored: &[u8], out: &mut Vec<u8>) -> io::Result<Option<usize>> {
    let begun = decoder.total_in();
    loop {
        let taken = (decoder.total_in() - begun) as usize;
        let room = out.capacity() - out.len();
        let before = (decoder.total_in(), out.len());
        let status = decoder.decompress_vec(&stored[taken..], out, FlushDecompress::None)?;
        let taken = (decoder.total_in() - begun) as usize;
        if status == Status::StreamEnd {
            return Ok(Some(taken));
        }
        if room == 0
            || before == (decoder.total_in(), out.len())
            || taken == stored.len() && out.len() < out.capacity()
        {
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoder_comes_to_any_bit() {
        let window: [u8; WINDOW] = std::array::from_fn(|at| (at * 7 + at / 256) as u8);
        for bits in 0..8 {
            // After the beginning: a block of the fixed code with a match 32,768 back of length 258, and its end.
            let mut tail = Bits { bytes: vec![], used: (8 - u32::from(bits)) % 8 };
            if tail.used != 0 {
                tail.bytes.push(0);
            }
            tail.put(0b011, 3);
            let reversed = |word: u32, count: u32| word.reverse_bits() >> (32 - count);
            tail.put(reversed(0b1100_0101, 8), 8);
            tail.put(reversed(29, 5), 5);
            tail.put((1 << 13) - 1, 13);
            tail.put(0, 7);
            let out = unpack(&window, bits, &tail.bytes, 1000).unwrap();
            assert!(out == window[..258], "{bits}");
            assert!(unpack(&window, bits, &tail.bytes, 100).unwrap() == window[..100], "{bits}");
        }
    }
}
