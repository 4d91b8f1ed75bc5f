//! Where the tasks of a definition run: the effective host architecture, and who says so.

use super::constraint::Constraint;
use super::instance_type;
use super::scene::Scene;
use crate::workload::{Capacity, Engine, HostFact, HostSource, Placement};
use execfit_kernel::host::{Architecture, Preset};
use serde_json::Value;

pub(super) const CPU: &str = "ecs.cpu-architecture";
pub(super) const TYPE: &str = "ecs.instance-type";

/// Whose machines run the tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Launch {
    Fargate,
    /// Container instances of the user's: EC2 and EXTERNAL (ECS Anywhere).
    Instances,
    /// ECS Managed Instances.
    Managed,
    Unknown,
}

/// Reads the placement of a scene's tasks.
pub(super) fn placement(scene: &Scene<'_>) -> Placement {
    let launch = launch(scene);
    let mut notes = Vec::new();
    let mut hosts = observed(scene, &mut notes);
    if hosts.is_empty() {
        hosts = expected(scene, launch, &mut notes);
    }
    Placement {
        foreign: foreign(scene, &hosts),
        hosts,
        presets: presets(scene, launch),
        notes,
        engine: match launch {
            Launch::Fargate | Launch::Managed => Engine::Containerd,
            Launch::Instances | Launch::Unknown => docker(scene),
        },
        capacity: capacity(scene, launch),
    }
}

/// Docker Engine of the version that the instances have which have tasks, else all eligible ones; the newer rules where
/// versions differ or none is told.
fn docker(scene: &Scene<'_>) -> Engine {
    let of_tasks = scene.documents.container_instances.iter().copied().filter(|one| has_task(scene, one));
    let mut instances: Vec<&Value> = of_tasks.collect();
    if instances.is_empty() {
        instances = eligible(scene).collect();
    }
    let version = |instance: &&Value| Engine::docker(text(&instance["versionInfo"]["dockerVersion"]));
    let old = !instances.is_empty() && instances.iter().all(|one| version(one) == Engine::Docker20);
    if old { Engine::Docker20 } else { Engine::Docker }
}

/// The kinds of machine that tasks may meet, each once: of the instances that have tasks, else of all that are eligible.
/// None, where the type of one of them tells nothing.
fn presets(scene: &Scene<'_>, launch: Launch) -> Vec<&'static Preset> {
    let named = |names: &[&str]| names.iter().filter_map(|name| Preset::named(name)).collect();
    match launch {
        Launch::Fargate => return named(&["fargate-x86_64", "fargate-arm64"]),
        Launch::Managed | Launch::Unknown => return Vec::new(),
        Launch::Instances => {}
    }
    let of_tasks = scene.documents.container_instances.iter().copied().filter(|one| has_task(scene, one));
    let mut instances: Vec<&Value> = of_tasks.collect();
    if instances.is_empty() {
        instances = eligible(scene).collect();
    }
    let kinds = instances.iter().map(|instance| {
        let preset = attribute(instance, TYPE).and_then(instance_type::preset)?;
        cpu(instance).is_none_or(|cpu| cpu == preset.host().architecture).then_some(preset)
    });
    let Some(mut presets) = kinds.collect::<Option<Vec<_>>>() else { return Vec::new() };
    presets.sort_by_key(|preset| preset.name);
    presets.dedup_by_key(|preset| preset.name);
    presets
}

fn has_task(scene: &Scene<'_>, instance: &Value) -> bool {
    let arn = instance["containerInstanceArn"].as_str();
    arn.is_some() && scene.tasks.iter().any(|task| task["containerInstanceArn"].as_str() == arn)
}

/// A system or an architecture that is not modelled, as a phrase.
fn foreign(scene: &Scene<'_>, hosts: &[HostFact]) -> Option<String> {
    let asked = &scene.definition["runtimePlatform"];
    let (family, cpu) = (text(&asked["operatingSystemFamily"]), text(&asked["cpuArchitecture"]));
    if !family.is_empty() && !family.eq_ignore_ascii_case("LINUX") {
        return Some(format!("tasks of {family}"));
    }
    let assumed = hosts.iter().any(|host| host.source == HostSource::Default);
    (assumed && !cpu.is_empty()).then(|| format!("hosts of the cpuArchitecture {cpu}"))
}

/// The architecture in the API's words (`X86_64`, `ARM64`) or the attribute's (`x86_64`, `arm64`).
fn architecture(word: &str) -> Option<Architecture> {
    Architecture::ALL.into_iter().find(|architecture| architecture.name().eq_ignore_ascii_case(word))
}

pub(super) fn attribute<'v>(owner: &'v Value, name: &str) -> Option<&'v str> {
    let attributes = owner["attributes"].as_array()?;
    attributes.iter().find(|attribute| attribute["name"].as_str() == Some(name))?["value"].as_str()
}

pub(super) fn cpu(owner: &Value) -> Option<Architecture> {
    attribute(owner, CPU).and_then(architecture)
}

