//! Which Dockerfile instruction made which layer. History is a witness, not a proof: builders write it for humans, and
//! some write it wrongly (Debian's buildah marks its COPY empty and hangs the layer on the last instruction).

mod instruction;

use crate::config::Step;
use instruction::{Fit, Instruction};
use serde::{Deserialize, Serialize};

/// An instruction that is thought to have brought a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribution {
    /// The instruction as a Dockerfile would have it, e.g. `COPY app /app`, cleaned of builders' wrappings.
    pub text: String,
    /// How sure that is.
    pub certainty: Certainty,
}

/// How sure an [`Attribution`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// The history counts as many layer-making entries as there are layers, and the text fits the path.
    Certain,
    /// The counts fit, but the text does not mention the path.
    Likely,
    /// Found by the destination path alone, or the history does not fit the layers.
    Guess,
}

/// A step of the history with the working directory that it was made in.
struct Made {
    instruction: Instruction,
    directory: String,
    empty: bool,
}

impl Made {
    fn fit(&self, path: &str) -> Fit {
        self.instruction.fit(&self.directory, path)
    }

    fn by(&self, certainty: Certainty) -> Option<Attribution> {
        let text = self.instruction.shown.clone();
        (!text.is_empty()).then_some(Attribution { text, certainty })
    }
}

/// The instruction that brought `path` with layer number `layer` (0 the lowest) of `layers`.
pub fn attribute(history: &[Step], layer: usize, layers: usize, path: &[u8]) -> Option<Attribution> {
    let path = String::from_utf8_lossy(path);
    let steps = read(history);
    let making: Vec<usize> = (0..steps.len()).filter(|at| !steps[*at].empty).collect();
    if making.len() != layers {
        return copied(&steps, &path, 0..steps.len())?.by(Certainty::Guess);
    }
    let at = *making.get(layer)?;
    let step = &steps[at];
    if step.fit(&path) != Fit::No {
        return step.by(Certainty::Certain);
    }
    // Steps between the last layer and this one that claim to be empty may be lying.
    let first = layer.checked_sub(1).and_then(|below| making.get(below)).map_or(0, |below| below + 1);
    if let Some(liar) = copied(&steps, &path, first..at) {
        return liar.by(Certainty::Guess);
    }
    if step.instruction.is_metadata() {
        // It can have brought no file at all: the last step before it that can, did.
        let before = steps[first..at].iter().rev().find(|step| !step.instruction.is_metadata());
        return before.unwrap_or(step).by(Certainty::Guess);
    }
    let certain = step.instruction.mentions(&path);
    step.by(if certain { Certainty::Certain } else { Certainty::Likely })
}

/// Reads the steps, following WORKDIR.
fn read(history: &[Step]) -> Vec<Made> {
    let mut directory = String::from("/");
    let made = |step: &Step| {
        // Builders that write no command may write what they are: `jib-maven-plugin:3.4`.
        let text = if step.created_by.trim().is_empty() { &step.comment } else { &step.created_by };
        let instruction = Instruction::read(text);
        if let Some(next) = instruction.directory(&directory) {
            directory = next;
        }
        Made { instruction, directory: directory.clone(), empty: step.empty_layer }
    };
    history.iter().map(made).collect()
}

