//! The walk over the rows of several files.

use std::path::PathBuf;
use std::sync::Arc;
use std::vec;

use super::file;
use super::row::{FileRows, Row};
use crate::error::DatasetError;

/// The rows of a source's files, one after the other, read as they are asked for.
///
/// The first error is the last item.
pub struct Rows {
    files: vec::IntoIter<PathBuf>,
    columns: Option<Vec<String>>,
    current: Option<FileRows>,
    num_rows: u64,
    failed: bool,
}

impl Rows {
    pub(super) fn new(files: Vec<PathBuf>, columns: Option<Vec<String>>) -> Self {
        Self { files: files.into_iter(), columns, current: None, num_rows: 0, failed: false }
    }

    fn advance(&mut self) -> Option<Result<Row, DatasetError>> {
        loop {
            if let Some(rows) = &mut self.current {
                match rows.next() {
                    Some(Ok((place, fields))) => {
                        let index = self.num_rows;
                        self.num_rows += 1;
                        return Some(Ok(Row { place, index, fields }));
                    }
                    Some(Err(error)) => return Some(Err(error)),
                    None => self.current = None,
                }
            }
            let path = self.files.next()?;
            match file::open(&Arc::from(path), self.columns.as_deref()) {
                Ok(rows) => self.current = Some(rows),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Row, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let item = self.advance();
        self.failed = matches!(item, Some(Err(_)));
        item
    }
}
