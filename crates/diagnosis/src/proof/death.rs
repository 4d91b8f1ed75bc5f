//! Why a container or a task ended, and whether that is a failed start.

use super::service::revision;
use crate::ecs::time::seconds;
use crate::findings::printable;
use crate::log_line::{self, Meaning};
use crate::plan::Expected;
use execfit_kernel::errno::Errno;
use execfit_kernel::runtime::messages::Phase;
use serde_json::Value;

/// Exit codes of SIGKILL and SIGTERM: how the others end when an essential container has.
const KILLED: [i64; 2] = [137, 143];
/// Containers of a task that are looked at; a task definition has up to 10 (ECS service quotas), AWS adds some.
const CONTAINERS: usize = 40;

/// A task of DescribeTasks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task<'a>(pub(super) &'a Value);

/// One of its containers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Container<'a>(pub(super) &'a Value);

impl<'a> Task<'a> {
    pub(super) fn arn(self) -> &'a str {
        self.0["taskArn"].as_str().unwrap_or_default()
    }

    /// The first characters of its id.
    pub(super) fn short(self) -> String {
        short(self.arn())
    }

    pub(super) fn status(self) -> &'a str {
        self.0["lastStatus"].as_str().unwrap_or_default()
    }

    /// It is on its way down, or there (ECS developer guide, task lifecycle).
    pub(super) fn is_over(self) -> bool {
        let down = ["DEACTIVATING", "STOPPING", "DEPROVISIONING", "STOPPED", "DELETED"];
        self.0["desiredStatus"].as_str() == Some("STOPPED") || down.contains(&self.status())
    }

    pub(super) fn is_stopped(self) -> bool {
        matches!(self.status(), "STOPPED" | "DELETED")
    }

    pub(super) fn containers(self) -> impl Iterator<Item = Container<'a>> {
        let containers = self.0["containers"].as_array().into_iter().flatten();
        containers.take(CONTAINERS).map(Container)
    }

    /// `CODE: reason`, as far as it is told.
    pub(super) fn why(self) -> Option<String> {
        let told =
            ["stopCode", "stoppedReason"].map(|member| self.0[member].as_str().filter(|s| !s.is_empty()));
        match told {
            [Some(code), Some(reason)] => {
                Some(printable(&format!("{code}: {}", reason.trim_end_matches('.'))))
            }
            [Some(one), None] | [None, Some(one)] => Some(printable(one)),
            [None, None] => None,
        }
    }

    /// Whether it belongs to the deployment `id` of `task_definition`, begun at `since` (epoch seconds of AWS): a task
    /// says by which deployment it was started (ECS API, Task, `startedBy`); where it does not, revision and time tell.
    pub(super) fn is_of(self, id: Option<&str>, task_definition: &str, since: f64) -> bool {
        match (self.0["startedBy"].as_str().filter(|by| by.starts_with("ecs-svc/")), id) {
            (Some(by), Some(id)) if id.starts_with("ecs-svc/") => by == id,
            // Times come with milliseconds or without.
            _ => {
                self.0["taskDefinitionArn"].as_str() == Some(task_definition)
                    && seconds(&self.0["createdAt"]) + 1.0 > since
            }
        }
    }

    /// Whether its end says nothing about what it ran: somebody stopped it, the service shrank, the machine went away.
    /// A task that failed its health checks is stopped by the scheduler, too (ECS developer guide, stopped tasks).
    pub(super) fn is_excused(self) -> bool {
        let reason = self.0["stoppedReason"].as_str().unwrap_or_default();
        match self.0["stopCode"].as_str() {
            Some("ServiceSchedulerInitiated") => !reason.contains("health check"),
            Some("UserInitiated" | "SpotInterruption" | "TerminationNotice" | "InfrastructureHealth") => true,
            _ => false,
        }
    }

    /// The container that the task ended with, where one did.
    pub(super) fn culprit(self, expected: &[Expected]) -> Option<Container<'a>> {
        let essential = |container: &Container<'_>| {
            expected.iter().any(|one| one.essential && one.container == container.name())
        };
        let rank =
            |container: &Container<'_>| match (essential(container), container.exit(), container.reason()) {
                (true, Some(code), _) if code != 0 && !KILLED.contains(&code) => Some(0),
                (true, _, Some(_)) => Some(1),
                (true, Some(0), None) => Some(2),
                (true, Some(_), None) => Some(3),
                (false, _, Some(_)) => Some(4),
                _ => None,
            };
        let ranked = self.containers().filter_map(|container| Some((rank(&container)?, container)));
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, container)| container)
    }

    /// Its state in a line, with its containers.
    pub(super) fn line(self) -> String {
        let over = self.is_over().then(|| self.why().map(|why| format!(" ({why})"))).flatten();
        let state = match (self.is_over(), self.is_stopped()) {
            (true, false) => "stopping".to_string(),
            _ => words(self.status()),
        };
        let revision = revision(&self.0["taskDefinitionArn"]);
        let containers: Vec<String> = self.containers().map(Container::line).collect();
        let containers =
            if containers.is_empty() { String::new() } else { format!("; {}", containers.join(", ")) };
        format!("task {} ({revision}) is {state}{}{containers}", self.short(), over.unwrap_or_default())
    }
}

