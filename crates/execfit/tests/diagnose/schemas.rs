//! The published JSON Schemas, and answers that must keep to them.

use boon::{Compiler, Schemas};
use serde_json::Value;
use std::path::Path;

/// Fails unless the document is what the schema that it names says.
#[track_caller]
pub(crate) fn check(document: &Value) {
    let file = match document["schema"].as_str() {
        Some("execfit/report/v1") => "report.v1.json",
        Some("execfit/inspect/v1") => "inspect.v1.json",
        Some("execfit/cache/v1") => "cache.v1.json",
        Some("execfit/fix/v1") => "fix.v1.json",
        Some("execfit/plan/v1") => "plan.v1.json",
        Some("execfit/explain/v1") => return,
        other => panic!("no such schema: {other:?}"),
    };
    check_as(document, file, "");
}

/// Fails unless the document is what this file says, or a part of it such as `#/$defs/question`.
#[track_caller]
pub(crate) fn check_as(document: &Value, file: &str, part: &str) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schema");
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    // One may refer to another, by the name of its file.
    for name in [file, "plan.v1.json"] {
        let path = directory.join(name);
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let schema = serde_json::from_str(&text).unwrap();
        compiler.add_resource(&format!("https://schema.test/{name}"), schema).unwrap();
    }
    let schema = compiler.compile(&format!("https://schema.test/{file}{part}"), &mut schemas).unwrap();
    if let Err(error) = schemas.validate(document, schema) {
        panic!("{file}{part}: {error:#}\n{document:#}");
    }
}

#[test]
#[should_panic(expected = "report.v1.json")]
fn the_schema_refuses_what_is_no_report() {
    check(&serde_json::json!({"schema": "execfit/report/v1", "verdict": "green"}));
}
