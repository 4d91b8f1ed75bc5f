//! `cache`: what was kept of images that were read, and how to get rid of it.

use super::{Face, Format};
use crate::exit::{Exit, Stopped};
use crate::output;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format as TimeFormat;
use clap::{Args, Subcommand};
use execfit_image::cache::{Cache, Usage};
use serde_json::{Value, json};
use std::time::SystemTime;

/// What was kept of images that were read
///
/// Of every layer that was read to its end, and whose digest was right, its paths and the beginnings of its files are
/// kept, so that another question about it reads nothing; of every image its manifests and configs. These may hold what
/// is private: the cache is readable by its user only.
///
/// It lies in `execfit` in $XDG_CACHE_HOME, else in ~/.cache; EXECFIT_CACHE_DIR names another directory (an absolute
/// path). It takes up to 1 GiB, or what EXECFIT_CACHE_SIZE says (a number, with K, M, G or T behind it; 0 keeps nothing):
/// then goes what was not used for the longest time.
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Where it lies, and how much is in it
    Info,
    /// Throw all of it away
    Clear,
}

impl Command {
    pub(super) fn run(self, face: &Face) -> Result<Exit, Stopped> {
        let cache = Cache::to_manage()
            .map_err(|why| Stopped::new(Exit::Failed, format!("there is no cache: {why}")))?;
        let failed = |error: std::io::Error| Stopped::new(Exit::Failed, format!("the cache: {error}"));
        let usage = cache.usage().map_err(failed)?;
        let (value, text) = match self.verb {
            Verb::Info => (info(&usage), described(&usage)),
            Verb::Clear => {
                let (files, bytes) = cache.clear().map_err(failed)?;
                let directory = usage.directory.display().to_string();
                let text = format!("removed {files} files, {}, from {directory}\n", size(bytes));
                (json!({"directory": directory, "removed": {"files": files, "bytes": bytes}}), text)
            }
        };
        match face.format {
            Format::Json => output::json(&with_schema(value)),
            Format::Text => output::print(&text),
        }
        Ok(Exit::Runs)
    }
}

fn with_schema(value: Value) -> Value {
    let mut whole = json!({"schema": "execfit/cache/v1"});
    if let (Some(whole), Value::Object(members)) = (whole.as_object_mut(), value) {
        whole.extend(members);
    }
    whole
}

fn info(usage: &Usage) -> Value {
    let time = |time: Option<SystemTime>| time.and_then(moment);
    json!({
        "directory": usage.directory.display().to_string(),
        "layers": usage.layers,
        "documents": usage.documents,
        "bytes": usage.bytes,
        "bound": usage.bound,
        "oldest_use": time(usage.oldest_use),
        "newest_use": time(usage.newest_use),
    })
}

fn described(usage: &Usage) -> String {
    let directory = output::line(&usage.directory.display().to_string());
    let time = |time: Option<SystemTime>| time.and_then(moment).unwrap_or_else(|| "never".into());
    format!(
        "directory   {directory}\nlayers      {}\ndocuments   {}\nsize        {} of {}\noldest use  {}\nnewest use  {}\n",
        usage.layers,
        usage.documents,
        size(usage.bytes),
        size(usage.bound),
        time(usage.oldest_use),
        time(usage.newest_use),
    )
}

/// RFC 3339, in UTC and whole seconds.
fn moment(time: SystemTime) -> Option<String> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    DateTime::from_secs(i64::try_from(since.as_secs()).ok()?).fmt(TimeFormat::DateTime).ok()
}

/// Bytes for humans.
fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.into_iter().find(|(bits, _)| bytes >> bits > 0);
    unit.map_or(format!("{bytes} bytes"), |(bits, unit)| {
        let tenths = (u128::from(bytes) * 10) >> bits;
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    })
}

/// The cache that images are read with. Without one they are read all the same, so that only who asks for more is told.
pub(super) fn to_read_with(face: &Face) -> Option<Cache> {
    Cache::of_user().unwrap_or_else(|why| {
        complain(face, Some(why));
        None
    })
}

/// Says why the cache is of no use, to who asks for more.
pub(super) fn complain(face: &Face, trouble: Option<String>) {
    if let (true, Some(why)) = (face.verbose, trouble) {
        output::text::warning(&format!("the cache is not used: {why}"));
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_readable() {
        let sizes = [0, 1023, 1024, 1536, (1 << 20) - 1, 1 << 30, u64::MAX].map(size);
        let shown =
            ["0 bytes", "1023 bytes", "1.0 KiB", "1.5 KiB", "1023.9 KiB", "1.0 GiB", "17179869183.9 GiB"];
        assert_eq!(sizes, shown);
    }
}
