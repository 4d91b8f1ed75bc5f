//! The page of the book: what was measured, how, and which goals are met.

use std::fmt::Write;

use super::contender::{self, Contender, OURS, Question};
use super::goals::{Goal, Results};
use super::race::{Answer, Line};
use super::recipe::{ALL, Recipe};
use super::set::Made;

const INTRODUCTION: &str = include_str!("introduction.md");

const LEGEND: &str = "
`$IMAGE` is `127.0.0.1:PORT/bench/NAME:FORM`, `$LAYERS` the addresses of its blobs, `$MACHINES` and `$NATIVE` what its
architecture is called in ELF headers and by `file`, `$UPPER` the static program of an upper layer, `$WORK` an empty
folder. `$EXECFIT` is `target/release/execfit`, `$FLOOR` and `$LABEL` are examples of `crates/image`, `$ELFSCAN` is
`xtask/src/bench/elfscan.py`. `crane` is built from Debian's package of its source. `$FILES` stands for:
";

/// What stands around the figures.
pub(super) struct Setting {
    pub(super) date: String,
    pub(super) machine: String,
    pub(super) versions: Vec<String>,
    /// What took no part, and why.
    pub(super) absent: Vec<String>,
}

/// Writes the whole page.
pub(super) fn page(setting: &Setting, results: &Results<'_>) -> String {
    let mut page = INTRODUCTION.to_owned();
    let versions = setting.versions.join(", ");
    push(&mut page, &format!("\nMeasured {} on {}. {versions}.\n", setting.date, setting.machine));
    for absent in &setting.absent {
        push(&mut page, &format!("\nTook no part: {absent}.\n"));
    }
    push(&mut page, "\n## Goals\n\n");
    push(&mut page, &goals(&results.goals()));
    push(&mut page, "\n## The images\n\n");
    push(&mut page, &images(results.made));
    for question in Question::ALL {
        push(&mut page, &answers(question, results));
    }
    push(
        &mut page,
        "\n## Start-up\n\nThe fastest of a hundred runs.\n\n| command | ms | peak MB |\n|---|---|---|\n",
    );
    for start in results.start_up {
        let (milliseconds, memory) = (start.cost.wall * 1e3, start.cost.memory / 1_000_000);
        push(&mut page, &format!("| `{}` | {milliseconds:.2} | {memory} |\n", start.line));
    }
    push(&mut page, "\n## The commands\n");
    push(&mut page, &commands(results.lines));
    page
}

fn push(page: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _: std::fmt::Result = page.write_str(text);
}

fn goals(goals: &[Goal]) -> String {
    let mut table = "| goal | measured | |\n|---|---|---|\n".to_owned();
    for goal in goals {
        let met = match goal.is_met {
            Some(true) => "met",
            Some(false) => "**not met**",
            None => "",
        };
        push(&mut table, &format!("| {} | {} | {met} |\n", goal.text, goal.measured));
    }
    table
}

fn images(made: &[Made]) -> String {
    let mut table =
        "| image | what | layers | unpacked | ELF files, foreign ones | stored |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for made in made {
        let about = ALL.iter().find(|recipe| recipe.name == made.name).map_or("", |recipe| recipe.about);
        let forms =
            made.forms.iter().map(|(format, form)| format!("{} {}", format.tag(), megabytes(form.bytes())));
        push(
            &mut table,
            &format!(
                "| `{}` | {about} | {} | {} | {}, {} | {} |\n",
                made.name,
                made.layers,
                megabytes(made.unpacked),
                made.programs,
                made.foreign.len(),
                forms.collect::<Vec<_>>().join(", "),
            ),
        );
    }
    table
}

/// The tables of one question: one for each image in each form.
fn answers(question: Question, results: &Results<'_>) -> String {
    let mut section = format!("\n## {}\n", question.title());
    for (image, format) in forms(results) {
        let lines: Vec<&Line> = results
            .lines
            .iter()
            .filter(|line| (line.question, line.image, line.format) == (question, image, format))
            .collect();
        if !lines.is_empty() {
            push(&mut section, &format!("\n### `{image}`, {format}\n\n"));
            push(&mut section, &table(&lines));
        }
    }
    section
}

fn forms<'run>(results: &Results<'run>) -> Vec<(&'run str, &'run str)> {
    let mut forms = Vec::new();
    for line in results.lines {
        if !forms.contains(&(line.image, line.format)) {
            forms.push((line.image, line.format));
        }
    }
    forms
}

fn table(lines: &[&Line]) -> String {
    let ours = lines.iter().find(|line| line.contender.starts_with(OURS)).and_then(|line| line.fastest());
    let mut table = "| | min s | median s | CPU s | peak MB | times execfit's | at 25 MB/s + 30 ms | MB | requests | answer |\n\
                     |---|---|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for line in lines {
        push(&mut table, &row(line, ours));
    }
    table
}

