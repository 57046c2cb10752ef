//! Verdicts for a stream of pairs: JSON lines in, JSON lines out, in the same order, judged on all of rayon's threads.
//!
//! Memory holds one chunk of lines, whatever the stream's length. This file must not know where the lines come from,
//! nor where they go.

use std::borrow::Cow;
use std::io::{self, BufRead, Write};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{MathConfig, MathVerdictKind, verify};

/// Most lines of a chunk.
const CHUNK_LINES: usize = 16_384;

/// Most bytes of a chunk; one line may be longer.
const CHUNK_BYTES: usize = 32 << 20;

/// Reason that a stream of pairs stopped.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// A line is not a pair.
    #[error("line {line}: {problem}")]
    Line {
        /// Number of the line, counted from 1.
        line: u64,
        /// Problem with the line, for a person.
        problem: String,
    },
    /// The lines cannot be read.
    #[error("cannot be read")]
    Read(#[source] io::Error),
    /// The verdicts cannot be written.
    #[error("cannot be written")]
    Write(#[source] io::Error),
    /// The caller asked to stop.
    #[error("interrupted after line {line}")]
    Interrupted {
        /// The last line whose verdict was written.
        line: u64,
    },
}

/// Counts and times of a stream of pairs.
#[derive(Debug, Clone, Default)]
pub struct BatchSummary {
    /// Pairs judged.
    pub num_pairs: u64,
    /// Number of verdicts of each kind, in the order of [`MathVerdictKind::ALL`].
    pub num_by_kind: [u64; MathVerdictKind::ALL.len()],
    /// Wall-clock time, reading and writing included.
    pub elapsed: Duration,
    /// The pair that took longest to judge.
    pub slowest: Option<SlowPair>,
}

impl BatchSummary {
    /// Pairs judged in a second of wall-clock time.
    pub fn pairs_per_second(&self) -> f64 {
        self.num_pairs as f64 / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// A pair and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlowPair {
    /// Line of the pair, counted from 1.
    pub line: u64,
    /// Id of the pair, as JSON.
    pub id: String,
    /// Wall-clock time of judging the pair.
    pub elapsed: Duration,
}

#[derive(Deserialize)]
struct Pair<'a> {
    id: Value,
    #[serde(borrow)]
    gold: Cow<'a, str>,
    #[serde(borrow)]
    completion: Cow<'a, str>,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'a Value,
    verdict: &'a str,
    stage: &'a str,
    reason: &'a str,
}

/// One line's verdict, ready to be written.
struct Judged {
    json: Vec<u8>,
    id: Value,
    kind: MathVerdictKind,
    elapsed: Duration,
}

/// Judges every line of `input`, an object `{"id", "gold", "completion"}`, and writes for each, in order,
/// `{"id", "verdict", "stage", "reason"}`. Blank lines are left out; a gold may be a JSON number. `go_on` is asked
/// after each chunk.
///
/// # Errors
/// A line is not such an object (the verdicts before its chunk are written), reading or writing fails, or `go_on` says
/// no.
pub fn verify_stream(
    mut input: impl BufRead,
    mut output: impl Write,
    config: &MathConfig,
    go_on: impl Fn() -> bool,
) -> Result<BatchSummary, BatchError> {
    let started = Instant::now();
    let mut summary = BatchSummary::default();
    let mut chunk = Chunk::default();
    while chunk.fill(&mut input).map_err(BatchError::Read)? {
        let judged: Vec<Result<Judged, BatchError>> =
            chunk.lines.par_iter().map(|line| judge(&chunk.bytes[line.start..line.end], line.number, config)).collect();
        for (line, judged) in chunk.lines.iter().zip(judged) {
            let judged = judged?;
            output.write_all(&judged.json).map_err(BatchError::Write)?;
            summary.num_pairs += 1;
            summary.num_by_kind[judged.kind as usize] += 1;
            if summary.slowest.as_ref().is_none_or(|slowest| judged.elapsed > slowest.elapsed) {
                let id = judged.id.to_string();
                summary.slowest = Some(SlowPair { line: line.number, id, elapsed: judged.elapsed });
            }
        }
        if !go_on() {
            return Err(BatchError::Interrupted { line: chunk.last_line });
        }
    }
    output.flush().map_err(BatchError::Write)?;
    summary.elapsed = started.elapsed();
    Ok(summary)
}

fn judge(line: &[u8], number: u64, config: &MathConfig) -> Result<Judged, BatchError> {
    let broken = |problem: String| BatchError::Line { line: number, problem };
    let pair: Pair<'_> = match serde_json::from_slice(line) {
        Ok(pair) => pair,
        Err(error) => slow_pair(line, &error).map_err(broken)?,
    };
    let started = Instant::now();
    let verdict = verify(&pair.gold, &pair.completion, config);
    let elapsed = started.elapsed();
    let line =
        Line { id: &pair.id, verdict: verdict.kind.as_str(), stage: verdict.stage.as_str(), reason: &verdict.reason };
    let mut json = serde_json::to_vec(&line).map_err(|error| broken(error.to_string()))?;
    json.push(b'\n');
    Ok(Judged { json, id: pair.id, kind: verdict.kind, elapsed })
}

