//! Fargate brings the machines, where platform version and region do.

use super::Capacity;
use crate::plan::{Edit, Setting};
use execfit_kernel::host::Architecture;
use serde_json::Value;

/// Regions of which AWS's guide said that Fargate has no ARM64 there, as of June 2023. A prefix ends with `-`. It is old,
/// and AWS adds regions to it silently, so it is a warning and never a refusal.
const GAPS: [&str; 8] = [
    "ap-south-2",
    "ap-southeast-4",
    "cn-",
    "eu-central-2",
    "af-south-1",
    "me-central-1",
    "me-south-1",
    "us-gov-",
];

pub(super) fn capacity(setting: &Setting<'_>, service: &Value, host: Architecture, spot: bool) -> Capacity {
    let name = if spot { "Fargate Spot" } else { "Fargate" };
    let written = service["platformVersion"].as_str().filter(|version| !version.is_empty());
    let pinned = written.filter(|version| *version != "LATEST");
    let mut found = match (pinned, oldest(host, spot)) {
        (Some(pinned), Some(oldest)) => match version(pinned) {
            Some(version) if version >= oldest => Capacity::known(
                true,
                format!("{name} brings {host} machines: platform version {pinned} has them"),
            ),
            Some(_) => raised(name, host, pinned, oldest),
            None => Capacity::unknown(format!(
                "{name}: it is not known whether platform version {pinned} has {host} machines"
            )),
        },
        _ => Capacity::known(true, format!("{name} brings {host} machines")),
    };
    if let Some(region) =
        region(setting, service).filter(|region| host == Architecture::Arm64 && is_gap(region))
    {
        found.told.push(format!(
            "in June 2023 AWS listed {region} among the regions where Fargate has no ARM64: see that it has by now"
        ));
    }
    found
}

/// The service pins a platform version that is too old.
fn raised(name: &str, host: Architecture, pinned: &str, (major, minor, patch): (u32, u32, u32)) -> Capacity {
    let oldest = format!("{major}.{minor}.{patch}");
    let told = format!(
        "{name} brings {host} machines from platform version {oldest} on, and the service pins {pinned}: it is raised \
         to {oldest}, where containerd runs the containers in place of Docker Engine"
    );
    let edit = Edit::set("/platformVersion", Some(&Value::from(pinned)), oldest);
    Capacity { edits: vec![edit], ..Capacity::known(true, told) }
}

/// The first platform version with such machines (ECS developer guide, 64-bit ARM workloads on Fargate; Fargate capacity
/// providers).
fn oldest(host: Architecture, spot: bool) -> Option<(u32, u32, u32)> {
    match (host, spot) {
        (Architecture::Arm64, _) => Some((1, 4, 0)),
        (Architecture::X86_64, true) => Some((1, 3, 0)),
        (Architecture::X86_64, false) => None,
    }
}

fn version(text: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = text.split('.').map(|number| number.parse::<u32>().ok());
    let version = (numbers.next()??, numbers.next()??, numbers.next()??);
    numbers.next().is_none().then_some(version)
}

fn region<'s>(setting: &'s Setting<'_>, service: &'s Value) -> Option<&'s str> {
    let of_arn = service["serviceArn"].as_str().and_then(|arn| arn.split(':').nth(3));
    setting.case.target.region.as_deref().or(of_arn)
}

fn is_gap(region: &str) -> bool {
    GAPS.iter().any(|gap| if gap.ends_with('-') { region.starts_with(gap) } else { region == *gap })
}
