//! The file of a manifest, an index or a config: the document as it came.

use super::table::FORMAT;
use crate::digest::Digest;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

/// Begins every file.
const MAGIC: &[u8; 8] = b"execfitd";

/// What the file says.
#[derive(Serialize, Deserialize)]
struct Written<'a> {
    format: &'a str,
    media_type: &'a str,
    bytes: &'a [u8],
}

/// The file of a document.
pub(super) fn encode(media_type: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let body = postcard::to_allocvec(&Written { format: FORMAT, media_type, bytes }).ok()?;
    Some([MAGIC, &XxHash3_64::oneshot(&body).to_le_bytes()[..], &body].concat())
}

/// Media type and bytes of the document of this digest; `None` where the file is something else. The digest answers for
/// the document, the checksum for its media type.
pub(super) fn decode(file: &[u8], digest: &Digest) -> Option<(String, Vec<u8>)> {
    let (check, body) = file.strip_prefix(MAGIC)?.split_first_chunk::<8>()?;
    if u64::from_le_bytes(*check) != XxHash3_64::oneshot(body) {
        return None;
    }
    let (written, []) = postcard::take_from_bytes::<Written>(body).ok()? else { return None };
    let mut hasher = digest.hasher();
    hasher.update(written.bytes);
    let sound = written.format == FORMAT && hasher.finish() == *digest;
    sound.then(|| (written.media_type.to_string(), written.bytes.to_vec()))
}
