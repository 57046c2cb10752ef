//! Reads JSON Lines files of tasks, traces and preference pairs.
//!
//! One object a line, UTF-8; blank lines are skipped but counted. A file without a record, a line
//! that lacks something, and an id used twice are errors that name the file and the line.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use progress::{Progress, Unit};

use crate::error::DatasetError;
use crate::preference::PreferencePair;
use crate::record::{self, Record};
use crate::task::Task;
use crate::trace::Trace;

/// Reads a file of tasks, in the file's order.
///
/// # Errors
/// The file cannot be read, holds no task, or a line is not a task (file and line are named).
pub fn read_tasks(path: &Path) -> Result<Vec<Task>, DatasetError> {
    read(path)
}

/// Reads a file of traces, in the file's order.
///
/// # Errors
/// The file cannot be read, holds no trace, or a line is not a trace (file and line are named).
pub fn read_traces(path: &Path) -> Result<Vec<Trace>, DatasetError> {
    read(path)
}

/// Reads a file of preference pairs, in the file's order.
///
/// # Errors
/// The file cannot be read, holds no pair, or a line is not a pair (file and line are named).
pub fn read_preferences(path: &Path) -> Result<Vec<PreferencePair>, DatasetError> {
    read(path)
}

/// The line, counted from 1, of the record with this id; `None` where the file has none or cannot be read any more.
/// For errors that are found after a file was read.
pub fn line_of(path: &Path, id: &str) -> Option<usize> {
    let lines = BufReader::new(File::open(path).ok()?).lines();
    let holds = |line: &str| {
        let parsed: Option<serde_json::Value> = serde_json::from_str(line.trim_start_matches('\u{feff}')).ok();
        parsed.is_some_and(|value| value["id"] == id)
    };
    lines.map_while(Result::ok).position(|line| holds(&line)).map(|index| index + 1)
}

fn read<T: Record>(path: &Path) -> Result<Vec<T>, DatasetError> {
    Ok(read_lines(path)?.into_iter().map(|(_, record)| record).collect())
}

/// The records of a file, each with its line, counted from 1.
pub(crate) fn read_lines<T: Record>(path: &Path) -> Result<Vec<(usize, T)>, DatasetError> {
    let cannot_read = |source| DatasetError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(cannot_read)?;
    let size = file.metadata().ok().map(|metadata| metadata.len());
    let progress = Progress::aside(format!("reading {}", path.display()), Unit::Bytes, size);
    let mut file = BufReader::new(file);
    let mut records: Vec<(usize, T)> = Vec::new();
    let mut line_of_id: HashMap<String, usize> = HashMap::new();
    let mut bytes = Vec::new();
    for line in 1.. {
        bytes.clear();
        if file.read_until(b'\n', &mut bytes).map_err(cannot_read)? == 0 {
            break;
        }
        progress.advance(bytes.len() as u64);
        let wrong_line = |problem| DatasetError::Line { path: path.to_owned(), line, problem };
        let text = std::str::from_utf8(&bytes).map_err(|error| wrong_line(format!("not UTF-8 text: {error}")))?;
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            continue;
        }
        let record: T = record::parse(text).map_err(wrong_line)?;
        if let Some(first_line) = line_of_id.insert(record.id().to_owned(), line) {
            return Err(DatasetError::DuplicateId {
                path: path.to_owned(),
                line,
                first_line,
                id: record.id().to_owned(),
            });
        }
        records.push((line, record));
    }
    if records.is_empty() {
        return Err(DatasetError::Empty { path: path.to_owned(), expected: T::FIELDS.join(", ") });
    }
    Ok(records)
}
