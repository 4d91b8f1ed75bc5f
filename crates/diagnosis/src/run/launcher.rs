//! Programs that start another one: which, with what, and what they do where it has no format.

use execfit_kernel::launcher::Fallback;
use execfit_kernel::shell;

/// What one launcher makes of its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Launch {
    /// A shell that reads this text, with `$0` and its arguments; `login`: after `/etc/profile`.
    Text { text: Vec<u8>, zero: Vec<u8>, arguments: Vec<Vec<u8>>, login: bool },
    /// A shell that reads this script.
    Script { path: Vec<u8>, arguments: Vec<Vec<u8>>, login: bool },
    /// Another program.
    Program(Next),
}

/// The program that comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) argv: Vec<Vec<u8>>,
    /// What the launcher does with a file without a format, where its C library is glibc.
    pub(super) fallback: Fallback,
    /// The user that it becomes.
    pub(super) user: Option<String>,
    /// The variables are taken away.
    pub(super) clears: bool,
    /// Another value of `PATH`.
    pub(super) path: Option<Vec<u8>>,
}

/// What a command starts, where it is a launcher and its options are known; `Err` where it is one and they are not.
pub(super) fn launch(argv: &[Vec<u8>]) -> Result<Option<Launch>, ()> {
    let Some((program, arguments)) = argv.split_first() else { return Ok(None) };
    let name = program.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    // busybox NAME ARGUMENTS
    if name == b"busybox" {
        return launch(arguments);
    }
    if shell::is_shell(program) {
        return of_shell(program, arguments).map(Some);
    }
    let next = |rest: Option<&[Vec<u8>]>| match rest {
        Some(argv) if !argv.is_empty() => {
            let (argv, fallback) = (argv.to_vec(), Fallback::AsksSh);
            Ok(Some(Launch::Program(Next { argv, fallback, user: None, clears: false, path: None })))
        }
        _ => Err(()),
    };
    match name {
        b"env" => env(arguments).map(Some),
        // tini src/tini.c parse_args
        b"tini" | b"tini-static" | b"docker-init" => next(after_options(arguments, b"pe", b"svwg")),
        b"dumb-init" => next(after_options(arguments, b"r", b"cv")),
        b"catatonit" => next(after_options(arguments, b"", b"")),
        b"nohup" => next(after_options(arguments, b"", b"")),
        b"nice" => next(after_options(arguments, b"n", b"")),
        b"stdbuf" => next(after_options(arguments, b"ioe", b"")),
        b"timeout" => next(after_options(arguments, b"ks", b"fpv").and_then(|rest| rest.get(1..))),
        // gosu is Go's (main.go: exec.LookPath, syscall.Exec), su-exec C.
        b"gosu" | b"su-exec" => {
            let [user, argv @ ..] = arguments else { return Err(()) };
            if user.starts_with(b"-") || argv.is_empty() {
                return Err(());
            }
            let fallback = if name == b"gosu" { Fallback::Reports } else { Fallback::AsksSh };
            let user = Some(String::from_utf8_lossy(user).into_owned());
            Ok(Some(Launch::Program(Next { argv: argv.to_vec(), fallback, user, clears: false, path: None })))
        }
        _ => Ok(None),
    }
}

/// What follows the short options (getopt(3)): these `take` a value, these are `plain`. `None` where one is neither.
fn after_options<'a>(arguments: &'a [Vec<u8>], take: &[u8], plain: &[u8]) -> Option<&'a [Vec<u8>]> {
    let mut rest = arguments;
    while let [option, after @ ..] = rest {
        let Some(letters) = option.strip_prefix(b"-").filter(|letters| !letters.is_empty()) else { break };
        rest = after;
        if letters == b"-" {
            break;
        }
        let valued = letters.iter().position(|letter| take.contains(letter));
        let known = &letters[..valued.unwrap_or(letters.len())];
        if !known.iter().all(|letter| plain.contains(letter)) {
            return None;
        }
        if valued == Some(letters.len() - 1) {
            rest = rest.get(1..)?;
        }
    }
    Some(rest)
}

