//! Architectures of EC2 instance types, by their names (Amazon EC2 instance type naming conventions).

use execfit_kernel::host::{Architecture, Preset};
use serde_json::Value;

/// The architecture that ECS Managed Instances are bound to, where their requirements name instance types or makers of
/// processors, and all of these are of one.
pub(super) fn of_provider(provider: &Value) -> Option<Architecture> {
    let requirements =
        &provider["managedInstancesProvider"]["instanceLaunchTemplate"]["instanceRequirements"];
    let strings = |key: &str| requirements[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    let by_maker = strings("cpuManufacturers").map(|maker| match maker {
        "amazon-web-services" => Architecture::Arm64,
        _ => Architecture::X86_64,
    });
    let mut all = strings("allowedInstanceTypes").filter_map(of_type).chain(by_maker);
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

/// Families by which it is asked what a list of patterns leaves over: a general, a compute, a memory and a burstable one
/// of each generation that AWS sells.
const FAMILIES: [(Architecture, &[&str]); 2] = [
    (
        Architecture::Arm64,
        &[
            "t4g", "m6g", "m7g", "m8g", "c6g", "c6gn", "c7g", "c7gn", "c8g", "r6g", "r7g", "r8g", "x2gd",
            "im4gn",
        ],
    ),
    (
        Architecture::X86_64,
        &[
            "t3", "t3a", "m5", "m5a", "m6i", "m6a", "m7i", "m7a", "c5", "c6i", "c6a", "c7i", "c7a", "r5",
            "r6i", "r7i",
        ],
    ),
];

/// Whether instance requirements (of Managed Instances, a launch template, an Auto Scaling group: the members have the
/// same names but for their first letter) leave any type of an architecture (ECS API and EC2 API,
/// InstanceRequirementsRequest).
pub(super) fn allows(requirements: &Value, architecture: Architecture) -> bool {
    let strings = |key: &str| -> Vec<&str> {
        let upper = key[..1].to_ascii_uppercase() + &key[1..];
        let list = requirements[key].as_array().or_else(|| requirements[&upper[..]].as_array());
        list.into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let (makers, allowed) = (strings("cpuManufacturers"), strings("allowedInstanceTypes"));
    let excluded = strings("excludedInstanceTypes");
    let made = |maker: &&str| (*maker == "amazon-web-services") == (architecture == Architecture::Arm64);
    if !makers.is_empty() && !makers.iter().any(made) {
        return false;
    }
    // A family that is newer than this list speaks for itself.
    if allowed.iter().any(|pattern| of_type(pattern) == Some(architecture) && !excluded.contains(pattern)) {
        return true;
    }
    let families = FAMILIES.iter().filter(|(of, _)| *of == architecture).flat_map(|(_, families)| *families);
    let mut types = families.map(|family| format!("{family}.large"));
    types.any(|name| {
        (allowed.is_empty() || allowed.iter().any(|pattern| is_like(pattern, &name)))
            && !excluded.iter().any(|pattern| is_like(pattern, &name))
    })
}

/// Whether a name is like a pattern with `*` for anything.
fn is_like(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let mut last = None;
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
        last = Some(piece);
    }
    last.map_or(rest.is_empty(), |piece| name.ends_with(piece))
}

/// The kind of machine that a type names: a generation of Graviton, or x86_64.
pub(super) fn preset(name: &str) -> Option<&'static Preset> {
    let family = name.split('.').next()?;
    let preset = match (of_type(name)?, generation(family)?) {
        (Architecture::X86_64, _) => "ec2-x86_64",
        (Architecture::Arm64, _) if family == "a1" => "graviton1",
        // AWS EC2, Graviton: t4g and x2gd are of Graviton2, as are all of a sixth generation, and the storage and
        // graphics families of a fourth and fifth.
        (Architecture::Arm64, 2..=6) => "graviton2",
        (Architecture::Arm64, 7) => "graviton3",
        (Architecture::Arm64, 8) => "graviton4",
        (Architecture::Arm64, _) => return None,
    };
    Preset::named(preset)
}

/// The number in a family's name.
fn generation(family: &str) -> Option<u8> {
    let number = family.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..end].parse().ok()
}

