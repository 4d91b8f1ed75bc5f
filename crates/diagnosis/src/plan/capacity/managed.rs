//! ECS Managed Instances: ECS starts what the capacity provider's requirements allow.

use super::{Capacity, refused, size};
use crate::plan::Setting;
use execfit_kernel::host::Architecture;
use serde_json::Value;

pub(super) fn capacity(setting: &Setting<'_>, name: &str, host: Architecture) -> Capacity {
    let Some(provider) = setting.scene.capacity_provider(name) else {
        let why = refused(setting, &["ecs:DescribeCapacityProviders"]);
        let (why, add) = why.unwrap_or_else(|| ("it was not described".into(), String::new()));
        let unknown =
            Capacity::unknown(format!("it is not known what the capacity provider {name} starts: {why}"));
        return if add.is_empty() { unknown } else { unknown.with(add) };
    };
    let status = provider["status"].as_str().unwrap_or("ACTIVE");
    if status != "ACTIVE" {
        return Capacity::known(
            false,
            format!("the capacity provider {name} is {status}: it starts no machines"),
        )
        .with(format!(
            "a capacity provider that is ACTIVE and starts {host} machines, in the service's strategy"
        ));
    }
    let template = &provider["managedInstancesProvider"]["instanceLaunchTemplate"];
    if !template.is_object() {
        return Capacity::unknown(format!("the capacity provider {name} does not tell what it starts"));
    }
    let requirements = &template["instanceRequirements"];
    let needed = setting.scene.terms().reservation;
    let allowed = setting.scene.managed_instances_allow(provider, host);
    let most = |key: &str| requirements[key]["max"].as_u64();
    let too_small = most("vCpuCount").is_some_and(|most| most.saturating_mul(1024) < needed.cpu)
        || most("memoryMiB").is_some_and(|most| most < needed.memory);
    if !allowed {
        return Capacity::known(
            false,
            format!(
                "the instance requirements of the capacity provider {name} leave no {host} machines ({})",
                said(requirements)
            ),
        )
        .with(format!(
            "allow {host} machines in the instance requirements of the capacity provider {name} \
             (allowedInstanceTypes, excludedInstanceTypes, cpuManufacturers): {}",
            example(host)
        ));
    }
    if too_small {
        return Capacity::known(
            false,
            format!(
                "the capacity provider {name} starts no machines that are large enough: a task reserves {}",
                size(&needed)
            ),
        )
        .with(format!(
            "raise vCpuCount and memoryMiB in the instance requirements of the capacity provider {name}"
        ));
    }
    Capacity::known(
        true,
        format!("the capacity provider {name} (Managed Instances) may start {host} machines"),
    )
}

/// What the requirements say of types and makers.
fn said(requirements: &Value) -> String {
    let listed =
        ["allowedInstanceTypes", "excludedInstanceTypes", "cpuManufacturers"].into_iter().filter_map(|key| {
            let list: Vec<&str> =
                requirements[key].as_array()?.iter().filter_map(Value::as_str).take(5).collect();
            (!list.is_empty()).then(|| format!("{key} {}", list.join(" ")))
        });
    listed.collect::<Vec<_>>().join(", ")
}

fn example(host: Architecture) -> &'static str {
    match host {
        Architecture::Arm64 => "types such as m7g.*, or the maker amazon-web-services",
        Architecture::X86_64 => "types such as m7i.*, or the makers intel and amd",
    }
}
