//! Rollouts of a step as one Parquet file (zstd): prompt, completion with its logprobs, verdict, reward and advantage.
//! Must not know how rewards or advantages are computed.

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float32Builder, GenericListBuilder, ListArray, MapArray,
    MapBuilder, PrimitiveArray, PrimitiveBuilder, RecordBatch, StringArray, StringBuilder, UInt32Array, UInt64Array,
};
use arrow::datatypes::{ArrowPrimitiveType, Float32Type, UInt32Type, UInt64Type};
use arrow::error::ArrowError;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::atomic;
use crate::error::RecordError;

/// One completion of one task, with all that was known of it when the policy was updated.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RolloutRow {
    /// Step whose update the completion was sampled for, counted from 1.
    pub step: u64,
    /// Id of the task; the rows of one step with the same id are a group.
    pub task_id: String,
    /// Kind of the task: `math`, `code`, `instruction_following`, ...
    pub task_kind: String,
    /// Name of the dataset that the task is from.
    pub source: String,
    /// Place of the completion in its group, counted from 0.
    pub sample_index: u32,
    /// Prompt as text, chat template included.
    pub prompt: String,
    /// Completion as text.
    pub completion: String,
    /// Token ids of the completion.
    pub completion_ids: Vec<u32>,
    /// Logprobs in nats that were recorded while sampling, one for each token of the completion.
    pub rollout_logprobs: Vec<f32>,
    /// Logprobs in nats under the policy as its update began, one a token; `None` when the row was not trained on.
    pub policy_logprobs: Option<Vec<f32>>,
    /// Reason for the end of the completion: `stop`, `length`, ...
    pub finish_reason: String,
    /// Version of the policy that sampled the completion.
    pub policy_version: u64,
    /// Reward that the advantage is made from; not finite when there is none.
    pub reward: f32,
    /// Advantage; `None` when the group was left out of the update.
    pub advantage: Option<f32>,
    /// Score of the verdict, 0..=1; `None` when the verifier broke.
    pub verdict_score: Option<f32>,
    /// Reason of the verdict, or the verifier's error.
    pub verdict_reason: String,
    /// Each verifier's word for its verdict, by the verifier's name.
    pub verdicts: Vec<(String, String)>,
    /// Parts of the reward by name.
    pub breakdown: Vec<(String, f32)>,
    /// True when the row was trained on.
    pub kept: bool,
}

/// Writes the rollouts of a step; the file is there whole or not at all.
///
/// # Errors
/// The rows do not become Parquet, or the file cannot be written.
pub fn write_rollouts(path: &Path, rows: &[RolloutRow]) -> Result<(), RecordError> {
    let bytes = encoded(rows).map_err(|source| RecordError::Encode { path: path.to_owned(), source })?;
    atomic::write_file(path, &bytes)
}

/// Reads the rollouts of a step.
///
/// # Errors
/// The file cannot be read, is not Parquet, or lacks a column; the error names file and column.
pub fn read_rollouts(path: &Path) -> Result<Vec<RolloutRow>, RecordError> {
    decoded(path).map_err(|source| RecordError::Read { path: path.to_owned(), source })
}

fn encoded(rows: &[RolloutRow]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    let batch = to_batch(rows)?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?)).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties))?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(bytes)
}

fn decoded(path: &Path) -> Result<Vec<RolloutRow>, Box<dyn Error + Send + Sync>> {
    let file = File::open(path)?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)?.build()?;
    let mut rows = Vec::new();
    for batch in reader {
        from_batch(&batch?, &mut rows)?;
    }
    Ok(rows)
}

fn to_batch(rows: &[RolloutRow]) -> Result<RecordBatch, ArrowError> {
    let text = |field: fn(&RolloutRow) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(field)))
    };
    let count =
        |field: fn(&RolloutRow) -> u64| -> ArrayRef { Arc::new(UInt64Array::from_iter_values(rows.iter().map(field))) };
    let number = |field: fn(&RolloutRow) -> Option<f32>| -> ArrayRef {
        Arc::new(Float32Array::from_iter(rows.iter().map(field)))
    };
    let columns: Vec<(&str, ArrayRef, bool)> = vec![
        ("step", count(|row| row.step), false),
        ("task_id", text(|row| &row.task_id), false),
        ("task_kind", text(|row| &row.task_kind), false),
        ("source", text(|row| &row.source), false),
        ("sample_index", Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.sample_index))), false),
        ("prompt", text(|row| &row.prompt), false),
        ("completion", text(|row| &row.completion), false),
        ("completion_ids", lists::<UInt32Type>(rows.iter().map(|row| Some(row.completion_ids.as_slice()))), false),
        ("rollout_logprobs", lists::<Float32Type>(rows.iter().map(|row| Some(row.rollout_logprobs.as_slice()))), false),
        ("policy_logprobs", lists::<Float32Type>(rows.iter().map(|row| row.policy_logprobs.as_deref())), true),
        ("finish_reason", text(|row| &row.finish_reason), false),
        ("policy_version", count(|row| row.policy_version), false),
        ("reward", number(|row| Some(row.reward)), false),
        ("advantage", number(|row| row.advantage), true),
        ("verdict_score", number(|row| row.verdict_score), true),
        ("verdict_reason", text(|row| &row.verdict_reason), false),
        ("verdicts", verdicts(rows)?, false),
        ("breakdown", breakdowns(rows)?, false),
        ("kept", Arc::new(BooleanArray::from_iter(rows.iter().map(|row| Some(row.kept)))), false),
    ];
    RecordBatch::try_from_iter_with_nullable(columns)
}

