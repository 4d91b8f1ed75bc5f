//! Edits of a raw JSON document: what is shown is what is sent, and what is not named stays as it is.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One member that changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// Where: a JSON Pointer (RFC 6901), e.g. `/runtimePlatform/cpuArchitecture`.
    pub path: String,
    /// What is there before; absent where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What is there after; absent where the member goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

impl Edit {
    /// A member that is set.
    pub fn set(path: &str, before: Option<&Value>, after: impl Into<Value>) -> Edit {
        Edit { path: path.into(), before: before.cloned(), after: Some(after.into()) }
    }

    /// What sets a member of a request back to what it was; `None` where it was absent, and a request without it leaves it
    /// as it is. (`LATEST` is the platform version, and `X86_64` an Express service's architecture, of whoever names none;
    /// an empty list removes what a list names: ECS API, UpdateService, CreateExpressGatewayService.)
    pub fn undone(&self) -> Option<Value> {
        match (&self.before, &self.path[..], &self.after) {
            (Some(before), ..) => Some(before.clone()),
            (None, "/platformVersion", _) => Some("LATEST".into()),
            (None, "/cpuArchitecture", _) => Some("X86_64".into()),
            (None, _, Some(Value::Array(_))) => Some(Value::Array(Vec::new())),
            _ => None,
        }
    }
}

/// The document is not the one that the edit was made for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is not what the plan was made for: it was {expected}, and is {found}")]
pub struct Stale {
    /// The edit's path.
    pub path: String,
    /// What the plan knows; `absent` where it was not there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

/// Members of DescribeTaskDefinition's answer that RegisterTaskDefinition does not take (ECS API).
const READ_ONLY: [&str; 9] = [
    "taskDefinitionArn",
    "revision",
    "status",
    "requiresAttributes",
    "compatibilities",
    "registeredAt",
    "registeredBy",
    "deregisteredAt",
    "deleteRequestedAt",
];

/// The request that registers a described task definition again: all members but those that are only answered, with its
/// tags. Empty members of the document itself are what emulators answer for an absent one; AWS takes none of them.
pub fn registrable(definition: &Value, tags: &[Value]) -> Value {
    let mut request = Map::new();
    for (member, value) in definition.as_object().into_iter().flatten() {
        let empty = value.is_null() || value.as_str() == Some("");
        if !READ_ONLY.contains(&&member[..]) && !empty {
            request.insert(member.clone(), value.clone());
        }
    }
    // ECS refuses an empty list of tags.
    if !tags.is_empty() {
        request.insert("tags".into(), tags.into());
    }
    Value::Object(request)
}

/// Makes the edits, each after its `before` was found to be there. Parents that are absent are made.
///
/// # Errors
/// [`Stale`] where something else is there; the document may be edited in part then, and is to be thrown away.
pub fn apply(document: &mut Value, edits: &[Edit]) -> Result<(), Stale> {
    edits.iter().try_for_each(|edit| apply_one(document, edit))
}

fn apply_one(document: &mut Value, edit: &Edit) -> Result<(), Stale> {
    let shown = |value: Option<&Value>| value.map_or("absent".into(), Value::to_string);
    let stale = |found: Option<&Value>| Stale {
        path: edit.path.clone(),
        expected: shown(edit.before.as_ref()),
        found: shown(found),
    };
    let present = |value: &&Value| !value.is_null() && value.as_str() != Some("");
    let found = document.pointer(&edit.path).filter(present);
    if found != edit.before.as_ref().filter(present) {
        return Err(stale(found));
    }
    let (parent, last) = edit.path.rsplit_once('/').ok_or_else(|| stale(None))?;
    let mut place = document;
    for part in parent.split('/').skip(1).map(unescaped) {
        place = match place {
            Value::Array(items) => {
                let item = part.parse::<usize>().ok().and_then(|index| items.get_mut(index));
                item.ok_or_else(|| stale(None))?
            }
            Value::Object(members) => {
                let member = members.entry(part).or_insert(Value::Null);
                if member.is_null() {
                    *member = Value::Object(Map::new());
                }
                member
            }
            _ => return Err(stale(None)),
        };
    }
    let last = unescaped(last);
    match (place, &edit.after) {
        (Value::Object(members), Some(after)) => {
            members.insert(last, after.clone());
        }
        (Value::Object(members), None) => {
            members.shift_remove(&last);
        }
        (Value::Array(items), after) => {
            let index = last.parse::<usize>().ok().filter(|index| *index < items.len());
            let index = index.ok_or_else(|| stale(None))?;
            match after {
                Some(after) => items[index] = after.clone(),
                None => {
                    items.remove(index);
                }
            }
        }
        _ => return Err(stale(None)),
    }
    Ok(())
}

fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_named_stays() {
        let described = json!({
            "taskDefinitionArn": "arn", "revision": 7, "status": "ACTIVE", "family": "api", "pidMode": "",
            "invented": {"by": ["tomorrow"]},
            "containerDefinitions": [{"name": "a", "image": "a:1", "new~/member": 1.50}]
        });
        let mut request = registrable(&described, &[json!({"key": "team", "value": "x"})]);
        let edits = [
            Edit::set("/runtimePlatform/cpuArchitecture", None, "ARM64"),
            Edit::set("/containerDefinitions/0/image", Some(&json!("a:1")), "a@sha256:1"),
            Edit {
                path: "/containerDefinitions/0/new~0~1member".into(),
                before: Some(json!(1.50)),
                after: None,
            },
        ];
        apply(&mut request, &edits).unwrap();
        assert_eq!(
            request,
            json!({
                "family": "api",
                "invented": {"by": ["tomorrow"]},
                "containerDefinitions": [{"name": "a", "image": "a@sha256:1"}],
                "tags": [{"key": "team", "value": "x"}],
                "runtimePlatform": {"cpuArchitecture": "ARM64"}
            })
        );
    }

    #[test]
    fn another_document_is_not_edited() {
        let mut document = json!({"runtimePlatform": {"cpuArchitecture": "ARM64"}, "list": []});
        for edit in [
            Edit::set("/runtimePlatform/cpuArchitecture", None, "X86_64"),
            Edit::set("/runtimePlatform/cpuArchitecture", Some(&json!("X86_64")), "ARM64"),
            Edit::set("/list/0", None, 1),
            Edit::set("/list/0/a", None, 1),
            Edit::set("", None, 1),
            Edit::set("/runtimePlatform/cpuArchitecture/x", None, 1),
        ] {
            assert!(apply(&mut document, std::slice::from_ref(&edit)).is_err(), "{edit:?}");
        }
        let stale = apply(&mut document, &[Edit::set("/runtimePlatform/cpuArchitecture", None, "X86_64")]);
        assert_eq!(
            stale.unwrap_err().to_string(),
            "`/runtimePlatform/cpuArchitecture` is not what the plan was made for: it was absent, and is \"ARM64\""
        );
    }
}
