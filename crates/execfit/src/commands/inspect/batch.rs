//! `inspect --batch`: many questions about directories, one answer a line.

use crate::exit::{Exit, Stopped};
use execfit_diagnosis::batch::{self, LONGEST_LINE, Reply};
use execfit_image::source::directory::DirectoryTree;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;

/// Answers every line of a file, `-` being standard input.
pub(super) fn run(file: &str) -> Result<Exit, Stopped> {
    let stopped = |error: io::Error| Stopped::new(Exit::Failed, format!("{file}: {error}"));
    // Not `Stdin` itself: what its own buffer holds could not be seen.
    let input = match file {
        "-" => io::stdin().as_fd().try_clone_to_owned().map(File::from),
        path => File::open(path),
    };
    let input = input.map_err(stopped)?;
    let output = BufWriter::with_capacity(ROOM, io::stdout().lock());
    match answer_all(BufReader::with_capacity(ROOM, input), output) {
        Ok(()) => Ok(Exit::Runs),
        // The reader has gone, and nobody is left to tell.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Exit::Failed),
        Err(error) => Err(stopped(error)),
    }
}

/// Bytes that are read and written at once.
const ROOM: usize = 1 << 16;

/// One answer for each line, in their order. Before more input is waited for, all answers are out.
fn answer_all<R: Read>(mut input: BufReader<R>, mut output: impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        if !input.buffer().contains(&b'\n') {
            output.flush()?;
        }
        let reply = match next_line(&mut input, &mut line)? {
            Line::End => return output.flush(),
            Line::Whole => answer(&line),
            Line::TooLong => batch::too_long(),
        };
        serde_json::to_writer(&mut output, &reply)?;
        output.write_all(b"\n")?;
    }
}

fn answer(line: &[u8]) -> Reply {
    batch::reply(line, |root| DirectoryTree::open(Path::new(root)).map_err(|error| error.to_string()))
}

enum Line {
    Whole,
    /// It was passed over to its end.
    TooLong,
    /// There is no further line.
    End,
}

fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Line> {
    line.clear();
    let limit = LONGEST_LINE as u64 + 1;
    if input.by_ref().take(limit).read_until(b'\n', line)? == 0 {
        return Ok(Line::End);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() > LONGEST_LINE {
        line.truncate(0);
        line.shrink_to(ROOM);
        input.skip_until(b'\n')?;
        return Ok(Line::TooLong);
    }
    Ok(Line::Whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn answers(input: &[u8]) -> Vec<Value> {
        let mut output = Vec::new();
        answer_all(BufReader::with_capacity(16, input), &mut output).unwrap();
        output.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }

    #[test]
    fn every_line_has_an_answer_and_the_last_needs_no_newline() {
        assert!(answers(b"").is_empty());
        let ids = |input| answers(input).iter().map(|answer| answer["id"].clone()).collect::<Vec<_>>();
        assert_eq!(
            ids(b"{\"id\":1}\n\n{\"id\":2}\r\nx\n{\"id\":3}"),
            [1.into(), Value::Null, 2.into(), Value::Null, 3.into()]
        );
        assert_eq!(ids(b"\n").len(), 1);
    }

    #[test]
    fn a_line_has_16_mebibytes_and_not_one_byte_more() {
        for (length, error) in [(LONGEST_LINE, "missing field"), (LONGEST_LINE + 1, "longer than 16777216")] {
            let (start, end) = (r#"{"id":1,""#, r#"":0}"#);
            let long = format!("{start}{}{end}\n{{\"id\":2}}", "x".repeat(length - start.len() - end.len()));
            let answers = answers(long.as_bytes());
            let first = answers[0]["error"].as_str().unwrap();
            assert!(first.contains(error), "{length}");
            assert_eq!((answers.len(), &answers[1]["id"]), (2, &2.into()));
        }
    }
}
