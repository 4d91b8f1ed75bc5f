//! Reads what a diagnosis needs of images, and nothing else.

use super::progress::Terminal;
use execfit_diagnosis::case::{Case, ChildFacts, ImageFacts, Need, Trouble, TroubleKind};
use execfit_diagnosis::secrets;
use execfit_image::cache::Cache;
use execfit_image::config::Config;
use execfit_image::digest::Digest;
use execfit_image::index::Entry;
use execfit_image::manifest::Manifest;
use execfit_image::reference::{Location, Reference};
use execfit_image::source::{
    self, Access, Authenticator, Credentials, LayerNote, Opened, Sighting, SourceError, Tally, Witnesses,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was read of images, and where else than their names say.
#[derive(Debug, Clone, Default)]
pub struct Read {
    /// Requests and bytes.
    pub tally: Tally,
    /// Mirrors that something was read from.
    pub mirrors: BTreeSet<String>,
}

/// On what terms images are read.
#[derive(Clone, Default)]
pub struct Terms {
    /// How registries are reached, and what reading may take.
    pub access: Access,
    /// Whether tables of contents of layers are not looked at, and the layers read.
    pub ignore_tables: bool,
    /// Whether a likely answer is enough.
    pub quick: bool,
}

/// The images of a case, each opened once.
pub struct Images {
    access: Access,
    ignore_tables: bool,
    /// Whether names may be of other places than registries. Those of task definitions may not: they are the world's.
    transports: bool,
    progress: bool,
    open: BTreeMap<String, Opened>,
    /// Names that mean what another name means.
    aliases: BTreeMap<String, String>,
    /// Facts were taken before an image was read on.
    pub(super) stale: bool,
    /// Directories whose mode decides and was not read, by manifest.
    pub(super) modes: BTreeMap<Digest, BTreeSet<Vec<u8>>>,
}

impl Images {
    /// No images yet.
    pub fn new(terms: Terms, progress: bool) -> Images {
        Images {
            access: terms.access,
            ignore_tables: terms.ignore_tables,
            transports: false,
            progress,
            open: BTreeMap::new(),
            aliases: BTreeMap::new(),
            stale: false,
            modes: BTreeMap::new(),
        }
    }

    /// Lets an authenticator log in to registries.
    pub fn log_in_by(&mut self, authenticator: Arc<dyn Authenticator>) {
        self.access.authenticator = Some(authenticator);
    }

    /// Lets names be of archives, layouts, directories and the Docker Engine.
    pub fn allow_transports(&mut self) {
        self.transports = true;
    }

    /// What was asked of registries, and how much came.
    pub fn tally(&self) -> Tally {
        let opened = self.open.values().filter_map(|opened| match opened {
            Opened::Image(image) => Some(image.tally()),
            Opened::Directory(_) => None,
        });
        opened.fold(Tally::default(), |sum, one| Tally {
            requests: sum.requests + one.requests,
            bytes: sum.bytes + one.bytes,
        })
    }

    /// The mirrors that something was read from.
    pub fn mirrors(&self) -> BTreeSet<String> {
        let opened = self.open.values();
        let mirrors = opened.filter_map(|opened| match opened {
            Opened::Image(image) => Some(image.mirrors()),
            Opened::Directory(_) => None,
        });
        mirrors.flatten().collect()
    }

    /// What was read, for a report.
    pub fn read(&self) -> Read {
        Read { tally: self.tally(), mirrors: self.mirrors() }
    }

    /// What kept something from being put into the cache, if anything did.
    pub fn cache_trouble(&self) -> Option<String> {
        self.access.cache.as_ref().and_then(Cache::trouble)
    }

    /// Observes one fact. What cannot be read is a fact, too.
    pub(super) fn fulfil(&mut self, case: &mut Case, need: Need, credentials: Option<Credentials>) {
        match need {
            // The observer's own affair.
            Need::Aws(_) => {}
            Need::Image { name, .. } => {
                let facts = self.image(case, &name, credentials);
                case.images.push(facts.unwrap_or_else(|error| ImageFacts::unreadable(name, trouble(&error))));
            }
            Need::Child { name, digest } => {
                let facts = self.child(&name, &digest);
                if let Some(image) = image_of(case, &name) {
                    image.children.push(facts.unwrap_or_else(|error| unreadable(digest, trouble(&error))));
                }
            }
            Need::File { name, digest, path, privileged } => {
                let sighting = self.sighting(&name, &digest, &path);
                let (listed, notes) = (self.as_listed(&name, &digest), self.notes(&name, &digest));
                let Some(child) = child_of(case, &name, &digest) else { return };
                (child.as_listed, child.notes) = (listed, notes);
                match sighting {
                    Ok(Sighting::Seen(witness)) => {
                        let assumed = witness.mode_unread && !privileged;
                        child.insert(&path, Some(witness));
                        if assumed {
                            child.assume(&path);
                            self.modes.entry(digest).or_default().insert(path);
                        }
                    }
                    Ok(Sighting::Absent) => child.insert(&path, None),
                    Ok(Sighting::Open) => child.assume(&path),
                    Err(error) => child.trouble = Some(trouble(&error)),
                }
            }
            Need::AnyFile { name, digest, paths } => {
                let read = self.read_on(&name, &digest, &paths);
                let sightings = paths.iter().map(|path| (path, self.sighting(&name, &digest, path)));
                let sightings: Vec<_> = sightings.collect();
                let (listed, notes) = (self.as_listed(&name, &digest), self.notes(&name, &digest));
                let Some(child) = child_of(case, &name, &digest) else { return };
                (child.as_listed, child.notes) = (listed, notes);
                for (path, sighting) in sightings {
                    match sighting {
                        Ok(Sighting::Seen(witness)) => child.insert(path, Some(witness)),
                        Ok(Sighting::Absent) => child.insert(path, None),
                        Ok(Sighting::Open) | Err(_) => {}
                    }
                }
                if let Err(error) = read {
                    child.trouble = Some(trouble(&error));
                }
            }
            Need::Survey { name, digest, ground, hidden } => {
                self.survey(case, &name, &digest, ground, hidden);
            }
        }
    }

    fn image(
        &mut self,
        case: &Case,
        name: &str,
        credentials: Option<Credentials>,
    ) -> Result<ImageFacts, SourceError> {
        let invalid = |error: &dyn std::fmt::Display| SourceError::NotFound {
            object: format!("image {name}"),
            detail: error.to_string(),
        };
        let location = if self.transports {
            name.parse::<Location>().map_err(|error| invalid(&error))?
        } else {
            Location::Registry(name.parse().map_err(|error| invalid(&error))?)
        };
        if let Some(known) = self.same(case, &location) {
            self.aliases.insert(name.into(), known.name.clone());
            return Ok(ImageFacts { name: name.into(), children: Vec::new(), ..known });
        }
        let access = Access { explicit: credentials, ..self.access.clone() };
        let mut opened = source::open(&location, &access)?;
        let Opened::Image(image) = &mut opened else {
            self.open.insert(name.into(), opened);
            return Ok(tree(name));
        };
        if self.progress {
            image.set_progress(Box::new(Terminal::new(name)));
        }
        if self.ignore_tables {
            image.ignore_tables();
        }
        let facts = ImageFacts {
            name: name.into(),
            digest: Some(image.digest().clone()),
            index: image.is_index(),
            entries: image.entries().to_vec(),
            children: Vec::new(),
            trouble: None,
        };
        self.open.insert(name.into(), opened);
        Ok(facts)
    }

    /// What a reference names now. Only its manifest or index is asked for.
    pub(super) fn digest_now(
        &mut self,
        name: &str,
        credentials: Option<Credentials>,
    ) -> Result<Digest, SourceError> {
        let reference: Reference = name.parse().map_err(|error| SourceError::NotFound {
            object: format!("image {name}"),
            detail: format!("{error}"),
        })?;
        let access = Access { explicit: credentials, ..self.access.clone() };
        let opened = source::open(&Location::Registry(reference), &access)?;
        let Opened::Image(image) = &opened else { return Ok(Digest::of(b"")) };
        let digest = image.digest().clone();
        // What it took is part of what was read.
        self.open.insert(format!("{name} (looked at again)"), opened);
        Ok(digest)
    }

    /// An image that was opened by its tag, and is what this digest names.
    fn same(&self, case: &Case, location: &Location) -> Option<ImageFacts> {
        let Location::Registry(reference) = location else { return None };
        let digest = reference.digest.as_ref()?;
        let repository = |name: &str| name.parse::<Reference>().ok().map(|other| other.name());
        let known = case.images.iter().filter(|image| self.open.contains_key(&image.name));
        let mut same = known.filter(|image| image.digest.as_ref() == Some(digest));
        same.find(|image| repository(&image.name) == Some(reference.name())).cloned()
    }

    pub(super) fn opened(&mut self, name: &str) -> Result<&mut Opened, SourceError> {
        let name = self.aliases.get(name).map_or(name, String::as_str);
        self.open.get_mut(name).ok_or_else(|| SourceError::NotFound {
            object: format!("image {name}"),
            detail: "it was never opened".into(),
        })
    }

    fn child(&mut self, name: &str, digest: &Digest) -> Result<ChildFacts, SourceError> {
        match self.opened(name)? {
            Opened::Directory(_) => Ok(blank(digest.clone())),
            Opened::Image(image) => {
                let child = image.child(digest)?;
                Ok(facts(digest.clone(), &child.manifest, &child.config))
            }
        }
    }

    /// What is known of a path without reading on. An unpacked tree has no more to read.
    fn sighting(&mut self, name: &str, digest: &Digest, path: &[u8]) -> Result<Sighting, SourceError> {
        match self.opened(name)? {
            Opened::Directory(directory) => {
                Ok(directory.witness(path)?.map_or(Sighting::Absent, Sighting::Seen))
            }
            Opened::Image(image) => image.sighting(digest, path),
        }
    }

    fn read_on(&mut self, name: &str, digest: &Digest, paths: &BTreeSet<Vec<u8>>) -> Result<(), SourceError> {
        self.stale = true;
        match self.opened(name)? {
            Opened::Directory(_) => Ok(()),
            Opened::Image(image) => image.read_on(digest, paths),
        }
    }

    /// What is odd about the layers of a manifest, as far as they were read.
    fn notes(&mut self, name: &str, digest: &Digest) -> Vec<LayerNote> {
        match self.opened(name) {
            Ok(Opened::Image(image)) => image.notes(digest),
            _ => Vec::new(),
        }
    }

    /// The layers of a manifest that are known by their tables of contents.
    fn as_listed(&mut self, name: &str, digest: &Digest) -> Vec<usize> {
        match self.opened(name) {
            Ok(Opened::Image(image)) => image.as_listed(digest),
            _ => Vec::new(),
        }
    }
}

pub(super) fn image_of<'c>(case: &'c mut Case, name: &str) -> Option<&'c mut ImageFacts> {
    case.images.iter_mut().find(|image| image.name == name)
}

