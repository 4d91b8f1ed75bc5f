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
        of_members.filter_map(|constraint| constraint["expression"].as_str().map(Constraint::parse)).collect()
    }

    fn parse(text: &str) -> Constraint {
        let words = text.replace("&&", " and ").replace("||", " or ");
        let alternatives = words.split_whitespace().any(|word| word.eq_ignore_ascii_case("or"));
        let mut comparisons = Vec::new();
        let mut understood = !alternatives;
        if !alternatives {
            for clause in split_at_and(&words) {
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
        self.comparisons.iter().all(|comparison| {
            let value = attribute(&comparison.attribute);
            let holds = match &comparison.matcher {
                Matcher::Exists => value.is_some(),
                Matcher::In(values) => value.is_some_and(|value| values.iter().any(|wanted| wanted == value)),
                Matcher::Pattern(pattern) => value.is_some_and(|value| matches(pattern, value)),
            };
            holds != comparison.negated
        })
    }

    /// Whether it says anything about this attribute.
    pub fn speaks_of(&self, attribute: &str) -> bool {
        self.comparisons.iter().any(|comparison| comparison.attribute == attribute)
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
        ] {
            assert_eq!(admits(expression), (admitted, understood), "{expression}");
        }
    }
}
