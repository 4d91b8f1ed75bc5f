//! Parts of ARNs (IAM, "Amazon Resource Names").

/// What stands after the last `/` of an ARN: `api:7` of a task definition, the name of a service, the id of a task. What
/// has no `/` is such a name itself.
pub fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
