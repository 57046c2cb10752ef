//! A table with some of its columns replaced: what stays is copied as it is encoded, so that long texts are neither
//! read nor compressed once more. Must not know the columns.

use std::error::Error;
use std::fs::File;
use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use parquet::arrow::arrow_writer::compute_leaves;
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

use crate::atomic;
use crate::error::RecordError;
use crate::parquet_file::{Content, ROWS_PER_BATCH, writer};

/// A table to be written from another.
pub(crate) struct Replacement<'a> {
    /// The new table.
    pub(crate) path: &'a Path,
    /// The table whose columns are kept, as this code writes them.
    pub(crate) source: &'a Path,
    pub(crate) content: Content,
    /// All columns.
    pub(crate) schema: &'a Schema,
}

impl Replacement<'_> {
    /// Writes the columns of `to_batch`, and those of the source in the place of all others; the file is there whole or
    /// not at all. Returns false, with no file, where the source is not there, has other columns, or another number of
    /// rows.
    ///
    /// # Errors
    /// A row cannot be had, the rows do not become Parquet, or a file cannot be read or written.
    pub(crate) fn write<T>(
        &self,
        rows: &mut impl Iterator<Item = Result<T, RecordError>>,
        to_batch: fn(&[T]) -> Result<RecordBatch, ArrowError>,
    ) -> Result<bool, RecordError> {
        let Ok(source) = File::open(self.source) else { return Ok(false) };
        let metadata =
            ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional).parse_and_finish(&source);
        let Ok(metadata) = metadata else { return Ok(false) };
        atomic::write_file_if(self.path, |file| self.fill(file, &source, &metadata, rows, to_batch))
    }

    /// Writes group by group of the source's rows; false where its columns or rows are others.
    fn fill<T>(
        &self,
        file: &mut File,
        source: &File,
        metadata: &ParquetMetaData,
        rows: &mut impl Iterator<Item = Result<T, RecordError>>,
        to_batch: fn(&[T]) -> Result<RecordBatch, ArrowError>,
    ) -> Result<bool, RecordError> {
        let encode = |source: Box<dyn Error + Send + Sync>| RecordError::Encode { path: self.path.to_owned(), source };
        let parquet = |error: parquet::errors::ParquetError| encode(error.into());
        let writer = writer(file, self.content, self.schema).map_err(encode)?;
        let (mut target, factory) = writer.into_serialized_writer().map_err(parquet)?;
        let columns = metadata.file_metadata().schema_descr_ptr();
        if columns.root_schema() != target.schema_descr().root_schema() {
            return Ok(false);
        }
        let replaced = to_batch(&[]).map_err(|error| encode(error.into()))?.schema();
        // The columns of Parquet below each of the table's.
        let below = |name: &str| {
            let is_below = |place: &usize| columns.get_column_root(*place).name() == name;
            (0..columns.num_columns()).filter(is_below).collect::<Vec<_>>()
        };
        let places: Vec<Vec<usize>> = replaced.fields().iter().map(|field| below(field.name())).collect();
        for (number, group) in metadata.row_groups().iter().enumerate() {
            let mut writers = factory.create_column_writers(number).map_err(parquet)?;
            let mut num_missing = group.num_rows() as usize;
            while num_missing > 0 {
                let batch = rows.take(num_missing.min(ROWS_PER_BATCH)).collect::<Result<Vec<T>, _>>()?;
                if batch.is_empty() {
                    return Ok(false);
                }
                num_missing -= batch.len();
                let batch = to_batch(&batch).map_err(|error| encode(error.into()))?;
                for ((field, array), places) in replaced.fields().iter().zip(batch.columns()).zip(&places) {
                    let leaves = compute_leaves(field, array).map_err(parquet)?;
                    for (leaf, &place) in leaves.iter().zip(places) {
                        writers[place].write(leaf).map_err(parquet)?;
                    }
                }
            }
            let mut into = target.next_row_group().map_err(parquet)?;
            for (place, writer) in writers.into_iter().enumerate() {
                let appended = if places.iter().any(|places| places.contains(&place)) {
                    writer.close().and_then(|chunk| chunk.append_to_row_group(&mut into))
                } else {
                    into.append_column(source, kept(metadata, number, place))
                };
                appended.map_err(parquet)?;
            }
            into.close().map_err(parquet)?;
        }
        if rows.next().transpose()?.is_some() {
            return Ok(false);
        }
        target.close().map_err(parquet)?;
        Ok(true)
    }
}

