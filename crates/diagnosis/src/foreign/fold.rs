//! Which foreign files are there on purpose: told by where they stand, what they are called, and what stands beside
//! them, not by the names of packages.

use super::look::{Code, Fit, Use, file_name, named_as_library};
use super::names::{self, Said, System};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};

/// Why a foreign file does no harm.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fold {
    /// Linkers, kernels, boot loaders or debuggers read it.
    Object,
    /// No platform of containers has its machine: code for a device.
    Device,
    /// Debug information.
    Debug,
    /// Firmware, boot loaders, kernel modules, what emulators load.
    Firmware,
    /// A cross toolchain's or a sysroot's.
    Toolchain,
    /// Of a foreign architecture that dpkg was told to install.
    Multiarch,
    /// Test data.
    TestData,
    /// What git keeps.
    Git,
    /// One of a set for several platforms, of which the image's own is there: this file.
    OwnIsThere(String),
    /// Its name or place says another system, and nothing on Linux looks there.
    OtherSystem,
    /// A program without an x bit: nobody can call it.
    NotExecutable,
    /// A script whose interpreter is not there, whatever the platform.
    NoInterpreter,
}

impl Fold {
    /// Words for many such files: `12 are ...`.
    pub fn words(&self) -> &'static str {
        match self {
            Fold::Object => "object files, which only linkers, kernels and debuggers read",
            Fold::Device => "code for devices, of machines that no container platform has",
            Fold::Debug => "debug information",
            Fold::Firmware => "firmware, boot loaders, kernel modules",
            Fold::Toolchain => "parts of cross toolchains",
            Fold::Multiarch => "packages of a foreign architecture that dpkg was told to install",
            Fold::TestData => "test data",
            Fold::Git => "kept by git",
            Fold::OwnIsThere(_) => "members of sets for several platforms, of which the image's own is there",
            Fold::OtherSystem => "for other systems by name or place, where nothing on Linux looks",
            Fold::NotExecutable => "programs without an x bit, which nobody can call",
            Fold::NoInterpreter => "scripts whose interpreter is missing, whatever the platform",
        }
    }
}

/// Places of files that are no programs of the image's own system (FHS 3.0, and where distributions put firmware).
const FIRMWARE: [&str; 13] = [
    "/boot/",
    "/lib/modules/",
    "/usr/lib/modules/",
    "/lib/firmware/",
    "/usr/lib/firmware/",
    "/usr/lib/grub/",
    "/usr/lib/u-boot/",
    "/usr/lib/ipxe/",
    "/usr/lib/systemd/boot/",
    "/usr/share/qemu",
    "/usr/share/seabios/",
    "/usr/share/OVMF/",
    "/usr/share/AAVMF/",
];
/// Directories of test data.
const TESTS: [&[u8]; 9] = [
    b"testdata",
    b"test",
    b"tests",
    b"test-data",
    b"test_data",
    b"fixtures",
    b"__tests__",
    b"__fixtures__",
    b"testsuite",
];

/// The programs and libraries of the image's own platform, by the shapes of their names.
#[derive(Default)]
pub(super) struct Own {
    shapes: HashMap<Vec<u8>, Vec<u8>>,
    /// Architectures that dpkg installed packages of, in Debian's words.
    dpkg: BTreeSet<Vec<u8>>,
}

impl Own {
    /// Notes a program or library that runs.
    pub(super) fn note(&mut self, path: &[u8], code: &Code) {
        let walk = Walk::of(path);
        for key in walk.keys(code) {
            self.shapes.entry(key).or_insert_with(|| path.to_vec());
        }
        self.shapes.entry(walk.shape(walk.steps.len())).or_insert_with(|| path.to_vec());
        if let Some(at) = find(path, b"/build/Release/") {
            self.shapes
                .entry(path[..at + b"/build/Release/".len()].to_vec())
                .or_insert_with(|| path.to_vec());
        }
    }

