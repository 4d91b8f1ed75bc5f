//! Which Dockerfile instruction made which layer. History is a witness, not a proof: builders write it for humans, and
//! some write it wrongly (Debian's buildah marks its COPY empty and hangs the layer on the last instruction).

use crate::config::Step;
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

/// The longest instruction that is shown.
const LONGEST: usize = 200;

/// The instruction that brought `path` with layer number `layer` (0 the lowest) of `layers`.
pub fn attribute(history: &[Step], layer: usize, layers: usize, path: &[u8]) -> Option<Attribution> {
    let made: Vec<&Step> = history.iter().filter(|step| !step.empty_layer).collect();
    let path = String::from_utf8_lossy(path);
    let counted = if made.len() == layers { made.get(layer).copied() } else { None };
    if let Some(step) = counted {
        let text = instruction(&step.created_by);
        if copies_to(&text, &path, true) {
            return Some(Attribution { text, certainty: Certainty::Certain });
        }
        // An instruction that copies elsewhere cannot have brought it; one that is marked empty may be lying.
        let liar = history.iter().filter(|step| step.empty_layer).map(|step| instruction(&step.created_by));
        if let Some(text) = liar.filter(|text| copies_to(text, &path, false)).last() {
            return Some(Attribution { text, certainty: Certainty::Guess });
        }
        let certainty = if mentions(&text, &path) { Certainty::Certain } else { Certainty::Likely };
        return (!text.is_empty()).then_some(Attribution { text, certainty });
    }
    let copies = history.iter().map(|step| instruction(&step.created_by));
    let text = copies.filter(|text| copies_to(text, &path, false)).last()?;
    Some(Attribution { text, certainty: Certainty::Guess })
}

/// `created_by` as a Dockerfile would have it: without the shell, the no-op mark and the builder's remark, values of
/// build arguments and variables redacted, and short.
fn instruction(created_by: &str) -> String {
    let text = created_by.trim();
    let text = text.strip_suffix("# buildkit").unwrap_or(text).trim();
    // Docker's classic builder and buildah wrap everything but RUN: `/bin/sh -c #(nop) COPY file:... in /app`.
    let text = match text.split_once("#(nop)") {
        Some((_, instruction)) => instruction.trim().to_string(),
        None => run(text),
    };
    let text: String = shortened_digests(&without_values(&text)).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() > LONGEST {
        format!("{}...", text.chars().take(LONGEST - 3).collect::<String>())
    } else {
        text
    }
}

/// `|2 A=x B=y /bin/sh -c make` and `/bin/sh -c make` are `RUN make`; BuildKit writes `RUN` itself.
fn run(text: &str) -> String {
    let (text, wrapped) = match text.strip_prefix("RUN ") {
        Some(rest) => (rest.trim(), true),
        None => (text, text.starts_with('|')),
    };
    let text = if text.starts_with('|') { text.find("/bin/").map_or(text, |at| &text[at..]) } else { text };
    match text.strip_prefix("/bin/sh -c ").or(text.strip_prefix("/bin/bash -c ")) {
        Some(command) => format!("RUN {}", command.trim()),
        None if wrapped => format!("RUN {text}"),
        None => text.to_string(),
    }
}

