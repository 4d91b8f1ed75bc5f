//! A layer breaks a rule that the runtimes hold to: the image cannot be unpacked.
//!
//! Docker and containerd read layers with Go's archive/tar and refuse what it refuses: a hard link to a file of another
//! layer, unknown entry types, a header after the end of the archive, a file and its whiteout in one layer. Docker and
//! Podman also refuse what containerd takes: a path that is there twice, a parent that is a dangling link. ECS shows
//! `CannotPullContainerError`.
//!
//! ## What to do
//! Build the image with a current builder, or find the tool that writes the layer.

use super::rungs;
use crate::case::{ChildFacts, TroubleKind};
use crate::finding::{Evidence, Finding, Severity};
use crate::remedy::Remedy;
use crate::run::objection;
use crate::subject::Subject;
use crate::verdict::Failure;
use crate::workload::Engine;
use execfit_image::layer::Effect;

/// The finding's id.
pub(super) const ID: &str = "cannot-unpack";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (_, run, failure) = subject.failing()?;
    if *failure != Failure::Unpack {
        return None;
    }
    let image = subject.image()?;
    let child = run.manifest.as_ref().and_then(|digest| image.child(digest));
    let trouble = image.trouble.as_ref().or(child.and_then(|child| child.trouble.as_ref()));
    let trouble = trouble.filter(|trouble| trouble.kind == TroubleKind::CannotUnpack);
    let engine = subject.workload.placement.engine;
    let (message, rule) = match (trouble, &run.blame) {
        (Some(trouble), _) => (trouble.message.clone(), Evidence::seen("the runtimes refuse the layer").source("containerd archive/tar.go, moby pkg/archive")),
        (None, Some(blame)) => (blame.rule.clone(), minders(child, engine).source(&blame.source)),
        (None, None) => return None,
    };
    let message = format!("{}: {message}", subject.whole());
    let mend = Remedy::edit("build the image with a current builder", &[]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, vec![rule])).cured_by(mend))
}

/// Who refuses the layer, and who does not.
fn minders(child: Option<&ChildFacts>, engine: Engine) -> Evidence {
    let refuses = |engine: &Engine| child.is_some_and(|child| matches!(objection(child, *engine), Some((Effect::Refused, _))));
    let (refuse, take): (Vec<Engine>, Vec<Engine>) = Engine::ALL.into_iter().partition(refuses);
    let names = |engines: &[Engine]| engines.iter().map(|engine| engine.name()).collect::<Vec<_>>().join(", ");
    let others = if take.is_empty() { String::new() } else { format!(", not by {}", names(&take)) };
    Evidence::seen(format!("asked of {}; refused by {}{others}", engine.name(), names(&refuse)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use execfit_image::layer::Bearing;
    use crate::fixture::{AMD64, Picture, Room, elf};
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn what_one_engine_refuses_the_other_takes() {
        let text = "entry /app: duplicates of file paths not supported: the layer has it twice";
        let twice = Picture::of_app("amd64", &elf(AMD64)).note(Bearing::DockerRefuses, text);
        assert_eq!(Room::new().image("app:1", twice.clone()).ids(), ["ended-by-itself", "default-architecture"]);
        let on_ec2 = || Room::new().service(json!({"launchType": "EC2"}));
        assert_snapshot!(on_ec2().image("app:1", twice).finding(ID), @"
        app: fails unpack
          host x86_64 (default, 0): fails
          findings: cannot-unpack, default-architecture
        error[cannot-unpack]: container app: layer sha256:0c6eea24: entry /app: duplicates of file paths not supported: the layer has it twice
          | asked of docker; refused by docker, docker-20.10, podman, not by containerd [seen: dockerd 20.10, containerd 1.6, Podman 4.3]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          = Edit Advice: build the image with a current builder
        ");
        let differs = Picture::of_app("amd64", &elf(AMD64)).note(Bearing::DockerDiffers, "entry /d carries an attribute");
        assert!(on_ec2().image("app:1", differs).brief().starts_with("app: unknown"));
    }

    #[test]
    fn a_layer_that_go_refuses() {
        let picture = Picture::of_app("amd64", &elf(AMD64))
            .trouble(TroubleKind::CannotUnpack, "layer 2 of app:1: a hard link to /missing, which is in no layer");
        assert_snapshot!(Room::new().image("app:1", picture).finding(ID), @"
        app: fails unpack
          host x86_64 (default, 0): fails
          findings: cannot-unpack, default-architecture
        error[cannot-unpack]: container app: layer 2 of app:1: a hard link to /missing, which is in no layer
          | the runtimes refuse the layer [containerd archive/tar.go, moby pkg/archive]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          = Edit Advice: build the image with a current builder
        ");
    }
}
