//! The places that a service may go back to, the best first.

use super::Setting;
use crate::case::{Need, Question};
use crate::ecs::{Success, seconds, shown};
use serde_json::Value;
use std::collections::BTreeSet;

/// Deployments that succeeded, of which what they ran is looked at.
const DEPLOYMENTS: usize = 3;
/// Revisions that are looked at, at the most: each may mean an image to read.
pub(super) const REVISIONS: usize = 10;

/// A revision that a service ran, or may have run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place<'a> {
    /// The task definition: its ARN, or `FAMILY:REVISION`.
    pub(super) definition: String,
    /// The service revision that ran it (ECS API, ServiceRevision).
    pub(super) service_revision: Option<&'a Value>,
    /// What speaks for it.
    pub(super) evidence: Evidence,
}

/// What speaks for going back there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Evidence {
    /// A deployment of it succeeded, and when that began.
    Succeeded(String),
    /// An earlier deployment of it is still there, with this many running tasks.
    Running(u64),
    /// It is an earlier revision of the family.
    Earlier,
}

impl Evidence {
    /// In words, of a revision.
    pub(super) fn words(&self) -> Option<String> {
        match self {
            Evidence::Succeeded(at) => Some(format!("its deployment of {at} succeeded")),
            Evidence::Running(1) => Some("a task of it is still running".into()),
            Evidence::Running(tasks) => Some(format!("{tasks} tasks of it are still running")),
            Evidence::Earlier => None,
        }
    }
}

/// What earlier deployments ran, the newest first: those that succeeded, then those of which tasks still run. With it,
/// what could not be looked at.
///
/// # Errors
/// What AWS is to be asked first.
pub(super) fn deployed<'a>(
    setting: &Setting<'a>,
    service: &'a Value,
) -> Result<(Vec<Place<'a>>, Vec<String>), Vec<Need>> {
    let (mut places, lost) = succeeded(setting)?;
    places.extend(still_running(service));
    let mut seen = BTreeSet::new();
    places.retain(|place| !place.definition.is_empty() && seen.insert(place.definition.clone()));
    Ok((places, lost))
}

/// See [`deployed`]. Of the deployments only briefs are listed; what they ran stands in their service revisions.
fn succeeded<'a>(setting: &Setting<'a>) -> Result<(Vec<Place<'a>>, Vec<String>), Vec<Need>> {
    let mut successes = setting.scene.successes();
    successes.truncate(DEPLOYMENTS);
    let unread = successes.iter().filter(|success| success.revision.is_none());
    let unread: Vec<String> = unread.map(|success| success.target.to_string()).collect();
    if !unread.is_empty() {
        setting.case.ask(Question::ServiceRevisions { arns: unread.clone() }).map_err(|need| vec![need])?;
    }
    let place = |success: &Success<'a>| {
        let definition = success.definition()?.to_string();
        let evidence = Evidence::Succeeded(shown(success.began));
        Some(Place { definition, service_revision: success.revision, evidence })
    };
    let lost = unread.iter().map(|arn| {
        let name = arn.rsplit('/').next().unwrap_or(arn);
        format!(
            "what the service revision {name} ran, whose deployment succeeded, is not known: ECS does not describe it"
        )
    });
    Ok((successes.iter().filter_map(place).collect(), lost.collect()))
}

fn still_running(service: &Value) -> Vec<Place<'_>> {
    let deployments = service["deployments"].as_array().into_iter().flatten();
    let mut older: Vec<&Value> = deployments.filter(|one| one["status"].as_str() == Some("ACTIVE")).collect();
    older.sort_by(|one, other| seconds(&other["createdAt"]).total_cmp(&seconds(&one["createdAt"])));
    let place = |deployment: &&Value| {
        let running = deployment["runningCount"].as_u64().filter(|running| *running > 0)?;
        let definition = deployment["taskDefinition"].as_str()?.to_string();
        Some(Place { definition, service_revision: None, evidence: Evidence::Running(running) })
    };
    older.iter().filter_map(place).collect()
}

/// The earlier revisions of the family, newest first: the one before, which the diagnosis has read, then those that ECS
/// lists. `more`: whether the one before is not enough.
///
/// # Errors
/// What AWS is to be asked first.
pub(super) fn earlier<'a>(setting: &Setting<'_>, more: bool) -> Result<Vec<Place<'a>>, Vec<Need>> {
    let definition = setting.scene.definition;
    let (Some(family), Some(number)) = (definition["family"].as_str(), definition["revision"].as_u64())
    else {
        return Ok(Vec::new());
    };
    let place = |number: u64| Place {
        definition: format!("{family}:{number}"),
        service_revision: None,
        evidence: Evidence::Earlier,
    };
    if !more {
        let before = setting.scene.previous().filter(|before| is_active(before.definition));
        return Ok(before
            .and_then(|before| before.definition["revision"].as_u64())
            .map(place)
            .into_iter()
            .collect());
    }
    setting.case.ask(Question::Revisions { family: family.into() }).map_err(|need| vec![need])?;
    let listed = setting.documents.revision_arns.iter().filter_map(|arn| {
        let (of, number) = arn.rsplit('/').next()?.rsplit_once(':')?;
        number.parse::<u64>().ok().filter(|number| of == family && *number > 0)
    });
    let listed: BTreeSet<u64> = listed.collect();
    let mut numbers: Vec<u64> = listed.iter().copied().filter(|listed| *listed < number).rev().collect();
    // The list is of the newest; a service far behind them is reached by numbers.
    if numbers.is_empty() && listed.len() >= 100 {
        numbers = (1..number).rev().take(REVISIONS).collect();
    }
    numbers.truncate(REVISIONS);
    Ok(numbers.into_iter().map(place).collect())
}

/// Whether a service may be brought to this revision (ECS API, TaskDefinition, status).
pub(super) fn is_active(definition: &Value) -> bool {
    matches!(definition["status"].as_str(), None | Some("" | "ACTIVE"))
}
