//! What one task reserves on a container instance.

use serde_json::Value;

/// What ECS takes off a container instance's remaining resources for one task of a definition (ECS API,
/// `RegisterTaskDefinition`: `cpu` and `memory` of the task, else `cpu`, `memoryReservation` and `memory` of its
/// containers).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reservation {
    /// CPU units; 1024 are one vCPU.
    pub cpu: u64,
    /// MiB.
    pub memory: u64,
    /// GPUs.
    pub gpus: u64,
    /// Whether each task takes a network interface of the instance (`awsvpc`).
    pub interface: bool,
    /// TCP ports of the host, as inclusive ranges.
    pub tcp: Vec<(u16, u16)>,
    /// UDP ports of the host, as inclusive ranges.
    pub udp: Vec<(u16, u16)>,
    /// Attributes that an instance must have, with their values (`requiresAttributes`).
    pub attributes: Vec<(String, Option<String>)>,
}

impl Reservation {
    /// Of a task definition.
    pub fn of(definition: &Value) -> Reservation {
        let containers = || definition["containerDefinitions"].as_array().into_iter().flatten();
        let summed = |of: fn(&Value) -> u64| containers().map(of).fold(0, u64::saturating_add);
        let network = definition["networkMode"].as_str().unwrap_or_default();
        let mut reservation = Reservation {
            cpu: amount(&definition["cpu"]).unwrap_or_else(|| summed(|one| amount(&one["cpu"]).unwrap_or(0))),
            memory: amount(&definition["memory"]).unwrap_or_else(|| summed(memory)),
            gpus: summed(gpus),
            interface: network == "awsvpc",
            ..Reservation::default()
        };
        for mapping in containers().filter_map(|one| one["portMappings"].as_array()).flatten() {
            let Some(ports) = host_ports(mapping, network) else { continue };
            let udp = mapping["protocol"].as_str() == Some("udp");
            if udp { reservation.udp.push(ports) } else { reservation.tcp.push(ports) }
        }
        let required = definition["requiresAttributes"].as_array().into_iter().flatten();
        reservation.attributes = required
            .filter_map(|one| Some((one["name"].as_str()?.into(), one["value"].as_str().map(String::from))))
            .collect();
        reservation
    }
}

/// What is kept of memory for a container: `memoryReservation`, where there is one, else `memory` (ECS API,
/// ContainerDefinition).
fn memory(container: &Value) -> u64 {
    amount(&container["memoryReservation"]).or_else(|| amount(&container["memory"])).unwrap_or(0)
}

fn gpus(container: &Value) -> u64 {
    let asked = container["resourceRequirements"].as_array().into_iter().flatten();
    let of_gpu = asked.filter(|one| one["type"].as_str() == Some("GPU"));
    of_gpu.filter_map(|one| amount(&one["value"])).fold(0, u64::saturating_add)
}

/// A number, or a text of one: `256`, `1 vCPU`, `2 GB`. Zero is as good as absent.
fn amount(value: &Value) -> Option<u64> {
    let amount = match value {
        Value::Number(number) => number.as_u64()?,
        Value::String(text) => {
            let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
            let (number, unit) = (text[..end].parse::<f64>().ok()?, text[end..].trim());
            let factor =
                if matches!(unit.to_ascii_lowercase().as_str(), "vcpu" | "gb") { 1024.0 } else { 1.0 };
            (number * factor) as u64
        }
        _ => return None,
    };
    (amount > 0).then_some(amount)
}

/// The ports of the host that a mapping takes for certain: in the network mode `host` the container's own, in `bridge`
/// those that are named (ECS API, PortMapping). None in `awsvpc`, where each task has its own interface.
fn host_ports(mapping: &Value, network: &str) -> Option<(u16, u16)> {
    let port =
        |key: &str| mapping[key].as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    match network {
        "host" => {
            let range = mapping["containerPortRange"].as_str().and_then(range);
            range.or_else(|| port("hostPort").or_else(|| port("containerPort")).map(|port| (port, port)))
        }
        "awsvpc" | "none" => None,
        _ => port("hostPort").map(|port| (port, port)),
    }
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-')?;
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_task_reserves() {
        let of_containers = json!({"containerDefinitions": [
            {"cpu": 100, "memory": 512, "memoryReservation": 128, "portMappings": [{"containerPort": 80, "hostPort": 8080},
                {"containerPort": 53, "hostPort": 53, "protocol": "udp"}, {"containerPort": 81, "hostPort": 0}]},
            {"cpu": 28, "memory": 64, "resourceRequirements": [{"type": "GPU", "value": "2"}]}]});
        let reservation = Reservation::of(&of_containers);
        assert_eq!((reservation.cpu, reservation.memory, reservation.gpus), (128, 192, 2));
        assert_eq!((reservation.tcp, reservation.udp), (vec![(8080, 8080)], vec![(53, 53)]));

        let mut of_task = of_containers.clone();
        of_task["cpu"] = json!("1 vCPU");
        of_task["memory"] = json!("2048");
        of_task["networkMode"] = json!("awsvpc");
        of_task["requiresAttributes"] = json!([{"name": "a"}, {"name": "b", "value": "c"}]);
        let reservation = Reservation::of(&of_task);
        assert_eq!((reservation.cpu, reservation.memory, reservation.interface), (1024, 2048, true));
        assert_eq!((reservation.tcp.len(), reservation.udp.len()), (0, 0));
        assert_eq!(reservation.attributes, [("a".into(), None), ("b".into(), Some("c".to_string()))]);

        let host = json!({"networkMode": "host", "containerDefinitions": [{"portMappings":
            [{"containerPort": 80}, {"containerPortRange": "100-110"}, {"containerPort": 70000}]}]});
        assert_eq!(Reservation::of(&host).tcp, [(80, 80), (100, 110)]);
        assert_eq!(Reservation::of(&json!({"cpu": -1, "memory": "1e400", "containerDefinitions": 7})).cpu, 0);
    }
}