fn child_of<'c>(case: &'c mut Case, name: &str, digest: &Digest) -> Option<&'c mut ChildFacts> {
    image_of(case, name)?.children.iter_mut().find(|child| child.digest == *digest)
}

/// An unpacked tree as an image of one manifest, with nothing written about it.
fn tree(name: &str) -> ImageFacts {
    let nothing = Digest::of(b"");
    let entry = Entry::of_platform(nothing, "");
    ImageFacts {
        name: name.into(),
        digest: None,
        index: false,
        entries: vec![Entry { platform: None, ..entry }],
        children: Vec::new(),
        trouble: None,
    }
}

fn facts(digest: Digest, manifest: &Manifest, config: &Config) -> ChildFacts {
    ChildFacts {
        os: config.platform.os.clone(),
        architecture: config.platform.architecture.clone(),
        variant: config.platform.variant.clone(),
        layers: manifest.layers.iter().map(|layer| layer.digest.clone()).collect(),
        entrypoint: config.entrypoint.clone(),
        cmd: config.cmd.clone(),
        env: config.env.iter().map(|variable| secrets::redacted_variable(variable)).collect(),
        user: config.user.clone(),
        working_dir: config.working_dir.clone(),
        ..blank(digest)
    }
}

fn blank(digest: Digest) -> ChildFacts {
    ChildFacts {
        digest,
        os: String::new(),
        architecture: String::new(),
        variant: String::new(),
        layers: Vec::new(),
        entrypoint: Vec::new(),
        cmd: Vec::new(),
        env: Vec::new(),
        user: String::new(),
        working_dir: String::new(),
        libraries: true,
        as_listed: Vec::new(),
        notes: Vec::new(),
        files: BTreeMap::new(),
        surveys: Vec::new(),
        assumed: BTreeSet::new(),
        unfinished: Vec::new(),
        trouble: None,
    }
}

fn unreadable(digest: Digest, trouble: Trouble) -> ChildFacts {
    ChildFacts { trouble: Some(trouble), ..blank(digest) }
}

pub(super) fn trouble(error: &SourceError) -> Trouble {
    let kind = match error {
        SourceError::NotFound { .. } | SourceError::NoPlatform { .. } => TroubleKind::NotFound,
        SourceError::Denied { .. } => TroubleKind::Denied,
        SourceError::Throttled { .. } | SourceError::Unreachable { .. } => TroubleKind::Unreachable,
        SourceError::Broken { .. } => TroubleKind::Broken,
        SourceError::CannotUnpack { .. } => TroubleKind::CannotUnpack,
        SourceError::Unsupported { .. } => TroubleKind::Unsupported,
    };
    Trouble { kind, message: error.to_string() }
}
