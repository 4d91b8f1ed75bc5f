//! Random questions: all that a case can differ in, mixed.

use crate::case::{Case, Plant};
use crate::craft::Elf;
use crate::layout;
use crate::random::Random;
use execfit_kernel::credentials::{Credentials, DOCKER_DEFAULT};
use execfit_kernel::tree::{Content, Inode, MemoryTree};

/// Where files are: `/d` and `/d/e` are directories.
const PLACES: &[&str] = &["/a", "/b", "/c", "/d/a", "/d/b", "/d/e/a", "/d/e/b"];

/// Every capability but CAP_SYS_RESOURCE, which root of a virtual machine may lack.
const NEARLY_ALL: u64 = ((1 << 41) - 1) & !(1 << 24);

/// `count` questions.
pub(crate) fn cases(seed: u64, count: usize) -> impl Iterator<Item = Case> {
    let mut random = Random::new(seed);
    (0..count).map(move |number| case(&mut random, &format!("random question {number}")))
}

/// `count` programs of random layouts, half of them with a loader.
pub(crate) fn layouts(seed: u64, count: usize) -> impl Iterator<Item = Case> {
    let mut random = Random::new(seed);
    let loaders = [Elf::x86_64().dynamic().bytes(), Elf::i386().dynamic().bytes()];
    (0..count).map(move |number| {
        let interpreter: Option<&[u8]> = if random.below(2) == 0 { Some(b"/ld\0") } else { None };
        let program = layout::file(&mut random, interpreter);
        let narrow = usize::from(program.get(4) == Some(&1));
        let loader = match random.below(3) {
            0 => layout::file(&mut random, None),
            _ => loaders[if random.below(12) == 0 { 1 - narrow } else { narrow }].clone(),
        };
        let tree = MemoryTree::new().file("/app", 0o755, &program).file("/ld", 0o755, &loader);
        let case = Case::new(&format!("layout {number}"), tree, "/app");
        if random.below(6) == 0 { case.user(1000, 1000, &[]) } else { case }
    })
}

fn case(random: &mut Random, name: &str) -> Case {
    let mut tree = MemoryTree::new();
    for place in ["/d", "/d/e"] {
        let mode =
            *random.pick(&[0o755, 0o755, 0o755, 0o755, 0o755, 0o755, 0o700, 0o711, 0o644, 0o070, 0o001]);
        tree = tree.owned(place, Content::Directory, mode, owner(random), group(random));
    }
    let noexec = random.below(30) == 0;
    for (number, place) in PLACES.iter().enumerate() {
        if random.below(6) == 0 {
            continue;
        }
        let mode = *random.pick(&[
            0o755, 0o755, 0o755, 0o755, 0o755, 0o755, 0o755, 0o755, 0o711, 0o555, 0o644, 0o700, 0o070, 0o001,
            0o4755,
        ]);
        let content = content(random);
        let regular = matches!(content, Content::File(_));
        tree.insert(
            place.as_bytes(),
            Inode {
                uid: owner(random),
                gid: group(random),
                capability: (regular && random.below(8) == 0).then(|| capability(random)),
                noexec: noexec && regular && number == 0,
                ..Inode::new(content, mode)
            },
        );
    }
    let path = path(random);
    let mut case = Case::new(name, tree, &path).cwd(random.pick::<&str>(&["/", "/", "/d", "/d/e"]));
    case.credentials = credentials(random);
    case.stack_limit = *random.pick(&[8 << 20, 8 << 20, 8 << 20, 1 << 20, 256 << 10, u64::MAX]);
    if random.below(8) == 0 {
        strings(random, &mut case);
    }
    case
}

fn owner(random: &mut Random) -> u32 {
    *random.pick(&[0, 0, 1000])
}

fn group(random: &mut Random) -> u32 {
    *random.pick(&[0, 0, 100])
}

