//! Makes the images of the measuring set and puts them into the registry, once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::blob::{Format, SPAN};
use super::recipe::{Layer, Recipe, VERSION};
use super::stage::Stage;
use super::tree::{self, Machines};
use crate::Result;
use crate::debian::Architecture;
use crate::repository::{Repository, descriptor, digest, digest_of_file};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The manifest's annotation that names a SOCI index of version 2, and that index's type (soci-snapshotter, `soci/`).
const SOCI: &str = "com.amazon.soci.index-digest";
const SOCI_INDEX: &str = "application/vnd.amazon.soci.index.v2+json";
const CREATED: &str = "2024-07-01T00:00:00Z";

/// An image that is in the registry.
#[derive(Serialize, Deserialize)]
pub(super) struct Made {
    pub(super) version: u32,
    pub(super) name: String,
    pub(super) layers: usize,
    /// Which of them holds the recipe's upper program, counted from 0 and the lowest.
    pub(super) upper_layer: usize,
    /// Bytes of all tars.
    pub(super) unpacked: u64,
    /// Files that are ELF.
    pub(super) programs: usize,
    /// Those of them for another machine.
    pub(super) foreign: Vec<String>,
    pub(super) forms: BTreeMap<Format, Form>,
}

/// An image in one form.
#[derive(Serialize, Deserialize, Clone)]
pub(super) struct Form {
    /// From the lowest up.
    pub(super) layers: Vec<Stored>,
}

/// A layer in one form.
#[derive(Serialize, Deserialize, Clone)]
pub(super) struct Stored {
    pub(super) digest: String,
    pub(super) size: u64,
    /// Digest of what it unpacks to.
    pub(super) diff_id: String,
    annotations: Value,
    /// The descriptor of a table of contents that is a blob of its own.
    table: Option<Value>,
}

impl Form {
    /// Bytes of all layers.
    pub(super) fn bytes(&self) -> u64 {
        self.layers.iter().map(|layer| layer.size).sum()
    }
}

/// Where a set is made and kept.
pub(super) struct Workshop<'bench> {
    pub(super) folder: &'bench Path,
    /// `127.0.0.1:PORT`
    pub(super) registry: &'bench str,
}

impl Workshop<'_> {
    /// The image in all its forms; made, where it is not there yet.
    pub(super) fn make(&self, recipe: &Recipe) -> Result<Made> {
        let note = self.folder.join(format!("{}.json", recipe.name));
        if let Some(made) =
            read(&note).filter(|made| recipe.formats.iter().all(|format| made.forms.contains_key(format)))
        {
            return Ok(made);
        }
        println!("making the image {}", recipe.name);
        let made = self.make_anew(recipe)?;
        fs::write(note, serde_json::to_vec_pretty(&made)?)?;
        Ok(made)
    }

    fn make_anew(&self, recipe: &Recipe) -> Result<Made> {
        let mut build = Build::new(self, recipe)?;
        for layer in recipe.layers {
            build.add(layer)?;
        }
        for number in 0..recipe.tiny_layers {
            build.add_tiny(number)?;
        }
        build.publish()
    }
}

/// What was noted of an image by this version of the bench.
fn read(note: &Path) -> Option<Made> {
    let made: Made = serde_json::from_slice(&fs::read(note).ok()?).ok()?;
    Some(made).filter(|made| made.version == VERSION)
}

/// An image that is being made.
struct Build<'make> {
    recipe: &'make Recipe,
    scratch: PathBuf,
    repository: Repository,
    stage: Stage,
    machines: Machines,
    upper_layer: usize,
    unpacked: u64,
    history: Vec<Value>,
    forms: BTreeMap<Format, Form>,
}

impl<'make> Build<'make> {
    fn new(workshop: &Workshop<'_>, recipe: &'make Recipe) -> Result<Self> {
        let scratch = workshop.folder.join("stage");
        fs::create_dir_all(&scratch)?;
        Ok(Self {
            recipe,
            repository: Repository::new(workshop.registry, &format!("bench/{}", recipe.name)),
            stage: Stage::open(&scratch, recipe.architecture)?,
            scratch,
            machines: Machines::new(),
            upper_layer: 0,
            unpacked: 0,
            history: Vec::new(),
            forms: recipe.formats.iter().map(|format| (*format, Form { layers: Vec::new() })).collect(),
        })
    }

    fn add(&mut self, layer: &Layer) -> Result<()> {
        println!("  {}", layer.instruction);
        let folder = self.stage.lay_out(layer)?;
        self.add_folder(layer.instruction, &folder)
    }

    fn add_tiny(&mut self, number: usize) -> Result<()> {
        let folder = self.scratch.join("tiny");
        fs::create_dir_all(folder.join("etc/service.d"))?;
        fs::write(folder.join(format!("etc/service.d/{number:02}.conf")), format!("# setting {number}\n"))?;
        self.add_folder("COPY service.d /etc/service.d", &folder)
    }

