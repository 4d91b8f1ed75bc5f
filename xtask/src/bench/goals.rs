//! The goals that the image crate was built for, each against what was measured in the same run.

use super::StartUp;
use super::blob::Format;
use super::contender::{
    CONTAINERD, CRANE, DOCKER, FLOOR, OURS, OURS_LABEL, OURS_WARM, PODMAN, Question, SCRIPT, SKOPEO,
};
use super::race::{Answer, Line};
use super::set::Made;

/// The narrow link.
pub(super) const BYTES_PER_SECOND: u32 = 25_000_000;
pub(super) const ROUND_TRIP_MS: u64 = 30;

/// A goal and what became of it.
pub(super) struct Goal {
    pub(super) text: String,
    pub(super) measured: String,
    /// None where the run did not measure it.
    pub(super) is_met: Option<bool>,
}

/// All that a run brought.
pub(super) struct Results<'run> {
    pub(super) lines: &'run [Line],
    pub(super) made: &'run [Made],
    /// Commands that read no image.
    pub(super) start_up: &'run [StartUp],
}

impl Results<'_> {
    /// A line whose answer is right.
    fn line(&self, image: &str, format: &str, question: Question, contender: &str) -> Option<&Line> {
        self.lines.iter().find(|line| {
            line.image == image
                && line.format == format
                && line.question == question
                && line.contender == contender
                && line.counts()
        })
    }

    fn seconds(&self, image: &str, format: &str, contender: &str) -> Option<f64> {
        self.line(image, format, Question::Sweep, contender)?.fastest()
    }

    /// How many times longer another one takes than execfit, for the full sweep.
    fn times(&self, image: &str, format: &str, contender: &str) -> Option<f64> {
        Some(self.seconds(image, format, contender)? / self.seconds(image, format, OURS)?)
    }

    /// All goals, in the order of the page.
    pub(super) fn goals(&self) -> Vec<Goal> {
        let mut goals = Vec::new();
        goals.extend(self.sweeps());
        goals.extend(self.questions());
        goals.extend(self.tables());
        goals.extend(self.cheap());
        goals
    }

    fn sweeps(&self) -> Vec<Goal> {
        let floor = self.times("app", "gzip", FLOOR).map(|times| 1.0 / times);
        let mut goals = vec![at_most(
            "`app`, gzip, full sweep: against the bare inflate + sha256 loop, two threads",
            floor,
            1.15,
        )];
        for (image, script, tools) in [("app", 3.5, 13.0), ("big", 3.5, 12.0)] {
            goals.push(at_least(
                &format!("`{image}`, gzip, full sweep: faster than the best script"),
                self.times(image, "gzip", SCRIPT),
                script,
            ));
            let slowest = [SKOPEO, PODMAN, CONTAINERD, DOCKER].map(|tool| self.times(image, "gzip", tool));
            let least = slowest.into_iter().flatten().min_by(f64::total_cmp);
            goals.push(at_least(
                &format!("`{image}`, gzip, full sweep: faster than skopeo + umoci, podman, containerd and docker, the best of them"),
                least,
                tools,
            ));
        }
        for image in ["app", "big"] {
            let zstd = self.seconds(image, "zstd", OURS);
            let times = self.seconds(image, "gzip", OURS).zip(zstd).map(|(gzip, zstd)| gzip / zstd);
            goals.push(at_least(&format!("`{image}`, full sweep: zstd faster than gzip"), times, 2.0));
            let line = self.line(image, "gzip", Question::Sweep, OURS);
            let megabytes = line.map(|line| line.memory() as f64 / 1e6);
            goals.push(goal(
                format!("`{image}`, gzip, full sweep: peak memory at most 60 MB"),
                megabytes.map(|megabytes| (format!("{megabytes:.0} MB"), megabytes <= 60.0)),
            ));
        }
        goals
    }

    fn questions(&self) -> Vec<Goal> {
        let mut goals = Vec::new();
        for made in self.made.iter().filter(|made| made.layers > 1) {
            let Some(form) = made.forms.iter().find(|(format, _)| format.tag() == "gzip") else { continue };
            let total = form.1.bytes() as f64;
            let holding = form.1.layers.get(made.upper_layer).map_or(0, |layer| layer.size);
            let beyond = self
                .line(&made.name, "gzip", Question::Upper, OURS)
                .and_then(|line| line.shaped)
                .map(|(_, traffic)| 100.0 * (traffic.bytes as f64 - holding as f64).max(0.0) / total);
            goals.push(goal(
                format!("`{}`, a program of an upper layer: at most 1 % of the image's bytes beyond the layer that holds it", made.name),
                beyond.map(|percent| (format!("{percent:.2} %"), percent <= 1.0)),
            ));
            let pace = self
                .line(&made.name, "gzip", Question::Entry, OURS)
                .and_then(|line| line.shaped)
                .map(|(cost, traffic)| cost.wall / (traffic.bytes as f64 / f64::from(BYTES_PER_SECOND)));
            goals.push(at_most(
                &format!("`{}`, the entry point, when everything must be read at 25 MB/s + 30 ms: against the time of its bytes alone", made.name),
                pace,
                1.3,
            ));
        }
        let clean = self.lines.iter().find(|line| {
            (line.image, line.format, line.contender) == ("big", "gzip", OURS)
                && line.question == Question::Sweep
        });
        goals.push(goal(
            "`big`: no file that belongs there is a finding".to_owned(),
            clean.map(|line| match &line.answer {
                Answer::Right(words) => (words.clone(), true),
                Answer::Wrong(words) | Answer::Failed(words) => (words.clone(), false),
                Answer::None => ("no answer".to_owned(), false),
            }),
        ));
        goals
    }

    /// What a table of contents spares: told, without a bound.
    fn tables(&self) -> Vec<Goal> {
        let is_seekable = |line: &&Line| Format::named(line.format).is_some_and(Format::is_seekable);
        let ours = self.lines.iter().filter(|line| line.contender == OURS && line.counts());
        let told = ours.filter(is_seekable).filter_map(|line| {
            let (cost, traffic) = line.shaped?;
            let made = self.made.iter().find(|made| made.name == line.image)?;
            let whole = made.forms.get(&Format::named(line.format)?)?.bytes();
            let measured = format!(
                "{:.2} MB of {:.1} MB, {} requests, {:.2} s at 25 MB/s + 30 ms (all bytes alone: {:.2} s)",
                traffic.bytes as f64 / 1e6,
                whole as f64 / 1e6,
                traffic.requests,
                cost.wall,
                whole as f64 / f64::from(BYTES_PER_SECOND),
            );
            let text = format!("`{}`, {}: {}", line.image, line.format, line.question.title());
            Some(Goal { text, measured, is_met: None })
        });
        told.collect()
    }

    fn cheap(&self) -> Vec<Goal> {
        let mut goals = Vec::new();
        let label = |contender| self.line("app", "gzip", Question::Label, contender);
        let requests = label(OURS_LABEL).and_then(|line| line.shaped).map(|(_, traffic)| traffic.requests);
        goals.push(goal(
            "the label alone: at most 3 requests and 2 for each platform".to_owned(),
            requests.map(|count| (format!("{count} requests, 1 platform"), count <= 5)),
        ));
        let ratio = label(OURS_LABEL).and_then(Line::fastest).zip(label(CRANE).and_then(Line::fastest));
        goals.push(at_most(
            "the label alone: against `crane config`",
            ratio.map(|(ours, crane)| ours / crane),
            1.2,
        ));
        for made in self.made {
            let warm = self.line(&made.name, "gzip", Question::Entry, OURS_WARM);
            let told = warm.and_then(|line| Some((line.fastest()?, line.shaped?.1.requests)));
            goals.push(goal(
                format!("`{}`, warm cache: 1 request, less than 10 ms", made.name),
                told.map(|(seconds, requests)| {
                    (
                        format!("{requests} request(s), {:.1} ms", seconds * 1e3),
                        requests == 1 && seconds < 0.010,
                    )
                }),
            ));
        }
        let ours = self.start_up.iter().filter(|start| start.line.starts_with("execfit"));
        let slowest = ours.max_by(|one, other| one.cost.wall.total_cmp(&other.cost.wall));
        goals.push(goal(
            "start-up: less than 3 ms".to_owned(),
            slowest.map(|start| {
                (format!("{:.1} ms (`{}`)", start.cost.wall * 1e3, start.line), start.cost.wall < 0.003)
            }),
        ));
        goals
    }
}