/// Instructions that hold values, without them: `ENV TOKEN=...`, `ARG TOKEN=...`, `|1 TOKEN=...`.
fn without_values(text: &str) -> String {
    let keyword = text.split_whitespace().next().unwrap_or_default();
    if !(keyword.eq_ignore_ascii_case("ENV") || keyword.eq_ignore_ascii_case("ARG") || keyword.starts_with('|')) {
        return text.to_string();
    }
    let words = text.split_whitespace().map(|word| match word.split_once('=') {
        Some((name, value)) if !value.is_empty() && name != "PATH" => format!("{name}=<redacted>"),
        _ => word.to_string(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// `file:` and `dir:` with the digest of what was copied: twelve digits tell as much to a human.
fn shortened_digests(text: &str) -> String {
    let short = |word: &str| match word.split_once(':') {
        Some((kind @ ("file" | "dir" | "multi"), hex)) if hex.len() > 12 && hex.is_ascii() => format!("{kind}:{}", &hex[..12]),
        _ => word.to_string(),
    };
    text.split(' ').map(short).collect::<Vec<_>>().join(" ")
}

/// Whether it is a COPY or ADD whose destination is the path, or a directory above it. `is_known`: by its place in the
/// history it made the layer.
fn copies_to(text: &str, path: &str, is_known: bool) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (Some(keyword), Some(last)) = (words.first(), words.last()) else { return false };
    if !(keyword.eq_ignore_ascii_case("COPY") || keyword.eq_ignore_ascii_case("ADD")) || words.len() < 2 {
        return false;
    }
    let destination = last.trim_matches(['"', '[', ']', ',']);
    if !destination.starts_with('/') {
        return false;
    }
    let folder = destination.trim_end_matches('/');
    // The root is above everything.
    if folder.is_empty() && is_known {
        return true;
    }
    // That says too little where it must be guessed, unless the file's name is among the sources.
    if folder.is_empty() {
        let name = path.rsplit('/').next().unwrap_or_default();
        return words[1..words.len() - 1].iter().any(|source| source.trim_matches(['"', '[', ',']).ends_with(name));
    }
    path == folder || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether the text names the path, or the file by its name.
fn mentions(text: &str, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    text.contains(path) || (name.len() > 2 && text.split(['/', ' ', '"', '\'', '=', ';']).any(|word| word == name))
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

    #[test]
    fn builders_write_it_each_in_their_own_way() {
        let classic = [
            ("/bin/sh -c #(nop) ADD file:abc in / ", false),
            ("/bin/sh -c #(nop)  ENV TOKEN=hunter2", true),
            ("/bin/sh -c #(nop) COPY file:0123 in /app ", false),
            ("|1 KEY=hunter2 /bin/sh -c make   install", false),
        ];
        assert_eq!(show(&classic, 1, 3, "/app"), "Certain: COPY file:0123 in /app");
        assert_eq!(show(&classic, 2, 3, "/usr/bin/x"), "Likely: RUN make install");
        let buildkit = [
            ("RUN /bin/sh -c apt-get install -y tini # buildkit", false),
            ("COPY dist/app /srv/ # buildkit", false),
            ("ENTRYPOINT [\"/srv/app\"]", true),
        ];
        assert_eq!(show(&buildkit, 0, 2, "/usr/bin/tini"), "Certain: RUN apt-get install -y tini");
        assert_eq!(show(&buildkit, 1, 2, "/srv/app"), "Certain: COPY dist/app /srv/");
    }

    #[test]
    fn an_empty_copy_and_a_layer_on_the_last_instruction() {
        let buildah = [
            ("/bin/sh -c #(nop) COPY file:0123 in /app ", true),
            ("/bin/sh -c #(nop) CMD [\"/app\"]", false),
        ];
        assert_eq!(show(&buildah, 0, 1, "/app"), "Guess: COPY file:0123 in /app");
    }

    #[test]
    fn what_does_not_fit_is_a_guess_or_nothing() {
        let short = [("COPY app /app # buildkit", false)];
        assert_eq!(show(&short, 2, 3, "/app"), "Guess: COPY app /app");
        assert_eq!(show(&short, 2, 3, "/bin/sh"), "none");
        assert_eq!(show(&[], 0, 1, "/app"), "none");
    }

    #[test]
    fn no_value_of_a_variable_and_nothing_long_is_shown() {
        let steps = [("ENV TOKEN=hunter2 A=b", false), ("RUN /bin/sh -c echo \u{1b}[31m", false)];
        assert_eq!(show(&steps, 0, 2, "/x"), "Likely: ENV TOKEN=<redacted> A=<redacted>");
        assert_eq!(show(&steps, 1, 2, "/x"), "Likely: RUN echo [31m");
        let long = format!("RUN {}", "x ".repeat(500));
        assert!(show(&[(&long, false)], 0, 1, "/x").len() < 230);
    }
}
