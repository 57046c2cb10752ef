//! Ends of a sweep that is not done, with this program's exit codes and the cells' last words.

use sweep::SweepError;

use crate::failure::{Ended, Usage};

/// An error of the sweep with this program's exit code.
pub(super) fn in_words(error: SweepError) -> anyhow::Error {
    if error.is_usage() { Usage::error(error.to_string()) } else { error.into() }
}

/// The end of a sweep of which a cell failed.
pub(super) fn failed(reason: impl Into<String>) -> anyhow::Error {
    Ended::error(1, reason.into())
}

/// The end of a sweep of `num_cells` without a result of some, each with a line of its own.
pub(super) fn lost(lines: &[String], num_cells: usize) -> anyhow::Error {
    failed(format!("{} of {num_cells} cells have no result:{}", lines.len(), lines.concat()))
}

/// The line of a cell in such a reason.
pub(super) fn line_of(arm: &str, seed: u64, words: &str) -> String {
    format!("\n  {arm} seed {seed}: {words}")
}