/// `env [-i] [-u NAME] [-S TEXT] [NAME=value] COMMAND` (coreutils src/env.c).
fn env(arguments: &[Vec<u8>]) -> Result<Launch, ()> {
    let mut rest = arguments.to_vec();
    let mut next =
        Next { argv: Vec::new(), fallback: Fallback::AsksSh, user: None, clears: false, path: None };
    while let Some(option) = rest.first().filter(|option| option.starts_with(b"-")).cloned() {
        rest.remove(0);
        match &option[..] {
            b"-i" | b"-" | b"--ignore-environment" => next.clears = true,
            b"-u" if !rest.is_empty() => drop(rest.remove(0)),
            b"--" => break,
            b"-S" if !rest.is_empty() => {
                let text = rest.remove(0);
                rest.splice(0..0, split(&text)?);
            }
            text if text.starts_with(b"-S") => drop(rest.splice(0..0, split(&text[2..])?)),
            _ => return Err(()),
        }
    }
    while let Some(variable) = rest.first().filter(|word| word.contains(&b'=')).cloned() {
        rest.remove(0);
        if let Some(path) = variable.strip_prefix(b"PATH=") {
            next.path = Some(path.to_vec());
        }
    }
    next.argv = rest;
    if next.argv.is_empty() { Err(()) } else { Ok(Launch::Program(next)) }
}

/// The words of `env -S`, where no quote or escape stands among them.
fn split(text: &[u8]) -> Result<Vec<Vec<u8>>, ()> {
    if text.iter().any(|byte| b"'\"\\$#".contains(byte)) {
        return Err(());
    }
    let words = text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    Ok(words.map(<[u8]>::to_vec).collect())
}

/// `sh [options] [-c TEXT [NAME ARGUMENTS]] [SCRIPT ARGUMENTS]`.
fn of_shell(program: &[u8], arguments: &[Vec<u8>]) -> Result<Launch, ()> {
    let mut rest = arguments;
    let (mut command, mut login) = (false, false);
    while let [option, after @ ..] = rest {
        let Some(letters) = option.strip_prefix(b"-").or(option.strip_prefix(b"+")) else { break };
        rest = after;
        match letters {
            b"" | b"-" => break,
            b"-login" => login = true,
            letters if letters.starts_with(b"-") => return Err(()),
            letters => {
                command |= letters.contains(&b'c');
                login |= letters.contains(&b'l');
                if letters.iter().any(|letter| b"si".contains(letter)) {
                    return Err(());
                }
                if letters.contains(&b'o') {
                    rest = rest.get(1..).ok_or(())?;
                }
            }
        }
    }
    let [first, arguments @ ..] = rest else { return Err(()) };
    if !command {
        return Ok(Launch::Script { path: first.clone(), arguments: arguments.to_vec(), login });
    }
    let (zero, arguments) = match arguments {
        [zero, arguments @ ..] => (zero.clone(), arguments.to_vec()),
        [] => (program.to_vec(), Vec::new()),
    };
    Ok(Launch::Text { text: first.clone(), zero, arguments, login })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &[&str]) -> String {
        let argv: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        let show = |words: &[Vec<u8>]| String::from_utf8_lossy(&words.join(&b'|')).into_owned();
        match launch(&argv) {
            Err(()) => "not known".into(),
            Ok(None) => "none".into(),
            Ok(Some(Launch::Program(next))) => show(&next.argv),
            Ok(Some(Launch::Text { text, arguments, .. })) => {
                format!("text {}: {}", String::from_utf8_lossy(&text), show(&arguments))
            }
            Ok(Some(Launch::Script { path, arguments, .. })) => {
                format!("script {}: {}", String::from_utf8_lossy(&path), show(&arguments))
            }
        }
    }

    #[test]
    fn launchers() {
        assert_eq!(told(&["/app", "--x"]), "none");
        assert_eq!(told(&["/sbin/tini", "-g", "-e", "143", "--", "/app", "-v"]), "/app|-v");
        assert_eq!(told(&["/sbin/tini", "-e143", "/app"]), "/app");
        assert_eq!(told(&["tini", "--version"]), "not known");
        assert_eq!(told(&["dumb-init", "-r", "15:2", "--", "app"]), "app");
        assert_eq!(told(&["timeout", "-s", "KILL", "10", "/app"]), "/app");
        assert_eq!(told(&["nice", "-n", "5", "/app"]), "/app");
        assert_eq!(told(&["gosu", "app:app", "/app"]), "/app");
        assert_eq!(told(&["env", "-i", "A=b", "PATH=/x", "app", "C=d"]), "app|C=d");
        assert_eq!(told(&["/usr/bin/env", "-S", "app --x", "y"]), "app|--x|y");
        assert_eq!(told(&["env", "-C", "/", "app"]), "not known");
        assert_eq!(told(&["busybox", "timeout", "5", "app"]), "app");
        assert_eq!(told(&["/bin/sh", "-c", "exec \"$@\"", "sh", "a", "b"]), "text exec \"$@\": a|b");
        assert_eq!(told(&["bash", "-euo", "pipefail", "-c", "x"]), "text x: ");
        assert_eq!(told(&["sh", "-e", "/run.sh", "-x"]), "script /run.sh: -x");
        assert_eq!(told(&["sh"]), "not known");
    }
}
