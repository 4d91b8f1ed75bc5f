//! A case as the specification (`book/src/execve.md`) writes it, so that it can be added there.

use crate::case::Case;
use crate::specification::{self, Question};
use execfit_kernel::credentials::{Credentials, DOCKER_DEFAULT};
use execfit_kernel::host::Architecture;
use execfit_kernel::tree::{Content, Inode};
use std::fmt::Write;

/// What is longer is no example for people.
const LONGEST: usize = 8000;

/// The fence of a case with the kernel's answer, for hosts of this architecture, whose files it has; none where the
/// format has no words for it. It is read again to be sure of that.
pub(crate) fn fence(case: &Case, architecture: Architecture, answer: &str) -> Option<String> {
    let mut text = String::from("```execve\n");
    for (path, inode) in case.tree.iter().filter(|(path, inode)| !goes_without_saying(case, path, inode)) {
        writeln!(text, "{}", file(path, inode)?).ok()?;
    }
    writeln!(text, "\n{}, on {architecture} -> {answer}\n```", call(case)).ok()?;
    let read = specification::cases(&text).ok()?.pop()?;
    let Question { path, argv, env, cwd, credentials, stack_limit, .. } = &read.question;
    let same = read.tree(architecture) == case.tree
        && (path, argv, env, credentials) == (&case.path, &case.argv, &case.env, &case.credentials)
        && (cwd.as_slice(), *stack_limit) == (case.cwd.as_bytes(), case.stack_limit);
    (same && text.len() <= LONGEST).then_some(text)
}

/// The root, and a usual directory with something in it.
fn goes_without_saying(case: &Case, path: &[u8], inode: &Inode) -> bool {
    let inside = [path, b"/"].concat();
    path == b"/"
        || *inode == Inode::new(Content::Directory, 0o755)
            && case.tree.iter().any(|(other, _)| other.starts_with(&inside))
}

fn file(path: &[u8], inode: &Inode) -> Option<String> {
    let mut line = format!("{} 0{:o}", word(path), inode.mode);
    if (inode.uid, inode.gid) != (0, 0) {
        write!(line, " {}:{}", inode.uid, inode.gid).ok()?;
    }
    if inode.noexec {
        line += " noexec";
    }
    if let Some(value) = &inode.capability {
        let (words, []) = value.as_chunks::<4>() else { return None };
        let words: Vec<String> =
            words.iter().map(|word| format!("{:#x}", u32::from_le_bytes(*word))).collect();
        write!(line, " cap={}", words.join("/")).ok()?;
    }
    let content = match &inode.content {
        Content::File(bytes) => quoted(bytes),
        Content::Symlink(target) => format!("-> {}", word(target)),
        Content::Directory => "dir".into(),
        Content::CharDevice => "char".into(),
        Content::BlockDevice => "block".into(),
        Content::Fifo => "fifo".into(),
        Content::Socket => "socket".into(),
    };
    Some(format!("{line} {content}"))
}

fn call(case: &Case) -> String {
    let words =
        |strings: &[Vec<u8>]| strings.iter().map(|string| format!(" {}", word(string))).collect::<String>();
    let Credentials { uid, gid, groups, bounding, .. } = &case.credentials;
    let mut call = if case.argv.first() == Some(&case.path) {
        format!("exec{}", words(&case.argv))
    } else {
        format!("exec {}, argv{}", word(&case.path), words(&case.argv))
    };
    if (uid, gid, groups.len()) != (&0, &0, 0) {
        let groups: String = groups.iter().map(|group| format!("+{group}")).collect();
        call += &format!(", as {uid}:{gid}{groups}");
    }
    match *bounding {
        DOCKER_DEFAULT => {}
        0 => call += ", with none",
        _ => call += ", with full",
    }
    if case.cwd != "/" {
        call += &format!(", in {}", word(case.cwd.as_bytes()));
    }
    if !case.env.is_empty() {
        call += &format!(", env{}", words(&case.env));
    }
    match case.stack_limit {
        0x80_0000 => {}
        u64::MAX => call += ", stack unlimited",
        limit => call += &format!(", stack {limit}"),
    }
    call
}

fn word(bytes: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(plain) {
        String::from_utf8_lossy(bytes).into_owned()
    } else {
        quoted(bytes)
    }
}

/// In quotation marks, with `{x*9}` for what is repeated.
fn quoted(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for run in bytes.chunk_by(|one, next| one == next) {
        let one = match run[0] {
            b'\n' => "\\n".into(),
            b'\r' => "\\r".into(),
            b'\t' => "\\t".into(),
            0 => "\\0".into(),
            b'\\' => "\\\\".into(),
            b'"' => "\\\"".into(),
            byte @ (b' '..=b'~') if !b"{}".contains(&byte) => char::from(byte).to_string(),
            byte => format!("\\x{byte:02x}"),
        };
        text += &if run.len() > 5 { format!("{{{one}*{}}}", run.len()) } else { one.repeat(run.len()) };
    }
    text + "\""
}
