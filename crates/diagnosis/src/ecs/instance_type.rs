//! Architectures of EC2 instance types, by their names (Amazon EC2 instance type naming conventions).

use execfit_kernel::host::Architecture;
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

/// `m7g.*` and `c6gn.large` are of Graviton: a `g` stands behind the generation's number. `a1` is the first of them.
fn of_type(pattern: &str) -> Option<Architecture> {
    let family = pattern.split('.').next()?;
    if family.contains('*') {
        return None;
    }
    let behind_series = family.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let attributes = behind_series.trim_start_matches(|c: char| c.is_ascii_digit());
    if behind_series.is_empty() || behind_series == attributes {
        return None;
    }
    let arm = family == "a1" || attributes.starts_with('g');
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
