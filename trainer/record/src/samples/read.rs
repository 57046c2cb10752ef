//! Samples from Parquet.

use std::path::Path;

use arrow::datatypes::{Float32Type, Float64Type, UInt32Type};

use super::row::{MeasureRow, SampleRow, SampleVerdict, TurnRow};
use crate::columns::Columns;
use crate::error::RecordError;
use crate::parquet_file::{self, Content};

/// Reads the samples of an evaluation.
///
/// # Errors
/// The file cannot be read, is no Parquet file of samples, or is of a newer schema, or a column has another type; the
/// error names file and column.
pub fn read_samples(path: &Path) -> Result<Vec<SampleRow>, RecordError> {
    parquet_file::read(path, Content::Samples, &[], from_columns)
}

/// Reads the samples of an evaluation without the completions' token ids.
///
/// # Errors
/// As [`read_samples`].
pub fn read_sample_texts(path: &Path) -> Result<Vec<SampleRow>, RecordError> {
    parquet_file::read(path, Content::Samples, &["completion_ids"], from_columns)
}

fn from_columns(columns: &Columns, row: usize) -> Result<SampleRow, RecordError> {
    let text = |name: &str| Ok(columns.text(name, row)?.unwrap_or_default());
    let number = |name: &str| Ok(columns.number::<UInt32Type>(name, row)?.unwrap_or_default());
    Ok(SampleRow {
        suite: text("suite")?,
        task_id: text("task_id")?,
        task_kind: text("task_kind")?,
        category: text("category")?,
        sample_index: number("sample_index")?,
        turns: columns.structs("turns", row)?.map(|items| turns(&items)).transpose()?.unwrap_or_default(),
        completion: text("completion")?,
        completion_ids: columns.list::<UInt32Type>("completion_ids", row)?,
        finish_reason: text("finish_reason")?,
        thinking_open: columns.flag("thinking_open", row)?.unwrap_or_default(),
        num_prompt_tokens: number("num_prompt_tokens")?,
        num_completion_tokens: number("num_completion_tokens")?,
        verdict: verdict("verdict", columns, row)?.unwrap_or_default(),
        corrected: verdict("corrected", columns, row)?,
        earlier: verdict("earlier", columns, row)?,
    })
}

fn turns(items: &Columns) -> Result<Vec<TurnRow>, RecordError> {
    let text = |name: &str, index| Ok(items.text(name, index)?.unwrap_or_default());
    (0..items.num_rows())
        .map(|index| Ok(TurnRow { role: text("role", index)?, content: text("content", index)? }))
        .collect()
}

fn verdict(name: &str, columns: &Columns, row: usize) -> Result<Option<SampleVerdict>, RecordError> {
    let column = |of: &str| format!("{name}_{of}");
    let Some(kind) = columns.text(&column("kind"), row)? else { return Ok(None) };
    Ok(Some(SampleVerdict {
        kind,
        score: columns.number::<Float32Type>(&column("score"), row)?,
        answer: columns.text(&column("answer"), row)?,
        reason: columns.text(&column("reason"), row)?.unwrap_or_default(),
        detail: columns.text(&column("detail"), row)?,
        measures: columns
            .structs(&column("measures"), row)?
            .map(|items| measures(&items))
            .transpose()?
            .unwrap_or_default(),
    }))
}

fn measures(items: &Columns) -> Result<Vec<MeasureRow>, RecordError> {
    let measure = |index| {
        Ok(MeasureRow {
            name: items.text("name", index)?.unwrap_or_default(),
            value: items.number::<Float64Type>("value", index)?.unwrap_or_default(),
            of: items.number::<Float64Type>("of", index)?.unwrap_or_default(),
        })
    };
    (0..items.num_rows()).map(measure).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::write_samples;

    #[test]
    fn samples_come_back_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("samples.parquet");
        let measures = vec![MeasureRow { name: "instruction_strict".into(), value: 2.0, of: 3.0 }];
        let verdict = SampleVerdict { kind: "failed".into(), score: Some(0.0), measures, ..SampleVerdict::default() };
        let plain = SampleRow { task_id: "a".into(), completion: "x".into(), ..SampleRow::default() };
        let turn = |role: &str| TurnRow { role: role.into(), content: format!("of the {role}") };
        let full = SampleRow {
            turns: vec![turn("assistant"), turn("tool")],
            completion_ids: Some(vec![3]),
            thinking_open: true,
            verdict: verdict.clone(),
            corrected: Some(SampleVerdict { answer: Some("7".into()), ..verdict.clone() }),
            earlier: Some(SampleVerdict { detail: Some("not_equal".into()), ..verdict }),
            sample_index: 1,
            ..plain.clone()
        };
        let rows: Vec<SampleRow> =
            (0..600).map(|index| if index % 2 == 0 { plain.clone() } else { full.clone() }).collect();
        write_samples(&path, rows.iter().cloned().map(Ok)).unwrap();
        assert_eq!(read_samples(&path).unwrap(), rows);
        assert!(read_sample_texts(&path).unwrap().iter().all(|row| row.completion_ids.is_none()));
        // A sample that cannot be had leaves the old file.
        let broken = std::iter::once(Err(RecordError::NoFileName { path: "..".into() }));
        assert!(write_samples(&path, broken).is_err());
        assert_eq!(read_samples(&path).unwrap().len(), 600);
    }
}
