//! Archives of arbitrary bytes, and archives of good headers with arbitrary fields and checksums that are right.
#![no_main]

use execfit_image::tar::Archive;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    walk(data);
    walk(&checked(data));
});

/// Puts the right checksum into each block that looks like a header, so that the reader comes further.
fn checked(data: &[u8]) -> Vec<u8> {
    let mut bytes = data.to_vec();
    for block in bytes.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    bytes
}

/// Every entry takes a block at least, bodies end, and an archive that ended stays so.
fn walk(data: &[u8]) {
    let mut archive = Archive::new(data);
    let mut entries = 0;
    while let Ok(Some(entry)) = archive.next_entry() {
        entries += 1;
        assert!(entries <= data.len() / 512);
        assert!(archive.position() <= data.len() as u64);
        let mut buffer = [0; 700];
        let before = archive.body_left();
        let Ok(got) = archive.read_body(&mut buffer) else { break };
        assert_eq!(before - archive.body_left(), got as u64, "{entry:?}");
        if archive.skip_body(1000).is_err() {
            break;
        }
    }
    if let Ok(None) = archive.next_entry() {
        assert!(matches!(archive.next_entry(), Ok(None)));
    }
}