/// A path to somewhere, as oddly written as may be.
fn path(random: &mut Random) -> String {
    let place = *random.pick(PLACES);
    match random.below(16) {
        0 => place.trim_start_matches('/').into(),
        1 => format!("/.{place}"),
        2 => format!("/d/..{place}"),
        3 => format!("{place}/"),
        4 => format!("{place}/."),
        5 => place.replace('/', "//"),
        6 => "a".into(),
        7 => "../b".into(),
        8 => (*random.pick(&["", "/", ".", "..", "/none", "/d", "/a/..", "/none/../a"])).into(),
        _ => place.into(),
    }
}

fn content(random: &mut Random) -> Content {
    match random.below(12) {
        0 => Content::Symlink(link(random)),
        1 => Content::File(random.pick::<&[u8]>(&[b"", b"text\n", b"\x7fELF", &[0; 300]]).to_vec()),
        2 => random.pick(&[Content::Fifo, Content::CharDevice, Content::Socket]).clone(),
        3..=5 => Content::File(script(random)),
        6..=8 => {
            let mut text = path(random).into_bytes();
            text.push(0);
            Content::File(layout::file(random, Some(&text)))
        }
        _ => Content::File(layout::file(random, None)),
    }
}

/// A link's text, which cannot be empty.
fn link(random: &mut Random) -> Vec<u8> {
    let text = path(random);
    if text.is_empty() { b"none".to_vec() } else { text.into_bytes() }
}

fn script(random: &mut Random) -> Vec<u8> {
    let blank = |random: &mut Random| *random.pick(&["", "", "", " ", "\t", "  "]);
    let mut line = format!("#!{}", blank(random));
    if random.below(15) == 0 {
        line += &"/".repeat(240 + random.below(16));
    }
    line += &path(random);
    line += blank(random);
    line += random.pick::<&str>(&["", "", " -e", " x y", "\r", "\0", " \0x"]);
    line += random.pick::<&str>(&["\n", "\n", "\n", "\nexit\n", "", "\0\n"]);
    line.into_bytes()
}

fn credentials(random: &mut Random) -> Credentials {
    let bounding = *random.pick(&[DOCKER_DEFAULT, DOCKER_DEFAULT, 0, NEARLY_ALL, 1 << 1, 1 << 2, 1 << 17]);
    let uid = *random.pick(&[0, 0, 0, 1000, 2000]);
    let groups = random.pick(&[vec![], vec![], vec![100], vec![5, 6, 100]]).clone();
    let mut credentials = Credentials::container(uid, group(random), groups, bounding);
    credentials.no_new_privs = random.below(5) == 0;
    credentials
}

/// `security.capability` of version 2 or 3: no other can be set (security/commoncap.c cap_convert_nscap).
fn capability(random: &mut Random) -> Vec<u8> {
    let version = *random.pick(&[2u32, 3]);
    let effective = random.below(3).min(1) as u32;
    let mut words = vec![version << 24 | effective];
    for _ in 0..4 {
        words.push(*random.pick(&[0, 0, 1 << 10, 1 << 12, 1 << 13, 1 << 7, 1 << 21, u32::MAX]));
    }
    if version == 3 {
        words.push(*random.pick(&[0, 0, 1000]));
    }
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Arguments and environment near a limit.
fn strings(random: &mut Random, case: &mut Case) {
    let string = |length: usize| vec![b'x'; length];
    if random.below(3) == 0 {
        let pages = *random.pick(&[4096, 4096, 16384, 65536]);
        let length = pages * 32 - 2 + random.below(4);
        let list = if random.below(2) == 0 { &mut case.argv } else { &mut case.env };
        return list.push(string(length));
    }
    let limit = (case.stack_limit / 4).clamp(128 << 10, 6 << 20) as usize;
    let each = *random.pick(&[100, 4000, 60_000, 131_000]);
    let count = limit / (each + 9);
    let rest = limit - count * (each + 9);
    let strings =
        (0..count).map(|_| string(each)).chain([string((rest + random.below(80)).saturating_sub(60))]);
    let list = if random.below(2) == 0 { &mut case.argv } else { &mut case.env };
    list.extend(strings);
    if random.below(20) == 0 {
        case.argv.clear();
    }
}
