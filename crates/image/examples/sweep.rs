//! Opens an image and reads all of its layers to their ends, digests verified: what `floor` is the measure of.
//!
//! `cargo run --release -p execfit-image --example sweep -- REFERENCE [PATH...]`
//!
//! With paths, only these are asked for, one after the other, as the exec question does.

mod line;

use execfit_image::source::{Access, Opened, open};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let reference = arguments.next().ok_or("name an image")?;
    let paths: Vec<String> = arguments.collect();
    let run = line::Run::begin();
    let Opened::Image(mut image) = open(&reference.parse()?, &Access::default())? else {
        return Err("it is an unpacked tree".into());
    };
    let manifests: Vec<_> = image.entries().iter().map(|entry| entry.digest.clone()).collect();
    let mut found = 0;
    if paths.is_empty() {
        image.sweep(&manifests)?;
    }
    for manifest in &manifests {
        for path in &paths {
            found += u64::from(image.witness(manifest, path.as_bytes())?.is_some());
        }
    }
    let tally = image.tally();
    run.print(serde_json::json!({
        "requests": tally.requests, "bytes": tally.bytes, "manifests": manifests.len(), "found": found,
    }));
    Ok(())
}
