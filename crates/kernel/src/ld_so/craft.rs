//! Makes small dynamically linked programs and libraries for tests: one segment that holds all their tables.

/// A program or library in the making.
#[derive(Clone, Default)]
pub(crate) struct Linked {
    machine: u16,
    interpreter: Option<String>,
    entries: Vec<(u64, String)>,
    needed_versions: Vec<(String, String)>,
    versions: Vec<String>,
    isa: u32,
}

impl Linked {
    /// A library that answers to this name.
    pub(crate) fn library(machine: u16, soname: &str) -> Linked {
        Linked { machine, ..Linked::default() }.entry(14, soname)
    }

    /// A program with this loader.
    pub(crate) fn program(machine: u16, interpreter: &str) -> Linked {
        Linked { machine, interpreter: Some(interpreter.into()), ..Linked::default() }
    }

    /// An entry of the dynamic section whose value is a name: 1 DT_NEEDED, 15 DT_RPATH, 29 DT_RUNPATH.
    pub(crate) fn entry(mut self, tag: u64, text: &str) -> Linked {
        self.entries.push((tag, text.into()));
        self
    }

    pub(crate) fn needs(self, library: &str) -> Linked {
        self.entry(1, library)
    }

    /// Needs a version of a library.
    pub(crate) fn needs_version(mut self, library: &str, version: &str) -> Linked {
        self.needed_versions.push((library.into(), version.into()));
        self
    }

    /// Defines a version.
    pub(crate) fn defines(mut self, version: &str) -> Linked {
        self.versions.push(version.into());
        self
    }

    /// Marked to need ISA levels.
    pub(crate) fn isa(mut self, bits: u32) -> Linked {
        self.isa = bits;
        self
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut names = Names(vec![0]);
        let interpreter = self.interpreter.iter().flat_map(|path| [path.as_bytes(), b"\0"].concat());
        let interpreter: Vec<u8> = interpreter.collect();
        let note = if self.isa == 0 { Vec::new() } else { property(self.isa) };
        let count = 2 + usize::from(self.interpreter.is_some()) + usize::from(self.isa != 0);
        let mut entries: Vec<(u64, u64)> =
            self.entries.iter().map(|(tag, text)| (*tag, names.add(text))).collect();
        let (needs, definitions) = (self.needs_table(&mut names), self.definitions(&mut names));
        let at_interpreter = 64 + 56 * count;
        let at_note = (at_interpreter + interpreter.len()).next_multiple_of(8);
        let at_names = at_note + note.len();
        let at_needs = at_names + names.0.len();
        let at_definitions = at_needs + needs.len();
        let at_dynamic = (at_definitions + definitions.len()).next_multiple_of(8);
        entries.push((5, at_names as u64));
        if !needs.is_empty() {
            entries.push((0x6fff_fffe, at_needs as u64));
        }
        if !definitions.is_empty() {
            entries.push((0x6fff_fffc, at_definitions as u64));
        }
        entries.push((0, 0));
        let size = at_dynamic + 16 * entries.len();
        let mut file = self.header(count);
        let mut segment = |kind: u32, at: usize, length: usize, align: u64| {
            file.extend(kind.to_le_bytes());
            // Writable: kernels up to 6.1 clear the end of a loader's last page whatever its flags.
            file.extend(7u32.to_le_bytes());
            let (at, length) = (at as u64, length as u64);
            [at, at, at, length, length, align].iter().for_each(|field| file.extend(field.to_le_bytes()));
        };
        if self.interpreter.is_some() {
            segment(3, at_interpreter, interpreter.len(), 1);
        }
        segment(1, 0, size, 0x1000);
        segment(2, at_dynamic, 16 * entries.len(), 8);
        if self.isa != 0 {
            segment(0x6474_e553, at_note, note.len(), 8);
        }
        file.extend(interpreter);
        file.resize(at_note, 0);
        [note, names.0, needs, definitions].into_iter().for_each(|part| file.extend(part));
        file.resize(at_dynamic, 0);
        entries.iter().for_each(|(tag, value)| {
            file.extend(tag.to_le_bytes());
            file.extend(value.to_le_bytes());
        });
        file
    }

    fn header(&self, count: usize) -> Vec<u8> {
        let mut file = vec![0; 64];
        file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        (file[16], file[20], file[32], file[52], file[54], file[56]) = (3, 1, 64, 64, 56, count as u8);
        file[18..20].copy_from_slice(&self.machine.to_le_bytes());
        file
    }

    fn needs_table(&self, names: &mut Names) -> Vec<u8> {
        let mut table = Vec::new();
        for (number, (library, version)) in self.needed_versions.iter().enumerate() {
            let next = if number + 1 == self.needed_versions.len() { 0u32 } else { 32 };
            let words =
                [1 | 1 << 16, names.add(library) as u32, 16, next, 0, 0, names.add(version) as u32, 0];
            words.iter().for_each(|word: &u32| table.extend(word.to_le_bytes()));
        }
        table
    }

    fn definitions(&self, names: &mut Names) -> Vec<u8> {
        let mut table = Vec::new();
        for (number, version) in self.versions.iter().enumerate() {
            let next = if number + 1 == self.versions.len() { 0u32 } else { 28 };
            let words = [1, 1 << 16 | 1, 0, 20, next, names.add(version) as u32, 0];
            words.iter().for_each(|word: &u32| table.extend(word.to_le_bytes()));
        }
        table
    }
}

struct Names(Vec<u8>);

impl Names {
    fn add(&mut self, text: &str) -> u64 {
        let at = self.0.len() as u64;
        self.0.extend(text.as_bytes());
        self.0.push(0);
        at
    }
}

/// A `.note.gnu.property` with x86 ISA levels needed.
fn property(isa: u32) -> Vec<u8> {
    let words: [u32; 8] = [4, 16, 5, u32::from_le_bytes(*b"GNU\0"), 0xc000_8002, 4, isa, 0];
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}
