//! Shows on a terminal which layer is being read. In a pipe it is silent: indicatif draws on terminals only.

use execfit_image::source::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// A line on standard error that goes away when the reading is done.
pub(super) struct Terminal {
    name: String,
    bar: ProgressBar,
}

impl Terminal {
    pub(super) fn new(name: &str) -> Terminal {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {bytes} of {total_bytes}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Terminal { name: name.to_string(), bar }
    }
}

impl Progress for Terminal {
    fn layer(&mut self, number: usize, layers: usize, read: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(read);
        self.bar.set_message(format!("{}: layer {number} of {layers}", self.name));
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
