//! `[parallel]`: how the ranks of a job share the work.
use std::time::Duration;

use policy::dist::Layout;
use serde::{Deserialize, Serialize};

use crate::failure::Usage;

/// Lengths of the axes along which ranks share the work; one of them may be -1, which takes the ranks that are left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ParallelSection {
    /// Number of copies of the weights; each copy's ranks have other sequences.
    pub replicate: i64,
    /// Number of ranks that a copy's weights, gradients and optimizer state are cut over.
    pub shard: i64,
    /// Number of ranks that a sequence is cut over.
    pub context: i64,
    /// Number of ranks that a matrix product is cut over.
    pub tensor: i64,
    /// Longest wait of a rank for another, in seconds.
    pub timeout_seconds: u64,
}

impl Default for ParallelSection {
    fn default() -> Self {
        Self { replicate: 1, shard: -1, context: 1, tensor: 1, timeout_seconds: 600 }
    }
}

impl ParallelSection {
    /// The lengths of the axes.
    pub(crate) fn layout(&self) -> Layout {
        Layout { replica: self.replicate, shard: self.shard, context: self.context, tensor: self.tensor }
    }

    /// Longest wait of a rank for another.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    /// The same for a run whose sequences go whole: only an update on rollouts cuts them.
    ///
    /// # Errors
    /// A usage error that names the key.
    pub(crate) fn validate_whole_sequences(&self) -> Result<(), anyhow::Error> {
        self.validate()?;
        if self.context == 1 {
            return Ok(());
        }
        Err(Usage::error("parallel.context: only --stage 1 and 2 cut sequences over ranks; set it to 1"))
    }

    /// Checks each value by itself; what they make together is known once the ranks are.
    ///
    /// # Errors
    /// A usage error that names the key.
    pub(crate) fn validate(&self) -> Result<(), anyhow::Error> {
        let lengths =
            [("replicate", self.replicate), ("shard", self.shard), ("context", self.context), ("tensor", self.tensor)];
        for (name, length) in lengths {
            if length < 1 && length != -1 {
                let problem = "give a number of ranks from 1, or -1 for those that are left";
                return Err(Usage::error(format!("parallel.{name}: is {length}; {problem}")));
            }
        }
        if lengths.iter().filter(|(_, length)| *length == -1).count() > 1 {
            return Err(Usage::error(
                "parallel: more than one length is -1; one at most takes the ranks that are left",
            ));
        }
        if self.timeout_seconds == 0 {
            return Err(Usage::error("parallel.timeout_seconds: must be at least 1"));
        }
        Ok(())
    }
}