/// What was seen of machines that have this very work: tasks, the revision's override, the tasks' own instances.
fn observed(scene: &Scene<'_>, notes: &mut Vec<String>) -> Vec<HostFact> {
    let of_tasks = scene.tasks.iter().filter_map(|task| cpu(task)).map(|cpu| (cpu, HostSource::Task));
    let of_revisions = scene.service_revisions().filter_map(|revision| {
        let override_ = revision["overrides"]["runtimePlatform"]["cpuArchitecture"].as_str()?;
        Some((architecture(override_)?, HostSource::ServiceRevision))
    });
    let of_instances =
        scene.documents.container_instances.iter().filter(|instance| has_task(scene, instance));
    let of_instances =
        of_instances.filter_map(|instance| cpu(instance)).map(|cpu| (cpu, HostSource::Instance));
    let hosts = counted(of_tasks.chain(of_revisions).chain(of_instances));
    if let [first, second, ..] = &hosts[..] {
        notes.push(if first.source == second.source {
            format!(
                "tasks of this revision were seen on both {} and {}",
                first.architecture, second.architecture
            )
        } else {
            let says = |host: &HostFact| format!("{} says {}", host.source.phrase(), host.architecture);
            format!("sources conflict: {}, {}", says(first), says(second))
        });
    }
    hosts
}

/// One fact for each architecture, from its most trusted source, with the number of times that source names it.
fn counted(sightings: impl Iterator<Item = (Architecture, HostSource)>) -> Vec<HostFact> {
    let mut hosts: Vec<HostFact> = Vec::new();
    for (architecture, source) in sightings {
        match hosts.iter_mut().find(|host| host.architecture == architecture) {
            Some(host) if host.source == source => host.instances += 1,
            Some(host) if host.source < source => {}
            Some(host) => *host = HostFact { architecture, source, instances: 1 },
            None => hosts.push(HostFact { architecture, source, instances: 1 }),
        }
    }
    hosts.sort_by_key(|host| (host.source, usize::MAX - host.instances));
    hosts
}

/// Where tasks would be placed, when none was seen.
fn expected(scene: &Scene<'_>, launch: Launch, notes: &mut Vec<String>) -> Vec<HostFact> {
    let declared = scene.definition["runtimePlatform"]["cpuArchitecture"].as_str().and_then(architecture);
    let constraints = Constraint::all_of([Some(scene.definition), scene.service].into_iter().flatten());
    let admitted: Vec<&Value> = match launch {
        Launch::Fargate => Vec::new(),
        _ => eligible(scene)
            .filter(|instance| constraints.iter().all(|c| c.admits(|name| attribute(instance, name))))
            .collect(),
    };
    let kinds = counted(admitted.iter().filter_map(|i| cpu(i)).map(|cpu| (cpu, HostSource::Instance)));
    let fact = |architecture, source| HostFact { architecture, source, instances: 0 };
    match (declared, &kinds[..]) {
        (Some(declared), [_, ..]) => match kinds.iter().find(|kind| kind.architecture == declared) {
            Some(kind) if kinds.len() > 1 => {
                vec![HostFact { source: HostSource::RuntimePlatform, ..kind.clone() }]
            }
            Some(kind) => vec![kind.clone()],
            None => {
                notes.push(format!(
                    "sources conflict: the task definition asks for {declared}, and none of the cluster's active \
                     container instances that it may use is of that kind"
                ));
                let declared = fact(declared, HostSource::RuntimePlatform);
                kinds.iter().cloned().chain([declared]).collect()
            }
        },
        (None, [_, ..]) => {
            if kinds.len() > 1 {
                notes.push(
                    "the cluster has container instances of both kinds, and nothing constrains placement"
                        .into(),
                );
            }
            kinds
        }
        (None, []) if of_providers(scene).is_some() => of_providers(scene).into_iter().collect(),
        (declared, []) => unseen(&constraints, declared, notes),
    }
}

/// What the instance types of Managed Instances bind the tasks to.
fn of_providers(scene: &Scene<'_>) -> Option<HostFact> {
    let names = strategy(scene);
    let of_strategy =
        |provider: &&&Value| provider["name"].as_str().is_some_and(|name| names.contains(&name));
    let providers = scene.documents.capacity_providers.iter().filter(of_strategy);
    let mut kinds = providers.map(|provider| instance_type::of_provider(provider));
    let architecture = kinds.next()??;
    let source = HostSource::CapacityProvider;
    kinds.all(|kind| kind == Some(architecture)).then_some(HostFact { architecture, source, instances: 0 })
}

