//! What one container definition, with the overrides of a task, asks to run.

use crate::workload::{Command, Mount};
use serde_json::Value;

/// The command of a container definition (ECS API, ContainerDefinition, ContainerOverride).
pub(super) fn command(definition: &Value, container: &Value, overrides: Option<&Value>) -> Command {
    let name = container["name"].as_str();
    let of_task = overrides.and_then(|overrides| overrides["containerOverrides"].as_array());
    let change = of_task.into_iter().flatten().find(|change| change["name"].as_str() == name);
    let change = change.unwrap_or(&Value::Null);
    let parameters = &container["linuxParameters"];
    let mut environment = variables(container);
    environment.extend(variables(change));
    Command {
        hidden_path: hidden_path(container, change, &environment),
        entry_point: strings(&container["entryPoint"]),
        command: strings(&change["command"]).or_else(|| strings(&container["command"])),
        environment,
        working_directory: text(&container["workingDirectory"]),
        user: text(&container["user"]),
        init: parameters["initProcessEnabled"].as_bool().unwrap_or(false),
        privileged: container["privileged"].as_bool().unwrap_or(false),
        add_capabilities: strings(&parameters["capabilities"]["add"]).unwrap_or_default(),
        drop_capabilities: strings(&parameters["capabilities"]["drop"]).unwrap_or_default(),
        mounts: mounts(definition, container),
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(String::from)
}

/// A list of strings; an empty list is as good as none (ECS leaves it to the image).
fn strings(value: &Value) -> Option<Vec<String>> {
    let items = value.as_array()?.iter().filter_map(|item| item.as_str().map(String::from));
    Some(items.collect::<Vec<_>>()).filter(|items| !items.is_empty())
}

fn variables(owner: &Value) -> Vec<(String, String)> {
    let pairs = owner["environment"].as_array().into_iter().flatten();
    pairs.filter_map(|pair| Some((text(&pair["name"])?, pair["value"].as_str()?.to_string()))).collect()
}

/// `PATH` from a secret, or perhaps from an environment file, cannot be seen. What `environment` says wins over files.
fn hidden_path(container: &Value, change: &Value, environment: &[(String, String)]) -> Option<String> {
    let secrets = container["secrets"].as_array().into_iter().flatten();
    if secrets.into_iter().any(|secret| secret["name"].as_str() == Some("PATH")) {
        return Some("the secret PATH".into());
    }
    let files =
        [container, change].into_iter().filter_map(|owner| owner["environmentFiles"].as_array()).flatten();
    let file = files.into_iter().next()?;
    let said = environment.iter().any(|(name, _)| name == "PATH");
    let name = file["value"].as_str().unwrap_or("?");
    (!said).then(|| format!("the environment file {name}"))
}

fn mounts(definition: &Value, container: &Value) -> Vec<Mount> {
    let mut mounts = own_mounts(definition, container, "");
    for source in container["volumesFrom"].as_array().into_iter().flatten() {
        let Some(name) = source["sourceContainer"].as_str() else { continue };
        let containers = definition["containerDefinitions"].as_array().into_iter().flatten();
        if let Some(other) = containers.into_iter().find(|other| other["name"].as_str() == Some(name)) {
            mounts.extend(own_mounts(definition, other, &format!(" (from container {name})")));
        }
    }
    for tmpfs in container["linuxParameters"]["tmpfs"].as_array().into_iter().flatten() {
        if let Some(path) = text(&tmpfs["containerPath"]) {
            mounts.push(Mount { what: format!("the tmpfs at {path}"), path });
        }
    }
    mounts
}

fn own_mounts(definition: &Value, container: &Value, suffix: &str) -> Vec<Mount> {
    let points = container["mountPoints"].as_array().into_iter().flatten();
    let points = points.filter_map(|point| {
        let path = text(&point["containerPath"])?;
        let volume = point["sourceVolume"].as_str().unwrap_or("?");
        let what = format!("the {} {volume} mounted at {path}{suffix}", volume_kind(definition, volume));
        Some(Mount { path, what })
    });
    points.collect()
}

fn volume_kind(definition: &Value, name: &str) -> &'static str {
    let volumes = definition["volumes"].as_array().into_iter().flatten();
    let volume = volumes.into_iter().find(|volume| volume["name"].as_str() == Some(name));
    let has = |key: &str| volume.is_some_and(|volume| volume[key].is_object());
    if has("efsVolumeConfiguration") {
        "EFS volume"
    } else if has("fsxWindowsFileServerVolumeConfiguration") {
        "FSx volume"
    } else if has("dockerVolumeConfiguration") {
        "Docker volume"
    } else if volume
        .is_some_and(|volume| volume["host"]["sourcePath"].as_str().is_some_and(|path| !path.is_empty()))
    {
        "host directory"
    } else {
        "volume"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_definition_with_everything_and_the_overrides_of_a_task() {
        let container = json!({
            "name": "app", "entryPoint": ["/init"], "command": ["serve"], "user": "1000:1000", "workingDirectory": "/srv",
            "environment": [{"name": "PATH", "value": "/opt/bin"}], "environmentFiles": [{"value": "arn:aws:s3:::b/app.env"}],
            "linuxParameters": {"initProcessEnabled": true, "capabilities": {"drop": ["ALL"]}, "tmpfs": [{"containerPath": "/run"}]},
            "mountPoints": [{"sourceVolume": "data", "containerPath": "/srv"}],
        });
        let definition = json!({"containerDefinitions": [container, {"name": "b", "volumesFrom": [{"sourceContainer": "app"}],
            "secrets": [{"name": "PATH", "valueFrom": "arn"}], "entryPoint": [], "command": []}],
            "volumes": [{"name": "data", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}]});
        let overrides = json!({"containerOverrides": [{"name": "app", "command": ["migrate"],
            "environment": [{"name": "PATH", "value": "/bin"}]}]});
        let app = command(&definition, &definition["containerDefinitions"][0], Some(&overrides));
        assert_eq!(app.command, Some(vec!["migrate".to_string()]));
        assert_eq!(app.environment.last(), Some(&("PATH".into(), "/bin".into())));
        assert!(app.init && app.hidden_path.is_none());
        assert_eq!(app.mounts[0].what, "the EFS volume data mounted at /srv");
        assert_eq!(app.mounts[1].path, "/run");
        let other = command(&definition, &definition["containerDefinitions"][1], None);
        assert_eq!((other.entry_point, other.command), (None, None));
        assert_eq!(other.hidden_path.as_deref(), Some("the secret PATH"));
        assert_eq!(other.mounts[0].what, "the EFS volume data mounted at /srv (from container app)");
    }
}