fn lists<'a, T: ArrowPrimitiveType>(rows: impl Iterator<Item = Option<&'a [T::Native]>>) -> ArrayRef {
    let mut builder = GenericListBuilder::<i32, _>::new(PrimitiveBuilder::<T>::new());
    for row in rows {
        builder.values().append_slice(row.unwrap_or_default());
        builder.append(row.is_some());
    }
    Arc::new(builder.finish())
}

fn breakdowns(rows: &[RolloutRow]) -> Result<ArrayRef, ArrowError> {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), Float32Builder::new());
    for row in rows {
        for (name, value) in &row.breakdown {
            builder.keys().append_value(name);
            builder.values().append_value(*value);
        }
        builder.append(true)?;
    }
    Ok(Arc::new(builder.finish()))
}

fn verdicts(rows: &[RolloutRow]) -> Result<ArrayRef, ArrowError> {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for row in rows {
        for (name, word) in &row.verdicts {
            builder.keys().append_value(name);
            builder.values().append_value(word);
        }
        builder.append(true)?;
    }
    Ok(Arc::new(builder.finish()))
}

fn from_batch(batch: &RecordBatch, rows: &mut Vec<RolloutRow>) -> Result<(), RecordError> {
    let columns = Columns { batch };
    let text = |name| -> Result<StringArray, RecordError> {
        Ok(columns.get(name)?.as_string_opt().ok_or_else(|| wrong_type(name))?.clone())
    };
    let [task_id, task_kind, source] = [text("task_id")?, text("task_kind")?, text("source")?];
    let [prompt, completion, finish_reason] = [text("prompt")?, text("completion")?, text("finish_reason")?];
    let verdict_reason = text("verdict_reason")?;
    let step = columns.primitive::<UInt64Type>("step")?;
    let sample_index = columns.primitive::<UInt32Type>("sample_index")?;
    let policy_version = columns.primitive::<UInt64Type>("policy_version")?;
    let reward = columns.primitive::<Float32Type>("reward")?;
    let advantage = columns.primitive::<Float32Type>("advantage")?;
    let verdict_score = columns.primitive::<Float32Type>("verdict_score")?;
    let completion_ids = columns.list("completion_ids")?;
    let rollout_logprobs = columns.list("rollout_logprobs")?;
    let policy_logprobs = columns.list("policy_logprobs")?;
    let breakdown = columns.get("breakdown")?.as_map_opt().ok_or_else(|| wrong_type("breakdown"))?;
    // Files of runs from before there was this column are read too.
    let verdicts = batch.column_by_name("verdicts");
    let verdicts = verdicts.map(|column| column.as_map_opt().ok_or_else(|| wrong_type("verdicts"))).transpose()?;
    let kept = columns.get("kept")?.as_boolean_opt().ok_or_else(|| wrong_type("kept"))?;
    for row in 0..batch.num_rows() {
        rows.push(RolloutRow {
            step: step.value(row),
            task_id: task_id.value(row).to_owned(),
            task_kind: task_kind.value(row).to_owned(),
            source: source.value(row).to_owned(),
            sample_index: sample_index.value(row),
            prompt: prompt.value(row).to_owned(),
            completion: completion.value(row).to_owned(),
            completion_ids: list_at::<UInt32Type>(completion_ids, row, "completion_ids")?.unwrap_or_default(),
            rollout_logprobs: list_at::<Float32Type>(rollout_logprobs, row, "rollout_logprobs")?.unwrap_or_default(),
            policy_logprobs: list_at::<Float32Type>(policy_logprobs, row, "policy_logprobs")?,
            finish_reason: finish_reason.value(row).to_owned(),
            policy_version: policy_version.value(row),
            reward: reward.value(row),
            advantage: advantage.is_valid(row).then(|| advantage.value(row)),
            verdict_score: verdict_score.is_valid(row).then(|| verdict_score.value(row)),
            verdict_reason: verdict_reason.value(row).to_owned(),
            verdicts: verdicts.map_or_else(|| Ok(Vec::new()), |column| verdicts_at(column, row))?,
            breakdown: breakdown_at(breakdown, row)?,
            kept: kept.value(row),
        });
    }
    Ok(())
}

