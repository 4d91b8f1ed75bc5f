//! `inspect`: what is in this image, for each platform?

mod batch;

use super::reading::Reading;
use super::target::Reach;
use super::{Face, Format, cache};
use crate::exit::{Exit, Stopped};
use crate::observe::Observer;
use crate::output::{self, text::Detail};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use execfit_diagnosis::inspect::{All, Asked, HostAsked};
use execfit_diagnosis::workload::{Command, Engine};
use execfit_image::platform::Platform;
use execfit_image::reference::Location;
use execfit_kernel::host::{Preset, kernel_version};

/// Would this image run, on each platform, and what does it start?
///
/// IMAGE is a registry reference, or docker-daemon:REF, docker-archive:FILE[:REF], oci:DIR[:REF], oci-archive:FILE[:REF],
/// or dir:ROOTFS, an unpacked tree (which needs --platform and ARGV).
///
/// With --batch, each line of FILE is a question about a directory, and each line of the output its answer
/// (schema/batch.v1.json); nothing but the directories is read.
#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// The image
    #[arg(required_unless_present = "batch")]
    image: Option<String>,
    /// Answer the questions of a file (`-` = standard input), a JSON object a line each; needs --format json
    #[arg(long, value_name = "FILE", conflicts_with_all = ["image", "platform", "env", "workdir", "user", "entrypoint", "argv", "kernel", "no_32bit", "host", "runtime", "all"])]
    batch: Option<String>,
    /// Ask for this platform (os/arch[/variant]); may be repeated. Without it, all that the image claims to have
    #[arg(long, value_name = "PLATFORM")]
    platform: Vec<String>,
    /// Whose rules choose among an index's manifests and unpack layers: runtimes differ
    #[arg(long, value_name = "NAME", value_parser = runtimes(), default_value = "containerd")]
    runtime: String,
    /// Set an environment variable, as KEY=VALUE; only PATH matters to the answer
    #[arg(long, value_name = "K=V")]
    env: Vec<String>,
    /// The working directory
    #[arg(long, value_name = "DIR")]
    workdir: Option<String>,
    /// The user, as NAME|UID[:GROUP|GID]
    #[arg(long, short = 'u')]
    user: Option<String>,
    /// The program, in place of the image's Entrypoint; ARGV are its arguments
    #[arg(long, value_name = "PROGRAM")]
    entrypoint: Option<String>,
    /// Look at all files: every program, library, addon and script that is not of the platform is listed, and one that
    /// may do harm makes the exit code 8
    #[arg(long)]
    all: bool,
    /// With --all, look also at files that later layers cover or remove; they do not change the exit code
    #[arg(long, requires = "all")]
    hidden: bool,
    /// The host's kernel, e.g. 6.12 or what `uname -r` tells
    #[arg(long, value_name = "VERSION")]
    kernel: Option<String>,
    /// The host runs no 32-bit programs
    #[arg(long = "no-32bit")]
    no_32bit: bool,
    /// A host by name, whatever the platform; without it, one of AWS's of the platform's architecture
    #[arg(long, value_name = "NAME", value_parser = presets())]
    host: Option<String>,
    /// Ask about this command instead of the image's Entrypoint and Cmd
    #[arg(last = true, value_name = "ARGV")]
    argv: Vec<String>,
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    reading: Reading,
}

/// The hosts that have a name, each with its source.
fn presets() -> PossibleValuesParser {
    Preset::ALL
        .iter()
        .map(|preset| PossibleValue::new(preset.name).help(preset.source))
        .collect::<Vec<_>>()
        .into()
}

/// The runtimes that are modelled, each with where it is met.
fn runtimes() -> PossibleValuesParser {
    let met = |engine: Engine| match engine {
        Engine::Containerd => "AWS Fargate, EKS",
        Engine::Docker => "Docker Engine 23 and later: ECS on EC2",
        Engine::Docker20 => "Docker Engine before 23",
        Engine::Podman => "Podman; Buildah and skopeo choose alike",
    };
    let names = Engine::ALL.into_iter().map(|engine| PossibleValue::new(engine.name()).help(met(engine)));
    names.collect::<Vec<_>>().into()
}

impl Inspect {
    pub(super) fn run(self, face: &Face) -> Result<Exit, Stopped> {
        let usage = |message: String| Stopped::new(Exit::Usage, message);
        if let Some(file) = &self.batch {
            return match face.format {
                Format::Json => batch::run(file),
                Format::Text => Err(usage("--batch answers in JSON lines: give --format json".into())),
            };
        }
        let image = self.image.clone().unwrap_or_default();
        let location: Location = image.parse().map_err(|error| usage(format!("{error}")))?;
        let asked = self.asked().map_err(usage)?;
        if matches!(location, Location::Directory(_))
            && (asked.platforms.is_empty() || asked.command.entry_point.is_none())
        {
            return Err(usage(format!(
                "{image}: an unpacked tree has no config: give --platform and -- ARGV"
            )));
        }
        let (terms, progress) = (self.reading.terms(face)?, !face.quiet && face.format == Format::Text);
        let mut observer = Observer::new(self.reach.clone().into(), terms, progress)?;
        let inspection = observer.inspect(&asked, |inspection| {
            let parts = inspection.runs.iter().map(|part| (&part.platform[..], part.verdict));
            output::text::likely(face, parts);
        })?;
        let read = observer.images().read();
        cache::complain(face, observer.images().cache_trouble());
        match face.format {
            Format::Json => output::json(&output::with_read(&inspection, &read)),
            Format::Text if inspection.trouble.is_some() => {}
            Format::Text => output::print(&output::text::inspection(&inspection, &read, Detail::of(face))),
        }
        let unknown = if inspection.image_is_missing { Exit::Failed } else { Exit::Unknown };
        if let Some(trouble) = inspection.trouble {
            return Err(Stopped::new(unknown, trouble));
        }
        Ok(Exit::from(inspection.of_all()))
    }

    fn asked(&self) -> Result<Asked, String> {
        let platforms =
            self.platform.iter().map(|text| text.parse::<Platform>().map_err(|error| error.to_string()));
        let variable = |text: &String| {
            let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
            let (name, value) = pair.ok_or_else(|| format!("`{text}` is no variable: expected K=V"))?;
            Ok((name.to_string(), value.to_string()))
        };
        let kernel = self.kernel.as_ref().map(|text| {
            kernel_version(text).ok_or_else(|| format!("`{text}` is no kernel version such as 6.12"))
        });
        let host = HostAsked {
            preset: self.host.as_deref().and_then(Preset::named),
            kernel: kernel.transpose()?,
            no_32bit: self.no_32bit,
        };
        let mut entry_point: Vec<String> = self.entrypoint.iter().cloned().collect();
        entry_point.extend(self.argv.iter().cloned());
        Ok(Asked {
            reference: self.image.clone().unwrap_or_default(),
            platforms: platforms.collect::<Result<_, _>>()?,
            command: Command {
                entry_point: Some(entry_point).filter(|words| !words.is_empty()),
                environment: self.env.iter().map(variable).collect::<Result<_, String>>()?,
                working_directory: self.workdir.clone(),
                user: self.user.clone(),
                ..Command::default()
            },
            host,
            engine: Engine::named(&self.runtime).unwrap_or(Engine::Containerd),
            all: self.all.then_some(All { hidden: self.hidden }),
        })
    }
}