impl<'a> Container<'a> {
    pub(super) fn name(self) -> &'a str {
        self.0["name"].as_str().unwrap_or("?")
    }

    pub(super) fn status(self) -> &'a str {
        self.0["lastStatus"].as_str().unwrap_or_default()
    }

    pub(super) fn is_stopped(self) -> bool {
        self.status() == "STOPPED"
    }

    pub(super) fn exit(self) -> Option<i64> {
        self.0["exitCode"].as_i64()
    }

    pub(super) fn reason(self) -> Option<&'a str> {
        self.0["reason"].as_str().filter(|reason| !reason.is_empty())
    }

    pub(super) fn health(self) -> Option<&'a str> {
        self.0["healthStatus"].as_str().filter(|health| *health != "UNKNOWN")
    }

    /// It was killed because another one ended.
    pub(super) fn was_killed(self) -> bool {
        self.exit().is_some_and(|code| KILLED.contains(&code)) && self.reason().is_none()
    }

    /// How it ended: exit code and reason.
    pub(super) fn end(self) -> String {
        match (self.exit(), self.reason()) {
            (Some(code), Some(reason)) => format!("ended with exit code {code}: {}", printable(reason)),
            (Some(code), None) => format!("ended with exit code {code}"),
            (None, Some(reason)) => format!("did not start: {}", printable(reason)),
            (None, None) => "ended without an exit code".into(),
        }
    }

    fn line(self) -> String {
        let name = printable(self.name());
        match (self.is_stopped(), self.health()) {
            (true, _) => format!("{name} {}", self.end()),
            (false, Some(health)) => format!("{name} {}, {}", words(self.status()), words(health)),
            (false, None) => format!("{name} {}", words(self.status())),
        }
    }
}

/// The first characters of a task's id.
pub(super) fn short(arn: &str) -> String {
    let id: String = arn.rsplit('/').next().unwrap_or_default().chars().take(8).collect();
    if id.is_empty() { "?".into() } else { printable(&id) }
}

fn words(state: &str) -> String {
    if state.is_empty() { "in no state".into() } else { printable(state).to_lowercase().replace('_', " ") }
}

/// What a text that a dead container left says, where that is a failed start: to try again would not help.
///
/// A runtime that refuses a program says so of the container's own. What shells, inits and loaders print need not be
/// what the container died of, unless its exit code goes with it.
pub(super) fn failed_start(text: &str, exit: Option<i64>) -> Option<Option<Meaning>> {
    let Some(meaning) = log_line::read(text) else {
        return image_cannot_be_pulled(text).then_some(None);
    };
    let fits = |codes: &[u8]| codes.iter().any(|code| Some(i64::from(*code)) == exit);
    let decides = match meaning.row {
        Some(row) => match row.phase {
            Phase::Create | Phase::Start => true,
            Phase::HandOver | Phase::Loader => meaning.printed_by.iter().any(|(_, codes)| fits(codes)),
        },
        None => match meaning.phase {
            "pull" | "unpack" => true,
            "exec" => meaning.errno == Some(Errno::ENOEXEC) && exit != Some(0),
            // Of the machines, or a warning only.
            _ => false,
        },
    };
    decides.then_some(Some(meaning))
}

