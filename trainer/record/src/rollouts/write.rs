//! Rows of rollouts to Parquet.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::datatypes::{Float32Type, UInt32Type, UInt64Type};
use arrow::error::ArrowError;

use super::row::{RolloutRow, SegmentRow, ToolCallRow, VerdictRow};
use crate::arrays::{flat, float_maps, lists, nested_lists, numbers, struct_lists, text_maps, texts, token_lists};
use crate::error::RecordError;
use crate::parquet_file::{self, Content};

/// Writes the rollouts of a step; the file is there whole or not at all.
///
/// # Errors
/// A row has lists by token that are not as long as its `completion_ids`, or the file cannot be written.
pub fn write_rollouts(path: &Path, rows: &[RolloutRow]) -> Result<(), RecordError> {
    for row in rows {
        if let Some((column, num_values)) = row.unaligned_column() {
            return Err(RecordError::Unaligned {
                path: path.to_owned(),
                task_id: row.task_id.clone(),
                sample_index: row.sample_index,
                column: column.to_owned(),
                num_values,
                num_tokens: row.completion_ids.len(),
            });
        }
    }
    parquet_file::write(path, Content::Rollouts, rows, to_batch)
}

fn to_batch(rows: &[RolloutRow]) -> Result<RecordBatch, ArrowError> {
    let each = || rows.iter();
    let columns = vec![
        ("step", numbers::<UInt64Type>(each().map(|row| Some(row.step))), false),
        ("draw", numbers::<UInt64Type>(each().map(|row| row.draw)), true),
        ("sample_index", numbers::<UInt32Type>(each().map(|row| Some(row.sample_index))), false),
        ("task_id", texts(each().map(|row| Some(row.task_id.as_str()))), false),
        ("task_kind", texts(each().map(|row| Some(row.task_kind.as_str()))), false),
        ("source", texts(each().map(|row| Some(row.source.as_str()))), false),
        ("kept", Arc::new(BooleanArray::from_iter(each().map(|row| row.kept))), true),
        ("prompt", texts(each().map(|row| Some(row.prompt.as_str()))), false),
        ("prompt_ids", lists::<UInt32Type>(each().map(|row| row.prompt_ids.as_deref())), true),
        ("completion", texts(each().map(|row| Some(row.completion.as_str()))), false),
        ("completion_ids", lists::<UInt32Type>(each().map(|row| Some(row.completion_ids.as_slice()))), false),
        ("segments", segments(rows), true),
        ("tool_calls", tool_calls(rows), true),
        ("rollout_logprobs", token_lists(each().map(|row| Some(row.rollout_logprobs.as_slice()))), false),
        ("raw_logprobs", token_lists(each().map(|row| row.raw_logprobs.as_deref())), true),
        ("kept_ids", nested_lists::<UInt32Type>(each().map(|row| row.kept_ids.as_deref())), true),
        ("finish_reason", texts(each().map(|row| Some(row.finish_reason.as_str()))), false),
        ("policy_version", numbers::<UInt64Type>(each().map(|row| row.policy_version)), true),
        ("reward", numbers::<Float32Type>(each().map(|row| Some(row.reward))), false),
        ("advantage", numbers::<Float32Type>(each().map(|row| row.advantage)), true),
        ("advantages", token_lists(each().map(|row| row.advantages.as_deref())), true),
        ("verdict_score", numbers::<Float32Type>(each().map(|row| row.verdict_score)), true),
        ("verdict_reason", texts(each().map(|row| Some(row.verdict_reason.as_str()))), false),
        ("verdicts", text_maps(each().map(|row| row.verdicts.as_slice()))?, false),
        ("judgement", judgements(rows), true),
        ("breakdown", float_maps(each().map(|row| row.breakdown.as_slice()))?, false),
    ];
    RecordBatch::try_from_iter_with_nullable(columns)
}

fn segments(rows: &[RolloutRow]) -> ArrayRef {
    let lists = || rows.iter().map(|row| row.segments.as_deref());
    let each = || flat::<SegmentRow>(lists());
    struct_lists(
        lists(),
        vec![
            ("sequence", numbers::<UInt32Type>(each().map(|segment| Some(segment.sequence)))),
            ("source", texts(each().map(|segment| Some(segment.source.as_str())))),
            ("num_tokens", numbers::<UInt32Type>(each().map(|segment| Some(segment.num_tokens)))),
            ("policy_version", numbers::<UInt64Type>(each().map(|segment| segment.policy_version))),
        ],
    )
}

fn tool_calls(rows: &[RolloutRow]) -> ArrayRef {
    let lists = || rows.iter().map(|row| row.tool_calls.as_deref());
    let each = || flat::<ToolCallRow>(lists());
    struct_lists(
        lists(),
        vec![
            ("turn", numbers::<UInt32Type>(each().map(|call| Some(call.turn)))),
            ("tool", texts(each().map(|call| Some(call.tool.as_str())))),
            ("arguments", texts(each().map(|call| Some(call.arguments.as_str())))),
            ("outcome", texts(each().map(|call| Some(call.outcome.as_str())))),
            ("result", texts(each().map(|call| Some(call.result.as_str())))),
            ("seconds", numbers::<Float32Type>(each().map(|call| Some(call.seconds)))),
        ],
    )
}

fn judgements(rows: &[RolloutRow]) -> ArrayRef {
    let lists = || rows.iter().map(|row| row.judgement.as_deref());
    let each = || flat::<VerdictRow>(lists());
    struct_lists(
        lists(),
        vec![
            ("verifier", texts(each().map(|verdict| Some(verdict.verifier.as_str())))),
            ("kind", texts(each().map(|verdict| Some(verdict.kind.as_str())))),
            ("detail", texts(each().map(|verdict| verdict.detail.as_deref()))),
            ("score", numbers::<Float32Type>(each().map(|verdict| verdict.score))),
            ("weight", numbers::<Float32Type>(each().map(|verdict| verdict.weight))),
            ("reason", texts(each().map(|verdict| Some(verdict.reason.as_str())))),
        ],
    )
}
