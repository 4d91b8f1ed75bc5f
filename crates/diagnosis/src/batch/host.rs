//! The host of a question.

use super::question::Others;
use execfit_kernel::binfmt_misc::Handler;
use execfit_kernel::host::{Architecture, Host, Isa, Preset, Support, kernel_version};
use serde::{Deserialize, Deserializer};

/// A host as a question describes it: by default x86_64 with Linux 6.12, 4 KiB pages and 32-bit programs.
#[derive(Deserialize, Default)]
pub(super) struct HostQuestion {
    /// A host by name, of which the other members change what they say.
    preset: Option<String>,
    architecture: Option<ArchitectureName>,
    /// `6.12`, or with more behind it, as `uname -r` tells it.
    kernel: Option<String>,
    page_size: Option<u32>,
    /// 32-bit programs; `null` is unknown. Without it, x86_64 has them, and of arm64 it is not known.
    #[serde(default, deserialize_with = "given")]
    compat32: Option<Option<bool>>,
    /// `vm.mmap_min_addr` in bytes. Where it matters and is not told, the answer is `unknown`.
    mmap_min_addr: Option<u64>,
    /// `x86-64-v3`, `armv8.2-a` ...
    isa: Option<String>,
    /// Lines as they are written to /proc/sys/fs/binfmt_misc/register, in that order.
    binfmt_misc: Option<Vec<String>>,
    #[serde(flatten)]
    others: Others,
}

#[derive(Deserialize)]
enum ArchitectureName {
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
    /// The members that are not known.
    pub(super) fn unknown(&self) -> impl Iterator<Item = String> {
        self.others.keys().map(|name| format!("host.{name}"))
    }

    pub(super) fn host(self) -> Result<Host, String> {
        let mut host = self.base()?;
        if let Some(text) = &self.kernel {
            host.kernel = kernel_version(text)
                .ok_or_else(|| format!("host.kernel: `{text}` is no version such as 6.12"))?;
        }
        match self.compat32 {
            Some(Some(true)) => host.compat32 = Support::Yes,
            Some(Some(false)) => host.compat32 = Support::No,
            Some(None) => host.compat32 = Support::Unknown,
            None => {}
        }
        host.page_size = self.page_size.unwrap_or(host.page_size);
        // arch/arm64/Kconfig ARM64_4K_PAGES, ARM64_16K_PAGES, ARM64_64K_PAGES.
        match (host.architecture, host.page_size) {
            (_, 4096) | (Architecture::Arm64, 16384 | 65536) => {}
            (architecture, size) => {
                return Err(format!("host.page_size: {architecture} has no pages of {size} bytes"));
            }
        }
        host.mmap_min_addr = self.mmap_min_addr.or(host.mmap_min_addr);
        if let Some(name) = &self.isa {
            let isa = Isa::named(name).filter(|isa| isa.architecture() == host.architecture);
            host.isa = Some(isa.ok_or_else(|| format!("host.isa: {} has no {name}", host.architecture))?);
        }
        if let Some(lines) = &self.binfmt_misc {
            // The kernel asks the last registered first.
            let handlers = lines.iter().rev().map(|line| {
                Handler::register(line).map_err(|why| format!("host.binfmt_misc: `{line}`: {why}"))
            });
            host.binfmt_misc = handlers.collect::<Result<_, _>>()?;
        }
        Ok(host)
    }

    fn base(&self) -> Result<Host, String> {
        let architecture = self.architecture.as_ref().map(|name| match name {
            ArchitectureName::X86_64 => Architecture::X86_64,
            ArchitectureName::Arm64 => Architecture::Arm64,
        });
        let Some(name) = &self.preset else {
            let architecture = architecture.unwrap_or(Architecture::X86_64);
            return Ok(Host { kernel: KERNEL, ..Host::aws(architecture) });
        };
        let preset = Preset::named(name).ok_or_else(|| format!("host.preset: there is no {name}"))?;
        let host = preset.host();
        match architecture {
            Some(other) if other != host.architecture => {
                Err(format!("host.architecture: {name} is no host of {other}"))
            }
            _ => Ok(host),
        }
    }
}
