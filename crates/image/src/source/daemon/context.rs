//! Which engine is meant, as the Docker CLI decides it (docker/cli `cli/command/cli.go`, `resolveContextName`, and
//! `cli/context/store`): `$DOCKER_HOST`, then the context of `$DOCKER_CONTEXT`, then that of `currentContext` in its
//! configuration, then where Docker listens by default.

use crate::digest::Digest;
use serde::Deserialize;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where Docker listens unless told otherwise.
const SOCKET: &str = "/var/run/docker.sock";
/// Longest configuration file.
const LIMIT: u64 = 1024 * 1024;

/// The engine's address. The error says why it is not known.
pub(super) fn address() -> Result<String, String> {
    let of = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(host) = of("DOCKER_HOST") {
        return Ok(host);
    }
    let home = of("HOME").map(|home| PathBuf::from(home).join(".docker"));
    let configuration = of("DOCKER_CONFIG").map(PathBuf::from).or(home);
    let chosen = of("DOCKER_CONTEXT").or_else(|| current(configuration.as_deref()?));
    match (chosen, configuration) {
        (Some(name), Some(folder)) if name != "default" => of_context(&folder, &name),
        _ => Ok(usual()),
    }
}

/// `currentContext` of the Docker CLI's configuration. A file that cannot be read has none, as for `docker`.
fn current(configuration: &Path) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct File {
        #[serde(default)]
        current_context: String,
    }
    let file: File = serde_json::from_slice(&read(&configuration.join("config.json")).ok()?).ok()?;
    Some(file.current_context).filter(|name| !name.is_empty())
}

/// The engine of a context.
fn of_context(configuration: &Path, name: &str) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Context {
        #[serde(rename = "Endpoints")]
        endpoints: Endpoints,
    }
    #[derive(Deserialize)]
    struct Endpoints {
        docker: Endpoint,
    }
    #[derive(Deserialize)]
    struct Endpoint {
        #[serde(rename = "Host")]
        host: String,
    }
    let folder = Digest::of(name.as_bytes());
    let path = configuration.join("contexts/meta").join(folder.hex()).join("meta.json");
    let shown = path.display();
    let bytes = read(&path).map_err(|error| format!("the Docker context {name} is in {shown}: {error}"))?;
    let context: Context = serde_json::from_slice(&bytes)
        .map_err(|_| format!("the Docker context {name} names no engine in {shown}"))?;
    Ok(context.endpoints.docker.host)
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The default address, or that of a rootless engine where only that is there.
fn usual() -> String {
    let rootless =
        std::env::var_os("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("docker.sock"));
    match rootless {
        Some(socket) if !Path::new(SOCKET).exists() && socket.exists() => {
            format!("unix://{}", socket.display())
        }
        _ => format!("unix://{SOCKET}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts_are_found_where_docker_keeps_them() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(current(folder.path()), None);
        std::fs::write(folder.path().join("config.json"), r#"{"auths": {}, "currentContext": "colima"}"#)
            .unwrap();
        assert_eq!(current(folder.path()), Some("colima".into()));
        // What `docker context create colima` writes, under the sha256 of the name.
        let place = "contexts/meta/f24fd3749c1368328e2b149bec149cb6795619f244c5b584e844961215dadd16";
        let place = folder.path().join(place);
        std::fs::create_dir_all(&place).unwrap();
        let missing = of_context(folder.path(), "colima").unwrap_err();
        assert!(
            missing.starts_with("the Docker context colima is in ") && missing.contains("No such file"),
            "{missing}"
        );
        let meta = r#"{"Name":"colima","Metadata":{},
            "Endpoints":{"docker":{"Host":"unix:///home/ann/.colima/docker.sock","SkipTLSVerify":false}}}"#;
        std::fs::write(place.join("meta.json"), meta).unwrap();
        assert_eq!(of_context(folder.path(), "colima"), Ok("unix:///home/ann/.colima/docker.sock".into()));
        std::fs::write(place.join("meta.json"), "{}").unwrap();
        assert!(of_context(folder.path(), "colima").unwrap_err().contains("names no engine in "));
    }
}
