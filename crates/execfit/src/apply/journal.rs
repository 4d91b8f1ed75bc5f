//! What was intended and what came of it, on the disk before it happens: JSON, a line each.
//!
//! A crash may tear the last line: it was then not yet acted on. All else that is not as it was written is refused.

use super::state::{self, file_of};
use super::{Ending, Stopped};
use crate::exit::Exit;
use execfit_diagnosis::plan::{LONGEST, Plan};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The form of the journals.
const VERSION: &str = "execfit/journal/v1";
/// The longest journal that is read, in bytes: its plan, and a few lines for each step.
const LONGEST_JOURNAL: u64 = 2 * LONGEST as u64;

/// A line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Entry {
    /// The first line.
    Begin { journal: String, process: u32, began: f64, plan: Value },
    /// A revision is about to be registered; `newest` is the number of the family's newest one before.
    Registering { newest: u64 },
    /// It is registered.
    Registered { revision: String },
    /// The service is about to be changed; its primary deployment before.
    Deploying { from: Option<String> },
    /// It is changed: its primary deployment, and that one's task definition, where they are known.
    Deployed { deployment: Option<String>, task_definition: Option<String> },
    /// It does not hold: all is about to be undone.
    Undoing { cause: String, rolled_back_by_ecs: bool },
    /// The service is about to be changed back.
    Restoring,
    /// It is changed back.
    Restored,
    /// The revision is about to be deregistered.
    Deregistering { revision: String },
    /// It is.
    Deregistered { revision: String },
    /// The last line: how it ended; `null` where AWS refused it and nothing is left of it.
    End { ending: Option<Ending> },
}

/// A journal that this process holds.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    path: PathBuf,
}

impl Journal {
    /// Opens the journal of what a plan changes, and makes sure that nobody else writes to it. Nothing is written yet.
    pub(super) fn open(directory: &Path, plan: &Plan) -> Result<Journal, Stopped> {
        let name = file_of(plan)
            .ok_or_else(|| Stopped::new(Exit::Usage, "the plan changes nothing that has a name"))?;
        state::prepare(directory)?;
        let mut journal = Journal::at(directory.join(name), true)?;
        match journal.read()? {
            Some(entries) if !matches!(entries.last(), Some(Entry::End { .. })) => Err(Stopped::new(
                Exit::Unknown,
                "an earlier attempt was cut short, and is to be finished or undone first",
            )
            .help(format!(
                "run `execfit fix` on the service or family; its journal is {}",
                journal.path.display()
            ))),
            _ => Ok(journal),
        }
    }

    /// Opens and locks a file. The lock goes with the process, however that ends.
    pub(super) fn at(path: PathBuf, create: bool) -> Result<Journal, Stopped> {
        let trouble = |error: &dyn std::fmt::Display| unusable(&path, error);
        // A link would lead elsewhere, a pipe would be waited for.
        if std::fs::symlink_metadata(&path).is_ok_and(|there| !there.is_file()) {
            return Err(trouble(&"it is no regular file"));
        }
        let file =
            OpenOptions::new().read(true).write(true).create(create).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(|error| trouble(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(busy(&path, file)),
            Err(TryLockError::Error(error)) => return Err(trouble(&format!("it cannot be locked: {error}"))),
        }
        file.set_permissions(Permissions::from_mode(0o600)).map_err(|error| trouble(&error))?;
        Ok(Journal { file, path })
    }

    /// Its file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the first line, in the place of all that was there.
    pub(super) fn begin(&mut self, plan: &Plan, began: f64) -> Result<(), Stopped> {
        let plan = serde_json::to_value(plan).map_err(|error| unusable(&self.path, &error))?;
        let process = std::process::id();
        let cleared = self.file.set_len(0).and_then(|()| self.file.seek(SeekFrom::Start(0)));
        cleared.map_err(|error| unusable(&self.path, &error))?;
        self.write(&Entry::Begin { journal: VERSION.into(), process, began, plan })?;
        // The file's name, too, is to outlive a crash of the machine.
        let directory = self.path.parent().map(File::open);
        if let Some(Ok(directory)) = directory {
            directory.sync_all().map_err(|error| unusable(&self.path, &error))?;
        }
        Ok(())
    }

    /// Writes a line; it is on the disk when this returns.
    pub(super) fn write(&mut self, entry: &Entry) -> Result<(), Stopped> {
        let written = serde_json::to_string(entry).map_err(io::Error::from).and_then(|line| {
            self.file.write_all(format!("{line}\n").as_bytes())?;
            self.file.sync_data()
        });
        written.map_err(|error| unusable(&self.path, &error))
    }

    /// Reads the lines; none where the journal was never begun. What a crash tore is cut off.
    pub(super) fn read(&mut self) -> Result<Option<Vec<Entry>>, Stopped> {
        let text = read(&mut self.file).map_err(|error| unusable(&self.path, &error))?;
        if text.len() as u64 > LONGEST_JOURNAL {
            return Err(foreign(&self.path, &format!("it has more than {LONGEST_JOURNAL} bytes")));
        }
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let cut = self.file.set_len(whole as u64).and_then(|()| self.file.seek(SeekFrom::End(0)));
        cut.map_err(|error| unusable(&self.path, &error))?;
        let lines = text[..whole].split_inclusive(|byte| *byte == b'\n').enumerate();
        let mut entries = Vec::new();
        for (number, line) in lines {
            if number == 0 {
                version(&self.path, line)?;
            }
            let entry = serde_json::from_slice(line)
                .map_err(|error| foreign(&self.path, &format!("its line {} is none: {error}", number + 1)))?;
            if matches!(entry, Entry::Begin { .. }) != (number == 0) {
                return Err(foreign(&self.path, &format!("its line {} is out of place", number + 1)));
            }
            entries.push(entry);
        }
        Ok(Some(entries).filter(|entries| !entries.is_empty()))
    }
}

/// The version is looked at before all else: another one may have lines that are not known here.
fn version(path: &Path, line: &[u8]) -> Result<(), Stopped> {
    let first: Value = serde_json::from_slice(line).unwrap_or_default();
    match first["journal"].as_str() {
        Some(VERSION) => Ok(()),
        Some(other) => {
            let other: String = other.chars().take(60).collect();
            Err(foreign(path, &format!("its version is {other:?}, and this execfit has {VERSION}")))
        }
        None => Err(foreign(path, "its first line is none of a journal")),
    }
}

fn read(file: &mut File) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(LONGEST_JOURNAL + 1).read_to_end(&mut text)?;
    Ok(text)
}

/// Somebody else holds the journal: who, as far as its first line tells.
fn busy(path: &Path, mut file: File) -> Stopped {
    let text = read(&mut file).unwrap_or_default();
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first: Value = serde_json::from_slice(line).unwrap_or_default();
    let who = first["process"].as_u64().map_or("another process".into(), |id| format!("process {id}"));
    Stopped::new(
        Exit::Unknown,
        format!("{who} is at work on this target with `execfit fix`; nothing was changed"),
    )
    .help(format!("wait until it has ended; its journal is {}", path.display()))
}

fn unusable(path: &Path, error: &dyn std::fmt::Display) -> Stopped {
    Stopped::new(Exit::Failed, format!("the journal {} cannot be used: {error}", path.display()))
        .help("make it writable, or set EXECFIT_STATE_DIR to a directory of yours that is kept")
}

fn foreign(path: &Path, why: &str) -> Stopped {
    Stopped::new(Exit::Failed, format!("the journal {} cannot be carried on with: {why}", path.display()))
        .help("finish the attempt with the version of execfit that began it; or see to it by hand, and move the file away")
}