/// `m7g.*` and `c6gn.large` are of Graviton: a `g` stands behind the generation's number. `a1` is the first of them.
/// `p6e-gb200` has NVIDIA's Grace.
pub(super) fn of_type(pattern: &str) -> Option<Architecture> {
    let family = pattern.split('.').next()?;
    if family.contains('*') {
        return None;
    }
    let behind_series = family.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let attributes = behind_series.trim_start_matches(|c: char| c.is_ascii_digit());
    if behind_series.is_empty() || behind_series == attributes {
        return None;
    }
    let arm = family == "a1" || attributes.starts_with('g') || attributes.contains("-gb");
    Some(if arm { Architecture::Arm64 } else { Architecture::X86_64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn families_by_their_names() {
        use Architecture::{Arm64, X86_64};
        for (pattern, expected) in [
            ("m7g.*", Some(Arm64)),
            ("c6gn.large", Some(Arm64)),
            ("t4g.nano", Some(Arm64)),
            ("a1.large", Some(Arm64)),
            ("x2gd.metal", Some(Arm64)),
            ("im4gn.*", Some(Arm64)),
            ("is4gen.*", Some(Arm64)),
            ("g5g.*", Some(Arm64)),
            ("p6e-gb200.36xlarge", Some(Arm64)),
            ("p6-b200.48xlarge", Some(X86_64)),
            ("m7i.*", Some(X86_64)),
            ("c6a.large", Some(X86_64)),
            ("g4dn.xlarge", Some(X86_64)),
            ("t3.micro", Some(X86_64)),
            ("m5.*", Some(X86_64)),
            ("*", None),
            ("m7*", None),
            ("", None),
            ("metal", None),
        ] {
            assert_eq!(of_type(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn machines_by_their_types() {
        for (name, expected) in [
            ("a1.large", Some("graviton1")),
            ("t4g.nano", Some("graviton2")),
            ("x2gd.metal", Some("graviton2")),
            ("im4gn.large", Some("graviton2")),
            ("g5g.xlarge", Some("graviton2")),
            ("c6gn.large", Some("graviton2")),
            ("m7g.large", Some("graviton3")),
            ("r8g.2xlarge", Some("graviton4")),
            ("m9g.large", None),
            ("m5.large", Some("ec2-x86_64")),
            ("u-6tb1.metal", None),
            ("*", None),
        ] {
            assert_eq!(preset(name).map(|preset| preset.name), expected, "{name}");
        }
    }

    #[test]
    fn what_requirements_leave() {
        use Architecture::{Arm64, X86_64};
        for (requirements, arm64, x86_64) in [
            (json!({}), true, true),
            (json!({"allowedInstanceTypes": ["m7g.*"]}), true, false),
            (json!({"allowedInstanceTypes": ["m9g.large"]}), true, false),
            (json!({"allowedInstanceTypes": ["m9g.*"], "excludedInstanceTypes": ["m9g.*"]}), false, false),
            (json!({"allowedInstanceTypes": ["m7*"]}), true, true),
            (json!({"allowedInstanceTypes": ["m7i*", "c7a.*"]}), false, true),
            (json!({"excludedInstanceTypes": ["*g.*", "*gn.*", "*gd.*"]}), false, true),
            (json!({"excludedInstanceTypes": ["t4g.*"]}), true, true),
            (json!({"excludedInstanceTypes": ["*"]}), false, false),
            (json!({"cpuManufacturers": ["intel", "amd"]}), false, true),
            (json!({"CpuManufacturers": ["amazon-web-services"]}), true, false),
            (json!({"cpuManufacturers": "intel", "allowedInstanceTypes": [7, ""]}), false, false),
        ] {
            assert_eq!(
                (allows(&requirements, Arm64), allows(&requirements, X86_64)),
                (arm64, x86_64),
                "{requirements}"
            );
        }
    }

    #[test]
    fn a_provider_of_one_kind() {
        let provider = |requirements| json!({"managedInstancesProvider": {"instanceLaunchTemplate": {"instanceRequirements": requirements}}});
        assert_eq!(
            of_provider(&provider(json!({"allowedInstanceTypes": ["m7g.*", "c7g.*"]}))),
            Some(Architecture::Arm64)
        );
        assert_eq!(of_provider(&provider(json!({"allowedInstanceTypes": ["m7g.*", "m7i.*"]}))), None);
        assert_eq!(
            of_provider(&provider(json!({"cpuManufacturers": ["intel", "amd"]}))),
            Some(Architecture::X86_64)
        );
        assert_eq!(of_provider(&provider(json!({"vCpuCount": {"min": 1}}))), None);
        assert_eq!(of_provider(&json!({"autoScalingGroupProvider": {}})), None);
    }
}
