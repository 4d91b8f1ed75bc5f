//! What an image claims to be for: its manifests and their configs, and not one byte of a layer.
//!
//! `cargo run --release -p execfit-image --example label -- IMAGE`

use execfit_image::reference::Location;
use execfit_image::source::{Access, Opened, open};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let location: Location = std::env::args().nth(1).ok_or("name an image")?.parse()?;
    let Opened::Image(mut image) = open(&location, &Access::default())? else {
        return Err("an unpacked tree claims nothing".into());
    };
    let manifests: Vec<_> = image.entries().iter().filter(|entry| entry.is_runnable()).cloned().collect();
    for entry in manifests {
        let config = image.child(&entry.digest)?.config.platform();
        let index = entry.declared().map_or_else(|| "-".to_owned(), |platform| platform.to_string());
        println!("{} index {index} config {config}", entry.digest);
    }
    let read = image.tally();
    eprintln!("{} requests, {} bytes", read.requests, read.bytes);
    Ok(())
}
