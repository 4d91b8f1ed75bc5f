//! An Auto Scaling group: how many more machines it may start, and of which architecture.

use super::documents::Documents;
use super::instance_type;
use super::placement::text;
use execfit_kernel::host::Architecture;
use serde_json::Value;

/// An `AutoScalingGroup` of DescribeAutoScalingGroups.
#[derive(Debug, Clone, Copy)]
pub struct ScalingGroup<'a>(&'a Value);

/// A version of a launch template, as a group names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchTemplate {
    /// Its id (`lt-...`), else its name.
    pub template: String,
    /// A number, `$Latest` or `$Default`.
    pub version: String,
}

/// The kinds of machine that a group starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Makes {
    /// Their architectures, each once; empty where that is not told.
    pub architectures: Vec<Architecture>,
    /// Instance types that decide it, each once.
    pub types: Vec<String>,
}

impl<'a> ScalingGroup<'a> {
    /// The group of this name, where it was described.
    pub fn named(documents: &Documents<'a>, name: &str) -> Option<ScalingGroup<'a>> {
        let mut groups = documents.scaling_groups.iter().copied();
        groups.find(|group| group["AutoScalingGroupName"].as_str() == Some(name)).map(ScalingGroup)
    }

    /// The name at the end of a group's ARN: `...:autoScalingGroupName/NAME`.
    pub fn name_in(arn: &str) -> Option<&str> {
        let name = arn.split_once("autoScalingGroupName/").map(|(_, name)| name)?;
        (!name.is_empty()).then_some(name)
    }

    /// The most machines that it may have (`MaxSize`), and how many it has or is starting. Machines of a weight above
    /// 1 take more of it: then the first number is what the heaviest leave room for.
    pub fn size(self) -> (u64, u64) {
        let number = |key: &str| self.0[key].as_u64().unwrap_or(0);
        let there = self.0["Instances"].as_array().map_or(0, |instances| instances.len() as u64);
        let heaviest = self.overrides().filter_map(weight).max().unwrap_or(1).max(1);
        let free = number("MaxSize").saturating_sub(number("DesiredCapacity").max(there)) / heaviest;
        (there.saturating_add(free), there)
    }

    /// Whether its process `Launch` is suspended, or it is being deleted (`Status`): it starts none then.
    pub fn is_suspended(self) -> bool {
        let processes = self.0["SuspendedProcesses"].as_array().into_iter().flatten();
        let mut names = processes.map(|process| text(&process["ProcessName"]));
        names.any(|name| name == "Launch") || !text(&self.0["Status"]).is_empty()
    }

    /// The launch templates that its machines are made of, for which it names no types itself.
    pub fn templates(self) -> Vec<LaunchTemplate> {
        let policy = &self.0["MixedInstancesPolicy"]["LaunchTemplate"];
        let own = LaunchTemplate::of(&policy["LaunchTemplateSpecification"])
            .or_else(|| LaunchTemplate::of(&self.0["LaunchTemplate"]));
        let typed = |one: &Value| one["InstanceType"].is_string() || one["InstanceRequirements"].is_object();
        let mut untyped = self.overrides().filter(|one| !typed(one)).peekable();
        if untyped.peek().is_none() && self.overrides().next().is_some() {
            return Vec::new();
        }
        let of_overrides = untyped.filter_map(|one| LaunchTemplate::of(&one["LaunchTemplateSpecification"]));
        let mut templates: Vec<LaunchTemplate> = own.into_iter().chain(of_overrides).collect();
        templates.dedup();
        templates
    }

    /// The launch configuration that its machines are made of.
    pub fn launch_configuration(self) -> Option<&'a str> {
        self.0["LaunchConfigurationName"].as_str().filter(|name| !name.is_empty())
    }

    /// What kinds of machine it starts, by all that is told of it.
    pub fn makes(self, documents: &Documents<'_>) -> Makes {
        let templates: Vec<Option<&Value>> =
            self.templates().iter().map(|template| template.find(documents)).collect();
        let configuration = self.launch_configuration().map(|name| {
            let mut all = documents.launch_configurations.iter().copied();
            all.find(|one| one["LaunchConfigurationName"].as_str() == Some(name))
        });
        let mut sources: Vec<&Value> = self.overrides().collect();
        for source in templates.into_iter().chain(configuration) {
            // One that is not known could start anything.
            let Some(source) = source else { return Makes::default() };
            sources.push(source);
        }
        let by_name = |one: &&Value| one["InstanceType"].as_str().map(String::from);
        let mut types: Vec<String> = sources.iter().filter_map(by_name).collect();
        let requirements =
            sources.iter().map(|one| &one["InstanceRequirements"]).filter(|one| one.is_object());
        let mut architectures = Vec::new();
        if requirements.clone().next().is_some() {
            // Requirements leave the architecture to the machine image; what they started tells of which it is.
            let started = self.0["Instances"].as_array().into_iter().flatten();
            types.extend(started.filter_map(|one| one["InstanceType"].as_str().map(String::from)));
            let both =
                |architecture| requirements.clone().all(|one| instance_type::allows(one, architecture));
            let (arm64, x86_64) = (both(Architecture::Arm64), both(Architecture::X86_64));
            match (types.is_empty(), arm64, x86_64) {
                (true, true, false) => architectures.push(Architecture::Arm64),
                (true, false, true) => architectures.push(Architecture::X86_64),
                _ => {}
            }
        }
        types.sort();
        types.dedup();
        let kinds: Option<Vec<Architecture>> =
            types.iter().map(|name| instance_type::of_type(name)).collect();
        architectures.extend(kinds.unwrap_or_default());
        architectures.sort_by_key(|architecture| architecture.name());
        architectures.dedup();
        Makes { architectures, types }
    }

