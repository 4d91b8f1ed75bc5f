//! Amazon CloudWatch Logs.

use super::call::Asked;
use super::connect;
use super::error::AwsError;
use super::{Answer, Aws};
use aws_sdk_cloudwatchlogs as logs;

impl Aws {
    /// `logs:GetLogEvents`: the last events of a stream, oldest of them first. `region` where the `awslogs-region` of the
    /// task definition is another than ours; `limit` from 1 to 10000.
    ///
    /// # Errors
    /// An [`AwsError`]; of kind `NotFound` where there is no such group or stream.
    pub async fn get_log_events(
        &self,
        region: Option<&str>,
        group: &str,
        stream: &str,
        limit: u16,
    ) -> Result<Answer, AwsError> {
        let asked = Asked {
            service: "logs",
            operation: "GetLogEvents",
            object: format!("log stream {group}:{stream}"),
        };
        let mut config = logs::config::Builder::from(&self.config);
        if let Some(region) = region {
            config = config.region(connect::region(region)?);
        }
        let client = logs::Client::from_conf(config.build());
        let call = |witness| {
            let call = client.get_log_events().log_group_name(group).log_stream_name(stream);
            let call = call.limit(i32::from(limit.clamp(1, 10_000))).start_from_head(false);
            call.customize().interceptor(witness).send()
        };
        asked.once(call).await
    }
}
