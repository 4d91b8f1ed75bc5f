//! Container instances: those that are there, and the room that is left on them.

use super::growth::{self, Growth};
use super::{Capacity, counted, refused, size};
use crate::case::Need;
use crate::ecs::{Demand, Machine, Obstacle, Supplier, Terms};
use crate::plan::Setting;
use crate::plan::retarget::is_bound;
use crate::target::TargetKind;
use execfit_kernel::host::Architecture;

/// The machines of one architecture that a part of the tasks may come to.
struct Room {
    /// How many there are, whatever their state.
    machines: u64,
    /// How many of them take a task.
    open: u64,
    /// Tasks that they take for certain.
    tasks: u64,
    /// Machines of which it is not told whether they take any.
    untold: u64,
    /// Why the others do not, as a phrase; empty where all do.
    others: String,
}

pub(super) fn capacity(
    setting: &Setting<'_>,
    demand: &Demand<'_>,
    host: Architecture,
) -> Result<Capacity, Vec<Need>> {
    let machines = setting.scene.machines(demand.supplier);
    let terms = setting.scene.terms();
    let room = Room::of(setting, &machines, &terms, host);
    let Some(needed) = demand.tasks else { return Ok(one_on_each(setting, &machines, &room, host)) };
    let hidden = unseen(setting);
    let mut told = vec![words(demand, (&machines, hidden.is_some()), &room, &terms, host, needed)];
    if terms.reservation.interface && room.tasks > 0 {
        told.push("the network interfaces that awsvpc takes on each instance are not counted".into());
    }
    if room.tasks >= needed {
        return Ok(Capacity { there: Some(true), told, ..Capacity::default() });
    }
    let missing = needed - room.tasks;
    let growth = growth::growth(setting, demand.supplier, &terms, host, missing)?;
    let add = adding(demand, &terms, host, missing);
    let found = Capacity { told, ..Capacity::default() };
    Ok(match growth {
        Growth::Brings(words) => found.and(Capacity::known(true, words)).there(Some(true)),
        Growth::Untold { words, allow, starts } => {
            let there = found.and(Capacity::unknown(words)).with(allow.unwrap_or(add));
            Capacity { by_growth: starts, ..there }
        }
        Growth::None { words, help } => {
            let add = help.unwrap_or(add);
            let found = words.into_iter().fold(found, |found, words| found.and(Capacity::unknown(words)));
            match hidden {
                Some((why, allow)) => found.and(Capacity::unknown(why)).with(allow),
                None if room.untold > 0 => found.with(add),
                None => found.with(add).there(Some(false)),
            }
        }
    })
}

impl Capacity {
    fn there(self, there: Option<bool>) -> Capacity {
        Capacity { there, ..self }
    }
}

impl Room {
    fn of(setting: &Setting<'_>, machines: &[Machine<'_>], terms: &Terms, host: Architecture) -> Room {
        let mut room = Room { machines: 0, open: 0, tasks: 0, untold: 0, others: String::new() };
        let mut obstacles = Vec::new();
        for machine in machines.iter().filter(|machine| machine.architecture() == Some(host)) {
            room.machines += 1;
            match machine.takes(terms, setting.scene.occupies(*machine)) {
                Ok(tasks) => {
                    room.open += 1;
                    room.tasks = room.tasks.saturating_add(tasks);
                }
                Err(obstacle) => {
                    room.untold += u64::from(matches!(obstacle, Obstacle::Untold(_)));
                    obstacles.push(obstacle);
                }
            }
        }
        room.others = reasons(obstacles, terms);
        room
    }
}

/// Why the list of machines may not be whole: the reason, and what to allow.
fn unseen(setting: &Setting<'_>) -> Option<(String, String)> {
    let denied = refused(setting, &["ecs:ListContainerInstances", "ecs:DescribeContainerInstances"]);
    if let Some((why, allow)) = denied {
        return Some((format!("not all container instances are known: {why}"), allow));
    }
    // Without launch type and strategy of its own the service uses the cluster's default strategy.
    let empty = |key: &str| {
        let member = setting.scene.service.map(|service| &service[key]);
        member.is_none_or(|one| {
            one.as_str().unwrap_or_default().is_empty() && one.as_array().is_none_or(Vec::is_empty)
        })
    };
    let by_default = empty("launchType") && empty("capacityProviderStrategy");
    if let Some((why, allow)) = refused(setting, &["ecs:DescribeClusters"]).filter(|_| by_default) {
        return Some((
            format!("the cluster's default capacity provider strategy is not known: {why}"),
            allow,
        ));
    }
    let saved = matches!(setting.case.target.kind, TargetKind::Documents { .. });
    (saved && setting.documents.container_instances.is_empty()).then(|| {
        (
            "no document describes the cluster's container instances".into(),
            "save `aws ecs describe-container-instances` of all of them with the other documents".into(),
        )
    })
}

