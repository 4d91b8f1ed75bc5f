//! Indexes, manifests and configs of arbitrary bytes, under every media type.
#![no_main]

use execfit_image::config::Config;
use execfit_image::index::Index;
use execfit_image::manifest::{
    DOCKER_LIST, DOCKER_MANIFEST, Manifest, OCI_INDEX, OCI_MANIFEST, index_of, kind_of,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else { return };
    let media_type =
        ["", OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST, "text/html"][usize::from(first % 6)];
    kind_of(media_type, bytes).ok();
    index_of(media_type, bytes).ok();
    if let Ok(index) = Index::parse(bytes) {
        // What was read can be written and read again, the same.
        for entry in index.entries {
            let text = serde_json::to_string(&entry).unwrap();
            assert_eq!(serde_json::from_str::<execfit_image::index::Entry>(&text).unwrap(), entry);
            entry.is_runnable();
        }
    }
    if let Ok(manifest) = Manifest::parse(media_type, bytes) {
        manifest.not_an_image();
        for layer in &manifest.layers {
            let _ = layer.layer_kind();
        }
    }
    if let Ok(config) = Config::parse(bytes) {
        config.platform();
        let _ = (0..4).filter_map(|at| config.diff_id(at)).count();
    }
});
