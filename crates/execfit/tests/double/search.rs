//! How documents are found by their names.

use super::shapes::short;
use serde_json::{Value, json};

pub(super) fn cluster_of(body: &Value) -> &str {
    short(body["cluster"].as_str().unwrap_or("default"))
}

pub(super) fn in_cluster(document: &Value, body: &Value) -> bool {
    let cluster = cluster_of(body);
    match document["clusterArn"].as_str() {
        Some(arn) => short(arn) == cluster,
        // Container instances say only in their ARN where they are: .../CLUSTER/ID.
        None => document["containerInstanceArn"]
            .as_str()
            .is_some_and(|arn| arn.split('/').nth(1) == Some(cluster)),
    }
}

pub(super) fn arns<'a>(documents: impl Iterator<Item = &'a Value>, member: &str) -> Vec<Value> {
    documents.map(|document| document[member].clone()).collect()
}

/// By ARN or by the last part of it.
pub(super) fn find<'a>(documents: &'a [Value], arn: &str, name: &str) -> Option<&'a Value> {
    documents
        .iter()
        .find(|known| known[arn].as_str().is_some_and(|arn| arn == name || short(arn) == short(name)))
}

pub(super) fn described(member: &str, documents: &[Value], arn: &str, named: &Value) -> Value {
    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for name in named.as_array().into_iter().flatten().filter_map(Value::as_str) {
        match find(documents, arn, name) {
            Some(document) => found.push(document.clone()),
            None => failures.push(json!({"arn": name, "reason": "MISSING"})),
        }
    }
    json!({ member: found, "failures": failures })
}

pub(super) fn described_in(
    member: &str,
    documents: &[Value],
    arn: &str,
    body: &Value,
    named: &Value,
) -> Value {
    let here: Vec<Value> = documents.iter().filter(|document| in_cluster(document, body)).cloned().collect();
    described(member, &here, arn, named)
}
