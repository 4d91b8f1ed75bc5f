//! Who is asked to bring the machines for a service's tasks, and for how many of them.

use super::instance_type;
use super::machine::{Machine, Terms};
use super::placement::{Launch, launch, strategy, text};
use super::scene::Scene;
use execfit_kernel::host::Architecture;
use serde_json::Value;

/// A part of a service's tasks, and who brings machines for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand<'a> {
    /// Who brings them.
    pub supplier: Supplier<'a>,
    /// How many tasks; `None` for one on each machine (`DAEMON`).
    pub tasks: Option<u64>,
}

/// Who brings machines.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Supplier<'a> {
    /// AWS Fargate; `spot`: of its capacity provider `FARGATE_SPOT`.
    Fargate {
        /// Spare capacity.
        spot: bool,
    },
    /// The user: container instances.
    Instances {
        /// Those of one capacity provider only.
        provider: Option<&'a str>,
        /// Those of ECS Anywhere.
        external: bool,
    },
    /// ECS Managed Instances.
    Managed {
        /// The capacity provider.
        provider: &'a str,
    },
}

impl<'a> Scene<'a> {
    /// The suppliers of the service's tasks with their shares, as its launch type or its capacity provider strategy
    /// divides them (ECS API, CapacityProviderStrategyItem: the base first, the rest by weight).
    pub fn demands(&'a self) -> Vec<Demand<'a>> {
        let Some(service) = self.service else { return Vec::new() };
        let daemon = text(&service["schedulingStrategy"]) == "DAEMON";
        let desired = (!daemon).then(|| service["desiredCount"].as_u64().unwrap_or(1));
        let whole = |supplier| vec![Demand { supplier, tasks: desired }];
        if strategy(self).is_empty() {
            let external = text(&service["launchType"]) == "EXTERNAL";
            return whole(match launch(self) {
                Launch::Fargate => Supplier::Fargate { spot: false },
                _ => Supplier::Instances { provider: None, external },
            });
        }
        let items = shares(self.strategy_items(), desired.unwrap_or(0));
        let demands = items
            .into_iter()
            .map(|(name, tasks)| Demand { supplier: self.supplier(name), tasks: desired.map(|_| tasks) });
        demands.collect()
    }

    /// The machines of a supplier, whatever their state.
    pub fn machines(&'a self, supplier: Supplier<'a>) -> Vec<Machine<'a>> {
        let all = self.documents.container_instances.iter().copied().map(Machine);
        // Where no machine names its provider, nobody told.
        let told = all.clone().any(|machine| !text(&machine.0["capacityProviderName"]).is_empty());
        let of_supplier = all.filter(|machine| match supplier {
            Supplier::Fargate { .. } => false,
            Supplier::Instances { provider: None, external } => machine.is_external() == external,
            Supplier::Instances { provider: Some(name), .. } | Supplier::Managed { provider: name } => {
                !told || text(&machine.0["capacityProviderName"]) == name
            }
        });
        of_supplier.collect()
    }

    /// What a new task of the service must find on a machine.
    pub fn terms(&self) -> Terms {
        Terms::of(self.definition, self.service)
    }

    /// Whether a machine has a task of this service that did not stop.
    pub fn occupies(&self, machine: Machine<'_>) -> bool {
        let arn = machine.arn();
        let mut tasks = self.tasks.iter().filter(|task| text(&task["lastStatus"]) != "STOPPED");
        arn.is_some() && tasks.any(|task| task["containerInstanceArn"].as_str() == arn)
    }

    /// A capacity provider, where it was described.
    pub fn capacity_provider(&self, name: &str) -> Option<&'a Value> {
        self.documents.capacity_providers.iter().copied().find(|one| one["name"].as_str() == Some(name))
    }

    /// Whether the requirements of a provider of Managed Instances leave machines of an architecture.
    pub fn managed_instances_allow(&self, provider: &Value, architecture: Architecture) -> bool {
        let template = &provider["managedInstancesProvider"]["instanceLaunchTemplate"];
        instance_type::allows(&template["instanceRequirements"], architecture)
    }

    fn supplier(&self, name: &'a str) -> Supplier<'a> {
        let provider = self.capacity_provider(name);
        let managed = provider.is_some_and(|provider| {
            text(&provider["type"]) == "MANAGED_INSTANCES" || provider["managedInstancesProvider"].is_object()
        });
        match name {
            "FARGATE" => Supplier::Fargate { spot: false },
            "FARGATE_SPOT" => Supplier::Fargate { spot: true },
            _ if managed => Supplier::Managed { provider: name },
            _ => Supplier::Instances { provider: Some(name), external: false },
        }
    }

    fn strategy_items(&self) -> &'a [Value] {
        let own = self.service.map(|service| &service["capacityProviderStrategy"]).and_then(Value::as_array);
        let own = own.filter(|items| !items.is_empty());
        let of_cluster =
            || self.cluster().and_then(|cluster| cluster["defaultCapacityProviderStrategy"].as_array());
        own.or_else(of_cluster).map_or(&[], Vec::as_slice)
    }
}

/// How many of the tasks each provider is asked for, rounded up. One of weight 0 and base 0 is asked for none.
fn shares(items: &[Value], desired: u64) -> Vec<(&str, u64)> {
    let number = |item: &Value, key: &str| item[key].as_u64().unwrap_or(0).min(100_000);
    // A single provider takes everything, whatever its weight says.
    if let [only] = items {
        return only["capacityProvider"].as_str().map(|name| (name, desired)).into_iter().collect();
    }
    let based: u64 = items.iter().map(|item| number(item, "base")).fold(0, u64::saturating_add);
    let weights: u64 = items.iter().map(|item| number(item, "weight")).fold(0, u64::saturating_add);
    let rest = desired.saturating_sub(based);
    let shared = items.iter().filter_map(|item| {
        let (base, weight) = (number(item, "base"), number(item, "weight"));
        let name = item["capacityProvider"].as_str().filter(|_| base + weight > 0)?;
        let of_rest = (u128::from(rest) * u128::from(weight)).div_ceil(u128::from(weights.max(1)));
        Some((name, base.min(desired) + u64::try_from(of_rest).unwrap_or(u64::MAX)))
    });
    shared.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tasks_are_shared_by_base_and_weight() {
        let item = |name: &str, base: u64, weight: u64| json!({"capacityProvider": name, "base": base, "weight": weight});
        let shared = |items: &[Value]| {
            let shares = shares(items, 10);
            shares.into_iter().map(|(name, tasks)| format!("{name} {tasks}")).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(shared(&[item("a", 0, 0)]), "a 10");
        assert_eq!(shared(&[item("a", 2, 1), item("b", 0, 3)]), "a 4, b 6");
        assert_eq!(shared(&[item("a", 0, 1), item("b", 0, 0)]), "a 10");
        assert_eq!(shared(&[item("a", 99, 1), item("b", 0, 1)]), "a 10, b 0");
        assert_eq!(shared(&[]), "");
    }
}
