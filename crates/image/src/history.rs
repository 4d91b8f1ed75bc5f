//! Which Dockerfile instruction made which layer. History is a witness, not a proof.

use serde::{Deserialize, Serialize};

/// An instruction that is thought to have brought a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribution {
    /// The instruction as a Dockerfile would have it, e.g. `COPY app /app`, cleaned of builders' wrappings.
    pub text: String,
    /// How sure that is.
    pub certainty: Certainty,
}

/// How sure an [`Attribution`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// The history counts as many layer-making entries as there are layers, and the text fits the path.
    Certain,
    /// The counts fit, but the text does not mention the path.
    Likely,
    /// Found by the destination path alone, or the history does not fit the layers.
    Guess,
}
