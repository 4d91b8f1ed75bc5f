//! Which members of the answers are read, and what they are called in JSON: as the AWS command line calls them.

/// What an element holds.
#[derive(Debug)]
pub(super) enum Shape {
    /// A text.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Truth,
    /// Elements that are called `member` (Query) or `item` (EC2 Query), all of one shape.
    List(&'static Shape),
    /// Elements of different names.
    Structure(&'static [Member]),
}

/// A member of a structure.
#[derive(Debug)]
pub(super) struct Member {
    /// Its element.
    pub(super) element: &'static str,
    /// Its name in JSON.
    pub(super) name: &'static str,
    /// What it holds.
    pub(super) shape: Shape,
}

const fn named(element: &'static str, name: &'static str, shape: Shape) -> Member {
    Member { element, name, shape }
}

const fn same(name: &'static str, shape: Shape) -> Member {
    Member { element: name, name, shape }
}

const TEXTS: Shape = Shape::List(&Shape::Text);

const SPECIFICATION: Shape = Shape::Structure(&[
    same("LaunchTemplateId", Shape::Text),
    same("LaunchTemplateName", Shape::Text),
    same("Version", Shape::Text),
]);

const OVERRIDE: Shape = Shape::Structure(&[
    same("InstanceType", Shape::Text),
    same("WeightedCapacity", Shape::Text),
    same("LaunchTemplateSpecification", SPECIFICATION),
    same(
        "InstanceRequirements",
        Shape::Structure(&[
            same("CpuManufacturers", TEXTS),
            same("AllowedInstanceTypes", TEXTS),
            same("ExcludedInstanceTypes", TEXTS),
        ]),
    ),
]);

const POLICY: Shape = Shape::Structure(&[same(
    "LaunchTemplate",
    Shape::Structure(&[
        same("LaunchTemplateSpecification", SPECIFICATION),
        same("Overrides", Shape::List(&OVERRIDE)),
    ]),
)]);

const GROUP: Shape = Shape::Structure(&[
    same("AutoScalingGroupName", Shape::Text),
    same("MinSize", Shape::Number),
    same("MaxSize", Shape::Number),
    same("DesiredCapacity", Shape::Number),
    same("Status", Shape::Text),
    same("LaunchConfigurationName", Shape::Text),
    same("LaunchTemplate", SPECIFICATION),
    same("MixedInstancesPolicy", POLICY),
    same(
        "Instances",
        Shape::List(&Shape::Structure(&[
            same("InstanceType", Shape::Text),
            same("LifecycleState", Shape::Text),
        ])),
    ),
    same("SuspendedProcesses", Shape::List(&Shape::Structure(&[same("ProcessName", Shape::Text)]))),
]);

/// EC2 Auto Scaling API, DescribeAutoScalingGroups.
pub(super) static AUTO_SCALING_GROUPS: Shape = Shape::Structure(&[same(
    "DescribeAutoScalingGroupsResult",
    Shape::Structure(&[same("AutoScalingGroups", Shape::List(&GROUP))]),
)]);

/// EC2 Auto Scaling API, DescribeLaunchConfigurations.
pub(super) static LAUNCH_CONFIGURATIONS: Shape = Shape::Structure(&[same(
    "DescribeLaunchConfigurationsResult",
    Shape::Structure(&[same(
        "LaunchConfigurations",
        Shape::List(&Shape::Structure(&[
            same("LaunchConfigurationName", Shape::Text),
            same("InstanceType", Shape::Text),
        ])),
    )]),
)]);

const DATA: Shape = Shape::Structure(&[
    named("instanceType", "InstanceType", Shape::Text),
    named(
        "instanceRequirements",
        "InstanceRequirements",
        Shape::Structure(&[
            named("cpuManufacturerSet", "CpuManufacturers", TEXTS),
            named("allowedInstanceTypeSet", "AllowedInstanceTypes", TEXTS),
            named("excludedInstanceTypeSet", "ExcludedInstanceTypes", TEXTS),
        ]),
    ),
]);

/// EC2 API, DescribeLaunchTemplateVersions. Of the data neither `UserData` nor anything else that may be secret.
pub(super) static LAUNCH_TEMPLATE_VERSIONS: Shape = Shape::Structure(&[named(
    "launchTemplateVersionSet",
    "LaunchTemplateVersions",
    Shape::List(&Shape::Structure(&[
        named("launchTemplateId", "LaunchTemplateId", Shape::Text),
        named("launchTemplateName", "LaunchTemplateName", Shape::Text),
        named("versionNumber", "VersionNumber", Shape::Number),
        named("defaultVersion", "DefaultVersion", Shape::Truth),
        named("launchTemplateData", "LaunchTemplateData", DATA),
    ])),
)]);
