//! Record batches of Arrow and Parquet in, rows out: one batch is held at a time.

use std::fs::File;
use std::io::BufReader;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::ipc::reader::{FileReader, StreamReader};
use serde_json::Map;

use super::cell;
use super::content::Content;
use super::place::{Place, PlaceUnit};
use super::row::{FileRow, FileRows};
use crate::error::DatasetError;

/// The batches of a file, in its order.
pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

/// Opens an Arrow file (Feather's second version is the same).
pub(super) fn open_file(path: &Arc<Path>, file: File) -> Result<FileRows, DatasetError> {
    let reader = survive(|| FileReader::try_new(BufReader::new(file), None).map_err(|error| error.to_string()));
    let reader = reader.map_err(|problem| broken(path, &problem))?;
    let schema = reader.schema();
    rows(path, &schema, Box::new(reader))
}

/// Opens an Arrow stream, as `datasets` saves them under the ending `.arrow`.
pub(super) fn open_stream(path: &Arc<Path>, content: Content) -> Result<FileRows, DatasetError> {
    let reader = survive(|| StreamReader::try_new(content, None).map_err(|error| error.to_string()));
    let reader = reader.map_err(|problem| broken(path, &problem))?;
    let schema = reader.schema();
    rows(path, &schema, Box::new(reader))
}

/// The rows of batches of this schema.
pub(super) fn rows(path: &Arc<Path>, schema: &Schema, batches: Batches) -> Result<FileRows, DatasetError> {
    let names: Vec<&String> = schema.fields().iter().map(|field| field.name()).collect();
    if let Some(index) = (1..names.len()).find(|&index| names[..index].contains(&names[index])) {
        let problem = format!("two columns are called \"{}\"", names[index]);
        return Err(DatasetError::Source { path: path.to_path_buf(), problem });
    }
    Ok(Box::new(BatchRows { path: path.clone(), batches, batch: None, index: 0, num_rows: 0 }))
}

fn broken(path: &Arc<Path>, problem: &str) -> DatasetError {
    DatasetError::Source { path: path.to_path_buf(), problem: format!("broken or cut-off Arrow file: {problem}") }
}

/// Runs a reader's code, which may panic on a broken file. Nothing that it touched is used after it has failed.
pub(super) fn survive<T>(code: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(code)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned())).unwrap_or_default())
    })
}

struct BatchRows {
    path: Arc<Path>,
    batches: Batches,
    batch: Option<RecordBatch>,
    /// The next row in the batch.
    index: usize,
    num_rows: u64,
}

impl BatchRows {
    fn advance(&mut self) -> Result<Option<FileRow>, DatasetError> {
        let place = Place { file: self.path.clone(), row: self.num_rows + 1, unit: PlaceUnit::Row };
        let failed = |problem| DatasetError::Row { place: place.clone(), problem };
        while self.batch.as_ref().is_none_or(|batch| self.index == batch.num_rows()) {
            // The old batch is freed before the next is read.
            self.batch = None;
            self.index = 0;
            let next = survive(|| self.batches.next().transpose().map_err(|error| error.to_string()));
            let problem = |problem| format!("this row or one of the next is broken or cut off: {problem}");
            self.batch = next.map_err(|error| failed(problem(error)))?;
            if self.batch.is_none() {
                return Ok(None);
            }
        }
        let Some(batch) = &self.batch else {
            return Ok(None);
        };
        let mut fields = Map::with_capacity(batch.num_columns());
        for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let value = cell::value(column, self.index);
            let value = value.map_err(|problem| failed(format!("column \"{}\": {problem}", field.name())))?;
            fields.insert(field.name().clone(), value);
        }
        self.index += 1;
        self.num_rows += 1;
        Ok(Some((place, fields)))
    }
}

impl Iterator for BatchRows {
    type Item = Result<FileRow, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
