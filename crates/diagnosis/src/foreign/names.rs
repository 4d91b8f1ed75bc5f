//! Platforms in the names of files and directories: `prebuilds/linux-x64`, `libfoo_aarch_64.so`,
//! `core-darwin-arm64`, `x86_64-unknown-linux-gnu`.

/// The system in a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum System {
    /// Linux, Android's included.
    Linux,
    /// macOS and its kin.
    Darwin,
    /// Windows, and UEFI, which shares its format.
    Windows,
    /// Any other.
    Other,
}

/// What words of platforms say in one component of a path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The architectures, in OCI's words; `*` is all of them (`universal2`).
    pub(super) architectures: Vec<&'static str>,
    /// The systems.
    pub(super) systems: Vec<System>,
    /// The component without these words: equal for the same thing of another platform.
    pub(super) shape: Vec<u8>,
    /// It is a compiler's target, `x86_64-unknown-linux-gnu`: three words and nothing else, the architecture first.
    pub(super) is_triple: bool,
}

impl Said {
    /// Whether any platform is named.
    pub(super) fn any(&self) -> bool {
        !self.architectures.is_empty() || !self.systems.is_empty()
    }

    /// Whether that may be a file of this architecture and system: words that are not there say nothing.
    pub(super) fn agrees(&self, architecture: &str, system: System) -> bool {
        let of =
            |named: &&'static str| **named == *architecture || **named == *"*" || kin(named, architecture);
        (self.architectures.is_empty() || self.architectures.iter().any(of))
            && (self.systems.is_empty() || self.systems.contains(&system))
    }
}

/// 32-bit and 64-bit members of a family that one word names.
fn kin(named: &str, architecture: &str) -> bool {
    matches!(
        (named, architecture),
        ("x86", "386" | "amd64") | ("bits64", "amd64" | "arm64") | ("bits32", "386" | "arm")
    )
}

/// Words of architectures: Go's, Node's, Rust's, Debian's, Android's, uname's.
const ARCHITECTURES: &[(&str, &str)] = &[
    ("x64", "amd64"),
    ("x86_64", "amd64"),
    ("x86-64", "amd64"),
    ("amd64", "amd64"),
    ("x8664", "amd64"),
    ("em64t", "amd64"),
    ("x86_64h", "amd64"),
    ("64bit-intel", "amd64"),
    ("intel64", "amd64"),
    ("i386", "386"),
    ("i486", "386"),
    ("i586", "386"),
    ("i686", "386"),
    ("ia32", "386"),
    ("386", "386"),
    ("x32", "386"),
    ("x86_32", "386"),
    ("x86-32", "386"),
    ("32bit-intel", "386"),
    ("x86", "x86"),
    ("intel", "x86"),
    ("arm64", "arm64"),
    ("aarch64", "arm64"),
    ("aarch_64", "arm64"),
    ("arm64-v8a", "arm64"),
    ("armv8", "arm64"),
    ("arm64e", "arm64"),
    ("arm64v8", "arm64"),
    ("64bit-arm", "arm64"),
    ("arm", "arm"),
    ("armv5", "arm"),
    ("armv6", "arm"),
    ("armv6l", "arm"),
    ("armv6hf", "arm"),
    ("armv7", "arm"),
    ("armv7l", "arm"),
    ("armv7a", "arm"),
    ("armv7hf", "arm"),
    ("armhf", "arm"),
    ("armel", "arm"),
    ("armeabi", "arm"),
    ("armeabi-v7a", "arm"),
    ("arm-v7", "arm"),
    ("aarch_32", "arm"),
    ("aarch32", "arm"),
    ("arm32", "arm"),
    ("arm32v7", "arm"),
    ("thumbv7neon", "arm"),
    ("ppc64le", "ppc64le"),
    ("powerpc64le", "ppc64le"),
    ("ppcle_64", "ppc64le"),
    ("ppc64el", "ppc64le"),
    ("ppc64", "ppc64"),
    ("powerpc64", "ppc64"),
    ("ppc_64", "ppc64"),
    ("ppc", "ppc"),
    ("powerpc", "ppc"),
    ("s390x", "s390x"),
    ("s390_64", "s390x"),
    ("riscv64", "riscv64"),
    ("riscv64gc", "riscv64"),
    ("riscv_64", "riscv64"),
    ("loong64", "loong64"),
    ("loongarch64", "loong64"),
    ("loongarch_64", "loong64"),
    ("mips", "mips"),
    ("mipsel", "mipsle"),
    ("mipsle", "mipsle"),
    ("mips64", "mips64"),
    ("mips64el", "mips64le"),
    ("mips64le", "mips64le"),
    ("sparc64", "sparc64"),
    ("sparcv9", "sparc64"),
    ("universal", "*"),
    ("universal2", "*"),
    ("64bit", "bits64"),
    ("32bit", "bits32"),
];

/// Words of systems.
const SYSTEMS: &[(&str, System)] = &[
    ("linux", System::Linux),
    ("linuxmusl", System::Linux),
    ("linuxglibc", System::Linux),
    ("manylinux", System::Linux),
    ("manylinux1", System::Linux),
    ("manylinux2010", System::Linux),
    ("manylinux2014", System::Linux),
    ("musllinux", System::Linux),
    ("android", System::Linux),
    ("androideabi", System::Linux),
    ("alpine", System::Linux),
    ("darwin", System::Darwin),
    ("mac", System::Darwin),
    ("macos", System::Darwin),
    ("macosx", System::Darwin),
    ("osx", System::Darwin),
    ("apple", System::Darwin),
    ("ios", System::Darwin),
    ("maccatalyst", System::Darwin),
    ("win", System::Windows),
    ("win32", System::Windows),
    ("win64", System::Windows),
    ("windows", System::Windows),
    ("mingw32", System::Windows),
    ("mingw", System::Windows),
    ("uefi", System::Windows),
    ("freebsd", System::Other),
    ("openbsd", System::Other),
    ("netbsd", System::Other),
    ("dragonfly", System::Other),
    ("solaris", System::Other),
    ("sunos", System::Other),
    ("illumos", System::Other),
    ("aix", System::Other),
    ("zos", System::Other),
    ("wasi", System::Other),
    ("hurd", System::Other),
];

