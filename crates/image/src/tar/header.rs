//! One header block (Go `archive/tar`, `format.go` and `strconv.go`).

use super::{Entry, until_nul};

/// Length of a block.
pub(super) const BLOCK: usize = 512;

/// The type of an entry (its `typeflag`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// `0`
    Regular,
    /// `\0`: a regular file, or with a trailing slash a directory.
    RegularOld,
    /// `1`
    Hardlink,
    /// `2`
    Symlink,
    /// `3`
    CharDevice,
    /// `4`
    BlockDevice,
    /// `5`
    Directory,
    /// `6`
    Fifo,
    /// `x`
    PaxHeader,
    /// `g`
    PaxGlobal,
    /// `L`
    GnuLongName,
    /// `K`
    GnuLongLink,
    /// Any other: runtimes refuse it.
    Other(u8),
}

impl Type {
    fn of(flag: u8) -> Type {
        match flag {
            b'0' => Type::Regular,
            0 => Type::RegularOld,
            b'1' => Type::Hardlink,
            b'2' => Type::Symlink,
            b'3' => Type::CharDevice,
            b'4' => Type::BlockDevice,
            b'5' => Type::Directory,
            b'6' => Type::Fifo,
            b'x' => Type::PaxHeader,
            b'g' => Type::PaxGlobal,
            b'L' => Type::GnuLongName,
            b'K' => Type::GnuLongLink,
            other => Type::Other(other),
        }
    }

    /// Go `isHeaderOnlyType`: no data follows, whatever the size says.
    pub fn has_no_data(self) -> bool {
        use Type::{BlockDevice, CharDevice, Directory, Fifo, Hardlink, Symlink};
        matches!(self, Hardlink | Symlink | CharDevice | BlockDevice | Directory | Fifo)
    }
}

/// A header block as it was read.
pub(super) struct Raw {
    /// What it says by itself.
    pub(super) entry: Entry,
    /// The whole block, of an old GNU sparse file.
    pub(super) old_sparse: Option<Box<[u8; BLOCK]>>,
}

/// Kinds of headers, by their magic (Go `getFormat`).
#[derive(Clone, Copy, PartialEq)]
enum Format {
    V7,
    Ustar,
    Star,
    Gnu,
}

impl Raw {
    /// Go `readHeader`; `None` is its `ErrHeader`.
    pub(super) fn parse(block: &[u8; BLOCK]) -> Option<Raw> {
        checksum_fits(block)?;
        let format = match (&block[257..263], &block[263..265], &block[508..512]) {
            (b"ustar\0", _, b"tar\0") => Format::Star,
            (b"ustar\0", ..) => Format::Ustar,
            (b"ustar ", b" \0", _) => Format::Gnu,
            _ => Format::V7,
        };
        let kind = Type::of(block[156]);
        let mut name = until_nul(block[..100].to_vec());
        let mut device = (0, 0);
        if format != Format::V7 {
            device = (number(&block[329..337])?, number(&block[337..345])?);
            let prefix = prefix(block, format)?;
            if !prefix.is_empty() {
                name = [prefix.as_slice(), b"/", &name].concat();
            }
        }
        let size = number(&block[124..136])?;
        number(&block[136..148])?;
        let entry = Entry {
            name,
            link: until_nul(block[157..257].to_vec()),
            kind,
            mode: u32::try_from(number(&block[100..108])? & 0o7777).unwrap_or(0),
            uid: number(&block[108..116])?,
            gid: number(&block[116..124])?,
            // A negative size is an error only where the size counts.
            size: if kind.has_no_data() { 0 } else { size },
            device,
            xattrs: Vec::new(),
        };
        let old_sparse = match (kind, format) {
            (Type::Other(b'S'), Format::Gnu) => Some(Box::new(*block)),
            // `star` has the same letter for another layout, which Go does not read.
            (Type::Other(b'S'), _) => return None,
            _ => None,
        };
        Some(Raw { entry, old_sparse })
    }
}

/// The prefix of a long name, which each format keeps elsewhere.
fn prefix(block: &[u8; BLOCK], format: Format) -> Option<Vec<u8>> {
    match format {
        Format::V7 => Some(Vec::new()),
        Format::Ustar => Some(until_nul(block[345..500].to_vec())),
        Format::Star => {
            number(&block[476..488])?;
            number(&block[488..500])?;
            Some(until_nul(block[345..476].to_vec()))
        }
        Format::Gnu => {
            // Go's writer before 1.8 put a prefix where GNU has times.
            let time = |at: usize| block[at] == 0 || number(&block[at..at + 12]).is_some();
            if time(345) && time(357) {
                return Some(Vec::new());
            }
            let text = until_nul(block[345..500].to_vec());
            Some(if text.is_ascii() { text } else { Vec::new() })
        }
    }
}

/// Go `getFormat`: the sum of the bytes, taken as unsigned or as signed ones, the field itself as spaces.
fn checksum_fits(block: &[u8; BLOCK]) -> Option<()> {
    let said = octal(&block[148..156])?;
    let with_spaces = |at: usize, byte: u8| if (148..156).contains(&at) { b' ' } else { byte };
    let bytes = || block.iter().enumerate().map(|(at, byte)| with_spaces(at, *byte));
    let unsigned: i64 = bytes().map(i64::from).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    let said = i64::try_from(said).ok()?;
    (said == unsigned || said == signed).then_some(())
}

/// Go `parseNumeric`: base-256 where the first bit is set, else octal. A negative number wraps, and is then greater
/// than any size.
pub(super) fn number(field: &[u8]) -> Option<u64> {
    let first = *field.first()?;
    if first & 0x80 == 0 {
        return octal(field);
    }
    let inverted = if first & 0x40 == 0 { 0 } else { 0xff };
    let mut value: u64 = 0;
    for (at, byte) in field.iter().enumerate() {
        let mut byte = byte ^ inverted;
        if at == 0 {
            byte &= 0x7f;
        }
        if value >> 56 > 0 {
            return None;
        }
        value = value << 8 | u64::from(byte);
    }
    if value >> 63 > 0 {
        return None;
    }
    Some(if inverted == 0 { value } else { !value })
}

/// Go `parseOctal`.
fn octal(field: &[u8]) -> Option<u64> {
    let blank = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !blank(byte)).unwrap_or(field.len());
    let digits = &field[start..];
    let end = digits.iter().rposition(|byte| !blank(byte)).map_or(0, |last| last + 1);
    let digits = until_nul(digits[..end].to_vec());
    if digits.is_empty() {
        return Some(0);
    }
    if !digits.iter().all(|byte| matches!(byte, b'0'..=b'7')) {
        return None;
    }
    u64::from_str_radix(std::str::from_utf8(&digits).ok()?, 8).ok()
}
