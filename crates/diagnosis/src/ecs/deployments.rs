//! The deployments of a service that succeeded: places to go back to.

use super::scene::Scene;
use super::time;
use serde_json::Value;
use std::collections::BTreeSet;

/// A service deployment that succeeded (ECS API, ServiceDeployment; there are none of before 25 October 2024).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Success<'a> {
    /// When it began: epoch seconds, or a text.
    pub began: &'a Value,
    /// ARN of the service revision that it led to.
    pub target: &'a str,
    /// That service revision, where ECS has described it.
    pub revision: Option<&'a Value>,
}

impl<'a> Success<'a> {
    /// The task definition that it ran.
    pub fn definition(&self) -> Option<&'a str> {
        self.revision?["taskDefinition"].as_str().filter(|name| !name.is_empty())
    }
}

impl<'a> Scene<'a> {
    /// The service's deployments that succeeded, newest first, each service revision once.
    pub fn successes(&self) -> Vec<Success<'a>> {
        let service = self.service.and_then(|service| service["serviceArn"].as_str());
        let own = |deployment: &&Value| {
            let of = deployment["serviceArn"].as_str();
            deployment["status"].as_str() == Some("SUCCESSFUL") && (of.is_none() || of == service)
        };
        let deployments: Vec<&Value> =
            self.documents.service_deployments.iter().copied().filter(own).collect();
        let described = |arn: &str| {
            let mut revisions = self.documents.service_revisions.iter().copied();
            revisions.find(|revision| revision["serviceRevisionArn"].as_str() == Some(arn))
        };
        let success = |deployment: &&'a Value| {
            let target = target(deployment).filter(|target| !target.is_empty())?;
            Some(Success { began: began(deployment), target, revision: described(target) })
        };
        let mut successes: Vec<Success<'_>> = deployments.iter().filter_map(success).collect();
        successes.sort_by(|one, other| time::seconds(other.began).total_cmp(&time::seconds(one.began)));
        let mut seen = BTreeSet::new();
        successes.retain(|success| seen.insert(success.target));
        successes
    }

    /// The service deployment that is under way or was the last, in the form that tells most of it.
    pub fn current_deployment(&self) -> Option<&'a Value> {
        let current = self.service?["currentServiceDeployment"].as_str()?;
        let all = self.documents.service_deployments.iter().copied();
        let mut forms: Vec<&Value> =
            all.filter(|one| one["serviceDeploymentArn"].as_str() == Some(current)).collect();
        forms.sort_by_key(|one| !one["sourceServiceRevisions"].is_array());
        forms.into_iter().next()
    }
}

/// The service revision that a deployment leads to: ListServiceDeployments gives its ARN alone, DescribeServiceDeployments
/// an object.
fn target(deployment: &Value) -> Option<&str> {
    deployment["targetServiceRevisionArn"].as_str().or(deployment["targetServiceRevision"]["arn"].as_str())
}

fn began(deployment: &Value) -> &Value {
    if deployment["startedAt"].is_null() { &deployment["createdAt"] } else { &deployment["startedAt"] }
}
