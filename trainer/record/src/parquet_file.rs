//! Tables as Parquet files (zstd) whose metadata say what they hold and in which version of the schema. Must not know
//! the columns.
//!
//! Columns are added without a new version: a reader takes one that is absent as null, and leaves out one that it does
//! not know. A version is raised where a column changes its type or its meaning.

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Schema};
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use crate::atomic;
use crate::columns::Columns;
use crate::error::RecordError;

/// Version of the schemas that this code writes; files without one are of version 0.
const SCHEMA_VERSION: u32 = 1;
/// Key of the version in the file's metadata.
const VERSION_KEY: &str = "ponder.schema_version";
/// Key of the table's name in the file's metadata.
const CONTENT_KEY: &str = "ponder.content";
/// Rows that become arrays at once: Arrow counts the bytes of a batch's texts in 31 bits.
pub(crate) const ROWS_PER_BATCH: usize = 256;
/// Encoded bytes that are held in memory, at most a batch more, where rows come one by one.
const BYTES_PER_ROW_GROUP: usize = 64 << 20;

/// Table that a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    Rollouts,
    Updates,
    SkippedBatch,
    Samples,
    SweepCells,
}

impl Content {
    fn as_str(self) -> &'static str {
        match self {
            Self::Rollouts => "rollouts",
            Self::Updates => "updates",
            Self::SkippedBatch => "skipped_batch",
            Self::Samples => "samples",
            Self::SweepCells => "sweep_cells",
        }
    }

    /// A column by which the table is known where the metadata does not name it: in files of version 0, and in those
    /// that another program wrote anew.
    fn own_column(self) -> &'static str {
        match self {
            Self::Rollouts => "completion",
            Self::Updates => "policy_logprobs",
            Self::SkippedBatch => "targets",
            Self::Samples => "verdict_kind",
            Self::SweepCells => "curve_steps",
        }
    }
}

/// Writes a table; the file is there whole or not at all.
///
/// # Errors
/// The rows do not become Parquet, or the file cannot be written.
pub(crate) fn write<T>(
    path: &Path,
    content: Content,
    rows: &[T],
    to_batch: fn(&[T]) -> Result<RecordBatch, ArrowError>,
) -> Result<(), RecordError> {
    let encode = || {
        let mut bytes = Vec::new();
        let mut writer = writer(&mut bytes, content, &to_batch(&[])?.schema())?;
        for rows in rows.chunks(ROWS_PER_BATCH) {
            writer.write(&to_batch(rows)?)?;
        }
        writer.close()?;
        Ok(bytes)
    };
    let bytes = encode().map_err(|source| RecordError::Encode { path: path.to_owned(), source })?;
    atomic::write_file(path, &bytes)
}

/// Writes a table of rows that come one by one; the file is there whole or not at all.
///
/// # Errors
/// A row cannot be had, the rows do not become Parquet, or the file cannot be written.
pub(crate) fn write_streamed<T>(
    path: &Path,
    content: Content,
    mut rows: impl Iterator<Item = Result<T, RecordError>>,
    to_batch: fn(&[T]) -> Result<RecordBatch, ArrowError>,
) -> Result<(), RecordError> {
    let encode_error = |source: Box<dyn Error + Send + Sync>| RecordError::Encode { path: path.to_owned(), source };
    let write = |file: &mut File| {
        let schema = to_batch(&[]).map_err(|error| encode_error(error.into()))?.schema();
        let mut writer = writer(file, content, &schema).map_err(encode_error)?;
        let mut batch = Vec::with_capacity(ROWS_PER_BATCH);
        loop {
            batch.clear();
            for row in rows.by_ref().take(ROWS_PER_BATCH) {
                batch.push(row?);
            }
            if batch.is_empty() {
                return writer.close().map(|_| true).map_err(|error| encode_error(error.into()));
            }
            let arrays = to_batch(&batch).map_err(|error| encode_error(error.into()))?;
            writer.write(&arrays).map_err(|error| encode_error(error.into()))?;
            if writer.in_progress_size() > BYTES_PER_ROW_GROUP {
                writer.flush().map_err(|error| encode_error(error.into()))?;
            }
        }
    };
    atomic::write_file_if(path, write).map(drop)
}

