//! The faces of `explain`.

use super::text::{BOLD, DIM};
use execfit_diagnosis::findings::{ALL, Kind};
use execfit_diagnosis::log_line::Meaning;
use serde_json::{Value, json};

/// What was explained.
#[derive(Debug)]
pub enum Explained {
    /// All findings.
    List,
    /// One finding.
    Page(&'static Kind),
    /// A line of text.
    Line(Meaning),
}

/// For humans.
pub fn text(explained: &Explained) {
    let mut page = String::new();
    match explained {
        Explained::List => {
            for kind in ALL {
                page.push_str(&format!("{BOLD}{:24}{BOLD:#} {}\n", kind.id, headline(kind)));
            }
        }
        Explained::Page(kind) => page = format!("{BOLD}{}{BOLD:#}\n\n{}\n", kind.id, kind.page()),
        Explained::Line(meaning) => {
            let errno =
                meaning.errno.map(|errno| format!("{errno} (errno {}): {}\n", errno.number(), errno.text()));
            page.push_str(&format!("{BOLD}{}{BOLD:#} prints this.\n", meaning.emitter));
            page.push_str(&errno.unwrap_or_default());
            if let Some(object) = &meaning.object {
                page.push_str(&format!("It speaks of {}.\n", super::printable(object)));
            }
            page.push_str(&format!("{}.\n", capitalised(meaning.says)));
            page.push_str(&format!("Phase: {}.\n", meaning.phase));
            if !meaning.wrapped_by.is_empty() {
                let around: Vec<&str> = meaning.wrapped_by.iter().map(|wrapper| wrapper.by).collect();
                page.push_str(&format!("Words around it are of {}.\n", around.join("; ")));
            }
            if meaning.cut {
                page.push_str(
                    "Its end was cut off: Amazon ECS keeps 1024 characters of a reason, once 255.\n",
                );
            }
            page.push_str(&format!(
                "Exit code: {}. {DIM}Source: {}.{DIM:#}\n\n",
                meaning.exit_codes, meaning.source
            ));
            page.push_str("The same line comes from different causes; only the file tells which:\n");
            for id in meaning.causes {
                let words = ALL.iter().find(|kind| kind.id == *id).map(headline).unwrap_or_default();
                page.push_str(&format!("  {BOLD}{id:24}{BOLD:#} {words}\n"));
            }
            page.push_str(
                "\nhelp: `execfit diagnose CLUSTER/SERVICE` or `execfit inspect IMAGE` reads the file\n",
            );
        }
    }
    super::print(&page);
}

/// For programs.
pub fn json(explained: &Explained) -> Value {
    let of_kind = |kind: &Kind| json!({"id": kind.id, "title": headline(kind), "page": kind.page()});
    match explained {
        Explained::List => {
            json!({"schema": "execfit/explain/v1", "findings": ALL.iter().map(of_kind).collect::<Vec<_>>()})
        }
        Explained::Page(kind) => json!({"schema": "execfit/explain/v1", "finding": of_kind(kind)}),
        Explained::Line(meaning) => json!({"schema": "execfit/explain/v1", "line": {
            "emitter": meaning.emitter,
            "phase": meaning.phase,
            "errno": meaning.errno.map(|errno| errno.name()),
            "object": meaning.object,
            "meaning": meaning.says,
            "exit_codes": meaning.exit_codes,
            "printed_by": meaning.printed_by.iter()
                .map(|(printer, codes)| json!({"name": printer.name(), "exit_codes": codes})).collect::<Vec<_>>(),
            "wrapped_by": meaning.wrapped_by.iter().map(|wrapper| wrapper.by).collect::<Vec<_>>(),
            "cut": meaning.cut,
            "causes": meaning.causes,
            "source": meaning.source,
        }}),
    }
}

fn headline(kind: &Kind) -> String {
    kind.page().lines().next().unwrap_or_default().to_string()
}

fn capitalised(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
