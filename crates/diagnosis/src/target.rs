//! What the user named: a service, a task, a task definition, or saved documents.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A target of `diagnose`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// What it is, and its names.
    #[serde(flatten)]
    pub kind: TargetKind,
    /// The region that the text named, e.g. in an ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

/// The kinds of target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TargetKind {
    /// A service of a cluster.
    Service {
        /// The cluster's name or ARN.
        cluster: String,
        /// The service's name.
        service: String,
    },
    /// A task, running or stopped.
    Task {
        /// The cluster's name or ARN.
        cluster: String,
        /// The task's id.
        task: String,
    },
    /// A task definition; without a revision, the latest active one.
    TaskDefinition {
        /// The family.
        family: String,
        /// The revision.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<u32>,
    },
    /// Saved JSON of the AWS CLI.
    Documents {
        /// Where it was read from; `-` is standard input.
        path: String,
    },
    /// An image, asked without a workload around it.
    Image {
        /// The reference.
        reference: String,
    },
}

/// A text that names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` names no target: {why}; give a service or task ARN, CLUSTER/SERVICE, FAMILY[:REVISION], \
     a console URL, or `-` or file:PATH with saved AWS CLI JSON"
)]
pub struct InvalidTarget {
    text: String,
    why: &'static str,
}

impl Target {
    /// A target in no particular region.
    pub fn new(kind: TargetKind) -> Target {
        Target { kind, region: None }
    }

    /// Reads what the user wrote.
    ///
    /// # Errors
    /// [`InvalidTarget`] with what is wrong with it.
    pub fn parse(text: &str) -> Result<Target, InvalidTarget> {
        let invalid = |why| InvalidTarget { text: text.chars().take(300).collect(), why };
        if text == "-" {
            return Ok(Target::new(TargetKind::Documents { path: "-".into() }));
        }
        if let Some(path) = text.strip_prefix("file:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            let documents = TargetKind::Documents { path: path.into() };
            return if path.is_empty() {
                Err(invalid("file: lacks a path"))
            } else {
                Ok(Target::new(documents))
            };
        }
        if text.starts_with("arn:") {
            return parse_arn(text).map_err(invalid);
        }
        if text.starts_with("https://") || text.starts_with("http://") {
            return parse_console_url(text).map_err(invalid);
        }
        match text.split('/').collect::<Vec<_>>()[..] {
            [family] => parse_family(family).map(Target::new).map_err(invalid),
            [cluster, service] => service_of(cluster, service).map(Target::new).map_err(invalid),
            _ => Err(invalid("it has more than one `/`")),
        }
    }
}

fn parse_arn(text: &str) -> Result<Target, &'static str> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [_, partition, "ecs", region, account, resource] = parts[..] else {
        return Err(if parts.get(2).is_some_and(|service| *service != "ecs") {
            "the ARN is not one of ECS"
        } else {
            "an ECS ARN is arn:aws:ecs:REGION:ACCOUNT:RESOURCE"
        });
    };
    let account_is_valid = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    if !partition.starts_with("aws") || region.is_empty() || !account_is_valid {
        return Err("an ECS ARN is arn:aws:ecs:REGION:ACCOUNT:RESOURCE with an account of 12 digits");
    }
    let kind = match resource.split('/').collect::<Vec<_>>()[..] {
        ["service" | "service-deployment" | "service-revision", cluster, service]
        | ["service-deployment" | "service-revision", cluster, service, _] => service_of(cluster, service)?,
        // ARNs of before 2018 do not name the cluster.
        ["service", service] => service_of("default", service)?,
        ["task", cluster, task] => task_of(cluster, task)?,
        ["task", task] => task_of("default", task)?,
        ["task-definition", family] => parse_family(family)?,
        ["cluster", _] => return Err("it is a cluster; name a service of it, as CLUSTER/SERVICE"),
        _ => return Err("the ARN is neither a service's, a task's, nor a task definition's"),
    };
    Ok(Target { kind, region: Some(region.into()) })
}

/// `https://REGION.console.aws.amazon.com/ecs/v2/clusters/C/services/S/...?region=R` and
/// `https://console.aws.amazon.com/ecs/home?region=R#/clusters/C/services/S/details`.
fn parse_console_url(text: &str) -> Result<Target, &'static str> {
    let (_, rest) = text.split_once("://").ok_or("it is no URL")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if !["console.aws.amazon.com", "console.amazonaws.cn", "console.amazonaws-us-gov.com"]
        .iter()
        .any(|console| host == *console || host.ends_with(&format!(".{console}")))
    {
        return Err("the URL is not one of the AWS console");
    }
    let of_query = rest.split(['?', '&', '#']).find_map(|part| part.strip_prefix("region="));
    let of_host = host.split_once(".console.").map(|(region, _)| region);
    let region = of_query.or(of_host).map(|region| region.chars().take_while(|c| *c != '#').collect());
    let segments: Vec<&str> = rest.split(['/', '?', '#', '&']).filter(|part| !part.is_empty()).collect();
    let after = |word: &str| segments.iter().position(|part| *part == word).map(|at| &segments[at + 1..]);
    let kind = match (after("clusters"), after("services"), after("tasks"), after("task-definitions")) {
        (Some([cluster, ..]), _, Some([task, ..]), _) if is_task_id(task) => task_of(cluster, task)?,
        (Some([cluster, ..]), Some([service, ..]), _, _) => service_of(cluster, service)?,
        (_, _, _, Some([family, revision, ..])) if revision.parse::<u32>().is_ok() => {
            parse_family(&format!("{family}:{revision}"))?
        }
        (_, _, _, Some([family, ..])) => parse_family(family)?,
        _ => return Err("the console's page shows no service, task or task definition"),
    };
    Ok(Target { kind, region })
}

