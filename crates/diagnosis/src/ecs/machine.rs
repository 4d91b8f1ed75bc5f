//! One container instance, and how many more tasks it would take.

use super::constraint::Constraint;
use super::placement::{CPU, attribute, cpu, text};
use super::reservation::Reservation;
use execfit_kernel::host::Architecture;
use serde_json::Value;

/// A `ContainerInstance` of DescribeContainerInstances.
#[derive(Debug, Clone, Copy)]
pub struct Machine<'a>(pub(super) &'a Value);

/// What a new task must find on a machine, besides room.
#[derive(Debug, Clone)]
pub struct Terms {
    /// What it reserves.
    pub reservation: Reservation,
    /// `memberOf` constraints, but for what they say of the architecture.
    constraints: Vec<Constraint>,
    /// At most one task of the service on each (`distinctInstance`).
    distinct: bool,
}

/// Why a machine takes no task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obstacle {
    /// It is not `ACTIVE`.
    Status(String),
    /// Its agent is not connected: it is given no tasks (ECS API, ContainerInstance, `agentConnected`).
    Disconnected,
    /// It runs Windows.
    Windows,
    /// A placement constraint keeps tasks from it.
    Constraint(String),
    /// It has not got an attribute that the definition requires.
    Attribute(String),
    /// A port of the host is taken.
    Port(u16),
    /// `distinctInstance`, and it has a task of the service.
    Distinct,
    /// CPU units that are left.
    Cpu(u64),
    /// MiB that are left.
    Memory(u64),
    /// GPUs that are left.
    Gpus(u64),
    /// It is not told whether it would: of what.
    Untold(String),
}

impl Terms {
    /// Of a task definition in a service.
    pub(super) fn of(definition: &Value, service: Option<&Value>) -> Terms {
        let constraints = Constraint::all_of([Some(definition), service].into_iter().flatten());
        let mut of_service =
            service.into_iter().filter_map(|one| one["placementConstraints"].as_array()).flatten();
        Terms {
            reservation: Reservation::of(definition),
            constraints: constraints.iter().map(|constraint| constraint.without(CPU)).collect(),
            distinct: of_service.any(|one| one["type"].as_str() == Some("distinctInstance")),
        }
    }
}

impl<'a> Machine<'a> {
    /// Its architecture (`ecs.cpu-architecture`).
    pub fn architecture(self) -> Option<Architecture> {
        cpu(self.0)
    }

