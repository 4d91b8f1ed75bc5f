//! From a location to an image that can be asked.

use super::archive::DockerArchive;
use super::directory::Directory;
use super::layout::Layout;
use super::reader::Image;
use super::{Access, Selector, SourceError, Store};
use crate::reference::Location;

/// What stands at a location.
pub enum Opened {
    /// An image: documents and layers.
    Image(Box<Image>),
    /// An unpacked tree.
    Directory(Directory),
}

/// Opens a location: reads its manifest or index, or looks whether the directory is there.
///
/// # Errors
/// A [`SourceError`] that names the location.
pub fn open(location: &Location, access: &Access) -> Result<Opened, SourceError> {
    let (name, limits) = (location.to_string(), &access.limits);
    let store: Box<dyn Store> = match location {
        Location::Directory(root) => return Directory::open(root).map(Opened::Directory),
        Location::DockerArchive { file, reference } => {
            Box::new(DockerArchive::open(file, reference.as_deref(), limits)?)
        }
        Location::Oci { directory, reference } => {
            Box::new(Layout::directory(directory, reference.as_deref(), limits))
        }
        Location::OciArchive { file, reference } => {
            Box::new(Layout::archive(file, reference.as_deref(), limits)?)
        }
        Location::Registry(_) | Location::Daemon(_) => over_the_network(location, access)?,
    };
    let (limits, cache) = (limits.clone(), access.cache.clone());
    Ok(Opened::Image(Box::new(Image::open_within(store, name, Selector::Only, limits, cache)?)))
}

#[cfg(feature = "registry")]
fn over_the_network(location: &Location, access: &Access) -> Result<Box<dyn Store>, SourceError> {
    use super::daemon::Daemon;
    use super::registry;
    match location {
        Location::Daemon(name) => {
            let mut daemon = Daemon::new(name, None)?;
            let (file, name) = (daemon.save()?, location.to_string());
            Ok(Box::new(DockerArchive::exported(file, &name, daemon.tally(), &access.limits)?))
        }
        Location::Registry(reference) => registry::open(reference, access),
        other => Err(SourceError::Unsupported {
            object: other.to_string(),
            detail: "it is not on a network".into(),
        }),
    }
}

#[cfg(not(feature = "registry"))]
fn over_the_network(location: &Location, _: &Access) -> Result<Box<dyn Store>, SourceError> {
    Err(SourceError::Unsupported {
        object: location.to_string(),
        detail: "this program was built without the feature `registry`".into(),
    })
}