    /// Packs a folder in every form and puts it into the registry.
    fn add_folder(&mut self, instruction: &str, folder: &Path) -> Result<()> {
        if folder.join(self.recipe.upper_program.trim_start_matches('/')).is_file() {
            self.upper_layer = self.history.len();
        }
        let tar = self.scratch.join("layer.tar");
        tree::pack(folder, &tar, &mut self.machines)?;
        fs::remove_dir_all(folder)?;
        self.unpacked += fs::metadata(&tar)?.len();
        self.history.push(json!({ "created": CREATED, "created_by": instruction }));
        let blob = self.scratch.join("layer.blob");
        for (format, form) in &mut self.forms {
            form.layers.push(stored(*format, &tar, &blob, &self.repository)?);
        }
        fs::remove_file(blob)?;
        Ok(fs::remove_file(tar)?)
    }

    fn publish(self) -> Result<Made> {
        for (format, form) in &self.forms {
            self.publish_form(*format, form)?;
        }
        fs::remove_dir_all(&self.scratch)?;
        let native = native(self.recipe.architecture);
        let foreign = self.machines.iter().filter(|(_, machine)| !native.contains(machine));
        Ok(Made {
            version: VERSION,
            name: self.recipe.name.to_owned(),
            layers: self.history.len(),
            upper_layer: self.upper_layer,
            unpacked: self.unpacked,
            programs: self.machines.len(),
            foreign: foreign.map(|(path, _)| path.clone()).collect(),
            forms: self.forms.clone(),
        })
    }

    fn publish_form(&self, format: Format, form: &Form) -> Result<()> {
        let config = self.config(form).to_string();
        self.repository.put_blob(config.as_bytes())?;
        let layer = |layer: &Stored| {
            let mut descriptor =
                json!({ "mediaType": format.media_type(), "digest": layer.digest, "size": layer.size });
            if !layer.annotations.is_null() {
                descriptor["annotations"] = layer.annotations.clone();
            }
            descriptor
        };
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, config.as_bytes()),
            "layers": form.layers.iter().map(layer).collect::<Vec<_>>(),
        });
        let tables: Vec<&Value> = form.layers.iter().filter_map(|layer| layer.table.as_ref()).collect();
        if !tables.is_empty() {
            manifest["annotations"] = json!({ SOCI: self.publish_tables(&tables)? });
        }
        let manifest = manifest.to_string();
        self.repository.put_manifest(format.tag(), MANIFEST, &manifest)?;
        self.publish_index(format, &manifest)
    }

    /// A SOCI index (version 2) of these tables; its digest.
    fn publish_tables(&self, tables: &[&Value]) -> Result<String> {
        self.repository.put_blob(b"{}")?;
        let index = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": SOCI_INDEX,
            "config": descriptor(SOCI_INDEX, b"{}"),
            "layers": tables,
        })
        .to_string();
        let digest = digest(index.as_bytes());
        self.repository.put_manifest(&digest, MANIFEST, &index)?;
        Ok(digest)
    }

    /// `TAG-index`: an index that holds the image.
    fn publish_index(&self, format: Format, manifest: &str) -> Result<()> {
        let mut image = descriptor(MANIFEST, manifest.as_bytes());
        image["platform"] = json!({ "architecture": self.recipe.architecture.name(), "os": "linux" });
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [image] }).to_string();
        self.repository.put_manifest(&format!("{}-index", format.tag()), INDEX, &index)
    }

    fn config(&self, form: &Form) -> Value {
        let diff_ids: Vec<&String> = form.layers.iter().map(|layer| &layer.diff_id).collect();
        json!({
            "created": CREATED,
            "architecture": self.recipe.architecture.name(),
            "os": "linux",
            "config": {
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "Entrypoint": [self.recipe.entrypoint],
            },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
            "history": self.history,
        })
    }
}

/// Packs a tar and puts it into the registry, with its table of contents if that is a blob of its own.
fn stored(format: Format, tar: &Path, blob: &Path, repository: &Repository) -> Result<Stored> {
    let packed = format.pack(tar, blob)?;
    let digest = digest_of_file(blob)?;
    repository.put_file(blob, &digest)?;
    let mut table = None;
    if let Some(ztoc) = &packed.ztoc {
        repository.put_blob(ztoc)?;
        let mut about = descriptor("application/octet-stream", ztoc);
        about["annotations"] = json!({
            "com.amazon.soci.image-layer-digest": digest,
            "com.amazon.soci.image-layer-mediaType": format.media_type(),
            "com.amazon.soci.span-size": SPAN.to_string(),
        });
        table = Some(about);
    }
    let size = fs::metadata(blob)?.len();
    Ok(Stored { digest, size, diff_id: packed.diff_id, annotations: packed.annotations, table })
}

/// The machines whose programs a host of this architecture may run (`elf_check_arch`; an x86-64 kernel runs i386's, too).
pub(super) fn native(architecture: Architecture) -> &'static [u16] {
    match architecture {
        Architecture::Amd64 => &[62, 3],
        Architecture::Arm64 => &[183],
    }
}
