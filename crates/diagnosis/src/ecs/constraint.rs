//! Placement constraints: ECS's cluster query language, as far as it names attributes.

use serde_json::Value;

/// A `memberOf` expression, cut into its comparisons (ECS developer guide, cluster query language).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint {
    /// Comparisons that must all hold.
    comparisons: Vec<Comparison>,
    /// The expression as it was written.
    pub text: String,
    /// Whether every part of it was understood.
    pub understood: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparison {
    attribute: String,
    negated: bool,
    matcher: Matcher,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Matcher {
    In(Vec<String>),
    Pattern(String),
    Exists,
}

impl Constraint {
    /// The constraints of a task definition, service or RunTask.
    pub fn all_of<'v>(owners: impl IntoIterator<Item = &'v Value>) -> Vec<Constraint> {
        let lists = owners.into_iter().filter_map(|owner| owner["placementConstraints"].as_array());
        let of_members = lists.flatten().filter(|constraint| constraint["type"].as_str() == Some("memberOf"));
        of_members.filter_map(Constraint::of).collect()
    }

    /// One constraint; `None` where it is no `memberOf`.
    pub(crate) fn of(constraint: &Value) -> Option<Constraint> {
        let of_members = constraint["type"].as_str() == Some("memberOf");
        constraint["expression"].as_str().filter(|_| of_members).map(Constraint::parse)
    }

    fn parse(text: &str) -> Constraint {
        let words = text.replace("&&", " and ").replace("||", " or ");
        let alternatives = words.split_whitespace().any(|word| word.eq_ignore_ascii_case("or"));
        let mut comparisons = Vec::new();
        let mut understood = !alternatives;
        if !alternatives {
            let clauses = split_at_and(&words);
            // `not (a and b)` is not `not a` and `b`.
            let count = |clause: &str, c| clause.chars().filter(|found| *found == c).count();
            let negates = |clause: &str| clause.trim().starts_with("not") || clause.trim().starts_with('!');
            let opens = |clause: &String| negates(clause) && count(clause, '(') > count(clause, ')');
            let grouped = clauses.iter().any(opens);
            understood = !grouped;
            for clause in clauses.iter().filter(|_| !grouped) {
                match comparison(clause.trim().trim_matches(['(', ')']).trim()) {
                    Some(comparison) => comparisons.push(comparison),
                    None => understood = false,
                }
            }
        }
        Constraint { comparisons, text: text.to_string(), understood }
    }

    /// Whether an instance with these attributes may be chosen; what was not understood does not exclude it.
    pub fn admits<'v>(&self, attribute: impl Fn(&str) -> Option<&'v str>) -> bool {
        self.comparisons.iter().all(|comparison| comparison.holds(attribute(&comparison.attribute)))
    }

    /// Whether it keeps away every instance whose attribute has this value; what was not understood keeps none away.
    pub fn excludes(&self, attribute: &str, value: &str) -> bool {
        let of_it = self.comparisons.iter().filter(|comparison| comparison.attribute == attribute);
        of_it.into_iter().any(|comparison| !comparison.holds(Some(value)))
    }

    /// Whether its text names this attribute, understood or not.
    pub fn names(&self, attribute: &str) -> bool {
        self.text.contains(attribute)
    }

    /// The expression with another value, where it is nothing but `attribute:NAME == VALUE`.
    pub fn with_value(&self, attribute: &str, value: &str) -> Option<String> {
        let [only] = &self.comparisons[..] else { return None };
        let Matcher::In(values) = &only.matcher else { return None };
        let ([old], false, true) = (&values[..], only.negated, self.understood) else { return None };
        let is_equality = self.text.contains("==") || self.text.contains("equals");
        if only.attribute != attribute || !is_equality || old.is_empty() {
            return None;
        }
        let (head, tail) = self.text.rsplit_once(&old[..])?;
        let changed = format!("{head}{value}{tail}");
        // Only where the value is what was replaced.
        let reads = Constraint::parse(&changed);
        let wanted = Matcher::In(vec![value.to_string()]);
        matches!(&reads.comparisons[..], [one] if one.matcher == wanted && one.attribute == attribute)
            .then_some(changed)
    }

    /// What it says of all other attributes.
    pub fn without(&self, attribute: &str) -> Constraint {
        let mut rest = self.clone();
        rest.comparisons.retain(|comparison| comparison.attribute != attribute);
        rest
    }

    /// Whether it says anything about this attribute.
    pub fn speaks_of(&self, attribute: &str) -> bool {
        self.comparisons.iter().any(|comparison| comparison.attribute == attribute)
    }
}

impl Comparison {
    fn holds(&self, value: Option<&str>) -> bool {
        let holds = match &self.matcher {
            Matcher::Exists => value.is_some(),
            Matcher::In(values) => value.is_some_and(|value| values.iter().any(|wanted| wanted == value)),
            Matcher::Pattern(pattern) => value.is_some_and(|value| matches(pattern, value)),
        };
        holds != self.negated
    }
}

fn split_at_and(text: &str) -> Vec<String> {
    let mut clauses = vec![String::new()];
    for word in text.split_whitespace() {
        if word.eq_ignore_ascii_case("and") {
            clauses.push(String::new());
        } else if let Some(clause) = clauses.last_mut() {
            clause.push(' ');
            clause.push_str(word);
        }
    }
    clauses
}

