//! JSON Lines: an object a line, UTF-8; blank lines are skipped but counted.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use serde::de::IgnoredAny;

use super::content::{Broken, Content, put_back, read_problem};
use super::json_values::{JsonValues, MAX_ROW_BYTES, object};
use super::place::{Place, PlaceUnit};
use super::row::{FileRow, FileRows};
use crate::error::DatasetError;

/// Opens text whose first byte opens an object: a line each, or objects that go over several lines.
pub(super) fn open(path: &Arc<Path>, mut content: Content) -> FileRows {
    let mut start = Vec::new();
    let mut lines = (0, 0);
    // The first two lines that are not blank.
    while lines.1 == 0 {
        let before = start.len();
        match content.by_ref().take(MAX_ROW_BYTES).read_until(b'\n', &mut start) {
            Ok(0) => break,
            Ok(_) if start[before..].trim_ascii().is_empty() => {}
            Ok(_) if lines.0 == 0 => lines.0 = start.len(),
            Ok(_) => lines.1 = start.len(),
            Err(error) => {
                content = Box::new(BufReader::new(Broken(Some(error))));
                break;
            }
        }
    }
    let first: Result<IgnoredAny, _> = serde_json::from_slice(&start[..lines.0]);
    // A broken line is followed by the next row; an object that goes on is not.
    let goes_on = first.is_err_and(|error| error.is_eof()) && !start[lines.0..].trim_ascii().starts_with(b"{");
    let is_pretty = goes_on && lines.1 > 0;
    let content = put_back(start, content);
    if is_pretty { Box::new(JsonValues::sequence(path, content)) } else { Box::new(JsonLines::new(path, content)) }
}

/// The rows of a JSON Lines file.
struct JsonLines {
    path: Arc<Path>,
    content: Content,
    line: u64,
    bytes: Vec<u8>,
}

impl JsonLines {
    fn new(path: &Arc<Path>, content: Content) -> Self {
        Self { path: path.clone(), content, line: 0, bytes: Vec::new() }
    }

    fn advance(&mut self) -> Result<Option<FileRow>, DatasetError> {
        loop {
            self.bytes.clear();
            self.line += 1;
            let place = Place { file: self.path.clone(), row: self.line, unit: PlaceUnit::Line };
            let failed = |problem| DatasetError::Row { place: place.clone(), problem };
            let line = self.content.by_ref().take(MAX_ROW_BYTES).read_until(b'\n', &mut self.bytes);
            if line.map_err(|error| failed(read_problem(&error)))? == 0 {
                return Ok(None);
            }
            if self.bytes.trim_ascii().is_empty() {
                continue;
            }
            let fields = object(&self.bytes).map_err(failed)?;
            return Ok(Some((place, fields)));
        }
    }
}

impl Iterator for JsonLines {
    type Item = Result<FileRow, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