fn goal(text: String, measured: Option<(String, bool)>) -> Goal {
    match measured {
        Some((measured, is_met)) => Goal { text, measured, is_met: Some(is_met) },
        None => Goal { text, measured: "not measured".to_owned(), is_met: None },
    }
}

fn at_most(text: &str, times: Option<f64>, bound: f64) -> Goal {
    let measured = times.map(|times| (format!("{times:.2}x"), times <= bound));
    goal(format!("{text}: at most {bound}x"), measured)
}

fn at_least(text: &str, times: Option<f64>, bound: f64) -> Goal {
    let measured = times.map(|times| (format!("{times:.1}x"), times >= bound));
    goal(format!("{text}: at least {bound}x"), measured)
}

#[cfg(test)]
mod tests {
    use super::super::StartUp;
    use super::super::measure::Cost;
    use super::super::proxy::Traffic;
    use super::*;

    fn line(contender: &'static str, question: Question, wall: f64, answer: Answer) -> Line {
        let cost = Cost { wall, cpu: wall, memory: 50_000_000 };
        let shaped = Some((cost, Traffic { requests: 1, bytes: 1 }));
        Line { image: "app", format: "gzip", question, contender, direct: vec![cost], shaped, answer }
    }

    fn told(lines: &[Line], words: &str) -> (String, Option<bool>) {
        let cost = Cost { wall: 0.004, cpu: 0.003, memory: 0 };
        let start_up = StartUp { line: "execfit --version".to_owned(), cost };
        let results = Results { lines, made: &[], start_up: &[start_up] };
        let goals = results.goals();
        let goal = goals.iter().find(|goal| goal.text.contains(words)).unwrap();
        (goal.measured.clone(), goal.is_met)
    }

