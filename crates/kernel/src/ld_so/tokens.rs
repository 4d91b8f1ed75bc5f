//! Dynamic string tokens: `$ORIGIN`, `$LIB` and `$PLATFORM` in search paths and names (ld.so(8), glibc elf/dl-load.c
//! is_dst, _dl_dst_substitute).

/// What the tokens stand for.
pub(super) struct Tokens<'a> {
    /// The directory of the object that holds the text; `None` where it must not be used.
    pub(super) origin: Option<&'a [u8]>,
    /// `lib64`, or Debian's `lib/x86_64-linux-gnu`.
    pub(super) lib: Option<&'a [u8]>,
    /// `AT_PLATFORM`, as glibc changes it.
    pub(super) platform: Option<&'a [u8]>,
}

/// Why a text has no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unset {
    /// A token is not to be used: the text is passed over.
    Refused,
    /// A token's value is not known.
    Unknown,
}

/// Replaces the tokens of a text.
pub(super) fn expand(text: &[u8], tokens: &Tokens<'_>) -> Result<Vec<u8>, Unset> {
    let mut expanded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'$') {
        expanded.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let origin = token(rest, b"ORIGIN").map(|length| (length, tokens.origin.ok_or(Unset::Refused)));
        let other = |name, value: Option<_>| Some((token(rest, name)?, value.ok_or(Unset::Unknown)));
        let found =
            origin.or_else(|| other(b"LIB", tokens.lib)).or_else(|| other(b"PLATFORM", tokens.platform));
        match found {
            Some((length, value)) => {
                expanded.extend_from_slice(value?);
                rest = &rest[length..];
            }
            None => expanded.push(b'$'),
        }
    }
    expanded.extend_from_slice(rest);
    Ok(expanded)
}

/// The length of a token behind its `$`, with or without braces.
fn token(text: &[u8], name: &[u8]) -> Option<usize> {
    if let Some(braced) = text.strip_prefix(b"{") {
        return braced.strip_prefix(name)?.starts_with(b"}").then_some(name.len() + 2);
    }
    let next = text.strip_prefix(name)?.first();
    let ends = next.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    ends.then_some(name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_end_where_an_identifier_ends() {
        let tokens = Tokens { origin: Some(b"/opt/bin"), lib: Some(b"lib64"), platform: None };
        let check = |text: &str, expect: &str| {
            let expanded = expand(text.as_bytes(), &tokens).unwrap();
            assert_eq!(String::from_utf8_lossy(&expanded), expect, "{text}");
        };
        check("$ORIGIN/../lib", "/opt/bin/../lib");
        check("${ORIGIN}x/$LIB", "/opt/binx/lib64");
        check("$ORIGINAL", "$ORIGINAL");
        check("${ORIGIN/", "${ORIGIN/");
        check("/a$", "/a$");
        assert_eq!(expand(b"/$PLATFORM", &tokens), Err(Unset::Unknown));
        let secure = Tokens { origin: None, ..tokens };
        assert_eq!(expand(b"$ORIGIN", &secure), Err(Unset::Refused));
    }
}
