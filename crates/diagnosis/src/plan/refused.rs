//! A remedy that will not do, and why.

use super::Method;
use serde::Serialize;

/// Why a remedy is not carried out. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Which remedy.
    pub by: Method,
    /// The finding that stands in the way, e.g. `no-capacity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finding: Option<&'static str>,
    /// Why, in sentences that name the container, the machine, the owner.
    pub reasons: Vec<String>,
    /// What is known of the machines for it, in sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub capacity: Vec<String>,
    /// Whether it is not the remedy that will not do, but any change: it is somebody else's to make.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub owned: bool,
    /// What would help, in sentences or commands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub help: Vec<String>,
}

impl Refused {
    /// Refused for one reason.
    pub fn because(by: Method, reason: impl Into<String>) -> Refused {
        Refused {
            by,
            finding: None,
            reasons: vec![reason.into()],
            capacity: Vec::new(),
            owned: false,
            help: Vec::new(),
        }
    }
}