/// A task on each machine (`DAEMON`).
fn one_on_each(setting: &Setting<'_>, machines: &[Machine<'_>], room: &Room, host: Architecture) -> Capacity {
    let strangers = machines.iter().filter(|machine| machine.architecture() != Some(host)).count() as u64;
    // A constraint on the architecture keeps them away, as it is or changed along.
    let strangers = if is_bound(setting, host) { 0 } else { strangers };
    let others =
        if room.others.is_empty() { String::new() } else { format!("; the others: {}", room.others) };
    let told =
        format!("DAEMON: {} of {} take a task{others}", room.open, counted(room.machines, &kind(host)));
    let mut found = Capacity::unknown(told);
    if strangers > 0 {
        found.told.push(format!(
            "DAEMON: it is not known whether ECS keeps {host} tasks from the {} of another architecture",
            counted(strangers, "machine")
        ));
        return found.with(format!(
            "a placement constraint `attribute:ecs.cpu-architecture == {host}` on the service"
        ));
    }
    match (room.open, room.machines) {
        (0, 0) => found.there(Some(false)).with(format!("add a container instance of {host}")),
        (open, machines) if open == machines => found.there(Some(true)),
        _ if room.untold > 0 => found,
        _ => found.there(Some(false)).with("make room on the container instances that take no task"),
    }
}

/// What was counted, in a sentence. `hidden`: there may be machines that are not known.
fn words(
    demand: &Demand<'_>,
    (machines, hidden): (&[Machine<'_>], bool),
    room: &Room,
    terms: &Terms,
    host: Architecture,
    needed: u64,
) -> String {
    let of = match demand.supplier {
        Supplier::Instances { provider: Some(name), .. } => format!("the capacity provider {name}"),
        Supplier::Instances { external: true, .. } => "ECS Anywhere in the cluster".into(),
        _ => "the cluster".into(),
    };
    if room.machines == 0 {
        let strangers = match machines.len() as u64 {
            _ if hidden => " that is known".to_string(),
            0 => " at all".to_string(),
            count => format!(", but {count} of other architectures"),
        };
        return format!("{of} has no {}{strangers} ({} to place)", kind(host), counted(needed, "task"));
    }
    let (of, size) =
        (format!("the {} of {of}", counted(room.machines, &kind(host))), size(&terms.reservation));
    match room.tasks {
        0 if room.untold > 0 => {
            format!("no room is known for a task of {size} on {of} ({needed} needed): {}", room.others)
        }
        0 => format!("no room for a task of {size} on {of} ({needed} needed): {}", room.others),
        tasks => {
            let many = tasks > needed.saturating_mul(1000);
            let tasks = if many { "any number of tasks".into() } else { counted(tasks, "task") };
            let closed = room.machines - room.open;
            let others =
                if closed == 0 { String::new() } else { format!("; {closed} take none: {}", room.others) };
            format!("room for {tasks} of {size} on {of} ({needed} needed){others}")
        }
    }
}

fn kind(host: Architecture) -> String {
    format!("{host} container instance")
}

/// What to add.
fn adding(demand: &Demand<'_>, terms: &Terms, host: Architecture, missing: u64) -> String {
    let room = format!("{} of {}", counted(missing, "more task"), size(&terms.reservation));
    let types = match host {
        Architecture::Arm64 => "Graviton, such as m7g or t4g",
        Architecture::X86_64 => "Intel or AMD, such as m7i or t3",
    };
    match demand.supplier {
        Supplier::Instances { provider: Some(name), .. } => format!(
            "add {host} container instances with room for {room}: an Auto Scaling group of {types}, with a capacity \
             provider that takes the place of {name} in the service's strategy"
        ),
        Supplier::Instances { external: true, .. } => format!(
            "register {host} machines with room for {room} in the cluster (`aws ssm create-activation`, then the ECS \
             Anywhere install script)"
        ),
        _ => format!(
            "add {host} container instances with room for {room}: an Auto Scaling group of {types}, or a capacity \
             provider with managed scaling"
        ),
    }
}

/// Why machines take no task, counted: `2 DRAINING, 1 with 128 MiB left of 512`.
fn reasons(obstacles: Vec<Obstacle>, terms: &Terms) -> String {
    let needed = &terms.reservation;
    let mut groups: Vec<(Obstacle, usize)> = Vec::new();
    for obstacle in obstacles {
        let alike = |other: &Obstacle| match (other, &obstacle) {
            (Obstacle::Cpu(_), Obstacle::Cpu(_))
            | (Obstacle::Memory(_), Obstacle::Memory(_))
            | (Obstacle::Gpus(_), Obstacle::Gpus(_)) => true,
            (other, obstacle) => other == obstacle,
        };
        match groups.iter_mut().find(|(other, _)| alike(other)) {
            Some((most, count)) => {
                *count += 1;
                *most = obstacle.max(most.clone());
            }
            None => groups.push((obstacle, 1)),
        }
    }
    let rest = groups.len().saturating_sub(6);
    let shown = groups.iter().take(6).map(|(obstacle, count)| {
        let most = if *count > 1 { "at most " } else { "" };
        format!(
            "{count} {}",
            match obstacle {
                Obstacle::Status(status) => status.clone(),
                Obstacle::Disconnected => "with an agent that is not connected".into(),
                Obstacle::Windows => "of Windows".into(),
                Obstacle::Constraint(text) => format!("kept out by the placement constraint `{text}`"),
                Obstacle::Attribute(name) => format!("without the attribute {name}"),
                Obstacle::Port(port) => format!("with port {port} taken"),
                Obstacle::Distinct => "with a task of the service (distinctInstance)".into(),
                Obstacle::Cpu(left) => format!("with {most}{left} CPU units left of {}", needed.cpu),
                Obstacle::Memory(left) => format!("with {most}{left} MiB left of {}", needed.memory),
                Obstacle::Gpus(left) => format!("with {most}{left} GPUs left of {}", needed.gpus),
                Obstacle::Untold(of) => format!("that do not tell {of}"),
            }
        )
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if rest > 0 {
        text.push_str(", and more for other reasons");
    }
    text
}
