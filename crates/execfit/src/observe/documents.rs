//! Documents that the AWS CLI saved.

use crate::exit::{Exit, Stopped};
use execfit_diagnosis::case::Case;
use serde_json::Value;
use std::fs::File;
use std::io::{self, Read};

/// The most that is read: a service with its tasks has some hundred kilobytes.
const LIMIT: u64 = 256 * 1024 * 1024;

/// Reads JSON documents, one after the other, from a file or (`-`) from standard input.
pub(super) fn read(case: &mut Case, path: &str) -> Result<(), Stopped> {
    let failed = |error: io::Error| Stopped::new(Exit::Failed, format!("cannot read {path}: {error}"));
    let mut text = Vec::new();
    let input: Box<dyn Read> =
        if path == "-" { Box::new(io::stdin()) } else { Box::new(File::open(path).map_err(failed)?) };
    input.take(LIMIT).read_to_end(&mut text).map_err(failed)?;
    let mut documents = 0;
    for document in serde_json::Deserializer::from_slice(&text).into_iter::<Value>() {
        let document = document.map_err(|error| {
            Stopped::new(Exit::Failed, format!("{path} is not JSON: {error}"))
                .help("save it with `aws ecs describe-services --output json` and the like")
        })?;
        case.add_answer("", document);
        documents += 1;
    }
    if documents == 0 {
        return Err(Stopped::new(Exit::Nothing, format!("{path} is empty")));
    }
    Ok(())
}