    /// Notes any path: `/var/lib/dpkg/info/libc6:arm64.list` says which architectures dpkg installed.
    pub(super) fn note_path(&mut self, path: &[u8]) {
        let Some(name) = path.strip_prefix(b"/var/lib/dpkg/info/") else { return };
        let Some(name) = name.strip_suffix(b".list") else { return };
        if let Some(at) = name.iter().position(|byte| *byte == b':') {
            self.dpkg.insert(name[at + 1..].to_vec());
        }
    }

    /// Why a foreign file does no harm; `None` where it may. `called`: it is executable and stands in `PATH`.
    pub(super) fn fold(&self, path: &[u8], code: &Code, executable: bool, called: bool) -> Option<Fold> {
        if code.used == Use::Object {
            return Some(Fold::Object);
        }
        if called || is_built_here(path) {
            return None;
        }
        if code.system == System::Linux && code.architectures.is_empty() {
            return Some(Fold::Device);
        }
        let walk = Walk::of(path);
        let by_place = by_place(path, &walk).or_else(|| self.toolchain(path, &walk, code));
        by_place
            .or_else(|| self.own_beside(path, &walk, code))
            .or_else(|| of_other_system(path, &walk, code).then_some(Fold::OtherSystem))
            .or_else(|| (code.used == Use::Program && !executable).then_some(Fold::NotExecutable))
    }

    /// A directory named by a compiler's target; those where the loader looks only where dpkg tells of them.
    fn toolchain(&self, path: &[u8], walk: &Walk<'_>, code: &Code) -> Option<Fold> {
        for (at, step) in walk.directories() {
            if step.name == b"sysroot" {
                return Some(Fold::Toolchain);
            }
            if !step.said.is_triple || !agrees(&step.said, code) || code.fit == Fit::Own {
                continue;
            }
            let before = walk.before(path, at);
            if matches!(before, b"/lib/" | b"/usr/lib/" | b"/usr/local/lib/") {
                let debian = |architecture: &str| self.dpkg.contains(debian_word(architecture).as_bytes());
                return code.architectures.iter().any(|one| debian(one)).then_some(Fold::Multiarch);
            }
            // What Cargo built for another target is a program to be run.
            if !before.ends_with(b"/target/") {
                return Some(Fold::Toolchain);
            }
        }
        None
    }

    /// The same thing for the image's own platform, in a parallel place.
    fn own_beside(&self, path: &[u8], walk: &Walk<'_>, code: &Code) -> Option<Fold> {
        let own = walk.keys(code).into_iter().find_map(|key| self.shapes.get(&key));
        // node-gyp-build takes what was built before any prebuild.
        let built = || {
            let at = find(path, b"/prebuilds/")?;
            self.shapes.get(&[&path[..at], b"/build/Release/"].concat())
        };
        own.or_else(built).map(|own| Fold::OwnIsThere(crate::case::escape(own)))
    }
}

/// `node_modules/*/build/Release`: built where `npm install` ran, for that machine.
fn is_built_here(path: &[u8]) -> bool {
    let Some(at) = find(path, b"/node_modules/") else { return false };
    [&b"/build/Release/"[..], b"/build/Debug/"].iter().any(|place| find(&path[at..], place).is_some())
}

fn by_place(path: &[u8], walk: &Walk<'_>) -> Option<Fold> {
    let has = |names: &[&[u8]], from: usize| {
        walk.directories().skip(from).any(|(_, step)| names.contains(&step.name))
    };
    if path.starts_with(b"/usr/lib/debug/") || path.ends_with(b".debug") || has(&[b".build-id"], 0) {
        return Some(Fold::Debug);
    }
    if FIRMWARE.iter().any(|place| path.starts_with(place.as_bytes())) {
        return Some(Fold::Firmware);
    }
    if has(&[b".git"], 0) {
        return Some(Fold::Git);
    }
    // A directory `/test` may hold anything.
    has(&TESTS, 1).then_some(Fold::TestData)
}