/// The last COPY or ADD of some steps whose destination is the path, else one that is above it. The root is above
/// everything, and counts only for a source of the file's name.
fn copied<'s>(steps: &'s [Made], path: &str, range: std::ops::Range<usize>) -> Option<&'s Made> {
    let last = |wanted: Fit| steps.get(range.clone())?.iter().rev().find(|step| step.fit(path) == wanted);
    last(Fit::Exact).or_else(|| last(Fit::Above))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(steps: &[(&str, bool)]) -> Vec<Step> {
        let step = |(created_by, empty_layer): &(&str, bool)| Step {
            created_by: created_by.to_string(),
            comment: String::new(),
            empty_layer: *empty_layer,
        };
        steps.iter().map(step).collect()
    }

    fn show(steps: &[(&str, bool)], layer: usize, layers: usize, path: &str) -> String {
        match attribute(&history(steps), layer, layers, path.as_bytes()) {
            Some(Attribution { text, certainty }) => format!("{certainty:?}: {text}"),
            None => "none".into(),
        }
    }

    /// The text of a single step.
    fn text(created_by: &str) -> String {
        Instruction::read(created_by).shown
    }

    #[test]
    fn builders_write_it_each_in_their_own_way() {
        let classic = [
            ("/bin/sh -c #(nop) ADD file:0123456789abcdef in / ", false),
            ("/bin/sh -c #(nop)  ENV TOKEN=hunter2", true),
            ("/bin/sh -c #(nop) COPY file:0123 in /app ", false),
            ("|1 KEY=hunter2 /bin/sh -c make   install", false),
        ];
        assert_eq!(show(&classic, 0, 3, "/usr/lib/x"), "Certain: ADD file:0123456789ab in /");
        assert_eq!(show(&classic, 1, 3, "/app"), "Certain: COPY file:0123 in /app");
        assert_eq!(show(&classic, 2, 3, "/usr/bin/x"), "Likely: RUN make install");
        let buildkit = [
            ("RUN /bin/sh -c apt-get install -y tini # buildkit", false),
            ("WORKDIR /srv", true),
            ("COPY --chown=1:1 --link dist/app . # buildkit", false),
            ("COPY [\"a b\", \"/opt/with space/\"] # buildkit", false),
            ("COPY x $HOME/ # buildkit", false),
            ("ENTRYPOINT [\"/srv/app\"]", true),
        ];
        assert_eq!(show(&buildkit, 0, 4, "/usr/bin/tini"), "Certain: RUN apt-get install -y tini");
        assert_eq!(show(&buildkit, 1, 4, "/srv/app"), "Certain: COPY --chown=1:1 --link dist/app .");
        assert_eq!(
            show(&buildkit, 2, 4, "/opt/with space/a b"),
            "Certain: COPY [\"a b\", \"/opt/with space/\"]"
        );
        assert_eq!(show(&buildkit, 3, 4, "/root/y"), "Likely: COPY x $HOME/");
        let kaniko = [("COPY bin/app /bin/app", false), ("RUN make", false)];
        assert_eq!(show(&kaniko, 0, 2, "/usr/bin/app"), "Certain: COPY bin/app /bin/app");
        let others = [("bazel build ...", false), ("ko build ko://example.com/app", false), ("", false)];
        assert_eq!(show(&others, 0, 3, "/app"), "Likely: bazel build ...");
        assert_eq!(show(&others, 1, 3, "/ko-app/app"), "Certain: ko build ko://example.com/app");
        assert_eq!(show(&others, 2, 3, "/app"), "none");
        let mut jib = history(&[("", false)]);
        jib[0].comment = "jib-maven-plugin:3.4.1".into();
        assert_eq!(attribute(&jib, 0, 1, b"/app").unwrap().text, "jib-maven-plugin:3.4.1");
    }

    #[test]
    fn shells_and_arguments() {
        assert_eq!(text("RUN |2 A=x B=a b /bin/bash -o pipefail -c make # buildkit"), "RUN make");
        assert_eq!(text("|1 T=a /bin/c d /bin/sh -c echo /bin/sh -c x"), "RUN echo /bin/sh -c x");
        assert_eq!(text("/bin/bash -euxc make"), "RUN make");
        assert_eq!(text("/busybox/busybox sh -c make"), "RUN make");
        assert_eq!(text("RUN |1 TOKEN=hunter2 make # buildkit"), "RUN <redacted>");
        assert_eq!(text("RUN [\"/app\", \"--init\"]"), "RUN [\"/app\", \"--init\"]");
        assert_eq!(text("/app/install --now"), "/app/install --now");
        assert_eq!(text(""), "");
    }

    #[test]
    fn an_empty_copy_and_a_layer_on_the_last_instruction() {
        let buildah = [
            ("/bin/sh -c #(nop) ADD file:ff in / ", false),
            ("/bin/sh -c #(nop) COPY file:0123 in /app ", true),
            ("/bin/sh -c #(nop) COPY file:4567 in /etc/app/ ", true),
            ("/bin/sh -c #(nop) CMD [\"/app\"]", false),
        ];
        assert_eq!(show(&buildah, 1, 2, "/app"), "Guess: COPY file:0123 in /app");
        assert_eq!(show(&buildah, 1, 2, "/etc/app/x"), "Guess: COPY file:4567 in /etc/app/");
        assert_eq!(show(&buildah, 1, 2, "/other"), "Guess: COPY file:4567 in /etc/app/");
        assert_eq!(show(&buildah, 0, 2, "/app"), "Certain: ADD file:ff in /");
        assert_eq!(show(&[("CMD [\"/app\"]", false)], 0, 1, "/app"), "Guess: CMD [\"/app\"]");
    }

    #[test]
    fn what_does_not_fit_is_a_guess_or_nothing() {
        let short = [("COPY . / # buildkit", false), ("COPY app /app # buildkit", false)];
        assert_eq!(show(&short, 2, 3, "/app"), "Guess: COPY app /app");
        assert_eq!(show(&short, 2, 3, "/bin/sh"), "none");
        assert_eq!(
            show(&[("COPY rootfs/init / # buildkit", true)], 0, 1, "/init"),
            "Guess: COPY rootfs/init /"
        );
        assert_eq!(show(&[], 0, 1, "/app"), "none");
    }

    #[test]
    fn no_secret_and_nothing_long_is_shown() {
        assert_eq!(text("ENV TOKEN=hunter2 A=b PATH=/bin"), "ENV TOKEN=<redacted> A=<redacted> PATH=/bin");
        assert_eq!(text("ENV TOKEN hunter2 and more"), "ENV TOKEN <redacted>");
        assert_eq!(text("ENV A=\"hunter2 and more\""), "ENV A=<redacted>");
        assert_eq!(text("ARG TOKEN"), "ARG TOKEN");
        assert_eq!(
            text("RUN NPM_TOKEN=hunter2 npm ci --db-password=x"),
            "RUN NPM_TOKEN=<redacted> npm ci --db-password=<redacted>"
        );
        assert_eq!(
            text("RUN git clone https://me:hunter2@git.test/x"),
            "RUN git clone https://<redacted>@git.test/x"
        );
        assert_eq!(text("RUN echo \u{1b}[31m \u{202e}x"), "RUN echo \\u{1b}[31m \\u{202e}x");
        assert!(text(&format!("RUN {}", "x ".repeat(50_000))).len() <= 200);
        assert!(text(&"\u{1b}é".repeat(50_000)).chars().count() <= 200);
    }
}
