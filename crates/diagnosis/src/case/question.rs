//! What AWS is asked for a plan, beyond what a diagnosis rests on.

use serde::{Deserialize, Serialize};

/// A question to AWS whose answer a plan needs. What came of it stands among the case's answers and refusals; that it
/// was asked, in [`super::Case::asked`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub enum Question {
    /// The ARNs of a family's active revisions, newest first (ListTaskDefinitions).
    Revisions {
        /// The family.
        family: String,
    },
    /// A revision, with its tags (DescribeTaskDefinition).
    Definition {
        /// `FAMILY:REVISION` or an ARN.
        name: String,
    },
    /// A service of ECS Express, with what only it has (DescribeExpressGatewayService).
    Express {
        /// The service's ARN.
        service: String,
    },
    /// Service deployments in full (DescribeServiceDeployments).
    ServiceDeployments {
        /// Their ARNs.
        arns: Vec<String>,
    },
    /// What service deployments ran (DescribeServiceRevisions).
    ServiceRevisions {
        /// Their ARNs.
        arns: Vec<String>,
    },
    /// The images of a repository of Amazon ECR that were pushed last (DescribeImages).
    Pushes {
        /// Account and region of the registry, as its host has them.
        registry: String,
        /// The repository.
        repository: String,
    },
    /// The services of a cluster and of the account's others, with what they run (ListClusters, ListServices,
    /// DescribeServices).
    Services {
        /// ARN of the cluster to begin with.
        cluster: Option<String>,
    },
    /// What starts tasks of a family by the clock or on an event (EventBridge's ListRuleNamesByTarget and
    /// ListTargetsByRule, its scheduler's ListSchedules and GetSchedule).
    Starters {
        /// The family.
        family: String,
        /// ARNs of the clusters that rules run tasks in.
        clusters: Vec<String>,
    },
    /// An Auto Scaling group (autoscaling:DescribeAutoScalingGroups).
    ScalingGroup {
        /// Its name.
        name: String,
    },
    /// A launch configuration (autoscaling:DescribeLaunchConfigurations).
    LaunchConfiguration {
        /// Its name.
        name: String,
    },
    /// A version of a launch template (ec2:DescribeLaunchTemplateVersions).
    LaunchTemplate {
        /// Its id (`lt-...`), else its name.
        template: String,
        /// A number, `$Latest` or `$Default`.
        version: String,
    },
}