/// Reads a pair whose gold may be a number; the error says what the line lacks.
fn slow_pair<'a>(line: &[u8], error: &serde_json::Error) -> Result<Pair<'a>, String> {
    let value: Value = serde_json::from_slice(line).map_err(|_| format!("not a line of JSON: {error}"))?;
    let Value::Object(mut fields) = value else {
        return Err("not a JSON object with id, gold and completion".to_owned());
    };
    let mut field = |name: &str| fields.remove(name).ok_or_else(|| format!("field \"{name}\" is missing"));
    let text = |name: &str, value: Value| match value {
        Value::String(text) => Ok(text),
        Value::Number(number) if name == "gold" => Ok(number.to_string()),
        other => Err(format!("field \"{name}\" must be a text, found {other}")),
    };
    Ok(Pair {
        id: field("id")?,
        gold: text("gold", field("gold")?)?.into(),
        completion: text("completion", field("completion")?)?.into(),
    })
}

/// Lines that are judged together.
#[derive(Default)]
struct Chunk {
    bytes: Vec<u8>,
    lines: Vec<LineRange>,
    last_line: u64,
}

struct LineRange {
    start: usize,
    end: usize,
    number: u64,
}

impl Chunk {
    /// Replaces the chunk by the next lines; false where there are none.
    fn fill(&mut self, input: &mut impl BufRead) -> io::Result<bool> {
        self.bytes.clear();
        self.lines.clear();
        while self.lines.len() < CHUNK_LINES && self.bytes.len() < CHUNK_BYTES {
            let start = self.bytes.len();
            if input.read_until(b'\n', &mut self.bytes)? == 0 {
                break;
            }
            self.last_line += 1;
            let line = &self.bytes[start..];
            if line.trim_ascii().is_empty() {
                self.bytes.truncate(start);
                continue;
            }
            self.lines.push(LineRange { start, end: self.bytes.len(), number: self.last_line });
        }
        Ok(!self.lines.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(input: &str) -> Result<(String, BatchSummary), BatchError> {
        let mut output = Vec::new();
        let summary = verify_stream(input.as_bytes(), &mut output, &MathConfig::default(), || true)?;
        Ok((String::from_utf8(output).unwrap(), summary))
    }

    #[test]
    fn verdicts_come_in_order_with_their_ids() {
        let line =
            |id: usize| format!(r#"{{"id": {id}, "gold": "{}", "completion": "\\boxed{{{}}}"}}"#, id % 7, id % 5);
        let input: String = (0..40_000).map(|id| line(id) + "\n").collect();
        let (output, summary) = run(&input).unwrap();
        assert_eq!(summary.num_pairs, 40_000);
        assert_eq!(summary.num_by_kind.iter().sum::<u64>(), 40_000);
        for (id, line) in output.lines().enumerate() {
            let verdict: Value = serde_json::from_str(line).unwrap();
            let expected = if id % 7 == id % 5 { "equal" } else { "not_equal" };
            assert_eq!(
                (verdict["id"].as_u64(), verdict["verdict"].as_str()),
                (Some(id as u64), Some(expected)),
                "{line}"
            );
            assert!(verdict["stage"].is_string() && verdict["reason"].is_string());
        }
        assert!(summary.slowest.is_some_and(|slowest| slowest.line >= 1));
    }

    #[test]
    fn a_gold_may_be_a_number_and_an_id_anything() {
        let input = "\n{\"id\": [\"é\", 1], \"gold\": 12.50, \"completion\": \"The answer is 12.5\", \"more\": 0}\n\n";
        let (output, summary) = run(input).unwrap();
        assert!(output.starts_with("{\"id\":[\"é\",1],\"verdict\":\"equal\""), "{output}");
        assert_eq!(summary.num_pairs, 1);
        assert_eq!(run("").unwrap().0, "");
    }

    #[test]
    fn a_line_that_is_no_pair_is_named() {
        let good = r#"{"id": 1, "gold": "1", "completion": "1"}"#;
        for (line, says) in [
            ("not json", "not a line of JSON"),
            ("[1]", "not a JSON object"),
            (r#"{"id": 1, "gold": "1"}"#, "\"completion\" is missing"),
            (r#"{"gold": "1", "completion": "1"}"#, "\"id\" is missing"),
            (r#"{"id": 1, "gold": null, "completion": "1"}"#, "\"gold\" must be a text"),
            (r#"{"id": 1, "gold": "1", "completion": 1}"#, "\"completion\" must be a text"),
        ] {
            let error = run(&format!("{good}\n\n{line}\n{good}\n")).unwrap_err().to_string();
            assert!(error.starts_with("line 3: ") && error.contains(says), "{error}");
        }
        let mut bytes = good.as_bytes().to_vec();
        bytes.extend(b"\n{\"id\": 1, \"gold\": \"\xff\", \"completion\": \"1\"}");
        let error = verify_stream(&bytes[..], io::sink(), &MathConfig::default(), || true).unwrap_err();
        assert!(error.to_string().starts_with("line 2: "), "{error}");
    }

    #[test]
    fn it_stops_where_it_is_told_to() {
        let input = "{\"id\": 1, \"gold\": \"1\", \"completion\": \"1\"}\n";
        let stopped = verify_stream(input.as_bytes(), io::sink(), &MathConfig::default(), || false);
        assert!(matches!(stopped, Err(BatchError::Interrupted { line: 1 })));
    }
}
