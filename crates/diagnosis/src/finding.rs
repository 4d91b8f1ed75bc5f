//! A finding: something about the user's system that explains a verdict or deserves a word.

use crate::remedy::Remedy;
use serde::Serialize;

/// A finding about one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its stable id, the name of its page.
    pub id: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What is the matter, in a sentence of lower case that names the object.
    pub message: String,
    /// What that rests on, a rung each.
    pub evidence: Vec<Evidence>,
    /// What to do, best first.
    pub remedies: Vec<Remedy>,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The container does not run because of it.
    Error,
    /// It will hurt.
    Warning,
    /// Good to know.
    Note,
}

/// One rung of the ladder that a finding stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
pub struct Evidence {
    /// What was seen, in words.
    pub text: String,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The layer that brought it, e.g. `2 of 5`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<String>,
    /// The layer's digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_digest: Option<String>,
    /// Whether that is only what the layer's table of contents lists: the layer itself was not read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub as_listed: bool,
    /// The instruction that made the layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instruction: Option<String>,
    /// The source of the rule: a kernel file and function, a manual page, an API field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

impl Finding {
    /// A finding without evidence yet.
    pub fn new(id: &'static str, severity: Severity, message: String) -> Finding {
        Finding { id, severity, message, evidence: Vec::new(), remedies: Vec::new() }
    }

    /// Adds evidence.
    pub fn because(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Finding {
        self.evidence.extend(evidence);
        self
    }

    /// Adds a remedy of its own.
    pub fn cured_by(mut self, remedy: Remedy) -> Finding {
        self.remedies.push(remedy);
        self
    }
}

impl Evidence {
    /// Something seen elsewhere than in a file.
    pub fn seen(text: impl Into<String>) -> Evidence {
        Evidence { text: text.into(), ..Evidence::default() }
    }

    /// Names the source of the rule or the field it was read from.
    pub fn source(mut self, source: &str) -> Evidence {
        self.source = Some(source.into());
        self
    }
}
