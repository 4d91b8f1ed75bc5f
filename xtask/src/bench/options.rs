//! The command line of the bench.

use std::path::PathBuf;

use super::blob::Format;
use super::contender::{Contender, Question};
use super::page;
use super::race::Subject;
use super::recipe::{ALL, Recipe};
use crate::Result;
use crate::needs::may_install;

/// What `--help` says.
pub(super) const HELP: &str = "Measures how fast images are read, and writes book/src/performance.md

usage: cargo xtask bench [OPTIONS]

The images are made once and kept: from Debian's packages, wheels of PyPI and packages of npm, in a registry of the
bench's own on loopback. Contenders that are not installed take no part, and the page says so. Docker, podman and
containerd need root. Nothing else should run meanwhile.

  --set NAME,...       only these images: small (1 MB), app (about 120 MB), big (about 0.7 GB)
  --format NAME,...    only these forms: gzip, zstd, estargz, zstd-chunked, soci
  --only WORD          only contenders with this word in their name
  --make               makes the images, and measures nothing
  --no-build           takes the programs of target/release as they are
  --dir DIRECTORY      where the images are kept [default: bench in Cargo's target folder; up to 12 GB with all stores]
  --page FILE          where to write the page
  --install            installs what is missing (Debian, root)
  --help               this";

/// What is asked.
pub(super) enum Asked<'line> {
    Help,
    /// The measuring process: its file, the program and its arguments.
    Measure(&'line [String]),
    Bench(Options),
}

/// How to run.
pub(super) struct Options {
    pub(super) recipes: Vec<&'static Recipe>,
    pub(super) formats: Vec<Format>,
    pub(super) only: Option<String>,
    pub(super) only_make: bool,
    pub(super) build: bool,
    pub(super) folder: Option<PathBuf>,
    pub(super) page: Option<PathBuf>,
    pub(super) install: bool,
}

impl Options {
    /// Whether a contender is to be measured on an image.
    pub(super) fn wants(&self, contender: &Contender, subject: Subject<'_>) -> bool {
        let Subject { recipe, format, .. } = subject;
        let is_asked = match contender.question {
            // In one layer there is no upper one.
            Question::Upper => recipe.layers.len() > 1,
            // The layers do not matter to it.
            Question::Label => format == Format::Gzip,
            Question::Entry | Question::Sweep => true,
        };
        // A table of contents is news to few; and who unpacks an image takes as long for one form as for the other.
        let is_news = match format {
            Format::Gzip => true,
            Format::Zstd => !contender.unpacks || recipe.tiny_layers == 0,
            Format::EStargz | Format::ZstdChunked | Format::Soci => contender.is_ours(),
        };
        is_asked && is_news && self.only.as_ref().is_none_or(|word| contender.name.contains(word.as_str()))
    }
}

/// Reads the words behind `bench`.
pub(super) fn parse(arguments: &[String]) -> Result<Asked<'_>> {
    if let Some(("measure", rest)) = arguments.split_first().map(|(verb, rest)| (verb.as_str(), rest)) {
        return Ok(Asked::Measure(rest));
    }
    let mut options = Options {
        recipes: ALL.iter().collect(),
        formats: Format::ALL.to_vec(),
        only: None,
        only_make: false,
        build: true,
        folder: None,
        page: None,
        install: may_install(),
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value; see --help"));
        match word.as_str() {
            "--help" | "-h" => return Ok(Asked::Help),
            "--set" => options.recipes = list(value()?, page::recipe)?,
            "--format" => options.formats = list(value()?, Format::named)?,
            "--only" => options.only = Some(value()?.clone()),
            "--no-build" => options.build = false,
            "--make" => options.only_make = true,
            "--dir" => options.folder = Some(value()?.into()),
            "--page" => options.page = Some(value()?.into()),
            "--install" => options.install = true,
            _ => return Err(format!("unknown: {word}\n\n{HELP}").into()),
        }
    }
    Ok(Asked::Bench(options))
}

fn list<T>(words: &str, named: impl Fn(&str) -> Option<T>) -> Result<Vec<T>> {
    words
        .split(',')
        .map(|word| named(word).ok_or_else(|| format!("unknown: {word}; see --help").into()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_and_forms_are_named() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let line = words("--set small,app --format zstd --dir /x");
        let Ok(Asked::Bench(options)) = parse(&line) else { panic!("no options") };
        let names: Vec<&str> = options.recipes.iter().map(|recipe| recipe.name).collect();
        assert_eq!((names, options.formats), (vec!["small", "app"], vec![Format::Zstd]));
        assert!(parse(&words("--set none")).is_err());
        assert!(parse(&words("--set")).is_err());
        assert!(parse(&words("faster")).is_err());
    }
}
