//! CSV: a header, or names that the caller gives; cells are texts, and in quotes may go over several lines.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use csv::{ByteRecord, Reader, ReaderBuilder};
use serde_json::{Map, Value};

use super::content::{Content, read_problem};
use super::place::{Place, PlaceUnit};
use super::row::FileRow;
use crate::error::DatasetError;

/// A row of its own behind the file's last: if it is read as a part of another, a quote was never closed.
const END: &[u8] = b"\n\0end\n";

/// The rows of a CSV file.
pub(super) struct CsvTable {
    path: Arc<Path>,
    reader: Reader<Box<dyn Read + Send>>,
    columns: Vec<String>,
    /// The first row, where it was read in search of a header and is none.
    first: Option<ByteRecord>,
    num_rows: u64,
}

impl CsvTable {
    /// Opens a table. Without `columns` its first row is the header; with them, a first row equal to them is.
    pub(super) fn open(
        path: &Arc<Path>,
        content: Content,
        delimiter: u8,
        columns: Option<&[String]>,
    ) -> Result<Self, DatasetError> {
        let content: Box<dyn Read + Send> = Box::new(content.chain(END));
        // The number of cells is compared here, for a message that names the row.
        let reader = ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(content);
        let mut table = Self { path: path.clone(), reader, columns: Vec::new(), first: None, num_rows: 0 };
        let wrong = |problem| DatasetError::Source { path: path.to_path_buf(), problem };
        let first = table.read().map_err(|problem| wrong(format!("header: {problem}")))?;
        match (columns, first) {
            (Some(columns), Some(first)) => {
                table.first = (!first.iter().eq(columns.iter().map(String::as_bytes))).then_some(first);
                table.columns = columns.to_vec();
            }
            (None, Some(first)) => {
                let names = first.iter().map(|name| String::from_utf8(name.to_vec()));
                let names: Result<Vec<String>, _> = names.collect();
                table.columns = names.map_err(|error| wrong(format!("header: not UTF-8 text: {error}")))?;
            }
            (_, None) => {}
        }
        let twice = (1..table.columns.len()).find(|&index| table.columns[..index].contains(&table.columns[index]));
        match twice {
            Some(index) => Err(wrong(format!("header: column \"{}\" stands there twice", table.columns[index]))),
            None => Ok(table),
        }
    }

    /// The cells of the next row; `None` behind the last.
    fn read(&mut self) -> Result<Option<ByteRecord>, String> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let mut cells = ByteRecord::new();
        let is_there = self.reader.read_byte_record(&mut cells).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) => read_problem(&error),
            other => format!("{other:?}"),
        })?;
        let is_end = cells.len() == 1 && cells[0] == *END.trim_ascii();
        if cells.iter().next_back().is_some_and(|cell| cell.ends_with(END)) {
            let line = cells.position().map_or(0, csv::Position::line);
            return Err(format!("a quote is opened in this row (line {line}) and never closed"));
        }
        Ok((is_there && !is_end).then_some(cells))
    }

    fn advance(&mut self) -> Result<Option<FileRow>, DatasetError> {
        let place = Place { file: self.path.clone(), row: self.num_rows + 1, unit: PlaceUnit::Row };
        let failed = |problem| DatasetError::Row { place: place.clone(), problem };
        let Some(cells) = self.read().map_err(failed)? else {
            return Ok(None);
        };
        let line = cells.position().map_or(0, csv::Position::line);
        if cells.len() != self.columns.len() {
            let problem = format!("{} cells (line {line}), but there are {} columns", cells.len(), self.columns.len());
            return Err(failed(problem));
        }
        let mut fields = Map::with_capacity(cells.len());
        for (column, cell) in self.columns.iter().zip(&cells) {
            let text = std::str::from_utf8(cell)
                .map_err(|error| failed(format!("column \"{column}\" (line {line}): not UTF-8 text: {error}")))?;
            fields.insert(column.clone(), Value::from(text));
        }
        self.num_rows += 1;
        Ok(Some((place, fields)))
    }
}

impl Iterator for CsvTable {
    type Item = Result<FileRow, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
