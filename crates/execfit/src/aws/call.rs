//! The one road to AWS: sends a request and takes the body of the answer as it came.

use super::Answer;
use super::error::{self, AwsError};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextMut,
    BeforeTransmitInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use http_body_util::Limited;
use serde_json::{Map, Value};
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

/// The most bytes of one answer. A page of a hundred tasks or machines has a few hundred kilobytes.
const LARGEST: usize = 64 * 1024 * 1024;

/// Pages that are read of one list.
const PAGES: usize = 100;
/// The member that asks for the next page: EventBridge's begins with a capital.
const NEXT: [&str; 2] = ["nextToken", "NextToken"];

/// What is asked, for the answer and for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// As IAM spells it.
    pub(super) service: &'static str,
    /// The API operation.
    pub(super) operation: &'static str,
    /// What it is asked about, in words: `service demo/api`.
    pub(super) object: String,
}

impl Asked {
    pub(super) fn answer(&self, body: Value) -> Answer {
        Answer { service: self.service, operation: self.operation, body }
    }

    /// Sends one request.
    pub(super) async fn once<T, E, F>(&self, send: impl FnOnce(Witness) -> F) -> Result<Answer, AwsError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + Error + 'static,
    {
        Ok(self.answer(self.request(send).await?))
    }

    /// Sends one request for each page, until the last, [`PAGES`], or until `enough` elements of `member` are there.
    pub(super) async fn pages<T, E, F>(
        &self,
        member: &str,
        enough: usize,
        send: impl Fn(Witness, Option<String>) -> F,
    ) -> Result<Answer, AwsError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + Error + 'static,
    {
        let mut all = Value::Object(Map::new());
        let mut token: Option<String> = None;
        for _ in 0..PAGES {
            let page = self.request(|witness| send(witness, token.clone())).await?;
            let next = NEXT.iter().find_map(|member| page.get(*member)?.as_str());
            let next = next.filter(|next| !next.is_empty()).map(str::to_owned);
            append(&mut all, page);
            let count = all.get(member).and_then(Value::as_array).map_or(0, Vec::len);
            // A service that hands out the same token for ever would otherwise be read PAGES times.
            if next.is_none() || next == token || count >= enough {
                break;
            }
            token = next;
        }
        Ok(self.answer(all))
    }

    /// Sends one request for each `size` names; none where there are no names: then the answer is `{}`.
    pub(super) async fn batches<T, E, F>(
        &self,
        names: &[String],
        size: usize,
        send: impl Fn(Witness, Vec<String>) -> F,
    ) -> Result<Answer, AwsError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + Error + 'static,
    {
        let mut all = Value::Object(Map::new());
        for batch in names.chunks(size) {
            append(&mut all, self.request(|witness| send(witness, batch.to_vec())).await?);
        }
        Ok(self.answer(all))
    }

    async fn request<T, E, F>(&self, send: impl FnOnce(Witness) -> F) -> Result<Value, AwsError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + Error + 'static,
    {
        let witness = Witness::default();
        let result = send(witness.clone()).await;
        let seen = witness.take();
        // What the service sent decides, not whether the SDK's types could hold it.
        if let Some(body) = seen.json().filter(|_| (200..300).contains(&seen.status)) {
            return Ok(body);
        }
        Err(match result {
            Err(error) => error::explain(self, &error, &seen),
            Ok(_) => error::not_of(self, &seen, "JSON"),
        })
    }
}

/// Appends the arrays of `page` to those of `all`; other members are the latest's, and [`NEXT`] is gone when the
/// last page had none.
fn append(all: &mut Value, page: Value) {
    let (Value::Object(all), Value::Object(page)) = (all, page) else { return };
    for member in NEXT.into_iter().filter(|member| !page.contains_key(*member)) {
        all.shift_remove(member);
    }
    for (member, value) in page {
        match (all.get_mut(&member), value) {
            (Some(Value::Array(there)), Value::Array(more)) => there.extend(more),
            (_, value) => {
                all.insert(member, value);
            }
        }
    }
}

/// What went over the wire in the last attempt. Not shown: bodies hold secrets.
#[derive(Default)]
pub(super) struct Seen {
    /// Scheme and authority of the request, once it was about to leave: all before that is credentials and signing.
    pub(super) endpoint: Option<String>,
    /// 0 before there is an answer.
    pub(super) status: u16,
    /// The body, if it came whole.
    pub(super) body: Option<Vec<u8>>,
}

impl Seen {
    /// The body, where it is a JSON object.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(self.body.as_deref()?).ok().filter(Value::is_object)
    }
}

/// Sees the request leave and the answer come.
#[derive(Clone, Default)]
pub(super) struct Witness(Arc<Mutex<Seen>>);

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Witness")
    }
}

impl Witness {
    pub(super) fn take(&self) -> Seen {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Intercept for Witness {
    fn name(&self) -> &'static str {
        "execfit-witness"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let endpoint = error::endpoint_of(context.request().uri());
        self.note(|seen| *seen = Seen { endpoint: Some(endpoint), ..Seen::default() });
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().body_mut();
        let endless = std::mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(Limited::new(endless, LARGEST));
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        self.note(|seen| {
            seen.status = response.status().as_u16();
            seen.body = response.body().bytes().map(<[u8]>::to_vec);
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::append;
    use serde_json::json;

    #[test]
    fn pages_become_one_answer() {
        let mut all = json!({});
        append(&mut all, json!({"z": 1, "arns": ["a"], "nextToken": "t"}));
        assert_eq!(all, json!({"z": 1, "arns": ["a"], "nextToken": "t"}));
        append(&mut all, json!({"arns": ["b", "c"], "failures": [], "new": {"x": 1}}));
        assert_eq!(all, json!({"z": 1, "arns": ["a", "b", "c"], "failures": [], "new": {"x": 1}}));
        assert_eq!(all.to_string(), r#"{"z":1,"arns":["a","b","c"],"failures":[],"new":{"x":1}}"#);
    }
}
