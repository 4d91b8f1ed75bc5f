//! Amazon EventBridge: what starts tasks by the clock or on an event.

use super::call::Asked;
use super::error::AwsError;
use super::{Answer, Aws};
use aws_sdk_eventbridge as events;
use aws_sdk_scheduler as scheduler;

impl Aws {
    /// `events:ListRuleNamesByTarget`: the rules of the default event bus with this target, e.g. a cluster's ARN; at least
    /// `enough` of them if there are so many.
    ///
    /// # Errors
    /// An [`AwsError`].
    pub async fn list_rule_names_by_target(&self, target: &str, enough: usize) -> Result<Answer, AwsError> {
        let asked = Asked {
            service: "events",
            operation: "ListRuleNamesByTarget",
            object: format!("target {target}"),
        };
        let client = events::Client::new(&self.config);
        let call = |witness, token| {
            let call = client.list_rule_names_by_target().target_arn(target).set_next_token(token);
            call.limit(100).customize().interceptor(witness).send()
        };
        asked.pages("RuleNames", enough, call).await
    }

    /// `events:ListTargetsByRule`: what a rule of the default event bus does, with its `EcsParameters`.
    ///
    /// # Errors
    /// An [`AwsError`]; of kind `NotFound` where there is no such rule.
    pub async fn list_targets_by_rule(&self, rule: &str) -> Result<Answer, AwsError> {
        let asked =
            Asked { service: "events", operation: "ListTargetsByRule", object: format!("rule {rule}") };
        let client = events::Client::new(&self.config);
        let call = |witness, token| {
            let call = client.list_targets_by_rule().rule(rule).set_next_token(token);
            call.limit(100).customize().interceptor(witness).send()
        };
        asked.pages("Targets", usize::MAX, call).await
    }

    /// `scheduler:ListSchedules`: briefs of the schedules of all groups, at least `enough` of them if there are so many.
    ///
    /// # Errors
    /// An [`AwsError`].
    pub async fn list_schedules(&self, enough: usize) -> Result<Answer, AwsError> {
        let asked = Asked { service: "scheduler", operation: "ListSchedules", object: "schedules".into() };
        let client = scheduler::Client::new(&self.config);
        let call = |witness, token| {
            let call = client.list_schedules().max_results(100).set_next_token(token);
            call.customize().interceptor(witness).send()
        };
        asked.pages("Schedules", enough, call).await
    }

    /// `scheduler:GetSchedule`: a schedule with its target's `EcsParameters`.
    ///
    /// # Errors
    /// An [`AwsError`]; of kind `NotFound` where there is no such schedule.
    pub async fn get_schedule(&self, group: &str, name: &str) -> Result<Answer, AwsError> {
        let object = format!("schedule {group}/{name}");
        let asked = Asked { service: "scheduler", operation: "GetSchedule", object };
        let client = scheduler::Client::new(&self.config);
        let call = |witness| {
            let call = client.get_schedule().group_name(group).name(name);
            call.customize().interceptor(witness).send()
        };
        asked.once(call).await
    }
}