/// Columns of a batch by name and type.
struct Columns<'a> {
    batch: &'a RecordBatch,
}

impl<'a> Columns<'a> {
    fn get(&self, name: &str) -> Result<&'a ArrayRef, RecordError> {
        self.batch.column_by_name(name).ok_or_else(|| RecordError::MissingColumn { column: name.to_owned() })
    }

    fn primitive<T: ArrowPrimitiveType>(&self, name: &str) -> Result<&'a PrimitiveArray<T>, RecordError> {
        self.get(name)?.as_primitive_opt::<T>().ok_or_else(|| wrong_type(name))
    }

    fn list(&self, name: &str) -> Result<&'a ListArray, RecordError> {
        self.get(name)?.as_list_opt::<i32>().ok_or_else(|| wrong_type(name))
    }
}

fn wrong_type(name: &str) -> RecordError {
    RecordError::WrongColumnType { column: name.to_owned() }
}

fn list_at<T: ArrowPrimitiveType>(
    column: &ListArray,
    row: usize,
    name: &str,
) -> Result<Option<Vec<T::Native>>, RecordError> {
    if column.is_null(row) {
        return Ok(None);
    }
    let values = column.value(row);
    Ok(Some(values.as_primitive_opt::<T>().ok_or_else(|| wrong_type(name))?.values().to_vec()))
}

fn verdicts_at(column: &MapArray, row: usize) -> Result<Vec<(String, String)>, RecordError> {
    let entries = column.value(row);
    let (Some(names), Some(words)) =
        (entries.column(0).as_string_opt::<i32>(), entries.column(1).as_string_opt::<i32>())
    else {
        return Err(wrong_type("verdicts"));
    };
    let pair = |index| (names.value(index).to_owned(), words.value(index).to_owned());
    Ok((0..entries.len()).map(pair).collect())
}

fn breakdown_at(column: &MapArray, row: usize) -> Result<Vec<(String, f32)>, RecordError> {
    let entries = column.value(row);
    let (Some(names), Some(values)) =
        (entries.column(0).as_string_opt::<i32>(), entries.column(1).as_primitive_opt::<Float32Type>())
    else {
        return Err(wrong_type("breakdown"));
    };
    Ok((0..entries.len()).map(|index| (names.value(index).to_owned(), values.value(index))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<RolloutRow> {
        let trained = RolloutRow {
            step: 3,
            task_id: "math-1".into(),
            task_kind: "math".into(),
            source: "word-problems".into(),
            sample_index: 1,
            prompt: "2 + 2 = ?".into(),
            completion: "<think>easy — 四</think> \\boxed{4}".into(),
            completion_ids: vec![5, 6, 70_000],
            rollout_logprobs: vec![-0.5, -0.25, -1e-7],
            policy_logprobs: Some(vec![-0.5, -0.26, 0.0]),
            finish_reason: "stop".into(),
            policy_version: 2,
            reward: 1.1,
            advantage: Some(0.75),
            verdict_score: Some(1.0),
            verdict_reason: "4 = 4".into(),
            verdicts: vec![("math".to_owned(), "equal".to_owned()), ("style".to_owned(), "crashed".to_owned())],
            breakdown: vec![("math".into(), 1.0), ("format".into(), 0.1)],
            kept: true,
        };
        let dropped = RolloutRow {
            task_id: "math-1".into(),
            sample_index: 2,
            policy_logprobs: None,
            advantage: None,
            verdict_score: None,
            breakdown: vec![],
            kept: false,
            ..RolloutRow::default()
        };
        vec![trained, dropped]
    }

    #[test]
    fn rows_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollouts/step_00003.parquet");
        write_rollouts(&path, &rows()).unwrap();
        assert_eq!(read_rollouts(&path).unwrap(), rows());
        write_rollouts(&path, &[]).unwrap();
        assert_eq!(read_rollouts(&path).unwrap(), []);
    }

    #[test]
    fn a_file_that_is_not_parquet_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("step_00001.parquet");
        std::fs::write(&path, "no").unwrap();
        assert!(format!("{:#}", read_rollouts(&path).unwrap_err()).contains("step_00001.parquet"));
    }

    #[test]
    fn a_missing_column_is_named() {
        let whole = to_batch(&rows()).unwrap();
        let kept = whole.schema().index_of("kept").unwrap();
        let columns: Vec<usize> = (0..whole.num_columns()).filter(|index| *index != kept).collect();
        let error = from_batch(&whole.project(&columns).unwrap(), &mut Vec::new()).unwrap_err();
        assert!(error.to_string().contains("`kept`"), "{error}");
    }
}
