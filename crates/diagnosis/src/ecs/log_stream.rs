//! Where the awslogs driver put what a container printed.

use serde_json::Value;

/// A log stream of one container of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStream {
    /// The task's ARN.
    pub task: String,
    /// The container's name.
    pub container: String,
    /// `awslogs-region`.
    pub region: Option<String>,
    /// `awslogs-group`.
    pub group: String,
    /// `prefix/container/task-id` (ECS developer guide, awslogs log driver).
    pub stream: String,
}

/// Streams looked at for each container.
const TASKS: usize = 2;

/// The streams of the containers that stopped; `tasks` newest first.
pub(super) fn of(definition: &Value, tasks: &[&Value]) -> Vec<LogStream> {
    let containers = definition["containerDefinitions"].as_array().into_iter().flatten();
    let mut streams = Vec::new();
    for container in containers {
        let name = container["name"].as_str().unwrap_or_default();
        let stopped = |task: &&&Value| {
            let containers = task["containers"].as_array().into_iter().flatten();
            let mut own = containers.filter(|found| found["name"].as_str() == Some(name));
            own.any(|found| found["lastStatus"].as_str() == Some("STOPPED"))
        };
        streams.extend(
            tasks
                .iter()
                .filter(stopped)
                .take(TASKS)
                .filter_map(|task| stream(container, name, task["taskArn"].as_str()?)),
        );
    }
    streams
}

impl LogStream {
    /// The stream of the container of this name, in the task of this ARN; none where it logs elsewhere.
    pub(crate) fn of_task(definition: &Value, container: &str, task: &str) -> Option<LogStream> {
        let mut containers = definition["containerDefinitions"].as_array().into_iter().flatten();
        let found = containers.find(|found| found["name"].as_str() == Some(container))?;
        stream(found, container, task)
    }
}

fn stream(container: &Value, name: &str, arn: &str) -> Option<LogStream> {
    let configuration = &container["logConfiguration"];
    let options = &configuration["options"];
    let option = |key: &str| options[key].as_str().map(String::from);
    if configuration["logDriver"].as_str() != Some("awslogs") {
        return None;
    }
    let id = arn.rsplit('/').next()?;
    Some(LogStream {
        task: arn.to_string(),
        container: name.to_string(),
        region: option("awslogs-region"),
        group: option("awslogs-group")?,
        stream: format!("{}/{name}/{id}", option("awslogs-stream-prefix")?),
    })
}
