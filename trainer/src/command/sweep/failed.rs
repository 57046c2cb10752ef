//! Ends of a sweep that is not done, with this program's exit codes.

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