/// Where tasks would be placed, when no machine is visible either.
fn unseen(
    constraints: &[Constraint],
    declared: Option<Architecture>,
    notes: &mut Vec<String>,
) -> Vec<HostFact> {
    let fact = |architecture, source| HostFact { architecture, source, instances: 0 };
    let of_cpu = constraints.iter().filter(|constraint| constraint.speaks_of(CPU)).collect::<Vec<_>>();
    let allows =
        |cpu: &Architecture| of_cpu.iter().all(|c| c.admits(|name| (name == CPU).then_some(cpu.name())));
    let constrained: Vec<Architecture> = Architecture::ALL.into_iter().filter(allows).collect();
    match (&constrained[..], declared) {
        ([only], None) => vec![fact(*only, HostSource::PlacementConstraint)],
        ([only], Some(declared)) if *only != declared => {
            notes.push(format!(
                "sources conflict: a placement constraint asks for {only}, runtimePlatform for {declared}"
            ));
            vec![fact(*only, HostSource::PlacementConstraint), fact(declared, HostSource::RuntimePlatform)]
        }
        (_, Some(declared)) => vec![fact(declared, HostSource::RuntimePlatform)],
        (_, None) => vec![fact(Architecture::X86_64, HostSource::Default)],
    }
}

/// See [`Scene::admits`].
pub(super) fn admits(scene: &Scene<'_>, architecture: Architecture) -> bool {
    if launch(scene) == Launch::Fargate {
        return true;
    }
    let constraints = Constraint::all_of([Some(scene.definition), scene.service].into_iter().flatten());
    let mut machines = eligible(scene).filter(|instance| cpu(instance) == Some(architecture)).peekable();
    if machines.peek().is_none() {
        return constraints
            .iter()
            .all(|c| !c.speaks_of(CPU) || c.admits(|name| (name == CPU).then_some(architecture.name())));
    }
    machines.any(|machine| constraints.iter().all(|c| c.admits(|name| attribute(machine, name))))
}

/// Active container instances of the capacity providers that the service may use.
fn eligible<'s>(scene: &'s Scene<'_>) -> impl Iterator<Item = &'s Value> {
    let providers = strategy(scene);
    let all = &scene.documents.container_instances;
    // A strategy takes machines of its providers alone. Where no machine names one, nobody told.
    let told = all.iter().any(|instance| !text(&instance["capacityProviderName"]).is_empty());
    all.iter().copied().filter(move |instance| {
        matches!(text(&instance["status"]), "ACTIVE" | "")
            && (providers.is_empty() || !told || providers.contains(&text(&instance["capacityProviderName"])))
    })
}

/// The names of the capacity providers that are asked: the service's, else (without a launch type) the cluster's default.
pub(super) fn strategy<'s>(scene: &'s Scene<'_>) -> Vec<&'s str> {
    let names = |list: &'s Value| -> Vec<&'s str> {
        list.as_array().into_iter().flatten().filter_map(|item| item["capacityProvider"].as_str()).collect()
    };
    let Some(service) = scene.service else { return Vec::new() };
    let own = names(&service["capacityProviderStrategy"]);
    if !own.is_empty() || !text(&service["launchType"]).is_empty() {
        return own;
    }
    scene.cluster().map(|cluster| names(&cluster["defaultCapacityProviderStrategy"])).unwrap_or_default()
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

pub(super) fn launch(scene: &Scene<'_>) -> Launch {
    let by_name = |name: &str| match name {
        "FARGATE" | "FARGATE_SPOT" => Launch::Fargate,
        "EC2" | "EXTERNAL" => Launch::Instances,
        "MANAGED_INSTANCES" => Launch::Managed,
        _ => Launch::Unknown,
    };
    let by_provider = |name: &&str| {
        let provider = scene.documents.capacity_providers.iter().find(|p| p["name"].as_str() == Some(name));
        match provider.map(|provider| text(&provider["type"])) {
            _ if name.starts_with("FARGATE") => Launch::Fargate,
            Some("MANAGED_INSTANCES") => Launch::Managed,
            _ if provider.is_some_and(|p| p["managedInstancesProvider"].is_object()) => Launch::Managed,
            _ => Launch::Instances,
        }
    };
    let providers = strategy(scene);
    if let Some(first) = providers.first() {
        return by_provider(first);
    }
    let of_owner = scene.service.into_iter().chain(scene.tasks.iter().copied());
    let said =
        of_owner.map(|owner| by_name(text(&owner["launchType"]))).find(|launch| *launch != Launch::Unknown);
    said.unwrap_or_else(|| {
        let required = scene.definition["requiresCompatibilities"].as_array();
        match required.map(Vec::as_slice) {
            Some([only]) => by_name(text(only)),
            _ => Launch::Unknown,
        }
    })
}

fn capacity(scene: &Scene<'_>, launch: Launch) -> Capacity {
    if launch == Launch::Fargate {
        return Capacity::Serverless;
    }
    let count = |wanted| eligible(scene).filter(|instance| cpu(instance) == Some(wanted)).count();
    match (count(Architecture::X86_64), count(Architecture::Arm64)) {
        (0, 0) => Capacity::Unknown,
        (x86_64, arm64) => Capacity::Instances { x86_64, arm64 },
    }
}
