//! A row: a JSON object with its place.

use serde_json::{Map, Value};

use super::place::Place;
use crate::error::DatasetError;

/// One row: a JSON object with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The file and the place in it.
    pub place: Place,
    /// The row's number over all files of the source, counted from 0.
    pub index: u64,
    /// The columns, in the file's order.
    pub fields: Map<String, Value>,
}

/// The rows of one file, each with its place.
pub(super) type FileRows = Box<dyn Iterator<Item = Result<FileRow, DatasetError>> + Send>;

/// A row's place and fields.
pub(super) type FileRow = (Place, Map<String, Value>);
