//! Where the journals lie.

use crate::exit::{Exit, Stopped};
use execfit_diagnosis::ecs::last;
use execfit_diagnosis::plan::{Action, Plan};
use execfit_diagnosis::target::{Target, TargetKind};
use execfit_image::digest::Digest;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// `$EXECFIT_STATE_DIR`, else `execfit` in `$XDG_STATE_HOME`, else in `~/.local/state`. As the XDG Base Directory
/// Specification has it, a relative path of its own variables is passed over.
///
/// # Errors
/// [`Stopped`] where none of them names a directory.
pub fn state_directory() -> Result<PathBuf, Stopped> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let absolute = |path: &PathBuf| path.is_absolute();
    if let Some(directory) = set("EXECFIT_STATE_DIR") {
        return match directory.is_absolute() {
            true => Ok(directory),
            false => Err(Stopped::new(
                Exit::Usage,
                format!("EXECFIT_STATE_DIR is `{}`, and must be an absolute path", directory.display()),
            )),
        };
    }
    let home = || Some(set("HOME").filter(absolute)?.join(".local/state"));
    let states = set("XDG_STATE_HOME").filter(absolute).or_else(home);
    states.map(|states| states.join("execfit")).ok_or_else(|| {
        Stopped::new(
            Exit::Failed,
            "there is no place for the journal: neither XDG_STATE_HOME nor HOME names a directory",
        )
        .help("set EXECFIT_STATE_DIR to a directory that is kept")
    })
}

/// Makes the directory where it is not there. Nobody else may write to it: what a journal holds is carried on with.
pub(super) fn prepare(directory: &Path) -> Result<(), Stopped> {
    let trouble = |why: String| {
        let what =
            format!("the journal cannot be kept in {}: {why}; nothing was changed", directory.display());
        Stopped::new(Exit::Failed, what).help("set EXECFIT_STATE_DIR to a directory of yours that is kept")
    };
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.map_err(|error| trouble(error.to_string()))?;
    let mode = fs::metadata(directory).map_err(|error| trouble(error.to_string()))?.permissions().mode();
    if mode & 0o022 != 0 {
        return Err(trouble("other users may write to it".into()));
    }
    Ok(())
}

/// The journal of what a plan changes: one for each service, or family, of each account and region.
pub(super) fn file_of(plan: &Plan) -> Option<String> {
    let place = Place::of(plan)?;
    let digits = place.account.chars().filter(char::is_ascii_alphanumeric).take(20).collect::<String>();
    Some(format!("{}{digits}.jsonl", prefix(&place.region, &place.name)))
}

/// What the journals of a target begin with; the account, which a target does not name, follows. None for a target that
/// no plan is about.
pub(super) fn prefix_of(target: &Target, region: &str) -> Option<String> {
    let name = match &target.kind {
        TargetKind::Service { cluster, service } => format!("{}/{}", last(cluster), last(service)),
        TargetKind::TaskDefinition { family, .. } => family.clone(),
        TargetKind::Task { .. } | TargetKind::Documents { .. } | TargetKind::Image { .. } => return None,
    };
    Some(prefix(region, &name))
}

fn prefix(region: &str, name: &str) -> String {
    let digest = Digest::of(format!("{region} {name}").as_bytes());
    let readable = name.replace('/', ".");
    let readable: String =
        readable.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).take(80).collect();
    format!("{readable}-{}-", &digest.hex()[..12])
}

/// What a plan changes, and where.
pub(super) struct Place {
    pub(super) region: String,
    pub(super) account: String,
    /// `CLUSTER/SERVICE`, or the family: as a user would name it.
    pub(super) name: String,
}

impl Place {
    pub(super) fn of(plan: &Plan) -> Option<Place> {
        let (arn, name) = match plan.steps.iter().map(|step| &step.action).next_back()? {
            Action::RegisterTaskDefinition { from, .. } => (from, last(from).split(':').next()?.to_string()),
            Action::UpdateService { service, cluster, .. }
            | Action::StopServiceDeployment { service, cluster, .. } => {
                (service, format!("{}/{}", last(cluster), last(service)))
            }
            Action::UpdateExpressGatewayService { service, .. } => {
                let cluster = plan.proof.as_ref().map_or("default", |proof| last(&proof.cluster));
                (service, format!("{cluster}/{}", last(service)))
            }
        };
        let mut parts = arn.split(':').skip(3).map(String::from);
        Some(Place { region: parts.next()?, account: parts.next()?, name })
    }
}
