//! Files of arbitrary bytes are named, in a short line without control characters.
#![no_main]

use execfit_kernel::signature::Signature;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((head, rest)) = data.split_first_chunk::<2>() else { return };
    // Files are larger than what is looked at, or just as large.
    let size =
        rest.len() as u64 + if head[0] & 1 == 1 { u64::from(u16::from_le_bytes(*head)) << 4 } else { 0 };
    let signature = Signature::of(rest, size);
    assert_eq!(signature, Signature::of(rest, size));
    let words = signature.describe();
    assert!(!words.is_empty() && words.chars().count() < 1000, "{words}");
    let fit = |character: char| {
        !character.is_control() && !matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert!(words.chars().all(fit), "{words:?}");
});
