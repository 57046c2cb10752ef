//! Samples to Parquet, from an iterator: a file of many long completions is never whole in memory.

use std::path::Path;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::datatypes::{Float32Type, Float64Type, UInt32Type};
use arrow::error::ArrowError;

use super::row::{MeasureRow, SampleRow, SampleVerdict};
use crate::arrays::{flat, lists, numbers, struct_lists, texts};
use crate::error::RecordError;
use crate::parquet_file::{self, Content};

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

fn to_batch(rows: &[SampleRow]) -> Result<RecordBatch, ArrowError> {
    let each = || rows.iter();
    let mut columns: Vec<(String, ArrayRef, bool)> = [
        ("suite", texts(each().map(|row| Some(row.suite.as_str()))), false),
        ("task_id", texts(each().map(|row| Some(row.task_id.as_str()))), false),
        ("task_kind", texts(each().map(|row| Some(row.task_kind.as_str()))), false),
        ("category", texts(each().map(|row| Some(row.category.as_str()))), false),
        ("sample_index", numbers::<UInt32Type>(each().map(|row| Some(row.sample_index))), false),
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
    columns.extend(verdicts("verdict", rows, |row| Some(&row.verdict)));
    columns.extend(verdicts("corrected", rows, |row| row.corrected.as_ref()));
    columns.extend(verdicts("earlier", rows, |row| row.earlier.as_ref()));
    RecordBatch::try_from_iter_with_nullable(columns)
}

/// The columns of one of a row's verdicts, each with the verdict's name before its own.
fn verdicts(
    name: &str,
    rows: &[SampleRow],
    of: fn(&SampleRow) -> Option<&SampleVerdict>,
) -> Vec<(String, ArrayRef, bool)> {
    let each = || rows.iter().map(of);
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
