//! The words of a line: bare ones, quoted ones with escapes, `{x*255}` for many of the same, `{1..40}` for many lines.

/// A word of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) bytes: Vec<u8>,
    /// It begins with a quotation mark: never a keyword.
    pub(crate) quoted: bool,
    /// A comma follows it.
    pub(crate) comma: bool,
}

impl Word {
    /// What is written bare; empty where it is quoted.
    pub(crate) fn bare(&self) -> &str {
        if self.quoted { "" } else { std::str::from_utf8(&self.bytes).unwrap_or_default() }
    }

    pub(crate) fn text(&self) -> Result<&str, String> {
        std::str::from_utf8(&self.bytes).map_err(|_| format!("{} is no text", self.bytes.escape_ascii()))
    }
}

/// The lines that a line with ranges stands for: `/l{1..3} -> l{0..2}` is three.
pub(crate) fn lines(line: &str) -> Result<Vec<String>, String> {
    let Some((range, first, last)) = range(line) else { return Ok(vec![line.to_string()]) };
    let count = last.checked_sub(first).ok_or("a range counts upwards")? + 1;
    let mut lines = Vec::new();
    for step in 0..count {
        let mut text = line.to_string();
        text.replace_range(range.clone(), &(first + step).to_string());
        while let Some((range, first, last)) = self::range(&text) {
            if last.checked_sub(first) != Some(count - 1) {
                return Err("all ranges of a line are of one length".into());
            }
            text.replace_range(range, &(first + step).to_string());
        }
        lines.push(text);
    }
    Ok(lines)
}

/// The first `{a..b}`: where it stands, and its ends.
fn range(line: &str) -> Option<(std::ops::Range<usize>, u64, u64)> {
    braces(line, |inside| {
        let (first, last) = inside.split_once("..")?;
        Some((first.parse().ok()?, last.parse().ok()?))
    })
    .map(|(range, (first, last))| (range, first, last))
}

fn braces<T>(line: &str, read: impl Fn(&str) -> Option<T>) -> Option<(std::ops::Range<usize>, T)> {
    line.match_indices('{').find_map(|(start, _)| {
        let end = start + line[start..].find('}')?;
        Some((start..end + 1, read(&line[start + 1..end])?))
    })
}

/// Splits a line into words.
pub(crate) fn split(line: &str) -> Result<Vec<Word>, String> {
    let mut text = line.to_string();
    let repeated = |inside: &str| {
        let (what, times) = inside.rsplit_once('*')?;
        Some(what.repeat(times.parse().ok()?))
    };
    while let Some((range, many)) = braces(&text, repeated) {
        text.replace_range(range, &many);
    }
    let mut rest = text.as_bytes().trim_ascii();
    let mut words = Vec::new();
    while !rest.is_empty() {
        let (word, behind) = next(rest)?;
        words.push(word);
        rest = behind.trim_ascii_start();
    }
    Ok(words)
}

fn next(line: &[u8]) -> Result<(Word, &[u8]), String> {
    let mut word = Word { bytes: Vec::new(), quoted: line[0] == b'"', comma: false };
    let (mut at, mut inside) = (0, false);
    while let Some(byte) = line.get(at).copied() {
        at += 1;
        match byte {
            b'"' => inside = !inside,
            b'\\' if inside => at += escape(&line[at..], &mut word.bytes)?,
            b' ' | b'\t' if !inside => break,
            b',' if !inside && line.get(at).is_none_or(u8::is_ascii_whitespace) => word.comma = true,
            byte => word.bytes.push(byte),
        }
    }
    if inside { Err("a quotation mark is open".into()) } else { Ok((word, &line[at..])) }
}

/// Reads what stands behind a backslash; answers its length.
fn escape(rest: &[u8], bytes: &mut Vec<u8>) -> Result<usize, String> {
    let unknown = || format!("what is \\{}?", rest.escape_ascii());
    bytes.push(match rest.first().ok_or_else(unknown)? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'0' => 0,
        b'\\' => b'\\',
        b'"' => b'"',
        b'x' => {
            let digits = rest.get(1..3).and_then(|digits| std::str::from_utf8(digits).ok());
            bytes.push(u8::from_str_radix(digits.ok_or_else(unknown)?, 16).map_err(|_| unknown())?);
            return Ok(3);
        }
        _ => return Err(unknown()),
    });
    Ok(1)
}

/// A number: `4096`, `0x1000`, `4k`, `8M`, `2^47`, and sums of them such as `2^47-0x1000`; `-1` is the largest.
pub(crate) fn number(text: &str) -> Result<u64, String> {
    let one = |term: &str| -> Option<u64> {
        let scaled = |shift: u32| term[..term.len() - 1].parse::<u64>().ok().map(|value| value << shift);
        if let Some(digits) = term.strip_prefix("0x") {
            return u64::from_str_radix(digits, 16).ok();
        }
        if let Some((base, power)) = term.split_once('^') {
            return base.parse::<u64>().ok()?.checked_pow(power.parse().ok()?);
        }
        match term.bytes().last()? {
            b'k' => scaled(10),
            b'M' => scaled(20),
            _ => term.parse().ok(),
        }
    };
    let wrong = || format!("{text} is no number");
    let mut sum = 0u64;
    let mut rest = text;
    let mut minus = false;
    loop {
        let end = rest.find(['+', '-']).unwrap_or(rest.len());
        let value = if end == 0 && sum == 0 { 0 } else { one(&rest[..end]).ok_or_else(wrong)? };
        sum = if minus { sum.wrapping_sub(value) } else { sum.wrapping_add(value) };
        let Some(sign) = rest.as_bytes().get(end) else { return Ok(sum) };
        minus = *sign == b'-';
        rest = &rest[end + 1..];
    }
}
