//! musl's loader (ldso/dynlink.c). It is the C library itself, knows neither cache nor symbol versions, and does not
//! look at a library's machine: what is foreign is loaded without a word, and the process dies of it later. It goes on
//! after a library that is missing, so that every one is named; then symbols are missing, too.

use super::object::Object;
use super::opened::{Opened, Opener};
use super::{
    Cause, Death, MOST_LIBRARIES, Program, Ready, Step, Stop, Trace, base, is_secure, parent, unknown,
    variable,
};
use crate::elf::{self, HEADER_SIZE, Machine, ProgramHeader, RawHeader};
use crate::errno::Errno;
use crate::exec::Rule;
use crate::namei::NAME_MAX;

/// Names that are musl itself (load_library: `reserved`).
const RESERVED: [&[u8]; 7] =
    [b"libc.", b"libpthread.", b"librt.", b"libm.", b"libdl.", b"libutil.", b"libxnet."];
const DEFAULT_PATH: &[u8] = b"/lib:/usr/local/lib:/usr/lib";
/// Bytes of a path file that are looked at.
const LONGEST_PATH: u64 = 4096;

const NOT_FOUND: Rule = Rule {
    text: "none of the places where the loader looks has a library of this name",
    source: "musl ldso/dynlink.c load_library, path_open",
};
const NO_LIBRARY: Rule = Rule { text: "the file is no library", source: "musl ldso/dynlink.c map_library" };
const FOREIGN: Rule = Rule {
    text: "the library is built for another machine, which musl does not look at: it is mapped, and relocating or running it fails",
    source: "musl ldso/dynlink.c map_library, do_relocs",
};

/// A mapped object (`struct dso`).
struct Dso {
    /// Its path as it was opened; of the program, `argv[0]`.
    name: Vec<u8>,
    /// The last part of a path that a search found.
    short: Option<Vec<u8>>,
    file: Vec<u8>,
    object: Object,
    needed_by: Option<usize>,
}

/// A start under way.
struct Start<'a> {
    open: &'a Opener<'a>,
    program: &'a Program<'a>,
    trace: &'a mut dyn Trace,
    environment: Option<Vec<u8>>,
    secure: bool,
    /// The directories of `/etc/ld-musl-ARCH.path`, once they were looked for.
    system: Option<Vec<u8>>,
    loaded: Vec<Dso>,
}

/// Loads all that the program needs.
pub(super) fn load(
    open: &Opener<'_>,
    program: &Program<'_>,
    object: Object,
    loader: &Opened,
    trace: &mut dyn Trace,
) -> Result<Ready, Stop> {
    let secure = is_secure(open.tree, program)?;
    let environment = |name| if secure { None } else { variable(program.env, name).map(<[u8]>::to_vec) };
    let of_glibc = object.versions_needed.iter().any(|need| need.version.starts_with(b"GLIBC_"));
    let (name, file) = (program.argv0.to_vec(), program.path.to_vec());
    let main = Dso { name, short: None, file, object, needed_by: None };
    let own = Dso {
        name: program.interpreter.to_vec(),
        short: None,
        file: loader.file.clone(),
        object: Object::default(),
        needed_by: None,
    };
    let environment_path = environment(b"LD_LIBRARY_PATH");
    let mut start = Start {
        open,
        program,
        trace,
        environment: environment_path,
        secure,
        system: None,
        loaded: vec![main, own],
    };
    for name in environment(b"LD_PRELOAD")
        .unwrap_or_default()
        .split(|byte| byte.is_ascii_whitespace() || *byte == b':')
    {
        if !name.is_empty() {
            start.library(name, 0)?.ok();
        }
    }
    start.needs()?;
    if of_glibc {
        return Err(unknown(
            "the program was linked with glibc, and whether musl has every symbol of it is not known",
        ));
    }
    let libraries = start.loaded.into_iter().skip(2).map(|one| one.file).collect();
    Ok(Ready { libraries, isa_in_doubt: None })
}