/// A column of a group of rows as it lies in its file.
fn kept(metadata: &ParquetMetaData, group: usize, place: usize) -> ColumnCloseResult {
    let rows = metadata.row_group(group);
    let column = rows.column(place);
    let pages = metadata.page_index();
    ColumnCloseResult {
        bytes_written: column.compressed_size() as u64,
        rows_written: rows.num_rows() as u64,
        metadata: column.clone(),
        bloom_filter: None, // this code writes none
        column_index: pages.and_then(|pages| pages.column_index(group, place)).cloned(),
        offset_index: pages.and_then(|pages| pages.offset_index(group, place)).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, StringArray, UInt32Array};
    use arrow::datatypes::UInt32Type;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;

    type Columns = Vec<(&'static str, arrow::array::ArrayRef)>;

    fn text(words: &[String]) -> Columns {
        vec![("text", std::sync::Arc::new(StringArray::from_iter_values(words)))]
    }

    fn numbers(numbers: &[u32]) -> Result<RecordBatch, ArrowError> {
        let array: arrow::array::ArrayRef = std::sync::Arc::new(UInt32Array::from(numbers.to_vec()));
        RecordBatch::try_from_iter([("number", array)])
    }

    /// A table of groups of so many rows each, whose number is 0.
    fn table(path: &Path, groups: &[usize]) -> Schema {
        let batch = |words: &[String]| {
            let zeros = numbers(&vec![0; words.len()]).unwrap().column(0).clone();
            RecordBatch::try_from_iter(text(words).into_iter().chain([("number", zeros)])).unwrap()
        };
        let schema = batch(&[]).schema().as_ref().clone();
        let mut writer = writer(File::create(path).unwrap(), Content::Samples, &schema).unwrap();
        let mut row = 0..;
        for &num_rows in groups {
            let words: Vec<String> = row.by_ref().take(num_rows).map(|row| format!("row {row}")).collect();
            writer.write(&batch(&words)).unwrap();
            writer.flush().unwrap();
        }
        writer.close().unwrap();
        schema
    }

    #[test]
    fn replaced_columns_stand_beside_those_that_stay_in_every_group() {
        let folder = tempfile::tempdir().unwrap();
        let (source, path) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
        let schema = table(&source, &[700, 300, 1]);
        let replacement = Replacement { path: &path, source: &source, content: Content::Samples, schema: &schema };
        let write = |num_rows: u32| replacement.write(&mut (0..num_rows).map(Ok), numbers).unwrap();
        for num_rows in [0, 700, 1000, 1002] {
            assert!(!write(num_rows) && !path.exists(), "{num_rows} rows");
        }
        assert!(write(1001));
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(&path).unwrap()).unwrap();
        assert_eq!(reader.metadata().num_row_groups(), 3);
        let mut row = 0;
        for batch in reader.build().unwrap() {
            let batch = batch.unwrap();
            let (words, numbers) = (batch.column(0).as_string::<i32>(), batch.column(1).as_primitive::<UInt32Type>());
            for (word, number) in words.iter().zip(numbers) {
                assert_eq!((word, number), (Some(format!("row {row}").as_str()), Some(row)));
                row += 1;
            }
        }
        assert_eq!(row, 1001);

        // A table of other columns, or none, is not taken over.
        let other = numbers(&[]).unwrap().schema();
        let replacement = Replacement { schema: &other, ..replacement };
        assert!(!replacement.write(&mut (0..1001).map(Ok), numbers).unwrap());
        let nowhere = folder.path().join("nowhere");
        assert!(!Replacement { source: &nowhere, ..replacement }.write(&mut (0..1).map(Ok), numbers).unwrap());
    }
}