fn comparison(clause: &str) -> Option<Comparison> {
    let (clause, not) = match clause.strip_prefix("not").or(clause.strip_prefix('!')) {
        Some(rest) => (rest.trim().trim_matches(['(', ')']).trim(), true),
        None => (clause, false),
    };
    let rest = clause.strip_prefix("attribute:")?;
    let end = rest.find(|c: char| c.is_whitespace() || "=!<>~".contains(c)).unwrap_or(rest.len());
    let (attribute, rest) = rest.split_at(end);
    let rest = rest.trim();
    let bare = |value: &str| value.trim().trim_matches(['\'', '"']).to_string();
    let one = |value: &str| Matcher::In(vec![bare(value)]);
    let many = |list: &str| {
        let items = list.trim().trim_matches(['[', ']']).split(',');
        Matcher::In(items.map(bare).collect())
    };
    let (matcher, negated) = if let Some(value) = rest.strip_prefix("==").or(rest.strip_prefix("equals ")) {
        (one(value), false)
    } else if let Some(value) = rest.strip_prefix("!=").or(rest.strip_prefix("not_equals ")) {
        (one(value), true)
    } else if let Some(list) = rest.strip_prefix("in ") {
        (many(list), false)
    } else if let Some(list) = rest.strip_prefix("not_in ").or(rest.strip_prefix("!in ")) {
        (many(list), true)
    } else if let Some(pattern) = rest.strip_prefix("=~").or(rest.strip_prefix("matches ")) {
        (Matcher::Pattern(pattern.trim().to_string()), false)
    } else if rest.is_empty() || rest == "exists" {
        (Matcher::Exists, false)
    } else if rest == "not_exists" || rest == "!exists" {
        (Matcher::Exists, true)
    } else {
        return None;
    };
    Some(Comparison { attribute: attribute.to_string(), negated: negated != not, matcher })
}

/// The patterns that people write: text with `*` or `.*` for anything.
fn matches(pattern: &str, value: &str) -> bool {
    let pattern = pattern.replace(".*", "*");
    let mut pieces = pattern.split('*');
    let Some(mut rest) = value.strip_prefix(pieces.next().unwrap_or_default()) else { return false };
    let mut last = None;
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
        last = Some(piece);
    }
    match last {
        None => rest.is_empty(),
        Some(piece) => piece.is_empty() || value.ends_with(piece),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(expression: &str) -> (bool, bool) {
        let constraint = Constraint::parse(expression);
        let graviton = |name: &str| match name {
            "ecs.cpu-architecture" => Some("arm64"),
            "ecs.instance-type" => Some("t4g.small"),
            _ => None,
        };
        (constraint.admits(graviton), constraint.understood)
    }

    #[test]
    fn an_arm64_instance_against_expressions() {
        for (expression, admitted, understood) in [
            ("attribute:ecs.cpu-architecture == arm64", true, true),
            ("attribute:ecs.cpu-architecture==x86_64", false, true),
            ("attribute:ecs.cpu-architecture != arm64", false, true),
            ("attribute:ecs.cpu-architecture in [arm64, x86_64]", true, true),
            ("attribute:ecs.cpu-architecture not_in [arm64]", false, true),
            ("not(attribute:ecs.cpu-architecture == arm64)", false, true),
            ("attribute:ecs.instance-type =~ t4g.*", true, true),
            ("attribute:ecs.instance-type =~ t2.* and attribute:ecs.cpu-architecture == arm64", false, true),
            ("attribute:stack exists", false, true),
            ("attribute:a == b or attribute:ecs.cpu-architecture == x86_64", true, false),
            ("task:group == web", true, false),
            ("not (attribute:ecs.cpu-architecture == arm64 and attribute:stack == blue)", true, false),
            ("(attribute:ecs.cpu-architecture == x86_64) and (attribute:stack exists)", false, true),
        ] {
            assert_eq!(admits(expression), (admitted, understood), "{expression}");
        }
    }

    #[test]
    fn one_comparison_takes_another_value() {
        let cpu = "ecs.cpu-architecture";
        for (expression, changed) in [
            ("attribute:ecs.cpu-architecture == x86_64", Some("attribute:ecs.cpu-architecture == arm64")),
            ("attribute:ecs.cpu-architecture==\"x86_64\"", Some("attribute:ecs.cpu-architecture==\"arm64\"")),
            (
                "(attribute:ecs.cpu-architecture equals x86_64)",
                Some("(attribute:ecs.cpu-architecture equals arm64)"),
            ),
            ("attribute:ecs.cpu-architecture != x86_64", None),
            ("not(attribute:ecs.cpu-architecture == x86_64)", None),
            ("attribute:ecs.cpu-architecture in [x86_64]", None),
            ("attribute:ecs.cpu-architecture == x86_64 and attribute:stack == blue", None),
            ("attribute:ecs.cpu-architecture == x86_64 or attribute:stack == blue", None),
            ("attribute:stack == x86_64", None),
            ("attribute:ecs.cpu-architecture == ", None),
        ] {
            assert_eq!(
                Constraint::parse(expression).with_value(cpu, "arm64").as_deref(),
                changed,
                "{expression}"
            );
        }
    }

    #[test]
    fn what_keeps_an_architecture_away() {
        let excludes = |text: &str| Constraint::parse(text).excludes("ecs.cpu-architecture", "arm64");
        assert!(excludes("attribute:ecs.cpu-architecture == x86_64 and attribute:stack == blue"));
        assert!(!excludes("attribute:ecs.cpu-architecture in [x86_64, arm64] and attribute:stack == blue"));
        assert!(!excludes("attribute:stack == blue"));
    }
}
