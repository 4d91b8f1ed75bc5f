//! Image configurations (OCI image-spec config.md; Docker image specification v1.3).
//!
//! As with [`crate::index`], read leniently: a config without `architecture`, or with `null` for `Entrypoint`, is an
//! image that people run.

use crate::digest::Digest;
use crate::index::Claim;
use crate::manifest::nullable;
use crate::platform::Platform;
use serde::{Deserialize, Deserializer};

/// What an image says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// `os`, `architecture`, `variant`, as written; empty where they are missing.
    pub platform: Claim,
    /// `config.Entrypoint`.
    pub entrypoint: Vec<String>,
    /// `config.Cmd`.
    pub cmd: Vec<String>,
    /// `config.Env`, as `NAME=VALUE`.
    pub env: Vec<String>,
    /// `config.User`.
    pub user: String,
    /// `config.WorkingDir`.
    pub working_dir: String,
    /// `history`.
    pub history: Vec<Step>,
    /// `rootfs.diff_ids`, as written: the digests of the unpacked layers, the lowest first.
    pub diff_ids: Vec<String>,
}

/// One entry of `history`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Step {
    /// The command that made it.
    #[serde(default, deserialize_with = "nullable")]
    pub created_by: String,
    /// What the builder says of it, e.g. `buildkit.dockerfile.v0`.
    #[serde(default, deserialize_with = "nullable")]
    pub comment: String,
    /// It made no layer.
    #[serde(default, deserialize_with = "nullable")]
    pub empty_layer: bool,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(flatten)]
    platform: Claim,
    #[serde(default, deserialize_with = "nullable")]
    config: RawRun,
    #[serde(default, deserialize_with = "nullable")]
    rootfs: RawRootfs,
    #[serde(default, deserialize_with = "nullable")]
    history: Vec<Step>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct RawRun {
    #[serde(deserialize_with = "words")]
    entrypoint: Vec<String>,
    #[serde(deserialize_with = "words")]
    cmd: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    env: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    user: String,
    #[serde(deserialize_with = "nullable")]
    working_dir: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawRootfs {
    #[serde(deserialize_with = "nullable")]
    diff_ids: Vec<String>,
}

/// A list, `null`, or one text for a list of one (moby `api/types/strslice`, `StrSlice.UnmarshalJSON`).
fn words<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        Many(Vec<String>),
        One(String),
    }
    Ok(match Option::<Words>::deserialize(from)? {
        Some(Words::Many(words)) => words,
        Some(Words::One(word)) => vec![word],
        None => Vec::new(),
    })
}

impl Config {
    /// Reads a config.
    ///
    /// # Errors
    /// What is wrong, without the document's name.
    pub fn parse(bytes: &[u8]) -> Result<Config, String> {
        let raw: Raw = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        Ok(Config {
            platform: raw.platform,
            entrypoint: raw.config.entrypoint,
            cmd: raw.config.cmd,
            env: raw.config.env,
            user: raw.config.user,
            working_dir: raw.config.working_dir,
            history: raw.history,
            diff_ids: raw.rootfs.diff_ids,
        })
    }

    /// The platform that it claims, as written; a part that is missing is empty.
    pub fn platform(&self) -> Platform {
        self.platform.platform()
    }

    /// The digest of one unpacked layer, the lowest being 0, where the config gives one.
    pub fn diff_id(&self, layer: usize) -> Option<Digest> {
        self.diff_ids.get(layer)?.parse().ok()
    }

    /// Whether its processes are root's, as far as `User` alone tells: other users' names are in the image.
    pub fn is_root(&self) -> bool {
        matches!(self.user.split(':').next(), None | Some("" | "root" | "0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_and_gaps() {
        let config =
            Config::parse(br#"{"config": {"Entrypoint": null, "Cmd": "sh", "Env": null}, "history": null}"#);
        let config = config.unwrap();
        assert_eq!((config.entrypoint.len(), config.cmd), (0, vec!["sh".to_string()]));
        assert_eq!(config.platform.architecture, "");
        assert_eq!(Config::parse(b"{\"config\": null}").unwrap(), Config::default());
        assert!(Config::parse(b"<html>").is_err());
    }

    #[test]
    fn a_whole_one() {
        let id = Digest::of(b"layer");
        let text = format!(
            r#"{{"architecture": "arm64", "os": "linux", "variant": "v8", "created": "2026-01-01T00:00:00Z",
            "config": {{"User": "1000:1000", "Env": ["PATH=/bin"], "Entrypoint": ["/app"], "WorkingDir": "/srv",
            "Labels": {{"a": "b"}}}}, "rootfs": {{"type": "layers", "diff_ids": ["{id}"]}},
            "history": [{{"created_by": "COPY app /app", "empty_layer": true, "author": "x"}}, {{}}]}}"#
        );
        let config = Config::parse(text.as_bytes()).unwrap();
        assert_eq!(config.platform().to_string(), "linux/arm64/v8");
        assert_eq!(config.diff_id(0), Some(id));
        assert!(
            !config.is_root() && config.history[0].empty_layer && config.history[1].created_by.is_empty()
        );
    }
}
