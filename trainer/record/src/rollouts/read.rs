//! Rows of rollouts from Parquet, of every version of the schema so far. Files of version 0 have neither a version nor
//! `draw`, `prompt_ids`, `segments`, `raw_logprobs`, `kept_ids`, `advantages` and `judgement`; the oldest have no
//! `verdicts`.

use std::path::Path;

use arrow::datatypes::{Float32Type, UInt32Type, UInt64Type};

use super::row::{RolloutRow, SegmentRow, ToolCallRow, VerdictRow};
use crate::columns::Columns;
use crate::error::RecordError;
use crate::parquet_file::{self, Content};

/// Columns that have a value for each token, but for the completion's ids.
const TOKEN_COLUMNS: [&str; 7] =
    ["prompt_ids", "segments", "rollout_logprobs", "raw_logprobs", "kept_ids", "advantages", "policy_logprobs"];

/// Reads the rollouts of a step.
///
/// # Errors
/// The file cannot be read, is no Parquet file of rollouts, or is of a newer schema, or a column has another type; the
/// error names file and column.
pub fn read_rollouts(path: &Path) -> Result<Vec<RolloutRow>, RecordError> {
    parquet_file::read(path, Content::Rollouts, &[], from_columns)
}

/// Reads the rollouts of a step without what they say of single tokens: of these columns `completion_ids` alone is
/// read.
///
/// # Errors
/// As [`read_rollouts`].
pub fn read_rollout_texts(path: &Path) -> Result<Vec<RolloutRow>, RecordError> {
    parquet_file::read(path, Content::Rollouts, &TOKEN_COLUMNS, from_columns)
}

fn from_columns(columns: &Columns, row: usize) -> Result<RolloutRow, RecordError> {
    let text = |name: &str| Ok(columns.text(name, row)?.unwrap_or_default());
    Ok(RolloutRow {
        step: columns.number::<UInt64Type>("step", row)?.unwrap_or_default(),
        draw: columns.number::<UInt64Type>("draw", row)?,
        sample_index: columns.number::<UInt32Type>("sample_index", row)?.unwrap_or_default(),
        task_id: text("task_id")?,
        task_kind: text("task_kind")?,
        source: text("source")?,
        kept: columns.flag("kept", row)?,
        prompt: text("prompt")?,
        prompt_ids: columns.list::<UInt32Type>("prompt_ids", row)?,
        completion: text("completion")?,
        completion_ids: columns.list::<UInt32Type>("completion_ids", row)?.unwrap_or_default(),
        segments: columns.structs("segments", row)?.map(|fields| segments(&fields)).transpose()?,
        tool_calls: columns.structs("tool_calls", row)?.map(|fields| tool_calls(&fields)).transpose()?,
        rollout_logprobs: columns.token_list("rollout_logprobs", row)?.unwrap_or_default(),
        raw_logprobs: columns.token_list("raw_logprobs", row)?,
        kept_ids: columns.nested_list::<UInt32Type>("kept_ids", row)?,
        finish_reason: text("finish_reason")?,
        policy_version: columns.number::<UInt64Type>("policy_version", row)?,
        reward: columns.number::<Float32Type>("reward", row)?.unwrap_or(f32::NAN),
        advantage: columns.number::<Float32Type>("advantage", row)?,
        advantages: columns.token_list("advantages", row)?,
        verdict_score: columns.number::<Float32Type>("verdict_score", row)?,
        verdict_reason: text("verdict_reason")?,
        verdicts: columns.text_map("verdicts", row)?.unwrap_or_default(),
        judgement: columns.structs("judgement", row)?.map(|fields| verdicts(&fields)).transpose()?,
        breakdown: columns.float_map("breakdown", row)?.unwrap_or_default(),
    })
}

fn segments(fields: &Columns) -> Result<Vec<SegmentRow>, RecordError> {
    let segment = |index| {
        Ok(SegmentRow {
            sequence: fields.number::<UInt32Type>("sequence", index)?.unwrap_or_default(),
            source: fields.text("source", index)?.unwrap_or_default(),
            num_tokens: fields.number::<UInt32Type>("num_tokens", index)?.unwrap_or_default(),
            policy_version: fields.number::<UInt64Type>("policy_version", index)?,
        })
    };
    (0..fields.num_rows()).map(segment).collect()
}

fn tool_calls(fields: &Columns) -> Result<Vec<ToolCallRow>, RecordError> {
    let call = |index| {
        let text = |name: &str| Ok(fields.text(name, index)?.unwrap_or_default());
        Ok(ToolCallRow {
            turn: fields.number::<UInt32Type>("turn", index)?.unwrap_or_default(),
            tool: text("tool")?,
            arguments: text("arguments")?,
            outcome: text("outcome")?,
            result: text("result")?,
            seconds: fields.number::<Float32Type>("seconds", index)?.unwrap_or_default(),
        })
    };
    (0..fields.num_rows()).map(call).collect()
}

fn verdicts(fields: &Columns) -> Result<Vec<VerdictRow>, RecordError> {
    let verdict = |index| {
        Ok(VerdictRow {
            verifier: fields.text("verifier", index)?.unwrap_or_default(),
            kind: fields.text("kind", index)?.unwrap_or_default(),
            detail: fields.text("detail", index)?,
            score: fields.number::<Float32Type>("score", index)?,
            weight: fields.number::<Float32Type>("weight", index)?,
            reason: fields.text("reason", index)?.unwrap_or_default(),
        })
    };
    (0..fields.num_rows()).map(verdict).collect()
}
