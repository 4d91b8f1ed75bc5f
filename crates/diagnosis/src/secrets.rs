//! What must not leave the machine: values of variables, tokens in options, the insides of text files.
//!
//! Records, reports and logs keep variable values only of `PATH` and `LD_*`, since only these change what is executed.
//! Of tags they keep the values that name a stack, or a tool that manages the thing.

use crate::ecs::owner_value;
use crate::nature::Nature;
use crate::script;
use execfit_image::witness::Piece;
use execfit_kernel::shell;
use execfit_kernel::signature::Signature;
use serde_json::Value;

/// Bytes of a text that is no script but is quoted in a finding (an error page's title).
const QUOTED: usize = 512;
/// Bytes of a text that are kept, blanked or not; the kernel reads fewer.
const BLANKS: usize = 4096;

/// Whether a variable's value is kept.
pub fn is_shown(name: &str) -> bool {
    name == "PATH" || name.starts_with("LD_")
}

/// What stands for a value: its length still matters to the kernel's limit on arguments.
pub fn redacted(value: &str) -> String {
    if is_redacted(value) { value.to_string() } else { format!("<redacted {} bytes>", value.len()) }
}

fn is_redacted(value: &str) -> bool {
    redacted_length(value).is_some()
}

/// The length of what was redacted; `None` for a value that was not.
pub(crate) fn redacted_length(value: &str) -> Option<usize> {
    let digits = value.strip_prefix("<redacted ")?.strip_suffix(" bytes>")?;
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(usize::MAX))
}

/// `KEY=value` as it may be kept.
pub fn redacted_variable(variable: &str) -> String {
    match variable.split_once('=') {
        Some((name, value)) if !is_shown(name) => format!("{name}={}", redacted(value)),
        _ => variable.to_string(),
    }
}

/// Takes the secrets out of an answer of the ECS API: values of environment variables, labels, tags (but those
/// that name the stack or tool that owns the thing) and options of log and proxy drivers other than awslogs (they hold
/// tokens), wherever they stand in the document.
pub fn redact(document: &mut Value) {
    match document {
        Value::Array(items) => items.iter_mut().for_each(redact),
        Value::Object(members) => {
            for (key, value) in members.iter_mut() {
                match key.as_str() {
                    "environment" | "tags" | "properties" => redact_pairs(value),
                    "dockerLabels" | "driverOpts" | "labels" => redact_members(value, |_| false),
                    "options" => redact_members(value, |name| {
                        name.starts_with("awslogs-") && !name.contains("endpoint") || name == "mode"
                    }),
                    // What instances run at their start (EC2, launch templates and configurations).
                    "UserData" | "userData" => *value = redacted(value.as_str().unwrap_or_default()).into(),
                    _ => redact(value),
                }
            }
        }
        _ => {}
    }
}

/// `[{"name" or "key": ..., "value": ...}]`; what breaks the shape is not trusted to be harmless.
fn redact_pairs(pairs: &mut Value) {
    if pairs.is_object() {
        return redact_members(pairs, is_shown);
    }
    if let Value::String(text) = pairs {
        *text = redacted(text);
    }
    for pair in pairs.as_array_mut().into_iter().flatten() {
        if let Value::String(variable) = pair {
            *variable = redacted_variable(variable);
        }
        let owner = pair["key"].as_str().zip(pair["value"].as_str()).and_then(|(k, v)| owner_value(k, v));
        let owner = owner.map(String::from);
        let shown = pair["name"].as_str().is_some_and(is_shown);
        if let Some(value) = pair.get_mut("value").filter(|_| !shown) {
            let kept = owner.unwrap_or_else(|| redacted(value.as_str().unwrap_or_default()));
            *value = Value::String(kept);
        }
    }
}

fn redact_members(options: &mut Value, is_kept: fn(&str) -> bool) {
    for (name, value) in options.as_object_mut().into_iter().flatten() {
        if !is_kept(name) {
            *value = Value::String(redacted(value.as_str().unwrap_or_default()));
        }
    }
}

