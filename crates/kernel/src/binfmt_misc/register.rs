//! Registration: the line that is written to /proc/sys/fs/binfmt_misc/register.

use super::Handler;
use crate::exec::HEAD;

impl Handler {
    /// Reads `:name:type:offset:magic:mask:interpreter:flags`, whose first character is the delimiter, as files in
    /// binfmt.d(5) have it (Documentation/admin-guide/binfmt-misc.rst; fs/binfmt_misc.c create_entry).
    ///
    /// # Errors
    /// Why the kernel would refuse it (EINVAL), or that it matches by file name extension, which is not modelled.
    pub fn register(line: &str) -> Result<Handler, &'static str> {
        let delimiter = line.chars().next().ok_or("it is empty")?;
        let fields: Vec<&str> = line.trim_end_matches('\n').split(delimiter).skip(1).collect();
        let &[name, kind, offset, magic, mask, interpreter, flags] = &fields[..] else {
            return Err("it has not the seven fields :name:type:offset:magic:mask:interpreter:flags");
        };
        if name.is_empty() || matches!(name, "." | "..") || name.contains('/') {
            return Err("the name is empty or no file name");
        }
        match kind {
            "M" => {}
            "E" => return Err("type E (by file name extension) is not modelled"),
            _ => return Err("the type is neither M nor E"),
        }
        let offset = if offset.is_empty() { Ok(0) } else { offset.parse() };
        let offset: usize = offset.map_err(|_| "the offset is no number")?;
        let magic = unquoted(magic).ok_or("a \\x in the magic has not two hexadecimal digits")?;
        let mask = unquoted(mask).ok_or("a \\x in the mask has not two hexadecimal digits")?;
        if magic.is_empty() || !matches!(mask.len(), 0) && mask.len() != magic.len() {
            return Err("the magic is empty, or the mask is of another length");
        }
        if offset.saturating_add(magic.len()) > HEAD {
            return Err("the magic does not lie within the first 256 bytes");
        }
        if interpreter.is_empty() || flags.chars().any(|flag| !"POCF".contains(flag)) {
            return Err("there is no interpreter, or a flag that is none of P, O, C, F");
        }
        Ok(Handler {
            name: name.into(),
            offset,
            magic,
            mask,
            interpreter: interpreter.as_bytes().to_vec(),
            // Flag O hands the interpreter an open file, which changes no answer.
            fixed: flags.contains('F'),
            preserve_argv0: flags.contains('P'),
            credentials: flags.contains('C'),
        })
    }
}

/// Bytes with `\xHH` in them (lib/string_helpers.c string_unescape, UNESCAPE_HEX).
fn unquoted(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend_from_slice(before.as_bytes());
        let digits = after.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &after[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(bytes)
}
