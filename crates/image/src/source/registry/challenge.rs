//! What a registry asks for with its 401: `WWW-Authenticate` (RFC 9110, section 11.6.1).

use std::collections::BTreeMap;

/// A challenge that we can answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User name and password, with every request (RFC 7617).
    Basic,
    /// A token of another place (Docker registry token authentication, "How to authenticate").
    Bearer {
        /// URL that gives tokens.
        realm: String,
        /// The name of the registry at that place.
        service: Option<String>,
        /// What the token must allow.
        scope: Option<String>,
    },
}

/// Chooses among all challenges of an answer: a token before a password. The error names the schemes that it asks
/// for; it is `None` where it asks for nothing at all.
pub(super) fn choose<'a>(headers: impl Iterator<Item = &'a str>) -> Result<Challenge, Option<String>> {
    let challenges: Vec<(String, BTreeMap<String, String>)> = headers.flat_map(parse).collect();
    let bearer = challenges.iter().find_map(|(scheme, parameters)| {
        let realm = parameters.get("realm").filter(|_| scheme == "bearer")?.clone();
        let of = |name: &str| parameters.get(name).filter(|value| !value.is_empty()).cloned();
        Some(Challenge::Bearer { realm, service: of("service"), scope: of("scope") })
    });
    if let Some(bearer) = bearer {
        return Ok(bearer);
    }
    if challenges.iter().any(|(scheme, _)| scheme == "basic") {
        return Ok(Challenge::Basic);
    }
    let schemes: Vec<&str> = challenges.iter().map(|(scheme, _)| scheme.as_str()).collect();
    Err((!schemes.is_empty()).then(|| schemes.join(", ")))
}

/// Splits one header into its challenges: schemes and parameters in lower case, values unquoted.
fn parse(header: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let mut challenges: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    let mut rest = header.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let word = rest[..end].to_ascii_lowercase();
        rest = rest[end..].trim_start_matches([' ', '\t']);
        match rest.strip_prefix('=') {
            Some(after) if !word.is_empty() => {
                let (value, after) = value(after.trim_start_matches([' ', '\t']));
                if let Some((_, parameters)) = challenges.last_mut() {
                    parameters.entry(word).or_insert(value);
                }
                rest = after;
            }
            Some(after) => rest = after,
            None => challenges.push((word, BTreeMap::new())),
        }
        rest = rest.trim_start_matches([' ', '\t', ',']);
    }
    challenges
}

/// A token or a quoted string, and what stands behind it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        return (text[..end].to_string(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => value.push(character),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Result<Challenge, Option<String>> {
        Ok(Challenge::Bearer {
            realm: realm.into(),
            service: service.map(String::from),
            scope: scope.map(String::from),
        })
    }

    #[test]
    fn what_registries_send() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/busybox:pull""#;
        let expected = bearer(
            "https://auth.docker.io/token",
            Some("registry.docker.io"),
            Some("repository:library/busybox:pull"),
        );
        assert_eq!(choose([hub].into_iter()), expected);
        let ecr = r#"Basic realm="https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com""#;
        assert_eq!(choose([ecr].into_iter()), Ok(Challenge::Basic));
        assert_eq!(choose(["BASIC"].into_iter()), Ok(Challenge::Basic));
    }

    #[test]
    fn several_challenges_quotes_and_commas() {
        let both = r#"Basic realm="a, Bearer realm=\"no\"", Bearer realm = "https://t/x", scope="a:b:pull,push" , service=s"#;
        assert_eq!(choose([both].into_iter()), bearer("https://t/x", Some("s"), Some("a:b:pull,push")));
        assert_eq!(
            choose(["Negotiate", r#"Bearer realm="https://t""#].into_iter()),
            bearer("https://t", None, None)
        );
    }

    #[test]
    fn nonsense_neither_hangs_nor_panics() {
        for nonsense in
            ["", " , ,", "=", "==,=", "Bearer", "Bearer realm", r#"Bearer realm="open"#, "\"", "é=é é"]
        {
            let _ = choose([nonsense].into_iter());
        }
        assert_eq!(choose(std::iter::empty()), Err(None));
        assert_eq!(choose(["Negotiate, NTLM"].into_iter()), Err(Some("negotiate, ntlm".into())));
    }
}
