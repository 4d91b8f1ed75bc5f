//! One line's question.

use super::host::HostQuestion;
use crate::process::{ALL_CAPABILITIES, capability_bit};
use execfit_kernel::credentials::{Credentials, DOCKER_DEFAULT};
use execfit_kernel::host::Host;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use std::collections::BTreeMap;

/// A question that is in order.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) id: Value,
    /// A directory of this machine.
    pub(super) root: String,
    /// What is given to `execve`; `None`: what the runtime finds for `argv[0]`.
    pub(super) path: Option<Vec<u8>>,
    pub(super) argv: Vec<Vec<u8>>,
    pub(super) env: Vec<Vec<u8>>,
    pub(super) cwd: Vec<u8>,
    pub(super) credentials: Credentials,
    pub(super) stack_limit: u64,
    /// Below these paths lies what is mounted `noexec`.
    pub(super) noexec: Vec<String>,
    /// `security.capability` by path, in place of what is on disk; `None`: there is none.
    pub(super) capabilities: Vec<(String, Option<Vec<u8>>)>,
    pub(super) host: Host,
    /// Members that nobody knows.
    pub(super) ignored: Vec<String>,
}

/// A question as it is written. `null` is as good as absent; a member that is not known is passed over, and the answer
/// says so: a slip of the pen must not change an answer in silence.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    id: Value,
    root: String,
    path: Option<String>,
    argv: Option<Vec<String>>,
    env: Option<Vec<String>>,
    cwd: Option<String>,
    uid: Option<u32>,
    gid: Option<u32>,
    groups: Option<Vec<u32>>,
    capabilities: Option<CapabilitySet>,
    no_new_privs: Option<bool>,
    stack_kb: Option<u64>,
    noexec: Option<Vec<String>>,
    xattr: Option<BTreeMap<String, Attributes>>,
    host: Option<HostQuestion>,
    #[serde(flatten)]
    others: Others,
}

/// Members that are not known.
pub(super) type Others = BTreeMap<String, IgnoredAny>;

/// `RLIMIT_STACK` in KiB as the kernel, Docker and containerd leave it.
const STACK: u64 = 8192;

/// The bounding set, which root has in effect.
#[derive(Deserialize)]
#[serde(untagged)]
enum CapabilitySet {
    Named(NamedSet),
    List(Vec<String>),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum NamedSet {
    Docker,
    Full,
    None,
}

impl CapabilitySet {
    fn bits(&self) -> Result<u64, String> {
        match self {
            CapabilitySet::Named(NamedSet::Docker) => Ok(DOCKER_DEFAULT),
            CapabilitySet::Named(NamedSet::Full) => Ok(ALL_CAPABILITIES),
            CapabilitySet::Named(NamedSet::None) => Ok(0),
            CapabilitySet::List(names) => names.iter().try_fold(0, |set, name| {
                let bit = capability_bit(name).ok_or_else(|| format!("capabilities: no such one: {name}"))?;
                Ok(set | bit)
            }),
        }
    }
}

/// The extended attributes of a file that are modelled.
#[derive(Deserialize)]
struct Attributes {
    #[serde(rename = "security.capability")]
    capability: Option<String>,
}

impl Question {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(line: &[u8]) -> Result<Question, String> {
        // serde would take an array for the members in their order.
        if line.trim_ascii_start().first() != Some(&b'{') {
            return Err("a question is an object".into());
        }
        let written: Written = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let (argv, env) = (written.argv.unwrap_or_default(), written.env.unwrap_or_default());
        let cwd = written.cwd.unwrap_or_else(|| "/".into());
        let strings = || argv.iter().chain(&env).chain(&written.path).chain([&cwd]);
        if strings().any(|string| string.contains('\0')) {
            return Err("path, argv, env, cwd: no string of execve(2) holds a NUL".into());
        }
        if written.path.is_none() && argv.is_empty() {
            return Err("there is neither a path nor an argv[0] to look up".into());
        }
        let (noexec, xattr) = (written.noexec.unwrap_or_default(), written.xattr.unwrap_or_default());
        let absolute = [&cwd].into_iter().chain(&noexec).chain(xattr.keys());
        if let Some(relative) = absolute.into_iter().find(|path| !path.starts_with('/')) {
            return Err(format!("cwd, noexec, xattr: `{relative}` is no absolute path"));
        }
        let bounding = written.capabilities.map_or(Ok(DOCKER_DEFAULT), |set| set.bits())?;
        let (uid, gid) = (written.uid.unwrap_or(0), written.gid.unwrap_or(0));
        let credentials = Credentials::container(uid, gid, written.groups.unwrap_or_default(), bounding);
        let capabilities = xattr.into_iter().map(|(path, attributes)| {
            let value = attributes.capability.map(|text| {
                hex(&text).ok_or_else(|| format!("xattr: {path}: `{text}` is not written in hexadecimal"))
            });
            Ok((path, value.transpose()?))
        });
        let asked = written.host.unwrap_or_default();
        let ignored = written.others.into_keys().chain(asked.unknown()).collect();
        Ok(Question {
            id: written.id,
            root: written.root,
            path: written.path.map(String::into_bytes),
            argv: argv.into_iter().map(String::into_bytes).collect(),
            env: env.into_iter().map(String::into_bytes).collect(),
            cwd: cwd.into_bytes(),
            credentials: Credentials { no_new_privs: written.no_new_privs.unwrap_or(false), ..credentials },
            stack_limit: written.stack_kb.unwrap_or(STACK).saturating_mul(1024),
            noexec,
            capabilities: capabilities.collect::<Result<_, String>>()?,
            host: asked.host()?,
            ignored,
        })
    }
}

/// Bytes that are written as two hexadecimal digits each.
pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(*high)? << 4 | digit(*low)?).ok(),
            _ => None,
        })
        .collect()
}
