//! A service that can be fixed: its tasks come and go in the double, its images lie in the registry.

use crate::double::{Behaviour, shapes};
use crate::registry::{ARM64, Image, X86_64};
use crate::run::{Outcome, run};
use crate::stage::{Stage, good};
use serde_json::{Value, json};
use std::process::Command;
use tempfile::TempDir;

/// What the log of a program of the wrong architecture says.
pub(crate) const LINE: &str = "exec /app: exec format error";

/// AWS, a registry, and a place for the journal.
pub(crate) struct Live {
    pub(crate) stage: Stage,
    pub(crate) state: TempDir,
}

impl Live {
    /// The cluster `demo`, and nothing in it. Deployments resolve tags in the registry.
    pub(crate) fn empty() -> Live {
        let stage = Stage::empty();
        stage.aws.resolves(stage.registry.digests());
        Live { stage, state: TempDir::new().unwrap() }
    }

    /// `demo/api` on Fargate: revision 1 is good, revision 2 is for arm64 only and was deployed; its tasks die.
    pub(crate) fn broken() -> Live {
        let live = Live::empty();
        live.push("team/app:1", &intel()).push("team/app:2", &arm());
        live.define(1, "team/app:1").define(2, "team/app:2").serve(2);
        live.stage.aws.behaves("api:2", Behaviour::wrong_format("/app"));
        live.crashed(2, "team/app:2", &arm().build().digest());
        live
    }

    /// The answer of `execfit fix demo/api --by REMEDY --dry-run`, which ends with this code and writes nothing.
    #[track_caller]
    pub(crate) fn planned(&self, code: i32, by: &str, more: &[&str]) -> Value {
        let usual = ["demo/api", "--by", by, "--dry-run", "--format", "json"];
        let outcome = self.fix(&[&usual, more].concat());
        assert_eq!(outcome.code, code, "{}\n{}", outcome.stdout, outcome.stderr);
        assert_eq!(self.stage.aws.writes(), [""; 0]);
        serde_json::from_str(&outcome.stdout).unwrap()
    }

    /// Pushes an image to `REPOSITORY:TAG`.
    pub(crate) fn push(&self, reference: &str, image: &Image) -> &Live {
        self.stage.registry.push(reference, image);
        self
    }

    /// Registers a revision of `api` with one container of this image.
    pub(crate) fn define(&self, revision: u32, image: &str) -> &Live {
        let image = self.stage.registry.name(image);
        self.stage.define(revision, json!([shapes::container_definition("api", &image)]));
        self
    }

    /// Creates the service of this revision.
    pub(crate) fn serve(&self, revision: u32) -> &Live {
        self.stage.serve(revision);
        self
    }

    /// A task of this revision that died of a failed exec, at this digest.
    pub(crate) fn crashed(&self, revision: u32, image: &str, digest: &str) -> &Live {
        let image = self.stage.registry.name(image);
        let container = shapes::exited(shapes::container("api", &image, digest), 1, "");
        let task = shapes::task("demo", "api", "t1", &format!("api:{revision}"), "x86_64");
        let task = shapes::stopped(task, "EssentialContainerExited", "Essential container in task exited");
        self.stage.aws.task(shapes::with(task, json!({"containers": [container]})));
        self.stage.aws.log("/ecs/api", "ecs/api/t1", &["starting", LINE]);
        self
    }

    /// `execfit fix ARGUMENTS` with a journal of its own; not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.stage.execfit(&[&["fix"], arguments].concat());
        command.env("EXECFIT_STATE_DIR", self.state.path());
        command
    }

    /// `execfit fix ARGUMENTS`
    #[track_caller]
    pub(crate) fn fix(&self, arguments: &[&str]) -> Outcome {
        run(&mut self.command(arguments))
    }

    /// `execfit fix demo/api --yes --settle 1 --format json ARGUMENTS`: the JSON, of a run that ends with this code.
    #[track_caller]
    pub(crate) fn fixed(&self, code: i32, arguments: &[&str]) -> Value {
        let usual = ["demo/api", "--yes", "--settle", "1", "--format", "json"];
        let outcome = self.fix(&[&usual, arguments].concat());
        assert_eq!(outcome.code, code, "{}\n{}", outcome.stdout, outcome.stderr);
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {}", outcome.stdout))
    }

    /// The task definition (`FAMILY:REVISION`) of the service's primary deployment.
    pub(crate) fn deployed(&self) -> String {
        let service = self.stage.aws.service_now("demo", "api");
        shapes::short(service["taskDefinition"].as_str().unwrap()).to_owned()
    }
}

/// A good image for arm64.
pub(crate) fn arm() -> Image {
    good("arm64", ARM64)
}

/// A good image for amd64.
pub(crate) fn intel() -> Image {
    good("amd64", X86_64)
}
