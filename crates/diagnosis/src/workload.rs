//! One container to run: its image, its command, and the hosts that it may meet.

use execfit_image::platform::Runtime;
use execfit_kernel::host::{Architecture, Host, Preset};
use serde::Serialize;

/// A container that somebody asked to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// The container's name in its definition.
    pub container: String,
    /// Whether the task ends with it.
    pub essential: bool,
    /// The image as the definition names it.
    pub image: String,
    /// The digest that was deployed, where it is known and the definition does not pin one.
    pub deployed: Option<String>,
    /// ARN of the secret that holds the registry's credentials.
    pub repository_credentials: Option<String>,
    /// What it is asked to run.
    pub command: Command,
    /// Where it is asked to run.
    pub placement: Placement,
    /// What was seen of it.
    pub observation: Observation,
}

/// What a container is asked to run; what is not given comes from the image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    /// Replaces the image's `Entrypoint` (and drops its `Cmd`).
    pub entry_point: Option<Vec<String>>,
    /// Replaces the image's `Cmd`.
    pub command: Option<Vec<String>>,
    /// Environment variables, later ones win. Values may be redacted, except `PATH` and `LD_*`.
    pub environment: Vec<(String, String)>,
    /// Where `PATH` comes from when its value cannot be seen, e.g. `the secret PATH`.
    pub hidden_path: Option<String>,
    /// Replaces the image's `WorkingDir`.
    pub working_directory: Option<String>,
    /// Replaces the image's `User`.
    pub user: Option<String>,
    /// The engine's init (tini) is process 1 and starts the program.
    pub init: bool,
    /// All capabilities.
    pub privileged: bool,
    /// Capabilities added to the engine's default, e.g. `SYS_PTRACE`.
    pub add_capabilities: Vec<String>,
    /// Capabilities dropped.
    pub drop_capabilities: Vec<String>,
    /// What is mounted over the image's files.
    pub mounts: Vec<Mount>,
}

/// Something mounted over the image's file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The path in the container.
    pub path: String,
    /// What it is, as a noun phrase, e.g. `the EFS volume data at /app`.
    pub what: String,
}

/// The operating system and the hosts that a container may meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// What is not modelled of it, as a phrase, e.g. `tasks of WINDOWS_SERVER_2022_CORE`.
    pub foreign: Option<String>,
    /// The kinds of host, the likeliest first. Never empty.
    pub hosts: Vec<HostFact>,
    /// What kinds of machine they are, where that is known: Fargate's, a generation of Graviton.
    pub presets: Vec<&'static Preset>,
    /// What is odd about them, in sentences.
    pub notes: Vec<String>,
    /// Who runs the container.
    pub engine: Engine,
    /// What the cluster's machines would allow.
    pub capacity: Capacity,
}

impl Placement {
    /// The host of an architecture: the one kind of machine that is known, else what all of AWS's have in common.
    pub fn host(&self, architecture: Architecture) -> Host {
        let mut known = self.presets.iter().map(|preset| preset.host());
        let mut known = known.by_ref().filter(|host| host.architecture == architecture);
        match (known.next(), known.next()) {
            (Some(only), None) => only,
            _ => Host::aws(architecture),
        }
    }
}

/// One kind of host that a container may meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFact {
    /// Its architecture.
    pub architecture: Architecture,
    /// Who says so.
    pub source: HostSource,
    /// How many such machines (or tasks on them) were seen.
    pub instances: usize,
}

/// The source that named a host's architecture, the most trusted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostSource {
    /// The user asked for it.
    Asked,
    /// `Task.attributes`, `ecs.cpu-architecture` (ECS API, DescribeTasks).
    Task,
    /// `ServiceRevision.overrides.runtimePlatform` (ECS API, DescribeServiceRevisions).
    ServiceRevision,
    /// `ContainerInstance.attributes`, `ecs.cpu-architecture` (ECS API, DescribeContainerInstances).
    Instance,
    /// The instance types that a capacity provider's Managed Instances may be of.
    CapacityProvider,
    /// A placement constraint on `ecs.cpu-architecture`.
    PlacementConstraint,
    /// `runtimePlatform.cpuArchitecture` of the task definition.
    RuntimePlatform,
    /// Nothing says: ECS takes `X86_64` (ECS API, RuntimePlatform).
    Default,
}

