//! A terminal for a run: what is asked on it, and what is answered.

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How a run on a terminal ended: its exit code, and all that stood on the terminal.
pub(crate) struct Shown {
    pub(crate) code: i32,
    pub(crate) screen: String,
}

/// Runs it on a terminal of its own, and types the answer when the question stands there.
#[track_caller]
pub(crate) fn on_a_terminal(command: &mut Command, question: &str, answer: &str) -> Shown {
    with_stdout(command, None, question, answer)
}

/// The same; what it answers goes elsewhere.
#[track_caller]
pub(crate) fn with_stdout(
    command: &mut Command,
    stdout: impl Into<Option<Stdio>>,
    question: &str,
    answer: &str,
) -> Shown {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    let end = || Stdio::from(OpenOptions::new().read(true).write(true).open(&name).unwrap());
    let stdout = stdout.into().unwrap_or_else(end);
    let mut child = command.stdin(end()).stdout(stdout).stderr(end()).spawn().unwrap();
    // The ends that the command holds keep the terminal open.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut controller = File::from(controller);
    let pieces = pieces_of(controller.try_clone().unwrap());
    let (mut screen, mut answered) = (String::new(), false);
    while let Ok(piece) = pieces.recv_timeout(Duration::from_secs(60)) {
        screen.push_str(&piece);
        if !answered && screen.contains(question) {
            controller.write_all(answer.as_bytes()).unwrap();
            answered = true;
        }
    }
    let code = child.wait().unwrap().code().unwrap();
    assert!(answered, "`{question}` was not asked: {screen}");
    Shown { code, screen: screen.replace("\r\n", "\n") }
}

/// What comes out, until all ends are closed: the kernel answers EIO then.
fn pieces_of(mut controller: File) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = controller.read(&mut buffer) {
            if sender.send(String::from_utf8_lossy(&buffer[..count]).into_owned()).is_err() {
                return;
            }
        }
    });
    receiver
}
