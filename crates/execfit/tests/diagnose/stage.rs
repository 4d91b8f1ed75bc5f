//! A service on the double of AWS whose image lies in the registry.

use crate::double::{Double, shapes};
use crate::registry::{Image, Registry, X86_64, elf, file, shell};
use crate::run::{Outcome, execfit, run};
use serde_json::{Value, json};
use std::process::Command;

/// AWS and a registry.
pub(crate) struct Stage {
    pub(crate) aws: Double,
    pub(crate) registry: Registry,
}

impl Stage {
    /// The cluster `demo`, and nothing in it.
    pub(crate) fn empty() -> Stage {
        let stage = Stage { aws: Double::start(), registry: Registry::start() };
        stage.aws.cluster(shapes::cluster("demo"));
        stage
    }

    /// The service `demo/api` on Fargate, of `api:1`, whose one container `api` is of this image.
    pub(crate) fn of(image: &Image) -> Stage {
        let stage = Stage::empty();
        stage.registry.push("team/app:1", image);
        stage.define(1, json!([stage.container()])).serve(1);
        stage
    }

    /// The same, whose container definition has these members, too.
    pub(crate) fn with(image: &Image, members: Value) -> Stage {
        let stage = Stage::empty();
        stage.registry.push("team/app:1", image);
        stage.define(1, json!([shapes::with(stage.container(), members)])).serve(1);
        stage
    }

    /// The name of `team/app:1`.
    pub(crate) fn image(&self) -> String {
        self.registry.name("team/app:1")
    }

    /// A container `api` of that image.
    pub(crate) fn container(&self) -> Value {
        shapes::container_definition("api", &self.image())
    }

    /// Registers a revision of `api` with these containers.
    pub(crate) fn define(&self, revision: u32, containers: Value) -> &Stage {
        self.aws.task_definition(shapes::task_definition("api", revision, containers));
        self
    }

    /// Creates the service of this revision.
    pub(crate) fn serve(&self, revision: u32) -> &Stage {
        self.aws.service(shapes::service("demo", "api", &format!("api:{revision}")));
        self
    }

    /// A task of revision 1 on x86_64 that died with exit code 1 and this log line.
    pub(crate) fn crashed(&self, digest: &str, line: &str) -> &Stage {
        self.aws.task(crashed_task(&self.image(), digest, "x86_64"));
        self.aws.log("/ecs/api", "ecs/api/t1", &["starting", line]);
        self
    }

    /// A running task of revision 1.
    pub(crate) fn running(&self, digest: &str, architecture: &str) -> &Stage {
        let container = shapes::container("api", &self.image(), digest);
        let task = shapes::task("demo", "api", "t2", "api:1", architecture);
        self.aws.task(shapes::with(task, json!({"containers": [container]})));
        self
    }

    /// `execfit` in an environment where it finds this AWS.
    pub(crate) fn execfit(&self, arguments: &[&str]) -> Command {
        let mut env = self.aws.env();
        env.push(("AWS_MAX_ATTEMPTS", "1".into()));
        let mut command = execfit(env);
        command.args(arguments);
        command
    }

    /// `execfit ARGUMENTS`
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        run(&mut self.execfit(arguments))
    }

    /// `execfit diagnose --format json ARGUMENTS`
    #[track_caller]
    pub(crate) fn diagnose(&self, arguments: &[&str]) -> Outcome {
        self.run(&[&["diagnose", "--format", "json"], arguments].concat())
    }

    /// The answer about `demo/api`, which must end with this code.
    #[track_caller]
    pub(crate) fn service(&self, code: i32) -> Value {
        self.diagnose(&["demo/api"]).ended(code)
    }

    /// The answer about its first container.
    #[track_caller]
    pub(crate) fn workload(&self, code: i32) -> Value {
        self.service(code)["workloads"][0].clone()
    }
}

/// The task `t1` of revision 1 of `api`, dead.
pub(crate) fn crashed_task(image: &str, digest: &str, architecture: &str) -> Value {
    let container = shapes::exited(shapes::container("api", image, digest), 1, "");
    let task = shapes::task("demo", "api", "t1", "api:1", architecture);
    let task = shapes::stopped(task, "EssentialContainerExited", "Essential container in task exited");
    shapes::with(task, json!({"containers": [container]}))
}

/// An image for amd64 with a shell, and this as `/app`.
pub(crate) fn app(content: impl Into<Vec<u8>>) -> Image {
    app_with_mode(content, 0o755)
}

/// The same, with this mode.
pub(crate) fn app_with_mode(content: impl Into<Vec<u8>>, mode: u32) -> Image {
    base().layer([file("app", mode, content)]).history("COPY app /app # buildkit").cmd(["/app"])
}

/// An image for amd64 with a shell.
pub(crate) fn base() -> Image {
    Image::new("amd64").layer(shell(X86_64)).history("ADD rootfs.tar / # buildkit")
}

/// A good image of one architecture.
pub(crate) fn good(architecture: &str, machine: u16) -> Image {
    let image = Image::new(architecture).layer(shell(machine)).history("ADD rootfs.tar / # buildkit");
    image.layer([file("app", 0o755, elf(machine))]).history("COPY app /app # buildkit").cmd(["/app"])
}
