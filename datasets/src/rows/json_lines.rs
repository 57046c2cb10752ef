//! JSON Lines: an object a line, UTF-8; blank lines are skipped but counted.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::place::{Place, PlaceUnit};
use crate::error::DatasetError;

/// The rows of a JSON Lines file.
pub(super) struct JsonLines {
    path: Arc<Path>,
    text: Box<dyn BufRead + Send>,
    line: u64,
    bytes: Vec<u8>,
}

impl JsonLines {
    pub(super) fn new(path: Arc<Path>, text: Box<dyn BufRead + Send>) -> Self {
        Self { path, text, line: 0, bytes: Vec::new() }
    }

    fn advance(&mut self) -> Result<Option<(Place, Map<String, Value>)>, DatasetError> {
        loop {
            self.bytes.clear();
            self.line += 1;
            let place = Place { file: self.path.clone(), row: self.line, unit: PlaceUnit::Line };
            let failed = |problem| DatasetError::Row { place: place.clone(), problem };
            let read = self.text.read_until(b'\n', &mut self.bytes);
            if read.map_err(|error| failed(format!("cannot be read: {error}")))? == 0 {
                return Ok(None);
            }
            let text = std::str::from_utf8(&self.bytes).map_err(|error| failed(format!("not UTF-8 text: {error}")))?;
            let text = text.trim_start_matches('\u{feff}').trim();
            if text.is_empty() {
                continue;
            }
            let fields = serde_json::from_str(text).map_err(|error| failed(format!("not a JSON object: {error}")))?;
            return Ok(Some((place, fields)));
        }
    }
}

impl Iterator for JsonLines {
    type Item = Result<(Place, Map<String, Value>), DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