impl HostSource {
    /// The source as a phrase for humans.
    pub fn phrase(self) -> &'static str {
        match self {
            HostSource::Asked => "asked for on the command line",
            HostSource::Task => "attribute ecs.cpu-architecture of the tasks",
            HostSource::ServiceRevision => "override in the service revision",
            HostSource::Instance => "attribute ecs.cpu-architecture of the container instances",
            HostSource::CapacityProvider => "instance types of the capacity provider",
            HostSource::PlacementConstraint => "placement constraint on ecs.cpu-architecture",
            HostSource::RuntimePlatform => "runtimePlatform of the task definition",
            HostSource::Default => "ECS's default, as the task definition names no cpuArchitecture",
        }
    }
}

/// The architecture in the words of the API: `X86_64` or `ARM64` (ECS API, `RuntimePlatform.cpuArchitecture`).
pub fn api_word(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "X86_64",
        Architecture::Arm64 => "ARM64",
    }
}

/// Whose rules choose a manifest, unpack it and start the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Docker Engine of version 23 and later: ECS on EC2 and ECS Anywhere.
    Docker,
    /// Docker Engine before version 23.
    Docker20,
    /// containerd: Fargate.
    Containerd,
    /// Podman.
    Podman,
}

impl Engine {
    /// All of them, in the order in which they are told about.
    pub const ALL: [Engine; 4] = [Engine::Containerd, Engine::Docker, Engine::Docker20, Engine::Podman];

    /// Its name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Engine::Docker => "docker",
            Engine::Docker20 => "docker-20.10",
            Engine::Containerd => "containerd",
            Engine::Podman => "podman",
        }
    }

    /// The engine of this name.
    pub fn named(name: &str) -> Option<Engine> {
        Engine::ALL.into_iter().find(|engine| engine.name() == name)
    }

    /// Whose rules choose among the manifests of an index.
    pub fn runtime(self) -> Runtime {
        match self {
            Engine::Docker => Runtime::Dockerd,
            Engine::Docker20 => Runtime::Dockerd20,
            Engine::Containerd => Runtime::Containerd,
            Engine::Podman => Runtime::Podman,
        }
    }

    /// Whether a directory that a layer has only as a parent takes after the one beneath it (containerd
    /// `archive/tar.go`, `mkparent`), and is not root's, 0755 (moby `pkg/archive`, containers/storage `pkg/archive`).
    pub fn copies_parents(self) -> bool {
        self == Engine::Containerd
    }

    /// Docker Engine by its version, as ECS tells it of a container instance (`DockerVersion: 25.0.8`).
    pub fn docker(version: &str) -> Engine {
        let number = version.trim_start_matches(|c: char| !c.is_ascii_digit());
        let major = number.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_some_and(|major| major < 23) { Engine::Docker20 } else { Engine::Docker }
    }
}

/// Machines that could be asked instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Capacity {
    /// AWS brings machines of either architecture (Fargate).
    Serverless,
    /// Container instances that were counted.
    Instances {
        /// Active ones with x86_64.
        x86_64: usize,
        /// Active ones with arm64.
        arm64: usize,
    },
    /// Nothing is known about them.
    Unknown,
}

impl Capacity {
    /// Whether machines of an architecture are there; `None` when that is not known.
    pub fn has(&self, architecture: Architecture) -> Option<bool> {
        match self {
            Capacity::Serverless => Some(true),
            Capacity::Instances { x86_64, arm64 } => Some(match architecture {
                Architecture::X86_64 => *x86_64 > 0,
                Architecture::Arm64 => *arm64 > 0,
            }),
            Capacity::Unknown => None,
        }
    }
}

/// What was seen of a container in its running and stopped tasks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observation {
    /// Tasks in which it runs right now.
    pub running: usize,
    /// Stopped tasks that held it.
    pub stopped: usize,
    /// The newest of those: its exit code.
    pub exit_code: Option<i64>,
    /// The container's own `reason`.
    pub reason: Option<String>,
    /// The task's `stoppedReason`.
    pub stopped_reason: Option<String>,
    /// The task's `stopCode`.
    pub stop_code: Option<String>,
    /// Its last log lines that speak of a failed start.
    pub log: Vec<String>,
}

impl Observation {
    /// Every text that may tell how a start failed.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let log = self.log.iter().map(String::as_str);
        log.chain(self.reason.as_deref()).chain(self.stopped_reason.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_by_its_version() {
        for (version, engine) in [
            ("DockerVersion: 20.10.25", Engine::Docker20),
            ("DockerVersion: 25.0.8", Engine::Docker),
            ("19.03.6-ce", Engine::Docker20),
            ("23.0.0", Engine::Docker),
            ("", Engine::Docker),
            ("DockerVersion: unknown", Engine::Docker),
        ] {
            assert_eq!(Engine::docker(version), engine, "{version}");
        }
        for engine in Engine::ALL {
            assert_eq!(Engine::named(engine.name()), Some(engine));
        }
    }
}
