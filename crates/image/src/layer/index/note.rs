//! What is odd about a layer, and whom it keeps from unpacking it.

use crate::platform::Runtime;
use serde::{Deserialize, Serialize};

/// Something odd about a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What, in a phrase that names the entry.
    pub text: String,
    /// To whom it matters.
    pub bearing: Bearing,
}

/// To which runtimes an oddity matters, and how: each was seen with dockerd 20.10.24, Podman 4.3.1 (both overlay) and
/// containerd 1.6.20 (overlayfs).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bearing {
    /// It is only odd.
    Nobody,
    /// Docker and Podman refuse to unpack the layer; containerd does not mind.
    DockerRefuses,
    /// Who unpacks into the upper directory of an overlay refuses: Docker and Podman always, containerd but for an
    /// image's lowest layer.
    OverlayRefuses,
    /// Docker and Podman see other files than are told here.
    DockerDiffers,
}

/// What an oddity means to one runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The layer is not unpacked.
    Refused,
    /// It is unpacked to something else than is told.
    Differs,
}

impl Bearing {
    /// What it means to a runtime, for a layer that is the lowest of its image or not.
    pub fn effect(self, runtime: Runtime, lowest: bool) -> Option<Effect> {
        let containerd = matches!(runtime, Runtime::Containerd | Runtime::ContainerdStrict);
        match self {
            Bearing::Nobody => None,
            Bearing::DockerRefuses => (!containerd).then_some(Effect::Refused),
            Bearing::OverlayRefuses => (!containerd || !lowest).then_some(Effect::Refused),
            Bearing::DockerDiffers => (!containerd).then_some(Effect::Differs),
        }
    }
}
