//! The last log lines of containers that failed to start: only those that speak of it are kept.

use super::refuse;
use crate::aws::{Aws, AwsErrorKind};
use execfit_diagnosis::case::{Case, Log};
use execfit_diagnosis::ecs::{Documents, LogStream, Scene};
use execfit_diagnosis::log_line;

/// Streams that are read: failing tasks of one revision say the same.
const STREAMS: usize = 6;
/// Events that are read of each, from the end. A container that never started has one.
const EVENTS: u16 = 30;

/// Reads the awslogs streams of the newest stopped tasks.
pub(super) async fn observe(aws: &Aws, case: &mut Case) {
    for stream in streams(case) {
        let region = stream.region.as_deref();
        match aws.get_log_events(region, &stream.group, &stream.stream, EVENTS).await {
            Ok(answer) => {
                let messages = answer.array("events").iter().filter_map(|event| event["message"].as_str());
                let spoken = messages.filter(|message| log_line::read(message).is_some());
                let lines: Vec<String> = spoken.map(|line| line.chars().take(1000).collect()).collect();
                if !lines.is_empty() {
                    let place = format!("{}:{}", stream.group, stream.stream);
                    case.logs.push(Log {
                        task: stream.task,
                        container: stream.container,
                        stream: place,
                        lines,
                    });
                }
            }
            // A container that printed nothing has no stream.
            Err(error) if error.kind == AwsErrorKind::NotFound => {}
            Err(error) => refuse(case, &error, false),
        }
    }
}

fn streams(case: &Case) -> Vec<LogStream> {
    let documents = Documents::of(&case.answers);
    let scene = Scene::of(&case.target.kind, &documents);
    scene.map(|scene| scene.log_streams().into_iter().take(STREAMS).collect()).unwrap_or_default()
}
