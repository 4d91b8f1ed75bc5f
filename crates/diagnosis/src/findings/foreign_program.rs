//! A program in the image, beside the one that it starts, is of another architecture or system than the image's platform
//! (`inspect --all`).
//!
//! It is executable, or stands in `PATH`, or is the interpreter of scripts: whoever calls it gets `exec format error`.
//! Shells print it, and Node, Python and Go wrap it in errors of their own.
//!
//! That comes about in three ways. `COPY . .` brings the `node_modules` of a laptop or of a build machine, with programs
//! such as esbuild's that were installed for that machine. A stage `FROM --platform=$BUILDPLATFORM` builds for the
//! machine that builds, and `COPY --from` takes its programs into the image of another platform. A `RUN curl` fetches a
//! release with `amd64` or `x86_64` written into its name.
//!
//! Foreign files that are there on purpose are not counted: test data, cross toolchains, firmware, sets for several
//! platforms of which the own one is there. JSON lists them too, with the reason (`runs[].foreign[]`). Never passed
//! over is what stands in `PATH`, and what npm built (`node_modules/*/build/Release`).
//!
//! ## What to do
//! Install and build where the image is built, for its platform: `npm ci` in the Dockerfile, `node_modules` in
//! `.dockerignore`. In a stage that runs on the build machine cross-compile: `GOARCH=$TARGETARCH`, `cargo build
//! --target`. Fetch releases by `$TARGETARCH`.

use crate::finding::Finding;
use crate::foreign::report::{count, told};
use crate::foreign::ForeignFile;
use crate::remedy::Remedy;
use crate::subject::Subject;

/// The finding's id.
pub(super) const ID: &str = "foreign-program";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let survey = subject.survey?;
    let told = told(survey, ID)?;
    let what = count(&told, "a program", "programs and scripts");
    let message = format!("{what}, not for {}: exec format error when {} called", survey.ground.words(), be(told.files.len()));
    let mut finding = Finding::new(ID, told.severity, message).because(told.evidence);
    finding.remedies = remedies(&told.files);
    Some(finding)
}

fn be(count: usize) -> &'static str {
    if count == 1 { "it is" } else { "they are" }
}

/// What to do about foreign files, by where they stand.
pub(super) fn remedies(files: &[&ForeignFile]) -> Vec<Remedy> {
    let any = |part: &str| files.iter().any(|file| file.path.contains(part));
    let npm = any("/node_modules/");
    let python = any("/site-packages/") || any("/dist-packages/");
    let other = |file: &&ForeignFile| {
        !["/node_modules/", "/site-packages/", "/dist-packages/"].iter().any(|part| file.path.contains(part))
    };
    let mut remedies = Vec::new();
    if npm {
        let commands = ["echo node_modules >> .dockerignore", "RUN npm ci"];
        remedies.push(Remedy::edit("install node_modules in the image, for its platform, and do not copy those of another machine", &commands));
    }
    if python {
        let commands = ["RUN pip install --no-cache-dir -r requirements.txt"];
        remedies.push(Remedy::edit("install wheels in the image, for its platform, and do not copy a venv or wheels of another machine", &commands));
    }
    if files.iter().any(other) {
        let title = "copy from stages of the same platform, cross-compile for $TARGETARCH in stages of --platform=$BUILDPLATFORM, fetch releases by $TARGETARCH";
        remedies.push(Remedy::edit(title, &[]));
    }
    remedies
}
