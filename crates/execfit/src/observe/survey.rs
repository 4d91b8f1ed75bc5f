//! Goes through all files of an image.

use super::images::{Images, image_of, trouble};
use execfit_diagnosis::case::{Case, Need};
use execfit_diagnosis::foreign::{Ground, Seen, Survey, Surveyor};
use execfit_image::digest::Digest;
use execfit_image::source::{Opened, SourceError};
use execfit_image::witness::{Kind, Witness};
use execfit_kernel::lookup::DEFAULT_PATH;
use std::collections::BTreeMap;

impl Images {
    /// Reads all layers of the manifests whose files are to be surveyed, several at once. What cannot be read is told
    /// when its survey is asked for.
    pub(super) fn sweep(&mut self, needs: &[Need]) {
        let mut manifests: BTreeMap<&str, Vec<Digest>> = BTreeMap::new();
        for need in needs {
            if let Need::Survey { name, digest, .. } = need {
                manifests.entry(name).or_default().push(digest.clone());
            }
        }
        for (name, manifests) in manifests {
            if let Ok(Opened::Image(image)) = self.opened(name) {
                // The same error comes again for the manifest that it concerns.
                let _: Result<(), SourceError> = image.sweep(&manifests);
            }
        }
    }

    /// Surveys all files of a manifest.
    pub(super) fn survey(
        &mut self,
        case: &mut Case,
        name: &str,
        digest: &Digest,
        ground: Ground,
        hidden: bool,
    ) {
        let child = image_of(case, name)
            .and_then(|image| image.children.iter_mut().find(|child| child.digest == *digest));
        let Some(child) = child else { return };
        let variable = child.env.iter().rev().find_map(|variable| variable.strip_prefix("PATH="));
        let surveyor = Surveyor::new(ground, variable.map_or(DEFAULT_PATH, str::as_bytes));
        match self.surveyed(name, digest, surveyor, hidden) {
            Ok(survey) => child.surveys.push(survey),
            Err(error) => child.trouble = Some(trouble(&error)),
        }
    }

    fn surveyed(
        &mut self,
        name: &str,
        digest: &Digest,
        mut surveyor: Surveyor,
        hidden: bool,
    ) -> Result<Survey, SourceError> {
        let image = match self.opened(name)? {
            Opened::Directory(directory) => {
                directory.visit(&mut |path, witness| on_disk(&mut surveyor, path, witness))?;
                return Ok(surveyor.finish(&directory.tree()?, &|_, _| None));
            }
            Opened::Image(image) => image,
        };
        image.sweep(std::slice::from_ref(digest))?;
        let unread = || SourceError::Broken {
            object: format!("image {name}"),
            detail: "not all of its layers were read".into(),
        };
        let tree = image.swept(digest).ok_or_else(unread)?;
        let whole = tree.visit(&mut |object| {
            let node = object.found.node;
            if node.kind == Some(Kind::Regular) && (hidden || !object.hidden) {
                surveyor.see(Seen {
                    path: object.path,
                    mode: object.found.mode,
                    size: node.size,
                    pieces: &node.pieces,
                    fingerprint: node.fingerprint,
                    hidden: object.hidden,
                    layer: object.found.layer,
                });
            }
        });
        whole.map_err(|_| unread())?;
        Ok(surveyor.finish(&tree, &|path, layer| image.origin(digest, path, layer)))
    }
}

fn on_disk(surveyor: &mut Surveyor, path: &[u8], witness: &Witness) {
    if witness.kind == Kind::Regular {
        surveyor.see(Seen {
            path,
            mode: witness.mode,
            size: witness.size,
            pieces: &witness.pieces,
            fingerprint: None,
            hidden: false,
            layer: None,
        });
    }
}
