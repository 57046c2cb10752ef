//! Parquet: row groups one after the other, each in batches of few rows where rows are long.
//!
//! A page is read and unpacked as a whole; beyond that, no more than a batch is held.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::RowGroupMetaData;

use super::batches;
use super::row::FileRows;
use crate::error::DatasetError;

/// The length that a batch should have, as far as the row group's mean tells.
const BATCH_BYTES: i64 = 1 << 20;

/// The most rows of a batch, however short they are.
const MAX_BATCH_ROWS: i64 = 1024;

/// Opens a Parquet file.
pub(super) fn open(path: &Arc<Path>, file: File) -> Result<FileRows, DatasetError> {
    let load = || ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(|error| error.to_string());
    let metadata = batches::survive(load).map_err(|problem| {
        let problem = format!("broken or cut-off Parquet file: {problem}");
        DatasetError::Source { path: path.to_path_buf(), problem }
    })?;
    let schema = metadata.schema().clone();
    batches::rows(path, &schema, Box::new(RowGroups { file, metadata, next: 0, reader: None, num_missing: 0 }))
}

/// The batches of a file's row groups.
struct RowGroups {
    file: File,
    metadata: ArrowReaderMetadata,
    /// The next row group to be opened.
    next: usize,
    reader: Option<ParquetRecordBatchReader>,
    /// The rows of the open row group that have not come yet.
    num_missing: i64,
}

impl RowGroups {
    fn advance(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        loop {
            if let Some(reader) = &mut self.reader {
                if let Some(batch) = reader.next().transpose()? {
                    self.num_missing -= batch.num_rows() as i64;
                    return Ok(Some(batch));
                }
                if self.num_missing != 0 {
                    let problem = format!("{} rows of row group {} are missing", self.num_missing, self.next - 1);
                    return Err(ArrowError::ParquetError(problem));
                }
                self.reader = None;
            }
            let metadata = self.metadata.metadata();
            if self.next == metadata.num_row_groups() {
                return Ok(None);
            }
            let group = metadata.row_group(self.next);
            self.num_missing = group.num_rows();
            let builder =
                ParquetRecordBatchReaderBuilder::new_with_metadata(self.file.try_clone()?, self.metadata.clone());
            let builder = builder.with_row_groups(vec![self.next]).with_batch_size(batch_rows(group));
            self.reader = Some(builder.build()?);
            self.next += 1;
        }
    }
}

impl Iterator for RowGroups {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

fn batch_rows(group: &RowGroupMetaData) -> usize {
    let row_bytes = group.total_byte_size() / group.num_rows().max(1);
    (BATCH_BYTES / row_bytes.max(1)).clamp(1, MAX_BATCH_ROWS) as usize
}