/// The registry has answered, and its answer is no. All else (no connection, too many requests) may pass.
fn image_cannot_be_pulled(text: &str) -> bool {
    const NO: [&str; 7] = [
        "manifest unknown",
        "not found",
        "does not exist",
        "access denied",
        "no basic auth credentials",
        "invalid reference format",
        "unsupported media type",
    ];
    let lower = text.to_lowercase();
    let pull = lower.find("cannotpull");
    pull.is_some_and(|at| NO.iter().any(|no| lower[at..].contains(no)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_that_are_a_failed_start() {
        let exec = "exec /app: exec format error";
        let platform = "CannotPullContainerError: pull image manifest has been retried 1 time(s): image Manifest does \
                        not contain descriptor matching platform 'linux/amd64'";
        let unknown =
            "CannotPullContainerError: failed to resolve ref registry/app:9: registry/app:9: not found";
        let created = "CannotStartContainerError: Error response from daemon: failed to create task for container: \
                       failed to create shim task: OCI runtime create failed: runc create failed: unable to start \
                       container process: exec: \"/app\": stat /app: no such file or directory: unknown";
        for (text, exit) in
            [(exec, Some(1)), (exec, Some(255)), (platform, None), (unknown, None), (created, None)]
        {
            assert!(failed_start(text, exit).is_some(), "{text}");
        }
        let timeout = "CannotPullContainerError: pull command failed: dial tcp: lookup registry: i/o timeout";
        // Of the surroundings, not of the image.
        for text in [
            "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to \
             create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist. : exit status 1",
            "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: Failed to \
             resolve \"fs-1.efs.eu-central-1.amazonaws.com\": unsuccessful EFS utils command execution; code: 1",
            "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: \
             unable to retrieve secret from asm: service call has been retried 1 time(s): AccessDeniedException",
            "CannotStartContainerError: Error response from daemon: failed to initialize logging driver: failed to create \
             Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist",
            "CannotPullContainerError: The task cannot pull registry/app:1 from the registry. There is a connection issue",
            "CannotPullContainerError: toomanyrequests: You have reached your pull rate limit.",
            "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:r:a:targetgroup/x/1)",
            "OutOfMemoryError: Container killed due to memory usage",
        ] {
            assert!(failed_start(text, None).is_none() && failed_start(text, Some(1)).is_none(), "{text}");
        }
        let script = "/start.sh: line 3: /opt/tool: cannot execute binary file: Exec format error";
        for (text, exit) in [(timeout, None), (script, Some(3)), ("ready to serve", Some(1)), ("", None)] {
            assert!(failed_start(text, exit).is_none(), "{text}");
        }
        assert!(failed_start(script, Some(126)).is_some());
    }

    #[test]
    fn the_container_that_a_task_ended_with() {
        let expected = |name: &str, essential| Expected {
            container: name.into(),
            essential,
            may_end: !essential,
            image: "app:1".into(),
            digests: Vec::new(),
            verdict: crate::verdict::VerdictName::Runs,
            reason: None,
        };
        let all = [expected("app", true), expected("web", true), expected("log", false)];
        let ended = |name: &str, exit: i64| json!({"name": name, "lastStatus": "STOPPED", "exitCode": exit});
        for (containers, culprit) in [
            (json!([ended("app", 137), ended("web", 1), ended("log", 2)]), Some("web")),
            (json!([ended("app", 143), ended("web", 0)]), Some("web")),
            (json!([ended("app", 137), {"name": "web", "lastStatus": "PENDING"}]), Some("app")),
            (json!([{"name": "log", "reason": "CannotPullContainerError: x"}]), Some("log")),
            (json!([ended("log", 1)]), None),
            (json!("none"), None),
        ] {
            let task = json!({ "containers": containers });
            assert_eq!(Task(&task).culprit(&all).map(Container::name), culprit, "{task}");
        }
    }

    #[test]
    fn garbage_has_a_line() {
        for task in
            [json!(null), json!({"taskArn": 7, "containers": [null, 1, "x"]}), json!({"taskArn": "////"})]
        {
            assert!(Task(&task).line().starts_with("task ? (?) is in no state"), "{}", Task(&task).line());
        }
        assert_eq!(short("arn:aws:ecs:r:a:task/c/\u{1b}[31mred0123456789"), " [31mred");
    }
}
