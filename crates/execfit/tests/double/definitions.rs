//! Task definitions: registered, deregistered, listed, described.

use super::reply::Reply;
use super::search::arns;
use super::shapes::{ACCOUNT, arn, short};
use super::world::{World, includes_tags};
use serde_json::{Value, json};

/// Members of `TaskDefinition` that RegisterTaskDefinition's request has not (botocore's model).
const ONLY_ANSWERED: [&str; 9] = [
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

/// Members that are enumerations, as JSON pointers, and their values.
const ENUMERATIONS: [(&str, &[&str]); 6] = [
    ("/runtimePlatform/cpuArchitecture", &["X86_64", "ARM64"]),
    (
        "/runtimePlatform/operatingSystemFamily",
        &[
            "LINUX",
            "WINDOWS_SERVER_2016_FULL",
            "WINDOWS_SERVER_2019_FULL",
            "WINDOWS_SERVER_2019_CORE",
            "WINDOWS_SERVER_2004_CORE",
            "WINDOWS_SERVER_20H2_CORE",
            "WINDOWS_SERVER_2022_FULL",
            "WINDOWS_SERVER_2022_CORE",
            "WINDOWS_SERVER_2025_FULL",
            "WINDOWS_SERVER_2025_CORE",
        ],
    ),
    ("/networkMode", &["bridge", "host", "awsvpc", "none"]),
    ("/pidMode", &["host", "task"]),
    ("/ipcMode", &["host", "task", "none"]),
    ("/requiresCompatibilities/0", &["EC2", "FARGATE", "EXTERNAL", "MANAGED_INSTANCES"]),
];

impl World {
    /// RegisterTaskDefinition. Every member is kept, also those that nobody knows; AWS would drop these.
    pub(super) fn register(&mut self, body: &Value) -> Result<Value, Reply> {
        check(body)?;
        let tags = checked_tags(body)?;
        let family = body["family"].as_str().unwrap_or_default();
        let revisions = self.task_definitions.iter().filter(|known| known["family"] == family);
        let revision = revisions.filter_map(|known| known["revision"].as_i64()).max().unwrap_or(0) + 1;
        let name = arn(&format!("task-definition/{family}:{revision}"));
        let mut definition = body.clone();
        for (member, default) in [("volumes", json!([])), ("placementConstraints", json!([]))] {
            if definition[member].is_null() {
                definition[member] = default;
            }
        }
        let generated = json!({
            "taskDefinitionArn": name,
            "revision": revision,
            "status": "ACTIVE",
            "requiresAttributes": [{"name": "com.amazonaws.ecs.capability.docker-remote-api.1.18"}],
            "compatibilities": ["EC2", "FARGATE"],
            "registeredAt": super::deploy::now(),
            "registeredBy": format!("arn:aws:iam::{ACCOUNT}:user/double")
        });
        definition = super::shapes::with(definition, generated);
        definition.as_object_mut().map(|members| members.remove("tags"));
        self.task_definitions.push(definition.clone());
        self.definition_tags.insert(name, tags.clone());
        Ok(json!({"taskDefinition": definition, "tags": tags}))
    }

    /// DeregisterTaskDefinition: `FAMILY:REVISION` or an ARN. It stays there, INACTIVE.
    pub(super) fn deregister(&mut self, body: &Value) -> Result<Value, Reply> {
        let asked = short(body["taskDefinition"].as_str().unwrap_or_default());
        if !asked.contains(':') {
            return Err(invalid("Invalid revision number. Number: null"));
        }
        let mut known = self.task_definitions.iter_mut();
        let found = known.find(|known| known["taskDefinitionArn"].as_str().map(short) == Some(asked));
        let Some(definition) = found.filter(|known| known["status"] != "INACTIVE") else {
            return Err(client("The specified task definition does not exist."));
        };
        definition["status"] = json!("INACTIVE");
        definition["deregisteredAt"] = json!(super::deploy::now());
        Ok(json!({"taskDefinition": definition}))
    }

    /// The ARN and document of an active revision: `FAMILY` (its newest), `FAMILY:REVISION` or an ARN.
    pub(super) fn active(&self, name: &str) -> Result<Value, Reply> {
        let asked = short(name);
        let (family, revision) = asked.split_once(':').unwrap_or((asked, ""));
        let of_family = self.task_definitions.iter().filter(|known| known["family"] == family);
        let found = match revision {
            "" => of_family
                .filter(|known| known["status"] != "INACTIVE")
                .max_by_key(|known| known["revision"].as_i64()),
            revision => {
                let mut named = of_family.filter(|known| {
                    revision.parse().is_ok_and(|revision: i64| known["revision"] == revision)
                });
                named.next()
            }
        };
        match found {
            None => Err(client("TaskDefinition not found.")),
            Some(found) if found["status"] == "INACTIVE" => Err(client("TaskDefinition is inactive")),
            Some(found) => Ok(found.clone()),
        }
    }

    pub(super) fn list_task_definitions(&self, body: &Value) -> Value {
        let mut found: Vec<&Value> = self
            .task_definitions
            .iter()
            .filter(|known| known["family"] == body["familyPrefix"] && known["status"] != "INACTIVE")
            .collect();
        found.sort_by_key(|known| known["revision"].as_i64());
        if body["sort"] == "DESC" {
            found.reverse();
        }
        self.list(body, "taskDefinitionArns", arns(found.into_iter(), "taskDefinitionArn"))
    }

    pub(super) fn describe_task_definition(&self, body: &Value) -> Reply {
        let asked = short(body["taskDefinition"].as_str().unwrap_or_default());
        let (family, revision) = match asked.split_once(':') {
            Some((family, revision)) => (family, revision.parse::<i64>().ok()),
            None => (asked, None),
        };
        let found = self.task_definitions.iter().filter(|known| known["family"] == family);
        let found = found.filter(|known| match revision {
            Some(revision) => known["revision"] == revision,
            None => known["status"] != "INACTIVE",
        });
        match found.max_by_key(|known| known["revision"].as_i64()) {
            Some(definition) => {
                let arn = definition["taskDefinitionArn"].as_str().unwrap_or_default();
                let tags = self.definition_tags.get(arn).filter(|_| includes_tags(body));
                json!({"taskDefinition": definition, "tags": tags.cloned().unwrap_or_default()}).into()
            }
            None => Reply::error(400, "ClientException", "Unable to describe task definition."),
        }
    }
}

pub(super) fn invalid(message: &str) -> Reply {
    Reply::error(400, "InvalidParameterException", message)
}

pub(super) fn client(message: &str) -> Reply {
    Reply::error(400, "ClientException", message)
}

/// What AWS would refuse. That members which are only answered are refused is this double's strictness.
fn check(body: &Value) -> Result<(), Reply> {
    if body["family"].as_str().is_none_or(str::is_empty) {
        return Err(client("Family should not be null or empty."));
    }
    let containers = body["containerDefinitions"].as_array();
    if containers.is_none_or(Vec::is_empty) {
        return Err(client("Container list cannot be empty."));
    }
    if let Some(member) = ONLY_ANSWERED.iter().find(|member| body.get(**member).is_some()) {
        return Err(invalid(&format!("Unknown parameter in input: \"{member}\"")));
    }
    for (pointer, values) in ENUMERATIONS {
        let given = body.pointer(pointer).filter(|given| !given.is_null());
        if given.is_some_and(|given| given.as_str().is_none_or(|given| !values.contains(&given))) {
            return Err(invalid(&format!("Invalid value for {pointer}: must be one of {values:?}")));
        }
    }
    let platform = &body["runtimePlatform"];
    let windows =
        platform["operatingSystemFamily"].as_str().is_some_and(|family| family.starts_with("WINDOWS"));
    if windows && platform["cpuArchitecture"] == "ARM64" {
        return Err(client("The specified operatingSystemFamily does not support cpuArchitecture ARM64."));
    }
    let fargate = body["requiresCompatibilities"].as_array();
    if fargate.is_some_and(|required| required.contains(&json!("FARGATE"))) {
        if body["cpu"].is_null() || body["memory"].is_null() {
            return Err(client("Task definition does not support launch_type FARGATE: no cpu or memory."));
        }
        if body["networkMode"] != "awsvpc" {
            return Err(client("Fargate only supports network mode \u{2018}awsvpc\u{2019}."));
        }
    }
    Ok(())
}

/// Keys up to 128, values up to 256 characters, 50 tags, none twice, none of AWS's own (model and guide).
fn checked_tags(body: &Value) -> Result<Vec<Value>, Reply> {
    let Some(tags) = body.get("tags").filter(|tags| !tags.is_null()) else { return Ok(Vec::new()) };
    let Some(tags) = tags.as_array().filter(|tags| !tags.is_empty()) else {
        return Err(invalid("Tags can not be empty."));
    };
    let mut keys: Vec<&str> = tags.iter().filter_map(|tag| tag["key"].as_str()).collect();
    if keys.iter().any(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        return Err(invalid("Tag keys may not start with aws:, which is reserved for AWS use."));
    }
    let long = |tag: &Value, member: &str, most: usize| {
        tag[member].as_str().is_some_and(|text| text.chars().count() > most)
    };
    let total = keys.len();
    keys.sort_unstable();
    keys.dedup();
    if keys.len() != tags.len() || total > 50 {
        return Err(invalid("Tag keys must be there, once each, and 50 at most."));
    }
    if tags.iter().any(|tag| long(tag, "key", 128) || long(tag, "value", 256)) {
        return Err(invalid("A tag is too long."));
    }
    Ok(tags.clone())
}
