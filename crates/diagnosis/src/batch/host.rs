//! The host of a question.

use execfit_kernel::host::{Architecture, Host, Support};
use serde::{Deserialize, Deserializer};

/// A host as a question describes it: by default x86_64 with Linux 6.12, 4 KiB pages and 32-bit programs.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct HostQuestion {
    #[serde(default)]
    architecture: ArchitectureName,
    /// `6.12`, or with more behind it, as `uname -r` tells it.
    kernel: Option<String>,
    page_size: Option<u32>,
    /// 32-bit programs; `null` is unknown. Without it, x86_64 has them, and of arm64 it is not known.
    #[serde(default, deserialize_with = "given")]
    compat32: Option<Option<bool>>,
    /// `vm.mmap_min_addr` in bytes. Where it matters and is not told, the answer is `unknown`.
    mmap_min_addr: Option<u64>,
}

#[derive(Deserialize, Default)]
enum ArchitectureName {
    #[default]
    #[serde(rename = "x86_64", alias = "amd64", alias = "X86_64")]
    X86_64,
    #[serde(rename = "arm64", alias = "aarch64", alias = "ARM64")]
    Arm64,
}

/// The kernel of a question that names none: Debian 13's, a long-term one.
const KERNEL: (u16, u16) = (6, 12);

/// Tells `null` from what is not there.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<bool>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl HostQuestion {
    pub(super) fn host(self) -> Result<Host, String> {
        let architecture = match self.architecture {
            ArchitectureName::X86_64 => Architecture::X86_64,
            ArchitectureName::Arm64 => Architecture::Arm64,
        };
        let compat32 = match (self.compat32, architecture) {
            (Some(Some(true)), _) | (None, Architecture::X86_64) => Support::Yes,
            (Some(Some(false)), _) => Support::No,
            (Some(None), _) | (None, Architecture::Arm64) => Support::Unknown,
        };
        let kernel = match self.kernel {
            None => KERNEL,
            Some(text) => {
                version(&text).ok_or_else(|| format!("host.kernel: `{text}` is no version such as 6.12"))?
            }
        };
        let page_size = self.page_size.unwrap_or(4096);
        // arch/arm64/Kconfig ARM64_4K_PAGES, ARM64_16K_PAGES, ARM64_64K_PAGES.
        match (architecture, page_size) {
            (_, 4096) | (Architecture::Arm64, 16384 | 65536) => {}
            _ => return Err(format!("host.page_size: {architecture} has no pages of {page_size} bytes")),
        }
        let mmap_min_addr = self.mmap_min_addr;
        Ok(Host { compat32, page_size, kernel, mmap_min_addr, ..Host::aws(architecture) })
    }
}

/// The first two numbers of a kernel's version.
fn version(text: &str) -> Option<(u16, u16)> {
    let (major, rest) = text.split_once('.')?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((major.parse().ok()?, rest[..end].parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_as_uname_tells_them() {
        for (text, expected) in [
            ("6.12", Some((6, 12))),
            ("6.12.94+deb13-amd64", Some((6, 12))),
            ("7.2.13", Some((7, 2))),
            ("5.10-rc1", Some((5, 10))),
            ("6", None),
            ("6.", None),
            (".1", None),
            ("six.1", None),
            ("99999.1", None),
        ] {
            assert_eq!(version(text), expected, "{text}");
        }
    }
}