    /// Its instance type, e.g. `m7g.large` (`ecs.instance-type`).
    pub fn instance_type(self) -> Option<&'a str> {
        attribute(self.0, super::placement::TYPE)
    }

    /// Whether it is of ECS Anywhere: such a one has the agent's attribute `ecs.capability.external`, and the id that
    /// Systems Manager gave it (`mi-...`).
    pub fn is_external(self) -> bool {
        let attributes = self.0["attributes"].as_array().into_iter().flatten();
        text(&self.0["ec2InstanceId"]).starts_with("mi-")
            || attributes.into_iter().any(|one| one["name"].as_str() == Some("ecs.capability.external"))
    }

    pub(super) fn arn(self) -> Option<&'a str> {
        self.0["containerInstanceArn"].as_str()
    }

    /// How many tasks it takes besides those that it has, one at least. `occupied`: it has one of the service.
    ///
    /// # Errors
    /// Why it takes none, or why that is not told.
    pub fn takes(self, terms: &Terms, occupied: bool) -> Result<u64, Obstacle> {
        self.is_open(terms)?;
        if terms.distinct && occupied {
            return Err(Obstacle::Distinct);
        }
        if let Some(vague) = terms.constraints.iter().find(|constraint| !constraint.understood) {
            return Err(Obstacle::Untold(format!("whether `{}` admits them", vague.text)));
        }
        let left = self.room(&terms.reservation, "remainingResources")?;
        Ok(if terms.distinct { 1 } else { left })
    }

    /// How many tasks a machine like this takes when it is empty; `None` where that is not told.
    pub fn takes_when_empty(self, terms: &Terms) -> Option<u64> {
        if terms.constraints.iter().any(|one| !one.understood || !one.admits(|name| attribute(self.0, name)))
        {
            return None;
        }
        match self.room(&terms.reservation, "registeredResources") {
            Ok(room) => Some(if terms.distinct { 1 } else { room }),
            Err(Obstacle::Untold(_)) => None,
            Err(_) => Some(0),
        }
    }

    /// Whether any task may come to it.
    fn is_open(self, terms: &Terms) -> Result<(), Obstacle> {
        let status = text(&self.0["status"]);
        if !matches!(status, "ACTIVE" | "") {
            return Err(Obstacle::Status(status.to_string()));
        }
        if self.0["agentConnected"].as_bool() == Some(false) {
            return Err(Obstacle::Disconnected);
        }
        if attribute(self.0, "ecs.os-type").is_some_and(|system| system.eq_ignore_ascii_case("windows")) {
            return Err(Obstacle::Windows);
        }
        let refused = |one: &&Constraint| !one.admits(|name| attribute(self.0, name));
        if let Some(constraint) = terms.constraints.iter().find(refused) {
            return Err(Obstacle::Constraint(constraint.text.clone()));
        }
        let missing =
            terms.reservation.attributes.iter().find(|(name, value)| !self.has(name, value.as_deref()));
        missing.map_or(Ok(()), |(name, _)| Err(Obstacle::Attribute(name.clone())))
    }

    fn has(self, name: &str, value: Option<&str>) -> bool {
        let attributes = self.0["attributes"].as_array().into_iter().flatten();
        attributes.into_iter().any(|one| {
            one["name"].as_str() == Some(name)
                && value.is_none_or(|value| one["value"].as_str() == Some(value))
        })
    }

    /// How many tasks fit into `resources`: the scarcest of them decides.
    fn room(self, needed: &Reservation, resources: &str) -> Result<u64, Obstacle> {
        let resources = &self.0[resources];
        let mut room = u64::MAX;
        for (name, wanted, short) in [
            ("CPU", needed.cpu, Obstacle::Cpu as fn(u64) -> Obstacle),
            ("MEMORY", needed.memory, Obstacle::Memory),
            ("GPU", needed.gpus, Obstacle::Gpus),
        ] {
            if wanted == 0 {
                continue;
            }
            let left = match (amount(resources, name), name) {
                (Some(left), _) => left,
                // Machines without any do not list them.
                (None, "GPU") => 0,
                (None, _) => return Err(Obstacle::Untold(format!("their {name}"))),
            };
            if left < wanted {
                return Err(short(left));
            }
            room = room.min(left / wanted);
        }
        for (name, ports) in [("PORTS", &needed.tcp), ("PORTS_UDP", &needed.udp)] {
            if let Some(port) = taken(resources, name, ports) {
                return Err(Obstacle::Port(port));
            }
            if !ports.is_empty() {
                room = 1;
            }
        }
        Ok(room)
    }
}

/// A resource by its name: a number, or how many are in a set.
fn amount(resources: &Value, name: &str) -> Option<u64> {
    let resource = resources.as_array()?.iter().find(|one| one["name"].as_str() == Some(name))?;
    if let Some(set) = resource["stringSetValue"].as_array().filter(|_| name == "GPU") {
        return Some(set.len() as u64);
    }
    let number = |key: &str| resource[key].as_f64().filter(|number| *number != 0.0);
    let value = number("integerValue").or_else(|| number("longValue")).or_else(|| number("doubleValue"));
    Some(value.unwrap_or(0.0) as u64)
}

/// A port that is wanted and taken: the sets `PORTS` and `PORTS_UDP` list those that are in use (ECS API,
/// ContainerInstance, `remainingResources`).
fn taken(resources: &Value, name: &str, wanted: &[(u16, u16)]) -> Option<u16> {
    let resource = resources.as_array()?.iter().find(|one| one["name"].as_str() == Some(name))?;
    let used = resource["stringSetValue"].as_array()?.iter();
    let mut used = used.filter_map(|port| port.as_str()?.parse::<u16>().ok());
    used.find(|port| wanted.iter().any(|(first, last)| (first..=last).contains(&port)))
}