    #[test]
    fn a_goal_is_met_missed_or_not_measured() {
        let sweep = |contender, wall| line(contender, Question::Sweep, wall, Answer::Right(String::new()));
        let lines = [sweep(OURS, 0.5), sweep(FLOOR, 0.4), sweep(SCRIPT, 2.0), sweep(DOCKER, 5.0)];
        assert_eq!(told(&lines, "bare inflate"), ("1.25x".to_owned(), Some(false)));
        assert_eq!(told(&lines, "best script"), ("4.0x".to_owned(), Some(true)));
        assert_eq!(told(&lines, "skopeo + umoci"), ("10.0x".to_owned(), Some(false)));
        assert_eq!(told(&lines, "peak memory"), ("50 MB".to_owned(), Some(true)));
        assert_eq!(told(&lines, "crane config"), ("not measured".to_owned(), None));
        assert_eq!(told(&lines, "start-up"), ("4.0 ms (`execfit --version`)".to_owned(), Some(false)));
    }

    #[test]
    fn a_wrong_answer_wins_nothing() {
        let wrong = line(OURS, Question::Sweep, 0.1, Answer::Wrong("1 missing".to_owned()));
        let script = line(SCRIPT, Question::Sweep, 2.0, Answer::Right(String::new()));
        assert_eq!(told(&[wrong, script], "best script"), ("not measured".to_owned(), None));
    }
}
