//! Files of a tree: `PATH [MODE] [UID:GID] [noexec] [cap=TEXT] CONTENT`.

use super::elf::Elf;
use super::words::{Word, number};
use execfit_kernel::host::Architecture;
use execfit_kernel::tree::{Content, Inode, MemoryTree};

/// One object, for any host.
#[derive(Debug, Clone)]
pub(crate) struct File {
    path: Vec<u8>,
    mode: Option<u32>,
    owner: (u32, u32),
    noexec: bool,
    capability: Option<Vec<u8>>,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Plain(Content),
    Elf(Elf),
}

impl File {
    /// Reads a line that begins with a path.
    pub(crate) fn read(words: &[Word]) -> Result<File, String> {
        let (path, mut rest) = words.split_first().ok_or("which file?")?;
        let plain = What::Plain(Content::Directory);
        let mut file = File {
            path: path.bytes.clone(),
            mode: None,
            owner: (0, 0),
            noexec: false,
            capability: None,
            what: plain,
        };
        while let Some((word, behind)) = rest.split_first() {
            if !file.attribute(word)? {
                break;
            }
            rest = behind;
        }
        let (first, behind) = rest.split_first().ok_or("a file has a content")?;
        file.what = match first.bare() {
            "elf" => What::Elf(Elf::read(behind)?),
            name => What::Plain(content(name, first, behind)?),
        };
        Ok(file)
    }

    /// Takes a word that is not the content yet.
    fn attribute(&mut self, word: &Word) -> Result<bool, String> {
        let text = word.bare();
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if text == "noexec" {
            self.noexec = true;
        } else if let Some(value) = text.strip_prefix("cap=") {
            self.capability = Some(capability(value)?);
        } else if is_number {
            self.mode = Some(u32::from_str_radix(text, 8).map_err(|_| format!("{text} is no mode"))?);
        } else if let Some((uid, gid)) = text.split_once(':') {
            let id = |text: &str| text.parse().map_err(|_| format!("{text} is no id"));
            self.owner = (id(uid)?, id(gid)?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Takes an indented line.
    pub(crate) fn more(&mut self, words: &[Word]) -> Result<(), String> {
        match &mut self.what {
            What::Elf(elf) => elf.segment(words),
            What::Plain(_) => Err("only ELF files have further lines".into()),
        }
    }

    /// Puts it into a tree for such a host.
    pub(crate) fn plant(&self, tree: &mut MemoryTree, host: Architecture) {
        let content = match &self.what {
            What::Plain(content) => content.clone(),
            What::Elf(elf) => Content::File(elf.bytes(host)),
        };
        let mode = self.mode.unwrap_or(if matches!(content, Content::Symlink(_)) { 0o777 } else { 0o755 });
        let (uid, gid) = self.owner;
        let (noexec, capability) = (self.noexec, self.capability.clone());
        tree.insert(&self.path, Inode { content, mode, uid, gid, capability, noexec });
    }
}

fn content(name: &str, first: &Word, rest: &[Word]) -> Result<Content, String> {
    let content = match (name, rest) {
        ("->", [target]) => return Ok(Content::Symlink(target.bytes.clone())),
        ("dir", _) => Content::Directory,
        ("fifo", _) => Content::Fifo,
        ("socket", _) => Content::Socket,
        ("char", _) => Content::CharDevice,
        ("block", _) => Content::BlockDevice,
        ("empty", _) => Content::File(Vec::new()),
        ("", _) => Content::File(first.bytes.clone()),
        _ => return Err(format!("a file is no {name:?}")),
    };
    if rest.is_empty() { Ok(content) } else { Err("the content is the end of the line".into()) }
}

/// Capabilities by name, in the order of their numbers (linux/capability.h).
const NAMES: &str = "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable \
    net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace \
    sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control \
    setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore";

/// The bits of capabilities that are named with `+` or `,` between them, `none` or `full`.
pub(crate) fn capability_bits(text: &str) -> Result<u64, String> {
    match text {
        "none" => return Ok(0),
        "full" => return Ok((1 << 41) - 1),
        _ => {}
    }
    text.split(['+', ',']).try_fold(0, |bits, name| {
        let at = NAMES.split_whitespace().position(|known| known == name);
        at.map(|at| bits | 1 << at).ok_or_else(|| format!("{name} is no capability"))
    })
}

/// `security.capability` from `net_raw,net_admin+ep`, as setcap(8) takes it (with `@UID`, version 3 for the root of
/// that namespace), or from 32-bit words: `0x02000001/0x1000/0/0/0`.
fn capability(text: &str) -> Result<Vec<u8>, String> {
    let bytes = |words: &[u64]| words.iter().flat_map(|word| (*word as u32).to_le_bytes()).collect();
    if text.starts_with("0x") {
        let words: Result<Vec<u64>, String> = text.split('/').map(number).collect();
        return Ok(bytes(&words?));
    }
    let (text, root) = match text.split_once('@') {
        Some((text, root)) => (text, Some(number(root)?)),
        None => (text, None),
    };
    let (names, flags) = text.rsplit_once('+').ok_or("capabilities end in flags such as +ep")?;
    let bits = capability_bits(names)?;
    let of = |flag| if flags.contains(flag) { bits } else { 0 };
    let version = if root.is_some() { 3 << 24 } else { 2 << 24 };
    let (permitted, inheritable) = (of('p'), of('i'));
    let magic = version | u64::from(flags.contains('e'));
    let words = [magic, permitted, inheritable, permitted >> 32, inheritable >> 32];
    Ok([bytes(&words), root.map(|root| bytes(&[root])).unwrap_or_default()].concat())
}
