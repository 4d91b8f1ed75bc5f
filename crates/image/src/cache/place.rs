//! Where a user's cache lies, and how large it may be.

use crate::limits::number;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

/// The environment variable that names another directory than `execfit` in the user's cache directory.
pub const DIRECTORY: &str = "EXECFIT_CACHE_DIR";
/// The environment variable that bounds the cache: bytes, or with `K`, `M`, `G` or `T` behind a number.
pub const SIZE: &str = "EXECFIT_CACHE_SIZE";
/// The bound without that.
pub const DEFAULT_SIZE: u64 = 1 << 30;

/// The directory: as the XDG Base Directory Specification has it, which passes over relative paths.
pub(super) fn directory() -> Result<PathBuf, String> {
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let absolute = |value: OsString| Some(PathBuf::from(value)).filter(|path| path.is_absolute());
    if let Some(own) = set(DIRECTORY) {
        return absolute(own).ok_or_else(|| format!("{DIRECTORY} is no absolute path"));
    }
    // A home that is not there is not made.
    let home = || Some(set("HOME").and_then(absolute).filter(|home| home.is_dir())?.join(".cache"));
    let caches = set("XDG_CACHE_HOME").and_then(absolute).or_else(home);
    let caches = caches.ok_or("neither XDG_CACHE_HOME nor HOME names a directory")?;
    Ok(caches.join("execfit"))
}

/// The bound.
pub(super) fn bound() -> Result<u64, String> {
    match env::var(SIZE) {
        Ok(text) if !text.is_empty() => number(&text)
            .ok_or_else(|| format!("{SIZE} is no size: `{text}`, expected a number such as 512M")),
        _ => Ok(DEFAULT_SIZE),
    }
}