fn is_task_id(text: &str) -> bool {
    text.len() >= 32 && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
}

/// Names of ECS resources: letters, digits, hyphens, underscores, at most 255 (ECS API, CreateService).
fn is_name(name: &str) -> bool {
    let valid = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    !name.is_empty() && name.len() <= 255 && name.bytes().all(valid)
}

const BAD_NAME: &str = "names of ECS have letters, digits, hyphens and underscores, 255 at most";

fn service_of(cluster: &str, service: &str) -> Result<TargetKind, &'static str> {
    if is_name(cluster) && is_name(service) {
        Ok(TargetKind::Service { cluster: cluster.into(), service: service.into() })
    } else {
        Err(BAD_NAME)
    }
}

fn task_of(cluster: &str, task: &str) -> Result<TargetKind, &'static str> {
    if is_name(cluster) && is_name(task) {
        Ok(TargetKind::Task { cluster: cluster.into(), task: task.into() })
    } else {
        Err(BAD_NAME)
    }
}

fn parse_family(text: &str) -> Result<TargetKind, &'static str> {
    let (family, revision) = match text.split_once(':') {
        Some((family, revision)) => (
            family,
            Some(revision.parse().ok().filter(|n| *n > 0).ok_or("a revision is a number from 1 on")?),
        ),
        None => (text, None),
    };
    if is_name(family) {
        Ok(TargetKind::TaskDefinition { family: family.into(), revision })
    } else {
        Err(BAD_NAME)
    }
}

impl TargetKind {
    /// As it is written on the command line.
    pub fn arguments(&self) -> String {
        match self {
            TargetKind::Service { cluster, service } => format!("{cluster}/{service}"),
            TargetKind::Task { cluster, task } => format!("--cluster {cluster} --task {task}"),
            TargetKind::TaskDefinition { family, revision: None } => family.clone(),
            TargetKind::TaskDefinition { family, revision: Some(revision) } => format!("{family}:{revision}"),
            TargetKind::Documents { path } if path == "-" => path.clone(),
            TargetKind::Documents { path } => format!("file:{path}"),
            TargetKind::Image { reference } => reference.clone(),
        }
    }
}

impl fmt::Display for TargetKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetKind::Service { cluster, service } => write!(f, "service {cluster}/{service}"),
            TargetKind::Task { cluster, task } => write!(f, "task {cluster}/{task}"),
            TargetKind::TaskDefinition { family, revision: None } => write!(f, "task definition {family}"),
            TargetKind::TaskDefinition { family, revision: Some(revision) } => {
                write!(f, "task definition {family}:{revision}")
            }
            TargetKind::Documents { path } if path == "-" => f.write_str("documents on standard input"),
            TargetKind::Documents { path } => write!(f, "documents in {path}"),
            TargetKind::Image { reference } => write!(f, "image {reference}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        match Target::parse(text) {
            Ok(Target { kind, region }) => format!("{kind} {}", region.unwrap_or("-".into())),
            Err(error) => format!("error: {}", error.why),
        }
    }

    #[test]
    fn every_way_to_name_a_target() {
        let id = "0123456789abcdef0123456789abcdef";
        for (text, expected) in [
            ("arn:aws:ecs:us-east-1:111122223333:service/demo/api", "service demo/api us-east-1"),
            ("arn:aws-cn:ecs:cn-north-1:111122223333:service/api", "service default/api cn-north-1"),
            (
                "arn:aws:ecs:eu-west-1:111122223333:service-deployment/demo/api/x1",
                "service demo/api eu-west-1",
            ),
            ("arn:aws:ecs:eu-west-1:111122223333:task/demo/abc", "task demo/abc eu-west-1"),
            ("arn:aws:ecs:eu-west-1:111122223333:task-definition/api:7", "task definition api:7 eu-west-1"),
            ("demo/api", "service demo/api -"),
            ("api", "task definition api -"),
            ("api:12", "task definition api:12 -"),
            ("-", "documents on standard input -"),
            ("file:saved.json", "documents in saved.json -"),
            (
                "https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/demo/services/api/health?region=eu-west-1",
                "service demo/api eu-west-1",
            ),
            (
                "https://console.aws.amazon.com/ecs/home?region=us-east-2#/clusters/demo/services/api/details",
                "service demo/api us-east-2",
            ),
            (
                "https://us-east-1.console.aws.amazon.com/ecs/v2/task-definitions/api/7/containers?region=us-east-1",
                "task definition api:7 us-east-1",
            ),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
        let task = format!(
            "https://us-east-1.console.aws.amazon.com/ecs/v2/clusters/demo/services/api/tasks/{id}/logs"
        );
        assert_eq!(show(&task), format!("task demo/{id} us-east-1"));
    }

    #[test]
    fn what_names_nothing_says_why() {
        for text in [
            "",
            "arn:aws:ecs",
            "arn:aws:s3:::bucket",
            "arn:aws:ecs:us-east-1:1:service/a/b",
            "a/b/c",
            "api:0",
            "api:x",
            "a b/c",
            "https://example.com/ecs/v2/clusters/a/services/b",
            "file:",
            "arn:aws:ecs:us-east-1:111122223333:cluster/demo",
        ] {
            assert!(show(text).starts_with("error: "), "{text}: {}", show(text));
        }
    }
}