fn row(line: &Line, ours: Option<f64>) -> String {
    let answer = match &line.answer {
        Answer::Right(words) => words.clone(),
        Answer::Wrong(words) => format!("**wrong**: {}", cell(words)),
        Answer::Failed(words) => format!("**failed**: {}", cell(words)),
        Answer::None => "none".to_owned(),
    };
    let Some(fastest) = line.fastest() else {
        return format!("| {} | | | | | | | | | {answer} |\n", line.contender);
    };
    let times = ours.map_or(String::new(), |ours| format!("{:.2}", fastest / ours));
    let (shaped, bytes, requests) = match line.shaped {
        Some((cost, traffic)) => {
            (seconds(cost.wall), megabytes_alone(traffic.bytes), traffic.requests.to_string())
        }
        None => Default::default(),
    };
    format!(
        "| {} | {} | {} | {} | {} | {times} | {shaped} | {bytes} | {requests} | {answer} |\n",
        line.contender,
        seconds(fastest),
        seconds(line.middle()),
        seconds(line.processor()),
        line.memory() / 1_000_000,
    )
}

/// Each command once, as it is run.
fn commands(lines: &[Line]) -> String {
    let took_part = |contender: &&Contender| {
        lines.iter().any(|line| (line.contender, line.question) == (contender.name, contender.question))
    };
    let mut section = format!("{LEGEND}\n```sh\n{}\n```\n", contender::FILES);
    for question in Question::ALL {
        push(&mut section, &format!("\n**{}**\n", question.title()));
        for contender in
            contender::ALL.iter().filter(|contender| contender.question == question).filter(took_part)
        {
            push(&mut section, &format!("\n{}:\n\n```sh\n", contender.name));
            if !contender.before.is_empty() {
                push(&mut section, &format!("# before, not measured\n{}\n# measured\n", contender.before));
            }
            push(&mut section, &format!("{}\n```\n", contender.line));
        }
    }
    section
}

/// Text of a program, fit for a table.
fn cell(text: &str) -> String {
    let clean: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let mut short: String = clean.replace('|', "\\|").chars().take(120).collect();
    if clean.chars().count() > 120 {
        short.push_str("...");
    }
    short
}

fn seconds(seconds: f64) -> String {
    if seconds < 0.1 { format!("{seconds:.4}") } else { format!("{seconds:.2}") }
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", megabytes_alone(bytes))
}

fn megabytes_alone(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    if megabytes < 1.0 { format!("{megabytes:.4}") } else { format!("{megabytes:.1}") }
}

/// The recipe of a name.
pub(super) fn recipe(name: &str) -> Option<&'static Recipe> {
    ALL.iter().find(|recipe| recipe.name == name)
}

#[cfg(test)]
mod tests {
    use super::super::StartUp;
    use super::super::measure::Cost;
    use super::super::proxy::Traffic;
    use super::*;

    fn line(contender: &'static str, walls: &[f64], answer: Answer) -> Line {
        let cost = |&wall: &f64| Cost { wall, cpu: 2.0 * wall, memory: 20_000_000 };
        let direct: Vec<Cost> = walls.iter().map(cost).collect();
        let shaped = direct.first().map(|cost| (*cost, Traffic { requests: 7, bytes: 127_730_000 }));
        Line { image: "app", format: "gzip", question: Question::Sweep, contender, direct, shaped, answer }
    }

    #[test]
    fn a_row_tells_all_costs_and_the_ratio() {
        let ours = line(OURS, &[0.5, 0.6, 0.55], Answer::Right("4 files".to_owned()));
        let other = line("other", &[2.0], Answer::Wrong("1 missing, 0 too many, such as /a|b".to_owned()));
        let broken = line("broken", &[], Answer::Failed("no such\nthing".to_owned()));
        let table = table(&[&ours, &other, &broken]);
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| execfit | 0.50 | 0.55 | 1.10 | 20 | 1.00 | 0.50 | 127.7 | 7 | 4 files |",
                "| other | 2.00 | 2.00 | 4.00 | 20 | 4.00 | 2.00 | 127.7 | 7 | **wrong**: 1 missing, 0 too many, such as /a\\|b |",
                "| broken | | | | | | | | | **failed**: no such thing |",
            ]
        );
    }

    #[test]
    fn a_page_says_what_was_not_met() {
        let lines = [line(OURS, &[0.5], Answer::Right("4 files".to_owned()))];
        let cost = Cost { wall: 0.0021, cpu: 0.002, memory: 9_000_000 };
        let start_up = [StartUp { line: "execfit --version".to_owned(), cost }];
        let results = Results { lines: &lines, made: &[], start_up: &start_up };
        let setting = Setting {
            date: "2026-01-01".to_owned(),
            machine: "2 cores".to_owned(),
            versions: vec!["skopeo 1.9.3".to_owned()],
            absent: vec!["crane config (no crane)".to_owned()],
        };
        let page = page(&setting, &results);
        assert!(page.contains("Measured 2026-01-01 on 2 cores. skopeo 1.9.3."), "{page}");
        assert!(page.contains("Took no part: crane config (no crane)."), "{page}");
        assert!(page.contains("| start-up: less than 3 ms | 2.1 ms (`execfit --version`) | met |"), "{page}");
        assert!(page.contains("at least 3.5x | not measured |  |"), "{page}");
        assert!(page.contains("### `app`, gzip"), "{page}");
    }
}
