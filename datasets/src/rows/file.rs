//! One file: its format is found by its first bytes, and its rows are streamed.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::batches;
use super::content::{look, packing, unpack};
use super::csv_table::CsvTable;
use super::format::{Format, Packing};
use super::json_lines;
use super::json_values::JsonValues;
use super::parquet_table;
use super::row::FileRows;
use crate::error::DatasetError;

/// Opens a file of any format; `columns` are the names for a CSV file without a header.
pub(super) fn open(path: &Arc<Path>, columns: Option<&[String]>) -> Result<FileRows, DatasetError> {
    let cannot_read = |source| DatasetError::Read { path: path.to_path_buf(), source };
    let wrong = |problem| DatasetError::Source { path: path.to_path_buf(), problem };
    let mut file = File::open(path).map_err(cannot_read)?;
    let packing = packing(&mut file).map_err(cannot_read)?;
    let again = file.try_clone().map_err(cannot_read)?;
    let (head, content) = look(unpack(file, packing).map_err(cannot_read)?);
    let format = Format::of(&head, path, columns.is_some()).map_err(wrong)?;
    if packing != Packing::Plain && matches!(format, Format::Parquet | Format::ArrowFile) {
        return Err(wrong("Parquet and Arrow files are packed within, not around: unpack it first".to_owned()));
    }
    match format {
        Format::JsonLines => Ok(json_lines::open(path, content)),
        Format::JsonArray => Ok(Box::new(JsonValues::array(path, content))),
        Format::Csv(delimiter) => Ok(Box::new(CsvTable::open(path, content, delimiter, columns)?)),
        Format::Parquet => parquet_table::open(path, again),
        Format::ArrowFile => batches::open_file(path, again),
        Format::ArrowStream => batches::open_stream(path, content),
    }
}
