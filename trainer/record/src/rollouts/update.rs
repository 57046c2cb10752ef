//! Values of tokens that only an update knows, a row for each rollout that it learned from.

use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::{UInt32Type, UInt64Type};
use arrow::error::ArrowError;

use super::row::TokenValues;
use crate::arrays::{numbers, texts, token_lists};
use crate::columns::Columns;
use crate::error::RecordError;
use crate::parquet_file::{self, Content};

/// What an update knows of the tokens of one rollout. `draw`, `task_id` and `sample_index` are the rollout's.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UpdateRow {
    /// Step of the update, counted from 1.
    pub step: u64,
    /// Place of the task in the run's walk over its data.
    pub draw: Option<u64>,
    /// Place of the completion in its group, counted from 0.
    pub sample_index: u32,
    /// Id of the task.
    pub task_id: String,
    /// Logprobs in nats under the policy, at the rollout's temperature, as the update began that learned from the row.
    pub policy_logprobs: Option<TokenValues>,
    /// Values of the critic, in units of the reward.
    pub critic_values: Option<TokenValues>,
    /// Returns that the critic learns, in units of the reward.
    pub returns: Option<TokenValues>,
    /// Advantages that the policy learned from, where the update computed them.
    pub advantages: Option<TokenValues>,
}

/// Writes what a step's updates know of its rollouts, in the order of the rows of [`super::write_rollouts`]; the file
/// is there whole or not at all.
///
/// # Errors
/// The file cannot be written.
pub fn write_updates(path: &Path, rows: &[UpdateRow]) -> Result<(), RecordError> {
    parquet_file::write(path, Content::Updates, rows, to_batch)
}

/// Reads what a step's updates know of its rollouts.
///
/// # Errors
/// The file cannot be read, is no Parquet file of updates, or is of a newer schema, or a column has another type; the
/// error names file and column.
pub fn read_updates(path: &Path) -> Result<Vec<UpdateRow>, RecordError> {
    parquet_file::read(path, Content::Updates, &[], from_columns)
}

/// Reads what a file of rollouts of version 0 says of the update: it was written after it. Empty for later versions.
pub(super) fn read_updates_of_rollouts(path: &Path) -> Result<Vec<UpdateRow>, RecordError> {
    let mut rows = parquet_file::read(path, Content::Rollouts, &[], from_columns)?;
    rows.retain(|row| row.policy_logprobs.is_some());
    Ok(rows)
}

fn to_batch(rows: &[UpdateRow]) -> Result<RecordBatch, ArrowError> {
    let each = || rows.iter();
    let columns = vec![
        ("step", numbers::<UInt64Type>(each().map(|row| Some(row.step))), false),
        ("draw", numbers::<UInt64Type>(each().map(|row| row.draw)), true),
        ("sample_index", numbers::<UInt32Type>(each().map(|row| Some(row.sample_index))), false),
        ("task_id", texts(each().map(|row| Some(row.task_id.as_str()))), false),
        ("policy_logprobs", token_lists(each().map(|row| row.policy_logprobs.as_deref())), true),
        ("critic_values", token_lists(each().map(|row| row.critic_values.as_deref())), true),
        ("returns", token_lists(each().map(|row| row.returns.as_deref())), true),
        ("advantages", token_lists(each().map(|row| row.advantages.as_deref())), true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns)
}

fn from_columns(columns: &Columns, row: usize) -> Result<UpdateRow, RecordError> {
    Ok(UpdateRow {
        step: columns.number::<UInt64Type>("step", row)?.unwrap_or_default(),
        draw: columns.number::<UInt64Type>("draw", row)?,
        sample_index: columns.number::<UInt32Type>("sample_index", row)?.unwrap_or_default(),
        task_id: columns.text("task_id", row)?.unwrap_or_default(),
        policy_logprobs: columns.token_list("policy_logprobs", row)?,
        critic_values: columns.token_list("critic_values", row)?,
        returns: columns.token_list("returns", row)?,
        advantages: columns.token_list("advantages", row)?,
    })
}