impl Start<'_> {
    /// `load_deps`: breadth first. Every library that is missing is named.
    fn needs(&mut self) -> Result<(), Stop> {
        let mut death: Option<Death> = None;
        let mut at = 0;
        while at < self.loaded.len() {
            if self.loaded[at].object.is_cut_short {
                let file = self.loaded[at].file.escape_ascii();
                return Err(unknown(format!("the tables of {file} are longer than what is read of them")));
            }
            for name in self.loaded[at].object.needed.clone() {
                let Err(missed) = self.library(&name, at)? else { continue };
                match &mut death {
                    Some(first) => first.text = [&first.text[..], &missed.text].join(&b'\n'),
                    None => death = Some(*missed),
                }
            }
            at += 1;
        }
        if let Some(death) = death {
            return Err(death.into());
        }
        self.foreign()
    }

    /// Whether a library of another machine was mapped.
    fn foreign(&self) -> Result<(), Stop> {
        let machine = self.loaded[0].object.machine;
        let strange = |dso: &&Dso| dso.object.is_dynamic && dso.object.machine != machine;
        let Some(dso) = self.loaded.iter().skip(2).find(strange) else { return Ok(()) };
        let needer = &self.loaded[dso.needed_by.unwrap_or(0)];
        Err(Death {
            cause: Cause::Foreign,
            text: Vec::new(),
            exit: None,
            blame: dso.file.clone(),
            library: base(&dso.name).to_vec(),
            needed_by: needer.file.clone(),
            searched: Vec::new(),
            rule: FOREIGN,
        }
        .into())
    }

    /// `load_library`.
    fn library(&mut self, name: &[u8], needer: usize) -> Result<Result<(), Box<Death>>, Stop> {
        if RESERVED.iter().any(|own| name.starts_with(own)) || name == self.program.interpreter {
            return Ok(Ok(()));
        }
        if self.loaded.len() > MOST_LIBRARIES {
            return Err(unknown(format!("it needs more than {MOST_LIBRARIES} libraries")));
        }
        let mut searched = Vec::new();
        let missed = |errno, searched| Ok(Err(Box::new(self.missing(name, needer, errno, searched))));
        let (path, opened, by) = if name.contains(&b'/') {
            match self.open.open(name)? {
                Ok(opened) => (name.to_vec(), opened, "its own path"),
                Err(errno) => return missed(errno, searched),
            }
        } else {
            if self.loaded.iter().skip(2).any(|dso| dso.short.as_deref() == Some(name)) {
                return Ok(Ok(()));
            }
            if name.len() > NAME_MAX {
                return missed(Errno::ENAMETOOLONG, searched);
            }
            match self.search(name, needer, &mut searched)? {
                Ok(found) => found,
                Err(errno) => return Ok(Err(Box::new(self.missing(name, needer, errno, searched)))),
            }
        };
        let short = (!name.contains(&b'/')).then(|| name.to_vec());
        if let Some(known) = self.loaded.iter().skip(1).position(|dso| dso.file == opened.file) {
            let known = &mut self.loaded[known + 1];
            known.short = known.short.take().or(short);
            return Ok(Ok(()));
        }
        let object = match map(self.open, &opened, self.loaded[0].object.wide)? {
            Ok(object) => object,
            Err(errno) => {
                let death = self.missing(name, needer, errno, searched);
                return Ok(Err(Box::new(Death {
                    cause: Cause::Unfit,
                    blame: opened.file,
                    rule: NO_LIBRARY,
                    ..death
                })));
            }
        };
        let needed_by = &self.loaded[needer].file;
        self.trace.step(Step::Library { path: &path, file: &opened.file, name, needed_by, by });
        self.loaded.push(Dso { name: path, short, file: opened.file, object, needed_by: Some(needer) });
        Ok(Ok(()))
    }

    /// `LD_LIBRARY_PATH`, then the RPATHs (or RUNPATHs, which are the same to musl) from the needing object up to the
    /// program, then the system's path.
    #[allow(clippy::type_complexity)]
    fn search(
        &mut self,
        name: &[u8],
        needer: usize,
        searched: &mut Vec<Vec<u8>>,
    ) -> Result<Result<(Vec<u8>, Opened, &'static str), Errno>, Stop> {
        let mut lists = Vec::new();
        lists.extend(self.environment.clone().map(|list| (list, "LD_LIBRARY_PATH")));
        let mut next = Some(needer);
        while let Some(at) = next {
            lists.extend(self.rpath(at).map(|list| (list, "DT_RPATH or DT_RUNPATH")));
            next = self.loaded[at].needed_by;
        }
        lists.push((self.system_path()?, "the loader's path"));
        let mut last = Errno::ENOENT;
        for (list, by) in lists {
            for directory in list.split(|byte| matches!(byte, b':' | b'\n')).filter(|part| !part.is_empty()) {
                searched.push(directory.to_vec());
                let path = [directory, b"/", name].concat();
                match self.open.open(&path)? {
                    Ok(opened) => return Ok(Ok((path, opened, by))),
                    Err(errno @ (Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES | Errno::ENAMETOOLONG)) => {
                        last = errno
                    }
                    Err(errno) => return Ok(Err(errno)),
                }
            }
        }
        Ok(Err(last))
    }

    /// `fixup_rpath`: only `$ORIGIN` is known; a list with another token is passed over.
    fn rpath(&self, at: usize) -> Option<Vec<u8>> {
        let dso = &self.loaded[at];
        let list = dso.object.runpath.as_ref().or(dso.object.rpath.as_ref())?;
        if !list.contains(&b'$') {
            return Some(list.clone());
        }
        let origin = if at == 0 { parent(&dso.file) } else { parent(&dso.name) };
        if self.secure && (at == 0 || !origin.starts_with(b"/")) {
            return None;
        }
        let mut expanded = Vec::new();
        let mut rest = &list[..];
        while let Some(token) = rest.iter().position(|byte| *byte == b'$') {
            expanded.extend_from_slice(&rest[..token]);
            expanded.extend_from_slice(origin);
            let behind = |name: &[u8]| rest[token..].strip_prefix(name);
            rest = behind(b"$ORIGIN").or_else(|| behind(b"${ORIGIN}"))?;
        }
        expanded.extend_from_slice(rest);
        Some(expanded)
    }

    /// `/etc/ld-musl-ARCH.path` beside the loader's own tree, or the default where it is absent.
    fn system_path(&mut self) -> Result<Vec<u8>, Stop> {
        if let Some(path) = &self.system {
            return Ok(path.clone());
        }
        // PREFIX/lib/ld-musl-ARCH.so.1 has PREFIX/etc/ld-musl-ARCH.path.
        let name = base(self.program.interpreter);
        let arch = name.strip_prefix(b"ld-musl-").and_then(|rest| rest.strip_suffix(b".so.1"));
        let arch = arch.or(arch_of(self.loaded[0].object.machine)).unwrap_or_default();
        let prefix = parent(parent(self.program.interpreter));
        let prefix = if prefix.starts_with(b"/") { prefix.strip_suffix(b"/").unwrap_or(prefix) } else { b"" };
        let file = [prefix, b"/etc/ld-musl-", arch, b".path"].concat();
        let path = match self.open.open(&file)? {
            Ok(opened) => self.open.contents(&opened, LONGEST_PATH)?,
            Err(Errno::ENOENT) => DEFAULT_PATH.to_vec(),
            Err(_) => Vec::new(),
        };
        Ok(self.system.insert(path).clone())
    }

    fn missing(&self, name: &[u8], needer: usize, errno: Errno, searched: Vec<Vec<u8>>) -> Death {
        let needer = &self.loaded[needer];
        let text = format!(": {} (needed by ", strerror(errno));
        Death {
            cause: Cause::Missing,
            text: [b"Error loading shared library ", name, text.as_bytes(), &needer.name, b")"].concat(),
            exit: Some(127),
            blame: name.to_vec(),
            library: name.to_vec(),
            needed_by: needer.file.clone(),
            searched,
            rule: NOT_FOUND,
        }
    }
}