/// Of what was captured of a file, what a verdict reads. A text keeps its first line; what follows is blanked, for it
/// is never read by the kernel and may hold anything. User databases keep no password field.
pub fn keep_what_is_read(path: &[u8], size: u64, mut pieces: Vec<Piece>) -> Vec<Piece> {
    if path == b"/etc/passwd" || path == b"/etc/group" {
        pieces.iter_mut().for_each(|piece| piece.bytes = without_passwords(&piece.bytes));
        return pieces;
    }
    // Where a dynamic loader looks: names and paths of libraries.
    if path == b"/etc/ld.so.cache" || path.starts_with(b"/etc/ld-musl-") {
        return pieces;
    }
    let Some(head) = pieces.first_mut().filter(|piece| piece.offset == 0) else { return pieces };
    if head.bytes.starts_with(b"\x7fELF") {
        return pieces;
    }
    if let Some(text) = script_text(&head.bytes, size) {
        head.bytes = text;
        pieces.truncate(1);
        return pieces;
    }
    let kept = match Nature::of(&Signature::of(&head.bytes, size)) {
        Nature::ErrorPage | Nature::LfsPointer => QUOTED,
        Nature::Text | Nature::Source | Nature::Encoded => first_line_of_program(&head.bytes),
        _ => head.bytes.len(),
    };
    for byte in head.bytes.iter_mut().skip(kept) {
        *byte = if *byte == b'\n' { b'\n' } else { b' ' };
    }
    head.bytes.truncate(kept.max(BLANKS));
    pieces.truncate(1);
    pieces
}

/// Of a shell script that was kept whole, what its reading rests on.
fn script_text(bytes: &[u8], size: u64) -> Option<Vec<u8>> {
    let line = bytes.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let words: Vec<&[u8]> = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    let shell = words.first().is_some_and(|word| shell::is_shell(word));
    let by_env = words.len() > 1 && words.last().is_some_and(|word| shell::is_shell(word));
    ((shell || by_env) && bytes.len() as u64 == size).then(|| script::without_secrets(bytes))?
}

/// The end of the first line that is neither blank nor a comment; of the `#!` line where the text begins with one.
fn first_line_of_program(text: &[u8]) -> usize {
    let mut end = 0;
    for (number, line) in text.split_inclusive(|b| *b == b'\n').enumerate() {
        end += line.len();
        let blank = line.iter().all(u8::is_ascii_whitespace);
        if (number == 0 && line.starts_with(b"#!")) || (!blank && line.first() != Some(&b'#')) {
            break;
        }
    }
    end.min(QUOTED)
}

fn without_passwords(database: &[u8]) -> Vec<u8> {
    let lines = database.split_inclusive(|b| *b == b'\n').map(|line| {
        let mut fields: Vec<&[u8]> = line.split(|b| *b == b':').collect();
        if fields.len() > 2 {
            let hidden = vec![b'x'; fields[1].len()];
            fields[1] = &hidden;
            return fields.join(&b':');
        }
        fields.join(&b':')
    });
    lines.collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn no_value_of_a_variable_option_label_or_tag_is_kept() {
        let mut document = json!({"taskDefinition": {"containerDefinitions": [{
            "environment": [{"name": "DB_PASSWORD", "value": "hunter2"}, {"name": "PATH", "value": "/bin"}],
            "dockerLabels": {"token": "hunter2"},
            "logConfiguration": {"options": {"splunk-token": "hunter2", "awslogs-group": "/ecs/app"}},
        }]}, "tags": [{"key": "owner", "value": "hunter2"}],
        "LaunchTemplateData": {"UserData": "hunter2"},
        "overrides": {"containerOverrides": [{"environment": [{"name": "KEY", "value": "hunter2"}]}]}});
        redact(&mut document);
        let text = document.to_string();
        assert!(!text.contains("hunter2"), "{text}");
        assert!(
            text.contains("<redacted 7 bytes>") && text.contains("/ecs/app") && text.contains("/bin"),
            "{text}"
        );
        let once = document.clone();
        redact(&mut document);
        assert_eq!(document, once, "redacting twice changes nothing");
    }

    #[test]
    fn a_script_keeps_its_first_line_only() {
        let script = b"#!/bin/sh\nexport TOKEN=hunter2\n".to_vec();
        let size = script.len() as u64;
        let kept = keep_what_is_read(b"/run.sh", size, vec![Piece { offset: 0, bytes: script }]);
        assert_eq!(kept[0].bytes.len() as u64, size);
        let text = String::from_utf8(kept[0].bytes.clone()).unwrap();
        assert!(text.starts_with("#!/bin/sh\n") && !text.contains("hunter2"), "{text}");
    }

    #[test]
    fn a_user_database_keeps_no_password() {
        let line = b"root:$6$secret:0:0:root:/root:/bin/sh\n".to_vec();
        let kept = keep_what_is_read(b"/etc/passwd", 40, vec![Piece { offset: 0, bytes: line }]);
        assert_eq!(
            kept[0].bytes, b"root:xxxxxxxxx:0:0:root:/root:/bin/sh\n",
            "the length stays: it is the file's"
        );
    }
}
