//! Files that no kernel runs, as they are met in images.

/// A script without its first line.
pub(super) const NO_SHEBANG: &[u8] = b"set -e\nexec sleep 1000000\n";

/// A script whose first three bytes come from an editor on Windows.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF#!/bin/sh\nexec sleep 1000000\n";

/// A script with Windows' ends of lines: the interpreter is called `/bin/sh\r`.
pub(super) const CRLF_INTERPRETER: &[u8] = b"#!/bin/sh\r\nexec sleep 1000000\r\n";

/// A script for an interpreter that the image does not have.
pub(super) const MISSING_INTERPRETER: &[u8] = b"#!/bin/missing\nexec sleep 1000000\n";

/// A script that is all right.
pub(super) const SCRIPT: &[u8] = b"#!/bin/sh\nexec sleep 1000000\n";

/// What a download saves that does not look at the status.
pub(super) const ERROR_PAGE: &[u8] =
    b"<!DOCTYPE html>\n<html>\n<head><title>404 Not Found</title></head>\n<body>\n\
<center><h1>404 Not Found</h1></center>\n<hr><center>nginx</center>\n</body>\n</html>\n";

/// What a clone without Git LFS has in place of the file.
pub(super) const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n\
oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";

/// A program for macOS on arm64: header, `__PAGEZERO`, least system version, entry point.
pub(super) fn mach_o() -> Vec<u8> {
    let page_zero = words([0x19, 72]).chain(*b"__PAGEZERO\0\0\0\0\0\0").chain(words([0, 0, 0, 1]));
    let page_zero = page_zero.chain(words([0; 8]));
    let build_version = words([0x32, 24, 1, 11 << 16, 11 << 16, 0]);
    let entry_point = words([0x8000_0028, 24, 0x4000, 0, 0, 0]);
    let commands: Vec<u8> = page_zero.chain(build_version).chain(entry_point).collect();
    let size = u32::try_from(commands.len()).unwrap_or_default();
    let header = words([0xFEED_FACF, 0x0100_000C, 0, 2, 3, size, 0x0020_0085, 0]);
    header.chain(commands).chain([0; 4096]).collect()
}

fn words<const N: usize>(words: [u32; N]) -> impl Iterator<Item = u8> {
    words.into_iter().flat_map(u32::to_le_bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_mach_o_commands_have_the_sizes_that_they_state() {
        let file = super::mach_o();
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let mut at = 32;
        for _ in 0..word(16) {
            at += word(at + 4) as usize;
        }
        assert_eq!(at - 32, word(20) as usize);
    }
}
