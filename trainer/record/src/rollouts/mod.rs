//! Rollouts of a step in Parquet, and what the update of the step knows of their tokens in a file of its own.
//!
//! `rollouts/step_00012.parquet` has a row a rollout and is written before the update, so that a crash of the update
//! loses nothing; `updates/step_00012.parquet` has a row for each rollout that the update learned from. The folders
//! differ so that `rollouts/*.parquet` stays one table.
//!
//! A rollout of several sequences is one row too: with a row a sequence, means over rows would count it several times.
//! Its tokens stand in flat lists, each of which has one entry for each of `completion_ids`, and `segments` says whose
//! they are: pandas, polars and DuckDB explode flat lists of like lengths together, and lists within lists they do not.

mod join;
mod read;
mod row;
#[cfg(test)]
mod tests;
mod update;
mod write;

pub use self::join::{RecordedRollout, read_recorded};
pub use self::read::{read_rollout_texts, read_rollouts};
pub use self::row::{RolloutRow, SegmentRow, TokenValues, ToolCallRow, VerdictRow};
pub use self::update::{UpdateRow, read_updates, write_updates};
pub use self::write::write_rollouts;