/// Words that only go along: C libraries, ABIs, vendors.
const OTHERS: &[&str] = &[
    "gnu",
    "glibc",
    "musl",
    "gnueabi",
    "gnueabihf",
    "gnueabi64",
    "gnuabi64",
    "gnux32",
    "musleabi",
    "musleabihf",
    "eabi",
    "eabihf",
    "elf",
    "msvc",
    "unknown",
    "pc",
    "w64",
    "none",
    "uclibc",
    "uclibceabi",
    "uclibceabihf",
    "gnuspe",
    "gnullvm",
    "ohos",
    "noindex",
];

/// What a word says.
#[derive(Clone, Copy)]
enum Word {
    Architecture(&'static str),
    System(System),
    Other,
}

fn word(text: &[u8]) -> Option<Word> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= 16)?.to_ascii_lowercase();
    let architecture =
        ARCHITECTURES.iter().find(|(name, _)| *name == text).map(|(_, oci)| Word::Architecture(oci));
    let system = || SYSTEMS.iter().find(|(name, _)| *name == text).map(|(_, system)| Word::System(*system));
    architecture.or_else(system).or_else(|| OTHERS.contains(&text.as_str()).then_some(Word::Other))
}

fn divides(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'.' | b'+' | b'@')
}

/// The longest word that begins here, and where it ends.
fn word_at(component: &[u8], at: usize) -> Option<(usize, Word)> {
    let ends = |end: &usize| *end == component.len() || divides(component[*end]);
    let longest = component.len().min(at + 16);
    (at + 1..=longest).rev().filter(ends).find_map(|end| Some((end, word(&component[at..end])?)))
}

/// Reads one component of a path. A word stands between `-`, `_`, `.`, `+`, `@` and the ends; the longest is taken
/// (`x86_64` before `x86`).
pub(super) fn read(component: &[u8]) -> Said {
    let mut said = Said::default();
    let mut words: Vec<Word> = Vec::new();
    let mut at = 0;
    // A bare number is an architecture only behind another word: `linux-386`.
    let mut behind_word = false;
    while at < component.len() {
        let begins = at == 0 || divides(component[at - 1]);
        let found = if begins { word_at(component, at) } else { None };
        let found =
            found.filter(|(end, _)| behind_word || !component[at..*end].iter().all(u8::is_ascii_digit));
        let Some((end, word)) = found else {
            behind_word &= divides(component[at]);
            said.shape.push(component[at]);
            at += 1;
            continue;
        };
        match word {
            Word::Architecture(name) => said.architectures.push(name),
            Word::System(system) => said.systems.push(system),
            Word::Other => {}
        }
        words.push(word);
        behind_word = true;
        // The word goes with what divides it from the one before.
        while said.shape.last().is_some_and(|byte| divides(*byte)) {
            said.shape.pop();
        }
        at = end;
    }
    said.is_triple =
        said.shape.is_empty() && words.len() >= 3 && matches!(words.first(), Some(Word::Architecture(_)));
    if !said.any() {
        said.shape = component.to_vec();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(name: &str) -> String {
        let said = read(name.as_bytes());
        let systems: Vec<String> = said.systems.iter().map(|system| format!("{system:?}")).collect();
        let triple = if said.is_triple { " triple" } else { "" };
        format!(
            "{} {} {}{triple}",
            String::from_utf8_lossy(&said.shape),
            said.architectures.join("+"),
            systems.join("+")
        )
    }

    #[test]
    fn words_of_platforms_in_names() {
        for (name, expected) in [
            ("linux-x64", " amd64 Linux"),
            ("linux-x64-musl", " amd64 Linux"),
            ("linuxmusl-arm64", " arm64 Linux"),
            ("core-linux-arm64-gnu", "core arm64 Linux"),
            ("sharp-linux-x64.node", "sharp.node amd64 Linux"),
            ("core.darwin-arm64.node", "core.node arm64 Darwin"),
            ("libnetty_transport_native_epoll_x86_64.so", "libnetty_transport_native_epoll.so amd64 "),
            ("libnetty_transport_native_epoll_aarch_64.so", "libnetty_transport_native_epoll.so arm64 "),
            ("_x.cpython-311-aarch64-linux-gnu.so", "_x.cpython-311.so arm64 Linux"),
            ("arm64-v8a", " arm64 "),
            ("armeabi-v7a", " arm "),
            ("x86_64-unknown-linux-gnu", " amd64 Linux triple"),
            ("aarch64-linux-gnu", " arm64 Linux triple"),
            ("x86_64-w64-mingw32", " amd64 Windows triple"),
            ("riscv64-unknown-elf", " riscv64  triple"),
            ("mac.noindex", "  Darwin"),
            ("Linux-64bit-arm", " arm64 Linux"),
            ("python3.11", "python3.11  "),
            ("armor", "armor  "),
            ("winston", "winston  "),
            ("libm-2.64.so", "libm-2.64.so  "),
            ("libSDL-1.2.so.0", "libSDL-1.2.so.0  "),
            ("tool_linux_amd64", "tool amd64 Linux"),
            ("linux", "  Linux"),
        ] {
            assert_eq!(show(name), expected, "{name}");
        }
    }
}
