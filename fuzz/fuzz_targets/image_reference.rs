//! Image references and locations of arbitrary text: what is read can be written and read again, the same.
#![no_main]

use execfit_image::reference::{Location, Reference};
use execfit_image::source::Mirror;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(reference) = text.parse::<Reference>() {
        assert_eq!(reference.to_string().parse(), Ok(reference));
    }
    text.parse::<Location>().ok();
    text.parse::<Mirror>().ok();
});
