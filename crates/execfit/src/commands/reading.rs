//! How images are read: what `inspect` and `diagnose` have in common.

use super::{Face, cache};
use crate::exit::{Exit, Stopped};
use crate::observe::Terms;
use clap::Args;
use execfit_image::limits::{self, Limits};
use execfit_image::source::registry::count_certificates;
use execfit_image::source::{Access, Mirror};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest file of certificates: all that the world's platforms trust together take less than 1 MiB.
const CERTIFICATES: u64 = 16 * 1024 * 1024;

/// How images are read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Reading images")]
pub(super) struct Reading {
    /// Stop at the likely answer: what was found from the top down. The rest of the layers is not read and no digest of
    /// theirs compared; the answer says what it assumes. Without it, every layer that was opened is read to its end,
    /// and every absence proven
    #[arg(long)]
    quick: bool,
    /// Trust the certificate authorities in this PEM file too, besides the platform's; may be repeated
    #[arg(long, value_name = "FILE")]
    ca_file: Vec<PathBuf>,
    /// Do not judge this registry's certificate, and ask it over plain HTTP where it speaks no TLS, as Docker does;
    /// loopback hosts are asked so anyway. May be repeated
    #[arg(long, value_name = "HOST[:PORT]", value_parser = host)]
    insecure_registry: Vec<String>,
    /// Ask this mirror before the registry: images whose names begin with PREFIX (HOST[:PORT][/PATH], e.g. docker.io)
    /// are looked for at LOCATION in its place. May be repeated; the longest prefix counts, and the registry is asked
    /// where no mirror has the image. Mirrors do not get the registry's credentials
    #[arg(long, value_name = "PREFIX=LOCATION")]
    mirror: Vec<Mirror>,
    /// Read layers that have a table of contents (SOCI, eStargz, zstd:chunked), too, as Docker and Fargate unpack them,
    /// and do not rest on what the tables list
    #[arg(long)]
    no_toc: bool,
    /// Change what reading may take: one of the limits below, as a number with K, M, G or T behind it; may be repeated
    #[arg(long, value_name = "KEY=VALUE", long_help = limits_help(), value_parser = limit)]
    limit: Vec<String>,
    /// Neither look into the cache of layers that were read before, nor keep anything there (see `execfit cache`)
    #[arg(long)]
    no_cache: bool,
}

impl Reading {
    /// Whether a likely answer will do.
    pub(super) fn is_quick(&self) -> bool {
        self.quick
    }

    /// What it means for the observer.
    pub(super) fn terms(&self, face: &Face) -> Result<Terms, Stopped> {
        let usage = |message: String| Stopped::new(Exit::Usage, message);
        let (insecure, mirrors) = (self.insecure_registry.clone(), self.mirror.clone());
        let mut access = Access { insecure, mirrors, ..Access::default() };
        for path in &self.ca_file {
            let pem =
                certificates(path).map_err(|why| usage(format!("--ca-file {}: {why}", path.display())))?;
            access.authorities.extend(pem);
            access.authorities.push(b'\n');
        }
        access.cache = if self.no_cache { None } else { cache::to_read_with(face) };
        for text in &self.limit {
            access.limits.set(text).map_err(usage)?;
        }
        Ok(Terms { access, ignore_tables: self.no_toc, quick: self.quick })
    }
}

fn certificates(path: &Path) -> Result<Vec<u8>, String> {
    let mut pem = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(CERTIFICATES).read_to_end(&mut pem).map_err(|error| error.to_string())?;
    count_certificates(&pem).map(|_| pem)
}

fn host(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains(['/', '@', ' ']) {
        return Err("expected HOST[:PORT], as image references begin with it".into());
    }
    Ok(text.to_ascii_lowercase())
}

fn limit(text: &str) -> Result<String, String> {
    Limits::default().set(text).map(|()| text.to_string())
}

fn limits_help() -> String {
    let default = Limits::default();
    let line =
        |limit: &limits::Limit| format!("  {} = {}: {}\n", limit.key, shown(limit.of(&default)), limit.what);
    let lines: String = limits::ALL.iter().map(line).collect();
    format!(
        "Change what reading may take; may be repeated. VALUE is a number, with K, M, G or T behind it (powers of 1024). \
         What is beyond a limit is an error that names it.\n\nThe limits and their defaults:\n{}",
        lines.trim_end()
    )
}

/// A number as the flag takes it.
fn shown(value: u64) -> String {
    let unit = [('G', 30), ('M', 20), ('K', 10)]
        .into_iter()
        .find(|(_, bits)| value >> bits << bits == value && value > 0);
    unit.map_or(value.to_string(), |(unit, bits)| format!("{}{unit}", value >> bits))
}
