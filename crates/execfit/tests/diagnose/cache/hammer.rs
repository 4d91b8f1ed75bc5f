//! One cache, many processes: asked, killed at any moment, and its files damaged meanwhile. No answer may be another one
//! than without a cache. `EXECFIT_HAMMER_SECONDS` makes it longer.

use super::{ALL_LAYERS, split};
use crate::registry::{ARM64, Image, X86_64, elf, file, media, shell};
use crate::run::{execfit, run};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

const PROCESSES: u64 = 8;
/// Room for some of the layers only.
const SIZE: &str = "160K";

/// What happened.
#[derive(Debug, Default)]
struct Tally {
    answers: AtomicU64,
    warm: AtomicU64,
    killed: AtomicU64,
    damaged: AtomicU64,
}

/// xorshift64 (Marsaglia 2003).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn noise(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }
}

/// Images in layouts, good and bad ones, that share layers.
fn images(folder: &Path) -> Vec<PathBuf> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut image = |number: u64| {
        let (label, machine) = if number.is_multiple_of(2) { ("arm64", ARM64) } else { ("amd64", X86_64) };
        // Every third one is not what its label says.
        let program = if number.is_multiple_of(3) { X86_64 } else { machine };
        let script = [format!("#!/bin/sh\nexec /app{number}\n").into_bytes(), dice.noise(30_000)].concat();
        let many = (0..40).map(|at| file(&format!("share/{number}/{at}"), 0o644, dice.noise(200)));
        Image::new(label)
            .layer(shell(machine))
            .layer(many.collect::<Vec<_>>())
            .layer([file("start", 0o755, script), file(&format!("app{number}"), 0o755, elf(program))])
            .cmd(["/start"])
    };
    (0..8)
        .map(|number| {
            let path = folder.join(number.to_string());
            media::oci(&image(number).build(), &path, "v1");
            path
        })
        .collect()
}

/// A question about an image, in two forms.
fn ask(home: &Path, image: &Path, whole: bool, cache: bool) -> Command {
    let env = vec![("EXECFIT_CACHE_DIR", home.display().to_string()), ("EXECFIT_CACHE_SIZE", SIZE.into())];
    let mut command = execfit(env);
    command.args(["inspect", "--format", "json", &format!("oci:{}", image.display())]);
    command.args(if cache { &[][..] } else { &["--no-cache"] });
    command.args(if whole { &ALL_LAYERS[..] } else { &[] });
    command
}

fn files(home: &Path) -> Vec<PathBuf> {
    fs::read_dir(home).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Does something to a file that only a broken disk, or a crash, would.
fn damage(home: &Path, dice: &mut Dice) -> Option<()> {
    let files = files(home);
    let pick = |dice: &mut Dice| files.get(usize::try_from(dice.below(files.len().max(1) as u64)).unwrap());
    let (path, other) = (pick(dice)?, pick(dice)?);
    let mut bytes = fs::read(path).ok()?;
    let at = usize::try_from(dice.below(bytes.len().max(1) as u64)).unwrap();
    match dice.below(6) {
        0 => bytes.truncate(at),
        1 => bytes[at..].fill(0),
        2 => bytes = fs::read(other).ok()?,
        3 => return fs::rename(other, path).ok(),
        _ => *bytes.get_mut(at)? ^= 1 << dice.below(8),
    }
    // In place, under whoever reads it now; or whole.
    if dice.below(2) == 0 {
        return fs::write(path, bytes).ok();
    }
    let aside = home.join("aside");
    fs::write(&aside, bytes).ok()?;
    fs::rename(aside, path).ok()
}

/// Asks, kills half of those who are asked, and compares the others' answers.
fn hammer(home: &Path, images: &[(PathBuf, [Value; 2])], dice: &mut Dice, tally: &Tally) {
    let (image, wanted) = &images[usize::try_from(dice.below(images.len() as u64)).unwrap()];
    let whole = dice.below(2) == 0;
    let mut command = ask(home, image, whole, true);
    if dice.below(2) == 0 {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_micros(dice.below(60_000)));
        child.kill().unwrap();
        let killed = child.wait().unwrap().code().is_none();
        tally.killed.fetch_add(u64::from(killed), Relaxed);
        return;
    }
    let outcome = run(&mut command);
    let (answer, requests) = split(&outcome);
    assert_eq!(answer, wanted[usize::from(whole)], "{}", image.display());
    tally.answers.fetch_add(1, Relaxed);
    // index.json and the manifest are read anyway, the config and the layers are not.
    tally.warm.fetch_add(u64::from(requests == 2), Relaxed);
}

#[test]
fn no_answer_is_wrong_whatever_becomes_of_the_cache() {
    let seconds =
        std::env::var("EXECFIT_HAMMER_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(4);
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("cache");
    let plain = |path: &PathBuf, whole| split(&run(&mut ask(&home, path, whole, false))).0;
    let images: Vec<(PathBuf, [Value; 2])> = images(folder.path())
        .into_iter()
        .map(|path| (path.clone(), [plain(&path, false), plain(&path, true)]))
        .collect();
    let (tally, over) = (Tally::default(), AtomicBool::new(false));
    let begin = Instant::now();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..PROCESSES)
            .map(|number| {
                let (home, images, tally, over) = (&home, &images, &tally, &over);
                scope.spawn(move || {
                    let mut dice = Dice(number + 1);
                    while !over.load(Relaxed) && begin.elapsed() < Duration::from_secs(seconds) {
                        hammer(home, images, &mut dice, tally);
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            let mut dice = Dice(0xdead_beef);
            while !over.load(Relaxed) {
                tally.damaged.fetch_add(u64::from(damage(&home, &mut dice).is_some()), Relaxed);
                thread::sleep(Duration::from_millis(dice.below(100)));
            }
        });
        let results: Vec<_> = workers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        over.store(true, Relaxed);
        assert!(results.iter().all(Result::is_ok));
    });
    let bytes: u64 = files(&home).iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum();
    println!("{tally:?}, {bytes} bytes in {} files after {seconds} s", files(&home).len());
    for happened in [&tally.answers, &tally.warm, &tally.killed, &tally.damaged] {
        assert!(happened.load(Relaxed) > 0, "{tally:?}");
    }
    // What killed processes left is counted; the rest of each of the eight may come on top.
    assert!(bytes < 2 * 160 * 1024, "{bytes} bytes");
    // Without the hammer, all is well again, and found again.
    for (image, wanted) in &images[..3] {
        for whole in [true, true, false] {
            let (answer, _) = split(&run(&mut ask(&home, image, whole, true)));
            assert_eq!(answer, wanted[usize::from(whole)]);
        }
        assert_eq!(split(&run(&mut ask(&home, image, true, true))).1, 2);
    }
}