    fn overrides(self) -> impl Iterator<Item = &'a Value> {
        self.0["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"].as_array().into_iter().flatten()
    }
}

/// `WeightedCapacity` is a number in a text.
fn weight(one: &Value) -> Option<u64> {
    let weight = &one["WeightedCapacity"];
    weight.as_u64().or_else(|| weight.as_str()?.parse().ok())
}

impl LaunchTemplate {
    fn of(specification: &Value) -> Option<LaunchTemplate> {
        let id = specification["LaunchTemplateId"].as_str().or(specification["LaunchTemplateName"].as_str());
        let template = id.filter(|id| !id.is_empty())?.to_string();
        let version = specification["Version"].as_str().filter(|version| !version.is_empty());
        Some(LaunchTemplate { template, version: version.unwrap_or("$Default").to_string() })
    }

    /// Whether that version was described.
    pub fn is_known(&self, documents: &Documents<'_>) -> bool {
        self.find(documents).is_some()
    }

    /// Its `LaunchTemplateData`, where that was described.
    fn find<'d>(&self, documents: &Documents<'d>) -> Option<&'d Value> {
        let mut mine = documents.launch_templates.iter().copied().filter(|one| {
            let is_it = |key: &str| one[key].as_str() == Some(&self.template[..]);
            is_it("LaunchTemplateId") || is_it("LaunchTemplateName")
        });
        let number = |one: &Value| one["VersionNumber"].as_u64();
        let found = match &self.version[..] {
            "$Latest" => mine.max_by_key(|one| number(one)),
            "$Default" => mine.rfind(|one| one["DefaultVersion"].as_bool() == Some(true)),
            version => {
                mine.rfind(|one| number(one).map(|number| number.to_string()).as_deref() == Some(version))
            }
        };
        found.map(|one| &one["LaunchTemplateData"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Answer;
    use serde_json::json;

    fn makes(bodies: &[Value]) -> String {
        let answers: Vec<Answer> =
            bodies.iter().map(|body| Answer { operation: String::new(), body: body.clone() }).collect();
        let documents = Documents::of(&answers);
        let group = ScalingGroup::named(&documents, "g").unwrap();
        let makes = group.makes(&documents);
        let kinds: Vec<&str> = makes.architectures.iter().map(|one| one.name()).collect();
        format!("{} [{}] {:?}", kinds.join(" "), makes.types.join(" "), group.size())
    }

    fn group(members: Value) -> Value {
        let mut group = json!({"AutoScalingGroupName": "g", "MinSize": 0, "MaxSize": 5, "DesiredCapacity": 2,
            "Instances": [{"InstanceType": "m7g.large"}, {"InstanceType": "m7g.large"}]});
        group.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        json!({"AutoScalingGroups": [group]})
    }

    #[test]
    fn what_a_group_makes() {
        let template = |version: u64, default: bool, data: Value| {
            json!({"LaunchTemplateVersions": [{"LaunchTemplateId": "lt-1", "LaunchTemplateName": "n",
                "VersionNumber": version, "DefaultVersion": default, "LaunchTemplateData": data}]})
        };
        let versions = [
            template(1, true, json!({"InstanceType": "m5.large"})),
            template(2, false, json!({"InstanceType": "m7g.large"})),
        ];
        let of_version = |version: Value| {
            let group = group(json!({"LaunchTemplate": {"LaunchTemplateName": "n", "Version": version}}));
            makes(&[group, versions[0].clone(), versions[1].clone()])
        };
        assert_eq!(of_version(json!("$Latest")), "arm64 [m7g.large] (5, 2)");
        assert_eq!(of_version(json!("$Default")), "x86_64 [m5.large] (5, 2)");
        assert_eq!(of_version(Value::Null), "x86_64 [m5.large] (5, 2)");
        assert_eq!(of_version(json!("2")), "arm64 [m7g.large] (5, 2)");
        assert_eq!(of_version(json!("3")), " [] (5, 2)");

        let mixed = |overrides: Value| {
            let group = group(json!({"MixedInstancesPolicy": {"LaunchTemplate": {"Overrides": overrides,
                "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-1", "Version": "1"}}}}));
            makes(&[group, versions[0].clone()])
        };
        assert_eq!(
            mixed(json!([{"InstanceType": "c7g.large", "WeightedCapacity": "2"}])),
            "arm64 [c7g.large] (3, 2)"
        );
        assert_eq!(
            mixed(json!([{"InstanceType": "c7g.large"}, {"InstanceType": "c5.large"}])),
            "arm64 x86_64 [c5.large c7g.large] (5, 2)"
        );
        assert_eq!(mixed(json!([])), "x86_64 [m5.large] (5, 2)");
        assert_eq!(
            mixed(json!([{"InstanceRequirements": {"VCpuCount": {"Min": 1}}}])),
            "arm64 [m7g.large] (5, 2)"
        );

        let configuration =
            json!({"LaunchConfigurations": [{"LaunchConfigurationName": "c", "InstanceType": "a1.large"}]});
        assert_eq!(
            makes(&[group(json!({"LaunchConfigurationName": "c"})), configuration]),
            "arm64 [a1.large] (5, 2)"
        );
        assert_eq!(makes(&[group(json!({"LaunchConfigurationName": "gone"}))]), " [] (5, 2)");
        assert_eq!(makes(&[group(json!({"MaxSize": "x", "Instances": 7}))]), " [] (0, 0)");
    }
}
