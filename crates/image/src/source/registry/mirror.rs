//! Images that may be had from several places: from mirrors, and from their own registry in the end.
//!
//! As containers-registries.conf(5) has it for `[[registry]]` with `prefix` and `[[registry.mirror]]` with `location`:
//! the longest prefix counts, it is replaced by the location, mirrors are asked in their order, and whatever goes wrong
//! there, the next place is asked. The log-in that was given for an image goes to its own registry only; a mirror gets
//! what the user's files hold for the mirror's own host.

use super::Registry;
use crate::manifest::Descriptor;
use crate::reference::Reference;
use crate::source::{Access, Document, Mirror, Selector, SourceError, Store, Tally};
use std::io::Read;
use std::ops::Range;

/// The image in its registry, or in front of it in the mirrors that the access names for it.
///
/// # Errors
/// [`SourceError::Unreachable`] where a registry is no host name.
pub fn open(reference: &Reference, access: &Access) -> Result<Box<dyn Store>, SourceError> {
    let mirrors = access.mirrors_of(reference);
    let own = Registry::new(reference, access)?;
    if mirrors.is_empty() {
        return Ok(Box::new(own));
    }
    let foreign = Access { explicit: None, ..access.clone() };
    let mut places = Vec::new();
    for (name, reference) in mirrors {
        places.push(Place {
            mirror: Some(name),
            used: false,
            registry: Registry::new(&reference, &foreign)?,
        });
    }
    places.push(Place { mirror: None, used: false, registry: own });
    Ok(Box::new(Mirrored { places, first: 0 }))
}

impl Access {
    /// The same repository at the mirrors of the longest prefix that fits, each with its name.
    fn mirrors_of(&self, reference: &Reference) -> Vec<(String, Reference)> {
        let name = format!("{}/{}", reference.registry, reference.repository);
        let rest = |mirror: &Mirror| {
            let rest = name.strip_prefix(&mirror.prefix)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.to_string())
        };
        let fitting = self.mirrors.iter().filter(|mirror| rest(mirror).is_some());
        let Some(longest) = fitting.map(|mirror| mirror.prefix.len()).max() else { return Vec::new() };
        let chosen = self.mirrors.iter().filter(|mirror| mirror.prefix.len() == longest);
        let there = chosen.filter_map(|mirror| {
            let place = format!("{}{}", mirror.location, rest(mirror)?);
            let (registry, repository) = place.split_once('/')?;
            let (registry, repository) = (registry.to_string(), repository.to_string());
            Some((place, Reference { registry, repository, ..reference.clone() }))
        });
        there.collect()
    }
}

/// One place of an image.
struct Place {
    /// `None`: the image's own registry.
    mirror: Option<String>,
    /// Something was read here.
    used: bool,
    registry: Registry,
}

/// An image in several places.
struct Mirrored {
    places: Vec<Place>,
    /// The one that answered last.
    first: usize,
}

impl Mirrored {
    /// Asks one place after the other, that which answered last first. The error is that of the image's own registry,
    /// with those of the mirrors behind it.
    fn ask<T>(
        &mut self,
        mut question: impl FnMut(&mut Registry) -> Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        let mut troubles = Vec::new();
        let mut own = None;
        let others = (0..self.places.len()).filter(|at| *at != self.first);
        for at in std::iter::once(self.first).chain(others) {
            let Some(place) = self.places.get_mut(at) else { continue };
            match question(&mut place.registry) {
                Ok(answer) => {
                    place.used = true;
                    self.first = at;
                    return Ok(answer);
                }
                Err(error) if place.mirror.is_some() => troubles.push(error),
                Err(error) => own = Some(error),
            }
        }
        let error = own.unwrap_or_else(|| SourceError::Unreachable {
            object: "the image".into(),
            detail: "there is no place to ask".into(),
        });
        Err(troubles
            .into_iter()
            .fold(error, |error, trouble| error.and(&format!("of its mirrors, {trouble}"))))
    }
}

impl Store for Mirrored {
    fn document(&mut self, selector: &Selector) -> Result<Document, SourceError> {
        self.ask(|place| place.document(selector))
    }

    /// A stream stays with the place where it began.
    fn blob(&mut self, descriptor: &Descriptor) -> Result<Box<dyn Read + Send>, SourceError> {
        self.ask(|place| place.blob(descriptor))
    }

    fn range(&mut self, descriptor: &Descriptor, offset: u64, length: u64) -> Result<Vec<u8>, SourceError> {
        self.ask(|place| place.range(descriptor, offset, length))
    }

    fn ranges(&mut self, descriptor: &Descriptor, parts: &[Range<u64>]) -> Result<Vec<Vec<u8>>, SourceError> {
        self.ask(|place| place.ranges(descriptor, parts))
    }

    fn tally(&self) -> Tally {
        self.places.iter().map(|place| place.registry.tally()).fold(Tally::default(), |sum, one| Tally {
            requests: sum.requests + one.requests,
            bytes: sum.bytes + one.bytes,
        })
    }

    fn mirrors(&self) -> Vec<String> {
        self.places.iter().filter(|place| place.used).filter_map(|place| place.mirror.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_counts() {
        let mirrors =
            ["docker.io=hub.example/proxy", "docker.io/team=a.example", "docker.io/team=b.example:5000/x"];
        let access = Access {
            mirrors: mirrors.iter().map(|text| text.parse().unwrap()).collect(),
            ..Access::default()
        };
        let of = |name: &str| {
            let found = access.mirrors_of(&name.parse().unwrap());
            found.into_iter().map(|(_, reference)| reference.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(of("busybox:1"), ["hub.example/proxy/library/busybox:1"]);
        assert_eq!(of("team/app"), ["a.example/app", "b.example:5000/x/app"]);
        assert_eq!(of("teams/app"), ["hub.example/proxy/teams/app"]);
        assert!(of("quay.io/team/app").is_empty());
    }

    #[test]
    fn what_is_no_mirror() {
        let parse = |text: &str| text.parse::<Mirror>();
        let mirror =
            |prefix: &str, location: &str| Ok(Mirror { prefix: prefix.into(), location: location.into() });
        assert_eq!(parse("Docker.io/=Mirror.example/hub/"), mirror("docker.io", "mirror.example/hub"));
        for wrong in ["", "docker.io", "=a", "a=", "a=https://b", "https://a=b", "a=b=c", "a b=c", "a=u@b"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