/// A writer of a table of `content` with these columns.
pub(crate) fn writer<W: Write + Send>(
    target: W,
    content: Content,
    schema: &Schema,
) -> Result<ArrowWriter<W>, Box<dyn Error + Send + Sync>> {
    let metadata = [(CONTENT_KEY, content.as_str().to_owned()), (VERSION_KEY, SCHEMA_VERSION.to_string())];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value));
    // Arrow's own copy of the schema has the pairs too: pyarrow keeps those alone when it writes a table anew.
    let schema = schema.clone().with_metadata(metadata.clone());
    let pairs = metadata.map(|(key, value)| KeyValue::new(key, value)).to_vec();
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?))
        .set_key_value_metadata(Some(pairs));
    // Completions hardly repeat: a dictionary of them is made to be given up.
    properties = properties.set_column_dictionary_enabled(ColumnPath::from("completion"), false);
    for field in schema.fields().iter().filter(|field| is_float_list(field.data_type())) {
        // Logprobs hardly repeat: a dictionary costs room, and their first bytes compress better side by side.
        let column = ColumnPath::new(vec![field.name().clone(), "list".to_owned(), "item".to_owned()]);
        properties = properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, Encoding::BYTE_STREAM_SPLIT);
    }
    Ok(ArrowWriter::try_new(target, schema.into(), Some(properties.build()))?)
}

fn is_float_list(data_type: &DataType) -> bool {
    matches!(data_type, DataType::List(item) if item.data_type() == &DataType::Float32)
}

/// Reads a table's rows, without the columns `left_out`.
///
/// # Errors
/// The file cannot be read, is not Parquet, holds another table or a newer version of it, or a column has another
/// type; the error names file and column.
pub(crate) fn read<T>(
    path: &Path,
    content: Content,
    left_out: &[&str],
    from_columns: fn(&Columns, usize) -> Result<T, RecordError>,
) -> Result<Vec<T>, RecordError> {
    let fail = |source: Box<dyn Error + Send + Sync>| RecordError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(|error| fail(error.into()))?;
    let metadata = ArrowReaderMetadata::load(&file, Default::default()).map_err(|error| fail(error.into()))?;
    check(path, content, &metadata)?;
    decoded(file, metadata, left_out, from_columns).map_err(fail)
}

/// Refuses a file that holds another table, or a version that is newer than this code.
fn check(path: &Path, content: Content, metadata: &ArrowReaderMetadata) -> Result<(), RecordError> {
    let pairs = metadata.metadata().file_metadata().key_value_metadata();
    let value_of = |key: &str| pairs?.iter().find(|pair| pair.key == key)?.value.clone();
    let is_known = metadata.schema().column_with_name(content.own_column()).is_some();
    let named = value_of(CONTENT_KEY).or_else(|| (!is_known).then(|| "another kind".to_owned()));
    if let Some(found) = named.filter(|found| found != content.as_str()) {
        return Err(RecordError::OtherContent { path: path.to_owned(), expected: content.as_str(), found });
    }
    match value_of(VERSION_KEY) {
        Some(found) if found.parse::<u32>().map_or(true, |found| found > SCHEMA_VERSION) => {
            Err(RecordError::NewerSchema { path: path.to_owned(), found, known: SCHEMA_VERSION })
        }
        _ => Ok(()),
    }
}

fn decoded<T>(
    file: File,
    metadata: ArrowReaderMetadata,
    left_out: &[&str],
    from_columns: fn(&Columns, usize) -> Result<T, RecordError>,
) -> Result<Vec<T>, Box<dyn Error + Send + Sync>> {
    let fields = metadata.schema().fields().iter().enumerate();
    let wanted = fields.filter(|(_, field)| !left_out.contains(&field.name().as_str())).map(|(index, _)| index);
    let mask = ProjectionMask::roots(metadata.parquet_schema(), wanted.collect::<Vec<_>>());
    let mut rows = Vec::new();
    for batch in ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata).with_projection(mask).build()? {
        let columns = Columns::from(batch?);
        for row in 0..columns.num_rows() {
            rows.push(from_columns(&columns, row)?);
        }
    }
    Ok(rows)
}
