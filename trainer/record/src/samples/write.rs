//! Samples to Parquet, from an iterator: a file of many long completions is never whole in memory.

use std::path::Path;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::datatypes::{Float32Type, Float64Type, UInt32Type};
use arrow::error::ArrowError;

use super::row::{MeasureRow, SampleRow, SampleVerdict, SampleVerdicts, TurnRow};
use crate::arrays::{flat, lists, numbers, struct_lists, texts};
use crate::error::RecordError;
use crate::parquet_file::{self, Content};
use crate::parquet_replacement::Replacement;

/// Writes samples; the file is there whole or not at all.
///
/// # Errors
/// A sample cannot be had, or the file cannot be written.
pub fn write_samples(
    path: &Path,
    rows: impl Iterator<Item = Result<SampleRow, RecordError>>,
) -> Result<(), RecordError> {
    parquet_file::write_streamed(path, Content::Samples, rows, to_batch)
}

/// Writes the samples of the table at `source` under other verdicts, which come in its order; all other columns are
/// copied as they are encoded. The file is there whole or not at all.
///
/// Returns false, with no file, where the table cannot be taken over: it is not there, its columns are others than
/// those written today, or there are more or fewer verdicts than samples. Some verdicts may be taken then.
///
/// # Errors
/// A verdict cannot be had, or the file cannot be read or written.
pub fn write_samples_under(
    path: &Path,
    source: &Path,
    verdicts: &mut impl Iterator<Item = Result<SampleVerdicts, RecordError>>,
) -> Result<bool, RecordError> {
    let to_batch = |rows: &[SampleVerdicts]| {
        RecordBatch::try_from_iter_with_nullable(verdict_columns(rows, |row| {
            [Some(&row.verdict), row.corrected.as_ref(), row.earlier.as_ref()]
        }))
    };
    let schema = |source: ArrowError| RecordError::Encode { path: path.to_owned(), source: source.into() };
    let schema = self::to_batch(&[]).map_err(schema)?.schema();
    Replacement { path, source, content: Content::Samples, schema: &schema }.write(verdicts, to_batch)
}

fn to_batch(rows: &[SampleRow]) -> Result<RecordBatch, ArrowError> {
    let each = || rows.iter();
    let mut columns: Vec<(String, ArrayRef, bool)> = [
        ("suite", texts(each().map(|row| Some(row.suite.as_str()))), false),
        ("task_id", texts(each().map(|row| Some(row.task_id.as_str()))), false),
        ("task_kind", texts(each().map(|row| Some(row.task_kind.as_str()))), false),
        ("category", texts(each().map(|row| Some(row.category.as_str()))), false),
        ("sample_index", numbers::<UInt32Type>(each().map(|row| Some(row.sample_index))), false),
        ("turns", turns(rows), true),
        ("completion", texts(each().map(|row| Some(row.completion.as_str()))), false),
        ("completion_ids", lists::<UInt32Type>(each().map(|row| row.completion_ids.as_deref())), true),
        ("finish_reason", texts(each().map(|row| Some(row.finish_reason.as_str()))), false),
        (
            "thinking_open",
            std::sync::Arc::new(BooleanArray::from_iter(each().map(|row| Some(row.thinking_open)))) as ArrayRef,
            false,
        ),
        ("num_prompt_tokens", numbers::<UInt32Type>(each().map(|row| Some(row.num_prompt_tokens))), false),
        ("num_completion_tokens", numbers::<UInt32Type>(each().map(|row| Some(row.num_completion_tokens))), false),
    ]
    .into_iter()
    .map(|(name, array, is_nullable)| (name.to_owned(), array, is_nullable))
    .collect();
    columns.extend(verdict_columns(rows, |row| [Some(&row.verdict), row.corrected.as_ref(), row.earlier.as_ref()]));
    RecordBatch::try_from_iter_with_nullable(columns)
}

/// The turns of each row; null where it has none.
fn turns(rows: &[SampleRow]) -> ArrayRef {
    let lists = || rows.iter().map(|row| Some(row.turns.as_slice()).filter(|turns| !turns.is_empty()));
    let each = || flat::<TurnRow>(lists());
    struct_lists(
        lists(),
        vec![
            ("role", texts(each().map(|turn| Some(turn.role.as_str())))),
            ("content", texts(each().map(|turn| Some(turn.content.as_str())))),
        ],
    )
}

/// The columns of the verdicts of rows: those that hold, those by corrected keys and those that stood there before.
fn verdict_columns<T>(rows: &[T], of: fn(&T) -> [Option<&SampleVerdict>; 3]) -> Vec<(String, ArrayRef, bool)> {
    let names = ["verdict", "corrected", "earlier"].into_iter().enumerate();
    names.flat_map(|(place, name)| verdicts(name, rows.iter().map(move |row| of(row)[place]))).collect()
}

/// The columns of one of a row's verdicts, each with the verdict's name before its own.
fn verdicts<'a>(
    name: &str,
    rows: impl Iterator<Item = Option<&'a SampleVerdict>> + Clone,
) -> Vec<(String, ArrayRef, bool)> {
    let each = || rows.clone();
    let measures = || each().map(|verdict| verdict.map(|verdict| verdict.measures.as_slice()));
    let items = || flat::<MeasureRow>(measures());
    let structs = struct_lists(
        measures(),
        vec![
            ("name", texts(items().map(|measure| Some(measure.name.as_str())))),
            ("value", numbers::<Float64Type>(items().map(|measure| Some(measure.value)))),
            ("of", numbers::<Float64Type>(items().map(|measure| Some(measure.of)))),
        ],
    );
    let columns = [
        ("kind", texts(each().map(|verdict| Some(verdict?.kind.as_str())))),
        ("score", numbers::<Float32Type>(each().map(|verdict| verdict?.score))),
        ("answer", texts(each().map(|verdict| verdict?.answer.as_deref()))),
        ("reason", texts(each().map(|verdict| Some(verdict?.reason.as_str())))),
        ("detail", texts(each().map(|verdict| verdict?.detail.as_deref()))),
        ("measures", structs),
    ];
    columns.into_iter().map(|(column, array)| (format!("{name}_{column}"), array, true)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::read_samples;

    #[test]
    fn a_table_from_before_turns_is_read_and_not_taken_over() {
        fn before(rows: &[SampleRow]) -> Result<RecordBatch, ArrowError> {
            let mut batch = to_batch(rows)?;
            batch.remove_column(batch.schema().index_of("turns")?);
            Ok(batch)
        }
        let folder = tempfile::tempdir().unwrap();
        let (path, again) = (folder.path().join("samples.parquet"), folder.path().join("again.parquet"));
        let row = SampleRow { task_id: "a".into(), ..SampleRow::default() };
        parquet_file::write(&path, Content::Samples, std::slice::from_ref(&row), before).unwrap();
        assert_eq!(read_samples(&path).unwrap(), std::slice::from_ref(&row));
        let mut verdicts = std::iter::once(Ok(SampleVerdicts::from(row)));
        assert!(!write_samples_under(&again, &path, &mut verdicts).unwrap(), "its columns are others");
    }
}