/// `map_library`: neither magic nor class nor machine are looked at.
fn map(open: &Opener<'_>, opened: &Opened, wide: bool) -> Result<Result<Object, Errno>, Stop> {
    if opened.is_directory {
        return Ok(Err(Errno::EISDIR));
    }
    let mut head = [0; HEADER_SIZE];
    let length = open.tree.read_at(&opened.file, 0, &mut head)?;
    let header = RawHeader::read(&head, wide, false);
    if length < if wide { 64 } else { 52 } || !matches!(header.e_type, elf::ET_DYN | elf::ET_EXEC) {
        return Ok(Err(Errno::ENOEXEC));
    }
    let stride = usize::from(header.phentsize);
    let mut table = vec![0; stride * usize::from(header.phnum)];
    let got = if table.is_empty() { 0 } else { open.tree.read_at(&opened.file, header.phoff, &mut table)? };
    if got < table.len() || stride == 0 {
        return Ok(Err(Errno::ENOEXEC));
    }
    let mut headers = table.chunks(stride).map(|bytes| ProgramHeader::read(bytes, wide, false));
    if !headers.any(|header| header.kind == elf::PT_DYNAMIC) {
        return Ok(Err(Errno::ENOEXEC));
    }
    match open.object(opened)? {
        Some(object) if object.wide == wide => Ok(Ok(object)),
        _ => Err(unknown(format!("musl maps {}, whose header is damaged", opened.file.escape_ascii()))),
    }
}

fn arch_of(machine: u16) -> Option<&'static [u8]> {
    match Machine(machine) {
        Machine::X86_64 => Some(b"x86_64"),
        Machine::AARCH64 => Some(b"aarch64"),
        Machine::I386 => Some(b"i386"),
        Machine::ARM => Some(b"armhf"),
        _ => None,
    }
}

/// musl src/errno/__strerror.h
fn strerror(errno: Errno) -> &'static str {
    match errno {
        Errno::ENOENT => "No such file or directory",
        Errno::EACCES => "Permission denied",
        Errno::ENOTDIR => "Not a directory",
        Errno::EISDIR => "Is a directory",
        Errno::ENOEXEC => "Exec format error",
        Errno::ELOOP => "Symbolic link loop",
        Errno::ENAMETOOLONG => "Filename too long",
        _ => "I/O error",
    }
}