/// Whether it is for another system, and its directory (or, of a program, its name) says so. A package of npm that is
/// named so is there instead of its sibling for Linux; a library that Linux's programs would load by its name is not.
fn of_other_system(path: &[u8], walk: &Walk<'_>, code: &Code) -> bool {
    if code.system == System::Linux || walk.is_npm_platform_package() {
        return false;
    }
    let named = |said: &Said| said.systems.contains(&code.system) && agrees(said, code);
    let directory = walk.directories().any(|(_, step)| {
        named(&step.said) || step.name.ends_with(b".app") || step.name.ends_with(b".framework")
    });
    let name = file_name(path).to_ascii_lowercase();
    let ending =
        [&b".exe"[..], b".dll", b".sys", b".com", b".ocx", b".cpl", b".scr", b".mui", b".dylib", b".jnilib"];
    let by_ending = ending.iter().any(|ending| name.ends_with(ending));
    let by_name = !named_as_library(path) && walk.steps.last().is_some_and(|step| named(&step.said));
    directory || by_ending || by_name
}

fn agrees(said: &Said, code: &Code) -> bool {
    said.any()
        && if code.architectures.is_empty() {
            said.agrees("", code.system)
        } else {
            code.architectures.iter().any(|one| said.agrees(one, code.system))
        }
}

/// Debian's word for an architecture of OCI's.
fn debian_word(architecture: &str) -> &str {
    match architecture {
        "386" => "i386",
        "arm" => "armhf",
        "ppc64le" => "ppc64el",
        other => other,
    }
}

/// The components of a path, with what each says of platforms.
struct Walk<'p> {
    steps: Vec<Step<'p>>,
}

struct Step<'p> {
    name: &'p [u8],
    said: Said,
}

impl<'p> Walk<'p> {
    fn of(path: &'p [u8]) -> Walk<'p> {
        let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
        Walk { steps: names.map(|name| Step { name, said: names::read(name) }).collect() }
    }

    /// All components but the last.
    fn directories(&self) -> impl Iterator<Item = (usize, &Step<'p>)> {
        self.steps.iter().enumerate().take(self.steps.len().saturating_sub(1))
    }

    /// The path of the first `count` components without words of platforms.
    fn shape(&self, count: usize) -> Vec<u8> {
        let shapes = self.steps.iter().take(count);
        shapes.flat_map(|step| [&b"/"[..], &step.said.shape]).flatten().copied().collect()
    }

    /// The path before a component.
    fn before<'a>(&self, path: &'a [u8], at: usize) -> &'a [u8] {
        let length: usize = self.steps.iter().take(at).map(|step| step.name.len() + 1).sum();
        &path[..(length + 1).min(path.len())]
    }

    /// The shapes under which the same thing of another platform stands: of every component that names this one's.
    /// Where the last component that names any platform names another one, there are none: an x86_64 file in
    /// `linux-arm64` is no payload.
    fn keys(&self, code: &Code) -> Vec<Vec<u8>> {
        let last = self.steps.iter().rev().find(|step| step.said.any());
        if !last.is_some_and(|step| agrees(&step.said, code)) {
            return Vec::new();
        }
        let named = self.steps.iter().enumerate().filter(|(_, step)| agrees(&step.said, code));
        named.map(|(at, _)| self.shape(at + 1)).collect()
    }

    /// A package of npm for one platform: `node_modules/@esbuild/darwin-arm64`.
    fn is_npm_platform_package(&self) -> bool {
        self.steps.windows(3).any(|steps| {
            let package = if steps[1].name.starts_with(b"@") { &steps[2] } else { &steps[1] };
            steps[0].name == b"node_modules" && package.said.any()
        })
    }
}

pub(super) fn find(path: &[u8], part: &[u8]) -> Option<usize> {
    path.windows(part.len()).position(|window| window == part)
}
